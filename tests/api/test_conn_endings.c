/* SPDX-License-Identifier: MIT */
/* Connections end once and in time, in whatever order their two halves end. */
#include "support.h"

#define MS INT64_C(1000000)

static zcn_conn_options options_with(bool half_open) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.half_open = half_open;
    return options;
}

/* The program ends its half between any two polls, while the peer's end is on its way to it. */
static void end_both_halves(transport over, int polls_before) {
    const zcn_conn_options options = options_with(true);
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, &options, NULL);
    pump_idle(&two.server, &two.client);
    assert_ok(zcn_conn_shutdown(two.dialled));
    side_poll(&two.client, 0);
    for (int i = 0; i < polls_before; i++) side_poll(&two.server, 0);
    assert_ok(zcn_conn_shutdown(two.accepted));
    PUMP_UNTIL(&two.server, &two.client,
               count_for(&two.server.got, ZCN_EVENT_CLOSED, two.accepted) == 1 &&
                   count_for(&two.client.got, ZCN_EVENT_CLOSED, two.dialled) == 1);
    assert_status(first_for(&two.server.got, ZCN_EVENT_CLOSED, two.accepted)->status, ZCN_EOF);
    assert_status(first_for(&two.client.got, ZCN_EVENT_CLOSED, two.dialled)->status, ZCN_EOF);
    assert_true(count_of(&two.server.got, ZCN_EVENT_PEER_CLOSED) <= 1);
    pair_close(&two);
}

static void test_conn_halves_end_between_any_polls(transport over) {
    for (int polls = 0; polls < 4; polls++) end_both_halves(over, polls);
}

/* The array is full when the peer's end is found, so that it is told later; the program ends its half before that. */
static void test_conn_halves_end_while_the_array_is_full(transport over) {
    if (over != OVER_SOCKETPAIR) skip();
    for (int first = 0; first < 2; first++) {
        const zcn_conn_options options = options_with(true);
        zcn_loop_options loop_options;
        zcn_loop_options_init(&loop_options, sizeof loop_options);
        loop_options.event_capacity = 16;
        side on;
        side_open(&on, &loop_options);
        zcn_framing *framing = framing_of(PLAIN_FRAMING);
        zcn_conn *conns[2];
        int peers[2];
        for (int i = 0; i < 2; i++) {
            int ends[2];
            raw_pair(ends);
            peers[i] = ends[1];
            assert_ok(zcn_conn_adopt(&conns[i], on.loop, ends[0], framing, &options));
        }
        pump_idle(&on, NULL);
        zcn_conn *const ending = conns[first];
        assert_int_equal(shutdown(peers[first], SHUT_WR), 0);
        for (int i = 0; i < 40; i++) raw_write_frame(peers[1 - first], "busy", 4);
        side_poll(&on, 0);
        assert_ok(zcn_conn_shutdown(ending));
        PUMP_UNTIL(&on, NULL, count_for(&on.got, ZCN_EVENT_CLOSED, ending) == 1);
        assert_status(first_for(&on.got, ZCN_EVENT_CLOSED, ending)->status, ZCN_EOF);
        close(peers[0]);
        close(peers[1]);
        zcn_framing_release(framing);
        side_close(&on);
    }
}

static void echo(side *self, const zcn_event *event) {
    (void)self;
    if (event->type != ZCN_EVENT_MESSAGE) return;
    const zcn_status status = zcn_conn_forward(event->conn, event->msg);
    if (status != ZCN_ECLOSED) assert_ok(status); /* who asked may be gone, though its requests are not yet */
}

/* Requests are queued, then close: all of them must still arrive, though their answers are wanted by nobody any more.
 */
