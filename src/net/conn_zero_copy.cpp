// SPDX-License-Identifier: MIT
// What a connection writes without a copy: when it does, and what it hears of that from the kernel.
#include <sys/socket.h>

#include "net/conn.h"
#include "net/loop.h"
#include "net/unsettled.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::send::Gathered;
using zcnet::send::ZeroCopy;

namespace {

// Why it cannot be: an errno; 0: it is enabled.
int enable_zero_copy(int fd, bool is_tcp) noexcept {
    if (!is_tcp) return EAFNOSUPPORT;
    // Where the program has sent so itself before it gave the socket away, the kernel counts on from its writes.
    int on = 0;
    socklen_t size = sizeof on;
    if (const int result = zcnet::os::get_option(fd, SOL_SOCKET, SO_ZEROCOPY, &on, &size); result < 0) return -result;
    if (on != 0) return EALREADY;
    on = 1;
    const int result = zcnet::os::set_option(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on);
    return result < 0 ? -result : 0;
}

}  // namespace

// How large a piece must be to leave without a copy now.
uint64_t zcn_conn::pin_from() noexcept {
    const uint64_t wanted = settings().limits.zero_copy_from;
    if (wanted == 0 || rare() == nullptr) return ZeroCopy::none;
    ZeroCopy &tuning = rare_->zero_copy;
    if (!tuning.enabled()) {
        tuning.enable();
        if (const int number = enable_zero_copy(fd_, is_tcp_); number != 0) tuning.refuse_for_good(number);
    }
    return tuning.least(wanted, stream_.queue().awaited(), loop()->now());
}

// As os::send(). found->pin says afterwards whether the bytes were left where they are.
ssize_t zcn_conn::send_pieces(const iovec *pieces, Gathered *found) noexcept {
    zcnet::send::Queue &queue = stream_.queue();
    const uint32_t how = found->more ? uint32_t{zcnet::os::send_more} : 0;
    if (found->pin && queue.reserve_kept() != ZCN_OK) found->pin = false;
    if (found->pin) {
        const uint32_t pinned = how | zcnet::os::send_pinned;
        const ssize_t sent =
            zcnet::os::uninterrupted([&] { return zcnet::os::send(fd_, pieces, found->count, pinned); });
        if (sent > 0) rare_->zero_copy.wrote(static_cast<uint64_t>(sent));
        // Nothing was sent where no more pages can be locked, or noted, or these cannot, as those of a device: the same
        // bytes are copied.
        if (sent == -ENOBUFS) {
            rare_->zero_copy.refused(queue.awaited(), loop()->now());
        } else if (sent == -EFAULT) {
            rare_->zero_copy.refused_memory(loop()->now());
        } else {
            return sent;
        }
        found->pin = false;
    }
    return zcnet::os::uninterrupted([&] { return zcnet::os::send(fd_, pieces, found->count, how); });
}

// Hears what the kernel is done with; true: it had something to say.
bool zcn_conn::read_pinned_done() noexcept {
    zcnet::send::Queue &queue = stream_.queue();
    const bool heard = zcnet::os::hear_pinned_done(fd_, [&](const zcnet::os::PinnedDone &done) {
        if (const uint64_t fresh = queue.complete(done.first, done.last); fresh != 0)
            rare_->zero_copy.done(fresh, done.copied, loop()->now());
    });
    if (heard) {
        // As within a write: what release functions send leaves with the poll, and none of them moves the connection
        // away to another loop while it is in use here.
        const bool before = flushing_;
        flushing_ = true;
        queue.settle();
        flushing_ = before;
    }
    return heard;
}

// The socket goes. Memory that its kernel may still read stays until it has said that it is done.
void zcn_conn::leave_socket(Status why) noexcept {
    if (fd_ < 0) return;
    if (in_process() && stream_.queue().has_ledger()) {
        (void)read_pinned_done();
        if (zcnet::send::Ledger *left = stream_.queue().leave_ledger(why)) {
            // As closing would: the peer sees the end behind what it still gets.
            (void)zcnet::os::shutdown(fd_, SHUT_WR);
            left->fd = fd_;
            left->by = loop()->read_clock() + settings().drain_timeout;
            left->process = loop()->process();
            zcnet::net::add_unsettled(left);
            fd_ = -1;
            return;
        }
    }
    (void)zcnet::os::close(fd_);
    fd_ = -1;
}
