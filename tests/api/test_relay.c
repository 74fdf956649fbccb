/* SPDX-License-Identifier: MIT */
/* Relays: what goes in on one side comes out on the other, both ways, by each method; and every status. */
#include "support_relay.h"

static const uint32_t methods[] = {ZCN_RELAY_AUTO, ZCN_RELAY_SPLICE, ZCN_RELAY_COPY};

static int relay_count(side *on) {
    zcn_loop_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_loop_get_stats(on->loop, &stats));
    return (int)stats.connections;
}

/* ---- bytes ---- */

static void move_by(bool tcp, uint32_t method) {
    zcn_relay_options options = relay_options();
    options.method = method;
    relay_rig rig;
    rig_open(&rig, tcp, &options);
    rig_send(&rig, 0, 1, 1);
    rig_send(&rig, 1, 1, 2);
    rig_send(&rig, 0, 100000, 3);
    const size_t much = effort(5000000, 300000);
    rig_exchange(&rig, much, 4);
    for (size_t i = 0; i < effort(200, 20); i++) rig_exchange(&rig, 100 + i, i);

    zcn_relay_stats stats = rig_stats(&rig);
    assert_true(stats.forward.bytes_in > much && stats.backward.bytes_in > much);
    assert_int_equal(stats.forward.bytes_in, stats.forward.bytes_out);
    assert_int_equal(stats.backward.bytes_in, stats.backward.bytes_out);
    assert_int_equal(stats.forward.spliced_bytes + stats.forward.copied_bytes, stats.forward.bytes_in);
    if (method == ZCN_RELAY_SPLICE) assert_int_equal(stats.forward.copied_bytes + stats.backward.copied_bytes, 0);
    if (method == ZCN_RELAY_COPY) assert_int_equal(stats.forward.spliced_bytes + stats.backward.spliced_bytes, 0);
    assert_true(stats.forward.read_calls != 0 && stats.forward.write_calls != 0);
    assert_int_equal(stats.forward.held_bytes + stats.backward.held_bytes, 0);
    assert_int_equal(stats.forward.messages, 0);

    assert_int_equal(shutdown(rig.peer[0], SHUT_WR), 0);
    assert_int_equal(rig_read_to_end(&rig, 1, NULL), 0);
    assert_int_equal(rig_stats(&rig).forward.ended, 1);
    assert_int_equal(rig_stats(&rig).backward.ended, 0);
    assert_int_equal(shutdown(rig.peer[1], SHUT_WR), 0);
    rig_until_ended(&rig);
    assert_int_equal(rig_read_to_end(&rig, 0, NULL), 0);
    assert_status(rig.status, ZCN_EOF);
    assert_int_equal(rig.moved, stats.forward.bytes_out + stats.backward.bytes_out);
    rig_close(&rig);
}

static void test_relay_moves_bytes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        for (int tcp = 0; tcp < 2; tcp++) move_by(tcp != 0, methods[i]);
}

/* The method follows the sizes of reads. */
static void test_relay_auto_follows_the_sizes(void **state) {
    (void)state;
    relay_rig rig;
    rig_open(&rig, true, NULL);
    for (size_t i = 0; i < 50; i++) rig_send(&rig, 0, 200, i);
    assert_int_equal(rig_stats(&rig).forward.spliced_bytes, 0);
    assert_int_equal(rig_stats(&rig).forward.copied_bytes, 10000);
    rig_send(&rig, 0, 4000000, 1);
    assert_true(rig_stats(&rig).forward.spliced_bytes > 1000000);
    for (size_t i = 0; i < 50; i++) rig_send(&rig, 0, 200, i);
    const uint64_t spliced = rig_stats(&rig).forward.spliced_bytes;
    for (size_t i = 0; i < 50; i++) rig_send(&rig, 0, 200, i);
    assert_int_equal(rig_stats(&rig).forward.spliced_bytes, spliced);
    rig_close(&rig);
}

/* The budget changes who has his turn when, and nothing else. */
static void test_relay_budget(void **state) {
    (void)state;
    static const uint64_t budgets[] = {1, UINT64_MAX};
    zcn_relay_options options = relay_options();
    for (size_t i = 0; i < 2 * sizeof methods / sizeof methods[0]; i++) {
        options.method = methods[i / 2];
        options.budget = budgets[i % 2];
        relay_rig rig;
        rig_open(&rig, true, &options);
        rig_exchange(&rig, 1000000, 1);
        rig_close(&rig);
    }
}

