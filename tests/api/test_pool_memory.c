/* SPDX-License-Identifier: MIT */
/* Where a pool's memory comes from and goes to: slabs, a source of the program, and what is kept free. */
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

/* ---- a source of the program ---- */

typedef struct source_log {
    atomic_size_t allocated, freed, dropped, ended;
    atomic_uint_fast64_t bytes; /* that are out */
    atomic_bool wrong, empty;
} source_log;

static void *log_allocate(void *context, uint64_t size, uint64_t alignment) {
    source_log *log = context;
    if (atomic_load(&log->empty)) return NULL;
    if (size < 4096 || (size & (size - 1)) != 0 || alignment < 4096 || alignment > 2 * MIB)
        atomic_store(&log->wrong, true);
    void *memory = NULL;
    if (posix_memalign(&memory, alignment, size) != 0) return NULL;
    atomic_fetch_add(&log->allocated, 1);
    atomic_fetch_add(&log->bytes, size);
    return memory;
}

static void log_free(void *context, void *memory, uint64_t size) {
    source_log *log = context;
    atomic_fetch_add(&log->freed, 1);
    atomic_fetch_sub(&log->bytes, size);
    memset(memory, 0xEE, size < 65536 ? size : 65536);
    free(memory);
}

static int32_t log_drop(void *context, void *memory, uint64_t size) {
    (void)memory;
    (void)size;
    atomic_fetch_add(&((source_log *)context)->dropped, 1);
    return 0;
}

static void log_end(void *context) { atomic_fetch_add(&((source_log *)context)->ended, 1); }

static zcn_pool_source source_of(source_log *log, bool drops) {
    memset(log, 0, sizeof *log);
    return (zcn_pool_source){.struct_size = sizeof(zcn_pool_source),
                             .allocate = log_allocate,
                             .free = log_free,
                             .drop = drops ? log_drop : NULL,
                             .end = log_end,
                             .context = log};
}

static void a_source_gives_everything(void **state) {
    (void)state;
    for (int drops = 0; drops < 2; drops++) {
        source_log log;
        const zcn_pool_source source = source_of(&log, drops);
        zcn_pool_options options = pool_defaults();
        options.block_size = 64 * KIB;
        options.source = &source;
        zcn_pool *pool = make_pool(&options);
        assert_int_equal(atomic_load(&log.allocated), 0);
        held_units held = {.count = 0};
        take_units(&held, pool, 100, 30 * KIB);
        assert_int_equal(atomic_load(&log.allocated), 2);
        assert_int_equal(atomic_load(&log.bytes), 4 * MIB);
        /* Of sizes that no block serves. */
        take_units(&held, pool, 1, 40 * KIB);
        assert_int_equal(atomic_load(&log.bytes), 4 * MIB + 64 * KIB);
        take_units(&held, pool, 1, 3 * MIB);
        assert_int_equal(atomic_load(&log.bytes), 8 * MIB + 64 * KIB);
        /* Received messages lie in it, and so do copies. */
        zcn_msg *small = owned_msg(pool, 100, 1);
        zcn_msg *large = owned_msg(pool, 100 * KIB, 2);
        zcn_msg *copy;
        const size_t before = atomic_load(&log.allocated);
        assert_ok(zcn_msg_detach(&copy, small));
        assert_int_equal(atomic_load(&log.allocated), before + 1);
        assert_pattern(zcn_msg_data(small), 100, 1);
        assert_pattern(zcn_msg_data(large), 100 * KIB, 2);
        assert_pattern(zcn_msg_data(copy), 100, 1);
        assert_ok(zcn_msg_release(small));
        assert_ok(zcn_msg_release(large));
        assert_ok(zcn_msg_release(copy));
        give_units(&held, held.count);
        trim_pool(pool);
        /* Back to the last byte. */
        assert_int_equal(atomic_load(&log.bytes), 0);
        assert_int_equal(atomic_load(&log.allocated), atomic_load(&log.freed));
        assert_true((atomic_load(&log.dropped) != 0) == drops);
        assert_int_equal(pool_stats_of(pool).reserved_bytes, 0);
        /* The end comes with the last of the memory. */
        small = owned_msg(pool, 100, 3);
        zcn_pool_release(pool);
        assert_int_equal(atomic_load(&log.ended), 0);
        assert_pattern(zcn_msg_data(small), 100, 3);
        assert_ok(zcn_msg_release(small));
        assert_int_equal(atomic_load(&log.ended), 1);
        assert_int_equal(atomic_load(&log.bytes), 0);
        assert_false(atomic_load(&log.wrong));
    }
}

