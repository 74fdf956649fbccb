/* SPDX-License-Identifier: MIT */
/*
 * Whatever pieces a stream of frames arrives in, and through whichever door, the same messages come out: each as
 * soon as its last byte is there, and none before.
 */
#include "support.h"

#define KIB ((size_t)1024)

static zcn_pool *pool_of(uint64_t block_size) {
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = block_size;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, &options));
    return pool;
}

typedef enum door { ROOM, FEED, FEED_MSG, DOORS } door;

/* Hands a piece in and takes what comes out. */
static void hand_in(zcn_stream *stream, zcn_stream *carrier, door by, const uint8_t *data, size_t size,
                    collector *got) {
    if (by == ROOM) {
        stream_read(stream, data, size, got);
    } else if (by == FEED) {
        stream_feed(stream, data, size, got);
    } else {
        /* The piece is a message of another stream, some borrowed and some owned. */
        while (size != 0) {
            struct iovec room[2];
            size_t pieces, count;
            const zcn_event *events;
            assert_ok(zcn_stream_read_room(carrier, room, 2, &pieces));
            const size_t part = room[0].iov_len < size ? room[0].iov_len : size;
            memcpy(room[0].iov_base, data, part);
            assert_ok(zcn_stream_read_done(carrier, part));
            assert_ok(zcn_stream_poll(carrier, &events, &count, NULL));
            assert_int_equal(count, 1);
            assert_int_equal(events[0].size, part);
            if (part % 2) {
                assert_ok(zcn_stream_feed_msg(stream, events[0].msg));
            } else {
                zcn_msg *owned;
                assert_ok(zcn_msg_retain(&owned, events[0].msg));
                assert_ok(zcn_stream_feed_msg(stream, owned));
                assert_ok(zcn_msg_release(owned));
            }
            data += part;
            size -= part;
            stream_collect(stream, got);
        }
    }
}

/* A carrier lends its messages until its next poll; what the stream took of them it must hold by itself. */
static void run(const script *of, zcn_pool *pool, door by, const size_t *cuts, size_t cut_count) {
    zcn_stream *stream = stream_of(pool, of->shape->text, NULL);
    zcn_stream *carrier = by == FEED_MSG ? stream_of(pool, "raw", NULL) : NULL;
    collector got = {0};
    size_t at = 0;
    for (size_t i = 0; i <= cut_count; i++) {
        const size_t next = i < cut_count ? cuts[i] : of->wire.size;
        hand_in(stream, carrier, by, of->wire.data + at, next - at, &got);
        at = next;
        const size_t complete = script_complete(of, at);
        if (got.count != complete)
            fail_msg("%s, door %d: %zu messages after %zu bytes instead of %zu", of->shape->text, (int)by, got.count,
                     at, complete);
        zcn_stats stats = {.struct_size = sizeof stats};
        assert_ok(zcn_stream_get_stats(stream, &stats));
        assert_int_equal(stats.bytes_in, at);
        assert_int_equal(stats.messages_in, complete);
        assert_int_equal(stats.unfinished_bytes, at - of->starts[complete]);
        assert_int_equal(stats.copied_bytes, stats.copied_stash + stats.copied_moved + stats.copied_own +
                                                 stats.copied_aligned + stats.copied_fed + stats.copied_out);
    }
    assert_script(of, &got, 0, 0, of->count);
    collector_clear(&got);
    zcn_stream_release(carrier);
    zcn_stream_release(stream);
}

static void two_pieces(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(0);
    const size_t step = effort(1, 13);
    for (size_t s = 0; s < frame_shape_count; s++) {
        script frames = small_script(&frame_shapes[s]);
        for (door by = 0; by < DOORS; by++)
            for (size_t cut = s % step; cut <= frames.wire.size; cut += step) run(&frames, pool, by, &cut, 1);
        script_clear(&frames);
    }
    zcn_pool_release(pool);
}

