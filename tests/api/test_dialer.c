/* SPDX-License-Identifier: MIT */
/* Dialers: one connection after the other to an address, with waits that grow, and what is told of it. */
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

static zcn_dial_options quick(void) {
    zcn_dial_options options;
    zcn_dial_options_init(&options, sizeof options);
    options.first_ms = 10;
    options.longest_ms = 40;
    options.user = 77;
    return options;
}

static zcn_dialer *dial(side *on, const char *address, const zcn_dial_options *options) {
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_dialer *dialer;
    assert_ok(zcn_dial(&dialer, on->loop, address, framing, options));
    zcn_framing_release(framing);
    return dialer;
}

/* A listener in the plain framing, and where it listens. */
typedef struct place {
    zcn_framing *framing;
    zcn_listener *listener;
    char bound[128];
} place;

static void place_open(place *of, side *on, const char *address) {
    of->framing = framing_of(PLAIN_FRAMING);
    of->listener = listen_at(on, address, of->framing, NULL, of->bound);
}

static void place_close(place *of) {
    zcn_listener_release(of->listener);
    zcn_framing_release(of->framing);
}

static zcn_dialer_stats stats_of(const zcn_dialer *dialer) {
    zcn_dialer_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_dialer_get_stats(dialer, &stats));
    return stats;
}

static void send_pattern(zcn_conn *conn, size_t size, uint64_t seed) {
    assert_ok(zcn_conn_send(conn, pattern_unit(NULL, NULL, size, seed)));
}

static void it_connects_and_connects_again(void **state) {
    (void)state;
    const transport over[] = {OVER_TCP, OVER_UNIX, OVER_ABSTRACT};
    for (size_t t = 0; t < 3; t++) {
        side client, server;
        side_open(&client, NULL);
        side_open(&server, NULL);
        char address[128];
        fresh_address(over[t], address, sizeof address);
        place there;
        place_open(&there, &server, address);
        const zcn_dial_options options = quick();
        zcn_dialer *dialer = dial(&client, there.bound, &options);
        for (size_t round = 1; round <= 5; round++) {
            zcn_conn *conn = zcn_dialer_get_conn(dialer);
            assert_non_null(conn);
            /* At once: it leaves when the connection stands. */
            send_pattern(conn, 1000, round);
            PUMP_UNTIL(&client, &server, count_of(&server.got, ZCN_EVENT_MESSAGE) == round);
            const seen *message = nth_of(&server.got, ZCN_EVENT_MESSAGE, round - 1);
            assert_pattern(message->body, 1000, round);
            assert_int_equal(stats_of(dialer).connected, round);
            assert_int_equal(stats_of(dialer).attempts, round);
            assert_int_equal(stats_of(dialer).wait_ms, 0);
            assert_ok(zcn_conn_abort(message->conn));
            PUMP_UNTIL(&client, &server, count_of(&client.got, ZCN_EVENT_REDIAL) == round);
            const seen *redial = nth_of(&client.got, ZCN_EVENT_REDIAL, round - 1);
            const seen *closed = nth_of(&client.got, ZCN_EVENT_CLOSED, round - 1);
            assert_non_null(closed);
            assert_true(closed < redial);
            assert_status(redial->status, closed->status);
            assert_int_equal(redial->user, 77);
            assert_in_range(redial->size, 1, 40);
            assert_null(zcn_dialer_get_conn(dialer));
            PUMP_UNTIL(&client, &server, zcn_dialer_get_conn(dialer) != NULL);
        }
        PUMP_UNTIL(&client, &server, stats_of(dialer).connected == 6);
        /* Closed: the connection lives on. */
        zcn_conn *last = zcn_dialer_get_conn(dialer);
        assert_ok(zcn_dialer_close(dialer));
        assert_ok(zcn_dialer_close(dialer));
        assert_status(zcn_dialer_hurry(dialer), ZCN_ECLOSED);
        PUMP_UNTIL(&client, &server, count_of(&client.got, ZCN_EVENT_DIALER_CLOSED) == 1);
        assert_ok(nth_of(&client.got, ZCN_EVENT_DIALER_CLOSED, 0)->status);
        assert_int_equal(nth_of(&client.got, ZCN_EVENT_DIALER_CLOSED, 0)->user, 77);
        send_pattern(last, 10, 6);
        PUMP_UNTIL(&client, &server, count_of(&server.got, ZCN_EVENT_MESSAGE) == 6);
        assert_ok(zcn_conn_close(last));
        PUMP_UNTIL(&client, &server, count_of(&client.got, ZCN_EVENT_CLOSED) == 6);
        pump_idle(&client, &server);
        assert_int_equal(count_of(&client.got, ZCN_EVENT_REDIAL), 5);
        assert_null(zcn_dialer_get_conn(dialer));
        zcn_dialer_release(dialer);
        place_close(&there);
        side_close(&client);
        side_close(&server);
    }
}

