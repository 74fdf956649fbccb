/* SPDX-License-Identifier: MIT */
/* Before 1.0 a minor version may change the API: what runs has to be what was compiled with. */
#include <stdio.h>
#include <zcnet/zcnet.h>

int main(void) {
    printf("libzcnet %s\n", zcn_version_text());
    return zcn_version() / 1000 == ZCN_VERSION_NUMBER / 1000 ? 0 : 1;
}
