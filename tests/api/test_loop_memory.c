/* SPDX-License-Identifier: MIT */
/* Waiting for memory of a pool at its limit, as an event. */
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support_room.h"

static full_pool make(void) { return full_pool_make(NULL); }

static void it_is_told_once_when_memory_comes_back(void **state) {
    (void)state;
    full_pool at = make();
    full_pool_fill(&at);
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, BODY, 7));
    assert_silent(at.loop);
    full_pool_give(&at, 2);
    assert_ready(at.loop, BODY, 7);
    void *data;
    assert_ok(zcn_unit_alloc(&at.units[at.count++], &data, at.pool, NULL, BODY));
    full_pool_give(&at, 6);
    assert_silent(at.loop);
    full_pool_end(&at);
}

static void room_that_is_there_is_told_at_once(void **state) {
    (void)state;
    full_pool at = make();
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, 0, 1));
    assert_ready(at.loop, 0, 1);
    zcn_pool *boundless;
    assert_ok(zcn_pool_create(&boundless, NULL));
    assert_ok(zcn_loop_await_memory(at.loop, boundless, UINT64_MAX, 2));
    assert_ready(at.loop, UINT64_MAX, 2);
    assert_silent(at.loop);
    zcn_pool_release(boundless);
    full_pool_end(&at);
}

/* Less than was asked for is nothing to tell. */
static void too_little_is_not_told(void **state) {
    (void)state;
    full_pool at = make();
    full_pool_fill(&at);
    const uint64_t size = 5 * BLOCK;
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, size, 1));
    for (int i = 0; i < 4; i++) {
        full_pool_give(&at, 2);
        assert_silent(at.loop);
    }
    full_pool_give(&at, 8);
    assert_ready(at.loop, size, 1);
    zcn_unit *large;
    void *data;
    assert_ok(zcn_unit_alloc(&large, &data, at.pool, NULL, size));
    zcn_unit_release(large);
    full_pool_end(&at);
}

static void all_that_wait_are_told(void **state) {
    (void)state;
    full_pool at = make();
    zcn_loop *other = make_loop();
    full_pool_fill(&at);
    for (uint64_t i = 0; i < 3; i++) assert_ok(zcn_loop_await_memory(at.loop, at.pool, 1, i));
    assert_ok(zcn_loop_await_memory(other, at.pool, 1, 9));
    assert_silent(at.loop);
    assert_silent(other);
    full_pool_give(&at, 2);
    assert_ready(other, 1, 9);
    uint32_t told = 0;
    for (size_t left = 3; left != 0;) {
        const zcn_event *events;
        const size_t count = poll_once(at.loop, DEADLINE_NS, &events);
        assert_in_range(count, 1, left);
        left -= count;
        for (size_t i = 0; i < count; i++) told |= 1U << events[i].token;
    }
    assert_int_equal(told, 7);
    assert_silent(at.loop);
    assert_silent(other);
    zcn_loop_release(other);
    full_pool_end(&at);
}

/* More waits than an array has room for. */
static void many_take_several_arrays(void **state) {
    (void)state;
    full_pool at = make();
    full_pool_fill(&at);
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.event_capacity = 16;
    zcn_loop *small;
    assert_ok(zcn_loop_create(&small, &options));
    for (uint64_t i = 0; i < 100; i++) assert_ok(zcn_loop_await_memory(small, at.pool, 1, i));
    assert_silent(small);
    full_pool_give(&at, 2);
    bool told[100] = {false};
    for (size_t left = 100; left != 0;) {
        const zcn_event *events;
        const size_t count = poll_once(small, DEADLINE_NS, &events);
        assert_in_range(count, 1, 16);
        left -= count;
        for (size_t i = 0; i < count; i++) {
            assert_in_range(events[i].token, 0, 99);
            assert_false(told[events[i].token]);
            told[events[i].token] = true;
        }
    }
    zcn_loop_release(small);
    full_pool_end(&at);
}

static void *release_two(void *argument) {
    zcn_unit *const *units = argument;
    zcn_unit_release(units[0]);
    zcn_unit_release(units[1]);
    return NULL;
}

