/* SPDX-License-Identifier: MIT */
/* Pools whose memory comes from the program: what its source is asked for, and what it gets back, and when. */
#include "support_pool.h"

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

/* limit 0 is none; one of 64 MiB is so small that threads keep nothing of the pool. */
static zcn_pool *pool_from(const zcn_pool_source *source, uint64_t block_size, uint64_t limit) {
    zcn_pool_options options = pool_defaults();
    options.block_size = block_size;
    options.limit = limit;
    options.source = source;
    return make_pool(&options);
}

static void a_source_gives_everything(void **state) {
    (void)state;
    for (int drops = 0; drops < 2; drops++) {
        source_log log;
        const zcn_pool_source source = source_of(&log, drops);
        zcn_pool *pool = pool_from(&source, 64 * KIB, 0);
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

/* One that takes nothing but whole slabs does not wait for the last message either. */
static void a_source_gets_what_is_released_after_the_end(void **state) {
    (void)state;
    source_log log;
    const zcn_pool_source source = source_of(&log, false);
    zcn_pool *pool = pool_from(&source, 64 * KIB, 64 * MIB);
    /* A slab is 2 MiB, 32 blocks of two units. */
    held_units held = {.count = 0};
    take_units(&held, pool, 6 * 64, 30 * KIB);
    assert_int_equal(atomic_load(&log.bytes), 6 * 2 * MIB);
    /* Some is free at the end already. */
    give_units(&held, 32);
    assert_int_equal(atomic_load(&log.bytes), 6 * 2 * MIB);
    zcn_pool_release(pool);
    for (uint64_t slabs = 6; slabs > 0; slabs--) {
        assert_int_equal(atomic_load(&log.bytes), slabs * 2 * MIB);
        give_units(&held, slabs == 6 ? 30 : 62);
        assert_int_equal(atomic_load(&log.bytes), slabs * 2 * MIB);
        assert_int_equal(atomic_load(&log.ended), 0);
        give_units(&held, 2);
    }
    assert_int_equal(held.count, 0);
    assert_int_equal(atomic_load(&log.bytes), 0);
    assert_int_equal(atomic_load(&log.ended), 1);
    assert_false(atomic_load(&log.wrong));
}

static int32_t refuse_drop(void *context, void *memory, uint64_t size) {
    (void)memory;
    (void)size;
    atomic_fetch_add(&((source_log *)context)->dropped, 1);
    return 1;
}

/* One that could take pages is asked for them each time. */
static void a_source_that_refuses_pages_gets_all_in_the_end(void **state) {
    (void)state;
    source_log log;
    zcn_pool_source source = source_of(&log, true);
    source.drop = refuse_drop;
    zcn_pool *pool = pool_from(&source, 64 * KIB, 64 * MIB);
    held_units held = {.count = 0};
    take_units(&held, pool, 2 * 64, 30 * KIB);
    zcn_pool_release(pool);
    give_units(&held, 126);
    assert_in_range(atomic_load(&log.dropped), 63, 65);
    assert_int_equal(atomic_load(&log.bytes), 2 * 2 * MIB);
    assert_int_equal(atomic_load(&log.ended), 0);
    give_units(&held, 2);
    assert_int_equal(atomic_load(&log.bytes), 0);
    assert_int_equal(atomic_load(&log.ended), 1);
}

static void a_source_that_is_empty(void **state) {
    (void)state;
    source_log log;
    const zcn_pool_source source = source_of(&log, false);
    zcn_pool *pool = pool_from(&source, 64 * KIB, 0);
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
    zcn_pool *pool = pool_from(&source, 128 * KIB, 4 * MIB);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_gives_everything),
        cmocka_unit_test(a_source_gets_what_is_released_after_the_end),
        cmocka_unit_test(a_source_that_refuses_pages_gets_all_in_the_end),
        cmocka_unit_test(a_source_that_is_empty),
        cmocka_unit_test(a_limited_pool_with_a_source_that_keeps_pages),
        cmocka_unit_test(wrong_sources_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
