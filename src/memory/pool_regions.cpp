// SPDX-License-Identifier: MIT
// Memory of a pool that is no block: regions for single large messages, and heap blocks of odd sizes.
#include <algorithm>
#include <bit>
#include <new>

#include "base/checked.h"
#include "memory/pool.h"
#include "memory/thread_memory.h"
#include "memory/watch.h"
#include "os/os.h"

using zcnet::memory::Block;
using zcnet::memory::BlockKind;
using zcnet::memory::Purpose;
using zcnet::memory::TaggedStack;

namespace {

uint32_t region_class(uint64_t size) noexcept {
    const uint64_t at_least = size < zcnet::memory::smallest_region ? zcnet::memory::smallest_region : size;
    return static_cast<uint32_t>(std::bit_width(at_least - 1));
}

}  // namespace

Block *zcn_pool::take_region(uint64_t size, uint64_t first, Purpose purpose, Status *why) noexcept {
    if (size > zcnet::memory::largest_region) return refuse(ZCN_ENOMEM, why);
    if (is_inherited()) {
        *why = ZCN_EFORKED;
        return nullptr;
    }
    const uint32_t shape = region_class(size);
    const uint64_t needed = std::min(zcnet::round_up(first, zcnet::memory::region_step), uint64_t{1} << shape);
    // All that is needed at once is charged before anything is taken, so that a refusal gives nothing back and wakes
    // nobody. One byte stands for the region itself, so that it is in use even before anything of it is.
    if (!charge(needed + 1, purpose)) return refuse(ZCN_ENOBUFS, why);
    uint32_t index = regions_[shape].pop(*this);
    if (index != TaggedStack<>::none) {
        Block *region = &table_[index];
        // What a recycled one has resident is charged already. It may be more than is needed, and others may have come
        // to what is left of it by now.
        const uint64_t more = std::max(region->committed, needed) - needed;
        if (more == 0 || !spares_reserve(purpose) || claim_use(more)) {
            if (zcnet::memory::watched()) zcnet::memory::show(region->base, region->size);
            uncharge(std::min(region->committed, needed));
            region->committed = needed + more;
            use_charged(region->committed + 1, purpose);
            region_bytes_.add(region->committed);
            region_takes_.add(1);
            return region;
        }
        drop_region(region);
        wake_if_waited();
    }
    index = spare_entries_.pop(*this);
    if (index == TaggedStack<>::none && !table_.reserve(1, &index)) {
        give_up_charged(needed + 1, purpose);
        return refuse(ZCN_ENOMEM, why);
    }
    Block *region = &table_[index];
    region->kind = BlockKind::region;
    region->index = index;
    region->pool = this;
    region->size = uint64_t{1} << shape;
    region->committed = needed;
    Search search(*this);
    do {
        region->base = static_cast<uint8_t *>(map_memory(region->size, region->size >= zcnet::memory::huge_page_bytes
                                                                           ? zcnet::memory::huge_page_bytes
                                                                           : zcnet::memory::smallest_region));
    } while (region->base == nullptr && search.again());
    if (region->base == nullptr) {
        region->committed = 0;
        spare_entries_.push(*this, index);
        give_up_charged(needed + 1, purpose);
        return refuse(ZCN_ENOMEM, why);
    }
    use_charged(needed + 1, purpose);
    region_bytes_.add(needed);
    region_takes_.add(1);
    return region;
}

bool zcn_pool::commit_region(Block *region, uint64_t bytes, Purpose purpose) noexcept {
    if (bytes <= region->committed) return true;
    const uint64_t target = zcnet::round_up(bytes, zcnet::memory::region_step);
    const uint64_t more = (target < region->size ? target : region->size) - region->committed;
    if (!charge(more, purpose)) {
        count_failure();
        return false;
    }
    use_charged(more, purpose);
    region_bytes_.add(more);
    region->committed += more;
    return true;
}

// Unmaps a free region and keeps its table entry. The caller has taken it off its stack.
void zcn_pool::drop_region(Block *region) noexcept {
    unmap_memory(region->base, region->size);
    charged_.fetch_sub(region->committed, std::memory_order_relaxed);
    region->base = nullptr;
    region->committed = 0;
    spare_entries_.push(*this, region->index);
}

