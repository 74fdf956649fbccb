// SPDX-License-Identifier: MIT
// What private caches show of themselves: each has a cell that it alone writes, and that others may read at any time.
//
// Cells lie in a table that stays for ever, so that whoever reads one needs no say in when its cache ends.
#pragma once

#include <atomic>
#include <cstdint>

namespace zcnet::memory {

// A pool that looks stalled is judged by these too (zcn_pool::is_stalled()), hence no figures but atomics. relaxed
// throughout: each is the cache owner's word about itself and publishes nothing; a sum over cells that others change
// meanwhile is old when it is known, whatever the order.
struct CacheCell {
    std::atomic<uint64_t> pool{0};    // number of the pool whose blocks the cache holds; 0: nobody's cell
    std::atomic<uint64_t> blocks{0};  // that the cache holds
    std::atomic<uint32_t> next{0};    // of the stack of cells that nobody has
    uint32_t index = 0;
};

// nullptr without memory: the cache is not shown then.
CacheCell *take_cell(uint64_t pool) noexcept;
void give_cell(CacheCell *cell) noexcept;

// Blocks in all private caches of a pool.
uint64_t cached_blocks(uint64_t pool) noexcept;

}  // namespace zcnet::memory
