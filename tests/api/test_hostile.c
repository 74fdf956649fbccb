/* SPDX-License-Identifier: MIT */
/* Peers that mean harm, or do it: what they cost stays bounded, and they end with a reason. */
#include "support.h"

#define MS INT64_C(1000000)
#define MIB (1024 * 1024)

/* A side with a pool of its own, so that its gauges tell of nothing else. */
struct target {
    side on;
    zcn_pool *pool;
    zcn_framing *framing;
    zcn_listener *listener;
    char address[128];
};

static void target_open(struct target *of, const zcn_conn_options *options) {
    memset(of, 0, sizeof *of);
    assert_ok(zcn_pool_create(&of->pool, NULL));
    zcn_loop_options loop_options;
    zcn_loop_options_init(&loop_options, sizeof loop_options);
    loop_options.pool = of->pool;
    side_open(&of->on, &loop_options);
    of->framing = framing_of(PLAIN_FRAMING);
    zcn_listen_options listen_options;
    zcn_listen_options_init(&listen_options, sizeof listen_options);
    listen_options.conn = options;
    of->listener = listen_at(&of->on, "tcp://127.0.0.1:0", of->framing, &listen_options, of->address);
}

static uint64_t in_use(struct target *of) {
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(of->pool, &stats));
    return stats.in_use_bytes;
}

static void target_close(struct target *of) {
    zcn_listener_release(of->listener);
    side_close(&of->on);
    zcn_framing_release(of->framing);
    /* What this thread kept for its next units too. */
    assert_ok(zcn_pool_trim(of->pool, NULL));
    assert_int_equal(in_use(of), 0);
    zcn_pool_release(of->pool);
}

/* A peer, and our end of its connection. */
static int target_connect(struct target *of, zcn_conn **conn) {
    const size_t before = count_of(&of->on.got, ZCN_EVENT_ACCEPTED);
    const int peer = raw_connect(of->address);
    PUMP_UNTIL(&of->on, NULL, count_of(&of->on.got, ZCN_EVENT_ACCEPTED) == before + 1);
    *conn = nth_of(&of->on.got, ZCN_EVENT_ACCEPTED, before)->conn;
    return peer;
}

static zcn_stats stats_of(zcn_conn *conn) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(conn, &stats));
    return stats;
}

static zcn_loop_stats loop_stats(struct target *of) {
    zcn_loop_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_loop_get_stats(of->on.loop, &stats));
    return stats;
}

/* A poll waits as long as it is told: there is nothing to do, again and again. */
static void assert_no_spinning(struct target *of) {
    pump_idle(&of->on, NULL);
    const zcn_loop_stats before = loop_stats(of);
    side_poll(&of->on, 30 * MS);
    const zcn_loop_stats after = loop_stats(of);
    assert_in_range(after.waits - before.waits, 1, 5);
    assert_int_equal(after.total.read_calls, before.total.read_calls);
    assert_int_equal(after.total.write_calls, before.total.write_calls);
}

/* ---- claims ---- */

/* How many pairs of descriptors this process may open. */
static size_t peers_allowed(size_t wanted) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2 * wanted + 64) {
        limit.rlim_cur = limit.rlim_max < 2 * wanted + 64 ? limit.rlim_max : 2 * wanted + 64;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const size_t allowed = (limit.rlim_cur - 64) / 2;
    return allowed < wanted ? allowed : wanted;
}

/* Each says that 16 MiB come, sends `sent` bytes and stops. */
static void claim_and_stop(size_t sent) {
    const size_t count = peers_allowed(effort(1000, 200));
    struct target target;
    target_open(&target, NULL);
    int *peers = malloc(count * sizeof *peers);
    uint8_t *wire = calloc(1, sent);
    wire[0] = 0;
    wire[1] = 0xFF;
    wire[2] = 0xFF;
    wire[3] = 0xF0;
    for (size_t i = 0; i < count; i++) {
        int ends[2];
        raw_pair(ends);
        peers[i] = ends[1];
        zcn_conn *conn;
        assert_ok(zcn_conn_adopt(&conn, target.on.loop, ends[0], target.framing, NULL));
        raw_write(peers[i], wire, sent);
        pump_idle(&target.on, NULL);
    }
    assert_int_equal(count_of(&target.on.got, ZCN_EVENT_CLOSED), 0);
    const zcn_loop_stats stats = loop_stats(&target);
    assert_int_equal(stats.total.unfinished_bytes, count * sent);
    /* The default allows 64 blocks of 256 KiB for unfinished messages. What is moved out has its own size. */
    const uint64_t bound = 68 * UINT64_C(262144) + count * (sent + 4096);
    if (in_use(&target) > bound)
        fail_msg("%zu peers that sent %zu bytes hold %llu", count, sent, (unsigned long long)in_use(&target));
    assert_true(stats.pinned_bytes <= 65 * UINT64_C(262144) + count * (sent + 65536));
    for (size_t i = 0; i < count; i++) close(peers[i]);
    PUMP_UNTIL(&target.on, NULL, count_of(&target.on.got, ZCN_EVENT_CLOSED) == count);
    for (size_t i = 0; i < count; i++)
        assert_status(nth_of(&target.on.got, ZCN_EVENT_CLOSED, i)->status, ZCN_EFRAME_TRUNCATED);
    free(wire);
    free(peers);
    target_close(&target);
}

