/* SPDX-License-Identifier: MIT */
/* Listeners: how they begin and end, what they tell, and how many they accept. Addresses have a program of their own.
 */
#include "support.h"

struct door {
    side on;
    zcn_framing *framing;
    zcn_listen_options options;
    char bound[128];
};

static int open_door(void **state) {
    static struct door door;
    side_open(&door.on, NULL);
    door.framing = framing_of(PLAIN_FRAMING);
    zcn_listen_options_init(&door.options, sizeof door.options);
    *state = &door;
    return 0;
}

static int close_door(void **state) {
    struct door *door = *state;
    zcn_framing_release(door->framing);
    side_close(&door->on);
    return 0;
}

static zcn_listener *listen_here(struct door *door) {
    return listen_at(&door->on, "tcp://127.0.0.1:0", door->framing, &door->options, door->bound);
}

static zcn_listener_stats stats_of(const zcn_listener *listener) {
    zcn_listener_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_listener_get_stats(listener, &stats));
    return stats;
}

static size_t accepted_by(const struct door *door) { return count_of(&door->on.got, ZCN_EVENT_ACCEPTED); }

static void test_listener_null_is_refused_everywhere(void **state) {
    struct door *door = *state;
    zcn_listener *listener = (zcn_listener *)door;
    assert_status(zcn_listen(NULL, door->on.loop, "tcp://127.0.0.1:0", door->framing, NULL), ZCN_EINVAL);
    assert_status(zcn_listen(&listener, NULL, "tcp://127.0.0.1:0", door->framing, NULL), ZCN_EINVAL);
    assert_null(listener);
    assert_status(zcn_listen(&listener, door->on.loop, NULL, door->framing, NULL), ZCN_EINVAL);
    assert_status(zcn_listen(&listener, door->on.loop, "tcp://127.0.0.1:0", NULL, NULL), ZCN_EINVAL);
    listener = listen_here(door);
    char buffer[128];
    assert_status(zcn_listener_address(NULL, buffer, sizeof buffer), ZCN_EINVAL);
    assert_status(zcn_listener_address(listener, NULL, sizeof buffer), ZCN_EINVAL);
    assert_status(zcn_listener_address(listener, buffer, 0), ZCN_EINVAL);
    assert_status(zcn_listener_address(listener, buffer, 8), ZCN_ENOBUFS);
    assert_status(zcn_listener_close(NULL), ZCN_EINVAL);
    assert_status(zcn_listener_set_user(NULL, 1), ZCN_EINVAL);
    assert_int_equal(zcn_listener_get_user(NULL), 0);
    assert_int_equal(zcn_listener_fd(NULL), -1);
    zcn_listener_stats stats = {.struct_size = sizeof stats};
    assert_status(zcn_listener_get_stats(NULL, &stats), ZCN_EINVAL);
    assert_status(zcn_listener_get_stats(listener, NULL), ZCN_EINVAL);
    assert_null(zcn_listener_retain(NULL));
    zcn_listener_release(NULL);
    zcn_listener_release(listener);
}

static void test_listener_options_are_checked(void **state) {
    struct door *door = *state;
    zcn_listener *listener = (zcn_listener *)door;
    zcn_conn_options conn;
    zcn_conn_options_init(&conn, sizeof conn);
    for (int i = 0; i < 7; i++) {
        zcn_listen_options options;
        zcn_listen_options_init(&options, sizeof options);
        conn.half_open = i == 5 ? 3 : 0;
        if (i == 0) options.reuse_port = 2;
        if (i == 1) options.v6_only = 2;
        if (i == 2) options.keep_path = 2;
        if (i == 3) options.reserved = 1;
        if (i == 4) options.unix_mode = 010000;
        if (i == 5) options.conn = &conn;
        if (i == 6) options.backlog = UINT32_MAX;
        const zcn_status status = zcn_listen(&listener, door->on.loop, "tcp://127.0.0.1:0", door->framing, &options);
        assert_true(status == ZCN_EINVAL || (i == 3 && status == ZCN_EOPTION));
        assert_null(listener);
        zcn_error error = {.struct_size = sizeof error};
        assert_ok(zcn_loop_get_error(door->on.loop, &error));
        assert_status(error.status, status);
        assert_true(strlen(error.text) > 10);
    }
}

