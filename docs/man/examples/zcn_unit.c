/* SPDX-License-Identifier: MIT */
/* One message of constant bytes and of memory of the program, which is told when the memory is free again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zcnet/zcnet.h>

static int released;

static void done_with(void *context, const void *data, uint64_t size) {
    (void)context, (void)size;
    free((void *)data);
    released++;
}

int main(void) {
    zcn_framing *framing;
    zcn_stream *stream;
    zcn_unit *unit;
    struct iovec pieces[8];
    size_t count, i;
    char *mine = malloc(6);

    if (mine == NULL) return 1;
    memcpy(mine, "world", 6);
    if (zcn_framing_parse(&framing, "length,width=4,strip=4", NULL) != ZCN_OK) return 1;
    if (zcn_stream_create(&stream, NULL, framing, NULL) != ZCN_OK) return 1;

    if (zcn_unit_create(&unit, NULL) != ZCN_OK) return 1;
    if (zcn_unit_append_static(unit, "hello ", 6) != ZCN_OK) return 1;
    if (zcn_unit_append_ref(unit, mine, 6, done_with, NULL) != ZCN_OK) return 1;
    if (zcn_stream_send(stream, unit) != ZCN_OK) return 1; /* the stream owns it from here on */

    while (zcn_stream_gather(stream, pieces, 8, &count) == ZCN_OK && count > 0) {
        uint64_t size = 0;
        for (i = 0; i < count; i++) {
            printf("%d bytes at %p\n", (int)pieces[i].iov_len, pieces[i].iov_base);
            size += pieces[i].iov_len;
        }
        if (zcn_stream_write_done(stream, size) != ZCN_OK) return 1;
    }
    zcn_stream_release(stream);
    zcn_framing_release(framing);
    return released == 1 ? 0 : 1;
}
