/* SPDX-License-Identifier: MIT */
/* What a stream wants written: gathered in pieces, written in parts, counted. */
#include "support.h"

static zcn_stats stats_of(zcn_stream *stream) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_stream_get_stats(stream, &stats));
    return stats;
}

static zcn_unit *unit_of_segments(size_t segments, size_t size) {
    static const char constant[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    zcn_unit *unit;
    assert_ok(zcn_unit_create(&unit, NULL));
    for (size_t i = 0; i < segments; i++) {
        if (i % 2) {
            assert_ok(zcn_unit_append_copy(unit, constant + i % 7, size % 30));
        } else {
            assert_ok(zcn_unit_append_ref(unit, constant + i % 5, size % 30, NULL, NULL));
        }
    }
    return unit;
}

/* Queues units of every make, and messages sent on. Notes what they are on the wire. */
static void queue_all_kinds(zcn_stream *stream, bytes *expected) {
    zcn_framing *raw = framing_of("raw");
    zcn_msg *msg = owned_msg(NULL, 77, 9);
    for (size_t i = 0; i < 12; i++) {
        uint8_t body[2000];
        size_t size = 0;
        zcn_unit *unit = NULL;
        switch (i % 6) {
            case 0:
            case 1: /* neighbours in pool memory */
                size = 30 + i;
                fill_pattern(body, size, i);
                unit = pattern_unit(NULL, NULL, size, i);
                break;
            case 2: { /* pieces */
                unit = unit_of_segments(5, i + 3);
                size = zcn_unit_size(unit);
                zcn_stream *copy = stream_of(NULL, "raw", NULL);
                zcn_unit *same = unit_of_segments(5, i + 3);
                assert_ok(zcn_stream_send(copy, same));
                bytes whole = {0};
                stream_write(copy, &whole, 0);
                assert_int_equal(whole.size, size);
                memcpy(body, whole.data, size);
                bytes_clear(&whole);
                zcn_stream_release(copy);
                break;
            }
            case 3: /* sealed for another framing */
                size = 50;
                fill_pattern(body, size, i);
                unit = pattern_unit(NULL, NULL, size, i);
                assert_ok(zcn_unit_seal(unit, raw));
                break;
            case 4: /* nothing but its header */
                assert_ok(zcn_unit_create(&unit, NULL));
                break;
            default: { /* a frame as it came */
                const void *frame;
                uint64_t frame_size;
                assert_ok(zcn_stream_send_msg(stream, msg));
                assert_ok(zcn_msg_frame(msg, &frame, &frame_size));
                bytes_append(expected, frame, frame_size);
            }
        }
        if (unit == NULL) continue;
        append_frame(expected, &plain_shape, body, size);
        assert_status(zcn_unit_set_token(unit, i), i % 6 == 3 ? ZCN_EINVAL : ZCN_OK); /* not when it is sealed */
        assert_ok(zcn_stream_send(stream, unit));
    }
    assert_ok(zcn_msg_release(msg));
    zcn_framing_release(raw);
}

/* The same bytes leave, whatever part of them is written each time. */
static void parts_of_every_size(void **state) {
    (void)state;
    for (size_t part = 1; part < 700; part += part < 80 ? 1 : 53) {
        zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
        bytes expected = {0}, wire = {0};
        queue_all_kinds(stream, &expected);
        assert_int_equal(stats_of(stream).queued_bytes, expected.size);
        while (wire.size < expected.size) {
            const size_t left = expected.size - wire.size;
            assert_int_equal(stream_write(stream, &wire, part), part < left ? part : left);
            assert_int_equal(stats_of(stream).queued_bytes, expected.size - wire.size);
            assert_int_equal(stats_of(stream).bytes_out, wire.size);
        }
        assert_int_equal(stream_write(stream, &wire, part), 0);
        assert_memory_equal(wire.data, expected.data, expected.size);
        assert_int_equal(stats_of(stream).messages_out, 12);
        bytes_clear(&expected);
        bytes_clear(&wire);
        zcn_stream_release(stream);
    }
}

/* A first part that ends at every byte, then all the rest at once. */
static void writes_resume_at_every_byte(void **state) {
    (void)state;
    size_t all = 1;
    for (size_t first = 0; first <= all; first++) {
        zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
        bytes expected = {0}, wire = {0};
        queue_all_kinds(stream, &expected);
        all = expected.size;
        if (first != 0) stream_write(stream, &wire, first);
        struct iovec pieces[100];
        size_t count;
        assert_ok(zcn_stream_gather(stream, pieces, 100, &count));
        assert_true(count < 100);
        bytes_append_iovecs(&wire, pieces, count);
        assert_int_equal(wire.size, all);
        assert_memory_equal(wire.data, expected.data, all);
        assert_ok(zcn_stream_write_done(stream, all - first));
        assert_status(zcn_stream_write_done(stream, 1), ZCN_EINVAL);
        collector got = {0};
        stream_collect(stream, &got);
        uint64_t sent = 0;
        for (size_t i = 0; i < got.count; i++) sent += got.at[i].size;
        assert_int_equal(sent, 8); /* ten units, of which two were sealed before they could be given a token */
        collector_clear(&got);
        bytes_clear(&expected);
        bytes_clear(&wire);
        zcn_stream_release(stream);
    }
}

/* Gathering shows as much as there are pieces for, changes nothing, and shows the same again. */
static void gathering_changes_nothing(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    bytes expected = {0};
    queue_all_kinds(stream, &expected);
    for (size_t capacity = 1; capacity < 60; capacity++) {
        struct iovec *pieces = exact_block(capacity * sizeof *pieces, 0);
        size_t count, again;
        assert_ok(zcn_stream_gather(stream, pieces, capacity, &count));
        assert_in_range(count, 1, capacity);
        bytes start = {0};
        bytes_append_iovecs(&start, pieces, count);
        assert_true(start.size <= expected.size);
        assert_memory_equal(start.data, expected.data, start.size);
        if (count < capacity) assert_int_equal(start.size, expected.size);
        for (size_t i = 0; i < count; i++) assert_true(pieces[i].iov_len > 0);
        assert_ok(zcn_stream_gather(stream, pieces, capacity, &again));
        assert_int_equal(again, count);
        bytes_clear(&start);
        free(pieces);
    }
    assert_int_equal(stats_of(stream).queued_bytes, expected.size);
    assert_int_equal(stats_of(stream).bytes_out, 0);
    bytes_clear(&expected);
    zcn_stream_release(stream);
}

static void write_done_wants_the_truth(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    struct iovec piece;
    size_t count = 9;
    assert_ok(zcn_stream_gather(stream, &piece, 1, &count));
    assert_int_equal(count, 0);
    assert_ok(zcn_stream_write_done(stream, 0));
    assert_status(zcn_stream_write_done(stream, 1), ZCN_EINVAL);
    assert_ok(zcn_stream_send(stream, pattern_unit(NULL, NULL, 10, 1)));
    assert_ok(zcn_stream_gather(stream, &piece, 1, &count));
    assert_int_equal(count, 1);
    assert_status(zcn_stream_write_done(stream, 15), ZCN_EINVAL);
    assert_status(zcn_stream_write_done(stream, UINT64_MAX), ZCN_EINVAL);
    assert_ok(zcn_stream_write_done(stream, 0)); /* the socket took nothing */
    assert_int_equal(stats_of(stream).queued_bytes, 14);
    assert_ok(zcn_stream_gather(stream, &piece, 1, &count));
    assert_int_equal(piece.iov_len, 14);
    assert_ok(zcn_stream_write_done(stream, 14));
    assert_int_equal(stats_of(stream).queued_bytes, 0);
    zcn_stream_release(stream);
}

/* Bytes that were given to the kernel do not change: what is queued later merges behind them, never into them. */
static void queueing_goes_on_between_parts(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    bytes expected = {0}, wire = {0};
    for (size_t i = 0; i < 500; i++) {
        uint8_t body[64];
        const size_t size = i % 60;
        fill_pattern(body, size, i);
        append_frame(&expected, &plain_shape, body, size);
        assert_ok(zcn_stream_send(stream, pattern_unit(NULL, NULL, size, i)));
        stream_write(stream, &wire, 1 + i % 50);
    }
    stream_write(stream, &wire, 0);
    assert_int_equal(wire.size, expected.size);
    assert_memory_equal(wire.data, expected.data, expected.size);
    bytes_clear(&expected);
    bytes_clear(&wire);
    zcn_stream_release(stream);
}

/* ---- messages sent on ---- */

static void messages_are_sent_as_they_stand(void **state) {
    (void)state;
    for (size_t s = 0; s < frame_shape_count; s++) {
        /* Its own header goes with it, whatever the send framing is. */
        zcn_stream *from = stream_of(NULL, frame_shapes[s].text, NULL);
        zcn_stream *to = stream_of(NULL, PLAIN_FRAMING, NULL);
        script frames = small_script(&frame_shapes[s]);
        collector got = {.keep = s % 2};
        struct iovec room[2];
        size_t pieces, count;
        const zcn_event *events;
        assert_ok(zcn_stream_read_room(from, room, 2, &pieces));
        memcpy(room[0].iov_base, frames.wire.data, frames.wire.size);
        assert_ok(zcn_stream_read_done(from, frames.wire.size));
        assert_ok(zcn_stream_poll(from, &events, &count, NULL));
        assert_int_equal(count, frames.count);
        collect(&got, events, count);
        for (size_t i = 0; i < count; i++)
            assert_ok(zcn_stream_send_msg(to, got.keep ? got.at[i].kept : events[i].msg));
        collector_clear(&got);
        zcn_stream_release(from);
        /* Neighbours on the way in are neighbours on the way out. */
        struct iovec out[100];
        assert_ok(zcn_stream_gather(to, out, 100, &count));
        assert_int_equal(count, 1);
        bytes wire = {0};
        stream_write(to, &wire, 0);
        assert_int_equal(wire.size, frames.wire.size);
        assert_memory_equal(wire.data, frames.wire.data, wire.size);
        assert_int_equal(stats_of(to).messages_out, frames.count);
        assert_int_equal(stats_of(to).copied_bytes, 0);
        bytes_clear(&wire);
        script_clear(&frames);
        zcn_stream_release(to);
    }
}

static void what_has_no_frame_is_not_sent_on(void **state) {
    (void)state;
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    options.high_water = 100;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
    zcn_msg *msg = owned_msg(NULL, 96, 1), *part, *joined;
    assert_ok(zcn_msg_slice(&part, msg, 0, 96));
    const zcn_msg *const list[] = {msg, msg};
    assert_ok(zcn_msg_join(&joined, list, 2));
    assert_status(zcn_stream_send_msg(stream, part), ZCN_EUNSUPPORTED);
    assert_status(zcn_stream_send_msg(stream, joined), ZCN_EUNSUPPORTED);
    assert_int_equal(stats_of(stream).queued_bytes, 0);
    assert_int_equal(stats_of(stream).messages_out, 0);
    assert_ok(zcn_stream_send_msg(stream, msg));
    assert_status(zcn_stream_send_msg(stream, msg), ZCN_AGAIN);
    bytes wire = {0};
    stream_write(stream, &wire, 0);
    assert_int_equal(wire.size, 100);
    bytes_clear(&wire);
    collector got = {0};
    stream_collect(stream, &got);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.at[0].type, ZCN_EVENT_WRITABLE);
    collector_clear(&got);
    assert_ok(zcn_msg_release(msg));
    assert_ok(zcn_msg_release(part));
    assert_ok(zcn_msg_release(joined));
    zcn_stream_release(stream);
}

