/* SPDX-License-Identifier: MIT */
/* Loops: polling and its limits, waking, timers, closing and releasing. */
#include "support.h"

#define MS INT64_C(1000000)

static int open_side(void **state) {
    static side the_side;
    side_open(&the_side, NULL);
    *state = &the_side;
    return 0;
}

static int close_side(void **state) {
    side_close(*state);
    return 0;
}

static zcn_status create_with(uint32_t events, uint32_t no_helper, uint32_t spin_us) {
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.event_capacity = events;
    options.no_helper = no_helper;
    options.spin_us = spin_us;
    zcn_loop *loop = (zcn_loop *)&options;
    const zcn_status status = zcn_loop_create(&loop, &options);
    assert_true((status == ZCN_OK) == (loop != NULL));
    zcn_loop_release(loop);
    return status;
}

static void test_loop_create_checks_its_options(void **state) {
    (void)state;
    assert_status(zcn_loop_create(NULL, NULL), ZCN_EINVAL);
    assert_ok(create_with(16, 0, 0));
    assert_ok(create_with(4096, 1, 50));
    assert_status(create_with(15, 0, 0), ZCN_EINVAL);
    assert_status(create_with(4097, 0, 0), ZCN_EINVAL);
    assert_status(create_with(0, 2, 0), ZCN_EINVAL);
}

static void test_loop_null_is_refused_everywhere(void **state) {
    zcn_loop *loop = ((side *)*state)->loop;
    const zcn_event *events = (const zcn_event *)&loop;
    size_t count = 7;
    int32_t more = 7;
    assert_status(zcn_loop_poll(NULL, 0, &events, &count, &more), ZCN_EINVAL);
    assert_null(events);
    assert_int_equal(count, 0);
    assert_int_equal(more, 0);
    assert_status(zcn_loop_poll(loop, 0, NULL, &count, &more), ZCN_EINVAL);
    assert_status(zcn_loop_poll(loop, 0, &events, NULL, &more), ZCN_EINVAL);
    assert_ok(zcn_loop_poll(loop, 0, &events, &count, NULL));
    assert_int_equal(zcn_loop_fd(NULL), -1);
    int64_t left;
    assert_status(zcn_loop_next_deadline(NULL, &left), ZCN_EINVAL);
    assert_status(zcn_loop_next_deadline(loop, NULL), ZCN_EINVAL);
    assert_status(zcn_loop_wake(NULL), ZCN_EINVAL);
    assert_status(zcn_loop_timer_set(NULL, 1, 1), ZCN_EINVAL);
    assert_status(zcn_loop_timer_cancel(NULL, 1), ZCN_EINVAL);
    assert_status(zcn_loop_close(NULL), ZCN_EINVAL);
    zcn_error error = {.struct_size = sizeof error};
    assert_status(zcn_loop_get_error(NULL, &error), ZCN_EINVAL);
    assert_status(zcn_loop_get_error(loop, NULL), ZCN_EINVAL);
    zcn_loop_stats stats = {.struct_size = sizeof stats};
    assert_status(zcn_loop_get_stats(NULL, &stats), ZCN_EINVAL);
    assert_status(zcn_loop_get_stats(loop, NULL), ZCN_EINVAL);
    zcn_loop_relay_stats relays = {.struct_size = sizeof relays};
    assert_status(zcn_loop_get_relay_stats(NULL, &relays), ZCN_EINVAL);
    assert_status(zcn_loop_get_relay_stats(loop, NULL), ZCN_EINVAL);
    assert_null(zcn_loop_retain(NULL));
    zcn_loop_release(NULL);
}

static void test_loop_poll_waits_as_long_as_it_is_told(void **state) {
    side *on = *state;
    const uint64_t start = now_ns();
    assert_false(side_poll(on, 0));
    assert_false(side_poll(on, 30 * MS));
    assert_true(now_ns() - start >= 30 * (uint64_t)MS);
    assert_int_equal(on->got.count, 0);
}

