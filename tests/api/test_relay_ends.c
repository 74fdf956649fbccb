/* SPDX-License-Identifier: MIT */
/* How relays end: in order, from either side, by resets, limits in time, closing, and with their loop. */
#include "support_relay.h"

static void both_transports(void (*run)(bool tcp)) {
    run(false);
    run(true);
}

/* ---- half-closes ---- */

static void half_close(bool tcp, int first) {
    relay_rig rig;
    rig_open(&rig, tcp, NULL);
    rig_exchange(&rig, 10000, 1);
    assert_int_equal(shutdown(rig.peer[first], SHUT_WR), 0);
    bytes none = {0};
    assert_int_equal(rig_read_to_end(&rig, 1 - first, &none), 0);
    assert_int_equal(none.size, 0);
    /* The other direction goes on. */
    rig_poll(&rig, 5);
    assert_int_equal(rig.ended, 0);
    uint8_t data[30000];
    fill_pattern(data, sizeof data, 9);
    raw_write(rig.peer[1 - first], data, sizeof data);
    assert_int_equal(shutdown(rig.peer[1 - first], SHUT_WR), 0);
    bytes rest = {0};
    assert_int_equal(rig_read_to_end(&rig, first, &rest), 0);
    assert_int_equal(rest.size, sizeof data);
    assert_pattern(rest.data, rest.size, 9);
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_EOF);
    assert_int_equal(rig_stats(&rig).forward.ended, 1);
    assert_int_equal(rig_stats(&rig).backward.ended, 1);
    bytes_clear(&rest);
    rig_close(&rig);
}

static void test_relay_half_close_in_both_orders(void **state) {
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++)
        for (int first = 0; first < 2; first++) half_close(tcp != 0, first);
}

/* The end comes with the last bytes, and both at once. */
static void ends_at_once(bool tcp) {
    relay_rig rig;
    rig_open(&rig, tcp, NULL);
    raw_write(rig.peer[0], "question", 8);
    raw_write(rig.peer[1], "answer", 6);
    assert_int_equal(shutdown(rig.peer[0], SHUT_WR), 0);
    assert_int_equal(shutdown(rig.peer[1], SHUT_WR), 0);
    bytes got[2] = {{0}};
    for (int i = 0; i < 2; i++) assert_int_equal(rig_read_to_end(&rig, i, &got[i]), 0);
    assert_int_equal(got[0].size, 6);
    assert_int_equal(got[1].size, 8);
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_EOF);
    for (int i = 0; i < 2; i++) bytes_clear(&got[i]);
    rig_close(&rig);
}

static void test_relay_ends_with_the_last_bytes(void **state) {
    (void)state;
    both_transports(ends_at_once);
}

/* ---- back-pressure ---- */

/* Who does not read holds his sender up; when he reads, everything comes. */
static void hold_up(bool tcp, uint32_t method) {
    zcn_relay_options options = relay_options();
    options.method = method;
    relay_rig rig;
    rig_open(&rig, tcp, &options);
    const size_t most = 64 << 20;
    const size_t sent = rig_pour(&rig, 0, 5, most);
    if (sent == most) fail_msg("%zu bytes went in and nobody read any", sent);
    const zcn_relay_stats stats = rig_stats(&rig);
    assert_true(stats.forward.held_bytes != 0);
    assert_true(stats.forward.held_bytes <= 4 << 20);
    /* The other direction does not care. */
    raw_write(rig.peer[1], "meanwhile", 9);
    char back[9];
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (recv(rig.peer[0], back, sizeof back, MSG_PEEK) != sizeof back) {
        if (deadline_passed(deadline)) fail_msg("the other direction stands still");
        rig_poll(&rig, 1);
    }
    assert_memory_equal(back, "meanwhile", 9);
    assert_int_equal(shutdown(rig.peer[0], SHUT_WR), 0);
    bytes got = {0};
    assert_int_equal(rig_read_to_end(&rig, 1, &got), 0);
    assert_int_equal(got.size, sent);
    uint8_t *data = malloc(most);
    assert_non_null(data);
    fill_pattern(data, most, 5);
    assert_memory_equal(got.data, data, sent);
    free(data);
    bytes_clear(&got);
    rig_close(&rig);
}

