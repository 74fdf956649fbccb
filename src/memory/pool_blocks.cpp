// SPDX-License-Identifier: MIT
// The blocks of a pool, and the two stacks that free ones lie in.
#include "base/probe.h"
#include "memory/clock.h"
#include "memory/pool.h"
#include "memory/watch.h"

using zcnet::memory::Block;
using zcnet::memory::TaggedStack;

inline Block *zcn_pool::note_take(Block *block) noexcept {
    note_free();
    block_takes_.add(1);
    ZCNET_PROBE(pool__block, this, block->index);
    return block;
}

Block *zcn_pool::take_block(Purpose purpose, Status *why) noexcept {
    if (is_inherited()) {
        *why = ZCN_EFORKED;
        return nullptr;
    }
    if (spares_reserve(purpose)) return take_beside_reserve(why);
    const uint32_t index = warm_.pop(*this);
    if (index == TaggedStack<>::none) return take_fresh(purpose, why);
    take_use(block_size_);
    return note_take(&table_[index]);
}

// A warm block is charged already, but an ordinary request must leave the reserve alone.
Block *zcn_pool::take_beside_reserve(Status *why) noexcept {
    // Looked at before anything is popped: a block in the hand of one who is refused would be missing for a waiter's
    // attempt.
    if (!leaves(in_use(), block_size_)) return refuse(ZCN_ENOBUFS, why);
    const uint32_t index = warm_.pop(*this);
    if (index == TaggedStack<>::none) return take_fresh(Purpose::ordinary, why);
    if (!claim_use(block_size_)) {
        // Others have taken what was left since. Whoever missed this block meanwhile is woken; one who was refused here
        // and waits sees at his next look that they have, so that nobody wakes himself for ever.
        warm_.push(*this, index);
        wake_if_waited();
        return refuse(ZCN_ENOBUFS, why);
    }
    return note_take(&table_[index]);
}

// None was warm.
Block *zcn_pool::take_fresh(Purpose purpose, Status *why) noexcept {
    if (!charge(block_size_, purpose)) return refuse(ZCN_ENOBUFS, why);
    Search search(*this);
    Block *block = nullptr;
    do {
        block = find_block();
    } while (block == nullptr && search.again());
    if (block == nullptr) {
        give_up_charged(block_size_, purpose);
        return refuse(ZCN_ENOMEM, why);
    }
    use_charged(block_size_, purpose);
    return note_take(block);
}

// One that is charged by now.
Block *zcn_pool::find_block() noexcept {
    uint32_t index = cold_.pop(*this);
    if (index != TaggedStack<>::none) return &table_[index];
    if (Block *fresh = new_slab()) return fresh;
    if (source_.allocate == nullptr || (index = warm_.pop(*this)) == TaggedStack<>::none) return nullptr;
    // What is warm is charged already.
    uncharge(block_size_);
    return &table_[index];
}

uint32_t zcn_pool::take_more(Block **blocks, uint32_t most) noexcept {
    // Near a limit every block is somebody's next one.
    if (most == 0 || limit_ != 0) return 0;
    uint32_t count = 0;
    uint32_t index = warm_.pop_some(*this, most, &count);
    for (uint32_t i = 0; i < count; i++) {
        blocks[i] = &table_[index];
        if (i + 1 < count) index = blocks[i]->next.load(std::memory_order_relaxed) - 1;
    }
    if (count == 0) return 0;
    take_use(count * block_size_);
    note_free();
    return count;
}

void zcn_pool::give_block(Block *block) noexcept {
    const bool watched = zcnet::memory::watched();
    if (watched) hide(block->base, block_size_);
    if (watched && zcnet::memory::poisoned()) {
        // Not used again: whoever still looks at it is found.
        charged_.fetch_sub(block_size_, std::memory_order_relaxed);
    } else if (keeps_another(block_size_)) {
        warm_.push(*this, block->index);
    } else if (ends_by_slabs()) {
        charged_.fetch_sub(block_size_, std::memory_order_relaxed);
        retire(block->index);
    } else if (!drop_memory(block->base, block_size_)) {
        warm_.push(*this, block->index);
    } else {
        charged_.fetch_sub(block_size_, std::memory_order_relaxed);
        cold_.push(*this, block->index);
    }
    look_after();
    give_use(block_size_);
}

uint64_t zcn_pool::drop_free_blocks(uint64_t most) noexcept {
    uint64_t dropped = 0;
    // A source that has kept the last one is not tried with another.
    if (keeps_pages_.load(std::memory_order_relaxed)) return 0;
    // Bounded: blocks that others give back meanwhile are theirs to trim.
    for (uint32_t left = table_.size(); left > 0 && most - dropped >= block_size_; left--) {
        const uint32_t index = warm_.pop(*this);
        if (index == TaggedStack<>::none) break;
        if (!drop_memory(table_[index].base, block_size_)) {
            warm_.push(*this, index);
            wake_if_waited();
            break;
        }
        charged_.fetch_sub(block_size_, std::memory_order_relaxed);
        cold_.push(*this, index);
        dropped += block_size_;
    }
    return dropped;
}
