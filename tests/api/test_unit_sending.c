/* SPDX-License-Identifier: MIT */
/* Units on their way: consumed or not, shared between streams, tokens, foreign memory that comes back. */
#include <pthread.h>

#include "support.h"

static const frame_shape raw_shape = {.text = "raw", .kind = ZCN_FRAMING_RAW};

static zcn_unit *empty_unit(zcn_pool *pool) {
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, pool));
    return unit;
}

typedef struct given {
    const void *data;
    uint64_t size;
    int times;
} given;

static void give_back(void *context, const void *data, uint64_t size) {
    given *one = context;
    one->data = data;
    one->size = size;
    one->times++;
}

static zcn_stats stats_of(zcn_stream *stream) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_stream_get_stats(stream, &stats));
    return stats;
}

static void assert_writes(zcn_stream *stream, const frame_shape *shape, const void *body, size_t size) {
    bytes wire = {0}, expected = {0};
    stream_write(stream, &wire, 0);
    append_frame(&expected, shape, body, size);
    assert_int_equal(wire.size, expected.size);
    assert_memory_equal(wire.data, expected.data, expected.size);
    bytes_clear(&wire);
    bytes_clear(&expected);
}

/* ---- one unit, many streams ---- */

/* Sealed once, sent on a stream of every framing, also where its own header does not fit: no byte of it changes. */
static void sealed_units_serve_every_framing(void **state) {
    (void)state;
    for (size_t from = 0; from < frame_shape_count; from++) {
        const size_t size = frame_shapes[from].fixed != 0 ? frame_shapes[from].fixed : 7;
        uint8_t body[16];
        fill_body(body, size, from);
        for (int variant = 0; variant < 2; variant++) {
            zcn_framing *framing = framing_of(frame_shapes[from].text);
            zcn_unit *unit;
            void *data;
            if (variant == 0) {
                assert_ok(zcn_unit_alloc(&unit, &data, NULL, framing, size));
                memcpy(data, body, size);
            } else {
                unit = empty_unit(NULL);
                assert_ok(zcn_unit_append_static(unit, body, 1));
                assert_ok(zcn_unit_append_static(unit, body + 1, size - 1));
            }
            assert_ok(zcn_unit_seal(unit, framing));
            zcn_framing_release(framing);
            zcn_stream *streams[32];
            assert_true(frame_shape_count <= 32);
            for (size_t to = 0; to < frame_shape_count; to++) {
                streams[to] = stream_of(NULL, frame_shapes[to].text, NULL);
                zcn_unit_retain(unit);
                const zcn_status status = zcn_stream_send(streams[to], unit);
                if (frame_shapes[to].fixed != 0 && frame_shapes[to].fixed != size) {
                    assert_status(status, ZCN_EFRAME_SIZE);
                    zcn_unit_release(unit);
                    zcn_stream_release(streams[to]);
                    streams[to] = NULL;
                } else if (frame_shapes[to].adjust > (int64_t)size) {
                    assert_status(status, ZCN_EFRAME_UNDERFLOW);
                    zcn_unit_release(unit);
                    zcn_stream_release(streams[to]);
                    streams[to] = NULL;
                } else {
                    assert_status(status, ZCN_OK);
                }
            }
            zcn_unit_release(unit);
            for (size_t to = 0; to < frame_shape_count; to++) {
                if (streams[to] == NULL) continue;
                assert_writes(streams[to], &frame_shapes[to], body, size);
                zcn_stream_release(streams[to]);
            }
        }
    }
}

