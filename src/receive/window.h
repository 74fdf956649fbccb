// SPDX-License-Identifier: MIT
// The receive window of one stream: where the next bytes go, what is complete, and where the rest waits.
//
// Received bytes that are not delivered yet are one range [begin, end) in one block, or up to 64 of them lie in
// the stash. An unfinished message
//   - of up to 64 bytes is copied to the stash, and its block is free for others;
//   - that fits its block stays, and the space of its rest is kept for it;
//   - that does not fit is moved to a fresh block or, if it is larger than half a block, to a region of its own,
//     whose pages are charged as bytes arrive and which never moves.
// Reads leave room at the end of a block for the message that will straddle it, so that the move is rare.
//
// Knows the framing and the intake; never a descriptor, a clock or a thread.
#pragma once

#include <sys/uio.h>

#include <cstring>

#include "framing/scan.h"
#include "framing/shape.h"
#include "receive/intake.h"
#include "receive/view.h"
#include "zcnet/stats.h"

namespace zcnet::receive {

constexpr uint32_t stash_size = 64;

struct Copied {
    uint64_t stash = 0;
    uint64_t moved = 0;
    uint64_t own = 0;
    uint64_t aligned = 0;
    uint64_t fed = 0;
    [[nodiscard]] uint64_t sum() const noexcept { return stash + moved + own + aligned + fed; }
};

struct Alignment {
    uint32_t to = 0;  // 0: as it comes
    uint32_t from = 0;
};

class Window {
  public:
    Window() noexcept = default;
    Window(const Window &) = delete;
    Window &operator=(const Window &) = delete;

    // Lets everything go.
    void close(Intake &intake) noexcept;

    // Where the next bytes should go. Up to two pieces; *count 0 with a status when there is no room.
    // `most` bounds the bytes of one read.
    Status prepare(Intake &intake, const framing::Rule &rule, Purpose purpose, uint64_t most, iovec *pieces,
                   int *count) noexcept;

    // `size` bytes were read into the pieces of the last prepare().
    void commit(Intake &intake, uint64_t size) noexcept;

    // Finds messages. sink.emit(block, frame, size) -> bool takes one (false: it has no room for another after this
    // one); sink.full() says whether it takes one at all. A frame of at least `header_from` bytes ends it: what follows
    // its header, which sink.emit_header(block, frame, size, body) takes, is not looked at.
    template <class Sink>
    Status deliver(Intake &intake, const framing::Rule &rule, Purpose purpose, const Alignment &alignment,
                   uint64_t header_from, Sink &sink) noexcept;

    // Received bytes that are not delivered: of an unfinished message, or left by a full sink.
    [[nodiscard]] uint64_t pending() const noexcept { return stash_used_ + distance() + next_used_; }
    // What was read is looked at by the next deliver().
    void mark_undelivered() noexcept { undelivered_ = pending() != 0; }
    // True when there are bytes that may hold messages.
    [[nodiscard]] bool undelivered() const noexcept { return undelivered_; }
    // The framing has changed: what is pending is looked at again from its start.
    void parse_again() noexcept {
        need_ = searched_ = 0;
        mode_ = 0;
        undelivered_ = pending() != 0;
    }
    // Where the pending bytes lie, in order; a piece in the stash has no block.
    size_t pending_pieces(iovec *pieces, Block **blocks) const noexcept;
    [[nodiscard]] bool unfinished() const noexcept { return !undelivered_ && pending() != 0; }

    // Bytes that the unfinished message still needs; 0 when that is not known.
    [[nodiscard]] uint64_t missing() const noexcept {
        const uint64_t have = block_ != nullptr ? distance() : stash_used_;
        return need_ > have ? need_ - have : 0;
    }

    // Lets the first `size` pending bytes go, all of one piece: somebody else has them.
    void drop_front(Intake &intake, uint64_t size) noexcept;

    // Puts bytes back in front: parsing starts again at `begin`, which lies in a leased block and runs on to `end`.
    void rewind(Intake &intake, Block *block, uint8_t *begin, uint8_t *end) noexcept;
    // The same for bytes in several places: they are copied together (as `moved`). Replaces what is pending.
    Status gather_back(Intake &intake, const iovec *pieces, size_t count) noexcept;
    // Its two halves, for who copies himself: memory of that size, and what was copied into it.
    static Block *room_to_gather(Intake &intake, uint64_t size, Status *why) noexcept {
        return intake.pool()->take_heap(size, Purpose::ordinary, why);
    }
    void gathered_back(Intake &intake, Block *block, uint64_t size) noexcept;

