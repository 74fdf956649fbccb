// SPDX-License-Identifier: MIT
// Deadlines of connections, under a clock that the test moves: each comes when it is due and not before, and a loop
// that waits sleeps.
#include <unistd.h>

#include "world.h"

using namespace fault_test;

namespace {

void assert_closed(const World &world, const zcn_conn *conn, zcn_status status, int64_t at) {
    assert_int_equal(world_count(world, ZCN_EVENT_CLOSED, conn), 1);
    const Entry *closed = world_first(world, ZCN_EVENT_CLOSED, conn);
    if (closed->status != status)
        fail_msg("it ended with %s instead of %s", zcn_status_name(closed->status), zcn_status_name(status));
    assert_at(closed->at, at);
}

void assert_error_says(const zcn_conn *conn, zcn_status status) {
    zcn_error error{};
    error.struct_size = sizeof error;
    assert_int_equal(zcn_conn_get_error(conn, &error), ZCN_OK);
    assert_int_equal(error.status, status);
    assert_true(std::strlen(error.text) > 0);
}

// --- waiting ---

void test_a_wait_that_fails_for_good_is_told(void **) {
    World *world = world_begin();
    script_fail(call_poller_wait, 1, for_ever, EBADF);
    const zcn_event *events = nullptr;
    size_t count = 0;
    assert_int_equal(zcn_loop_poll(world->loop, -1, &events, &count, nullptr), ZCN_ESYS);
    assert_int_equal(count, 0);
    zcn_error error{};
    error.struct_size = sizeof error;
    assert_int_equal(zcn_loop_get_error(world->loop, &error), ZCN_OK);
    assert_int_equal(error.sys_errno, EBADF);
    // What needs no waiting is still done.
    assert_int_equal(zcn_loop_wake(world->loop), ZCN_OK);
    assert_int_equal(zcn_loop_poll(world->loop, -1, &events, &count, nullptr), ZCN_OK);
    assert_int_equal(count, 1);
    assert_int_equal(events[0].type, ZCN_EVENT_WOKEN);
    script_reset();
    world_end(world);
}

// --- connecting ---

void test_connecting_ends_at_its_timeout(void **) {
    World *world = world_begin();
    // The kernel took the call, and never answers.
    script_fail(call_connect, 1, 1, EINPROGRESS);
    zcn_conn_options options = conn_defaults();
    options.connect_timeout_ms = 3000;
    zcn_conn *conn = nullptr;
    const int64_t start = clock_read();
    assert_int_equal(zcn_connect(&conn, world->loop, "tcp://127.0.0.1:9", world->framing, &options), ZCN_OK);
    zcn_conn_retain(conn);
    assert_int_equal(zcn_conn_send_copy(conn, "waits", 5), ZCN_OK);
    world_run(world, 2990 * ms);
    assert_int_equal(world->used, 0);
    assert_int_equal(zcn_conn_get_state(conn), ZCN_STATE_CONNECTING);
    world_run(world, 20 * ms);
    assert_closed(*world, conn, ZCN_ETIMEDOUT, start + 3 * second);
    assert_error_says(conn, ZCN_ETIMEDOUT);
    assert_true(script_calls(call_poller_wait) < 20);
    zcn_conn_release(conn);
    world_end(world);
}

// A local socket whose queue is full says so at once.
void test_a_full_backlog_is_tried_again(void **) {
    for (uint32_t relieved = 0; relieved < 2; relieved++) {
        World *world = world_begin();
        zcn_listen_options listen_options;
        zcn_listen_options_init(&listen_options, sizeof listen_options);
        char address[128];
        zcn_listener *listener = world_listen(world, listen_options, address, sizeof address);
        zcn_conn_options options = conn_defaults();
        options.connect_timeout_ms = 1000;
        script_fail(call_connect, 1, relieved != 0 ? 100 : for_ever, EAGAIN);
        zcn_conn *conn = nullptr;
        const int64_t start = clock_read();
        assert_int_equal(zcn_connect(&conn, world->loop, address, world->framing, &options), ZCN_OK);
        zcn_conn_retain(conn);
        world_run(world, 2 * second);
        if (relieved != 0) {
            assert_int_equal(world_count(*world, ZCN_EVENT_CONNECTED, conn), 1);
            assert_int_equal(world_count(*world, ZCN_EVENT_ACCEPTED), 1);
            assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED), 0);
        } else {
            assert_closed(*world, conn, ZCN_ETIMEDOUT, start + second);
            assert_true(script_calls(call_connect) > 50);
        }
        assert_true(script_calls(call_connect) < 1100);
        assert_true(script_calls(call_poller_wait) < 2000);
        zcn_conn_release(conn);
        zcn_listener_release(listener);
        world_end(world);
    }
}

