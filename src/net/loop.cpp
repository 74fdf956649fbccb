// SPDX-License-Identifier: MIT
#include "net/loop.h"

#include <cstring>
#include <new>

#include "memory/births.h"
#include "os/os.h"
#include "os/process.h"

using zcnet::Status;
using zcnet::net::Batch;
using zcnet::net::ProgramTimer;

namespace {

constexpr uint32_t default_events = 1024;
constexpr uint32_t default_unfinished_blocks = 64;

}  // namespace

namespace zcnet::net {

zcn_loop_options default_loop_options() noexcept {
    zcn_loop_options options{};
    options.struct_size = sizeof options;
    return options;
}

}  // namespace zcnet::net

zcn_loop::zcn_loop(zcn_pool *pool, const zcn_loop_options &options) noexcept : pool_(pool), intake_(pool) {
    pool->retain();
    spin_ns_ = int64_t{options.spin_us} * 1000;
    helper_ = options.no_helper == 0;
    unfinished_blocks_ = options.unfinished_blocks != 0 ? options.unfinished_blocks : default_unfinished_blocks;
    waiter_.loop = this;
    waiter_.woken = [](zcnet::memory::Waiter *waiter) noexcept {
        zcn_loop *loop = static_cast<PoolWaiter *>(waiter)->loop;
        // acq_rel: one letter at a time; the loop clears the mark before it looks for memory.
        if (!loop->memory_asked_.exchange(true, std::memory_order_acq_rel)) loop->put(&loop->memory_letter_);
        loop->unhold();
    };
}

Status zcn_loop::create(zcn_loop **out, const zcn_loop_options &options) noexcept {
    const uint32_t events = options.event_capacity != 0 ? options.event_capacity : default_events;
    if (events < 16 || events > Batch::most_events || options.no_helper > 1) return ZCN_EINVAL;
    const uint64_t process = zcnet::os::process_number();
    if (process == 0) return ZCN_ENOMEM;
    zcn_pool *pool = options.pool != nullptr ? options.pool : zcnet::memory::default_pool();
    if (pool == nullptr) return ZCN_ENOMEM;
    auto *loop = new (std::nothrow) zcn_loop(pool, options);
    if (loop == nullptr) return ZCN_ENOMEM;
    loop->process_ = process;
    loop->batch_ = Batch::create(events);
    loop->poller_ = zcnet::os::make_poller();
    loop->inbox_fd_ = zcnet::os::make_event();
    Status status = loop->batch_ == nullptr ? ZCN_ENOMEM : loop->timers_.prepare();
    if (status == ZCN_OK &&
        (loop->poller_ < 0 || loop->inbox_fd_ < 0 ||
         zcnet::os::poller_set(loop->poller_, EPOLL_CTL_ADD, loop->inbox_fd_, EPOLLIN, zcnet::net::token_inbox) < 0))
        status = ZCN_ESYS;
    if (status != ZCN_OK) {
        loop->release();
        return status;
    }
    loop->now_ = zcnet::os::now();
    *out = loop;
    return ZCN_OK;
}

zcn_loop::~zcn_loop() {
    if (inbox_fd_ >= 0) (void)zcnet::os::close(inbox_fd_);
    intake_.close();
    if (batch_ != nullptr) batch_->destroy();
    zcnet::memory::release_pool(pool_);
}

