// SPDX-License-Identifier: MIT
// The scripted kernel's regular files.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"
#include "plan.h"

namespace zcnet::os {

namespace {

using namespace zcnet::fault;

template <class Number>
Number answer(Number result) noexcept {
    return result >= 0 ? result : static_cast<Number>(-errno);
}

FileStatus to_status(const struct stat &found) noexcept {
    const auto nanoseconds = [](const timespec &time) { return int64_t{time.tv_sec} * 1000000000 + time.tv_nsec; };
    FileStatus status;
    status.device = found.st_dev;
    status.inode = found.st_ino;
    status.size = static_cast<uint64_t>(found.st_size);
    status.modified = nanoseconds(found.st_mtim);
    status.changed = nanoseconds(found.st_ctim);
    status.regular = S_ISREG(found.st_mode);
    return status;
}

}  // namespace

int open_file(int directory, const char *path, uint32_t how) noexcept {
    if (const int early = decide(call_open_file); early != go_on) return early;
    const int from = directory < 0 ? AT_FDCWD : directory;
    const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | ((how & open_direct) != 0 ? O_DIRECT : 0);
    if ((how & (open_beneath | open_no_symlinks)) == 0) return answer(::openat(from, path, flags));
    open_how request{};
    request.flags = static_cast<uint64_t>(flags);
    request.resolve = RESOLVE_NO_MAGICLINKS;
    if ((how & open_beneath) != 0) request.resolve |= RESOLVE_BENEATH;
    if ((how & open_no_symlinks) != 0) request.resolve |= RESOLVE_NO_SYMLINKS;
    return static_cast<int>(answer(::syscall(SYS_openat2, from, path, &request, sizeof request)));
}

int file_status(int fd, FileStatus *status) noexcept {
    if (const int early = decide(call_file_status); early != go_on) return early;
    struct stat found {};
    if (::fstat(fd, &found) < 0) return -errno;
    *status = to_status(found);
    return 0;
}

int path_status(int directory, const char *path, bool follow, FileStatus *status) noexcept {
    if (const int early = decide(call_path_status); early != go_on) return early;
    struct stat found {};
    if (::fstatat(directory < 0 ? AT_FDCWD : directory, path, &found, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    *status = to_status(found);
    return 0;
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

const void *map_range(int fd, uint64_t offset, size_t size) noexcept {
    if (decide(call_map_range) != go_on) return nullptr;
    void *start = ::mmap64(nullptr, size, PROT_READ, MAP_SHARED, fd, static_cast<off64_t>(offset));
    if (start == MAP_FAILED) return nullptr;
    note_map(static_cast<int64_t>(size));
    return start;
}

}  // namespace zcnet::os
