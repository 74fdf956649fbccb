// SPDX-License-Identifier: MIT
// CMocka, for C++, and how scenarios are run.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
#include <cmocka.h>
}

#include "explorer/explorer.h"

namespace model {

constexpr uint64_t most_runs = 400'000'000;

// Every execution of the scenario keeps the rules. Each is explored in a process of its own, whose memory nobody used
// before.
inline void holds(const Scenario &scenario) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const Outcome outcome = explore(scenario, most_runs);
        std::fprintf(stderr, "%s: %llu executions, %llu states, %llu runs\n", scenario.name,
                     static_cast<unsigned long long>(outcome.executions),
                     static_cast<unsigned long long>(outcome.states), static_cast<unsigned long long>(outcome.runs));
        if (!outcome.held) std::fprintf(stderr, "%s\n", outcome.broken.c_str());
        _exit(outcome.held ? 0 : 1);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) assert_int_equal(errno, EINTR);
    // A seeded fault needs to be found once (mutate.py).
    if (status != 0 && std::getenv("ZCNET_MODEL_WEAKEN") != nullptr) _exit(1);
    assert_int_equal(status, 0);
}

// Runs the short tests, and with the word "all" those that take minutes too.
template <size_t shorts, size_t longs>
int run_short_or_all(const CMUnitTest (&quick)[shorts], const CMUnitTest (&thorough)[longs], int count, char **words) {
    int failed = cmocka_run_group_tests(quick, nullptr, nullptr);
    if (count > 1 && std::strcmp(words[1], "all") == 0) failed += cmocka_run_group_tests(thorough, nullptr, nullptr);
    return failed;
}

}  // namespace model
