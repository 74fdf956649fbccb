// SPDX-License-Identifier: MIT
// The seam to the kernel: every system call and every page of memory goes through here, and nowhere else.
//
// Each function is one system call (or a clock read) and nothing more: it answers what the kernel answered, with
// failures as -errno, EINTR and EAGAIN included. Callers above decide what to do about them. A test build links
// another implementation of this contract, which can shorten, delay and fail every answer.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace zcnet::os {

// Descriptors. All that are made here are close-on-exec; sockets are non-blocking.
int make_socket(int family) noexcept;  // stream
int make_probe() noexcept;             // a local datagram socket
int bind(int fd, const sockaddr *address, socklen_t size) noexcept;
int listen(int fd, int backlog) noexcept;
int connect(int fd, const sockaddr *address, socklen_t size) noexcept;
// Sends a reset, where the protocol has one, while the descriptor is still open.
inline void reset(int fd) noexcept {
    sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    (void)os::connect(fd, &nowhere, sizeof nowhere);
}
int accept(int fd) noexcept;
int shutdown(int fd, int how) noexcept;
int close(int fd) noexcept;
int set_nonblocking(int fd) noexcept;
int open_spare() noexcept;  // a descriptor kept in reserve for accept at the limit
int get_option(int fd, int level, int name, void *value, socklen_t *size) noexcept;
int set_option(int fd, int level, int name, const void *value, socklen_t size) noexcept;
int local_address(int fd, sockaddr *address, socklen_t *size) noexcept;
int peer_address(int fd, sockaddr *address, socklen_t *size) noexcept;
int unsent_bytes(int fd, int *bytes) noexcept;  // SIOCOUTQ
int unread_bytes(int fd, int *bytes) noexcept;  // SIOCINQ

// Bytes.
ssize_t receive(int fd, const iovec *pieces, int count) noexcept;
enum : uint32_t {
    send_more = 1,   // what follows at once may share the last packet
    send_pinned = 2  // the kernel reads the bytes where they lie, until it says that it is done with them
};
// Never raises SIGPIPE.
ssize_t send(int fd, const iovec *pieces, int count, uint32_t how = 0) noexcept;
// Writes that the kernel is done with, by their numbers; -EAGAIN: it has nothing more to say, -ENOMSG: something else.
struct PinnedDone {
    uint32_t first = 0;
    uint32_t last = 0;
    bool copied = false;  // all the same
};
int pinned_done(int fd, PinnedDone *done) noexcept;
ssize_t read(int fd, void *data, size_t size) noexcept;

// Bytes that stay in the kernel, without waiting. Where the receiver is gone, these raise SIGPIPE: see pipe_signal.h.
ssize_t write(int fd, const void *data, size_t size) noexcept;
int make_pipe(int ends[2]) noexcept;                     // [0] to read from, [1] to write to
int set_pipe_size(int fd, int bytes) noexcept;           // what it has now
ssize_t splice(int from, int to, size_t size) noexcept;  // one of the two is a pipe
ssize_t tee(int from, int to, size_t size) noexcept;     // two pipes
// The pages themselves go into the pipe, and from there to whoever reads it: nothing tells when they are done with.
ssize_t lend_pages(const void *data, size_t size, int pipe) noexcept;

// Regular files.
struct FileStatus {
    uint64_t device = 0;
    uint64_t inode = 0;
    uint64_t size = 0;
    int64_t modified = 0;  // nanoseconds since 1970
    int64_t changed = 0;   // of the inode
    bool regular = false;
};
enum : uint32_t {
    open_beneath = 1,      // nothing on the way leads out of the directory
    open_no_symlinks = 2,  // nothing on the way is a symbolic link
    open_direct = 4        // past the page cache
};
// To read from. `directory` is a descriptor, or -1 for the working directory. It never waits for the other end of a
// FIFO.
int open_file(int directory, const char *path, uint32_t how) noexcept;
int file_status(int fd, FileStatus *status) noexcept;
int path_status(int directory, const char *path, bool follow, FileStatus *status) noexcept;
ssize_t read_at(int fd, void *data, size_t size, uint64_t offset) noexcept;
// May raise SIGPIPE: see pipe_signal.h.
ssize_t send_file(int to, int from, uint64_t offset, size_t size) noexcept;
ssize_t splice_file(int from, uint64_t offset, int pipe, size_t size) noexcept;
ssize_t write_at(int fd, const void *data, size_t size, uint64_t offset) noexcept;
ssize_t splice_to_file(int pipe, int to, uint64_t offset, size_t size) noexcept;
int flush_file(int fd) noexcept;  // waits until the disk has its bytes
// The offset is a multiple of the page size. Reading what the file does not have any more raises SIGBUS in the program,
// and is EFAULT in a system call. nullptr: it cannot be mapped.
const void *map_range(int fd, uint64_t offset, size_t size) noexcept;

