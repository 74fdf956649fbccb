/* SPDX-License-Identifier: MIT */
/* How connections end, alike on every transport: drained, by half, by force, by the peer, by a deadline. */
#include "support.h"

#define MIB ((size_t)1024 * 1024)
/* And less than the largest frame. */
#define MORE_THAN_SOCKETS_TAKE (15 * MIB)

static zcn_conn_options with_defaults(void) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    return options;
}

static zcn_status closed_as(const side *on, const zcn_conn *conn) {
    assert_int_equal(count_for(&on->got, ZCN_EVENT_CLOSED, conn), 1);
    /* It is the last word. */
    bool over = false;
    for (size_t i = 0; i < on->got.count; i++) {
        if (on->got.at[i].conn != conn) continue;
        assert_false(over);
        over = on->got.at[i].type == ZCN_EVENT_CLOSED;
    }
    return first_for(&on->got, ZCN_EVENT_CLOSED, conn)->status;
}

static bool is_closed(const side *on, const zcn_conn *conn) { return count_for(&on->got, ZCN_EVENT_CLOSED, conn) != 0; }

static zcn_status error_of(const zcn_conn *conn, char text[240]) {
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_conn_get_error(conn, &error));
    if (text != NULL) memcpy(text, error.text, sizeof error.text);
    return error.status;
}

static uint64_t trailing_of(const zcn_conn *conn) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(conn, &stats));
    return stats.trailing_bytes;
}

static void test_conformance_close_sends_what_is_queued(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    zcn_conn_retain(two.dialled);
    zcn_conn_retain(two.accepted);
    two.server.got.no_copy = true;
    uint8_t *body = exact_block(3 * MIB, 7);
    assert_status(error_of(two.dialled, NULL), ZCN_OK);
    assert_ok(zcn_conn_send_copy(two.dialled, body, 3 * MIB));
    assert_ok(zcn_conn_close(two.dialled));
    assert_int_equal(zcn_conn_get_state(two.dialled), ZCN_STATE_DRAINING);
    assert_ok(zcn_conn_close(two.dialled));
    assert_status(zcn_conn_send_copy(two.dialled, body, 1), ZCN_ECLOSED);
    PUMP_UNTIL(&two.server, &two.client, is_closed(&two.server, two.accepted) && is_closed(&two.client, two.dialled));
    assert_status(closed_as(&two.client, two.dialled), ZCN_OK);
    assert_status(closed_as(&two.server, two.accepted), ZCN_EOF);
    assert_int_equal(nth_of(&two.server.got, ZCN_EVENT_MESSAGE, 0)->size, 3 * MIB);
    assert_int_equal(zcn_conn_get_state(two.dialled), ZCN_STATE_CLOSED);
    assert_int_equal(zcn_conn_fd(two.dialled), -1);
    assert_status(error_of(two.accepted, NULL), ZCN_EOF);
    assert_ok(zcn_conn_close(two.dialled));
    zcn_conn_release(two.dialled);
    zcn_conn_release(two.accepted);
    free(body);
    pair_close(&two);
}

static void test_conformance_close_of_both_ends_at_once(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    for (int i = 0; i < 10; i++) {
        assert_ok(zcn_conn_send_copy(two.dialled, "there", 5));
        assert_ok(zcn_conn_send_copy(two.accepted, "back", 4));
    }
    assert_ok(zcn_conn_flush(two.dialled));
    assert_ok(zcn_conn_flush(two.accepted));
    assert_ok(zcn_conn_close(two.dialled));
    assert_ok(zcn_conn_close(two.accepted));
    PUMP_UNTIL(&two.server, &two.client, is_closed(&two.server, two.accepted) && is_closed(&two.client, two.dialled));
    assert_status(closed_as(&two.client, two.dialled), ZCN_OK);
    assert_status(closed_as(&two.server, two.accepted), ZCN_OK);
    assert_int_equal(count_of(&two.client.got, ZCN_EVENT_MESSAGE), 0);
    pair_close(&two);
}

