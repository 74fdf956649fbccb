/* SPDX-License-Identifier: MIT */
/* A ticker: ten times a second one message goes to every connection. All connections send the same bytes. A receiver
   that lags misses ticks and slows nobody down.
   Usage: fan_out ADDRESS RECEIVERS TICKS      starts when so many receivers are there, ends after so many ticks */
#include <stdlib.h>
#include <zcnet/zcnet.h>

#include "descriptors.h"

static zcn_conn **receivers; /* borrowed: each is taken out at its CLOSED */
static size_t present, wanted;
static unsigned long missed;

static void remove_receiver(const zcn_conn *conn) {
    for (size_t i = 0; i < present; i++) {
        if (receivers[i] == conn) receivers[i] = receivers[--present];
    }
}

static zcn_status tick(const zcn_framing *framing, int number) {
    zcn_unit *unit;
    void *data;
    size_t sent;
    if (present == 0) return ZCN_OK;
    zcn_status status = zcn_unit_alloc(&unit, &data, NULL, framing, 32);
    if (status != ZCN_OK) return status;
    const int size = snprintf(data, 32, "tick %d", number);
    zcn_unit_truncate(unit, (uint64_t)size);
    /* Its memory goes when the last connection has written it. */
    status = zcn_conn_send_to_all(receivers, present, unit, 0, NULL, &sent);
    if (status != ZCN_OK) zcn_unit_release(unit);
    missed += present - sent;
    return status;
}

int main(int argc, char **argv) {
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_listener *listener;
    char address[128];
    if (argc == 4) wanted = strtoul(argv[2], NULL, 10);
    const int ticks = argc == 4 ? atoi(argv[3]) : 0;
    if (wanted == 0 || ticks <= 0) {
        fprintf(stderr, "usage: fan_out ADDRESS RECEIVERS TICKS\n");
        return 2;
    }
    if (!allow_connections(wanted) || (receivers = calloc(wanted, sizeof *receivers)) == NULL) return 1;
    if (zcn_framing_parse(&framing, "delimiter=\\n,strip=1", NULL) < 0 || zcn_loop_create(&loop, NULL) < 0) return 1;
    if (zcn_listen(&listener, loop, argv[1], framing, NULL) < 0) return 1;
    zcn_listener_address(listener, address, sizeof address);
    printf("%s\n", address);
    fflush(stdout);

    const zcn_event *events;
    size_t count;
    int done = 0;
    zcn_status status = ZCN_OK;
    while (status >= 0 && zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (size_t i = 0; i < count && status >= 0; i++) {
            if (events[i].type == ZCN_EVENT_ACCEPTED) {
                if (present < wanted) receivers[present++] = events[i].conn;
                if (present == wanted && done == 0) status = zcn_loop_timer_set(loop, 0, 0);
            } else if (events[i].type == ZCN_EVENT_CLOSED) {
                remove_receiver(events[i].conn);
            } else if (events[i].type == ZCN_EVENT_TIMER) {
                if ((status = tick(framing, ++done)) != ZCN_OK) break;
                status = done < ticks ? zcn_loop_timer_set(loop, 0, 100000000) : zcn_loop_close(loop);
            }
        }
    }
    printf("%d ticks, %lu missed\n", done, missed);
    zcn_listener_release(listener);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    free(receivers);
    return done == ticks ? 0 : 1;
}
