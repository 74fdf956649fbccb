/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_STATS_H
#define ZCNET_STATS_H
/* Counters of connections, streams and loops: they only rise, unless they are called a gauge. */
#include <zcnet/status.h>

ZCN_BEGIN_DECLS

/*
 * What went through a stream or connection. copied_bytes is every payload byte that the library itself
 * copied; the copied_* fields below it are its parts.
 */
typedef struct zcn_stats {
    uint64_t struct_size;      /* set by the caller: sizeof(zcn_stats) */
    uint64_t messages_in;      /* delivered */
    uint64_t bytes_in;         /* received, headers included */
    uint64_t messages_out;     /* accepted for sending */
    uint64_t bytes_out;        /* written, headers included */
    uint64_t read_calls;       /* system calls that read */
    uint64_t write_calls;      /* system calls that wrote */
    uint64_t iovecs_out;       /* pieces that they wrote */
    uint64_t copied_bytes;     /* in all */
    uint64_t copied_stash;     /* in: starts of messages, up to 64 bytes each, carried to the next read */
    uint64_t copied_moved;     /* in: starts of messages moved for want of room in their block */
    uint64_t copied_own;       /* in: moved into memory of their own: larger than half a block, or stalled */
    uint64_t copied_aligned;   /* in: bodies moved for the alignment that was asked for */
    uint64_t copied_fed;       /* in: bytes given by zcn_stream_feed() */
    uint64_t copied_out;       /* out: zcn_conn_send_copy(), zcn_unit_append_copy(), copy_below, files that are read */
    uint64_t queued_bytes;     /* gauge: accepted and not yet written */
    uint64_t unfinished_bytes; /* gauge: received bytes of a message that is not complete */
    uint64_t trailing_bytes;   /* bytes of a frame that never finished; set when the connection closed */
    uint64_t messages_dropped; /* out: accepted and dropped, or not queued at all, by the lag option */
    uint64_t bytes_dropped;    /* the bytes of their frames */
    uint64_t file_sendfile;    /* out: bytes of files that sendfile() moved */
    uint64_t file_mmap;        /* out: bytes of files sent from where they were mapped */
    uint64_t file_splice;      /* out: bytes of files that went through a pipe */
    uint64_t file_direct; /* out: bytes of files read past the page cache into memory of the pool, without a copy */
    uint64_t zero_copy_writes;  /* out: system calls that wrote without a copy in the kernel (zero_copy_from) */
    uint64_t zero_copy_bytes;   /* out: what they wrote */
    uint64_t zero_copy_copied;  /* out: of those calls, the ones that the kernel copied all the same */
    uint64_t zero_copy_refused; /* out: such calls that it refused, for want of room say; the bytes were copied */
    uint64_t zero_copy_awaited; /* gauge: such calls that it is not done with */
    uint64_t copied_body;       /* in: of copied_bytes: bodies that were written to files from memory */
    uint64_t file_received;     /* in: bytes of bodies that went into files by splice */
    uint64_t body_dropped;      /* in: bytes of bodies that no file took, since it failed or the connection ended */
    uint64_t requests;          /* out: begun */
    uint64_t answers;           /* in: of them, those that were answered */
    uint64_t unanswered;        /* of them, those that ended without: in time, or with the connection */
    uint64_t requests_waiting;  /* gauge: of them, those that wait for their answers */
    uint64_t pages_lent;        /* out: bytes of constant pages that were handed over as they are */
} zcn_stats;

/* A loop: the sum over its connections, living and closed, and its own work. */
typedef struct zcn_loop_stats {
    uint64_t struct_size;     /* set by the caller: sizeof(zcn_loop_stats) */
    uint64_t polls;           /* zcn_loop_poll() calls */
    uint64_t waits;           /* system calls that waited or asked for readiness */
    uint64_t wakes;           /* wake-ups by the inbox */
    uint64_t events;          /* handed out */
    uint64_t connections;     /* gauge: open now */
    uint64_t accepted;        /* so far */
    uint64_t closed;          /* so far */
    uint64_t accept_limited;  /* times that accepting paused */
    uint64_t pool_pauses;     /* times that reading paused for want of memory */
    uint64_t copied_detached; /* bytes copied by zcn_msg_detach() of borrowed messages of this loop */
    uint64_t paused;          /* gauge: connections that wait for memory now */
    uint64_t pinned_bytes;    /* gauge: blocks that unfinished messages hold in this loop */
    zcn_stats total;          /* total.struct_size is set by the library */
} zcn_loop_stats;

/* The relays of a loop: the sum over both directions of those that are open and those that have ended. */
typedef struct zcn_loop_relay_stats {
    uint64_t struct_size;      /* set by the caller: sizeof(zcn_loop_relay_stats) */
    uint64_t open;             /* gauge: RELAY_ENDED was not told */
    uint64_t ended;            /* so far */
    uint64_t failed;           /* of those that ended: neither in order nor closed */
    uint64_t stalled;          /* gauge: of those open: hold bytes of which none has moved for a second */
    uint64_t forward_bytes;    /* written to second sides */
    uint64_t backward_bytes;   /* written to first sides */
    uint64_t spliced_bytes;    /* read by splice */
    uint64_t copied_bytes;     /* read through memory */
    uint64_t read_calls;       /* system calls that read */
    uint64_t write_calls;      /* system calls that wrote */
    uint64_t messages;         /* whose header was seen by relays with a framing */
    uint64_t held_bytes;       /* gauge: read and not written yet */
    uint64_t lost_bytes;       /* read and never written: known when a relay has ended */
    uint64_t tapped_bytes;     /* written to taps */
    uint64_t tap_missed_bytes; /* that taps did not get */
} zcn_loop_relay_stats;

ZCN_END_DECLS

#endif
