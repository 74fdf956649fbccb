// SPDX-License-Identifier: MIT
#include "receive/intake.h"

#include <algorithm>

#include "receive/view.h"

namespace zcnet::receive {

void Intake::end_lease(Block *block) noexcept {
    block->listed = false;
    close_group(block);
    // Without a reference outside, the block comes back to the loop's own cache, with no atomic exchange.
    if (block->kind == memory::BlockKind::block && memory::lease_is_alone(block)) {
        block->count.store(0, std::memory_order_relaxed);
        cache_.give(pool_, block);
        return;
    }
    memory::lease_end(block);
}

void Intake::begin_batch() noexcept {
    if (memory::watched() && memory::poisoned() && current_ != nullptr && current_->holds == 0) {
        current_ = nullptr;
        cursor_ = end_ = after_ = nullptr;
    }
    Block **place = &leased_;
    while (Block *block = *place) {
        if (block == current_ || block->holds != 0) {
            place = &block->lease_next;
            if (block == current_) continue;
            close_group(block);
            if (memory::lease_is_alone(block)) memory::lease_renew(block);
            continue;
        }
        *place = block->lease_next;
        end_lease(block);
    }
    if (current_ == nullptr) return;
    close_group(current_);
    if (memory::lease_is_alone(current_)) start_over();
}

// The current block is written from its start again, round what windows keep in it: so a flow that cuts a message with
// every read stays in the same memory, which is warm.
void Intake::start_over() noexcept {
    memory::lease_renew(current_);
    uint8_t *const block_end = current_->base + current_->size;
    cursor_ = current_->base;
    end_ = block_end;
    after_ = nullptr;
    if (current_->holds == 0) {
        if (memory::watched()) memory::show(cursor_, room());
        return;
    }
    const auto before = static_cast<uint64_t>(current_->kept_begin - current_->base);
    const auto behind = static_cast<uint64_t>(block_end - current_->kept_end);
    if (before >= std::min(current_->size / 4, behind)) {
        end_ = current_->kept_begin;
        after_ = current_->kept_end;
    } else {
        cursor_ = current_->kept_end;
    }
    if (memory::watched()) memory::show(cursor_, room());
}

void Intake::close() noexcept {
    current_ = nullptr;
    cursor_ = end_ = after_ = nullptr;
    while (Block *block = leased_) {
        leased_ = block->lease_next;
        end_lease(block);
    }
    cache_.give_back(pool_);
}

bool Intake::provide(uint64_t least, Purpose purpose, Status *why) noexcept {
    if (room() >= least) return true;
    if (after_ != nullptr && static_cast<uint64_t>(current_->base + current_->size - after_) >= least) {
        cursor_ = after_;
        end_ = current_->base + current_->size;
        after_ = nullptr;
        if (memory::watched()) memory::show(cursor_, room());
        return true;
    }
    Block *fresh = cache_.take(pool_, purpose, why);
    if (fresh == nullptr) return false;
    adopt(fresh);
    current_ = fresh;
    cursor_ = fresh->base;
    end_ = fresh->base + fresh->size;
    after_ = nullptr;
    return true;
}

void Intake::adopt(Block *block) noexcept {
    memory::lease_begin(block);
    block->listed = true;
    block->lease_next = leased_;
    leased_ = block;
}

void Intake::unhold(Block *block) noexcept {
    if (--block->holds != 0) return;
    held_blocks_--;
    held_bytes_ -= block->held_bytes;
}

void Intake::hold(Block *block, uint8_t *begin, uint8_t *end) noexcept {
    if (block->holds++ != 0) {
        block->kept_begin = std::min(block->kept_begin, begin);
        reach(block, end);
        return;
    }
    block->kept_begin = begin;
    block->kept_end = end;
    held_blocks_++;
    block->held_bytes = block->kind == memory::BlockKind::region ? block->committed : block->size;
    held_bytes_ += block->held_bytes;
}

void Intake::disown(Block *block) noexcept {
    for (Block **place = &leased_; *place != nullptr; place = &(*place)->lease_next) {
        if (*place != block) continue;
        *place = block->lease_next;
        block->listed = false;
        return;
    }
}

uint64_t Intake::leased_bytes() const noexcept {
    uint64_t bytes = 0;
    for (const Block *block = leased_; block != nullptr; block = block->lease_next) bytes += memory::charged_use(block);
    return bytes;
}

bool Intake::only_unfinished() const noexcept {
    for (const Block *block = leased_; block != nullptr; block = block->lease_next)
        if (!memory::lease_is_alone(block) || block->handed != 0) return false;
    return true;
}

}  // namespace zcnet::receive
