// SPDX-License-Identifier: MIT
// The echo server: passes each message on in another way.
#include "scenario_parts.h"

namespace fault_test {

namespace {

zcn_status pass_on_as_unit(Scenario *s, zcn_conn *conn, const zcn_msg *msg) {
    zcn_unit *unit = nullptr;
    zcn_status status = zcn_unit_create(&unit, s->pool);
    if (status != ZCN_OK) return status;
    status = zcn_unit_append_msg(unit, msg);
    if (status == ZCN_OK) status = zcn_conn_send(conn, unit);
    if (status != ZCN_OK) zcn_unit_release(unit);
    return status;
}

zcn_status pass_on_joined(Scenario *s, zcn_conn *conn, const zcn_msg *msg) {
    const uint64_t size = zcn_msg_size(msg);
    zcn_msg *parts[2] = {};
    zcn_msg *joined = nullptr;
    zcn_status status = zcn_msg_slice(&parts[0], msg, 0, size / 2);
    EXPECT(s->verdict, (status == ZCN_OK) == (parts[0] != nullptr));
    if (status == ZCN_OK) status = zcn_msg_slice(&parts[1], msg, size / 2, size - size / 2);
    if (status == ZCN_OK) status = zcn_msg_join(&joined, parts, 2);
    EXPECT(s->verdict, (status == ZCN_OK) == (joined != nullptr));
    if (status == ZCN_OK) status = pass_on_as_unit(s, conn, joined);
    (void)zcn_msg_release(joined);
    (void)zcn_msg_release_batch(parts, 2);
    return status;
}

void pass_on(Scenario *s, zcn_conn *conn, const zcn_msg *msg) {
    zcn_status status = ZCN_AGAIN;
    zcn_msg *own = nullptr;
    switch (s->echoed++ % 6) {
        case 0:
            break;
        case 1:
            status = zcn_conn_send_msg(conn, msg);
            break;
        case 2:
            status = pass_on_as_unit(s, conn, msg);
            break;
        case 3:
            status = zcn_msg_retain(&own, msg);
            EXPECT(s->verdict, (status == ZCN_OK) == (own != nullptr));
            if (status == ZCN_OK) status = zcn_conn_send_msg(conn, own);
            break;
        case 4:
            status = zcn_msg_detach(&own, msg);
            EXPECT(s->verdict, (status == ZCN_OK) == (own != nullptr));
            if (status == ZCN_OK) status = pass_on_as_unit(s, conn, own);
            break;
        default:
            status = pass_on_joined(s, conn, msg);
            break;
    }
    (void)zcn_msg_release(own);
    if (status != ZCN_OK) status = zcn_conn_forward(conn, msg);
    if (status != ZCN_OK) (void)zcn_conn_abort(conn);
}

Peer *peer_of(Scenario *s, const zcn_event *event) {
    for (uint32_t i = 0; i < s->peer_count; i++)
        if (s->peers[i].conn == event->conn && s->peers[i].closed == 0) return &s->peers[i];
    return nullptr;
}

}  // namespace

void add_peer(Scenario *s, zcn_conn *conn) {
    if (s->peer_count == most_peers) {
        note(s->verdict, "the server had too many connections");
        return;
    }
    s->peers[s->peer_count++] = {conn, 0};
}

void server_event(Scenario *s, const zcn_event *event) {
    if (event->type == ZCN_EVENT_ACCEPTED) add_peer(s, event->conn);
    Peer *const peer = event->conn != nullptr ? peer_of(s, event) : nullptr;
    if (event->conn != nullptr && event->type != ZCN_EVENT_NONE && peer == nullptr) {
        note(s->verdict, "an event of type %u came for a connection that is not there", event->type);
        return;
    }
    switch (event->type) {
        case ZCN_EVENT_MESSAGE:
            pass_on(s, event->conn, event->msg);
            return;
        case ZCN_EVENT_CLOSED:
            peer->closed++;
            return;
        case ZCN_EVENT_LISTENER_CLOSED:
            EXPECT(s->verdict, !s->listener_ended);
            s->listener_ended = true;
            return;
        case ZCN_EVENT_NONE:
        case ZCN_EVENT_CONNECTED:
        case ZCN_EVENT_ACCEPTED:
        case ZCN_EVENT_WRITABLE:
        case ZCN_EVENT_ACCEPT_LIMITED:
            return;
        case ZCN_EVENT_POOL_LIMITED:
            s->outcome->pauses++;
            return;
        default:
            note(s->verdict, "the server had an event of type %u", event->type);
    }
}

}  // namespace fault_test