/* However long the header of the other framing is. */
static void sealed_units_get_long_headers_too(void **state) {
    (void)state;
    static const frame_shape shapes[] = {
        {.text = "length,offset=12", .kind = ZCN_FRAMING_LENGTH, .width = 4, .offset = 12},
        {.text = "length,offset=13", .kind = ZCN_FRAMING_LENGTH, .width = 4, .offset = 13},
        {.text = "length,offset=1000", .kind = ZCN_FRAMING_LENGTH, .width = 4, .offset = 1000},
        {.text = "delimiter=0123456789abcdef",
         .kind = ZCN_FRAMING_DELIMITER,
         .delimiter = "0123456789abcdef",
         .delimiter_size = 16},
        {.text = "delimiter=0123456789abcdefg",
         .kind = ZCN_FRAMING_DELIMITER,
         .delimiter = "0123456789abcdefg",
         .delimiter_size = 17},
    };
    zcn_framing *framing = framing_of("raw");
    zcn_unit *unit = empty_unit(NULL);
    assert_ok(zcn_unit_append_static(unit, "body", 4));
    assert_ok(zcn_unit_seal(unit, framing));
    zcn_framing_release(framing);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        zcn_stream *stream = stream_of(NULL, shapes[i].text, NULL);
        zcn_unit_retain(unit);
        const zcn_status status = zcn_stream_send(stream, unit);
        if (status != ZCN_OK) fail_msg("%s: %s", shapes[i].text, zcn_status_name(status));
        assert_writes(stream, &shapes[i], "body", 4);
        zcn_stream_release(stream);
    }
    zcn_unit_release(unit);
}

/* The prefix goes with the unit, and one of the wrong size is refused there too. */
static void prefixes_go_to_other_framings(void **state) {
    (void)state;
    zcn_framing *framing = framing_of("length,offset=3,width=2");
    zcn_unit *unit = pattern_unit(NULL, framing, 10, 1);
    assert_ok(zcn_unit_set_prefix(unit, "abc", 3));
    assert_ok(zcn_unit_seal(unit, framing));
    zcn_framing_release(framing);
    zcn_stream *same = stream_of(NULL, "length,offset=3,width=1", NULL);
    zcn_stream *other = stream_of(NULL, "length,offset=2,width=1", NULL);
    zcn_unit_retain(unit);
    assert_ok(zcn_stream_send(same, unit));
    assert_status(zcn_stream_send(other, unit), ZCN_EINVAL);
    zcn_unit_release(unit);
    bytes wire = {0};
    stream_write(same, &wire, 0);
    assert_int_equal(wire.size, 14);
    assert_memory_equal(wire.data, "abc\x0A", 4);
    assert_pattern(wire.data + 4, 10, 1);
    bytes_clear(&wire);
    zcn_stream_release(same);
    zcn_stream_release(other);
}

/* Retained and not sealed: the first send seals it, the others share it. */
static void retained_units_are_sent_again(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    zcn_unit *unit = pattern_unit(NULL, NULL, 100, 3);
    for (int i = 0; i < 5; i++) {
        zcn_unit_retain(unit);
        assert_ok(zcn_stream_send(stream, unit));
    }
    assert_status(zcn_unit_truncate(unit, 1), ZCN_EINVAL); /* sealed by then */
    zcn_unit_release(unit);
    bytes wire = {0}, expected = {0};
    uint8_t body[100];
    fill_pattern(body, 100, 3);
    for (int i = 0; i < 5; i++) append_frame(&expected, &plain_shape, body, 100);
    assert_int_equal(stats_of(stream).queued_bytes, expected.size);
    assert_int_equal(stats_of(stream).messages_out, 5);
    stream_write(stream, &wire, 0);
    assert_int_equal(wire.size, expected.size);
    assert_memory_equal(wire.data, expected.data, wire.size);
    bytes_clear(&wire);
    bytes_clear(&expected);
    zcn_stream_release(stream);
}

