/* SPDX-License-Identifier: MIT */
/* Small messages on one connection and large ones on another, which is opened when the first large one is to be sent:
   so a small message never waits behind a large one, and whoever receives can give each its own limit. Usage:
   two_connections serve SMALL LARGE            answers each message with its size; prints both addresses
          two_connections send SMALL LARGE SIZE…       sends a message of each size */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zcnet/zcnet.h>

/* Whole frames of up to 4 KiB are small: a longer one is refused there as soon as its header is read. */
static const char *const framing_texts[2] = {"length,width=4,strip=4,max=4K", "length,width=4,strip=4,max=64M"};

/* What the rest of a program sees: one thing to send on. */
typedef struct link {
    zcn_loop *loop;
    zcn_framing *framings[2];
    char **addresses;
    zcn_conn *conns[2]; /* NULL until it is needed */
    int opened;
} link_t;

/* Sends a body of zeros on the connection that takes it. */
static zcn_status link_send(link_t *link, uint64_t size) {
    const int large = zcn_framing_overhead(link->framings[0], size, NULL, NULL) == ZCN_EFRAME_TOO_LARGE;
    zcn_conn **const conn = &link->conns[large];
    zcn_status status = ZCN_OK;
    if (*conn == NULL) {
        status = zcn_connect(conn, link->loop, link->addresses[large], link->framings[large], NULL);
        if (status != ZCN_OK) return status;
        link->opened++;
    }
    zcn_unit *unit;
    void *body;
    status = zcn_unit_alloc(&unit, &body, NULL, link->framings[large], size);
    if (status != ZCN_OK) return status;
    memset(body, 0, size);
    status = zcn_conn_send(*conn, unit);
    if (status != ZCN_OK) zcn_unit_release(unit);
    return status;
}

static void link_close(link_t *link) {
    for (int i = 0; i < 2; i++) {
        if (link->conns[i] != NULL) zcn_conn_close(link->conns[i]);
    }
}

static zcn_status send_sizes(link_t *link, char **sizes) {
    zcn_status status = link_send(link, strtoull(*sizes, NULL, 10));
    int open = 1; /* until the last answer is there, then as many as were opened */
    while (open > 0 && status == ZCN_OK) {
        const zcn_event *events;
        size_t count;
        status = zcn_loop_poll(link->loop, -1, &events, &count, NULL);
        for (size_t i = 0; i < count && status == ZCN_OK; i++) {
            if (events[i].type == ZCN_EVENT_CLOSED) {
                status = events[i].status;
                open--;
            }
            if (events[i].type != ZCN_EVENT_MESSAGE) continue;
            if (events[i].size != strlen(*sizes) || memcmp(events[i].data, *sizes, events[i].size) != 0) {
                fprintf(stderr, "%s bytes arrived as %.*s\n", *sizes, (int)events[i].size,
                        (const char *)events[i].data);
                return ZCN_EINTERNAL;
            }
            printf("%s bytes, %d connections\n", *sizes, link->opened);
            if (*++sizes != NULL) {
                status = link_send(link, strtoull(*sizes, NULL, 10));
            } else {
                open = link->opened;
                link_close(link);
            }
        }
    }
    return status;
}

static zcn_status serve(link_t *link) {
    zcn_listener *listener;
    for (int i = 0; i < 2; i++) {
        char bound[128];
        const zcn_status status = zcn_listen(&listener, link->loop, link->addresses[i], link->framings[i], NULL);
        if (status != ZCN_OK) return status;
        if (zcn_listener_address(listener, bound, sizeof bound) == ZCN_OK) printf("%s\n", bound);
        zcn_listener_release(listener); /* it goes on */
    }
    fflush(stdout);
    for (;;) {
        const zcn_event *events;
        size_t count;
        const zcn_status status = zcn_loop_poll(link->loop, -1, &events, &count, NULL);
        if (status != ZCN_OK) return status;
        for (size_t i = 0; i < count; i++) {
            if (events[i].type != ZCN_EVENT_MESSAGE) continue;
            char text[24];
            const int size = snprintf(text, sizeof text, "%" PRIu64, events[i].size);
            if (zcn_conn_send_copy(events[i].conn, text, (uint64_t)size) != ZCN_OK) zcn_conn_abort(events[i].conn);
        }
    }
}

int main(int argc, char **argv) {
    const int serves = argc == 4 && strcmp(argv[1], "serve") == 0;
    if (!serves && (argc < 5 || strcmp(argv[1], "send") != 0)) {
        fprintf(stderr, "usage: two_connections serve SMALL LARGE | send SMALL LARGE SIZE...\n");
        return 2;
    }
    link_t link = {.addresses = argv + 2};
    for (int i = 0; i < 2; i++) {
        if (zcn_framing_parse(&link.framings[i], framing_texts[i], NULL) < 0) return 1;
    }
    if (zcn_loop_create(&link.loop, NULL) < 0) return 1;
    const zcn_status status = serves ? serve(&link) : send_sizes(&link, argv + 4);
    if (status != ZCN_OK) fprintf(stderr, "two_connections: %s\n", zcn_status_text(status));
    zcn_loop_release(link.loop);
    for (int i = 0; i < 2; i++) zcn_framing_release(link.framings[i]);
    return status == ZCN_OK ? 0 : 1;
}
