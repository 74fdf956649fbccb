// SPDX-License-Identifier: MIT
// One poll of a loop: who has a turn and when, and for how long the kernel is waited for.
#include "base/probe.h"
#include "net/loop.h"
#include "net/unsettled.h"
#include "os/os.h"
#include "os/process.h"

using zcnet::Status;
using zcnet::net::never;
using zcnet::net::ProgramTimer;
using zcnet::net::saturating_add;
using zcnet::net::Timer;

namespace {

// As long as leftovers fill the array, the kernel is asked with every fourth poll only.
constexpr uint32_t polls_without_a_look = 4;
constexpr int64_t starved_look_ns = 2000000;

// A loop waits with cancellation off: a thread cancelled inside would leave it owned for ever.
class NoCancel {
  public:
    NoCancel() noexcept { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
    ~NoCancel() { pthread_setcancelstate(before_, nullptr); }
    NoCancel(const NoCancel &) = delete;
    NoCancel &operator=(const NoCancel &) = delete;

  private:
    int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace

int64_t zcn_loop::next_deadline() noexcept {
    if (has_work()) return 0;
    const int64_t next = timers_.next();
    const int64_t most = patience();
    if (next == never) return most;
    const int64_t now = zcnet::os::now();
    return next > now ? std::min(next - now, most) : 0;
}

// How long a loop may wait that has to look again at what no descriptor tells.
int64_t zcn_loop::patience() const noexcept {
    const int64_t unsettled = zcnet::net::any_unsettled() ? zcnet::net::unsettled_look_ns : never;
    return starved_polls_ != 0 ? starved_look_ns : unsettled;
}

void zcn_loop::begin_poll() noexcept {
    counters_.polls++;
    serial_++;
    last_poller_.store(pthread_self(), std::memory_order_relaxed);
    batch_->reset();
    while (zcn_conn *conn = finished_.pop_front()) {
        conn->end_silently();
        conn->release();
    }
    while (zcn_relay *relay = finished_relays_.pop_front()) relay->release();
    release_departed();
    read_clock();
    // What was forwarded leaves first, so that its memory can be read into again while it is warm.
    flush_dirty();
    intake_.begin_batch();
    look_after_pool();
    if (memory_paused_ != 0) {
        check_starvation();
    } else {
        tell_stalled(0);
    }
}

// One guard against SIGPIPE for the whole round: files need it, and it costs nothing where none is sent.
void zcn_loop::flush_dirty() noexcept {
    if (dirty_.empty()) return;
    zcnet::os::PipeSignal signal;
    pipe_signal_ = &signal;
    // Those that are queued while this runs are left for the next round.
    for (uint64_t left = counters_.connections + 1; left != 0; left--) {
        zcn_conn *conn = dirty_.pop_front();
        if (conn == nullptr) break;
        conn->flush();
    }
    pipe_signal_ = nullptr;
}

void zcn_loop::run_ready() noexcept {
    for (uint64_t left = ready_count_; left != 0 && !batch_->full(); left--) {
        zcn_conn *conn = ready_.pop_front();
        if (conn == nullptr) return;
        ready_count_--;
        conn->service();
    }
}

void zcn_loop::run_listeners() noexcept {
    zcnet::List<zcn_listener, zcnet::net::AcceptingTag> round;
    round.append(accepting_);
    while (zcn_listener *listener = round.pop_front()) {
        // What a listener tells may be its end.
        listener->retain();
        listener->accept_some();
        if (!listener->tell_pending()) accept_later(listener);
        listener->release();
    }
}

// One guard against SIGPIPE for the whole round.
void zcn_loop::run_relays() noexcept {
    if (ready_relays_.empty()) return;
    zcnet::os::PipeSignal signal;
    pipe_signal_ = &signal;
    for (uint64_t left = ready_relay_count_; left != 0; left--) {
        zcn_relay *relay = ready_relays_.pop_front();
        if (relay == nullptr) break;
        ready_relay_count_--;
        relay->service();
    }
    pipe_signal_ = nullptr;
}

void zcn_loop::run_timers() noexcept {
    // Each has one turn: what sets itself again for now has its next turn in the next round.
    for (uint64_t left = timers_.count(); left != 0 && !batch_->full(); left--) {
        Timer *due = timers_.take_due(now_);
        if (due == nullptr) return;
        switch (due->of) {
            case zcnet::net::TimerOf::conn:
                static_cast<zcn_conn *>(due)->on_timer();
                break;
            case zcnet::net::TimerOf::listener:
                static_cast<zcn_listener *>(due)->on_timer();
                break;
            case zcnet::net::TimerOf::pool:
                pool_->look_after();
                look_after_pool();
                break;
            case zcnet::net::TimerOf::relay:
                static_cast<zcn_relay *>(due)->on_timer();
                break;
            case zcnet::net::TimerOf::dialer:
                static_cast<zcn_dialer *>(due)->on_timer();
                break;
            case zcnet::net::TimerOf::program: {
                const uint64_t token = static_cast<ProgramTimer *>(due)->token;
                program_timers_.erase(token);
                batch_->push(ZCN_EVENT_TIMER, ZCN_OK, nullptr, 0)->token = token;
                break;
            }
        }
    }
}

void zcn_loop::dispatch(const epoll_event &event) noexcept {
    const uint64_t token = event.data.u64;
    switch (token & zcnet::net::token_mask) {
        case zcnet::net::token_conn: {
            auto *conn = reinterpret_cast<zcn_conn *>(token);
            // A release function that ran for one before it may have moved it to another loop.
            if (conn->loop() == this) conn->on_readiness(event.events);
            return;
        }
        case zcnet::net::token_listener:
            reinterpret_cast<zcn_listener *>(token & ~uint64_t{zcnet::net::token_mask})->on_readiness();
            return;
        case zcnet::net::token_relay:
        case zcnet::net::token_relay + 1:
        case zcnet::net::token_tap:
        case zcnet::net::token_tap + 1: {
            const uint64_t kind = token & zcnet::net::token_mask;
            auto *relay = reinterpret_cast<zcn_relay *>(token & ~uint64_t{zcnet::net::token_mask});
            if (kind >= zcnet::net::token_tap) {
                relay->on_tap(static_cast<uint32_t>(kind - zcnet::net::token_tap));
            } else {
                relay->on_readiness(static_cast<uint32_t>(kind - zcnet::net::token_relay), event.events);
            }
            return;
        }
        default:
            lower();
            return;
    }
}

// Asks the kernel once, and does what follows from its answer.
void zcn_loop::look(int64_t wait_ns) noexcept {
    int count = zcnet::os::poller_wait(poller_, events_, static_cast<int>(std::size(events_)), wait_ns);
    counters_.waits++;
    unlooked_ = 0;
    if (count < 0) {
        if (count != -EINTR && count != -EAGAIN) wait_failure_ = -count;
        count = 0;
    }
    looked_at_ = read_clock();
    if (zcnet::net::any_unsettled()) zcnet::net::look_after_unsettled();
    for (int i = 0; i < count; i++) dispatch(events_[i]);
    if (!inbox_.looks_empty()) take_letters();
    flush_dirty();
    run_listeners();
    tell_woken();
    tell_rooms();
    run_ready();
    run_relays();
    // Behind what came: a deadline is judged by it.
    run_timers();
}

void zcn_loop::tell_woken() noexcept {
    if (!woken_ || batch_->full()) return;
    woken_ = false;
    batch_->push(ZCN_EVENT_WOKEN, ZCN_OK, nullptr, 0);
}

// How long to wait now: 0 when there is work, else until the deadline or the next timer.
int64_t zcn_loop::wait_time(int64_t deadline) noexcept {
    if (has_work()) return 0;
    const int64_t next = std::min(deadline, timers_.next());
    if (next == never) return -1;
    return next > now_ ? next - now_ : 0;
}

// acquire, and release where it ends: the owner before us is done when we find the loop free. A former owner that
// blanks events is waited for: it does so for some microseconds, and takes nothing else.
bool zcn_loop::acquire() noexcept {
    for (;;) {
        uint32_t found = idle;
        if (busy_.compare_exchange_weak(found, polled, std::memory_order_acquire, std::memory_order_relaxed))
            return true;
        if (found == polled) return false;
    }
}

void zcn_loop::blank(const zcn_conn *conn) noexcept {
    // relaxed: the thread that polled last finds its own word, and for others any word but theirs will do.
    if (!pthread_equal(last_poller_.load(std::memory_order_relaxed), pthread_self())) return;
    // In a poll there is nothing that the program sees yet; the request is found before the array is complete or with
    // the next poll.
    uint32_t found = idle;
    if (!busy_.compare_exchange_strong(found, blanked, std::memory_order_acquire, std::memory_order_relaxed)) return;
    // The loop may have been handed over between the two.
    if (pthread_equal(last_poller_.load(std::memory_order_relaxed), pthread_self()))
        zcnet::net::Stream::blank(*batch_, conn, 0);
    busy_.store(idle, std::memory_order_release);
}

Status zcn_loop::poll(int64_t timeout_ns, const zcn_event **out_events, size_t *out_count, int32_t *out_more) noexcept {
    if (!zcnet::os::in_process(process_)) return ZCN_EFORKED;
    if (!acquire()) return ZCN_EBUSY;
    const NoCancel guard;
    Status status = ZCN_OK;
    polling_ = true;
    begin_poll();
    // A connection may be on its way to a loop that closes.
    if (closing_ && !inbox_.looks_empty()) take_letters();
    if (closing_ && is_empty()) {
        over_told_ = true;
        if (raised_) lower();
        status = ZCN_ECLOSED;
    } else {
        const int64_t deadline = timeout_ns < 0 ? never : saturating_add(now_, timeout_ns);
        const int64_t spin_until = spin_ns_ != 0 ? saturating_add(now_, spin_ns_) : 0;
        // What was left over comes first; what is rare comes before what may fill the array every time.
        if (!inbox_.looks_empty()) take_letters();
        run_timers();
        tell_woken();
        tell_rooms();
        flush_dirty();
        run_listeners();
        run_ready();
        run_relays();
        bool looked = false;
        if (batch_->full() && ++unlooked_ >= polls_without_a_look) {
            // There is no room for more, but others become ready, and have their turn before those that fill it.
            look(0);
            looked = true;
        }
        while (!batch_->full()) {
            int64_t wait = batch_->count() != 0 ? 0 : wait_time(deadline);
            if (wait != 0 && spin_ns_ != 0 && now_ < spin_until) wait = 0;
            // With events in hand one look is enough, so that no connection waits for the others to fall silent.
            if (looked && (batch_->count() != 0 || (wait == 0 && now_ >= deadline))) break;
            if (const int64_t most = patience(); most != never && (wait < 0 || wait > most)) wait = most;
            look(wait);
            looked = true;
            if (memory_paused_ != 0 && batch_->count() == 0) check_starvation();
            if (closing_ && is_empty()) break;
            if (wait_failure_ != 0) break;
        }
        if (wait_failure_ != 0 && batch_->count() == 0) {
            status = error_.set(ZCN_ESYS, wait_failure_, "the loop cannot wait: %s",
                                zcnet::net::why(ZCN_ESYS, wait_failure_));
        }
        wait_failure_ = 0;
        relieve_blocks();
    }
    // The next look, in this loop or a host's, must come about by the clock.
    if (starved_polls_ == 0) look_for_starvation();
    polling_ = false;
    const bool more = has_work() || timers_.next() <= now_;
    if (nested_ && more && !raised_) raise();
    *out_count = batch_->count();
    *out_events = batch_->count() != 0 ? batch_->events() : nullptr;
    if (out_more != nullptr) *out_more = more;
    counters_.events += batch_->count();
    ZCNET_PROBE(loop__events, this, batch_->count());
    busy_.store(idle, std::memory_order_release);
    return status;
}
