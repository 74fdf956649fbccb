/* SPDX-License-Identifier: MIT */
/* What every transport does alike: messages of all sizes, whole and in order, by every way to send. */
#include "support.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static void echo(side *self, const zcn_event *event) {
    (void)self;
    if (event->type == ZCN_EVENT_MESSAGE) assert_ok(zcn_conn_forward(event->conn, event->msg));
}

static void test_conformance_echo_of_all_sizes(transport over) {
    static const size_t sizes[] = {0,
                                   1,
                                   2,
                                   59,
                                   60,
                                   61,
                                   63,
                                   64,
                                   65,
                                   1000,
                                   4092,
                                   4096,
                                   65535,
                                   65536,
                                   128 * KIB,
                                   128 * KIB + 1,
                                   256 * KIB - 4,
                                   256 * KIB,
                                   256 * KIB + 1,
                                   300 * KIB,
                                   MIB,
                                   3 * MIB + 7};
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    two.server.on_event = echo;
    two.server.got.no_copy = true;
    uint8_t *body = exact_block(3 * MIB + 7, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fill_pattern(body, sizes[i], i);
        assert_ok(zcn_conn_send_copy(two.dialled, body, sizes[i]));
        PUMP_UNTIL(&two.server, &two.client, count_of(&two.client.got, ZCN_EVENT_MESSAGE) == 1);
        const seen *event = nth_of(&two.client.got, ZCN_EVENT_MESSAGE, 0);
        assert_int_equal(event->size, sizes[i]);
        assert_memory_equal(event->body, body, sizes[i]);
        assert_int_equal(event->frame_size, sizes[i] + 4);
        collector_clear(&two.client.got);
    }
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(two.accepted, &stats));
    assert_int_equal(stats.messages_in, sizeof sizes / sizeof *sizes);
    assert_int_equal(stats.messages_out, stats.messages_in);
    assert_int_equal(stats.bytes_out, stats.bytes_in);
    assert_int_equal(stats.copied_out, 0);
    assert_int_equal(stats.queued_bytes, 0);
    free(body);
    pair_close(&two);
}

/* One way after the other to send the n-th message, whose size and bytes depend on n alone. */
static size_t size_of_nth(size_t n) { return n % 97 == 0 ? 3000 + n % 1000 : n * 31 % 150; }

static zcn_status send_nth(zcn_conn *conn, zcn_framing *framing, size_t n) {
    const size_t size = size_of_nth(n);
    zcn_unit *unit;
    zcn_status status;
    static uint8_t body[4096];
    switch (n / 10 % 4) {
        case 0:
            fill_pattern(body, size, n);
            return zcn_conn_send_copy(conn, body, size);
        case 1:
            unit = pattern_unit(NULL, framing, size, n);
            break;
        case 2:
            assert_ok(zcn_unit_create(&unit, NULL));
            fill_pattern(body, size, n);
            assert_ok(zcn_unit_append_copy(unit, body, size / 2));
            assert_ok(zcn_unit_append_copy(unit, body + size / 2, size - size / 2));
            break;
        default: {
            void *data;
            uint64_t room;
            status = zcn_conn_reserve(conn, &data, &room, size);
            if (status != ZCN_OK) return status;
            assert_true(room >= size);
            fill_pattern(data, size, n);
            assert_ok(zcn_conn_commit(conn, size, NULL, NULL));
            return ZCN_OK;
        }
    }
    status = zcn_conn_send(conn, unit);
    if (status != ZCN_OK) zcn_unit_release(unit);
    return status;
}

static size_t arrived;

static void check_next(side *self, const zcn_event *event) {
    (void)self;
    if (event->type != ZCN_EVENT_MESSAGE) return;
    assert_int_equal(event->size, size_of_nth(arrived));
    assert_pattern(event->data, event->size, arrived);
    arrived++;
}

