// SPDX-License-Identifier: MIT
// Where the rest of an unfinished message finds room: where it lies, or, copied, in memory that has enough for all of
// it.
#include "base/checked.h"
#include "receive/window.h"

namespace zcnet::receive {

using memory::BlockKind;

namespace {

// A body in a region starts at a page, whatever its header: programs that read it in place are glad of it.
constexpr uint64_t body_alignment = 4096;

uint64_t body_lead(const framing::Rule &rule) noexcept {
    return round_up(rule.hide_head, body_alignment) - rule.hide_head;
}

}  // namespace

// Keeps the space behind the range for the rest of its message, if that fits the block and nobody has it.
bool Window::keep_place(Intake &intake) noexcept {
    if (need_ == 0 || block_ != intake.block() || intake.cursor() != end_) return false;
    if (need_ - distance() > intake.room()) return false;
    limit_ = begin_ + need_;
    Intake::reach(block_, limit_);
    intake.set_cursor(limit_);
    return true;
}

Status Window::make_room(Intake &intake, const framing::Rule &rule, Purpose purpose) noexcept {
    const uint64_t have = distance();
    if (need_ != 0) {
        if (keep_place(intake)) return ZCN_OK;
        if (block_->kind == BlockKind::heap) {
            if (end_ < limit_) return ZCN_OK;
            const uint64_t capacity = std::min(need_, have * 2);
            if (capacity <= intake.pool()->block_size() / 2) return move_to_heap(intake, capacity, purpose);
        }
        return move_to(intake, rule, need_, purpose);
    }
    // A delimiter tells no size beforehand: grow in place, or by doubling.
    if (block_->kind == BlockKind::region && limit_ < block_->base + block_->size) {
        limit_ = block_->base + block_->size;
        Intake::reach(block_, limit_);
        return ZCN_OK;
    }
    if (block_ == intake.block() && intake.cursor() == end_ && intake.room() >= 256) {
        limit_ = end_ + intake.room();
        Intake::reach(block_, limit_);
        intake.set_cursor(limit_);
        return ZCN_OK;
    }
    const uint64_t most = rule.max == 0 ? have * 2 : std::max(rule.max, have + 1);
    if (block_->kind == BlockKind::heap && have * 2 <= intake.pool()->block_size() / 2)
        return move_to_heap(intake, std::min(most, have * 2), purpose);
    const uint64_t least = std::min<uint64_t>(4096, intake.pool()->block_size() / 2);
    return move_to(intake, rule, std::min(most, std::max(have * 4, least)), purpose);
}

bool Window::compact(const framing::Rule &rule) noexcept {
    if (block_ == nullptr || block_->kind != BlockKind::region || undelivered_) return false;
    uint8_t *const start = block_->base + body_lead(rule);
    if (begin_ <= start || block_->handed != 0 || !memory::lease_is_alone(block_)) return false;
    const uint64_t have = distance();
    if (memory::watched()) memory::show(start, static_cast<uint64_t>(begin_ - start));
    std::memmove(start, begin_, have);
    copied.moved += have;
    uint8_t *const whole =
        need_ != 0 && need_ <= static_cast<uint64_t>(block_->base + block_->size - start) ? start + need_ : limit_;
    begin_ = start;
    end_ = start + have;
    limit_ = std::max(whole, end_);
    block_->kept_begin = begin_;
    Intake::reach(block_, limit_);
    cut_ = false;
    return true;
}

// Moves what there is of a message to where `whole` bytes have room; also out of the stash.
Status Window::move_to(Intake &intake, const framing::Rule &rule, uint64_t whole, Purpose purpose) noexcept {
    const uint8_t *source = block_ != nullptr ? begin_ : stash_;
    const uint64_t have = block_ != nullptr ? distance() : stash_used_;
    Status why = ZCN_OK;
    if (whole <= intake.pool()->block_size() / 2) {
        if (!intake.provide(whole, purpose, &why)) return why;
        uint8_t *place = intake.cursor();
        std::memcpy(place, source, have);
        copied.moved += have;
        intake.set_cursor(place + whole);
        set_range(intake, intake.block(), place, place + have, place + whole);
    } else {
        const uint64_t lead = body_lead(rule);
        uint64_t total = 0;
        if (!add_fits(whole, lead, &total)) return ZCN_ENOMEM;
        Block *region = intake.pool()->take_region(total, lead + have, purpose, &why);
        if (region == nullptr) return why;
        intake.adopt(region);
        uint8_t *place = region->base + lead;
        std::memcpy(place, source, have);
        copied.own += have;
        set_range(intake, region, place, place + have, place + whole);
    }
    drop_stash();
    return ZCN_OK;
}

Status Window::move_to_heap(Intake &intake, uint64_t capacity, Purpose purpose) noexcept {
    Status why = ZCN_OK;
    Block *block = intake.pool()->take_heap(capacity, purpose, &why);
    if (block == nullptr) return why;
    const uint64_t have = distance();
    std::memcpy(block->base, begin_, have);
    copied.own += have;
    intake.adopt(block);
    set_range(intake, block, block->base, block->base + have, block->base + capacity);
    return ZCN_OK;
}

Status Window::evict(Intake &intake, Purpose purpose) noexcept {
    if (!evictable()) return ZCN_OK;
    const uint64_t have = distance();
    uint64_t capacity = round_up(have + have / 4, 64);
    if (need_ != 0) capacity = std::min(capacity, need_);
    return move_to_heap(intake, capacity, purpose);
}
uint8_t *Window::align(Intake &intake, Purpose purpose, const Alignment &alignment, Block **block, const uint8_t *frame,
                       uint64_t size, uint32_t head) noexcept {
    auto *here = const_cast<uint8_t *>(frame);
    const uint64_t body = size - head;
    if (body < alignment.from || (reinterpret_cast<uintptr_t>(frame) + head) % alignment.to == 0) return here;
    Status why = ZCN_OK;
    const uint64_t total = size + alignment.to;
    uint8_t *start = nullptr;
    if (total <= intake.pool()->block_size() / 2) {
        if (!intake.provide(total, purpose, &why)) return nullptr;
        *block = intake.block();
        start = intake.cursor();
    } else {
        *block = intake.pool()->take_heap(total, purpose, &why);
        if (*block == nullptr) return nullptr;
        intake.adopt(*block);
        start = (*block)->base;
    }
    auto *place = reinterpret_cast<uint8_t *>(round_up(reinterpret_cast<uintptr_t>(start) + head, alignment.to) - head);
    std::memcpy(place, frame, size);
    copied.aligned += size;
    if (*block == intake.block()) intake.set_cursor(place + size);
    return place;
}
}  // namespace zcnet::receive
