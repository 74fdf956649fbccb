// SPDX-License-Identifier: MIT
#include "io/tap.h"

#include "io/file.h"
#include "os/os.h"

namespace zcnet::io {

int Tap::watch(int poller, uint64_t token) noexcept {
    const int result = os::poller_set(poller, EPOLL_CTL_ADD, fd_, EPOLLOUT | EPOLLET, token);
    if (result >= 0) poller_ = poller;
    return result == -EPERM ? 0 : result;
}

template <class Put>
uint64_t Tap::offer_by(uint64_t size, os::PipeSignal &signal, PipePool &pipes, Put &&put) noexcept {
    for (bool emptied = false;;) {
        const ssize_t taken = os::uninterrupted(put);
        if (taken > 0) {
            queued_ += static_cast<uint64_t>(taken);
            return static_cast<uint64_t>(taken);
        }
        if (taken != -EAGAIN) {
            end(ZCN_ESYS, pipes);
            break;
        }
        // The pipe is full: what the descriptor takes now makes room.
        if (!emptied) {
            emptied = true;
            const uint64_t before = queued();
            write(signal, pipes);
            if (!active()) break;
            if (queued() < before) continue;
        }
        if (policy_ == ZCN_TAP_WAIT) return 0;
        if (policy_ == ZCN_TAP_END) end(ZCN_ENOBUFS, pipes);
        break;
    }
    missed_ += size;
    return size;
}

uint64_t Tap::offer(int pipe, uint64_t size, os::PipeSignal &signal, PipePool &pipes) noexcept {
    return offer_by(size, signal, pipes, [&] { return os::tee(pipe, pipe_->write_end, size); });
}

uint64_t Tap::offer(const void *data, uint64_t size, os::PipeSignal &signal, PipePool &pipes) noexcept {
    return offer_by(size, signal, pipes, [&] { return os::write(pipe_->write_end, data, size); });
}

void Tap::write(os::PipeSignal &signal, PipePool &pipes) noexcept {
    while (active() && writable_ && queued() != 0) {
        const ssize_t moved = pass_on(signal);
        if (moved >= 0) continue;
        if (moved == -EAGAIN) {
            writable_ = false;
            return;
        }
        if (moved == -EPIPE || moved == -EFBIG) signal.raised();
        const bool gone = moved == -EPIPE || moved == -ECONNRESET;
        end(gone ? Status{ZCN_ERESET} : status_of_write(static_cast<int>(-moved)), pipes);
    }
}

// One step; the bytes that left the queue, or -errno.
ssize_t Tap::pass_on(os::PipeSignal &signal) noexcept {
    if (held_size_ != 0) return write_held(signal);
    if (!by_hand_) {
        signal.block();
        const ssize_t moved =
            os::uninterrupted([&] { return os::splice(pipe_->read_end, fd_, static_cast<size_t>(queued_)); });
        if (moved > 0) {
            queued_ -= static_cast<uint64_t>(moved);
            written_ += static_cast<uint64_t>(moved);
            return moved;
        }
        // A file that is open for appending, a terminal: what cannot be spliced to can be written to.
        if (moved != -EINVAL) return moved != 0 ? moved : ssize_t{-EIO};
        by_hand_ = true;
    }
    if (held_ == nullptr) held_ = static_cast<uint8_t *>(os::allocate(scrap_size));
    if (held_ == nullptr) return -ENOMEM;
    const ssize_t got = os::uninterrupted([&] { return os::read(pipe_->read_end, held_, scrap_size); });
    if (got <= 0) return got != 0 ? got : ssize_t{-EIO};
    queued_ -= static_cast<uint64_t>(got);
    held_at_ = 0;
    held_size_ = static_cast<uint32_t>(got);
    return write_held(signal);
}

ssize_t Tap::write_held(os::PipeSignal &signal) noexcept {
    signal.block();
    const ssize_t moved = os::uninterrupted([&] { return os::write(fd_, held_ + held_at_, held_size_); });
    if (moved <= 0) return moved != 0 ? moved : ssize_t{-EIO};
    held_at_ += static_cast<uint32_t>(moved);
    held_size_ -= static_cast<uint32_t>(moved);
    written_ += static_cast<uint64_t>(moved);
    return moved;
}

void Tap::end(Status why, PipePool &pipes) noexcept {
    if (!active()) return;
    status_ = why;
    missed_ += queued();
    if (queued_ != 0) {
        pipes.drop(pipe_);
    } else {
        pipes.give(pipe_);
    }
    pipe_ = nullptr;
    queued_ = held_size_ = 0;
    os::deallocate(held_);
    held_ = nullptr;
    // By name, not by closing: a duplicate of the descriptor would keep the registration alive.
    if (poller_ >= 0) (void)os::poller_set(poller_, EPOLL_CTL_DEL, fd_, 0, 0);
    (void)os::close(fd_);
    fd_ = -1;
}

}  // namespace zcnet::io
