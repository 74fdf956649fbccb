// SPDX-License-Identifier: MIT
// How a connection begins: names, addresses tried in turn, a deadline.
#include <cstring>
#include <new>

#include "base/probe.h"
#include "net/conn.h"
#include "net/conn_requests.h"
#include "net/dialer.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::net::Endpoint;
using zcnet::net::Lookup;
using zcnet::net::LookupLetter;
using zcnet::net::State;

namespace zcnet::net {

// Addresses that are tried one after the other.
struct Dial {
    Endpoint endpoints[most_endpoints];
    uint32_t count = 0;
    uint32_t next = 0;
    bool looking_up = false;
    bool again = false;      // the present address was full, and is tried again
    int64_t attempt_by = 0;  // the present address has its share of the time until then
    Status last = ZCN_ERESOLVE;
    int number = 0;
};

}  // namespace zcnet::net

using zcnet::net::Dial;

namespace {

constexpr int64_t retry_ns = 2000000;
constexpr int64_t least_attempt_ns = 250000000;

// On the helper's thread: the answer goes to the loop's inbox.
void answer(Lookup *lookup) noexcept {
    auto *letter = static_cast<LookupLetter *>(lookup->context);
    letter->conn->loop()->put(letter);
}

}  // namespace

Status zcn_conn::start_dial(const zcnet::net::Address &address) noexcept {
    if (rare() == nullptr) return ZCN_ENOMEM;
    Dial *const dial = rare_->dial = new (std::nothrow) Dial();
    if (dial == nullptr) return ZCN_ENOMEM;
    is_tcp_ = address.transport == zcnet::net::Transport::tcp;
    close_by_ = loop()->read_clock() + settings().connect_timeout;
    if (address.is_name) {
        auto *lookup = new (std::nothrow) Lookup();
        auto *letter = lookup != nullptr ? new (std::nothrow) LookupLetter(this, lookup) : nullptr;
        Status status = letter == nullptr ? ZCN_ENOMEM : ZCN_OK;
        if (status == ZCN_OK) {
            std::memcpy(lookup->host, address.host, sizeof lookup->host);
            std::memcpy(lookup->port, address.port, sizeof lookup->port);
            lookup->done = answer;
            lookup->context = letter;
            retain();
            status = zcnet::net::start_lookup(lookup);
            if (status != ZCN_OK) {
                loop()->error().set(status, 0, "the helper thread that looks names up cannot be started");
                references_.fetch_sub(1, std::memory_order_relaxed);  // the letter's; the loop has its own
            }
        }
        if (status != ZCN_OK) {
            delete letter;
            delete lookup;
            drop_dial();
            return status;
        }
        dial->looking_up = true;
    } else {
        dial->endpoints[0] = address.endpoint;
        dial->count = 1;
    }
    state_ = State::connecting;
    ZCNET_PROBE(conn__connect, this);
    loop()->add(this);
    if (!dial->looking_up) dial_next();
    arm_timer();
    return ZCN_OK;
}

Status zcn_conn::set_dialer(zcn_dialer *dialer) noexcept {
    if (rare() == nullptr) return ZCN_ENOMEM;
    dialer->retain();
    rare_->dialer = dialer;
    return ZCN_OK;
}

// The dialer that made it, once: its reference is the caller's.
zcn_dialer *zcn_conn::leave_dialer() noexcept {
    if (rare_ == nullptr) return nullptr;
    zcn_dialer *dialer = rare_->dialer;
    rare_->dialer = nullptr;
    return dialer;
}

void zcn_conn::drop_dial() noexcept {
    if (rare_ == nullptr) return;
    delete rare_->dial;
    rare_->dial = nullptr;
}

void zcn_conn::take_lookup(const Lookup &lookup) noexcept {
    Dial *const dial = this->dial();
    if (state_ != State::connecting || dial == nullptr) return;
    dial->looking_up = false;
    if (lookup.status != ZCN_OK) {
        set_error(lookup.status, lookup.error.sys_errno, "%s", lookup.error.text);
        finish(lookup.status);
        return;
    }
    for (uint32_t i = 0; i < lookup.count; i++) dial->endpoints[i] = lookup.endpoints[i];
    dial->count = lookup.count;
    dial_next();
    arm_timer();
}

