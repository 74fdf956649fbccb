/* SPDX-License-Identifier: MIT */
/* What a stream copies, by reason: nothing where it need not, and every byte that it does is counted. */
#include "support.h"

#define BLOCK ((size_t)65536)

static zcn_pool *pool_of_blocks(void) {
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = BLOCK;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, &options));
    return pool;
}

static zcn_stats stats_of(zcn_stream *stream) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_stream_get_stats(stream, &stats));
    assert_int_equal(stats.copied_bytes, stats.copied_stash + stats.copied_moved + stats.copied_own +
                                             stats.copied_aligned + stats.copied_fed + stats.copied_out);
    return stats;
}

/* One read of exactly those bytes, and a poll. */
static size_t read_once(zcn_stream *stream, const uint8_t *data, size_t size, collector *got) {
    struct iovec room[2];
    size_t pieces;
    zcn_status status = zcn_stream_read_room(stream, room, 2, &pieces);
    assert_status(status, ZCN_OK);
    size_t done = 0;
    for (size_t i = 0; i < pieces && done < size; i++) {
        const size_t part = room[i].iov_len < size - done ? room[i].iov_len : size - done;
        memcpy(room[i].iov_base, data + done, part);
        done += part;
    }
    assert_ok(zcn_stream_read_done(stream, done));
    stream_collect(stream, got);
    return done;
}

/* ---- whole messages ---- */

