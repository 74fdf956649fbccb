// SPDX-License-Identifier: MIT
// Reads a file past the page cache, into memory of the pool: while a chunk is sent the next one is read.
//
// The disk is waited for on a helper thread, which calls read(); everything else is the owner's.
#pragma once

#include "io/file.h"
#include "memory/block.h"
#include "os/helper.h"

namespace zcnet::io {

class DirectReader : public os::Task {
  public:
    enum class Step : uint8_t {
        ready,    // a chunk is given out
        waiting,  // its reading is under way, or has to be started: see wanted()
        ended,    // the file has no bytes there
        failed    // -errno; -EOPNOTSUPP: this file cannot be read so
    };
    struct Chunk {
        memory::Block *block = nullptr;  // one reference
        uint8_t *data = nullptr;
        uint64_t size = 0;
    };

    DirectReader() noexcept = default;
    ~DirectReader() { drop(); }
    DirectReader(const DirectReader &) = delete;
    DirectReader &operator=(const DirectReader &) = delete;

    // Bytes from `offset` on, at most `size`.
    Step take(zcn_pool *pool, zcn_file *file, uint64_t offset, uint64_t size, Chunk *out, int *number) noexcept;

    // A reading is prepared: whoever asked has it done, by read() on any thread, and completed() by the owner.
    [[nodiscard]] bool wanted() const noexcept { return state_ == State::wanted; }
    [[nodiscard]] bool is_done() const noexcept { return state_ == State::done; }
    void started() noexcept { state_ = State::reading; }
    void read() noexcept;
    void completed() noexcept;

    // Lets everything go; what a reading under way needs, when it has completed.
    void drop() noexcept;

  private:
    enum class State : uint8_t { idle, wanted, reading, done };
    struct Buffer {
        memory::Block *block = nullptr;  // one reference
        uint8_t *start = nullptr;
        uint64_t room = 0;
    };
    Status prepare(zcn_pool *pool, zcn_file *file, uint64_t offset, uint64_t size) noexcept;
    Status take_buffer(zcn_pool *pool, uint64_t size) noexcept;
    void forget() noexcept;

    State state_ = State::idle;
    bool dropped_ = false;  // nobody wants what is being read any more
    HeldFile file_;         // from prepare() on
    int fd_ = -1;
    uint64_t offset_ = 0;  // of what is read, where a page begins
    uint64_t skip_ = 0;    // bytes before what is wanted
    uint64_t size_ = 0;    // that are wanted
    Buffer target_;
    Buffer spare_[3];  // one that is sent, one that is ready, one that is read: memory is not taken for each chunk
    int64_t result_ = 0;
};

}  // namespace zcnet::io
