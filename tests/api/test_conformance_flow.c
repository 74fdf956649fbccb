/* SPDX-License-Identifier: MIT */
/* Flow, alike on every transport: pausing, water marks, sent tokens, passing on under back-pressure, batches. */
#include "support.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static zcn_conn_options with_defaults(void) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    return options;
}

static uint64_t queued_on(const zcn_conn *conn) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(conn, &stats));
    return stats.queued_bytes;
}

static void test_conformance_pause_and_resume(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    assert_ok(zcn_conn_pause(two.accepted));
    assert_ok(zcn_conn_pause(two.accepted));
    for (int i = 0; i < 10; i++) assert_ok(zcn_conn_send_copy(two.dialled, &i, sizeof i));
    pump_idle(&two.server, &two.client);
    side_poll(&two.server, 20000000);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_MESSAGE), 0);
    assert_ok(zcn_conn_resume(two.accepted));
    assert_ok(zcn_conn_resume(two.accepted));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == 10);
    for (int i = 0; i < 10; i++)
        assert_memory_equal(nth_of(&two.server.got, ZCN_EVENT_MESSAGE, (size_t)i)->body, &i, sizeof i);
    pair_close(&two);
}

static void test_conformance_start_paused(transport over) {
    zcn_conn_options options = with_defaults();
    options.start_paused = 1;
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, &options, NULL);
    assert_ok(zcn_conn_send_copy(two.dialled, "early", 5));
    pump_idle(&two.server, &two.client);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_MESSAGE), 0);
    assert_ok(zcn_conn_resume(two.accepted));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == 1);
    pair_close(&two);
}

/* A message that is half there when the reading stops does not run into its deadline meanwhile. */
static void test_conformance_deadlines_stand_still_while_paused(transport over) {
    zcn_conn_options options = with_defaults();
    options.message_timeout_ms = 50;
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, &options, NULL);
    /* A frame that says 1 MiB and is sent by halves. */
    zcn_framing *raw = framing_of("raw");
    assert_ok(zcn_conn_set_send_framing(two.dialled, raw));
    bytes frame = {0};
    uint8_t *body = exact_block(MIB, 6);
    append_frame(&frame, &plain_shape, body, MIB);
    assert_ok(zcn_conn_send_copy(two.dialled, frame.data, frame.size / 64));
    assert_ok(zcn_conn_flush(two.dialled));
    side_poll(&two.server, 1000000);
    assert_ok(zcn_conn_pause(two.accepted));
    const uint64_t until = now_ns() + 150000000;
    while (!deadline_passed(until)) side_poll(&two.server, 10000000);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_CLOSED), 0);
    /* The rest may take its time. */
    assert_ok(zcn_conn_set_option(two.accepted, ZCN_OPTION_MESSAGE_TIMEOUT_MS, WAIT_MS));
    assert_ok(zcn_conn_resume(two.accepted));
    assert_ok(zcn_conn_send_copy(two.dialled, frame.data + frame.size / 64, frame.size - frame.size / 64));
    PUMP_UNTIL(&two.server, &two.client,
               two.server.got.count !=
                   count_of(&two.server.got, ZCN_EVENT_ACCEPTED) + count_of(&two.server.got, ZCN_EVENT_CONNECTED));
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_MESSAGE), 1);
    bytes_clear(&frame);
    free(body);
    zcn_framing_release(raw);
    pair_close(&two);
}

