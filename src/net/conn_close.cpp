// SPDX-License-Identifier: MIT
// How a connection ends: drained, then waited for, then gone; or at once.
#include <netinet/in.h>

#include "base/probe.h"
#include "net/conn.h"
#include "net/conn_requests.h"
#include "net/loop.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::net::State;

namespace {

constexpr uint32_t first_linger_ms = 1;
constexpr uint32_t longest_linger_ms = 100;
constexpr int most_discards = 64;  // reads of one step, so that a peer that pours does not hold the loop up

// What a unit ends with that a connection's end leaves unsent.
Status ended_as(Status reason) noexcept { return reason == ZCN_OK || reason == ZCN_EOF ? ZCN_ECLOSED : reason; }

}  // namespace

// What was accepted for sending is still sent; nothing more is read or delivered.
void zcn_conn::begin_close(Status reason) noexcept {
    if (state_ != State::open && state_ != State::connecting) return;
    const bool connecting = state_ == State::connecting;
    reason_ = reason;
    input_over_ = true;
    // Later messages to send are refused, from any thread. acq_rel: as in request_close().
    requests_.fetch_or(zcnet::net::request_over, std::memory_order_acq_rel);
    loop()->hold_unfinished(this, false);
    if (memory_paused_) on_memory();
    if (finisher_) end_finisher();
    drop_body(ended_as(reason));
    stream_.window().close(loop()->intake());
    if (write_failed_) {
        finish(reason_after_failure());
        return;
    }
    close_by_ = loop()->read_clock() + settings().drain_timeout;
    if (connecting) {
        // The dial goes on, for what was queued; without that there is nothing to wait for.
        if (stream_.idle()) {
            finish(reason);
        } else {
            arm_timer();
        }
        return;
    }
    state_ = State::draining;
    write();
    if (!stream_.idle()) ZCNET_PROBE(conn__drain, this, stream_.queued_bytes());
    become_ready();
    arm_timer();
}

// A write that failed has taken the error that a read would have found, so the peer's end was not in order; and what
// was to be sent is lost.
Status zcn_conn::reason_after_failure() const noexcept {
    const bool lost = reason_ == ZCN_EOF || (reason_ == ZCN_OK && !stream_.idle());
    if (!lost) return reason_;
    return rare_ != nullptr && rare_->error.status != ZCN_OK ? rare_->error.status : Status{ZCN_ERESET};
}

void zcn_conn::discard_input() noexcept {
    uint8_t scrap[16384];
    iovec piece{scrap, sizeof scrap};
    for (int i = 0; i < most_discards; i++) {
        if (input_ended_) return;
        const ssize_t got = zcnet::os::uninterrupted([&] { return zcnet::os::receive(fd_, &piece, 1); });
        if (got > 0) continue;
        if (got == -EAGAIN || got == -EWOULDBLOCK) return;
        input_ended_ = true;  // in order or by an error: nothing comes any more
    }
    become_ready();  // more is there, and others have their turn
}

// The queue is empty, or cannot be sent: the last words of the connection.
void zcn_conn::go_on_closing() noexcept {
    if (broken_) {
        finish(rare_ != nullptr && rare_->error.status != ZCN_OK ? rare_->error.status : reason_);
        return;
    }
    if (write_failed_) {
        finish(reason_after_failure());
        return;
    }
    // A peer may read nothing before it has sent what it has; and closing a socket with unread input resets it, and a
    // reset may overtake what was sent. So the input is read away, until the peer has ended or its kernel has
    // everything.
    discard_input();
    if (!stream_.idle()) return;
    if (state_ == State::draining) {
        if (!shutdown_done_) {
            shutdown_done_ = true;
            (void)zcnet::os::shutdown(fd_, SHUT_WR);
        }
        state_ = State::lingering;
        linger_ms_ = first_linger_ms;
    }
    const bool arrived = !zcnet::os::has_unsent(fd_, is_tcp_);
    // Units that left without a copy end in order where there is time for it.
    const bool settled = stream_.queue().awaited() == 0;
    const bool late = loop()->now() >= close_by_;
    if (settled ? input_ended_ || arrived : late && arrived) {
        finish(reason_);
        return;
    }
    if (late) {
        abort_now(ZCN_ETIMEDOUT);
        return;
    }
    linger_ms_ = std::min(linger_ms_ * 2, longest_linger_ms);
    arm_timer();
}

void zcn_conn::abort_now(Status reason) noexcept {
    if (state_ == State::ended || state_ == State::closed) return;
    // A child of fork only closes its copy: the socket and the poller are its parent's.
    if (fd_ >= 0 && state_ != State::connecting && in_process()) {
        if (is_tcp_) zcnet::os::reset(fd_);
    }
    requests_.fetch_or(zcnet::net::request_over, std::memory_order_acq_rel);
    finish(reason);
}

void zcn_conn::detach_socket() noexcept {
    if (fd_ < 0 || !in_process()) return;
    // By name, not by closing: a duplicate of the descriptor would keep the registration alive.
    (void)zcnet::os::poller_set(loop()->poller(), EPOLL_CTL_DEL, fd_, 0, 0);
}

// Ends the units that are queued and lets received bytes go.
void zcn_conn::fail_stream(Status reason) noexcept {
    if (finisher_) end_finisher();
    drop_body(ended_as(reason));
    if (memory_paused_) {
        memory_paused_ = false;
        loop()->count_paused(false);
    }
    flushing_ = true;  // a release function that sends is refused, and must not write either
    stream_.sync();
    stream_.queue().fail(ended_as(reason));
    flushing_ = false;
    drop_transfer();
    stream_.drop_reserved();
    stream_.window().close(loop()->intake());
}

void zcn_conn::finish(Status reason) noexcept {
    if (state_ == State::ended || state_ == State::closed) return;
    requests_.fetch_or(zcnet::net::request_over | zcnet::net::request_gone, std::memory_order_acq_rel);
    state_ = State::ended;
    reason_ = reason;
    // What was found on the way and is not the reason after all is not told as one.
    if (rare_ != nullptr && rare_->error.status != reason) rare_->error = zcnet::Error{};
    input_over_ = true;
    tell_writable_ = tell_memory_ = tell_peer_closed_ = false;
    drop_dial();
    loop()->timers().cancel(this);
    loop()->hold_unfinished(this, false);
    detach_socket();
    leave_socket(ended_as(reason));
    fail_stream(reason);
    end_requests(reason == ZCN_OK ? Status{ZCN_ECLOSED} : reason);
    if (holds_up_) let_go();
    if (listener_ != nullptr) {
        listener_->connection_ended();
        listener_->release();
        listener_ = nullptr;
    }
    become_ready();
}

void zcn_conn::end_silently() noexcept {
    if (arriving_) {
        // On its way to a loop that goes: what it brought is let go there.
        arriving_ = false;
        stream_.window().arrive(loop()->intake());
    }
    if (state_ != State::closed && state_ != State::ended) abort_now(ZCN_EABORTED);
    loop()->forget(this);
    stream_.close(loop()->intake());
    state_ = State::closed;
}

void zcn_conn::close_for_memory() noexcept {
    set_error(ZCN_ENOBUFS, 0, "unfinished messages fill the pool, and this connection holds most of it (%llu bytes)",
              static_cast<unsigned long long>(held()));
    stream_.note_trailing();
    abort_now(ZCN_ENOBUFS);
}
