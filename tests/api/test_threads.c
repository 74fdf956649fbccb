/* SPDX-License-Identifier: MIT */
/* What other threads may do to a connection: post, close, abort, wake, while its loop works, ends, or changes hands. */
#include <sched.h>

#include "support.h"

#define MOST_THREADS 8

/* What a posting thread does and finds. Units are of foreign memory, so that each end is counted. */
struct poster {
    pthread_t thread;
    zcn_conn *conn;
    uint32_t number;
    size_t most;        /* units, or 0 for as many as are taken */
    atomic_size_t sent; /* posts that were accepted */
    atomic_size_t made; /* units that exist or existed */
    atomic_size_t ended;
    zcn_status last; /* what ended it: ZCN_OK, or why a post was refused */
};

struct numbered {
    struct poster *by;
    uint32_t poster;
    uint32_t number;
};

static void end_numbered(void *context, const void *data, uint64_t size) {
    struct numbered *numbered = context;
    (void)data;
    (void)size;
    atomic_fetch_add(&numbered->by->ended, 1);
    free(numbered);
}

static zcn_unit *make_numbered(struct poster *poster, uint32_t number) {
    struct numbered *numbered = malloc(sizeof *numbered);
    zcn_unit *unit = NULL;
    if (numbered == NULL || zcn_unit_create(&unit, NULL) != ZCN_OK) abort();
    *numbered = (struct numbered){poster, poster->number, number};
    if (zcn_unit_append_ref(unit, &numbered->poster, 8, end_numbered, numbered) != ZCN_OK) abort();
    atomic_fetch_add(&poster->made, 1);
    return unit;
}

static void *post_all(void *context) {
    struct poster *poster = context;
    poster->last = ZCN_OK;
    for (uint32_t i = 0; poster->most == 0 || i < poster->most; i++) {
        zcn_unit *unit = make_numbered(poster, i);
        zcn_status status;
        while ((status = zcn_conn_post(poster->conn, unit)) == ZCN_AGAIN) sched_yield();
        if (status != ZCN_OK) {
            zcn_unit_release(unit);
            poster->last = status;
            break;
        }
        atomic_fetch_add(&poster->sent, 1);
    }
    zcn_conn_release(poster->conn);
    return NULL;
}

static void start(struct poster *posters, size_t count, zcn_conn *conn, size_t most) {
    for (size_t i = 0; i < count; i++) {
        memset(&posters[i], 0, sizeof posters[i]);
        posters[i].conn = zcn_conn_retain(conn);
        posters[i].number = (uint32_t)i;
        posters[i].most = most;
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    }
}

static void join_all(struct poster *posters, size_t count) {
    for (size_t i = 0; i < count; i++) assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
}

/* Every sender's units in order, without a gap. Returns how many there are in all. */
struct order {
    uint32_t next[MOST_THREADS];
    size_t all;
};

static void check_order(side *self, const zcn_event *event) {
    if (event->type != ZCN_EVENT_MESSAGE) return;
    struct order *order = self->context;
    uint32_t numbers[2];
    assert_int_equal(event->size, sizeof numbers);
    memcpy(numbers, event->data, sizeof numbers);
    assert_true(numbers[0] < MOST_THREADS);
    if (numbers[1] != order->next[numbers[0]])
        fail_msg("unit %u of thread %u came in the place of unit %u", numbers[1], numbers[0], order->next[numbers[0]]);
    order->next[numbers[0]]++;
    order->all++;
}

static void test_threads_posts_keep_the_order_of_each_sender(void **state) {
    (void)state;
    pair two;
    pair_open(&two, OVER_SOCKETPAIR, PLAIN_FRAMING, NULL, NULL);
    struct order order = {{0}, 0};
    two.server.context = &order;
    two.server.on_event = check_order;
    two.server.got.no_copy = true;
    struct poster posters[MOST_THREADS];
    const size_t each = effort(5000, 500);
    start(posters, MOST_THREADS, two.dialled, each);
    const uint64_t deadline = deadline_after_ms(2 * WAIT_MS);
    while (order.all < MOST_THREADS * each) {
        pump_once(&two.server, &two.client, deadline);
        collector_clear(&two.server.got);
        if (deadline_passed(deadline)) fail_msg("%zu of %zu arrived", order.all, MOST_THREADS * each);
    }
    join_all(posters, MOST_THREADS);
    pump_idle(&two.server, &two.client);
    pair_close(&two);
    for (size_t i = 0; i < MOST_THREADS; i++) {
        assert_status(posters[i].last, ZCN_OK);
        assert_int_equal(atomic_load(&posters[i].ended), each);
    }
}

