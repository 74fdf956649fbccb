// SPDX-License-Identifier: MIT
#include "net/dialer.h"

#include <algorithm>
#include <new>

#include "memory/births.h"
#include "net/loop.h"
#include "os/process.h"

using zcnet::Error;
using zcnet::Status;
using zcnet::net::never;
using zcnet::net::Settings;

namespace {

constexpr int64_t millisecond = 1000000;
constexpr uint32_t default_first_ms = 100;
constexpr uint32_t default_longest_ms = 30000;

}  // namespace

zcn_dialer::~zcn_dialer() {
    if (framing_ != nullptr) framing_->release();
    if (settings_ != nullptr) settings_->release();
}

void zcn_dialer::release() noexcept {
    // acq_rel: every holder's use happens before the end.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    zcn_loop *loop = loop_;
    zcnet::memory::note_death(this);
    delete this;
    loop->unhold();
}

bool zcn_dialer::in_process() const noexcept { return zcnet::os::in_process(loop_->process()); }

Status zcn_dialer::create(zcn_dialer **out, zcn_loop *loop, const char *text, const zcn_framing *framing,
                          const zcn_dial_options &options, Error *error) noexcept {
    const uint32_t first = options.first_ms != 0 ? options.first_ms : default_first_ms;
    const uint32_t longest = options.longest_ms != 0 ? options.longest_ms : std::max(default_longest_ms, first);
    if (options.reserved != 0 || longest < first)
        return error->set(ZCN_EINVAL, 0, "an option of the dialer is out of range");
    zcnet::net::Address address;
    if (const Status status = zcnet::net::parse_address(text, false, &address, error); status != ZCN_OK) return status;
    if (address.transport == zcnet::net::Transport::descriptor)
        return error->set(ZCN_EADDRESS, 0, "'%s' cannot be dialled again", text);
    if (address.is_name && !loop->has_helper())
        return error->set(ZCN_EUNSUPPORTED, 0, "'%s' is a name, and this loop has no helper to look it up",
                          address.host);
    Settings *settings = nullptr;
    if (const Status status = zcnet::net::make_settings(&settings, options.conn, error); status != ZCN_OK)
        return status;
    auto *dialer = new (std::nothrow) zcn_dialer();
    if (dialer == nullptr) {
        settings->release();
        return error->set(ZCN_ENOMEM, 0, "no memory");
    }
    loop->hold();
    framing->retain();
    dialer->loop_ = loop;
    dialer->framing_ = framing;
    dialer->settings_ = settings;
    dialer->address_ = address;
    dialer->user_ = options.user;
    dialer->first_ns_ = dialer->step_ns_ = first * millisecond;
    dialer->longest_ns_ = longest * millisecond;
    dialer->most_failures_ = options.attempts;
    dialer->random_ = static_cast<uint64_t>(loop->read_clock()) ^ reinterpret_cast<uintptr_t>(dialer);
    Status status = loop->timers().set(dialer, never);
    if (status == ZCN_OK) {
        dialer->retain();  // the loop's
        loop->add(dialer);
        status = dialer->attempt();
        if (status != ZCN_OK) dialer->end_silently();
    }
    if (status != ZCN_OK) {
        dialer->release();
        return error->status != ZCN_OK ? error->status : error->set(status, 0, "%s", zcn_status_text(status));
    }
    *out = dialer;
    return ZCN_OK;
}

// The timer is in the heap: moving it needs no memory.
void zcn_dialer::wake_at(int64_t when) noexcept { (void)loop_->timers().set(this, when); }

Status zcn_dialer::attempt() noexcept {
    zcn_conn *conn = nullptr;
    Status status = zcn_conn::create(&conn, loop_, framing_, settings_);
    if (status != ZCN_OK) return status;
    attempts_++;
    stood_ = false;
    state_ = State::connected;
    conn_ = conn;
    status = conn->set_dialer(this);
    if (status == ZCN_OK) status = conn->start_dial(address_);
    if (status == ZCN_OK) return ZCN_OK;
    conn_ = nullptr;
    conn->release();
    return status;
}

// Between half of the step and all of it.
int64_t zcn_dialer::draw_wait() noexcept {
    uint64_t value = random_ += 0x9E3779B97F4A7C15U;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
    value ^= value >> 31;
    const int64_t half = step_ns_ / 2;
    return half + static_cast<int64_t>(value % static_cast<uint64_t>(step_ns_ - half + 1));
}

void zcn_dialer::connected() noexcept {
    connected_++;
    stood_ = true;
    stands_since_ = loop_->now();
}

void zcn_dialer::connection_ended(Status why) noexcept {
    conn_ = nullptr;
    if (state_ == State::connected) fall(why);
}

void zcn_dialer::fall(Status why) noexcept {
    why_ = why;
    // One that is lost as soon as it stands would be dialled without end, and at once, each time.
    if (stood_ && loop_->now() - stands_since_ >= step_ns_) {
        failures_ = 0;
        step_ns_ = first_ns_;
    } else {
        if (failures_ != 0) step_ns_ = std::min(step_ns_ * 2, longest_ns_);
        failures_++;
    }
    if (most_failures_ != 0 && failures_ >= most_failures_) {
        state_ = State::closing;
    } else {
        state_ = State::fallen;
    }
    wake_at(loop_->now());
}

void zcn_dialer::on_timer() noexcept {
    wake_at(never);
    switch (state_) {
        case State::fallen: {
            const int64_t wait = draw_wait();
            next_at_ = loop_->now() + wait;
            state_ = State::waiting;
            zcn_event *event = loop_->batch().push(ZCN_EVENT_REDIAL, why_, nullptr, user_);
            event->data = this;
            event->size = static_cast<uint64_t>((wait + millisecond - 1) / millisecond);
            event->token = failures_;
            wake_at(next_at_);
            return;
        }
        case State::waiting:
            if (loop_->now() < next_at_) {
                wake_at(next_at_);
            } else if (const Status status = attempt(); status != ZCN_OK) {
                stood_ = false;
                fall(status);
            }
            return;
        case State::closing:
            loop_->batch().push(ZCN_EVENT_DIALER_CLOSED, why_, nullptr, user_);
            end();
            return;
        case State::connected:
        case State::closed:
            return;
    }
}

Status zcn_dialer::hurry() noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (state_ == State::closing || state_ == State::closed) return ZCN_ECLOSED;
    if (state_ != State::waiting) return ZCN_OK;
    step_ns_ = first_ns_;
    failures_ = 0;
    next_at_ = loop_->now();
    wake_at(next_at_);
    return ZCN_OK;
}

void zcn_dialer::close() noexcept {
    if (state_ == State::closing || state_ == State::closed) return;
    state_ = State::closing;
    why_ = ZCN_OK;
    wake_at(loop_->now());
}

void zcn_dialer::end() noexcept {
    state_ = State::closed;
    loop_->timers().cancel(this);
    loop_->remove(this);
    release();
}

void zcn_dialer::end_silently() noexcept {
    if (state_ != State::closed) end();
}

void zcn_dialer::read_stats(zcn_dialer_stats *stats) const noexcept {
    stats->attempts = attempts_;
    stats->connected = connected_;
    stats->failures = failures_;
    const int64_t left = state_ == State::waiting ? std::max<int64_t>(next_at_ - loop_->now(), 0) : 0;
    stats->wait_ms = static_cast<uint64_t>((left + millisecond - 1) / millisecond);
}
