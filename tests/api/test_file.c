/* SPDX-License-Identifier: MIT */
/* Files as the bodies of units: opening, the cache, streams that read them. */
#include "support.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/zcnet-files-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *path_of(const char *name) {
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, size_t size, uint64_t seed) {
    uint8_t *content = exact_block(size, 0);
    fill_pattern(content, size, seed);
    const int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, size), size);
    close(fd);
    free(content);
}

static zcn_file *file_of(const char *name) {
    zcn_file *file = NULL;
    assert_ok(zcn_file_open(&file, path_of(name), NULL, NULL));
    assert_non_null(file);
    return file;
}

/* ---- opening ---- */

static void a_file_says_what_it_is(void **state) {
    (void)state;
    const size_t before = open_descriptors();
    write_file("plain", 12345, 1);
    struct stat found;
    assert_int_equal(stat(path_of("plain"), &found), 0);
    zcn_file *file = file_of("plain");
    assert_int_equal(zcn_file_size(file), 12345);
    assert_int_equal(zcn_file_mtime(file), (int64_t)found.st_mtim.tv_sec * 1000000000 + found.st_mtim.tv_nsec);
    assert_true(zcn_file_fd(file) >= 0);
    assert_int_not_equal(fcntl(zcn_file_fd(file), F_GETFD) & FD_CLOEXEC, 0);
    assert_ptr_equal(zcn_file_retain(file), file);
    zcn_file_release(file);
    assert_int_equal(zcn_file_size(file), 12345);
    zcn_file_release(file);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(zcn_file_size(NULL), 0);
    assert_int_equal(zcn_file_mtime(NULL), 0);
    assert_int_equal(zcn_file_fd(NULL), -1);
    assert_null(zcn_file_retain(NULL));
    zcn_file_release(NULL);
}

static void assert_refused(const char *path, const zcn_file_options *options, zcn_status status, int number) {
    zcn_file *file = (zcn_file *)&file;
    zcn_error error = {.struct_size = sizeof error};
    assert_status(zcn_file_open(&file, path, options, &error), status);
    assert_null(file);
    assert_int_equal(error.status, status);
    assert_int_equal(error.sys_errno, number);
    assert_true(strlen(error.text) != 0);
    assert_status(zcn_file_open(&file, path, options, NULL), status);
}

static void what_is_no_file_is_refused(void **state) {
    (void)state;
    const size_t before = open_descriptors();
    write_file("plain", 1, 1);
    assert_refused(path_of("missing"), NULL, ZCN_ENOTFOUND, ENOENT);
    assert_refused(path_of("plain/below"), NULL, ZCN_ENOTFOUND, ENOTDIR);
    assert_refused(folder, NULL, ZCN_EUNSUPPORTED, 0);
    assert_refused("/dev/null", NULL, ZCN_EUNSUPPORTED, 0);
    assert_refused("", NULL, ZCN_ENOTFOUND, ENOENT);
    assert_refused(NULL, NULL, ZCN_EINVAL, 0);
    char *longest = exact_block(5000, 'x');
    longest[4999] = 0;
    assert_refused(longest, NULL, ZCN_EINVAL, 0);
    free(longest);
    /* Nobody writes into it: opening it must not wait for that. */
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_refused(path_of("fifo"), NULL, ZCN_EUNSUPPORTED, 0);
    assert_int_equal(unlink(path_of("fifo")), 0);
    if (geteuid() != 0) {
        assert_int_equal(chmod(path_of("plain"), 0), 0);
        assert_refused(path_of("plain"), NULL, ZCN_EACCESS, EACCES);
        assert_int_equal(chmod(path_of("plain"), 0600), 0);
    }
    zcn_file *file = (zcn_file *)&file;
    assert_status(zcn_file_open(NULL, path_of("plain"), NULL, NULL), ZCN_EINVAL);
    zcn_file_options options;
    zcn_file_options_init(&options, sizeof options);
    assert_int_equal(options.directory, -1);
    options.method = ZCN_FILE_DIRECT + 1;
    assert_refused(path_of("plain"), &options, ZCN_EINVAL, 0);
    zcn_file_options_init(&options, sizeof options);
    options.flags = 4;
    assert_refused(path_of("plain"), &options, ZCN_EOPTION, 0);
    zcn_file_options_init(&options, sizeof options);
    options.directory = -2;
    assert_refused(path_of("plain"), &options, ZCN_EINVAL, 0);
    (void)file;
    assert_int_equal(open_descriptors(), before);
}

