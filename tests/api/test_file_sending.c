/* SPDX-License-Identifier: MIT */
/* Files sent over connections, by every method and every transport. */
#include "support_files.h"

static const uint32_t methods[] = {ZCN_FILE_AUTO,   ZCN_FILE_SENDFILE, ZCN_FILE_MMAP,
                                   ZCN_FILE_SPLICE, ZCN_FILE_COPY,     ZCN_FILE_DIRECT};
enum { METHODS = sizeof methods / sizeof *methods };

static uint64_t bytes_by(const zcn_stats *stats, uint32_t method) {
    switch (method) {
        case ZCN_FILE_SENDFILE:
            return stats->file_sendfile;
        case ZCN_FILE_MMAP:
            return stats->file_mmap;
        case ZCN_FILE_SPLICE:
            return stats->file_splice;
        case ZCN_FILE_DIRECT:
            return stats->file_direct;
        default:
            return stats->copied_out;
    }
}

/* ---- what arrives ---- */

/* Ranges of all sizes, between memory, from one descriptor: the bytes that were asked for, by the way that was. */
static void every_method_sends_the_same(transport over) {
    const size_t whole = 3000000;
    uint8_t *content = exact_block(whole, 0);
    fill_pattern(content, whole, 5);
    static const size_t sizes[] = {1, 100, 4095, 4096, 32768, 32769, 65536, 100001, 1048576, 2500000};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    for (size_t m = 0; m < METHODS; m++) {
        const size_t descriptors = open_descriptors();
        zcn_conn_options options = deep_options();
        options.file_method = m % 2 == 0 ? methods[m] : ZCN_FILE_AUTO;
        pair both;
        pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
        zcn_file *file = pattern_file(whole, 5, m % 2 == 0 ? ZCN_FILE_AUTO : methods[m], NULL);
        uint64_t total = 0;
        for (size_t i = 0; i < SIZES; i++) {
            zcn_unit *unit = NULL;
            assert_ok(zcn_unit_create(&unit, NULL));
            assert_ok(zcn_unit_append_static(unit, "head", 4));
            assert_ok(zcn_unit_append_file(unit, file, i * 13331, sizes[i]));
            if (i % 3 == 0) assert_ok(zcn_unit_append_file(unit, file, 1, 50000));
            assert_ok(zcn_unit_append_static(unit, "tail", 4));
            assert_ok(zcn_unit_set_token(unit, 100 + i));
            assert_ok(zcn_conn_send(both.accepted, unit));
            total += sizes[i] + (i % 3 == 0 ? 50000 : 0);
        }
        PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_MESSAGE) == SIZES);
        for (size_t i = 0; i < SIZES; i++) {
            const seen *message = nth_of(&both.client.got, ZCN_EVENT_MESSAGE, i);
            const size_t more = i % 3 == 0 ? 50000 : 0;
            assert_int_equal(message->size, sizes[i] + more + 8);
            assert_memory_equal(message->body, "head", 4);
            assert_memory_equal(message->body + 4, content + i * 13331, sizes[i]);
            assert_memory_equal(message->body + 4 + sizes[i], content + 1, more);
            assert_memory_equal(message->body + 4 + sizes[i] + more, "tail", 4);
        }
        uint64_t ended = 0;
        for (size_t i = 0; i < count_of(&both.server.got, ZCN_EVENT_SENT); i++) {
            const seen *sent = nth_of(&both.server.got, ZCN_EVENT_SENT, i);
            assert_int_equal(sent->status, ZCN_OK);
            assert_int_equal(sent->token, 100 + ended);
            ended += sent->size;
        }
        assert_int_equal(ended, SIZES);
        const zcn_stats stats = stats_of(both.accepted);
        const uint64_t by_all =
            stats.file_sendfile + stats.file_mmap + stats.file_splice + stats.file_direct + stats.copied_out;
        assert_int_equal(by_all, total);
        assert_int_equal(stats.queued_bytes, 0);
        if (methods[m] != ZCN_FILE_AUTO && (methods[m] != ZCN_FILE_DIRECT || direct_reads_work()))
            assert_int_equal(bytes_by(&stats, methods[m]), total);
        zcn_file_release(file);
        pair_close(&both);
        /* Files, pipes: nothing stays open. */
        assert_descriptors_left(descriptors);
    }
    free(content);
}

