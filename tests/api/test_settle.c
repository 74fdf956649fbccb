/* SPDX-License-Identifier: MIT */
/* The policy against pinning: small messages that are held long and keep much are copied out where the program says so.
 */
#include "support.h"

#define KIB ((uint64_t)1024)
#define BLOCK (64 * KIB)
/* PLAIN_FRAMING with a max that leaves room in small pools; a copy has the whole frame. */
#define FRAMING "length,width=4,strip=4,max=64K"
#define FRAME_HEAD 4

static zcn_pool *pool_of(uint32_t detach_ms, uint32_t detach_ratio, uint64_t limit) {
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = BLOCK;
    options.limit = limit;
    options.detach_ms = detach_ms;
    options.detach_ratio = detach_ratio;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, &options));
    return pool;
}

static zcn_pool_stats stats_of(zcn_pool *pool) {
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    return stats;
}

/* Messages of one size that a stream has shown and the test keeps. */
typedef struct kept {
    zcn_pool *pool;
    zcn_stream *stream;
    size_t count;
    size_t size;
    zcn_msg *msgs[200];
} kept;

static kept keep(zcn_pool *pool, size_t count, size_t size) {
    kept made = {.pool = pool, .stream = stream_of(pool, FRAMING, NULL), .count = count, .size = size};
    assert_true(count <= 200);
    collector got = {0};
    stream_keep(made.stream, count, size, &got);
    assert_int_equal(got.count, count);
    for (size_t i = 0; i < count; i++) {
        made.msgs[i] = got.at[i].kept;
        got.at[i].kept = NULL;
    }
    collector_clear(&got);
    return made;
}

static void assert_intact(const kept *of) {
    for (size_t i = 0; i < of->count; i++) {
        if (of->msgs[i] == NULL) continue;
        assert_int_equal(zcn_msg_size(of->msgs[i]), of->size);
        assert_true(has_pattern(zcn_msg_data(of->msgs[i]), of->size, i));
        const void *frame;
        uint64_t size;
        assert_ok(zcn_msg_frame(of->msgs[i], &frame, &size));
        assert_int_equal(size, of->size + FRAME_HEAD);
    }
}

static void end(kept *of) {
    assert_ok(zcn_msg_release_batch(of->msgs, of->count));
    zcn_stream_release(of->stream);
    assert_int_equal(stats_of(of->pool).views, 0);
    zcn_pool_release(of->pool);
}

static size_t settle(kept *of) {
    size_t copied = 77;
    assert_ok(zcn_msg_settle(of->msgs, of->count, &copied));
    return copied;
}

static void nothing_is_copied_unasked(void **state) {
    (void)state;
    kept all = keep(pool_of(0, 0, 0), 10, 20);
    zcn_msg *const first = all.msgs[0];
    assert_int_equal(settle(&all), 0);
    assert_ptr_equal(all.msgs[0], first);
    assert_int_equal(stats_of(all.pool).copied_bytes, 0);
    end(&all);
}

static void what_keeps_too_much_is_copied_out(void **state) {
    (void)state;
    kept all = keep(pool_of(0, 10, 0), 100, 40);
    zcn_msg *const first = all.msgs[0];
    zcn_pool_stats stats = stats_of(all.pool);
    assert_int_equal(stats.pinned_bytes, BLOCK);
    assert_int_equal(settle(&all), 100);
    stats = stats_of(all.pool);
    assert_int_equal(stats.views, 100);
    assert_int_equal(stats.viewed_bytes, 4000);
    assert_in_range(stats.pinned_bytes, 4400, 40000);
    assert_int_equal(stats.copied_bytes, 100 * (40 + FRAME_HEAD));
    assert_intact(&all);
    /* The handles that were given are gone. */
    assert_ptr_not_equal(all.msgs[0], first);
    assert_status(zcn_msg_release(first), ZCN_ESTALE);
    /* What was copied is not copied again. */
    assert_int_equal(settle(&all), 0);
    assert_int_equal(stats_of(all.pool).copied_bytes, 100 * (40 + FRAME_HEAD));
    end(&all);
}

static void a_copy_that_saves_nothing_is_not_made(void **state) {
    (void)state;
    /* One alone is copied out of its block. Its copy keeps several times its bytes too, and a copy of it as much. */
    kept all = keep(pool_of(0, 1, 0), 1, 40);
    assert_int_equal(settle(&all), 1);
    assert_true(stats_of(all.pool).amplification > 2000);
    assert_int_equal(settle(&all), 0);
    assert_intact(&all);
    end(&all);
    /* Nor when a piece of several is met message by message. */
    all = keep(pool_of(0, 1, 0), 3, 4);
    assert_int_equal(settle(&all), 3);
    for (size_t i = 0; i < 3; i++) {
        size_t copied = 77;
        assert_ok(zcn_msg_settle(&all.msgs[i], 1, &copied));
        assert_int_equal(copied, 0);
    }
    assert_intact(&all);
    end(&all);
}