enum ending { BY_CLOSE, BY_ABORT, BY_THE_PEER, BY_THE_LOOP };

/* Senders that go on until they are refused, while the connection ends: every unit ends once, all the same. */
static void race_with_posts(enum ending ending) {
    const size_t rounds = effort(100, 10);
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.high_water = 8 * 1024; /* some hundred units under way are enough to meet the end */
    for (size_t round = 0; round < rounds; round++) {
        pair two;
        pair_open(&two, OVER_SOCKETPAIR, PLAIN_FRAMING, &options, NULL);
        struct order order = {{0}, 0};
        two.server.context = &order;
        two.server.on_event = check_order;
        two.server.got.no_copy = true;
        struct poster posters[3];
        start(posters, 3, two.dialled, 0);
        /* A moment of its own length for each round. */
        for (size_t i = 0; i < round % 50; i++) {
            side_poll(&two.client, 0);
            side_poll(&two.server, 0);
        }
        switch (ending) {
            case BY_CLOSE:
                assert_ok(zcn_conn_close(two.dialled));
                break;
            case BY_ABORT:
                assert_ok(zcn_conn_abort(two.dialled));
                break;
            case BY_THE_PEER:
                assert_ok(zcn_conn_abort(two.accepted));
                break;
            case BY_THE_LOOP:
                side_close(&two.client);
                break;
        }
        if (ending == BY_THE_LOOP) {
            PUMP_UNTIL(&two.server, NULL, count_of(&two.server.got, ZCN_EVENT_CLOSED) == 1);
        } else {
            PUMP_UNTIL(
                &two.server, &two.client,
                count_of(&two.server.got, ZCN_EVENT_CLOSED) == 1 && count_of(&two.client.got, ZCN_EVENT_CLOSED) == 1);
            assert_int_equal(count_of(&two.client.got, ZCN_EVENT_CLOSED), 1);
        }
        join_all(posters, 3);
        pair_close(&two);
        size_t sent = 0;
        for (size_t i = 0; i < 3; i++) {
            assert_status(posters[i].last, ZCN_ECLOSED);
            assert_int_equal(atomic_load(&posters[i].ended), atomic_load(&posters[i].made));
            sent += atomic_load(&posters[i].sent);
        }
        assert_true(order.all <= sent);
    }
}

static void test_threads_posts_race_a_close(void **state) {
    (void)state;
    race_with_posts(BY_CLOSE);
}

static void test_threads_posts_race_an_abort(void **state) {
    (void)state;
    race_with_posts(BY_ABORT);
}

static void test_threads_posts_race_the_peers_end(void **state) {
    (void)state;
    race_with_posts(BY_THE_PEER);
}

static void test_threads_posts_race_the_end_of_the_loop(void **state) {
    (void)state;
    race_with_posts(BY_THE_LOOP);
}

/* A sender's own close comes after its own posts. */
static void *post_and_close(void *context) {
    struct poster *poster = context;
    zcn_conn *conn = zcn_conn_retain(poster->conn);
    post_all(poster);
    if (zcn_conn_close(conn) != ZCN_OK) abort();
    zcn_conn_release(conn);
    return NULL;
}

static void test_threads_close_comes_after_the_posts_before_it(void **state) {
    (void)state;
    for (size_t round = 0; round < effort(100, 10); round++) {
        pair two;
        pair_open(&two, OVER_SOCKETPAIR, PLAIN_FRAMING, NULL, NULL);
        struct order order = {{0}, 0};
        two.server.context = &order;
        two.server.on_event = check_order;
        struct poster poster;
        memset(&poster, 0, sizeof poster);
        poster.conn = zcn_conn_retain(two.dialled);
        poster.most = 100;
        assert_int_equal(pthread_create(&poster.thread, NULL, post_and_close, &poster), 0);
        PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_CLOSED) == 1);
        assert_int_equal(pthread_join(poster.thread, NULL), 0);
        assert_status(poster.last, ZCN_OK);
        assert_int_equal(order.all, 100);
        assert_status(nth_of(&two.server.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EOF);
        pair_close(&two);
    }
}