static void test_conformance_water_marks(transport over) {
    zcn_conn_options options = with_defaults();
    options.high_water = 256 * KIB;
    options.low_water = 32 * KIB;
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, &options, NULL);
    two.server.got.no_copy = true;
    assert_ok(zcn_conn_pause(two.accepted));
    uint8_t *body = exact_block(10000, 6);
    size_t sent = 0;
    for (;;) {
        const zcn_status status = zcn_conn_send_copy(two.dialled, body, 10000);
        if (status == ZCN_AGAIN) break;
        assert_ok(status);
        sent++;
        assert_in_range(sent, 1, 20000);
    }
    /* Memory is bounded: the mark, and the one message that reached it. */
    assert_in_range(queued_on(two.dialled), 256 * KIB, 256 * KIB + 10004);
    assert_status(zcn_conn_send_copy(two.dialled, body, 1), ZCN_AGAIN);
    void *data;
    assert_status(zcn_conn_reserve(two.dialled, &data, NULL, 1), ZCN_AGAIN);
    assert_null(data);
    zcn_unit *unit;
    assert_ok(zcn_unit_alloc(&unit, &data, NULL, NULL, 5));
    assert_status(zcn_conn_send(two.dialled, unit), ZCN_AGAIN);
    zcn_unit_release(unit);
    pump_idle(&two.client, NULL);
    assert_int_equal(count_of(&two.client.got, ZCN_EVENT_WRITABLE), 0);
    assert_ok(zcn_conn_resume(two.accepted));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.client.got, ZCN_EVENT_WRITABLE) == 1);
    assert_true(queued_on(two.dialled) <= 32 * KIB);
    assert_ok(zcn_conn_send_copy(two.dialled, body, 10000));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == sent + 1);
    pump_idle(&two.server, &two.client);
    /* Once for each refusal that nothing has followed since. */
    assert_int_equal(count_of(&two.client.got, ZCN_EVENT_WRITABLE), 1);
    free(body);
    pair_close(&two);
}

static void send_with_token(zcn_conn *conn, zcn_framing *framing, uint64_t token) {
    zcn_unit *unit = pattern_unit(NULL, framing, 20, token);
    assert_ok(zcn_unit_set_token(unit, token));
    assert_ok(zcn_conn_send(conn, unit));
}

static void test_conformance_sent_tokens_are_merged(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    for (uint64_t token = 100; token < 400; token++) send_with_token(two.dialled, framing, token);
    send_with_token(two.dialled, framing, UINT64_MAX);
    send_with_token(two.dialled, framing, 0);
    send_with_token(two.dialled, framing, 7);
    assert_ok(zcn_conn_send_copy(two.dialled, "no token", 8));
    send_with_token(two.dialled, framing, 8);
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == 305);
    PUMP_UNTIL(&two.server, &two.client, queued_on(two.dialled) == 0);
    pump_idle(&two.server, &two.client);
    uint64_t next = 100;
    uint64_t last[4];
    size_t lasts = 0;
    size_t events = 0;
    for (size_t i = 0; nth_of(&two.client.got, ZCN_EVENT_SENT, i) != NULL; i++, events++) {
        const seen *event = nth_of(&two.client.got, ZCN_EVENT_SENT, i);
        assert_status(event->status, ZCN_OK);
        assert_ptr_equal(event->conn, two.dialled);
        assert_true(event->size >= 1);
        for (uint64_t k = 0; k < event->size; k++) {
            if (next < 400) {
                assert_int_equal(event->token + k, next++);
            } else {
                assert_true(lasts < 4);
                last[lasts++] = event->token + k;
            }
        }
    }
    assert_int_equal(lasts, 4);
    const uint64_t expected[4] = {UINT64_MAX, 0, 7, 8};
    assert_memory_equal(last, expected, sizeof expected);
    assert_in_range(events, 2, 40);
    zcn_framing_release(framing);
    pair_close(&two);
}

static atomic_uint released;

static void count_release(void *context, const void *data, uint64_t size) {
    const struct iovec *expected = context;
    if (expected->iov_base == data && expected->iov_len == size) atomic_fetch_add(&released, 1);
}

static void test_conformance_foreign_memory_is_released_once(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    atomic_store(&released, 0);
    uint8_t *body = exact_block(2 * MIB, 0);
    fill_pattern(body, 2 * MIB, 3);
    struct iovec given = {body, 2 * MIB};
    zcn_unit *unit;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_ref(unit, body, 2 * MIB, count_release, &given));
    assert_ok(zcn_conn_send(two.dialled, unit));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == 1);
    assert_pattern(nth_of(&two.server.got, ZCN_EVENT_MESSAGE, 0)->body, 2 * MIB, 3);
    assert_int_equal(atomic_load(&released), 1);
    /* And for one that never leaves. */
    assert_ok(zcn_conn_pause(two.accepted));
    for (int i = 0; i < 4; i++) {
        assert_ok(zcn_unit_create(&unit, NULL));
        assert_ok(zcn_unit_append_ref(unit, body, 2 * MIB, count_release, &given));
        const zcn_status status = zcn_conn_send(two.dialled, unit);
        if (status != ZCN_OK) {
            assert_status(status, ZCN_AGAIN);
            zcn_unit_release(unit);
        }
    }
    assert_ok(zcn_conn_abort(two.dialled));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.client.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(atomic_load(&released), 5);
    free(body);
    pair_close(&two);
}