static void test_relay_back_pressure(void **state) {
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++)
        for (uint32_t method = ZCN_RELAY_AUTO; method <= ZCN_RELAY_COPY; method++) hold_up(tcp != 0, method);
}

/* Urgent bytes are left out, and hold nothing up: neither while more comes nor at the end. */
static void step_over_urgent_bytes(uint32_t method, bool ends_behind) {
    zcn_relay_options options = relay_options();
    options.method = method;
    relay_rig rig;
    rig_open(&rig, true, &options);
    enum { PART = 20000, PARTS = 3 };
    uint8_t data[PARTS * PART];
    fill_pattern(data, sizeof data, 9);
    for (size_t i = 0; i < PARTS; i++) {
        if (i != 0) assert_int_equal(send(rig.peer[0], "!", 1, MSG_OOB), 1);
        raw_write(rig.peer[0], data + i * PART, PART);
        if (!ends_behind) rig_poll(&rig, 10);
    }
    assert_int_equal(shutdown(rig.peer[0], SHUT_WR), 0);
    bytes got = {0};
    assert_int_equal(rig_read_to_end(&rig, 1, &got), 0);
    /* An urgent byte that another one follows is an ordinary one: TCP has one mark. */
    assert_in_range(got.size, sizeof data, sizeof data + PARTS - 2);
    size_t same = 0;
    for (size_t i = 0; i < got.size; i++) {
        if (same < sizeof data && got.data[i] == data[same])
            same++;
        else
            assert_int_equal(got.data[i], '!');
    }
    assert_int_equal(same, sizeof data);
    bytes_clear(&got);
    rig_close(&rig);
}

static void test_relay_steps_over_urgent_bytes(void **state) {
    (void)state;
    for (uint32_t method = ZCN_RELAY_AUTO; method <= ZCN_RELAY_COPY; method++)
        for (int ends_behind = 0; ends_behind < 2; ends_behind++) step_over_urgent_bytes(method, ends_behind != 0);
}

/* ---- resets ---- */

/* A reset of one side reaches the other. */
static void reset_one(int which, bool pouring, uint32_t method) {
    zcn_relay_options options = relay_options();
    options.method = method;
    relay_rig rig;
    rig_open(&rig, true, &options);
    rig_exchange(&rig, 1000, 1);
    if (pouring) assert_true(rig_pour(&rig, which, 2, 32 << 20) != 0);
    raw_reset(rig.peer[which]);
    rig.peer[which] = -1;
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_ERESET);
    assert_int_equal(rig_read_to_end(&rig, 1 - which, NULL), ECONNRESET);
    const zcn_relay_stats stats = rig_stats(&rig);
    const zcn_relay_flow *flow = which == 0 ? &stats.forward : &stats.backward;
    assert_int_equal(flow->bytes_in, flow->bytes_out + flow->lost_bytes);
    rig_close(&rig);
}

static void test_relay_passes_resets_on(void **state) {
    (void)state;
    for (int which = 0; which < 2; which++)
        for (uint32_t method = ZCN_RELAY_AUTO; method <= ZCN_RELAY_COPY; method++) reset_one(which, false, method);
}

/* One that resets while nobody reads what it sent: what is held is waited for, and then lost, and said to be. */
static void test_relay_reset_with_bytes_under_way(void **state) {
    (void)state;
    for (uint32_t method = ZCN_RELAY_AUTO; method <= ZCN_RELAY_COPY; method++) {
        zcn_relay_options options = relay_options();
        options.method = method;
        options.drain_timeout_ms = 30;
        relay_rig rig;
        rig_open(&rig, true, &options);
        assert_true(rig_pour(&rig, 0, 2, 32 << 20) > 1 << 20);
        const uint64_t held = rig_stats(&rig).forward.held_bytes;
        assert_true(held != 0);
        raw_reset(rig.peer[0]);
        rig.peer[0] = -1;
        rig_until_ended(&rig);
        assert_status(rig.status, ZCN_ERESET);
        const zcn_relay_stats stats = rig_stats(&rig);
        assert_int_equal(stats.forward.lost_bytes, held);
        assert_int_equal(stats.forward.bytes_in, stats.forward.bytes_out + held);
        assert_int_equal(stats.forward.held_bytes, 0);
        rig_close(&rig);
    }
}

