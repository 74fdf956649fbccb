// SPDX-License-Identifier: MIT
// Timers of the program, the time that polls take, and clocks that jump.
#include <unistd.h>

#include <algorithm>

#include "world.h"

using namespace fault_test;

namespace {

void test_timers_come_in_their_order(void **) {
    constexpr uint32_t many = 2000;
    static int64_t due[many];
    static bool gone[many];
    WorldPlan plan;
    plan.event_capacity = 16;
    World *world = world_begin(plan);
    Random random{7};
    for (uint32_t i = 0; i < many; i++) {
        due[i] = clock_read() + static_cast<int64_t>(random.below(20)) * 50 * ms;
        gone[i] = false;
        assert_int_equal(zcn_loop_timer_set(world->loop, i, due[i] - clock_read()), ZCN_OK);
    }
    for (uint32_t i = 0; i < many; i++) {
        const uint64_t what = random.below(4);
        if (what == 0) {  // moved
            due[i] = clock_read() + static_cast<int64_t>(random.below(2000)) * ms;
            assert_int_equal(zcn_loop_timer_set(world->loop, i, due[i] - clock_read()), ZCN_OK);
        } else if (what == 1) {
            gone[i] = true;
            assert_int_equal(zcn_loop_timer_cancel(world->loop, i), ZCN_OK);
            assert_int_equal(zcn_loop_timer_cancel(world->loop, i), ZCN_AGAIN);
        }
    }
    int64_t last = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < many; i++) kept += !gone[i];
    while (world->used < kept) {
        int64_t left = 0;
        assert_int_equal(zcn_loop_next_deadline(world->loop, &left), ZCN_OK);
        int64_t soonest = INT64_MAX;
        for (uint32_t i = 0; i < many; i++)
            if (!gone[i]) soonest = std::min(soonest, due[i]);
        assert_int_equal(left, std::max<int64_t>(soonest - clock_read(), 0));
        const uint32_t before = world->used;
        world_poll(world, -1);
        assert_true(world->used > before);
        for (uint32_t i = before; i < world->used; i++) {
            const Entry &event = world->log[i];
            assert_int_equal(event.type, ZCN_EVENT_TIMER);
            assert_true(event.token < many && !gone[event.token]);
            assert_true(due[event.token] <= event.at && due[event.token] >= last);
            last = due[event.token];
            gone[event.token] = true;
        }
    }
    int64_t left = 0;
    assert_int_equal(zcn_loop_next_deadline(world->loop, &left), ZCN_OK);
    assert_true(left == INT64_MAX);
    world_run(world, 100 * second);
    assert_int_equal(world->used, kept);
    world_end(world);
}

void test_timers_at_the_ends_of_time(void **) {
    World *world = world_begin();
    assert_int_equal(zcn_loop_timer_set(world->loop, 1, INT64_MAX), ZCN_OK);
    assert_int_equal(zcn_loop_timer_set(world->loop, 2, INT64_MIN), ZCN_OK);
    assert_int_equal(zcn_loop_timer_set(world->loop, 3, 0), ZCN_OK);
    assert_int_equal(world_poll(world, 0), 2);
    world_run(world, 1000000 * second);
    assert_int_equal(world->used, 2);
    assert_int_equal(zcn_loop_timer_set(world->loop, 1, -1), ZCN_OK);
    assert_int_equal(world_poll(world, -1), 1);
    assert_int_equal(world->log[2].token, 1);
    assert_int_equal(world_poll(world, 0), 0);
    world_end(world);
}

void test_a_poll_takes_its_time_and_no_more(void **) {
    World *world = world_begin();
    int peer = -1;
    (void)world_adopt(world, conn_defaults(), &peer);
    world_settle(world);
    for (const int64_t time : {int64_t{1}, int64_t{999999}, ms, 1500 * ms, 86400 * second}) {
        const int64_t start = clock_read();
        const uint64_t looks = script_calls(call_poller_wait);
        assert_int_equal(world_poll(world, time), 0);
        assert_at(clock_read(), start + time);
        assert_true(script_calls(call_poller_wait) - looks <= 3);
    }
    ::close(peer);
    world_end(world);
}

void test_a_clock_that_jumps(void **) {
    World *world = world_begin();
    zcn_conn_options options = conn_defaults();
    int idle_peer = -1;
    int peer = -1;
    int half_peer = -1;
    zcn_conn *conn = world_adopt(world, options, &peer);
    zcn_conn *half = world_adopt(world, options, &half_peer);
    options.idle_timeout_ms = 1000;
    zcn_conn *idle = world_adopt(world, options, &idle_peer);
    static const uint8_t start_of_one[] = {0, 0, 0, 8, 1};
    peer_write(half_peer, start_of_one, sizeof start_of_one);
    for (uint32_t i = 0; i < 10; i++) assert_int_equal(zcn_loop_timer_set(world->loop, i, (10 - i) * second), ZCN_OK);
    world_settle(world);
    // As after a suspension: everything is due at once, and told in the order in which it was due.
    clock_advance(int64_t{10} * 365 * 86400 * second);
    world_settle(world);
    assert_int_equal(world_count(*world, ZCN_EVENT_TIMER), 10);
    uint64_t expected = 9;
    for (uint32_t i = 0; i < world->used; i++)
        if (world->log[i].type == ZCN_EVENT_TIMER) assert_int_equal(world->log[i].token, expected--);
    assert_int_equal(world_first(*world, ZCN_EVENT_CLOSED, idle)->status, ZCN_ETIMEDOUT);
    assert_int_equal(world_first(*world, ZCN_EVENT_CLOSED, half)->status, ZCN_ETIMEDOUT);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED, conn), 0);
    peer_write_frame(peer, 100);
    world_settle(world);
    assert_int_equal(world_count(*world, ZCN_EVENT_MESSAGE, conn), 1);
    // Every poll finds another year.
    for (uint32_t i = 0; i < 50; i++) {
        clock_advance(int64_t{365} * 86400 * second);
        peer_write_frame(peer, i);
        world_poll(world, 0);
    }
    world_settle(world);
    assert_int_equal(world_count(*world, ZCN_EVENT_MESSAGE, conn), 51);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED), 2);
    ::close(peer);
    ::close(half_peer);
    ::close(idle_peer);
    world_end(world);
}

// Bytes that came in time count, though the loop was kept from looking until the deadline had passed.
void test_a_program_that_was_away(void **) {
    World *world = world_begin();
    zcn_conn_options options = conn_defaults();
    options.message_timeout_ms = 1000;
    int peer = -1;
    zcn_conn *conn = world_adopt(world, options, &peer);
    static const uint8_t whole[] = {0, 0, 0, 4, 1, 2, 3, 4};
    peer_write(peer, whole, 5);
    world_settle(world);
    peer_write(peer, whole + 5, 3);
    clock_advance(60 * second);
    world_settle(world);
    assert_int_equal(world_count(*world, ZCN_EVENT_MESSAGE, conn), 1);
    assert_int_equal(world_count(*world, ZCN_EVENT_CLOSED), 0);
    ::close(peer);
    world_end(world);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_come_in_their_order),        cmocka_unit_test(test_timers_at_the_ends_of_time),
        cmocka_unit_test(test_a_poll_takes_its_time_and_no_more), cmocka_unit_test(test_a_clock_that_jumps),
        cmocka_unit_test(test_a_program_that_was_away),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