    // Takes a copy of bytes that lie elsewhere, as far as there is room.
    Status feed(Intake &intake, const framing::Rule &rule, Purpose purpose, const uint8_t *data, uint64_t size,
                uint64_t *taken) noexcept;

    // Takes a leased block's bytes as what follows: now, or behind the message that they complete.
    void take_range(Intake &intake, Block *block) noexcept;
    // Takes the last `size` bytes back that were fed.
    void unfeed(uint64_t size) noexcept;
    // Looks at the unfinished message: true when it is complete or wrong, with what lies beyond it.
    bool look(const framing::Rule &rule, uint64_t *beyond) noexcept;
    // Complete messages in the stash go to a block.
    Status unstash(Intake &intake, Purpose purpose) noexcept;

    // Moves what is unfinished to the start of a region whose messages have all come back, which takes no memory. For
    // who has shown nothing from it since the last poll. False: nothing is gained.
    bool compact(const framing::Rule &rule) noexcept;

    // Moves an unfinished message that stalls into memory of its own size, so that it lets its block go.
    Status evict(Intake &intake, Purpose purpose) noexcept;
    // True when evict() would free something.
    [[nodiscard]] bool evictable() const noexcept {
        return block_ != nullptr && block_->kind == memory::BlockKind::block && !undelivered_;
    }
    // Bytes of memory that the unfinished message holds for itself.
    [[nodiscard]] uint64_t held() const noexcept;

    // For a move to another loop: the window's block becomes its own, and the other intake's.
    Status leave(Intake &intake) noexcept;
    void arrive(Intake &intake) noexcept;

    [[nodiscard]] Block *block() const noexcept { return block_; }
    [[nodiscard]] const uint8_t *begin() const noexcept { return begin_; }
    [[nodiscard]] const uint8_t *end() const noexcept { return end_; }

    Copied copied;

  private:
    [[nodiscard]] uint64_t distance() const noexcept { return static_cast<uint64_t>(end_ - begin_); }
    void settle(Intake &intake) noexcept;
    bool keep_place(Intake &intake) noexcept;
    void keep_in_stash(const uint8_t *data, uint64_t size) noexcept;
    void set_range(Intake &intake, Block *block, uint8_t *begin, uint8_t *end, uint8_t *limit) noexcept;
    void drop_range(Intake &intake) noexcept;
    Status make_room(Intake &intake, const framing::Rule &rule, Purpose purpose) noexcept;
    Status move_to(Intake &intake, const framing::Rule &rule, uint64_t whole, Purpose purpose) noexcept;
    Status move_to_heap(Intake &intake, uint64_t capacity, Purpose purpose) noexcept;
    Status begin_fresh(Intake &intake, const framing::Rule &rule, Purpose purpose, uint64_t most, iovec *pieces,
                       int *count) noexcept;
    Status go_on(Intake &intake, Purpose purpose, uint64_t most, iovec *pieces, int *count) noexcept;
    [[nodiscard]] uint64_t slack(const Intake &intake) const noexcept;
    void drop_stash() noexcept;
    Status take_following(Intake &intake, const framing::Rule &rule, Purpose purpose, uint64_t header_from) noexcept;
    uint8_t *align(Intake &intake, Purpose purpose, const Alignment &alignment, Block **block, const uint8_t *frame,
                   uint64_t size, uint32_t head) noexcept;
    bool make_stash() noexcept;
    template <class Sink>
    void deliver_header(Intake &intake, const framing::Rule &rule, const uint8_t *frame, uint64_t size,
                        Sink &sink) noexcept;
    // Whether a frame's size is known before its end.
    static bool tells_sizes(const framing::Rule &rule) noexcept {
        return rule.kind != framing::Kind::delimiter && rule.kind != framing::Kind::raw;
    }