/* ---- counters ---- */

static void counters_add_up(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    zcn_stats stats = stats_of(stream);
    assert_int_equal(stats.struct_size, sizeof stats);
    assert_int_equal(stats.messages_in + stats.bytes_in + stats.messages_out + stats.bytes_out + stats.read_calls +
                         stats.write_calls + stats.iovecs_out + stats.copied_bytes + stats.queued_bytes +
                         stats.unfinished_bytes + stats.trailing_bytes,
                     0);
    for (uint64_t i = 1; i <= 20; i++) {
        zcn_unit *pieces[3];
        struct iovec gathered[8];
        size_t count;
        /* Three units that do not lie side by side. */
        for (size_t k = 0; k < 3; k++) {
            assert_ok(zcn_unit_create(&pieces[k], NULL));
            assert_ok(zcn_unit_append_static(pieces[k], "0123456789" + k, 5));
            assert_ok(zcn_stream_send(stream, pieces[k]));
        }
        stats = stats_of(stream);
        assert_int_equal(stats.messages_out, 3 * i);
        assert_int_equal(stats.queued_bytes, 27);
        assert_ok(zcn_stream_gather(stream, gathered, 8, &count));
        bytes wire = {0};
        bytes_append_iovecs(&wire, gathered, count);
        assert_ok(zcn_stream_write_done(stream, wire.size));
        const uint64_t before = stats.iovecs_out;
        stats = stats_of(stream);
        assert_int_equal(stats.write_calls, i);
        assert_int_equal(stats.iovecs_out, before + count);
        assert_int_equal(stats.bytes_out, 27 * i);
        assert_int_equal(stats.queued_bytes, 0);
        struct iovec room[2];
        assert_ok(zcn_stream_read_room(stream, room, 2, &count));
        memcpy(room[0].iov_base, wire.data, wire.size);
        assert_ok(zcn_stream_read_done(stream, wire.size));
        assert_int_equal(stream_collect(stream, NULL), 3);
        stats = stats_of(stream);
        assert_int_equal(stats.read_calls, i);
        assert_int_equal(stats.messages_in, 3 * i);
        assert_int_equal(stats.bytes_in, 27 * i);
        bytes_clear(&wire);
    }
    assert_int_equal(stats.copied_bytes, 0);
    zcn_stream_release(stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_every_size),
        cmocka_unit_test(writes_resume_at_every_byte),
        cmocka_unit_test(gathering_changes_nothing),
        cmocka_unit_test(write_done_wants_the_truth),
        cmocka_unit_test(queueing_goes_on_between_parts),
        cmocka_unit_test(messages_are_sent_as_they_stand),
        cmocka_unit_test(what_has_no_frame_is_not_sent_on),
        cmocka_unit_test(counters_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
