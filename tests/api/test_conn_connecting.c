/* SPDX-License-Identifier: MIT */
/* Connecting: what may be done before the answer, the ways it fails, and what a connection that never stood tells. */
#include "support.h"

#define MS INT64_C(1000000)

struct caller {
    side on;
    zcn_framing *framing;
    int listening; /* a plain socket that accepts only when a test does */
    char address[128];
};

static void listen_plainly(struct caller *caller, int backlog) {
    caller->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    assert_int_equal(bind(caller->listening, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(caller->listening, backlog), 0);
    assert_int_equal(getsockname(caller->listening, (struct sockaddr *)&at, &size), 0);
    snprintf(caller->address, sizeof caller->address, "tcp://127.0.0.1:%u", ntohs(at.sin_port));
}

static int open_caller(void **state) {
    static struct caller caller;
    side_open(&caller.on, NULL);
    caller.framing = framing_of(PLAIN_FRAMING);
    listen_plainly(&caller, 16);
    *state = &caller;
    return 0;
}

static int close_caller(void **state) {
    struct caller *caller = *state;
    close(caller->listening);
    zcn_framing_release(caller->framing);
    side_close(&caller->on);
    return 0;
}

static zcn_conn *dial(struct caller *caller, const zcn_conn_options *options) {
    zcn_conn *conn = NULL;
    assert_ok(zcn_connect(&conn, caller->on.loop, caller->address, caller->framing, options));
    assert_non_null(conn);
    return conn;
}

static zcn_status wait_for_end(struct caller *caller, const zcn_conn *conn) {
    PUMP_UNTIL(&caller->on, NULL, count_for(&caller->on.got, ZCN_EVENT_CLOSED, conn) == 1);
    return first_for(&caller->on.got, ZCN_EVENT_CLOSED, conn)->status;
}

static int accept_one(struct caller *caller) {
    const int fd = accept(caller->listening, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

static void test_conn_connecting_takes_units_at_once(void **state) {
    struct caller *caller = *state;
    zcn_conn *conn = dial(caller, NULL);
    assert_ok(zcn_conn_send_copy(conn, "one", 3));
    assert_ok(zcn_conn_post(conn, pattern_unit(NULL, caller->framing, 5, 5)));
    /* The half-close loses nothing that was accepted before, whatever way it took. */
    assert_ok(zcn_conn_shutdown(conn));
    const int peer = accept_one(caller);
    bytes got = {0};
    assert_int_equal(raw_read_to_end(peer, &caller->on, &got), 0);
    assert_int_equal(got.size, 7 + 9);
    assert_memory_equal(got.data + 4, "one", 3);
    assert_pattern(got.data + 11, 5, 5);
    assert_ptr_equal(nth_of(&caller->on.got, ZCN_EVENT_CONNECTED, 0)->conn, conn);
    bytes_clear(&got);
    close(peer);
    assert_status(wait_for_end(caller, conn), ZCN_EOF);
}

static void test_conn_connecting_states(void **state) {
    struct caller *caller = *state;
    zcn_conn *conn = zcn_conn_retain(dial(caller, NULL));
    const uint32_t first = zcn_conn_get_state(conn);
    assert_true(first == ZCN_STATE_CONNECTING || first == ZCN_STATE_OPEN);
    PUMP_UNTIL(&caller->on, NULL, count_of(&caller->on.got, ZCN_EVENT_CONNECTED) == 1);
    assert_int_equal(zcn_conn_get_state(conn), ZCN_STATE_OPEN);
    const int peer = accept_one(caller);
    assert_ok(zcn_conn_close(conn));
    assert_int_equal(zcn_conn_get_state(conn), ZCN_STATE_DRAINING);
    assert_status(wait_for_end(caller, conn), ZCN_OK);
    assert_int_equal(zcn_conn_get_state(conn), ZCN_STATE_CLOSED);
    close(peer);
    zcn_conn_release(conn);
}

static void test_conn_connecting_closed_before_the_answer(void **state) {
    struct caller *caller = *state;
    /* With nothing to say it just ends; with something, that is said first. */
    zcn_conn *silent = dial(caller, NULL);
    assert_ok(zcn_conn_close(silent));
    assert_status(wait_for_end(caller, silent), ZCN_OK);
    zcn_conn *speaking = dial(caller, NULL);
    assert_ok(zcn_conn_send_copy(speaking, "word", 4));
    assert_ok(zcn_conn_close(speaking));
    assert_status(wait_for_end(caller, speaking), ZCN_OK);
    for (int i = 0; i < 2; i++) {
        struct pollfd ready = {.fd = caller->listening, .events = POLLIN};
        if (poll(&ready, 1, 0) == 0) break; /* the silent one may never have been seen */
        const int peer = accept_one(caller);
        bytes got = {0};
        const int end = raw_read_to_end(peer, &caller->on, &got);
        assert_true(end == 0 || end == ECONNRESET);
        if (got.size != 0) {
            assert_int_equal(got.size, 8);
            assert_memory_equal(got.data + 4, "word", 4);
            i = 2;
        }
        bytes_clear(&got);
        close(peer);
    }
}

static void test_conn_connecting_aborted_before_the_answer(void **state) {
    struct caller *caller = *state;
    zcn_conn *conn = dial(caller, NULL);
    zcn_unit *unit = pattern_unit(NULL, caller->framing, 5, 5);
    assert_ok(zcn_unit_set_token(unit, 3));
    assert_ok(zcn_conn_send(conn, unit));
    assert_ok(zcn_conn_abort(conn));
    assert_status(wait_for_end(caller, conn), ZCN_EABORTED);
    const seen *sent = first_for(&caller->on.got, ZCN_EVENT_SENT, conn);
    assert_non_null(sent);
    assert_status(sent->status, ZCN_EABORTED);
}

static void test_conn_connecting_refused(void **state) {
    struct caller *caller = *state;
    close(caller->listening);
    zcn_conn *conn = zcn_conn_retain(dial(caller, NULL));
    zcn_unit *unit = pattern_unit(NULL, caller->framing, 5, 5);
    assert_ok(zcn_unit_set_token(unit, 3));
    const zcn_status queued = zcn_conn_send(conn, unit);
    if (queued != ZCN_OK) {
        assert_status(queued, ZCN_ECLOSED); /* the answer may be there at once */
        zcn_unit_release(unit);
    }
    assert_status(wait_for_end(caller, conn), ZCN_EREFUSED);
    assert_int_equal(count_of(&caller->on.got, ZCN_EVENT_CONNECTED), 0);
    assert_int_equal(count_of(&caller->on.got, ZCN_EVENT_SENT), queued == ZCN_OK);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_conn_get_error(conn, &error));
    assert_status(error.status, ZCN_EREFUSED);
    assert_int_equal(error.sys_errno, ECONNREFUSED);
    assert_true(strlen(error.text) > 10);
    zcn_conn_release(conn);
    caller->listening = -1;
}

/* A listener whose queue is full does not answer. */
static void test_conn_connecting_times_out(void **state) {
    struct caller *caller = *state;
    close(caller->listening);
    listen_plainly(caller, 0);
    int fillers[4];
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct sockaddr_in to = {.sin_family = AF_INET};
        socklen_t size = sizeof to;
        assert_int_equal(getsockname(caller->listening, (struct sockaddr *)&to, &size), 0);
        (void)connect(fillers[i], (struct sockaddr *)&to, size);
    }
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.connect_timeout_ms = 80;
    const uint64_t start = now_ns();
    zcn_conn *conn = zcn_conn_retain(dial(caller, &options));
    assert_int_equal(zcn_conn_get_state(conn), ZCN_STATE_CONNECTING);
    assert_ok(zcn_conn_send_copy(conn, "x", 1));
    assert_status(wait_for_end(caller, conn), ZCN_ETIMEDOUT);
    assert_true(now_ns() - start >= 80 * (uint64_t)MS);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_conn_get_error(conn, &error));
    assert_status(error.status, ZCN_ETIMEDOUT);
    for (int i = 0; i < 4; i++) close(fillers[i]);
    zcn_conn_release(conn);
}

