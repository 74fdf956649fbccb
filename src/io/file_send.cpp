// SPDX-License-Identifier: MIT
#include "io/file_send.h"

#include <algorithm>

namespace zcnet::io {

namespace {

// One step: enough to pay for the call, little enough that other connections have their turn.
constexpr uint64_t most_sendfile = 1024 * 1024;
constexpr uint64_t map_window = 1024 * 1024;
constexpr int pipe_bytes = 1024 * 1024;
constexpr uint64_t most_piped = 256 * 1024;  // what a pipe of the usual limit holds at least, if it may grow
constexpr uint64_t pipe_pays_from = 256 * 1024;
constexpr uint64_t page = 65536;  // a multiple of every page size that there is

// Answers that speak of the method, not of the file.
bool is_refusal(ssize_t answer) noexcept {
    return answer == -EINVAL || answer == -ENOSYS || answer == -EOPNOTSUPP || answer == -EPERM;
}

}  // namespace

uint32_t choose_method(const zcn_file &file, uint32_t of_connection, bool local, uint64_t size) noexcept {
    if (file.method() != ZCN_FILE_AUTO) return file.method();
    if (of_connection != ZCN_FILE_AUTO) return of_connection;
    // Judged by the sender's processor time: above small ranges sendfile needs about half of what a copy does, on every
    // socket. sendfile moves 64 KiB at a time through a pipe of its own; a larger one saves a local socket a sixth of
    // that again, once there is enough to pay for making it. TCP gains nothing from it.
    return local && size >= pipe_pays_from ? ZCN_FILE_SPLICE : ZCN_FILE_SENDFILE;
}

ssize_t Transfer::send(int socket, zcn_file &file, uint64_t offset, uint64_t size, uint32_t method,
                       os::PipeSignal &signal) noexcept {
    switch (method) {
        case ZCN_FILE_SENDFILE:
            return by_sendfile(socket, file, offset, size, signal);
        case ZCN_FILE_MMAP:
            return by_mmap(socket, file, offset, size);
        case ZCN_FILE_SPLICE:
            return by_splice(socket, file, offset, size, signal);
        default:
            return -EOPNOTSUPP;
    }
}

ssize_t Transfer::by_sendfile(int socket, const zcn_file &file, uint64_t offset, uint64_t size,
                              os::PipeSignal &signal) noexcept {
    signal.block();
    const ssize_t sent = os::uninterrupted(
        [&] { return os::send_file(socket, file.fd(), offset, static_cast<size_t>(std::min(size, most_sendfile))); });
    if (sent == -EPIPE) signal.raised();
    return is_refusal(sent) ? -EOPNOTSUPP : sent;
}

ssize_t Transfer::by_mmap(int socket, zcn_file &file, uint64_t offset, uint64_t size) noexcept {
    if (map_ != nullptr && (!mapped_.is(file) || offset < map_offset_ || offset >= map_offset_ + map_size_)) unmap();
    if (map_ == nullptr) {
        const uint64_t start = offset - offset % page;
        // Also what is behind the range: the next one is often there, and mapping costs more than sending a little.
        const uint64_t whole = std::max(file.status().size, offset + size);
        const uint64_t length = std::min(whole - start, map_window);
        map_ = static_cast<const uint8_t *>(os::map_range(file.fd(), start, static_cast<size_t>(length)));
        if (map_ == nullptr) return -EOPNOTSUPP;
        mapped_.hold(file);
        map_offset_ = start;
        map_size_ = length;
    }
    const uint64_t part = std::min(size, map_offset_ + map_size_ - offset);
    // What a page has behind the file's end reads as zeros, which nobody promised.
    os::FileStatus now;
    if (const int result = os::file_status(file.fd(), &now); result < 0) return result;
    if (now.size <= offset) return 0;
    const uint64_t there = std::min(part, now.size - offset);
    const iovec piece{const_cast<uint8_t *>(map_) + (offset - map_offset_), static_cast<size_t>(there)};
    const ssize_t sent = os::uninterrupted([&] { return os::send(socket, &piece, 1, there < size); });
    // The system call finds no page there any more: the file was cut off since.
    if (sent == -EFAULT) return 0;
    if (sent > 0 && offset + static_cast<uint64_t>(sent) == map_offset_ + map_size_) unmap();
    return sent;
}

ssize_t Transfer::by_splice(int socket, zcn_file &file, uint64_t offset, uint64_t size,
                            os::PipeSignal &signal) noexcept {
    if (in_pipe_ != 0 && (!piped_.is(file) || pipe_offset_ != offset || in_pipe_ > size)) close_pipe();
    // No descriptors for a pipe: another way goes without.
    if (!open_pipe()) return -EOPNOTSUPP;
    if (in_pipe_ == 0) {
        const ssize_t got = os::uninterrupted([&] {
            return os::splice_file(file.fd(), offset, pipe_[1], static_cast<size_t>(std::min(size, most_piped)));
        });
        if (got <= 0) return is_refusal(got) ? -EOPNOTSUPP : got;
        in_pipe_ = static_cast<uint64_t>(got);
        pipe_offset_ = offset;
        piped_.hold(file);
        piped_pages_ = nullptr;
    }
    const ssize_t sent = empty_pipe(socket, signal);
    if (sent > 0) pipe_offset_ += static_cast<uint64_t>(sent);
    return sent;
}

ssize_t Transfer::send_pages(int socket, const iovec &pages, uint64_t most, os::PipeSignal &signal) noexcept {
    const uint64_t size = std::min<uint64_t>(pages.iov_len, most);
    if (in_pipe_ != 0 && (piped_pages_ != pages.iov_base || in_pipe_ > size)) close_pipe();
    ssize_t sent = -EOPNOTSUPP;
    if (open_pipe()) {
        const ssize_t got = in_pipe_ != 0 ? 1 : os::uninterrupted([&] {
            return os::lend_pages(pages.iov_base, static_cast<size_t>(std::min(size, most_piped)), pipe_[1]);
        });
        if (got > 0 && in_pipe_ == 0) {
            in_pipe_ = static_cast<uint64_t>(got);
            piped_.let_go();
        }
        // Whatever the kernel has against these pages, it may take a copy of them.
        if (got > 0) sent = empty_pipe(socket, signal);
    }
    if (sent > 0) piped_pages_ = static_cast<const uint8_t *>(pages.iov_base) + sent;
    if (sent == -EAGAIN) piped_pages_ = pages.iov_base;
    if (sent == -EOPNOTSUPP) {
        close_pipe();
        pages_refused_ = true;
    }
    return sent;
}

bool Transfer::open_pipe() noexcept {
    if (pipe_[0] >= 0) return true;
    if (os::make_pipe(pipe_) < 0) {
        pipe_[0] = pipe_[1] = -1;
        return false;
    }
    (void)os::set_pipe_size(pipe_[1], pipe_bytes);
    return true;
}

// As os::send(); -EOPNOTSUPP: the socket takes nothing from a pipe.
ssize_t Transfer::empty_pipe(int socket, os::PipeSignal &signal) noexcept {
    signal.block();
    const ssize_t sent = os::uninterrupted([&] { return os::splice(pipe_[0], socket, in_pipe_); });
    if (sent == -EPIPE) signal.raised();
    if (sent > 0) in_pipe_ -= static_cast<uint64_t>(sent);
    return is_refusal(sent) ? -EOPNOTSUPP : sent;
}

void Transfer::unmap() noexcept {
    if (map_ != nullptr) os::unmap(const_cast<uint8_t *>(map_), static_cast<size_t>(map_size_));
    map_ = nullptr;
    mapped_.let_go();
}

void Transfer::close_pipe() noexcept {
    piped_.let_go();
    if (pipe_[0] < 0) return;
    (void)os::close(pipe_[0]);
    (void)os::close(pipe_[1]);
    pipe_[0] = pipe_[1] = -1;
    in_pipe_ = 0;
}

void Transfer::drop() noexcept {
    unmap();
    close_pipe();
    refused_.let_go();
}

}  // namespace zcnet::io