static void a_source_that_is_empty(void **state) {
    (void)state;
    source_log log;
    const zcn_pool_source source = source_of(&log, false);
    zcn_pool_options options = pool_defaults();
    options.block_size = 64 * KIB;
    options.source = &source;
    zcn_pool *pool = make_pool(&options);
    atomic_store(&log.empty, true);
    const uint64_t sizes[] = {1, 40 * KIB, 100 * KIB, 3 * MIB};
    for (size_t i = 0; i < 4; i++) {
        zcn_unit *unit = (zcn_unit *)&log;
        void *data = &log;
        assert_status(zcn_unit_alloc(&unit, &data, pool, NULL, sizes[i]), ZCN_ENOMEM);
        assert_null(unit);
        assert_null(data);
    }
    assert_int_equal(pool_stats_of(pool).failures, 4);
    assert_int_equal(pool_stats_of(pool).reserved_bytes, 0);
    atomic_store(&log.empty, false);
    held_units held = {.count = 0};
    for (size_t i = 0; i < 4; i++) take_units(&held, pool, 1, sizes[i]);
    give_units(&held, 4);
    zcn_pool_release(pool);
    assert_int_equal(atomic_load(&log.ended), 1);
    assert_int_equal(atomic_load(&log.bytes), 0);
}

static void a_limited_pool_with_a_source_that_keeps_pages(void **state) {
    (void)state;
    source_log log;
    const zcn_pool_source source = source_of(&log, false);
    zcn_pool_options options = pool_defaults();
    options.block_size = 128 * KIB;
    options.source = &source;
    options.limit = 4 * MIB;
    zcn_pool *pool = make_pool(&options);
    held_units held = {.count = 0};
    take_units(&held, pool, 60, 60 * KIB);
    give_units(&held, 60);
    /* The blocks are free, and a large message needs what they are charged for. */
    take_units(&held, pool, 1, 2 * MIB);
    give_units(&held, 1);
    take_units(&held, pool, 60, 60 * KIB);
    give_units(&held, 60);
    zcn_pool_release(pool);
    assert_int_equal(atomic_load(&log.bytes), 0);
}

static void wrong_sources_are_refused(void **state) {
    (void)state;
    source_log log;
    zcn_pool_options options = pool_defaults();
    zcn_pool *pool;
    for (int i = 0; i < 4; i++) {
        zcn_pool_source source = source_of(&log, true);
        options.source = &source;
        options.shared_bytes = 0;
        if (i == 0) source.allocate = NULL;
        if (i == 1) source.free = NULL;
        if (i == 2) source.struct_size = 1;
        if (i == 3) options.shared_bytes = 4 * MIB;
        assert_status(zcn_pool_create(&pool, &options), ZCN_EINVAL);
        assert_null(pool);
        assert_int_equal(atomic_load(&log.ended), 0);
    }
    struct {
        zcn_pool_source source;
        uint64_t later;
    } newer = {source_of(&log, true), 1};
    newer.source.struct_size = sizeof newer;
    options.source = &newer.source;
    options.shared_bytes = 0;
    assert_status(zcn_pool_create(&pool, &options), ZCN_EOPTION);
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
        cmocka_unit_test(a_source_gives_everything),
        cmocka_unit_test(a_source_that_is_empty),
        cmocka_unit_test(a_limited_pool_with_a_source_that_keeps_pages),
        cmocka_unit_test(wrong_sources_are_refused),
        cmocka_unit_test(huge_pages_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