static void test_conformance_every_way_to_send_keeps_the_order(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    two.server.on_event = check_next;
    two.server.got.no_copy = true;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    arrived = 0;
    const size_t messages = effort(20000, 2000);
    size_t sent = 0;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (arrived < messages) {
        while (sent < messages) {
            const zcn_status status = send_nth(two.dialled, framing, sent);
            if (status == ZCN_AGAIN) break;
            assert_ok(status);
            sent++;
        }
        pump_once(&two.server, &two.client, deadline);
        collector_clear(&two.server.got);
        if (deadline_passed(deadline)) fail_msg("%zu of %zu messages arrived", arrived, messages);
    }
    assert_int_equal(arrived, messages);
    zcn_framing_release(framing);
    pair_close(&two);
}

static void test_conformance_batches_are_sent_whole(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    enum { many = 500 };
    zcn_unit *units[many];
    void *datas[many];
    assert_ok(zcn_unit_alloc_batch(units, datas, many, NULL, framing, 64));
    for (size_t i = 0; i < many; i++) fill_pattern(datas[i], 64, i);
    size_t sent = 0;
    assert_ok(zcn_conn_send_batch(two.dialled, units, many, &sent));
    assert_int_equal(sent, many);
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == many);
    for (size_t i = 0; i < many; i++) {
        const seen *event = nth_of(&two.server.got, ZCN_EVENT_MESSAGE, i);
        assert_int_equal(event->size, 64);
        assert_pattern(event->body, 64, i);
    }
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(two.dialled, &stats));
    assert_int_equal(stats.copied_bytes, 0);
    assert_int_equal(stats.messages_out, many);
    /* Neighbours in memory leave as one piece. */
    assert_in_range(stats.iovecs_out, 1, 4 + stats.write_calls);
    zcn_framing_release(framing);
    pair_close(&two);
}

static void test_conformance_all_framings(transport over) {
    for (size_t i = 0; i < frame_shape_count; i++) {
        const frame_shape *shape = &frame_shapes[i];
        pair two;
        pair_open(&two, over, shape->text, NULL, NULL);
        bytes views = {0};
        size_t expected = 0;
        for (size_t wanted = 0; wanted < 300; wanted += 23) {
            const size_t size = body_size_for(shape, wanted);
            uint8_t body[512];
            fill_body(body, size, wanted);
            bytes frame = {0};
            append_frame(&frame, shape, body, size);
            append_view(&views, shape, frame.data, frame.size);
            bytes_clear(&frame);
            const zcn_status status = zcn_conn_send_copy(two.dialled, body, size);
            if (status != ZCN_OK) fail_msg("%s: %s", shape->text, zcn_status_name(status));
            expected++;
        }
        PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == expected);
        size_t at = 0;
        for (size_t n = 0; n < expected; n++) {
            const seen *event = nth_of(&two.server.got, ZCN_EVENT_MESSAGE, n);
            assert_true(event->size <= views.size - at);
            assert_memory_equal(event->body, views.data + at, event->size);
            at += event->size;
        }
        assert_int_equal(at, views.size);
        bytes_clear(&views);
        pair_close(&two);
    }
}

/* Whatever the sizes of the pieces that arrive, the bytes are those that were sent. */
static void test_conformance_raw_framing_is_a_stream(transport over) {
    pair two;
    pair_open(&two, over, "raw", NULL, NULL);
    const size_t size = 300 * KIB;
    uint8_t *body = exact_block(size, 0);
    fill_pattern(body, size, 17);
    for (size_t at = 0; at < size; at += 30 * KIB) assert_ok(zcn_conn_send_copy(two.dialled, body + at, 30 * KIB));
    bytes all = {0};
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (all.size < size) {
        pump_once(&two.server, &two.client, deadline);
        for (size_t i = 0; i < two.server.got.count; i++) {
            const seen *event = &two.server.got.at[i];
            if (event->type != ZCN_EVENT_MESSAGE) continue;
            assert_true(event->size != 0);
            bytes_append(&all, event->body, event->size);
        }
        collector_clear(&two.server.got);
        assert_false(deadline_passed(deadline));
    }
    assert_int_equal(all.size, size);
    assert_memory_equal(all.data, body, size);
    bytes_clear(&all);
    free(body);
    pair_close(&two);
}

