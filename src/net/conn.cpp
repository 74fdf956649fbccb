// SPDX-License-Identifier: MIT
#include "net/conn.h"

#include <algorithm>
#include <cstdarg>
#include <new>

#include "base/probe.h"
#include "memory/births.h"
#include "net/conn_requests.h"
#include "net/dialer.h"
#include "net/loop.h"
#include "os/os.h"
#include "os/process.h"
#include "receive/dump.h"

using zcnet::Error;
using zcnet::Status;
using zcnet::net::never;
using zcnet::net::Settings;
using zcnet::net::State;

namespace {

constexpr int64_t write_retry_ns = 5000000;
constexpr uint32_t told_alone = UINT32_MAX;  // as a number of messages: there are to be none in this poll
constexpr int64_t memory_retry_ns = 10000000;

}  // namespace

zcn_conn::zcn_conn(zcn_loop *loop, const zcn_framing *in, const zcn_framing *out, Settings *settings) noexcept
    : Timer(zcnet::net::TimerOf::conn),
      LoopLetter(zcnet::net::Message::request),
      loop_(loop),
      settings_(settings),
      stream_(in, out) {
    settings->retain();
    if (drops()) stream_.queue().keep_apart();
    user_ = settings->user;
    paused_ = settings->start_paused;
}

Status zcn_conn::create(zcn_conn **out, zcn_loop *loop, const zcn_framing *framing, Settings *settings) noexcept {
    if (!loop->pool()->reserve_for(settings->largest_in_memory(framing->rule))) return ZCN_ENOBUFS;
    const zcn_framing *send_framing = settings->send_framing != nullptr ? settings->send_framing : framing;
    auto *conn = zcnet::memory::make_object<zcn_conn>(loop, framing, send_framing, settings);
    if (conn == nullptr) return ZCN_ENOMEM;
    loop->hold();
    // What is dropped is counted, also when there is no memory then.
    if (conn->drops() && conn->rare() == nullptr) {
        conn->release();
        return ZCN_ENOMEM;
    }
    conn->active_at_ = loop->now();
    zcnet::receive::note_made("connection", conn, 0, 0, nullptr);
    *out = conn;
    return ZCN_OK;
}

void zcn_conn::release() noexcept {
    // acq_rel: every holder's use happens before the end.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    zcn_loop *last = loop();
    for (Settings *settings = settings_.load(std::memory_order_relaxed); settings != nullptr;) {
        Settings *before = settings->before;
        settings->release();
        settings = before;
    }
    while (rare_ != nullptr && rare_->former != nullptr) {
        zcnet::net::FormerLoop *former = rare_->former;
        rare_->former = former->before;
        former->loop->unhold();
        delete former;
    }
    if (zcn_dialer *dialer = leave_dialer()) dialer->release();
    zcnet::memory::note_death(this);
    delete rare_;
    zcnet::memory::destroy_object(this);
    last->unhold();
}

void zcn_conn::read_stats(zcn_stats *stats) const noexcept {
    stream_.read_stats(stats);
    add_body_stats(stats);
    if (rare_ == nullptr) return;
    if (const zcnet::net::Exchange *exchange = rare_->exchange.get()) {
        stats->requests += exchange->begun();
        stats->answers += exchange->answered();
        stats->unanswered += exchange->unanswered();
        stats->requests_waiting += exchange->waiting();
    }
    stats->messages_dropped += rare_->dropped.messages;
    stats->bytes_dropped += rare_->dropped.bytes;
    stats->file_sendfile += rare_->file_bytes[ZCN_FILE_SENDFILE];
    stats->file_mmap += rare_->file_bytes[ZCN_FILE_MMAP];
    stats->file_splice += rare_->file_bytes[ZCN_FILE_SPLICE];
    stats->file_direct += rare_->file_bytes[ZCN_FILE_DIRECT];
    stats->pages_lent += rare_->page_bytes;
    const zcnet::send::ZeroCopy &zero_copy = rare_->zero_copy;
    stats->zero_copy_writes += zero_copy.writes();
    stats->zero_copy_bytes += zero_copy.bytes();
    stats->zero_copy_copied += zero_copy.copied();
    stats->zero_copy_refused += zero_copy.refusals();
    stats->zero_copy_awaited += stream_.queue().awaited();
}

zcnet::net::Rare *zcn_conn::rare() noexcept {
    if (rare_ == nullptr) rare_ = new (std::nothrow) zcnet::net::Rare();
    return rare_;
}

void zcn_conn::set_error(Status status, int number, const char *format, ...) noexcept {
    if (rare() == nullptr) return;
    Error &error = rare_->error;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(error.text, sizeof error.text, format, arguments);
    va_end(arguments);
    error.status = status;
    error.sys_errno = number;
}

Status zcn_conn::copy_error(zcn_error *out) const noexcept {
    if (rare_ != nullptr && rare_->error.status != ZCN_OK) return rare_->error.copy_to(out);
    Error none;
    none.status = state_ == State::ended || state_ == State::closed ? reason_ : ZCN_OK;
    std::snprintf(none.text, sizeof none.text, "%s", zcn_status_text(none.status));
    return none.copy_to(out);
}

