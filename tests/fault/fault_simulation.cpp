// SPDX-License-Identifier: MIT
// Random programs on two loops, over a kernel that answers at random, against a model. The same seed gives the same
// run.
//   ZCNET_FAULT_SEEDS=N  how many seeds each test runs
//   ZCNET_FAULT_SEED=N   the first of them
#include "simulation.h"

using namespace fault_test;

namespace {

Simulation simulation;

void run(uint64_t seeds, uint64_t pool_limit, bool resets, bool no_memory) {
    const uint64_t first = number_from_environment("ZCNET_FAULT_SEED", 1);
    seeds = number_from_environment("ZCNET_FAULT_SEEDS", seeds);
    const auto steps = static_cast<uint32_t>(number_from_environment("ZCNET_FAULT_STEPS", 600));
    uint64_t arrived = 0;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        const uint64_t block = seed % 3 == 0 ? 4096 : seed % 3 == 1 ? 16384 : 65536;
        const uint64_t limit = pool_limit == 0 ? 0 : pool_limit + block * (16 + seed % 32);
        const SimulationPlan plan = {seed, block, limit, resets, no_memory, steps};
        run_simulation(plan, &simulation);
        if (simulation.verdict.text[0] != '\0')
            fail_msg("seed %llu: %s", static_cast<unsigned long long>(seed), simulation.verdict.text);
        arrived += simulation.arrived;
    }
    assert_true(arrived > seeds * 10);
}

constexpr uint64_t reserve = 64 * 1024 + 64 * 1024;  // and a block, for one largest message

void test_all_is_well(void **) { run(150, 0, false, false); }

void test_connections_are_reset(void **) { run(150, 0, true, false); }

void test_the_pool_is_small(void **) { run(150, reserve, false, false); }

void test_memory_is_refused(void **) { run(150, 0, true, true); }

void test_everything_at_once(void **) { run(150, reserve, true, true); }

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_well),        cmocka_unit_test(test_connections_are_reset),
        cmocka_unit_test(test_the_pool_is_small),  cmocka_unit_test(test_memory_is_refused),
        cmocka_unit_test(test_everything_at_once),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
