/* SPDX-License-Identifier: MIT */
/* Connections that go to another loop: nothing is lost, nothing changes its order, nobody else notices. */
#include "support.h"

/* Two loops of one pool, and a raw peer of a connection that starts on the first. */
struct journey {
    side from;
    side to;
    zcn_framing *framing;
    zcn_conn *conn; /* retained */
    int peer;
};

static int open_journey(void **state) {
    static struct journey journey;
    memset(&journey, 0, sizeof journey);
    side_open(&journey.from, NULL);
    side_open(&journey.to, NULL);
    journey.framing = framing_of(PLAIN_FRAMING);
    int ends[2];
    raw_pair(ends);
    journey.peer = ends[1];
    assert_ok(zcn_conn_adopt(&journey.conn, journey.from.loop, ends[0], journey.framing, NULL));
    zcn_conn_retain(journey.conn);
    pump_idle(&journey.from, NULL);
    *state = &journey;
    return 0;
}

static int close_journey(void **state) {
    struct journey *journey = *state;
    close(journey->peer);
    zcn_conn_release(journey->conn);
    zcn_framing_release(journey->framing);
    side_close(&journey->from);
    side_close(&journey->to);
    return 0;
}

/* The bytes that the peer has got by now, as frames of numbers. */
static size_t read_numbers(struct journey *journey, bytes *into, size_t wanted) {
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (into->size < wanted * 12 && !deadline_passed(deadline)) {
        uint8_t scrap[4096];
        const ssize_t got = recv(journey->peer, scrap, sizeof scrap, MSG_DONTWAIT);
        if (got > 0) bytes_append(into, scrap, (size_t)got);
        if (got == 0) break;
        if (got < 0) pump_once(&journey->from, &journey->to, deadline_after_ms(10));
    }
    return into->size / 12;
}

static zcn_unit *number_unit(struct journey *journey, uint64_t number) {
    zcn_unit *unit;
    void *data;
    assert_ok(zcn_unit_alloc(&unit, &data, NULL, journey->framing, sizeof number));
    memcpy(data, &number, sizeof number);
    return unit;
}

static void assert_numbers(const bytes *wire, size_t count) {
    assert_int_equal(wire->size, count * 12);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t number;
        memcpy(&number, wire->data + i * 12 + 4, sizeof number);
        if (number != i) fail_msg("message %zu came at place %zu", (size_t)number, (size_t)i);
    }
}

