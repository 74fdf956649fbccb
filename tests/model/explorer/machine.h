// SPDX-License-Identifier: MIT
// The memory model, as a machine: what each atomic operation may do.
//
// Each location has its writes in modification order. Each thread, and each write, has a view: for each location the
// write from which on it may read. A load reads any write that is not older than its thread's view; an acquire load
// joins the view that the write carries; a release store carries its thread's view. A read-modify-write reads a write
// that none other follows up yet, stands right behind it for ever, and carries on what that one carried (the release
// sequence of C++20: a plain store by the same thread does not). A store may take any place behind its thread's view
// that does not part such a pair.
//
// This is release/acquire and relaxed access of the repaired C++ model: happens-before, coherence, atomicity, and no
// cycle of program order and reads-from. The last is what it leaves out against the wording of the standard: a relaxed
// load that sees a store made because of it, or after it (load buffering).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explorer.h"

namespace model {

constexpr unsigned max_locations = 96;

enum class Kind : uint8_t { load, store, exchange, add, sub, bit_and, bit_or, bit_xor, bit_nand, compare };

enum class Order : uint8_t { relaxed, acquire, release, acq_rel, seq_cst };

constexpr bool acquires(Order order) { return order != Order::relaxed && order != Order::release; }
constexpr bool releases(Order order) { return order != Order::relaxed && order != Order::acquire; }

struct Operation {
    Kind kind = Kind::load;
    uint8_t size = 8;
    bool weak = false;  // compare: may fail for no reason
    Order order = Order::relaxed;
    Order failure = Order::relaxed;  // compare: the order when it fails
    uintptr_t address = 0;
    uint64_t operand = 0;
    uint64_t expected = 0;
    const void *place = nullptr;  // in the program
    [[nodiscard]] bool writes() const { return kind != Kind::load; }
    [[nodiscard]] bool is_seq_cst() const { return order == Order::seq_cst || failure == Order::seq_cst; }
};

// Operations that one cannot tell the order of.
inline bool independent(const Operation &one, const Operation &other) {
    if (one.is_seq_cst() && other.is_seq_cst()) return false;
    return one.address != other.address || (!one.writes() && !other.writes());
}

// How many of each thread's steps are known to have happened before.
struct Clock {
    uint16_t steps[max_threads] = {};
    void join(const Clock &other) {
        for (unsigned t = 0; t < max_threads; t++)
            if (steps[t] < other.steps[t]) steps[t] = other.steps[t];
    }
};

struct View {
    uint16_t write[max_locations] = {};  // index into the location's writes; 0, the first, is known to all
};

struct Write {
    uint64_t value = 0;
    uint32_t event = 0;    // whose doing: names the write in every order of execution alike
    uint16_t place = 0;    // in modification order
    bool follows = false;  // a read-modify-write: nothing comes between it and what it read
    bool carries = false;  // view and clock are worth joining
    View view;
    Clock clock;
};

struct Location {
    uintptr_t address = 0;
    uint8_t size = 0;
    std::vector<Write> writes;    // in the order of execution
    std::vector<uint16_t> order;  // modification order: indices of writes
};

struct ThreadState {
    View view;
    Clock clock;
    uint64_t history = 0;  // hash of all that the thread has seen
    uint32_t events = 0;
};

struct Step {
    uint64_t value = 0;  // what was read
    uint64_t written = 0;
    uint32_t from = 0;  // the event that wrote it
    uint32_t event = 0;
    bool wrote = false;
    bool stale = false;  // not the last in modification order
};

class Machine {
  public:
    // Picks one of `count`; the explorer's, which remembers.
    using Choose = unsigned (*)(unsigned count);

    void start(unsigned spurious);
    Step perform(unsigned thread, const Operation &operation, Choose choose);
    void forget(uintptr_t from, uintptr_t to);   // atomics there are none any more: written plainly, or given back
    [[nodiscard]] uint64_t state() const;        // a hash: alike in all orders of execution that cannot be told apart
    void note(unsigned thread, uint64_t value);  // something else that a thread has seen

    ThreadState threads[max_threads];

  private:
    struct Option {
        uint16_t write;
        bool succeeds;
    };
    [[nodiscard]] int find(const Operation &operation) const;  // -1: nobody wrote there
    unsigned locate(const Operation &operation);
    void join(View &into, const View &from) const;
    void insert(Location &location, unsigned place, Write &&write);

    std::vector<Location> locations_;
    unsigned used_ = 0;
    View sequential_;  // of all seq_cst operations so far, which are one order
    uint64_t sequential_hash_ = 0;
    uint64_t order_hash_ = 0;
    unsigned spurious_ = 0;
};

constexpr uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t x = (a ^ (b + 0x9E3779B97F4A7C15 + (a << 6) + (a >> 2))) * 0xBF58476D1CE4E5B9;
    x ^= x >> 29;
    x *= 0x94D049BB133111EB;
    return x ^ x >> 32;
}

}  // namespace model
