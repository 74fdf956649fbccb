// SPDX-License-Identifier: MIT
// A source of memory that lies in a memory file, so that another process can map it and read messages in place.
//
// The file is mapped once, whole, and pages of it become resident as they are touched. Its space is cut into powers of
// two: halves of halves of 2 MiB, and larger pieces one after the other. A piece that comes back serves its size again.
#pragma once

#include "base/guard.h"
#include "memory/directory.h"
#include "memory/source.h"
#include "memory/tagged_stack.h"

namespace zcnet::memory {

class MemfdSource {
  public:
    // `bytes` is a multiple of 2 MiB. *source has what the pool calls; its end() destroys the object.
    static Status create(MemfdSource **out, Source *source, uint64_t bytes) noexcept;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] uint64_t bytes() const noexcept { return bytes_; }
    // Where in the file a range lies; false when it is not in it.
    bool offset(const void *data, uint64_t size, uint64_t *out) const noexcept;

    std::atomic<uint32_t> &link(uint32_t index) noexcept { return table_[index].next; }

  private:
    struct Piece {
        std::atomic<uint32_t> next{0};
        uint64_t offset = 0;
    };
    static constexpr uint32_t smallest_class = 12;  // 4 KiB
    static constexpr uint32_t chunk_class = 21;     // 2 MiB
    static constexpr uint32_t classes = 64;

    MemfdSource() noexcept = default;
    ~MemfdSource() = default;
    void destroy() noexcept;
    bool take(uint32_t piece_class, uint64_t *offset) noexcept;
    void split(uint64_t offset, uint32_t from, uint32_t to) noexcept;
    void give(uint32_t piece_class, uint64_t offset) noexcept;
    bool extend(uint64_t size, uint64_t *offset) noexcept;
    int drop(void *memory, uint64_t size) noexcept;

    int fd_ = -1;
    uint8_t *base_ = nullptr;
    uint64_t bytes_ = 0;
    std::atomic<uint64_t> end_{0};  // what lies behind was never used
    TaggedStack<> free_[classes];
    TaggedStack<> spare_;  // table entries that stand for no piece
    Directory<Piece, 512, 8192> table_;
};

}  // namespace zcnet::memory
