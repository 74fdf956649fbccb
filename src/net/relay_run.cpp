// SPDX-License-Identifier: MIT
// What a relay does in its turn, and how it ends.
#include <algorithm>
#include <cstdio>

#include "base/probe.h"
#include "net/loop.h"
#include "net/relay.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::io::Flow;
using zcnet::io::Means;
using zcnet::io::Tap;
using zcnet::net::never;

namespace {

constexpr int64_t memory_retry_ns = 10000000;
constexpr uint32_t first_linger_ms = 1;
constexpr uint32_t longest_linger_ms = 100;

}  // namespace

Means zcn_relay::means() noexcept { return {loop_->pipes(), loop_->pool(), loop_->pipe_signal()}; }

uint64_t zcn_relay::progress() const noexcept {
    uint64_t sum = 0;
    for (const Flow &flow : flows_) sum += flow.bytes_in() + flow.bytes_out();
    return sum;
}

void zcn_relay::become_ready() noexcept { loop_->become_ready(this); }

// --- what the loop tells ---

void zcn_relay::on_readiness(uint32_t side, uint32_t events) noexcept {
    if (phase_ != Phase::running && phase_ != Phase::lingering) return;
    const uint32_t ends = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
    if ((events & (EPOLLIN | ends)) != 0) flows_[side].on_input((events & ends) != 0);
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) flows_[1 - side].on_output();
    if ((events & EPOLLERR) != 0) {
        if (const int number = zcnet::os::pending_error(sides_[side].fd); number != 0) {
            const Status why = zcnet::net::status_of_errno(number);
            if (phase_ == Phase::running) {
                side_gone(side, why, number);
            } else if (zcnet::os::has_unsent(sides_[side].fd, sides_[side].is_tcp)) {
                fail(why, number, "a side went before its kernel had everything");
            }
        }
    }
    become_ready();
}

void zcn_relay::on_tap(uint32_t direction) noexcept {
    if (flows_[direction].tap() == nullptr) return;
    flows_[direction].tap()->on_writable();
    become_ready();
}

void zcn_relay::on_requests() noexcept {
    // acq_rel: pairs with request_close(); a request that comes later queues the letter again.
    const uint32_t requests = requests_.fetch_and(~uint32_t{zcnet::net::request_queued}, std::memory_order_acq_rel);
    if (phase_ == Phase::ended || phase_ == Phase::told) return;
    if ((requests & zcnet::net::request_abort) != 0) {
        if (phase_ != Phase::flushing) fail(ZCN_EABORTED, 0, zcn_status_text(ZCN_EABORTED));
        end_now(ZCN_EABORTED);
    } else if ((requests & zcnet::net::request_close) != 0 && phase_ == Phase::running && !closing_) {
        closing_ = true;
        for (Flow &flow : flows_) flow.stop_input();
        close_by_ = loop_->read_clock() + drain_timeout_;
        arm_timer();
    }
    become_ready();
}

void zcn_relay::on_timer() noexcept {
    waits_for_memory_ = false;
    const int64_t now = loop_->now();
    if (phase_ == Phase::running) {
        for (uint32_t i = 0; i < 2; i++) {
            if (tap_since_[i] == 0 || now - tap_since_[i] < flows_[i].tap()->patience()) continue;
            if (flows_[i].tap()->patience() != 0) flows_[i].end_tap(ZCN_ETIMEDOUT, loop_->pipes());
            tap_since_[i] = 0;
        }
        const int64_t quiet = now - active_at_;
        const bool half = over_[0] != over_[1];
        if (closing_ && now >= close_by_) {
            fail(ZCN_ETIMEDOUT, 0, "what was held could not be written in the drain timeout");
        } else if (doomed_ && quiet >= drain_timeout_) {
            finish();
        } else if (idle_timeout_ != 0 && quiet >= idle_timeout_) {
            fail(ZCN_ETIMEDOUT, 0, "no byte came or left in the idle timeout");
        } else if (half && half_close_timeout_ != 0 && quiet >= half_close_timeout_) {
            fail(ZCN_ETIMEDOUT, 0, "no byte came or left in the half-close timeout");
        }
    }
    become_ready();
    arm_timer();
}

// --- its turn ---

void zcn_relay::service() noexcept {
    if (phase_ == Phase::running) run();
    if (phase_ == Phase::lingering) linger();
    if (phase_ == Phase::flushing) flush_taps();
    if (phase_ == Phase::ended) {
        tell();
        return;
    }
    if (more_) become_ready();
    arm_timer();
}

