// SPDX-License-Identifier: MIT
// The seam as it ships: plain system calls.
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <ctime>

#include "os/aligned_map.h"
#include "os/file_calls.h"
#include "os/memory_map.h"
#include "os/os.h"
#include "os/pinned.h"

namespace zcnet::os {

namespace {

// The kernel's answer or -errno.
template <class Number>
Number answer(Number result) noexcept {
    return result >= 0 ? result : static_cast<Number>(-errno);
}

}  // namespace

int make_socket(int family) noexcept { return answer(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

int bind(int fd, const sockaddr *address, socklen_t size) noexcept { return answer(::bind(fd, address, size)); }

int listen(int fd, int backlog) noexcept { return answer(::listen(fd, backlog)); }

int connect(int fd, const sockaddr *address, socklen_t size) noexcept { return answer(::connect(fd, address, size)); }

int accept(int fd) noexcept { return answer(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)); }

int shutdown(int fd, int how) noexcept { return answer(::shutdown(fd, how)); }

int close(int fd) noexcept { return answer(::close(fd)); }

int set_nonblocking(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    if ((flags & O_NONBLOCK) == 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return answer(::fcntl(fd, F_SETFD, FD_CLOEXEC));
}

int open_spare() noexcept { return answer(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

int get_option(int fd, int level, int name, void *value, socklen_t *size) noexcept {
    return answer(::getsockopt(fd, level, name, value, size));
}

int set_option(int fd, int level, int name, const void *value, socklen_t size) noexcept {
    return answer(::setsockopt(fd, level, name, value, size));
}

int local_address(int fd, sockaddr *address, socklen_t *size) noexcept {
    return answer(::getsockname(fd, address, size));
}

int peer_address(int fd, sockaddr *address, socklen_t *size) noexcept {
    return answer(::getpeername(fd, address, size));
}

int unsent_bytes(int fd, int *bytes) noexcept { return answer(::ioctl(fd, SIOCOUTQ, bytes)); }

int unread_bytes(int fd, int *bytes) noexcept { return answer(::ioctl(fd, SIOCINQ, bytes)); }

ssize_t receive(int fd, const iovec *pieces, int count) noexcept {
    if (count == 1) return answer(::recv(fd, pieces->iov_base, pieces->iov_len, 0));
    msghdr header{};
    header.msg_iov = const_cast<iovec *>(pieces);
    header.msg_iovlen = static_cast<size_t>(count);
    // No control buffer: descriptors that a peer sends along are never received.
    return answer(::recvmsg(fd, &header, MSG_CMSG_CLOEXEC));
}

ssize_t send(int fd, const iovec *pieces, int count, uint32_t how) noexcept {
    const int flags = send_flags(how);
    if (count == 1) return answer(::send(fd, pieces->iov_base, pieces->iov_len, flags));
    msghdr header{};
    header.msg_iov = const_cast<iovec *>(pieces);
    header.msg_iovlen = static_cast<size_t>(count);
    return answer(::sendmsg(fd, &header, flags));
}

int pinned_done(int fd, PinnedDone *done) noexcept { return receive_pinned_done(fd, done); }

ssize_t read(int fd, void *data, size_t size) noexcept { return answer(::read(fd, data, size)); }

ssize_t write(int fd, const void *data, size_t size) noexcept { return answer(::write(fd, data, size)); }

int make_pipe(int ends[2]) noexcept { return answer(::pipe2(ends, O_NONBLOCK | O_CLOEXEC)); }

int set_pipe_size(int fd, int bytes) noexcept { return answer(::fcntl(fd, F_SETPIPE_SZ, bytes)); }

ssize_t splice(int from, int to, size_t size) noexcept {
    return answer(::splice(from, nullptr, to, nullptr, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
}

ssize_t tee(int from, int to, size_t size) noexcept { return answer(::tee(from, to, size, SPLICE_F_NONBLOCK)); }

ssize_t lend_pages(const void *data, size_t size, int pipe) noexcept {
    const iovec piece{const_cast<void *>(data), size};
    return answer(::vmsplice(pipe, &piece, 1, SPLICE_F_NONBLOCK));
}

int open_file(int directory, const char *path, uint32_t how) noexcept { return open_with(directory, path, how); }

int file_status(int fd, FileStatus *status) noexcept { return status_of_file(fd, status); }

int path_status(int directory, const char *path, bool follow, FileStatus *status) noexcept {
    return status_of_path(directory, path, follow, status);
}

ssize_t read_at(int fd, void *data, size_t size, uint64_t offset) noexcept {
    return answer(::pread64(fd, data, size, static_cast<off64_t>(offset)));
}

ssize_t send_file(int to, int from, uint64_t offset, size_t size) noexcept {
    auto position = static_cast<off64_t>(offset);
    return answer(::sendfile64(to, from, &position, size));
}

ssize_t splice_file(int from, uint64_t offset, int pipe, size_t size) noexcept {
    auto position = static_cast<off64_t>(offset);
    return answer(::splice(from, &position, pipe, nullptr, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
}

ssize_t write_at(int fd, const void *data, size_t size, uint64_t offset) noexcept {
    return answer(::pwrite64(fd, data, size, static_cast<off64_t>(offset)));
}

ssize_t splice_to_file(int pipe, int to, uint64_t offset, size_t size) noexcept {
    auto position = static_cast<off64_t>(offset);
    return answer(::splice(pipe, nullptr, to, &position, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
}

int flush_file(int fd) noexcept { return answer(::fdatasync(fd)); }

const void *map_range(int fd, uint64_t offset, size_t size) noexcept {
    void *start = ::mmap64(nullptr, size, PROT_READ, MAP_SHARED, fd, static_cast<off64_t>(offset));
    return start == MAP_FAILED ? nullptr : start;
}

int make_poller() noexcept { return answer(::epoll_create1(EPOLL_CLOEXEC)); }

int poller_set(int poller, int operation, int fd, uint32_t events, uint64_t token) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    return answer(::epoll_ctl(poller, operation, fd, &event));
}

int poller_wait(int poller, epoll_event *events, int capacity, int64_t timeout_ns) noexcept {
    if (timeout_ns <= 0) return answer(::epoll_wait(poller, events, capacity, timeout_ns < 0 ? -1 : 0));
    // epoll_wait counts whole milliseconds; round up, so that a deadline has passed when it returns.
    constexpr int64_t longest_ms = 1 << 30;
    const int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
    return answer(::epoll_wait(poller, events, capacity, static_cast<int>(ms < longest_ms ? ms : longest_ms)));
}

int make_event() noexcept { return answer(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int event_raise(int fd) noexcept {
    const uint64_t one = 1;
    return ::write(fd, &one, sizeof one) < 0 ? -errno : 0;
}

int event_clear(int fd) noexcept {
    uint64_t count;
    return ::read(fd, &count, sizeof count) < 0 ? -errno : 0;
}

int make_probe() noexcept { return answer(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

int socket_file(const char *path, FileId *id) noexcept {
    struct stat status {};
    if (::lstat(path, &status) < 0) return -errno;
    if (!S_ISSOCK(status.st_mode)) return -ENOTSOCK;
    *id = {status.st_dev, status.st_ino};
    return 0;
}

int remove_path(const char *path) noexcept { return answer(::unlink(path)); }

int change_mode(const char *path, unsigned mode) noexcept { return answer(::chmod(path, static_cast<mode_t>(mode))); }

void *map(size_t size, size_t alignment) noexcept { return map_aligned(size, alignment); }

void unmap(void *address, size_t size) noexcept { ::munmap(address, size); }

void protect(void *address, size_t size, bool usable) noexcept {
    (void)::mprotect(address, size, usable ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void drop_pages(void *address, size_t size) noexcept {
    // Whole pages only: the kernel rounds up, and what it would take with them is in use.
    const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto first = (reinterpret_cast<uintptr_t>(address) + page - 1) & ~(page - 1);
    const auto end = (reinterpret_cast<uintptr_t>(address) + size) & ~(page - 1);
    if (first < end) (void)::madvise(reinterpret_cast<void *>(first), end - first, MADV_DONTNEED);
}

bool ask_huge_pages(void *address, size_t size) noexcept {
    if (::madvise(address, size, MADV_HUGEPAGE) != 0) return false;
    // The advice is taken even where huge pages are switched off: then nothing comes of it.
    const int fd = ::open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return true;
    char text[64];
    const ssize_t size_read = ::read(fd, text, sizeof text - 1);
    (void)::close(fd);
    if (size_read <= 0) return true;
    text[size_read] = 0;
    return std::strstr(text, "[never]") == nullptr;
}

bool wipe_on_fork(void *address, size_t size) noexcept { return ::madvise(address, size, MADV_WIPEONFORK) == 0; }

bool is_read_only(const void *data, size_t size) noexcept { return is_mapped_read_only(data, size); }

int make_memory_file() noexcept { return answer(::memfd_create("zcnet", MFD_CLOEXEC | MFD_ALLOW_SEALING)); }

int resize_file(int fd, uint64_t size) noexcept { return answer(::ftruncate(fd, static_cast<off_t>(size))); }

int seal_file_size(int fd) noexcept { return answer(::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)); }

void *map_file(int fd, size_t size, size_t alignment) noexcept {
    void *place = map(size, alignment);
    if (place == nullptr) return nullptr;
    if (::mmap(place, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0) != MAP_FAILED)
        return place;
    unmap(place, size);
    return nullptr;
}

int punch_hole(int fd, uint64_t offset, uint64_t size) noexcept {
    return answer(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                              static_cast<off_t>(size)));
}

void *allocate(size_t size) noexcept { return std::malloc(size); }

void deallocate(void *address) noexcept { std::free(address); }

const char *environment(const char *name) noexcept { return ::secure_getenv(name); }

void nap() noexcept {
    const timespec time{0, 50000};
    (void)::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

int64_t now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return int64_t{time.tv_sec} * 1000000000 + time.tv_nsec;
}

int64_t coarse_now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return int64_t{time.tv_sec} * 1000000000 + time.tv_nsec;
}

}  // namespace zcnet::os