static void test_loop_wake_is_kept_for_the_next_poll(void **state) {
    side *on = *state;
    for (int i = 0; i < 5; i++) assert_ok(zcn_loop_wake(on->loop));
    side_poll(on, -1);
    assert_in_range(count_of(&on->got, ZCN_EVENT_WOKEN), 1, 5);
    assert_int_equal(on->got.count, count_of(&on->got, ZCN_EVENT_WOKEN));
    const size_t before = on->got.count;
    while (side_poll(on, 0)) {
    }
    assert_in_range(on->got.count, before, 5);
    assert_ok(zcn_loop_wake(on->loop));
    const size_t after = on->got.count;
    side_poll(on, -1);
    assert_int_equal(on->got.count, after + 1);
}

static void *wake_soon(void *loop) { return zcn_loop_wake(loop) == ZCN_OK ? loop : NULL; }

static void test_loop_wake_ends_a_poll_without_end(void **state) {
    side *on = *state;
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        void *result;
        assert_int_equal(pthread_create(&thread, NULL, wake_soon, on->loop), 0);
        const size_t before = on->got.count;
        while (on->got.count == before) side_poll(on, -1);
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_non_null(result);
    }
    assert_int_equal(count_of(&on->got, ZCN_EVENT_WOKEN), 50);
}

struct other_poll {
    zcn_loop *loop;
    atomic_int answer;
};

static void *poll_until_woken(void *context) {
    struct other_poll *other = context;
    const zcn_event *events;
    size_t count = 0;
    zcn_status status;
    do {
        status = zcn_loop_poll(other->loop, -1, &events, &count, NULL);
    } while (status == ZCN_EBUSY || (status == ZCN_OK && count == 0));
    atomic_store(&other->answer, status);
    return NULL;
}

static void test_loop_second_poll_is_busy(void **state) {
    side *on = *state;
    struct other_poll other = {.loop = on->loop, .answer = 99};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, poll_until_woken, &other), 0);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    const zcn_event *events = (const zcn_event *)&other;
    size_t count = 9;
    int32_t more = 9;
    zcn_status status;
    for (;;) {
        status = zcn_loop_poll(on->loop, 0, &events, &count, &more);
        if (status != ZCN_OK || deadline_passed(deadline)) break;
        /* Out of the way, so that the other gets in: who only asks again may have the loop each time it looks. */
        poll(NULL, 0, 1);
    }
    /* The other has it: it is told so, and nothing else. */
    const zcn_status found = status;
    assert_ok(zcn_loop_wake(on->loop));
    pthread_join(thread, NULL);
    assert_status(found, ZCN_EBUSY);
    assert_null(events);
    assert_int_equal(count, 0);
    assert_int_equal(more, 0);
    assert_status(atomic_load(&other.answer), ZCN_OK);
    side_poll(on, 0);
}

static void test_loop_timers_come_in_order(void **state) {
    side *on = *state;
    static const int64_t delays[] = {9, 3, 7, 1, 5};
    const uint64_t start = now_ns();
    for (size_t i = 0; i < 5; i++) assert_ok(zcn_loop_timer_set(on->loop, (uint64_t)delays[i], delays[i] * 2 * MS));
    int64_t left;
    assert_ok(zcn_loop_next_deadline(on->loop, &left));
    assert_in_range(left, 0, 2 * MS);
    PUMP_UNTIL(on, NULL, count_of(&on->got, ZCN_EVENT_TIMER) == 5);
    assert_true(now_ns() - start >= 18 * (uint64_t)MS);
    for (size_t i = 0; i < 5; i++) {
        const seen *event = nth_of(&on->got, ZCN_EVENT_TIMER, i);
        assert_int_equal(event->token, 2 * i + 1);
        assert_null(event->conn);
    }
    assert_ok(zcn_loop_next_deadline(on->loop, &left));
    assert_int_equal(left, INT64_MAX);
}