// Edge-triggered: the connection remembers what it has not used up. Room for writing is watched from the first time
// that there is none: who only receives is not woken for it.
int zcn_conn::watch(int fd, int operation, bool output) noexcept {
    const uint32_t events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET | (output ? uint32_t{EPOLLOUT} : 0);
    output_watched_ = output;
    return zcnet::os::poller_set(loop()->poller(), operation, fd, events,
                                 reinterpret_cast<uintptr_t>(this) | zcnet::net::token_conn);
}

void zcn_conn::wait_for_room() noexcept {
    writable_ = false;
    // A change of interest reports what is ready already, so nothing is missed in between.
    if (!output_watched_ && watch(fd_, EPOLL_CTL_MOD, true) < 0) {
        output_watched_ = false;
        retry_write_ = true;
    }
}

Status zcn_conn::start_socket(int fd, bool is_tcp, uint32_t told_as) noexcept {
    const int result = watch(fd, EPOLL_CTL_ADD, false);
    if (result < 0)
        return loop()->error().set(ZCN_ESYS, -result, "the socket cannot be watched: %s",
                                   zcnet::net::why(ZCN_ESYS, -result));
    fd_ = fd;
    is_tcp_ = is_tcp;
    writable_ = true;
    readable_ = true;  // bytes may be there already
    state_ = State::open;
    ZCNET_PROBE(conn__open, this, fd_);
    told_as_ = static_cast<uint8_t>(told_as);
    active_at_ = loop()->now();
    loop()->add(this);
    become_ready();
    arm_timer();
    return ZCN_OK;
}

int zcn_conn::apply_options(int fd, bool is_tcp) const noexcept {
    const int result = zcnet::net::apply_before_connect(fd, settings());
    return result < 0 ? result : zcnet::net::apply_socket_options(fd, is_tcp, settings());
}

// Also in the events that are shown already, so that one array tells one value.
void zcn_conn::set_user(uintptr_t user) noexcept {
    user_ = user;
    zcnet::net::Batch &batch = loop()->batch();
    for (uint32_t i = 0; i < batch.count(); i++) {
        zcn_event *event = batch.event(i);
        if (event->conn == this && event->type != ZCN_EVENT_ACCEPTED) event->user = user;
    }
}

void zcn_conn::become_ready() noexcept { loop()->become_ready(this); }

void zcn_conn::on_readiness(uint32_t events) noexcept {
    if (state_ == State::connecting) {
        // The peer's end may come with the answer, and there is no other edge for it.
        if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
        dial_writable();
        return;
    }
    // The kernel's word on writes without a copy comes as an error that is none.
    if ((events & EPOLLERR) != 0 && stream_.queue().has_ledger() && read_pinned_done() &&
        (events & (EPOLLRDHUP | EPOLLHUP)) == 0)
        events &= ~uint32_t{EPOLLERR};
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0) {
        hung_up_ = true;
        readable_ = true;
    }
    if ((events & EPOLLIN) != 0) readable_ = true;
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0 && !writable_) {
        writable_ = true;
        if (!stream_.idle() || state_ != State::open) loop()->become_dirty(this);
    }
    const bool nobody_reads = stands_still() || input_over_;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && nobody_reads && state_ == State::open) {
        // Nobody would find the error.
        if (const int number = zcnet::os::pending_error(fd_); number != 0) {
            input_failed(number);
        } else if (input_over_) {
            begin_close(end_of_input());  // both directions have ended
        }
    }
    become_ready();
}

// --- what a poll tells ---

void zcn_conn::tell(uint32_t type, Status status) noexcept { loop()->batch().push(type, status, this, user_); }

bool zcn_conn::tell_pending() noexcept {
    zcnet::net::Batch &batch = loop()->batch();
    if (told_as_ != 0) {
        if (batch.full()) return false;
        zcn_event *event = batch.push(told_as_, ZCN_OK, this, user_);
        if (told_as_ == ZCN_EVENT_ACCEPTED && listener_ != nullptr) event->user = listener_->user();
        told_as_ = 0;
        // It stands alone in its array, so that who moves the connection leaves no message behind.
        serial_ = loop()->serial();
        delivered_ = told_alone;
    }
    zcnet::send::Ended ended;
    while (stream_.queue().has_ended()) {
        if (batch.full()) return false;
        (void)stream_.queue().take_ended(&ended);
        zcn_event *event = batch.push(ZCN_EVENT_SENT, ended.status, this, user_);
        event->token = ended.first;
        event->size = ended.count;
    }
    if (!tell_bodies()) return false;
    if (!tell_unanswered()) return false;
    if (tell_writable_ && state_ == State::open) {
        if (batch.full()) return false;
        ZCNET_PROBE(conn__writable, this);
        tell(ZCN_EVENT_WRITABLE, ZCN_OK);
    }
    tell_writable_ = false;
    if (tell_memory_ && state_ == State::open) {
        if (batch.full()) return false;
        tell(ZCN_EVENT_POOL_LIMITED, ZCN_ENOBUFS);
    }
    tell_memory_ = false;
    if (tell_peer_closed_ && state_ == State::open) {
        if (batch.full()) return false;
        tell(ZCN_EVENT_PEER_CLOSED, input_error_);
    }
    tell_peer_closed_ = false;
    return true;
}

