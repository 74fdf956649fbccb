// SPDX-License-Identifier: MIT
#include "shadow.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace model {

Shadow::Cell &Shadow::cell(uintptr_t word) {
    uint32_t slot = static_cast<uint32_t>((word >> 3) * 0x9E3779B1u) % slots;
    while (cells_[slot].word != word) {
        if (cells_[slot].word == 0) {
            Cell &fresh = cells_[slot];
            fresh.word = word;
            std::memcpy(&fresh.before, reinterpret_cast<const void *>(word), 8);
            fresh.dirty = false;
            fresh.shared = false;
            used_.push_back(slot);
            if (used_.size() > slots / 2) {
                std::fprintf(stderr, "model: an execution touches too much memory\n");
                std::abort();
            }
            return fresh;
        }
        slot = (slot + 1) % slots;
    }
    return cells_[slot];
}

void Shadow::restore() {
    for (const uint32_t slot : used_) {
        Cell &cell = cells_[slot];
        if (cell.dirty) std::memcpy(reinterpret_cast<void *>(cell.word), &cell.before, 8);
        cell.word = 0;
    }
    used_.clear();
    gone_.clear();
}

void Shadow::keep(uintptr_t address, size_t size) {
    for (uintptr_t word = address & ~uintptr_t{7}; word < address + size; word += 8) cell(word).dirty = true;
}

bool Shadow::given_back(uintptr_t address, size_t size) const {
    for (const Range &range : gone_)
        if (address < range.to && address + size > range.from) return true;
    return false;
}

const char *Shadow::check(Cell &cell, unsigned thread, const Clock &clock, unsigned from, unsigned to, Access access,
                          const void *place) {
    if (!cell.shared) {
        std::memset(cell.steps, 0, sizeof cell.steps);
        cell.shared = true;
    }
    // Who is in conflict with whom: reads with writes, and atomic accesses only with plain ones.
    static constexpr bool conflicts[4][4] = {
        {false, true, false, true}, {true, true, true, true}, {false, true, false, false}, {true, true, false, false}};
    for (unsigned other = 0; other < max_threads; other++) {
        if (other == thread) continue;
        for (unsigned kind = 0; kind < 4; kind++) {
            if (!conflicts[static_cast<unsigned>(access)][kind]) continue;
            for (unsigned byte = from; byte < to; byte++)
                if (cell.steps[kind][other][byte] > clock.steps[other]) {
                    other_ = cell.places[kind][other];
                    return "a data race";
                }
        }
    }
    for (unsigned byte = from; byte < to; byte++)
        cell.steps[static_cast<unsigned>(access)][thread][byte] = clock.steps[thread];
    cell.places[static_cast<unsigned>(access)][thread] = place;
    return nullptr;
}

const char *Shadow::access(unsigned thread, const Clock &clock, uintptr_t address, size_t size, Access access,
                           const void *place) {
    other_ = nullptr;
    if (!gone_.empty() && given_back(address, size)) return "an access to memory that was given back";
    const uintptr_t end = address + size;
    for (uintptr_t word = address & ~uintptr_t{7}; word < end; word += 8) {
        Cell &at = cell(word);
        if (access == Access::write || access == Access::atomic_write) at.dirty = true;
        const unsigned from = word < address ? static_cast<unsigned>(address - word) : 0;
        const unsigned to = end - word < 8 ? static_cast<unsigned>(end - word) : 8;
        if (const char *wrong = check(at, thread, clock, from, to, access, place)) return wrong;
    }
    return nullptr;
}

const char *Shadow::give_back(unsigned thread, const Clock &clock, uintptr_t address, size_t size, const void *place) {
    other_ = nullptr;
    if (given_back(address, size)) return "memory is given back twice";
    for (const uint32_t slot : used_) {
        Cell &at = cells_[slot];
        if (at.word + 8 <= address || at.word >= address + size || !at.shared) continue;
        if (const char *wrong = check(at, thread, clock, 0, 8, Access::write, place)) return wrong;
    }
    gone_.push_back({address, address + size});
    return nullptr;
}

}  // namespace model