static void *close_it(void *conn) {
    if (zcn_conn_close(conn) != ZCN_OK) abort();
    zcn_conn_release(conn);
    return NULL;
}

static void *abort_it(void *conn) {
    if (zcn_conn_abort(conn) != ZCN_OK) abort();
    zcn_conn_release(conn);
    return NULL;
}

static void test_threads_many_ends_give_one_closed(void **state) {
    (void)state;
    for (size_t round = 0; round < effort(100, 10); round++) {
        pair two;
        pair_open(&two, OVER_SOCKETPAIR, PLAIN_FRAMING, NULL, NULL);
        pthread_t threads[6];
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, (round + i) % 3 == 0 ? abort_it : close_it,
                                            zcn_conn_retain(i % 2 == 0 ? two.dialled : two.accepted)),
                             0);
        PUMP_UNTIL(
            &two.server, &two.client,
            count_of(&two.server.got, ZCN_EVENT_CLOSED) == 1 && count_of(&two.client.got, ZCN_EVENT_CLOSED) == 1);
        for (size_t i = 0; i < 6; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
        pump_idle(&two.server, &two.client);
        assert_int_equal(count_of(&two.server.got, ZCN_EVENT_CLOSED), 1);
        assert_int_equal(count_of(&two.client.got, ZCN_EVENT_CLOSED), 1);
        pair_close(&two);
    }
}

/* ---- loops in threads of their own ---- */

/* Polls until it is told to stop; echoes, or hands each connection on to the other loop after a while. */
struct worker {
    pthread_t thread;
    zcn_loop *loop;
    zcn_loop *other;   /* to move connections to, or NULL */
    size_t move_after; /* messages */
    atomic_bool stop;
    size_t messages;
    size_t moves;
    size_t failed;
    size_t closed;
};

static void *work(void *context) {
    struct worker *worker = context;
    size_t since = 0;
    while (!atomic_load(&worker->stop)) {
        const zcn_event *events;
        size_t count;
        if (zcn_loop_poll(worker->loop, 100000000, &events, &count, NULL) != ZCN_OK) {
            worker->failed++;
            break;
        }
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == ZCN_EVENT_CLOSED) worker->closed++;
            if (events[i].type != ZCN_EVENT_MESSAGE) continue;
            worker->messages++;
            if (zcn_conn_loop(events[i].conn) != worker->loop) {
                /* It has been moved on above: its new owner sends for it, this one posts. */
                zcn_unit *unit;
                if (zcn_unit_create(&unit, NULL) != ZCN_OK || zcn_unit_append_msg(unit, events[i].msg) != ZCN_OK ||
                    zcn_conn_post(events[i].conn, unit) != ZCN_OK)
                    worker->failed++;
                continue;
            }
            if (zcn_conn_forward(events[i].conn, events[i].msg) != ZCN_OK) worker->failed++;
            if (worker->other != NULL && ++since >= worker->move_after) {
                since = 0;
                if (zcn_conn_flush(events[i].conn) < 0) worker->failed++;
                if (zcn_conn_move(events[i].conn, worker->other) == ZCN_OK) worker->moves++;
            }
        }
    }
    return NULL;
}

static void stop_worker(struct worker *worker) {
    atomic_store(&worker->stop, true);
    assert_ok(zcn_loop_wake(worker->loop));
    assert_int_equal(pthread_join(worker->thread, NULL), 0);
    zcn_loop_release(worker->loop);
}

static void test_threads_loops_exchange_messages(void **state) {
    (void)state;
    struct worker worker = {0};
    assert_ok(zcn_loop_create(&worker.loop, NULL));
    side here;
    side_open(&here, NULL);
    here.got.no_copy = true;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    int ends[2];
    raw_pair(ends);
    zcn_conn *far;
    zcn_conn *near;
    assert_ok(zcn_conn_adopt(&far, worker.loop, ends[0], framing, NULL));
    assert_ok(zcn_conn_adopt(&near, here.loop, ends[1], framing, NULL));
    assert_int_equal(pthread_create(&worker.thread, NULL, work, &worker), 0);
    const size_t messages = effort(20000, 2000);
    uint8_t body[300];
    size_t sent = 0;
    size_t back = 0;
    const uint64_t deadline = deadline_after_ms(2 * WAIT_MS);
    while (back < messages) {
        while (sent < messages) {
            fill_pattern(body, sent % 300, sent);
            const zcn_status status = zcn_conn_send_copy(near, body, sent % 300);
            if (status == ZCN_AGAIN) break;
            assert_ok(status);
            sent++;
        }
        pump_once(&here, NULL, deadline);
        back += count_of(&here.got, ZCN_EVENT_MESSAGE);
        collector_clear(&here.got);
        assert_false(deadline_passed(deadline));
    }
    assert_int_equal(back, messages);
    stop_worker(&worker);
    assert_int_equal(worker.failed, 0);
    assert_int_equal(worker.messages, messages);
    zcn_framing_release(framing);
    side_close(&here);
}

