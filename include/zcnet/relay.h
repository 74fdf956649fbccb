/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_RELAY_H
#define ZCNET_RELAY_H
/*
 * Relays: bytes between two connections, both ways, without passing through user space.
 *
 * A loop drives a relay. Bytes go from socket to pipe to socket by splice, or through blocks of the loop's pool where
 * the kernel refuses that or where reads are so small that it does not pay. What was read is written before more is
 * read: who does not read holds its sender up, and what a relay costs stays bounded by a pipe or a block each way. An
 * idle relay holds neither. The end of one direction is passed on, and the other one goes on.
 *
 * A relay gives exactly one event, RELAY_ENDED, when both directions have ended, or when it was closed or failed. The
 * loop holds a reference until the poll after it begins, so a program that keeps no relay releases none.
 *
 * With a framing a relay follows the messages: it counts them, and ends where one is wrong. Headers pass when they are
 * complete, and a message that ends with a delimiter when all of it is there: it must fit into a block of the pool.
 *
 * Urgent bytes of TCP, and descriptors that go along with bytes on a Unix socket, are not passed on.
 */
#include <zcnet/conn.h>

ZCN_BEGIN_DECLS

/* How bytes are moved. */
enum {
    ZCN_RELAY_AUTO = 0,   /* splice where reads are large, copy where they are small */
    ZCN_RELAY_SPLICE = 1, /* splice, but where the kernel refuses it or no pipe is to be had */
    ZCN_RELAY_COPY = 2    /* through blocks of the pool */
};

/* Directions. */
enum {
    ZCN_RELAY_FORWARD = 0, /* from the first to the second */
    ZCN_RELAY_BACKWARD = 1 /* from the second to the first */
};

/* What happens when a tap is slower than the pair: its pipe (256 KiB) and its own buffers are full. */
enum {
    ZCN_TAP_END = 0,  /* the tap ends: what it got is a beginning without a gap */
    ZCN_TAP_SKIP = 1, /* it misses bytes, and goes on with later ones */
    ZCN_TAP_WAIT = 2  /* the pair waits for it, for some time */
};

typedef struct zcn_relay_options {
    uint64_t struct_size;                /* set by zcn_relay_options_init() */
    const zcn_framing *forward_framing;  /* count messages: headers are parsed, bodies are spliced. NULL: bytes only */
    const zcn_framing *backward_framing; /* the same for the other direction */
    const zcn_framing *forward_first;    /* of the first message alone, where it differs; NULL: it does not */
    const zcn_framing *backward_first;
    uint64_t budget;                /* bytes of a direction in one turn before others have theirs; 0: 1 MiB */
    uint32_t method;                /* ZCN_RELAY_AUTO, _SPLICE or _COPY */
    uint32_t idle_timeout_ms;       /* without a byte in either direction; 0: never */
    uint32_t half_close_timeout_ms; /* without a byte when one direction has ended; 0: never */
    uint32_t drain_timeout_ms;      /* for what is held when the relay closes or one side is gone; 0: 5000 */
    uintptr_t user;                 /* user value */
} zcn_relay_options;

/* One direction. */
typedef struct zcn_relay_flow {
    uint64_t bytes_in;         /* read, with what the connection had received before */
    uint64_t bytes_out;        /* written */
    uint64_t spliced_bytes;    /* of bytes_in: by splice */
    uint64_t copied_bytes;     /* of bytes_in: through memory */
    uint64_t read_calls;       /* system calls that read */
    uint64_t write_calls;      /* system calls that wrote */
    uint64_t messages;         /* whose header was seen; 0 without a framing */
    uint64_t held_bytes;       /* gauge: read and not written yet */
    uint64_t lost_bytes;       /* read and never written: set when the relay ended */
    uint64_t tapped_bytes;     /* written to the tap */
    uint64_t tap_missed_bytes; /* that a tap did not get */
    uint32_t ended;            /* 1: its end was passed on */
    zcn_status tap_status;     /* why the tap ended before the relay: it was too slow (ZCN_ENOBUFS, ZCN_ETIMEDOUT), its
                                * reader is gone (ZCN_ERESET), there is no room for more of the file (ZCN_ENOSPACE),
                                * another failure of its own (ZCN_ESYS); else ZCN_OK */
} zcn_relay_flow;

typedef struct zcn_relay_stats {
    uint64_t struct_size; /* set by the caller: sizeof(zcn_relay_stats) */
    zcn_relay_flow forward;
    zcn_relay_flow backward;
} zcn_relay_stats;

