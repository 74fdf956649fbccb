/* SPDX-License-Identifier: MIT */
/* A pool that never holds more than 16 MiB, and what it holds while a body of 100 KiB is written in it. */
#include <inttypes.h>
#include <stdio.h>
#include <zcnet/zcnet.h>

int main(void) {
    zcn_pool_options options;
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    zcn_pool *pool;
    zcn_unit *unit;
    void *body;

    zcn_pool_options_init(&options, sizeof options);
    options.block_size = 64 << 10;
    options.limit = 16 << 20;
    if (zcn_pool_create(&pool, &options) != ZCN_OK) return 1;
    if (zcn_unit_alloc(&unit, &body, pool, NULL, 100 << 10) != ZCN_OK) return 1;

    if (zcn_pool_get_stats(pool, &stats) != ZCN_OK) return 1;
    printf("%" PRIu64 " of at most %" PRIu64 " bytes in use\n", stats.in_use_bytes, stats.limit_bytes);

    zcn_pool_release(pool); /* the unit still holds its memory, and the pool lives as long */
    zcn_unit_release(unit);
    return stats.in_use_bytes >= 100 << 10 ? 0 : 1;
}