/* A connection that two threads hand to each other loses nothing. */
static void test_threads_connection_wanders_between_loops(void **state) {
    (void)state;
    struct worker workers[2] = {{.move_after = 7}, {.move_after = 5}};
    assert_ok(zcn_loop_create(&workers[0].loop, NULL));
    assert_ok(zcn_loop_create(&workers[1].loop, NULL));
    workers[0].other = workers[1].loop;
    workers[1].other = workers[0].loop;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    int ends[2];
    raw_pair(ends);
    zcn_conn *conn;
    assert_ok(zcn_conn_adopt(&conn, workers[0].loop, ends[0], framing, NULL));
    side here;
    side_open(&here, NULL);
    here.got.no_copy = true;
    zcn_conn *near;
    assert_ok(zcn_conn_adopt(&near, here.loop, ends[1], framing, NULL));
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    const size_t messages = effort(5000, 500);
    size_t back = 0;
    const uint64_t deadline = deadline_after_ms(2 * WAIT_MS);
    size_t sent = 0;
    while (back < messages) {
        while (sent < messages && sent - back < 64) {
            assert_ok(zcn_conn_send_copy(near, &sent, sizeof sent));
            sent++;
        }
        pump_once(&here, NULL, deadline);
        back += count_of(&here.got, ZCN_EVENT_MESSAGE);
        collector_clear(&here.got);
        if (deadline_passed(deadline)) fail_msg("%zu of %zu came back", back, messages);
    }
    for (int i = 0; i < 2; i++) stop_worker(&workers[i]);
    assert_int_equal(workers[0].failed + workers[1].failed, 0);
    assert_int_equal(workers[0].messages + workers[1].messages, messages);
    const size_t least = effort(10, 1); /* one an array at most, and an array may bring all that is under way */
    assert_true(workers[0].moves > least && workers[1].moves > least);
    zcn_framing_release(framing);
    side_close(&here);
}

/* ---- a loop that changes hands ---- */

struct turn {
    pair *two;
    zcn_status status;
};

static void *take_a_turn(void *context) {
    struct turn *turn = context;
    turn->status = zcn_conn_send_copy(turn->two->dialled, "turn", 4);
    const zcn_event *events;
    size_t count;
    if (turn->status == ZCN_OK) turn->status = zcn_loop_poll(turn->two->client.loop, 0, &events, &count, NULL);
    return NULL;
}

static void test_threads_owner_may_change(void **state) {
    (void)state;
    pair two;
    pair_open(&two, OVER_SOCKETPAIR, PLAIN_FRAMING, NULL, NULL);
    for (size_t i = 0; i < 50; i++) {
        struct turn turn = {&two, ZCN_EINTERNAL};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, take_a_turn, &turn), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_status(turn.status, ZCN_OK);
        void *data;
        assert_ok(zcn_conn_reserve(two.dialled, &data, NULL, 4));
        memcpy(data, "mine", 4);
        assert_ok(zcn_conn_commit(two.dialled, 4, NULL, NULL));
    }
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == 100);
    pair_close(&two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_posts_keep_the_order_of_each_sender),
        cmocka_unit_test(test_threads_posts_race_a_close),
        cmocka_unit_test(test_threads_posts_race_an_abort),
        cmocka_unit_test(test_threads_posts_race_the_peers_end),
        cmocka_unit_test(test_threads_posts_race_the_end_of_the_loop),
        cmocka_unit_test(test_threads_close_comes_after_the_posts_before_it),
        cmocka_unit_test(test_threads_many_ends_give_one_closed),
        cmocka_unit_test(test_threads_loops_exchange_messages),
        cmocka_unit_test(test_threads_connection_wanders_between_loops),
        cmocka_unit_test(test_threads_owner_may_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
