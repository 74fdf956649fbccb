// SPDX-License-Identifier: MIT
// The scripted kernel's regular files.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file_calls.h"
#include "os/os.h"
#include "plan.h"

namespace zcnet::os {

namespace {

using namespace zcnet::fault;

template <class Number>
Number answer(Number result) noexcept {
    return result >= 0 ? result : static_cast<Number>(-errno);
}

}  // namespace

int open_file(int directory, const char *path, uint32_t how) noexcept {
    if (const int early = decide(call_open_file); early != go_on) return early;
    return open_with(directory, path, how);
}

int file_status(int fd, FileStatus *status) noexcept {
    if (const int early = decide(call_file_status); early != go_on) return early;
    return status_of_file(fd, status);
}

int path_status(int directory, const char *path, bool follow, FileStatus *status) noexcept {
    if (const int early = decide(call_path_status); early != go_on) return early;
    return status_of_path(directory, path, follow, status);
}

ssize_t read_at(int fd, void *data, size_t size, uint64_t offset) noexcept {
    if (const int early = decide(call_read_at); early != go_on) return early;
    return answer(::pread64(fd, data, cut(call_read_at, size), static_cast<off64_t>(offset)));
}

ssize_t send_file(int to, int from, uint64_t offset, size_t size) noexcept {
    if (const int early = decide_on(call_send_file, to); early != go_on) {
        if (early == -ECONNRESET || early == -EPIPE) (void)::shutdown(to, SHUT_RDWR);
        return early;
    }
    const size_t allowed = cut(call_send_file, size);
    auto position = static_cast<off64_t>(offset);
    const ssize_t moved = answer(::sendfile64(to, from, &position, allowed));
    if (moved > 0 && static_cast<size_t>(moved) == allowed && allowed < size) raise_edge(to);
    return moved;
}

ssize_t splice_file(int from, uint64_t offset, int pipe, size_t size) noexcept {
    if (const int early = decide(call_splice_file); early != go_on) return early;
    auto position = static_cast<off64_t>(offset);
    return answer(
        ::splice(from, &position, pipe, nullptr, cut(call_splice_file, size), SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
}

ssize_t write_at(int fd, const void *data, size_t size, uint64_t offset) noexcept {
    if (const int early = decide(call_write_at); early != go_on) return early;
    return answer(::pwrite64(fd, data, cut(call_write_at, size), static_cast<off64_t>(offset)));
}

ssize_t splice_to_file(int pipe, int to, uint64_t offset, size_t size) noexcept {
    if (const int early = decide(call_splice_to_file); early != go_on) return early;
    auto position = static_cast<off64_t>(offset);
    return answer(
        ::splice(pipe, nullptr, to, &position, cut(call_splice_to_file, size), SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
}

int flush_file(int fd) noexcept {
    if (const int early = decide(call_flush_file); early != go_on) return early;
    return answer(::fdatasync(fd));
}

const void *map_range(int fd, uint64_t offset, size_t size) noexcept {
    if (decide(call_map_range) != go_on) return nullptr;
    void *start = ::mmap64(nullptr, size, PROT_READ, MAP_SHARED, fd, static_cast<off64_t>(offset));
    if (start == MAP_FAILED) return nullptr;
    note_map(static_cast<int64_t>(size));
    return start;
}

}  // namespace zcnet::os
