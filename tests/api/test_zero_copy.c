/* SPDX-License-Identifier: MIT */
/* Zero copy on sending, over sockets of this machine, whose kernel copies all the same and says so. */
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "support.h"

#define FROM 32768
#define BODY 100000

/* What a unit of foreign memory is released with: once each. */
static atomic_uint releases;

static void released(void *context, const void *data, uint64_t size) {
    (void)context;
    (void)data;
    (void)size;
    atomic_fetch_add(&releases, 1);
}

static void take_options(zcn_conn_options *options) {
    zcn_conn_options_init(options, sizeof *options);
    options->zero_copy_from = FROM;
    options->high_water = 1u << 30;
}

/* Two loops with a connection that may leave pieces of that size uncopied. */
static void open_with(pair *on, transport over, uint64_t from) {
    zcn_conn_options options;
    take_options(&options);
    options.zero_copy_from = from;
    pair_open(on, over, PLAIN_FRAMING, &options, NULL);
}

static zcn_stats stats_of(zcn_conn *conn) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(conn, &stats));
    return stats;
}

static void assert_words(zcn_conn *conn, const char *words) {
    char text[768];
    assert_ok(zcn_conn_explain(conn, text, sizeof text));
    if (strstr(text, words) == NULL) fail_msg("'%s' is not in: %s", words, text);
}

static uint64_t sent_tokens(const collector *got) {
    uint64_t count = 0;
    for (size_t i = 0; i < got->count; i++) {
        if (got->at[i].type != ZCN_EVENT_SENT) continue;
        assert_status(got->at[i].status, ZCN_OK);
        /* In order. */
        assert_int_equal(got->at[i].token, count);
        count += got->at[i].size;
    }
    return count;
}

static void send_token(zcn_conn *conn, const uint8_t *body, size_t size, uint64_t token) {
    zcn_unit *unit;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_ref(unit, body, size, NULL, NULL));
    assert_ok(zcn_unit_set_token(unit, token));
    assert_ok(zcn_conn_send(conn, unit));
}

static void send_released(zcn_conn *conn, const uint8_t *body, size_t size) {
    zcn_unit *unit;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_ref(unit, body, size, released, NULL));
    assert_ok(zcn_conn_send(conn, unit));
}

static void a_kernel_that_copies_is_found_out(void **state) {
    (void)state;
    pair on;
    open_with(&on, OVER_TCP, FROM);
    static uint8_t body[BODY];
    fill_pattern(body, BODY, 1);
    atomic_store(&releases, 0);
    on.server.got.no_copy = true;
    assert_words(on.dialled, "zero copy: off: nothing was large enough yet");
    uint64_t tokens = 0;
    for (size_t i = 0; i < 40; i++) {
        send_token(on.dialled, body, BODY - i, tokens++);
        send_released(on.dialled, body, FROM - 1);
        pump_once(&on.client, &on.server, deadline_after_ms(WAIT_MS));
    }
    PUMP_UNTIL(&on.client, &on.server, count_of(&on.server.got, ZCN_EVENT_MESSAGE) == 80);
    PUMP_UNTIL(&on.client, &on.server, sent_tokens(&on.client.got) == tokens && atomic_load(&releases) == 40);
    zcn_stats stats = stats_of(on.dialled);
    if (stats.zero_copy_writes == 0) {
        /* A kernel without it, or no room for a single page. */
        assert_words(on.dialled, "zero copy: off");
        pair_close(&on);
        print_message("skipped: zero copy is not to be had here\n");
        skip();
    }
    PUMP_UNTIL(&on.client, &on.server, stats_of(on.dialled).zero_copy_awaited == 0);
    stats = stats_of(on.dialled);
    /* The probe came out so; there may have been a second one if all this took longer than a second. */
    assert_int_equal(stats.zero_copy_copied, stats.zero_copy_writes);
    assert_true(stats.zero_copy_bytes < 8 * BODY);
    assert_words(on.dialled, "the kernel copied all the same; next probe in");
    assert_int_equal(stats.copied_out, 0);
    pair_close(&on);
}

static void bodies_arrive_unaltered(void **state) {
    (void)state;
    pair on;
    open_with(&on, OVER_TCP, 4096);
    for (size_t i = 0; i < 60; i++) {
        zcn_unit *unit = pattern_unit(NULL, NULL, i * 3001, i);
        assert_ok(zcn_conn_send(on.dialled, unit));
    }
    PUMP_UNTIL(&on.client, &on.server, count_of(&on.server.got, ZCN_EVENT_MESSAGE) == 60);
    for (size_t i = 0; i < 60; i++) {
        const seen *message = nth_of(&on.server.got, ZCN_EVENT_MESSAGE, i);
        assert_int_equal(message->size, i * 3001);
        assert_pattern(message->body, message->size, i);
    }
    pair_close(&on);
}