// --- closing ---

// A unit that no socket takes whole.
void send_much(World *world, zcn_conn *conn, uint64_t token) {
    zcn_unit *unit = nullptr;
    void *data = nullptr;
    assert_int_equal(zcn_unit_alloc(&unit, &data, world->pool, world->framing, 900000), ZCN_OK);
    std::memset(data, 7, 900000);
    assert_int_equal(zcn_unit_set_token(unit, token), ZCN_OK);
    assert_int_equal(zcn_conn_send(conn, unit), ZCN_OK);
}

void test_draining_ends_at_its_timeout(void **) {
    World *world = world_begin();
    zcn_conn_options options = conn_defaults();
    options.drain_timeout_ms = 2000;
    options.high_water = 4 << 20;
    int peer = -1;
    zcn_conn *conn = world_adopt(world, options, &peer);
    send_much(world, conn, 5);
    world_settle(world);
    world->used = 0;
    const int64_t start = clock_read();
    assert_int_equal(zcn_conn_close(conn), ZCN_OK);
    assert_int_equal(zcn_conn_send_copy(conn, "late", 4), ZCN_ECLOSED);
    world_run(world, 1990 * ms);
    assert_int_equal(world->used, 0);
    assert_int_equal(zcn_conn_get_state(conn), ZCN_STATE_DRAINING);
    world_run(world, 20 * ms);
    assert_closed(*world, conn, ZCN_ETIMEDOUT, start + 2 * second);
    assert_int_equal(world_count(*world, ZCN_EVENT_SENT), 1);
    const Entry *sent = world_first(*world, ZCN_EVENT_SENT);
    assert_int_equal(sent->token, 5);
    assert_int_equal(sent->status, ZCN_ETIMEDOUT);
    assert_true(script_calls(call_poller_wait) < 40);
    ::close(peer);
    world_end(world);
}

void test_draining_in_time_is_an_end_in_order(void **) {
    World *world = world_begin();
    zcn_conn_options options = conn_defaults();
    options.drain_timeout_ms = 2000;
    options.high_water = 4 << 20;
    int peer = -1;
    zcn_conn *conn = world_adopt(world, options, &peer);
    send_much(world, conn, 6);
    assert_int_equal(zcn_conn_close(conn), ZCN_OK);
    world_run(world, 1900 * ms);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED), 0);
    uint64_t total = 0;
    bool ended = false;
    while (!ended) {
        uint64_t bytes = 0;
        ended = peer_read_all(peer, &bytes);
        total += bytes;
        if (!ended) world_poll(world, ms);
    }
    assert_int_equal(total, 900004);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED), 1);
    assert_int_equal(world_first(*world, ZCN_EVENT_CLOSED)->status, ZCN_OK);
    assert_int_equal(world_first(*world, ZCN_EVENT_SENT)->status, ZCN_OK);
    ::close(peer);
    world_end(world);
}

// --- receiving ---

void test_idle_counts_from_the_last_byte(void **) {
    World *world = world_begin();
    zcn_conn_options options = conn_defaults();
    options.idle_timeout_ms = 10000;
    int peer = -1;
    int other_peer = -1;
    zcn_conn *conn = world_adopt(world, options, &peer);
    options.idle_timeout_ms = 0;
    zcn_conn *patient = world_adopt(world, options, &other_peer);
    world_run(world, 9 * second);
    peer_write_frame(peer, 3);
    world_run(world, 9 * second);
    assert_int_equal(world_count(*world, ZCN_EVENT_MESSAGE, conn), 1);
    assert_int_equal(zcn_conn_send_copy(conn, "out", 3), ZCN_OK);
    const int64_t last = clock_read();
    world_run(world, 9 * second);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED), 0);
    zcn_conn_retain(conn);
    world_run(world, 2 * second);
    assert_closed(*world, conn, ZCN_ETIMEDOUT, last + 10 * second);
    assert_error_says(conn, ZCN_ETIMEDOUT);
    // Without a deadline an hour costs next to nothing.
    const uint64_t looks = script_calls(call_poller_wait);
    world_run(world, 3600 * second);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED, patient), 0);
    assert_true(script_calls(call_poller_wait) - looks < 10);
    zcn_conn_release(conn);
    ::close(peer);
    ::close(other_peer);
    world_end(world);
}

