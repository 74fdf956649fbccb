// SPDX-License-Identifier: MIT
#include "os/pipe_signal.h"

#include <pthread.h>

#include <cerrno>
#include <ctime>

namespace zcnet::os {

namespace {

sigset_t only(int number) noexcept {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

}  // namespace

void PipeSignal::block_now() noexcept {
    const sigset_t set = only(number_);
    blocked_ = pthread_sigmask(SIG_BLOCK, &set, &before_) == 0;
    // Only where it was blocked already can one be pending that is not ours.
    if (!blocked_ || sigismember(&before_, number_) == 0) return;
    sigset_t pending;
    was_pending_ = sigpending(&pending) == 0 && sigismember(&pending, number_) == 1;
}

void PipeSignal::restore() noexcept {
    const int number = errno;
    if (raised_ && !was_pending_) {
        const sigset_t set = only(number_);
        const timespec at_once{};
        while (sigtimedwait(&set, nullptr, &at_once) < 0 && errno == EINTR) {
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    blocked_ = raised_ = was_pending_ = false;
    errno = number;
}

}  // namespace zcnet::os