// Tries addresses until one is under way.
void zcn_conn::dial_next() noexcept {
    Dial *const dial = this->dial();
    if (dial == nullptr || dial->looking_up || (fd_ >= 0 && !dial->again)) return;
    if (dial->again) {
        dial->again = false;
        dial->next--;
    }
    while (dial->next < dial->count) {
        const Endpoint &endpoint = dial->endpoints[dial->next++];
        const int family = endpoint.address.any.sa_family;
        const int fd = zcnet::os::make_socket(family);
        if (fd < 0) {
            dial->last = zcnet::net::status_of_errno(-fd);
            dial->number = -fd;
            continue;
        }
        int result = zcnet::net::apply_before_connect(fd, settings());
        if (result >= 0)
            result =
                zcnet::os::uninterrupted([&] { return zcnet::os::connect(fd, &endpoint.address.any, endpoint.size); });
        if (result >= 0 || result == -EINPROGRESS) {
            const int watched = watch(fd, EPOLL_CTL_ADD, true);
            if (watched >= 0) {
                fd_ = fd;
                // An address that never answers leaves time for those behind it.
                const int64_t now = loop()->read_clock();
                const int64_t share = (close_by_ - now) / (dial->count - dial->next + 1);
                dial->attempt_by = std::min(close_by_, now + std::max(share, least_attempt_ns));
                if (result >= 0) dial_writable();
                return;
            }
            result = watched;
        }
        (void)zcnet::os::close(fd);
        if (result == -EAGAIN) {
            // A local listener's queue is full: it is tried again until the deadline.
            dial->again = true;
            (void)loop()->timers().set(this, std::min(close_by_, loop()->now() + retry_ns));
            return;
        }
        dial->last = zcnet::net::status_of_errno(-result);
        dial->number = -result;
    }
    dial_failed(dial->last, dial->number);
}

int64_t zcn_conn::dial_deadline() const noexcept {
    const Dial *const dial = this->dial();
    return dial == nullptr || fd_ < 0 ? close_by_ : std::min(close_by_, dial->attempt_by);
}

void zcn_conn::dial_late(int64_t asked) noexcept {
    Dial *const dial = this->dial();
    if (asked >= close_by_) {
        dial_failed(ZCN_ETIMEDOUT, 0);
        return;
    }
    if (dial != nullptr && fd_ >= 0 && asked >= dial->attempt_by) {
        dial->last = ZCN_ETIMEDOUT;
        dial->number = 0;
        give_up_attempt();
    }
    dial_next();
}

void zcn_conn::give_up_attempt() noexcept {
    detach_socket();
    (void)zcnet::os::close(fd_);
    fd_ = -1;
}

// The attempt under way has an answer.
void zcn_conn::dial_writable() noexcept {
    Dial *const dial = this->dial();
    if (fd_ < 0 || dial == nullptr) return;
    int number = zcnet::os::pending_error(fd_);
    if (number == 0) {
        zcnet::net::SocketAddress peer{};
        socklen_t peer_size = sizeof peer;
        // Without an error and without a peer it is still under way.
        if (const int named = zcnet::os::peer_address(fd_, &peer.any, &peer_size); named == -ENOTCONN) return;
        if (const int applied = zcnet::net::apply_socket_options(fd_, is_tcp_, settings()); applied < 0) {
            number = -applied;
        } else {
            drop_dial();
            // Where this fails all it costs is a needless look now and then.
            (void)watch(fd_, EPOLL_CTL_MOD, false);
            state_ = State::open;
            ZCNET_PROBE(conn__open, this, fd_);
            writable_ = readable_ = true;
            active_at_ = loop()->now();
            if ((requests_.load(std::memory_order_acquire) & zcnet::net::request_over) != 0) {
                // Closed while it was connecting: only what was queued is still sent.
                state_ = State::draining;
            } else {
                message_at_ = 0;
                told_as_ = ZCN_EVENT_CONNECTED;
                if (rare_->dialer != nullptr) rare_->dialer->connected();
            }
            if (!stream_.idle() || shutdown_wanted_) loop()->become_dirty(this);
            become_ready();
            arm_timer();
            return;
        }
    }
    dial->last = zcnet::net::status_of_errno(number);
    dial->number = number;
    give_up_attempt();
    dial_next();
}

void zcn_conn::dial_failed(Status status, int number) noexcept {
    if (status == ZCN_ERESET) status = ZCN_EREFUSED;
    if (reason_ != ZCN_OK && (requests_.load(std::memory_order_acquire) & zcnet::net::request_over) != 0)
        status = reason_;
    set_error(status, number, "the connection could not be made: %s", zcnet::net::why(status, number));
    finish(status);
}