/* Idle relays hold their two sockets and nothing else; pipes are shared. */
static void test_relay_idle_holds_nothing(void **state) {
    (void)state;
    relay_rig rig;
    zcn_relay_options options = relay_options();
    options.method = ZCN_RELAY_SPLICE;
    rig_open(&rig, true, &options);
    rig_exchange(&rig, 1000000, 1);
    const size_t before = open_descriptors();
    enum { more = 50 };
    int peers[more][2];
    for (size_t i = 0; i < more; i++) {
        int first[2];
        int second[2];
        relay_pair(false, first);
        relay_pair(false, second);
        zcn_relay *relay;
        assert_ok(zcn_relay_fds(&relay, rig.on.loop, first[1], second[1], &options));
        peers[i][0] = first[0];
        peers[i][1] = second[0];
    }
    for (size_t i = 0; i < more; i++) {
        uint8_t byte = (uint8_t)i;
        raw_write(peers[i][0], &byte, 1);
    }
    for (size_t i = 0; i < more; i++) {
        const uint64_t deadline = deadline_after_ms(WAIT_MS);
        uint8_t byte = 0;
        while (recv(peers[i][1], &byte, 1, MSG_DONTWAIT) != 1) {
            if (deadline_passed(deadline)) fail_msg("a byte never came");
            rig_poll(&rig, 1);
        }
        assert_int_equal(byte, i);
    }
    assert_int_equal(open_descriptors(), before + 4 * more);
    for (size_t i = 0; i < more; i++)
        for (int k = 0; k < 2; k++) close(peers[i][k]);
    rig_close(&rig);
}

/* ---- connections ---- */

static zcn_conn *adopt(relay_rig *rig, int fd, const char *framing_text, const zcn_conn_options *options) {
    zcn_framing *framing = framing_of(framing_text);
    zcn_conn *conn;
    assert_ok(zcn_conn_adopt(&conn, rig->on.loop, fd, framing, options));
    zcn_framing_release(framing);
    return conn;
}

/* What the connections had received and not delivered goes first; what was delivered is the program's. */
static void test_relay_of_connections_passes_on_the_rest(void **state) {
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        relay_rig rig;
        rig_open_loop(&rig);
        int first[2];
        int second[2];
        relay_pair(tcp != 0, first);
        relay_pair(tcp != 0, second);
        zcn_conn *conns[2] = {adopt(&rig, first[1], PLAIN_FRAMING, NULL), adopt(&rig, second[1], PLAIN_FRAMING, NULL)};
        raw_write(first[0], "\0\0\0\5hello\0\0\0\12half", 17);
        raw_write(second[0], "\0\0\0", 3);
        PUMP_UNTIL(&rig.on, NULL, count_of(&rig.on.got, ZCN_EVENT_MESSAGE) == 1);
        zcn_stats stats = {.struct_size = sizeof stats};
        PUMP_UNTIL(&rig.on, NULL, zcn_conn_get_stats(conns[1], &stats) == ZCN_OK && stats.bytes_in == 3);
        assert_memory_equal(nth_of(&rig.on.got, ZCN_EVENT_MESSAGE, 0)->body, "hello", 5);

        zcn_relay *relay;
        assert_ok(zcn_relay_conns(&relay, conns[0], conns[1], NULL));
        rig_watch(&rig, relay);
        assert_int_equal(zcn_conn_get_state(conns[0]), ZCN_STATE_CLOSED);
        assert_int_equal(zcn_conn_fd(conns[1]), -1);
        rig.peer[0] = first[0];
        rig.peer[1] = second[0];
        raw_write(first[0], "way", 3);
        assert_int_equal(shutdown(first[0], SHUT_WR), 0);
        assert_int_equal(shutdown(second[0], SHUT_WR), 0);
        for (int i = 0; i < 2; i++) assert_int_equal(fcntl(rig.peer[i], F_SETFL, O_NONBLOCK), 0);
        bytes got[2] = {{0}};
        assert_int_equal(rig_read_to_end(&rig, 1, &got[0]), 0);
        assert_int_equal(rig_read_to_end(&rig, 0, &got[1]), 0);
        assert_int_equal(got[0].size, 11);
        assert_memory_equal(got[0].data, "\0\0\0\12halfway", 11);
        assert_int_equal(got[1].size, 3);
        assert_memory_equal(got[1].data, "\0\0\0", 3);
        rig_until_ended(&rig);
        assert_status(rig.status, ZCN_EOF);
        assert_int_equal(rig_stats(&rig).forward.bytes_in, 11);
        assert_int_equal(count_of(&rig.on.got, ZCN_EVENT_CLOSED), 2);
        for (size_t i = 0; i < 2; i++) assert_ok(nth_of(&rig.on.got, ZCN_EVENT_CLOSED, i)->status);
        bytes_clear(&got[0]);
        bytes_clear(&got[1]);
        rig_close(&rig);
    }
}

