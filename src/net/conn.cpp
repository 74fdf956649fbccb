// SPDX-License-Identifier: MIT
#include "net/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cstdarg>
#include <new>

#include "net/conn_requests.h"
#include "net/loop.h"
#include "os/os.h"
#include "os/process.h"

using zcnet::Error;
using zcnet::Status;
using zcnet::memory::Purpose;
using zcnet::net::never;
using zcnet::net::Outlet;
using zcnet::net::Settings;
using zcnet::net::State;
using zcnet::net::Stream;

namespace {

constexpr int most_pieces = 64;
// The most that one call writes: enough to pay for the call, little enough to stay in the processor's cache.
constexpr uint64_t most_written = 256 * 1024;
constexpr uint64_t most_packet = 65536 - 321;
constexpr int64_t write_retry_ns = 5000000;
constexpr int64_t memory_retry_ns = 10000000;

}  // namespace

zcn_conn::zcn_conn(zcn_loop *loop, const zcn_framing *in, const zcn_framing *out, Settings *settings) noexcept
    : Timer(zcnet::net::TimerOf::conn),
      LoopLetter(zcnet::net::Message::request),
      loop_(loop),
      settings_(settings),
      stream_(in, out) {
    settings->retain();
    user_ = settings->user;
    paused_ = settings->start_paused;
}

Status zcn_conn::create(zcn_conn **out, zcn_loop *loop, const zcn_framing *framing, Settings *settings) noexcept {
    if (!loop->pool()->reserve_for(framing->rule.max)) return ZCN_ENOBUFS;
    const zcn_framing *send_framing = settings->send_framing != nullptr ? settings->send_framing : framing;
    auto *conn = zcnet::memory::make_object<zcn_conn>(loop, framing, send_framing, settings);
    if (conn == nullptr) return ZCN_ENOMEM;
    loop->hold();
    conn->active_at_ = loop->now();
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
    delete rare_;
    zcnet::memory::destroy_object(this);
    last->unhold();
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
    const uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET | (output ? uint32_t{EPOLLOUT} : 0);
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
    if (result < 0) return loop()->error().set(ZCN_ESYS, -result, "the socket cannot be watched: errno %d", -result);
    fd_ = fd;
    is_tcp_ = is_tcp;
    writable_ = true;
    readable_ = true;  // bytes may be there already
    state_ = State::open;
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
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        hung_up_ = true;
        readable_ = true;
    }
    if ((events & EPOLLIN) != 0) readable_ = true;
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0 && !writable_) {
        writable_ = true;
        if (!stream_.idle() || state_ != State::open) loop()->become_dirty(this);
    }
    const bool nobody_reads = paused_ || held_up_ || memory_paused_ || input_over_;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && nobody_reads && state_ == State::open) {
        // Nobody would find the error.
        int number = 0;
        socklen_t size = sizeof number;
        if (zcnet::os::get_option(fd_, SOL_SOCKET, SO_ERROR, &number, &size) >= 0 && number != 0) {
            input_failed(number);
        } else if (input_over_) {
            begin_close(ZCN_EOF);  // both directions have ended
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
    }
    zcnet::send::Ended ended;
    while (stream_.queue().has_ended()) {
        if (batch.full()) return false;
        (void)stream_.queue().take_ended(&ended);
        zcn_event *event = batch.push(ZCN_EVENT_SENT, ended.status, this, user_);
        event->token = ended.first;
        event->size = ended.count;
    }
    if (tell_writable_ && state_ == State::open) {
        if (batch.full()) return false;
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
        tell(ZCN_EVENT_PEER_CLOSED, ZCN_OK);
    }
    tell_peer_closed_ = false;
    return true;
}