/* Each stream has its own progress, and foreign memory comes back after the last of them. */
static void progress_belongs_to_the_stream(void **state) {
    (void)state;
    char memory[1000];
    fill_pattern(memory, sizeof memory, 1);
    given back = {0};
    zcn_stream *streams[3];
    zcn_unit *unit = empty_unit(NULL);
    assert_ok(zcn_unit_append_ref(unit, memory, sizeof memory, give_back, &back));
    assert_ok(zcn_unit_set_token(unit, 42));
    for (size_t i = 0; i < 3; i++) {
        streams[i] = stream_of(NULL, PLAIN_FRAMING, NULL);
        zcn_unit_retain(unit);
        assert_ok(zcn_stream_send(streams[i], unit));
    }
    zcn_unit_release(unit);
    bytes wires[3] = {{0}};
    for (int turn = 0; turn < 1000; turn++)
        for (size_t i = 0; i < 3; i++) {
            stream_write(streams[i], &wires[i], i + 1);
            const bool done = wires[i].size == 1004;
            collector got = {0};
            stream_collect(streams[i], &got);
            /* Told once, when the last byte has gone. */
            if (got.count != 0) {
                assert_true(done);
                assert_int_equal(got.count, 1);
                assert_int_equal(got.at[0].type, ZCN_EVENT_SENT);
                assert_int_equal(got.at[0].token, 42);
                assert_int_equal(got.at[0].size, 1);
                assert_int_equal(got.at[0].status, ZCN_OK);
            }
            collector_clear(&got);
            const bool all = wires[0].size == 1004 && wires[1].size == 1004 && wires[2].size == 1004;
            assert_int_equal(back.times, all);
        }
    for (size_t i = 0; i < 3; i++) stream_write(streams[i], &wires[i], 0);
    assert_int_equal(back.times, 1);
    assert_ptr_equal(back.data, memory);
    assert_int_equal(back.size, sizeof memory);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(wires[i].size, 1004);
        assert_memory_equal(wires[i].data + 4, memory, sizeof memory);
        bytes_clear(&wires[i]);
        zcn_stream_release(streams[i]);
    }
    assert_int_equal(back.times, 1);
}

/* ---- consumed on ZCN_OK, and only then ---- */

static void refused_units_stay_the_callers(void **state) {
    (void)state;
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    options.high_water = 1000;
    options.low_water = 500;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
    char memory[600];
    fill_pattern(memory, sizeof memory, 7);
    given backs[3] = {{0}};
    zcn_unit *units[3];
    for (size_t i = 0; i < 3; i++) {
        units[i] = empty_unit(NULL);
        assert_ok(zcn_unit_append_ref(units[i], memory, sizeof memory, give_back, &backs[i]));
    }
    assert_ok(zcn_stream_send(stream, units[0]));
    assert_ok(zcn_stream_send(stream, units[1])); /* below high water before it */
    assert_status(zcn_stream_send(stream, units[2]), ZCN_AGAIN);
    assert_int_equal(stats_of(stream).queued_bytes, 1208);
    assert_int_equal(stats_of(stream).messages_out, 2);
    /* It is as it was: open, of the same size, and goes elsewhere. */
    assert_int_equal(zcn_unit_size(units[2]), 600);
    assert_ok(zcn_unit_truncate(units[2], 10));
    zcn_stream *other = stream_of(NULL, "raw", NULL);
    assert_ok(zcn_stream_send(other, units[2]));
    assert_writes(other, &raw_shape, memory, 10);
    zcn_stream_release(other);
    assert_int_equal(backs[2].times, 1);
    assert_int_equal(backs[0].times + backs[1].times, 0);
    zcn_stream_release(stream);
    assert_int_equal(backs[0].times, 1);
    assert_int_equal(backs[1].times, 1);
}

static void writable_follows_again(void **state) {
    (void)state;
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    options.high_water = 1000;
    options.low_water = 300;
    options.user = 77;
    zcn_stream *stream = stream_of(NULL, "raw", &options);
    collector got = {0};
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 10; i++) assert_ok(zcn_stream_send(stream, pattern_unit(NULL, NULL, 100, i)));
        /* At high water, not only above it. */
        zcn_unit *unit = pattern_unit(NULL, NULL, 1, 1);
        if (round != 1) assert_status(zcn_stream_send(stream, unit), ZCN_AGAIN);
        bytes wire = {0};
        stream_write(stream, &wire, 699);
        stream_collect(stream, &got);
        assert_int_equal(got.count, 0); /* 301 bytes are queued */
        stream_write(stream, &wire, 2);
        stream_collect(stream, &got);
        /* Only where it was asked for. */
        assert_int_equal(got.count, round != 1);
        if (round != 1) {
            assert_int_equal(got.at[0].type, ZCN_EVENT_WRITABLE);
            assert_int_equal(got.at[0].user, 77);
            assert_null(got.at[0].conn);
        }
        stream_write(stream, &wire, 0);
        assert_int_equal(stream_collect(stream, NULL), 0); /* once */
        assert_ok(zcn_stream_send(stream, unit));
        stream_write(stream, &wire, 0);
        assert_int_equal(wire.size, 1001);
        bytes_clear(&wire);
        collector_clear(&got);
    }
    zcn_stream_release(stream);
}

