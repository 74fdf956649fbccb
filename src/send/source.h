// SPDX-License-Identifier: MIT
// Bytes of a segment that are not in memory: whoever drives the queue moves them, by a way of its own, or reads them.
//
// What stands behind a source is not known here.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace zcnet::send {

class Source {
  public:
    Source(const Source &) = delete;
    Source &operator=(const Source &) = delete;

    // relaxed: the caller's reference keeps the source alive.
    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        // acq_rel: every holder's use happens before the end.
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) end();
    }

    // Copies bytes out, from any thread: how many, fewer than asked for at will, 0 where there are none, or -errno.
    virtual ssize_t read(void *data, uint64_t size, uint64_t offset) noexcept = 0;

  protected:
    Source() noexcept = default;
    ~Source() = default;
    virtual void end() noexcept = 0;

  private:
    std::atomic<uint32_t> references_{1};
};

}  // namespace zcnet::send
