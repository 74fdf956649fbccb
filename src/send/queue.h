// SPDX-License-Identifier: MIT
// The send queue of one stream: what was accepted and is not written yet, in order.
//
// An entry is a range of pool memory with a number of references on its block, or a unit. Neighbouring ranges become
// one entry when they are queued, so that many small messages leave as one piece and complete with one atomic.
//
// Knows nothing of descriptors: gather() says what to write, advance() learns how far it went.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>

#include "send/entry.h"
#include "send/lag.h"
#include "send/ledger.h"

namespace zcnet::send {

// Tokens of units that have ended, merged where they follow each other.
struct Ended {
    uint64_t first = 0;
    uint64_t count = 0;
    Status status = ZCN_OK;
};

// The bytes of a source that are to be sent next, or soon.
struct SourceStep {
    Source *source = nullptr;
    uint64_t offset = 0;
    uint64_t size = 0;   // up to the end of its segment
    uint64_t whole = 0;  // of the segment
};

// What a gather found.
struct Gathered {
    int count = 0;             // pieces
    bool pin = false;          // all of them may be written without a copy
    bool more = false;         // what follows goes another way, and may share a packet
    bool source_next = false;  // that is a source
    bool pages_next = false;   // that are pages: `pages` of them
    iovec pages = {};
};

class Queue {
  public:
    Queue() noexcept = default;
    Queue(const Queue &) = delete;
    Queue &operator=(const Queue &) = delete;

    // From now on messages are not merged, so that each can be dropped by itself.
    void keep_apart() noexcept { apart_ = 1; }

    // Makes room for `entries` more, so that the pushes that follow cannot fail.
    Status reserve(uint32_t entries) noexcept {
        return static_cast<uint64_t>(used_) + entries <= capacity_ ? ZCN_OK : grow(entries);
    }

    // A range of pool memory; takes over `references` on its block.
    void push_range(Block *block, const uint8_t *data, uint64_t size, uint64_t references) noexcept {
        set_bytes(bytes_ + size);
        if (used_ != 0) {
            Entry &last = at(used_ - 1);
            if (last.kind == Kind::range && last.block == block && last.data + last.size == data) {
                last.size += size;
                last.references = (last.references + references) & Entry::most_references;
                return;
            }
        }
        push_entry(block, data, size, references);
    }

    // A sealed unit; takes over one reference. `own_head` is true when its own head and tail are sent with it.
    // `first` is false for what goes on with the message of the entry before.
    void push_unit(zcn_unit *unit, bool own_head, bool first = true) noexcept;

    // Up to 16 bytes that are copied into the queue itself: a header for a unit that was sealed for another framing.
    void push_bytes(const uint8_t *data, uint32_t size, bool first = true) noexcept;
    static constexpr uint32_t most_bytes = Entry::most_bytes;

    // What to write now. `most` bounds the bytes. Pieces of at least `pin_from` bytes, which may leave without a copy,
    // are gathered apart from others, and so are constant pages of at least `lend_from`. It stops at a source of which
    // no bytes are loaded: with no piece before it, source_step() is what is to be sent now.
    static constexpr uint64_t copy_all = UINT64_MAX;  // as pin_from and lend_from
    Gathered gather(iovec *pieces, int capacity, uint64_t most, uint64_t pin_from, uint64_t lend_from) noexcept;

    // Units with a source are queued, or were once: what only matters then can be left out else.
    [[nodiscard]] bool has_sources() const noexcept { return seldom_ != nullptr && seldom_->sources.units != 0; }
    // Room to note one unit with a source.
    Status reserve_source() noexcept;
    // What follows of the first source in the queue, behind what is loaded of it; false: there is nothing.
    bool source_step(SourceStep *out) noexcept;
    [[nodiscard]] bool is_source_loaded() const noexcept { return seldom_ != nullptr && seldom_->sources.size != 0; }
    // Reads bytes of it into memory of the pool, for gather(), if none are loaded. *bytes: how many, 0 where it has no
    // more; -errno in *number with ZCN_ESYS.
    Status load(zcn_pool *pool, uint64_t most, uint64_t *bytes, int *number) noexcept;

    // Gives it bytes of the source that somebody read: those that follow, while none are loaded. Takes over a
    // reference.
    void lend(Block *block, uint8_t *data, uint64_t size) noexcept;

    // `size` bytes of it were written.
    void advance(uint64_t size) noexcept;

    // The same without a copy: what they touched is kept until the kernel is done with them. reserve_kept() comes
    // before each advance of either kind while a ledger exists.
    void advance_pinned(uint64_t size) noexcept;
    Status reserve_kept() noexcept;
    // Writes without a copy that the kernel is not done with.
    [[nodiscard]] bool has_ledger() const noexcept { return seldom_ != nullptr && seldom_->ledger != nullptr; }
    [[nodiscard]] uint64_t awaited() const noexcept { return has_ledger() ? seldom_->ledger->awaited() : 0; }
    // The kernel is done with those: how many were new. settle() ends what they kept.
    uint64_t complete(uint32_t first, uint32_t last) noexcept { return seldom_->ledger->complete(first, last); }
    void settle() noexcept;
    // The connection ends before the kernel is done: units that are kept have ended, for `why`, and the ledger with
    // their memory is the caller's. nullptr: nothing is awaited.
    Ledger *leave_ledger(Status why) noexcept;