static void default_high_water_is_documented(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, "raw", NULL);
    uint64_t queued = 0;
    for (;;) {
        zcn_unit *unit = pattern_unit(NULL, NULL, 4096, 1);
        const zcn_status status = zcn_stream_send(stream, unit);
        if (status != ZCN_OK) {
            assert_status(status, ZCN_AGAIN);
            zcn_unit_release(unit);
            break;
        }
        queued += 4096;
        assert_true(queued <= 4 << 20);
    }
    assert_int_equal(queued, 256 * 1024);
    zcn_stream_release(stream);
}

/* ---- tokens ---- */

static void tokens_that_follow_each_other_are_one_event(void **state) {
    (void)state;
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    options.user = 5;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
    static const uint64_t tokens[] = {10, 11, 12, 13, 20, 21, 30, 29, 28, UINT64_MAX, 0, 0};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        zcn_unit *unit = pattern_unit(NULL, NULL, 10, i);
        assert_ok(zcn_unit_set_token(unit, 99));
        assert_ok(zcn_unit_set_token(unit, tokens[i])); /* the last one counts */
        assert_ok(zcn_stream_send(stream, unit));
        /* Units without one say nothing, and do not part their neighbours. */
        if (i == 1) assert_ok(zcn_stream_send(stream, pattern_unit(NULL, NULL, 10, i)));
    }
    collector got = {0};
    stream_collect(stream, &got);
    assert_int_equal(got.count, 0);
    bytes wire = {0};
    stream_write(stream, &wire, 0);
    bytes_clear(&wire);
    stream_collect(stream, &got);
    uint64_t told[16];
    size_t count = 0;
    for (size_t i = 0; i < got.count; i++) {
        assert_int_equal(got.at[i].type, ZCN_EVENT_SENT);
        assert_int_equal(got.at[i].status, ZCN_OK);
        assert_int_equal(got.at[i].user, 5);
        assert_true(got.at[i].size > 0);
        for (uint64_t k = 0; k < got.at[i].size; k++) {
            assert_true(count < 16);
            told[count++] = got.at[i].token + k;
        }
    }
    assert_int_equal(count, sizeof tokens / sizeof *tokens);
    assert_memory_equal(told, tokens, sizeof tokens);
    /* The first four and the next two were merged. */
    assert_int_equal(got.at[0].token, 10);
    assert_int_equal(got.at[0].size, 4);
    assert_int_equal(got.at[1].token, 20);
    assert_int_equal(got.at[1].size, 2);
    collector_clear(&got);
    zcn_stream_release(stream);
}

static void tokens_are_told_byte_by_byte(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    for (uint64_t i = 0; i < 20; i++) {
        zcn_unit *unit = i % 2 ? pattern_unit(NULL, NULL, i, i) : empty_unit(NULL);
        if (i % 2 == 0) assert_ok(zcn_unit_append_static(unit, "01234567890123456789", i));
        assert_ok(zcn_unit_set_token(unit, i));
        assert_ok(zcn_stream_send(stream, unit));
    }
    uint64_t told = 0, written = 0;
    collector got = {0};
    while (told < 20) {
        /* Token n ends with the last byte of its frame, and no sooner. */
        stream_collect(stream, &got);
        for (size_t i = 0; i < got.count; i++) {
            assert_int_equal(got.at[i].token, told);
            told += got.at[i].size;
        }
        collector_clear(&got);
        uint64_t expected = 0, end = 0;
        while (expected < 20 && (end += 4 + expected) <= written) expected++;
        assert_int_equal(told, expected);
        bytes wire = {0};
        written += stream_write(stream, &wire, 1);
        bytes_clear(&wire);
        assert_true(written < 1000);
    }
    zcn_stream_release(stream);
}

