// SPDX-License-Identifier: MIT
// What a connection asks and what is answered: which message belongs to which request.
#include <cstring>
#include <new>

#include "net/conn.h"
#include "net/loop.h"

using zcnet::Status;
using zcnet::net::Exchange;
using zcnet::net::IdPlace;
using zcnet::net::never;

Status zcn_conn::begin_request(uint64_t token, int64_t timeout_ns, uint64_t *id) noexcept {
    if (settings().id.width == 0) return ZCN_EUNSUPPORTED;
    if (const Status status = send_status(); status != ZCN_OK) return status;
    if (input_over_ || drops_input_ || (input_ended_ && !stream_.window().unfinished())) return ZCN_ECLOSED;
    if (exchange() == nullptr) {
        if (rare() == nullptr) return ZCN_ENOMEM;
        rare_->exchange.reset(new (std::nothrow) Exchange(settings().id.width, settings().max_requests));
        if (exchange() == nullptr) return ZCN_ENOMEM;
    }
    const int64_t deadline = timeout_ns < 0 ? never : zcnet::net::saturating_add(loop()->read_clock(), timeout_ns);
    const Status status = exchange()->begin(token, deadline, id);
    if (status == ZCN_OK) arm_timer();
    return status;
}

Status zcn_conn::end_request(uint64_t id) noexcept {
    if (settings().id.width == 0) return ZCN_EUNSUPPORTED;
    if (!in_process()) return ZCN_EFORKED;
    return exchange() == nullptr ? Status{ZCN_AGAIN} : exchange()->end(id);
}

Status zcn_conn::send_request(const void *data, uint64_t size, uint64_t token, int64_t timeout_ns) noexcept {
    uint64_t id = 0;
    if (const Status status = begin_request(token, timeout_ns, &id); status != ZCN_OK) return status;
    const Status status = send_answer(id, data, size);
    // A send that ended the connection has ended its requests, and this one is not to be told.
    if (status != ZCN_OK) (void)exchange()->end(id);
    return status;
}

Status zcn_conn::send_answer(uint64_t id, const void *data, uint64_t size) noexcept {
    const IdPlace &id_at = settings().id;
    if (id_at.width == 0) return ZCN_EUNSUPPORTED;
    if (!id_at.is_out(size) || !id_at.can_be(id)) return ZCN_EINVAL;
    if (const Status status = send_status(); status != ZCN_OK) return status;
    zcn_unit *unit = nullptr;
    void *body = nullptr;
    Status status = zcn_unit::make(&unit, &body, loop()->pool(), stream_.out_framing(), size);
    if (status != ZCN_OK) return status;
    std::memcpy(body, data, size);
    id_at.store(id, body);
    status = send(unit);
    if (status != ZCN_OK) {
        unit->release();
    } else {
        stream_.count_copied(size);
    }
    return status;
}

// A poll has appended messages from the event `from` on.
void zcn_conn::match_answers(uint32_t from) noexcept {
    Exchange &asked = *exchange();
    zcnet::net::Batch &batch = loop()->batch();
    const IdPlace &id = settings().id;
    asked.begin_array(loop()->serial());
    for (uint32_t i = from; i < batch.count(); i++) {
        zcn_event *event = batch.event(i);
        if (id.is_in(event->size)) event->token = asked.answer(id.load(event->data));
    }
}

// Messages from the event `from` on come again: their requests wait for them.
void zcn_conn::take_answers_back(uint32_t from) noexcept {
    Exchange *asked = exchange();
    if (asked == nullptr) return;
    zcnet::net::Batch &batch = loop()->batch();
    for (uint32_t i = from; i < batch.count(); i++) {
        zcn_event *event = batch.event(i);
        if (event->conn != this || event->type != ZCN_EVENT_NONE || event->token == 0) continue;
        asked->reopen(settings().id.load(event->data));
        event->token = 0;
    }
}

void zcn_conn::end_requests(Status reason) noexcept {
    if (exchange() != nullptr) exchange()->fail(reason);
}

bool zcn_conn::tell_unanswered() noexcept {
    Exchange *asked = exchange();
    if (asked == nullptr) return true;
    zcnet::net::Batch &batch = loop()->batch();
    while (asked->has_ended()) {
        if (batch.full()) return false;
        uint64_t token = 0;
        Status status = ZCN_OK;
        asked->take_ended(&token, &status);
        batch.push(ZCN_EVENT_UNANSWERED, status, this, user_)->token = token;
    }
    return true;
}
