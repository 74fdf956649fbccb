/* SPDX-License-Identifier: MIT */
/*
 * Uses a message when it may not be used any more, which a memory checker has to find:
 *   used_after released   reads an owned message after its release
 *   used_after batch      the same after a release with others
 *   used_after borrowed   reads a message of an event after the next poll
 *   used_after nothing    stays within the rules; that must not be reported
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zcnet/zcnet.h>

#define MESSAGES 3
#define BYTES 200000

static unsigned char frame[4 + BYTES];
static volatile unsigned sum;

static int check(zcn_status status, const char *what) {
    if (status == ZCN_OK) return 0;
    fprintf(stderr, "%s: %s\n", what, zcn_status_name(status));
    return 1;
}

static void read_all(const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) sum += bytes[i];
}

/* One message comes; *event is what shows it. */
static int receive(zcn_stream *stream, size_t size, const zcn_event **event) {
    size_t fed = 0, count = 0;
    frame[0] = 0;
    frame[1] = (unsigned char)(size >> 16);
    frame[2] = (unsigned char)(size >> 8);
    frame[3] = (unsigned char)size;
    memset(frame + 4, 'x', size);
    while (count == 0) {
        uint64_t taken;
        const zcn_status status = zcn_stream_feed(stream, frame + fed, 4 + size - fed, &taken);
        if (status != ZCN_AGAIN && check(status, "feed")) return 1;
        fed += taken;
        if (check(zcn_stream_poll(stream, event, &count, NULL), "poll")) return 1;
    }
    return count != 1 || fed != 4 + size || (*event)->size != size;
}

/* Copies that lie in the heap are let go of, and the program gets that memory for itself. */
static int heap_serves_the_program(zcn_stream *stream) {
    void *own[20];
    for (size_t i = 0; i < 20; i++) {
        const zcn_event *event;
        zcn_msg *copy;
        if (receive(stream, BYTES, &event) || check(zcn_msg_detach(&copy, event->msg), "detach") ||
            check(zcn_msg_release(copy), "release"))
            return 1;
        own[i] = malloc(BYTES);
        if (own[i] == NULL) return 1;
        memset(own[i], 1, BYTES);
    }
    for (size_t i = 0; i < 20; i++) {
        read_all(own[i], BYTES);
        free(own[i]);
    }
    return 0;
}

int main(int argc, char **argv) {
    const char *what = argc == 2 ? argv[1] : "nothing";
    zcn_framing *framing;
    zcn_stream *stream;
    const zcn_event *events;
    size_t count;
    if (check(zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", NULL), "framing") ||
        check(zcn_stream_create(&stream, NULL, framing, NULL), "stream"))
        return 2;
    zcn_framing_release(framing);
    /* A small one and a large one, alone in their polls, so that each way of hiding is looked at. */
    const size_t sizes[] = {100, BYTES};
    for (size_t i = 0; i < 2; i++) {
        zcn_msg *kept[MESSAGES];
        const void *datas[MESSAGES];
        for (size_t k = 0; k < MESSAGES; k++) {
            if (receive(stream, sizes[i], &events) || check(zcn_msg_retain(&kept[k], events[0].msg), "retain"))
                return 2;
            datas[k] = events[0].data;
        }
        if (check(zcn_stream_poll(stream, &events, &count, NULL), "poll")) return 2;
        for (size_t k = 0; k < MESSAGES; k++) read_all(datas[k], sizes[i]);
        /* Other handles keep the bytes in order. */
        zcn_msg *part;
        if (check(zcn_msg_slice(&part, kept[0], 0, 10), "slice") || check(zcn_msg_release(part), "release")) return 2;
        read_all(datas[0], sizes[i]);
        if (check(zcn_msg_release(kept[0]), "release")) return 2;
        if (strcmp(what, "released") == 0) read_all(datas[0], 1);
        read_all(datas[1], sizes[i]);
        if (check(zcn_msg_release_batch(kept + 1, MESSAGES - 1), "release_batch")) return 2;
        if (strcmp(what, "batch") == 0) read_all(datas[2], 1);
        /* The memory serves again. */
        for (size_t k = 0; k < 20; k++) {
            if (receive(stream, sizes[i], &events)) return 2;
            read_all(events[0].data, sizes[i]);
        }
        const void *shown = events[0].data;
        if (check(zcn_stream_poll(stream, &events, &count, NULL), "poll")) return 2;
        if (strcmp(what, "borrowed") == 0) read_all(shown, 1);
    }
    if (heap_serves_the_program(stream)) return 2;
    zcn_stream_release(stream);
    puts("went through");
    return 0;
}