static void test_listener_accepts_and_closes(void **state) {
    struct door *door = *state;
    door->options.user = 41;
    zcn_listener *listener = listen_here(door);
    assert_true(zcn_listener_fd(listener) >= 0);
    assert_int_equal(zcn_listener_get_user(listener), 41);
    assert_ok(zcn_listener_set_user(listener, 42));
    assert_int_equal(zcn_listener_get_user(listener), 42);
    const int peer = raw_connect(door->bound);
    PUMP_UNTIL(&door->on, NULL, accepted_by(door) == 1);
    const seen *accepted = nth_of(&door->on.got, ZCN_EVENT_ACCEPTED, 0);
    assert_int_equal(accepted->user, 42);
    zcn_conn *conn = accepted->conn;
    assert_int_equal(zcn_conn_get_user(conn), 0);
    assert_int_equal(stats_of(listener).accepted, 1);
    assert_int_equal(stats_of(listener).open, 1);
    assert_ok(zcn_listener_close(listener));
    assert_ok(zcn_listener_close(listener));
    char buffer[128];
    assert_status(zcn_listener_address(listener, buffer, sizeof buffer), ZCN_ECLOSED);
    assert_int_equal(zcn_listener_fd(listener), -1);
    PUMP_UNTIL(&door->on, NULL, count_of(&door->on.got, ZCN_EVENT_LISTENER_CLOSED) == 1);
    const seen *closed = nth_of(&door->on.got, ZCN_EVENT_LISTENER_CLOSED, 0);
    assert_int_equal(closed->user, 42);
    assert_status(closed->status, ZCN_OK);
    assert_null(closed->conn);
    /* What it accepted lives on. */
    raw_write_frame(peer, "still here", 10);
    PUMP_UNTIL(&door->on, NULL, count_for(&door->on.got, ZCN_EVENT_MESSAGE, conn) == 1);
    close(peer);
    PUMP_UNTIL(&door->on, NULL, count_for(&door->on.got, ZCN_EVENT_CLOSED, conn) == 1);
    pump_idle(&door->on, NULL);
    assert_int_equal(count_of(&door->on.got, ZCN_EVENT_LISTENER_CLOSED), 1);
    assert_int_equal(stats_of(listener).open, 0);
    zcn_listener_release(listener);
}

static void test_listener_released_handle_goes_on_listening(void **state) {
    struct door *door = *state;
    zcn_listener *listener = listen_here(door);
    assert_ptr_equal(zcn_listener_retain(listener), listener);
    zcn_listener_release(listener);
    zcn_listener_release(listener);
    const int peer = raw_connect(door->bound);
    PUMP_UNTIL(&door->on, NULL, accepted_by(door) == 1);
    close(peer);
}

static void test_listener_handle_outlives_the_loop(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    char bound[128];
    zcn_listener *listener = listen_at(&on, "tcp://127.0.0.1:0", framing, NULL, bound);
    zcn_framing_release(framing);
    side_close(&on);
    assert_int_equal(zcn_listener_fd(listener), -1);
    assert_status(zcn_listener_address(listener, bound, sizeof bound), ZCN_ECLOSED);
    assert_ok(zcn_listener_close(listener));
    zcn_listener_release(listener);
}

static void test_listener_connections_have_its_options(void **state) {
    struct door *door = *state;
    zcn_conn_options conn_options;
    zcn_conn_options_init(&conn_options, sizeof conn_options);
    conn_options.user = 9;
    conn_options.idle_timeout_ms = 12345;
    conn_options.delay = 1;
    conn_options.keepalive_s = 77;
    door->options.conn = &conn_options;
    zcn_listener *listener = listen_here(door);
    memset(&conn_options, 0xEE, sizeof conn_options); /* read, and not kept */
    const int peer = raw_connect(door->bound);
    PUMP_UNTIL(&door->on, NULL, accepted_by(door) == 1);
    zcn_conn *conn = nth_of(&door->on.got, ZCN_EVENT_ACCEPTED, 0)->conn;
    assert_int_equal(zcn_conn_get_user(conn), 9);
    uint64_t value;
    assert_ok(zcn_conn_get_option(conn, ZCN_OPTION_IDLE_TIMEOUT_MS, &value));
    assert_int_equal(value, 12345);
    assert_ok(zcn_conn_get_option(conn, ZCN_OPTION_DELAY, &value));
    assert_int_equal(value, 1);
    assert_ok(zcn_conn_get_option(conn, ZCN_OPTION_KEEPALIVE_S, &value));
    assert_int_equal(value, 77);
    close(peer);
    zcn_listener_release(listener);
}