    // Drops the oldest message that has not begun to be sent; false when there is none. For queues that keep messages
    // apart. While units end (advance(), fail()) nothing is dropped: release functions run then, and how far the queue
    // was written is not known yet.
    bool drop_oldest(Status why, Dropped *dropped) noexcept;

    // Ends everything that is queued.
    void fail(Status why) noexcept;

    [[nodiscard]] uint64_t bytes() const noexcept { return bytes_; }
    // The same for any thread: a number that may be old.
    [[nodiscard]] uint64_t bytes_seen() noexcept { return std::atomic_ref(bytes_).load(std::memory_order_relaxed); }
    [[nodiscard]] bool empty() const noexcept { return bytes_ == 0 && used_ == 0; }

    // The next token range of units that have ended; false: there is none.
    bool take_ended(Ended *out) noexcept;
    [[nodiscard]] bool has_ended() const noexcept { return seldom_ != nullptr && seldom_->used != 0; }
    // Room for one more token, so that an end can always be told.
    Status reserve_ended() noexcept;
    // Records the end of a unit that never came into the queue.
    void note_ended(uint64_t token, Status status) noexcept;

    // Gives the memory of an empty queue back.
    void shrink() noexcept;
    void close() noexcept;

  private:
    using Kind = Entry::Kind;

    // The first source in the queue, and what was read of it.
    struct Sources {
        uint32_t units = 0;  // queued, with a source in them
        uint32_t piece = 0;
        zcn_unit *unit = nullptr;  // whose piece is loaded; nullptr: none
        Block *block = nullptr;
        uint8_t *start = nullptr;
        const uint8_t *data = nullptr;  // what is not sent yet
        uint64_t size = 0;
        uint64_t room = 0;  // behind start
    };

    // What few queues need.
    struct Seldom {
        Ended *ranges = nullptr;
        uint32_t head = 0;
        uint32_t used = 0;
        uint32_t capacity = 0;
        uint32_t tokens = 0;  // queued units with a token
        Sources sources;
        Ledger *ledger = nullptr;  // made with the first write without a copy
        uint64_t head_writes = 0;  // of the first entry: it was touched by one of so many writes; 0: by none
    };

    // relaxed: others only bound by it what they add.
    void set_bytes(uint64_t bytes) noexcept { std::atomic_ref(bytes_).store(bytes, std::memory_order_relaxed); }
    Entry &at(uint32_t position) noexcept { return entries_[(head_ + position) & (capacity_ - 1)]; }
    Status grow(uint32_t entries) noexcept;
    void advance_by(uint64_t size, uint64_t writes) noexcept;
    [[nodiscard]] bool may_pin(const Entry &entry, uint32_t index, uint64_t from) noexcept;
    void push_entry(Block *block, const uint8_t *data, uint64_t size, uint64_t references) noexcept;
    [[nodiscard]] static uint64_t entry_size(const Entry &entry) noexcept;
    [[nodiscard]] static uint32_t piece_count(const Entry &entry) noexcept;
    struct Piece {
        const uint8_t *data;
        uint64_t size;
        const Segment *source;  // the segment that is one, or nullptr
        bool pages = false;     // that may be handed over as they are
    };
    [[nodiscard]] static Piece piece(const Entry &entry, uint32_t index) noexcept;
    [[nodiscard]] bool is_loaded(const Entry &entry, uint32_t index) const noexcept {
        return seldom_->sources.unit == entry.unit && seldom_->sources.piece == index;
    }
    [[nodiscard]] const Segment *first_source(uint32_t *position, uint32_t *index) noexcept;
    void unload() noexcept;
    Entry take_first() noexcept;
    void unqueue(const Entry &entry) noexcept;
    void end_first(const Entry &entry) noexcept;
    void end_entry(const Entry &entry, Status why) noexcept;
    void note_end(const Entry &entry, Status why) noexcept;

    Entry *entries_ = nullptr;
    uint32_t head_ = 0;
    uint32_t used_ = 0;
    uint32_t capacity_ = 0;
    uint32_t head_piece_ : 30 = 0;  // of the first entry: the piece that goes on
    uint32_t apart_ : 1 = 0;
    uint32_t ending_ : 1 = 0;   // units are being ended
    uint64_t head_offset_ = 0;  // bytes of that piece that are written
    uint64_t bytes_ = 0;
    Seldom *seldom_ = nullptr;  // made when the first token, or the first source, is queued
};

}  // namespace zcnet::send