/* A receiver that closes with unread input must not destroy what it sent before. */
static void test_conformance_close_with_unread_input_loses_nothing(transport over) {
    zcn_conn_options options = with_defaults();
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, &options, NULL);
    uint8_t *body = exact_block(100000, 3);
    assert_ok(zcn_conn_pause(two.accepted));
    for (int i = 0; i < 5; i++) assert_ok(zcn_conn_send_copy(two.dialled, body, 100000));
    pump_idle(&two.client, NULL);
    assert_ok(zcn_conn_send_copy(two.accepted, "answer", 6));
    assert_ok(zcn_conn_close(two.accepted));
    PUMP_UNTIL(&two.server, &two.client, is_closed(&two.server, two.accepted) && is_closed(&two.client, two.dialled));
    assert_status(closed_as(&two.server, two.accepted), ZCN_OK);
    const seen *answer = nth_of(&two.client.got, ZCN_EVENT_MESSAGE, 0);
    assert_non_null(answer);
    assert_memory_equal(answer->body, "answer", 6);
    free(body);
    pair_close(&two);
}

static void test_conformance_half_close(transport over) {
    zcn_conn_options options = with_defaults();
    options.half_open = 1;
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, &options, NULL);
    uint8_t *body = exact_block(2 * MIB, 9);
    assert_ok(zcn_conn_send_copy(two.dialled, body, 2 * MIB));
    assert_ok(zcn_conn_shutdown(two.dialled));
    assert_status(zcn_conn_send_copy(two.dialled, body, 1), ZCN_ECLOSED);
    assert_ok(zcn_conn_shutdown(two.dialled));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_PEER_CLOSED) == 1);
    assert_int_equal(nth_of(&two.server.got, ZCN_EVENT_MESSAGE, 0)->size, 2 * MIB);
    assert_false(is_closed(&two.server, two.accepted));
    /* The other direction is open still. */
    assert_int_equal(zcn_conn_get_state(two.accepted), ZCN_STATE_OPEN);
    for (int i = 0; i < 3; i++) assert_ok(zcn_conn_send_copy(two.accepted, body, 1000));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.client.got, ZCN_EVENT_MESSAGE) == 3);
    assert_false(is_closed(&two.client, two.dialled));
    assert_ok(zcn_conn_close(two.accepted));
    PUMP_UNTIL(&two.server, &two.client, is_closed(&two.server, two.accepted) && is_closed(&two.client, two.dialled));
    assert_status(closed_as(&two.server, two.accepted), ZCN_OK);
    assert_status(closed_as(&two.client, two.dialled), ZCN_EOF);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_PEER_CLOSED), 1);
    free(body);
    pair_close(&two);
}

/* Without half_open the answer to the peer's end is one's own, after what is queued. */
static void test_conformance_peer_end_drains_the_queue(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    uint8_t *body = exact_block(MIB, 1);
    assert_ok(zcn_conn_send_copy(two.accepted, body, MIB - 10));
    assert_ok(zcn_conn_send_copy(two.dialled, "over", 4));
    assert_ok(zcn_conn_shutdown(two.dialled));
    PUMP_UNTIL(&two.server, &two.client, is_closed(&two.server, two.accepted) && is_closed(&two.client, two.dialled));
    assert_status(closed_as(&two.server, two.accepted), ZCN_EOF);
    assert_status(closed_as(&two.client, two.dialled), ZCN_EOF);
    assert_int_equal(nth_of(&two.client.got, ZCN_EVENT_MESSAGE, 0)->size, MIB - 10);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_PEER_CLOSED), 0);
    free(body);
    pair_close(&two);
}

static void test_conformance_abort_ends_at_once(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    zcn_conn_retain(two.dialled);
    uint8_t *body = exact_block(MORE_THAN_SOCKETS_TAKE, 1);
    zcn_unit *unit;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_static(unit, body, MORE_THAN_SOCKETS_TAKE));
    assert_ok(zcn_unit_set_token(unit, 77));
    assert_ok(zcn_conn_send(two.dialled, unit));
    assert_ok(zcn_conn_abort(two.dialled));
    assert_ok(zcn_conn_abort(two.dialled));
    assert_status(zcn_conn_send_copy(two.dialled, body, 1), ZCN_ECLOSED);
    PUMP_UNTIL(&two.server, &two.client, is_closed(&two.client, two.dialled) && is_closed(&two.server, two.accepted));
    assert_status(closed_as(&two.client, two.dialled), ZCN_EABORTED);
    assert_status(error_of(two.dialled, NULL), ZCN_EABORTED);
    /* What was queued has ended too, and says so first. */
    const seen *sent = first_for(&two.client.got, ZCN_EVENT_SENT, two.dialled);
    assert_non_null(sent);
    assert_int_equal(sent->token, 77);
    assert_int_equal(sent->size, 1);
    assert_status(sent->status, ZCN_EABORTED);
    const zcn_status other = closed_as(&two.server, two.accepted);
    if (over == OVER_TCP || over == OVER_TCP6) {
        assert_status(other, ZCN_ERESET);
    } else {
        assert_true(other == ZCN_ERESET || other == ZCN_EFRAME_TRUNCATED || other == ZCN_EOF);
    }
    zcn_conn_release(two.dialled);
    free(body);
    pair_close(&two);
}

