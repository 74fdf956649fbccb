/* SPDX-License-Identifier: MIT */
/* The part of a limited pool that ordinary requests leave alone, so that one unfinished message can be completed. */
#include <pthread.h>
#include <unistd.h>

#include "support_pool.h"

#define BLOCK (16 * KIB)
#define BLOCKS 24
#define BODY (7 * KIB) /* two of them fill a block */
/* A message of 128 KiB, a block and 64 KiB. */
#define RESERVED 13

/* All of its blocks are free, and resident; then comes a framing whose messages need the reserve. */
typedef struct reserved_pool {
    zcn_pool *pool;
    zcn_framing *framing;
    zcn_stream *stream;
} reserved_pool;

static size_t fill(held_units *of, zcn_pool *pool) {
    const size_t before = of->count;
    void *data;
    zcn_status status = ZCN_OK;
    while (status == ZCN_OK && of->count < 2 * BLOCKS) {
        status = zcn_unit_alloc(&of->units[of->count], &data, pool, NULL, BODY);
        of->count += status == ZCN_OK;
    }
    return of->count - before;
}

/* In a thread of its own, which keeps nothing when it ends. */
static void *fill_and_give(void *pool) {
    held_units all = {.count = 0};
    assert_int_equal(fill(&all, pool), 2 * BLOCKS);
    give_units(&all, all.count);
    return NULL;
}

static reserved_pool begin(void) {
    zcn_pool_options options = pool_defaults();
    options.block_size = BLOCK;
    options.limit = BLOCKS * BLOCK;
    reserved_pool made = {.pool = make_pool(&options), .framing = framing_of("length,width=4,strip=4,max=128K")};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fill_and_give, made.pool), 0);
    pthread_join(thread, NULL);
    assert_int_equal(pool_stats_of(made.pool).reserved_bytes, BLOCKS * BLOCK);
    assert_ok(zcn_stream_create(&made.stream, made.pool, made.framing, NULL));
    return made;
}

static void end(const reserved_pool *of) {
    zcn_stream_release(of->stream);
    zcn_framing_release(of->framing);
    trim_pool(of->pool); /* of what this thread cuts units from */
    assert_int_equal(pool_stats_of(of->pool).in_use_bytes, 0);
    zcn_pool_release(of->pool);
}

/* It is left alone also where it is resident already, and free. */
static void what_is_free_is_not_all_there_to_take(void **state) {
    (void)state;
    const reserved_pool of = begin();
    static unsigned char frame[4 + 120 * KIB] = {0, 1, 0xE0, 0};
    uint64_t fed;
    assert_ok(zcn_stream_feed(of.stream, frame, 5, &fed));
    held_units held = {.count = 0};
    fill(&held, of.pool);
    assert_int_equal(pool_stats_of(of.pool).in_use_bytes, (BLOCKS - RESERVED) * BLOCK);
    /* The largest message is completed all the same. */
    const zcn_event *events;
    size_t count = 0;
    for (size_t calls = 0; count == 0; calls++) {
        assert_true(calls < 1000);
        uint64_t taken = 0;
        const zcn_status status = zcn_stream_feed(of.stream, frame + fed, sizeof frame - fed, &taken);
        if (status != ZCN_AGAIN) assert_ok(status);
        fed += taken;
        assert_ok(zcn_stream_poll(of.stream, &events, &count, NULL));
    }
    assert_int_equal(fed, sizeof frame);
    assert_int_equal(zcn_msg_size(events[0].msg), 120 * KIB);
    give_units(&held, held.count);
    end(&of);
}

/* Threads that take at the same time all that they can get. */
typedef struct taker {
    zcn_pool *pool;
    pthread_barrier_t *meet;
    size_t rounds;
    size_t most; /* units of all threads together, of the first thread's counting */
    struct taker *all;
    held_units held;
} taker;

#define TAKERS 4

static void *take_what_there_is(void *argument) {
    taker *self = argument;
    for (size_t round = 0; round < self->rounds; round++) {
        pthread_barrier_wait(self->meet);
        fill(&self->held, self->pool);
        pthread_barrier_wait(self->meet);
        if (self == self->all) {
            size_t units = 0;
            for (size_t i = 0; i < TAKERS; i++) units += self->all[i].held.count;
            if (units > self->most) self->most = units;
        }
        pthread_barrier_wait(self->meet);
        give_units(&self->held, self->held.count);
    }
    return NULL;
}

static void racing_requests_leave_it_alone(void **state) {
    (void)state;
    const reserved_pool of = begin();
    pthread_barrier_t meet;
    assert_int_equal(pthread_barrier_init(&meet, NULL, TAKERS), 0);
    taker takers[TAKERS];
    pthread_t threads[TAKERS];
    for (size_t i = 0; i < TAKERS; i++) {
        takers[i] = (taker){.pool = of.pool, .meet = &meet, .rounds = effort(20000, 300), .all = takers};
        assert_int_equal(pthread_create(&threads[i], NULL, take_what_there_is, &takers[i]), 0);
    }
    for (size_t i = 0; i < TAKERS; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&meet);
    assert_in_range(takers[0].most, 2 * (BLOCKS - RESERVED) - TAKERS, 2 * (BLOCKS - RESERVED));
    end(&of);
}

/* ---- the right to use it ---- */

static size_t poll_for_messages(zcn_loop *loop, zcn_msg **kept) {
    const zcn_event *events;
    size_t count, messages = 0;
    assert_ok(zcn_loop_poll(loop, 10 * 1000 * 1000, &events, &count, NULL));
    for (size_t i = 0; i < count; i++) {
        assert_int_not_equal(events[i].type, ZCN_EVENT_CLOSED);
        if (events[i].type == ZCN_EVENT_MESSAGE) assert_ok(zcn_msg_retain(&kept[messages++], events[i].msg));
    }
    return messages;
}

/* One connection has it at a time. It passes on when its message is complete, also when the program keeps that message,
 * so that no memory comes back. */
static void the_right_passes_on(void **state) {
    (void)state;
    reserved_pool of = begin();
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.pool = of.pool;
    zcn_loop *loop;
    assert_ok(zcn_loop_create(&loop, &options));
    zcn_conn *conns[2];
    int ends[2][2];
    static unsigned char frame[4 + 60 * KIB] = {0, 0, 0xF0, 0};
    zcn_msg *kept[2];
    for (size_t i = 0; i < 2; i++) {
        raw_pair(ends[i]);
        assert_ok(zcn_conn_adopt(&conns[i], loop, ends[i][0], of.framing, NULL));
    }
    held_units held = {.count = 0};
    fill(&held, of.pool);
    /* The first has begun, and the second wants to. */
    raw_write(ends[0][1], frame, sizeof frame / 2);
    for (int i = 0; i < 5; i++) assert_int_equal(poll_for_messages(loop, kept), 0);
    raw_write(ends[1][1], frame, sizeof frame);
    for (int i = 0; i < 5; i++) assert_int_equal(poll_for_messages(loop, kept), 0);
    raw_write(ends[0][1], frame + sizeof frame / 2, sizeof frame / 2);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    for (size_t messages = 0; messages < 2;) {
        assert_false(deadline_passed(deadline));
        messages += poll_for_messages(loop, kept + messages);
    }
    assert_ok(zcn_msg_release_batch(kept, 2));
    zcn_loop_release(loop);
    for (size_t i = 0; i < 2; i++) close(ends[i][1]);
    give_units(&held, held.count);
    end(&of);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_free_is_not_all_there_to_take),
        cmocka_unit_test(racing_requests_leave_it_alone),
        cmocka_unit_test(the_right_passes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
