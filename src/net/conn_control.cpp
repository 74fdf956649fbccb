// SPDX-License-Identifier: MIT
// What the program asks of a connection besides sending: framing, hand-over; and what other threads ask.
#include <cstring>
#include <new>

#include "net/conn.h"
#include "net/conn_requests.h"
#include "net/loop.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::memory::Block;
using zcnet::net::Batch;
using zcnet::net::Settings;
using zcnet::net::State;

// --- from any thread ---

Status zcn_conn::post(zcn_unit *unit) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if ((requests_.load(std::memory_order_acquire) & zcnet::net::request_refuses) != 0) return ZCN_ECLOSED;
    const uint64_t size = unit->size() + 1;  // one more, so that nothing is under way at 0 alone
    // relaxed: the counters bound what is under way, they publish nothing.
    const uint64_t queued = drops() ? 0 : stream_.queue().bytes_seen();
    if (posted_.load(std::memory_order_relaxed) + queued >= mutable_settings().posting_limit()) return ZCN_AGAIN;
    auto *letter = zcnet::memory::make_object<zcnet::net::PostLetter>(this, unit);
    if (letter == nullptr) return ZCN_ENOMEM;
    posted_.fetch_add(size, std::memory_order_relaxed);
    retain();
    loop()->put(letter);
    return ZCN_OK;
}

Status zcn_conn::request_close(bool abort) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    // acquire: as below. Closing a second time is nothing; aborting cuts a close short.
    const uint32_t present = requests_.load(std::memory_order_acquire);
    loop()->blank(this);
    if ((present & zcnet::net::request_gone) != 0 || (!abort && (present & zcnet::net::request_over) != 0))
        return ZCN_OK;
    const uint32_t wanted = abort ? zcnet::net::request_abort : zcnet::net::request_close;
    // acq_rel: sends that happened before are seen by the owner when it finds the bit.
    const uint32_t before = requests_.fetch_or(wanted | zcnet::net::request_queued, std::memory_order_acq_rel);
    if ((before & zcnet::net::request_queued) == 0) {
        retain();
        loop()->put(this);
    }
    return ZCN_OK;
}

// --- on the loop ---

void zcn_conn::on_requests() noexcept {
    // acq_rel: pairs with request_close(); a request that comes later queues the letter again.
    const uint32_t requests = requests_.fetch_and(~zcnet::net::request_queued, std::memory_order_acq_rel);
    if (arriving_) arrive(loop());
    if ((requests & zcnet::net::request_abort) != 0) {
        abort_now(ZCN_EABORTED);
    } else if ((requests & zcnet::net::request_close) != 0) {
        begin_close(ZCN_OK);
    }
}

Status zcn_conn::on_post(zcn_unit *unit) noexcept {
    if (arriving_) arrive(loop());
    posted_.fetch_sub(unit->size() + 1, std::memory_order_relaxed);
    // The close that may have come meanwhile is behind this in the inbox, so only an ended connection refuses; and the
    // half-close waits for what was posted before it.
    const bool open = (state_ == State::open || state_ == State::connecting) && !shutdown_done_ && !write_failed_ &&
                      (requests_.load(std::memory_order_acquire) & zcnet::net::request_over) == 0;
    Status status = ZCN_ECLOSED;
    if (open) status = drops() ? send(unit) : stream_.push(unit, settings().limits);
    if (status == ZCN_OK || shutdown_wanted_) loop()->become_dirty(this);
    return status;
}

bool zcn_conn::tell_unposted(const zcn_unit *unit, Status status) noexcept {
    if (!unit->has_token() || state_ == State::closed) return true;
    if (stream_.queue().reserve_ended() == ZCN_OK) {
        stream_.queue().note_ended(unit->token(), status);
        become_ready();
        return true;
    }
    // Without memory to keep it in it is told at once, where that can be.
    zcnet::net::Batch &batch = loop()->batch();
    if (!loop()->polling() || batch.full()) return false;
    zcn_event *event = batch.push(ZCN_EVENT_SENT, status, this, user_);
    event->token = unit->token();
    event->size = 1;
    return true;
}

