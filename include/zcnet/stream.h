/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_STREAM_H
#define ZCNET_STREAM_H
/*
 * Streams: framing, receive path and send queue without a descriptor, a clock or a thread. Bytes in,
 * messages out; units in, iovecs out. For programs that own their I/O: TLS, a Go net.Conn, a tokio stream.
 * A connection is a stream that a loop drives.
 *
 *     while (io has bytes) {
 *         zcn_stream_read_room(stream, iov, 2, &n);       where they should go
 *         got = readv(fd, iov, n);
 *         zcn_stream_read_done(stream, got);
 *         do {
 *             zcn_stream_poll(stream, &events, &count, &more);
 *             …
 *         } while (more);
 *         while (zcn_stream_gather(stream, iov, 16, &n) == ZCN_OK && n)  what is to be written
 *             zcn_stream_write_done(stream, writev(fd, iov, n));
 *     }
 *
 * One caller at a time. Nothing here blocks. In events conn is NULL and user is the stream's.
 */
#include <zcnet/event.h>
#include <zcnet/stats.h>

ZCN_BEGIN_DECLS

typedef struct zcn_stream_options {
    uint64_t struct_size;            /* set by zcn_stream_options_init() */
    const zcn_framing *send_framing; /* NULL: the same as for receiving */
    uint64_t high_water;             /* queued bytes at which sending says ZCN_AGAIN; 0: 256 KiB */
    uint64_t low_water;              /* queued bytes below which WRITABLE follows; 0: high_water / 4 */
    uint64_t copy_below;             /* foreign segments smaller than this are copied; 0: never */
    uint32_t align;                  /* bodies start at a multiple of this (8 to 4096, a power of two); 0: no */
    uint32_t align_from;             /* bodies smaller than this are left where they are; 0: all are aligned */
    uint32_t event_capacity;         /* events of one poll, 16 to 4096; 0: 256 */
    uint32_t messages_per_poll;      /* most messages in one poll; 0: no limit but the array */
    uintptr_t user;                  /* user value */
} zcn_stream_options;

/**
 * Fill options with the defaults.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_stream_options_init(zcn_stream_options *options, size_t struct_size);

/**
 * Create a stream.
 *
 * @param out      new reference on ZCN_OK, else NULL
 * @param pool     or NULL for the pool of the process
 * @param framing  for receiving; the stream keeps a reference
 * @param options  or NULL for the defaults
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EOPTION · ZCN_ENOMEM · ZCN_ENOBUFS the framing's max exceeds the pool's limit
 * @ownership owned: zcn_stream_release()
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_stream_create(zcn_stream **out, zcn_pool *pool, const zcn_framing *framing,
                                                   const zcn_stream_options *options);

/**
 * End the stream. Units that are still queued are released; messages that were retained live on.
 *
 * @param stream  or NULL for nothing
 * @thread owner
 * @since 0.1
 */
ZCN_API void zcn_stream_release(zcn_stream *stream);