void zcn_pool::give_region(Block *region) noexcept {
    const uint64_t bytes = region->committed;
    region_bytes_.subtract(bytes);
    // A region that is far larger than what came in is not kept: its next user would inherit the address space.
    if (zcnet::memory::watched() && zcnet::memory::poisoned()) {
        // Not used again, and not unmapped: something else would come to lie there.
        hide(region->base, bytes);
        charged_.fetch_sub(bytes, std::memory_order_relaxed);
    } else if (bytes != 0 && keeps_another(bytes)) {
        if (zcnet::memory::watched()) hide(region->base, bytes);
        regions_[region_class(region->size)].push(*this, region->index);
    } else {
        drop_region(region);
    }
    charged_.fetch_sub(1, std::memory_order_relaxed);
    look_after();
    give_use(bytes + 1);
}

Block *zcn_pool::take_heap(uint64_t size, Purpose purpose, Status *why) noexcept {
    if (is_inherited()) {
        *why = ZCN_EFORKED;
        return nullptr;
    }
    const bool own = source_.allocate != nullptr;
    uint64_t total = 0;
    if (own && size <= zcnet::memory::largest_region) size = zcnet::memory::source_bytes(size);
    if (size > zcnet::memory::largest_region || !zcnet::add_fits(size, sizeof(Block), &total) ||
        !charge(total, purpose))
        return refuse(ZCN_ENOBUFS, why);
    Block *block = own ? make_from_source(size) : make_on_heap(size);
    if (block == nullptr) {
        give_up_charged(total, purpose);
        return refuse(ZCN_ENOMEM, why);
    }
    block->kind = BlockKind::heap;
    block->pool = this;
    block->size = size;
    use_charged(total, purpose);
    return block;
}

// One piece of the heap for the descriptor and the bytes.
Block *zcn_pool::make_on_heap(uint64_t size) noexcept {
    // The descriptor is aligned to its cache lines, which malloc does not promise: it stands behind the padding.
    void *memory = zcnet::os::allocate(sizeof(Block) + alignof(Block) + size);
    if (memory == nullptr) return nullptr;
    const auto start = zcnet::round_up(reinterpret_cast<uintptr_t>(memory), alignof(Block));
    auto *block = new (reinterpret_cast<void *>(start)) Block();
    block->base = reinterpret_cast<uint8_t *>(start) + sizeof(Block);
    block->committed = start - reinterpret_cast<uintptr_t>(memory);
    return block;
}

// The bytes from the program's source, the descriptor from our own memory.
Block *zcn_pool::make_from_source(uint64_t size) noexcept {
    auto *block = zcnet::memory::make_object<Block>();
    if (block == nullptr) return nullptr;
    Search search(*this);
    do {
        block->base = static_cast<uint8_t *>(map_memory(size, zcnet::memory::smallest_source));
    } while (block->base == nullptr && search.again());
    if (block->base != nullptr) return block;
    zcnet::memory::destroy_object(block);
    return nullptr;
}

void zcn_pool::give_heap(Block *block) noexcept {
    const uint64_t total = block->size + sizeof(Block);
    if (source_.allocate != nullptr) {
        unmap_memory(block->base, block->size);
        zcnet::memory::destroy_object(block);
    } else {
        if (zcnet::memory::watched()) zcnet::memory::let_go(block->base, block->size);
        void *memory = reinterpret_cast<uint8_t *>(block) - block->committed;
        block->~Block();
        zcnet::os::deallocate(memory);
    }
    charged_.fetch_sub(total, std::memory_order_relaxed);
    give_use(total);
}

uint64_t zcn_pool::drop_free_regions(uint64_t most) noexcept {
    uint64_t dropped = 0;
    for (auto &stack : regions_) {
        while (dropped < most) {
            const uint32_t index = stack.pop(*this);
            if (index == TaggedStack<>::none) break;
            dropped += table_[index].committed;
            drop_region(&table_[index]);
        }
    }
    return dropped;
}
