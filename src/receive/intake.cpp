// SPDX-License-Identifier: MIT
#include "receive/intake.h"

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
    Block **place = &leased_;
    while (Block *block = *place) {
        if (block == current_ || block->holds != 0) {
            place = &block->lease_next;
            continue;
        }
        *place = block->lease_next;
        end_lease(block);
    }
    if (current_ == nullptr || current_->holds != 0 || cursor_ == current_->base) return;
    close_group(current_);
    if (!memory::lease_is_alone(current_)) return;
    memory::lease_begin(current_);
    cursor_ = current_->base;
}

void Intake::close() noexcept {
    current_ = nullptr;
    cursor_ = end_ = nullptr;
    while (Block *block = leased_) {
        leased_ = block->lease_next;
        end_lease(block);
    }
    cache_.give_back(pool_);
}

bool Intake::provide(uint64_t least, Purpose purpose, Status *why) noexcept {
    if (room() >= least) return true;
    Block *fresh = cache_.take(pool_, purpose, why);
    if (fresh == nullptr) return false;
    adopt(fresh);
    current_ = fresh;
    cursor_ = fresh->base;
    end_ = fresh->base + fresh->size;
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

void Intake::hold(Block *block) noexcept {
    if (block->holds++ != 0) return;
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
    for (const Block *block = leased_; block != nullptr; block = block->lease_next)
        bytes += block->kind == memory::BlockKind::block ? block->size : block->committed + sizeof(Block);
    return bytes;
}

bool Intake::only_unfinished() const noexcept {
    for (const Block *block = leased_; block != nullptr; block = block->lease_next)
        if (!memory::lease_is_alone(block) || block->handed != 0) return false;
    return true;
}

}  // namespace zcnet::receive
