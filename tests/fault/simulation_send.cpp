// SPDX-License-Identifier: MIT
// Every way to send, drawn from the dice.
#include <algorithm>

#include "simulation.h"

namespace fault_test {

namespace {

void returned(void *context, const void *data, uint64_t size) {
    auto *lent = static_cast<Lent *>(context);
    Verdict *verdict = &lent->owner->verdict;
    if (!lent->out || data != lent->bytes || size != lent->size) note(verdict, "lent memory came back wrong, or twice");
    if (!is_body(lent->bytes, lent->size, lent->id)) note(verdict, "lent memory was written to");
    lent->out = false;
}

Lent *lend(Simulation *s, uint64_t id, uint32_t size) {
    for (auto &lent : s->lent) {
        if (lent.out) continue;
        lent.owner = s;
        lent.id = id;
        lent.size = std::min(size, uint32_t{sizeof lent.bytes});
        fill_body(lent.bytes, lent.size, id);
        return &lent;
    }
    return nullptr;
}

Message new_message(Simulation *s, const End &end) {
    Message message{};
    message.id = s->next_id++;
    message.size = size_for(s, end.out);
    message.token = no_token;
    message.switch_to = end.out;
    return message;
}

// What is posted needs one: it is how a refusal is told that comes when the loop takes it.
void give_token(Simulation *s, zcn_unit *unit, Message *message) {
    if (s->next_token == most_tokens || (!message->posted && s->random.chance(300))) return;
    if (zcn_unit_set_token(unit, s->next_token) != ZCN_OK) return;
    message->token = s->next_token++;
}

// A refusal has to have a reason.
void check_refusal(Simulation *s, const End &end, zcn_status status) {
    switch (status) {
        case ZCN_OK:
        case ZCN_AGAIN:
            return;
        case ZCN_ENOMEM:
            EXPECT(&s->verdict, s->plan->no_memory);
            return;
        case ZCN_ENOBUFS:
            EXPECT(&s->verdict, s->plan->pool_limit != 0);
            return;
        case ZCN_ECLOSED:
            // After a close, a half-close or an error that a poll has still to tell.
            return;
        default:
            note(&s->verdict, "sending on a connection in state %u said %s", zcn_conn_get_state(end.conn),
                 zcn_status_name(status));
    }
}

zcn_status allocated(Simulation *s, const Message &message, const End &end, zcn_unit **unit) {
    void *data = nullptr;
    const zcn_framing *framing = s->random.chance(800) ? s->framings[end.out] : nullptr;
    const zcn_status status = zcn_unit_alloc(unit, &data, s->pool, framing, message.size);
    EXPECT(&s->verdict, (status == ZCN_OK) == (*unit != nullptr));
    if (status == ZCN_OK) fill_body(data, message.size, message.id);
    return status;
}

// A start that the program lends, a copy, memory of the pool.
zcn_status assembled(Simulation *s, const Message &message, zcn_unit **unit) {
    static uint8_t body[most_body];
    fill_body(body, message.size, message.id);
    zcn_status status = zcn_unit_create(unit, s->pool);
    EXPECT(&s->verdict, (status == ZCN_OK) == (*unit != nullptr));
    if (status != ZCN_OK) return status;
    uint32_t done = 0;
    if (Lent *lent = lend(s, message.id, message.size / 2); lent != nullptr) {
        status = zcn_unit_append_ref(*unit, lent->bytes, lent->size, returned, lent);
        lent->out = status == ZCN_OK;
        done = lent->size;
    }
    const uint32_t part = (message.size - done) / 2;
    if (status == ZCN_OK) status = zcn_unit_append_copy(*unit, body + done, part);
    done += part;
    void *data = nullptr;
    if (status == ZCN_OK) status = zcn_unit_append_alloc(*unit, &data, message.size - done);
    if (status == ZCN_OK) {
        std::memcpy(data, body + done, message.size - done);
        return ZCN_OK;
    }
    zcn_unit_release(*unit);
    *unit = nullptr;
    return status;
}

zcn_status make_unit(Simulation *s, const Message &message, const End &end, zcn_unit **unit) {
    *unit = nullptr;
    return s->random.chance(600) ? allocated(s, message, end, unit) : assembled(s, message, unit);
}

zcn_status send_unit(Simulation *s, End *end, bool post) {
    Message message = new_message(s, *end);
    zcn_unit *unit = nullptr;
    if (const zcn_status made = make_unit(s, message, *end, &unit); made != ZCN_OK) return made;
    message.posted = post;
    give_token(s, unit, &message);
    const zcn_status status = post ? zcn_conn_post(end->conn, unit) : zcn_conn_send(end->conn, unit);
    if (status == ZCN_OK) {
        was_accepted(s, end, message);
        end->posted |= post;
    } else {
        zcn_unit_release(unit);
    }
    return status;
}

zcn_status send_copied(Simulation *s, End *end) {
    static uint8_t body[most_body];
    const Message message = new_message(s, *end);
    fill_body(body, message.size, message.id);
    const zcn_status status = zcn_conn_send_copy(end->conn, body, message.size);
    if (status == ZCN_OK) was_accepted(s, end, message);
    return status;
}

zcn_status send_several(Simulation *s, End *end) {
    constexpr uint32_t most = 16;
    zcn_unit *units[most] = {};
    Message messages[most];
    const auto count = static_cast<uint32_t>(1 + s->random.below(most));
    uint32_t made = 0;
    zcn_status status = ZCN_OK;
    while (made < count && status == ZCN_OK) {
        messages[made] = new_message(s, *end);
        status = make_unit(s, messages[made], *end, &units[made]);
        if (status != ZCN_OK) break;
        give_token(s, units[made], &messages[made]);
        made++;
    }
    if (made == 0) return status;
    size_t sent = most + 1;
    status = zcn_conn_send_batch(end->conn, units, made, &sent);
    if (sent > made || (status == ZCN_OK) != (sent == made)) {
        note(&s->verdict, "a batch of %u units said %s with %zu sent", made, zcn_status_name(status), sent);
        return status;
    }
    for (uint32_t i = 0; i < sent; i++) was_accepted(s, end, messages[i]);
    zcn_unit_release_batch(units + sent, made - sent);
    return status;
}

zcn_status send_reserved(Simulation *s, End *end) {
    Message message = new_message(s, *end);
    void *data = nullptr;
    uint64_t room = 0;
    zcn_status status = zcn_conn_reserve(end->conn, &data, &room, message.size);
    EXPECT(&s->verdict, status == ZCN_OK ? room >= message.size : data == nullptr && room == 0);
    // A varint's size depends on the body; and no room is larger than a block.
    if (status == ZCN_EUNSUPPORTED || status == ZCN_EFRAME_TOO_LARGE) return send_copied(s, end);
    for (uint32_t i = 0; status == ZCN_OK && i < 4; i++) {
        fill_body(data, message.size, message.id);
        status = zcn_conn_commit(end->conn, message.size, &data, &room);
        if (status != ZCN_OK) break;
        was_accepted(s, end, message);
        message = new_message(s, *end);
        if (data == nullptr || room < message.size) break;
    }
    return status;
}

// One sealed unit on several connections of one framing.
zcn_status send_to_several(Simulation *s, End *first) {
    Message message = new_message(s, *first);
    zcn_unit *unit = nullptr;
    if (const zcn_status made = make_unit(s, message, *first, &unit); made != ZCN_OK) return made;
    give_token(s, unit, &message);
    zcn_status status = zcn_unit_seal(unit, s->framings[first->out]);
    for (uint32_t i = 0; status == ZCN_OK && i < s->links * 2; i++) {
        End *end = &s->ends[i];
        if (end->conn == nullptr || end->out != first->out || end->posted || end->moving) continue;
        if (under_way(*end) + 1 >= most_under_way || (end != first && s->random.chance(700))) continue;
        const zcn_status sent = zcn_conn_send(end->conn, zcn_unit_retain(unit));
        if (sent == ZCN_OK) {
            was_accepted(s, end, message);
        } else {
            zcn_unit_release(unit);
            check_refusal(s, *end, sent);
            end->blocked |= sent == ZCN_AGAIN;
        }
    }
    zcn_unit_release(unit);
    return status;
}

// From the next message on another framing: the receiver changes when it has seen the last one of the old.
zcn_status change_framing(Simulation *s, End *end) {
    Message message = new_message(s, *end);
    message.switch_to = static_cast<uint8_t>(s->random.below(framing_count));
    zcn_unit *unit = nullptr;
    if (const zcn_status made = make_unit(s, message, *end, &unit); made != ZCN_OK) return made;
    zcn_status status = zcn_conn_send(end->conn, unit);
    if (status != ZCN_OK) {
        zcn_unit_release(unit);
        return status;
    }
    was_accepted(s, end, message);
    status = zcn_conn_set_send_framing(end->conn, s->framings[message.switch_to]);
    // What was sent may have been written at once, and have found the connection broken.
    EXPECT(&s->verdict, status == ZCN_OK || status == ZCN_ECLOSED);
    end->out = message.switch_to;
    return status;
}

}  // namespace

void send_something(Simulation *s, uint32_t which) {
    End *end = &s->ends[which];
    if (end->conn == nullptr || end->blocked || end->shutdown_asked || under_way(*end) + 40 >= most_under_way) return;
    zcn_status status = ZCN_OK;
    const uint64_t what = s->random.below(100);
    if (end->posted || end->moving) {
        // What is posted and what is sent have no order before the next poll.
        if (what < 50) status = send_unit(s, end, true);
        if (status == ZCN_AGAIN) status = ZCN_OK;
    } else if (what < 25) {
        status = send_unit(s, end, false);
    } else if (what < 40) {
        status = send_copied(s, end);
    } else if (what < 60) {
        status = send_several(s, end);
    } else if (what < 75) {
        status = send_reserved(s, end);
    } else if (what < 83) {
        status = send_unit(s, end, true);
        if (status == ZCN_AGAIN) status = ZCN_OK;  // no WRITABLE follows
    } else if (what < 91) {
        status = send_to_several(s, end);
        if (status == ZCN_AGAIN) status = ZCN_OK;  // noted where it was
    } else if (what < 96) {
        status = change_framing(s, end);
    } else {
        status = zcn_conn_flush(end->conn);
        if (status == ZCN_AGAIN) status = ZCN_OK;
    }
    check_refusal(s, *end, status);
    if (status == ZCN_AGAIN) end->blocked = true;
}

// Messages travel to links with a higher number only, so that no circle of full queues waits for itself.
void pass_on(Simulation *s, uint32_t from, const zcn_event *event, const Message &message) {
    const uint32_t left = s->links * 2 - (from | 1) - 1;
    if (left == 0) return;
    const uint32_t to = (from | 1) + 1 + static_cast<uint32_t>(s->random.below(left));
    End *end = &s->ends[to];
    if ((to & 1) != (from & 1) || end->conn == nullptr || end->out != s->ends[from].in) return;
    if (end->posted || end->moving || end->shutdown_asked || under_way(*end) + 1 >= most_under_way) return;
    Message again = message;
    again.token = no_token;
    again.posted = again.refused = false;
    again.switch_to = end->out;
    zcn_status status = ZCN_OK;
    if (end->loop == s->ends[from].loop && s->random.chance(500)) {
        status = zcn_conn_forward(end->conn, event->msg);
        if (status == ZCN_AGAIN) note(&s->verdict, "zcn_conn_forward() said ZCN_AGAIN");
    } else if (!end->blocked) {
        status = zcn_conn_send_msg(end->conn, event->msg);
        end->blocked = status == ZCN_AGAIN;
    } else {
        return;
    }
    check_refusal(s, *end, status);
    if (status == ZCN_OK) was_accepted(s, end, again);
}

}  // namespace fault_test