void zcn_loop::release() noexcept {
    // acq_rel: what every holder did happens before the loop closes.
    if (handles_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    zcnet::memory::note_death(this);
    shut_down();
    unhold();
}

void zcn_loop::unhold() noexcept {
    // acq_rel: as above.
    if (holds_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

// The last handle is gone: every socket is closed without another word.
void zcn_loop::shut_down() noexcept {
    const bool ours = zcnet::os::in_process(process_);
    closing_ = true;
    if (batch_ != nullptr) batch_->reset();
    if (ours) {
        if (waiter_.queued.load(std::memory_order_acquire) && pool_->cancel_wait(&waiter_)) unhold();
    }
    end_rooms(ours);
    while (zcn_listener *listener = listeners_.front()) listener->end_silently();
    while (zcn_dialer *dialer = dialers_.front()) dialer->end_silently();
    while (zcn_conn *conn = all_.front()) {
        zcnet::List<zcn_conn, zcnet::net::AllTag>::remove(conn);
        conn->end_silently();
        conn->release();
    }
    while (zcn_conn *conn = finished_.front()) {
        zcnet::List<zcn_conn, zcnet::net::AllTag>::remove(conn);
        conn->end_silently();
        conn->release();
    }
    for (auto *list : {&relays_, &finished_relays_}) {
        while (zcn_relay *relay = list->pop_front()) {
            relay->end_silently();
            relay->release();
        }
    }
    pipes_.close();
    release_departed();
    intake_.close();
    tell_stalled(0);
    program_timers_.clear();
    if (poller_ >= 0) (void)zcnet::os::close(poller_);
    poller_ = -1;
    // Letters that are on their way hold their connections, and those hold the loop. What is there now is dropped here;
    // who puts one in later finds the mark. relaxed: both meet in the inbox, whose word orders them.
    dead_.store(true, std::memory_order_relaxed);
    drop_letters();
}

int64_t zcn_loop::read_clock() noexcept {
    now_ = zcnet::os::now();
    return now_;
}

void zcn_loop::raise() noexcept {
    if (!zcnet::os::in_process(process_)) return;  // a child of fork: the descriptor is its parent's
    raised_ = true;
    (void)zcnet::os::uninterrupted([&] { return zcnet::os::event_raise(inbox_fd_); });
}

void zcn_loop::lower() noexcept {
    (void)zcnet::os::uninterrupted([&] { return zcnet::os::event_clear(inbox_fd_); });
    raised_ = false;
}

bool zcn_loop::has_work() const noexcept {
    // That everything has ended is told too, once.
    const bool over = closing_ && is_empty() && !over_told_;
    return over || ready_count_ != 0 || !ready_relays_.empty() || !accepting_.empty() || !dirty_.empty() ||
           !due_rooms_.empty() || woken_ || !inbox_.looks_empty();
}

int zcn_loop::public_fd() noexcept {
    if (!zcnet::os::in_process(process_)) return -1;
    nested_ = true;
    if (has_work() && !raised_) raise();
    return poller_;
}

Status zcn_loop::set_timer(uint64_t token, int64_t delay_ns) noexcept {
    if (!zcnet::os::in_process(process_)) return ZCN_EFORKED;
    if (closing_) return ZCN_ECLOSED;
    return zcnet::guard([&]() -> Status {
        const auto [place, fresh] = program_timers_.try_emplace(token);
        if (fresh) {
            place->second.reset(new (std::nothrow) ProgramTimer());
            if (place->second != nullptr) place->second->token = token;
        }
        const int64_t now = zcnet::os::now();
        const Status status =
            place->second == nullptr
                ? ZCN_ENOMEM
                : timers_.set(place->second.get(), delay_ns <= 0 ? now : zcnet::net::saturating_add(now, delay_ns));
        if (status != ZCN_OK && fresh) program_timers_.erase(place);
        return status;
    });
}

Status zcn_loop::cancel_timer(uint64_t token) noexcept {
    if (!zcnet::os::in_process(process_)) return ZCN_EFORKED;
    const auto found = program_timers_.find(token);
    if (found == program_timers_.end()) return ZCN_AGAIN;
    timers_.cancel(found->second.get());
    program_timers_.erase(found);
    return ZCN_OK;
}

void zcn_loop::close() noexcept {
    if (closing_) return;
    closing_ = true;
    for (zcn_listener *listener = listeners_.front(); listener != nullptr; listener = listeners_.after(listener))
        listener->close();
    for (zcn_dialer *dialer = dialers_.front(); dialer != nullptr; dialer = dialers_.after(dialer)) dialer->close();
    for (zcn_conn *conn = all_.front(); conn != nullptr; conn = all_.after(conn)) (void)conn->request_close(false);
    for (zcn_relay *relay = relays_.front(); relay != nullptr; relay = relays_.after(relay))
        (void)relay->request_close(false);
    if (nested_ && !raised_ && !polling_ && has_work()) raise();
}

void zcn_loop::read_stats(zcn_loop_stats *stats) noexcept {
    *stats = counters_;
    for (zcn_conn *conn = all_.front(); conn != nullptr; conn = all_.after(conn)) conn->read_stats(&stats->total);
    stats->copied_detached = batch_->copied_detached;
    stats->paused = memory_paused_;
    stats->pinned_bytes = intake_.held_bytes();
    stats->total.struct_size = sizeof stats->total;
}

void zcn_loop::read_stats(zcn_loop_relay_stats *stats) noexcept {
    *stats = ended_relays_;
    each_relay([&](const zcn_relay *relay) {
        stats->open++;
        if (relay->stalled()) stats->stalled++;
        relay->add_figures(stats);
    });
}
