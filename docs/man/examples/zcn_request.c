/* SPDX-License-Identifier: MIT */
/* Two questions at a time: the second one is answered first, and a third one never. */
#include <stdio.h>
#include <string.h>
#include <zcnet/zcnet.h>

/* Bodies are an id of 4 bytes and a text. */
static zcn_status ask(zcn_conn *conn, const char *text, uint64_t token, int64_t timeout_ns) {
    char body[64] = "";
    memcpy(body + 4, text, strlen(text));
    return zcn_conn_request(conn, body, 4 + strlen(text), token, timeout_ns);
}

int main(void) {
    const zcn_event *events;
    zcn_listen_options listening;
    zcn_conn_options options;
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_listener *listener;
    zcn_conn *client;
    char address[128];
    uint64_t ids[3];
    size_t count, i, asked = 0, ended = 0;

    if (zcn_framing_parse(&framing, "length,strip=4", NULL) != ZCN_OK) return 1;
    if (zcn_loop_create(&loop, NULL) != ZCN_OK) return 1;
    zcn_conn_options_init(&options, sizeof options);
    options.id_width = 4; /* the first 4 bytes of each body */
    zcn_listen_options_init(&listening, sizeof listening);
    listening.conn = &options;
    if (zcn_listen(&listener, loop, "tcp://127.0.0.1:0", framing, &listening) != ZCN_OK) return 1;
    if (zcn_listener_address(listener, address, sizeof address) != ZCN_OK) return 1;
    if (zcn_connect(&client, loop, address, framing, &options) != ZCN_OK) return 1;

    if (ask(client, "left?", 1, 10000000000) != ZCN_OK) return 1;
    if (ask(client, "right?", 2, 10000000000) != ZCN_OK) return 1;
    if (ask(client, "neither?", 3, 50000000) != ZCN_OK) return 1;

    while (ended < 3 && zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (i = 0; i < count; i++) {
            const zcn_event *event = &events[i];
            if (event->type == ZCN_EVENT_UNANSWERED) {
                printf("%d: %s\n", (int)event->token, zcn_status_text(event->status));
                ended++;
            } else if (event->type == ZCN_EVENT_MESSAGE && event->conn == client) {
                printf("%d: %.*s\n", (int)event->token, (int)event->size - 4, (const char *)event->data + 4);
                ended++;
            } else if (event->type == ZCN_EVENT_MESSAGE) { /* at the server */
                if (zcn_conn_get_id(event->conn, event->data, event->size, &ids[asked++]) != ZCN_OK) return 1;
                if (asked < 3) continue;
                if (zcn_conn_answer(event->conn, ids[1], "....right", 9) != ZCN_OK) return 1;
                if (zcn_conn_answer(event->conn, ids[0], "....left", 8) != ZCN_OK) return 1;
            }
        }
    }
    zcn_listener_release(listener);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return 0;
}
