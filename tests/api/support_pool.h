/* SPDX-License-Identifier: MIT */
/* Pools and what is taken from them. */
#pragma once

#include "support.h"

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)

zcn_pool_stats pool_stats_of(zcn_pool *pool);
zcn_pool_options pool_defaults(void);
zcn_pool *make_pool(const zcn_pool_options *options);
void trim_pool(zcn_pool *pool);
uint64_t file_bytes(int fd); /* that are there, of a memory file */

/* Units, filled. */
typedef struct held_units {
    zcn_unit *units[512];
    size_t count;
} held_units;

void take_units(held_units *of, zcn_pool *pool, size_t count, uint64_t size);
void give_units(held_units *of, size_t count); /* those that were taken last */