// Readiness.
int make_poller() noexcept;
int poller_set(int poller, int operation, int fd, uint32_t events, uint64_t token) noexcept;
int poller_wait(int poller, epoll_event *events, int capacity, int64_t timeout_ns) noexcept;  // < 0: for ever
int make_event() noexcept;                                                                    // eventfd
int event_raise(int fd) noexcept;
int event_clear(int fd) noexcept;

// The file system, for socket files.
int remove_path(const char *path) noexcept;
// Which file a socket's path leads to, without following a link; -ENOTSOCK when it is no socket.
struct FileId {
    uint64_t device = 0;
    uint64_t inode = 0;
};
int socket_file(const char *path, FileId *id) noexcept;
int change_mode(const char *path, unsigned mode) noexcept;

// Memory. map() gives zeroed pages at an alignment (a power of two, at least a page) that become resident when
// they are touched; nullptr when there is none.
void *map(size_t size, size_t alignment) noexcept;
void unmap(void *address, size_t size) noexcept;
void protect(void *address, size_t size, bool usable) noexcept;  // pages that nobody may touch, or may again
void drop_pages(void *address, size_t size) noexcept;            // contents become zero, pages go back
bool ask_huge_pages(void *address, size_t size) noexcept;        // false: the system gives none
bool wipe_on_fork(void *address, size_t size) noexcept;          // zeroed in a child
bool is_read_only(const void *data, size_t size) noexcept;       // mapped so, all of it
int make_memory_file() noexcept;                                 // a memfd whose size can be sealed
int resize_file(int fd, uint64_t size) noexcept;
int seal_file_size(int fd) noexcept;                              // it neither shrinks nor grows any more
void *map_file(int fd, size_t size, size_t alignment) noexcept;   // shared; unmap() ends it
int punch_hole(int fd, uint64_t offset, uint64_t size) noexcept;  // those pages go back, and read as zero
void *allocate(size_t size) noexcept;                             // the heap, for memory of odd sizes
void deallocate(void *address) noexcept;

// A word of the environment, unless the program runs with more rights than its user; nullptr without.
const char *environment(const char *name) noexcept;

// Monotonic nanoseconds.
int64_t now() noexcept;
// Lets other threads go on: some 50 microseconds.
void nap() noexcept;
int64_t coarse_now() noexcept;  // the same clock at its last tick, a few milliseconds back at most: cheaper

// Repeats a call that a signal interrupted.
template <class Call>
auto uninterrupted(Call &&call) noexcept {
    for (;;) {
        auto answer = call();
        if (answer != -EINTR) return answer;
    }
}

// The error that waits in a socket, which is thereby taken from it; 0: none. Also what asking itself failed with.
inline int pending_error(int fd) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    const int result = get_option(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return result < 0 ? -result : error;
}

// Whether the kernel still has to bring the other side bytes that were written.
inline bool has_unsent(int fd, bool is_tcp) noexcept {
    int unsent = 0;
    // A local socket hands its bytes over when they are sent; TCP counts the end itself as one byte.
    return is_tcp && unsent_bytes(fd, &unsent) >= 0 && unsent > 1;
}

// Visits all that the kernel has to say of writes without a copy; true: there was something.
template <class Visit>
bool hear_pinned_done(int fd, Visit &&visit) noexcept {
    for (bool heard = false;;) {
        PinnedDone done;
        const int result = uninterrupted([&] { return pinned_done(fd, &done); });
        if (result == -ENOMSG) continue;
        if (result < 0) return heard;
        heard = true;
        visit(done);
    }
}

}  // namespace zcnet::os
