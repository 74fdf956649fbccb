/* SPDX-License-Identifier: MIT */
/* Streams without a loop: the program reads and writes its own descriptors, the library finds the messages. The same
   shape fits TLS, or any I/O that is not a plain socket. Two streams talk over a socketpair: one asks, one echoes.
   Usage: stream_socketpair COUNT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <zcnet/zcnet.h>

static unsigned long asked, answered, wrong, total;

/* Takes what arrived. The asker sends the next question, the echo sends the message back. */
static zcn_status take(zcn_stream *stream, int asks) {
    const zcn_event *events;
    size_t count;
    int32_t more = 1;
    zcn_status status = ZCN_OK;
    while (more && status == ZCN_OK && (status = zcn_stream_poll(stream, &events, &count, &more)) == ZCN_OK) {
        for (size_t i = 0; i < count && status == ZCN_OK; i++) {
            if (events[i].type != ZCN_EVENT_MESSAGE) continue;
            if (!asks) {
                status = zcn_stream_send_msg(stream, events[i].msg);
                continue;
            }
            if (events[i].size != sizeof answered || memcmp(events[i].data, &answered, sizeof answered) != 0) wrong++;
            answered++;
        }
    }
    return status;
}

static zcn_status ask(zcn_stream *stream) {
    zcn_unit *unit;
    void *data;
    zcn_status status = zcn_unit_alloc(&unit, &data, NULL, NULL, sizeof asked);
    if (status != ZCN_OK) return status;
    memcpy(data, &asked, sizeof asked);
    if ((status = zcn_stream_send(stream, unit)) != ZCN_OK) zcn_unit_release(unit);
    asked += status == ZCN_OK;
    return status;
}

/* Writes what is queued, then reads what there is: each once. 0, or -1 when the stream or descriptor failed. */
static int move_bytes(zcn_stream *stream, int fd, int asks) {
    struct iovec iovecs[16];
    size_t count;
    if (zcn_stream_gather(stream, iovecs, 16, &count) != ZCN_OK) return -1;
    const ssize_t written = count == 0 ? 0 : writev(fd, iovecs, (int)count);
    if (written < 0 && errno != EAGAIN) return -1;
    if (written > 0) zcn_stream_write_done(stream, (uint64_t)written);
    if (zcn_stream_read_room(stream, iovecs, 16, &count) != ZCN_OK) return -1;
    const ssize_t got = readv(fd, iovecs, (int)count);
    zcn_stream_read_done(stream, got > 0 ? (uint64_t)got : 0);
    if (got < 0 && errno != EAGAIN) return -1;
    return take(stream, asks) == ZCN_OK ? 0 : -1;
}

int main(int argc, char **argv) {
    zcn_framing *framing;
    zcn_stream *streams[2];
    int fds[2];
    total = argc == 2 ? strtoul(argv[1], NULL, 10) : 1000;
    if (zcn_framing_parse(&framing, "varint,strip=1,max=100", NULL) < 0) return 1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0) return 1;
    if (zcn_stream_create(&streams[0], NULL, framing, NULL) < 0) return 1;
    if (zcn_stream_create(&streams[1], NULL, framing, NULL) < 0) return 1;
    while (answered < total) {
        while (asked < total && asked - answered < 100)
            if (ask(streams[0]) != ZCN_OK) return 1;
        if (move_bytes(streams[0], fds[0], 1) != 0 || move_bytes(streams[1], fds[1], 0) != 0) return 1;
    }
    zcn_stream_release(streams[0]);
    zcn_stream_release(streams[1]);
    zcn_framing_release(framing);
    printf("%lu answers, %lu wrong\n", answered, wrong);
    return wrong == 0 ? 0 : 1;
}