static void test_hostile_claims_with_a_few_bytes(void **state) {
    (void)state;
    claim_and_stop(9);
}

static void test_hostile_claims_with_more_than_a_stash(void **state) {
    (void)state;
    claim_and_stop(100);
}

static void test_hostile_claims_with_some_kilobytes(void **state) {
    (void)state;
    claim_and_stop(5000);
}

static void test_hostile_claims_with_most_of_a_block(void **state) {
    (void)state;
    claim_and_stop(40000);
}

/* ---- slow ---- */

static void test_hostile_one_byte_at_a_time(void **state) {
    (void)state;
    struct target target;
    target_open(&target, NULL);
    zcn_conn *conn;
    const int peer = target_connect(&target, &conn);
    const int at_once = 1;
    assert_int_equal(setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once), 0);
    static const size_t sizes[] = {0, 1, 59, 60, 61, 64, 65, 300, 3000};
    enum { count = sizeof sizes / sizeof *sizes };
    bytes wire = {0};
    uint8_t body[3000];
    for (size_t i = 0; i < count; i++) {
        fill_pattern(body, sizes[i], i);
        append_frame(&wire, &plain_shape, body, sizes[i]);
    }
    for (size_t i = 0; i < wire.size; i++) {
        raw_write(peer, wire.data + i, 1);
        const zcn_stats before = stats_of(conn);
        PUMP_UNTIL(&target.on, NULL, stats_of(conn).bytes_in > before.bytes_in);
    }
    pump_idle(&target.on, NULL);
    assert_int_equal(count_of(&target.on.got, ZCN_EVENT_MESSAGE), count);
    for (size_t i = 0; i < count; i++) {
        const seen *event = nth_of(&target.on.got, ZCN_EVENT_MESSAGE, i);
        assert_int_equal(event->size, sizes[i]);
        assert_pattern(event->body, sizes[i], i);
    }
    /* Only the starts of messages are carried from read to read, up to 64 bytes each; more is not copied again. */
    const zcn_stats stats = stats_of(conn);
    if (stats.copied_bytes > count * 64 * 65)
        fail_msg("%llu bytes were copied for %zu received", (unsigned long long)stats.copied_bytes, wire.size);
    close(peer);
    bytes_clear(&wire);
    target_close(&target);
}

/* The deadline is for the message, not for the next byte. */
static void test_hostile_trickle_meets_the_message_timeout(void **state) {
    (void)state;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.message_timeout_ms = 100;
    struct target target;
    target_open(&target, &options);
    zcn_conn *conn;
    const int peer = target_connect(&target, &conn);
    static const uint8_t head[4] = {0, 1, 0, 0};
    raw_write(peer, head, sizeof head);
    const uint64_t start = now_ns();
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (count_of(&target.on.got, ZCN_EVENT_CLOSED) == 0) {
        assert_false(deadline_passed(deadline));
        (void)send(peer, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        side_poll(&target.on, 5 * MS);
    }
    assert_true(now_ns() - start >= 90 * (uint64_t)MS);
    const seen *closed = nth_of(&target.on.got, ZCN_EVENT_CLOSED, 0);
    assert_status(closed->status, ZCN_ETIMEDOUT);
    assert_int_equal(count_of(&target.on.got, ZCN_EVENT_MESSAGE), 0);
    close(peer);
    target_close(&target);
}

/* ---- resets ---- */

static void test_hostile_reset_inside_a_message(void **state) {
    (void)state;
    struct target target;
    target_open(&target, NULL);
    zcn_conn *conn;
    const int peer = target_connect(&target, &conn);
    zcn_conn_retain(conn);
    uint8_t body[5000];
    fill_pattern(body, sizeof body, 1);
    for (int i = 0; i < 3; i++) raw_write_frame(peer, body, sizeof body);
    static const uint8_t part[104] = {0, 0, 1, 0};
    raw_write(peer, part, sizeof part);
    raw_reset(peer);
    PUMP_UNTIL(&target.on, NULL, count_of(&target.on.got, ZCN_EVENT_CLOSED) == 1);
    /* What was whole came first. */
    assert_int_equal(count_of(&target.on.got, ZCN_EVENT_MESSAGE), 3);
    assert_status(nth_of(&target.on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ERESET);
    assert_int_equal(target.on.got.at[target.on.got.count - 1].type, ZCN_EVENT_CLOSED);
    assert_int_equal(stats_of(conn).trailing_bytes, sizeof part);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_conn_get_error(conn, &error));
    assert_status(error.status, ZCN_ERESET);
    assert_int_not_equal(error.sys_errno, 0);
    zcn_conn_release(conn);
    target_close(&target);
}

static zcn_conn_options half_open(void) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.half_open = 1;
    return options;
}

