// SPDX-License-Identifier: MIT
// The blocks of a pool, and the two stacks that free ones lie in.
#include "base/probe.h"
#include "memory/clock.h"
#include "memory/pool.h"
#include "memory/watch.h"

using zcnet::memory::Block;
using zcnet::memory::TaggedStack;

Block *zcn_pool::take_block(Purpose purpose, Status *why) noexcept {
    if (is_inherited()) {
        *why = ZCN_EFORKED;
        return nullptr;
    }
    // A warm block is charged already, but an ordinary request must leave the reserve alone. Looked at before anything
    // is popped: a block in the hand of one who is refused would be missing for a waiter's attempt.
    if (limit_ != 0 && purpose == Purpose::ordinary &&
        in_use() + block_size_ + reserve_.load(std::memory_order_relaxed) > limit_) {
        count_failure();
        *why = ZCN_ENOBUFS;
        return nullptr;
    }
    const uint32_t index = warm_.pop(*this);
    Block *block = nullptr;
    if (index != TaggedStack<>::none) {
        block = &table_[index];
    } else {
        if (!charge(block_size_, purpose)) {
            count_failure();
            *why = ZCN_ENOBUFS;
            return nullptr;
        }
        Search search(*this);
        do {
            block = find_block();
        } while (block == nullptr && search.again());
        if (block == nullptr) {
            uncharge(block_size_);
            count_failure();
            *why = ZCN_ENOMEM;
            return nullptr;
        }
    }
    take_use(block_size_);
    note_free();
    block_takes_.add(1);
    ZCNET_PROBE(pool__block, this, block->index);
    return block;
}

// One that is charged by now: none was warm.
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
    } else if (keeps_another(block_size_) || !drop_memory(block->base, block_size_)) {
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