static void forward(side *self, const zcn_event *event) {
    if (event->type == ZCN_EVENT_MESSAGE) assert_ok(zcn_conn_forward(self->context, event->msg));
}

/* An echo whose reader is slow: nothing is lost, and what waits in the middle stays bounded. */
static void test_conformance_forward_holds_the_source_up(transport over) {
    zcn_conn_options options = with_defaults();
    options.high_water = 128 * KIB;
    options.read_budget = 64 * KIB;
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, &options, NULL);
    two.server.got.no_copy = true;
    two.server.on_event = forward;
    two.server.context = two.accepted;
    assert_ok(zcn_conn_pause(two.dialled));
    uint8_t body[4000];
    const size_t messages = effort(5000, 1000);
    size_t sent = 0;
    uint64_t most = 0;
    bool resumed = false;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    size_t quiet = 0;
    while (count_of(&two.client.got, ZCN_EVENT_MESSAGE) < messages) {
        const size_t before = sent;
        while (sent < messages) {
            fill_pattern(body, sizeof body, sent);
            const zcn_status status = zcn_conn_send_copy(two.dialled, body, sizeof body);
            if (status == ZCN_AGAIN) break;
            assert_ok(status);
            sent++;
        }
        side_poll(&two.client, 0);
        side_poll(&two.server, 0);
        if (queued_on(two.accepted) > most) most = queued_on(two.accepted);
        quiet = sent == before ? quiet + 1 : 0;
        /* Everything is full, or sent: now the reader begins. */
        if (!resumed && (quiet > 50 || sent == messages)) {
            assert_ok(zcn_conn_resume(two.dialled));
            resumed = true;
        }
        assert_false(deadline_passed(deadline));
    }
    for (size_t i = 0; i < messages; i++) {
        const seen *event = nth_of(&two.client.got, ZCN_EVENT_MESSAGE, i);
        assert_int_equal(event->size, sizeof body);
        assert_pattern(event->body, sizeof body, i);
    }
    /* The mark, and one array of messages. */
    assert_true(most <= 128 * KIB + 2 * 64 * KIB + 256 * KIB);
    pair_close(&two);
}

/* ---- in the middle of a batch ---- */

static void close_at_second(side *self, const zcn_event *event) {
    if (event->type != ZCN_EVENT_MESSAGE || ++*(int *)self->context != 2) return;
    assert_ok(zcn_conn_close(event->conn));
    /* The message in hand is still there. */
    assert_int_equal(zcn_msg_size(event->msg), 4);
}

static void test_conformance_close_blanks_what_follows(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    int count = 0;
    two.server.context = &count;
    for (int i = 0; i < 10; i++) assert_ok(zcn_conn_send_copy(two.dialled, &i, sizeof i));
    assert_ok(zcn_conn_flush(two.dialled));
    pump_idle(&two.client, NULL);
    two.server.on_event = close_at_second;
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(count, 2);
    pair_close(&two);
}

