// SPDX-License-Identifier: MIT
#include "memory/cache_cell.h"

#include "memory/directory.h"
#include "memory/tagged_stack.h"

namespace zcnet::memory {

namespace {

struct Cells {
    Directory<CacheCell, 256, 4096> table;
    std::atomic<uint32_t> &link(uint32_t index) noexcept { return table[index].next; }
};

constinit Cells cells;
constinit TaggedStack<> spare_cells;

}  // namespace

CacheCell *take_cell(uint64_t pool) noexcept {
    uint32_t index = spare_cells.pop(cells);
    if (index == TaggedStack<>::none) {
        if (!cells.table.reserve(1, &index)) return nullptr;
        cells.table[index].index = index;
    }
    CacheCell *cell = &cells.table[index];
    cell->blocks.store(0, std::memory_order_relaxed);
    cell->pool.store(pool, std::memory_order_relaxed);
    return cell;
}

void give_cell(CacheCell *cell) noexcept {
    cell->pool.store(0, std::memory_order_relaxed);
    spare_cells.push(cells, cell->index);
}

uint64_t cached_blocks(uint64_t pool) noexcept {
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < cells.table.size(); i++) {
        const CacheCell *cell = cells.table.find(i);
        if (cell != nullptr && cell->pool.load(std::memory_order_relaxed) == pool)
            blocks += cell->blocks.load(std::memory_order_relaxed);
    }
    return blocks;
}

}  // namespace zcnet::memory
