/* SPDX-License-Identifier: MIT */
/* Loops inside other loops: the descriptor is readable, or the deadline is now, whenever a poll would do something. */
#include <sched.h>
#include <sys/epoll.h>

#include "support.h"

#define MS INT64_C(1000000)

static bool readable(zcn_loop *loop) {
    struct pollfd ready = {.fd = zcn_loop_fd(loop), .events = POLLIN};
    assert_in_range(poll(&ready, 1, 0), 0, 1);
    return ready.revents != 0;
}

static bool due(zcn_loop *loop) {
    int64_t left;
    assert_ok(zcn_loop_next_deadline(loop, &left));
    return left == 0;
}

static pair *two;

static int open_pair(void **state) {
    static pair the_pair;
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.event_capacity = 16;
    pair_open(&the_pair, OVER_SOCKETPAIR, PLAIN_FRAMING, NULL, &options);
    pump_idle(&the_pair.server, &the_pair.client);
    *state = two = &the_pair;
    return 0;
}

static int close_pair(void **state) {
    pair_close(*state);
    return 0;
}

static void test_loop_fd_is_silent_without_work(void **state) {
    (void)state;
    assert_false(readable(two->server.loop));
    assert_false(due(two->server.loop));
    const int fd = zcn_loop_fd(two->server.loop);
    assert_true(fd >= 0);
    side_poll(&two->server, 0);
    assert_int_equal(zcn_loop_fd(two->server.loop), fd);
    assert_false(readable(two->server.loop));
}

static void test_loop_fd_shows_wakes_until_they_are_taken(void **state) {
    (void)state;
    assert_ok(zcn_loop_wake(two->server.loop));
    assert_true(readable(two->server.loop));
    assert_true(readable(two->server.loop));
    side_poll(&two->server, 0);
    assert_false(readable(two->server.loop));
}

static void test_loop_fd_shows_unflushed_sends(void **state) {
    (void)state;
    assert_ok(zcn_conn_send_copy(two->dialled, "x", 1));
    assert_true(readable(two->client.loop));
    assert_false(readable(two->server.loop));
    side_poll(&two->client, 0);
    assert_false(readable(two->client.loop));
    assert_true(readable(two->server.loop));
}

static void test_loop_fd_shows_posts(void **state) {
    (void)state;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    assert_ok(zcn_conn_post(two->dialled, pattern_unit(NULL, framing, 10, 1)));
    assert_true(readable(two->client.loop));
    side_poll(&two->client, 0);
    assert_false(readable(two->client.loop));
    PUMP_UNTIL(&two->server, NULL, count_of(&two->server.got, ZCN_EVENT_MESSAGE) == 1);
    zcn_framing_release(framing);
}

static void test_loop_fd_shows_messages_that_are_left(void **state) {
    (void)state;
    const size_t messages = 100;
    for (size_t i = 0; i < messages; i++) assert_ok(zcn_conn_send_copy(two->dialled, "abc", 3));
    assert_ok(zcn_conn_flush(two->dialled));
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (count_of(&two->server.got, ZCN_EVENT_MESSAGE) < messages) {
        assert_true(readable(two->server.loop) || due(two->server.loop));
        const bool more = side_poll(&two->server, 0);
        if (more) assert_true(readable(two->server.loop));
        assert_false(deadline_passed(deadline));
    }
    pump_idle(&two->server, NULL);
    assert_int_equal(count_of(&two->server.got, ZCN_EVENT_MESSAGE), messages);
}

static void test_loop_fd_shows_close_and_resume(void **state) {
    (void)state;
    assert_ok(zcn_conn_pause(two->accepted));
    assert_ok(zcn_conn_send_copy(two->dialled, "abc", 3));
    pump_idle(&two->server, &two->client);
    assert_int_equal(count_of(&two->server.got, ZCN_EVENT_MESSAGE), 0);
    assert_ok(zcn_conn_resume(two->accepted));
    assert_true(readable(two->server.loop));
    pump_idle(&two->server, NULL);
    assert_int_equal(count_of(&two->server.got, ZCN_EVENT_MESSAGE), 1);
    assert_ok(zcn_conn_close(two->accepted));
    assert_true(readable(two->server.loop));
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->client.got, ZCN_EVENT_CLOSED) == 1);
}

