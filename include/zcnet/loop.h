/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_LOOP_H
#define ZCNET_LOOP_H
/*
 * Loops: they drive connections and hand out events in batches.
 *
 * A loop has one owner at a time, never a thread of its own. The owner polls and sends; anyone else uses
 * zcn_conn_post(), zcn_conn_close(), zcn_conn_abort() and zcn_loop_wake(). To run a loop inside another event loop,
 * watch zcn_loop_fd() for reading, poll with timeout 0 when it is ready or when zcn_loop_next_deadline() has come,
 * and, where the host reports edges only, again until `more` is 0.
 */
#include <zcnet/event.h>
#include <zcnet/stats.h>

ZCN_BEGIN_DECLS

typedef struct zcn_loop_options {
    uint64_t struct_size;       /* set by zcn_loop_options_init() */
    zcn_pool *pool;             /* for received bytes and the loop's own sends; NULL: the pool of the process */
    uint32_t event_capacity;    /* events of one poll, 16 to 4096; 0: 1024 */
    uint32_t spin_us;           /* microseconds to spin before a poll sleeps; 0: none */
    uint32_t no_helper;         /* 1: no helper thread; zcn_connect() then takes numeric addresses only, and files that
                                 * are read past the page cache (ZCN_FILE_DIRECT) are waited for */
    uint32_t unfinished_blocks; /* blocks that unfinished messages may hold before stalled ones are moved into memory
                                   of their own; 0: 64 */
} zcn_loop_options;

/**
 * Fill options with the defaults.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_loop_options_init(zcn_loop_options *options, size_t struct_size);

/**
 * Create a loop.
 *
 * @param out      new reference on ZCN_OK, else NULL
 * @param options  or NULL for the defaults
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EOPTION · ZCN_ENOMEM · ZCN_ESYS no descriptor to be had
 * @ownership owned: zcn_loop_release()
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_loop_create(zcn_loop **out, const zcn_loop_options *options);

/**
 * Flush, wait, and hand out what happened.
 *
 * @param timeout_ns  how long to wait for the first event, in nanoseconds; 0: not at all; negative: for ever
 * @param out_events  the loop's own array, borrowed until the next poll; NULL when there is none
 * @param out_count   how many events
 * @param out_more    1 when another poll would give more at once; may be NULL
 * @return ZCN_OK, also when the time passed without an event · ZCN_EBUSY another poll of this loop is running ·
 *         ZCN_ECLOSED · ZCN_EFORKED · ZCN_EINVAL · ZCN_ESYS
 * @lifetime the array, its messages and its connections: until the next poll of this loop
 * @thread owner; a cancellation point is never inside (cancellation is disabled while it waits)
 * @since 0.1
 */
ZCN_API zcn_status zcn_loop_poll(zcn_loop *loop, int64_t timeout_ns, const zcn_event **out_events, size_t *out_count,
                                 int32_t *out_more);

/**
 * A descriptor that is readable whenever a poll would give an event or write a byte, level-triggered. Never read or
 * close it.
 *
 * @return the descriptor, borrowed from the loop; -1 for NULL or in a forked child
 * @thread owner
 * @since 0.1
 */
ZCN_API int zcn_loop_fd(zcn_loop *loop);

/**
 * Nanoseconds until the loop has to be polled though its descriptor is silent.
 *
 * @param out_ns  0: now; INT64_MAX: never
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_loop_next_deadline(zcn_loop *loop, int64_t *out_ns);

/**
 * Make the present or the next poll return with a WOKEN event. Several calls may give one event.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFORKED
 * @thread any thread that holds a reference
 * @since 0.1
 */
ZCN_API zcn_status zcn_loop_wake(zcn_loop *loop);

/**
 * Set a timer of the program: one TIMER event with its token after the delay. Setting a token again moves it.
 *
 * @param token     any number
 * @param delay_ns  nanoseconds from now; 0 or less: at the next poll
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM · ZCN_ECLOSED · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_loop_timer_set(zcn_loop *loop, uint64_t token, int64_t delay_ns);

/**
 * Take a timer back. One whose event is in the current array has gone off already.
 *
 * @return ZCN_OK · ZCN_AGAIN there is no such timer · ZCN_EINVAL · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_loop_timer_cancel(zcn_loop *loop, uint64_t token);

/**
 * Ask for one POOL_READY event when a pool that is at its limit has room again: what a program does whose allocation
 * said ZCN_ENOBUFS and that wants to go on when it can. The event comes with the first poll that finds room, which may
 * be the next one, and is told once. It is no promise: others may take the room first, and several that wait are all
 * told. Free blocks that threads keep for themselves (thread_cached_bytes of zcn_pool_stats) count as in use. Where the
 * pool's source keeps its pages (drop of zcn_pool_source), what is more than half a block, less 512 bytes, finds room
 * only in what empty slabs leave when they go back whole: it waits for as long as each slab has a block in use.
 *
 * A connection that is made meanwhile may raise the pool's reserve (pool.h), so that there is no room for so much any
 * more whatever comes back: the event then comes with the status ZCN_EINVAL.
 *
 * @param pool   any pool; one without a limit has room always
 * @param size   bytes that the program wants next: of a unit's body, or of an append; 0: any
 * @param token  any number, for the event; several waits may have the same
 * @return ZCN_OK · ZCN_EINVAL an argument is NULL, or the pool could not hold size bytes beside its reserve if nothing
 *         else were in use · ZCN_ENOMEM · ZCN_ECLOSED · ZCN_EFORKED
 * @lifetime the wait keeps the pool, until its event is told or the loop has ended; a loop that closes does not wait
 *           for it
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_loop_await_memory(zcn_loop *loop, zcn_pool *pool, uint64_t size, uint64_t token);

/**
 * Close every connection (drained, as zcn_conn_close()), listener, dialer and relay. Polls go on and give their last
 * events; when all have been handed out, zcn_loop_poll() says ZCN_ECLOSED. Descriptor and deadline tell of that poll
 * as of any other.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_loop_close(zcn_loop *loop);

/**
 * Why the last zcn_connect(), zcn_conn_adopt() or zcn_listen() on this loop failed.
 *
 * @param error  with struct_size set
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_loop_get_error(const zcn_loop *loop, zcn_error *error);

/**
 * Read the loop's counters.
 *
 * @param stats  with struct_size set
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_loop_get_stats(zcn_loop *loop, zcn_loop_stats *stats);

/**
 * Read the counters of the loop's relays: what they carry is in none of zcn_loop_get_stats().
 *
 * @param stats  with struct_size set
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_loop_get_relay_stats(zcn_loop *loop, zcn_loop_relay_stats *stats);

/**
 * Take another reference.
 *
 * @return loop
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_loop *zcn_loop_retain(zcn_loop *loop);

/**
 * End one reference. With the last one connections that are open are aborted; messages that were retained live on.
 *
 * @param loop  or NULL for nothing
 * @thread any thread; the last one must not overlap a poll
 * @since 0.1
 */
ZCN_API void zcn_loop_release(zcn_loop *loop);

ZCN_END_DECLS

#endif