bool zcn_conn::tell_closed() noexcept {
    if (loop()->batch().full()) return false;
    tell(ZCN_EVENT_CLOSED, reason_);
    state_ = State::closed;
    loop()->finished(this);
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
            if (broken_) {
                begin_close(reason_);
            } else if (input_over_ && shutdown_done_) {
                begin_close(ZCN_EOF);  // both directions have ended
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

// --- reading ---

uint32_t zcn_conn::delivered_now() const noexcept { return serial_ == loop()->serial() ? delivered_ : 0; }

void zcn_conn::read() noexcept {
    uint64_t budget = settings().read_budget;
    const uint32_t before = delivered_now();
    while (read_once(&budget)) {
    }
    if (state_ == State::open) note_progress(delivered_now() != before);
}

// Finds messages in what is there. False: this poll takes no more, or the input is over.
bool zcn_conn::deliver() noexcept {
    const Settings &options = settings();
    const uint32_t already = delivered_now();
    const uint32_t limit = options.limits.messages_per_poll;
    Outlet outlet{&loop()->batch(), this, user_, limit == 0 ? UINT32_MAX : limit - std::min(limit, already)};
    const uint32_t before = outlet.most;
    const Purpose purpose = finisher_ ? Purpose::finish : Purpose::ordinary;
    const Status status = stream_.deliver(loop()->intake(), purpose, options.limits, outlet);
    serial_ = loop()->serial();
    delivered_ = already + (before - outlet.most);
    if (before != outlet.most) memory_told_ = false;
    if (status == ZCN_ENOBUFS && !finisher_ && loop()->pool()->begin_finish(this)) {
        finisher_ = true;
        return true;
    }
    if (status == ZCN_ENOBUFS || status == ZCN_ENOMEM) return read_failed_softly(status);
    if (status != ZCN_OK) {
        input_wrong(status);
        return false;
    }
    if (finisher_ && !stream_.window().unfinished()) end_finisher();
    if (stream_.window().undelivered() || outlet.most == 0 || loop()->batch().full()) {
        if (stream_.window().pending() != 0 || readable_ || input_ended_) become_ready();
        return false;
    }
    return true;
}

bool zcn_conn::read_once(uint64_t *budget) noexcept {
    // Who uses the reserve reads its message to the end: others wait for the right.
    if (paused_ || (held_up_ && !finisher_) || memory_paused_ || input_over_) return false;
    if (input_error_ != ZCN_OK) {
        input_wrong(input_error_);
        return false;
    }
    if (stream_.window().pending() != 0 && !deliver()) return false;
    if (input_ended_) {
        input_ended();
        return false;
    }
    if (!readable_) return false;
    if (*budget == 0 || loop()->batch().full()) {
        become_ready();
        return false;
    }
    iovec pieces[2];
    int count = 0;
    zcnet::receive::Window &window = stream_.window();
    // Who may use the reserve reads no more than the one message.
    const uint64_t most = finisher_ ? std::max<uint64_t>(window.missing(), 64) : *budget;
    Status status =
        stream_.prepare(loop()->intake(), finisher_ ? Purpose::finish : Purpose::ordinary, most, pieces, &count);
    // Also who has nothing unfinished: what fills the pool may wait for this one to read on.
    if (status == ZCN_ENOBUFS && !finisher_ && loop()->pool()->begin_finish(this)) {
        finisher_ = true;
        return true;
    }
    if (status != ZCN_OK) return read_failed_softly(status);
    const ssize_t got = zcnet::os::uninterrupted([&] { return zcnet::os::receive(fd_, pieces, count); });
    stream_.count_read();
    if (got > 0) {
        uint64_t asked = pieces[0].iov_len + (count == 2 ? pieces[1].iov_len : 0);
        const auto size = static_cast<uint64_t>(got);
        stream_.commit(loop()->intake(), size);
        *budget -= std::min(*budget, size);
        // A little at the end of the budget would be a read for a part of a packet.
        if (*budget < settings().read_budget / 4) *budget = 0;
        active_at_ = loop()->now();
        // A stream socket that gives less than it was asked for is empty; new bytes give a new edge.
        if (size < asked && !hung_up_) readable_ = false;
        return deliver();
    }
    stream_.commit(loop()->intake(), 0);
    if (finisher_ && !window.unfinished()) end_finisher();
    if (got == 0) {
        input_ended_ = true;
        input_ended();
        return false;
    }
    readable_ = false;
    if (got != -EAGAIN && got != -EWOULDBLOCK) input_failed(static_cast<int>(-got));
    return false;
}

// No memory to read into: wait for some.
bool zcn_conn::read_failed_softly(Status why) noexcept {
    if (why == ZCN_AGAIN) {
        become_ready();
        return false;
    }
    wait_for_memory();
    return false;
}

void zcn_conn::wait_for_memory() noexcept {
    if (memory_paused_) return;
    memory_paused_ = true;
    loop()->count_paused(true);
    loop()->counters().pool_pauses++;
    if (!memory_told_) {
        memory_told_ = true;
        tell_memory_ = true;
        become_ready();
    }
    loop()->wait_for_memory();
}

void zcn_conn::on_memory() noexcept {
    if (!memory_paused_) return;
    memory_paused_ = false;
    loop()->count_paused(false);
    if (message_at_ != 0) message_at_ = loop()->now();  // the pause was ours
    become_ready();
}

void zcn_conn::end_finisher() noexcept {
    finisher_ = false;
    loop()->pool()->end_finish(this);
}

// After a read: what is unfinished, since when, and is it to be moved if it stalls?
void zcn_conn::note_progress(bool delivered) noexcept {
    const zcnet::receive::Window &window = stream_.window();
    if (!window.unfinished()) {
        message_at_ = 0;
    } else if (message_at_ == 0 || delivered) {
        message_at_ = loop()->now();
    }
    loop()->hold_unfinished(this, window.evictable());
}

void zcn_conn::input_wrong(Status why) noexcept {
    // Messages of this array come first, and the program may still change the framing behind one of them.
    if (delivered_now() != 0) {
        input_error_ = why;
        become_ready();
        return;
    }
    input_error_ = ZCN_OK;
    stream_.note_trailing();
    set_error(why, 0, "the received bytes are not in the framing: %s", zcn_status_text(why));
    begin_close(why);
}

void zcn_conn::input_ended() noexcept {
    readable_ = false;
    if (delivered_now() != 0) {
        become_ready();
        return;
    }
    input_over_ = true;
    message_at_ = 0;
    if (stream_.window().unfinished()) {
        stream_.note_trailing();
        set_error(ZCN_EFRAME_TRUNCATED, 0, "the peer ended the stream %llu bytes into a frame",
                  static_cast<unsigned long long>(stream_.window().pending()));
        begin_close(ZCN_EFRAME_TRUNCATED);
        return;
    }
    if (!settings().half_open || shutdown_done_ || write_failed_) {
        begin_close(ZCN_EOF);
        return;
    }
    tell_peer_closed_ = true;
    become_ready();
}

void zcn_conn::input_failed(int number) noexcept {
    const Status status = zcnet::net::status_of_errno(number);
    set_error(status, number, "the connection failed while it was read: %s", zcn_status_text(status));
    if (stream_.window().unfinished()) stream_.note_trailing();
    write_failed_ = true;
    mute();
    begin_close(status);
}

// --- writing ---

void zcn_conn::mute() noexcept { requests_.fetch_or(zcnet::net::request_mute, std::memory_order_acq_rel); }

// Something was queued: it leaves at the next poll, or now if it is much.
inline void zcn_conn::queued() noexcept {
    if (!zcnet::List<zcn_conn, zcnet::net::DirtyTag>::contains(this)) loop()->become_dirty(this);
    const uint64_t bytes = stream_.queued_bytes();
    if (bytes >= settings().flush_at && writable_ && state_ == State::open) write_ahead(bytes);
}

// More is being sent while this much is queued: only whole packets leave, and the rest of the bytes with the next ones.
// A packet a few bytes long behind each full one would cost as much as that.
void zcn_conn::write_ahead(uint64_t queued) noexcept {
    const uint64_t packet = packet_size();
    write(queued < packet ? queued : queued - queued % packet);
}

// What the kernel hands down in one piece: as many whole segments as fit into 64 KiB with their headers.
uint64_t zcn_conn::packet_size() noexcept {
    if (!is_tcp_) return 1;
    if (segment_size_ == 0) {
        int size = 0;
        socklen_t length = sizeof size;
        const bool known = zcnet::os::get_option(fd_, IPPROTO_TCP, TCP_MAXSEG, &size, &length) >= 0;
        segment_size_ = static_cast<uint16_t>(known ? std::clamp(size, 1, UINT16_MAX) : 1);
    }
    return std::max<uint64_t>(most_packet / segment_size_, 1) * segment_size_;
}

Status zcn_conn::send(zcn_unit *unit) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    const Status status = stream_.send(unit, settings().limits);
    if (status == ZCN_OK) queued();
    return status;
}

Status zcn_conn::send_batch(zcn_unit *const *units, size_t count, size_t *sent) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    size_t done = 0;
    Status status = ZCN_OK;
    while (done < count && status == ZCN_OK) {
        const Settings &options = settings();
        const size_t run = stream_.send_run(units + done, count - done, options.limits, options.flush_at);
        if (run != 0) {
            done += run;
            queued();
            continue;
        }
        status = units[done] == nullptr ? ZCN_EINVAL : send(units[done]);
        done += status == ZCN_OK;
    }
    *sent = done;
    return status;
}

