// SPDX-License-Identifier: MIT
#include "receive/window.h"

namespace zcnet::receive {

namespace {

using memory::BlockKind;

// What the pieces of the last prepare() are.
enum Mode : uint8_t {
    nothing,
    fresh,          // the free end of the current block, behind a copy of the stash
    stash_itself,   // a large message is expected: only its header is read, to the stash
    growing,        // the range grows in place
    rest_and_next,  // the rest of the message, and what follows in another block
    rest_and_stash  // the rest of a large message, and a little of what follows
};

constexpr uint32_t stash_class = memory::object_class(stash_size);

// The most that one read of a large message takes, and so the most that is charged before it arrives.
constexpr uint64_t region_read = 1 << 20;

uint64_t least_read(uint64_t block_size) noexcept { return block_size / 16 < 1024 ? 1024 : block_size / 16; }

}  // namespace

bool Window::make_stash() noexcept {
    if (stash_ == nullptr) stash_ = static_cast<uint8_t *>(memory::allocate_object(stash_class));
    return stash_ != nullptr;
}

void Window::drop_stash() noexcept {
    stash_used_ = 0;
    if (stash_ == nullptr) return;
    memory::free_object(stash_, stash_class);
    stash_ = nullptr;
}

void Window::keep_in_stash(const uint8_t *data, uint64_t size) noexcept {
    std::memcpy(stash_, data, size);
    stash_used_ = static_cast<uint8_t>(size);
    copied.stash += size;
}

void Window::set_range(Intake &intake, Block *block, uint8_t *begin, uint8_t *end, uint8_t *limit) noexcept {
    intake.hold(block, begin, limit);
    if (block_ != nullptr) intake.unhold(block_);
    shared_ = cut_ = false;
    block_ = block;
    begin_ = begin;
    end_ = end;
    limit_ = limit;
}

void Window::drop_range(Intake &intake) noexcept {
    if (block_ != nullptr) {
        // Space that was kept and not needed is given out again.
        if (limit_ > end_ && block_ == intake.block() && intake.cursor() == limit_) intake.set_cursor(end_);
        intake.unhold(block_);
    }
    block_ = nullptr;
    begin_ = end_ = limit_ = nullptr;
}

void Window::close(Intake &intake) noexcept {
    drop_range(intake);
    if (next_used_ != 0) intake.unhold(next_block_);
    next_used_ = 0;
    drop_stash();
    need_ = searched_ = 0;
    undelivered_ = false;
}

uint64_t Window::slack(const Intake &intake) const noexcept {
    return largest_ <= intake.pool()->block_size() / 2 ? largest_ : 0;
}

Status Window::prepare(Intake &intake, const framing::Rule &rule, Purpose purpose, uint64_t most, iovec *pieces,
                       int *count) noexcept {
    *count = 0;
    mode_ = nothing;
    if (undelivered_ || next_used_ != 0) return ZCN_AGAIN;
    if (block_ == nullptr) return begin_fresh(intake, rule, purpose, most, pieces, count);
    const bool fits = need_ != 0 ? begin_ + need_ <= limit_ : end_ < limit_;
    if (!fits)
        if (const Status status = make_room(intake, rule, purpose); status != ZCN_OK) return status;
    return go_on(intake, purpose, most, pieces, count);
}

// Nothing is unfinished but what lies in the stash.
Status Window::begin_fresh(Intake &intake, const framing::Rule &rule, Purpose purpose, uint64_t most, iovec *pieces,
                           int *count) noexcept {
    const uint64_t block_size = intake.pool()->block_size();
    if (need_ > block_size / 2) {
        if (const Status status = move_to(intake, rule, need_, purpose); status != ZCN_OK) return status;
        return go_on(intake, purpose, most, pieces, count);
    }
    // Where large messages come one after the other, only the next header is read with them, so that their bodies
    // need not be copied to where they belong.
    if (largest_ > block_size / 2 && need_ == 0 && stash_used_ < stash_size / 2 && rule.kind != framing::Kind::raw) {
        if (!make_stash()) return ZCN_ENOMEM;
        pieces[0] = {stash_ + stash_used_, std::min<uint64_t>(most, stash_size - stash_used_)};
        *count = 1;
        mode_ = stash_itself;
        return ZCN_OK;
    }
    const uint64_t spare = std::max(slack(intake), need_);
    Status why = ZCN_OK;
    const uint64_t least = std::min(spare + least_read(block_size), block_size);
    if (!intake.provide(least, purpose, &why)) {
        // The rest of the present block may still do for a small message.
        if (intake.room() < uint64_t{stash_used_} + std::max<uint64_t>(need_, 256)) return why;
    }
    uint64_t room = intake.room() - stash_used_;
    if (room > spare + least_read(block_size) / 2) room -= slack(intake);
    if (stash_used_ != 0) std::memcpy(intake.cursor(), stash_, stash_used_);
    pieces[0] = {intake.cursor() + stash_used_, std::min(room, most)};
    *count = 1;
    mode_ = fresh;
    return ZCN_OK;
}

// The range has room in place for at least a part of what it needs.
Status Window::go_on(Intake &intake, Purpose purpose, uint64_t most, iovec *pieces, int *count) noexcept {
    const auto here = static_cast<uint64_t>(limit_ - end_);
    const uint64_t rest = need_ != 0 ? need_ - distance() : here;
    uint64_t size = std::min({here, rest, std::max<uint64_t>(most, 1)});
    if (block_->kind == BlockKind::region) {
        const auto used = static_cast<uint64_t>(end_ - block_->base);
        // As much again as has come: a claim alone, or a little of the message, charges little.
        size = std::min({size, region_read, std::max(used, memory::region_step - used % memory::region_step)});
        if (!intake.pool()->commit_region(block_, used + size, purpose)) {
            size = std::min(size, memory::region_step);
            if (!intake.pool()->commit_region(block_, used + size, purpose)) {
                // What is charged already may have room left.
                if (block_->committed <= used) return ZCN_ENOBUFS;
                size = std::min(size, block_->committed - used);
            }
        }
    }
    pieces[0] = {end_, size};
    *count = 1;
    mode_ = growing;
    if (need_ == 0 || size < rest || most <= size) return ZCN_OK;
    if (block_->kind != BlockKind::block) {
        if (!make_stash()) return ZCN_OK;
        pieces[1] = {stash_, std::min<uint64_t>(stash_size, most - size)};
        *count = 2;
        mode_ = rest_and_stash;
        return ZCN_OK;
    }
    const uint64_t spare = slack(intake);
    const uint64_t least = spare + least_read(intake.pool()->block_size());
    if (block_ == intake.block() && intake.cursor() == limit_ && intake.room() >= least) {
        pieces[0].iov_len += std::min(intake.room() - spare, most - size);
        return ZCN_OK;
    }
    Status why = ZCN_OK;
    if (!intake.provide(std::min(least, intake.pool()->block_size()), purpose, &why)) return ZCN_OK;
    pieces[1] = {intake.cursor(), std::min(intake.room() - std::min(spare, intake.room() / 2), most - size)};
    *count = 2;
    mode_ = rest_and_next;
    return ZCN_OK;
}

void Window::commit(Intake &intake, uint64_t size) noexcept {
    const uint8_t mode = mode_;
    mode_ = nothing;
    if (size == 0) return;
    if (mode == fresh) {
        uint8_t *place = intake.cursor();
        uint8_t *end = place + stash_used_ + size;
        if (stash_used_ != 0) copied.stash += stash_used_;
        drop_stash();
        set_range(intake, intake.block(), place, end, end);
        intake.set_cursor(end);
        return;
    }
    if (mode == stash_itself) {
        stash_used_ = static_cast<uint8_t>(stash_used_ + size);
        return;
    }
    if (mode == growing) {
        const bool joined = block_ == intake.block() && intake.cursor() == limit_;
        end_ += size;
        if (end_ > limit_) limit_ = end_;
        Intake::reach(block_, limit_);
        if (joined) intake.set_cursor(limit_);
        return;
    }
    const uint64_t here = std::min(size, static_cast<uint64_t>(begin_ + need_ - end_));
    end_ += here;
    const uint64_t beyond = size - here;
    if (beyond == 0) return;
    if (mode == rest_and_stash) {
        stash_used_ = static_cast<uint8_t>(beyond);
        return;
    }
    next_block_ = intake.block();
    next_begin_ = intake.cursor();
    next_used_ = beyond;
    intake.hold(next_block_, next_begin_, next_begin_ + beyond);
    intake.set_cursor(next_begin_ + beyond);
}

// What came behind the message that was just delivered. Leaves an empty range when it is too little to tell.
Status Window::take_following(Intake &intake, const framing::Rule &rule, Purpose purpose,
                              uint64_t header_from) noexcept {
    if (next_used_ != 0) {
        Block *block = next_block_;
        set_range(intake, block, next_begin_, next_begin_ + next_used_, next_begin_ + next_used_);
        intake.unhold(block);
        next_used_ = 0;
        need_ = searched_ = 0;
        return ZCN_OK;
    }
    bool complete = false;
    const framing::Scan scan =
        framing::scan(rule, stash_, stash_ + stash_used_, searched_, [&](const uint8_t *, uint64_t) {
            complete = true;
            return false;
        });
    // A header that is delivered alone is complete, too.
    if (!complete && scan.status == ZCN_OK && scan.need < header_from) {
        need_ = scan.need;
        searched_ = scan.searched;
        return ZCN_OK;
    }
    const Status status = unstash(intake, purpose);
    if (status != ZCN_OK) undelivered_ = true;
    return status;
}

// Whole messages lie in the stash, or an error: they need a block to be shown in.
Status Window::unstash(Intake &intake, Purpose purpose) noexcept {
    if (block_ != nullptr || stash_used_ == 0) return ZCN_OK;
    Status why = ZCN_OK;
    if (!intake.provide(stash_used_, purpose, &why)) return why;
    uint8_t *place = intake.cursor();
    const uint64_t size = stash_used_;
    std::memcpy(place, stash_, size);
    copied.stash += size;
    drop_stash();
    set_range(intake, intake.block(), place, place + size, place + size);
    intake.set_cursor(place + size);
    need_ = searched_ = 0;
    return ZCN_OK;
}

// An unfinished message is all that is left of the range.
void Window::settle(Intake &intake) noexcept {
    const bool own = block_->kind == BlockKind::region || block_->kind == BlockKind::heap;
    // Memory of its own is for the message that fits it, not for a little behind the last one.
    if (own && (need_ != 0 ? begin_ + need_ <= limit_ : end_ < limit_)) return;
    const uint64_t have = distance();
    if (have <= stash_size && next_used_ == 0 && make_stash()) {
        keep_in_stash(begin_, have);
        if (!shared_ && block_ == intake.block() && intake.cursor() == limit_) intake.set_cursor(begin_);
        drop_range(intake);
        return;
    }
    if (!own && limit_ == end_) (void)keep_place(intake);
}

uint64_t Window::held() const noexcept {
    if (block_ == nullptr) return 0;
    if (block_->kind == BlockKind::region) return block_->committed;
    if (block_->kind == BlockKind::heap) return block_->size;
    return static_cast<uint64_t>(limit_ - begin_);
}

}  // namespace zcnet::receive
