/* SPDX-License-Identifier: MIT */
/* Many subscribers of a ticker (fan_out) in one process, on one loop: each has to get every tick, in order.
   Usage: subscribe ADDRESS SUBSCRIBERS      ends when the ticker has */
#include <stdlib.h>
#include <string.h>
#include <zcnet/zcnet.h>

#include "descriptors.h"

enum { AT_A_TIME = 64 }; /* connections that are being made: no more than anybody's backlog has room for */

static size_t wanted, begun, closed, broken;
static unsigned long *ticks; /* that each has got */

static zcn_status begin_next(zcn_loop *loop, const char *address, const zcn_framing *framing) {
    zcn_conn *conn; /* the loop's: it needs no release */
    zcn_conn_options options;
    if (begun == wanted) return ZCN_OK;
    zcn_conn_options_init(&options, sizeof options);
    options.user = begun++;
    return zcn_connect(&conn, loop, address, framing, &options);
}

static void check(const zcn_event *event) {
    char text[32];
    const int size = snprintf(text, sizeof text, "tick %lu", ++ticks[event->user]);
    if (event->size != (uint64_t)size || memcmp(event->data, text, event->size) != 0) broken++;
}

int main(int argc, char **argv) {
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_status status = ZCN_OK;
    if (argc != 3 || (wanted = strtoul(argv[2], NULL, 10)) == 0) {
        fprintf(stderr, "usage: subscribe ADDRESS SUBSCRIBERS\n");
        return 2;
    }
    if (!allow_connections(wanted) || (ticks = calloc(wanted, sizeof *ticks)) == NULL) return 1;
    if (zcn_framing_parse(&framing, "delimiter=\\n,strip=1", NULL) < 0 || zcn_loop_create(&loop, NULL) < 0) return 1;
    for (int i = 0; i < AT_A_TIME && status == ZCN_OK; i++) status = begin_next(loop, argv[1], framing);

    const zcn_event *events;
    size_t count;
    while (status == ZCN_OK && closed < wanted) {
        status = zcn_loop_poll(loop, -1, &events, &count, NULL);
        for (size_t i = 0; i < count && status == ZCN_OK; i++) {
            if (events[i].type == ZCN_EVENT_CONNECTED) status = begin_next(loop, argv[1], framing);
            if (events[i].type == ZCN_EVENT_MESSAGE) check(&events[i]);
            if (events[i].type != ZCN_EVENT_CLOSED) continue;
            closed++;
            if (events[i].status != ZCN_EOF) status = events[i].status; /* the ticker's end is in order */
        }
    }
    for (size_t i = 1; i < wanted; i++) broken += ticks[i] != ticks[0];
    if (status != ZCN_OK) fprintf(stderr, "%s: %s\n", argv[1], zcn_status_text(status));
    if (broken != 0) fprintf(stderr, "%zu ticks were missing or wrong\n", broken);
    if (status == ZCN_OK && broken == 0) printf("%zu subscribers, %lu ticks each\n", wanted, ticks[0]);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    free(ticks);
    return status == ZCN_OK && broken == 0 ? 0 : 1;
}