Status zcn_conn::send_message(const zcn_msg *msg) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    const Status status = stream_.send_message(msg, settings().limits);
    if (status == ZCN_OK) queued();
    return status;
}

Status zcn_conn::forward(const zcn_msg *msg) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    if (!zcnet::receive::is_borrowed(msg)) return ZCN_EINVAL;
    zcnet::net::Located found;
    if (const Status status = zcnet::net::locate(msg, &found); status != ZCN_OK) return status;
    if (found.batch != &loop()->batch()) return ZCN_EINVAL;
    if (const Status status = stream_.push_message(found); status != ZCN_OK) return status;
    // One array brings no more than a read or so: it leaves in one piece with the next poll.
    loop()->become_dirty(this);
    if (stream_.queued_bytes() >= settings().limits.high_water) {
        (void)stream_.starve();
        holds_up_ = true;
        found.event->conn->held_up_ = true;
    }
    return ZCN_OK;
}

// Below low water again: those that were held up are read again.
void zcn_conn::let_go() noexcept {
    holds_up_ = false;
    loop()->relieve_held_up();
}

void zcn_conn::on_relief() noexcept {
    if (!held_up_) return;
    held_up_ = false;
    if (state_ != State::open) return;
    if (message_at_ != 0) message_at_ = loop()->now();  // the pause was ours
    become_ready();
}