// The event of a message of the current array; nullptr for no message.
Status zcn_conn::find_shown(const zcn_msg *after, const zcn_event **out) const noexcept {
    *out = nullptr;
    if (after == nullptr) return ZCN_OK;
    if (!zcnet::receive::is_borrowed(after)) return ZCN_EINVAL;
    const Batch::Found found = Batch::find(after);
    if (found.event == nullptr || found.batch != &loop()->batch() || found.event->conn != this) return ZCN_EINVAL;
    if (found.event->type != ZCN_EVENT_MESSAGE) return ZCN_EINVAL;  // blanked: it comes again
    *out = found.event;
    return ZCN_OK;
}

bool zcn_conn::shows_more_behind(const zcn_event *shown) const noexcept {
    const Batch &batch = loop()->batch();
    for (const zcn_event *event = shown + 1; event < batch.events() + batch.count(); event++)
        if (event->conn == this && event->type == ZCN_EVENT_MESSAGE) return true;
    return false;
}

Status zcn_conn::set_framing(const zcn_msg *after, const zcn_framing *framing) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (state_ != State::open) return ZCN_ECLOSED;
    const zcn_event *event = nullptr;
    if (const Status status = find_shown(after, &event); status != ZCN_OK) return status;
    if (event != nullptr && receives_body() && shows_more_behind(event)) return ZCN_EBUSY;  // the body begins there
    if (!loop()->pool()->reserve_for(settings().largest_in_memory(framing->rule))) return ZCN_ENOBUFS;
    const Status status = stream_.set_framing(loop()->intake(), loop()->batch(), event, framing);
    if (status != ZCN_OK) return status;
    if (event != nullptr) take_answers_back(static_cast<uint32_t>(event - loop()->batch().events()) + 1);
    if (!drops_input_) input_error_ = ZCN_OK;
    if (stream_.window().pending() != 0 || input_ended_ || readable_) become_ready();
    return ZCN_OK;
}

Status zcn_conn::set_send_framing(const zcn_framing *framing) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    stream_.set_send_framing(framing);
    return ZCN_OK;
}

// Nothing is to be sent, or still read by the kernel, or on its way into a file.
bool zcn_conn::is_idle() const noexcept {
    return !receives_body() && stream_.idle() && stream_.queue().awaited() == 0 &&
           posted_.load(std::memory_order_relaxed) == 0;
}

Status zcn_conn::can_leave() noexcept {
    if (arriving_) arrive(loop());
    if (state_ == State::connecting) return ZCN_EBUSY;
    if (state_ != State::open || shutdown_wanted_ || write_failed_ || send_status() != ZCN_OK) return ZCN_ECLOSED;
    return is_idle() ? ZCN_OK : ZCN_EBUSY;
}

Status zcn_conn::copy_rest(Block **out) noexcept {
    *out = nullptr;
    zcnet::receive::Window &window = stream_.window();
    const uint64_t rest = window.pending();
    if (rest == 0) return ZCN_OK;
    Status why = ZCN_OK;
    Block *block = loop()->pool()->take_heap(rest, zcnet::memory::Purpose::ordinary, &why);
    if (block == nullptr) return ZCN_ENOMEM;
    block->count.store(1, std::memory_order_relaxed);
    iovec pieces[3];
    Block *blocks[3];
    const size_t count = window.pending_pieces(pieces, blocks);
    uint8_t *target = block->base;
    for (size_t i = 0; i < count; i++) {
        std::memcpy(target, pieces[i].iov_base, pieces[i].iov_len);
        target += pieces[i].iov_len;
    }
    window.copied.moved += rest;
    *out = block;
    return ZCN_OK;
}

int zcn_conn::leave() noexcept {
    const int fd = fd_;
    fd_ = -1;
    finish(ZCN_OK);
    return fd;
}