/* A paused connection has received nothing of its own, and everything goes through the relay. */
static void test_relay_of_paused_connections(void **state) {
    (void)state;
    relay_rig rig;
    rig_open_loop(&rig);
    int first[2];
    int second[2];
    relay_pair(true, first);
    relay_pair(true, second);
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.start_paused = 1;
    zcn_conn *one = adopt(&rig, first[1], "raw", &options);
    zcn_conn *other = adopt(&rig, second[1], "raw", &options);
    raw_write(first[0], "early", 5);
    pump_idle(&rig.on, NULL);
    zcn_relay *relay;
    assert_ok(zcn_relay_conns(&relay, one, other, NULL));
    rig_watch(&rig, relay);
    rig.peer[0] = first[0];
    rig.peer[1] = second[0];
    for (int i = 0; i < 2; i++) assert_int_equal(fcntl(rig.peer[i], F_SETFL, O_NONBLOCK), 0);
    bytes got = {0};
    assert_int_equal(shutdown(first[0], SHUT_WR), 0);
    assert_int_equal(rig_read_to_end(&rig, 1, &got), 0);
    assert_int_equal(got.size, 5);
    assert_memory_equal(got.data, "early", 5);
    assert_int_equal(count_of(&rig.on.got, ZCN_EVENT_MESSAGE), 0);
    bytes_clear(&got);
    rig_close(&rig);
}

static void test_relay_conns_statuses(void **state) {
    (void)state;
    relay_rig rig;
    rig_open_loop(&rig);
    side other;
    side_open(&other, NULL);
    int pairs[3][2];
    for (size_t i = 0; i < 3; i++) relay_pair(true, pairs[i]);
    zcn_conn *one = zcn_conn_retain(adopt(&rig, pairs[0][1], PLAIN_FRAMING, NULL));
    zcn_conn *two = zcn_conn_retain(adopt(&rig, pairs[1][1], PLAIN_FRAMING, NULL));
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn *foreign;
    assert_ok(zcn_conn_adopt(&foreign, other.loop, pairs[2][1], framing, NULL));
    zcn_relay *relay = (zcn_relay *)&rig;
    assert_status(zcn_relay_conns(NULL, one, two, NULL), ZCN_EINVAL);
    assert_status(zcn_relay_conns(&relay, NULL, two, NULL), ZCN_EINVAL);
    assert_null(relay);
    assert_status(zcn_relay_conns(&relay, one, NULL, NULL), ZCN_EINVAL);
    assert_status(zcn_relay_conns(&relay, one, one, NULL), ZCN_EINVAL);
    assert_status(zcn_relay_conns(&relay, one, foreign, NULL), ZCN_EINVAL);
    zcn_relay_options options = relay_options();
    options.method = 3;
    assert_status(zcn_relay_conns(&relay, one, two, &options), ZCN_EINVAL);

    /* Still connecting, to somebody who does not answer: a listener whose queue is full does not. */
    zcn_conn *connecting;
    char address[128];
    zcn_listener *listener = listen_at(&other, "tcp://127.0.0.1:0", framing, NULL, address);
    assert_ok(zcn_connect(&connecting, rig.on.loop, address, framing, NULL));
    assert_status(zcn_relay_conns(&relay, one, connecting, NULL), ZCN_EBUSY);
    assert_null(relay);

    /* Units that are queued. */
    assert_ok(zcn_conn_send_copy(two, "abc", 3));
    assert_status(zcn_relay_conns(&relay, one, two, NULL), ZCN_EBUSY);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_loop_get_error(rig.on.loop, &error));
    assert_status(error.status, ZCN_EBUSY);
    assert_ok(zcn_conn_flush(two));

    /* Both are as they were. */
    raw_write_frame(pairs[0][0], "still", 5);
    PUMP_UNTIL(&rig.on, NULL, count_of(&rig.on.got, ZCN_EVENT_MESSAGE) == 1);

    /* One that can send no more; one that has ended. */
    assert_ok(zcn_conn_shutdown(two));
    assert_status(zcn_relay_conns(&relay, one, two, NULL), ZCN_ECLOSED);
    assert_ok(zcn_conn_close(one));
    assert_status(zcn_relay_conns(&relay, one, two, NULL), ZCN_ECLOSED);
    assert_ok(zcn_loop_close(rig.on.loop));
    assert_status(zcn_relay_conns(&relay, one, two, NULL), ZCN_ECLOSED);
    assert_null(relay);

    zcn_conn_release(one);
    zcn_conn_release(two);
    zcn_listener_release(listener);
    zcn_framing_release(framing);
    for (size_t i = 0; i < 3; i++) close(pairs[i][0]);
    side_close(&other);
    rig_close(&rig);
}