/**
 * Fill options with the defaults.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_relay_options_init(zcn_relay_options *options, size_t struct_size);

/**
 * Join two connections. They give up their sockets to the relay and end with CLOSED (ZCN_OK); what they had received
 * and not delivered goes first, whatever was delivered is the program's. A connection that shall deliver nothing before
 * is created with start_paused.
 *
 * @param out      borrowed: valid until the poll after its RELAY_ENDED event; retain it to keep it. NULL on failure
 * @param first    open, of the same loop as second
 * @param second   open, another one than first
 * @param options  or NULL for the defaults
 * @return ZCN_OK · ZCN_EINVAL NULL, twice the same, not of one loop, or an option out of range · ZCN_EOPTION ·
 *         ZCN_EBUSY units are queued on one of them, or it is still connecting · ZCN_ECLOSED one has ended, can send no
 *         more, or the loop is closed · ZCN_EUNSUPPORTED a framing whose header is larger than a block of the loop's
 *         pool · ZCN_ENOMEM · ZCN_ESYS · ZCN_EFORKED; zcn_loop_get_error() has the details. On failure both connections
 *         are as they were
 * @thread owner of the loop
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_relay_conns(zcn_relay **out, zcn_conn *first, zcn_conn *second,
                                                 const zcn_relay_options *options);

/**
 * Join two connected stream sockets that the program has. They become non-blocking.
 *
 * @param out     as in zcn_relay_conns()
 * @param first   descriptor, consumed on ZCN_OK
 * @param second  descriptor, consumed on ZCN_OK
 * @return as zcn_relay_conns(), and ZCN_EUNSUPPORTED one is not a connected stream socket
 * @thread owner of the loop
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_relay_fds(zcn_relay **out, zcn_loop *loop, int first, int second,
                                               const zcn_relay_options *options);

/**
 * Let a third descriptor have what goes through one direction: a file, a pipe, a socket (of a connection by
 * zcn_conn_take_fd()). Before the next poll nothing is missed. Spliced bytes get there without a copy. The tap is
 * flushed when the relay ends, within the drain timeout.
 *
 * A file is written to as the system sees fit, which may wait for its disk; to keep the pair from that, give a pipe and
 * let somebody else write the file.
 *
 * @param direction  ZCN_RELAY_FORWARD or ZCN_RELAY_BACKWARD
 * @param fd         consumed on ZCN_OK; it becomes non-blocking, also where it is shared
 * @param policy     ZCN_TAP_*
 * @param wait_ms    ZCN_TAP_WAIT: how long the pair waits at a time before the tap ends (ZCN_ETIMEDOUT); 0: for ever
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EBUSY the direction has or had a tap · ZCN_ECLOSED the relay has ended ·
 *         ZCN_ENOBUFS no pipe is to be had · ZCN_ENOMEM · ZCN_ESYS · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_relay_tap(zcn_relay *relay, uint32_t direction, int fd, uint32_t policy,
                                               uint32_t wait_ms);

/**
 * Close: nothing more is read; what was read is written until the drain timeout, both peers see the end, then
 * RELAY_ENDED (ZCN_OK) comes; ZCN_ETIMEDOUT when the time was not enough. Calling it again does nothing.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFORKED
 * @thread any thread that holds a reference
 * @since 0.1
 */
ZCN_API zcn_status zcn_relay_close(zcn_relay *relay);

/**
 * End at once: both peers get a reset (TCP). RELAY_ENDED (ZCN_EABORTED) comes.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFORKED
 * @thread any thread that holds a reference
 * @since 0.1
 */
ZCN_API zcn_status zcn_relay_abort(zcn_relay *relay);

/**
 * The user value, which comes with RELAY_ENDED.
 *
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_relay_set_user(zcn_relay *relay, uintptr_t user);
ZCN_API uintptr_t zcn_relay_get_user(const zcn_relay *relay);

/**
 * Why the relay ended: ZCN_EOF both directions ended in order · ZCN_OK it was closed · ZCN_ERESET one side is gone ·
 * ZCN_ETIMEDOUT a limit in time · ZCN_EFRAME_* · ZCN_EABORTED · ZCN_ESYS. But for the first two both sides were reset.
 *
 * @param error  with struct_size set; status is ZCN_OK while it runs
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_relay_get_error(const zcn_relay *relay, zcn_error *error);

/**
 * Read the relay's counters.
 *
 * @param stats  with struct_size set
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_relay_get_stats(const zcn_relay *relay, zcn_relay_stats *stats);

/**
 * Take another reference.
 *
 * @return relay
 * @thread any thread that holds one, or the owner while it is borrowed
 * @since 0.1
 */
ZCN_API zcn_relay *zcn_relay_retain(zcn_relay *relay);

/**
 * End one reference. It does not close the relay: the loop holds its own until RELAY_ENDED.
 *
 * @param relay  or NULL for nothing
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_relay_release(zcn_relay *relay);

ZCN_END_DECLS

#endif