void test_a_byte_a_second(void **) {
    World *world = world_begin();
    zcn_conn_options options = conn_defaults();
    options.message_timeout_ms = 20000;
    options.idle_timeout_ms = 5000;
    int slow_peer = -1;
    int slower_peer = -1;
    zcn_conn *slow = world_adopt(world, options, &slow_peer);
    zcn_conn *slower = world_adopt(world, options, &slower_peer);
    zcn_conn_retain(slower);
    // Sixteen bytes a message are in time; a hundred are not, though a byte comes every second.
    static const uint8_t small[16] = {0, 0, 0, 12};
    static const uint8_t large[100] = {0, 0, 0, 96};
    const int64_t start = clock_read();
    bool open = true;
    for (uint32_t i = 0; i < 64; i++) {
        peer_write(slow_peer, &small[i % sizeof small], 1);
        if (open) peer_write(slower_peer, &large[i], 1);
        world_run(world, second);
        open = world_count(*world, ZCN_EVENT_CLOSED, slower) == 0;
    }
    assert_int_equal(world_count(*world, ZCN_EVENT_MESSAGE, slow), 4);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED, slow), 0);
    assert_int_equal(world_count(*world, ZCN_EVENT_MESSAGE, slower), 0);
    assert_closed(*world, slower, ZCN_ETIMEDOUT, start + 20 * second);
    assert_error_says(slower, ZCN_ETIMEDOUT);
    zcn_stats stats{};
    stats.struct_size = sizeof stats;
    assert_int_equal(zcn_conn_get_stats(slower, &stats), ZCN_OK);
    assert_int_equal(stats.trailing_bytes, 20);
    // A few looks a byte, and no spinning in between.
    assert_true(script_calls(call_poller_wait) < 64 * 8);
    zcn_conn_release(slower);
    ::close(slow_peer);
    ::close(slower_peer);
    world_end(world);
}

void test_deadlines_stand_still_while_reading_pauses(void **) {
    World *world = world_begin();
    zcn_conn_options options = conn_defaults();
    options.message_timeout_ms = 2000;
    int peer = -1;
    zcn_conn *conn = world_adopt(world, options, &peer);
    static const uint8_t start_of_one[] = {0, 0, 0, 8, 1, 2, 3};
    world_settle(world);
    world->used = 0;
    peer_write(peer, start_of_one, sizeof start_of_one);
    world_run(world, 1500 * ms);
    assert_int_equal(zcn_conn_pause(conn), ZCN_OK);
    world_run(world, 100 * second);
    assert_int_equal(world->used, 0);
    assert_int_equal(zcn_conn_resume(conn), ZCN_OK);
    world_run(world, 400 * ms);
    assert_int_equal(world->used, 0);
    peer_write(peer, "45678", 5);
    world_run(world, 10 * second);
    assert_int_equal(world_count(*world, ZCN_EVENT_MESSAGE, conn), 1);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED), 0);
    // And one that is not resumed in vain: it ends after the timeout of a message, at most.
    peer_write(peer, start_of_one, sizeof start_of_one);
    world_run(world, 1500 * ms);
    assert_int_equal(zcn_conn_pause(conn), ZCN_OK);
    world_run(world, 100 * second);
    assert_int_equal(zcn_conn_resume(conn), ZCN_OK);
    const int64_t resumed = clock_read();
    world_run(world, 10 * second);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED, conn), 1);
    const Entry *closed = world_first(*world, ZCN_EVENT_CLOSED, conn);
    assert_int_equal(closed->status, ZCN_ETIMEDOUT);
    assert_true(closed->at >= resumed + 500 * ms && closed->at <= resumed + 2000 * ms + slack);
    ::close(peer);
    world_end(world);
}

// --- sending ---

void test_a_kernel_without_memory_is_asked_now_and_then(void **) {
    World *world = world_begin();
    int peer = -1;
    zcn_conn *conn = world_adopt(world, conn_defaults(), &peer);
    script_fail(call_send, 1, for_ever, ENOBUFS);
    assert_int_equal(zcn_conn_send_copy(conn, "patience", 8), ZCN_OK);
    world_run(world, 2 * second);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED), 0);
    assert_true(script_calls(call_send) > 100 && script_calls(call_send) < 1000);
    assert_true(script_calls(call_poller_wait) < 2000);
    script_fail(call_send, 0, 0, 0);
    world_run(world, 20 * ms);
    uint64_t bytes = 0;
    assert_false(peer_read_all(peer, &bytes));
    assert_int_equal(bytes, 12);
    ::close(peer);
    world_end(world);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wait_that_fails_for_good_is_told),
        cmocka_unit_test(test_connecting_ends_at_its_timeout),
        cmocka_unit_test(test_a_full_backlog_is_tried_again),
        cmocka_unit_test(test_draining_ends_at_its_timeout),
        cmocka_unit_test(test_draining_in_time_is_an_end_in_order),
        cmocka_unit_test(test_idle_counts_from_the_last_byte),
        cmocka_unit_test(test_a_byte_a_second),
        cmocka_unit_test(test_deadlines_stand_still_while_reading_pauses),
        cmocka_unit_test(test_a_kernel_without_memory_is_asked_now_and_then),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
