/* SPDX-License-Identifier: MIT */
/* Waiting for memory of a pool at its limit: whoever is told finds it, whatever lies free in another shape; and a wait
 * for what can never be is told so. */
#include "support_room.h"

static void *take_pages(void *context, uint64_t size, uint64_t alignment) {
    (void)context;
    void *memory = NULL;
    return posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

static void give_pages(void *context, void *memory, uint64_t size) {
    (void)context;
    (void)size;
    free(memory);
}

static int32_t drop_pages(void *context, void *memory, uint64_t size) {
    (void)context;
    (void)memory;
    (void)size;
    return 0;
}

/* Every third time. */
static int32_t drop_some_pages(void *context, void *memory, uint64_t size) {
    (void)memory;
    (void)size;
    return ++*(unsigned *)context % 3 == 0 ? 0 : -1;
}

static zcn_pool_source source_that(int32_t (*drop)(void *, void *, uint64_t), void *context) {
    return (zcn_pool_source){.struct_size = sizeof(zcn_pool_source),
                             .allocate = take_pages,
                             .free = give_pages,
                             .drop = drop,
                             .context = context};
}

static zcn_status try_to_take(full_pool *of, uint64_t size) {
    zcn_unit *unit;
    void *data;
    const zcn_status status = zcn_unit_alloc(&unit, &data, of->pool, NULL, size);
    if (status == ZCN_OK) zcn_unit_release(unit);
    return status;
}

/* The source keeps the pages of free blocks as long as others of their slab are in use. */
static void free_blocks_that_stay_are_no_room_for_more(void **state) {
    (void)state;
    const zcn_pool_source source = source_that(NULL, NULL);
    full_pool at = full_pool_make(&source);
    const uint64_t size = 5 * BLOCK;
    full_pool_fill(&at);
    full_pool_give(&at, at.count - 2);
    assert_ok(zcn_pool_trim(at.pool, NULL));
    assert_status(try_to_take(&at, size), ZCN_ENOBUFS);
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, size, 1));
    assert_silent(at.loop);
    /* A block finds room among them. */
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, BODY, 2));
    assert_ready(at.loop, BODY, 2);
    assert_ok(try_to_take(&at, BODY));
    assert_silent(at.loop);
    /* With the last block the slab goes. */
    full_pool_give(&at, 2);
    assert_ok(zcn_pool_trim(at.pool, NULL));
    assert_ready(at.loop, size, 1);
    assert_ok(try_to_take(&at, size));
    full_pool_end(&at);
}

/* Where the pool is filled with units of several sizes, and some of them go. */
static void refill(full_pool *of, uint32_t *seed, const uint64_t *sizes, size_t count) {
    full_pool_give(of, of->count);
    for (size_t failures = 0; failures < 4 && of->count < MOST;) {
        void *data;
        const uint64_t size = sizes[random_bits(seed) % count];
        const zcn_status status = zcn_unit_alloc(&of->units[of->count], &data, of->pool, NULL, size);
        if (status == ZCN_OK) {
            of->count++;
        } else {
            assert_status(status, ZCN_ENOBUFS);
            failures++;
        }
    }
    for (size_t left = random_bits(seed) % (of->count + 1); left > 0; left--) {
        const size_t last = of->count - 1;
        const size_t which = random_bits(seed) % of->count;
        zcn_unit *unit = of->units[which];
        of->units[which] = of->units[last];
        of->units[last] = unit;
        of->count--;
        zcn_unit_release(unit);
    }
}

/* With one thread nobody takes the room between the event and the request. */
static void who_is_told_finds_it(void **state) {
    (void)state;
    unsigned asked = 0;
    const zcn_pool_source sources[] = {source_that(NULL, NULL), source_that(drop_pages, NULL),
                                       source_that(drop_some_pages, &asked)};
    const uint64_t half = BLOCK / 2;
    const uint64_t sizes[] = {0,         1,         BODY,      half - 600,      half - 512,     half - 511,
                              half - 8,  half,      half + 1,  BLOCK - 600,     BLOCK - 8,      BLOCK,
                              BLOCK + 1, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK - 512, 5 * BLOCK + 99, 9 * BLOCK};
    enum { kinds = sizeof sizes / sizeof sizes[0] };
    for (size_t which = 0; which < 4; which++) {
        full_pool at = full_pool_make(which == 0 ? NULL : &sources[which - 1]);
        uint32_t seed = 1;
        size_t told = 0, waited = 0;
        for (size_t round = 0; round < effort(400, 40); round++) {
            refill(&at, &seed, sizes, kinds);
            for (size_t i = 0; i < kinds; i++) {
                assert_ok(zcn_loop_await_memory(at.loop, at.pool, sizes[i], i));
                const zcn_event *events;
                size_t count = 0;
                for (int polls = 0; polls < 3 && count == 0; polls++) count = poll_once(at.loop, 0, &events);
                if (count == 0) {
                    waited++;
                    full_pool_give(&at, at.count);
                    assert_ok(zcn_pool_trim(at.pool, NULL));
                    assert_ready(at.loop, sizes[i], i);
                }
                told++;
                if (try_to_take(&at, sizes[i]) != ZCN_OK)
                    fail_msg("source %zu, round %zu: told, and refused %zu bytes", which, round, (size_t)sizes[i]);
            }
        }
        assert_true(told > waited && waited > 0);
        full_pool_end(&at);
    }
}

/* A connection with larger messages raises the reserve: what was possible beside the old one is not any more. */
static void a_reserve_that_grows_ends_waits(void **state) {
    (void)state;
    full_pool at = full_pool_make(NULL);
    full_pool_fill(&at);
    const uint64_t size = 10 * BLOCK;
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, size, 1));
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, BODY, 2));
    assert_silent(at.loop);
    zcn_stream *stream = stream_of(at.pool, "length,strip=4,max=384K", NULL); /* six blocks */
    assert_told(at.loop, ZCN_EINVAL, size, 1);
    assert_silent(at.loop);
    assert_status(zcn_loop_await_memory(at.loop, at.pool, size, 3), ZCN_EINVAL);
    /* What is still possible waits on. */
    full_pool_give(&at, at.count);
    assert_ok(zcn_pool_trim(at.pool, NULL));
    assert_ready(at.loop, BODY, 2);
    zcn_stream_release(stream);
    full_pool_end(&at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_blocks_that_stay_are_no_room_for_more),
        cmocka_unit_test(who_is_told_finds_it),
        cmocka_unit_test(a_reserve_that_grows_ends_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