static void descriptors_run_out(void **state) {
    (void)state;
    write_file("plain", 1, 1);
    struct rlimit limit, small;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    small = limit;
    small.rlim_cur = open_descriptors() + 1;
    /* The lowest free number may be above the limit: then nothing can be opened either. */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    zcn_file *files[64] = {0};
    zcn_status status = ZCN_OK;
    size_t count = 0;
    while (count < 64 && (status = zcn_file_open(&files[count], path_of("plain"), NULL, NULL)) == ZCN_OK) count++;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(status, ZCN_ENOBUFS);
    while (count != 0) zcn_file_release(files[--count]);
}

static void a_directory_is_not_left(void **state) {
    (void)state;
    assert_int_equal(mkdir(path_of("inner"), 0700), 0);
    write_file("inner/plain", 3, 1);
    write_file("outer", 4, 1);
    assert_int_equal(symlink("plain", path_of("inner/link")), 0);
    assert_int_equal(symlink("../outer", path_of("inner/away")), 0);
    zcn_file_options options;
    zcn_file_options_init(&options, sizeof options);
    options.directory = open(path_of("inner"), O_RDONLY | O_DIRECTORY);
    assert_true(options.directory >= 0);
    zcn_file *file = NULL;
    assert_ok(zcn_file_open(&file, "../outer", &options, NULL));
    zcn_file_release(file);
    assert_ok(zcn_file_open(&file, "away", &options, NULL));
    zcn_file_release(file);
    options.flags = ZCN_FILE_BENEATH;
    const zcn_status status = zcn_file_open(&file, "plain", &options, NULL);
    if (status == ZCN_EUNSUPPORTED) {
        close(options.directory);
        print_message("the kernel opens no files beneath a directory\n");
        skip();
    }
    assert_ok(status);
    zcn_file_release(file);
    assert_ok(zcn_file_open(&file, "link", &options, NULL));
    assert_int_equal(zcn_file_size(file), 3);
    zcn_file_release(file);
    assert_refused("../outer", &options, ZCN_EACCESS, EXDEV);
    assert_refused("../inner/plain", &options, ZCN_EACCESS, EXDEV);
    assert_refused("away", &options, ZCN_EACCESS, EXDEV);
    assert_refused(path_of("outer"), &options, ZCN_EACCESS, EXDEV);
    options.flags = ZCN_FILE_BENEATH | ZCN_FILE_NO_SYMLINKS;
    assert_refused("link", &options, ZCN_EACCESS, ELOOP);
    assert_ok(zcn_file_open(&file, "plain", &options, NULL));
    zcn_file_release(file);
    close(options.directory);
}

static void descriptors_are_adopted(void **state) {
    (void)state;
    write_file("plain", 77, 1);
    const size_t before = open_descriptors();
    int fd = open(path_of("plain"), O_RDONLY);
    zcn_file *file = NULL;
    assert_ok(zcn_file_adopt(&file, fd, NULL));
    assert_int_equal(zcn_file_fd(file), fd);
    assert_int_equal(zcn_file_size(file), 77);
    zcn_file_release(file);
    assert_int_equal(open_descriptors(), before);
    assert_status(zcn_file_adopt(&file, -1, NULL), ZCN_EINVAL);
    assert_null(file);
    assert_status(zcn_file_adopt(NULL, fd, NULL), ZCN_EINVAL);
    static const int unreadable[] = {O_WRONLY, O_PATH};
    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++) {
        fd = open(path_of("plain"), unreadable[i]);
        assert_true(fd >= 0);
        assert_status(zcn_file_adopt(&file, fd, NULL), ZCN_EINVAL);
        close(fd); /* still ours */
    }
    int ends[2];
    raw_pair(ends);
    assert_status(zcn_file_adopt(&file, ends[0], NULL), ZCN_EUNSUPPORTED);
    close(ends[0]); /* still ours */
    close(ends[1]);
    zcn_file_options options;
    zcn_file_options_init(&options, sizeof options);
    options.reserved = 1;
    fd = open(path_of("plain"), O_RDONLY);
    assert_status(zcn_file_adopt(&file, fd, &options), ZCN_EOPTION);
    close(fd);
    assert_int_equal(open_descriptors(), before);
}

/* ---- units ---- */