/* A Unix listener whose queue is full says so at once: it is asked again until the deadline, or until it has room. */
static void test_conn_connecting_to_a_full_unix_listener(void **state) {
    struct caller *caller = *state;
    char address[128];
    fresh_address(OVER_ABSTRACT, address, sizeof address);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const size_t name_size = strlen(address + 14);
    memcpy(at.sun_path + 1, address + 14, name_size);
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + name_size);
    const int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(listening, 0), 0);
    const int filler = raw_connect(address);
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.connect_timeout_ms = 50;
    zcn_conn *impatient = NULL;
    zcn_conn *patient = NULL;
    assert_ok(zcn_connect(&impatient, caller->on.loop, address, caller->framing, &options));
    assert_ok(zcn_connect(&patient, caller->on.loop, address, caller->framing, NULL));
    assert_status(wait_for_end(caller, impatient), ZCN_ETIMEDOUT);
    assert_int_equal(count_of(&caller->on.got, ZCN_EVENT_CONNECTED), 0);
    const int first = accept(listening, NULL, NULL);
    PUMP_UNTIL(&caller->on, NULL, count_for(&caller->on.got, ZCN_EVENT_CONNECTED, patient) == 1);
    close(first);
    close(filler);
    close(listening);
    assert_status(wait_for_end(caller, patient), ZCN_ERESET);
}