static void test_conformance_both_directions_at_once(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    uint8_t *body = exact_block(200 * KIB, 0);
    const size_t rounds = effort(100, 10);
    size_t sent[2] = {0, 0};
    two.client.got.no_copy = two.server.got.no_copy = true;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (count_of(&two.server.got, ZCN_EVENT_MESSAGE) < rounds ||
           count_of(&two.client.got, ZCN_EVENT_MESSAGE) < rounds) {
        zcn_conn *ends[2] = {two.dialled, two.accepted};
        for (int i = 0; i < 2; i++) {
            while (sent[i] < rounds) {
                const zcn_status status = zcn_conn_send_copy(ends[i], body, 1000 + sent[i] * 1999);
                if (status == ZCN_AGAIN) break;
                assert_ok(status);
                sent[i]++;
            }
        }
        pump_once(&two.server, &two.client, deadline);
        assert_false(deadline_passed(deadline));
    }
    for (size_t i = 0; i < rounds; i++) {
        assert_int_equal(nth_of(&two.server.got, ZCN_EVENT_MESSAGE, i)->size, 1000 + i * 1999);
        assert_int_equal(nth_of(&two.client.got, ZCN_EVENT_MESSAGE, i)->size, 1000 + i * 1999);
    }
    free(body);
    pair_close(&two);
}

static void test_conformance_retained_messages_outlive_the_connection(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    two.server.got.keep = true;
    static const size_t sizes[] = {0, 10, 5000, 200 * KIB, MIB};
    uint8_t *body = exact_block(MIB, 0);
    for (size_t i = 0; i < 5; i++) {
        fill_pattern(body, sizes[i], 40 + i);
        assert_ok(zcn_conn_send_copy(two.dialled, body, sizes[i]));
        PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == i + 1);
    }
    assert_ok(zcn_conn_close(two.dialled));
    PUMP_UNTIL(&two.server, &two.client,
               count_of(&two.server.got, ZCN_EVENT_CLOSED) == 1 && count_of(&two.client.got, ZCN_EVENT_CLOSED) == 1);
    collector kept = two.server.got;
    memset(&two.server.got, 0, sizeof two.server.got);
    pair_close(&two);
    for (size_t i = 0; i < 5; i++) {
        zcn_msg *msg = nth_of(&kept, ZCN_EVENT_MESSAGE, i)->kept;
        assert_int_equal(zcn_msg_size(msg), sizes[i]);
        assert_non_null(zcn_msg_data(msg));
        assert_pattern(zcn_msg_data(msg), sizes[i], 40 + i);
    }
    collector_clear(&kept);
    free(body);
}

static void test_conformance_kept_message_is_sent_on(transport over) {
    pair two;
    pair_open(&two, over, PLAIN_FRAMING, NULL, NULL);
    two.server.got.keep = true;
    uint8_t body[700];
    fill_pattern(body, sizeof body, 8);
    assert_ok(zcn_conn_send_copy(two.dialled, body, sizeof body));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == 1);
    const zcn_msg *msg = nth_of(&two.server.got, ZCN_EVENT_MESSAGE, 0)->kept;
    for (int i = 0; i < 3; i++) assert_ok(zcn_conn_send_msg(two.accepted, msg));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.client.got, ZCN_EVENT_MESSAGE) == 3);
    for (size_t i = 0; i < 3; i++) {
        const seen *event = nth_of(&two.client.got, ZCN_EVENT_MESSAGE, i);
        assert_int_equal(event->size, sizeof body);
        assert_pattern(event->body, sizeof body, 8);
    }
    pair_close(&two);
}

int main(void) {
    const transport_test tests[] = {
        TRANSPORT_TEST(test_conformance_echo_of_all_sizes),
        TRANSPORT_TEST(test_conformance_every_way_to_send_keeps_the_order),
        TRANSPORT_TEST(test_conformance_batches_are_sent_whole),
        TRANSPORT_TEST(test_conformance_all_framings),
        TRANSPORT_TEST(test_conformance_raw_framing_is_a_stream),
        TRANSPORT_TEST(test_conformance_both_directions_at_once),
        TRANSPORT_TEST(test_conformance_retained_messages_outlive_the_connection),
        TRANSPORT_TEST(test_conformance_kept_message_is_sent_on),
    };
    return run_on_each_transport(tests, sizeof tests / sizeof *tests);
}
