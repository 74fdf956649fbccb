/* SPDX-License-Identifier: MIT */
/* Pools: their options, their accounts, their limit, and that memory outlives the handle and nothing more. */
#include <pthread.h>

#include "support.h"

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)

static zcn_pool *pool_of(uint64_t block_size, uint64_t limit, uint64_t keep) {
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = block_size;
    options.limit = limit;
    options.keep = keep;
    zcn_pool *pool = NULL;
    assert_ok(zcn_pool_create(&pool, &options));
    assert_non_null(pool);
    return pool;
}

static zcn_pool_stats stats_of(zcn_pool *pool) {
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    return stats;
}

/* Bytes of address space that the process has mapped. */
static uint64_t mapped_bytes(void) {
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%llu", &pages), 1);
    fclose(file);
    return pages * 4096;
}

/* ---- options ---- */

static void defaults_are_what_the_header_says(void **state) {
    (void)state;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    const zcn_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.block_size, 256 * KIB);
    assert_int_equal(stats.limit_bytes, 0);
    /* Nothing is taken before it is needed. */
    assert_int_equal(stats.slabs, 0);
    assert_int_equal(stats.reserved_bytes, 0);
    assert_int_equal(stats.in_use_bytes, 0);
    assert_int_equal(stats.cached_bytes, 0);
    assert_int_equal(stats.peak_bytes, 0);
    assert_int_equal(stats.block_takes + stats.region_takes + stats.failures + stats.waits, 0);
    zcn_pool_release(pool);
}

static void every_block_size_serves(void **state) {
    (void)state;
    for (uint64_t size = 4 * KIB; size <= 16 * MIB; size *= 2) {
        zcn_pool *pool = pool_of(size, 0, 0);
        assert_int_equal(stats_of(pool).block_size, size);
        /* Within a block, most of a block, more than a block. */
        const uint64_t sizes[] = {1, size / 2, size - 64, size + 1};
        zcn_unit *units[4];
        void *datas[4];
        for (size_t i = 0; i < 4; i++) {
            assert_ok(zcn_unit_alloc(&units[i], &datas[i], pool, NULL, sizes[i]));
            fill_pattern(datas[i], sizes[i] < 5000 ? sizes[i] : 5000, i);
            ((uint8_t *)datas[i])[sizes[i] - 1] = 7;
        }
        for (size_t i = 1; i < 4; i++) assert_pattern(datas[i], sizes[i] < 5000 ? sizes[i] - 1 : 5000, i);
        const zcn_pool_stats stats = stats_of(pool);
        assert_true(stats.in_use_bytes >= sizes[1] + sizes[2] + sizes[3]);
        assert_true(stats.reserved_bytes >= stats.in_use_bytes);
        assert_true(stats.slabs > 0 && stats.block_takes > 0);
        zcn_unit_release_batch(units, 4);
        zcn_pool_release(pool);
    }
}

