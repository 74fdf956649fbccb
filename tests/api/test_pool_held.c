/* SPDX-License-Identifier: MIT */
/* What a pool says about the messages that are held, and about the caches and marks beside them. */
#include <pthread.h>

#include "support.h"

#define KIB ((uint64_t)1024)

static zcn_pool *pool_of(uint64_t block_size) {
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = block_size;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, &options));
    return pool;
}

static zcn_pool_stats stats_of(zcn_pool *pool) {
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    return stats;
}

static void nothing_is_held(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(0);
    const zcn_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.views + stats.viewed_bytes + stats.pinned_bytes + stats.amplification, 0);
    assert_int_equal(stats.oldest_view_ns + stats.copied_bytes, 0);
    assert_int_equal(stats.thread_cached_bytes + stats.arena_bytes + stats.reserved_peak_bytes, 0);
    zcn_pool_release(pool);
}

static void small_views_pin_their_block(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(64 * KIB);
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    collector got = {0};
    stream_keep(stream, 100, 40, &got);
    assert_int_equal(got.count, 100);
    zcn_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.views, 100);
    assert_int_equal(stats.viewed_bytes, 4000);
    assert_int_equal(stats.pinned_bytes, 64 * KIB);
    assert_int_equal(stats.amplification, 64 * KIB * 1000 / 4000);
    assert_true(stats.pinned_bytes <= stats.in_use_bytes);
    /* All but one. */
    for (size_t i = 0; i < 100; i++) {
        if (i == 55) continue;
        assert_ok(zcn_msg_release(got.at[i].kept));
        got.at[i].kept = NULL;
    }
    stats = stats_of(pool);
    assert_int_equal(stats.views, 1);
    assert_int_equal(stats.viewed_bytes, 40);
    assert_int_equal(stats.pinned_bytes, 64 * KIB);
    assert_int_equal(stats.amplification, 64 * KIB * 1000 / 40);
    /* A copy of its own keeps little, and counts as copied. */
    zcn_msg *copy;
    assert_ok(zcn_msg_detach(&copy, got.at[55].kept));
    assert_ok(zcn_msg_release(got.at[55].kept));
    got.at[55].kept = copy;
    stats = stats_of(pool);
    assert_int_equal(stats.views, 1);
    assert_int_equal(stats.viewed_bytes, 40);
    assert_in_range(stats.pinned_bytes, 44, 1000);
    assert_int_equal(stats.copied_bytes, 44);
    collector_clear(&got);
    stats = stats_of(pool);
    assert_int_equal(stats.views + stats.viewed_bytes + stats.pinned_bytes + stats.amplification, 0);
    assert_int_equal(stats.oldest_view_ns, 0);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

static void each_block_counts_once(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(64 * KIB);
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    collector got = {0};
    /* Four a block or so. */
    stream_keep(stream, 16, 15 * KIB, &got);
    assert_int_equal(got.count, 16);
    zcn_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.viewed_bytes, 16 * 15 * KIB);
    const uint64_t blocks = stats.pinned_bytes / (64 * KIB);
    assert_int_equal(stats.pinned_bytes, blocks * 64 * KIB);
    assert_in_range(blocks, 4, 8);
    /* More handles of the same messages keep nothing more. */
    zcn_msg *more[16], *part;
    for (size_t i = 0; i < 16; i++) assert_ok(zcn_msg_retain(&more[i], got.at[i].kept));
    assert_ok(zcn_msg_slice(&part, got.at[3].kept, 10, 5));
    const zcn_pool_stats shared = stats_of(pool);
    assert_int_equal(shared.views, 33);
    assert_int_equal(shared.viewed_bytes, 2 * stats.viewed_bytes + 5);
    assert_int_equal(shared.pinned_bytes, stats.pinned_bytes);
    assert_ok(zcn_msg_release_batch(more, 16));
    assert_ok(zcn_msg_release(part));
    collector_clear(&got);
    /* One that is larger than half a block has memory of its own. */
    stream_keep(stream, 1, 300 * KIB, &got);
    stats = stats_of(pool);
    assert_int_equal(stats.views, 1);
    assert_int_equal(stats.viewed_bytes, 300 * KIB);
    assert_in_range(stats.pinned_bytes, 300 * KIB, 400 * KIB);
    collector_clear(&got);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

