/* SPDX-License-Identifier: MIT */
/* A server on a free port that takes at most 1000 connections, and ends when its first connection has. */
#include <stdio.h>
#include <zcnet/zcnet.h>

int main(void) {
    const zcn_event *events;
    zcn_conn_options conn_options;
    zcn_listen_options options;
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_listener *listener;
    zcn_conn *visitor;
    char address[128];
    size_t count, i;
    int closed = 0;

    zcn_conn_options_init(&conn_options, sizeof conn_options);
    conn_options.idle_timeout_ms = 60000;
    zcn_listen_options_init(&options, sizeof options);
    options.conn = &conn_options;
    options.max_connections = 1000;

    if (zcn_framing_parse(&framing, "raw", NULL) != ZCN_OK) return 1;
    if (zcn_loop_create(&loop, NULL) != ZCN_OK) return 1;
    if (zcn_listen(&listener, loop, "tcp://127.0.0.1:0", framing, &options) != ZCN_OK) return 1;
    if (zcn_listener_address(listener, address, sizeof address) != ZCN_OK) return 1;
    printf("listening on %s\n", address);

    /* A visitor, for the example's sake. */
    if (zcn_connect(&visitor, loop, address, framing, NULL) != ZCN_OK) return 1;

    while (closed < 2 && zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (i = 0; i < count; i++) {
            if (events[i].type == ZCN_EVENT_ACCEPTED) zcn_conn_close(events[i].conn);
            if (events[i].type == ZCN_EVENT_CLOSED) closed++;
        }
    }
    zcn_listener_release(listener);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return closed == 2 ? 0 : 1;
}
