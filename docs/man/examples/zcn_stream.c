/* SPDX-License-Identifier: MIT */
/* Bytes from anywhere go in, here from memory; messages come out, and what is to be written to the peer. */
#include <stdio.h>
#include <string.h>
#include <zcnet/zcnet.h>

int main(void) {
    static const char arrived[] = "GET time\nGET date\nGET ti";
    const zcn_event *events;
    struct iovec room[2], pieces[8];
    zcn_framing *lines;
    zcn_stream *stream;
    size_t count, i, answered = 0;

    if (zcn_framing_parse(&lines, "delimiter=\\n,strip=1,max=1K", NULL) != ZCN_OK) return 1;
    if (zcn_stream_create(&stream, NULL, lines, NULL) != ZCN_OK) return 1;

    /* A program with a socket would let readv(2) write into the room. */
    if (zcn_stream_read_room(stream, room, 2, &count) != ZCN_OK) return 1;
    if (room[0].iov_len < sizeof arrived - 1) return 1;
    memcpy(room[0].iov_base, arrived, sizeof arrived - 1);
    if (zcn_stream_read_done(stream, sizeof arrived - 1) != ZCN_OK) return 1;

    if (zcn_stream_poll(stream, &events, &count, NULL) != ZCN_OK) return 1;
    for (i = 0; i < count; i++) {
        if (events[i].type != ZCN_EVENT_MESSAGE) continue;
        printf("asked for: %.*s\n", (int)events[i].size, (const char *)events[i].data);
        if (zcn_stream_send_msg(stream, events[i].msg) != ZCN_OK) return 1;
        answered++;
    }

    /* And here writev(2) would take the pieces. */
    if (zcn_stream_gather(stream, pieces, 8, &count) != ZCN_OK) return 1;
    for (i = 0; i < count; i++) {
        fwrite(pieces[i].iov_base, 1, pieces[i].iov_len, stdout);
        if (zcn_stream_write_done(stream, pieces[i].iov_len) != ZCN_OK) return 1;
    }
    zcn_stream_release(stream);
    zcn_framing_release(lines);
    return answered == 2 ? 0 : 1;
}
