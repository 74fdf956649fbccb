// SPDX-License-Identifier: MIT
// The client: sends every kind of unit, and knows what has to come back.
#include "scenario_parts.h"

namespace fault_test {

namespace {

uint64_t body_size(const Scenario &s, uint32_t which) { return s.plan->sizes[which % s.plan->count]; }
uint64_t give_token(Scenario *s, zcn_unit *unit) {
    if (s->tokens.used == Tokens::most) return no_token;
    const uint64_t token = s->tokens.used;
    if (zcn_unit_set_token(unit, token) != ZCN_OK) return no_token;
    s->tokens.used++;
    return token;
}

void was_accepted(Scenario *s, uint32_t which, uint64_t size, uint64_t token) {
    s->expected[s->tail++] = {which, size, token, false};
    if (token != no_token) s->tokens.accepted[token] = 1;
}

zcn_status send_allocated(Scenario *s, uint32_t which) {
    const uint64_t size = body_size(*s, which);
    zcn_unit *unit = nullptr;
    void *data = nullptr;
    const zcn_status made = zcn_unit_alloc(&unit, &data, s->pool, s->framing, size);
    if (made != ZCN_OK) {
        EXPECT(s->verdict, unit == nullptr && data == nullptr);
        return made;
    }
    std::memcpy(data, s->bodies[which], size);
    const uint64_t token = give_token(s, unit);
    const zcn_status sent = zcn_conn_send(s->client, unit);
    if (sent == ZCN_OK) {
        was_accepted(s, which, size, token);
    } else {
        zcn_unit_release(unit);
    }
    return sent;
}

// Foreign, constant, copied and pool memory in one unit.
zcn_status send_assembled(Scenario *s, uint32_t which, bool post) {
    const uint64_t size = body_size(*s, which);
    const uint64_t part = size / 4;
    const uint8_t *body = s->bodies[which];
    zcn_unit *unit = nullptr;
    zcn_status status = zcn_unit_create(&unit, s->pool);
    if (status != ZCN_OK) {
        EXPECT(s->verdict, unit == nullptr);
        return status;
    }
    void *context = foreign_next(&s->foreign);
    if (context == nullptr) {
        status = zcn_unit_append_ref(unit, body, part, nullptr, nullptr);
    } else {
        status = zcn_unit_append_ref(unit, body, part, foreign_release, context);
        if (status == ZCN_OK) foreign_taken(&s->foreign, context);
    }
    if (status == ZCN_OK) status = zcn_unit_append_static(unit, body + part, part);
    if (status == ZCN_OK) status = zcn_unit_append_copy(unit, body + part * 2, part);
    void *data = nullptr;
    if (status == ZCN_OK) {
        status = zcn_unit_append_alloc(unit, &data, size - part * 3);
        if (status == ZCN_OK) {
            std::memcpy(data, body + part * 3, size - part * 3);
        } else {
            EXPECT(s->verdict, data == nullptr);
        }
    }
    uint64_t token = no_token;
    if (status == ZCN_OK) {
        token = give_token(s, unit);
        status = post ? zcn_conn_post(s->client, unit) : zcn_conn_send(s->client, unit);
    }
    if (status == ZCN_OK) {
        was_accepted(s, which, size, token);
    } else {
        zcn_unit_release(unit);
    }
    return status;
}

zcn_status send_batch(Scenario *s, uint32_t which, uint32_t *taken) {
    constexpr size_t together = 3;
    const uint64_t size = body_size(*s, which);
    zcn_unit *units[together] = {};
    void *datas[together] = {};
    uint64_t tokens[together] = {};
    *taken = 0;
    const zcn_status made = zcn_unit_alloc_batch(units, datas, together, s->pool, s->framing, size);
    if (made != ZCN_OK) {
        EXPECT(s->verdict, units[0] == nullptr && units[1] == nullptr && units[2] == nullptr);
        return made;
    }
    for (size_t i = 0; i < together; i++) {
        std::memcpy(datas[i], s->bodies[which], size);
        tokens[i] = give_token(s, units[i]);
    }
    size_t sent = 0;
    const zcn_status status = zcn_conn_send_batch(s->client, units, together, &sent);
    EXPECT(s->verdict, status == ZCN_OK ? sent == together : sent < together);
    for (size_t i = 0; i < sent; i++) was_accepted(s, which, size, tokens[i]);
    zcn_unit_release_batch(units + sent, together - sent);
    *taken = static_cast<uint32_t>(sent);
    return status;
}

zcn_status send_reserved(Scenario *s, uint32_t which) {
    const uint64_t size = body_size(*s, which);
    void *data = nullptr;
    uint64_t room = 0;
    zcn_status status = zcn_conn_reserve(s->client, &data, &room, size);
    if (status == ZCN_EFRAME_TOO_LARGE) return send_allocated(s, which);  // larger than a block
    if (status != ZCN_OK) {
        EXPECT(s->verdict, data == nullptr && room == 0);
        return status;
    }
    EXPECT(s->verdict, room >= size);
    std::memcpy(data, s->bodies[which], size);
    status = zcn_conn_commit(s->client, size, nullptr, nullptr);
    if (status == ZCN_OK) was_accepted(s, which, size, no_token);
    return status;
}

zcn_status send_one(Scenario *s, uint32_t which, bool *posted) {
    *posted = false;
    switch (which % 6) {
        case 0: {
            const zcn_status status = zcn_conn_send_copy(s->client, s->bodies[which], body_size(*s, which));
            if (status == ZCN_OK) was_accepted(s, which, body_size(*s, which), no_token);
            return status;
        }
        case 1:
            return send_allocated(s, which);
        case 2:
            return send_assembled(s, which, false);
        case 3:
            return send_reserved(s, which);
        case 4: {
            uint32_t taken = 0;
            const zcn_status status = send_batch(s, which, &taken);
            return taken != 0 && status == ZCN_AGAIN ? ZCN_OK : status;
        }
        default:
            *posted = true;
            return send_assembled(s, which, true);
    }
}

}  // namespace

void send_more(Scenario *s) {
    if (!s->client_started || s->client_closed != 0 || s->blocked || s->shut_down) return;
    while (s->next < s->plan->count && s->tail + 4 < most_messages) {
        bool posted = false;
        const zcn_status status = send_one(s, s->next, &posted);
        if (status == ZCN_AGAIN && !posted) {
            s->blocked = true;
            return;
        }
        if (status == ZCN_AGAIN) return;
        s->next++;           // what is refused for want of memory is not tried again
        if (posted) return;  // it stands behind what is sent before the next poll
    }
    if (s->next == s->plan->count && s->head == s->tail && zcn_conn_get_state(s->client) == ZCN_STATE_OPEN) {
        s->shut_down = zcn_conn_shutdown(s->client) == ZCN_OK;
    }
}

namespace {

void check_message(Scenario *s, const zcn_event *event) {
    while (s->head < s->tail && s->expected[s->head].refused_late) s->head++;
    if (s->head == s->tail) {
        note(s->verdict, "a message of %llu bytes came that was not sent",
             static_cast<unsigned long long>(event->size));
        return;
    }
    const auto &expected = s->expected[s->head++];
    if (event->size != expected.size || std::memcmp(event->data, s->bodies[expected.which], expected.size) != 0)
        note(s->verdict, "message %u of %llu bytes came back wrong, with %llu bytes", expected.which,
             static_cast<unsigned long long>(expected.size), static_cast<unsigned long long>(event->size));
}

// A posted unit may be refused when the loop takes it; the SENT event says so.
void drop_refused(Scenario *s, const zcn_event *event) {
    if (event->status == ZCN_OK) return;
    for (uint32_t i = s->head; i < s->tail; i++)
        if (s->expected[i].token >= event->token && s->expected[i].token - event->token < event->size)
            s->expected[i].refused_late = true;
}

void look_at_client(Scenario *s) {
    char text[128];
    (void)zcn_conn_local_address(s->client, text, sizeof text);
    (void)zcn_conn_peer_address(s->client, text, sizeof text);
    uint64_t value = 0;
    (void)zcn_conn_get_option(s->client, ZCN_OPTION_SEND_BUFFER, &value);
    (void)zcn_conn_set_option(s->client, ZCN_OPTION_RECEIVE_BUFFER, 65536);
    (void)zcn_conn_set_option(s->client, ZCN_OPTION_IDLE_TIMEOUT_MS, 10000);
    s->timer_set = zcn_loop_timer_set(s->client_loop, timer_token, 2 * millisecond) == ZCN_OK;
    s->wake_asked = zcn_loop_wake(s->client_loop) == ZCN_OK;
}

}  // namespace

void client_event(Scenario *s, const zcn_event *event) {
    if (event->conn != nullptr) {
        EXPECT(s->verdict, event->conn == s->client && event->user == client_user);
        EXPECT(s->verdict, s->client_closed == 0);
    }
    switch (event->type) {
        case ZCN_EVENT_CONNECTED:
            s->client_connected = true;
            look_at_client(s);
            return;
        case ZCN_EVENT_MESSAGE:
            check_message(s, event);
            return;
        case ZCN_EVENT_SENT:
            tokens_ended(s->verdict, &s->tokens, event);
            drop_refused(s, event);
            return;
        case ZCN_EVENT_WRITABLE:
            s->blocked = false;
            return;
        case ZCN_EVENT_CLOSED:
            s->client_closed++;
            s->outcome->client_status = event->status;
            return;
        case ZCN_EVENT_TIMER:
            EXPECT(s->verdict, event->token == timer_token);
            s->timers++;
            return;
        case ZCN_EVENT_WOKEN:
            s->woken++;
            return;
        case ZCN_EVENT_POOL_LIMITED:
            s->outcome->pauses++;
            return;
        case ZCN_EVENT_NONE:
            return;
        default:
            note(s->verdict, "the client had an event of type %u", event->type);
    }
}

}  // namespace fault_test
