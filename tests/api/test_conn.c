/* SPDX-License-Identifier: MIT */
/* Connections: options, addresses, user values, sockets that come from the program and go back to it. */
#include "support.h"

static int open_tcp(void **state) {
    static pair two;
    pair_open(&two, OVER_TCP, PLAIN_FRAMING, NULL, NULL);
    *state = &two;
    return 0;
}

static int open_socketpair(void **state) {
    static pair two;
    pair_open(&two, OVER_SOCKETPAIR, PLAIN_FRAMING, NULL, NULL);
    *state = &two;
    return 0;
}

static int close_pair(void **state) {
    pair_close(*state);
    return 0;
}

static void test_conn_null_is_refused_everywhere(void **state) {
    pair *two = *state;
    zcn_conn *const conn = two->dialled;
    zcn_loop *const loop = two->client.loop;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn *out = (zcn_conn *)two;
    assert_status(zcn_connect(NULL, loop, "tcp://127.0.0.1:1", framing, NULL), ZCN_EINVAL);
    assert_status(zcn_connect(&out, NULL, "tcp://127.0.0.1:1", framing, NULL), ZCN_EINVAL);
    assert_null(out);
    assert_status(zcn_connect(&out, loop, NULL, framing, NULL), ZCN_EINVAL);
    assert_status(zcn_connect(&out, loop, "tcp://127.0.0.1:1", NULL, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_adopt(NULL, loop, 0, framing, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_adopt(&out, NULL, 0, framing, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_adopt(&out, loop, -1, framing, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_adopt(&out, loop, 0, NULL, NULL), ZCN_EINVAL);
    int fd = 5;
    zcn_msg *rest = (zcn_msg *)two;
    assert_status(zcn_conn_take_fd(NULL, &fd, &rest), ZCN_EINVAL);
    assert_int_equal(fd, -1);
    assert_null(rest);
    assert_status(zcn_conn_take_fd(conn, NULL, &rest), ZCN_EINVAL);
    assert_status(zcn_conn_move(NULL, loop), ZCN_EINVAL);
    assert_status(zcn_conn_move(conn, NULL), ZCN_EINVAL);
    zcn_unit *unit = pattern_unit(NULL, framing, 1, 1);
    const zcn_msg *msg = (const zcn_msg *)two;
    assert_status(zcn_conn_send(NULL, unit), ZCN_EINVAL);
    assert_status(zcn_conn_send(conn, NULL), ZCN_EINVAL);
    size_t sent = 9;
    assert_status(zcn_conn_send_batch(NULL, &unit, 1, &sent), ZCN_EINVAL);
    assert_int_equal(sent, 0);
    assert_status(zcn_conn_send_batch(conn, NULL, 1, &sent), ZCN_EINVAL);
    assert_ok(zcn_conn_send_batch(conn, NULL, 0, NULL));
    assert_status(zcn_conn_send_msg(NULL, msg), ZCN_EINVAL);
    assert_status(zcn_conn_send_msg(conn, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_forward(NULL, msg), ZCN_EINVAL);
    assert_status(zcn_conn_forward(conn, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_send_copy(NULL, "x", 1), ZCN_EINVAL);
    assert_status(zcn_conn_send_copy(conn, NULL, 1), ZCN_EINVAL);
    void *data = two;
    uint64_t room = 9;
    assert_status(zcn_conn_reserve(NULL, &data, &room, 1), ZCN_EINVAL);
    assert_null(data);
    assert_int_equal(room, 0);
    assert_status(zcn_conn_reserve(conn, NULL, &room, 1), ZCN_EINVAL);
    data = two;
    room = 9;
    assert_status(zcn_conn_commit(NULL, 1, &data, &room), ZCN_EINVAL);
    assert_null(data);
    assert_int_equal(room, 0);
    assert_status(zcn_conn_post(NULL, unit), ZCN_EINVAL);
    assert_status(zcn_conn_post(conn, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_flush(NULL), ZCN_EINVAL);
    assert_status(zcn_conn_close(NULL), ZCN_EINVAL);
    assert_status(zcn_conn_abort(NULL), ZCN_EINVAL);
    assert_status(zcn_conn_shutdown(NULL), ZCN_EINVAL);
    assert_status(zcn_conn_pause(NULL), ZCN_EINVAL);
    assert_status(zcn_conn_resume(NULL), ZCN_EINVAL);
    assert_status(zcn_conn_set_framing(NULL, NULL, framing), ZCN_EINVAL);
    assert_status(zcn_conn_set_framing(conn, NULL, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_set_send_framing(NULL, framing), ZCN_EINVAL);
    assert_status(zcn_conn_set_send_framing(conn, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_set_user(NULL, 1), ZCN_EINVAL);
    assert_int_equal(zcn_conn_get_user(NULL), 0);
    uint64_t value = 9;
    assert_status(zcn_conn_set_option(NULL, ZCN_OPTION_DELAY, 1), ZCN_EINVAL);
    assert_status(zcn_conn_get_option(NULL, ZCN_OPTION_DELAY, &value), ZCN_EINVAL);
    assert_int_equal(value, 0);
    assert_status(zcn_conn_get_option(conn, ZCN_OPTION_DELAY, NULL), ZCN_EINVAL);
    char buffer[128];
    assert_status(zcn_conn_local_address(NULL, buffer, sizeof buffer), ZCN_EINVAL);
    assert_status(zcn_conn_local_address(conn, NULL, sizeof buffer), ZCN_EINVAL);
    assert_status(zcn_conn_local_address(conn, buffer, 0), ZCN_EINVAL);
    assert_status(zcn_conn_peer_address(NULL, buffer, sizeof buffer), ZCN_EINVAL);
    assert_status(zcn_conn_peer_address(conn, NULL, sizeof buffer), ZCN_EINVAL);
    assert_status(zcn_conn_peer_address(conn, buffer, 0), ZCN_EINVAL);
    assert_int_equal(zcn_conn_fd(NULL), -1);
    assert_int_equal(zcn_conn_get_state(NULL), 0);
    assert_null(zcn_conn_loop(NULL));
    zcn_error error = {.struct_size = sizeof error};
    assert_status(zcn_conn_get_error(NULL, &error), ZCN_EINVAL);
    assert_status(zcn_conn_get_error(conn, NULL), ZCN_EINVAL);
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_status(zcn_conn_get_stats(NULL, &stats), ZCN_EINVAL);
    assert_status(zcn_conn_get_stats(conn, NULL), ZCN_EINVAL);
    assert_null(zcn_conn_retain(NULL));
    zcn_conn_release(NULL);
    zcn_unit_release(unit);
    zcn_framing_release(framing);
    /* After all that it still works. */
    assert_ok(zcn_conn_send_copy(conn, "fine", 4));
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->server.got, ZCN_EVENT_MESSAGE) == 1);
}

static void test_conn_options_are_checked(void **state) {
    pair *two = *state;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    const size_t before = open_descriptors();
    for (int i = 0; i < 12; i++) {
        zcn_conn_options options;
        zcn_conn_options_init(&options, sizeof options);
        if (i == 0) options.half_open = 3;
        if (i == 1) options.delay = 2;
        if (i == 2) options.start_paused = 2;
        if (i == 3) options.keepalive_s = 32768;
        if (i == 4) options.keepalive_interval_s = 32768;
        if (i == 5) options.keepalive_count = 128;
        if (i == 6) options.user_timeout_ms = UINT32_MAX;
        if (i == 7) options.align = 3;
        if (i == 8) options.align = 4;
        if (i == 9) options.align = 8192;
        if (i == 10) options.low_water = 2 << 20;
        if (i == 11) options.align_from = 100;
        zcn_conn *conn = (zcn_conn *)two;
        const zcn_status status = zcn_connect(&conn, two->client.loop, two->address, framing, &options);
        if (status != ZCN_EINVAL) fail_msg("case %d gave %s", i, zcn_status_name(status));
        assert_null(conn);
        zcn_error error = {.struct_size = sizeof error};
        assert_ok(zcn_loop_get_error(two->client.loop, &error));
        assert_status(error.status, ZCN_EINVAL);
    }
    assert_int_equal(open_descriptors(), before);
    zcn_framing_release(framing);
}

struct option_case {
    uint32_t option;
    uint64_t value;
    bool tcp;
};

static void test_conn_options_are_set_and_read(void **state) {
    pair *two = *state;
    const bool tcp = two->listener != NULL;
    static const struct option_case cases[] = {
        {ZCN_OPTION_DELAY, 1, true},
        {ZCN_OPTION_DELAY, 0, true},
        {ZCN_OPTION_KEEPALIVE_S, 60, true},
        {ZCN_OPTION_KEEPALIVE_INTERVAL_S, 7, true},
        {ZCN_OPTION_KEEPALIVE_COUNT, 3, true},
        {ZCN_OPTION_KEEPALIVE_S, 0, true},
        {ZCN_OPTION_USER_TIMEOUT_MS, 30000, true},
        {ZCN_OPTION_HIGH_WATER, 500000, false},
        {ZCN_OPTION_LOW_WATER, 400000, false},
        {ZCN_OPTION_IDLE_TIMEOUT_MS, 100000, false},
        {ZCN_OPTION_IDLE_TIMEOUT_MS, 0, false},
        {ZCN_OPTION_MESSAGE_TIMEOUT_MS, 50000, false},
        {ZCN_OPTION_DRAIN_TIMEOUT_MS, 4000, false},
        {ZCN_OPTION_MESSAGES_PER_POLL, 5, false},
        {ZCN_OPTION_MESSAGES_PER_POLL, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 0xAA;
        if (cases[i].tcp && !tcp) {
            assert_status(zcn_conn_set_option(two->dialled, cases[i].option, cases[i].value), ZCN_EUNSUPPORTED);
            assert_status(zcn_conn_get_option(two->dialled, cases[i].option, &value), ZCN_EUNSUPPORTED);
            assert_int_equal(value, 0);
            continue;
        }
        assert_ok(zcn_conn_set_option(two->dialled, cases[i].option, cases[i].value));
        assert_ok(zcn_conn_get_option(two->dialled, cases[i].option, &value));
        assert_int_equal(value, cases[i].value);
    }
    /* The kernel makes of a buffer size what it likes. */
    static const uint32_t buffers[] = {ZCN_OPTION_SEND_BUFFER, ZCN_OPTION_RECEIVE_BUFFER};
    for (size_t i = 0; i < 2; i++) {
        uint64_t value;
        assert_ok(zcn_conn_set_option(two->dialled, buffers[i], 65536));
        assert_ok(zcn_conn_get_option(two->dialled, buffers[i], &value));
        assert_in_range(value, 65536, 262144);
    }
    uint64_t value = 1;
    assert_status(zcn_conn_set_option(two->dialled, ZCN_OPTION_QUICK_ACK, 1), tcp ? ZCN_OK : ZCN_EUNSUPPORTED);
    assert_int_not_equal(zcn_conn_get_option(two->dialled, ZCN_OPTION_QUICK_ACK, &value), ZCN_OK);
    assert_int_equal(value, 0);
    static const uint32_t unknown[] = {0, 17, 1000, UINT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        assert_status(zcn_conn_set_option(two->dialled, unknown[i], 1), ZCN_EOPTION);
        assert_status(zcn_conn_get_option(two->dialled, unknown[i], &value), ZCN_EOPTION);
    }
}

static void test_conn_option_values_are_checked(void **state) {
    pair *two = *state;
    static const struct option_case wrong[] = {
        {ZCN_OPTION_DELAY, 2, true},
        {ZCN_OPTION_KEEPALIVE_S, 1000000, true},
        {ZCN_OPTION_KEEPALIVE_COUNT, 1000, true},
        {ZCN_OPTION_USER_TIMEOUT_MS, UINT64_MAX, true},
        {ZCN_OPTION_SEND_BUFFER, UINT64_MAX, false},
        {ZCN_OPTION_HIGH_WATER, 0, false},
        {ZCN_OPTION_HIGH_WATER, 10, false},
        {ZCN_OPTION_LOW_WATER, 2 << 20, false},
        {ZCN_OPTION_IDLE_TIMEOUT_MS, UINT64_MAX, false},
        {ZCN_OPTION_MESSAGE_TIMEOUT_MS, 0, false},
        {ZCN_OPTION_DRAIN_TIMEOUT_MS, UINT64_MAX, false},
        {ZCN_OPTION_MESSAGES_PER_POLL, (uint64_t)1 << 32, false},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint64_t before;
        uint64_t after;
        assert_ok(zcn_conn_get_option(two->dialled, wrong[i].option, &before));
        const zcn_status status = zcn_conn_set_option(two->dialled, wrong[i].option, wrong[i].value);
        if (status != ZCN_EINVAL) fail_msg("case %zu gave %s", i, zcn_status_name(status));
        assert_ok(zcn_conn_get_option(two->dialled, wrong[i].option, &after));
        assert_int_equal(before, after);
    }
    /* A refusal is no end: the connection has no error. */
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_conn_get_error(two->dialled, &error));
    assert_status(error.status, ZCN_OK);
}

static void test_conn_options_reach_the_socket(void **state) {
    (void)state;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.keepalive_s = 33;
    options.keepalive_interval_s = 5;
    options.keepalive_count = 4;
    options.user_timeout_ms = 9000;
    pair two;
    pair_open(&two, OVER_TCP, PLAIN_FRAMING, &options, NULL);
    zcn_conn *const ends[2] = {two.accepted, two.dialled};
    for (int i = 0; i < 2; i++) {
        static const struct {
            int level;
            int name;
            int value;
        } expected[] = {
            {SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 33},       {IPPROTO_TCP, TCP_KEEPINTVL, 5},
            {IPPROTO_TCP, TCP_KEEPCNT, 4}, {IPPROTO_TCP, TCP_USER_TIMEOUT, 9000}, {IPPROTO_TCP, TCP_NODELAY, 1},
        };
        for (size_t k = 0; k < sizeof expected / sizeof *expected; k++) {
            int value = -1;
            socklen_t size = sizeof value;
            assert_int_equal(getsockopt(zcn_conn_fd(ends[i]), expected[k].level, expected[k].name, &value, &size), 0);
            assert_int_equal(value, expected[k].value);
        }
        assert_int_not_equal(fcntl(zcn_conn_fd(ends[i]), F_GETFD) & FD_CLOEXEC, 0);
        assert_int_not_equal(fcntl(zcn_conn_fd(ends[i]), F_GETFL) & O_NONBLOCK, 0);
    }
    pair_close(&two);
}

static void test_conn_user_value_comes_with_events(void **state) {
    pair *two = *state;
    assert_int_equal(zcn_conn_get_user(two->accepted), 0);
    assert_ok(zcn_conn_set_user(two->accepted, UINTPTR_MAX));
    assert_int_equal(zcn_conn_get_user(two->accepted), UINTPTR_MAX);
    assert_ok(zcn_conn_send_copy(two->dialled, "x", 1));
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->server.got, ZCN_EVENT_MESSAGE) == 1);
    assert_int_equal(nth_of(&two->server.got, ZCN_EVENT_MESSAGE, 0)->user, UINTPTR_MAX);
    assert_ok(zcn_conn_set_user(two->accepted, 3));
    assert_ok(zcn_conn_close(two->dialled));
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->server.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(nth_of(&two->server.got, ZCN_EVENT_CLOSED, 0)->user, 3);
}

static void test_conn_addresses_of_unnamed_sockets(void **state) {
    pair *two = *state;
    char buffer[128];
    assert_ok(zcn_conn_local_address(two->dialled, buffer, sizeof buffer));
    assert_string_equal(buffer, "unix:");
    assert_ok(zcn_conn_peer_address(two->dialled, buffer, sizeof buffer));
    assert_string_equal(buffer, "unix:");
    assert_status(zcn_conn_peer_address(two->dialled, buffer, 5), ZCN_ENOBUFS);
    assert_int_equal(buffer[4], '\0');
    assert_ptr_equal(zcn_conn_loop(two->dialled), two->client.loop);
    assert_int_equal(zcn_conn_get_state(two->dialled), ZCN_STATE_OPEN);
}

static void test_conn_closed_says_so(void **state) {
    pair *two = *state;
    zcn_conn *conn = zcn_conn_retain(two->dialled);
    assert_ok(zcn_conn_close(conn));
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->client.got, ZCN_EVENT_CLOSED) == 1);
    side_poll(&two->client, 0);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_unit *unit = pattern_unit(NULL, framing, 4, 4);
    void *data;
    int fd;
    uint64_t value;
    char buffer[128];
    assert_status(zcn_conn_send(conn, unit), ZCN_ECLOSED);
    assert_status(zcn_conn_send_batch(conn, &unit, 1, NULL), ZCN_ECLOSED);
    assert_status(zcn_conn_post(conn, unit), ZCN_ECLOSED);
    assert_status(zcn_conn_send_copy(conn, "x", 1), ZCN_ECLOSED);
    assert_status(zcn_conn_reserve(conn, &data, NULL, 1), ZCN_ECLOSED);
    assert_status(zcn_conn_commit(conn, 1, NULL, NULL), ZCN_ECLOSED);
    assert_status(zcn_conn_flush(conn), ZCN_ECLOSED);
    assert_status(zcn_conn_pause(conn), ZCN_ECLOSED);
    assert_status(zcn_conn_resume(conn), ZCN_ECLOSED);
    assert_status(zcn_conn_set_framing(conn, NULL, framing), ZCN_ECLOSED);
    assert_status(zcn_conn_set_send_framing(conn, framing), ZCN_ECLOSED);
    assert_status(zcn_conn_set_option(conn, ZCN_OPTION_DELAY, 1), ZCN_ECLOSED);
    assert_status(zcn_conn_get_option(conn, ZCN_OPTION_DELAY, &value), ZCN_ECLOSED);
    assert_status(zcn_conn_take_fd(conn, &fd, NULL), ZCN_ECLOSED);
    assert_status(zcn_conn_move(conn, two->server.loop), ZCN_ECLOSED);
    assert_status(zcn_conn_local_address(conn, buffer, sizeof buffer), ZCN_ECLOSED);
    assert_status(zcn_conn_peer_address(conn, buffer, sizeof buffer), ZCN_ECLOSED);
    assert_int_equal(zcn_conn_fd(conn), -1);
    assert_ok(zcn_conn_close(conn));
    assert_ok(zcn_conn_abort(conn));
    assert_int_equal(zcn_conn_get_state(conn), ZCN_STATE_CLOSED);
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(conn, &stats));
    side_poll(&two->client, 0);
    assert_int_equal(count_of(&two->client.got, ZCN_EVENT_CLOSED), 1);
    zcn_unit_release(unit);
    zcn_framing_release(framing);
    zcn_conn_release(conn);
}

/* ---- descriptors of the program ---- */

static void test_conn_adopt_refuses_what_is_no_stream(void **state) {
    pair *two = *state;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    int ends[2];
    int datagrams[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams), 0);
    const int alone = socket(AF_INET, SOCK_STREAM, 0);
    const int unfit[] = {ends[0], datagrams[0], alone, 100000};
    for (int i = 0; i < 4; i++) {
        zcn_conn *conn = (zcn_conn *)two;
        assert_status(zcn_conn_adopt(&conn, two->client.loop, unfit[i], framing, NULL), ZCN_EUNSUPPORTED);
        assert_null(conn);
        zcn_error error = {.struct_size = sizeof error};
        assert_ok(zcn_loop_get_error(two->client.loop, &error));
        assert_status(error.status, ZCN_EUNSUPPORTED);
    }
    /* They are the program's still. */
    assert_int_equal(close(ends[0]) | close(ends[1]) | close(datagrams[0]) | close(datagrams[1]) | close(alone), 0);
    zcn_framing_release(framing);
}

static void test_conn_take_fd_gives_the_rest(void **state) {
    pair *two = *state;
    int fd = -1;
    zcn_msg *rest = NULL;
    /* What is queued has to leave first. */
    assert_ok(zcn_conn_send_copy(two->dialled, "queued", 6));
    assert_status(zcn_conn_take_fd(two->dialled, &fd, &rest), ZCN_EBUSY);
    assert_int_equal(fd, -1);
    assert_ok(zcn_conn_flush(two->dialled));
    assert_ok(zcn_conn_take_fd(two->dialled, &fd, &rest));
    assert_null(rest);
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->server.got, ZCN_EVENT_MESSAGE) == 1);
    assert_status(first_for(&two->client.got, ZCN_EVENT_CLOSED, two->dialled)->status, ZCN_OK);
    /* An unfinished message on the other side, larger than what lies in a stash. */
    bytes wire = {0};
    uint8_t body[3000];
    fill_pattern(body, sizeof body, 2);
    append_frame(&wire, &plain_shape, "whole", 5);
    append_frame(&wire, &plain_shape, body, sizeof body);
    raw_write(fd, wire.data, 9 + 2000);
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->server.got, ZCN_EVENT_MESSAGE) == 2);
    int other = -1;
    assert_status(zcn_conn_take_fd(two->accepted, &other, NULL), ZCN_EBUSY);
    assert_int_equal(other, -1);
    assert_ok(zcn_conn_take_fd(two->accepted, &other, &rest));
    assert_true(other >= 0);
    assert_non_null(rest);
    assert_int_equal(zcn_msg_size(rest), 2000);
    assert_memory_equal(zcn_msg_data(rest), wire.data + 9, 2000);
    assert_ok(zcn_msg_release(rest));
    PUMP_UNTIL(&two->server, NULL, count_of(&two->server.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&two->server.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_OK);
    /* Both are plain sockets again, and connected. */
    assert_int_equal(send(other, "x", 1, MSG_NOSIGNAL), 1);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    bytes_clear(&wire);
    close(fd);
    close(other);
}