/* One descriptor, many connections, each at a place of its own. */
static void many_connections_share_a_file(transport over) {
    enum { CONNECTIONS = 8 };
    const size_t whole = 2000000;
    if (over == OVER_SOCKETPAIR) return; /* has no listener */
    for (size_t m = 1; m < METHODS; m++) {
        side server, client;
        side_open(&server, NULL);
        side_open(&client, NULL);
        zcn_framing *framing = framing_of(PLAIN_FRAMING);
        char address[128], bound[128];
        fresh_address(over, address, sizeof address);
        zcn_conn_options conn_options = deep_options();
        conn_options.file_method = methods[m];
        zcn_listen_options options;
        zcn_listen_options_init(&options, sizeof options);
        options.conn = &conn_options;
        zcn_listener *listener = listen_at(&server, address, framing, &options, bound);
        for (size_t i = 0; i < CONNECTIONS; i++) {
            zcn_conn *dialled = NULL;
            assert_ok(zcn_connect(&dialled, client.loop, bound, framing, NULL));
        }
        PUMP_UNTIL(&server, &client, count_of(&server.got, ZCN_EVENT_ACCEPTED) == CONNECTIONS);
        zcn_file *file = pattern_file(whole, 11, ZCN_FILE_AUTO, NULL);
        for (size_t i = 0; i < CONNECTIONS; i++) {
            zcn_conn *conn = nth_of(&server.got, ZCN_EVENT_ACCEPTED, i)->conn;
            assert_ok(zcn_conn_send(conn, unit_of_file(file, i * 1000, 1000000 + i)));
        }
        zcn_file_release(file);
        PUMP_UNTIL(&server, &client, count_of(&client.got, ZCN_EVENT_MESSAGE) == CONNECTIONS);
        uint8_t *content = exact_block(whole, 0);
        fill_pattern(content, whole, 11);
        bool found[CONNECTIONS] = {false};
        for (size_t i = 0; i < CONNECTIONS; i++) {
            const seen *message = nth_of(&client.got, ZCN_EVENT_MESSAGE, i);
            const size_t which = message->size - 1000000;
            assert_in_range(which, 0, CONNECTIONS - 1);
            assert_false(found[which]);
            found[which] = true;
            assert_memory_equal(message->body, content + which * 1000, message->size);
        }
        free(content);
        zcn_listener_release(listener);
        zcn_framing_release(framing);
        side_close(&server);
        side_close(&client);
    }
}

/* ---- files that change ---- */

