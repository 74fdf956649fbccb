/* SPDX-License-Identifier: MIT */
/* A proxy: each connection gets one of its own to the target, and what arrives at either leaves at the other, without
   a copy. zcn_conn_forward() stops reading one end while the other is slow, so nothing piles up here.
   Usage: forward_proxy ADDRESS TARGET */
#include <stdio.h>
#include <zcnet/zcnet.h>

/* The two ends know each other by their user values. */
static zcn_status pair_up(zcn_loop *loop, zcn_conn *near, const char *target, const zcn_framing *framing) {
    zcn_conn_options options;
    zcn_conn *far;
    zcn_conn_options_init(&options, sizeof options);
    options.half_open = 1;
    options.user = (uintptr_t)near;
    const zcn_status status = zcn_connect(&far, loop, target, framing, &options);
    if (status == ZCN_OK) zcn_conn_set_user(near, (uintptr_t)far);
    return status;
}

static void handle(zcn_loop *loop, const zcn_event *event, const char *target, const zcn_framing *framing) {
    /* Not event->user: that of ACCEPTED is the listener's. */
    zcn_conn *other = (zcn_conn *)zcn_conn_get_user(event->conn);
    zcn_status status;
    switch (event->type) {
        case ZCN_EVENT_ACCEPTED:
            if (pair_up(loop, event->conn, target, framing) != ZCN_OK) zcn_conn_abort(event->conn);
            break;
        case ZCN_EVENT_MESSAGE:
            status = zcn_conn_forward(other, event->msg);
            /* ZCN_ECLOSED: the other end has failed, and its CLOSED follows. */
            if (status != ZCN_OK && status != ZCN_ECLOSED) zcn_conn_abort(event->conn);
            break;
        case ZCN_EVENT_PEER_CLOSED: /* one direction has ended, the other may go on */
            zcn_conn_shutdown(other);
            break;
        case ZCN_EVENT_CLOSED:
            if (other == NULL) break;
            zcn_conn_set_user(other, 0); /* it must not use this end any more */
            if (event->status == ZCN_OK || event->status == ZCN_EOF) {
                zcn_conn_close(other);
            } else {
                fprintf(stderr, "an end was lost: %s\n", zcn_status_text(event->status));
                zcn_conn_abort(other);
            }
            break;
        default:
            break;
    }
}

int main(int argc, char **argv) {
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_listener *listener;
    zcn_conn_options conn_options;
    zcn_listen_options options;
    char address[128];
    if (argc != 3) {
        fprintf(stderr, "usage: forward_proxy ADDRESS TARGET\n");
        return 2;
    }
    zcn_conn_options_init(&conn_options, sizeof conn_options);
    conn_options.half_open = 1;
    zcn_listen_options_init(&options, sizeof options);
    options.conn = &conn_options;
    if (zcn_framing_parse(&framing, "raw", NULL) < 0 || zcn_loop_create(&loop, NULL) < 0) return 1;
    if (zcn_listen(&listener, loop, argv[1], framing, &options) < 0) return 1;
    zcn_listener_address(listener, address, sizeof address);
    printf("%s\n", address);
    fflush(stdout);

    const zcn_event *events;
    size_t count;
    while (zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (size_t i = 0; i < count; i++) handle(loop, &events[i], argv[2], framing);
    }
    return 1;
}