/**
 * Where the next bytes should be read to: one or two pieces.
 *
 * @param iovecs     filled
 * @param capacity   at least 2
 * @param out_count  pieces, 0 on failure
 * @return ZCN_OK · ZCN_AGAIN poll first: messages wait to be taken · ZCN_ENOBUFS the pool is at its limit: release
 *         messages, poll, and try again · ZCN_ENOMEM · ZCN_EOF after zcn_stream_end() ·
 *         ZCN_ECLOSED the framing was violated, or CLOSED was handed out · ZCN_EINVAL
 * @lifetime until zcn_stream_read_done() or another call on the stream
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_stream_read_room(zcn_stream *stream, struct iovec *iovecs, size_t capacity,
                                                      size_t *out_count);

/**
 * Say how many bytes were read into the room, in its order.
 *
 * @param size  0 to the sum of the pieces
 * @return ZCN_OK · ZCN_EINVAL there is no room given out, or less than size
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_stream_read_done(zcn_stream *stream, uint64_t size);

/**
 * Hand in bytes that lie elsewhere. They are copied (and counted) into the stream's memory.
 *
 * @param out_taken  bytes taken, which may be fewer than size
 * @return ZCN_OK · ZCN_AGAIN poll first · ZCN_ENOBUFS · ZCN_ENOMEM · ZCN_EOF · ZCN_ECLOSED · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_stream_feed(zcn_stream *stream, const void *data, uint64_t size,
                                                 uint64_t *out_taken);

/**
 * Hand in bytes that lie in a message: its body is the next part of this stream. Messages are found where
 * they lie; only what straddles two handed-in messages is copied (and counted).
 *
 * @param msg  owned or borrowed; the stream keeps what it needs of it
 * @return ZCN_OK all of it was taken · ZCN_AGAIN poll first: nothing was taken · ZCN_ENOBUFS · ZCN_ENOMEM ·
 *         ZCN_EOF · ZCN_ECLOSED · ZCN_EINVAL · ZCN_ESTALE · ZCN_EUNSUPPORTED msg is joined
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_stream_feed_msg(zcn_stream *stream, const zcn_msg *msg);

/**
 * The peer's side has ended. A CLOSED event follows the last message: ZCN_EOF, or ZCN_EFRAME_TRUNCATED when a
 * frame was under way. Sending still works.
 *
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_stream_end(zcn_stream *stream);

/**
 * Take the events that are ready: messages, sent units, writable, closed.
 *
 * @param out_events  the stream's own array, borrowed until the next poll; NULL when there is none
 * @param out_count   how many
 * @param out_more    1 when another poll would give more at once; may be NULL
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_stream_poll(zcn_stream *stream, const zcn_event **out_events, size_t *out_count,
                                   int32_t *out_more);

/**
 * Queue a unit; see zcn_conn_send().
 *
 * @return ZCN_OK the unit is consumed · ZCN_AGAIN above high water: nothing was queued · ZCN_EFRAME_* the unit does
 *         not fit the framing · ZCN_ENOMEM · ZCN_ENOBUFS · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_stream_send(zcn_stream *stream, zcn_unit *unit);

/**
 * Queue the whole frame of a received message as it stands; see zcn_conn_send_msg().
 *
 * @return as zcn_stream_send(), and ZCN_ESTALE, ZCN_EUNSUPPORTED msg has no frame
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_stream_send_msg(zcn_stream *stream, const zcn_msg *msg);

/**
 * What is to be written now: neighbours in memory are one piece.
 *
 * @param iovecs     filled
 * @param capacity   at least 1
 * @param out_count  pieces; 0 when nothing is queued
 * @return ZCN_OK · ZCN_EINVAL · when a file is next, and is read here: ZCN_ETRUNCATED it has become shorter than the
 *         unit promised · ZCN_ESYS · ZCN_ENOMEM · ZCN_ENOBUFS
 * @lifetime until another call on the stream
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_stream_gather(zcn_stream *stream, struct iovec *iovecs, size_t capacity,
                                                   size_t *out_count);

/**
 * Say how many bytes were written, from the start of what zcn_stream_gather() showed.
 *
 * @return ZCN_OK · ZCN_EINVAL more than was queued
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_stream_write_done(zcn_stream *stream, uint64_t size);

/**
 * Change the receive framing; see zcn_conn_set_framing().
 *
 * @return as zcn_conn_set_framing()
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_stream_set_framing(zcn_stream *stream, const zcn_msg *after_msg,
                                                        const zcn_framing *framing);

/**
 * Change the framing of what is sent from now on.
 *
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_stream_set_send_framing(zcn_stream *stream, const zcn_framing *framing);

/**
 * Why the stream ended.
 *
 * @param error  with struct_size set; status is ZCN_OK while it lives
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_stream_get_error(zcn_stream *stream, zcn_error *error);

/**
 * Read the stream's counters.
 *
 * @param stats  with struct_size set
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_stream_get_stats(zcn_stream *stream, zcn_stats *stats);

ZCN_END_DECLS

#endif