static void ranges_are_checked(void **state) {
    (void)state;
    write_file("plain", 100, 1);
    zcn_file *file = file_of("plain");
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_file(unit, file, 0, 100));
    assert_ok(zcn_unit_append_file(unit, file, 100, 0));
    assert_ok(zcn_unit_append_file(unit, file, 99, 1));
    assert_int_equal(zcn_unit_size(unit), 101);
    assert_status(zcn_unit_append_file(unit, file, 0, 101), ZCN_EINVAL);
    assert_status(zcn_unit_append_file(unit, file, 101, 0), ZCN_EINVAL);
    assert_status(zcn_unit_append_file(unit, file, 1, UINT64_MAX), ZCN_EINVAL);
    assert_status(zcn_unit_append_file(NULL, file, 0, 1), ZCN_EINVAL);
    assert_status(zcn_unit_append_file(unit, NULL, 0, 1), ZCN_EINVAL);
    assert_int_equal(zcn_unit_size(unit), 101);
    assert_ok(zcn_unit_truncate(unit, 40));
    assert_int_equal(zcn_unit_size(unit), 40);
    zcn_framing *checked = framing_of("delimiter=|,check=1");
    assert_status(zcn_unit_seal(unit, checked), ZCN_EUNSUPPORTED);
    zcn_framing *plain = framing_of(PLAIN_FRAMING);
    assert_ok(zcn_unit_seal(unit, plain));
    assert_status(zcn_unit_append_file(unit, file, 0, 1), ZCN_EINVAL);
    zcn_framing_release(checked);
    zcn_framing_release(plain);
    zcn_unit_release(unit);
    zcn_file_release(file);
}

/* A unit of memory, the file's range and memory again; what its frame should be goes to `expected`. */
static zcn_unit *mixed_unit(zcn_file *file, uint64_t offset, size_t size, const uint8_t *content, bytes *expected) {
    bytes body = {0};
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_static(unit, "before", 6));
    assert_ok(zcn_unit_append_file(unit, file, offset, size));
    assert_ok(zcn_unit_append_static(unit, "behind", 6));
    bytes_append(&body, "before", 6);
    bytes_append(&body, content + offset, size);
    bytes_append(&body, "behind", 6);
    append_frame(expected, &plain_shape, body.data, body.size);
    bytes_clear(&body);
    return unit;
}

static void streams_read_files(void **state) {
    (void)state;
    const size_t whole = 1000000;
    write_file("large", whole, 7);
    uint8_t *content = exact_block(whole, 0);
    fill_pattern(content, whole, 7);
    static const size_t sizes[] = {0, 1, 4096, 32767, 32768, 32769, 131072, 131073, 400000};
    static const size_t steps[] = {1000000, 65536, 7777, 131072};
    zcn_file *file = file_of("large");
    for (size_t step = 0; step < 4; step++) {
        zcn_stream_options options;
        zcn_stream_options_init(&options, sizeof options);
        options.high_water = 1 << 24;
        zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
        bytes expected = {0}, wire = {0};
        uint64_t of_files = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            assert_ok(zcn_stream_send(stream, mixed_unit(file, 12345 * i, sizes[i], content, &expected)));
            of_files += sizes[i];
        }
        zcn_stats stats = {.struct_size = sizeof stats};
        assert_ok(zcn_stream_get_stats(stream, &stats));
        assert_int_equal(stats.queued_bytes, expected.size);
        while (stream_write(stream, &wire, steps[step]) != 0) continue;
        assert_int_equal(wire.size, expected.size);
        assert_memory_equal(wire.data, expected.data, expected.size);
        assert_ok(zcn_stream_get_stats(stream, &stats));
        assert_int_equal(stats.copied_out, of_files);
        assert_int_equal(stats.copied_bytes, of_files);
        assert_int_equal(stats.queued_bytes, 0);
        bytes_clear(&expected);
        bytes_clear(&wire);
        zcn_stream_release(stream);
    }
    zcn_file_release(file);
    free(content);
}

