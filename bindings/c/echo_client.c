/* SPDX-License-Identifier: MIT */
/* Sends each word as a message to an echo server and prints the answers, each with its size.
   Usage: echo_client ADDRESS WORD… */
#include <stdio.h>
#include <string.h>
#include <zcnet/zcnet.h>

static int fail(const char *what, zcn_status status) {
    fprintf(stderr, "echo_client: %s: %s\n", what, zcn_status_text(status));
    return 1;
}

/* A unit of pool memory: the word is written where it will be sent from. */
static zcn_status send_word(zcn_conn *conn, const zcn_framing *framing, const char *word) {
    zcn_unit *unit;
    void *data;
    const size_t size = strlen(word);
    zcn_status status = zcn_unit_alloc(&unit, &data, NULL, framing, size);
    if (status != ZCN_OK) return status;
    memcpy(data, word, size);
    status = zcn_conn_send(conn, unit);
    if (status != ZCN_OK) zcn_unit_release(unit); /* it was not consumed */
    return status;
}

int main(int argc, char **argv) {
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_conn *conn;
    int expected = argc - 2, answers = 0;
    zcn_status status;
    if (argc < 3) {
        fprintf(stderr, "usage: echo_client ADDRESS WORD...\n");
        return 2;
    }
    if ((status = zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", NULL)) < 0)
        return fail("framing", status);
    if ((status = zcn_loop_create(&loop, NULL)) < 0) return fail("loop", status);
    if ((status = zcn_connect(&conn, loop, argv[1], framing, NULL)) < 0) return fail(argv[1], status);
    /* Units may be queued at once; they leave when the connection stands. Where it failed already, CLOSED says why. */
    for (int i = 2; i < argc; i++) {
        if ((status = send_word(conn, framing, argv[i])) != ZCN_OK && status != ZCN_ECLOSED)
            return fail("send", status);
    }

    const zcn_event *events;
    size_t count;
    int closed = 0;
    while (!closed && (status = zcn_loop_poll(loop, -1, &events, &count, NULL)) == ZCN_OK) {
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == ZCN_EVENT_MESSAGE) {
                printf("%llu %.*s\n", (unsigned long long)events[i].size, (int)events[i].size,
                       (const char *)events[i].data);
                if (++answers == expected) zcn_conn_close(conn);
            } else if (events[i].type == ZCN_EVENT_CLOSED) {
                closed = 1;
                status = events[i].status;
            }
        }
    }
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return answers == expected ? 0 : fail("the connection ended", status);
}
