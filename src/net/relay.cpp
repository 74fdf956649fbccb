// SPDX-License-Identifier: MIT
#include "net/relay.h"

#include <algorithm>
#include <cstdio>
#include <new>

#include "base/probe.h"
#include "memory/births.h"
#include "net/loop.h"
#include "os/os.h"
#include "os/process.h"

using zcnet::Error;
using zcnet::Status;
using zcnet::io::Flow;
using zcnet::memory::Block;

namespace {

constexpr uint64_t default_budget = 1 << 20;
constexpr uint32_t default_drain_ms = 5000;
constexpr int64_t stalled_ns = 1000000000;

int64_t ms_to_ns(uint32_t ms) noexcept { return int64_t{ms} * 1000000; }

// A header must be complete before it passes on.
bool fits(const zcn_framing *framing, const zcn_framing *first, uint64_t block_size) noexcept {
    for (const zcn_framing *each : {framing, first}) {
        if (each == nullptr) continue;
        const zcnet::framing::Rule &rule = each->rule;
        uint64_t needed = 0;
        if (rule.kind == zcnet::framing::Kind::length) needed = uint64_t{rule.offset} + rule.width;
        if (rule.kind == zcnet::framing::Kind::varint) needed = uint64_t{rule.offset} + rule.max_varint;
        if (needed >= block_size) return false;
    }
    return true;
}

// A connected stream socket, made non-blocking.
Status check_socket(int fd, bool *is_tcp, Error *error) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    if (const int result = zcnet::os::get_option(fd, SOL_SOCKET, SO_TYPE, &type, &size); result < 0)
        return error->set(ZCN_EUNSUPPORTED, -result, "descriptor %d is not a socket", fd);
    if (type != SOCK_STREAM) return error->set(ZCN_EUNSUPPORTED, 0, "descriptor %d is not a stream socket", fd);
    zcnet::net::SocketAddress peer{};
    socklen_t peer_size = sizeof peer;
    if (const int result = zcnet::os::peer_address(fd, &peer.any, &peer_size); result < 0)
        return error->set(ZCN_EUNSUPPORTED, -result, "descriptor %d is not connected", fd);
    if (const int result = zcnet::os::set_nonblocking(fd); result < 0)
        return error->set(ZCN_ESYS, -result, "descriptor %d cannot be made non-blocking", fd);
    *is_tcp = peer.any.sa_family != AF_UNIX;
    return ZCN_OK;
}

}  // namespace

zcn_relay::zcn_relay(zcn_loop *loop, const zcn_relay_options &options) noexcept
    : Timer(zcnet::net::TimerOf::relay),
      LoopLetter(zcnet::net::Message::relay),
      loop_(loop),
      user_(options.user),
      budget_(options.budget != 0 ? options.budget : default_budget),
      idle_timeout_(ms_to_ns(options.idle_timeout_ms)),
      half_close_timeout_(ms_to_ns(options.half_close_timeout_ms)),
      drain_timeout_(ms_to_ns(options.drain_timeout_ms != 0 ? options.drain_timeout_ms : default_drain_ms)) {
    if (options.forward_framing != nullptr) flows_[0].frames().start(options.forward_first, options.forward_framing);
    if (options.backward_framing != nullptr) flows_[1].frames().start(options.backward_first, options.backward_framing);
    for (Flow &flow : flows_) flow.set_method(options.method);
}

Status zcn_relay::create(zcn_relay **out, zcn_loop *loop, const zcn_relay_options &options, Error *error) noexcept {
    if (options.method > ZCN_RELAY_COPY) return error->set(ZCN_EINVAL, 0, "method is ZCN_RELAY_AUTO, _SPLICE or _COPY");
    for (const zcn_framing *first : {options.forward_first, options.backward_first})
        if (first != nullptr && first->rule.kind == zcnet::framing::Kind::raw)
            return error->set(ZCN_EINVAL, 0, "the first message has no end with a raw framing");
    if ((options.forward_first != nullptr && options.forward_framing == nullptr) ||
        (options.backward_first != nullptr && options.backward_framing == nullptr))
        return error->set(ZCN_EINVAL, 0, "a framing of the first message needs one of those that follow");
    const uint64_t block_size = loop->pool()->block_size();
    if (!fits(options.forward_framing, options.forward_first, block_size) ||
        !fits(options.backward_framing, options.backward_first, block_size))
        return error->set(ZCN_EUNSUPPORTED, 0, "a header must fit into a block of the pool");
    auto *relay = new (std::nothrow) zcn_relay(loop, options);
    if (relay == nullptr) return error->set(ZCN_ENOMEM, 0, "no memory");
    loop->hold();
    *out = relay;
    return ZCN_OK;
}