/* A local peer that closes after its last words: they arrive, though nothing can be written to it any more. */
static void test_relay_delivers_last_words(void **state) {
    (void)state;
    relay_rig rig;
    rig_open(&rig, false, NULL);
    uint8_t data[100000];
    fill_pattern(data, sizeof data, 3);
    raw_write(rig.peer[1], data, sizeof data);
    rig_close_peer(&rig, 1);
    raw_write(rig.peer[0], "too late", 8);
    bytes got = {0};
    (void)rig_read_to_end(&rig, 0, &got);
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_ERESET);
    assert_int_equal(got.size, sizeof data);
    assert_pattern(got.data, got.size, 3);
    assert_int_equal(rig_stats(&rig).forward.lost_bytes, 8);
    bytes_clear(&got);
    rig_close(&rig);
}

/* SIGPIPE would end this program: writing to a peer that is gone raises none. */
static void test_relay_raises_no_signal(void **state) {
    (void)state;
    struct sigaction before;
    assert_int_equal(sigaction(SIGPIPE, NULL, &before), 0);
    assert_ptr_equal(before.sa_handler, SIG_DFL);
    for (uint32_t method = ZCN_RELAY_AUTO; method <= ZCN_RELAY_COPY; method++) {
        zcn_relay_options options = relay_options();
        options.method = method;
        relay_rig rig;
        rig_open(&rig, false, &options);
        rig_exchange(&rig, 500000, 1);
        rig_close_peer(&rig, 1);
        raw_write(rig.peer[0], "x", 1);
        rig_until_ended(&rig);
        assert_status(rig.status, ZCN_ERESET);
        rig_close(&rig);
    }
    sigset_t pending;
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
}

/* ---- time ---- */

static void test_relay_idle_timeout(void **state) {
    (void)state;
    zcn_relay_options options = relay_options();
    options.idle_timeout_ms = 80;
    relay_rig rig;
    rig_open(&rig, true, &options);
    const uint64_t began = now_ns();
    rig_exchange(&rig, 1000, 1);
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_ETIMEDOUT);
    assert_true(now_ns() - began >= 80000000);
    assert_int_equal(rig_read_to_end(&rig, 0, NULL), ECONNRESET);
    rig_close(&rig);
}

static void test_relay_half_close_timeout(void **state) {
    (void)state;
    zcn_relay_options options = relay_options();
    options.half_close_timeout_ms = 50;
    relay_rig rig;
    rig_open(&rig, true, &options);
    rig_poll(&rig, 120);
    assert_int_equal(rig.ended, 0);
    assert_int_equal(shutdown(rig.peer[1], SHUT_WR), 0);
    const uint64_t began = now_ns();
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_ETIMEDOUT);
    assert_true(now_ns() - began >= 50000000);
    rig_close(&rig);
}

/* ---- closing ---- */

/* What was read is written, and both see an end in order. */
static void close_drains(bool tcp) {
    relay_rig rig;
    rig_open(&rig, tcp, NULL);
    const size_t sent = rig_pour(&rig, 0, 5, 64 << 20);
    const uint64_t held = rig_stats(&rig).forward.held_bytes;
    const uint64_t read = rig_stats(&rig).forward.bytes_in;
    assert_true(held != 0 && read < sent);
    assert_ok(zcn_relay_close(rig.relay));
    assert_ok(zcn_relay_close(rig.relay));
    rig_poll(&rig, 5);
    assert_int_equal(rig.ended, 0);
    bytes got = {0};
    assert_int_equal(rig_read_to_end(&rig, 1, &got), 0);
    assert_int_equal(got.size, read);
    rig_until_ended(&rig);
    assert_ok(rig.status);
    assert_int_equal(rig_stats(&rig).forward.lost_bytes, 0);
    assert_int_equal(rig_stats(&rig).forward.bytes_out, read);
    bytes_clear(&got);
    rig_close(&rig);
}

static void test_relay_close_drains(void **state) {
    (void)state;
    both_transports(close_drains);
}

static void close_times_out(bool tcp) {
    zcn_relay_options options = relay_options();
    options.drain_timeout_ms = 40;
    relay_rig rig;
    rig_open(&rig, tcp, &options);
    (void)rig_pour(&rig, 0, 5, 64 << 20);
    const uint64_t held = rig_stats(&rig).forward.held_bytes;
    const uint64_t began = now_ns();
    assert_ok(zcn_relay_close(rig.relay));
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_ETIMEDOUT);
    assert_true(now_ns() - began >= 40000000);
    assert_int_equal(rig_stats(&rig).forward.lost_bytes, held);
    rig_close(&rig);
}

