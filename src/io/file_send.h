// SPDX-License-Identifier: MIT
// Sends a range of a file over a socket, or pages of memory, by one of the ways that the kernel has for it.
#pragma once

#include "io/file.h"
#include "os/pipe_signal.h"

namespace zcnet::io {

// The method for a range of a file: the file's own if it asks for one, else the connection's, else what pays.
uint32_t choose_method(const zcn_file &file, uint32_t of_connection, bool local, uint64_t size) noexcept;

// Small ranges of files that leave with what is before and behind them in one call.
constexpr uint64_t small_range = 32 * 1024;

// Constant pages that are handed over rather than copied: smaller pieces do not pay for the calls.
constexpr uint64_t least_pages = 64 * 1024;

// What a transfer keeps between its steps. One connection has one, for one range after the other.
class Transfer {
  public:
    Transfer() noexcept = default;
    ~Transfer() { drop(); }
    Transfer(const Transfer &) = delete;
    Transfer &operator=(const Transfer &) = delete;

    // Sends bytes from `offset` on, which lie behind those that were sent before: how many; 0: the file has none
    // there; -errno. -EOPNOTSUPP: this method cannot send this file over this socket, and nothing was sent.
    ssize_t send(int socket, zcn_file &file, uint64_t offset, uint64_t size, uint32_t method,
                 os::PipeSignal &signal) noexcept;
    // Sends from the start of constant pages. -EOPNOTSUPP: the kernel refuses that from now on, and nothing was sent.
    ssize_t send_pages(int socket, const iovec &pages, uint64_t most, os::PipeSignal &signal) noexcept;
    [[nodiscard]] bool refuses_pages() const noexcept { return pages_refused_; }
    // The method was refused for a file: it is not tried again for it.
    void refuse(zcn_file &file) noexcept { refused_.hold(file); }
    [[nodiscard]] bool refused(const zcn_file &file) const noexcept { return refused_.is(file); }

    // What was to leave next may not be next any more: nothing that is in the pipe leaves.
    void start_again() noexcept {
        if (in_pipe_ != 0) close_pipe();
    }
    // Lets files, pipe and mapping go.
    void drop() noexcept;

  private:
    ssize_t by_sendfile(int socket, const zcn_file &file, uint64_t offset, uint64_t size,
                        os::PipeSignal &signal) noexcept;
    ssize_t by_mmap(int socket, zcn_file &file, uint64_t offset, uint64_t size) noexcept;
    ssize_t by_splice(int socket, zcn_file &file, uint64_t offset, uint64_t size, os::PipeSignal &signal) noexcept;
    bool open_pipe() noexcept;
    ssize_t empty_pipe(int socket, os::PipeSignal &signal) noexcept;
    void unmap() noexcept;
    void close_pipe() noexcept;

    HeldFile refused_;
    HeldFile mapped_;
    const uint8_t *map_ = nullptr;
    uint64_t map_offset_ = 0;
    uint64_t map_size_ = 0;
    int pipe_[2] = {-1, -1};
    uint64_t in_pipe_ = 0;
    uint64_t pipe_offset_ = 0;  // of the first byte in the pipe
    HeldFile piped_;
    const void *piped_pages_ = nullptr;  // the first byte in the pipe, where they are pages
    bool pages_refused_ = false;
};

}  // namespace zcnet::io