/* A server side and a raw peer. */
static int raw_peer(pair *two, transport over, const zcn_conn_options *options) {
    pair_open(two, over, PLAIN_FRAMING, options, NULL);
    /* The dialled connection gives its socket away: what is left is a peer without manners. */
    int fd = -1;
    pump_idle(&two->server, &two->client);
    assert_ok(zcn_conn_take_fd(two->dialled, &fd, NULL));
    assert_true(fd >= 0);
    PUMP_UNTIL(&two->client, NULL, is_closed(&two->client, two->dialled));
    assert_status(closed_as(&two->client, two->dialled), ZCN_OK);
    return fd;
}

static void test_conformance_peer_ends_inside_a_message(transport over) {
    static const size_t parts[] = {1, 3, 4, 5, 70, 5000};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        pair two;
        const int fd = raw_peer(&two, over, NULL);
        zcn_conn_retain(two.accepted);
        bytes wire = {0};
        uint8_t body[8000] = {1};
        append_frame(&wire, &plain_shape, "whole", 5);
        append_frame(&wire, &plain_shape, body, sizeof body);
        raw_write(fd, wire.data, 9 + parts[i]);
        close(fd);
        PUMP_UNTIL(&two.server, NULL, is_closed(&two.server, two.accepted));
        assert_status(closed_as(&two.server, two.accepted), ZCN_EFRAME_TRUNCATED);
        assert_int_equal(count_of(&two.server.got, ZCN_EVENT_MESSAGE), 1);
        assert_int_equal(trailing_of(two.accepted), parts[i]);
        char text[240];
        assert_status(error_of(two.accepted, text), ZCN_EFRAME_TRUNCATED);
        assert_true(strlen(text) > 10);
        zcn_conn_release(two.accepted);
        bytes_clear(&wire);
        pair_close(&two);
    }
}

static void test_conformance_wrong_length_closes_behind_the_good_messages(transport over) {
    pair two;
    const int fd = raw_peer(&two, over, NULL);
    zcn_conn_retain(two.accepted);
    bytes wire = {0};
    for (int i = 0; i < 3; i++) append_frame(&wire, &plain_shape, "good", 4);
    bytes_append(&wire, "\xff\xff\xff\xff", 4);
    raw_write(fd, wire.data, wire.size);
    /* Nothing more has to come: the header is proof enough. */
    PUMP_UNTIL(&two.server, NULL, is_closed(&two.server, two.accepted));
    assert_status(closed_as(&two.server, two.accepted), ZCN_EFRAME_TOO_LARGE);
    assert_status(error_of(two.accepted, NULL), ZCN_EFRAME_TOO_LARGE);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_MESSAGE), 3);
    close(fd);
    zcn_conn_release(two.accepted);
    bytes_clear(&wire);
    pair_close(&two);
}

static void test_conformance_idle_timeout(transport over) {
    zcn_conn_options options = with_defaults();
    options.idle_timeout_ms = 60;
    pair two;
    const int fd = raw_peer(&two, over, &options);
    const uint64_t start = now_ns();
    PUMP_UNTIL(&two.server, NULL, is_closed(&two.server, two.accepted));
    assert_true(now_ns() - start >= 40000000U);
    assert_status(closed_as(&two.server, two.accepted), ZCN_ETIMEDOUT);
    close(fd);
    pair_close(&two);
}

/* A byte now and then keeps nothing alive: the deadline is the whole message's. */
static void test_conformance_message_timeout(transport over) {
    zcn_conn_options options = with_defaults();
    options.message_timeout_ms = 80;
    pair two;
    const int fd = raw_peer(&two, over, &options);
    zcn_conn_retain(two.accepted);
    raw_write_frame(fd, "quick", 5);
    raw_write(fd, "\0\0\x10\0", 4);
    uint64_t dripped = 4;
    const uint64_t start = now_ns();
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (!is_closed(&two.server, two.accepted)) {
        if (dripped < 4000 && raw_pour(fd, "x", 1) == 1) dripped++;
        side_poll(&two.server, 2000000);
        assert_false(deadline_passed(deadline));
    }
    assert_true(now_ns() - start >= 60000000U);
    assert_status(closed_as(&two.server, two.accepted), ZCN_ETIMEDOUT);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_MESSAGE), 1);
    assert_in_range(trailing_of(two.accepted), 4, dripped);
    close(fd);
    zcn_conn_release(two.accepted);
    pair_close(&two);
}