static void test_loop_deadline_shows_timers(void **state) {
    (void)state;
    assert_ok(zcn_loop_timer_set(two->server.loop, 4, 20 * MS));
    int64_t left;
    assert_ok(zcn_loop_next_deadline(two->server.loop, &left));
    assert_in_range(left, 0, 20 * MS);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (!due(two->server.loop)) {
        struct pollfd ready = {.fd = zcn_loop_fd(two->server.loop), .events = POLLIN};
        assert_ok(zcn_loop_next_deadline(two->server.loop, &left));
        poll(&ready, 1, (int)(left / MS) + 1);
        assert_false(deadline_passed(deadline));
    }
    side_poll(&two->server, 0);
    assert_int_equal(count_of(&two->server.got, ZCN_EVENT_TIMER), 1);
}

static void test_loop_listener_is_seen_through_the_fd(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    char bound[128];
    zcn_listener *listener = listen_at(&on, "tcp://127.0.0.1:0", framing, NULL, bound);
    pump_idle(&on, NULL);
    assert_false(readable(on.loop));
    const int peer = raw_connect(bound);
    struct pollfd ready = {.fd = zcn_loop_fd(on.loop), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_ACCEPTED) == 1);
    close(peer);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_CLOSED) == 1);
    zcn_listener_release(listener);
    zcn_framing_release(framing);
    side_close(&on);
}

/* ---- many wake-ups, none lost ---- */

/* A peer that writes frames at irregular moments, in irregular pieces, and wakes and posts in between. */
struct storm {
    int fd;
    zcn_loop *loop;
    zcn_conn *conn;
    zcn_framing *framing;
    size_t messages;
    size_t posts;
    size_t failed;
};

static void *blow(void *context) {
    struct storm *storm = context;
    uint32_t seed = 12345;
    uint8_t frame[4 + 300] = {0};
    for (size_t i = 0; i < storm->messages; i++) {
        const uint32_t size = random_bits(&seed) % 300;
        frame[2] = (uint8_t)(size >> 8);
        frame[3] = (uint8_t)size;
        const size_t whole = 4 + size;
        const size_t first = random_bits(&seed) % (whole + 1);
        if (send(storm->fd, frame, first, MSG_NOSIGNAL) != (ssize_t)first) storm->failed++;
        if (random_bits(&seed) % 3 == 0) sched_yield();
        if (send(storm->fd, frame + first, whole - first, MSG_NOSIGNAL) != (ssize_t)(whole - first)) storm->failed++;
        if (random_bits(&seed) % 5 == 0 && zcn_loop_wake(storm->loop) != ZCN_OK) storm->failed++;
        if (random_bits(&seed) % 4 == 0) {
            zcn_unit *unit;
            void *data;
            if (zcn_unit_alloc(&unit, &data, NULL, storm->framing, 5) != ZCN_OK) {
                storm->failed++;
                continue;
            }
            memset(data, 'p', 5);
            zcn_status status;
            while ((status = zcn_conn_post(storm->conn, unit)) == ZCN_AGAIN) sched_yield();
            if (status == ZCN_OK) {
                storm->posts++;
            } else {
                storm->failed++;
                zcn_unit_release(unit);
            }
        }
    }
    return NULL;
}

static void echo_message(side *self, const zcn_event *event) {
    (void)self;
    if (event->type == ZCN_EVENT_MESSAGE) assert_ok(zcn_conn_forward(event->conn, event->msg));
}

/* Waits for a loop in nothing but its descriptor and deadline, as a host does; edges: polls on until no more is left.
 */