/* A unit of no bytes at all is sent too: there is nothing to write, and it ends in its turn. */
static void units_of_no_bytes_end_in_turn(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, "raw", NULL);
    given back = {0};
    for (uint64_t i = 0; i < 6; i++) {
        zcn_unit *unit = empty_unit(NULL);
        if (i == 2 || i == 3) assert_ok(zcn_unit_append_static(unit, "xyz", 3));
        if (i == 5) assert_ok(zcn_unit_append_ref(unit, "", 0, give_back, &back));
        assert_ok(zcn_unit_set_token(unit, i));
        assert_ok(zcn_stream_send(stream, unit));
    }
    assert_int_equal(stats_of(stream).messages_out, 6);
    bytes wire = {0};
    stream_write(stream, &wire, 0);
    assert_int_equal(wire.size, 6);
    bytes_clear(&wire);
    collector got = {0};
    stream_collect(stream, &got);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.at[0].token, 0);
    assert_int_equal(got.at[0].size, 6);
    assert_int_equal(back.times, 1);
    collector_clear(&got);
    zcn_stream_release(stream);
}

/* More tokens than one poll has events: none is lost, `more` says that there are others, and messages come too. */
static void many_tokens_come_in_many_polls(void **state) {
    (void)state;
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    options.event_capacity = 16;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
    for (uint64_t tokens = 15; tokens <= 33; tokens++) {
        for (uint64_t i = 0; i < tokens; i++) {
            zcn_unit *unit = pattern_unit(NULL, NULL, 1, i);
            assert_ok(zcn_unit_set_token(unit, 2 * i));
            assert_ok(zcn_stream_send(stream, unit));
        }
        bytes wire = {0};
        stream_write(stream, &wire, 0);
        bytes_clear(&wire);
        append_frame(&wire, &plain_shape, "hello", 5);
        struct iovec room[2];
        size_t pieces;
        assert_ok(zcn_stream_read_room(stream, room, 2, &pieces));
        memcpy(room[0].iov_base, wire.data, wire.size);
        assert_ok(zcn_stream_read_done(stream, wire.size));
        bytes_clear(&wire);
        uint64_t sent = 0, messages = 0;
        int32_t more;
        do {
            const zcn_event *events;
            size_t count;
            assert_ok(zcn_stream_poll(stream, &events, &count, &more));
            assert_true(count <= 16);
            for (size_t i = 0; i < count; i++) {
                if (events[i].type == ZCN_EVENT_SENT) {
                    assert_int_equal(events[i].token, 2 * sent);
                    assert_int_equal(events[i].size, 1);
                    sent++;
                } else {
                    assert_int_equal(events[i].type, ZCN_EVENT_MESSAGE);
                    messages++;
                }
            }
        } while (more);
        assert_int_equal(sent, tokens);
        if (messages != 1) fail_msg("with %llu tokens `more` was 0 before the message", (unsigned long long)tokens);
    }
    zcn_stream_release(stream);
}

/* ---- what is copied ---- */

