/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_POOL_H
#define ZCNET_POOL_H
/*
 * Pools: where the bytes of messages and units live.
 *
 * A pool hands out blocks of one size. Many messages share a block; the block goes back when the last
 * of them is released. A message larger than half a block gets memory of its own from the same pool.
 * The pool lives until its handle and everything that was taken from it are released.
 *
 * A pool with a limit keeps a part of it in reserve, so that one unfinished message can always be completed: the
 * largest max of the framings in use, a block and 64 KiB. A connection whose framing leaves fewer than two blocks
 * besides is refused with ZCN_ENOBUFS.
 */
#include <zcnet/status.h>

ZCN_BEGIN_DECLS

typedef struct zcn_pool_options {
    uint64_t struct_size; /* set by zcn_pool_options_init() */
    uint64_t block_size;  /* bytes of a block, a power of two from 4 KiB to 16 MiB; 0: 256 KiB */
    uint64_t limit;       /* bytes that the pool may hold in all, at least 8 blocks; 0: no limit */
    uint64_t keep;        /* bytes of free memory kept for reuse before it goes back to the system;
                             0: 64 MiB */
    uint32_t huge_pages;  /* 0: when the pool has grown past 8 MiB; 1: never; 2: from the start */
    uint32_t reserved;    /* 0 */
} zcn_pool_options;

/* Gauges and counters of a pool. Bytes are bytes; the rest are counts. */
typedef struct zcn_pool_stats {
    uint64_t struct_size;    /* set by the caller: sizeof(zcn_pool_stats) */
    uint64_t block_size;     /* bytes of one block */
    uint64_t limit_bytes;    /* 0: no limit */
    uint64_t reserved_bytes; /* taken from the system now */
    uint64_t in_use_bytes;   /* blocks and regions that are out: held by views, units, loops, caches */
    uint64_t cached_bytes;   /* free, where every thread finds it */
    uint64_t region_bytes;   /* of in_use_bytes: memory of single large messages */
    uint64_t peak_bytes;     /* the highest in_use_bytes so far */
    uint64_t block_takes;    /* blocks handed out so far */
    uint64_t region_takes;   /* regions handed out so far */
    uint64_t failures;       /* requests refused at the limit or for want of memory */
    uint64_t slabs;          /* slabs mapped now */
    uint64_t waits;          /* times that a loop paused reading because the pool was full */
    uint64_t reserved_peak_bytes; /* the highest reserved_bytes so far */
    uint64_t thread_cached_bytes; /* of in_use_bytes: free blocks that threads, loops and streams keep */
    uint64_t arena_bytes;    /* of in_use_bytes: blocks that threads cut the memory of units from */
    uint64_t object_bytes;   /* memory of handles, of all pools of the process; it is kept for reuse */
    uint64_t views;          /* message handles that are held (zcn_msg_retain() and its like) */
    uint64_t viewed_bytes;   /* the sum of their sizes */
    uint64_t pinned_bytes;   /* of in_use_bytes: what they keep from being used otherwise, each block once */
    uint64_t amplification;  /* pinned_bytes over viewed_bytes, in thousandths; 0 when nothing is viewed */
    uint64_t oldest_view_ns; /* for how long the message that is held longest has been, to about 20 ms */
    uint64_t copied_bytes;   /* copied by zcn_msg_detach() and zcn_msg_make_writable() */
} zcn_pool_stats;

/**
 * Fill options with the defaults.
 *
 * @param options      to fill, not NULL
 * @param struct_size  sizeof(zcn_pool_options) as the caller was compiled
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_pool_options_init(zcn_pool_options *options, size_t struct_size);

/**
 * Create a pool. No block is taken from the system before the first is needed.
 *
 * @param out      new reference on ZCN_OK, else NULL
 * @param options  or NULL for the defaults
 * @return ZCN_OK · ZCN_EINVAL a size is out of range · ZCN_EOPTION a field that this library does not
 *         know is set · ZCN_ENOMEM
 * @ownership owned: zcn_pool_release()
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_pool_create(zcn_pool **out, const zcn_pool_options *options);

/**
 * The pool of the process, created on first use with the default options. It is what a NULL pool means
 * everywhere else.
 *
 * @param out  new reference on ZCN_OK, else NULL
 * @return ZCN_OK · ZCN_EINVAL out is NULL · ZCN_ENOMEM
 * @ownership owned: zcn_pool_release(); the process keeps a reference of its own
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_pool_default(zcn_pool **out);

/**
 * Take another reference.
 *
 * @return pool
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_pool *zcn_pool_retain(zcn_pool *pool);

/**
 * End one reference. Memory that is still in use stays valid; the pool goes with the last of it.
 *
 * @param pool  or NULL for nothing
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_pool_release(zcn_pool *pool);

/**
 * Give free memory back to the system: what lies in the upstream and in the calling thread's cache.
 *
 * @param out_bytes  bytes given back; may be NULL
 * @return ZCN_OK · ZCN_EINVAL
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_status zcn_pool_trim(zcn_pool *pool, uint64_t *out_bytes);

/**
 * Read the pool's gauges and counters. They are read one after the other while others may change them.
 *
 * What messages hold is not counted where they are kept and released, so that this costs nothing there: it is
 * found by looking at every message handle of the process, about 10 ns each. A struct_size that ends before views
 * leaves that out.
 *
 * @param stats  with struct_size set; only what fits is written
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM no memory to tell the blocks that messages hold apart
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_status zcn_pool_get_stats(zcn_pool *pool, zcn_pool_stats *stats);

ZCN_END_DECLS

#endif