void zcn_relay::release() noexcept {
    // acq_rel: every holder's use happens before the end.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    zcn_loop *loop = loop_;
    zcnet::memory::note_death(this);
    delete this;
    loop->unhold();
}

bool zcn_relay::in_process() const noexcept { return zcnet::os::in_process(loop_->process()); }

// Edge-triggered, as connections are; room for writing is watched from the first time that there is none.
int zcn_relay::watch(uint32_t side, int operation, bool output) noexcept {
    const uint32_t events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET | (output ? uint32_t{EPOLLOUT} : 0);
    sides_[side].output_watched = output;
    return zcnet::os::poller_set(loop_->poller(), operation, sides_[side].fd, events,
                                 reinterpret_cast<uintptr_t>(this) | (zcnet::net::token_relay + side));
}

Status zcn_relay::join(zcn_relay **out, zcn_conn *first, zcn_conn *second, const zcn_relay_options &options,
                       Error *error) noexcept {
    zcn_loop *loop = first->loop();
    zcn_conn *conns[2] = {first, second};
    for (zcn_conn *conn : conns)
        if (const Status status = conn->can_leave(); status != ZCN_OK)
            return error->set(status, 0,
                              status == ZCN_EBUSY ? "units are queued on a connection, or it is still connecting"
                                                  : "a connection has ended or can send no more");
    zcn_relay *relay = nullptr;
    if (const Status status = create(&relay, loop, options, error); status != ZCN_OK) return status;
    Block *rests[2] = {};
    Status status = ZCN_OK;
    int watched = 0;
    uint32_t ready = 0;
    for (; ready < 2 && status == ZCN_OK; ready++) {
        relay->sides_[ready].fd = conns[ready]->fd();
        relay->sides_[ready].is_tcp = conns[ready]->is_tcp();
        status = conns[ready]->copy_rest(&rests[ready]);
        if (status != ZCN_OK) break;
        watched = relay->watch(ready, EPOLL_CTL_MOD, false);
        if (watched < 0) status = ZCN_ESYS;
    }
    if (status != ZCN_OK) {
        // The first may have been taken over already: it goes back. What cannot be watched by its connection any more
        // finds out with its next read.
        for (uint32_t i = 0; i < 2; i++)
            if (rests[i] != nullptr) zcnet::memory::block_release(rests[i]);
        if (ready != 0) first->watch_again();
        relay->release();
        return error->set(status, -watched, status == ZCN_ESYS ? "a socket cannot be watched" : "no memory");
    }
    for (zcn_conn *conn : conns) (void)conn->leave();
    relay->begin(rests);
    *out = relay;
    return ZCN_OK;
}

Status zcn_relay::join(zcn_relay **out, zcn_loop *loop, int first, int second, const zcn_relay_options &options,
                       Error *error) noexcept {
    zcn_relay *relay = nullptr;
    if (const Status status = create(&relay, loop, options, error); status != ZCN_OK) return status;
    relay->sides_[0].fd = first;
    relay->sides_[1].fd = second;
    Status status = ZCN_OK;
    for (Side &side : relay->sides_)
        if (status == ZCN_OK) status = check_socket(side.fd, &side.is_tcp, error);
    if (status == ZCN_OK) {
        int watched = relay->watch(0, EPOLL_CTL_ADD, false);
        if (watched >= 0) {
            watched = relay->watch(1, EPOLL_CTL_ADD, false);
            if (watched < 0) (void)zcnet::os::poller_set(loop->poller(), EPOLL_CTL_DEL, first, 0, 0);
        }
        if (watched < 0) status = error->set(ZCN_ESYS, -watched, "a socket cannot be watched: errno %d", -watched);
    }
    if (status != ZCN_OK) {
        relay->release();
        return status;
    }
    Block *const none[2] = {};
    relay->begin(none);
    *out = relay;
    return ZCN_OK;
}

void zcn_relay::begin(Block *const rests[2]) noexcept {
    for (uint32_t i = 0; i < 2; i++)
        flows_[i].start({this, i}, sides_[i].fd, sides_[1 - i].fd, sides_[i].is_tcp, rests[i]);
    active_at_ = loop_->now();
    ZCNET_PROBE(relay__open, this, sides_[0].fd, sides_[1].fd);
    loop_->add(this);
    become_ready();
    arm_timer();
}

