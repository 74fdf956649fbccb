/* SPDX-License-Identifier: MIT */
/* Fairness: however much one connection brings, the others, timers, wakes and new connections have their turn. */
#include "support.h"

#define MS INT64_C(1000000)
/* Polls within which everybody must have had a turn. */
#define SOON 16

/* One loop with a connection whose peer always has more to say than a poll takes. */
struct crowd {
    side on;
    zcn_framing *framing;
    int pouring; /* the peer's end */
    zcn_conn *flooded;
    bytes flood;
    size_t flood_at;
};

static void crowd_open(struct crowd *of, uint32_t event_capacity) {
    memset(of, 0, sizeof *of);
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.event_capacity = event_capacity;
    side_open(&of->on, &options);
    of->on.got.no_copy = true;
    of->framing = framing_of(PLAIN_FRAMING);
    int ends[2];
    raw_pair(ends);
    of->pouring = ends[1];
    assert_ok(zcn_conn_adopt(&of->flooded, of->on.loop, ends[0], of->framing, NULL));
    for (int i = 0; i < 4096; i++) append_frame(&of->flood, &plain_shape, "flood", 5);
}

static void crowd_close(struct crowd *of) {
    close(of->pouring);
    bytes_clear(&of->flood);
    zcn_framing_release(of->framing);
    side_close(&of->on);
}

/* Fills the socket up to the brim, then polls once. */
static void crowd_poll(struct crowd *of) {
    for (;;) {
        const size_t done = raw_pour(of->pouring, of->flood.data + of->flood_at, of->flood.size - of->flood_at);
        if (done == 0) break;
        of->flood_at = (of->flood_at + done) % of->flood.size;
    }
    collector_clear(&of->on.got);
    side_poll(&of->on, 0);
}

/* Polls under flood until an event of the type comes that is not the flood's. Returns how many polls that took. */
static int polls_until(struct crowd *of, uint32_t type, const zcn_conn *conn) {
    for (int polls = 1; polls <= 1000; polls++) {
        crowd_poll(of);
        for (size_t i = 0; i < of->on.got.count; i++) {
            const seen *event = &of->on.got.at[i];
            if (event->type == type && event->conn != of->flooded && (conn == NULL || event->conn == conn))
                return polls;
        }
    }
    fail_msg("event %u never came in 1000 polls while a connection poured", type);
    return 0;
}

static void warm_up(struct crowd *of) {
    for (int i = 0; i < 20; i++) crowd_poll(of);
    assert_true(count_for(&of->on.got, ZCN_EVENT_MESSAGE, of->flooded) != 0);
}

static const uint32_t capacities[] = {16, 64, 1024};

static void test_loop_flood_does_not_starve_another_connection(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct crowd crowd;
        crowd_open(&crowd, capacities[i]);
        int ends[2];
        raw_pair(ends);
        zcn_conn *quiet;
        assert_ok(zcn_conn_adopt(&quiet, crowd.on.loop, ends[0], crowd.framing, NULL));
        warm_up(&crowd);
        for (int round = 0; round < 5; round++) {
            raw_write_frame(ends[1], "ping", 4);
            assert_in_range(polls_until(&crowd, ZCN_EVENT_MESSAGE, quiet), 1, SOON);
        }
        /* Its end too. */
        close(ends[1]);
        assert_in_range(polls_until(&crowd, ZCN_EVENT_CLOSED, quiet), 1, SOON);
        crowd_close(&crowd);
    }
}

static void test_loop_flood_does_not_starve_timers(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct crowd crowd;
        crowd_open(&crowd, capacities[i]);
        warm_up(&crowd);
        assert_ok(zcn_loop_timer_set(crowd.on.loop, 1, 0));
        assert_in_range(polls_until(&crowd, ZCN_EVENT_TIMER, NULL), 1, SOON);
        crowd_close(&crowd);
    }
}

static void test_loop_flood_does_not_starve_wakes(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct crowd crowd;
        crowd_open(&crowd, capacities[i]);
        warm_up(&crowd);
        assert_ok(zcn_loop_wake(crowd.on.loop));
        assert_in_range(polls_until(&crowd, ZCN_EVENT_WOKEN, NULL), 1, SOON);
        crowd_close(&crowd);
    }
}

static void test_loop_flood_does_not_starve_accepting(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct crowd crowd;
        crowd_open(&crowd, capacities[i]);
        char bound[128];
        zcn_listener *listener = listen_at(&crowd.on, "tcp://127.0.0.1:0", crowd.framing, NULL, bound);
        warm_up(&crowd);
        const int peer = raw_connect(bound);
        assert_in_range(polls_until(&crowd, ZCN_EVENT_ACCEPTED, NULL), 1, SOON);
        close(peer);
        zcn_listener_release(listener);
        crowd_close(&crowd);
    }
}

