/* SPDX-License-Identifier: MIT */
/* Requests and answers with many in flight, each with a deadline of its own. The first eight bytes of a body are an id,
   which the library gives and finds again; a server answers with the same id, in any order. An echo server is such a
   server.
   Usage: request ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zcnet/zcnet.h>

enum { ID_WIDTH = 8 };

static uint64_t total, in_flight, asked, waiting, answered, late, failed;
static int64_t timeout_ns = INT64_C(30000000000);

/* The question of a number, behind the place of the id; its size. */
static uint64_t question(char *body, size_t capacity, uint64_t number) {
    memset(body, 0, ID_WIDTH);
    return ID_WIDTH + (uint64_t)snprintf(body + ID_WIDTH, capacity - ID_WIDTH, "question %" PRIu64, number);
}

/* Asks until as many are in flight as are wanted, or the connection takes no more: WRITABLE or CLOSED follows. */
static zcn_status ask(zcn_conn *conn) {
    while (waiting < in_flight && asked < total) {
        char body[64];
        const uint64_t size = question(body, sizeof body, asked + 1);
        const zcn_status status = zcn_conn_request(conn, body, size, asked + 1, timeout_ns);
        if (status == ZCN_AGAIN || status == ZCN_ECLOSED) return ZCN_OK;
        if (status != ZCN_OK) return status;
        asked++;
        waiting++;
    }
    return waiting == 0 && asked == total ? zcn_conn_close(conn) : ZCN_OK;
}

static void take(const zcn_event *answer) {
    char body[64];
    const uint64_t size = question(body, sizeof body, answer->token);
    const int same =
        answer->size == size && memcmp((const char *)answer->data + ID_WIDTH, body + ID_WIDTH, size - ID_WIDTH) == 0;
    (*(same ? &answered : &failed))++;
    waiting--;
}

static zcn_status handle(zcn_loop *loop, const zcn_event *event) {
    switch (event->type) {
        case ZCN_EVENT_CONNECTED:
        case ZCN_EVENT_WRITABLE:
            return ask(event->conn);
        case ZCN_EVENT_MESSAGE:
            if (event->token == 0) return ZCN_OK; /* too late: it was counted */
            take(event);
            return ask(event->conn);
        case ZCN_EVENT_UNANSWERED:
            (*(event->status == ZCN_ETIMEDOUT ? &late : &failed))++;
            waiting--;
            return ask(event->conn);
        case ZCN_EVENT_CLOSED:
            if (event->status != ZCN_OK) fprintf(stderr, "request: %s\n", zcn_status_text(event->status));
            return zcn_loop_close(loop);
        default:
            return ZCN_OK;
    }
}

int main(int argc, char **argv) {
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_conn *conn;
    if (argc >= 4) {
        total = strtoull(argv[2], NULL, 10);
        in_flight = strtoull(argv[3], NULL, 10);
    }
    if (argc == 5) timeout_ns = strtoll(argv[4], NULL, 10) * 1000000;
    if (total == 0 || in_flight == 0 || timeout_ns <= 0 || argc > 5) {
        fprintf(stderr, "usage: request ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS]\n");
        return 2;
    }
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.id_width = ID_WIDTH;
    if (zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", NULL) < 0) return 1;
    if (zcn_loop_create(&loop, NULL) < 0) return 1;
    zcn_status status = zcn_connect(&conn, loop, argv[1], framing, &options);

    while (status == ZCN_OK) {
        const zcn_event *events;
        size_t count;
        status = zcn_loop_poll(loop, -1, &events, &count, NULL);
        for (size_t i = 0; i < count && status == ZCN_OK; i++) status = handle(loop, &events[i]);
    }
    /* ZCN_ECLOSED is the end that was asked for. */
    if (status != ZCN_ECLOSED) fprintf(stderr, "request: %s\n", zcn_status_text(status));
    failed += total - asked;
    printf("%" PRIu64 " answered, %" PRIu64 " late, %" PRIu64 " failed\n", answered, late, failed);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return answered == total ? 0 : 1;
}