/* Nobody is there: the waits grow to the longest, each between half and all of its step. */
static void waits_grow(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    char address[128];
    fresh_address(OVER_UNIX, address, sizeof address);
    const zcn_dial_options options = quick();
    zcn_dialer *dialer = dial(&on, address, &options);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_REDIAL) == 7);
    uint64_t before = now_ns();
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_REDIAL) == 8);
    for (size_t i = 0; i < 8; i++) {
        const seen *redial = nth_of(&on.got, ZCN_EVENT_REDIAL, i);
        const uint64_t step = i == 0 ? 10 : i == 1 ? 20 : 40;
        assert_in_range(redial->size, step / 2, step);
        assert_int_equal(redial->token, i + 1);
        assert_int_not_equal(redial->status, ZCN_OK);
        assert_status(nth_of(&on.got, ZCN_EVENT_CLOSED, i)->status, redial->status);
    }
    assert_int_equal(stats_of(dialer).failures, 8);
    /* Not before its time: half of the step at least. */
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_CLOSED) == 9);
    assert_true(now_ns() - before >= 20 * (uint64_t)1000000);
    /* Somebody comes: the next attempt finds them. */
    place there;
    place_open(&there, &on, address);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_CONNECTED) == 1);
    /* One that lasts longer than the wait before it begins the waits anew. */
    before = now_ns();
    while (now_ns() - before < 45 * 1000000) side_poll(&on, 1000000);
    assert_ok(zcn_conn_abort(zcn_dialer_get_conn(dialer)));
    const size_t told = count_of(&on.got, ZCN_EVENT_REDIAL);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_REDIAL) > told);
    assert_in_range(nth_of(&on.got, ZCN_EVENT_REDIAL, told)->size, 5, 10);
    assert_int_equal(nth_of(&on.got, ZCN_EVENT_REDIAL, told)->token, 0);
    zcn_dialer_release(dialer);
    place_close(&there);
    side_close(&on);
}

static void it_gives_up(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    char address[128];
    fresh_address(OVER_ABSTRACT, address, sizeof address);
    zcn_dial_options options = quick();
    options.attempts = 3;
    zcn_dialer *dialer = dial(&on, address, &options);
    /* A connection that could not be made is refused to those who send on it, as any that has ended. */
    zcn_unit *unit = pattern_unit(NULL, NULL, 10, 1);
    assert_status(zcn_conn_send(zcn_dialer_get_conn(dialer), unit), ZCN_ECLOSED);
    zcn_unit_release(unit);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_DIALER_CLOSED) == 1);
    assert_int_equal(count_of(&on.got, ZCN_EVENT_REDIAL), 2);
    assert_int_equal(count_of(&on.got, ZCN_EVENT_CLOSED), 3);
    assert_status(nth_of(&on.got, ZCN_EVENT_DIALER_CLOSED, 0)->status, nth_of(&on.got, ZCN_EVENT_CLOSED, 2)->status);
    assert_null(zcn_dialer_get_conn(dialer));
    zcn_dialer_release(dialer);
    side_close(&on);
}

static void hurrying(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    char address[128];
    fresh_address(OVER_UNIX, address, sizeof address);
    zcn_dial_options options = quick();
    options.first_ms = options.longest_ms = 3600 * 1000;
    zcn_dialer *dialer = dial(&on, address, &options);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_REDIAL) == 1);
    assert_true(stats_of(dialer).wait_ms > 1000);
    for (size_t i = 2; i < 5; i++) {
        assert_ok(zcn_dialer_hurry(dialer));
        PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_REDIAL) == i);
        assert_int_equal(nth_of(&on.got, ZCN_EVENT_REDIAL, i - 1)->token, 1);
    }
    /* Closed while it waits: at once. */
    assert_ok(zcn_dialer_close(dialer));
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_DIALER_CLOSED) == 1);
    zcn_dialer_release(dialer);
    /* And a dialer that still waits goes with its loop, closed or not. */
    zcn_dialer *other = dial(&on, address, &options);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_REDIAL) == 5);
    zcn_dialer_retain(other);
    zcn_dialer_release(other);
    zcn_dialer *third = dial(&on, address, &options);
    zcn_dialer_release(third);
    side_close(&on);
    assert_status(zcn_dialer_hurry(other), ZCN_ECLOSED);
    zcn_dialer_release(other);
}

static void a_loop_that_closes(void **state) {
    (void)state;
    side client, server;
    side_open(&client, NULL);
    side_open(&server, NULL);
    place there;
    place_open(&there, &server, "tcp://127.0.0.1:0");
    const zcn_dial_options options = quick();
    zcn_dialer *dialer = dial(&client, there.bound, &options);
    PUMP_UNTIL(&client, &server, count_of(&client.got, ZCN_EVENT_CONNECTED) == 1);
    assert_ok(zcn_loop_close(client.loop));
    PUMP_UNTIL(&client, &server,
               count_of(&client.got, ZCN_EVENT_CLOSED) == 1 && count_of(&client.got, ZCN_EVENT_DIALER_CLOSED) == 1);
    assert_int_equal(count_of(&client.got, ZCN_EVENT_REDIAL), 0);
    const zcn_event *events;
    size_t count;
    assert_status(zcn_loop_poll(client.loop, 0, &events, &count, NULL), ZCN_ECLOSED);
    zcn_dialer *none;
    assert_status(zcn_dial(&none, client.loop, there.bound, there.framing, &options), ZCN_ECLOSED);
    assert_null(none);
    zcn_dialer_release(dialer);
    place_close(&there);
    side_close(&client);
    side_close(&server);
}