/* Where memory comes in powers of two from 4 KiB. */
static void small_ones_are_copied_together(void **state) {
    (void)state;
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = BLOCK;
    options.shared_bytes = 8192 * KIB;
    options.detach_ratio = 4;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, &options));
    kept all = keep(pool, 1, 100);
    assert_int_equal(settle(&all), 1);
    for (size_t i = 0; i < 3; i++) assert_int_equal(settle(&all), 0);
    assert_intact(&all);
    zcn_pool_retain(pool);
    end(&all);
    all = keep(pool, 100, 100);
    const uint64_t before = stats_of(pool).pinned_bytes;
    assert_int_equal(before, BLOCK);
    assert_int_equal(settle(&all), 100);
    /* In four pieces of as many as a handle's group has, and a descriptor each. */
    assert_in_range(stats_of(pool).pinned_bytes, 4 * 4096, 4 * 4096 + 4 * 512);
    assert_intact(&all);
    /* One of a piece keeps the piece. */
    for (size_t i = 1; i < 100; i++) {
        assert_ok(zcn_msg_release(all.msgs[i]));
        all.msgs[i] = NULL;
    }
    assert_in_range(stats_of(pool).pinned_bytes, 4096, 4096 + 512);
    assert_intact(&all);
    end(&all);
}

static void one_that_is_given_twice_is_copied_once(void **state) {
    (void)state;
    kept all = keep(pool_of(0, 2, 0), 3, 10);
    zcn_msg *const first = all.msgs[0];
    zcn_msg *given[] = {first, all.msgs[1], first, all.msgs[2]};
    size_t copied;
    assert_status(zcn_msg_settle(given, 4, &copied), ZCN_ESTALE);
    assert_int_equal(copied, 3);
    assert_ptr_equal(given[2], first);
    all.msgs[0] = given[0], all.msgs[1] = given[1], all.msgs[2] = given[3];
    assert_intact(&all);
    assert_int_equal(stats_of(all.pool).views, 3);
    end(&all);
}

static void those_that_fill_their_block_stay(void **state) {
    (void)state;
    /* Three fill most of a block. */
    kept all = keep(pool_of(0, 2, 0), 3, 20 * KIB);
    assert_int_equal(settle(&all), 0);
    /* One by one each keeps three times its size, and is copied when nobody gives the others with it. */
    size_t copied;
    assert_ok(zcn_msg_settle(&all.msgs[1], 1, &copied));
    assert_int_equal(copied, 1);
    assert_int_equal(stats_of(all.pool).copied_bytes, 20 * KIB + FRAME_HEAD);
    assert_intact(&all);
    end(&all);
}

static void the_young_stay(void **state) {
    (void)state;
    kept all = keep(pool_of(3600 * 1000, 2, 0), 5, 10);
    assert_int_equal(settle(&all), 0);
    assert_int_equal(stats_of(all.pool).copied_bytes, 0);
    end(&all);
    const uint64_t begin = now_ns();
    all = keep(pool_of(100, 2, 0), 5, 10);
    const uint64_t deadline = deadline_after_ms(20000);
    size_t copied = 0;
    while (copied == 0 && !deadline_passed(deadline)) copied = settle(&all);
    assert_int_equal(copied, 5);
    /* By a clock of steps of up to 10 ms. */
    assert_true(now_ns() - begin >= (uint64_t)90 * 1000 * 1000);
    assert_intact(&all);
    end(&all);
}

static void what_cannot_be_copied_stays(void **state) {
    (void)state;
    kept all = keep(pool_of(0, 2, 0), 6, 10);
    /* A joined one, one that was released, none at all; the others are replaced. */
    zcn_msg *joined;
    const zcn_msg *const parts[] = {all.msgs[0], all.msgs[1]};
    assert_ok(zcn_msg_join(&joined, parts, 2));
    assert_ok(zcn_msg_release(all.msgs[2]));
    zcn_msg *given[] = {all.msgs[0], joined, all.msgs[1], all.msgs[2], NULL, all.msgs[3]};
    assert_status(zcn_msg_settle(given, 6, NULL), ZCN_ESTALE);
    assert_ptr_not_equal(given[0], all.msgs[0]);
    assert_ptr_equal(given[1], joined);
    assert_ptr_not_equal(given[2], all.msgs[1]);
    assert_ptr_equal(given[3], all.msgs[2]);
    assert_null(given[4]);
    assert_ptr_not_equal(given[5], all.msgs[3]);
    all.msgs[0] = given[0], all.msgs[1] = given[2], all.msgs[2] = NULL, all.msgs[3] = given[5];
    assert_intact(&all);
    struct iovec iovecs[2];
    size_t count;
    assert_ok(zcn_msg_iovecs(joined, iovecs, 2, &count));
    assert_int_equal(count, 2);
    assert_true(has_pattern(iovecs[1].iov_base, 10, 1));
    assert_ok(zcn_msg_release(joined));
    end(&all);
}