static void test_relay_close_times_out(void **state) {
    (void)state;
    both_transports(close_times_out);
}

/* Everything is written, and the peer goes before its kernel has it all. */
static void test_relay_close_and_a_reset(void **state) {
    (void)state;
    zcn_relay_options options = relay_options();
    options.drain_timeout_ms = 3600000;
    relay_rig rig;
    rig_open(&rig, true, &options);
    const int little = 4096;
    assert_int_equal(setsockopt(rig.peer[1], SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    uint8_t data[300000];
    fill_pattern(data, sizeof data, 1);
    raw_write(rig.peer[0], data, sizeof data);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (rig_stats(&rig).forward.bytes_out != sizeof data) {
        if (deadline_passed(deadline)) fail_msg("%zu bytes do not pass", sizeof data);
        rig_poll(&rig, 1);
    }
    assert_ok(zcn_relay_close(rig.relay));
    rig_poll(&rig, 5);
    assert_int_equal(rig.ended, 0);
    raw_reset(rig.peer[1]);
    rig.peer[1] = -1;
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_ERESET);
    rig_close(&rig);
}

static void *abort_it(void *relay) { return (void *)(intptr_t)zcn_relay_abort(relay); }
static void *close_it(void *relay) { return (void *)(intptr_t)zcn_relay_close(relay); }

/* From another thread, while the loop sleeps. */
static void end_by_thread(void *(*end)(void *), zcn_status expected, bool reset) {
    relay_rig rig;
    rig_open(&rig, true, NULL);
    (void)rig_pour(&rig, 0, 5, reset ? 1 << 20 : 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, end, rig.relay), 0);
    rig_until_ended(&rig);
    void *answer;
    assert_int_equal(pthread_join(thread, &answer), 0);
    assert_ok((zcn_status)(intptr_t)answer);
    assert_status(rig.status, expected);
    bytes got = {0};
    assert_int_equal(rig_read_to_end(&rig, 1, &got), reset ? ECONNRESET : 0);
    bytes_clear(&got);
    rig_close(&rig);
}

static void test_relay_ends_by_another_thread(void **state) {
    (void)state;
    end_by_thread(abort_it, ZCN_EABORTED, true);
    end_by_thread(close_it, ZCN_OK, false);
}

/* Aborting cuts a close short. */
static void test_relay_abort_while_closing(void **state) {
    (void)state;
    relay_rig rig;
    rig_open(&rig, true, NULL);
    (void)rig_pour(&rig, 0, 5, 64 << 20);
    assert_ok(zcn_relay_close(rig.relay));
    rig_poll(&rig, 5);
    assert_int_equal(rig.ended, 0);
    assert_ok(zcn_relay_abort(rig.relay));
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_EABORTED);
    rig_close(&rig);
}

/* ---- the loop ---- */

static void test_relay_ends_with_its_loop(void **state) {
    (void)state;
    relay_rig rig;
    rig_open(&rig, true, NULL);
    raw_write(rig.peer[0], "last", 4);
    pump_idle(&rig.on, NULL);
    assert_ok(zcn_loop_close(rig.on.loop));
    rig_until_ended(&rig);
    assert_ok(rig.status);
    const zcn_event *events;
    size_t count;
    zcn_status status = ZCN_OK;
    for (int i = 0; i < 100 && status == ZCN_OK; i++)
        status = zcn_loop_poll(rig.on.loop, 1000000, &events, &count, NULL);
    assert_status(status, ZCN_ECLOSED);
    bytes got = {0};
    assert_int_equal(rig_read_to_end(&rig, 1, &got), 0);
    assert_int_equal(got.size, 4);
    bytes_clear(&got);
    rig_close(&rig);
}