static void byte_by_byte(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(4 * KIB);
    for (size_t s = 0; s < frame_shape_count; s++) {
        script frames = small_script(&frame_shapes[s]);
        size_t *cuts = malloc(frames.wire.size * sizeof *cuts);
        assert_non_null(cuts);
        for (size_t i = 0; i < frames.wire.size; i++) cuts[i] = i;
        for (door by = 0; by < DOORS; by++) run(&frames, pool, by, cuts, frames.wire.size);
        free(cuts);
        script_clear(&frames);
    }
    zcn_pool_release(pool);
}

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state >> 33;
}

/* Bodies around half a block and a block, and far larger, among small ones; pieces of every size. */
static void large_messages(void **state) {
    (void)state;
    static const size_t sizes[] = {10,   2000, 2040, 2048,  2049, 2100, 3,    4000, 4088,  4092,  4096,  4100,
                                   8191, 1,    1,    20000, 7,    4096, 2048, 1500, 70000, 70000, 70000, 5};
    uint64_t random = 1;
    for (size_t s = 0; s < frame_shape_count; s++) {
        const frame_shape *shape = &frame_shapes[s];
        if (shape->fixed != 0) continue;
        script frames = {0};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) script_add(&frames, shape, sizes[i], i);
        for (size_t round = 0; round < effort(40, 3); round++) {
            zcn_pool *pool = pool_of(round % 3 == 2 ? 64 * KIB : 4 * KIB);
            size_t cuts[2000];
            size_t count = 0, at = 0;
            static const size_t spans[] = {30, 100, 1000, 3000, 5000, 9000, 50000, 200000};
            const size_t most = spans[round % 8];
            while (count < 2000) {
                at += 1 + next_random(&random) % (round % 5 == 4 && next_random(&random) % 4 ? 8 : most);
                if (at >= frames.wire.size) break;
                cuts[count++] = at;
            }
            for (door by = 0; by < DOORS; by++) run(&frames, pool, by, cuts, count);
            zcn_pool_release(pool);
        }
        script_clear(&frames);
    }
}

/* Every cut near a frame's start and end, where the frames fill blocks and more. */
static void cuts_around_large_frames(void **state) {
    (void)state;
    static const size_t sizes[] = {2100, 30, 4090, 6000, 0, 12000, 2044};
    zcn_pool *pool = pool_of(4 * KIB);
    for (size_t s = 0; s < frame_shape_count; s += effort(1, 3)) {
        const frame_shape *shape = &frame_shapes[s];
        if (shape->fixed != 0 || shape->width == 1) continue;
        script frames = {0};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            script_add(&frames, shape, sizes[i] < shape->strip ? shape->strip : sizes[i], i);
        for (size_t frame = 0; frame < frames.count; frame++)
            for (size_t back = 0; back < effort(140, 24); back++) {
                const size_t start = frames.starts[frame] < 70 ? 0 : frames.starts[frame] - 70;
                const size_t cuts[] = {start + back, start + back + 65 + back % 3};
                if (cuts[1] > frames.wire.size) break;
                run(&frames, pool, ROOM, cuts, 2);
                run(&frames, pool, back % 2 ? FEED : FEED_MSG, cuts, 2);
            }
        script_clear(&frames);
    }
    zcn_pool_release(pool);
}

/* ---- the kinds that are not in the table ---- */

