// SPDX-License-Identifier: MIT
// Keeps SIGPIPE away from the program round calls that have no flag against it: splice, sendfile, write; and SIGXFSZ,
// which writes to a file raise that would get larger than the process is allowed to make it.
//
// Blocking a signal costs two system calls, so one PipeSignal stands round as many such calls as there are at a time,
// and blocks with the first of them only. A signal that they raised is taken away before the mask is restored; one that
// was pending before stays.
#pragma once

#include <csignal>

namespace zcnet::os {

class PipeSignal {
  public:
    PipeSignal() noexcept = default;
    ~PipeSignal() {
        if (blocked_) restore();
    }
    PipeSignal(const PipeSignal &) = delete;
    PipeSignal &operator=(const PipeSignal &) = delete;

    // Before a call.
    void block() noexcept {
        if (!blocked_) block_now();
    }
    // A call answered EPIPE, or EFBIG.
    void raised() noexcept { raised_ = true; }

  private:
    void block_now() noexcept;
    void restore() noexcept;

    sigset_t before_;
    sigset_t ours_;  // those of them that were not pending before
    bool blocked_ = false;
    bool raised_ = false;
};

}  // namespace zcnet::os