/* The loop goes while relays have bytes under way, and while handles of them live on. */
static void test_relay_outlives_its_loop(void **state) {
    (void)state;
    const size_t descriptors = open_descriptors();
    for (uint32_t method = ZCN_RELAY_AUTO; method <= ZCN_RELAY_COPY; method++) {
        zcn_relay_options options = relay_options();
        options.method = method;
        relay_rig rig;
        rig_open(&rig, true, &options);
        (void)rig_pour(&rig, 0, 5, 64 << 20);
        int tap[2];
        assert_int_equal(pipe2(tap, O_CLOEXEC), 0);
        assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_BACKWARD, tap[1], ZCN_TAP_WAIT, 0));
        zcn_loop_release(rig.on.loop);
        rig.on.loop = NULL;
        zcn_error error = {.struct_size = sizeof error};
        assert_ok(zcn_relay_get_error(rig.relay, &error));
        assert_status(error.status, ZCN_EABORTED);
        assert_true(rig_stats(&rig).forward.lost_bytes != 0);
        assert_ok(zcn_relay_close(rig.relay));
        assert_ok(zcn_relay_abort(rig.relay));
        const int fd = fcntl(tap[0], F_DUPFD_CLOEXEC, 0);
        assert_status(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, fd, ZCN_TAP_END, 0), ZCN_ECLOSED);
        close(fd);
        char byte;
        while (recv(rig.peer[1], &byte, 1, 0) == 1) continue;
        assert_int_equal(errno, ECONNRESET);
        assert_int_equal(read(tap[0], &byte, 1), 0);
        close(tap[0]);
        rig_close(&rig);
    }
    assert_int_equal(open_descriptors(), descriptors);
}

/* A relay that was asked to end when its loop went. */
static void test_relay_request_on_the_way(void **state) {
    (void)state;
    relay_rig rig;
    rig_open(&rig, true, NULL);
    assert_ok(zcn_relay_abort(rig.relay));
    rig_close(&rig);
}

static void test_relay_in_a_child(void **state) {
    (void)state;
    if (emulated()) skip();
    relay_rig rig;
    rig_open(&rig, true, NULL);
    int tap[2];
    assert_int_equal(pipe2(tap, O_CLOEXEC), 0);
    assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, tap[1], ZCN_TAP_END, 0));
    rig_exchange(&rig, 1000, 1);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int wrong = 0;
        zcn_relay *relay;
        wrong += zcn_relay_close(rig.relay) != ZCN_EFORKED;
        wrong += zcn_relay_abort(rig.relay) != ZCN_EFORKED;
        wrong += zcn_relay_tap(rig.relay, ZCN_RELAY_BACKWARD, 0, ZCN_TAP_END, 0) != ZCN_EFORKED;
        wrong += zcn_relay_fds(&relay, rig.on.loop, rig.peer[0], rig.peer[1], NULL) != ZCN_EFORKED;
        zcn_relay_release(rig.relay);
        zcn_loop_release(rig.on.loop);
        _exit(wrong);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    /* The parent's goes on, and its tap too. */
    rig_exchange(&rig, 1000, 2);
    bytes got = {0};
    uint8_t scrap[4096];
    while (got.size < 2000) {
        const ssize_t size = read(tap[0], scrap, sizeof scrap);
        assert_true(size > 0);
        bytes_append(&got, scrap, (size_t)size);
    }
    assert_int_equal(got.size, 2000);
    assert_pattern(got.data, 1000, 1);
    assert_pattern(got.data + 1000, 1000, 2);
    bytes_clear(&got);
    close(tap[0]);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relay_half_close_in_both_orders),
        cmocka_unit_test(test_relay_ends_with_the_last_bytes),
        cmocka_unit_test(test_relay_back_pressure),
        cmocka_unit_test(test_relay_steps_over_urgent_bytes),
        cmocka_unit_test(test_relay_passes_resets_on),
        cmocka_unit_test(test_relay_reset_with_bytes_under_way),
        cmocka_unit_test(test_relay_delivers_last_words),
        cmocka_unit_test(test_relay_raises_no_signal),
        cmocka_unit_test(test_relay_idle_timeout),
        cmocka_unit_test(test_relay_half_close_timeout),
        cmocka_unit_test(test_relay_close_drains),
        cmocka_unit_test(test_relay_close_times_out),
        cmocka_unit_test(test_relay_close_and_a_reset),
        cmocka_unit_test(test_relay_ends_by_another_thread),
        cmocka_unit_test(test_relay_abort_while_closing),
        cmocka_unit_test(test_relay_ends_with_its_loop),
        cmocka_unit_test(test_relay_outlives_its_loop),
        cmocka_unit_test(test_relay_request_on_the_way),
        cmocka_unit_test(test_relay_in_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
