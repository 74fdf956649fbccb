/* SPDX-License-Identifier: MIT */
/* Both ends of a socket pair in one loop: one asks, the other answers and closes. */
#include <stdio.h>
#include <sys/socket.h>
#include <zcnet/zcnet.h>

int main(void) {
    const zcn_event *events;
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_conn *client, *server;
    size_t count, i;
    int fds[2], answers = 0, open = 2;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) return 1;
    if (zcn_framing_parse(&framing, "length,width=2,strip=2,max=4K", NULL) != ZCN_OK) return 1;
    if (zcn_loop_create(&loop, NULL) != ZCN_OK) return 1;
    if (zcn_conn_adopt(&client, loop, fds[0], framing, NULL) != ZCN_OK) return 1;
    if (zcn_conn_adopt(&server, loop, fds[1], framing, NULL) != ZCN_OK) return 1;
    if (zcn_conn_send_copy(client, "ping", 4) != ZCN_OK) return 1;

    while (open > 0 && zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (i = 0; i < count; i++) {
            const zcn_event *event = &events[i];
            if (event->type == ZCN_EVENT_CLOSED) {
                open--;
            } else if (event->type == ZCN_EVENT_MESSAGE && event->conn == server) {
                if (zcn_conn_send_msg(server, event->msg) != ZCN_OK) return 1;
                zcn_conn_close(server); /* what is queued leaves first */
            } else if (event->type == ZCN_EVENT_MESSAGE) {
                printf("answer: %.*s\n", (int)event->size, (const char *)event->data);
                answers++;
            }
        }
    }
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return answers == 1 ? 0 : 1;
}
