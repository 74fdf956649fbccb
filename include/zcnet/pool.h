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
 * largest max of the framings that were ever used with it, a block and 64 KiB (reserve_bytes of zcn_pool_stats); it
 * does not fall again. A connection whose framing leaves fewer than two blocks besides is refused with ZCN_ENOBUFS.
 */
#include <zcnet/status.h>

ZCN_BEGIN_DECLS

/*
 * Memory of the program for a pool: pinned, of huge pages, shared, on a device's bus. The bytes of messages and units
 * lie in it; descriptors do not. The functions are called on whichever thread needs or returns memory, by several at
 * once, and not for each message: for slabs of many blocks, and for messages that are larger than half a block. They
 * must not call this library, and must not throw. After fork() what they gave is the parent's: they are not called in
 * the child, where requests of such a pool, or of one with shared_bytes, say ZCN_EFORKED.
 */
typedef struct zcn_pool_source {
    uint64_t struct_size; /* sizeof(zcn_pool_source) */
    /* Zeroed or not: size bytes, a power of two from 4 KiB, at an alignment, a power of two up to 2 MiB; NULL when
       there is none. For a large message size is the next power of two, and is touched as the message arrives. */
    void *(*allocate)(void *context, uint64_t size, uint64_t alignment);
    /* Takes back what allocate gave, whole. */
    void (*free)(void *context, void *memory, uint64_t size);
    /* The contents of a part of it are needed no longer, and its pages may go back until they are touched again.
       Returns 0 when they did; anything else: they stay in use. NULL: they always do, and free blocks go back in
       whole slabs only, by zcn_pool_trim(), at the limit, after keep_ms, or once the last reference of the pool has
       ended, whatever keep is. */
    int32_t (*drop)(void *context, void *memory, uint64_t size);
    /* Called once when the pool is gone, with everything that was taken from it; may be NULL. */
    void (*end)(void *context);
    void *context;
} zcn_pool_source;

typedef struct zcn_pool_options {
    uint64_t struct_size; /* set by zcn_pool_options_init() */
    uint64_t block_size;  /* bytes of a block, a power of two from 4 KiB to 16 MiB; 0: 256 KiB */
    uint64_t limit;       /* bytes that the pool may hold in all, at least 8 blocks; 0: no limit */
    uint64_t keep;        /* bytes of free memory kept for reuse before it goes back to the system;
                             0: 64 MiB */
    uint32_t huge_pages;  /* 0: when the pool has grown past 8 MiB; 1: never; 2: from the start. The system may give
                             none: huge_refused_bytes of zcn_pool_stats says so, and ordinary pages serve */
    uint32_t keep_ms;     /* milliseconds after which free memory that was not needed goes back to the system, at the
                             latest after twice as long; 0: as much as keep is kept for good. It is looked at when
                             memory goes back to the pool, and by loops that use it */
    const zcn_pool_source *source; /* where its memory comes from, copied; NULL: the system */
    uint64_t shared_bytes; /* not 0: the pool's memory lies in a memfd of so many bytes, a multiple of 2 MiB; see
                             zcn_pool_get_shared(). Not with source. When it is full, requests say ZCN_ENOMEM and
                             connections try again now and then; with a limit of as much, or less, they wait for
                             memory, and zcn_loop_await_memory() tells of it */
    uint32_t detach_ms;    /* of zcn_msg_settle(): milliseconds that a message is held before it may be copied out */
    uint32_t detach_ratio; /* and how many times its bytes it must keep then; 0: none is ever copied */
} zcn_pool_options;