void zcn_relay::run() noexcept {
    more_ = false;
    for (uint32_t i = 0; i < 2 && phase_ == Phase::running; i++)
        if (!over_[i]) run_flow(i);
    if (phase_ != Phase::running) return;
    const uint64_t moved = progress();
    if (moved != moved_) active_at_ = loop_->now();
    moved_ = moved;
    if (over_[0] && over_[1]) finish();
}

void zcn_relay::run_flow(uint32_t i) noexcept {
    Flow &flow = flows_[i];
    const Flow::Step step = flow.move(means(), budget_);
    if (!flow.waits_for_tap()) tap_since_[i] = 0;
    switch (step) {
        case Flow::Step::blocked:
            if (flow.waits_for_tap() && tap_since_[i] == 0) tap_since_[i] = loop_->now();
            if (flow.waits_for_output()) wait_for_room(1 - i);
            return;
        case Flow::Step::more:
            more_ = true;
            return;
        case Flow::Step::no_memory:
            waits_for_memory_ = true;
            ZCNET_PROBE(relay__memory, this);
            return;
        case Flow::Step::ended:
            flow_ended(i);
            return;
        case Flow::Step::read_failed:
            side_gone(i, zcnet::net::status_of_errno(flow.failure()), flow.failure());
            // Nothing more comes from it, and what came is written but for the start of a frame.
            over_[i] = true;
            return;
        case Flow::Step::write_failed:
            side_gone(1 - i, zcnet::net::status_of_errno(flow.failure()), flow.failure());
            return;
        case Flow::Step::frame_wrong:
            fail(flow.frame_status(), 0,
                 i == 0 ? "a frame of the first side is wrong" : "a frame of the second side is wrong");
            return;
    }
}

void zcn_relay::flow_ended(uint32_t i) noexcept {
    over_[i] = true;
    active_at_ = loop_->now();
    // The end of a side that is gone is no end in order. One that went this moment is found so by the other flow.
    if (!doomed_) passed_[i] = zcnet::os::shutdown(sides_[1 - i].fd, SHUT_WR) >= 0;
}

// Nothing can be written to the side any more; what it sent before may still be read.
void zcn_relay::side_gone(uint32_t side, Status why, int number) noexcept {
    if (!doomed_) {
        doomed_ = true;
        error_.set(why, number, "the %s side is gone: %s (errno %d)", side == 0 ? "first" : "second",
                   zcn_status_text(why), number);
        active_at_ = loop_->now();
        arm_timer();
    }
    over_[1 - side] = true;
    flows_[side].on_input(true);
}

void zcn_relay::wait_for_room(uint32_t side) noexcept {
    if (sides_[side].output_watched) return;
    // A change of interest reports what is ready already, so nothing is missed in between.
    const int result = watch(side, EPOLL_CTL_MOD, true);
    if (result < 0) fail(ZCN_ESYS, -result, "a socket cannot be watched");
}

// --- ends ---

void zcn_relay::finish() noexcept {
    if (doomed_) {
        reset_sides();
    } else if (closing_) {
        phase_ = Phase::lingering;
        linger_ms_ = first_linger_ms;
        return;
    } else {
        error_.set(ZCN_EOF, 0, "%s", zcn_status_text(ZCN_EOF));
    }
    close_sides();
}

// Closing a socket with unread input resets it, and the reset may overtake what was written: so their kernels have it
// first.
void zcn_relay::linger() noexcept {
    if (loop_->now() < close_by_) {
        for (const Side &side : sides_) {
            if (!zcnet::os::has_unsent(side.fd, side.is_tcp)) continue;
            linger_ms_ = std::min(linger_ms_ * 2, longest_linger_ms);
            return;
        }
        error_.set(ZCN_OK, 0, "%s", zcn_status_text(ZCN_OK));
        close_sides();
        return;
    }
    fail(ZCN_ETIMEDOUT, 0, "the peers did not take what was written in the drain timeout");
}

// Ends both sides at once.
void zcn_relay::fail(Status why, int number, const char *what) noexcept {
    error_.set(why, number, "%s", what);
    reset_sides();
    close_sides();
}

void zcn_relay::reset_sides() noexcept {
    for (const Side &side : sides_)
        if (side.is_tcp && side.fd >= 0) zcnet::os::reset(side.fd);
}

