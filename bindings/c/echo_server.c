/* SPDX-License-Identifier: MIT */
/* An echo server: every message goes back as it came. A peer that does not read is not read from either.
   Usage: echo_server [ADDRESS] */
#include <stdio.h>
#include <zcnet/zcnet.h>

int main(int argc, char **argv) {
    const char *wanted = argc > 1 ? argv[1] : "tcp://127.0.0.1:7000";
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_listener *listener;
    char address[128];
    if (zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", NULL) < 0) return 1;
    if (zcn_loop_create(&loop, NULL) < 0) return 1;
    if (zcn_listen(&listener, loop, wanted, framing, NULL) < 0) {
        zcn_error error = {.struct_size = sizeof error};
        zcn_loop_get_error(loop, &error);
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    zcn_listener_address(listener, address, sizeof address);
    printf("%s\n", address);
    fflush(stdout);

    const zcn_event *events;
    size_t count;
    while (zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == ZCN_EVENT_MESSAGE) {
                if (zcn_conn_forward(events[i].conn, events[i].msg) < 0) zcn_conn_abort(events[i].conn);
            } else if (events[i].type == ZCN_EVENT_CLOSED && events[i].status != ZCN_EOF) {
                fprintf(stderr, "a connection ended: %s\n", zcn_status_text(events[i].status));
            }
        }
    }
    return 1;
}
