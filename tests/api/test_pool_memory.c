/* SPDX-License-Identifier: MIT */
/* Where a pool's memory comes from and goes to: slabs, what is kept free, and huge pages. */
#include <pthread.h>

#include "support_pool.h"

/* ---- slabs ---- */

static void empty_slabs_are_unmapped(void **state) {
    (void)state;
    zcn_pool_options options = pool_defaults();
    options.block_size = 128 * KIB;
    zcn_pool *pool = make_pool(&options);
    held_units held = {.count = 0};
    take_units(&held, pool, 256, 60 * KIB);
    assert_in_range(pool_stats_of(pool).slabs, 8, 9);
    /* A slab is 2 MiB, 16 blocks of two units: with the first sixteen units in use, one slab is, and the block that
     * the thread cuts units from. */
    give_units(&held, 240);
    trim_pool(pool);
    assert_in_range(pool_stats_of(pool).slabs, 1, 2);
    for (size_t i = 0; i < held.count; i++) assert_non_null(held.units[i]);
    /* Its other blocks serve, and then new slabs in the place of the old. */
    take_units(&held, pool, 400, 60 * KIB);
    assert_in_range(pool_stats_of(pool).slabs, 13, 14);
    give_units(&held, held.count);
    trim_pool(pool);
    const zcn_pool_stats stats = pool_stats_of(pool);
    assert_int_equal(stats.slabs, 0);
    assert_int_equal(stats.reserved_bytes, 0);
    assert_int_equal(stats.in_use_bytes, 0);
    /* Again and again: the table of blocks does not grow. */
    for (size_t i = 0; i < effort(200, 10); i++) {
        take_units(&held, pool, 64, 60 * KIB);
        give_units(&held, 64);
        trim_pool(pool);
        assert_int_equal(pool_stats_of(pool).slabs, 0);
    }
    zcn_pool_release(pool);
}

/* Threads that take and give while another trims: no block is lost or given twice. */
typedef struct worker {
    zcn_pool *pool;
    size_t rounds;
    unsigned char mark;
    bool failed;
} worker;

static void *work(void *argument) {
    worker *self = argument;
    for (size_t round = 0; round < self->rounds && !self->failed; round++) {
        zcn_unit *units[60];
        unsigned char *datas[60];
        size_t count = 0;
        for (; count < 60; count++) {
            if (zcn_unit_alloc(&units[count], (void **)&datas[count], self->pool, NULL, 15 * KIB) != ZCN_OK) break;
            memset(datas[count], self->mark, 15 * KIB);
        }
        self->failed = count != 60;
        for (size_t i = 0; i < count; i++) {
            for (size_t at = 0; at < 15 * KIB; at += 509) self->failed = self->failed || datas[i][at] != self->mark;
            zcn_unit_release(units[i]);
        }
    }
    return NULL;
}

static void trimming_while_others_work(void **state) {
    (void)state;
    zcn_pool_options options = pool_defaults();
    options.block_size = 16 * KIB;
    zcn_pool *pool = make_pool(&options);
    worker workers[3];
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        workers[i] = (worker){pool, effort(2000, 30), (unsigned char)(i + 1), false};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < effort(2000, 30); i++) trim_pool(pool);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_false(workers[i].failed);
    }
    trim_pool(pool);
    const zcn_pool_stats stats = pool_stats_of(pool);
    assert_int_equal(stats.in_use_bytes + stats.reserved_bytes + stats.slabs, 0);
    zcn_pool_release(pool);
}

/* ---- what is kept, and for how long ---- */

static void what_is_not_needed_goes_back_in_time(void **state) {
    (void)state;
    zcn_pool_options options = pool_defaults();
    options.block_size = 128 * KIB;
    options.keep_ms = 100;
    zcn_pool *pool = make_pool(&options);
    held_units held = {.count = 0};
    take_units(&held, pool, 300, 60 * KIB);
    give_units(&held, 300);
    assert_true(pool_stats_of(pool).cached_bytes >= 100 * 128 * KIB);
    /* One block at a time is needed from now on; the rest goes while the pool is used. More than what the thread's own
     * cache holds is taken and given each time, so that the pool itself is. */
    const uint64_t begin = now_ns();
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (pool_stats_of(pool).cached_bytes > 40 * 128 * KIB) {
        assert_false(deadline_passed(deadline));
        take_units(&held, pool, 40, 60 * KIB);
        give_units(&held, 40);
    }
    /* Not before its time. */
    assert_true(now_ns() - begin >= 80 * 1000 * 1000);
    /* What was needed in that time stayed. */
    const zcn_pool_stats stats = pool_stats_of(pool);
    assert_in_range((stats.cached_bytes + stats.thread_cached_bytes + stats.arena_bytes) / (128 * KIB), 16, 41);
    zcn_pool_release(pool);

    /* Without the option it stays. */
    options.keep_ms = 0;
    pool = make_pool(&options);
    take_units(&held, pool, 300, 60 * KIB);
    give_units(&held, 300);
    const uint64_t kept = pool_stats_of(pool).reserved_bytes;
    const uint64_t until = now_ns() + 300 * 1000 * 1000;
    while (now_ns() < until) {
        take_units(&held, pool, 40, 60 * KIB);
        give_units(&held, 40);
    }
    assert_true(pool_stats_of(pool).reserved_bytes >= kept);
    zcn_pool_release(pool);
}