static void another_thread_gives_it_back(void **state) {
    (void)state;
    full_pool at = make();
    full_pool_fill(&at);
    for (size_t round = 0; round < effort(200, 20); round++) {
        assert_ok(zcn_loop_await_memory(at.loop, at.pool, BODY, round));
        if (round % 2 == 0) assert_silent(at.loop);
        zcn_unit *both[] = {at.units[0], at.units[1]};
        at.count -= 2;
        memmove(at.units, at.units + 2, at.count * sizeof *at.units);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, release_two, both), 0);
        assert_ready(at.loop, BODY, round);
        pthread_join(thread, NULL);
        full_pool_fill(&at);
    }
    full_pool_end(&at);
}

/* Threads that want more than there is: each that is refused waits, and none for ever. */
typedef struct worker {
    zcn_pool *pool;
    size_t rounds;
    const char *wrong;
} worker;

static void *work(void *argument) {
    worker *me = argument;
    zcn_loop *loop = NULL;
    if (zcn_loop_create(&loop, NULL) != ZCN_OK) me->wrong = "no loop";
    for (size_t round = 0; round < me->rounds && me->wrong == NULL; round++) {
        zcn_unit *unit = NULL;
        void *data;
        zcn_status status;
        while ((status = zcn_unit_alloc(&unit, &data, me->pool, NULL, 3 * BLOCK)) == ZCN_ENOBUFS) {
            const zcn_event *events;
            size_t count = 0;
            if (zcn_loop_await_memory(loop, me->pool, 3 * BLOCK, round) != ZCN_OK ||
                zcn_loop_poll(loop, DEADLINE_NS, &events, &count, NULL) != ZCN_OK || count != 1 ||
                events[0].type != ZCN_EVENT_POOL_READY || events[0].token != round) {
                me->wrong = "a wait was not told";
                break;
            }
        }
        if (status != ZCN_OK && me->wrong == NULL) me->wrong = "no unit";
        zcn_unit_release(unit);
    }
    zcn_loop_release(loop);
    return NULL;
}

static void no_wait_is_forgotten(void **state) {
    (void)state;
    enum { threads = 6 };
    full_pool at = make();
    worker workers[threads];
    pthread_t ids[threads];
    for (size_t i = 0; i < threads; i++) {
        workers[i] = (worker){at.pool, effort(3000, 60), NULL};
        assert_int_equal(pthread_create(&ids[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < threads; i++) pthread_join(ids[i], NULL);
    for (size_t i = 0; i < threads; i++)
        if (workers[i].wrong != NULL) fail_msg("thread %zu: %s", i, workers[i].wrong);
    full_pool_end(&at);
}

static void a_host_loop_is_told(void **state) {
    (void)state;
    full_pool at = make();
    struct pollfd of = {.fd = zcn_loop_fd(at.loop), .events = POLLIN};
    assert_silent(at.loop);
    assert_int_equal(poll(&of, 1, 0), 0);
    /* For the first look, and then for the memory. */
    full_pool_fill(&at);
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, 1, 3));
    assert_int_equal(poll(&of, 1, 0), 1);
    int64_t ns;
    assert_ok(zcn_loop_next_deadline(at.loop, &ns));
    assert_int_equal(ns, 0);
    assert_silent(at.loop);
    assert_int_equal(poll(&of, 1, 0), 0);
    full_pool_give(&at, 2);
    assert_int_equal(poll(&of, 1, 20000), 1);
    assert_ready(at.loop, 1, 3);
    assert_silent(at.loop);
    assert_int_equal(poll(&of, 1, 0), 0);
    full_pool_end(&at);
}

/* The loop goes first, or the pool's handle, or the memory comes when nobody waits any more. */
static void waits_end_with_the_loop(void **state) {
    (void)state;
    full_pool at = make();
    full_pool_fill(&at);
    zcn_loop *other = make_loop();
    for (uint64_t i = 0; i < 5; i++) assert_ok(zcn_loop_await_memory(other, at.pool, 1, i));
    assert_silent(other);
    assert_ok(zcn_loop_await_memory(other, at.pool, 1, 5));
    zcn_loop_release(other);
    full_pool_give(&at, 2);
    /* It was told to the loop, which has not looked yet. */
    full_pool_fill(&at);
    other = make_loop();
    assert_ok(zcn_loop_await_memory(other, at.pool, 1, 6));
    assert_silent(other);
    full_pool_give(&at, 4);
    zcn_loop_release(other);
    /* The wait keeps its pool. */
    full_pool_fill(&at);
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, 1, 7));
    assert_silent(at.loop);
    zcn_pool_release(at.pool);
    at.pool = NULL;
    full_pool_give(&at, at.count);
    assert_ready(at.loop, 1, 7);
    full_pool_end(&at);
}

