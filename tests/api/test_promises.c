/* SPDX-License-Identifier: MIT */
/* Statuses that a header promises and that the tests of the nouns do not meet on their way. */
#include "support.h"

/* A frame of fewer than 8 bytes cannot be told from one that strip would empty. */
#define STRIPPED "length,width=4,strip=8,max=1M"

static const uint8_t body[300];

static void promise_pair(side *on, const char *framing_text, const zcn_conn_options *options, zcn_conn **conn,
                         zcn_framing **framing, int *peer) {
    side_open(on, NULL);
    *framing = framing_of(framing_text);
    int ends[2];
    raw_pair(ends);
    *peer = ends[1];
    assert_ok(zcn_conn_adopt(conn, on->loop, ends[0], *framing, options));
    PUMP_UNTIL(on, NULL, count_of(&on->got, ZCN_EVENT_CONNECTED) == 1);
}

static void promise_end(side *on, zcn_framing *framing, int peer) {
    side_close(on);
    zcn_framing_release(framing);
    close(peer);
}

static void test_promise_strip_larger_than_the_frame(void **state) {
    (void)state;
    side on;
    zcn_conn *conn;
    zcn_framing *framing;
    int peer;
    promise_pair(&on, STRIPPED, NULL, &conn, &framing, &peer);

    uint64_t head = 1, tail = 1;
    assert_status(zcn_framing_overhead(framing, 3, &head, &tail), ZCN_EFRAME_STRIP);
    assert_int_equal(head, 0);
    assert_int_equal(tail, 0);
    assert_ok(zcn_framing_overhead(framing, 4, &head, &tail));

    zcn_unit *unit = NULL, *units[2] = {NULL};
    void *data = NULL, *datas[2] = {NULL};
    assert_status(zcn_unit_alloc(&unit, &data, NULL, framing, 3), ZCN_EFRAME_STRIP);
    assert_null(unit);
    assert_null(data);
    assert_status(zcn_unit_alloc_batch(units, datas, 2, NULL, framing, 3), ZCN_EFRAME_STRIP);
    assert_null(units[0]);
    assert_null(units[1]);

    assert_status(zcn_conn_send_copy(conn, body, 3), ZCN_EFRAME_STRIP);
    assert_ok(zcn_unit_alloc(&unit, &data, NULL, NULL, 3));
    assert_status(zcn_unit_seal(unit, framing), ZCN_EFRAME_STRIP);
    assert_status(zcn_conn_send(conn, unit), ZCN_EFRAME_STRIP);
    size_t sent = 1;
    assert_status(zcn_conn_send_batch(conn, &unit, 1, &sent), ZCN_EFRAME_STRIP);
    assert_int_equal(sent, 0);
    zcn_stream *stream = stream_of(NULL, STRIPPED, NULL);
    assert_status(zcn_stream_send(stream, unit), ZCN_EFRAME_STRIP);
    zcn_stream_release(stream);
    assert_int_equal(zcn_unit_size(unit), 3);
    zcn_unit_release(unit);

    uint64_t room = 0;
    assert_ok(zcn_conn_reserve(conn, &data, &room, 4));
    assert_status(zcn_conn_commit(conn, 3, NULL, NULL), ZCN_EFRAME_STRIP);
    /* The room stays reserved. */
    memset(data, 'x', 4);
    assert_ok(zcn_conn_commit(conn, 4, NULL, NULL));
    assert_ok(zcn_conn_flush(conn));
    uint8_t frame[16];
    assert_int_equal(recv(peer, frame, sizeof frame, 0), 8);
    assert_memory_equal(frame, "\0\0\0\4xxxx", 8);
    promise_end(&on, framing, peer);
}

