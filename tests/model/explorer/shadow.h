// SPDX-License-Identifier: MIT
// What stands behind each word of memory that the explored code touches: who accessed its bytes last, to find data
// races, and what was in it before, to begin the next execution where the last one began.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "machine.h"

namespace model {

enum class Access : uint8_t { read, write, atomic_read, atomic_write };

class Shadow {
  public:
    // An access of one thread; nullptr when it is in order, else what is wrong with it. Before the access is made.
    const char *access(unsigned thread, const Clock &clock, uintptr_t address, size_t size, Access access,
                       const void *place);
    // An access outside of the threads: only what was in memory is kept.
    void keep(uintptr_t address, size_t size);
    // Memory that is given back: as a write to all that was touched there, and any later access is an error.
    const char *give_back(unsigned thread, const Clock &clock, uintptr_t address, size_t size, const void *place);
    [[nodiscard]] bool given_back(uintptr_t address, size_t size) const;
    // Puts memory back as it was, and forgets everything.
    void restore();

    // The access that the last error was in conflict with.
    [[nodiscard]] const void *other_place() const { return other_; }

  private:
    struct Cell {
        uintptr_t word = 0;
        uint64_t before = 0;
        bool dirty = false;
        bool shared = false;  // steps are in use
        const void *places[4][max_threads];
        uint16_t steps[4][max_threads][8];
    };
    struct Range {
        uintptr_t from;
        uintptr_t to;
    };

    static constexpr unsigned slots = 1 << 16;
    Cell &cell(uintptr_t word);
    const char *check(Cell &cell, unsigned thread, const Clock &clock, unsigned from, unsigned to, Access access,
                      const void *place);

    std::vector<Cell> cells_ = std::vector<Cell>(slots);
    std::vector<uint32_t> used_;
    std::vector<Range> gone_;
    const void *other_ = nullptr;
};

}  // namespace model
