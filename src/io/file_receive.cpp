// SPDX-License-Identifier: MIT
#include "io/file_receive.h"

#include <algorithm>
#include <cerrno>

#include "os/os.h"

namespace zcnet::io {

namespace {

// What goes through memory stays in the processor's first caches on its way, and asks the pool for nothing.
constexpr uint64_t memory_step = 32 * 1024;

// Answers that speak of splice, not of the bytes.
bool is_refusal(ssize_t answer) noexcept {
    return answer == -EINVAL || answer == -ENOSYS || answer == -EOPNOTSUPP || answer == -EPERM;
}

FileReceive::Step judge(ssize_t answer, int *number) noexcept {
    if (answer == 0) return FileReceive::Step::ended;
    if (answer == -EAGAIN || answer == -EWOULDBLOCK) return FileReceive::Step::blocked;
    *number = static_cast<int>(-answer);
    return FileReceive::Step::failed;
}

}  // namespace

void FileReceive::start(int fd, uint64_t offset, uint64_t size) noexcept {
    fd_ = fd;
    offset_ = offset;
    missing_ = size;
    until_end_ = size == UINT64_MAX;
    failure_ = 0;
    written_ = 0;
    no_splice_ = false;
}

FileReceive::Step FileReceive::take(int socket, PipePool &pipes, os::PipeSignal &signal, uint64_t most, bool marked,
                                    uint64_t *got, int *number) noexcept {
    *got = 0;
    most = std::min(most, missing_);
    Pipe *pipe = fd_ >= 0 && !no_splice_ ? pipes.take() : nullptr;
    if (pipe == nullptr) return take_by_memory(socket, signal, most, got, number);
    const Step step = take_by_pipe(socket, pipe, signal, most, got, number);
    if (*got == 0 || failure_ == 0) {
        pipes.give(pipe);
    } else {
        pipes.drop(pipe);  // there may be bytes in it
    }
    // In front of an urgent byte splice finds nothing, or the end where the peer has ended: a read steps over it.
    const bool doubtful = step == Step::ended || (step == Step::blocked && marked);
    const bool refused = step == Step::failed && is_refusal(-*number);
    return doubtful || refused ? take_by_memory(socket, signal, most, got, number) : step;
}

FileReceive::Step FileReceive::take_by_pipe(int socket, Pipe *pipe, os::PipeSignal &signal, uint64_t most,
                                            uint64_t *got, int *number) noexcept {
    const ssize_t in = os::uninterrupted(
        [&] { return os::splice(socket, pipe->write_end, static_cast<size_t>(std::min<uint64_t>(most, pipe->size))); });
    if (in <= 0) {
        no_splice_ = is_refusal(in);
        return judge(in, number);
    }
    *got = static_cast<uint64_t>(in);
    arrived(*got);
    dropped_ += empty_pipe(pipe, *got, signal);
    return Step::moved;
}

// Into the file; how many bytes are left, since it takes no more.
uint64_t FileReceive::empty_pipe(const Pipe *pipe, uint64_t size, os::PipeSignal &signal) noexcept {
    signal.block();
    while (size != 0 && failure_ == 0) {
        const ssize_t out =
            no_splice_ ? unpipe(pipe, size, signal)
                       : os::uninterrupted([&] { return os::splice_to_file(pipe->read_end, fd_, offset_, size); });
        if (out > 0) {
            size -= static_cast<uint64_t>(out);
            if (no_splice_) continue;
            offset_ += static_cast<uint64_t>(out);
            written_ += static_cast<uint64_t>(out);
            spliced_ += static_cast<uint64_t>(out);
        } else if (!no_splice_ && is_refusal(out)) {
            no_splice_ = true;
        } else {
            fail(out, signal);
        }
    }
    return size;
}

// By way of memory; how many bytes have left the pipe.
ssize_t FileReceive::unpipe(const Pipe *pipe, uint64_t size, os::PipeSignal &signal) noexcept {
    uint8_t memory[memory_step];
    const ssize_t out = os::uninterrupted(
        [&] { return os::read(pipe->read_end, memory, static_cast<size_t>(std::min<uint64_t>(size, sizeof memory))); });
    if (out > 0) write(memory, static_cast<uint64_t>(out), signal);
    return out;
}

FileReceive::Step FileReceive::take_by_memory(int socket, os::PipeSignal &signal, uint64_t most, uint64_t *got,
                                              int *number) noexcept {
    uint8_t memory[memory_step];
    const iovec piece{memory, static_cast<size_t>(std::min<uint64_t>(most, sizeof memory))};
    const ssize_t in = os::uninterrupted([&] { return os::receive(socket, &piece, 1); });
    if (in <= 0) return judge(in, number);
    *got = static_cast<uint64_t>(in);
    put(memory, *got, signal);
    return Step::moved;
}

void FileReceive::put(const uint8_t *data, uint64_t size, os::PipeSignal &signal) noexcept {
    arrived(size);
    write(data, size, signal);
}

void FileReceive::write(const uint8_t *data, uint64_t size, os::PipeSignal &signal) noexcept {
    signal.block();
    while (size != 0 && fd_ >= 0 && failure_ == 0) {
        const ssize_t out =
            os::uninterrupted([&] { return os::write_at(fd_, data, static_cast<size_t>(size), offset_); });
        if (out <= 0) {
            fail(out, signal);
            break;
        }
        data += out;
        size -= static_cast<uint64_t>(out);
        offset_ += static_cast<uint64_t>(out);
        written_ += static_cast<uint64_t>(out);
        copied_ += static_cast<uint64_t>(out);
    }
    dropped_ += size;
}

void FileReceive::fail(ssize_t answer, os::PipeSignal &signal) noexcept {
    failure_ = answer != 0 ? static_cast<int>(-answer) : EIO;
    if (failure_ == EFBIG) signal.raised();
}

}  // namespace zcnet::io