static void closing_ends_all_units_well(void **state) {
    (void)state;
    pair on;
    open_with(&on, OVER_TCP, FROM);
    static uint8_t body[BODY];
    on.server.got.no_copy = true;
    for (uint64_t i = 0; i < 5; i++) send_token(on.dialled, body, BODY, i);
    assert_ok(zcn_conn_close(on.dialled));
    PUMP_UNTIL(&on.client, &on.server, count_of(&on.client.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(sent_tokens(&on.client.got), 5);
    PUMP_UNTIL(&on.client, &on.server, count_of(&on.server.got, ZCN_EVENT_MESSAGE) == 5);
    pair_close(&on);
}

static void local_sockets_copy(void **state) {
    (void)state;
    pair on;
    open_with(&on, OVER_UNIX, FROM);
    static uint8_t body[BODY];
    on.server.got.no_copy = true;
    send_token(on.dialled, body, BODY, 0);
    PUMP_UNTIL(&on.client, &on.server, sent_tokens(&on.client.got) == 1);
    assert_words(on.dialled, "zero copy: off: only TCP can");
    const zcn_stats stats = stats_of(on.dialled);
    assert_int_equal(stats.zero_copy_writes + stats.zero_copy_refused, 0);
    pair_close(&on);
}

/* Where the program has used it before, the kernel counts on from there. */
static void a_socket_that_was_used_so_before(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    char bound[128];
    zcn_listener *listener = listen_at(&on, "tcp://127.0.0.1:0", framing, NULL, bound);
    const int fd = raw_connect(bound);
    const int one = 1;
    const bool known = setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof one) == 0;
    if (!known) {
        close(fd);
    } else {
        zcn_conn_options options;
        take_options(&options);
        zcn_conn *conn;
        assert_ok(zcn_conn_adopt(&conn, on.loop, fd, framing, &options));
        static uint8_t body[BODY];
        on.got.no_copy = true;
        send_token(conn, body, BODY, 0);
        PUMP_UNTIL(&on, NULL, sent_tokens(&on.got) == 1);
        assert_words(conn, "the socket was used so before");
    }
    zcn_listener_release(listener);
    zcn_framing_release(framing);
    side_close(&on);
    if (!known) {
        print_message("skipped: the kernel has no zero copy on sending\n");
        skip();
    }
}

/* Who takes nothing and ends his half does not get to keep the descriptor and the memory of a closed connection. */
static void a_peer_that_takes_nothing(void **state) {
    (void)state;
    /* More than the peer has room for, and little enough to leave the queue for the kernel's. */
    enum { UNITS = 8 };
    static uint8_t body[BODY];
    const size_t descriptors = open_descriptors();
    zcn_conn_options options;
    take_options(&options);
    options.drain_timeout_ms = 50;
    side on;
    side_open(&on, NULL);
    zcn_framing *raw = framing_of("raw");
    const size_t with_loop = open_descriptors();
    int peers[4];
    atomic_store(&releases, 0);
    for (unsigned i = 0; i < 4; i++) {
        int ends[2];
        raw_tcp_pair(ends);
        peers[i] = ends[1];
        const int little = 4096;
        assert_int_equal(setsockopt(peers[i], SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
        zcn_conn *conn = NULL;
        assert_ok(zcn_conn_adopt(&conn, on.loop, ends[0], raw, &options));
        for (unsigned n = 0; n < UNITS; n++) send_released(conn, body, BODY);
        side_poll(&on, 0);
        assert_int_equal(shutdown(peers[i], SHUT_WR), 0);
    }
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_CLOSED) == 4);
    PUMP_UNTIL(&on, NULL, atomic_load(&releases) == 4 * UNITS && open_descriptors() == with_loop + 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_status(nth_of(&on.got, ZCN_EVENT_CLOSED, i)->status, ZCN_ETIMEDOUT);
        close(peers[i]);
    }
    zcn_framing_release(raw);
    side_close(&on);
    assert_int_equal(open_descriptors(), descriptors);
}

static void options_and_words(void **state) {
    (void)state;
    zcn_conn_options options;
    take_options(&options);
    pair on;
    pair_open(&on, OVER_TCP, PLAIN_FRAMING, NULL, NULL);
    assert_words(on.dialled, "not allowed");
    uint64_t value = 1;
    assert_ok(zcn_conn_get_option(on.dialled, ZCN_OPTION_ZERO_COPY_FROM, &value));
    assert_int_equal(value, 0);
    assert_status(zcn_conn_set_option(on.dialled, ZCN_OPTION_ZERO_COPY_FROM, 4095), ZCN_EINVAL);
    assert_ok(zcn_conn_set_option(on.dialled, ZCN_OPTION_ZERO_COPY_FROM, (uint64_t)1 << 40));
    assert_ok(zcn_conn_get_option(on.dialled, ZCN_OPTION_ZERO_COPY_FROM, &value));
    assert_int_equal(value, (uint64_t)1 << 40);
    assert_ok(zcn_conn_set_option(on.dialled, ZCN_OPTION_ZERO_COPY_FROM, 0));
    assert_words(on.dialled, "not allowed");

    options.zero_copy_from = 100;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn *refused;
    assert_status(zcn_connect(&refused, on.client.loop, on.address, framing, &options), ZCN_EINVAL);
    assert_null(refused);
    zcn_framing_release(framing);

    char text[768];
    assert_status(zcn_conn_explain(NULL, text, sizeof text), ZCN_EINVAL);
    assert_status(zcn_conn_explain(on.dialled, NULL, 10), ZCN_EINVAL);
    assert_status(zcn_conn_explain(on.dialled, text, 0), ZCN_EINVAL);
    assert_ok(zcn_conn_explain(on.dialled, text, sizeof text));
    const size_t whole = strlen(text);
    for (size_t room = 1; room <= whole + 1; room++) {
        char *cut = exact_block(room, 'x');
        assert_status(zcn_conn_explain(on.dialled, cut, room), room <= whole ? ZCN_ENOBUFS : ZCN_OK);
        assert_int_equal(strlen(cut), room - 1);
        assert_memory_equal(cut, text, room - 1);
        free(cut);
    }
    pair_close(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_that_copies_is_found_out),
        cmocka_unit_test(bodies_arrive_unaltered),
        cmocka_unit_test(closing_ends_all_units_well),
        cmocka_unit_test(local_sockets_copy),
        cmocka_unit_test(a_socket_that_was_used_so_before),
        cmocka_unit_test(a_peer_that_takes_nothing),
        cmocka_unit_test(options_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