/* Whoever waits with it goes on waiting. */
static void a_wait_that_ends_leaves_the_others(void **state) {
    (void)state;
    full_pool at = make();
    full_pool_fill(&at);
    zcn_loop *first = make_loop(), *last = make_loop();
    zcn_loop *const loops[] = {first, at.loop, last};
    for (uint64_t i = 0; i < 3; i++) {
        assert_ok(zcn_loop_await_memory(loops[i], at.pool, 1, i));
        assert_silent(loops[i]);
    }
    zcn_loop_release(last);
    assert_silent(at.loop);
    zcn_loop_release(first);
    assert_silent(at.loop);
    full_pool_give(&at, 2);
    assert_ready(at.loop, 1, 1);
    full_pool_end(&at);
}

static void a_closed_loop_does_not_wait(void **state) {
    (void)state;
    full_pool at = make();
    full_pool_fill(&at);
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, 1, 1));
    assert_silent(at.loop);
    assert_ok(zcn_loop_close(at.loop));
    assert_status(zcn_loop_await_memory(at.loop, at.pool, 1, 2), ZCN_ECLOSED);
    const zcn_event *events;
    size_t count;
    assert_status(zcn_loop_poll(at.loop, 0, &events, &count, NULL), ZCN_ECLOSED);
    full_pool_end(&at);
}

static void wrong_arguments(void **state) {
    (void)state;
    full_pool at = make();
    assert_status(zcn_loop_await_memory(NULL, at.pool, 1, 1), ZCN_EINVAL);
    assert_status(zcn_loop_await_memory(at.loop, NULL, 1, 1), ZCN_EINVAL);
    const uint64_t sizes[] = {BLOCKS * BLOCK, BLOCKS * BLOCK + 1, (uint64_t)1 << 63, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) assert_status(zcn_loop_await_memory(at.loop, at.pool, sizes[i], 1), ZCN_EINVAL);
    assert_silent(at.loop);
    full_pool_end(&at);
}

static void a_child_is_told_so(void **state) {
    (void)state;
    if (emulated()) skip();
    full_pool at = make();
    full_pool_fill(&at);
    assert_ok(zcn_loop_await_memory(at.loop, at.pool, 1, 1));
    assert_silent(at.loop);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const bool dead = zcn_loop_await_memory(at.loop, at.pool, 1, 1) == ZCN_EFORKED;
        zcn_loop *own = NULL;
        const bool foreign =
            zcn_loop_create(&own, NULL) == ZCN_OK && zcn_loop_await_memory(own, at.pool, 1, 1) == ZCN_EFORKED;
        zcn_loop_release(own);
        zcn_loop_release(at.loop);
        _exit(dead && foreign ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    full_pool_give(&at, 2);
    assert_ready(at.loop, 1, 1);
    full_pool_end(&at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_told_once_when_memory_comes_back),
        cmocka_unit_test(room_that_is_there_is_told_at_once),
        cmocka_unit_test(too_little_is_not_told),
        cmocka_unit_test(all_that_wait_are_told),
        cmocka_unit_test(many_take_several_arrays),
        cmocka_unit_test(another_thread_gives_it_back),
        cmocka_unit_test(no_wait_is_forgotten),
        cmocka_unit_test(a_host_loop_is_told),
        cmocka_unit_test(waits_end_with_the_loop),
        cmocka_unit_test(a_wait_that_ends_leaves_the_others),
        cmocka_unit_test(a_closed_loop_does_not_wait),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(a_child_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
