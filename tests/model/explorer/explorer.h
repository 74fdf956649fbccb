// SPDX-License-Identifier: MIT
// An explorer of interleavings: runs a few threads in every order, and with every value that the C++ memory model lets
// an atomic load see, and looks at each outcome.
//
// The code that is explored is the library's own, compiled with the compiler's thread instrumentation; hooks.cpp
// stands in for the sanitizer's run time. So std::atomic itself is the checked atomic, and every plain access is
// checked for races. There are no threads: each is a fiber, and the explorer decides at each atomic operation who goes
// on (explorer.cpp) and what is read (machine.h).
//
// What is covered: release/acquire and relaxed accesses with stale reads, release sequences, stores that take an
// earlier place in the modification order than the time they were made suggests (2+2W), data races, use of memory
// that was given back. What is not: results out of thin air and load buffering (no load reads a store that comes after
// it in some order of execution; machine.h says why that is enough here). A fence that stands alone is an error.
// seq_cst is there for the litmus tests: it is a little stronger here than in the standard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

namespace model {

constexpr unsigned max_threads = 4;

struct Scenario {
    const char *name;
    void (*set_up)();                // once, alone, before all: what it leaves is where every execution begins
    void (*threads[max_threads])();  // nullptr: none
    void (*finish)();                // after each execution, when all threads have ended; sees everything
    unsigned spurious = 0;           // so many weak exchanges of an execution may fail for no reason
    bool threads_end = false;        // what was left to be done at a thread's end is done
};

struct Outcome {
    bool held = false;        // every execution was looked at and none broke a rule
    std::string broken;       // which rule was, and the execution that broke it
    uint64_t executions = 0;  // that came to their end
    uint64_t states = 0;      // different ones between two operations
    uint64_t runs = 0;        // executions, and beginnings that led to a state seen before
    std::set<uint64_t> seen;  // what finish() noted
};

// Explores a scenario. More than `most_runs` is an outcome that does not hold: nothing is left out in silence.
Outcome explore(const Scenario &scenario, uint64_t most_runs);

// For scenarios.
void require(bool holds, const char *what) noexcept;           // ends the exploration when it does not hold
unsigned choose(unsigned count) noexcept;                      // explores each number below `count`
unsigned this_thread() noexcept;                               // 0 …; only in a thread
void each_thread_has(void *variable, size_t size) noexcept;    // in set_up: a thread_local variable of explored code
uint64_t memory_in_use() noexcept;                             // bytes that os::map and os::allocate gave
void no_more_memory() noexcept;                                // in set_up: they give none from then on
void note(uint64_t outcome) noexcept;                          // in finish: an outcome that is possible
void at_thread_end(void (*run)(void *), void *with) noexcept;  // of this thread; replaces what was said before

#define MODEL_REQUIRE(condition) ::model::require((condition), #condition)

}  // namespace model