static void test_listener_accepts_so_many_a_poll(void **state) {
    struct door *door = *state;
    door->options.accepts_per_poll = 3;
    zcn_listener *listener = listen_here(door);
    int peers[10];
    for (int i = 0; i < 10; i++) peers[i] = raw_connect(door->bound);
    size_t before = 0;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (before < 10) {
        side_poll(&door->on, 1000000);
        const size_t now = accepted_by(door);
        assert_in_range(now - before, 0, 6); /* what is ready at once may be looked at twice */
        before = now;
        assert_false(deadline_passed(deadline));
    }
    for (int i = 0; i < 10; i++) close(peers[i]);
    zcn_listener_release(listener);
}

static uint64_t polls_in(struct door *door, int64_t nanoseconds) {
    const uint64_t until = now_ns() + (uint64_t)nanoseconds;
    uint64_t polls = 0;
    for (; !deadline_passed(until); polls++) side_poll(&door->on, (int64_t)(until - now_ns()));
    return polls;
}

static void test_listener_stops_at_max_connections(void **state) {
    struct door *door = *state;
    door->options.max_connections = 2;
    door->options.user = 5;
    zcn_listener *listener = listen_here(door);
    int peers[4];
    for (int i = 0; i < 4; i++) peers[i] = raw_connect(door->bound);
    PUMP_UNTIL(&door->on, NULL, count_of(&door->on.got, ZCN_EVENT_ACCEPT_LIMITED) == 1);
    assert_int_equal(accepted_by(door), 2);
    const seen *limited = nth_of(&door->on.got, ZCN_EVENT_ACCEPT_LIMITED, 0);
    assert_status(limited->status, ZCN_ENOBUFS);
    assert_int_equal(limited->size, 0);
    assert_int_equal(limited->user, 5);
    /* Nothing happens, and nothing spins. */
    zcn_loop_stats before = {.struct_size = sizeof before};
    zcn_loop_stats after = {.struct_size = sizeof after};
    assert_ok(zcn_loop_get_stats(door->on.loop, &before));
    (void)polls_in(door, 50000000);
    assert_ok(zcn_loop_get_stats(door->on.loop, &after));
    assert_in_range(after.waits - before.waits, 0, 20);
    assert_int_equal(accepted_by(door), 2);
    assert_int_equal(stats_of(listener).limited, 1);
    assert_int_equal(before.accept_limited, 1);
    /* One goes, one comes. */
    close(peers[0]);
    PUMP_UNTIL(&door->on, NULL, accepted_by(door) == 3);
    close(peers[1]);
    close(peers[2]);
    PUMP_UNTIL(&door->on, NULL, accepted_by(door) == 4);
    pump_idle(&door->on, NULL);
    assert_int_equal(stats_of(listener).open, 1);
    close(peers[3]);
    zcn_listener_release(listener);
}

