// SPDX-License-Identifier: MIT
// What a connection receives: reads within a budget, messages for the array, the end of the input, pauses.
#include <algorithm>

#include "base/probe.h"
#include "net/conn.h"
#include "net/conn_requests.h"
#include "net/loop.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::io::FileReceive;
using zcnet::memory::Purpose;
using zcnet::net::Outlet;
using zcnet::net::Settings;
using zcnet::net::State;

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
    const uint32_t shown = loop()->batch().count();
    const Purpose purpose = finisher_ ? Purpose::finish : Purpose::ordinary;
    const Status status = stream_.deliver(loop()->intake(), purpose, options.limits, outlet);
    serial_ = loop()->serial();
    delivered_ = already + (before - outlet.most);
    if (exchange() != nullptr) match_answers(shown);
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

// A local socket also stops behind bytes that a descriptor came with. (TCP stops at an urgent byte, which has an edge
// of its own.)
bool zcn_conn::stopped_early() const noexcept {
    if (is_tcp_) return false;
    int more = 0;
    return zcnet::os::unread_bytes(fd_, &more) >= 0 && more > 0;
}

// Whether the socket is to be asked for more now; else what there is to do instead is done.
bool zcn_conn::may_ask(uint64_t budget) noexcept {
    if (input_ended_) {
        input_ended();
        return false;
    }
    if (!readable_) return false;
    if (budget != 0 && !loop()->batch().full()) return true;
    become_ready();
    return false;
}

bool zcn_conn::read_once(uint64_t *budget) noexcept {
    // Who uses the reserve reads its message to the end: others wait for the right.
    if (paused_ || (held_up_ && !finisher_) || memory_paused_ || input_over_) return false;
    if (drops_input_) {
        drop_input();
        return false;
    }
    if (input_error_ != ZCN_OK) {
        input_wrong(input_error_);
        return false;
    }
    if (receives_body()) return receive_body(budget);
    if (stream_.holds_body_up()) return false;
    if (stream_.window().pending() != 0) {
        if (!deliver()) return false;
        if (stream_.window().undelivered()) return true;  // with the right to the reserve now
    }
    if (!may_ask(*budget)) return false;
    iovec pieces[2];
    int count = 0;
    zcnet::receive::Window &window = stream_.window();
    // Who may use the reserve reads no more than the one message.
    const uint64_t most = finisher_ ? std::max<uint64_t>(window.missing(), 64) : *budget;
    Status status =
        stream_.prepare(loop()->intake(), finisher_ ? Purpose::finish : Purpose::ordinary, most, pieces, &count);
    if (status == ZCN_ENOBUFS && delivered_now() == 0 && stream_.compact()) return true;
    // Also who has nothing unfinished: what fills the pool may wait for this one to read on.
    if (status == ZCN_ENOBUFS && !finisher_ && loop()->pool()->begin_finish(this)) {
        finisher_ = true;
        return true;
    }
    if (status != ZCN_OK) return read_failed_softly(status);
    const ssize_t got = zcnet::os::uninterrupted([&] { return zcnet::os::receive(fd_, pieces, count); });
    ZCNET_PROBE(conn__read, this, got);
    stream_.count_read();
    if (got > 0) {
        uint64_t asked = pieces[0].iov_len + (count == 2 ? pieces[1].iov_len : 0);
        const auto size = static_cast<uint64_t>(got);
        stream_.commit(loop()->intake(), size);
        *budget -= std::min(*budget, size);
        // A little at the end of the budget would be a read for a part of a packet.
        if (*budget < settings().read_budget / 4) *budget = 0;
        active_at_ = loop()->now();
        memory_retry_ = false;
        // A socket that gives less than it was asked for is empty; new bytes give a new edge.
        if (size < asked && !hung_up_ && !stopped_early()) readable_ = false;
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
    // What the system refuses does not come back to the pool: only time tells.
    memory_retry_ = why == ZCN_ENOMEM || loop()->pool()->limit() == 0;
    wait_for_memory();
    return false;
}

void zcn_conn::wait_for_memory() noexcept {
    if (memory_paused_) return;
    memory_paused_ = true;
    ZCNET_PROBE(conn__memory, this);
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
    // A pause at the pool's limit was ours. One that the system brought about runs on: a message that it never has
    // memory for must not wait for ever.
    if (!memory_retry_) go_on();
    become_ready();
}

void zcn_conn::end_finisher() noexcept {
    finisher_ = false;
    loop()->pool()->end_finish(this);
}

// After a read: what is unfinished, since when, and is it to be moved if it stalls?
void zcn_conn::note_progress(bool delivered) noexcept {
    const zcnet::receive::Window &window = stream_.window();
    if (receives_body()) {
        // Since its last byte.
    } else if (!window.unfinished()) {
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
    stream_.note_trailing();
    set_error(why, 0, "the received bytes are not in the framing: %s", zcn_status_text(why));
    input_error_ = why;
    if (settings().answers_wrong_input && !shutdown_done_ && !write_failed_) {
        drops_input_ = tell_peer_closed_ = true;
        stream_.window().close(loop()->intake());
        end_requests(why);  // answers are not told from what is dropped
        become_ready();
        return;
    }
    begin_close(why);
}

// Behind what was not in the framing: read all the same, since a peer may take its answer only when all that it says is
// taken, and closing a socket with unread input resets it.
void zcn_conn::drop_input() noexcept {
    discard_input();
    if (!input_ended_) return;
    input_over_ = true;
    if (shutdown_done_ || write_failed_) begin_close(end_of_input());
}

void zcn_conn::input_ended() noexcept {
    readable_ = false;
    if (delivered_now() != 0) {
        become_ready();
        return;
    }
    if (receives_body()) {
        FileReceive &receive = rare_->bodies->receive;
        const bool in_order = receive.until_end();
        receive.stop(0);
        if (rare_->bodies->present != nullptr) end_body(in_order ? ZCN_OK : ZCN_EFRAME_TRUNCATED);
        if (!in_order) {
            input_over_ = true;
            set_error(ZCN_EFRAME_TRUNCATED, 0, "the peer ended the stream inside a body that went into a file");
            begin_close(ZCN_EFRAME_TRUNCATED);
            return;
        }
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
    end_requests(ZCN_EOF);  // it sends no answers any more
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

void zcn_conn::on_relief() noexcept {
    if (!held_up_) return;
    held_up_ = false;
    if (state_ != State::open) return;
    go_on();
    become_ready();
}

// Reading pauses no more: the pause was ours, and the deadlines begin anew.
void zcn_conn::go_on() noexcept {
    const int64_t now = loop()->read_clock();
    active_at_ = now;
    if (message_at_ != 0) message_at_ = now;
}

Status zcn_conn::pause(bool on) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (state_ != State::open && state_ != State::connecting) return ZCN_ECLOSED;
    if (paused_ == on) return ZCN_OK;
    paused_ = on;
    if (on && finisher_) end_finisher();
    if (!on) {
        if (state_ == State::open) {
            go_on();
            become_ready();
        }
    }
    arm_timer();
    return ZCN_OK;
}

Status zcn_conn::evict() noexcept { return stream_.window().evict(loop()->intake(), Purpose::ordinary); }