// The pair is over; taps may still have to write.
void zcn_relay::close_sides() noexcept {
    for (Side &side : sides_) {
        if (side.fd < 0) continue;
        (void)zcnet::os::poller_set(loop_->poller(), EPOLL_CTL_DEL, side.fd, 0, 0);
        (void)zcnet::os::close(side.fd);
        side.fd = -1;
    }
    end_flows();
    phase_ = Phase::flushing;
    close_by_ = loop_->now() + drain_timeout_;
}

void zcn_relay::end_flows() noexcept {
    for (Flow &flow : flows_) flow.drop(loop_->pipes());
}

void zcn_relay::flush_taps() noexcept {
    bool queued = false;
    for (Flow &flow : flows_) {
        Tap *tap = flow.tap();
        if (tap == nullptr || !tap->active()) continue;
        tap->write(loop_->pipe_signal(), loop_->pipes());
        queued = queued || (tap->active() && tap->queued() != 0);
    }
    if (queued && loop_->now() < close_by_) return;
    end_now(ZCN_ETIMEDOUT);
}

// Nothing is waited for any more.
void zcn_relay::end_now(Status tap_status) noexcept {
    for (Flow &flow : flows_)
        if (flow.tap() != nullptr) flow.end_tap(flow.tap()->queued() != 0 ? tap_status : ZCN_OK, loop_->pipes());
    loop_->timers().cancel(this);
    // acq_rel: requests that come later find that it is too late.
    requests_.fetch_or(zcnet::net::request_gone, std::memory_order_acq_rel);
    phase_ = Phase::ended;
    become_ready();
}

void zcn_relay::tell() noexcept {
    zcnet::net::Batch &batch = loop_->batch();
    if (batch.full()) {
        become_ready();
        return;
    }
    zcn_event *event = batch.push(ZCN_EVENT_RELAY_ENDED, error_.status, nullptr, user_);
    event->data = this;
    event->size = flows_[0].bytes_out() + flows_[1].bytes_out();
    ZCNET_PROBE(relay__ended, this, error_.status);
    phase_ = Phase::told;
    loop_->finished(this);
}

// For a loop that goes, also in a child of fork, where sockets, poller and pipes are the parent's and only copies of
// descriptors are closed.
void zcn_relay::end_silently() noexcept {
    loop_->forget(this);
    if (phase_ == Phase::told) return;
    const bool ours = in_process();
    requests_.fetch_or(zcnet::net::request_gone, std::memory_order_acq_rel);
    if (phase_ != Phase::ended) {
        error_.set(ZCN_EABORTED, 0, "%s", zcn_status_text(ZCN_EABORTED));
        if (ours) reset_sides();
        for (Side &side : sides_) {
            if (side.fd >= 0) (void)zcnet::os::close(side.fd);
            side.fd = -1;
        }
        end_flows();
        for (Flow &flow : flows_) {
            if (flow.tap() == nullptr) continue;
            if (!ours) flow.tap()->forget_poller();
            flow.end_tap(ZCN_EABORTED, loop_->pipes());
        }
    }
    phase_ = Phase::told;
}

// --- time ---

int64_t zcn_relay::next_deadline() const noexcept {
    int64_t earliest = never;
    const auto by = [&earliest](int64_t when) noexcept { earliest = std::min(earliest, when); };
    switch (phase_) {
        case Phase::running:
            if (closing_) by(close_by_);
            if (doomed_) by(active_at_ + drain_timeout_);
            if (idle_timeout_ != 0) by(active_at_ + idle_timeout_);
            if (half_close_timeout_ != 0 && over_[0] != over_[1]) by(active_at_ + half_close_timeout_);
            if (waits_for_memory_) by(loop_->now() + memory_retry_ns);
            for (uint32_t i = 0; i < 2; i++)
                if (tap_since_[i] != 0 && flows_[i].patience() != 0) by(tap_since_[i] + flows_[i].patience());
            return earliest;
        case Phase::lingering:
            by(close_by_);
            by(loop_->now() + int64_t{linger_ms_} * 1000000);
            return earliest;
        case Phase::flushing:
            return close_by_;
        default:
            return never;
    }
}

// The timer is moved forward only: one that goes off too early looks again.
void zcn_relay::arm_timer() noexcept {
    const int64_t when = next_deadline();
    if (when == never || (place != 0 && at <= when)) return;
    if (loop_->timers().set(this, when) != ZCN_OK) become_ready();
}
