/* SPDX-License-Identifier: MIT */
/* The memory of handles, which all pools of a process share: it is kept for reuse, and goes back when it is trimmed. */
#include <pthread.h>

#include "support.h"

#define CHUNK ((uint64_t)256 * 1024) /* in which it comes from the system */
#define MANY 12000                   /* units, of several chunks */

static uint64_t object_bytes(zcn_pool *pool) {
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    return stats.object_bytes;
}

static zcn_pool *make_pool(void **state) {
    (void)state;
    zcn_pool *pool = NULL;
    assert_ok(zcn_pool_create(&pool, NULL));
    assert_ok(zcn_pool_trim(pool, NULL));
    return pool;
}

/* Units that hold their own number. */
typedef struct load {
    zcn_unit *units[MANY];
    size_t *numbers[MANY];
    size_t count;
} load;

static load *take(zcn_pool *pool, size_t count) {
    load *made = calloc(1, sizeof *made);
    assert_non_null(made);
    for (; made->count < count; made->count++) {
        assert_ok(zcn_unit_alloc(&made->units[made->count], (void **)&made->numbers[made->count], pool, NULL,
                                 sizeof made->count));
        *made->numbers[made->count] = made->count;
    }
    return made;
}

static void assert_intact(const load *of, size_t number) {
    assert_int_equal(zcn_unit_size(of->units[number]), sizeof number);
    assert_int_equal(*of->numbers[number], number);
}

static void give(load *of) {
    zcn_unit_release_batch(of->units, of->count);
    free(of);
}

static void free_handles_go_back(void **state) {
    zcn_pool *pool = make_pool(state);
    const uint64_t before = object_bytes(pool);
    for (int round = 0; round < 5; round++) {
        load *units = take(pool, MANY);
        assert_true(object_bytes(pool) >= before + 2 * CHUNK);
        give(units);
        assert_true(object_bytes(pool) >= before + 2 * CHUNK);
        assert_ok(zcn_pool_trim(pool, NULL));
        assert_int_equal(object_bytes(pool), before);
    }
    zcn_pool_release(pool);
}

/* Their memory is everybody's. */
static void any_pool_trims_them(void **state) {
    zcn_pool *pool = make_pool(state), *other = make_pool(state);
    const uint64_t before = object_bytes(pool);
    give(take(pool, MANY));
    assert_ok(zcn_pool_trim(other, NULL));
    assert_int_equal(object_bytes(pool), before);
    zcn_pool_release(other);
    zcn_pool_release(pool);
}

static void handles_in_use_stay(void **state) {
    zcn_pool *pool = make_pool(state);
    const uint64_t before = object_bytes(pool);
    load *most = take(pool, MANY);
    /* All but two, which lie in chunks of their own. */
    const size_t kept[] = {17, MANY - 1};
    zcn_unit *held[] = {most->units[kept[0]], most->units[kept[1]]};
    for (size_t i = 0; i < MANY; i++)
        if (i != kept[0] && i != kept[1]) zcn_unit_release(most->units[i]);
    assert_ok(zcn_pool_trim(pool, NULL));
    assert_int_equal(object_bytes(pool), before + 2 * CHUNK);
    for (size_t i = 0; i < 2; i++) assert_intact(most, kept[i]);
    /* What is free beside them serves before new memory does. */
    load *more = take(pool, 7000);
    assert_int_equal(object_bytes(pool), before + 2 * CHUNK);
    for (size_t i = 0; i < 7000; i++) assert_intact(more, i);
    give(more);
    for (size_t i = 0; i < 2; i++) assert_intact(most, kept[i]);
    zcn_unit_release_batch(held, 2);
    assert_ok(zcn_pool_trim(pool, NULL));
    assert_int_equal(object_bytes(pool), before);
    free(most);
    zcn_pool_release(pool);
}

/* Threads that make and release units by thousands while others trim: none is lost, and none is made twice. */
typedef struct worker {
    zcn_pool *pool;
    uint64_t mark;
    size_t rounds;
    bool failed;
} worker;

static void *work(void *argument) {
    enum { count = 5000 };
    worker *me = argument;
    zcn_unit **units = calloc(count, sizeof *units);
    uint64_t **datas = calloc(count, sizeof *datas);
    me->failed = units == NULL || datas == NULL;
    for (size_t round = 0; round < me->rounds && !me->failed; round++) {
        size_t made = 0;
        for (; made < count && !me->failed; made++) {
            me->failed = zcn_unit_alloc(&units[made], (void **)&datas[made], me->pool, NULL, sizeof **datas) != ZCN_OK;
            if (me->failed) break;
            *datas[made] = me->mark + made;
        }
        if (round % 4 == 3) me->failed = zcn_pool_trim(me->pool, NULL) != ZCN_OK || me->failed;
        for (size_t i = 0; i < made; i++) {
            me->failed = me->failed || *datas[i] != me->mark + i || zcn_unit_size(units[i]) != sizeof **datas;
            zcn_unit_release(units[i]);
        }
    }
    free(datas);
    free(units);
    return NULL;
}

static void trimming_while_others_work(void **state) {
    enum { threads = 3 };
    zcn_pool *pool = make_pool(state);
    const uint64_t before = object_bytes(pool);
    worker workers[threads];
    pthread_t ids[threads];
    for (size_t i = 0; i < threads; i++) {
        workers[i] = (worker){pool, (i + 1) << 32, effort(100, 4), false};
        assert_int_equal(pthread_create(&ids[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < effort(500, 20); i++) assert_ok(zcn_pool_trim(pool, NULL));
    for (size_t i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        assert_false(workers[i].failed);
    }
    assert_ok(zcn_pool_trim(pool, NULL));
    assert_int_equal(object_bytes(pool), before);
    zcn_pool_release(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_handles_go_back),
        cmocka_unit_test(any_pool_trims_them),
        cmocka_unit_test(handles_in_use_stay),
        cmocka_unit_test(trimming_while_others_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
