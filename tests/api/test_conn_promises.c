/* SPDX-License-Identifier: MIT */
/* Promises that are easily broken: who moves at ACCEPTED loses nothing, deadlines stand still with the reading, a
 * function that changes its mind is found out, and errors say what to do. */
#include "support.h"

#define MS INT64_C(1000000)

static zcn_conn *adopt(side *on, const char *framing_text, const zcn_conn_options *options, int *peer) {
    int ends[2];
    zcn_conn *conn = NULL;
    zcn_framing *framing = framing_of(framing_text);
    raw_pair(ends);
    assert_ok(zcn_conn_adopt(&conn, on->loop, ends[0], framing, options));
    zcn_framing_release(framing);
    *peer = ends[1];
    return conn;
}

/* ---- moved at once ---- */

struct handing {
    side first;
    side second;
    size_t beside; /* messages that stood in an array with ACCEPTED */
};

static void hand_over(side *self, const zcn_event *event) {
    struct handing *of = self->context;
    if (event->type == ZCN_EVENT_MESSAGE) of->beside++;
    if (event->type == ZCN_EVENT_ACCEPTED) assert_ok(zcn_conn_move(event->conn, of->second.loop));
}

static void test_moved_at_accepted_loses_nothing(void **state) {
    (void)state;
    static struct handing of;
    char bound[128];
    memset(&of, 0, sizeof of);
    side_open(&of.first, NULL);
    side_open(&of.second, NULL);
    of.first.on_event = hand_over;
    of.first.context = &of;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_listener *listener = listen_at(&of.first, "tcp://127.0.0.1:0", framing, NULL, bound);
    int peers[30];
    for (uint32_t i = 0; i < 30; i++) {
        /* The bytes are there before the connection is accepted. */
        peers[i] = raw_connect(bound);
        raw_write_frame(peers[i], &i, sizeof i);
        raw_write_frame(peers[i], &i, sizeof i);
        if (i % 3 == 0) pump_once(&of.first, NULL, deadline_after_ms(WAIT_MS));
    }
    PUMP_UNTIL(&of.first, &of.second, count_of(&of.second.got, ZCN_EVENT_MESSAGE) == 60);
    assert_int_equal(of.beside, 0);
    assert_int_equal(count_of(&of.second.got, ZCN_EVENT_ARRIVED), 30);
    for (uint32_t i = 0; i < 30; i++) close(peers[i]);
    zcn_listener_close(listener);
    zcn_listener_release(listener);
    zcn_framing_release(framing);
    side_close(&of.first);
    side_close(&of.second);
}

/* A message of a connection that was moved since is passed on to one that is above high water. */
static void test_moved_source_is_not_held_up(void **state) {
    (void)state;
    side first;
    side second;
    int source_peer;
    int target_peer;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.high_water = 1000;
    side_open(&first, NULL);
    side_open(&second, NULL);
    zcn_conn *source = adopt(&first, PLAIN_FRAMING, NULL, &source_peer);
    zcn_conn *target = adopt(&first, PLAIN_FRAMING, &options, &target_peer);
    pump_idle(&first, NULL);
    static uint8_t body[2000];
    raw_write_frame(source_peer, body, sizeof body);
    const zcn_event *events = NULL;
    size_t count = 0;
    assert_ok(zcn_loop_poll(first.loop, 1000 * MS, &events, &count, NULL));
    assert_int_equal(count, 1);
    assert_int_equal(events[0].type, ZCN_EVENT_MESSAGE);
    assert_ok(zcn_conn_move(source, second.loop));
    assert_ok(zcn_conn_forward(target, events[0].msg));
    raw_write_frame(source_peer, body, sizeof body);
    PUMP_UNTIL(&first, &second, count_of(&second.got, ZCN_EVENT_MESSAGE) == 1);
    uint8_t got[2004];
    assert_int_equal(recv(target_peer, got, sizeof got, MSG_WAITALL), sizeof got);
    close(source_peer);
    close(target_peer);
    side_close(&first);
    side_close(&second);
}

struct mover {
    zcn_conn *conn;
    zcn_loop *to;
    zcn_status said;
};

static void move_away(void *context, const void *data, uint64_t size) {
    struct mover *mover = context;
    (void)data, (void)size;
    mover->said = zcn_conn_move(mover->conn, mover->to);
}

static void test_moving_while_it_is_written_is_refused(void **state) {
    (void)state;
    side first;
    side second;
    int peer;
    side_open(&first, NULL);
    side_open(&second, NULL);
    struct mover mover = {.to = second.loop};
    mover.conn = adopt(&first, PLAIN_FRAMING, NULL, &peer);
    pump_idle(&first, NULL);
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_ref(unit, "data", 4, move_away, &mover));
    assert_ok(zcn_conn_send(mover.conn, unit));
    pump_idle(&first, NULL);
    assert_status(mover.said, ZCN_EBUSY);
    assert_ok(zcn_conn_move(mover.conn, second.loop));
    PUMP_UNTIL(&first, &second, count_of(&second.got, ZCN_EVENT_ARRIVED) == 1);
    close(peer);
    side_close(&first);
    side_close(&second);
}