static void small_foreign_segments_are_copied_when_asked(void **state) {
    (void)state;
    char memory[300];
    fill_pattern(memory, sizeof memory, 2);
    for (int allocated = 0; allocated < 2; allocated++) {
        zcn_stream_options options;
        zcn_stream_options_init(&options, sizeof options);
        options.copy_below = 100;
        zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
        given small = {0}, limit = {0}, large = {0};
        zcn_unit *unit = allocated ? pattern_unit(NULL, NULL, 5, 9) : empty_unit(NULL);
        assert_ok(zcn_unit_append_ref(unit, memory, 99, give_back, &small));
        assert_ok(zcn_unit_append_ref(unit, memory, 100, give_back, &limit));
        assert_ok(zcn_unit_append_ref(unit, memory, 300, give_back, &large));
        assert_ok(zcn_unit_append_static(unit, memory, 10)); /* not foreign: never copied */
        assert_ok(zcn_stream_send(stream, unit));
        assert_int_equal(small.times, 1);
        assert_int_equal(small.size, 99);
        assert_int_equal(limit.times + large.times, 0);
        assert_int_equal(stats_of(stream).copied_out, 99);
        assert_int_equal(stats_of(stream).copied_bytes, 99);
        uint8_t body[514];
        fill_pattern(body, 5, 9);
        uint8_t *next = body + (allocated ? 5 : 0);
        memcpy(next, memory, 99);
        memcpy(next + 99, memory, 100);
        memcpy(next + 199, memory, 300);
        memcpy(next + 499, memory, 10);
        assert_writes(stream, &plain_shape, body, (size_t)(next - body) + 509);
        assert_int_equal(small.times + limit.times + large.times, 3);
        zcn_stream_release(stream);
    }
}

/* Each byte that was copied counts once, however often the copy is sent; what was handed over counts never. */
static void copies_count_once(void **state) {
    (void)state;
    char memory[100] = {0};
    zcn_stream *first = stream_of(NULL, PLAIN_FRAMING, NULL);
    zcn_stream *second = stream_of(NULL, PLAIN_FRAMING, NULL);
    zcn_unit *unit = empty_unit(NULL);
    assert_ok(zcn_unit_append_ref(unit, memory, 100, NULL, NULL));
    assert_ok(zcn_unit_append_static(unit, memory, 100));
    assert_ok(zcn_stream_send(first, unit));
    assert_ok(zcn_stream_send(first, pattern_unit(NULL, NULL, 1000, 1)));
    assert_int_equal(stats_of(first).copied_bytes, 0);
    unit = empty_unit(NULL);
    assert_ok(zcn_unit_append_copy(unit, memory, 100));
    assert_ok(zcn_unit_append_copy(unit, memory, 20));
    zcn_unit_retain(unit);
    zcn_unit_retain(unit);
    assert_ok(zcn_stream_send(first, unit));
    assert_int_equal(stats_of(first).copied_out, 120);
    assert_ok(zcn_stream_send(first, unit));
    assert_ok(zcn_stream_send(second, unit));
    assert_int_equal(stats_of(first).copied_bytes + stats_of(second).copied_bytes, 120);
    zcn_stream_release(first);
    zcn_stream_release(second);
}

/* ---- gathering ---- */

static void neighbours_leave_in_one_piece(void **state) {
    (void)state;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_unit *units[500];
    void *datas[500];
    for (int batch = 0; batch < 2; batch++) {
        zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
        if (batch) {
            assert_ok(zcn_unit_alloc_batch(units, datas, 500, pool, framing, 60));
        } else {
            for (size_t i = 0; i < 500; i++) assert_ok(zcn_unit_alloc(&units[i], &datas[i], pool, framing, 60));
        }
        for (size_t i = 0; i < 500; i++) {
            fill_pattern(datas[i], 60, i);
            assert_ok(zcn_stream_send(stream, units[i]));
        }
        struct iovec pieces[500];
        size_t count;
        assert_ok(zcn_stream_gather(stream, pieces, 500, &count));
        /* 32,000 bytes lie in one block, or in two when the first was nearly full. */
        assert_in_range(count, 1, 2);
        bytes wire = {0};
        bytes_append_iovecs(&wire, pieces, count);
        assert_int_equal(wire.size, 500 * 64);
        for (size_t i = 0; i < 500; i++) {
            assert_memory_equal(wire.data + 64 * i, "\0\0\0\x3C", 4);
            assert_pattern(wire.data + 64 * i + 4, 60, i);
        }
        bytes_clear(&wire);
        assert_ok(zcn_stream_write_done(stream, 500 * 64));
        assert_int_equal(stats_of(stream).copied_bytes, 0);
        zcn_stream_release(stream);
    }
    zcn_framing_release(framing);
    zcn_pool_release(pool);
}

