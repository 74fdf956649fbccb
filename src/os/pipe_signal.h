// SPDX-License-Identifier: MIT
// Keeps SIGPIPE away from the program round calls that have no flag against it: splice, sendfile, write. Or SIGXFSZ,
// round writes to files that may be larger than the process is allowed to make them.
//
// Blocking a signal costs two system calls, so one PipeSignal stands round as many such calls as there are at a time,
// and blocks with the first of them only. A signal that they raised is taken away before the mask is restored; one that
// was pending before stays.
#pragma once

#include <csignal>

namespace zcnet::os {

class PipeSignal {
  public:
    explicit PipeSignal(int number = SIGPIPE) noexcept : number_(number) {}
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

    int number_;
    sigset_t before_;
    bool blocked_ = false;
    bool raised_ = false;
    bool was_pending_ = false;
};

}  // namespace zcnet::os