/* ---- descriptors ---- */

static void test_relay_fds_statuses(void **state) {
    (void)state;
    relay_rig rig;
    rig_open_loop(&rig);
    int ends[2];
    int plain[2];
    relay_pair(true, ends);
    assert_int_equal(pipe2(plain, O_CLOEXEC), 0);
    const int datagram = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int unconnected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    zcn_relay *relay = (zcn_relay *)&rig;
    zcn_loop *loop = rig.on.loop;
    assert_status(zcn_relay_fds(NULL, loop, ends[0], ends[1], NULL), ZCN_EINVAL);
    assert_status(zcn_relay_fds(&relay, NULL, ends[0], ends[1], NULL), ZCN_EINVAL);
    assert_null(relay);
    assert_status(zcn_relay_fds(&relay, loop, -1, ends[1], NULL), ZCN_EINVAL);
    assert_status(zcn_relay_fds(&relay, loop, ends[0], -1, NULL), ZCN_EINVAL);
    assert_status(zcn_relay_fds(&relay, loop, ends[0], ends[0], NULL), ZCN_EINVAL);
    assert_status(zcn_relay_fds(&relay, loop, ends[0], plain[0], NULL), ZCN_EUNSUPPORTED);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_loop_get_error(loop, &error));
    assert_status(error.status, ZCN_EUNSUPPORTED);
    assert_int_equal(error.sys_errno, ENOTSOCK);
    assert_status(zcn_relay_fds(&relay, loop, datagram, ends[0], NULL), ZCN_EUNSUPPORTED);
    assert_status(zcn_relay_fds(&relay, loop, unconnected, ends[0], NULL), ZCN_EUNSUPPORTED);

    zcn_relay_options options = relay_options();
    options.method = 3;
    assert_status(zcn_relay_fds(&relay, loop, ends[0], ends[1], &options), ZCN_EINVAL);
    options = relay_options();
    options.struct_size = 3;
    assert_status(zcn_relay_fds(&relay, loop, ends[0], ends[1], &options), ZCN_EINVAL);
    struct {
        zcn_relay_options known;
        uint64_t unknown;
    } newer = {relay_options(), 1};
    newer.known.struct_size = sizeof newer;
    assert_status(zcn_relay_fds(&relay, loop, ends[0], ends[1], &newer.known), ZCN_EOPTION);

    zcn_framing *plain_framing = framing_of(PLAIN_FRAMING);
    zcn_framing *raw = framing_of("raw");
    options = relay_options();
    options.forward_first = plain_framing;
    assert_status(zcn_relay_fds(&relay, loop, ends[0], ends[1], &options), ZCN_EINVAL);
    options.forward_framing = plain_framing;
    options.forward_first = raw;
    assert_status(zcn_relay_fds(&relay, loop, ends[0], ends[1], &options), ZCN_EINVAL);
    static const char *const too_large[] = {"length,offset=65536", "varint,offset=65536"};
    for (size_t i = 0; i < 2; i++) {
        zcn_pool_options pool_options;
        zcn_pool_options_init(&pool_options, sizeof pool_options);
        pool_options.block_size = 65536;
        zcn_pool *pool;
        assert_ok(zcn_pool_create(&pool, &pool_options));
        zcn_loop_options loop_options;
        zcn_loop_options_init(&loop_options, sizeof loop_options);
        loop_options.pool = pool;
        side small;
        side_open(&small, &loop_options);
        zcn_framing *large = framing_of(too_large[i]);
        options = relay_options();
        options.backward_framing = large;
        assert_status(zcn_relay_fds(&relay, small.loop, ends[0], ends[1], &options), ZCN_EUNSUPPORTED);
        options.backward_framing = plain_framing;
        options.backward_first = large;
        assert_status(zcn_relay_fds(&relay, small.loop, ends[0], ends[1], &options), ZCN_EUNSUPPORTED);
        zcn_framing_release(large);
        side_close(&small);
        zcn_pool_release(pool);
    }

    /* One that the loop watches already. */
    const int twice = fcntl(ends[1], F_DUPFD_CLOEXEC, 0);
    zcn_conn *conn = adopt(&rig, ends[1], "raw", NULL);
    assert_status(zcn_relay_fds(&relay, loop, ends[0], ends[1], NULL), ZCN_ESYS);
    assert_null(relay);
    assert_ok(zcn_conn_abort(conn));
    PUMP_UNTIL(&rig.on, NULL, count_of(&rig.on.got, ZCN_EVENT_CLOSED) == 1);

    assert_ok(zcn_loop_close(loop));
    assert_status(zcn_relay_fds(&relay, loop, ends[0], twice, NULL), ZCN_ECLOSED);
    /* None of the calls above took a descriptor. */
    const int all[] = {ends[0], twice, plain[0], plain[1], datagram, unconnected};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) assert_int_equal(close(all[i]), 0);
    zcn_framing_release(plain_framing);
    zcn_framing_release(raw);
    rig_close(&rig);
}

