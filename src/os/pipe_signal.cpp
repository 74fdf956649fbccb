// SPDX-License-Identifier: MIT
#include "os/pipe_signal.h"

#include <pthread.h>

#include <cerrno>
#include <ctime>

namespace zcnet::os {

namespace {

constexpr int numbers[] = {SIGPIPE, SIGXFSZ};

}  // namespace

void PipeSignal::block_now() noexcept {
    sigemptyset(&ours_);
    for (const int number : numbers) sigaddset(&ours_, number);
    blocked_ = pthread_sigmask(SIG_BLOCK, &ours_, &before_) == 0;
    if (!blocked_) return;
    bool any = false;
    for (const int number : numbers) any = any || sigismember(&before_, number) == 1;
    // Only where it was blocked already can one be pending that is not ours.
    sigset_t pending;
    if (!any || sigpending(&pending) != 0) return;
    for (const int number : numbers)
        if (sigismember(&pending, number) == 1) sigdelset(&ours_, number);
}

void PipeSignal::restore() noexcept {
    const int number = errno;
    if (raised_) {
        const timespec at_once{};
        while (sigtimedwait(&ours_, nullptr, &at_once) >= 0 || errno == EINTR) {
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    blocked_ = raised_ = false;
    errno = number;
}

}  // namespace zcnet::os
