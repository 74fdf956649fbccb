/* SPDX-License-Identifier: MIT */
/* A pool at its limit, filled with units, and a loop that is told when there is room again. */
#pragma once

#include "support.h"

#define KIB ((uint64_t)1024)
#define BLOCK (64 * KIB)
#define BLOCKS 16
#define BODY (24 * KIB) /* two of them fill a block, but for a rest that holds none */
#define MOST (2 * BLOCKS)
#define DEADLINE_NS ((int64_t)20 * 1000 * 1000 * 1000)

typedef struct full_pool {
    zcn_pool *pool;
    zcn_loop *loop;
    zcn_unit *units[MOST];
    size_t count;
} full_pool;

zcn_loop *make_loop(void);
/* With memory of the program, or NULL for the system's. */
full_pool full_pool_make(const zcn_pool_source *source);
/* Takes units until the pool is at its limit. */
void full_pool_fill(full_pool *of);
/* Lets go of the first units: two are a block. */
void full_pool_give(full_pool *of, size_t count);
void full_pool_end(full_pool *of);

size_t poll_once(zcn_loop *loop, int64_t timeout_ns, const zcn_event **events);
void assert_silent(zcn_loop *loop);
/* The event of a wait, and nothing else. */
void assert_told(zcn_loop *loop, zcn_status status, uint64_t size, uint64_t token);
void assert_ready(zcn_loop *loop, uint64_t size, uint64_t token);