static void test_conn_connecting_paused_from_the_start(void **state) {
    struct caller *caller = *state;
    zcn_conn *conn = dial(caller, NULL);
    assert_ok(zcn_conn_pause(conn));
    const int peer = accept_one(caller);
    raw_write_frame(peer, "early", 5);
    PUMP_UNTIL(&caller->on, NULL, count_of(&caller->on.got, ZCN_EVENT_CONNECTED) == 1);
    pump_idle(&caller->on, NULL);
    assert_int_equal(count_of(&caller->on.got, ZCN_EVENT_MESSAGE), 0);
    assert_ok(zcn_conn_resume(conn));
    PUMP_UNTIL(&caller->on, NULL, count_of(&caller->on.got, ZCN_EVENT_MESSAGE) == 1);
    close(peer);
}

static void test_conn_connecting_loop_goes_before_the_answer(void **state) {
    struct caller *caller = *state;
    zcn_conn *conn = zcn_conn_retain(dial(caller, NULL));
    zcn_conn *named = NULL;
    assert_ok(zcn_connect(&named, caller->on.loop, "tcp://localhost:1", caller->framing, NULL));
    zcn_conn_retain(named);
    side_close(&caller->on);
    assert_int_equal(zcn_conn_get_state(conn), ZCN_STATE_CLOSED);
    assert_int_equal(zcn_conn_get_state(named), ZCN_STATE_CLOSED);
    zcn_conn_release(conn);
    zcn_conn_release(named);
    side_open(&caller->on, NULL);
    /* Names are looked up one after the other: with this one's end the first is answered, and nothing is left of it. */
    assert_ok(zcn_connect(&named, caller->on.loop, "tcp://localhost:1", caller->framing, NULL));
    PUMP_UNTIL(&caller->on, NULL, count_of(&caller->on.got, ZCN_EVENT_CLOSED) == 1);
}

/* Many at once, of which each tells one beginning and one end. */
static void test_conn_connecting_many(void **state) {
    struct caller *caller = *state;
    char bound[128];
    zcn_listener *listener = listen_at(&caller->on, "tcp://127.0.0.1:0", caller->framing, NULL, bound);
    const size_t many = effort(200, 50);
    for (size_t i = 0; i < many; i++) {
        zcn_conn *conn;
        assert_ok(zcn_connect(&conn, caller->on.loop, bound, caller->framing, NULL));
        assert_ok(zcn_conn_send_copy(conn, &i, sizeof i));
    }
    PUMP_UNTIL(&caller->on, NULL, count_of(&caller->on.got, ZCN_EVENT_MESSAGE) == many);
    assert_int_equal(count_of(&caller->on.got, ZCN_EVENT_CONNECTED), many);
    assert_int_equal(count_of(&caller->on.got, ZCN_EVENT_ACCEPTED), many);
    assert_ok(zcn_loop_close(caller->on.loop));
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    for (;;) {
        const zcn_event *events;
        size_t count;
        const zcn_status status = zcn_loop_poll(caller->on.loop, MS, &events, &count, NULL);
        if (status == ZCN_ECLOSED) break;
        assert_ok(status);
        collect(&caller->on.got, events, count);
        assert_false(deadline_passed(deadline));
    }
    assert_int_equal(count_of(&caller->on.got, ZCN_EVENT_CLOSED), 2 * many);
    zcn_listener_release(listener);
}

#define WITH_CALLER(test) cmocka_unit_test_setup_teardown(test, open_caller, close_caller)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_CALLER(test_conn_connecting_takes_units_at_once),
        WITH_CALLER(test_conn_connecting_states),
        WITH_CALLER(test_conn_connecting_closed_before_the_answer),
        WITH_CALLER(test_conn_connecting_aborted_before_the_answer),
        WITH_CALLER(test_conn_connecting_refused),
        WITH_CALLER(test_conn_connecting_times_out),
        WITH_CALLER(test_conn_connecting_to_a_full_unix_listener),
        WITH_CALLER(test_conn_connecting_paused_from_the_start),
        WITH_CALLER(test_conn_connecting_loop_goes_before_the_answer),
        WITH_CALLER(test_conn_connecting_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