static void borrowed_ones_are_not_taken(void **state) {
    (void)state;
    kept all = keep(pool_of(0, 2, 0), 1, 10);
    bytes wire = {0};
    append_frame(&wire, &plain_shape, (const uint8_t *)"ab", 2);
    uint64_t taken;
    assert_ok(zcn_stream_feed(all.stream, wire.data, wire.size, &taken));
    const zcn_event *events;
    size_t count, copied;
    assert_ok(zcn_stream_poll(all.stream, &events, &count, NULL));
    assert_int_equal(count, 1);
    zcn_msg *given[] = {events[0].msg, all.msgs[0]};
    assert_status(zcn_msg_settle(given, 2, &copied), ZCN_EINVAL);
    assert_int_equal(copied, 1);
    assert_ptr_equal(given[0], events[0].msg);
    all.msgs[0] = given[1];
    assert_intact(&all);
    bytes_clear(&wire);
    end(&all);
}

/* Takes what the pool has left, in ever smaller pieces, until not even a copy of a small message fits. */
typedef struct hoard {
    zcn_unit *units[256];
    size_t count;
    zcn_msg *copies[2000];
    size_t copied;
} hoard;

static void take_all(hoard *into, zcn_pool *pool, const zcn_msg *small) {
    for (uint64_t size = 1024 * KIB; size > BLOCK / 2;) {
        void *data;
        assert_true(into->count < 256);
        const zcn_status status = zcn_unit_alloc(&into->units[into->count], &data, pool, NULL, size);
        if (status == ZCN_OK) {
            into->count++;
        } else {
            assert_status(status, ZCN_ENOBUFS);
            size /= 2;
        }
    }
    while (zcn_msg_detach(&into->copies[into->copied], small) == ZCN_OK) assert_true(++into->copied < 2000);
}

static void without_memory_they_stay(void **state) {
    (void)state;
    kept all = keep(pool_of(0, 2, 256 * BLOCK), 3, 10);
    hoard *rest = calloc(1, sizeof *rest);
    assert_non_null(rest);
    take_all(rest, all.pool, all.msgs[0]);
    zcn_msg *const before[] = {all.msgs[0], all.msgs[1], all.msgs[2]};
    size_t copied = 77;
    assert_status(zcn_msg_settle(all.msgs, 3, &copied), ZCN_ENOMEM);
    assert_int_equal(copied, 0);
    for (size_t i = 0; i < 3; i++) assert_ptr_equal(all.msgs[i], before[i]);
    assert_intact(&all);
    assert_ok(zcn_msg_release_batch(rest->copies, rest->copied));
    zcn_unit_release_batch(rest->units, rest->count);
    free(rest);
    assert_int_equal(settle(&all), 3);
    assert_intact(&all);
    end(&all);
}

static void arguments_are_checked(void **state) {
    (void)state;
    size_t copied = 77;
    assert_status(zcn_msg_settle(NULL, 1, &copied), ZCN_EINVAL);
    assert_int_equal(copied, 0);
    assert_ok(zcn_msg_settle(NULL, 0, NULL));
    zcn_msg *none[] = {NULL};
    assert_ok(zcn_msg_settle(none, 1, &copied));
    assert_int_equal(copied, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_copied_unasked),
        cmocka_unit_test(what_keeps_too_much_is_copied_out),
        cmocka_unit_test(a_copy_that_saves_nothing_is_not_made),
        cmocka_unit_test(small_ones_are_copied_together),
        cmocka_unit_test(one_that_is_given_twice_is_copied_once),
        cmocka_unit_test(those_that_fill_their_block_stay),
        cmocka_unit_test(the_young_stay),
        cmocka_unit_test(what_cannot_be_copied_stays),
        cmocka_unit_test(borrowed_ones_are_not_taken),
        cmocka_unit_test(without_memory_they_stay),
        cmocka_unit_test(arguments_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