/* No descriptor is left: accepting pauses, without spinning, and goes on by itself. */
static void test_listener_survives_without_descriptors(void **state) {
    struct door *door = *state;
    zcn_listener *listener = listen_here(door);
    enum { many = 6 };
    int peers[many];
    for (int i = 0; i < many; i++) peers[i] = raw_connect(door->bound);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit before = limit;
    int probe = dup(0);
    assert_true(probe >= 0);
    close(probe);
    /* Room for one more: the numbers below it are in use. */
    limit.rlim_cur = (rlim_t)probe + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (count_of(&door->on.got, ZCN_EVENT_ACCEPT_LIMITED) == 0 && !deadline_passed(deadline))
        side_poll(&door->on, 1000000);
    zcn_loop_stats first = {.struct_size = sizeof first};
    zcn_loop_stats second = {.struct_size = sizeof second};
    const zcn_status got_first = zcn_loop_get_stats(door->on.loop, &first);
    (void)polls_in(door, 100000000);
    const zcn_status got_second = zcn_loop_get_stats(door->on.loop, &second);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_ok(got_first);
    assert_ok(got_second);
    assert_true(count_of(&door->on.got, ZCN_EVENT_ACCEPT_LIMITED) >= 1);
    assert_status(nth_of(&door->on.got, ZCN_EVENT_ACCEPT_LIMITED, 0)->status, ZCN_ESYS);
    assert_int_equal(nth_of(&door->on.got, ZCN_EVENT_ACCEPT_LIMITED, 0)->size, EMFILE);
    assert_in_range(second.waits - first.waits, 0, 60);
    assert_true(stats_of(listener).limited >= 1);
    /* Newcomers are welcome again, behind those who waited: each of them was accepted or sent away. */
    const int late = raw_connect(door->bound);
    raw_write_frame(late, "late", 4);
    PUMP_UNTIL(&door->on, NULL, count_of(&door->on.got, ZCN_EVENT_MESSAGE) == 1);
    size_t sent_away = 0;
    for (int i = 0; i < many; i++) {
        char byte;
        const ssize_t got = recv(peers[i], &byte, 1, MSG_DONTWAIT);
        sent_away += got == 0 || (got < 0 && errno == ECONNRESET);
        close(peers[i]);
    }
    assert_int_equal(accepted_by(door) - 1 + sent_away, many);
    assert_true(stats_of(listener).dropped <= sent_away);
    close(late);
    zcn_listener_release(listener);
}

static void test_listener_skips_those_that_went_before(void **state) {
    struct door *door = *state;
    zcn_listener *listener = listen_here(door);
    for (int i = 0; i < 20; i++) raw_reset(raw_connect(door->bound));
    const int peer = raw_connect(door->bound);
    raw_write_frame(peer, "here", 4);
    PUMP_UNTIL(&door->on, NULL, count_of(&door->on.got, ZCN_EVENT_MESSAGE) == 1);
    /* Whoever was shown ends once. */
    close(peer);
    PUMP_UNTIL(&door->on, NULL, count_of(&door->on.got, ZCN_EVENT_CLOSED) == accepted_by(door));
    zcn_listener_release(listener);
}

static void test_listener_flood_of_short_connections(void **state) {
    struct door *door = *state;
    zcn_listener *listener = listen_here(door);
    const size_t descriptors = open_descriptors();
    const size_t rounds = effort(500, 100);
    for (size_t i = 0; i < rounds; i++) {
        const int peer = raw_connect(door->bound);
        raw_write_frame(peer, &i, sizeof i);
        if (i % 3 == 0) {
            raw_reset(peer);
        } else {
            close(peer);
        }
        if (i % 16 == 0) side_poll(&door->on, 0);
    }
    PUMP_UNTIL(&door->on, NULL, stats_of(listener).accepted + stats_of(listener).failed == rounds);
    PUMP_UNTIL(&door->on, NULL, count_of(&door->on.got, ZCN_EVENT_CLOSED) == stats_of(listener).accepted);
    assert_int_equal(accepted_by(door), stats_of(listener).accepted);
    assert_int_equal(stats_of(listener).open, 0);
    pump_idle(&door->on, NULL);
    assert_int_equal(open_descriptors(), descriptors);
    zcn_listener_release(listener);
}

#define WITH_DOOR(test) cmocka_unit_test_setup_teardown(test, open_door, close_door)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DOOR(test_listener_null_is_refused_everywhere),
        WITH_DOOR(test_listener_options_are_checked),
        WITH_DOOR(test_listener_accepts_and_closes),
        WITH_DOOR(test_listener_released_handle_goes_on_listening),
        cmocka_unit_test(test_listener_handle_outlives_the_loop),
        WITH_DOOR(test_listener_connections_have_its_options),
        WITH_DOOR(test_listener_accepts_so_many_a_poll),
        WITH_DOOR(test_listener_stops_at_max_connections),
        WITH_DOOR(test_listener_survives_without_descriptors),
        WITH_DOOR(test_listener_skips_those_that_went_before),
        WITH_DOOR(test_listener_flood_of_short_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