/* It is cut off in the middle of the transfer: what the peer gets is the start of it, and then the end. */
static void a_file_that_shrinks_closes(transport over) {
    for (size_t m = 0; m < METHODS; m++) {
        const size_t descriptors = open_descriptors();
        zcn_conn_options options = deep_options();
        options.file_method = methods[m];
        pair both;
        pair_open(&both, over, "length,width=4,strip=4,max=64M", &options, NULL);
        int fd = -1;
        zcn_file *file = pattern_file(30000000, 5, ZCN_FILE_AUTO, &fd);
        assert_ok(zcn_conn_pause(both.dialled));
        zcn_unit *unit = unit_of_file(file, 0, 30000000);
        assert_ok(zcn_unit_set_token(unit, 9));
        assert_ok(zcn_conn_send(both.accepted, unit));
        pump_idle(&both.server, &both.client);
        const uint64_t sent = 30000004 - stats_of(both.accepted).queued_bytes;
        assert_in_range(sent, 1, 29000000);
        assert_int_equal(ftruncate(fd, 29000001), 0);
        assert_ok(zcn_conn_resume(both.dialled));
        PUMP_UNTIL(
            &both.server, &both.client,
            count_of(&both.server.got, ZCN_EVENT_CLOSED) == 1 && count_of(&both.client.got, ZCN_EVENT_CLOSED) == 1);
        assert_int_equal(nth_of(&both.server.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ETRUNCATED);
        assert_int_equal(nth_of(&both.server.got, ZCN_EVENT_SENT, 0)->status, ZCN_ETRUNCATED);
        assert_int_equal(nth_of(&both.client.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EFRAME_TRUNCATED);
        assert_int_equal(count_of(&both.client.got, ZCN_EVENT_MESSAGE), 0);
        close(fd);
        zcn_file_release(file);
        pair_close(&both);
        assert_descriptors_left(descriptors);
    }
}

/* Everything is gone before the first byte leaves. */
static void an_emptied_file_closes(transport over) {
    for (size_t m = 0; m < METHODS; m++) {
        for (size_t size = 100; size <= 100000; size *= 1000) {
            zcn_conn_options options = deep_options();
            options.file_method = methods[m];
            pair both;
            pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
            int fd = -1;
            zcn_file *file = pattern_file(size, 5, ZCN_FILE_AUTO, &fd);
            assert_int_equal(ftruncate(fd, 0), 0);
            assert_ok(zcn_conn_send(both.accepted, unit_of_file(file, 0, size)));
            PUMP_UNTIL(&both.server, &both.client, count_of(&both.server.got, ZCN_EVENT_CLOSED) == 1);
            assert_int_equal(nth_of(&both.server.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ETRUNCATED);
            PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_CLOSED) == 1);
            assert_int_equal(count_of(&both.client.got, ZCN_EVENT_MESSAGE), 0);
            close(fd);
            zcn_file_release(file);
            pair_close(&both);
        }
    }
}

static void a_file_that_grows_keeps_its_promise(transport over) {
    const size_t size = 5000000;
    for (size_t m = 0; m < METHODS; m++) {
        zcn_conn_options options = deep_options();
        options.file_method = methods[m];
        pair both;
        pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
        int fd = -1;
        zcn_file *file = pattern_file(size, 5, ZCN_FILE_AUTO, &fd);
        assert_ok(zcn_conn_pause(both.dialled));
        assert_ok(zcn_conn_send(both.accepted, unit_of_file(file, 0, size)));
        assert_ok(zcn_conn_send(both.accepted, pattern_unit(NULL, NULL, 10, 6)));
        pump_idle(&both.server, &both.client);
        assert_int_equal(pwrite(fd, "more and more", 13, (off_t)size), 13);
        assert_ok(zcn_conn_resume(both.dialled));
        PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_MESSAGE) == 2);
        const seen *message = nth_of(&both.client.got, ZCN_EVENT_MESSAGE, 0);
        assert_int_equal(message->size, size);
        assert_pattern(message->body, size, 5);
        assert_pattern(nth_of(&both.client.got, ZCN_EVENT_MESSAGE, 1)->body, 10, 6);
        close(fd);
        zcn_file_release(file);
        pair_close(&both);
    }
}

/* ---- peers ---- */

/* The peer goes in the middle: no signal, nothing stays. */
static void a_peer_that_goes_raises_no_signal(transport over) {
    for (size_t m = 0; m < METHODS; m++) {
        const size_t descriptors = open_descriptors();
        zcn_conn_options options = deep_options();
        options.file_method = methods[m];
        options.half_open = 1;
        pair both;
        pair_open(&both, over, "length,width=4,strip=4,max=64M", &options, NULL);
        zcn_file *file = pattern_file(30000000, 5, ZCN_FILE_AUTO, NULL);
        assert_ok(zcn_conn_pause(both.dialled));
        assert_ok(zcn_conn_send(both.accepted, unit_of_file(file, 0, 30000000)));
        pump_idle(&both.server, &both.client);
        assert_ok(zcn_conn_abort(both.dialled));
        PUMP_UNTIL(&both.server, &both.client, count_of(&both.server.got, ZCN_EVENT_CLOSED) == 1);
        assert_int_equal(nth_of(&both.server.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ERESET);
        sigset_t pending;
        assert_int_equal(sigpending(&pending), 0);
        assert_int_equal(sigismember(&pending, SIGPIPE), 0);
        sigset_t blocked;
        assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
        assert_int_equal(sigismember(&blocked, SIGPIPE), 0);
        zcn_file_release(file);
        pair_close(&both);
        assert_descriptors_left(descriptors);
    }
}

/* ---- packets ---- */

/* tcpi_data_segs_out of linux/tcp.h, which cannot stand beside netinet/tcp.h. */
static uint64_t segments_out(int fd) {
    uint32_t info[64] = {0};
    socklen_t size = sizeof info;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size), 0);
    assert_true(size >= 160);
    return info[156 / 4];
}