Status zcn_conn::send_copy(const void *data, uint64_t size) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    const Status status = stream_.send_copy(loop()->pool(), data, size, settings().limits);
    if (status == ZCN_OK) queued();
    return status;
}

Status zcn_conn::reserve(void **out_data, uint64_t *out_room, uint64_t size) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    return stream_.reserve(loop()->pool(), size, settings().limits, out_data, out_room);
}

Status zcn_conn::commit(uint64_t size, void **out_data, uint64_t *out_room) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    const Status status = stream_.commit_reserved(size, out_data, out_room);
    if (status == ZCN_OK) queued();
    return status;
}

void zcn_conn::write(uint64_t most) noexcept {
    if (flushing_ || !writable_ || fd_ < 0 || write_failed_) return;
    // A release function that runs in here may send; what it queues leaves in this loop.
    flushing_ = true;
    zcnet::send::Queue &queue = stream_.queue();
    stream_.sync();
    while (!queue.empty() && most != 0) {
        iovec pieces[most_pieces];
        const int count = queue.gather(pieces, most_pieces, std::min(most, most_written));
        if (count == 0) {
            queue.advance(0);
            continue;
        }
        uint64_t total = 0;
        for (int i = 0; i < count; i++) total += pieces[i].iov_len;
        const ssize_t sent = zcnet::os::uninterrupted([&] { return zcnet::os::send(fd_, pieces, count); });
        if (sent < 0) {
            stream_.count_write(0, 0);
            if (sent == -EAGAIN || sent == -EWOULDBLOCK) {
                wait_for_room();
            } else if (sent == -ENOBUFS || sent == -ENOMEM) {
                // The kernel is short of memory: the same bytes again a little later.
                writable_ = false;
                retry_write_ = true;
            } else {
                // What the peer sent before it went is read first; the read finds the end.
                write_failed_ = true;
                mute();
                hung_up_ = readable_ = true;
                const Status why = zcnet::net::status_of_errno(static_cast<int>(-sent));
                set_error(why, static_cast<int>(-sent), "the connection failed while it was written: %s",
                          zcn_status_text(why));
                if (sent != -EPIPE && sent != -ECONNRESET) {
                    // The fault is on this side, as with memory that cannot be read: the peer will not end it.
                    broken_ = true;
                    reason_ = why;
                }
                // Its queue will not empty any more: nobody waits for that.
                if (holds_up_) let_go();
                become_ready();
            }
            break;
        }
        const auto size = static_cast<uint64_t>(sent);
        stream_.count_write(size, static_cast<uint64_t>(count));
        active_at_ = loop()->now();
        queue.advance(size);
        most -= std::min(most, size);
        if (size < total) {
            wait_for_room();
            break;
        }
    }
    flushing_ = false;
    if (queue.empty()) {
        zcnet::memory::ThreadMemory *mine = zcnet::memory::thread_memory;
        if (mine != nullptr) mine->pool[0].arena.rewind();
    }
    if (retry_write_) arm_timer();
    if (queue.has_ended() || stream_.starved()) become_ready();
}