/* Commits of a size that the framing refuses, though there is room: each leaves the room as it was. */
static void check_commit(const char *framing_text, uint64_t reserved, uint64_t committed, zcn_status expected,
                         uint64_t frame_size) {
    side on;
    zcn_conn *conn;
    zcn_framing *framing;
    int peer;
    promise_pair(&on, framing_text, NULL, &conn, &framing, &peer);
    void *data = NULL;
    uint64_t room = 0;
    assert_ok(zcn_conn_reserve(conn, &data, &room, reserved));
    assert_true(room >= committed);
    memset(data, 'x', reserved);
    assert_status(zcn_conn_commit(conn, committed, NULL, NULL), expected);
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(conn, &stats));
    assert_int_equal(stats.queued_bytes, 0);
    assert_int_equal(stats.messages_out, 0);
    assert_ok(zcn_conn_commit(conn, reserved, NULL, NULL));
    assert_ok(zcn_conn_get_stats(conn, &stats));
    assert_int_equal(stats.queued_bytes, frame_size);
    promise_end(&on, framing, peer);
}

static void test_promise_commit_refuses_what_cannot_be_framed(void **state) {
    (void)state;
    check_commit("length,width=1,max=64K", 200, 300, ZCN_EFRAME_VALUE, 201);
    check_commit("fixed=188", 188, 100, ZCN_EFRAME_SIZE, 188);
    check_commit("length,adjust=4", 10, 3, ZCN_EFRAME_UNDERFLOW, 14);
    check_commit("length,max=104", 100, 101, ZCN_EFRAME_TOO_LARGE, 104);
}

static void test_promise_reserve_of_a_wrong_fixed_size(void **state) {
    (void)state;
    side on;
    zcn_conn *conn;
    zcn_framing *framing;
    int peer;
    promise_pair(&on, "fixed=188", NULL, &conn, &framing, &peer);
    void *data = &on;
    uint64_t room = 1;
    assert_status(zcn_conn_reserve(conn, &data, &room, 187), ZCN_EFRAME_SIZE);
    assert_null(data);
    assert_int_equal(room, 0);
    promise_end(&on, framing, peer);
}

static void test_promise_address_that_does_not_fit(void **state) {
    (void)state;
    pair both;
    pair_open(&both, OVER_TCP, PLAIN_FRAMING, NULL, NULL);
    char whole[128], small[8];
    assert_ok(zcn_conn_local_address(both.dialled, whole, sizeof whole));
    const size_t size = strlen(whole);
    memset(small, 'x', sizeof small);
    assert_status(zcn_conn_local_address(both.dialled, small, sizeof small), ZCN_ENOBUFS);
    assert_memory_equal(small, whole, sizeof small - 1);
    assert_int_equal(small[sizeof small - 1], 0);
    assert_status(zcn_conn_local_address(both.dialled, small, 1), ZCN_ENOBUFS);
    assert_int_equal(small[0], 0);
    /* The terminator needs its place, too. */
    char exact[128];
    assert_status(zcn_conn_local_address(both.dialled, exact, size), ZCN_ENOBUFS);
    assert_ok(zcn_conn_local_address(both.dialled, exact, size + 1));
    assert_string_equal(exact, whole);
    pair_close(&both);
}

static void test_promise_closed_loop_adopts_nothing(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    int ends[2];
    raw_pair(ends);
    assert_ok(zcn_loop_close(on.loop));
    zcn_conn *conn = NULL;
    assert_status(zcn_conn_adopt(&conn, on.loop, ends[0], framing, NULL), ZCN_ECLOSED);
    assert_null(conn);
    /* The descriptor is still the program's. */
    assert_true(fcntl(ends[0], F_GETFD) >= 0);
    close(ends[0]);
    promise_end(&on, framing, ends[1]);
}

/* A descriptor that is watched already is refused by the system, and stays what it was. */
static void test_promise_descriptor_that_cannot_be_watched(void **state) {
    (void)state;
    side on;
    zcn_conn *conn;
    zcn_framing *framing;
    int peer;
    promise_pair(&on, PLAIN_FRAMING, NULL, &conn, &framing, &peer);
    char address[32];
    snprintf(address, sizeof address, "fd:%d", zcn_conn_fd(conn));
    zcn_conn *second = NULL;
    assert_status(zcn_connect(&second, on.loop, address, framing, NULL), ZCN_ESYS);
    assert_null(second);
    zcn_error why = {.struct_size = sizeof why};
    assert_ok(zcn_loop_get_error(on.loop, &why));
    assert_int_equal(why.status, ZCN_ESYS);
    assert_int_equal(why.sys_errno, EEXIST);
    raw_write_frame(peer, "still", 5);
    PUMP_UNTIL(&on, NULL, count_for(&on.got, ZCN_EVENT_MESSAGE, conn) == 1);
    promise_end(&on, framing, peer);
}

