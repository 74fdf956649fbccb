/* SPDX-License-Identifier: MIT */
#include "support_files.h"

#include <dirent.h>
#include <sched.h>

zcn_file *pattern_file(size_t size, uint64_t seed, uint32_t method, int *out_fd) {
    char path[] = "/tmp/zcnet-file-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    uint8_t *content = exact_block(size, 0);
    fill_pattern(content, size, seed);
    for (size_t done = 0; done < size;) {
        const ssize_t wrote = write(fd, content + done, size - done);
        assert_true(wrote > 0);
        done += (size_t)wrote;
    }
    free(content);
    if (out_fd != NULL) *out_fd = dup(fd);
    zcn_file_options options;
    zcn_file_options_init(&options, sizeof options);
    options.method = method;
    zcn_file *file = NULL;
    assert_ok(zcn_file_adopt(&file, fd, &options));
    return file;
}

zcn_unit *unit_of_file(zcn_file *file, uint64_t offset, uint64_t size) {
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_file(unit, file, offset, size));
    return unit;
}

zcn_conn_options deep_options(void) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.high_water = UINT64_C(1) << 40;
    return options;
}

zcn_stats stats_of(zcn_conn *conn) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(conn, &stats));
    return stats;
}

bool direct_reads_work(void) {
    static int known = -1;
    if (known >= 0) return known != 0;
    char path[] = "/tmp/zcnet-file-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    uint8_t *page = NULL;
    assert_int_equal(posix_memalign((void **)&page, 4096, 4096), 0);
    memset(page, 0, 4096);
    assert_int_equal(write(fd, page, 4096), 4096);
    close(fd);
    const int direct = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    unlink(path);
    known = direct >= 0 && pread(direct, page, 4096, 0) == 4096;
    if (direct >= 0) close(direct);
    free(page);
    if (known == 0) print_message("the file system of /tmp has no direct reads: files are read as by copies\n");
    return known != 0;
}

void assert_descriptors_left(size_t expected) {
    const uint64_t deadline = now_ns() + UINT64_C(30000000000);
    while (open_descriptors() != expected && now_ns() < deadline) sched_yield();
    assert_int_equal(open_descriptors(), expected);
}

size_t thread_count(void) {
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    size_t count = 0;
    for (const struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks))
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

void wait_for_threads(size_t expected) {
#ifdef __SANITIZE_THREAD__
    expected++; /* its own thread starts with the program's first */
#endif
    const uint64_t deadline = now_ns() + UINT64_C(30000000000);
    while (thread_count() > expected && now_ns() < deadline) sched_yield();
    assert_true(thread_count() <= expected);
}
