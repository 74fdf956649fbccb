// SPDX-License-Identifier: MIT
// Pipes that bytes are spliced through: bounded in number, of a known size, kept for reuse while they are empty.
//
// A pipe is two descriptors and, once used, kernel memory; a relay that has nothing under way holds none. The kernel
// bounds what the pipes of a user may take together, and then refuses to enlarge them or makes new ones small: one that
// came out small is not worth its system calls and is not used.
#pragma once

#include <cstdint>

namespace zcnet::io {

struct Pipe {
    int read_end;
    int write_end;
    uint32_t size;  // bytes, as the kernel counts them: a slot for each page
    Pipe *next;
};

class PipePool {
  public:
    static constexpr uint32_t most = 128;        // that exist at a time
    static constexpr uint32_t most_kept = 32;    // of them, free
    static constexpr uint32_t wanted = 1 << 18;  // bytes
    static constexpr uint32_t least = 1 << 16;

    PipePool() noexcept = default;
    ~PipePool();
    PipePool(const PipePool &) = delete;
    PipePool &operator=(const PipePool &) = delete;

    // An empty pipe; nullptr: there is none to be had.
    Pipe *take() noexcept;
    // Back, empty.
    void give(Pipe *pipe) noexcept;
    // Ends one that has bytes in it.
    void drop(Pipe *pipe) noexcept;
    // Closes those that are free.
    void close() noexcept;

  private:
    Pipe *make() noexcept;

    Pipe *free_ = nullptr;
    uint32_t free_count_ = 0;
    uint32_t count_ = 0;
};

}  // namespace zcnet::io
