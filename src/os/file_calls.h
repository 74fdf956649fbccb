// SPDX-License-Identifier: MIT
// Calls on files as the kernel takes them, for both implementations of the seam.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"

namespace zcnet::os {

inline FileStatus to_status(const struct stat &found) noexcept {
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

inline int open_with(int directory, const char *path, uint32_t how) noexcept {
    const int from = directory < 0 ? AT_FDCWD : directory;
    const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | ((how & open_direct) != 0 ? O_DIRECT : 0);
    if ((how & (open_beneath | open_no_symlinks)) == 0) {
        const int fd = ::openat(from, path, flags);
        return fd >= 0 ? fd : -errno;
    }
    open_how request{};
    request.flags = static_cast<uint64_t>(flags);
    request.resolve = RESOLVE_NO_MAGICLINKS;
    if ((how & open_beneath) != 0) request.resolve |= RESOLVE_BENEATH;
    if ((how & open_no_symlinks) != 0) request.resolve |= RESOLVE_NO_SYMLINKS;
    const auto fd = static_cast<int>(::syscall(SYS_openat2, from, path, &request, sizeof request));
    return fd >= 0 ? fd : -errno;
}

inline int status_of_file(int fd, FileStatus *status) noexcept {
    struct stat found {};
    if (::fstat(fd, &found) < 0) return -errno;
    *status = to_status(found);
    return 0;
}

inline int status_of_path(int directory, const char *path, bool follow, FileStatus *status) noexcept {
    struct stat found {};
    if (::fstatat(directory < 0 ? AT_FDCWD : directory, path, &found, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    *status = to_status(found);
    return 0;
}

}  // namespace zcnet::os
