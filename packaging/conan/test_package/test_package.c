/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <zcnet/zcnet.h>

int main(void) {
    zcn_loop *loop;
    if (zcn_loop_create(&loop, NULL) != ZCN_OK) return 1;
    zcn_loop_release(loop);
    printf("libzcnet %s\n", zcn_version_text());
    return zcn_version() == ZCN_VERSION_NUMBER ? 0 : 1;
}
