/* SPDX-License-Identifier: MIT */
/* A listener and a client in one loop: a message goes there, and comes back as it stands. */
#include <stdio.h>
#include <zcnet/zcnet.h>

static int run(zcn_loop *loop, const zcn_framing *framing) {
    zcn_listener *listener;
    zcn_conn *client;
    char address[128];
    const zcn_event *events;
    size_t count, i;
    if (zcn_listen(&listener, loop, "tcp://127.0.0.1:0", framing, NULL) != ZCN_OK) return 1;
    if (zcn_listener_address(listener, address, sizeof address) != ZCN_OK) return 1;
    zcn_listener_release(listener); /* the loop keeps it, and it stays open */
    if (zcn_connect(&client, loop, address, framing, NULL) != ZCN_OK) return 1;
    if (zcn_conn_send_copy(client, "there and back", 14) != ZCN_OK) return 1;

    while (zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (i = 0; i < count; i++) {
            const zcn_event *event = &events[i];
            if (event->type == ZCN_EVENT_CLOSED) return 1;
            if (event->type != ZCN_EVENT_MESSAGE) continue;
            if (event->conn == client) return printf("%.*s\n", (int)event->size, (const char *)event->data) < 0;
            if (zcn_conn_forward(event->conn, event->msg) != ZCN_OK) return 1; /* no copy */
        }
    }
    return 1;
}

int main(void) {
    zcn_framing *framing;
    zcn_loop *loop;
    int failed = 1;
    if (zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", NULL) != ZCN_OK) return 1;
    if (zcn_loop_create(&loop, NULL) == ZCN_OK) {
        failed = run(loop, framing);
        zcn_loop_release(loop); /* what is open is aborted */
    }
    zcn_framing_release(framing);
    return failed;
}