/* ---- the handle ---- */

static void test_relay_handle(void **state) {
    (void)state;
    zcn_relay_options options = relay_options();
    options.user = 7;
    relay_rig rig;
    rig_open(&rig, false, &options);
    assert_int_equal(relay_count(&rig.on), 0);
    assert_int_equal(zcn_relay_get_user(rig.relay), 7);
    assert_ok(zcn_relay_set_user(rig.relay, 8));
    assert_int_equal(zcn_relay_get_user(rig.relay), 8);
    assert_int_equal(zcn_relay_get_user(NULL), 0);
    assert_status(zcn_relay_set_user(NULL, 1), ZCN_EINVAL);
    assert_status(zcn_relay_close(NULL), ZCN_EINVAL);
    assert_status(zcn_relay_abort(NULL), ZCN_EINVAL);
    zcn_error error = {.struct_size = sizeof error};
    assert_status(zcn_relay_get_error(NULL, &error), ZCN_EINVAL);
    assert_status(zcn_relay_get_error(rig.relay, NULL), ZCN_EINVAL);
    assert_ok(zcn_relay_get_error(rig.relay, &error));
    assert_ok(error.status);
    error.struct_size = 0;
    assert_status(zcn_relay_get_error(rig.relay, &error), ZCN_EINVAL);
    zcn_relay_stats stats = {.struct_size = sizeof stats};
    assert_status(zcn_relay_get_stats(NULL, &stats), ZCN_EINVAL);
    assert_status(zcn_relay_get_stats(rig.relay, NULL), ZCN_EINVAL);
    stats.struct_size = 1;
    assert_status(zcn_relay_get_stats(rig.relay, &stats), ZCN_EINVAL);
    assert_null(zcn_relay_retain(NULL));
    zcn_relay_release(NULL);
    assert_ok(zcn_relay_close(rig.relay));
    rig_until_ended(&rig);
    assert_ok(rig.status);
    assert_int_equal(rig.user, 8);
    /* It says the same when it is over. */
    assert_ok(zcn_relay_close(rig.relay));
    assert_ok(zcn_relay_abort(rig.relay));
    for (int i = 0; i < 5; i++) rig_poll(&rig, 0);
    assert_int_equal(rig.ended, 1);
    rig_close(&rig);
}

static void test_relay_options(void **state) {
    (void)state;
    zcn_relay_options options;
    memset(&options, 0xFF, sizeof options);
    zcn_relay_options_init(&options, sizeof options);
    assert_int_equal(options.struct_size, sizeof options);
    assert_int_equal(options.method, ZCN_RELAY_AUTO);
    zcn_relay_options_init(NULL, sizeof options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relay_moves_bytes),
        cmocka_unit_test(test_relay_auto_follows_the_sizes),
        cmocka_unit_test(test_relay_budget),
        cmocka_unit_test(test_relay_idle_holds_nothing),
        cmocka_unit_test(test_relay_of_connections_passes_on_the_rest),
        cmocka_unit_test(test_relay_of_paused_connections),
        cmocka_unit_test(test_relay_conns_statuses),
        cmocka_unit_test(test_relay_fds_statuses),
        cmocka_unit_test(test_relay_handle),
        cmocka_unit_test(test_relay_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