/* One sealed unit, twice in one queue and in another: what was read for one place is not taken for the other. */
static void one_unit_is_read_for_each_place(void **state) {
    (void)state;
    write_file("large", 300000, 9);
    uint8_t *content = exact_block(300000, 0);
    fill_pattern(content, 300000, 9);
    zcn_file *file = file_of("large");
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    bytes frame = {0};
    zcn_unit *unit = mixed_unit(file, 5, 299000, content, &frame);
    assert_ok(zcn_unit_seal(unit, framing));
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    options.high_water = 1 << 24;
    for (int i = 0; i < 2; i++) {
        zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
        for (int k = 0; k < 3; k++) assert_ok(zcn_stream_send(stream, zcn_unit_retain(unit)));
        bytes wire = {0};
        while (stream_write(stream, &wire, 50001) != 0) continue;
        assert_int_equal(wire.size, 3 * frame.size);
        for (size_t k = 0; k < 3; k++) assert_memory_equal(wire.data + k * frame.size, frame.data, frame.size);
        bytes_clear(&wire);
        zcn_stream_release(stream);
    }
    zcn_unit_release(unit);
    zcn_framing_release(framing);
    zcn_file_release(file);
    bytes_clear(&frame);
    free(content);
}

/* What was there has left by then; the rest cannot. */
static void a_stream_says_that_a_file_shrank(void **state) {
    (void)state;
    write_file("shrinks", 500000, 3);
    zcn_file *file = file_of("shrinks");
    zcn_stream *stream = stream_of(NULL, "raw", NULL);
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_static(unit, "head", 4));
    assert_ok(zcn_unit_append_file(unit, file, 0, 500000));
    assert_ok(zcn_unit_set_token(unit, 1));
    assert_ok(zcn_stream_send(stream, unit));
    assert_int_equal(truncate(path_of("shrinks"), 1000), 0);
    struct iovec iovecs[4];
    size_t count = 0;
    assert_ok(zcn_stream_gather(stream, iovecs, 4, &count));
    assert_int_equal(count, 2);
    assert_int_equal(iovecs[1].iov_len, 1000);
    assert_pattern(iovecs[1].iov_base, 1000, 3);
    assert_ok(zcn_stream_write_done(stream, 1004));
    for (int i = 0; i < 2; i++) {
        assert_status(zcn_stream_gather(stream, iovecs, 4, &count), ZCN_ETRUNCATED);
        assert_int_equal(count, 0);
    }
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_stream_get_error(stream, &error));
    assert_int_equal(error.status, ZCN_ETRUNCATED);
    /* It is there again: so is the rest. */
    write_file("shrinks", 1500, 3);
    assert_ok(zcn_stream_gather(stream, iovecs, 4, &count));
    assert_int_equal(count, 1);
    assert_int_equal(iovecs[0].iov_len, 500);
    zcn_stream_release(stream);
    zcn_file_release(file);
}

static void a_full_pool_is_told(void **state) {
    (void)state;
    write_file("large", 1 << 20, 3);
    zcn_file *file = file_of("large");
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = 4096;
    options.limit = 128 * 1024;
    zcn_pool *pool = NULL;
    assert_ok(zcn_pool_create(&pool, &options));
    zcn_stream *stream = stream_of(pool, "fixed=64", NULL);
    zcn_framing *raw = framing_of("raw");
    assert_ok(zcn_stream_set_send_framing(stream, raw));
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, pool));
    assert_ok(zcn_unit_append_file(unit, file, 0, 1 << 20));
    assert_ok(zcn_stream_send(stream, unit));
    /* Less than it would like to have is enough. */
    struct iovec iovecs[4];
    size_t count = 0;
    assert_ok(zcn_stream_gather(stream, iovecs, 4, &count));
    assert_int_equal(count, 1);
    const size_t part = iovecs[0].iov_len;
    assert_pattern(iovecs[0].iov_base, part, 3);
    assert_ok(zcn_stream_write_done(stream, part));
    zcn_stream_release(stream);
    /* Nothing is not. */
    void *data;
    zcn_unit *fill[64];
    size_t filled = 0;
    stream = stream_of(pool, "fixed=64", NULL);
    assert_ok(zcn_stream_set_send_framing(stream, raw));
    assert_ok(zcn_unit_create(&unit, pool));
    assert_ok(zcn_unit_append_file(unit, file, 0, 1 << 20));
    assert_ok(zcn_stream_send(stream, unit));
    while (filled < 64 && zcn_unit_alloc(&fill[filled], &data, pool, NULL, 3000) == ZCN_OK) filled++;
    assert_in_range(filled, 1, 63);
    assert_status(zcn_stream_gather(stream, iovecs, 4, &count), ZCN_ENOBUFS);
    assert_int_equal(count, 0);
    while (filled != 0) zcn_unit_release(fill[--filled]);
    assert_ok(zcn_stream_gather(stream, iovecs, 4, &count));
    assert_int_equal(count, 1);
    zcn_stream_release(stream);
    zcn_framing_release(raw);
    zcn_pool_release(pool);
    zcn_file_release(file);
}