static void test_conn_take_fd_and_adopt_again(void **state) {
    pair *two = *state;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn *conn = two->dialled;
    for (int i = 0; i < 5; i++) {
        int fd = -1;
        assert_ok(zcn_conn_take_fd(conn, &fd, NULL));
        PUMP_UNTIL(&two->client, NULL, count_of(&two->client.got, ZCN_EVENT_CLOSED) == (size_t)i + 1);
        assert_ok(zcn_conn_adopt(&conn, two->client.loop, fd, framing, NULL));
        assert_int_equal(zcn_conn_fd(conn), fd);
        assert_ok(zcn_conn_send_copy(conn, &i, sizeof i));
        assert_ok(zcn_conn_flush(conn));
    }
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->server.got, ZCN_EVENT_MESSAGE) == 5);
    zcn_framing_release(framing);
}

#define WITH_TCP(test) cmocka_unit_test_setup_teardown(test, open_tcp, close_pair)
#define WITH_SOCKETPAIR(test) cmocka_unit_test_setup_teardown(test, open_socketpair, close_pair)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_TCP(test_conn_null_is_refused_everywhere),
        WITH_TCP(test_conn_options_are_checked),
        WITH_TCP(test_conn_options_are_set_and_read),
        WITH_SOCKETPAIR(test_conn_options_are_set_and_read),
        WITH_TCP(test_conn_option_values_are_checked),
        cmocka_unit_test(test_conn_options_reach_the_socket),
        WITH_TCP(test_conn_user_value_comes_with_events),
        WITH_SOCKETPAIR(test_conn_addresses_of_unnamed_sockets),
        WITH_TCP(test_conn_closed_says_so),
        WITH_TCP(test_conn_adopt_refuses_what_is_no_stream),
        WITH_TCP(test_conn_take_fd_gives_the_rest),
        WITH_SOCKETPAIR(test_conn_take_fd_gives_the_rest),
        WITH_TCP(test_conn_take_fd_and_adopt_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