void zcn_conn::flush() noexcept {
    if (state_ != State::open && state_ != State::draining && state_ != State::lingering) return;
    write();
    if (!stream_.idle() && !write_failed_) return;
    // The reservation ends with the poll; what was not written of it is the arena's again.
    stream_.drop_reserved();
    stream_.queue().shrink();
    if (state_ != State::open) {
        become_ready();
        return;
    }
    // relaxed: a post that this thread must know of happened before, and others are under way at their own risk.
    const bool awaited = posted_.load(std::memory_order_relaxed) != 0;
    if (shutdown_wanted_ && !shutdown_done_ && !write_failed_ && !awaited) {
        shutdown_done_ = true;
        (void)zcnet::os::shutdown(fd_, SHUT_WR);
        if (input_over_ && !tell_peer_closed_) begin_close(ZCN_EOF);
    }
}

Status zcn_conn::flush_now() noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (state_ == State::ended || state_ == State::closed) return ZCN_ECLOSED;
    if (state_ == State::open || state_ == State::draining) write();
    return stream_.idle() ? ZCN_OK : ZCN_AGAIN;
}

Status zcn_conn::shutdown() noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return shutdown_wanted_ ? ZCN_OK : status;
    shutdown_wanted_ = true;
    mute();
    loop()->become_dirty(this);
    return ZCN_OK;
}

Status zcn_conn::pause(bool on) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (state_ != State::open && state_ != State::connecting) return ZCN_ECLOSED;
    if (paused_ == on) return ZCN_OK;
    paused_ = on;
    if (on && finisher_) end_finisher();
    if (!on) {
        if (state_ == State::open) {
            if (message_at_ != 0) message_at_ = loop()->read_clock();
            become_ready();
        }
    }
    arm_timer();
    return ZCN_OK;
}

Status zcn_conn::evict() noexcept { return stream_.window().evict(loop()->intake(), Purpose::ordinary); }

// --- deadlines ---

int64_t zcn_conn::next_deadline() const noexcept {
    const Settings &options = settings();
    int64_t soonest = never;
    if (state_ == State::connecting || state_ == State::draining) soonest = close_by_;
    if (state_ == State::lingering) soonest = std::min(close_by_, loop()->now() + int64_t{linger_ms_} * 1000000);
    if (state_ == State::open) {
        if (options.idle_timeout != 0) soonest = std::min(soonest, active_at_ + options.idle_timeout);
        if (message_at_ != 0 && !paused_ && !held_up_ && !memory_paused_)
            soonest = std::min(soonest, message_at_ + options.message_timeout);
    }
    if (retry_write_) soonest = std::min(soonest, loop()->now() + write_retry_ns);
    if (memory_paused_ && loop()->pool()->limit() == 0) soonest = std::min(soonest, loop()->now() + memory_retry_ns);
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
    if (memory_paused_ && loop()->pool()->limit() == 0) on_memory();
    // Judged by what the kernel had when it was last asked: the program may have been away, and what it did not see
    // yet may have come in time.
    const int64_t asked = loop()->looked_at();
    switch (state_) {
        case State::connecting:
            if (asked >= close_by_) {
                dial_failed(ZCN_ETIMEDOUT, 0);
                return;
            }
            dial_next();
            break;
        case State::open:
            if (options.idle_timeout != 0 && asked >= active_at_ + options.idle_timeout) {
                set_error(ZCN_ETIMEDOUT, 0, "no byte came or went for the idle timeout");
                if (stream_.window().unfinished()) stream_.note_trailing();
                begin_close(ZCN_ETIMEDOUT);
            } else if (message_at_ != 0 && !paused_ && !held_up_ && !memory_paused_ &&
                       asked >= message_at_ + options.message_timeout) {
                set_error(ZCN_ETIMEDOUT, 0, "a message was not complete after the message timeout");
                stream_.note_trailing();
                begin_close(ZCN_ETIMEDOUT);
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