    Block *block_ = nullptr;
    uint8_t *begin_ = nullptr;
    uint8_t *end_ = nullptr;
    uint8_t *limit_ = nullptr;  // how far the range may grow in place
    uint64_t need_ = 0;         // size of the frame at begin_ (or in the stash) when its header is complete
    uint64_t searched_ = 0;
    uint8_t *stash_ = nullptr;     // 64 bytes, while there is something in it
    Block *next_block_ = nullptr;  // what was read behind the rest of a message, in another block
    uint8_t *next_begin_ = nullptr;
    uint64_t next_used_ = 0;
    uint32_t largest_ = 0;  // the largest frame lately: how much room reads leave at a block's end
    uint8_t stash_used_ = 0;
    uint8_t mode_ = 0;  // what the pieces of the last prepare() are
    bool undelivered_ : 1 = false;
    bool cut_ : 1 = false;     // messages were shown from the block of the range
    bool shared_ : 1 = false;  // the range was shown before: others may refer to its bytes
};

template <class Sink>
Status Window::deliver(Intake &intake, const framing::Rule &rule, Purpose purpose, const Alignment &alignment,
                       uint64_t header_from, Sink &sink) noexcept {
    undelivered_ = false;
    for (;;) {
        if (begin_ == end_) {
            if (block_ != nullptr) drop_range(intake);
            // What the last read brought behind the end of a large message.
            if (stash_used_ == 0 && next_used_ == 0) return ZCN_OK;
            if (const Status status = take_following(intake, rule, purpose, header_from); status != ZCN_OK)
                return status;
            if (begin_ == end_) return ZCN_OK;  // too little to tell
        }
        if (need_ != 0 && distance() < need_) {
            settle(intake);
            return ZCN_OK;
        }
        // A size that a function of the program told once stands: the memory for the message was chosen by it.
        if (need_ != 0 && rule.kind == framing::Kind::custom && !framing::measures(rule, begin_, distance(), need_))
            return ZCN_EFRAME_MEASURE;
        if (sink.full()) {
            undelivered_ = true;
            return ZCN_OK;
        }
        uint64_t largest = 0;
        bool misaligned = false;
        bool full = false;
        framing::Scan scan;
        const uint8_t *large = nullptr;
        const auto place = [&](const uint8_t *frame, uint64_t size) {
            largest = size > largest ? size : largest;
            Block *where = block_;
            const uint8_t *placed = align(intake, purpose, alignment, &where, frame, size, rule.hide_head);
            if (placed == nullptr) {
                // No memory to align it in: this frame is not taken, and comes again.
                misaligned = true;
                begin_ = const_cast<uint8_t *>(frame);
                return false;
            }
            return sink.emit(where, placed, size);
        };
        if (header_from != UINT64_MAX && tells_sizes(rule)) {
            uint64_t size = 0;
            scan = framing::scan(rule, begin_, end_, searched_, [&](const uint8_t *frame, uint64_t whole) {
                if (whole < header_from || whole == framing::received_head(rule, frame)) {
                    if (alignment.to != 0) return place(frame, whole);
                    largest = whole > largest ? whole : largest;
                    return sink.emit(block_, frame, whole);
                }
                large = frame;
                size = whole;
                return false;
            });
            if (large == nullptr && scan.need >= header_from) {
                large = scan.next;
                size = scan.need;
            }
            if (large != nullptr) {
                deliver_header(intake, rule, large, size, sink);
                return ZCN_OK;
            }
        } else if (alignment.to == 0) {
            scan = framing::scan(rule, begin_, end_, searched_, [&](const uint8_t *frame, uint64_t size) {
                largest = size > largest ? size : largest;
                return sink.emit(block_, frame, size);
            });
        } else {
            scan = framing::scan(rule, begin_, end_, searched_, place);
        }
        if (misaligned) {
            searched_ = 0;
            need_ = 0;
            undelivered_ = true;
            return ZCN_ENOBUFS;
        }
        full = sink.full();
        if (largest > largest_) {
            largest_ = static_cast<uint32_t>(largest < UINT32_MAX ? largest : UINT32_MAX);
        } else if (largest != 0) {
            largest_ -= (largest_ - static_cast<uint32_t>(largest)) / 16;
        }
        const bool progress = scan.next != begin_;
        cut_ = cut_ || progress;
        begin_ = const_cast<uint8_t *>(scan.next);
        need_ = scan.need;
        searched_ = scan.searched;
        if (scan.status != ZCN_OK) return scan.status;
        if (full && begin_ != end_) {
            undelivered_ = true;
            return ZCN_OK;
        }
        if (begin_ != end_) {
            settle(intake);
            return ZCN_OK;
        }
        if (!progress && begin_ == end_) return ZCN_OK;
    }
}

template <class Sink>
void Window::deliver_header(Intake &intake, const framing::Rule &rule, const uint8_t *frame, uint64_t size,
                            Sink &sink) noexcept {
    need_ = searched_ = 0;
    begin_ = const_cast<uint8_t *>(frame);
    undelivered_ = cut_ = true;
    if (sink.full()) return;  // it comes again
    const uint64_t head = framing::received_head(rule, frame);
    sink.emit_header(block_, frame, head, size - head);
    drop_front(intake, head);
}

}  // namespace zcnet::receive
