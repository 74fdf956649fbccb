// SPDX-License-Identifier: MIT
// What comes into a window from elsewhere than a read, and what leaves it whole: bytes that are handed in, taken back
// or moved to another loop.
#include "base/checked.h"
#include "receive/window.h"

namespace zcnet::receive {

using memory::BlockKind;

void Window::rewind(Intake &intake, Block *block, uint8_t *begin, uint8_t *end) noexcept {
    drop_stash();
    if (next_used_ != 0) intake.unhold(next_block_);
    next_used_ = 0;
    set_range(intake, block, begin, end, end);
    shared_ = cut_ = true;
    mode_ = 0;
    need_ = searched_ = 0;
    undelivered_ = true;
}

Status Window::gather_back(Intake &intake, const iovec *pieces, size_t count) noexcept {
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++)
        if (!add_fits(size, pieces[i].iov_len, &size)) return ZCN_ENOMEM;
    Status why = ZCN_OK;
    Block *block = room_to_gather(intake, size, &why);
    if (block == nullptr) return why;
    uint8_t *place = block->base;
    for (size_t i = 0; i < count; i++) {
        std::memcpy(place, pieces[i].iov_base, pieces[i].iov_len);
        place += pieces[i].iov_len;
    }
    gathered_back(intake, block, size);
    return ZCN_OK;
}

void Window::gathered_back(Intake &intake, Block *block, uint64_t size) noexcept {
    copied.moved += size;
    intake.adopt(block);
    rewind(intake, block, block->base, block->base + size);
}

size_t Window::pending_pieces(iovec *pieces, Block **blocks) const noexcept {
    size_t count = 0;
    const auto add = [&](uint8_t *data, uint64_t size, Block *block) {
        if (size == 0) return;
        pieces[count] = {data, size};
        blocks[count++] = block;
    };
    // Either the stash holds the start of a message, or one of the two holds what came behind the range.
    add(begin_, distance(), block_);
    add(stash_, stash_used_, nullptr);
    add(next_begin_, next_used_, next_block_);
    return count;
}

Status Window::feed(Intake &intake, const framing::Rule &rule, Purpose purpose, const uint8_t *data, uint64_t size,
                    uint64_t *taken) noexcept {
    *taken = 0;
    iovec pieces[2];
    int count = 0;
    const Status status = prepare(intake, rule, purpose, size, pieces, &count);
    if (status != ZCN_OK) return status;
    uint64_t done = 0;
    for (int i = 0; i < count && done < size; i++) {
        const uint64_t part = std::min<uint64_t>(pieces[i].iov_len, size - done);
        std::memcpy(pieces[i].iov_base, data + done, part);
        done += part;
    }
    copied.fed += done;
    commit(intake, done);
    *taken = done;
    return ZCN_OK;
}

void Window::unfeed(uint64_t size) noexcept {
    if (size == 0) return;
    need_ = searched_ = 0;  // may have been found in what goes
    if (block_ != nullptr) {
        end_ -= size;
    } else {
        stash_used_ = static_cast<uint8_t>(stash_used_ - size);
    }
    copied.fed -= size;
}

void Window::drop_front(Intake &intake, uint64_t size) noexcept {
    need_ = searched_ = 0;
    mode_ = 0;
    if (block_ != nullptr) {
        begin_ += size;
        cut_ = true;
        if (begin_ == end_) drop_range(intake);
    } else {
        stash_used_ = static_cast<uint8_t>(stash_used_ - size);
        std::memmove(stash_, stash_ + size, stash_used_);
        if (stash_used_ == 0) drop_stash();
    }
    undelivered_ = pending() != 0;
}

bool Window::look(const framing::Rule &rule, uint64_t *beyond) noexcept {
    const uint8_t *begin = block_ != nullptr ? begin_ : stash_;
    const uint64_t have = block_ != nullptr ? distance() : stash_used_;
    uint64_t whole = 0;
    const framing::Scan scan = framing::scan(rule, begin, begin + have, searched_, [&](const uint8_t *, uint64_t size) {
        whole = size;
        return false;
    });
    need_ = searched_ = 0;
    if (whole != 0 || scan.status != ZCN_OK) {
        *beyond = whole != 0 ? have - whole : 0;
        return true;
    }
    need_ = scan.need;
    searched_ = scan.searched;
    return false;
}

void Window::take_range(Intake &intake, Block *block) noexcept {
    if (pending() == 0) {
        set_range(intake, block, block->base, block->base + block->size, block->base + block->size);
        need_ = searched_ = 0;
        return;
    }
    next_block_ = block;
    next_begin_ = block->base;
    next_used_ = block->size;
    intake.hold(block, block->base, block->base + block->size);
}

Status Window::leave(Intake &intake) noexcept {
    if (pending() == 0) {
        close(intake);
        return ZCN_OK;
    }
    if (next_used_ == 0 && block_ == nullptr) return ZCN_OK;  // the stash is the window's own
    const bool own = block_ != nullptr && block_->kind != BlockKind::block && !undelivered_ && next_used_ == 0 &&
                     stash_used_ == 0 && block_->handed == 0 && block_->group == nullptr && !cut_;
    if (!own) {
        iovec pieces[3];
        Block *blocks[3];
        const size_t count = pending_pieces(pieces, blocks);
        if (const Status status = gather_back(intake, pieces, count); status != ZCN_OK) return status;
    }
    intake.unhold(block_);
    intake.disown(block_);
    return ZCN_OK;
}

void Window::arrive(Intake &intake) noexcept {
    if (block_ == nullptr) return;
    intake.adopt(block_);
    intake.hold(block_, begin_, limit_);
}

}  // namespace zcnet::receive