Status zcn_conn::take_fd(int *out_fd, zcn_msg **out_rest) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (arriving_) arrive(loop());
    if (state_ != State::open) return ZCN_ECLOSED;
    if (!is_idle()) return ZCN_EBUSY;
    if (stream_.window().pending() != 0) {
        if (out_rest == nullptr) return ZCN_EBUSY;
        Block *block = nullptr;
        if (const Status status = copy_rest(&block); status != ZCN_OK) return status;
        zcnet::receive::View view;
        view.data = block->base;
        view.size = block->size;
        view.head = zcnet::receive::no_frame;
        view.block = block;
        *out_rest = zcnet::receive::issue(view, zcnet::receive::holding_of(block));
        if (*out_rest == nullptr) {
            zcnet::memory::block_release(block);
            return ZCN_ENOMEM;
        }
    }
    detach_socket();
    *out_fd = leave();
    return ZCN_OK;
}

Status zcn_conn::move(zcn_loop *to) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    zcn_loop *from = loop();
    if (arriving_) arrive(from);
    if (to == from) return ZCN_OK;
    // A release function that runs inside a write would have it go on here.
    if (state_ == State::connecting || flushing_ || receives_body()) return ZCN_EBUSY;
    if (state_ != State::open || (requests_.load(std::memory_order_acquire) & zcnet::net::request_end) != 0)
        return ZCN_ECLOSED;
    if (to->pool() != from->pool() || (rare_ != nullptr && rare_->dialer != nullptr)) return ZCN_EUNSUPPORTED;
    if (to->closing()) return ZCN_ECLOSED;
    // What was posted or asked before comes before what will be posted there.
    from->settle_inbox();
    if (state_ != State::open || (requests_.load(std::memory_order_acquire) & zcnet::net::request_end) != 0)
        return ZCN_ECLOSED;
    auto *former = rare() == nullptr ? nullptr : new (std::nothrow) zcnet::net::FormerLoop{from, rare_->former};
    auto *letter = new (std::nothrow) zcnet::net::ArrivalLetter(this);
    auto *departed = new (std::nothrow) zcnet::net::Departed();
    Status status = former != nullptr && letter != nullptr && departed != nullptr
                        ? stream_.window().leave(from->intake())
                        : ZCN_ENOMEM;
    if (status != ZCN_OK) {
        delete former;
        delete letter;
        delete departed;
        return status;
    }
    stream_.drop_reserved();
    if (holds_up_) let_go();
    held_up_ = false;
    if (memory_paused_) on_memory();
    if (finisher_) end_finisher();
    from->timers().cancel(this);
    from->forget(this);
    detach_socket();
    if (listener_ != nullptr) {
        // The count of open connections is the listener's loop's own.
        listener_->connection_ended();
        listener_->release();
        listener_ = nullptr;
    }
    // The loop's reference goes along.
    from->remove(this, departed);
    rare_->former = former;
    retain();  // the letter's: whatever overtakes it may end the connection
    arriving_ = true;
    to->hold();
    // release: the other loop sees everything above when it finds the letter, or a post that overtakes it.
    loop_.store(to, std::memory_order_release);
    to->put(letter);
    return ZCN_OK;
}

// On the new loop, by the arrival letter or by whatever overtakes it.
void zcn_conn::arrive(zcn_loop *to) noexcept {
    if (!arriving_) return;
    arriving_ = false;
    delivered_ = 0;  // was counted by the other loop's polls
    if (exchange() != nullptr) exchange()->forget_answered();
    stream_.window().arrive(to->intake());
    const int result = watch(fd_, EPOLL_CTL_ADD, false);
    to->add(this);
    told_as_ = ZCN_EVENT_ARRIVED;
    active_at_ = to->now();
    if (message_at_ != 0) message_at_ = to->now();
    readable_ = writable_ = true;
    if (result < 0) {
        set_error(ZCN_ESYS, -result, "the socket cannot be watched on the new loop");
        abort_now(ZCN_ESYS);
        return;
    }
    if (!stream_.idle() || shutdown_wanted_) to->become_dirty(this);
    become_ready();
    arm_timer();
    if (to->closing()) (void)request_close(false);
}
