// SPDX-License-Identifier: MIT
// The intake: the receive memory of one loop (or of one stream that stands alone).
//
// It leases blocks from the pool and gives their space out to windows, one after the other, so that the bytes of many
// messages and connections share a block. What a batch of events shows stays in place until the next batch begins;
// then blocks that nobody refers to are written again from their start, while they are warm.
#pragma once

#include "memory/thread_memory.h"

namespace zcnet::receive {

using memory::Block;
using memory::Purpose;

class Intake {
  public:
    explicit Intake(zcn_pool *pool) noexcept : pool_(pool) {}
    Intake(const Intake &) = delete;
    Intake &operator=(const Intake &) = delete;
    ~Intake() { close(); }

    // The borrow of what the last batch showed has ended.
    void begin_batch() noexcept;
    // Lets every block go. Windows must have ended their holds.
    void close() noexcept;

    // Makes the current block have at least `least` free bytes; false at the pool's limit or without memory.
    bool provide(uint64_t least, Purpose purpose, Status *why) noexcept;

    // The free end of the current block.
    [[nodiscard]] Block *block() const noexcept { return current_; }
    [[nodiscard]] uint8_t *cursor() const noexcept { return cursor_; }
    [[nodiscard]] uint64_t room() const noexcept { return static_cast<uint64_t>(end_ - cursor_); }
    void set_cursor(uint8_t *cursor) noexcept { cursor_ = cursor; }

    // Starts a lease of a block that was taken from the pool for one message.
    void adopt(Block *block) noexcept;

    // An unfinished message or undelivered bytes of a window lie in a leased block, within [begin, end).
    void hold(Block *block, uint8_t *begin, uint8_t *end) noexcept;
    // They may go on to there.
    static void reach(Block *block, uint8_t *end) noexcept {
        if (end > block->kept_end) block->kept_end = end;
    }
    void unhold(Block *block) noexcept;

    // Ends the lease of a block that one window has for itself, for a move to another intake.
    void disown(Block *block) noexcept;

    // Everything that is leased, and whether nobody but windows refers to it.
    [[nodiscard]] uint64_t leased_bytes() const noexcept;
    [[nodiscard]] bool only_unfinished() const noexcept;

    [[nodiscard]] zcn_pool *pool() const noexcept { return pool_; }
    [[nodiscard]] uint64_t held_blocks() const noexcept { return held_blocks_; }
    [[nodiscard]] uint64_t held_bytes() const noexcept { return held_bytes_; }

  private:
    void end_lease(Block *block) noexcept;
    void start_over() noexcept;

    zcn_pool *pool_;
    Block *current_ = nullptr;
    uint8_t *cursor_ = nullptr;
    uint8_t *end_ = nullptr;
    uint8_t *after_ = nullptr;  // the block is free again from here to its end, behind what is kept in its middle
    Block *leased_ = nullptr;   // all that are leased
    uint64_t held_blocks_ = 0;
    uint64_t held_bytes_ = 0;
    memory::BlockCache cache_;
};

}  // namespace zcnet::receive
