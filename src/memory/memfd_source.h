// SPDX-License-Identifier: MIT
// A source of memory that lies in a memory file, so that another process can map it and read messages in place.
//
// The file is mapped once, whole, and pages of it become resident as they are touched. Any thread takes and gives its
// space, for slabs and large messages, as it would ask the system for them, and a lock stands here where the system has
// its own: nothing is done under it but arithmetic. Blocks do not come this way.
#pragma once

#include <mutex>

#include "base/guard.h"
#include "memory/buddies.h"
#include "memory/source.h"

namespace zcnet::memory {

class MemfdSource {
  public:
    // `bytes` is a multiple of 2 MiB. *source has what the pool calls; its end() destroys the object.
    static Status create(MemfdSource **out, Source *source, uint64_t bytes) noexcept;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] uint64_t bytes() const noexcept { return bytes_; }
    // Where in the file a range lies; false when it is not in it.
    bool offset(const void *data, uint64_t size, uint64_t *out) const noexcept;

  private:
    MemfdSource() noexcept = default;
    ~MemfdSource() = default;
    void destroy() noexcept;
    void *take(uint64_t size) noexcept;
    void give(void *piece, uint64_t size) noexcept;
    int drop(void *memory, uint64_t size) noexcept;
    [[nodiscard]] uint64_t offset_of(const void *memory) const noexcept;

    int fd_ = -1;
    uint8_t *base_ = nullptr;
    uint64_t bytes_ = 0;
    std::mutex lock_;
    Buddies space_;
};

}  // namespace zcnet::memory