Status zcn_relay::add_tap(uint32_t direction, int fd, uint32_t policy, uint32_t wait_ms) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (phase_ != Phase::running || over_[direction]) return ZCN_ECLOSED;
    Flow &flow = flows_[direction];
    if (flow.tap() != nullptr) return ZCN_EBUSY;
    if (const int result = zcnet::os::set_nonblocking(fd); result < 0)
        return result == -EBADF ? Status{ZCN_EINVAL} : Status{ZCN_ESYS};
    zcnet::io::Pipe *pipe = loop_->pipes().take();
    if (pipe == nullptr) return ZCN_ENOBUFS;
    auto *tap = new (std::nothrow) zcnet::io::Tap(fd, pipe, policy, ms_to_ns(wait_ms));
    const uint64_t token = reinterpret_cast<uintptr_t>(this) | (zcnet::net::token_tap + direction);
    const Status status = tap == nullptr ? ZCN_ENOMEM : tap->watch(loop_->poller(), token) < 0 ? ZCN_ESYS : ZCN_OK;
    if (status != ZCN_OK) {
        loop_->pipes().give(pipe);
        delete tap;
        return status;
    }
    flow.set_tap(tap);
    return ZCN_OK;
}

Status zcn_relay::request_close(bool abort) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    using zcnet::net::request_gone;
    using zcnet::net::request_queued;
    // acquire: as in zcn_conn. Closing a second time is nothing; aborting cuts a close short.
    const uint32_t present = requests_.load(std::memory_order_acquire);
    if ((present & request_gone) != 0 ||
        (!abort && (present & (zcnet::net::request_close | zcnet::net::request_abort)) != 0))
        return ZCN_OK;
    const uint32_t wanted = abort ? zcnet::net::request_abort : zcnet::net::request_close;
    // acq_rel: what happened before is seen by the owner when it finds the bit.
    const uint32_t before = requests_.fetch_or(wanted | request_queued, std::memory_order_acq_rel);
    if ((before & request_queued) == 0) {
        retain();
        loop_->put(this);
    }
    return ZCN_OK;
}

// Also in the event that is shown already, so that one array tells one value.
void zcn_relay::set_user(uintptr_t user) noexcept {
    user_ = user;
    zcnet::net::Batch &batch = loop_->batch();
    for (uint32_t i = 0; i < batch.count(); i++) {
        zcn_event *event = batch.event(i);
        if (event->type == ZCN_EVENT_RELAY_ENDED && event->data == this) event->user = user;
    }
}

Status zcn_relay::copy_error(zcn_error *out) const noexcept {
    if (phase_ == Phase::ended || phase_ == Phase::told) return error_.copy_to(out);
    Error none;
    std::snprintf(none.text, sizeof none.text, "%s", zcn_status_text(ZCN_OK));
    return none.copy_to(out);
}

void zcn_relay::read_stats(zcn_relay_stats *stats) const noexcept {
    flows_[0].read_figures(&stats->forward);
    flows_[1].read_figures(&stats->backward);
    stats->forward.ended = passed_[0];
    stats->backward.ended = passed_[1];
}

void zcn_relay::add_figures(zcn_loop_relay_stats *sum) const noexcept {
    zcn_relay_stats stats{};
    read_stats(&stats);
    sum->forward_bytes += stats.forward.bytes_out;
    sum->backward_bytes += stats.backward.bytes_out;
    for (const zcn_relay_flow *flow : {&stats.forward, &stats.backward}) {
        sum->spliced_bytes += flow->spliced_bytes;
        sum->copied_bytes += flow->copied_bytes;
        sum->read_calls += flow->read_calls;
        sum->write_calls += flow->write_calls;
        sum->messages += flow->messages;
        sum->held_bytes += flow->held_bytes;
        sum->lost_bytes += flow->lost_bytes;
        sum->tapped_bytes += flow->tapped_bytes;
        sum->tap_missed_bytes += flow->tap_missed_bytes;
    }
}

int64_t zcn_relay::quiet_ns() const noexcept { return loop_->now() - active_at_; }

bool zcn_relay::stalled() const noexcept { return held() != 0 && quiet_ns() >= stalled_ns; }

Status zcn_relay::peer_address(uint32_t side, char *buffer, size_t capacity) const noexcept {
    return sides_[side].fd < 0 ? Status{ZCN_ECLOSED}
                               : zcnet::net::socket_address(sides_[side].fd, true, buffer, capacity);
}
