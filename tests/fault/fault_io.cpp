// SPDX-License-Identifier: MIT
// Answers that are short, late or interrupted change nothing that a program sees.
#include "scenario.h"

using namespace fault_test;

namespace {

constexpr uint64_t block = 16384;
constexpr uint64_t sizes[] = {0,         1,
                              63,        64,
                              65,        1000,
                              0,         block / 2 - 1,
                              block / 2, block / 2 + 1,
                              block - 1, block,
                              block + 1, 1,
                              64,        3 * block,
                              1 << 20,   5,
                              65,        65,
                              4096,      100000,
                              2,         63,
                              12345,     1};
constexpr uint64_t few_sizes[] = {0, 1, 63, 64, 65, 1000, block / 2 - 1, block / 2, block / 2 + 1, block + 1, 7, 20000};

template <size_t count>
ScenarioPlan plan_of(Way way, const uint64_t (&list)[count]) {
    return {way, block, 0, list, count, int64_t{60} * 1000000000};
}

void expect_complete(const ScenarioPlan &plan, const char *what, uint64_t number) {
    clock_start(1000000000, 1000);
    static Outcome outcome;
    run_scenario(plan, &outcome);
    if (outcome.verdict.text[0] != '\0')
        fail_msg("%s, %s, %llu: %s", way_name(plan.way), what, static_cast<unsigned long long>(number),
                 outcome.verdict.text);
    if (!outcome.complete)
        fail_msg("%s, %s, %llu: not every message came back; the client ended with %s", way_name(plan.way), what,
                 static_cast<unsigned long long>(number), zcn_status_name(outcome.client_status));
}

void test_nothing_is_scripted(void **) {
    for (uint32_t way = 0; way < way_count; way++) {
        script_reset();
        expect_complete(plan_of(static_cast<Way>(way), sizes), "as it is", 0);
    }
}

void test_counts_are_short(void **) {
    static const struct {
        Call call;
        uint64_t most;
        uint64_t less;
    } cases[] = {{call_receive, 0, 1},   {call_send, 0, 1},   {call_receive, 7, 0}, {call_send, 7, 0},
                 {call_receive, 777, 0}, {call_send, 777, 0}, {call_receive, 1, 0}, {call_send, 1, 0}};
    for (uint32_t way = 0; way < way_count; way++) {
        for (const auto &one : cases) {
            script_reset();
            script_limit(one.call, one.most, one.less);
            const auto kind = static_cast<Way>(way);
            const bool tiny = one.most != 0 && one.most < 100;
            expect_complete(tiny ? plan_of(kind, few_sizes) : plan_of(kind, sizes), call_name(one.call),
                            one.most != 0 ? one.most : one.less);
        }
        script_reset();
        script_limit(call_receive, 3, 0);
        script_limit(call_send, 5, 0);
        expect_complete(plan_of(static_cast<Way>(way), few_sizes), "both short", 3);
    }
}

void test_every_call_is_interrupted_twice(void **) {
    for (uint32_t way = 0; way < way_count; way++) {
        script_reset();
        for (const Call call :
             {call_receive, call_send, call_accept, call_poller_wait, call_event_raise, call_event_clear, call_connect})
            script_stutter(call, 2, EINTR);
        expect_complete(plan_of(static_cast<Way>(way), sizes), "interrupted", 2);
    }
}

void test_every_call_is_to_come_again(void **) {
    for (uint32_t way = 0; way < way_count; way++) {
        for (uint32_t times = 1; times <= 2; times++) {
            script_reset();
            for (const Call call : {call_receive, call_send, call_accept}) script_stutter(call, times, EAGAIN);
            expect_complete(plan_of(static_cast<Way>(way), sizes), "again", times);
        }
    }
}

void test_the_kernel_is_short_of_memory_for_a_while(void **) {
    for (uint32_t way = 0; way < way_count; way++) {
        for (const int error : {ENOBUFS, ENOMEM}) {
            script_reset();
            script_stutter(call_send, 1, error);
            expect_complete(plan_of(static_cast<Way>(way), few_sizes), "send without memory", 1);
        }
    }
}

void test_random_plans(void **) {
    const uint64_t seeds = number_from_environment("ZCNET_FAULT_SEEDS", 400);
    const uint64_t first = number_from_environment("ZCNET_FAULT_SEED", 1);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        Random random{seed};
        const auto way = static_cast<Way>(random.below(way_count));
        const Odds odds = {static_cast<uint32_t>(random.below(300)), static_cast<uint32_t>(random.below(300)),
                           static_cast<uint32_t>(random.below(900)), 0};
        script_reset();
        script_random(seed, odds);
        expect_complete(seed % 8 == 0 ? plan_of(way, sizes) : plan_of(way, few_sizes), "random plan with seed", seed);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_scripted),
        cmocka_unit_test(test_counts_are_short),
        cmocka_unit_test(test_every_call_is_interrupted_twice),
        cmocka_unit_test(test_every_call_is_to_come_again),
        cmocka_unit_test(test_the_kernel_is_short_of_memory_for_a_while),
        cmocka_unit_test(test_random_plans),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
