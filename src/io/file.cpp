// SPDX-License-Identifier: MIT
#include "io/file.h"

#include <cerrno>
#include <cstdio>
#include <new>

#include "memory/births.h"

using zcnet::Error;
using zcnet::Status;

namespace zcnet::io {

zcn_file_options default_file_options() noexcept {
    zcn_file_options options{};
    options.struct_size = sizeof options;
    options.directory = -1;
    return options;
}

Status read_file_options(zcn_file_options *out, const zcn_file_options *given) noexcept {
    if (const Status status = read_options(out, given, default_file_options()); status != ZCN_OK) return status;
    constexpr uint32_t flags = ZCN_FILE_BENEATH | ZCN_FILE_NO_SYMLINKS;
    if ((out->flags & ~flags) != 0 || out->reserved != 0) return ZCN_EOPTION;
    return out->method <= last_method && out->directory >= -1 ? ZCN_OK : ZCN_EINVAL;
}

Status status_of_write(int number) noexcept {
    return number == ENOSPC || number == EDQUOT || number == EFBIG ? ZCN_ENOSPACE : ZCN_ESYS;
}

Status file_failure(int number, const char *path, Error *error) noexcept {
    Status status = ZCN_ESYS;
    switch (number) {
        case ENOENT:
        case ENOTDIR:
            status = ZCN_ENOTFOUND;
            break;
        case EACCES:
        case EPERM:
        case ELOOP:  // a link where none may be, or one that leads to itself
        case EXDEV:  // out of the directory
            status = ZCN_EACCESS;
            break;
        case ENXIO:  // a socket, or a device that is not there
        case ENOSYS:
            status = ZCN_EUNSUPPORTED;
            break;
        case EMFILE:
        case ENFILE:
            status = ZCN_ENOBUFS;
            break;
        case ENOMEM:
            status = ZCN_ENOMEM;
            break;
        default:
            break;
    }
    return error->set(status, number, "%.180s: %s", path, zcn_status_text(status));
}

}  // namespace zcnet::io

Status zcn_file::open(zcn_file **out, const char *path, const zcn_file_options &options, Error *error) noexcept {
    uint32_t how = 0;
    if ((options.flags & ZCN_FILE_BENEATH) != 0) how |= zcnet::os::open_beneath;
    if ((options.flags & ZCN_FILE_NO_SYMLINKS) != 0) how |= zcnet::os::open_no_symlinks;
    const int fd = zcnet::os::uninterrupted([&] { return zcnet::os::open_file(options.directory, path, how); });
    if (fd < 0) return zcnet::io::file_failure(-fd, path, error);
    const Status status = adopt(out, fd, options.method, error);
    if (status != ZCN_OK) (void)zcnet::os::close(fd);
    return status;
}

Status zcn_file::adopt(zcn_file **out, int fd, uint32_t method, Error *error) noexcept {
    zcnet::os::FileStatus found;
    if (const int result = zcnet::os::file_status(fd, &found); result < 0) {
        const Status status = result == -EBADF ? ZCN_EINVAL : ZCN_ESYS;
        return error->set(status, -result, "descriptor %d: %s", fd, zcn_status_text(status));
    }
    if (!found.regular) return error->set(ZCN_EUNSUPPORTED, 0, "descriptor %d is no regular file", fd);
    // A read of nothing tells whether a descriptor can be read from.
    if (zcnet::os::uninterrupted([&] { return zcnet::os::read_at(fd, &found, 0, 0); }) == -EBADF)
        return error->set(ZCN_EINVAL, EBADF, "descriptor %d is not open for reading", fd);
    auto *file = new (std::nothrow) zcn_file(fd, method, found);
    if (file == nullptr) return error->set(ZCN_ENOMEM, 0, "%s", zcn_status_text(ZCN_ENOMEM));
    *out = file;
    return ZCN_OK;
}

ssize_t zcn_file::read(void *data, uint64_t size, uint64_t offset) noexcept {
    return zcnet::os::read_at(fd_, data, size, offset);
}

int zcn_file::direct_fd() noexcept {
    // acquire and release: a descriptor is open for whoever finds it.
    int known = direct_fd_.load(std::memory_order_acquire);
    if (known != unknown) return known;
    // By the descriptor, not by a path, which may lead elsewhere by now.
    char name[32];
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", fd_);
    const int opened = zcnet::os::uninterrupted([&] { return zcnet::os::open_file(-1, name, zcnet::os::open_direct); });
    const int found = opened < 0 ? -1 : opened;
    if (direct_fd_.compare_exchange_strong(known, found, std::memory_order_acq_rel, std::memory_order_acquire))
        return found;
    if (opened >= 0) (void)zcnet::os::close(opened);
    return known;
}

void zcn_file::end() noexcept {
    // relaxed: the last reference is gone.
    if (const int direct = direct_fd_.load(std::memory_order_relaxed); direct >= 0) (void)zcnet::os::close(direct);
    (void)zcnet::os::close(fd_);
    zcnet::memory::note_death(this);
    delete this;
}