static void raw_delivers_what_arrives(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(4 * KIB);
    uint8_t data[20000];
    fill_pattern(data, sizeof data, 1);
    for (door by = 0; by < DOORS; by++)
        for (size_t piece = 1; piece < sizeof data; piece = piece * 3 + 1) {
            zcn_stream *stream = stream_of(pool, "raw", NULL);
            zcn_stream *carrier = by == FEED_MSG ? stream_of(pool, "raw", NULL) : NULL;
            collector got = {0};
            bytes all = {0};
            for (size_t at = 0; at < sizeof data; at += piece) {
                const size_t size = piece < sizeof data - at ? piece : sizeof data - at;
                hand_in(stream, carrier, by, data + at, size, &got);
                /* Nothing waits. */
                zcn_stats stats = {.struct_size = sizeof stats};
                assert_ok(zcn_stream_get_stats(stream, &stats));
                assert_int_equal(stats.unfinished_bytes, 0);
            }
            for (size_t i = 0; i < got.count; i++) {
                assert_int_equal(got.at[i].type, ZCN_EVENT_MESSAGE);
                assert_true(got.at[i].size > 0);
                assert_int_equal(got.at[i].frame_size, got.at[i].size);
                bytes_append(&all, got.at[i].body, got.at[i].size);
            }
            assert_int_equal(all.size, sizeof data);
            assert_memory_equal(all.data, data, sizeof data);
            bytes_clear(&all);
            collector_clear(&got);
            zcn_stream_release(carrier);
            zcn_stream_release(stream);
        }
    zcn_pool_release(pool);
}

/* "name:size;body": the end of a frame is known when its semicolon is there. */
static zcn_status measure(void *context, const void *data, uint64_t size, uint64_t *out_frame_size) {
    (void)context;
    const char *text = data;
    const char *semicolon = memchr(text, ';', size);
    if (semicolon == NULL) return ZCN_AGAIN;
    const char *colon = memchr(text, ':', (size_t)(semicolon - text));
    if (colon == NULL) return ZCN_EINVAL;
    uint64_t body = 0;
    for (const char *digit = colon + 1; digit < semicolon; digit++) body = body * 10 + (uint64_t)(*digit - '0');
    *out_frame_size = (uint64_t)(semicolon - text) + 1 + body;
    return ZCN_OK;
}

static void custom_framing(void **state) {
    (void)state;
    zcn_framing_options options;
    zcn_framing_options_init(&options, sizeof options);
    options.kind = ZCN_FRAMING_CUSTOM;
    options.measure = measure;
    options.strip = 2;
    zcn_framing *framing;
    assert_ok(zcn_framing_create(&framing, &options, NULL));
    static const frame_shape shape = {.text = "custom", .kind = ZCN_FRAMING_CUSTOM, .strip = 2};
    script frames = {0};
    static const size_t sizes[] = {0, 5, 100, 3000, 9, 9000, 1};
    frames.starts = malloc(10 * sizeof *frames.starts);
    assert_non_null(frames.starts);
    frames.shape = &shape;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char head[40];
        uint8_t body[9000];
        snprintf(head, sizeof head, "frame %zu:%zu;", i, sizes[i]);
        fill_pattern(body, sizes[i], i);
        frames.starts[frames.count++] = frames.wire.size;
        bytes_append(&frames.wire, head, strlen(head));
        bytes_append(&frames.wire, body, sizes[i]);
    }
    frames.starts[frames.count] = frames.wire.size;
    zcn_pool *pool = pool_of(4 * KIB);
    for (size_t cut = 0; cut < frames.wire.size; cut += effort(3, 101)) {
        zcn_stream *stream;
        assert_ok(zcn_stream_create(&stream, pool, framing, NULL));
        collector got = {0};
        stream_read(stream, frames.wire.data, cut, &got);
        assert_int_equal(got.count, script_complete(&frames, cut));
        stream_feed(stream, frames.wire.data + cut, frames.wire.size - cut, &got);
        assert_int_equal(got.count, frames.count);
        assert_script(&frames, &got, 0, 0, frames.count);
        collector_clear(&got);
        zcn_stream_release(stream);
    }
    zcn_pool_release(pool);
    zcn_framing_release(framing);
    script_clear(&frames);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_pieces),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(large_messages),
        cmocka_unit_test(cuts_around_large_frames),
        cmocka_unit_test(raw_delivers_what_arrives),
        cmocka_unit_test(custom_framing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
