// SPDX-License-Identifier: MIT
// Space cut into powers of two, by halves: two free halves of the same piece are that piece again at once, so that what
// came back serves every size, whatever sizes it was given out in.
//
// It hands out offsets and touches nothing of the space. For one thread at a time.
#pragma once

#include <cstdint>

namespace zcnet::memory {

class Buddies {
  public:
    static constexpr uint32_t smallest_class = 12;  // pieces of 4 KiB
    static constexpr uint64_t none = UINT64_MAX;

    // For so many bytes, a multiple of 4 KiB, at most 2^46; they need not be a power of two. False without memory.
    bool begin(uint64_t bytes) noexcept;
    void end() noexcept;

    // The offset of a free piece of 2^piece_class bytes, a multiple of its size; none: there is none. It is cut from
    // the smallest that serves.
    uint64_t take(uint32_t piece_class) noexcept;
    void give(uint64_t offset, uint32_t piece_class) noexcept;

  private:
    void tell_wholes(uint64_t node, uint32_t node_class) noexcept;

    // For each node of a tree of halves the classes of the free pieces in it, a bit each: its own where all of it is
    // free. The root is node 1, and the halves of node n are 2n and 2n + 1; what is said of the halves of one that is
    // free as a whole, or taken as a whole, means nothing.
    uint64_t *free_ = nullptr;
    uint32_t root_class_ = 0;
};

}  // namespace zcnet::memory