/* Header and file are one packet, whatever sends the file. */
static void a_small_answer_is_one_packet(void **state) {
    (void)state;
    if (emulated()) skip();
    for (size_t m = 0; m < METHODS; m++) {
        zcn_conn_options options = deep_options();
        options.file_method = methods[m];
        pair both;
        pair_open(&both, OVER_TCP, PLAIN_FRAMING, &options, NULL);
        zcn_file *file = pattern_file(1000, 5, ZCN_FILE_AUTO, NULL);
        for (size_t round = 1; round <= 3; round++) {
            const uint64_t before = segments_out(zcn_conn_fd(both.accepted));
            zcn_unit *unit = NULL;
            assert_ok(zcn_unit_create(&unit, NULL));
            assert_ok(zcn_unit_append_copy(unit, "a header of some bytes", 22));
            assert_ok(zcn_unit_append_file(unit, file, 0, 1000));
            assert_ok(zcn_conn_send(both.accepted, unit));
            PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_MESSAGE) == round);
            assert_int_equal(segments_out(zcn_conn_fd(both.accepted)) - before, 1);
        }
        zcn_file_release(file);
        pair_close(&both);
    }
}

/* ---- sizes ---- */

/* A file of 9 GiB that takes no room, with a pattern of 100,000 bytes at each of the places; skips without one. */
static zcn_file *huge_file(const uint64_t *places, size_t count) {
    char path[] = "/tmp/zcnet-file-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    if (ftruncate(fd, (off_t)9 << 30) != 0) {
        close(fd);
        print_message("the file system of /tmp has no files of 9 GiB\n");
        skip();
    }
    uint8_t *content = exact_block(100000, 0);
    for (size_t i = 0; i < count; i++) {
        fill_pattern(content, 100000, i);
        assert_int_equal(pwrite(fd, content, 100000, (off_t)places[i]), 100000);
    }
    free(content);
    zcn_file *file = NULL;
    assert_ok(zcn_file_adopt(&file, fd, NULL));
    assert_int_equal(zcn_file_size(file), UINT64_C(9) << 30);
    return file;
}

/* From offsets that 32 bits cannot count. */
static void offsets_may_be_large(void **state) {
    (void)state;
    const uint64_t places[] = {(UINT64_C(4) << 30) - 50000, (UINT64_C(4) << 30) + 77777, (UINT64_C(9) << 30) - 100000};
    zcn_file *file = huge_file(places, 3);
    for (size_t m = 0; m < METHODS; m++) {
        zcn_conn_options options = deep_options();
        options.file_method = methods[m];
        pair both;
        pair_open(&both, m % 2 == 0 ? OVER_TCP : OVER_UNIX, PLAIN_FRAMING, &options, NULL);
        for (size_t i = 0; i < 3; i++) assert_ok(zcn_conn_send(both.accepted, unit_of_file(file, places[i], 100000)));
        PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_MESSAGE) == 3);
        for (size_t i = 0; i < 3; i++) assert_pattern(nth_of(&both.client.got, ZCN_EVENT_MESSAGE, i)->body, 100000, i);
        pair_close(&both);
    }
    zcn_file_release(file);
}

/* More bytes than 32 bits can count. What a stream is told to have been written it does not read. */
static void sizes_may_be_large(void **state) {
    (void)state;
    const uint64_t size = (UINT64_C(8) << 30) + 300,
                   places[] = {0, (UINT64_C(5) << 30) + 1, (UINT64_C(8) << 30) - 99900};
    zcn_file *file = huge_file(places, 3);
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    options.high_water = UINT64_C(1) << 40;
    zcn_stream *stream = stream_of(NULL, "raw", &options);
    assert_ok(zcn_stream_send(stream, unit_of_file(file, 0, size)));
    assert_ok(zcn_stream_send(stream, unit_of_file(file, 0, size)));
    uint64_t done = 0;
    for (size_t i = 0; i < 6; i++) {
        const uint64_t start = i / 3 * size + places[i % 3];
        assert_ok(zcn_stream_write_done(stream, start - done));
        done = start;
        bytes wire = {0};
        assert_int_equal(stream_write(stream, &wire, 100000), 100000);
        assert_pattern(wire.data, 100000, i % 3);
        bytes_clear(&wire);
        done += 100000;
        zcn_stats stats = {.struct_size = sizeof stats};
        assert_ok(zcn_stream_get_stats(stream, &stats));
        assert_int_equal(stats.queued_bytes, 2 * size - done);
    }
    zcn_stream_release(stream);
    /* A connection starts it as any other. */
    pair both;
    zcn_conn_options deep = deep_options();
    pair_open(&both, OVER_TCP, "raw", &deep, NULL);
    assert_ok(zcn_conn_send(both.accepted, unit_of_file(file, 0, size)));
    assert_in_range(stats_of(both.accepted).queued_bytes, UINT64_C(4) << 30, size);
    PUMP_UNTIL(&both.server, &both.client, stats_of(both.dialled).bytes_in >= 1000000);
    assert_ok(zcn_conn_abort(both.dialled));
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.server.got, ZCN_EVENT_CLOSED) == 1);
    pair_close(&both);
    zcn_file_release(file);
}

