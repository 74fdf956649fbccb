// SPDX-License-Identifier: MIT
// A tap: what goes through a flow goes to a third descriptor too.
//
// Between the two lies a pipe. What is in the flow's own pipe is put there by tee, which copies references to pages and
// no bytes; what lies in memory is written. So the descriptor's slowness shows first when the tap's pipe is full, and
// then the policy says who gives way.
#pragma once

#include "base/guard.h"
#include "io/pipe.h"
#include "os/pipe_signal.h"
#include "zcnet/relay.h"

namespace zcnet::io {

class Tap {
  public:
    // Owns the descriptor and the pipe.
    Tap(int fd, Pipe *pipe, uint32_t policy, int64_t patience) noexcept
        : fd_(fd), pipe_(pipe), policy_(policy), patience_(patience) {}

    Tap(const Tap &) = delete;
    Tap &operator=(const Tap &) = delete;

    // Asks a poller to tell when there is room; -errno. A file always has some.
    int watch(int poller, uint64_t token) noexcept;
    // In a child of fork: the poller is the parent's.
    void forget_poller() noexcept { poller_ = -1; }
    [[nodiscard]] bool active() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] uint64_t queued() const noexcept { return queued_ + held_size_; }
    [[nodiscard]] Status status() const noexcept { return status_; }
    [[nodiscard]] uint64_t written() const noexcept { return written_; }
    [[nodiscard]] uint64_t missed() const noexcept { return missed_; }
    // Nanoseconds that it may hold the pair up at a time; 0: for ever.
    [[nodiscard]] int64_t patience() const noexcept { return patience_; }
    void on_writable() noexcept { writable_ = true; }

    // Takes the first `size` bytes of a flow's pipe, or of memory: how many of them may pass on. 0: the flow waits.
    uint64_t offer(int pipe, uint64_t size, os::PipeSignal &signal, PipePool &pipes) noexcept;
    uint64_t offer(const void *data, uint64_t size, os::PipeSignal &signal, PipePool &pipes) noexcept;
    // Writes what is queued, as far as the descriptor takes it.
    void write(os::PipeSignal &signal, PipePool &pipes) noexcept;
    // The pair does not wait any longer, or ends.
    void end(Status why, PipePool &pipes) noexcept;
    // What passes after the end is missed.
    void miss(uint64_t size) noexcept { missed_ += size; }

  private:
    template <class Put>
    uint64_t offer_by(uint64_t size, os::PipeSignal &signal, PipePool &pipes, Put &&put) noexcept;
    ssize_t pass_on(os::PipeSignal &signal) noexcept;
    ssize_t write_held(os::PipeSignal &signal) noexcept;

    static constexpr uint32_t scrap_size = 16384;

    int fd_;
    int poller_ = -1;
    Pipe *pipe_;
    uint32_t policy_;
    bool writable_ = true;
    bool by_hand_ = false;  // the descriptor refuses splice
    int64_t patience_;
    Status status_ = ZCN_OK;
    uint64_t queued_ = 0;  // in the pipe
    uint64_t written_ = 0;
    uint64_t missed_ = 0;
    uint8_t *held_ = nullptr;  // read from the pipe by hand, and not written yet
    uint32_t held_at_ = 0;
    uint32_t held_size_ = 0;
};

}  // namespace zcnet::io