static void test_conn_move_appears_on_the_other_loop(void **state) {
    struct journey *journey = *state;
    assert_ok(zcn_conn_set_user(journey->conn, 12));
    assert_ok(zcn_conn_move(journey->conn, journey->to.loop));
    assert_ptr_equal(zcn_conn_loop(journey->conn), journey->to.loop);
    PUMP_UNTIL(&journey->to, &journey->from, count_of(&journey->to.got, ZCN_EVENT_ARRIVED) == 1);
    const seen *arrived = nth_of(&journey->to.got, ZCN_EVENT_ARRIVED, 0);
    assert_ptr_equal(arrived->conn, journey->conn);
    assert_int_equal(arrived->user, 12);
    raw_write_frame(journey->peer, "hello", 5);
    PUMP_UNTIL(&journey->to, &journey->from, count_of(&journey->to.got, ZCN_EVENT_MESSAGE) == 1);
    assert_ok(zcn_conn_send_copy(journey->conn, "01234567", 8));
    bytes wire = {0};
    assert_int_equal(read_numbers(journey, &wire, 1), 1);
    bytes_clear(&wire);
    zcn_loop_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_loop_get_stats(journey->from.loop, &stats));
    assert_int_equal(stats.connections, 0);
    assert_ok(zcn_loop_get_stats(journey->to.loop, &stats));
    assert_int_equal(stats.connections, 1);
    shutdown(journey->peer, SHUT_WR);
    PUMP_UNTIL(&journey->to, &journey->from, count_of(&journey->to.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(count_of(&journey->from.got, ZCN_EVENT_CLOSED), 0);
}

static void test_conn_move_to_where_it_is(void **state) {
    struct journey *journey = *state;
    assert_ok(zcn_conn_move(journey->conn, journey->from.loop));
    raw_write_frame(journey->peer, "hello", 5);
    PUMP_UNTIL(&journey->from, NULL, count_of(&journey->from.got, ZCN_EVENT_MESSAGE) == 1);
}

static void test_conn_move_takes_queue_and_unfinished_messages_along(void **state) {
    struct journey *journey = *state;
    static const size_t parts[] = {2, 50, 3000, 400000};
    uint8_t *body = exact_block(500000, 0);
    fill_pattern(body, 500000, 1);
    bytes frame = {0};
    append_frame(&frame, &plain_shape, body, 500000);
    side *at = &journey->from;
    side *other = &journey->to;
    for (size_t i = 0; i < 4; i++) {
        raw_write_frame(journey->peer, "before", 6);
        size_t written = 0;
        while (written < parts[i]) {
            written += raw_pour(journey->peer, frame.data + written, parts[i] - written);
            side_poll(at, 0);
        }
        pump_idle(at, NULL);
        zcn_stats stats = {.struct_size = sizeof stats};
        assert_ok(zcn_conn_get_stats(journey->conn, &stats));
        assert_int_equal(stats.unfinished_bytes, parts[i]);
        assert_ok(zcn_conn_send(journey->conn, number_unit(journey, i)));
        assert_ok(zcn_conn_move(journey->conn, other->loop));
        side *const before = at;
        at = other;
        other = before;
        while (written < frame.size) {
            written += raw_pour(journey->peer, frame.data + written, frame.size - written);
            side_poll(at, 0);
            side_poll(other, 0);
        }
        PUMP_UNTIL(at, other, at->got.count != 0 && at->got.at[at->got.count - 1].type == ZCN_EVENT_MESSAGE);
        const seen *last = &at->got.at[at->got.count - 1];
        assert_int_equal(last->size, 500000);
        assert_memory_equal(last->body, body, 500000);
        collector_clear(&at->got);
        collector_clear(&other->got);
    }
    bytes wire = {0};
    assert_int_equal(read_numbers(journey, &wire, 4), 4);
    assert_numbers(&wire, 4);
    bytes_clear(&wire);
    bytes_clear(&frame);
    free(body);
}

static void move_at_second(side *self, const zcn_event *event) {
    struct journey *journey = self->context;
    if (event->type != ZCN_EVENT_MESSAGE || event->size != 1 || *(const char *)event->data != '2') return;
    assert_ok(zcn_conn_move(event->conn, journey->to.loop));
}

/* What is in the array stays; what is not delivered yet comes on the other loop. */
static void test_conn_move_inside_a_batch(void **state) {
    struct journey *journey = *state;
    assert_ok(zcn_conn_set_option(journey->conn, ZCN_OPTION_MESSAGES_PER_POLL, 4));
    journey->from.context = journey;
    journey->from.on_event = move_at_second;
    for (char c = '0'; c < '0' + 10; c++) raw_write_frame(journey->peer, &c, 1);
    PUMP_UNTIL(&journey->from, &journey->to,
               count_of(&journey->from.got, ZCN_EVENT_MESSAGE) + count_of(&journey->to.got, ZCN_EVENT_MESSAGE) == 10);
    char c = '0';
    for (size_t i = 0; nth_of(&journey->from.got, ZCN_EVENT_MESSAGE, i) != NULL; i++)
        assert_int_equal(*nth_of(&journey->from.got, ZCN_EVENT_MESSAGE, i)->body, c++);
    assert_int_equal(c, '4');
    for (size_t i = 0; nth_of(&journey->to.got, ZCN_EVENT_MESSAGE, i) != NULL; i++)
        assert_int_equal(*nth_of(&journey->to.got, ZCN_EVENT_MESSAGE, i)->body, c++);
    const seen *arrived = nth_of(&journey->to.got, ZCN_EVENT_ARRIVED, 0);
    assert_ptr_equal(arrived, &journey->to.got.at[0]);
}

/* Retained messages live on wherever their connection is. */
static void test_conn_move_leaves_retained_messages_in_place(void **state) {
    struct journey *journey = *state;
    journey->from.got.keep = journey->to.got.keep = true;
    uint8_t body[100];
    for (size_t i = 0; i < 20; i++) {
        fill_pattern(body, sizeof body, i);
        raw_write_frame(journey->peer, body, sizeof body);
        side *const at = i % 2 == 0 ? &journey->from : &journey->to;
        side *const other = i % 2 == 0 ? &journey->to : &journey->from;
        PUMP_UNTIL(at, other, count_of(&at->got, ZCN_EVENT_MESSAGE) == i / 2 + 1);
        assert_ok(zcn_conn_move(journey->conn, other->loop));
        PUMP_UNTIL(other, at, count_of(&other->got, ZCN_EVENT_ARRIVED) == (i + 2) / 2);
    }
    for (size_t i = 0; i < 20; i++) {
        const side *const at = i % 2 == 0 ? &journey->from : &journey->to;
        const zcn_msg *msg = nth_of(&at->got, ZCN_EVENT_MESSAGE, i / 2)->kept;
        assert_int_equal(zcn_msg_size(msg), sizeof body);
        assert_pattern(zcn_msg_data(msg), sizeof body, i);
    }
}

/* Units of one sender keep their order, also those that were posted to the loop that the connection has left. */
static void test_conn_move_keeps_the_order_of_posts(void **state) {
    struct journey *journey = *state;
    uint64_t number = 0;
    for (int i = 0; i < 3; i++) assert_ok(zcn_conn_post(journey->conn, number_unit(journey, number++)));
    assert_ok(zcn_conn_move(journey->conn, journey->to.loop));
    for (int i = 0; i < 3; i++) assert_ok(zcn_conn_post(journey->conn, number_unit(journey, number++)));
    side_poll(&journey->to, 0);
    side_poll(&journey->to, 0);
    side_poll(&journey->from, 0);
    bytes wire = {0};
    assert_int_equal(read_numbers(journey, &wire, number), number);
    assert_numbers(&wire, number);
    bytes_clear(&wire);
}

/* Close takes effect after every send and post that happened before. */
static void test_conn_move_does_not_let_close_overtake_posts(void **state) {
    struct journey *journey = *state;
    for (uint64_t i = 0; i < 3; i++) assert_ok(zcn_conn_post(journey->conn, number_unit(journey, i)));
    assert_ok(zcn_conn_move(journey->conn, journey->to.loop));
    assert_ok(zcn_conn_close(journey->conn));
    side_poll(&journey->to, 0);
    side_poll(&journey->from, 0);
    bytes wire = {0};
    assert_int_equal(read_numbers(journey, &wire, 3), 3);
    assert_numbers(&wire, 3);
    bytes_clear(&wire);
    PUMP_UNTIL(&journey->to, &journey->from, count_of(&journey->to.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&journey->to.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_OK);
}

static void test_conn_move_what_it_refuses(void **state) {
    struct journey *journey = *state;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.pool = pool;
    side foreign;
    side_open(&foreign, &options);
    assert_status(zcn_conn_move(journey->conn, foreign.loop), ZCN_EUNSUPPORTED);
    side_close(&foreign);
    zcn_pool_release(pool);
    /* A socket that nobody accepts from: the connection stays in its beginnings. */
    char bound[128];
    zcn_listener *listener = listen_at(&journey->to, "tcp://127.0.0.1:0", journey->framing, NULL, bound);
    zcn_conn *young;
    assert_ok(zcn_connect(&young, journey->from.loop, bound, journey->framing, NULL));
    if (zcn_conn_get_state(young) == ZCN_STATE_CONNECTING)
        assert_status(zcn_conn_move(young, journey->to.loop), ZCN_EBUSY);
    zcn_listener_release(listener);
    /* It is where it was. */
    assert_ptr_equal(zcn_conn_loop(journey->conn), journey->from.loop);
    raw_write_frame(journey->peer, "hello", 5);
    PUMP_UNTIL(&journey->from, &journey->to, count_of(&journey->from.got, ZCN_EVENT_MESSAGE) == 1);
    assert_ok(zcn_conn_close(journey->conn));
    assert_status(zcn_conn_move(journey->conn, journey->to.loop), ZCN_ECLOSED);
}

/* A loop that is closed takes no newcomers: the connection must not vanish without its CLOSED event. */
static void test_conn_move_to_a_closed_loop(void **state) {
    struct journey *journey = *state;
    assert_ok(zcn_loop_close(journey->to.loop));
    const zcn_status status = zcn_conn_move(journey->conn, journey->to.loop);
    if (status == ZCN_OK) {
        PUMP_UNTIL(&journey->to, &journey->from, count_of(&journey->to.got, ZCN_EVENT_CLOSED) == 1);
    } else {
        assert_status(status, ZCN_ECLOSED);
        raw_write_frame(journey->peer, "hello", 5);
        PUMP_UNTIL(&journey->from, NULL, count_of(&journey->from.got, ZCN_EVENT_MESSAGE) == 1);
    }
}

/* The loop that it left may go. */
static void test_conn_move_and_release_the_old_loop(void **state) {
    struct journey *journey = *state;
    assert_ok(zcn_conn_post(journey->conn, number_unit(journey, 0)));
    side_poll(&journey->from, 0);
    assert_ok(zcn_conn_move(journey->conn, journey->to.loop));
    side_close(&journey->from);
    PUMP_UNTIL(&journey->to, NULL, count_of(&journey->to.got, ZCN_EVENT_ARRIVED) == 1);
    assert_ok(zcn_conn_send(journey->conn, number_unit(journey, 1)));
    bytes wire = {0};
    side_open(&journey->from, NULL);
    assert_int_equal(read_numbers(journey, &wire, 2), 2);
    assert_numbers(&wire, 2);
    bytes_clear(&wire);
}

/* The loop that it is on its way to goes before it arrives. */
static void test_conn_move_to_a_loop_that_goes(void **state) {
    struct journey *journey = *state;
    assert_ok(zcn_conn_move(journey->conn, journey->to.loop));
    side_close(&journey->to);
    assert_int_equal(zcn_conn_get_state(journey->conn), ZCN_STATE_CLOSED);
    assert_status(zcn_conn_send_copy(journey->conn, "x", 1), ZCN_ECLOSED);
    assert_int_equal(raw_read_to_end(journey->peer, NULL, NULL), 0);
    side_open(&journey->to, NULL);
}

#define WITH_JOURNEY(test) cmocka_unit_test_setup_teardown(test, open_journey, close_journey)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_JOURNEY(test_conn_move_appears_on_the_other_loop),
        WITH_JOURNEY(test_conn_move_to_where_it_is),
        WITH_JOURNEY(test_conn_move_takes_queue_and_unfinished_messages_along),
        WITH_JOURNEY(test_conn_move_inside_a_batch),
        WITH_JOURNEY(test_conn_move_leaves_retained_messages_in_place),
        WITH_JOURNEY(test_conn_move_keeps_the_order_of_posts),
        WITH_JOURNEY(test_conn_move_does_not_let_close_overtake_posts),
        WITH_JOURNEY(test_conn_move_what_it_refuses),
        WITH_JOURNEY(test_conn_move_to_a_closed_loop),
        WITH_JOURNEY(test_conn_move_and_release_the_old_loop),
        WITH_JOURNEY(test_conn_move_to_a_loop_that_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