static void memory_of_large_messages_goes_back_in_time(void **state) {
    (void)state;
    zcn_pool_options options = pool_defaults();
    options.block_size = 128 * KIB;
    options.keep_ms = 50;
    zcn_pool *pool = make_pool(&options);
    held_units held = {.count = 0};
    take_units(&held, pool, 50, 200 * KIB);
    give_units(&held, 50);
    assert_true(pool_stats_of(pool).cached_bytes >= 50 * 200 * KIB);
    /* One at a time is needed from now on. */
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (pool_stats_of(pool).cached_bytes > 4 * 256 * KIB) {
        assert_false(deadline_passed(deadline));
        take_units(&held, pool, 1, 200 * KIB);
        give_units(&held, 1);
    }
    zcn_pool_release(pool);
}

static void a_sleeping_loop_gives_back(void **state) {
    (void)state;
    zcn_pool_options options = pool_defaults();
    options.keep_ms = 50;
    zcn_pool *pool = make_pool(&options);
    zcn_loop_options loop_options;
    zcn_loop_options_init(&loop_options, sizeof loop_options);
    loop_options.pool = pool;
    zcn_loop *loop;
    assert_ok(zcn_loop_create(&loop, &loop_options));
    held_units held = {.count = 0};
    take_units(&held, pool, 100, 250 * KIB);
    give_units(&held, 100);
    assert_true(pool_stats_of(pool).cached_bytes != 0);
    /* Nothing happens but the passing of time; the loop says when it wants to look. */
    const zcn_event *events;
    size_t count;
    assert_ok(zcn_loop_poll(loop, 0, &events, &count, NULL));
    int64_t wait;
    assert_ok(zcn_loop_next_deadline(loop, &wait));
    assert_in_range(wait, 1, 200 * 1000 * 1000);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (pool_stats_of(pool).cached_bytes != 0) {
        assert_false(deadline_passed(deadline));
        assert_ok(zcn_loop_poll(loop, 1000 * 1000 * 1000, &events, &count, NULL));
        assert_int_equal(count, 0);
    }
    assert_in_range(pool_stats_of(pool).slabs, 0, 2);
    /* Then it looks no more. */
    assert_ok(zcn_loop_poll(loop, 0, &events, &count, NULL));
    assert_ok(zcn_loop_next_deadline(loop, &wait));
    assert_true(wait == INT64_MAX);
    zcn_loop_release(loop);
    zcn_pool_release(pool);
}

/* ---- huge pages ---- */

static void huge_pages_are_counted(void **state) {
    (void)state;
    for (uint32_t mode = 0; mode < 3; mode++) {
        zcn_pool_options options = pool_defaults();
        options.huge_pages = mode;
        zcn_pool *pool = make_pool(&options);
        held_units held = {.count = 0};
        take_units(&held, pool, 10, 120 * KIB);
        zcn_pool_stats stats = pool_stats_of(pool);
        /* The system takes the request or refuses it; it is one of the two for each slab that is asked for. */
        assert_int_equal(stats.huge_bytes + stats.huge_refused_bytes, mode == 2 ? stats.slabs * 2 * MIB : 0);
        assert_true(stats.huge_bytes == 0 || stats.huge_refused_bytes == 0);
        take_units(&held, pool, 60, 120 * KIB);
        stats = pool_stats_of(pool);
        assert_true((stats.huge_bytes + stats.huge_refused_bytes != 0) == (mode != 1));
        give_units(&held, held.count);
        zcn_pool_release(pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_slabs_are_unmapped),
        cmocka_unit_test(trimming_while_others_work),
        cmocka_unit_test(what_is_not_needed_goes_back_in_time),
        cmocka_unit_test(memory_of_large_messages_goes_back_in_time),
        cmocka_unit_test(a_sleeping_loop_gives_back),
        cmocka_unit_test(huge_pages_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