static void test_conformance_drain_timeout(transport over) {
    zcn_conn_options options = with_defaults();
    options.drain_timeout_ms = 60;
    options.high_water = 64 * MIB;
    pair two;
    const int fd = raw_peer(&two, over, &options);
    /* For a peer that never reads. */
    uint8_t *body = exact_block(MORE_THAN_SOCKETS_TAKE, 1);
    for (uint64_t i = 0; i < 3; i++) {
        zcn_unit *unit;
        assert_ok(zcn_unit_create(&unit, NULL));
        assert_ok(zcn_unit_append_static(unit, body, MORE_THAN_SOCKETS_TAKE));
        assert_ok(zcn_unit_set_token(unit, 10 + i));
        assert_ok(zcn_conn_send(two.accepted, unit));
    }
    const uint64_t start = now_ns();
    assert_ok(zcn_conn_close(two.accepted));
    PUMP_UNTIL(&two.server, NULL, is_closed(&two.server, two.accepted));
    assert_true(now_ns() - start >= 40000000U);
    assert_status(closed_as(&two.server, two.accepted), ZCN_ETIMEDOUT);
    const seen *last = NULL;
    for (size_t i = 0; nth_of(&two.server.got, ZCN_EVENT_SENT, i) != NULL; i++)
        last = nth_of(&two.server.got, ZCN_EVENT_SENT, i);
    assert_non_null(last);
    assert_status(last->status, ZCN_ETIMEDOUT);
    assert_int_equal(last->token + last->size, 13);
    close(fd);
    free(body);
    pair_close(&two);
}

/* The peer is gone, and sending finds out: no signal, one CLOSED, and what was on its way from the peer comes first. */
static void test_conformance_sending_to_a_peer_that_is_gone(transport over) {
    pair two;
    const int fd = raw_peer(&two, over, NULL);
    zcn_conn_retain(two.accepted);
    raw_write_frame(fd, "farewell", 8);
    close(fd);
    uint8_t *body = exact_block(60000, 2);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (!is_closed(&two.server, two.accepted)) {
        const zcn_status status = zcn_conn_send_copy(two.accepted, body, 60000);
        assert_true(status == ZCN_OK || status == ZCN_AGAIN || status == ZCN_ECLOSED);
        if (status == ZCN_OK) {
            const zcn_status flushed = zcn_conn_flush(two.accepted);
            assert_true(flushed == ZCN_OK || flushed == ZCN_AGAIN || flushed == ZCN_ECLOSED);
        }
        pump_once(&two.server, NULL, deadline);
        assert_false(deadline_passed(deadline));
    }
    const zcn_status why = closed_as(&two.server, two.accepted);
    assert_true(why == ZCN_ERESET || why == ZCN_EOF);
    assert_status(error_of(two.accepted, NULL), why);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_MESSAGE), 1);
    free(body);
    zcn_conn_release(two.accepted);
    pair_close(&two);
}

int main(void) {
    const transport_test tests[] = {
        TRANSPORT_TEST(test_conformance_close_sends_what_is_queued),
        TRANSPORT_TEST(test_conformance_close_of_both_ends_at_once),
        TRANSPORT_TEST(test_conformance_close_with_unread_input_loses_nothing),
        TRANSPORT_TEST(test_conformance_half_close),
        TRANSPORT_TEST(test_conformance_peer_end_drains_the_queue),
        TRANSPORT_TEST(test_conformance_abort_ends_at_once),
        TRANSPORT_TEST(test_conformance_peer_ends_inside_a_message),
        TRANSPORT_TEST(test_conformance_wrong_length_closes_behind_the_good_messages),
        TRANSPORT_TEST(test_conformance_idle_timeout),
        TRANSPORT_TEST(test_conformance_message_timeout),
        TRANSPORT_TEST(test_conformance_drain_timeout),
        TRANSPORT_TEST(test_conformance_sending_to_a_peer_that_is_gone),
    };
    return run_on_each_transport(tests, sizeof tests / sizeof *tests);
}