/* ---- release functions ---- */

typedef struct chain {
    zcn_stream *stream;
    int left;
} chain;

/* Any call is legal in a release function: here it sends the next unit on the very stream that lets this one go. */
static void send_another(void *context, const void *data, uint64_t size) {
    chain *of = context;
    (void)size;
    if (of->left-- == 0) return;
    zcn_unit *unit = NULL;
    if (zcn_unit_create(&unit, NULL) != ZCN_OK || zcn_unit_append_ref(unit, data, 5, send_another, of) != ZCN_OK ||
        zcn_stream_send(of->stream, unit) != ZCN_OK)
        of->left = -1000;
}

static void release_functions_may_call_the_library(void **state) {
    (void)state;
    chain of = {stream_of(NULL, PLAIN_FRAMING, NULL), 50};
    zcn_unit *unit = empty_unit(NULL);
    assert_ok(zcn_unit_append_ref(unit, "hello", 5, send_another, &of));
    assert_ok(zcn_stream_send(of.stream, unit));
    bytes wire = {0};
    stream_write(of.stream, &wire, 0);
    assert_int_equal(of.left, -1);
    assert_int_equal(wire.size, 51 * 9);
    for (size_t i = 0; i < 51; i++) assert_memory_equal(wire.data + 9 * i, "\0\0\0\5hello", 9);
    bytes_clear(&wire);
    zcn_stream_release(of.stream);
}

static void count_release(void *context, const void *data, uint64_t size) {
    (void)data;
    (void)size;
    __atomic_fetch_add((int *)context, 1, __ATOMIC_RELAXED);
}

static void *release_unit(void *unit) {
    zcn_unit_release(unit);
    return NULL;
}

/* Whichever thread lets go last gives the memory back, once. */
static void threads_release_units(void **state) {
    (void)state;
    enum { threads = 4 };
    for (size_t round = 0; round < effort(200, 10); round++) {
        int times = 0;
        zcn_framing *framing = framing_of(PLAIN_FRAMING);
        zcn_unit *unit = empty_unit(NULL);
        assert_ok(zcn_unit_append_ref(unit, "foreign", 7, count_release, &times));
        assert_ok(zcn_unit_append_copy(unit, "copied", 6));
        if (round % 2) assert_ok(zcn_unit_seal(unit, framing));
        zcn_framing_release(framing);
        pthread_t running[threads];
        for (size_t i = 0; i < threads; i++) zcn_unit_retain(unit);
        for (size_t i = 0; i < threads; i++) assert_int_equal(pthread_create(&running[i], NULL, release_unit, unit), 0);
        zcn_unit_release(unit);
        for (size_t i = 0; i < threads; i++) pthread_join(running[i], NULL);
        assert_int_equal(times, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed_units_serve_every_framing),
        cmocka_unit_test(sealed_units_get_long_headers_too),
        cmocka_unit_test(prefixes_go_to_other_framings),
        cmocka_unit_test(retained_units_are_sent_again),
        cmocka_unit_test(progress_belongs_to_the_stream),
        cmocka_unit_test(refused_units_stay_the_callers),
        cmocka_unit_test(writable_follows_again),
        cmocka_unit_test(default_high_water_is_documented),
        cmocka_unit_test(tokens_that_follow_each_other_are_one_event),
        cmocka_unit_test(tokens_are_told_byte_by_byte),
        cmocka_unit_test(units_of_no_bytes_end_in_turn),
        cmocka_unit_test(many_tokens_come_in_many_polls),
        cmocka_unit_test(small_foreign_segments_are_copied_when_asked),
        cmocka_unit_test(copies_count_once),
        cmocka_unit_test(neighbours_leave_in_one_piece),
        cmocka_unit_test(release_functions_may_call_the_library),
        cmocka_unit_test(threads_release_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