static void test_loop_timer_without_delay_comes_at_the_next_poll(void **state) {
    side *on = *state;
    static const int64_t delays[] = {0, -1, INT64_MIN};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(zcn_loop_timer_set(on->loop, i, delays[i]));
        int64_t left;
        assert_ok(zcn_loop_next_deadline(on->loop, &left));
        assert_int_equal(left, 0);
        side_poll(on, -1);
        assert_int_equal(on->got.count, i + 1);
        assert_int_equal(on->got.at[i].token, i);
    }
}

static void test_loop_timer_set_again_moves_it(void **state) {
    side *on = *state;
    assert_ok(zcn_loop_timer_set(on->loop, 1, 3600000 * MS));
    assert_ok(zcn_loop_timer_set(on->loop, 2, INT64_MAX));
    assert_ok(zcn_loop_timer_set(on->loop, 1, MS));
    PUMP_UNTIL(on, NULL, on->got.count != 0);
    assert_int_equal(on->got.at[0].token, 1);
    assert_ok(zcn_loop_timer_set(on->loop, 3, MS));
    assert_ok(zcn_loop_timer_set(on->loop, 3, 3600000 * MS));
    side_poll(on, 5 * MS);
    assert_int_equal(on->got.count, 1);
    assert_ok(zcn_loop_timer_cancel(on->loop, 3));
    assert_ok(zcn_loop_timer_cancel(on->loop, 2));
    int64_t left;
    assert_ok(zcn_loop_next_deadline(on->loop, &left));
    assert_int_equal(left, INT64_MAX);
}

static void test_loop_timer_cancelled_never_comes(void **state) {
    side *on = *state;
    assert_status(zcn_loop_timer_cancel(on->loop, 5), ZCN_AGAIN);
    assert_ok(zcn_loop_timer_set(on->loop, 5, MS));
    assert_ok(zcn_loop_timer_set(on->loop, 6, 2 * MS));
    assert_ok(zcn_loop_timer_cancel(on->loop, 5));
    assert_status(zcn_loop_timer_cancel(on->loop, 5), ZCN_AGAIN);
    PUMP_UNTIL(on, NULL, on->got.count != 0);
    assert_int_equal(on->got.at[0].token, 6);
    /* Gone off already: its event is in the array. */
    assert_status(zcn_loop_timer_cancel(on->loop, 6), ZCN_AGAIN);
}

static void test_loop_thousand_timers(void **state) {
    side *on = *state;
    const size_t count = effort(1000, 200);
    for (size_t i = 0; i < count; i++) {
        const int64_t delay = (int64_t)(i * 7919 % count) * 20000;
        assert_ok(zcn_loop_timer_set(on->loop, i * 7919 % count, delay + 1));
    }
    for (size_t i = 0; i < count; i += 3) assert_ok(zcn_loop_timer_cancel(on->loop, i));
    const size_t expected = count - (count + 2) / 3;
    PUMP_UNTIL(on, NULL, on->got.count >= expected);
    side_poll(on, MS);
    assert_int_equal(on->got.count, expected);
    for (size_t i = 0; i < expected; i++) assert_int_not_equal(on->got.at[i].token % 3, 0);
}

static void test_loop_get_error_says_what_failed(void **state) {
    side *on = *state;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_loop_get_error(on->loop, &error));
    assert_status(error.status, ZCN_OK);
    zcn_conn *conn = (zcn_conn *)&error;
    assert_status(zcn_connect(&conn, on->loop, "udp://127.0.0.1:1", framing, NULL), ZCN_EADDRESS);
    assert_null(conn);
    assert_ok(zcn_loop_get_error(on->loop, &error));
    assert_status(error.status, ZCN_EADDRESS);
    assert_non_null(strstr(error.text, "udp://"));
    zcn_framing_release(framing);
}