static void a_block_that_many_groups_hold_counts_once(void **state) {
    (void)state;
    /* More blocks than what is met is told apart in at first, and each is met again, after all the others. */
    const size_t many = effort(5000, 300);
    zcn_pool *pool = pool_of(4 * KIB);
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    collector got = {.no_copy = true};
    stream_keep(stream, many, 1500, &got);
    zcn_msg **again = calloc(many, sizeof *again);
    assert_non_null(again);
    const uint64_t pinned = stats_of(pool).pinned_bytes;
    assert_true(pinned >= many / 2 * 4 * KIB);
    for (size_t i = 0; i < many; i++) assert_ok(zcn_msg_retain(&again[i], got.at[i].kept));
    assert_int_equal(stats_of(pool).views, 2 * many);
    assert_int_equal(stats_of(pool).pinned_bytes, pinned);
    assert_ok(zcn_msg_release_batch(again, many));
    free(again);
    collector_clear(&got);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

static void the_parts_of_a_joined_message_are_held(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(64 * KIB);
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    collector got = {0};
    stream_keep(stream, 3, 100, &got);
    zcn_msg *joined, *more;
    const zcn_msg *const parts[] = {got.at[0].kept, got.at[1].kept};
    assert_ok(zcn_msg_join(&joined, parts, 2));
    collector_clear(&got);
    zcn_stream_release(stream);
    zcn_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.views, 2);
    assert_int_equal(stats.viewed_bytes, 200);
    assert_int_equal(stats.pinned_bytes, 64 * KIB);
    assert_ok(zcn_msg_retain(&more, joined));
    assert_int_equal(stats_of(pool).views, 4);
    assert_ok(zcn_msg_release(joined));
    assert_status(zcn_msg_release(joined), ZCN_ESTALE);
    assert_int_equal(stats_of(pool).views, 2);
    assert_ok(zcn_msg_release(more));
    stats = stats_of(pool);
    assert_int_equal(stats.views + stats.viewed_bytes + stats.pinned_bytes, 0);
    zcn_pool_release(pool);
}