/* Nobody reads any more and nobody writes: the reset is found all the same, once, and costs nothing before. */
static void test_hostile_reset_after_the_peer_half_closed(void **state) {
    (void)state;
    const zcn_conn_options options = half_open();
    struct target target;
    target_open(&target, &options);
    zcn_conn *conn;
    const int peer = target_connect(&target, &conn);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    PUMP_UNTIL(&target.on, NULL, count_of(&target.on.got, ZCN_EVENT_PEER_CLOSED) == 1);
    assert_no_spinning(&target);
    assert_int_equal(count_of(&target.on.got, ZCN_EVENT_CLOSED), 0);
    raw_reset(peer);
    PUMP_UNTIL(&target.on, NULL, count_of(&target.on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&target.on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ERESET);
    assert_no_spinning(&target);
    target_close(&target);
}

static void test_hostile_reset_after_we_half_closed(void **state) {
    (void)state;
    struct target target;
    target_open(&target, NULL);
    zcn_conn *conn;
    const int peer = target_connect(&target, &conn);
    assert_ok(zcn_conn_shutdown(conn));
    pump_idle(&target.on, NULL);
    char byte;
    assert_int_equal(recv(peer, &byte, 1, 0), 0);
    assert_no_spinning(&target);
    raw_reset(peer);
    PUMP_UNTIL(&target.on, NULL, count_of(&target.on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&target.on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ERESET);
    assert_no_spinning(&target);
    target_close(&target);
}

static void test_hostile_reset_of_a_paused_connection(void **state) {
    (void)state;
    struct target target;
    target_open(&target, NULL);
    zcn_conn *conn;
    const int peer = target_connect(&target, &conn);
    assert_ok(zcn_conn_pause(conn));
    raw_write_frame(peer, "unread", 6);
    assert_no_spinning(&target);
    raw_reset(peer);
    PUMP_UNTIL(&target.on, NULL, count_of(&target.on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&target.on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ERESET);
    assert_no_spinning(&target);
    target_close(&target);
}

/* Fills the queue and the kernel's buffers, for a peer that reads nothing, and lets that reset the connection. */
static void reset_with_a_queue(bool may_half_open, bool closing) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.half_open = may_half_open;
    struct target target;
    target_open(&target, &options);
    zcn_conn *conn;
    const int peer = target_connect(&target, &conn);
    uint8_t body[10000] = {0};
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    for (int quiet = 0; quiet < 3;) {
        assert_false(deadline_passed(deadline));
        quiet = zcn_conn_send_copy(conn, body, sizeof body) == ZCN_AGAIN ? quiet + 1 : 0;
        pump_idle(&target.on, NULL);
    }
    assert_true(stats_of(conn).queued_bytes != 0);
    if (closing) assert_ok(zcn_conn_close(conn));
    assert_no_spinning(&target);
    raw_reset(peer);
    PUMP_UNTIL(&target.on, NULL, count_of(&target.on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&target.on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ERESET);
    assert_int_equal(count_of(&target.on.got, ZCN_EVENT_PEER_CLOSED), 0);
    assert_no_spinning(&target);
    target_close(&target);
}

static void test_hostile_reset_while_much_is_queued(void **state) {
    (void)state;
    reset_with_a_queue(false, false);
}

static void test_hostile_reset_while_much_is_queued_half_open(void **state) {
    (void)state;
    reset_with_a_queue(true, false);
}

static void test_hostile_reset_while_closing(void **state) {
    (void)state;
    reset_with_a_queue(false, true);
}

/* ---- greedy ---- */

static void test_hostile_peer_that_never_reads(void **state) {
    (void)state;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.high_water = 200000;
    struct target target;
    target_open(&target, &options);
    zcn_conn *conn;
    const int peer = target_connect(&target, &conn);
    uint8_t body[30000] = {0};
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    size_t refused = 0;
    for (size_t i = 0; i < 2000; i++) {
        assert_false(deadline_passed(deadline));
        if (zcn_conn_send_copy(conn, body, sizeof body) == ZCN_AGAIN) refused++;
        side_poll(&target.on, 0);
        assert_true(stats_of(conn).queued_bytes <= options.high_water + sizeof body + 4);
    }
    assert_true(refused > 0);
    assert_no_spinning(&target);
    assert_int_equal(count_of(&target.on.got, ZCN_EVENT_WRITABLE), 0);
    assert_true(in_use(&target) <= options.high_water + MIB);
    close(peer);
    target_close(&target);
}

static void forward_back(side *self, const zcn_event *event) {
    (void)self;
    if (event->type == ZCN_EVENT_MESSAGE) assert_ok(zcn_conn_forward(event->conn, event->msg));
}

/* Asks and asks, and takes no answer. */
static void test_hostile_peer_that_asks_and_never_reads(void **state) {
    (void)state;
    struct target target;
    target_open(&target, NULL);
    target.on.on_event = forward_back;
    target.on.got.no_copy = true;
    zcn_conn *conn;
    const int peer = target_connect(&target, &conn);
    bytes wire = {0};
    uint8_t body[5000] = {0};
    for (int i = 0; i < 100; i++) append_frame(&wire, &plain_shape, body, sizeof body);
    size_t at = 0;
    uint64_t poured = 0;
    for (size_t i = 0; i < effort(1000, 300); i++) {
        const size_t done = raw_pour(peer, wire.data + at, wire.size - at);
        at = (at + done) % wire.size;
        poured += done;
        side_poll(&target.on, 0);
    }
    /* It is not read any more: what it sends piles up on its own side. */
    assert_no_spinning(&target);
    const zcn_stats stats = stats_of(conn);
    assert_true(stats.bytes_in < poured);
    assert_true(stats.queued_bytes <= 256 * 1024 + 1024 * UINT64_C(5004));
    assert_true(in_use(&target) <= 8 * MIB);
    close(peer);
    bytes_clear(&wire);
    target_close(&target);
}

/* Connects and goes, over and over, by the end and by resets. */
static void test_hostile_flood_of_connections(void **state) {
    (void)state;
    struct target target;
    target_open(&target, NULL);
    pump_idle(&target.on, NULL);
    const size_t before = open_descriptors();
    const size_t count = effort(1000, 200);
    for (size_t i = 0; i < count; i++) {
        const int peer = raw_connect(target.address);
        if (i % 3 == 0) raw_write(peer, "\0\0\0\1", 4);
        if (i % 2 == 0) {
            raw_reset(peer);
        } else {
            close(peer);
        }
        if (i % 16 == 0) side_poll(&target.on, 0);
    }
    zcn_listener_stats stats = {.struct_size = sizeof stats};
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    do {
        assert_false(deadline_passed(deadline));
        side_poll(&target.on, MS);
        assert_ok(zcn_listener_get_stats(target.listener, &stats));
    } while (stats.accepted + stats.failed < count || stats.open != 0);
    PUMP_UNTIL(&target.on, NULL, count_of(&target.on.got, ZCN_EVENT_CLOSED) == stats.accepted);
    assert_int_equal(count_of(&target.on.got, ZCN_EVENT_ACCEPTED), stats.accepted);
    side_poll(&target.on, 0);
    assert_int_equal(open_descriptors(), before);
    assert_no_spinning(&target);
    target_close(&target);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_claims_with_a_few_bytes),
        cmocka_unit_test(test_hostile_claims_with_more_than_a_stash),
        cmocka_unit_test(test_hostile_claims_with_some_kilobytes),
        cmocka_unit_test(test_hostile_claims_with_most_of_a_block),
        cmocka_unit_test(test_hostile_one_byte_at_a_time),
        cmocka_unit_test(test_hostile_trickle_meets_the_message_timeout),
        cmocka_unit_test(test_hostile_reset_inside_a_message),
        cmocka_unit_test(test_hostile_reset_after_the_peer_half_closed),
        cmocka_unit_test(test_hostile_reset_after_we_half_closed),
        cmocka_unit_test(test_hostile_reset_of_a_paused_connection),
        cmocka_unit_test(test_hostile_reset_while_much_is_queued),
        cmocka_unit_test(test_hostile_reset_while_much_is_queued_half_open),
        cmocka_unit_test(test_hostile_reset_while_closing),
        cmocka_unit_test(test_hostile_peer_that_never_reads),
        cmocka_unit_test(test_hostile_peer_that_asks_and_never_reads),
        cmocka_unit_test(test_hostile_flood_of_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
