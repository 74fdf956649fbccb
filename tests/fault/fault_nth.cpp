// SPDX-License-Identifier: MIT
// Every call of the seam and every allocation fails once, in each of its turns: what was promised holds all the same,
// and everything is given back.
#include "scenario.h"

using namespace fault_test;

namespace {

constexpr uint64_t block = 16384;
constexpr uint64_t sizes[] = {0, 65, 1000, block / 2 + 1, 7, block + 1, 1};
constexpr uint32_t most_turns = 400;

ScenarioPlan plan_of(Way way) {
    return {way, block, 0, sizes, sizeof sizes / sizeof sizes[0], int64_t{20} * 1000000000};
}

void expect_kept(Way way, Call call, uint64_t first, uint64_t times, int error) {
    script_reset();
    script_fail(call, first, times, error);
    clock_start(1000000000, 1000);
    static Outcome outcome;
    run_scenario(plan_of(way), &outcome);
    if (outcome.verdict.text[0] != '\0')
        fail_msg("%s, %s number %llu (%llu times) fails with %s: %s", way_name(way), call_name(call),
                 static_cast<unsigned long long>(first), static_cast<unsigned long long>(times), std::strerror(error),
                 outcome.verdict.text);
    if (!outcome.complete && !script_failed())
        fail_msg("%s, without a failure of %s: not every message came back", way_name(way), call_name(call));
}

// How often a call comes when nothing fails.
uint64_t turns_of(Way way, Call call) {
    script_reset();
    clock_start(1000000000, 1000);
    static Outcome outcome;
    run_scenario(plan_of(way), &outcome);
    const uint64_t calls = script_calls(call);
    return calls < most_turns ? calls : most_turns;
}

void fail_each_turn(std::initializer_list<Call> calls, std::initializer_list<int> errors) {
    for (uint32_t number = 0; number < way_count; number++) {
        const auto way = static_cast<Way>(number);
        for (const Call call : calls) {
            const uint64_t turns = turns_of(way, call);
            for (const int error : errors)
                for (uint64_t turn = 1; turn <= turns; turn++) expect_kept(way, call, turn, 1, error);
        }
    }
}

// From some turn on there is none at all any more.
void fail_for_ever(std::initializer_list<Call> calls, int error) {
    for (uint32_t number = 0; number < way_count; number++) {
        const auto way = static_cast<Way>(number);
        for (const Call call : calls) {
            const uint64_t turns = turns_of(way, call);
            const uint64_t step = turns / 24 + 1;
            for (uint64_t turn = 1; turn <= turns; turn += step) expect_kept(way, call, turn, for_ever, error);
        }
    }
}

void test_allocations_fail(void **) { fail_each_turn({call_new, call_allocate, call_map}, {ENOMEM}); }

void test_allocations_fail_for_ever(void **) { fail_for_ever({call_new, call_allocate, call_map}, ENOMEM); }

void test_sockets_cannot_be_made(void **) {
    fail_each_turn({call_make_socket, call_make_probe, call_make_poller, call_make_event, call_open_spare},
                   {EMFILE, ENFILE, ENOMEM});
}

void test_sockets_cannot_be_prepared(void **) {
    fail_each_turn({call_bind, call_listen, call_set_nonblocking, call_get_option, call_set_option, call_local_address,
                    call_peer_address, call_poller_set, call_socket_file, call_change_mode, call_remove_path},
                   {EINVAL, ENOMEM, EACCES});
}

void test_connecting_fails(void **) {
    fail_each_turn({call_connect}, {ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EAGAIN, EADDRNOTAVAIL, EPERM});
}

void test_accepting_fails(void **) {
    fail_each_turn({call_accept}, {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EPROTO, EPERM});
}

void test_bytes_fail(void **) {
    fail_each_turn({call_receive}, {ECONNRESET, ETIMEDOUT, ENOMEM, EINTR, EAGAIN});
    fail_each_turn({call_send}, {ECONNRESET, EPIPE, ENOBUFS, ENOMEM, EFAULT, EINTR, EAGAIN});
}

void test_input_ends_early(void **) { fail_each_turn({call_receive}, {0}); }

void test_ends_fail(void **) {
    fail_each_turn({call_shutdown, call_close, call_unsent_bytes, call_unread_bytes}, {ENOTCONN, EIO});
}

void test_waiting_fails(void **) {
    fail_each_turn({call_poller_wait, call_event_raise, call_event_clear}, {EINTR, EAGAIN});
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_fail),
        cmocka_unit_test(test_allocations_fail_for_ever),
        cmocka_unit_test(test_sockets_cannot_be_made),
        cmocka_unit_test(test_sockets_cannot_be_prepared),
        cmocka_unit_test(test_connecting_fails),
        cmocka_unit_test(test_accepting_fails),
        cmocka_unit_test(test_bytes_fail),
        cmocka_unit_test(test_input_ends_early),
        cmocka_unit_test(test_ends_fail),
        cmocka_unit_test(test_waiting_fails),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