static void test_loop_names_need_the_helper(void **state) {
    (void)state;
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.no_helper = 1;
    side on;
    side_open(&on, &options);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn *conn;
    assert_status(zcn_connect(&conn, on.loop, "tcp://localhost:1", framing, NULL), ZCN_EUNSUPPORTED);
    assert_null(conn);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_loop_get_error(on.loop, &error));
    assert_non_null(strstr(error.text, "localhost"));
    /* Numbers work without it. */
    assert_ok(zcn_connect(&conn, on.loop, "tcp://127.0.0.1:1", framing, NULL));
    zcn_framing_release(framing);
    side_close(&on);
}

static void test_loop_close_ends_everything_in_order(void **state) {
    (void)state;
    pair two;
    pair_open(&two, OVER_TCP, PLAIN_FRAMING, NULL, NULL);
    char bound[128];
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_listener *second = listen_at(&two.server, "tcp://127.0.0.1:0", framing, NULL, bound);
    /* What was accepted for sending still leaves. */
    assert_ok(zcn_conn_send_copy(two.accepted, "last words", 10));
    assert_ok(zcn_loop_close(two.server.loop));
    assert_ok(zcn_loop_close(two.server.loop));
    zcn_conn *conn;
    zcn_listener *listener;
    assert_status(zcn_connect(&conn, two.server.loop, bound, framing, NULL), ZCN_ECLOSED);
    assert_status(zcn_listen(&listener, two.server.loop, "tcp://127.0.0.1:0", framing, NULL), ZCN_ECLOSED);
    assert_status(zcn_loop_timer_set(two.server.loop, 1, 1), ZCN_ECLOSED);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    zcn_status status;
    do {
        const zcn_event *events;
        size_t count;
        status = zcn_loop_poll(two.server.loop, MS, &events, &count, NULL);
        if (status == ZCN_OK) collect(&two.server.got, events, count);
        side_poll(&two.client, 0);
        assert_false(deadline_passed(deadline));
    } while (status == ZCN_OK);
    assert_status(status, ZCN_ECLOSED);
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_LISTENER_CLOSED), 2);
    assert_int_equal(count_for(&two.server.got, ZCN_EVENT_CLOSED, two.accepted), 1);
    assert_status(first_for(&two.server.got, ZCN_EVENT_CLOSED, two.accepted)->status, ZCN_OK);
    PUMP_UNTIL(&two.client, NULL, count_of(&two.client.got, ZCN_EVENT_CLOSED) == 1);
    assert_memory_equal(first_for(&two.client.got, ZCN_EVENT_MESSAGE, two.dialled)->body, "last words", 10);
    zcn_listener_release(second);
    zcn_framing_release(framing);
    pair_close(&two);
}

