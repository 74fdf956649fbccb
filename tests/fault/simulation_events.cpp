// SPDX-License-Identifier: MIT
// What the simulation does with what the loops tell.
#include "simulation.h"

namespace fault_test {

namespace {

void abort_end(End *end) {
    end->abort_asked = true;
    (void)zcn_conn_abort(end->conn);
}

void keep(Simulation *s, uint32_t which, const zcn_event *event, const Message &message) {
    if (s->retained_count == most_retained) return;
    zcn_msg *own = nullptr;
    zcn_status status = ZCN_OK;
    const uint32_t head = head_of(s->ends[which].in, event->data, event->size);
    uint32_t size = message.size;
    if (s->random.chance(800)) {
        status = zcn_msg_retain(&own, event->msg);
    } else if (s->random.chance(500)) {
        status = zcn_msg_detach(&own, event->msg);
    } else {
        size = static_cast<uint32_t>(s->random.below(size + 1));
        status = zcn_msg_slice(&own, event->msg, 0, head + size);
    }
    EXPECT(&s->verdict, (status == ZCN_OK) == (own != nullptr));
    if (status == ZCN_OK) {
        s->retained[s->retained_count++] = {own, message.id, head, size};
    } else if (!s->plan->no_memory && s->plan->pool_limit == 0) {
        note(&s->verdict, "a message could not be kept: %s", zcn_status_name(status));
    }
}

void message_came(Simulation *s, uint32_t which, const zcn_event *event) {
    End *end = &s->ends[which];
    if (end->close_asked || end->abort_asked) note(&s->verdict, "end %u: a message came after its close", which);
    const Message *found = has_arrived(s, which, event);
    if (found == nullptr) return;
    const Message message = *found;
    if (message.switch_to != end->in) {
        const zcn_status status = zcn_conn_set_framing(end->conn, event->msg, s->framings[message.switch_to]);
        if (status == ZCN_OK) {
            end->in = message.switch_to;
        } else {
            EXPECT(&s->verdict, status == ZCN_ECLOSED || s->plan->no_memory || s->plan->pool_limit != 0);
            abort_end(end);
        }
        return;
    }
    if (s->random.chance(150)) keep(s, which, event, message);
    if (!s->quiet && s->random.chance(250)) pass_on(s, which, event, message);
    if (!s->quiet && s->random.chance(30)) send_something(s, which);
}

void end_closed(Simulation *s, uint32_t which, const zcn_event *event) {
    End *end = &s->ends[which];
    end->closed++;
    end->status = event->status;
    zcn_error error{};
    error.struct_size = sizeof error;
    EXPECT(&s->verdict, zcn_conn_get_error(end->conn, &error) == ZCN_OK && error.status == event->status);
    EXPECT(&s->verdict, zcn_conn_get_state(end->conn) == ZCN_STATE_CLOSED);
    EXPECT(&s->verdict, zcn_conn_send_copy(end->conn, "x", 1) == ZCN_ECLOSED);
    if (end->owned) zcn_conn_release(end->conn);
    end->conn = nullptr;
}

}  // namespace

void handle_event(Simulation *s, uint32_t loop, const zcn_event *event) {
    if (event->type == ZCN_EVENT_NONE) return;
    if (event->conn == nullptr) {
        if (event->type != ZCN_EVENT_WOKEN) note(&s->verdict, "an event of type %u without connection", event->type);
        return;
    }
    const auto which = static_cast<uint32_t>(event->user - 1);
    if (which >= s->links * 2 || s->ends[which].conn != event->conn || s->ends[which].loop != loop) {
        note(&s->verdict, "an event of type %u for a connection that is not there", event->type);
        return;
    }
    End *end = &s->ends[which];
    switch (event->type) {
        case ZCN_EVENT_MESSAGE:
            message_came(s, which, event);
            return;
        case ZCN_EVENT_SENT:
            units_ended(s, end, event);
            return;
        case ZCN_EVENT_WRITABLE:
            end->blocked = false;
            return;
        case ZCN_EVENT_ARRIVED:
            EXPECT(&s->verdict, end->moving);
            end->moving = false;
            return;
        case ZCN_EVENT_CLOSED:
            end_closed(s, which, event);
            return;
        case ZCN_EVENT_POOL_LIMITED:
            EXPECT(&s->verdict, s->plan->pool_limit != 0 || s->plan->no_memory);
            return;
        case ZCN_EVENT_PEER_CLOSED:
            EXPECT(&s->verdict, end->half_open);
            // We close in our own time, or now.
            if (s->quiet || s->random.chance(500)) {
                end->close_asked = true;
                EXPECT(&s->verdict, zcn_conn_close(end->conn) == ZCN_OK);
            }
            return;
        case ZCN_EVENT_CONNECTED:
            return;
        default:
            note(&s->verdict, "an event of type %u", event->type);
    }
}

}  // namespace fault_test
