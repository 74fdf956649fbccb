/* SPDX-License-Identifier: MIT */
/* The same framing finds the frames of what arrives and says what stands around what is sent. */
#include <stdio.h>
#include <zcnet/zcnet.h>

int main(void) {
    static const char bytes[] = {0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0};
    zcn_framing *framing;
    zcn_error error = {.struct_size = sizeof error};
    uint64_t frame, head, tail;

    if (zcn_framing_parse(&framing, "length,width=5", &error) != ZCN_OK) printf("%s\n", error.text);

    if (zcn_framing_parse(&framing, "length,width=4,strip=4,max=1M", NULL) != ZCN_OK) return 1;
    if (zcn_framing_measure(framing, bytes, sizeof bytes, &frame, &head, &tail) != ZCN_OK) return 1;
    printf("the body: %.*s\n", (int)(frame - head - tail), bytes + head);

    if (zcn_framing_overhead(framing, 1000, &head, &tail) != ZCN_OK) return 1;
    printf("1000 bytes are sent as %d\n", (int)(head + 1000 + tail));
    zcn_framing_release(framing);
    return frame == 9 && head == 4 ? 0 : 1;
}