static void test_loop_release_leaves_what_was_retained(void **state) {
    (void)state;
    pair two;
    pair_open(&two, OVER_TCP, PLAIN_FRAMING, NULL, NULL);
    two.server.got.keep = true;
    static uint8_t body[5000];
    fill_pattern(body, sizeof body, 3);
    for (int i = 0; i < 3; i++) assert_ok(zcn_conn_send_copy(two.dialled, body, sizeof body));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == 3);
    zcn_conn *conn = zcn_conn_retain(two.accepted);
    zcn_loop *loop = zcn_loop_retain(two.server.loop);
    zcn_loop_release(loop);
    zcn_loop_release(two.server.loop);
    two.server.loop = NULL;
    /* The connection is dead, and says so. */
    assert_int_equal(zcn_conn_get_state(conn), ZCN_STATE_CLOSED);
    assert_int_equal(zcn_conn_fd(conn), -1);
    assert_status(zcn_conn_send_copy(conn, body, 1), ZCN_ECLOSED);
    assert_ok(zcn_conn_close(conn));
    assert_ok(zcn_conn_abort(conn));
    zcn_conn_release(conn);
    PUMP_UNTIL(&two.client, NULL, count_of(&two.client.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(first_for(&two.client.got, ZCN_EVENT_CLOSED, two.dialled)->status, ZCN_ERESET);
    for (size_t i = 0; i < 3; i++) {
        const seen *event = nth_of(&two.server.got, ZCN_EVENT_MESSAGE, i);
        assert_int_equal(zcn_msg_size(event->kept), sizeof body);
        assert_pattern(zcn_msg_data(event->kept), sizeof body, 3);
    }
    pair_close(&two);
}

static void test_loop_stats_count(void **state) {
    (void)state;
    pair two;
    pair_open(&two, OVER_TCP, PLAIN_FRAMING, NULL, NULL);
    assert_ok(zcn_conn_send_copy(two.dialled, "hello", 5));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_MESSAGE) == 1);
    zcn_loop_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_loop_get_stats(two.server.loop, &stats));
    assert_true(stats.polls > 0 && stats.waits > 0);
    assert_int_equal(stats.events, two.server.got.count);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.accepted, 1);
    assert_int_equal(stats.closed, 0);
    assert_int_equal(stats.total.messages_in, 1);
    assert_int_equal(stats.total.bytes_in, 9);
    assert_int_equal(stats.total.struct_size, sizeof stats.total);
    assert_ok(zcn_conn_close(two.dialled));
    PUMP_UNTIL(&two.server, &two.client, count_of(&two.server.got, ZCN_EVENT_CLOSED) == 1);
    assert_ok(zcn_loop_wake(two.server.loop));
    side_poll(&two.server, -1);
    assert_ok(zcn_loop_get_stats(two.server.loop, &stats));
    assert_int_equal(stats.connections, 0);
    assert_int_equal(stats.closed, 1);
    assert_int_equal(stats.wakes, 1);
    /* What a closed connection did stays in the sum. */
    assert_int_equal(stats.total.messages_in, 1);
    pair_close(&two);
}

static void test_loop_spinning_changes_nothing_else(void **state) {
    (void)state;
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.spin_us = 200;
    pair two;
    pair_open(&two, OVER_SOCKETPAIR, PLAIN_FRAMING, NULL, &options);
    for (int i = 0; i < 20; i++) {
        assert_ok(zcn_conn_send_copy(two.dialled, "hello", 5));
        side_poll(&two.client, 0);
        side_poll(&two.server, -1);
    }
    assert_int_equal(count_of(&two.server.got, ZCN_EVENT_MESSAGE), 20);
    const uint64_t start = now_ns();
    assert_false(side_poll(&two.server, 5 * MS));
    assert_true(now_ns() - start >= 5 * (uint64_t)MS);
    pair_close(&two);
}

#define WITH_SIDE(test) cmocka_unit_test_setup_teardown(test, open_side, close_side)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_create_checks_its_options),
        WITH_SIDE(test_loop_null_is_refused_everywhere),
        WITH_SIDE(test_loop_poll_waits_as_long_as_it_is_told),
        WITH_SIDE(test_loop_wake_is_kept_for_the_next_poll),
        WITH_SIDE(test_loop_wake_ends_a_poll_without_end),
        WITH_SIDE(test_loop_second_poll_is_busy),
        WITH_SIDE(test_loop_timers_come_in_order),
        WITH_SIDE(test_loop_timer_without_delay_comes_at_the_next_poll),
        WITH_SIDE(test_loop_timer_set_again_moves_it),
        WITH_SIDE(test_loop_timer_cancelled_never_comes),
        WITH_SIDE(test_loop_thousand_timers),
        WITH_SIDE(test_loop_get_error_says_what_failed),
        cmocka_unit_test(test_loop_names_need_the_helper),
        cmocka_unit_test(test_loop_close_ends_everything_in_order),
        cmocka_unit_test(test_loop_release_leaves_what_was_retained),
        cmocka_unit_test(test_loop_stats_count),
        cmocka_unit_test(test_loop_spinning_changes_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