/* Gauges and counters of a pool. Bytes are bytes; the rest are counts. */
typedef struct zcn_pool_stats {
    uint64_t struct_size;         /* set by the caller: sizeof(zcn_pool_stats) */
    uint64_t block_size;          /* bytes of one block */
    uint64_t limit_bytes;         /* 0: no limit */
    uint64_t reserved_bytes;      /* taken from the system now */
    uint64_t in_use_bytes;        /* blocks and regions that are out: held by views, units, loops, caches */
    uint64_t cached_bytes;        /* free, where every thread finds it */
    uint64_t region_bytes;        /* of in_use_bytes: memory of single large messages */
    uint64_t peak_bytes;          /* the highest in_use_bytes so far */
    uint64_t block_takes;         /* blocks handed out so far */
    uint64_t region_takes;        /* regions handed out so far */
    uint64_t failures;            /* requests refused at the limit or for want of memory */
    uint64_t slabs;               /* slabs mapped now */
    uint64_t waits;               /* times that a loop waited because the pool was full: it paused reading,
                                     or zcn_loop_await_memory() */
    uint64_t reserved_peak_bytes; /* the highest reserved_bytes so far */
    uint64_t thread_cached_bytes; /* of in_use_bytes: free blocks that threads, loops and streams keep */
    uint64_t arena_bytes;         /* of in_use_bytes: blocks that threads cut the memory of units from */
    uint64_t object_bytes;        /* memory of handles, of all pools of the process; kept for reuse, and given
                                     back by zcn_pool_trim() where nothing of it is in use */
    uint64_t views;               /* message handles that are held (zcn_msg_retain() and its like); of a joined
                                     message its parts */
    uint64_t viewed_bytes;        /* the sum of their sizes */
    uint64_t pinned_bytes;        /* of in_use_bytes: what they keep from being used otherwise, each block once */
    uint64_t amplification;       /* pinned_bytes over viewed_bytes, in thousandths; 0 when nothing is viewed */
    uint64_t oldest_view_ns;      /* for how long the message that is held longest has been, to about 20 ms */
    uint64_t copied_bytes;        /* copied by zcn_msg_detach(), zcn_msg_settle() and zcn_msg_make_writable() */
    uint64_t huge_bytes;          /* bytes of slabs that the system was asked to back with huge pages, and agreed */
    uint64_t huge_refused_bytes;  /* and did not */
    uint64_t reserve_bytes;       /* of limit_bytes: for unfinished messages alone */
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
 *         know is set · ZCN_ENOMEM · ZCN_EUNSUPPORTED shared_bytes is set and the system has no memory files
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
 * End one reference. Memory that is still in use stays valid; the pool goes with the last of it. With the last
 * reference all that is free goes back to the system, and what is released later does so at once; a source without
 * drop gets it slab by slab, and one whose drop refuses gets it in the end. What threads keep of the pool in their
 * caches, 2 MiB or two blocks each and the block that they cut units from, goes back when they next use another pool
 * for a while, or end.
 *
 * @param pool  or NULL for nothing
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_pool_release(zcn_pool *pool);

/**
 * Give free memory back to the system: what lies in the upstream and in the calling thread's cache. Slabs that are
 * empty then are unmapped, and so is memory of handles, which all pools of the process share.
 *
 * @param out_bytes  bytes of the pool given back, without the memory of handles; may be NULL
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFORKED pool is the parent process's, with a source or shared_bytes
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

/**
 * Write who holds what of a pool, as lines of text for people: its bytes; each message that is held, with its size, for
 * how long, and how much memory of which block it keeps. With ZCNET_DEBUG=leak in the environment when the process's
 * first pool was made, also each unit, and the place in the program that made each: PATH+0xOFFSET, as addr2line takes
 * it. Of a joined message its parts are listed. Messages that others keep or release meanwhile may be missing. It looks
 * at every message handle of the process.
 *
 * @param fd  to write to; where it is non-blocking and full, writing fails
 * @return ZCN_OK · ZCN_EINVAL pool is NULL, or fd is negative · ZCN_ENOMEM and ZCN_ESYS, writing failed: some of it
 *         may have been written
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_pool_dump(zcn_pool *pool, int fd);

/**
 * The memory file of a pool that was made with shared_bytes. Hand the descriptor to another process (SCM_RIGHTS), which
 * maps it and reads messages where they lie: tell it their offsets, and keep the messages until it has read them. Pages
 * of the file are taken as they are used. Its size is sealed; its contents are not, so give it to whom you trust.
 *
 * @param out_fd     of the pool, which closes it with the last of its memory; -1 on failure
 * @param out_bytes  size of the file, 0 on failure
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EUNSUPPORTED the pool's memory lies in no file
 * @ownership borrowed: do not close it
 * @lifetime as long as a reference of the pool is held
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_pool_get_shared(zcn_pool *pool, int *out_fd, uint64_t *out_bytes);

/**
 * Where bytes lie in the pool's memory file: those of a received message, a part of one, or a unit's body.
 *
 * @param data        first of the bytes
 * @param size        how many
 * @param out_offset  of data in the file, 0 on failure
 * @return ZCN_OK · ZCN_EINVAL an argument is NULL, or the bytes are not in the file · ZCN_EUNSUPPORTED the pool's
 *         memory lies in no file
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_pool_get_offset(zcn_pool *pool, const void *data, uint64_t size,
                                                     uint64_t *out_offset);

ZCN_END_DECLS

#endif