static void pools_are_told_apart(void **state) {
    (void)state;
    zcn_pool *pools[2] = {pool_of(64 * KIB), pool_of(4 * KIB)};
    zcn_stream *streams[2];
    collector got[2] = {{0}, {0}};
    for (size_t i = 0; i < 2; i++) {
        streams[i] = stream_of(pools[i], PLAIN_FRAMING, NULL);
        stream_keep(streams[i], 5 + i, 100, &got[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        const zcn_pool_stats stats = stats_of(pools[i]);
        assert_int_equal(stats.views, 5 + i);
        assert_int_equal(stats.pinned_bytes, stats.block_size);
    }
    for (size_t i = 0; i < 2; i++) {
        collector_clear(&got[i]);
        zcn_stream_release(streams[i]);
        zcn_pool_release(pools[i]);
    }
}

static void the_oldest_is_found_among_the_young(void **state) {
    (void)state;
    enum { MANY = 100, OLD = 50 };
    zcn_pool *pool = pool_of(0);
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    collector got = {0};
    stream_keep(stream, 1, 10, &got);
    /* Each handle of a handle lies apart; the old one among them. */
    zcn_msg *handles[MANY];
    for (size_t i = 0; i < MANY; i++) assert_ok(zcn_msg_retain(&handles[i], got.at[0].kept));
    collector_clear(&got);
    assert_ok(zcn_msg_release_batch(handles, OLD));
    assert_ok(zcn_msg_release_batch(handles + OLD + 1, MANY - OLD - 1));
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    uint64_t age;
    do {
        age = stats_of(pool).oldest_view_ns;
        assert_false(deadline_passed(deadline));
    } while (age < 100 * 1000 * 1000);
    for (size_t i = 0; i < MANY; i++)
        if (i != OLD) assert_ok(zcn_msg_retain(&handles[i], handles[OLD]));
    /* These are of some age, too. */
    const uint64_t made = now_ns();
    while (now_ns() - made < 40 * 1000 * 1000) continue;
    assert_true(stats_of(pool).oldest_view_ns >= age);
    assert_ok(zcn_msg_release_batch(handles, MANY));
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

static void the_oldest_is_known(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(0);
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    collector got = {0};
    const uint64_t begin = now_ns();
    stream_keep(stream, 1, 10, &got);
    zcn_pool_stats stats;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    do {
        stats = stats_of(pool);
        assert_false(deadline_passed(deadline));
    } while (stats.oldest_view_ns < 100 * 1000 * 1000);
    /* Ticks of 17 ms at both ends. */
    assert_true(stats.oldest_view_ns <= now_ns() - begin + 40 * 1000 * 1000);
    /* A younger one beside it changes nothing, and is what is left. */
    collector younger = {0};
    stream_keep(stream, 1, 10, &younger);
    const uint64_t later = now_ns();
    assert_true(stats_of(pool).oldest_view_ns >= stats.oldest_view_ns);
    collector_clear(&got);
    stats = stats_of(pool);
    assert_int_equal(stats.views, 1);
    assert_true(stats.oldest_view_ns <= now_ns() - later + 40 * 1000 * 1000);
    collector_clear(&younger);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

/* A thread that keeps blocks for itself until it is told to end. */
typedef struct hoarder {
    zcn_pool *pool;
    int from[2]; /* pipes: it says that it holds, and is told to end */
    int to[2];
    bool failed;
} hoarder;

static void *hoard(void *argument) {
    hoarder *self = argument;
    zcn_unit *units[8];
    void *data;
    for (size_t i = 0; i < 8; i++)
        self->failed = self->failed || zcn_unit_alloc(&units[i], &data, self->pool, NULL, 30 * KIB) != ZCN_OK;
    if (!self->failed) zcn_unit_release_batch(units, 8);
    char byte = 1;
    self->failed = self->failed || write(self->from[1], &byte, 1) != 1 || read(self->to[0], &byte, 1) != 1;
    return NULL;
}

static void what_threads_keep_is_shown_and_comes_back(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(64 * KIB);
    hoarder self = {.pool = pool};
    assert_int_equal(pipe(self.from), 0);
    assert_int_equal(pipe(self.to), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hoard, &self), 0);
    char byte;
    assert_int_equal(read(self.from[0], &byte, 1), 1);
    zcn_pool_stats stats = stats_of(pool);
    /* One block to cut units from, and free ones: four hold two units each. */
    assert_int_equal(stats.arena_bytes, 64 * KIB);
    assert_int_equal(stats.thread_cached_bytes, 3 * 64 * KIB);
    assert_int_equal(stats.in_use_bytes, 4 * 64 * KIB);
    assert_int_equal(stats.in_use_bytes, stats.arena_bytes + stats.thread_cached_bytes);
    assert_int_equal(write(self.to[1], &byte, 1), 1);
    pthread_join(thread, NULL);
    assert_false(self.failed);
    stats = stats_of(pool);
    assert_int_equal(stats.arena_bytes, 0);
    assert_int_equal(stats.thread_cached_bytes, 0);
    assert_int_equal(stats.in_use_bytes, 0);
    assert_int_equal(stats.cached_bytes, 4 * 64 * KIB);
    assert_int_equal(stats.peak_bytes, 4 * 64 * KIB);
    assert_int_equal(stats.reserved_peak_bytes, 4 * 64 * KIB);
    assert_true(stats.object_bytes != 0);
    uint64_t given;
    assert_ok(zcn_pool_trim(pool, &given));
    assert_int_equal(given, 4 * 64 * KIB);
    stats = stats_of(pool);
    assert_int_equal(stats.reserved_bytes, 0);
    assert_int_equal(stats.reserved_peak_bytes, 4 * 64 * KIB);
    for (size_t i = 0; i < 2; i++) {
        close(self.from[i]);
        close(self.to[i]);
    }
    zcn_pool_release(pool);
}

static void a_cache_is_bounded(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(64 * KIB);
    zcn_unit *units[400];
    void *data;
    for (size_t i = 0; i < 400; i++) assert_ok(zcn_unit_alloc(&units[i], &data, pool, NULL, 30 * KIB));
    assert_true(stats_of(pool).in_use_bytes >= 200 * 64 * KIB);
    zcn_unit_release_batch(units, 400);
    const zcn_pool_stats stats = stats_of(pool);
    assert_in_range(stats.thread_cached_bytes, 1, 16 * 64 * KIB);
    assert_int_equal(stats.in_use_bytes, stats.thread_cached_bytes + stats.arena_bytes);
    zcn_pool_release(pool);
}

/* Looking while others retain and release: every answer is one that was true. */
typedef struct holder {
    zcn_pool *pool;
    atomic_bool *stop;
    bool failed;
} holder;

static void *hold_and_release(void *argument) {
    holder *self = argument;
    zcn_framing *framing;
    zcn_stream *stream = NULL;
    if (zcn_framing_parse(&framing, PLAIN_FRAMING, NULL) != ZCN_OK ||
        zcn_stream_create(&stream, self->pool, framing, NULL) != ZCN_OK) {
        self->failed = true;
        return NULL;
    }
    zcn_framing_release(framing);
    /* A message of four bytes, a thousand times. */
    static const uint8_t frame[8] = {0, 0, 0, 4, 'a', 'b', 'c', 'd'};
    while (!atomic_load(self->stop) && !self->failed) {
        zcn_msg *kept[100];
        size_t count = 0;
        while (count < 100 && !self->failed) {
            uint64_t taken;
            const zcn_event *events;
            size_t shown;
            self->failed = zcn_stream_feed(stream, frame, sizeof frame, &taken) != ZCN_OK ||
                           zcn_stream_poll(stream, &events, &shown, NULL) != ZCN_OK || shown != 1 ||
                           zcn_msg_retain(&kept[count], events[0].msg) != ZCN_OK;
            count += !self->failed;
        }
        self->failed = self->failed || zcn_msg_release_batch(kept, count) != ZCN_OK;
    }
    zcn_stream_release(stream);
    return NULL;
}

static void looking_while_others_work(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(4 * KIB);
    atomic_bool stop = false;
    holder holders[2];
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        holders[i] = (holder){pool, &stop, false};
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_release, &holders[i]), 0);
    }
    size_t wrong = 0, met = 0;
    /* On a busy machine the others may begin late: look at least until something was seen. */
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    for (size_t i = 0; i < effort(20000, 300) || (met == 0 && !deadline_passed(deadline)); i++) {
        zcn_pool_stats stats = {.struct_size = sizeof stats};
        wrong += zcn_pool_get_stats(pool, &stats) != ZCN_OK;
        /* Each holds a hundred at most; one that ends while we look and begins anew may be met twice. */
        wrong += stats.views > 400 || stats.viewed_bytes != 4 * stats.views || stats.pinned_bytes % (4 * KIB) != 0;
        met += stats.views != 0;
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_false(holders[i].failed);
    }
    assert_int_equal(wrong, 0);
    assert_true(met != 0);
    assert_int_equal(stats_of(pool).views, 0);
    zcn_pool_release(pool);
}

