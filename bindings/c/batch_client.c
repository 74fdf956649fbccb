/* SPDX-License-Identifier: MIT */
/* Sends many small messages to an echo server, a batch at a time, and releases the answers in batches too.
   Usage: batch_client ADDRESS COUNT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zcnet/zcnet.h>

enum { BATCH = 256, KEPT = 1000 };

static zcn_unit *units[BATCH]; /* allocated and not yet consumed: from next_unit to BATCH */
static size_t next_unit = BATCH;
static uint64_t made, answers, wrong, total;

/* Queues units until all are sent or the connection says ZCN_AGAIN. Body n is the number n. */
static zcn_status send_some(zcn_conn *conn, const zcn_framing *framing) {
    zcn_status status = ZCN_OK;
    while (status == ZCN_OK && (made < total || next_unit < BATCH)) {
        size_t sent;
        if (next_unit == BATCH) {
            void *bodies[BATCH];
            const size_t count = total - made < BATCH ? (size_t)(total - made) : BATCH;
            next_unit = BATCH - count;
            status = zcn_unit_alloc_batch(units + next_unit, bodies, count, NULL, framing, sizeof made);
            if (status != ZCN_OK) return status;
            for (size_t i = 0; i < count; i++, made++) memcpy(bodies[i], &made, sizeof made);
        }
        status = zcn_conn_send_batch(conn, units + next_unit, BATCH - next_unit, &sent);
        next_unit += sent; /* those behind are still ours: the next call offers them again */
    }
    return status;
}

static void check(const zcn_event *event) {
    static zcn_msg *kept[KEPT];
    static size_t count;
    if (event->size != sizeof answers || memcmp(event->data, &answers, sizeof answers) != 0) wrong++;
    answers++;
    if (zcn_msg_retain(&kept[count], event->msg) == ZCN_OK) count++;
    if (count < KEPT && answers < total) return;
    zcn_msg_release_batch(kept, count); /* several times cheaper than one by one */
    count = 0;
}

int main(int argc, char **argv) {
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_conn *conn;
    zcn_stats stats = {.struct_size = sizeof stats};
    if (argc != 3 || (total = strtoull(argv[2], NULL, 10)) == 0) {
        fprintf(stderr, "usage: batch_client ADDRESS COUNT\n");
        return 2;
    }
    if (zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", NULL) < 0) return 1;
    if (zcn_loop_create(&loop, NULL) < 0 || zcn_connect(&conn, loop, argv[1], framing, NULL) < 0) return 1;

    const zcn_event *events;
    size_t event_count;
    zcn_status status = ZCN_OK, ended = ZCN_AGAIN;
    while (status >= 0 && ended == ZCN_AGAIN && zcn_loop_poll(loop, -1, &events, &event_count, NULL) == ZCN_OK) {
        for (size_t i = 0; i < event_count && status >= 0; i++) {
            const uint32_t type = events[i].type;
            if (type == ZCN_EVENT_CONNECTED || type == ZCN_EVENT_WRITABLE) status = send_some(conn, framing);
            if (type == ZCN_EVENT_MESSAGE) check(&events[i]);
            if (type == ZCN_EVENT_MESSAGE && answers == total) zcn_conn_close(conn);
            if (type != ZCN_EVENT_CLOSED) continue;
            ended = events[i].status;
            zcn_conn_get_stats(conn, &stats);
        }
    }
    printf("%" PRIu64 " answers, %" PRIu64 " wrong, %" PRIu64 " writes, %" PRIu64 " reads, %" PRIu64 " bytes copied\n",
           answers, wrong, stats.write_calls, stats.read_calls, stats.copied_bytes);
    zcn_unit_release_batch(units + next_unit, BATCH - next_unit);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return answers == total && wrong == 0 ? 0 : 1;
}
