/* SPDX-License-Identifier: MIT */
/* What a call said, and what the object knows about it. */
#include <stdio.h>
#include <string.h>
#include <zcnet/zcnet.h>

int main(void) {
    zcn_framing *framing;
    zcn_listener *listener;
    zcn_loop *loop;
    zcn_error error = {.struct_size = sizeof error};
    zcn_status status;

    if (zcn_framing_parse(&framing, "raw", NULL) != ZCN_OK) return 1;
    if (zcn_loop_create(&loop, NULL) != ZCN_OK) return 1;
    status = zcn_listen(&listener, loop, "tcp://nowhere", framing, NULL);
    printf("%s: %s\n", zcn_status_name(status), zcn_status_text(status));
    if (zcn_loop_get_error(loop, &error) == ZCN_OK) printf("%s\n", error.text);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return strcmp(zcn_status_name(status), "ZCN_EADDRESS") == 0 ? 0 : 1;
}
