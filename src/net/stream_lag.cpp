// SPDX-License-Identifier: MIT
// Sending to a receiver that lags behind: something is dropped, or the connection is to end.
#include "net/stream.h"

using zcnet::framing::Shape;
using zcnet::send::Dropped;
using zcnet::send::Lag;

namespace zcnet::net {

Status Stream::make_way(const StreamLimits &limits, Dropped *dropped) noexcept {
    if (limits.lag == Lag::refuse) return starve();
    if (limits.lag == Lag::disconnect) return ZCN_ELAGGED;
    if (limits.lag == Lag::drop_newest) return ZCN_EDROPPED;
    const uint64_t most = limits.lag == Lag::keep_latest ? 1 : limits.high_water;
    while (queue_.bytes() >= most && queue_.drop_oldest(ZCN_EDROPPED, dropped)) {
    }
    return ZCN_OK;
}

Status Stream::send_lagging(zcn_unit *unit, const StreamLimits &limits, Dropped *dropped) noexcept {
    // What the framing cannot carry is an error, not a message that may be dropped, and costs no other its place.
    Shape around{};
    if (const Status status = shape_of(unit, &around); status != ZCN_OK) return status;
    const Status way = make_way(limits, dropped);
    if (way == ZCN_OK) return push(unit, limits);
    if (way != ZCN_EDROPPED) return way;
    if (unit->has_token()) {
        if (const Status status = queue_.reserve_ended(); status != ZCN_OK) return status;
        queue_.note_ended(unit->token(), ZCN_EDROPPED);
    }
    dropped->count(unit->size() + around.head + around.tail);
    unit->release();
    return ZCN_OK;
}

Status Stream::send_lagging(const Located &message, const StreamLimits &limits, Dropped *dropped) noexcept {
    if (!message.has_frame()) return ZCN_EUNSUPPORTED;
    const Status way = make_way(limits, dropped);
    if (way == ZCN_OK) return push_message(message);
    if (way != ZCN_EDROPPED) return way;
    dropped->count(message.view.size + message.view.head + message.view.tail);
    return ZCN_OK;
}

Status Stream::copy_lagging(zcn_pool *pool, const void *data, uint64_t size, const StreamLimits &limits,
                            Dropped *dropped) noexcept {
    Shape around{};
    if (const Status status = framing::shape(out_framing_->rule, size, &around); status != ZCN_OK) return status;
    const Status way = make_way(limits, dropped);
    if (way == ZCN_OK) return push_copy(pool, data, size, limits);
    if (way != ZCN_EDROPPED) return way;
    dropped->count(size + around.head + around.tail);
    return ZCN_OK;
}

Status Stream::shape_of(const zcn_unit *unit, Shape *around) const noexcept {
    const framing::Rule &rule = out_framing_->rule;
    if (const Status status = framing::shape(rule, unit->size(), around); status != ZCN_OK) return status;
    if (const Status status = unit->check_delimiter(rule); status != ZCN_OK) return status;
    return unit->prefix_suits(rule) ? ZCN_OK : ZCN_EINVAL;
}

Status Stream::prepare_push(const zcn_unit *unit) noexcept {
    Shape around{};
    if (const Status status = shape_of(unit, &around); status != ZCN_OK) return status;
    if (unit->sealed() && !unit->sealed_for(out_framing_) && around.head > send::Queue::most_bytes)
        return ZCN_EUNSUPPORTED;
    sync();
    if (const Status status = queue_.reserve(8); status != ZCN_OK) return status;
    return unit->has_token() ? queue_.reserve_ended() : Status{ZCN_OK};
}

}  // namespace zcnet::net
