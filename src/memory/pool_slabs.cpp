// SPDX-License-Identifier: MIT
// The slabs of a pool: how memory comes from the system or the program's source, and how it goes back.
#include <algorithm>

#include "memory/clock.h"
#include "memory/pool.h"
#include "memory/watch.h"
#include "os/os.h"

using zcnet::memory::Block;
using zcnet::memory::BlockKind;
using zcnet::memory::TaggedStack;

namespace {

constexpr uint64_t huge_from = 8 << 20;

}  // namespace

void *zcn_pool::map_memory(uint64_t size, uint64_t alignment) noexcept {
    if (source_.allocate == nullptr) return zcnet::os::map(size, alignment);
    return source_.allocate(source_.context, size, alignment);
}

void zcn_pool::hide(const void *data, uint64_t size) const noexcept {
    if (!is_inherited()) zcnet::memory::hide(data, size);
}

void zcn_pool::unmap_memory(void *memory, uint64_t size) noexcept {
    if (zcnet::memory::watched()) zcnet::memory::let_go(memory, size);
    if (source_.allocate == nullptr) {
        zcnet::os::unmap(memory, size);
    } else if (!is_inherited()) {
        source_.free(source_.context, memory, size);
    }
}

bool zcn_pool::drop_memory(void *memory, uint64_t size) noexcept {
    if (source_.allocate == nullptr) {
        zcnet::os::drop_pages(memory, size);
        return true;
    }
    if (is_inherited()) return false;
    const bool kept = source_.drop == nullptr || source_.drop(source_.context, memory, size) != 0;
    // relaxed: what it says of pages that were asked for is all there is to know.
    if (kept != keeps_pages_.load(std::memory_order_relaxed)) keeps_pages_.store(kept, std::memory_order_relaxed);
    return !kept;
}

void zcn_pool::ask_huge_pages(void *memory, uint64_t size) noexcept {
    // What a source gives is of the kind that the program wants.
    if (huge_pages_ == 1 || source_.allocate != nullptr) return;
    if (huge_pages_ == 0 && charged_.load(std::memory_order_relaxed) < huge_from) return;
    if (zcnet::os::ask_huge_pages(memory, size)) {
        huge_bytes_.add(size);
    } else {
        huge_refused_bytes_.add(size);
    }
}

Block *zcn_pool::new_slab() noexcept {
    const auto blocks = static_cast<uint32_t>(slab_size_ / block_size_);
    Hand hand(*this);
    void *memory = map_memory(slab_size_, zcnet::memory::huge_page_bytes);
    if (memory == nullptr) {
        hand.was_empty();
        return nullptr;
    }
    uint32_t first = spare_slabs_.pop(*this);
    if (first == TaggedStack<>::none && !table_.reserve(blocks, &first)) {
        unmap_memory(memory, slab_size_);
        hand.was_empty();
        return nullptr;
    }
    ask_huge_pages(memory, slab_size_);
    slabs_.add(1);
    for (uint32_t i = 0; i < blocks; i++) {
        Block &block = table_[first + i];
        block.index = first + i;
        block.slab = first;
        block.base = static_cast<uint8_t *>(memory) + i * block_size_;
        block.size = block_size_;
        block.pool = this;
        block.kind = BlockKind::block;
        block.slab_first = i == 0;
        block.slab_retired.store(0, std::memory_order_relaxed);
    }
    // The first is the caller's; the others go to the cold stack in an order that hands out rising addresses.
    if (blocks > 1) {
        for (uint32_t i = 1; i + 1 < blocks; i++) link(first + i).store(first + i + 2, std::memory_order_relaxed);
        cold_.push(*this, first + 1, first + blocks - 1);
    }
    return &table_[first];
}

// What one stack of free blocks holds, in the order of the stack.
template <class Each>
void zcn_pool::for_chain(uint32_t first, Each &&each) noexcept {
    for (uint32_t index = first; index != TaggedStack<>::none;) {
        // relaxed: the chain is the caller's alone. The link is read first: `each` may use it.
        const uint32_t next = link(index).load(std::memory_order_relaxed);
        each(index);
        index = next == 0 ? TaggedStack<>::none : next - 1;
    }
}

// Gives slabs back whose blocks are all free.
uint64_t zcn_pool::reclaim_slabs(bool for_block) noexcept {
    constexpr uint64_t needs_block = uint64_t{1} << 32;
    // One at a time: two would each hold a part of a slab's blocks, and count in the same place. Whoever comes
    // meanwhile leaves it to the one who is at it. release: what was free for the one who leaves it is found. It need
    // not acquire: what the last one counted in has come back through the stacks.
    const uint64_t mine = for_block ? needs_block + 1 : 1;
    if (reclaiming_.fetch_add(mine, std::memory_order_release) != 0) return 0;
    uint64_t uncharged = 0;
    bool missed = false;
    for (uint64_t asked = mine; asked != 0;) {
        uncharged += reclaim_once();
        // acquire: as above. release: who needs a block, and comes next, finds those that were in our hand.
        asked = reclaiming_.fetch_sub(asked, std::memory_order_acq_rel) - asked;
        missed = missed || asked >= needs_block;
    }
    // The block that was missed may have been in our hand.
    if (missed) wake_if_waited();
    return uncharged;
}