/* ---- deadlines ---- */

static void test_idle_deadline_stands_still_while_paused(void **state) {
    (void)state;
    side on;
    int peer;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.idle_timeout_ms = 150;
    side_open(&on, NULL);
    zcn_conn *conn = adopt(&on, PLAIN_FRAMING, &options, &peer);
    pump_idle(&on, NULL);
    assert_ok(zcn_conn_pause(conn));
    raw_write_frame(peer, "kept", 4);
    const uint64_t until = deadline_after_ms(500);
    while (!deadline_passed(until)) side_poll(&on, 20 * MS);
    assert_int_equal(count_of(&on.got, ZCN_EVENT_CLOSED), 0);
    assert_ok(zcn_conn_resume(conn));
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(count_of(&on.got, ZCN_EVENT_MESSAGE), 1);
    assert_status(nth_of(&on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ETIMEDOUT);
    close(peer);
    side_close(&on);
}

static void test_more_tells_of_timers_that_are_due(void **state) {
    (void)state;
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.event_capacity = 16;
    zcn_loop *loop = NULL;
    assert_ok(zcn_loop_create(&loop, &options));
    for (uint64_t i = 0; i < 50; i++) assert_ok(zcn_loop_timer_set(loop, i, 0));
    size_t due = 0;
    int32_t more = 1;
    for (uint32_t polls = 0; more != 0; polls++) {
        const zcn_event *events = NULL;
        size_t count = 0;
        assert_true(polls < 10);
        assert_ok(zcn_loop_poll(loop, 0, &events, &count, &more));
        due += count;
    }
    assert_int_equal(due, 50);
    zcn_loop_release(loop);
}

/* ---- a measuring function that changes its mind ---- */

static zcn_status grow(void *context, const void *data, uint64_t size, uint64_t *out) {
    const uint64_t base = *(const uint64_t *)context;
    (void)data;
    *out = size < base ? base : 2 * base;
    return ZCN_OK;
}

static void test_a_size_that_grows_is_refused(void **state) {
    (void)state;
    uint64_t bases[] = {100, 5000, 140000, 1000000};
    for (size_t i = 0; i < 4; i++) {
        side on;
        int ends[2];
        zcn_framing *framing = NULL;
        zcn_framing_options options;
        zcn_framing_options_init(&options, sizeof options);
        options.kind = ZCN_FRAMING_CUSTOM;
        options.measure = grow;
        options.measure_context = &bases[i];
        assert_ok(zcn_framing_create(&framing, &options, NULL));
        side_open(&on, NULL);
        raw_pair(ends);
        zcn_conn *conn = NULL;
        assert_ok(zcn_conn_adopt(&conn, on.loop, ends[0], framing, NULL));
        pump_idle(&on, NULL);
        /* Less than the first answer, so that it is believed; then more. */
        uint8_t *data = calloc(1, 4 * bases[i]);
        assert_int_equal(send(ends[1], data, 80, MSG_NOSIGNAL), 80);
        pump_idle(&on, NULL);
        size_t sent = 80;
        const uint64_t until = deadline_after_ms(WAIT_MS);
        while (count_of(&on.got, ZCN_EVENT_CLOSED) == 0) {
            assert_false(deadline_passed(until));
            if (sent < 4 * bases[i]) {
                const ssize_t more = send(ends[1], data + sent, 4 * bases[i] - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (more > 0) sent += (size_t)more;
            }
            side_poll(&on, 10 * MS);
        }
        assert_int_equal(count_of(&on.got, ZCN_EVENT_MESSAGE), 0);
        assert_status(nth_of(&on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EFRAME_MEASURE);
        free(data);
        close(ends[1]);
        zcn_framing_release(framing);
        side_close(&on);
    }
}

/* ---- what is refused, and how ---- */

static void test_set_framing_behind_a_blanked_message(void **state) {
    (void)state;
    side on;
    int peer;
    side_open(&on, NULL);
    zcn_conn *conn = adopt(&on, "length,width=1,strip=1", NULL, &peer);
    zcn_framing *other = framing_of("length,width=1,strip=1,max=200");
    pump_idle(&on, NULL);
    raw_write(peer, "\1a\1b\1c", 6);
    const zcn_event *events = NULL;
    size_t count = 0;
    assert_ok(zcn_loop_poll(on.loop, 1000 * MS, &events, &count, NULL));
    assert_int_equal(count, 3);
    assert_ok(zcn_conn_set_framing(conn, events[0].msg, other));
    assert_int_equal(events[1].type, ZCN_EVENT_NONE);
    assert_status(zcn_conn_set_framing(conn, events[1].msg, other), ZCN_EINVAL);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_MESSAGE) == 2);
    assert_memory_equal(nth_of(&on.got, ZCN_EVENT_MESSAGE, 0)->body, "b", 1);
    zcn_framing_release(other);
    close(peer);
    side_close(&on);
}

static void assert_says(zcn_loop *loop, const char *words) {
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_loop_get_error(loop, &error));
    if (strstr(error.text, words) == NULL) fail_msg("\"%s\" does not say \"%s\"", error.text, words);
}

