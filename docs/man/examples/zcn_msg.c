/* SPDX-License-Identifier: MIT */
/* A message is kept, and a part of it longer still. */
#include <stdio.h>
#include <zcnet/zcnet.h>

/* The first message of a stream that has one, kept beyond its next poll. */
static zcn_status first(zcn_msg **out, zcn_stream *stream) {
    const zcn_event *events;
    size_t count, i;
    zcn_status status = zcn_stream_poll(stream, &events, &count, NULL);
    *out = NULL;
    for (i = 0; status == ZCN_OK && i < count; i++)
        if (events[i].type == ZCN_EVENT_MESSAGE) return zcn_msg_retain(out, events[i].msg);
    return status == ZCN_OK ? ZCN_AGAIN : status;
}

int main(void) {
    zcn_framing *framing;
    zcn_stream *stream;
    zcn_msg *msg, *part;
    uint64_t taken;

    if (zcn_framing_parse(&framing, "fixed=12", NULL) != ZCN_OK) return 1;
    if (zcn_stream_create(&stream, NULL, framing, NULL) != ZCN_OK) return 1;
    if (zcn_stream_feed(stream, "head and bod", 12, &taken) != ZCN_OK || taken != 12) return 1;
    if (first(&msg, stream) != ZCN_OK) return 1;
    zcn_stream_release(stream); /* the message lives on */

    if (zcn_msg_slice(&part, msg, 0, 4) != ZCN_OK) return 1; /* the same bytes, no copy */
    zcn_msg_release(msg);
    printf("%.*s\n", (int)zcn_msg_size(part), (const char *)zcn_msg_data(part));
    zcn_msg_release(part);
    zcn_framing_release(framing);
    return 0;
}