static void wrong_options_are_refused(void **state) {
    (void)state;
    static const struct {
        uint64_t block_size, limit;
        uint32_t huge_pages;
        zcn_status expected;
    } cases[] = {
        {1, 0, 0, ZCN_EINVAL},          {2048, 0, 0, ZCN_EINVAL},
        {4095, 0, 0, ZCN_EINVAL},       {4097, 0, 0, ZCN_EINVAL},
        {3 * 4096, 0, 0, ZCN_EINVAL},   {32 << 20, 0, 0, ZCN_EINVAL},
        {UINT64_MAX, 0, 0, ZCN_EINVAL}, {1ULL << 63, 0, 0, ZCN_EINVAL},
        {4096, 1, 0, ZCN_EINVAL},       {4096, 8 * 4096 - 1, 0, ZCN_EINVAL},
        {4096, 8 * 4096, 0, ZCN_OK},    {0, 8 * 256 * 1024 - 1, 0, ZCN_EINVAL},
        {0, 8 * 256 * 1024, 0, ZCN_OK}, {4096, UINT64_MAX, 0, ZCN_OK},
        {4096, 0, 1, ZCN_OK},           {4096, 0, 2, ZCN_OK},
        {4096, 0, 3, ZCN_EINVAL},       {4096, 0, UINT32_MAX, ZCN_EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zcn_pool_options options;
        zcn_pool_options_init(&options, sizeof options);
        options.block_size = cases[i].block_size;
        options.limit = cases[i].limit;
        options.huge_pages = cases[i].huge_pages;
        zcn_pool *pool = (zcn_pool *)&options;
        const zcn_status status = zcn_pool_create(&pool, &options);
        if (status != cases[i].expected) fail_msg("case %zu: %s", i, zcn_status_name(status));
        assert_true((status == ZCN_OK) == (pool != NULL));
        zcn_pool_release(pool);
    }
}

static void huge_pages_are_only_advice(void **state) {
    (void)state;
    for (uint32_t mode = 0; mode <= 2; mode++) {
        zcn_pool_options options;
        zcn_pool_options_init(&options, sizeof options);
        options.huge_pages = mode;
        zcn_pool *pool;
        assert_ok(zcn_pool_create(&pool, &options));
        zcn_unit *units[48];
        void *datas[48];
        for (size_t i = 0; i < 48; i++) {
            assert_ok(zcn_unit_alloc(&units[i], &datas[i], pool, NULL, 250 * KIB));
            fill_pattern(datas[i], 64, i);
        }
        for (size_t i = 0; i < 48; i++) assert_pattern(datas[i], 64, i);
        assert_true(stats_of(pool).reserved_bytes >= 48 * 250 * KIB);
        zcn_unit_release_batch(units, 48);
        zcn_pool_release(pool);
    }
}

static void null_arguments(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(4096, 0, 0);
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    uint64_t given = 99;
    assert_status(zcn_pool_create(NULL, NULL), ZCN_EINVAL);
    assert_status(zcn_pool_default(NULL), ZCN_EINVAL);
    assert_status(zcn_pool_trim(NULL, NULL), ZCN_EINVAL);
    assert_status(zcn_pool_trim(NULL, &given), ZCN_EINVAL);
    assert_int_equal(given, 0);
    assert_ok(zcn_pool_trim(pool, NULL));
    assert_status(zcn_pool_get_stats(NULL, &stats), ZCN_EINVAL);
    assert_status(zcn_pool_get_stats(pool, NULL), ZCN_EINVAL);
    assert_null(zcn_pool_retain(NULL));
    zcn_pool_release(NULL);
    zcn_pool_release(pool);
}

/* ---- lifetime ---- */

static void default_pool_is_one(void **state) {
    (void)state;
    zcn_pool *first, *second;
    assert_ok(zcn_pool_default(&first));
    assert_ok(zcn_pool_default(&second));
    assert_ptr_equal(first, second);
    zcn_pool_release(second);
    const zcn_pool_stats before = stats_of(first);
    assert_int_equal(before.block_size, 256 * KIB);
    zcn_unit *unit;
    void *data;
    assert_ok(zcn_unit_alloc(&unit, &data, NULL, NULL, 1 * MIB));
    assert_true(stats_of(first).in_use_bytes >= before.in_use_bytes + 1 * MIB);
    zcn_unit_release(unit);
    zcn_pool_release(first);
    /* The process holds it still. */
    assert_ok(zcn_pool_default(&second));
    assert_ptr_equal(first, second);
    assert_true(stats_of(second).region_takes > before.region_takes);
    zcn_pool_release(second);
}

static void references_are_counted(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(4096, 0, 0);
    for (int i = 0; i < 10; i++) assert_ptr_equal(zcn_pool_retain(pool), pool);
    for (int i = 0; i < 10; i++) zcn_pool_release(pool);
    assert_int_equal(stats_of(pool).block_size, 4096);
    zcn_pool_release(pool);
}

static void memory_outlives_the_handle(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(16 * KIB, 0, 0);
    zcn_msg *small = owned_msg(pool, 100, 1);
    zcn_msg *large = owned_msg(pool, 200 * KIB, 2);
    zcn_unit *unit;
    void *data;
    assert_ok(zcn_unit_alloc(&unit, &data, pool, NULL, 9000));
    zcn_pool_release(pool);
    fill_pattern(data, 9000, 3);
    assert_pattern(zcn_msg_data(small), 100, 1);
    assert_pattern(zcn_msg_data(large), 200 * KIB, 2);
    assert_pattern(data, 9000, 3);
    /* Still good for more. */
    zcn_msg *copy;
    assert_ok(zcn_msg_detach(&copy, small));
    assert_ok(zcn_msg_release(small));
    assert_ok(zcn_msg_release(large));
    zcn_unit_release(unit);
    assert_pattern(zcn_msg_data(copy), 100, 1);
    assert_ok(zcn_msg_release(copy));
}

/* With the last thing that was taken from it the pool's memory goes back, whatever the order. */
static void pools_go_with_the_last_of_them(void **state) {
    (void)state;
    const size_t rounds = effort(200, 60);
    uint64_t before = 0;
    for (size_t i = 0; i < rounds; i++) {
        zcn_pool *pool = pool_of(64 * KIB, 0, 0);
        zcn_msg *msg = owned_msg(pool, 1000, i);
        zcn_msg *large = owned_msg(pool, 100 * KIB, i);
        zcn_unit *unit = pattern_unit(pool, NULL, 1000, i);
        if (i % 3 == 0) zcn_pool_release(pool);
        assert_ok(zcn_msg_release(msg));
        zcn_unit_release(unit);
        if (i % 3 == 1) zcn_pool_release(pool);
        assert_ok(zcn_msg_release(large));
        if (i % 3 == 2) zcn_pool_release(pool);
        if (i == 9) before = mapped_bytes();
    }
    /* Each had a slab of 2 MiB at least. */
    assert_true(mapped_bytes() < before + (rounds - 10) * MIB / 2);
}

/* ---- accounts ---- */

static void gauges_follow_what_is_out(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(64 * KIB, 0, 0);
    zcn_msg *region = owned_msg(pool, 1 * MIB, 1);
    zcn_pool_stats stats = stats_of(pool);
    assert_true(stats.region_bytes >= 1 * MIB && stats.region_bytes < 3 * MIB);
    assert_true(stats.in_use_bytes >= stats.region_bytes);
    assert_true(stats.peak_bytes >= stats.in_use_bytes);
    assert_true(stats.region_takes >= 1);
    assert_int_equal(stats.failures, 0);
    const uint64_t peak = stats.peak_bytes, takes = stats.region_takes;
    assert_ok(zcn_msg_release(region));
    assert_ok(zcn_pool_trim(pool, NULL));
    stats = stats_of(pool);
    assert_int_equal(stats.region_bytes, 0);
    assert_int_equal(stats.in_use_bytes, 0);
    assert_int_equal(stats.peak_bytes, peak);
    assert_int_equal(stats.region_takes, takes);
    zcn_pool_release(pool);
}

/* A message of more than half a block lies alone; smaller ones share. */
static void small_messages_share_blocks(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(64 * KIB, 0, 0);
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    bytes wire = {0};
    uint8_t body[100];
    for (size_t i = 0; i < 500; i++) {
        fill_pattern(body, sizeof body, i);
        append_frame(&wire, &plain_shape, body, sizeof body);
    }
    collector got = {.keep = true};
    stream_read(stream, wire.data, wire.size, &got);
    assert_int_equal(count_of(&got, ZCN_EVENT_MESSAGE), 500);
    assert_in_range(stats_of(pool).in_use_bytes, 52000, 3 * 64 * KIB);
    collector_clear(&got);
    bytes_clear(&wire);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

static void trim_gives_free_memory_back(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(64 * KIB, 0, 0);
    zcn_unit *units[100];
    void *datas[100];
    for (size_t i = 0; i < 100; i++) assert_ok(zcn_unit_alloc(&units[i], &datas[i], pool, NULL, 30 * KIB));
    for (size_t i = 0; i < 100; i++) memset(datas[i], 1, 30 * KIB);
    fill_pattern(datas[99], 30 * KIB, 5);
    const uint64_t full = stats_of(pool).reserved_bytes;
    assert_true(full >= 100 * 30 * KIB);
    zcn_unit_release_batch(units, 99);
    const zcn_pool_stats before = stats_of(pool);
    assert_true(before.cached_bytes + before.in_use_bytes >= 100 * 30 * KIB);
    uint64_t given = 0;
    assert_ok(zcn_pool_trim(pool, &given));
    const zcn_pool_stats after = stats_of(pool);
    assert_true(given >= 90 * 30 * KIB);
    assert_int_equal(after.cached_bytes, 0);
    assert_int_equal(after.reserved_bytes, before.reserved_bytes - given);
    assert_true(after.in_use_bytes >= 30 * KIB && after.in_use_bytes <= 128 * KIB);
    /* What is out is not touched. */
    assert_pattern(datas[99], 30 * KIB, 5);
    assert_ok(zcn_pool_trim(pool, &given));
    assert_int_equal(given, 0);
    zcn_unit_release(units[99]);
    assert_ok(zcn_pool_trim(pool, &given));
    assert_true(given >= 30 * KIB);
    assert_int_equal(stats_of(pool).reserved_bytes, 0);
    /* And the pool serves again. */
    zcn_unit *unit = pattern_unit(pool, NULL, 30 * KIB, 6);
    zcn_unit_release(unit);
    zcn_pool_release(pool);
}

static void keep_bounds_what_lies_free(void **state) {
    (void)state;
    for (uint64_t keep = 1 * MIB; keep <= 8 * MIB; keep *= 8) {
        zcn_pool *pool = pool_of(64 * KIB, 0, keep);
        zcn_unit *units[640];
        void *datas[640];
        for (size_t i = 0; i < 640; i++) assert_ok(zcn_unit_alloc(&units[i], &datas[i], pool, NULL, 30 * KIB));
        zcn_unit_release_batch(units, 640);
        /* A thread's own cache may come on top; it is small beside the 20 MiB that were out. */
        const zcn_pool_stats stats = stats_of(pool);
        assert_true(stats.cached_bytes <= keep + 2 * MIB);
        assert_true(stats.reserved_bytes <= keep + 3 * MIB);
        assert_true(stats.cached_bytes >= keep / 2);
        zcn_pool_release(pool);
    }
}

/* ---- the limit ---- */

static void limit_is_never_passed(void **state) {
    (void)state;
    const uint64_t limit = 4 * MIB;
    zcn_pool *pool = pool_of(64 * KIB, limit, 0);
    assert_int_equal(stats_of(pool).limit_bytes, limit);
    for (int round = 0; round < 3; round++) {
        zcn_unit *units[200];
        void *data;
        size_t count = 0;
        zcn_status status;
        while ((status = zcn_unit_alloc(&units[count], &data, pool, NULL, 30 * KIB)) == ZCN_OK) {
            fill_pattern(data, 30 * KIB, count);
            count++;
            assert_true(count < 200);
        }
        assert_status(status, ZCN_ENOBUFS);
        assert_null(units[count]);
        assert_null(data);
        /* Most of it could be used. */
        assert_in_range(count, limit / (32 * KIB) - 8, limit / (32 * KIB));
        const zcn_pool_stats stats = stats_of(pool);
        assert_true(stats.in_use_bytes <= limit && stats.reserved_bytes <= limit && stats.peak_bytes <= limit);
        assert_true(stats.failures > 0);
        /* Other sizes are refused as well, and nothing of a batch stays. */
        assert_status(zcn_unit_alloc(&units[count], &data, pool, NULL, 1 * MIB), ZCN_ENOBUFS);
        zcn_unit *batch[8];
        void *datas[8];
        const uint64_t in_use = stats_of(pool).in_use_bytes;
        assert_status(zcn_unit_alloc_batch(batch, datas, 8, pool, NULL, 20 * KIB), ZCN_ENOBUFS);
        for (size_t i = 0; i < 8; i++) {
            assert_null(batch[i]);
            assert_null(datas[i]);
        }
        assert_int_equal(stats_of(pool).in_use_bytes, in_use);
        /* A block comes free, others can come. */
        zcn_unit_release_batch(units, 4);
        assert_ok(zcn_unit_alloc(&units[3], &data, pool, NULL, 30 * KIB));
        zcn_unit_release_batch(units + 3, count - 3);
    }
    zcn_pool_release(pool);
}

/* Memory that lies free in one shape is there for the other. */
static void free_blocks_serve_large_messages(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(64 * KIB, 4 * MIB, 0);
    for (int round = 0; round < 5; round++) {
        zcn_unit *units[100];
        void *data;
        for (size_t i = 0; i < 100; i++) assert_ok(zcn_unit_alloc(&units[i], &data, pool, NULL, 30 * KIB));
        zcn_unit_release_batch(units, 100);
        assert_ok(zcn_unit_alloc(&units[0], &data, pool, NULL, 3 * MIB));
        memset(data, 1, 3 * MIB);
        zcn_unit_release(units[0]);
    }
    zcn_pool_release(pool);
}

/* ---- threads ---- */

#define THREADS 4
#define SLOTS 64

static zcn_unit *slots[SLOTS];

typedef struct worker {
    zcn_pool *pool;
    uint64_t seed;
    size_t rounds;
    const char *wrong;
} worker;

/* Puts units into slots that others empty: what one thread takes another gives back. */
static void *exchange_units(void *argument) {
    worker *me = argument;
    uint64_t random = me->seed;
    for (size_t i = 0; i < me->rounds && me->wrong == NULL; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        const size_t size = (random >> 33) % (i % 50 == 0 ? 200000 : 3000);
        zcn_unit *unit;
        void *data;
        if (zcn_unit_alloc(&unit, &data, me->pool, NULL, size) != ZCN_OK) {
            me->wrong = "a unit could not be had";
            break;
        }
        fill_pattern(data, size < 64 ? size : 64, i);
        if (!has_pattern(data, size < 64 ? size : 64, i)) me->wrong = "two units share memory";
        unit = __atomic_exchange_n(&slots[(random >> 20) % SLOTS], unit, __ATOMIC_ACQ_REL);
        if (i % 100 == 99) zcn_pool_trim(me->pool, NULL);
        zcn_unit_release(unit);
    }
    return NULL;
}

static void threads_share_a_pool(void **state) {
    (void)state;
    zcn_pool *pool = pool_of(16 * KIB, 0, 1 * MIB);
    for (int round = 0; round < 3; round++) {
        pthread_t threads[THREADS];
        worker workers[THREADS];
        for (size_t i = 0; i < THREADS; i++) {
            workers[i] = (worker){.pool = pool, .seed = i + 1, .rounds = effort(20000, 500)};
            assert_int_equal(pthread_create(&threads[i], NULL, exchange_units, &workers[i]), 0);
        }
        for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
        for (size_t i = 0; i < THREADS; i++)
            if (workers[i].wrong != NULL) fail_msg("thread %zu: %s", i, workers[i].wrong);
        zcn_unit_release_batch(slots, SLOTS);
        memset(slots, 0, sizeof slots);
        /* The threads are gone, and what they kept with them. */
        assert_ok(zcn_pool_trim(pool, NULL));
        const zcn_pool_stats stats = stats_of(pool);
        assert_int_equal(stats.in_use_bytes, 0);
        assert_int_equal(stats.cached_bytes, 0);
        assert_int_equal(stats.reserved_bytes, 0);
    }
    zcn_pool_release(pool);
}

static void *release_last(void *argument) {
    zcn_unit_release(argument);
    return NULL;
}

/* The last reference may end on a thread that has never seen the pool. */
static void another_thread_lets_go_last(void **state) {
    (void)state;
    uint64_t before = 0;
    const size_t rounds = effort(100, 40);
    for (size_t i = 0; i < rounds; i++) {
        zcn_pool *pool = pool_of(64 * KIB, 0, 0);
        zcn_unit *unit = pattern_unit(pool, NULL, 40000, i);
        zcn_pool_release(pool);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, release_last, unit), 0);
        pthread_join(thread, NULL);
        if (i == 9) before = mapped_bytes();
    }
    assert_true(mapped_bytes() < before + (rounds - 10) * MIB / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_what_the_header_says),
        cmocka_unit_test(every_block_size_serves),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(huge_pages_are_only_advice),
        cmocka_unit_test(null_arguments),
        cmocka_unit_test(default_pool_is_one),
        cmocka_unit_test(references_are_counted),
        cmocka_unit_test(memory_outlives_the_handle),
        cmocka_unit_test(pools_go_with_the_last_of_them),
        cmocka_unit_test(gauges_follow_what_is_out),
        cmocka_unit_test(small_messages_share_blocks),
        cmocka_unit_test(trim_gives_free_memory_back),
        cmocka_unit_test(keep_bounds_what_lies_free),
        cmocka_unit_test(limit_is_never_passed),
        cmocka_unit_test(free_blocks_serve_large_messages),
        cmocka_unit_test(threads_share_a_pool),
        cmocka_unit_test(another_thread_lets_go_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
