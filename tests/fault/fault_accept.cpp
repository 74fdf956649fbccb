// SPDX-License-Identifier: MIT
// Accepting when there are no descriptors, or when accept() fails: the loop sleeps, and goes on when it can.
#include "world.h"

using namespace fault_test;

namespace {

void test_accepting_backs_off_without_descriptors(void **) {
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    for (const int error : errors) {
        World *world = world_begin();
        zcn_listen_options options;
        zcn_listen_options_init(&options, sizeof options);
        options.user = 44;
        char address[128];
        zcn_listener *listener = world_listen(world, options, address, sizeof address);
        script_fail(call_accept, script_calls(call_accept) + 1, for_ever, error);
        constexpr uint32_t waiting = 3;
        zcn_conn *conns[waiting];
        for (auto &conn : conns)
            assert_int_equal(zcn_connect(&conn, world->loop, address, world->framing, nullptr), ZCN_OK);
        const uint64_t looks = script_calls(call_poller_wait);
        world_run(world, 60 * second);
        assert_int_equal(world_count(*world, ZCN_EVENT_ACCEPT_LIMITED), 1);
        const Entry *limited = world_first(*world, ZCN_EVENT_ACCEPT_LIMITED);
        assert_int_equal(limited->user, 44);
        assert_int_equal(limited->status, ZCN_ESYS);
        assert_int_equal(limited->size, error);
        assert_int_equal(world_count(*world, ZCN_EVENT_ACCEPTED), 0);
        if (script_calls(call_poller_wait) - looks > 200)
            fail_msg("%llu looks in a minute", static_cast<unsigned long long>(script_calls(call_poller_wait) - looks));
        // Descriptors are there again: all come in within the longest pause, and the next want is told anew.
        script_fail(call_accept, 0, 0, 0);
        world_run(world, 2 * second);
        assert_int_equal(world_count(*world, ZCN_EVENT_ACCEPTED), waiting);
        script_fail(call_accept, script_calls(call_accept) + 1, 1, error);
        zcn_conn *late = nullptr;
        assert_int_equal(zcn_connect(&late, world->loop, address, world->framing, nullptr), ZCN_OK);
        world_run(world, 2 * second);
        assert_int_equal(world_count(*world, ZCN_EVENT_ACCEPT_LIMITED), 2);
        zcn_listener_stats stats{};
        stats.struct_size = sizeof stats;
        assert_int_equal(zcn_listener_get_stats(listener, &stats), ZCN_OK);
        assert_int_equal(stats.limited, 2);
        // Of those that wait one is taken off the queue, with the descriptor that is kept for it, or else accepted.
        assert_int_equal(stats.accepted + stats.dropped, waiting + 1);
        zcn_listener_release(listener);
        world_end(world);
    }
}

// A peer that went before it was accepted concerns nobody.
void test_accepting_fails_for_other_reasons(void **) {
    static const struct {
        int error;
        uint64_t times;
    } cases[] = {{ECONNABORTED, 5}, {EPROTO, 5}, {EPERM, 5}, {ECONNABORTED, 1000}};
    for (const auto &one : cases) {
        World *world = world_begin();
        zcn_listen_options options;
        zcn_listen_options_init(&options, sizeof options);
        char address[128];
        zcn_listener *listener = world_listen(world, options, address, sizeof address);
        script_fail(call_accept, script_calls(call_accept) + 1, one.times, one.error);
        zcn_conn *conn = nullptr;
        assert_int_equal(zcn_connect(&conn, world->loop, address, world->framing, nullptr), ZCN_OK);
        // When nothing but failures come for a whole round, accepting pauses between rounds.
        const bool pauses = one.times > 64;
        world_run(world, pauses ? 60 * second : ms);
        assert_int_equal(world_count(*world, ZCN_EVENT_ACCEPTED), 1);
        assert_int_equal(world_count(*world, ZCN_EVENT_ACCEPT_LIMITED), pauses);
        zcn_listener_stats stats{};
        stats.struct_size = sizeof stats;
        assert_int_equal(zcn_listener_get_stats(listener, &stats), ZCN_OK);
        assert_int_equal(stats.failed, one.times);
        zcn_listener_release(listener);
        world_end(world);
    }
}

// A socket that another holder shut down accepts nothing any more, and says so for ever.
void test_accepting_fails_for_ever(void **) {
    for (const int error : {EINVAL, EBADF, ENOTSOCK, EOPNOTSUPP, EPERM}) {
        World *world = world_begin();
        zcn_listen_options options;
        zcn_listen_options_init(&options, sizeof options);
        char address[128];
        zcn_listener *listener = world_listen(world, options, address, sizeof address);
        script_fail(call_accept, script_calls(call_accept) + 1, for_ever, error);
        zcn_conn *conn = nullptr;
        assert_int_equal(zcn_connect(&conn, world->loop, address, world->framing, nullptr), ZCN_OK);
        const uint64_t looks = script_calls(call_poller_wait);
        for (uint32_t i = 0; i < 10; i++) world_run(world, second);
        const uint64_t all = script_calls(call_poller_wait) - looks;
        if (all > 200)
            fail_msg("%s: %llu looks in ten seconds", std::strerror(error), static_cast<unsigned long long>(all));
        zcn_listener_release(listener);
        world_end(world);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_accepting_backs_off_without_descriptors),
        cmocka_unit_test(test_accepting_fails_for_other_reasons),
        cmocka_unit_test(test_accepting_fails_for_ever),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