static void test_conformance_one_message_a_poll(transport over) {
    zcn_conn_options options = with_defaults();
    options.messages_per_poll = 1;
    pair two;
    pair_open(&two, over, "delimiter=\\n,strip=1", &options, NULL);
    zcn_framing *plain = framing_of(PLAIN_FRAMING);
    zcn_framing *raw = framing_of("raw");
    /* A line that announces what follows: frames with a length. All of it is sent at once. */
    bytes wire = {0};
    bytes_append(&wire, "UPGRADE\n", 8);
    append_frame(&wire, &plain_shape, "first\n", 6);
    append_frame(&wire, &plain_shape, "", 0);
    append_frame(&wire, &plain_shape, "last", 4);
    assert_ok(zcn_conn_set_send_framing(two.dialled, raw));
    assert_ok(zcn_conn_send_copy(two.dialled, wire.data, wire.size));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == 1);
    assert_memory_equal(nth_of(&two.server.got, ZCN_EVENT_MESSAGE, 0)->body, "UPGRADE", 7);
    assert_ok(zcn_conn_set_framing(two.accepted, NULL, plain));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == 4);
    assert_memory_equal(nth_of(&two.server.got, ZCN_EVENT_MESSAGE, 1)->body, "first\n", 6);
    assert_int_equal(nth_of(&two.server.got, ZCN_EVENT_MESSAGE, 2)->size, 0);
    assert_memory_equal(nth_of(&two.server.got, ZCN_EVENT_MESSAGE, 3)->body, "last", 4);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_CLOSED), 0);
    bytes_clear(&wire);
    zcn_framing_release(raw);
    zcn_framing_release(plain);
    pair_close(&two);
}

static void upgrade(side *self, const zcn_event *event) {
    if (event->type != ZCN_EVENT_MESSAGE || event->size != 7 || memcmp(event->data, "UPGRADE", 7) != 0) return;
    assert_ok(zcn_conn_set_framing(event->conn, event->msg, self->context));
}

/* The same without the option: what was found under the old framing is blanked, errors included, and comes again. */
static void test_conformance_framing_changes_in_a_batch(transport over) {
    pair two;
    pair_open(&two, over, "delimiter=\\n,strip=1,max=64", NULL, NULL);
    zcn_framing *plain = framing_of(PLAIN_FRAMING);
    zcn_framing *raw = framing_of("raw");
    two.server.context = plain;
    two.server.on_event = upgrade;
    uint8_t body[5000];
    fill_body(body, sizeof body, 4);
    bytes wire = {0};
    bytes_append(&wire, "HELLO\nUPGRADE\n", 14);
    append_frame(&wire, &plain_shape, "one\ntwo\nthree\n", 14);
    append_frame(&wire, &plain_shape, body, sizeof body); /* too long for a line */
    append_frame(&wire, &plain_shape, "\n", 1);
    assert_ok(zcn_conn_set_send_framing(two.dialled, raw));
    assert_ok(zcn_conn_send_copy(two.dialled, wire.data, wire.size));
    PUMP_UNTIL(&two.server, &two.client,
               count_of(&two.server.got, ZCN_EVENT_CLOSED) == 1 ||
                   (nth_of(&two.server.got, ZCN_EVENT_MESSAGE, 0) != NULL &&
                    two.server.got.at[two.server.got.count - 1].type == ZCN_EVENT_MESSAGE &&
                    two.server.got.at[two.server.got.count - 1].size == 1));
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_CLOSED), 0);
    /* Behind UPGRADE: three frames, whatever was noted before the change. */
    const size_t all = two.server.got.count;
    assert_int_equal(two.server.got.at[all - 3].size, 14);
    assert_memory_equal(two.server.got.at[all - 3].body, "one\ntwo\nthree\n", 14);
    assert_int_equal(two.server.got.at[all - 2].size, sizeof body);
    assert_memory_equal(two.server.got.at[all - 2].body, body, sizeof body);
    bytes_clear(&wire);
    zcn_framing_release(raw);
    zcn_framing_release(plain);
    pair_close(&two);
}

int main(void) {
    const transport_test tests[] = {
        TRANSPORT_TEST(test_conformance_pause_and_resume),
        TRANSPORT_TEST(test_conformance_start_paused),
        TRANSPORT_TEST(test_conformance_deadlines_stand_still_while_paused),
        TRANSPORT_TEST(test_conformance_water_marks),
        TRANSPORT_TEST(test_conformance_sent_tokens_are_merged),
        TRANSPORT_TEST(test_conformance_foreign_memory_is_released_once),
        TRANSPORT_TEST(test_conformance_forward_holds_the_source_up),
        TRANSPORT_TEST(test_conformance_close_blanks_what_follows),
        TRANSPORT_TEST(test_conformance_one_message_a_poll),
        TRANSPORT_TEST(test_conformance_framing_changes_in_a_batch),
    };
    return run_on_each_transport(tests, sizeof tests / sizeof *tests);
}