static void older_callers_get_what_they_know(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(64 * KIB);
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    collector got = {0};
    stream_keep(stream, 1, 40, &got);
    zcn_pool_stats stats;
    memset(&stats, 0x55, sizeof stats);
    stats.struct_size = offsetof(zcn_pool_stats, views);
    assert_ok(zcn_pool_get_stats(pool, &stats));
    assert_int_equal(stats.struct_size, offsetof(zcn_pool_stats, views));
    assert_int_equal(stats.block_size, 64 * KIB);
    assert_true(stats.views == 0x5555555555555555);
    stats.struct_size = offsetof(zcn_pool_stats, viewed_bytes);
    assert_ok(zcn_pool_get_stats(pool, &stats));
    assert_int_equal(stats.views, 1);
    assert_true(stats.viewed_bytes == 0x5555555555555555);
    collector_clear(&got);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_held),
        cmocka_unit_test(small_views_pin_their_block),
        cmocka_unit_test(each_block_counts_once),
        cmocka_unit_test(a_block_that_many_groups_hold_counts_once),
        cmocka_unit_test(the_parts_of_a_joined_message_are_held),
        cmocka_unit_test(pools_are_told_apart),
        cmocka_unit_test(the_oldest_is_found_among_the_young),
        cmocka_unit_test(the_oldest_is_known),
        cmocka_unit_test(what_threads_keep_is_shown_and_comes_back),
        cmocka_unit_test(a_cache_is_bounded),
        cmocka_unit_test(looking_while_others_work),
        cmocka_unit_test(older_callers_get_what_they_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