static void test_errors_say_what_to_do(void **state) {
    (void)state;
    side on;
    zcn_conn *conn = NULL;
    zcn_listener *listener = NULL;
    side_open(&on, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn_options forgotten = {0};
    zcn_listen_options listening = {0};
    assert_status(zcn_connect(&conn, on.loop, "tcp://127.0.0.1:1", framing, &forgotten), ZCN_EINVAL);
    assert_says(on.loop, "zcn_conn_options_init()");
    assert_status(zcn_listen(&listener, on.loop, "tcp://127.0.0.1:0", framing, &listening), ZCN_EINVAL);
    assert_says(on.loop, "zcn_listen_options_init()");
    zcn_listen_options_init(&listening, sizeof listening);
    listening.conn = &forgotten;
    assert_status(zcn_listen(&listener, on.loop, "tcp://127.0.0.1:0", framing, &listening), ZCN_EINVAL);
    assert_says(on.loop, "zcn_conn_options_init()");
    assert_status(zcn_connect(&conn, on.loop, "tcp://[::1]", framing, NULL), ZCN_EADDRESS);
    assert_says(on.loop, "has no port");
    assert_status(zcn_listen(&listener, on.loop, "unix:///nowhere/at/all", framing, NULL), ZCN_ESYS);
    assert_says(on.loop, "No such file or directory");
    zcn_framing_release(framing);
    side_close(&on);
}

/* Whole messages that cannot be shown for want of memory: the pool is named as the reason, and it goes on later. */
static void test_a_stream_without_memory_says_so(void **state) {
    (void)state;
    zcn_pool_options pool_options;
    zcn_stream_options options;
    zcn_pool *pool = NULL;
    zcn_pool_options_init(&pool_options, sizeof pool_options);
    pool_options.block_size = 4096;
    pool_options.limit = 40 * 4096;
    assert_ok(zcn_pool_create(&pool, &pool_options));
    zcn_stream_options_init(&options, sizeof options);
    options.align = 64;
    zcn_stream *stream = stream_of(pool, "length,width=4,strip=4,max=1K", &options);
    static zcn_msg *kept[1000];
    static const uint8_t frame[4 + 500] = {0, 0, 1, 0xF4};
    size_t count = 0;
    size_t fed = 0;
    size_t kept_count = 0;
    zcn_status status = ZCN_OK;
    while (status != ZCN_ENOBUFS) {
        const zcn_event *events = NULL;
        uint64_t taken = 0;
        assert_true(fed < 900);
        status = zcn_stream_feed(stream, frame, sizeof frame, &taken);
        if (status == ZCN_OK) assert_int_equal(taken, sizeof frame);
        fed += status == ZCN_OK;
        zcn_stream_poll(stream, &events, &count, NULL);
        /* Not for ever "poll first", and then nothing. */
        assert_true(status != ZCN_AGAIN || count != 0);
        for (size_t i = 0; i < count; i++) assert_ok(zcn_msg_retain(&kept[kept_count++], events[i].msg));
    }
    assert_true(kept_count > 0);
    const size_t released = kept_count;
    while (kept_count != 0) assert_ok(zcn_msg_release(kept[--kept_count]));
    collector got = {0};
    (void)stream_collect(stream, &got);
    stream_feed(stream, frame, sizeof frame, &got);
    assert_int_equal(released + count_of(&got, ZCN_EVENT_MESSAGE), fed + 1);
    collector_clear(&got);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moved_at_accepted_loses_nothing),
        cmocka_unit_test(test_moved_source_is_not_held_up),
        cmocka_unit_test(test_moving_while_it_is_written_is_refused),
        cmocka_unit_test(test_idle_deadline_stands_still_while_paused),
        cmocka_unit_test(test_more_tells_of_timers_that_are_due),
        cmocka_unit_test(test_a_size_that_grows_is_refused),
        cmocka_unit_test(test_set_framing_behind_a_blanked_message),
        cmocka_unit_test(test_errors_say_what_to_do),
        cmocka_unit_test(test_a_stream_without_memory_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
