// SPDX-License-Identifier: MIT
// The os seam with a script in front of the system calls.
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "os/aligned_map.h"
#include "os/memory_map.h"
#include "os/os.h"
#include "os/pinned.h"
#include "pinned_writes.h"
#include "plan.h"

namespace zcnet::os {

namespace {

using namespace zcnet::fault;

template <class Number>
Number answer(Number result) noexcept {
    return result >= 0 ? result : static_cast<Number>(-errno);
}

constexpr int most_pieces = 1024;

uint64_t total(const iovec *pieces, int count) noexcept {
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += pieces[i].iov_len;
    return bytes;
}

// The first `size` bytes of the pieces; how many pieces that is.
int first_bytes(const iovec *pieces, int count, uint64_t size, iovec *part) noexcept {
    int used = 0;
    for (int i = 0; i < count && size != 0; i++) {
        part[used] = pieces[i];
        if (part[used].iov_len > size) part[used].iov_len = size;
        size -= part[used++].iov_len;
    }
    return used;
}

template <class Real>
ssize_t move_bytes(Call call, int fd, const iovec *pieces, int count, Real &&real) noexcept {
    if (const int early = decide_on(call, fd); early != go_on) {
        // Who is told that the connection broke finds nothing of it any more.
        if (early == -ECONNRESET || early == -EPIPE || early == -ETIMEDOUT) (void)::shutdown(fd, SHUT_RDWR);
        return early;
    }
    const uint64_t asked = total(pieces, count);
    const uint64_t allowed = cut(call, asked);
    iovec part[most_pieces];
    msghdr header{};
    header.msg_iov = part;
    header.msg_iovlen = static_cast<size_t>(first_bytes(pieces, count, allowed, part));
    const ssize_t moved = real(&header);
    if (moved > 0 && static_cast<uint64_t>(moved) == allowed && allowed < asked) raise_edge(fd);
    return moved;
}

}  // namespace

#define ANSWER_EARLY(call) \
    if (const int early = decide(call); early != go_on) return early

int make_socket(int family) noexcept {
    ANSWER_EARLY(call_make_socket);
    return answer(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int make_probe() noexcept {
    ANSWER_EARLY(call_make_probe);
    return answer(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int bind(int fd, const sockaddr *address, socklen_t size) noexcept {
    ANSWER_EARLY(call_bind);
    return answer(::bind(fd, address, size));
}

int listen(int fd, int backlog) noexcept {
    ANSWER_EARLY(call_listen);
    return answer(::listen(fd, backlog));
}

int connect(int fd, const sockaddr *address, socklen_t size) noexcept {
    ANSWER_EARLY(call_connect);
    return answer(::connect(fd, address, size));
}

int accept(int fd) noexcept {
    if (const int early = decide_on(call_accept, fd); early != go_on) return early;
    return answer(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int shutdown(int fd, int how) noexcept {
    ANSWER_EARLY(call_shutdown);
    return answer(::shutdown(fd, how));
}

int close(int fd) noexcept {
    const int early = decide(call_close);
    forget_watch(fd);
    const int result = answer(::close(fd));
    return early != go_on ? early : result;
}

int set_nonblocking(int fd) noexcept {
    ANSWER_EARLY(call_set_nonblocking);
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    if (::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return answer(::fcntl(fd, F_SETFD, FD_CLOEXEC));
}

int open_spare() noexcept {
    ANSWER_EARLY(call_open_spare);
    return answer(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

int get_option(int fd, int level, int name, void *value, socklen_t *size) noexcept {
    ANSWER_EARLY(call_get_option);
    return answer(::getsockopt(fd, level, name, value, size));
}

int set_option(int fd, int level, int name, const void *value, socklen_t size) noexcept {
    ANSWER_EARLY(call_set_option);
    if (name == SO_ZEROCOPY && level == SOL_SOCKET && pinned_is_scripted()) return 0;
    return answer(::setsockopt(fd, level, name, value, size));
}

int local_address(int fd, sockaddr *address, socklen_t *size) noexcept {
    ANSWER_EARLY(call_local_address);
    return answer(::getsockname(fd, address, size));
}

int peer_address(int fd, sockaddr *address, socklen_t *size) noexcept {
    ANSWER_EARLY(call_peer_address);
    return answer(::getpeername(fd, address, size));
}

int unsent_bytes(int fd, int *bytes) noexcept {
    ANSWER_EARLY(call_unsent_bytes);
    return answer(::ioctl(fd, SIOCOUTQ, bytes));
}

int unread_bytes(int fd, int *bytes) noexcept {
    ANSWER_EARLY(call_unread_bytes);
    return answer(::ioctl(fd, SIOCINQ, bytes));
}

ssize_t receive(int fd, const iovec *pieces, int count) noexcept {
    return move_bytes(call_receive, fd, pieces, count,
                      [&](msghdr *header) { return answer(::recvmsg(fd, header, MSG_CMSG_CLOEXEC)); });
}

ssize_t send(int fd, const iovec *pieces, int count, uint32_t how) noexcept {
    const bool pinned = (how & send_pinned) != 0;
    const bool taken = pinned && pinned_is_scripted();
    const int flags = send_flags(taken ? how & ~uint32_t{send_pinned} : how);
    note_send((how & send_more) != 0);
    if (!pinned) note_copied_send(pieces, count);
    return move_bytes(pinned ? call_send_pinned : call_send, fd, pieces, count, [&](msghdr *header) {
        const ssize_t sent = answer(::sendmsg(fd, header, flags));
        if (taken && sent > 0) note_pinned(fd, header->msg_iov, static_cast<size_t>(sent));
        return sent;
    });
}

int pinned_done(int fd, PinnedDone *done) noexcept {
    ANSWER_EARLY(call_pinned_done);
    if (pinned_is_scripted()) return next_pinned_done(fd, done) ? 0 : -EAGAIN;
    return receive_pinned_done(fd, done);
}

ssize_t read(int fd, void *data, size_t size) noexcept {
    if (const int early = decide_on(call_read, fd); early != go_on) return early;
    return answer(::read(fd, data, cut(call_read, size)));
}

ssize_t write(int fd, const void *data, size_t size) noexcept {
    if (const int early = decide_on(call_write, fd); early != go_on) return early;
    const size_t allowed = cut(call_write, size);
    const ssize_t moved = answer(::write(fd, data, allowed));
    if (moved > 0 && static_cast<size_t>(moved) == allowed && allowed < size) raise_edge(fd);
    return moved;
}

int make_pipe(int ends[2]) noexcept {
    ANSWER_EARLY(call_make_pipe);
    return answer(::pipe2(ends, O_NONBLOCK | O_CLOEXEC));
}

int set_pipe_size(int fd, int bytes) noexcept {
    ANSWER_EARLY(call_set_pipe_size);
    return answer(::fcntl(fd, F_SETPIPE_SZ, bytes));
}

// What is watched of the two is the socket.
ssize_t splice(int from, int to, size_t size) noexcept {
    if (const int early = decide(call_splice); early != go_on) {
        if (early == -ECONNRESET || early == -EPIPE) {
            (void)::shutdown(from, SHUT_RDWR);
            (void)::shutdown(to, SHUT_RDWR);
        }
        if (early == -EAGAIN) {
            raise_edge(from);
            raise_edge(to);
        }
        return early;
    }
    const size_t allowed = cut(call_splice, size);
    const ssize_t moved = answer(::splice(from, nullptr, to, nullptr, allowed, SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
    if (moved > 0 && static_cast<size_t>(moved) == allowed && allowed < size) {
        raise_edge(from);
        raise_edge(to);
    }
    return moved;
}

ssize_t tee(int from, int to, size_t size) noexcept {
    ANSWER_EARLY(call_tee);
    return answer(::tee(from, to, cut(call_tee, size), SPLICE_F_NONBLOCK));
}

ssize_t lend_pages(const void *data, size_t size, int pipe) noexcept {
    ANSWER_EARLY(call_lend_pages);
    const iovec piece{const_cast<void *>(data), cut(call_lend_pages, size)};
    return answer(::vmsplice(pipe, &piece, 1, SPLICE_F_NONBLOCK));
}

int make_poller() noexcept {
    ANSWER_EARLY(call_make_poller);
    return answer(::epoll_create1(EPOLL_CLOEXEC));
}

int poller_set(int poller, int operation, int fd, uint32_t events, uint64_t token) noexcept {
    if (const int early = decide(call_poller_set); early != go_on) {
        // What could not be taken off is not watched either once its descriptor is closed.
        if (operation == EPOLL_CTL_DEL) forget_watch(fd);
        return early;
    }
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    const int result = answer(::epoll_ctl(poller, operation, fd, &event));
    if (result >= 0) note_watch(poller, operation, fd, events, token);
    return result;
}

namespace {

// What the kernel has, or is about to deliver. Its moment is not waited for any more when that brought nothing several
// times in a row. It is slept, not yielded: who yields beside programs that use all processors is back milliseconds
// later.
int deliver(int poller, epoll_event *events, int capacity, bool may_wait) noexcept {
    constexpr uint32_t most_waits = 16;
    thread_local uint32_t fruitless = 0;
    int count = ::epoll_wait(poller, events, capacity, 0);
    if (count == 0 && may_wait && fruitless < most_waits) {
        fruitless++;
        pollfd ready{poller, POLLIN, 0};
        const timespec moment{0, 20000};
        (void)::ppoll(&ready, 1, &moment, nullptr);
        count = ::epoll_wait(poller, events, capacity, 0);
    }
    if (count != 0) fruitless = 0;
    return count;
}

}  // namespace

int poller_wait(int poller, epoll_event *events, int capacity, int64_t timeout_ns) noexcept {
    ANSWER_EARLY(call_poller_wait);
    if (const int told = pinned_edges(poller, events, capacity); told != 0) return told;
    if (!clock_is_scripted()) {
        const int64_t ms = timeout_ns <= 0 ? timeout_ns : (timeout_ns + 999999) / 1000000;
        return answer(::epoll_wait(poller, events, capacity, ms < 0 ? -1 : static_cast<int>(ms)));
    }
    clock_tick();
    const int count = answer(deliver(poller, events, capacity, timeout_ns != 0));
    if (count != 0 || timeout_ns == 0) return count;
    if (timeout_ns < 0) {
        std::fprintf(stderr, "a wait without end, with a clock that nobody moves\n");
        std::abort();
    }
    clock_advance(timeout_ns);
    return 0;
}

int make_event() noexcept {
    ANSWER_EARLY(call_make_event);
    return answer(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

int event_raise(int fd) noexcept {
    ANSWER_EARLY(call_event_raise);
    const uint64_t one = 1;
    return ::write(fd, &one, sizeof one) < 0 ? -errno : 0;
}

int event_clear(int fd) noexcept {
    ANSWER_EARLY(call_event_clear);
    uint64_t count;
    return ::read(fd, &count, sizeof count) < 0 ? -errno : 0;
}

int remove_path(const char *path) noexcept {
    ANSWER_EARLY(call_remove_path);
    return answer(::unlink(path));
}

int socket_file(const char *path, FileId *id) noexcept {
    ANSWER_EARLY(call_socket_file);
    struct stat status {};
    if (::lstat(path, &status) < 0) return -errno;
    if (!S_ISSOCK(status.st_mode)) return -ENOTSOCK;
    *id = {status.st_dev, status.st_ino};
    return 0;
}

int change_mode(const char *path, unsigned mode) noexcept {
    ANSWER_EARLY(call_change_mode);
    return answer(::chmod(path, static_cast<mode_t>(mode)));
}

void *map(size_t size, size_t alignment) noexcept {
    if (decide(call_map) != go_on) return nullptr;
    void *place = map_aligned(size, alignment);
    if (place != nullptr) note_map(static_cast<int64_t>(size));
    return place;
}

void unmap(void *address, size_t size) noexcept {
    note_map(-static_cast<int64_t>(size));
    ::munmap(address, size);
}

void protect(void *address, size_t size, bool usable) noexcept {
    (void)::mprotect(address, size, usable ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void drop_pages(void *address, size_t size) noexcept { (void)::madvise(address, size, MADV_DONTNEED); }

bool ask_huge_pages(void *address, size_t size) noexcept {
    return decide(call_huge_pages) == go_on && ::madvise(address, size, MADV_HUGEPAGE) == 0;
}

bool wipe_on_fork(void *address, size_t size) noexcept { return ::madvise(address, size, MADV_WIPEONFORK) == 0; }

bool is_read_only(const void *data, size_t size) noexcept { return is_mapped_read_only(data, size); }

int make_memory_file() noexcept {
    ANSWER_EARLY(call_memory_file);
    return answer(::memfd_create("scripted", MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

int resize_file(int fd, uint64_t size) noexcept {
    ANSWER_EARLY(call_memory_file);
    return answer(::ftruncate(fd, static_cast<off_t>(size)));
}

int seal_file_size(int fd) noexcept {
    ANSWER_EARLY(call_memory_file);
    return answer(::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
}

void *map_file(int fd, size_t size, size_t alignment) noexcept {
    if (decide(call_memory_file) != go_on) return nullptr;
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

void *allocate(size_t size) noexcept {
    if (decide(call_allocate) != go_on) return nullptr;
    void *memory = std::malloc(size);
    if (memory != nullptr) note_allocation(1);
    return memory;
}

void deallocate(void *address) noexcept {
    if (address != nullptr) note_allocation(-1);
    std::free(address);
}

const char *environment(const char *) noexcept { return nullptr; }

// Scripts are for one thread: there is no other to wait for.
void nap() noexcept {}

int64_t now() noexcept {
    if (clock_is_scripted()) return clock_read();
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return int64_t{time.tv_sec} * 1000000000 + time.tv_nsec;
}

int64_t coarse_now() noexcept { return now(); }

}  // namespace zcnet::os
