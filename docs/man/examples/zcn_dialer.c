/* SPDX-License-Identifier: MIT */
/* A client that outlives its server: it greets each time that it is connected, three times in all. */
#include <stdio.h>
#include <zcnet/zcnet.h>

int main(void) {
    const zcn_event *events;
    zcn_dial_options options;
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_listener *listener;
    zcn_dialer *dialer;
    char address[128];
    size_t count, i;
    int greetings = 0;

    if (zcn_framing_parse(&framing, "length", NULL) != ZCN_OK) return 1;
    if (zcn_loop_create(&loop, NULL) != ZCN_OK) return 1;
    if (zcn_listen(&listener, loop, "tcp://127.0.0.1:0", framing, NULL) != ZCN_OK) return 1;
    if (zcn_listener_address(listener, address, sizeof address) != ZCN_OK) return 1;

    zcn_dial_options_init(&options, sizeof options);
    options.first_ms = 10;
    if (zcn_dial(&dialer, loop, address, framing, &options) != ZCN_OK) return 1;

    while (greetings < 3 && zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (i = 0; i < count; i++) {
            switch (events[i].type) {
            case ZCN_EVENT_CONNECTED:
                if (zcn_conn_send_copy(events[i].conn, "hello", 5) != ZCN_OK) return 1;
                break;
            case ZCN_EVENT_MESSAGE:
                printf("%.*s\n", (int)events[i].size, (const char *)events[i].data);
                greetings++;
                zcn_conn_abort(events[i].conn); /* a server that fails, for the example's sake */
                break;
            case ZCN_EVENT_REDIAL:
                printf("%s; again in %d ms\n", zcn_status_text(events[i].status), (int)events[i].size);
                break;
            }
        }
    }
    zcn_dialer_close(dialer);
    zcn_dialer_release(dialer);
    zcn_listener_release(listener);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return 0;
}
