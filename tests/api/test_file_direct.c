/* SPDX-License-Identifier: MIT */
/* Files that are read past the page cache. */
#include <sys/mman.h>

#include "support_files.h"

/* Pages of the file that are in it. */
static size_t cached_pages(int fd, size_t size) {
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    const size_t pages = (size + 4095) / 4096;
    uint8_t *found = exact_block(pages, 0);
    assert_int_equal(mincore(map, size, found), 0);
    size_t count = 0;
    for (size_t i = 0; i < pages; i++) count += found[i] & 1;
    free(found);
    munmap(map, size);
    return count;
}

/* A cold file is sent, and is as cold as it was; the same by a loop that has no helper. */
static void direct_reads_leave_the_page_cache_alone(void **state) {
    (void)state;
    if (!direct_reads_work() || sysconf(_SC_PAGESIZE) != 4096) skip();
    const size_t size = 3000000;
    int fd = -1;
    zcn_file *file = pattern_file(size, 5, ZCN_FILE_DIRECT, &fd);
    assert_int_equal(fsync(fd), 0);
    for (int attempt = 0; attempt < 100 && cached_pages(fd, size) != 0; attempt++)
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    if (cached_pages(fd, size) != 0) {
        close(fd);
        zcn_file_release(file);
        print_message("the system keeps the file in its page cache\n");
        skip();
    }
    for (uint32_t no_helper = 0; no_helper < 2; no_helper++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        zcn_loop_options loop_options;
        zcn_loop_options_init(&loop_options, sizeof loop_options);
        loop_options.no_helper = no_helper;
        side server, client;
        side_open(&server, &loop_options);
        side_open(&client, NULL);
        zcn_framing *framing = framing_of(PLAIN_FRAMING);
        const zcn_conn_options options = deep_options();
        zcn_conn *sender = NULL, *receiver = NULL;
        assert_ok(zcn_conn_adopt(&sender, server.loop, fds[0], framing, &options));
        assert_ok(zcn_conn_adopt(&receiver, client.loop, fds[1], framing, NULL));
        assert_ok(zcn_conn_send(sender, unit_of_file(file, 1, size - 1)));
        assert_ok(zcn_conn_send(sender, pattern_unit(NULL, NULL, 10, 6)));
        PUMP_UNTIL(&server, &client, count_of(&client.got, ZCN_EVENT_MESSAGE) == 2);
        const seen *message = nth_of(&client.got, ZCN_EVENT_MESSAGE, 0);
        uint8_t *content = exact_block(size, 0);
        fill_pattern(content, size, 5);
        assert_int_equal(message->size, size - 1);
        assert_memory_equal(message->body, content + 1, size - 1);
        free(content);
        const zcn_stats stats = stats_of(sender);
        assert_int_equal(stats.file_direct, size - 1);
        assert_int_equal(stats.copied_out, 0);
        /* The last part of a page is no whole block of the disk: a file system may read it through the cache. */
        assert_in_range(cached_pages(fd, size), 0, 1);
        zcn_framing_release(framing);
        side_close(&server);
        side_close(&client);
    }
    close(fd);
    zcn_file_release(file);
}

/* While a chunk is read the connection goes: closed, aborted, or with its whole loop. */
static void a_reading_under_way_is_outlived(void **state) {
    (void)state;
    for (size_t way = 0; way < 30; way++) {
        const size_t descriptors = open_descriptors();
        zcn_conn_options options = deep_options();
        options.file_method = ZCN_FILE_DIRECT;
        options.drain_timeout_ms = 1;
        pair both;
        pair_open(&both, OVER_UNIX, "raw", &options, NULL);
        zcn_file *file = pattern_file(4000000, 5, ZCN_FILE_AUTO, NULL);
        assert_ok(zcn_conn_send(both.accepted, unit_of_file(file, way, 3000000)));
        zcn_file_release(file);
        assert_status(zcn_conn_flush(both.accepted), ZCN_AGAIN);
        if (way % 3 == 0) assert_ok(zcn_conn_abort(both.accepted));
        if (way % 3 == 1) assert_ok(zcn_conn_close(both.accepted));
        if (way % 3 != 2) PUMP_UNTIL(&both.server, &both.client, count_of(&both.server.got, ZCN_EVENT_CLOSED) == 1);
        pair_close(&both);
        assert_descriptors_left(descriptors);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_reads_leave_the_page_cache_alone),
        cmocka_unit_test(a_reading_under_way_is_outlived),
    };
    const size_t threads = thread_count();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    wait_for_threads(threads);
    return failed;
}
