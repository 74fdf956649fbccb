/* SPDX-License-Identifier: MIT */
/* A relay between two socket pairs: what goes in at one end comes out at the other, and so does the end. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zcnet/zcnet.h>

int main(void) {
    const zcn_event *events;
    zcn_relay_stats stats;
    zcn_relay *relay;
    zcn_loop *loop;
    size_t count, i;
    char text[6] = "";
    int client[2], server[2], ended = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, client) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, server) != 0) return 1;
    if (zcn_loop_create(&loop, NULL) != ZCN_OK) return 1;
    if (zcn_relay_fds(&relay, loop, client[1], server[1], NULL) != ZCN_OK) return 1;

    /* Two programs, for the example's sake. */
    if (write(client[0], "hello", 5) != 5) return 1;
    if (shutdown(client[0], SHUT_WR) != 0 || shutdown(server[0], SHUT_WR) != 0) return 1;

    while (!ended && zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (i = 0; i < count; i++) {
            if (events[i].type != ZCN_EVENT_RELAY_ENDED) continue;
            stats.struct_size = sizeof stats;
            if (zcn_relay_get_stats(relay, &stats) == ZCN_OK)
                printf("%d bytes forward: %s\n", (int)stats.forward.bytes_out, zcn_status_name(events[i].status));
            ended = events[i].status == ZCN_EOF;
        }
    }
    if (read(server[0], text, 5) != 5) return 1;
    printf("the server got %s\n", text);
    zcn_loop_release(loop);
    close(client[0]);
    close(server[0]);
    return ended ? 0 : 1;
}
