/* SPDX-License-Identifier: MIT */
/* Time-outs with the loop's timers: a question every 20 ms, each with a deadline of its own, the answers in any time.
   Usage: timers ADDRESS QUESTIONS DEADLINE_MS      ADDRESS of an echo server */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zcnet/zcnet.h>

enum { MILLISECOND = 1000000, ASK = 0 }; /* token 0 asks; token n is the deadline of question n */

static uint64_t asked, answered, late, total;
static int64_t deadline_ms;

static zcn_status ask(zcn_loop *loop, zcn_conn *conn) {
    const uint64_t number = ++asked;
    zcn_status status = zcn_conn_send_copy(conn, &number, sizeof number);
    if (status == ZCN_OK) status = zcn_loop_timer_set(loop, number, deadline_ms * MILLISECOND);
    if (status == ZCN_OK && asked < total) status = zcn_loop_timer_set(loop, ASK, INT64_C(20) * MILLISECOND);
    return status;
}

static void answer(zcn_loop *loop, const zcn_event *event) {
    uint64_t number;
    if (event->size != sizeof number) return;
    memcpy(&number, event->data, sizeof number);
    /* A timer that has gone off cannot be taken back: that question was counted as late. */
    if (zcn_loop_timer_cancel(loop, number) == ZCN_OK) answered++;
}

int main(int argc, char **argv) {
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_conn *conn;
    if (argc != 4 || (total = strtoull(argv[2], NULL, 10)) == 0 || (deadline_ms = atoll(argv[3])) <= 0) {
        fprintf(stderr, "usage: timers ADDRESS QUESTIONS DEADLINE_MS\n");
        return 2;
    }
    if (zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", NULL) < 0) return 1;
    if (zcn_loop_create(&loop, NULL) < 0 || zcn_connect(&conn, loop, argv[1], framing, NULL) < 0) return 1;

    const zcn_event *events;
    size_t count;
    zcn_status status = ZCN_OK;
    int open = 1;
    while (open && status == ZCN_OK && (status = zcn_loop_poll(loop, -1, &events, &count, NULL)) == ZCN_OK) {
        for (size_t i = 0; i < count && status == ZCN_OK; i++) {
            switch (events[i].type) {
                case ZCN_EVENT_CONNECTED:
                    status = zcn_loop_timer_set(loop, ASK, 0);
                    break;
                case ZCN_EVENT_TIMER:
                    if (events[i].token == ASK) {
                        status = ask(loop, conn);
                    } else {
                        late++;
                    }
                    break;
                case ZCN_EVENT_MESSAGE:
                    answer(loop, &events[i]);
                    break;
                case ZCN_EVENT_CLOSED:
                    open = 0;
                    break;
                default:
                    break;
            }
            if (open && answered + late == total) zcn_conn_close(conn);
        }
    }
    printf("%" PRIu64 " asked, %" PRIu64 " in time, %" PRIu64 " late\n", asked, answered, late);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return answered == total ? 0 : 1;
}
