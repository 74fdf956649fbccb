// SPDX-License-Identifier: MIT
// The model: what was accepted arrives in order and unchanged, or its connection ends with a status.
#include "simulation.h"

namespace fault_test {

namespace {

// No body has the byte that ends lines, which is the delimiter of one framing.
uint8_t body_byte(uint64_t id, uint32_t index) {
    const auto byte = static_cast<uint8_t>(id * 37 + (id >> 8) * 11 + index * 131 + (index >> 8) * 29);
    return byte == '\n' ? uint8_t{'x'} : byte;
}

bool matches(const Message &message, uint32_t head, const zcn_event *event) {
    return event->size == head + message.size &&
           is_body(static_cast<const uint8_t *>(event->data) + head, message.size, message.id);
}

bool ended_in_order(const End &end) { return end.status == ZCN_OK || end.status == ZCN_EOF; }

}  // namespace

void fill_body(void *data, uint32_t size, uint64_t id) {
    auto *bytes = static_cast<uint8_t *>(data);
    for (uint32_t i = 0; i < size; i++) bytes[i] = body_byte(id, i);
}

bool is_body(const void *data, uint64_t size, uint64_t id) {
    const auto *bytes = static_cast<const uint8_t *>(data);
    for (uint32_t i = 0; i < size; i++)
        if (bytes[i] != body_byte(id, i)) return false;
    return true;
}

uint32_t head_of(uint32_t framing, const void *data, uint64_t size) {
    if (framing != varint_framing) return 0;
    const auto *bytes = static_cast<const uint8_t *>(data);
    uint32_t head = 0;
    while (head < size && (bytes[head] & 0x80) != 0) head++;
    return head + 1;
}

// Mostly small ones; each framing has its limits.
uint32_t size_for(Simulation *s, uint32_t framing) {
    if (framing == fixed_framing) return fixed_size;
    const uint64_t kind = s->random.below(40);
    if (kind == 0) return static_cast<uint32_t>(s->random.below(most_body));
    if (kind < 5) return static_cast<uint32_t>(s->random.below(6000));
    return static_cast<uint32_t>(s->random.below(300));
}

uint32_t peer_of(uint32_t end) { return end ^ 1; }

uint32_t under_way(const End &end) { return end.tail - end.head; }

void was_accepted(Simulation *s, End *end, const Message &message) {
    end->under_way[end->tail++ % most_under_way] = message;
    if (message.token != no_token) {
        s->token_accepted[message.token]++;
        end->tokens++;
    }
    s->accepted++;
}

const Message *has_arrived(Simulation *s, uint32_t end, const zcn_event *event) {
    End &from = s->ends[peer_of(end)];
    const uint32_t head = head_of(s->ends[end].in, event->data, event->size);
    while (from.head != from.tail) {
        Message &next = from.under_way[from.head % most_under_way];
        if (!next.refused && matches(next, head, event)) {
            from.head++;
            s->arrived++;
            return &next;
        }
        // A posted unit may have been refused; its SENT event will say so.
        if (!next.refused && !next.posted) break;
        next.refused = true;
        from.head++;
    }
    note(&s->verdict, "end %u: a message of %llu bytes arrived that is not the next one", end,
         static_cast<unsigned long long>(event->size));
    return nullptr;
}

void units_ended(Simulation *s, End *end, const zcn_event *event) {
    for (uint64_t i = 0; i < event->size; i++) {
        const uint64_t token = event->token + i;
        if (token >= s->next_token || end->tokens == 0) {
            note(&s->verdict, "a unit with token %llu ended that was not under way",
                 static_cast<unsigned long long>(token));
            return;
        }
        s->token_ended[token]++;
        end->tokens--;
        if (event->status == ZCN_OK) continue;
        for (uint32_t k = end->head; k != end->tail; k++) {
            Message &message = end->under_way[k % most_under_way];
            if (message.token == token && message.posted) message.refused = true;
        }
    }
}

// What an end was told when it closed has a reason, and nothing is lost that ended in order.
void check_end_of(Simulation *s, uint32_t which) {
    const End &end = s->ends[which];
    const End &from = s->ends[peer_of(which)];
    if (end.closed != 1) note(&s->verdict, "end %u closed %u times", which, end.closed);
    if (end.tokens != 0) note(&s->verdict, "end %u closed with %u tokens that were not told", which, end.tokens);
    switch (end.status) {
        case ZCN_OK:
            EXPECT(&s->verdict, end.close_asked);
            break;
        case ZCN_EABORTED:
            EXPECT(&s->verdict, end.abort_asked);
            break;
        case ZCN_ENOBUFS:
            EXPECT(&s->verdict, s->plan->pool_limit != 0);
            break;
        case ZCN_EOF:
        case ZCN_ERESET:
        case ZCN_ETIMEDOUT:
            break;
        case ZCN_EFRAME_TRUNCATED:
            // An order to close lets the message that is being sent finish.
            if (from.closed != 0 && ended_in_order(from) && !from.abort_asked && !s->plan->resets)
                note(&s->verdict, "end %u was cut off inside a frame, and the other end says %s", which,
                     zcn_status_name(from.status));
            break;
        default:
            note(&s->verdict, "end %u closed with %s", which, zcn_status_name(end.status));
    }
    if (end.status != ZCN_EOF || end.close_asked || end.abort_asked || !ended_in_order(from) || from.abort_asked)
        return;
    for (uint32_t i = from.head; i != from.tail; i++)
        if (!from.under_way[i % most_under_way].refused)
            note(&s->verdict, "end %u saw the end in order, but %u messages did not arrive (%s)", which, from.tail - i,
                 zcn_status_name(from.status));
}

}  // namespace fault_test
