// SPDX-License-Identifier: MIT
// Many things go wrong together, drawn from a seed: answers are short, late, interrupted or reset, memory runs out, the
// pool is small. ZCNET_FAULT_SEEDS runs more of it, ZCNET_FAULT_SEED starts elsewhere.
#include "scenario.h"

using namespace fault_test;

namespace {

constexpr uint64_t blocks[] = {4096, 16384, 65536};
constexpr uint32_t most_sizes = 40;

struct Drawn {
    ScenarioPlan plan;
    uint64_t sizes[most_sizes];
};

void draw(Random *random, Drawn *out) {
    ScenarioPlan &plan = out->plan;
    plan.way = static_cast<Way>(random->below(way_count));
    plan.block_size = blocks[random->below(sizeof blocks / sizeof blocks[0])];
    plan.sizes = out->sizes;
    plan.count = static_cast<uint32_t>(1 + random->below(most_sizes));
    plan.patience = int64_t{20} * 1000000000;
    plan.pool_limit = 0;
    for (uint32_t i = 0; i < plan.count; i++) {
        const uint64_t block = plan.block_size;
        const uint64_t kinds[] = {random->below(4),
                                  random->below(200),
                                  60 + random->below(10),
                                  random->below(block),
                                  block / 2 - 10 + random->below(20),
                                  block - 10 + random->below(20),
                                  random->below(3 * block)};
        out->sizes[i] = kinds[random->below(sizeof kinds / sizeof kinds[0])];
    }
}

// Returns how many pauses there were for want of the pool's memory.
uint64_t run_seeds(uint64_t seeds, bool with_resets, bool with_failures, bool with_limit) {
    uint64_t pauses = 0;
    const uint64_t first = number_from_environment("ZCNET_FAULT_SEED", 1);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        Random random{seed};
        static Drawn drawn;
        draw(&random, &drawn);
        script_reset();
        const Odds odds = {static_cast<uint32_t>(random.below(200)), static_cast<uint32_t>(random.below(200)),
                           static_cast<uint32_t>(random.below(700)),
                           with_resets ? static_cast<uint32_t>(random.below(20)) : 0};
        script_random(seed, odds);
        if (with_failures) {
            static const struct {
                Call call;
                int error;
            } failures[] = {{call_new, ENOMEM},        {call_allocate, ENOMEM}, {call_map, ENOMEM},
                            {call_poller_set, ENOMEM}, {call_accept, EMFILE},   {call_send, ENOBUFS},
                            {call_set_option, EINVAL}, {call_receive, ENOMEM},  {call_connect, EAGAIN}};
            for (int i = 0; i < 3; i++) {
                const auto &failure = failures[random.below(sizeof failures / sizeof failures[0])];
                script_fail(failure.call, 1 + random.below(60), 1 + random.below(5), failure.error);
            }
        }
        // What one unfinished message may need, and a little for what is on its way.
        if (with_limit) drawn.plan.pool_limit = (2 << 20) + (64 << 10) + (4 + random.below(12)) * drawn.plan.block_size;
        clock_start(1000000000, 1000);
        static Outcome outcome;
        run_scenario(drawn.plan, &outcome);
        if (outcome.verdict.text[0] != '\0')
            fail_msg("seed %llu, %s: %s", static_cast<unsigned long long>(seed), way_name(drawn.plan.way),
                     outcome.verdict.text);
        if (!outcome.complete && !with_resets && !with_failures)
            fail_msg("seed %llu, %s: not every message came back; the client ended with %s",
                     static_cast<unsigned long long>(seed), way_name(drawn.plan.way),
                     zcn_status_name(outcome.client_status));
        pauses += outcome.pauses;
    }
    return pauses;
}

void test_random_answers(void **) { run_seeds(number_from_environment("ZCNET_FAULT_SEEDS", 200), false, false, false); }

void test_random_answers_and_resets(void **) {
    run_seeds(number_from_environment("ZCNET_FAULT_SEEDS", 300), true, false, false);
}

void test_random_failures(void **) { run_seeds(number_from_environment("ZCNET_FAULT_SEEDS", 400), true, true, false); }

void test_random_failures_with_a_small_pool(void **) {
    assert_true(run_seeds(number_from_environment("ZCNET_FAULT_SEEDS", 300), true, true, true) > 0);
}

void test_a_small_pool_loses_nothing(void **) {
    assert_true(run_seeds(number_from_environment("ZCNET_FAULT_SEEDS", 300), false, false, true) > 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_random_answers),
        cmocka_unit_test(test_random_answers_and_resets),
        cmocka_unit_test(test_random_failures),
        cmocka_unit_test(test_random_failures_with_a_small_pool),
        cmocka_unit_test(test_a_small_pool_loses_nothing),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