// While it works the stacks look empty, and who takes a block meanwhile takes it from another slab, or waits for it.
uint64_t zcn_pool::reclaim_once() noexcept {
    const uint32_t chains[] = {warm_.pop_all(), cold_.pop_all()};
    TaggedStack<> *const stacks[] = {&warm_, &cold_};
    uint64_t uncharged = 0;
    if (ends_by_slabs()) {
        for (uint32_t k = 0; k < 2; k++) {
            for_chain(chains[k], [&](uint32_t index) {
                if (k == 0) uncharged += block_size_;
                retire(index);
            });
        }
        charged_.fetch_sub(uncharged, std::memory_order_relaxed);
        return uncharged;
    }
    const auto blocks = static_cast<uint32_t>(slab_size_ / block_size_);
    for (const uint32_t chain : chains)
        for_chain(chain, [&](uint32_t index) { table_[table_[index].slab].slab_free = 0; });
    for (const uint32_t chain : chains)
        for_chain(chain, [&](uint32_t index) { table_[table_[index].slab].slab_free++; });
    uint32_t empty = 0;  // list of empty slabs, by the links of their first blocks, index + 1
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t first = TaggedStack<>::none;
        uint32_t last = TaggedStack<>::none;
        for_chain(chains[k], [&](uint32_t index) {
            if (table_[table_[index].slab].slab_free == blocks) {
                if (k == 0) uncharged += block_size_;
                if (table_[index].slab == index) {
                    link(index).store(empty, std::memory_order_relaxed);
                    empty = index + 1;
                }
                return;
            }
            if (first == TaggedStack<>::none) {
                first = index;
            } else {
                link(last).store(index + 1, std::memory_order_relaxed);
            }
            last = index;
        });
        if (first != TaggedStack<>::none) stacks[k]->push(*this, first, last);
    }
    for_chain(empty == 0 ? TaggedStack<>::none : empty - 1, [&](uint32_t index) { drop_slab(index); });
    charged_.fetch_sub(uncharged, std::memory_order_relaxed);
    return uncharged;
}

// Unmaps a slab whose blocks are all free, and in no stack.
void zcn_pool::drop_slab(uint32_t first) noexcept {
    Block &slab = table_[first];
    unmap_memory(slab.base, slab_size_);
    slab.base = nullptr;
    slab.slab_first = false;
    slabs_.subtract(1);
    spare_slabs_.push(*this, first);
}

// The pool is closed, and its source takes nothing but whole slabs: a free block goes into no stack any more, but waits
// for the others of its slab.
bool zcn_pool::ends_by_slabs() const noexcept {
    return source_.allocate != nullptr && source_.drop == nullptr && closed();
}

void zcn_pool::retire(uint32_t index) noexcept {
    const uint32_t first = table_[index].slab;
    const auto blocks = static_cast<uint32_t>(slab_size_ / block_size_);
    // acq_rel: whoever comes with the last block has seen what others did with theirs.
    if (table_[first].slab_retired.fetch_add(1, std::memory_order_acq_rel) + 1 == blocks) drop_slab(first);
}

uint64_t zcn_pool::trim() noexcept {
    uint64_t dropped = 0;
    {
        const Hand hand(*this);
        dropped = drop_free_regions(UINT64_MAX) + drop_free_blocks(UINT64_MAX) + reclaim_slabs();
    }
    wake_if_waited();
    return dropped;
}

// The policy of what is kept free, and for how long: what no request needed for a whole period goes back at its end.

void zcn_pool::note_free() noexcept {
    if (keep_ticks_ == 0) return;
    const uint64_t free = free_bytes();
    // relaxed: an estimate that steers caching.
    uint64_t least = least_free_.load(std::memory_order_relaxed);
    while (free < least && !least_free_.compare_exchange_weak(least, free, std::memory_order_relaxed)) {
    }
}

bool zcn_pool::period_over(uint32_t now) noexcept {
    // relaxed: only who ends the period matters.
    uint32_t began = period_.load(std::memory_order_relaxed);
    return now - began >= keep_ticks_ && period_.compare_exchange_strong(began, now, std::memory_order_relaxed);
}

void zcn_pool::drop_surplus() noexcept {
    const uint64_t free = free_bytes();
    const uint64_t surplus = std::min(least_free_.exchange(free, std::memory_order_relaxed), free);
    if (surplus == 0) return;
    const Hand hand(*this);
    uint64_t dropped = drop_free_blocks(surplus);
    if (dropped < surplus) dropped += drop_free_regions(surplus - dropped);
    dropped += reclaim_slabs();
    // What went is free no more. Requests may have found less meanwhile.
    uint64_t least = least_free_.load(std::memory_order_relaxed);
    while (!least_free_.compare_exchange_weak(least, least - std::min(dropped, least), std::memory_order_relaxed)) {
    }
}

void zcn_pool::look_after() noexcept {
    if (keep_ticks_ == 0 || !period_over(zcnet::memory::ticks())) return;
    drop_surplus();
    wake_if_waited();
}
