// SPDX-License-Identifier: MIT
// Sends to a connection whose receiver lags behind, and one unit to many connections.
#include "net/conn.h"
#include "net/loop.h"

using zcnet::Status;
using zcnet::net::StreamLimits;
using zcnet::send::Dropped;

// `send` queues, drops, or says ZCN_ELAGGED.
template <class Send>
Status zcn_conn::send_lagging(Send &&send) noexcept {
    Dropped dropped;
    // What is dropped calls release functions, and they may flush: not before the queue is whole again.
    const bool flushing = flushing_;
    flushing_ = true;
    const Status status = send(settings().limits, &dropped);
    flushing_ = flushing;
    rare_->dropped.messages += dropped.messages;
    rare_->dropped.bytes += dropped.bytes;
    // The kernel may have had the first bytes of what was dropped in its pipe.
    if (dropped.messages != 0 && rare_->transfer != nullptr) rare_->transfer->start_again();
    if (stream_.queue().has_ended()) become_ready();
    if (status == ZCN_OK) loop()->become_dirty(this);
    if (status != ZCN_ELAGGED) return status;
    disconnect(ZCN_ELAGGED);
    return ZCN_ECLOSED;
}

Status zcn_conn::unit_lagging(zcn_unit *unit) noexcept {
    return send_lagging([&](const StreamLimits &limits, Dropped *dropped) noexcept {
        return stream_.send_lagging(unit, limits, dropped);
    });
}

Status zcn_conn::message_lagging(const zcn_msg *msg) noexcept {
    zcnet::net::Located found;
    if (const Status status = zcnet::net::locate(msg, &found); status != ZCN_OK) return status;
    return send_lagging([&](const StreamLimits &limits, Dropped *dropped) noexcept {
        return stream_.send_lagging(found, limits, dropped);
    });
}

Status zcn_conn::copy_lagging(const void *data, uint64_t size) noexcept {
    return send_lagging([&](const StreamLimits &limits, Dropped *dropped) noexcept {
        return stream_.copy_lagging(loop()->pool(), data, size, limits, dropped);
    });
}

// Ends with the next poll: the caller may be a release function that runs inside a write.
void zcn_conn::disconnect(Status why) noexcept {
    write_failed_ = broken_ = true;
    reason_ = why;
    mute();
    set_error(why, 0, "%llu bytes wait for a receiver that lags behind",
              static_cast<unsigned long long>(stream_.queued_bytes()));
    become_ready();
}

// Whether send() will take the unit for certain.
Status zcn_conn::prepare_send(const zcn_unit *unit) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    if (stream_.queued_bytes() >= settings().limits.high_water) {
        if (!drops()) return stream_.starve();
        if (settings().limits.lag == zcnet::send::Lag::disconnect) {
            disconnect(ZCN_ELAGGED);
            return ZCN_ECLOSED;
        }
    }
    return stream_.prepare_push(unit);
}

Status zcn_conn::send_to_all(zcn_conn *const *conns, size_t count, zcn_unit *unit, bool all_or_nothing,
                             Status *statuses, size_t *sent) noexcept {
    const auto each = [&](const auto &what) {
        Status first_failure = ZCN_OK;
        for (size_t i = 0; i < count; i++) {
            const Status status = conns[i] == nullptr ? Status{ZCN_EINVAL} : what(conns[i]);
            if (statuses != nullptr) statuses[i] = status;
            if (status != ZCN_OK && first_failure == ZCN_OK) first_failure = status;
        }
        return first_failure;
    };
    if (!unit->sealed()) {
        // From here on its bytes are the same for everybody.
        for (size_t i = 0; i < count && !unit->sealed(); i++) {
            if (conns[i] == nullptr) continue;
            const zcn_framing *framing = conns[i]->stream().out_framing();
            if (const Status status = unit->seal(framing->rule, framing); status != ZCN_OK) return status;
        }
    }
    if (all_or_nothing) {
        const Status status = each([&](zcn_conn *conn) { return conn->prepare_send(unit); });
        if (status != ZCN_OK) return status;
    }
    (void)each([&](zcn_conn *conn) {
        unit->retain();
        const Status status = conn->send(unit);
        if (status != ZCN_OK) {
            unit->release();
        } else {
            (*sent)++;
        }
        return status;
    });
    unit->release();
    return ZCN_OK;
}