/* ---- the cache ---- */

static zcn_file_cache *cache_of(uint32_t capacity, uint32_t valid_ms, const zcn_file_options *options) {
    zcn_file_cache *cache = NULL;
    assert_ok(zcn_file_cache_create(&cache, capacity, valid_ms, options));
    return cache;
}

static zcn_file *cached(zcn_file_cache *cache, const char *name) {
    zcn_file *file = NULL;
    assert_ok(zcn_file_cache_open(cache, &file, path_of(name), NULL));
    return file;
}

static void the_cache_keeps_files(void **state) {
    (void)state;
    const size_t before = open_descriptors();
    char name[16];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "kept%d", i);
        write_file(name, 10 + (size_t)i, 1);
    }
    zcn_file_cache *cache = cache_of(2, 0, NULL);
    zcn_file *first = cached(cache, "kept0");
    zcn_file *again = cached(cache, "kept0");
    assert_ptr_equal(first, again);
    zcn_file_release(again);
    zcn_file_release(cached(cache, "kept1"));
    assert_int_equal(open_descriptors(), before + 2);
    /* The one that was asked for last stays. */
    zcn_file_release(cached(cache, "kept0"));
    zcn_file_release(cached(cache, "kept2"));
    assert_int_equal(open_descriptors(), before + 2);
    again = cached(cache, "kept0");
    assert_ptr_equal(first, again);
    zcn_file_release(again);
    zcn_file_release(cached(cache, "kept3"));
    zcn_file_release(cached(cache, "kept2"));
    assert_int_equal(open_descriptors(), before + 3); /* first is ours still */
    assert_int_equal(zcn_file_size(first), 10);
    zcn_file_cache_release(cache);
    assert_int_equal(open_descriptors(), before + 1);
    zcn_file_release(first);
    assert_int_equal(open_descriptors(), before);
}

static void the_cache_notices_changes(void **state) {
    (void)state;
    const size_t before = open_descriptors();
    zcn_file_cache *cache = cache_of(16, 0, NULL);
    write_file("changes", 10, 1);
    zcn_file *old = cached(cache, "changes");
    /* longer, in place */
    write_file("changes", 20, 1);
    zcn_file *longer = cached(cache, "changes");
    assert_int_equal(zcn_file_size(longer), 20);
    assert_int_equal(zcn_file_size(old), 10);
    /* rewritten in place, with the same size and the time that it had */
    struct stat found;
    struct stat again;
    assert_int_equal(stat(path_of("changes"), &found), 0);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    do {
        if (deadline_passed(deadline)) fail_msg("the file system's clock stands still");
        write_file("changes", 20, 3);
        const struct timespec same[2] = {found.st_atim, found.st_mtim};
        assert_int_equal(utimensat(AT_FDCWD, path_of("changes"), same, 0), 0);
        assert_int_equal(stat(path_of("changes"), &again), 0);
    } while (memcmp(&again.st_ctim, &found.st_ctim, sizeof again.st_ctim) == 0);
    assert_int_equal(again.st_ino, found.st_ino);
    zcn_file *rewritten = cached(cache, "changes");
    assert_ptr_not_equal(rewritten, longer);
    zcn_file_release(rewritten);
    /* replaced by one of the same size, with the same time */
    assert_int_equal(stat(path_of("changes"), &found), 0);
    write_file("changes.new", 20, 2);
    const struct timespec times[2] = {found.st_atim, found.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path_of("changes.new"), times, 0), 0);
    char from[160];
    strcpy(from, path_of("changes.new"));
    assert_int_equal(rename(from, path_of("changes")), 0);
    zcn_file *replaced = cached(cache, "changes");
    assert_ptr_not_equal(replaced, longer);
    uint8_t content[20];
    assert_int_equal(pread(zcn_file_fd(replaced), content, 20, 0), 20);
    assert_pattern(content, 20, 2);
    /* deleted: gone, also from the cache */
    assert_int_equal(unlink(path_of("changes")), 0);
    zcn_file *none = (zcn_file *)&none;
    zcn_error error = {.struct_size = sizeof error};
    assert_status(zcn_file_cache_open(cache, &none, path_of("changes"), &error), ZCN_ENOTFOUND);
    assert_null(none);
    assert_int_equal(error.sys_errno, ENOENT);
    zcn_file_release(old);
    zcn_file_release(longer);
    assert_int_equal(pread(zcn_file_fd(replaced), content, 20, 0), 20);
    assert_pattern(content, 20, 2);
    zcn_file_release(replaced);
    assert_int_equal(open_descriptors(), before);
    assert_status(zcn_file_cache_open(cache, &none, path_of("changes"), NULL), ZCN_ENOTFOUND);
    write_file("changes", 5, 1);
    zcn_file *back = cached(cache, "changes");
    assert_int_equal(zcn_file_size(back), 5);
    zcn_file_release(back);
    zcn_file_cache_release(cache);
    assert_int_equal(open_descriptors(), before);
}