static void what_is_refused(void **state) {
    (void)state;
    side on, other;
    side_open(&on, NULL);
    side_open(&other, NULL);
    place there;
    place_open(&there, &on, "tcp://127.0.0.1:0");
    zcn_dialer *dialer = (zcn_dialer *)&on;
    zcn_dial_options options = quick();
    assert_status(zcn_dial(NULL, on.loop, there.bound, there.framing, &options), ZCN_EINVAL);
    assert_status(zcn_dial(&dialer, NULL, there.bound, there.framing, &options), ZCN_EINVAL);
    assert_null(dialer);
    assert_status(zcn_dial(&dialer, on.loop, NULL, there.framing, &options), ZCN_EINVAL);
    assert_status(zcn_dial(&dialer, on.loop, there.bound, NULL, &options), ZCN_EINVAL);
    assert_status(zcn_dial(&dialer, on.loop, "nonsense", there.framing, &options), ZCN_EADDRESS);
    assert_status(zcn_dial(&dialer, on.loop, "fd:0", there.framing, &options), ZCN_EADDRESS);
    options.longest_ms = 9;
    assert_status(zcn_dial(&dialer, on.loop, there.bound, there.framing, &options), ZCN_EINVAL);
    options = quick();
    options.reserved = 1;
    assert_status(zcn_dial(&dialer, on.loop, there.bound, there.framing, &options), ZCN_EINVAL);
    options = quick();
    options.struct_size = 1;
    assert_status(zcn_dial(&dialer, on.loop, there.bound, there.framing, &options), ZCN_EINVAL);
    struct {
        zcn_dial_options known;
        uint64_t more;
    } newer = {quick(), 1};
    newer.known.struct_size = sizeof newer;
    assert_status(zcn_dial(&dialer, on.loop, there.bound, there.framing, &newer.known), ZCN_EOPTION);
    zcn_conn_options conn;
    zcn_conn_options_init(&conn, sizeof conn);
    conn.lag = 99;
    options = quick();
    options.conn = &conn;
    assert_status(zcn_dial(&dialer, on.loop, there.bound, there.framing, &options), ZCN_EINVAL);
    conn.struct_size = 0;
    assert_status(zcn_dial(&dialer, on.loop, there.bound, there.framing, &options), ZCN_EINVAL);
    assert_null(dialer);

    zcn_dialer_stats stats = {.struct_size = 0};
    assert_status(zcn_dialer_get_stats(NULL, &stats), ZCN_EINVAL);
    assert_status(zcn_dialer_hurry(NULL), ZCN_EINVAL);
    assert_status(zcn_dialer_close(NULL), ZCN_EINVAL);
    assert_status(zcn_dialer_set_user(NULL, 1), ZCN_EINVAL);
    assert_int_equal(zcn_dialer_get_user(NULL), 0);
    assert_null(zcn_dialer_get_conn(NULL));
    assert_null(zcn_dialer_retain(NULL));
    zcn_dialer_release(NULL);

    /* The defaults, and the connection stays with its loop. */
    dialer = dial(&on, there.bound, NULL);
    assert_status(zcn_dialer_get_stats(dialer, NULL), ZCN_EINVAL);
    assert_status(zcn_dialer_get_stats(dialer, &stats), ZCN_EINVAL);
    assert_ok(zcn_dialer_hurry(dialer));
    assert_int_equal(zcn_dialer_get_user(dialer), 0);
    assert_ok(zcn_dialer_set_user(dialer, 9));
    assert_int_equal(zcn_dialer_get_user(dialer), 9);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_CONNECTED) == 1);
    side_poll(&on, 0);
    assert_status(zcn_conn_move(zcn_dialer_get_conn(dialer), other.loop), ZCN_EUNSUPPORTED);
    zcn_dialer_release(dialer);
    place_close(&there);
    side_close(&on);
    side_close(&other);
}

static void in_a_child(void **state) {
    (void)state;
    if (emulated()) skip();
    side on;
    side_open(&on, NULL);
    char address[128];
    fresh_address(OVER_UNIX, address, sizeof address);
    const zcn_dial_options options = quick();
    zcn_dialer *dialer = dial(&on, address, &options);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        zcn_framing *framing;
        zcn_dialer *none;
        bool good = zcn_dialer_hurry(dialer) == ZCN_EFORKED && zcn_dialer_close(dialer) == ZCN_EFORKED;
        good = good && zcn_framing_parse(&framing, PLAIN_FRAMING, NULL) == ZCN_OK;
        good = good && zcn_dial(&none, on.loop, address, framing, &options) == ZCN_EFORKED && none == NULL;
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    zcn_dialer_release(dialer);
    side_close(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_connects_and_connects_again),
        cmocka_unit_test(waits_grow),
        cmocka_unit_test(it_gives_up),
        cmocka_unit_test(hurrying),
        cmocka_unit_test(a_loop_that_closes),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(in_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