static void test_loop_flood_does_not_starve_posts_and_sends(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct crowd crowd;
        crowd_open(&crowd, capacities[i]);
        int ends[2];
        raw_pair(ends);
        zcn_conn *quiet;
        assert_ok(zcn_conn_adopt(&quiet, crowd.on.loop, ends[0], crowd.framing, NULL));
        warm_up(&crowd);
        for (int kind = 0; kind < 2; kind++) {
            zcn_unit *unit = pattern_unit(NULL, crowd.framing, 3, 1);
            if (kind == 0) {
                assert_ok(zcn_conn_post(quiet, unit));
            } else {
                assert_ok(zcn_conn_send(quiet, unit));
            }
            uint8_t frame[7];
            int polls = 0;
            while (recv(ends[1], frame, sizeof frame, MSG_DONTWAIT) != sizeof frame) {
                crowd_poll(&crowd);
                assert_in_range(++polls, 1, SOON);
            }
        }
        close(ends[1]);
        crowd_close(&crowd);
    }
}

/* The timeout of a connection is the loop's own business: nobody sees it but by the CLOSED event. */
static void test_loop_flood_does_not_starve_deadlines(void **state) {
    (void)state;
    struct crowd crowd;
    crowd_open(&crowd, 16);
    int ends[2];
    raw_pair(ends);
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.idle_timeout_ms = 20;
    zcn_conn *quiet;
    assert_ok(zcn_conn_adopt(&quiet, crowd.on.loop, ends[0], crowd.framing, &options));
    warm_up(&crowd);
    const uint64_t deadline = deadline_after_ms(WAIT_MS / 4);
    for (;;) {
        crowd_poll(&crowd);
        if (count_for(&crowd.on.got, ZCN_EVENT_CLOSED, quiet) != 0) break;
        if (deadline_passed(deadline)) fail_msg("the idle timeout never came while a connection poured");
    }
    assert_status(first_for(&crowd.on.got, ZCN_EVENT_CLOSED, quiet)->status, ZCN_ETIMEDOUT);
    close(ends[1]);
    crowd_close(&crowd);
}

/* Many that pour: each is served, in turn. */
static void test_loop_floods_share(void **state) {
    (void)state;
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.event_capacity = 64;
    side on;
    side_open(&on, &options);
    on.got.no_copy = true;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    enum { many = 10 };
    int peers[many];
    zcn_conn *conns[many];
    bytes flood = {0};
    for (int i = 0; i < 4096; i++) append_frame(&flood, &plain_shape, "flood", 5);
    size_t at[many] = {0};
    for (int i = 0; i < many; i++) {
        int ends[2];
        raw_pair(ends);
        peers[i] = ends[1];
        assert_ok(zcn_conn_adopt(&conns[i], on.loop, ends[0], framing, NULL));
    }
    for (int poll_number = 0; poll_number < 200; poll_number++) {
        for (int i = 0; i < many; i++)
            at[i] = (at[i] + raw_pour(peers[i], flood.data + at[i], flood.size - at[i])) % flood.size;
        side_poll(&on, 0);
    }
    size_t least = SIZE_MAX;
    size_t most = 0;
    for (int i = 0; i < many; i++) {
        const size_t count = count_for(&on.got, ZCN_EVENT_MESSAGE, conns[i]);
        if (count < least) least = count;
        if (count > most) most = count;
    }
    assert_true(least != 0);
    if (most > 4 * least) fail_msg("one connection gave %zu messages, another %zu", most, least);
    for (int i = 0; i < many; i++) close(peers[i]);
    bytes_clear(&flood);
    zcn_framing_release(framing);
    side_close(&on);
}

static void test_loop_read_budget_bounds_one_connection(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    on.got.no_copy = true;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.read_budget = 4096;
    options.messages_per_poll = 3;
    int ends[2];
    raw_pair(ends);
    zcn_conn *conn;
    assert_ok(zcn_conn_adopt(&conn, on.loop, ends[0], framing, &options));
    uint8_t body[1000];
    fill_pattern(body, sizeof body, 5);
    for (int i = 0; i < 20; i++) raw_write_frame(ends[1], body, sizeof body);
    size_t before = 0;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (before < 20) {
        side_poll(&on, MS);
        const size_t now = count_of(&on.got, ZCN_EVENT_MESSAGE);
        assert_in_range(now - before, 0, 3);
        before = now;
        assert_false(deadline_passed(deadline));
    }
    close(ends[1]);
    zcn_framing_release(framing);
    side_close(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_flood_does_not_starve_another_connection),
        cmocka_unit_test(test_loop_flood_does_not_starve_timers),
        cmocka_unit_test(test_loop_flood_does_not_starve_wakes),
        cmocka_unit_test(test_loop_flood_does_not_starve_accepting),
        cmocka_unit_test(test_loop_flood_does_not_starve_posts_and_sends),
        cmocka_unit_test(test_loop_flood_does_not_starve_deadlines),
        cmocka_unit_test(test_loop_floods_share),
        cmocka_unit_test(test_loop_read_budget_bounds_one_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