static void host_one_round(side *on, int outer, bool edges, uint64_t deadline) {
    int64_t left;
    assert_ok(zcn_loop_next_deadline(on->loop, &left));
    int timeout = milliseconds_left(deadline);
    if (left / MS < timeout) timeout = (int)((left + MS - 1) / MS);
    struct epoll_event event;
    const int count = epoll_wait(outer, &event, 1, timeout);
    if (count == 0 && deadline_passed(deadline)) fail_msg("a wake-up was lost");
    while (side_poll(on, 0) && edges) {
    }
}

static void survive_storm(uint32_t event_capacity, bool edges) {
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.event_capacity = event_capacity;
    side on;
    side_open(&on, &options);
    on.got.no_copy = true;
    on.on_event = echo_message;
    int ends[2];
    raw_pair(ends);
    struct storm storm = {.fd = ends[1], .loop = on.loop, .messages = effort(20000, 1000)};
    storm.framing = framing_of(PLAIN_FRAMING);
    assert_ok(zcn_conn_adopt(&storm.conn, on.loop, ends[0], storm.framing, NULL));
    zcn_conn_retain(storm.conn);

    const int outer = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event watched = {.events = EPOLLIN | (edges ? EPOLLET : 0)};
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, zcn_loop_fd(on.loop), &watched), 0);

    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, blow, &storm), 0);
    uint64_t deadline = deadline_after_ms(WAIT_MS);
    size_t messages = 0;
    uint64_t returned = 0;
    while (messages < storm.messages) {
        host_one_round(&on, outer, edges, deadline);
        const size_t more = count_of(&on.got, ZCN_EVENT_MESSAGE);
        if (more != 0) deadline = deadline_after_ms(WAIT_MS);
        messages += more;
        collector_clear(&on.got);
        /* The echo is taken off, so that nothing stands still for want of a reader. */
        uint8_t scrap[16384];
        ssize_t got;
        while ((got = recv(ends[1], scrap, sizeof scrap, MSG_DONTWAIT)) > 0) returned += (uint64_t)got;
    }
    pthread_join(thread, NULL);
    assert_int_equal(storm.failed, 0);
    assert_int_equal(messages, storm.messages);
    /* All that was posted and echoed leaves too. */
    zcn_stats stats = {.struct_size = sizeof stats};
    deadline = deadline_after_ms(WAIT_MS);
    for (;;) {
        assert_ok(zcn_conn_get_stats(storm.conn, &stats));
        if (stats.messages_out == storm.messages + storm.posts && stats.queued_bytes == 0) break;
        host_one_round(&on, outer, edges, deadline);
        uint8_t scrap[16384];
        ssize_t got;
        while ((got = recv(ends[1], scrap, sizeof scrap, MSG_DONTWAIT)) > 0) returned += (uint64_t)got;
    }
    while (returned < stats.bytes_out) {
        uint8_t scrap[16384];
        const ssize_t got = recv(ends[1], scrap, sizeof scrap, MSG_DONTWAIT);
        assert_true(got > 0);
        returned += (uint64_t)got;
    }
    assert_int_equal(returned, stats.bytes_out);
    close(outer);
    close(ends[1]);
    zcn_conn_release(storm.conn);
    zcn_framing_release(storm.framing);
    side_close(&on);
}

static void test_loop_nested_by_level_loses_no_wake_up(void **state) {
    (void)state;
    survive_storm(0, false);
}

static void test_loop_nested_by_level_with_few_events(void **state) {
    (void)state;
    survive_storm(16, false);
}

static void test_loop_nested_by_edge_loses_no_wake_up(void **state) {
    (void)state;
    survive_storm(0, true);
}

static void test_loop_nested_by_edge_with_few_events(void **state) {
    (void)state;
    survive_storm(16, true);
}

