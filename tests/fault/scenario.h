// SPDX-License-Identifier: MIT
// A client and an echo server, each on a loop of its own, which use most of the library once: every kind of unit goes
// out, every way to pass a message on brings it back. Whatever the script fails, what was promised must hold.
#pragma once

#include "support.h"

namespace fault_test {

enum Way : uint32_t { way_pair, way_tcp, way_unix, way_count };

struct ScenarioPlan {
    Way way;
    uint64_t block_size;
    uint64_t pool_limit;  // 0: none
    const uint64_t *sizes;
    uint32_t count;    // messages, the sizes taken in turn
    int64_t patience;  // nanoseconds of the loops' clock before the scenario gives up and closes everything
};

struct Outcome {
    Verdict verdict;
    bool complete;  // every message came back, every connection ended in order
    zcn_status client_status;
    uint32_t pauses;  // for want of the pool's memory
};

const char *way_name(Way way);
void run_scenario(const ScenarioPlan &plan, Outcome *outcome);

}  // namespace fault_test
