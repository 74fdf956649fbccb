// SPDX-License-Identifier: MIT
// SIGINT and SIGTERM as an event of the loop, so that a verb ends in order. A second one ends the program at once.
#pragma once

#include <zcnet/zcnet.h>

#include <atomic>
#include <csignal>
#include <thread>

namespace tool {

class Interrupt {
  public:
    // To be made before any other thread, since threads inherit the blocked signals. The loop outlives it.
    explicit Interrupt(zcn_loop *loop);
    ~Interrupt();
    Interrupt(const Interrupt &) = delete;
    Interrupt &operator=(const Interrupt &) = delete;

    bool raised() const { return raised_.load(std::memory_order_acquire) != 0; }

  private:
    void wait_for_signals();

    zcn_loop *loop_;
    sigset_t signals_;
    std::atomic<uint32_t> raised_ = 0;  // not a byte, which not every processor exchanges
    std::atomic<bool> over_ = false;
    std::thread thread_;
};

}  // namespace tool