bool zcn_conn::tell_closed() noexcept {
    // The last event: a file that is being flushed has one to come.
    if (flushes_bodies()) return true;
    if (loop()->batch().full()) return false;
    ZCNET_PROBE(conn__closed, this, reason_);
    tell(ZCN_EVENT_CLOSED, reason_);
    state_ = State::closed;
    loop()->finished(this);
    if (zcn_dialer *dialer = leave_dialer()) {
        dialer->connection_ended(reason_);
        dialer->release();
    }
    return true;
}

void zcn_conn::service() noexcept {
    if (state_ == State::open && stream_.take_relief(settings().limits)) {
        tell_writable_ = true;
        if (holds_up_) let_go();
    }
    if (!tell_pending()) {
        become_ready();
        return;
    }
    switch (state_) {
        case State::connecting:
        case State::closed:
            return;
        case State::open:
            if (broken_ && reason_ == ZCN_ELAGGED) {
                abort_now(reason_);
            } else if (broken_) {
                begin_close(reason_);
            } else if (input_over_ && (shutdown_done_ || write_failed_)) {
                begin_close(end_of_input());  // both directions have ended
            } else if (delivered_now() == told_alone) {
                become_ready();
            } else {
                read();
            }
            break;
        case State::draining:
        case State::lingering:
            go_on_closing();
            break;
        case State::ended:
            break;
    }
    // Reading may have led to the end, which may have ended units.
    if (state_ == State::ended) {
        if (!tell_pending() || !tell_closed()) become_ready();
        return;
    }
    arm_timer();
}

// --- deadlines ---

int64_t zcn_conn::next_deadline() const noexcept {
    const Settings &options = settings();
    int64_t soonest = never;
    if (state_ == State::connecting) soonest = dial_deadline();
    if (state_ == State::draining) soonest = close_by_;
    if (state_ == State::lingering) soonest = std::min(close_by_, loop()->now() + int64_t{linger_ms_} * 1000000);
    if (state_ == State::open) {
        const bool runs = !stands_still();
        if (options.idle_timeout != 0 && runs) soonest = std::min(soonest, active_at_ + options.idle_timeout);
        if (message_at_ != 0 && runs) soonest = std::min(soonest, message_at_ + options.message_timeout);
    }
    if (const auto *asked = exchange()) soonest = std::min(soonest, asked->next_deadline());
    if (retry_write_) soonest = std::min(soonest, loop()->now() + write_retry_ns);
    if (memory_paused_ && memory_retry_) soonest = std::min(soonest, loop()->now() + memory_retry_ns);
    return soonest;
}

// A deadline that moves away is left in the heap: when it comes it is looked at again. So a busy connection does not
// touch the heap with every message.
void zcn_conn::arm_timer() noexcept {
    const int64_t deadline = next_deadline();
    if (deadline == never) return;
    if (place != 0 && at <= deadline) return;
    // Without memory for the heap a deadline is late, at the next call that finds some.
    (void)loop()->timers().set(this, deadline);
}

void zcn_conn::on_timer() noexcept {
    const Settings &options = settings();
    if (retry_write_) {
        retry_write_ = false;
        writable_ = true;
        loop()->become_dirty(this);
    }
    if (memory_paused_ && memory_retry_) on_memory();
    // Judged by what the kernel had when it was last asked: the program may have been away, and what it did not see
    // yet may have come in time.
    const int64_t asked = loop()->looked_at();
    if (auto *exchange = this->exchange()) {
        exchange->expire(asked);
        if (exchange->has_ended()) become_ready();
    }
    switch (state_) {
        case State::connecting:
            dial_late(asked);
            if (state_ == State::ended) return;
            break;
        case State::open:
            if (stands_still()) break;
            if (options.idle_timeout != 0 && asked >= active_at_ + options.idle_timeout) {
                set_error(ZCN_ETIMEDOUT, 0, "no byte came or went for the idle timeout");
                if (stream_.window().unfinished()) stream_.note_trailing();
                begin_close(ZCN_ETIMEDOUT);
            } else if (message_at_ != 0 && asked >= message_at_ + options.message_timeout) {
                // Who found no memory with its last look has itself not read on.
                const Status why = memory_retry_ ? ZCN_ENOMEM : ZCN_ETIMEDOUT;
                set_error(why, 0, "a message was not complete after the message timeout%s",
                          memory_retry_ ? ", for want of memory" : "");
                stream_.note_trailing();
                begin_close(why);
            }
            break;
        case State::draining:
            if (asked >= close_by_) {
                set_error(ZCN_ETIMEDOUT, 0, "%llu queued bytes could not be sent before the drain timeout",
                          static_cast<unsigned long long>(stream_.queue().bytes()));
                abort_now(ZCN_ETIMEDOUT);
            }
            break;
        case State::lingering:
            become_ready();  // which sets the next look, or is the end
            return;
        default:
            return;
    }
    arm_timer();
}