static void test_conn_close_drains_into_an_echo(transport over) {
    zcn_conn_options options = options_with(false);
    options.high_water = 64 * 1024 * 1024;
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    two.server.on_event = echo;
    two.server.got.no_copy = true;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn *conn;
    if (two.listener == NULL) {
        int ends[2];
        raw_pair(ends);
        assert_ok(zcn_conn_adopt(&conn, two.server.loop, ends[0], framing, NULL));
        assert_ok(zcn_conn_adopt(&conn, two.client.loop, ends[1], framing, &options));
    } else {
        assert_ok(zcn_connect(&conn, two.client.loop, two.address, framing, &options));
    }
    static uint8_t body[60000];
    const size_t count = 400;
    for (size_t i = 0; i < count; i++) assert_ok(zcn_conn_send_copy(conn, body, sizeof body));
    assert_ok(zcn_conn_close(conn));
    PUMP_UNTIL(&two.server, &two.client, count_for(&two.client.got, ZCN_EVENT_CLOSED, conn) == 1);
    assert_status(first_for(&two.client.got, ZCN_EVENT_CLOSED, conn)->status, ZCN_OK);
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_MESSAGE), count);
    zcn_framing_release(framing);
    pair_close(&two);
}

/* A loop that is closed takes no more connections; the connection stays where it is, and well. */
static void test_conn_move_to_a_closed_loop(transport over) {
    zcn_loop *loop;
    assert_ok(zcn_loop_create(&loop, NULL));
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    assert_ok(zcn_loop_close(loop));
    const zcn_event *events;
    size_t count;
    const zcn_status moved = zcn_conn_move(two.accepted, loop);
    if (moved == ZCN_OK) {
        /* Then it ends there, and the loop comes to its end. */
        const uint64_t deadline = deadline_after_ms(WAIT_MS / 4);
        size_t closed = 0;
        zcn_status status;
        while ((status = zcn_loop_poll(loop, MS, &events, &count, NULL)) == ZCN_OK) {
            for (size_t i = 0; i < count; i++) closed += events[i].type == ZCN_EVENT_CLOSED;
            if (deadline_passed(deadline)) fail_msg("the closed loop never comes to its end");
            side_poll(&two.client, 0);
        }
        assert_status(status, ZCN_ECLOSED);
        assert_int_equal(closed, 1);
    } else {
        assert_status(moved, ZCN_ECLOSED);
        assert_ok(zcn_conn_send_copy(two.accepted, "here", 4));
        PUMP_UNTIL(&two.server, &two.client, count_of(&two.client.got, ZCN_EVENT_MESSAGE) == 1);
    }
    zcn_loop_release(loop);
    pair_close(&two);
}

/* What the options asked for is not forgotten when one of them is changed before the connection stands. */
static void test_conn_options_survive_a_change_while_connecting(transport over) {
    if (over != OVER_TCP && over != OVER_TCP6) skip();
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn_options options = options_with(false);
    options.delay = 1;
    options.keepalive_s = 77;
    options.user_timeout_ms = 4321;
    zcn_conn *conn;
    assert_ok(zcn_connect(&conn, two.client.loop, two.address, framing, &options));
    if (zcn_conn_get_state(conn) == ZCN_STATE_CONNECTING)
        assert_ok(zcn_conn_set_option(conn, ZCN_OPTION_HIGH_WATER, 1000000));
    PUMP_UNTIL(&two.server, &two.client, count_for(&two.client.got, ZCN_EVENT_CONNECTED, conn) == 1);
    uint64_t value;
    assert_ok(zcn_conn_get_option(conn, ZCN_OPTION_HIGH_WATER, &value));
    assert_int_equal(value, 1000000);
    assert_ok(zcn_conn_get_option(conn, ZCN_OPTION_DELAY, &value));
    assert_int_equal(value, 1);
    assert_ok(zcn_conn_get_option(conn, ZCN_OPTION_KEEPALIVE_S, &value));
    assert_int_equal(value, 77);
    assert_ok(zcn_conn_get_option(conn, ZCN_OPTION_USER_TIMEOUT_MS, &value));
    assert_int_equal(value, 4321);
    zcn_framing_release(framing);
    pair_close(&two);
}

int main(void) {
    static const transport_test tests[] = {
        TRANSPORT_TEST(test_conn_halves_end_between_any_polls),
        TRANSPORT_TEST(test_conn_halves_end_while_the_array_is_full),
        TRANSPORT_TEST(test_conn_close_drains_into_an_echo),
        TRANSPORT_TEST(test_conn_move_to_a_closed_loop),
        TRANSPORT_TEST(test_conn_options_survive_a_change_while_connecting),
    };
    return run_on_each_transport(tests, sizeof tests / sizeof *tests);
}
