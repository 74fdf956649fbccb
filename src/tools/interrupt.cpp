// SPDX-License-Identifier: MIT
#include "interrupt.h"

#include <unistd.h>

#include <chrono>

namespace tool {

namespace {

// timeout(1) signals the program and then its group: both are one wish.
constexpr auto one_signal = std::chrono::milliseconds(250);

}  // namespace

Interrupt::Interrupt(zcn_loop *loop) : loop_(loop) {
    sigemptyset(&signals_);
    for (const int number : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals_, number);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this] { wait_for_signals(); });
}

Interrupt::~Interrupt() {
    over_.store(true, std::memory_order_release);
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
}

void Interrupt::wait_for_signals() {
    std::chrono::steady_clock::time_point first;
    for (;;) {
        int number = 0;
        if (sigwait(&signals_, &number) != 0) return;
        if (over_.load(std::memory_order_acquire)) return;
        if (number == SIGUSR1) continue;
        const auto now = std::chrono::steady_clock::now();
        if (!raised_.exchange(true, std::memory_order_acq_rel)) {
            first = now;
            zcn_loop_wake(loop_);
        } else if (now - first > one_signal) {
            _exit(128 + number);
        }
    }
}

}  // namespace tool