/* Within the time that it may, the cache does not look; after it, it does. */
static void the_cache_may_look_less_often(void **state) {
    (void)state;
    write_file("valid", 10, 1);
    zcn_file_cache *cache = cache_of(16, 3600000, NULL);
    zcn_file *first = cached(cache, "valid");
    write_file("valid", 20, 1);
    zcn_file *second = cached(cache, "valid");
    assert_ptr_equal(first, second);
    zcn_file_release(first);
    zcn_file_release(second);
    zcn_file_cache_release(cache);
    cache = cache_of(16, 1, NULL);
    first = cached(cache, "valid");
    assert_int_equal(zcn_file_size(first), 20);
    write_file("valid", 30, 1);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    uint64_t size = 0;
    while (size != 30 && !deadline_passed(deadline)) {
        second = cached(cache, "valid");
        size = zcn_file_size(second);
        zcn_file_release(second);
    }
    assert_int_equal(size, 30);
    zcn_file_release(first);
    zcn_file_cache_release(cache);
}

static void the_cache_refuses(void **state) {
    (void)state;
    zcn_file_cache *cache = (zcn_file_cache *)&cache;
    assert_status(zcn_file_cache_create(&cache, 0, 0, NULL), ZCN_EINVAL);
    assert_null(cache);
    assert_status(zcn_file_cache_create(&cache, 65537, 0, NULL), ZCN_EINVAL);
    assert_status(zcn_file_cache_create(NULL, 1, 0, NULL), ZCN_EINVAL);
    zcn_file_options options;
    zcn_file_options_init(&options, sizeof options);
    options.flags = 8;
    assert_status(zcn_file_cache_create(&cache, 1, 0, &options), ZCN_EOPTION);
    options.flags = ZCN_FILE_NO_SYMLINKS;
    cache = cache_of(1, 0, &options);
    zcn_file *file = (zcn_file *)&file;
    assert_status(zcn_file_cache_open(cache, &file, NULL, NULL), ZCN_EINVAL);
    assert_null(file);
    assert_status(zcn_file_cache_open(cache, NULL, folder, NULL), ZCN_EINVAL);
    assert_status(zcn_file_cache_open(NULL, &file, folder, NULL), ZCN_EINVAL);
    assert_status(zcn_file_cache_open(cache, &file, folder, NULL), ZCN_EUNSUPPORTED);
    write_file("target", 1, 1);
    (void)unlink(path_of("cached-link"));
    assert_int_equal(symlink("target", path_of("cached-link")), 0);
    const zcn_status status = zcn_file_cache_open(cache, &file, path_of("cached-link"), NULL);
    assert_true(status == ZCN_EACCESS || status == ZCN_EUNSUPPORTED);
    zcn_file_cache_release(cache);
    zcn_file_cache_release(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_what_it_is),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(descriptors_run_out),
        cmocka_unit_test(a_directory_is_not_left),
        cmocka_unit_test(descriptors_are_adopted),
        cmocka_unit_test(ranges_are_checked),
        cmocka_unit_test(streams_read_files),
        cmocka_unit_test(one_unit_is_read_for_each_place),
        cmocka_unit_test(a_stream_says_that_a_file_shrank),
        cmocka_unit_test(a_full_pool_is_told),
        cmocka_unit_test(the_cache_keeps_files),
        cmocka_unit_test(the_cache_notices_changes),
        cmocka_unit_test(the_cache_may_look_less_often),
        cmocka_unit_test(the_cache_refuses),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