static void whole_messages_are_not_copied(void **state) {
    (void)state;
    zcn_pool *pool = pool_of_blocks();
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    script frames = small_script(&plain_shape);
    collector got = {.keep = true};
    for (int i = 0; i < 30; i++)
        assert_int_equal(read_once(stream, frames.wire.data, frames.wire.size, &got), frames.wire.size);
    assert_int_equal(got.count, 30 * frames.count);
    for (size_t i = 0; i < 30; i++) assert_script(&frames, &got, i * frames.count, 0, frames.count);
    const zcn_stats stats = stats_of(stream);
    assert_int_equal(stats.copied_bytes, 0);
    assert_int_equal(stats.messages_in, 30 * frames.count);
    assert_int_equal(stats.bytes_in, 30 * frames.wire.size);
    collector_clear(&got);
    script_clear(&frames);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

/* ---- the unfinished message: three cases ---- */

/* Up to 64 bytes go to the stash and with the next read back: counted, and the block is free meanwhile. */
static void short_starts_are_stashed(void **state) {
    (void)state;
    zcn_pool *pool = pool_of_blocks();
    for (size_t have = 1; have <= 70; have++) {
        zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
        script frames = {0};
        script_add(&frames, &plain_shape, 30, 1);
        script_add(&frames, &plain_shape, 200, 2);
        collector got = {0};
        read_once(stream, frames.wire.data, 34 + have, &got);
        assert_int_equal(got.count, 1);
        zcn_stats stats = stats_of(stream);
        assert_int_equal(stats.unfinished_bytes, have);
        if (have <= 64) {
            assert_int_equal(stats.copied_stash, have);
        } else {
            assert_int_equal(stats.copied_stash, 0);
        }
        read_once(stream, frames.wire.data + 34 + have, 204 - have, &got);
        assert_int_equal(got.count, 2);
        assert_script(&frames, &got, 0, 0, 2);
        stats = stats_of(stream);
        if (have <= 64) {
            /* There and back. */
            assert_int_equal(stats.copied_bytes, 2 * have);
            assert_int_equal(stats.copied_stash, 2 * have);
        } else {
            /* The rest fitted its block: it stayed where it was. */
            assert_int_equal(stats.copied_bytes, 0);
        }
        collector_clear(&got);
        script_clear(&frames);
        zcn_stream_release(stream);
    }
    zcn_pool_release(pool);
}

/* A longer start whose rest fits the block stays, and its rest is read to its place. */
static void longer_starts_stay_in_place(void **state) {
    (void)state;
    zcn_pool *pool = pool_of_blocks();
    for (size_t have = 65; have < 20000; have += 997) {
        zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
        script frames = {0};
        script_add(&frames, &plain_shape, 20000, 1);
        script_add(&frames, &plain_shape, 5000, 2);
        collector got = {0};
        /* The rest is read to its place, and what follows it too. */
        size_t at = read_once(stream, frames.wire.data, have, &got);
        assert_int_equal(at, have);
        while (at < frames.wire.size) at += read_once(stream, frames.wire.data + at, frames.wire.size - at, &got);
        assert_int_equal(got.count, 2);
        assert_script(&frames, &got, 0, 0, 2);
        assert_int_equal(stats_of(stream).copied_bytes, 0);
        collector_clear(&got);
        script_clear(&frames);
        zcn_stream_release(stream);
    }
    zcn_pool_release(pool);
}

/* A start at the end of its block is moved when the rest does not fit: once, and its bytes are counted. */
static void starts_at_a_blocks_end_are_moved(void **state) {
    (void)state;
    zcn_pool *pool = pool_of_blocks();
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    collector got = {0};
    uint64_t moved = 0;
    /* Frames of a third of a block, in reads of the largest size: one in a few straddles. */
    script frames = {0};
    for (size_t i = 0; i < 200; i++) script_add(&frames, &plain_shape, BLOCK / 3 + i, i);
    for (size_t at = 0; at < frames.wire.size;) {
        at += read_once(stream, frames.wire.data + at, frames.wire.size - at, &got);
        const zcn_stats stats = stats_of(stream);
        assert_true(stats.copied_moved >= moved);
        moved = stats.copied_moved;
    }
    assert_int_equal(got.count, 200);
    assert_script(&frames, &got, 0, 0, 200);
    const zcn_stats stats = stats_of(stream);
    assert_int_equal(stats.copied_own, 0);
    /* Room for the rest is kept, so that little is copied: far below the bytes that came. */
    assert_true(stats.copied_bytes < stats.bytes_in / 10);
    collector_clear(&got);
    script_clear(&frames);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

/* More than half a block: memory of its own, to which its start is copied; the rest is read there. */
static void large_messages_lie_alone(void **state) {
    (void)state;
    static const size_t bodies[] = {BLOCK / 2 + 1, BLOCK - 4, BLOCK, BLOCK + 1, 300000, 4000000};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        for (size_t have = 5; have < 3000; have += 499) {
            /* A new one each time: memory that lies free already may be given out whole. */
            zcn_pool *pool = pool_of_blocks();
            zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
            script frames = {0};
            script_add(&frames, &plain_shape, bodies[i], i);
            script_add(&frames, &plain_shape, 10, 1);
            collector got = {.keep = true};
            size_t at = read_once(stream, frames.wire.data, have, &got);
            while (at < frames.wire.size) {
                at += read_once(stream, frames.wire.data + at, frames.wire.size - at, &got);
                /* Memory is charged as bytes arrive, not on a claim. */
                zcn_pool_stats pool_stats = {.struct_size = sizeof pool_stats};
                assert_ok(zcn_pool_get_stats(pool, &pool_stats));
                assert_true(pool_stats.region_bytes <= at + (2 << 20));
            }
            assert_int_equal(got.count, 2);
            assert_script(&frames, &got, 0, 0, 2);
            const zcn_stats stats = stats_of(stream);
            /* Its start, and a little of what follows it. */
            assert_true(stats.copied_bytes <= 2 * have + 3 * 64);
            assert_true(stats.copied_own <= have);
            assert_true(bodies[i] <= BLOCK || stats.copied_own + stats.copied_stash >= have);
            assert_int_equal(stats.copied_aligned + stats.copied_fed + stats.copied_out, 0);
            /* What was kept does not move. */
            assert_memory_equal(zcn_msg_data(got.at[0].kept), got.at[0].body, got.at[0].size);
            collector_clear(&got);
            script_clear(&frames);
            zcn_stream_release(stream);
            zcn_pool_release(pool);
        }
}

/* A claim costs nothing: a header that promises the most, and nothing behind it. */
static void claims_take_no_memory(void **state) {
    (void)state;
    zcn_pool *pool = pool_of_blocks();
    zcn_stream *streams[50];
    for (size_t i = 0; i < 50; i++) {
        streams[i] = stream_of(pool, "length,max=1G", NULL);
        stream_read(streams[i], "\x3F\xFF\xFF\xFC-", 5, NULL);
        struct iovec room[2];
        size_t pieces;
        assert_ok(zcn_stream_read_room(streams[i], room, 2, &pieces));
        assert_int_equal(stats_of(streams[i]).unfinished_bytes, 5);
    }
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    /* Room for one read each, at most a mebibyte. */
    if (stats.in_use_bytes > 50 * ((1 << 20) + 3 * BLOCK))
        fail_msg("%llu bytes for 50 peers that sent five", (unsigned long long)stats.in_use_bytes);
    for (size_t i = 0; i < 50; i++) zcn_stream_release(streams[i]);
    zcn_pool_release(pool);
}

/* ---- fed bytes ---- */

static void fed_bytes_count_once(void **state) {
    (void)state;
    zcn_pool *pool = pool_of_blocks();
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    script frames = small_script(&plain_shape);
    collector got = {0};
    for (size_t i = 0; i < frames.count; i++)
        stream_feed(stream, frames.wire.data + frames.starts[i], frames.starts[i + 1] - frames.starts[i], &got);
    assert_int_equal(got.count, frames.count);
    assert_script(&frames, &got, 0, 0, frames.count);
    zcn_stats stats = stats_of(stream);
    assert_int_equal(stats.copied_fed, frames.wire.size);
    assert_int_equal(stats.copied_bytes, frames.wire.size);
    assert_int_equal(stats.bytes_in, frames.wire.size);
    collector_clear(&got);
    script_clear(&frames);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

/* Messages of one stream carry another one: what lies in one piece is found where it lies. */
static void messages_in_messages_are_not_copied(void **state) {
    (void)state;
    zcn_pool *pool = pool_of_blocks();
    script frames = small_script(&plain_shape);
    zcn_stream *outer = stream_of(pool, "raw", NULL), *inner = stream_of(pool, PLAIN_FRAMING, NULL);
    collector lent = {.keep = true}, got = {.keep = true};
    read_once(outer, frames.wire.data, frames.wire.size, &lent);
    assert_int_equal(lent.count, 1);
    assert_ok(zcn_stream_feed_msg(inner, lent.at[0].kept));
    const uint8_t *start = zcn_msg_data(lent.at[0].kept);
    stream_collect(inner, &got);
    assert_int_equal(got.count, frames.count);
    assert_script(&frames, &got, 0, 0, frames.count);
    for (size_t i = 0; i < frames.count; i++)
        assert_ptr_equal(zcn_msg_data(got.at[i].kept), start + frames.starts[i] + 4);
    assert_int_equal(stats_of(inner).copied_bytes, 0);
    assert_int_equal(stats_of(inner).bytes_in, frames.wire.size);
    /* They hold the bytes, whoever lets go first. */
    collector_clear(&lent);
    zcn_stream_release(outer);
    zcn_stream_release(inner);
    for (size_t i = 0; i < got.count; i++)
        assert_memory_equal(zcn_msg_data(got.at[i].kept), got.at[i].body, got.at[i].size);
    collector_clear(&got);
    script_clear(&frames);
    zcn_pool_release(pool);
}

/* Only what straddles two messages that were handed in is copied: a frame at each seam, not what follows it. */
static void only_what_straddles_is_copied(void **state) {
    (void)state;
    zcn_pool *pool = pool_of_blocks();
    for (size_t cut = 1; cut < 250; cut++) {
        script frames = {0};
        script_add(&frames, &plain_shape, 200, 0);
        for (size_t i = 1; i < 100; i++) script_add(&frames, &plain_shape, 200, i);
        zcn_stream *inner = stream_of(pool, PLAIN_FRAMING, NULL);
        collector got = {0};
        size_t at = 0;
        const size_t ends[] = {cut, frames.wire.size};
        for (size_t i = 0; i < 2; i++) {
            zcn_stream *outer = stream_of(pool, "raw", NULL);
            collector lent = {.keep = true};
            assert_int_equal(read_once(outer, frames.wire.data + at, ends[i] - at, &lent), ends[i] - at);
            assert_int_equal(lent.count, 1);
            assert_ok(zcn_stream_feed_msg(inner, lent.at[0].kept));
            collector_clear(&lent);
            zcn_stream_release(outer);
            stream_collect(inner, &got);
            at = ends[i];
        }
        assert_int_equal(got.count, frames.count);
        assert_script(&frames, &got, 0, 0, frames.count);
        /* The frame at the seam may be copied a few times (to wait, and to be put together); no other is. */
        if (stats_of(inner).copied_bytes > 4 * 204)
            fail_msg("cut at %zu of %zu bytes: %llu were copied", cut, frames.wire.size,
                     (unsigned long long)stats_of(inner).copied_bytes);
        collector_clear(&got);
        script_clear(&frames);
        zcn_stream_release(inner);
    }
    zcn_pool_release(pool);
}

/* The same when the first message ends inside a header, and the next is large and full of small frames. */
static void large_messages_behind_a_cut_header(void **state) {
    (void)state;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    script frames = {0};
    for (size_t i = 0; i < 2000; i++) script_add(&frames, &plain_shape, 100, i);
    zcn_stream *inner = stream_of(pool, "length,width=4,strip=4,max=1K", NULL);
    collector got = {0};
    zcn_msg *first = owned_msg(pool, 2, 0), *second;
    /* owned_msg() gives a pattern; what is wanted here comes through a stream of fixed frames. */
    assert_ok(zcn_msg_release(first));
    const size_t rest = frames.wire.size - 2;
    char text[32];
    snprintf(text, sizeof text, "fixed=%zu", rest);
    zcn_stream *heads = stream_of(pool, "fixed=2", NULL), *rests = stream_of(pool, text, NULL);
    collector lent = {.keep = true, .no_copy = true};
    stream_read(heads, frames.wire.data, 2, &lent);
    stream_read(rests, frames.wire.data + 2, rest, &lent);
    assert_int_equal(lent.count, 2);
    first = lent.at[0].kept;
    second = lent.at[1].kept;
    assert_ok(zcn_stream_feed_msg(inner, first));
    stream_collect(inner, &got);
    assert_ok(zcn_stream_feed_msg(inner, second));
    stream_collect(inner, &got);
    assert_int_equal(got.count, frames.count);
    assert_script(&frames, &got, 0, 0, frames.count);
    if (stats_of(inner).copied_bytes > 2000)
        fail_msg("%llu bytes were copied for a frame of 104", (unsigned long long)stats_of(inner).copied_bytes);
    collector_clear(&got);
    collector_clear(&lent);
    script_clear(&frames);
    zcn_stream_release(inner);
    zcn_stream_release(heads);
    zcn_stream_release(rests);
    zcn_pool_release(pool);
}

static void joined_messages_are_not_fed(void **state) {
    (void)state;
    zcn_msg *msg = owned_msg(NULL, 10, 1), *joined;
    const zcn_msg *const list[] = {msg, msg};
    assert_ok(zcn_msg_join(&joined, list, 2));
    zcn_stream *stream = stream_of(NULL, "raw", NULL);
    assert_status(zcn_stream_feed_msg(stream, joined), ZCN_EUNSUPPORTED);
    assert_int_equal(stats_of(stream).bytes_in, 0);
    assert_int_equal(stream_collect(stream, NULL), 0);
    assert_ok(zcn_msg_release(joined));
    assert_ok(zcn_msg_release(msg));
    zcn_stream_release(stream);
}

/* ---- alignment ---- */

static void bodies_are_aligned_when_asked(void **state) {
    (void)state;
    for (uint32_t align = 8; align <= 4096; align *= 2)
        for (uint32_t from = 0; from <= 100; from += 50) {
            zcn_pool *pool = pool_of_blocks();
            zcn_stream_options options;
            zcn_stream_options_init(&options, sizeof options);
            options.align = align;
            options.align_from = from;
            zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, &options);
            script frames = small_script(&plain_shape);
            script_add(&frames, &plain_shape, 40000, 50);
            script_add(&frames, &plain_shape, 30, 51);
            script_add(&frames, &plain_shape, 100000, 52);
            script_add(&frames, &plain_shape, 5, 53);
            collector got = {.keep = true};
            for (size_t at = 0; at < frames.wire.size;) {
                const size_t most = frames.wire.size - at < 7001 ? frames.wire.size - at : 7001;
                at += read_once(stream, frames.wire.data + at, most, &got);
            }
            assert_int_equal(got.count, frames.count);
            assert_script(&frames, &got, 0, 0, frames.count);
            uint64_t large = 0;
            for (size_t i = 0; i < got.count; i++) {
                const uint8_t *data = zcn_msg_data(got.at[i].kept);
                if (got.at[i].size >= from) assert_int_equal((uintptr_t)data % align, 0);
                if (got.at[i].size >= from) large += got.at[i].frame_size;
                assert_memory_equal(data, got.at[i].body, got.at[i].size);
            }
            /* What was moved for it is counted, and what was not is not. */
            const zcn_stats stats = stats_of(stream);
            assert_true(stats.copied_aligned <= large);
            assert_true(align < 64 || stats.copied_aligned > 0);
            collector_clear(&got);
            script_clear(&frames);
            zcn_stream_release(stream);
            zcn_pool_release(pool);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_messages_are_not_copied), cmocka_unit_test(short_starts_are_stashed),
        cmocka_unit_test(longer_starts_stay_in_place),   cmocka_unit_test(starts_at_a_blocks_end_are_moved),
        cmocka_unit_test(large_messages_lie_alone),      cmocka_unit_test(claims_take_no_memory),
        cmocka_unit_test(fed_bytes_count_once),          cmocka_unit_test(messages_in_messages_are_not_copied),
        cmocka_unit_test(only_what_straddles_is_copied), cmocka_unit_test(large_messages_behind_a_cut_header),
        cmocka_unit_test(joined_messages_are_not_fed),   cmocka_unit_test(bodies_are_aligned_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