/* ---- options ---- */

/* What the header promises of ZCN_FILE_AUTO. */
static void auto_takes_what_costs_least(void **state) {
    (void)state;
    static const size_t sizes[] = {32768, 32769, 262143, 262144};
    for (size_t t = 0; t < 2; t++) {
        pair both;
        const zcn_conn_options options = deep_options();
        pair_open(&both, t == 0 ? OVER_TCP : OVER_UNIX, PLAIN_FRAMING, &options, NULL);
        zcn_file *file = pattern_file(300000, 5, ZCN_FILE_AUTO, NULL);
        for (size_t i = 0; i < 4; i++) {
            assert_ok(zcn_conn_send(both.accepted, unit_of_file(file, 0, sizes[i])));
            PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_MESSAGE) == i + 1);
        }
        const zcn_stats stats = stats_of(both.accepted);
        const uint64_t piped = t == 0 ? 0 : 262144;
        assert_int_equal(stats.copied_out, 32768);
        assert_int_equal(stats.file_splice, piped);
        assert_int_equal(stats.file_sendfile, 32769 + 262143 + 262144 - piped);
        zcn_file_release(file);
        pair_close(&both);
    }
}

static void the_method_is_an_option(void **state) {
    (void)state;
    pair both;
    pair_open(&both, OVER_UNIX, PLAIN_FRAMING, NULL, NULL);
    uint64_t value = 99;
    assert_ok(zcn_conn_get_option(both.accepted, ZCN_OPTION_FILE_METHOD, &value));
    assert_int_equal(value, ZCN_FILE_AUTO);
    for (size_t m = 0; m < METHODS; m++) {
        assert_ok(zcn_conn_set_option(both.accepted, ZCN_OPTION_FILE_METHOD, methods[m]));
        assert_ok(zcn_conn_get_option(both.accepted, ZCN_OPTION_FILE_METHOD, &value));
        assert_int_equal(value, methods[m]);
    }
    assert_status(zcn_conn_set_option(both.accepted, ZCN_OPTION_FILE_METHOD, ZCN_FILE_DIRECT + 1), ZCN_EINVAL);
    pair_close(&both);
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.file_method = ZCN_FILE_DIRECT + 1;
    side client;
    side_open(&client, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn *conn = NULL;
    assert_status(zcn_connect(&conn, client.loop, "unix:///nowhere", framing, &options), ZCN_EINVAL);
    zcn_framing_release(framing);
    side_close(&client);
}

int main(void) {
    static const transport_test tests[] = {
        TRANSPORT_TEST(every_method_sends_the_same),         TRANSPORT_TEST(many_connections_share_a_file),
        TRANSPORT_TEST(a_file_that_shrinks_closes),          TRANSPORT_TEST(an_emptied_file_closes),
        TRANSPORT_TEST(a_file_that_grows_keeps_its_promise), TRANSPORT_TEST(a_peer_that_goes_raises_no_signal),
    };
    const struct CMUnitTest others[] = {
        cmocka_unit_test(a_small_answer_is_one_packet), cmocka_unit_test(offsets_may_be_large),
        cmocka_unit_test(sizes_may_be_large),           cmocka_unit_test(auto_takes_what_costs_least),
        cmocka_unit_test(the_method_is_an_option),
    };
    const size_t threads = thread_count();
    int failed = run_on_each_transport(tests, sizeof tests / sizeof *tests);
    failed += cmocka_run_group_tests(others, NULL, NULL);
    wait_for_threads(threads);
    return failed;
}
