// SPDX-License-Identifier: MIT
// The blocks of a pool: slabs, and the two stacks that free blocks lie in.
#include "memory/pool.h"
#include "os/os.h"

using zcnet::memory::Block;
using zcnet::memory::BlockKind;
using zcnet::memory::TaggedStack;

namespace {

constexpr uint64_t huge_from = 8 << 20;

}  // namespace

Block *zcn_pool::new_slab() noexcept {
    const auto blocks = static_cast<uint32_t>(slab_size_ / block_size_);
    void *memory = zcnet::os::map(slab_size_, zcnet::memory::huge_page_bytes);
    if (memory == nullptr) return nullptr;
    uint32_t first = 0;
    if (!table_.reserve(blocks, &first)) {
        zcnet::os::unmap(memory, slab_size_);
        return nullptr;
    }
    const bool large = charged_.load(std::memory_order_relaxed) >= huge_from;
    if (huge_pages_ == 2 || (huge_pages_ == 0 && large)) zcnet::os::ask_huge_pages(memory, slab_size_);
    slabs_.add(1);
    for (uint32_t i = 0; i < blocks; i++) {
        Block &block = table_[first + i];
        block.index = first + i;
        block.base = static_cast<uint8_t *>(memory) + i * block_size_;
        block.size = block_size_;
        block.pool = this;
        block.kind = BlockKind::block;
        block.slab_first = i == 0;
    }
    // The first is the caller's; the others go to the cold stack in an order that hands out rising addresses.
    if (blocks > 1) {
        for (uint32_t i = 1; i + 1 < blocks; i++) link(first + i).store(first + i + 2, std::memory_order_relaxed);
        cold_.push(*this, first + 1, first + blocks - 1);
    }
    return &table_[first];
}

Block *zcn_pool::take_block(Purpose purpose, Status *why) noexcept {
    uint32_t index = warm_.pop(*this);
    Block *block = nullptr;
    if (index != TaggedStack<>::none) {
        // A warm block is charged already, but an ordinary request must leave the reserve alone.
        const uint64_t reserve = reserve_.load(std::memory_order_relaxed);
        if (limit_ != 0 && purpose == Purpose::ordinary && in_use() + block_size_ + reserve > limit_) {
            warm_.push(*this, index);
            count_failure();
            *why = ZCN_ENOBUFS;
            return nullptr;
        }
        block = &table_[index];
    } else {
        if (!charge(block_size_, purpose)) {
            count_failure();
            *why = ZCN_ENOBUFS;
            return nullptr;
        }
        index = cold_.pop(*this);
        block = index != TaggedStack<>::none ? &table_[index] : new_slab();
        if (block == nullptr) {
            charged_.fetch_sub(block_size_, std::memory_order_relaxed);
            count_failure();
            *why = ZCN_ENOMEM;
            return nullptr;
        }
    }
    take_use(block_size_);
    block_takes_.add(1);
    return block;
}

void zcn_pool::give_block(Block *block) noexcept {
    if (keeps_another(block_size_)) {
        warm_.push(*this, block->index);
    } else {
        zcnet::os::drop_pages(block->base, block->size);
        charged_.fetch_sub(block_size_, std::memory_order_relaxed);
        cold_.push(*this, block->index);
    }
    give_use(block_size_);
}

uint64_t zcn_pool::drop_free_blocks() noexcept {
    uint64_t dropped = 0;
    // Bounded: blocks that others give back meanwhile are theirs to trim.
    for (uint32_t left = table_.size(); left > 0; left--) {
        const uint32_t index = warm_.pop(*this);
        if (index == TaggedStack<>::none) break;
        zcnet::os::drop_pages(table_[index].base, block_size_);
        charged_.fetch_sub(block_size_, std::memory_order_relaxed);
        cold_.push(*this, index);
        dropped += block_size_;
    }
    return dropped;
}

uint64_t zcn_pool::trim() noexcept { return drop_free_regions() + drop_free_blocks(); }