/* Small foreign segments are copied where that was asked for, and the copies are the pool's: it may be at its limit. */
static void test_promise_stream_send_at_the_pools_limit(void **state) {
    (void)state;
    zcn_pool_options pool_options;
    zcn_pool_options_init(&pool_options, sizeof pool_options);
    pool_options.block_size = 4096;
    pool_options.limit = 64 * 4096;
    zcn_pool *pool = NULL;
    assert_ok(zcn_pool_create(&pool, &pool_options));
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    options.copy_below = 100;
    zcn_stream *stream = stream_of(pool, "length,strip=4,max=1K", &options);
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, pool));
    assert_ok(zcn_unit_append_ref(unit, body, 50, NULL, NULL));

    zcn_unit *held[256];
    size_t count = 0;
    void *data = NULL;
    while (count < 256 && zcn_unit_alloc(&held[count], &data, pool, NULL, 2000) == ZCN_OK) count++;
    assert_in_range(count, 1, 255);
    /* What is left of the present block. */
    zcn_unit *rest[256];
    size_t rests = 0;
    while (rests < 256 && zcn_unit_alloc(&rest[rests], &data, pool, NULL, 10) == ZCN_OK) rests++;
    assert_in_range(rests, 0, 255);
    assert_status(zcn_stream_send(stream, unit), ZCN_ENOBUFS);
    assert_int_equal(zcn_unit_size(unit), 50);
    zcn_unit_release_batch(held, count);
    zcn_unit_release_batch(rest, rests);
    assert_ok(zcn_stream_send(stream, unit));
    bytes wire = {0};
    assert_int_equal(stream_write(stream, &wire, 0), 54);
    bytes_clear(&wire);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

static void test_promise_forked_child_forwards_nothing(void **state) {
    (void)state;
    if (emulated()) skip();
    side on;
    zcn_conn *conn;
    zcn_framing *framing;
    int peer;
    promise_pair(&on, PLAIN_FRAMING, NULL, &conn, &framing, &peer);
    raw_write_frame(peer, "one", 3);
    const zcn_event *events = NULL;
    size_t count = 0;
    const zcn_msg *msg = NULL;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (msg == NULL && !deadline_passed(deadline)) {
        assert_ok(zcn_loop_poll(on.loop, 10000000, &events, &count, NULL));
        for (size_t i = 0; i < count; i++)
            if (events[i].type == ZCN_EVENT_MESSAGE) msg = events[i].msg;
    }
    assert_non_null(msg);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(zcn_conn_forward(conn, msg) == ZCN_EFORKED ? 0 : 1);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* The parent's message is as it was. */
    assert_ok(zcn_conn_forward(conn, msg));
    assert_ok(zcn_conn_flush(conn));
    uint8_t frame[16];
    assert_int_equal(recv(peer, frame, sizeof frame, 0), 7);
    promise_end(&on, framing, peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promise_strip_larger_than_the_frame),
        cmocka_unit_test(test_promise_commit_refuses_what_cannot_be_framed),
        cmocka_unit_test(test_promise_reserve_of_a_wrong_fixed_size),
        cmocka_unit_test(test_promise_address_that_does_not_fit),
        cmocka_unit_test(test_promise_closed_loop_adopts_nothing),
        cmocka_unit_test(test_promise_descriptor_that_cannot_be_watched),
        cmocka_unit_test(test_promise_stream_send_at_the_pools_limit),
        cmocka_unit_test(test_promise_forked_child_forwards_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