/* Sends between polls: each has to show in the descriptor, whatever the last poll left behind. */
static void test_loop_fd_shows_each_send_between_polls(void **state) {
    (void)state;
    uint32_t seed = 99;
    size_t sent = 0;
    for (size_t round = 0; round < effort(3000, 300); round++) {
        const uint32_t burst = random_bits(&seed) % 40;
        for (uint32_t i = 0; i < burst; i++, sent++) assert_ok(zcn_conn_send_copy(two->dialled, &seed, i % 5));
        if (random_bits(&seed) % 4 == 0) {
            const zcn_status flushed = zcn_conn_flush(two->dialled);
            assert_true(flushed == ZCN_OK || flushed == ZCN_AGAIN);
        }
        for (uint32_t i = random_bits(&seed) % 3; i > 0; i--) {
            if (readable(two->client.loop)) side_poll(&two->client, 0);
            if (readable(two->server.loop)) side_poll(&two->server, 0);
        }
    }
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (count_of(&two->server.got, ZCN_EVENT_MESSAGE) < sent) {
        const bool client = readable(two->client.loop);
        const bool server = readable(two->server.loop);
        if (!client && !server) fail_msg("messages are under way, and both descriptors are silent");
        if (client) side_poll(&two->client, 0);
        if (server) side_poll(&two->server, 0);
        assert_false(deadline_passed(deadline));
    }
    assert_int_equal(count_of(&two->server.got, ZCN_EVENT_MESSAGE), sent);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)

/* Who polls only when the descriptor or the deadline say so comes to the end of a loop that closes. */
static void test_loop_fd_shows_the_end(void **state) {
    (void)state;
    for (int with_conn = 0; with_conn < 2; with_conn++) {
        side on;
        side_open(&on, NULL);
        zcn_framing *framing = framing_of(PLAIN_FRAMING);
        int ends[2];
        raw_pair(ends);
        if (with_conn) {
            zcn_conn *conn;
            assert_ok(zcn_conn_adopt(&conn, on.loop, ends[0], framing, NULL));
        }
        pump_idle(&on, NULL);
        assert_false(readable(on.loop));
        assert_ok(zcn_loop_close(on.loop));
        zcn_status status = ZCN_OK;
        const uint64_t deadline = deadline_after_ms(WAIT_MS);
        while (status == ZCN_OK) {
            assert_false(deadline_passed(deadline));
            if (!readable(on.loop) && !due(on.loop)) continue;
            const zcn_event *events;
            size_t count;
            status = zcn_loop_poll(on.loop, 0, &events, &count, NULL);
            if (status == ZCN_OK) collect(&on.got, events, count);
        }
        assert_status(status, ZCN_ECLOSED);
        assert_int_equal(count_of(&on.got, ZCN_EVENT_CLOSED), with_conn);
        /* Told once: who goes on is not woken for ever. */
        assert_false(readable(on.loop));
        assert_false(due(on.loop));
        if (!with_conn) close(ends[0]);
        close(ends[1]);
        zcn_framing_release(framing);
        side_close(&on);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PAIR(test_loop_fd_is_silent_without_work),
        WITH_PAIR(test_loop_fd_shows_wakes_until_they_are_taken),
        WITH_PAIR(test_loop_fd_shows_unflushed_sends),
        WITH_PAIR(test_loop_fd_shows_posts),
        WITH_PAIR(test_loop_fd_shows_messages_that_are_left),
        WITH_PAIR(test_loop_fd_shows_close_and_resume),
        WITH_PAIR(test_loop_deadline_shows_timers),
        WITH_PAIR(test_loop_fd_shows_each_send_between_polls),
        cmocka_unit_test(test_loop_listener_is_seen_through_the_fd),
        cmocka_unit_test(test_loop_nested_by_level_loses_no_wake_up),
        cmocka_unit_test(test_loop_nested_by_level_with_few_events),
        cmocka_unit_test(test_loop_nested_by_edge_loses_no_wake_up),
        cmocka_unit_test(test_loop_nested_by_edge_with_few_events),
        cmocka_unit_test(test_loop_fd_shows_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
