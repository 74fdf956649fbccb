/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_CONN_H
#define ZCNET_CONN_H
/*
 * Connections: streams that a loop drives over TCP or Unix sockets.
 *
 * Addresses: tcp://HOST:PORT (HOST a name, an IPv4 address or an IPv6 address in brackets; in zcn_listen()
 * also * for all), unix:///path, unix-abstract:NAME, fd:N (a connected or listening socket that the program
 * has; the library owns it from then on).
 *
 * The loop holds a reference on each of its connections until the CLOSED event has been handed out and the
 * poll after it begins, so a program that keeps no connection releases none. Every connection gives exactly
 * one CLOSED event, as its last.
 *
 * Zero copy on sending (MSG_ZEROCOPY). Without it the kernel copies what is sent into memory of its own. With
 * zero_copy_from pieces that are large enough (the body of a unit, with its header where that lies in front of it;
 * a small header that lies elsewhere is copied) are sent by a network card from where they lie. Then a unit ends, with
 * SENT or its release function, when the kernel is done with its memory, which is after the peer has acknowledged the
 * bytes: more memory is in use for longer, and the pool wants room for what is on its way.
 *
 * It pays for large pieces on a fast card, and nowhere else. So each connection finds out for itself: the first such
 * piece is a probe, and where the kernel says that it copied after all (loopback, many virtual devices), or where it
 * has no room to lock more pages, bytes are copied again, and another probe follows after a rest of 1 to 64 s. A
 * refusal is never an error and loses nothing. Unix sockets copy always, and so do sockets that come with SO_ZEROCOPY
 * set (one that zcn_conn_take_fd() gave back, say), since how far the kernel has counted is not known then.
 * zcn_conn_explain() tells how it stands; 32768 is a good value to begin with.
 *
 * A connection that is closed waits for the kernel's word within its drain timeout. What is still awaited when CLOSED
 * comes (after a reset, say) is told as ended by then, with the status of what was not sent. Such a SENT event does not
 * say that the memory is free: only a release function does, which is called when the kernel is done, as the pool uses
 * its own memory again only then. For that some loop of the process must be polled, which need not be the same one.
 *
 * Large messages into files. With header_from a frame of at least so many bytes never lies in memory: its header (as it
 * stands on the wire, before the body; empty where the framing has none) is delivered as a message whose event has the
 * size of the body as its token. Then nothing more of the connection is read until zcn_conn_receive_file() has said
 * where the body goes, and deadlines for receiving stand still. So the framing's max
 * may be as large as the largest upload, and what it costs in memory is bounded by header_from. Framings that cannot
 * tell a size before the end (delimiter, raw) know no headers; a custom one that tells late is bounded by max until
 * then. Such a header can be sent on like any message, as the header alone.
 */
#include <zcnet/event.h>
#include <zcnet/stats.h>

ZCN_BEGIN_DECLS

typedef struct zcn_conn_options {
    uint64_t struct_size;            /* set by zcn_conn_options_init() */
    const zcn_framing *send_framing; /* NULL: the same as for receiving */
    uint64_t high_water;             /* queued bytes at which sending says ZCN_AGAIN; 0: 256 KiB */
    uint64_t low_water;              /* queued bytes below which WRITABLE follows; 0: high_water / 4 */
    uint64_t copy_below;             /* foreign segments smaller than this are copied; 0: never */
    uint64_t flush_at;               /* queued bytes at which a send writes at once; 0: 64 KiB */
    uint64_t read_budget;            /* bytes read in one poll before others have their turn; 0: 256 KiB */
    uint32_t messages_per_poll;      /* most messages in one poll; 0: no limit but the array */
    uint32_t align;                  /* bodies start at a multiple of this (8 to 4096, a power of two); 0: no */
    uint32_t align_from;             /* bodies smaller than this are left where they are; 0: all are aligned */
    uint32_t half_open;              /* 1: the peer's end gives PEER_CLOSED and the connection stays open to send;
                                        0: what is queued is sent, then it closes with ZCN_EOF; 2: as 1, and bytes
                                        that are not in the framing give PEER_CLOSED too, with the status that CLOSED
                                        has in the end: what still comes is dropped, and the peer can be told so */
    uint32_t connect_timeout_ms;     /* 0: 30000 */
    uint32_t message_timeout_ms;     /* from the first byte of a message to its last; 0: 60000 */
    uint32_t idle_timeout_ms;        /* without a byte in or out, while it is read; 0: never */
    uint32_t drain_timeout_ms;       /* for what is queued when the connection closes; 0: 5000 */
    uint32_t delay;                  /* TCP: 1 lets the kernel hold small segments back (TCP_NODELAY off) */
    uint32_t keepalive_s;            /* TCP: idle seconds before the first probe; 0: no keep-alive */
    uint32_t keepalive_interval_s;   /* TCP: seconds between probes; 0: the system's */
    uint32_t keepalive_count;        /* TCP: probes before the connection is dead; 0: the system's */
    uint32_t user_timeout_ms;        /* TCP: unacknowledged for so long is dead (TCP_USER_TIMEOUT); 0: the system's */
    uint32_t send_buffer;            /* SO_SNDBUF in bytes; 0: the system's */
    uint32_t receive_buffer;         /* SO_RCVBUF in bytes; 0: the system's */
    uint32_t start_paused;           /* 1: reads nothing before zcn_conn_resume() */
    uintptr_t user;                  /* user value */
    uint32_t lag;                    /* what a send does above high water: ZCN_LAG_* */
    uint32_t file_method;            /* how files are sent that do not say so themselves: ZCN_FILE_*, see file.h */
    uint64_t zero_copy_from;         /* TCP: pieces of at least so many bytes (4096 at least) may leave without a copy
                                        in the kernel, see above; 0: all are copied */
    uint64_t header_from;            /* frames of at least so many bytes are delivered as their header alone, see below;
                                        0: all are delivered whole */
    uint32_t id_width;               /* 2, 4 or 8: bytes of the id by which answers find their requests, see request.h;
                                        0: messages carry none. Not together with header_from */
    uint32_t id_offset;              /* bytes before it in zcn_msg_data() of a received message */
    uint32_t send_id_offset;         /* bytes before it in a body that is sent */
    uint32_t id_little_endian;       /* 0 big (default), 1 little */
    uint32_t max_requests;           /* without an answer at a time; 0, and at most with width 2: 32767 */
    uint32_t reserved;               /* 0 */
} zcn_conn_options;

/*
 * What becomes of messages for a receiver that lags behind: that has high_water bytes queued. With anything but
 * ZCN_LAG_REFUSE sends do not say ZCN_AGAIN, zcn_conn_forward() holds nobody up, and one slow receiver never stalls
 * the others. A message that is partly sent is never dropped, and neither is one that was queued below high water,
 * but for a newer one. Statistics count what was dropped; a unit with a token ends with SENT and ZCN_EDROPPED.
 */
enum {
    ZCN_LAG_REFUSE = 0,      /* the send says ZCN_AGAIN, and WRITABLE follows */
    ZCN_LAG_DROP_NEWEST = 1, /* the message that is being sent is dropped */
    ZCN_LAG_DROP_OLDEST = 2, /* those that have waited longest are dropped until less than high_water is queued */
    ZCN_LAG_KEEP_LATEST = 3, /* all that are queued are dropped for the one that is being sent */
    ZCN_LAG_DISCONNECT = 4   /* the connection ends at once, with CLOSED and ZCN_ELAGGED */
};

/* For zcn_conn_get_option() and zcn_conn_set_option(): value in the unit that the options struct has. */
enum {
    ZCN_OPTION_DELAY = 1,
    ZCN_OPTION_KEEPALIVE_S = 2,
    ZCN_OPTION_KEEPALIVE_INTERVAL_S = 3,
    ZCN_OPTION_KEEPALIVE_COUNT = 4,
    ZCN_OPTION_USER_TIMEOUT_MS = 5,
    ZCN_OPTION_SEND_BUFFER = 6,
    ZCN_OPTION_RECEIVE_BUFFER = 7,
    ZCN_OPTION_HIGH_WATER = 8,
    ZCN_OPTION_LOW_WATER = 9,
    ZCN_OPTION_IDLE_TIMEOUT_MS = 10,
    ZCN_OPTION_MESSAGE_TIMEOUT_MS = 11,
    ZCN_OPTION_DRAIN_TIMEOUT_MS = 12,
    ZCN_OPTION_MESSAGES_PER_POLL = 13,
    ZCN_OPTION_QUICK_ACK = 14, /* TCP: TCP_QUICKACK, set only */
    ZCN_OPTION_FILE_METHOD = 15,
    ZCN_OPTION_ZERO_COPY_FROM = 16
};

/* zcn_conn_get_state() */
enum {
    ZCN_STATE_CONNECTING = 1,
    ZCN_STATE_OPEN = 2,
    ZCN_STATE_DRAINING = 3, /* close was asked for; what is queued is being sent */
    ZCN_STATE_CLOSED = 4
};

/**
 * Fill options with the defaults.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_conn_options_init(zcn_conn_options *options, size_t struct_size);

/**
 * Connect to an address. The answer comes as CONNECTED, or as CLOSED with ZCN_EREFUSED, ZCN_ETIMEDOUT,
 * ZCN_EUNREACHABLE, ZCN_ERESOLVE … Units may be sent at once; they leave when the connection stands. All
 * addresses of a name are tried in turn, each with its share of the connect timeout.
 *
 * @param out      borrowed: valid until the poll after its CLOSED event; retain it to keep it. NULL on failure
 * @param address  as above; at most 512 bytes
 * @param framing  for receiving; the connection keeps a reference
 * @param options  or NULL for the defaults
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EOPTION · ZCN_EADDRESS · ZCN_ENOMEM · ZCN_ENOBUFS the framing's max exceeds the
 *         pool's limit · ZCN_ESYS · ZCN_EUNSUPPORTED a name, on a loop without helper · ZCN_EFORKED ·
 *         ZCN_ECLOSED the loop is closed; zcn_loop_get_error() has the details
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_connect(zcn_conn **out, zcn_loop *loop, const char *address,
                                             const zcn_framing *framing, const zcn_conn_options *options);

/**
 * Drive a connected stream socket that the program has. It becomes non-blocking.
 *
 * @param fd  consumed on ZCN_OK
 * @return as zcn_connect(), and ZCN_EUNSUPPORTED fd is not a stream socket
 * @ownership out is borrowed, as with zcn_connect()
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_adopt(zcn_conn **out, zcn_loop *loop, int fd, const zcn_framing *framing,
                                                const zcn_conn_options *options);

/**
 * Give the descriptor back to the program. The connection ends with CLOSED (ZCN_OK); received bytes that were not
 * delivered are handed out.
 *
 * @param out_fd    the descriptor, owned by the caller; -1 on failure
 * @param out_rest  a message with the bytes that were received and not delivered, owned; NULL when there is
 *                  none. May be NULL: then such bytes are ZCN_EBUSY
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EBUSY units are queued, or the kernel is not done with memory that it was sent
 *         from without a copy · ZCN_ECLOSED · ZCN_ENOMEM
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_take_fd(zcn_conn *conn, int *out_fd, zcn_msg **out_rest);

/**
 * Hand the connection to another loop, with everything that is queued and received. It appears there with
 * ARRIVED, and its later events come there. Events that are in the current array stay.
 *
 * Where connections are accepted on one loop and served on others, do it at ACCEPTED: that event is the only one of
 * its connection in its array, so that no message is left behind.
 *
 * @param loop  whose pool is the same as that of the present loop
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EBUSY it is not open yet, or the call comes from a release function of what it
 *         has sent · ZCN_ECLOSED · ZCN_ENOMEM · ZCN_ENOBUFS · ZCN_EUNSUPPORTED the pools differ, or
 *         the connection is a dialer's · ZCN_EFORKED
 * @thread owner of the present loop; after ZCN_OK the connection belongs to the owner of the other
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_move(zcn_conn *conn, zcn_loop *loop);

/**
 * Queue a unit. It leaves at the next poll, when flush_at bytes are queued, or with zcn_conn_flush().
 * Units leave in the order of the calls.
 *
 * @param unit  consumed on ZCN_OK, and only then. Sealed with the connection's framing if it is not sealed
 * @return ZCN_OK it was queued, or dropped by the lag option · ZCN_AGAIN above high water: a WRITABLE event tells when
 *         to go on · ZCN_EFRAME_* the framing cannot carry it · ZCN_ECLOSED · ZCN_EINVAL · ZCN_ENOMEM · ZCN_ENOBUFS ·
 *         ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_send(zcn_conn *conn, zcn_unit *unit);

/* Flags of zcn_conn_send_to_all(). */
enum {
    ZCN_ALL_OR_NOTHING = 1 /* the unit is queued on each of the connections, or on none */
};

/**
 * Queue one unit on many connections of one loop, without a copy: fan-out. What each of them says is independent of
 * the others, unless ZCN_ALL_OR_NOTHING asks otherwise.
 *
 * @param conns     each at most once; NULL is ZCN_EINVAL for that one
 * @param unit      consumed on ZCN_OK, and only then. Sealed with the first connection's framing if it is not sealed
 * @param flags     0 or ZCN_ALL_OR_NOTHING
 * @param statuses  count of them, or NULL: what zcn_conn_send() says of each; with ZCN_ALL_OR_NOTHING, after a
 *                  failure, what each would have said
 * @param out_sent  how many took it; may be NULL
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ESTALE the unit · ZCN_EFRAME_* it cannot be sealed · ZCN_ENOMEM · with
 *         ZCN_ALL_OR_NOTHING the first status that was not ZCN_OK; ZCN_EUNSUPPORTED then stands for a connection whose
 *         framing needs another header of more than 16 bytes
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_send_to_all(zcn_conn *const *conns, size_t count, zcn_unit *unit,
                                                      uint32_t flags, zcn_status *statuses, size_t *out_sent);

/**
 * Queue many units.
 *
 * @param out_sent  how many of them, from the first on, were consumed; may be NULL
 * @return ZCN_OK all of them · else why the unit at *out_sent was not, as zcn_conn_send()
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_send_batch(zcn_conn *conn, zcn_unit *const *units, size_t count,
                                                     size_t *out_sent);

/**
 * Queue the whole frame of a received message as it stands on the wire, without a copy: echo and forward.
 *
 * @param msg  borrowed or owned; it stays the caller's
 * @return as zcn_conn_send(), and ZCN_ESTALE · ZCN_EUNSUPPORTED msg has no frame
 * @thread owner; the loop of a borrowed msg must be the loop of conn, or belong to the same thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_send_msg(zcn_conn *conn, const zcn_msg *msg);

/**
 * Pass a message of the current array on, as zcn_conn_send_msg() does, but with the back-pressure built in: it is
 * accepted above high water too, and the connection that it came from is then not read until conn is below low water
 * again. So an echo server or a proxy loses nothing and needs no queue of its own, and what a slow receiver costs stays
 * bounded by high_water and one read of each connection that passes messages to it. Deadlines for receiving stand
 * still meanwhile. A connection that was moved to another loop since the poll is not held up.
 *
 * @param msg  borrowed, of the loop that drives conn; it stays the caller's
 * @return ZCN_OK · ZCN_ECLOSED conn has ended or can send no more, also where its CLOSED event is still to come ·
 *         ZCN_EINVAL msg is not borrowed from this loop · ZCN_ESTALE · ZCN_ENOMEM · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_forward(zcn_conn *conn, const zcn_msg *msg);

/**
 * Copy some bytes and queue them as one message: the simple way. They count as copied.
 *
 * @return as zcn_conn_send()
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_send_copy(zcn_conn *conn, const void *data, uint64_t size);

/**
 * Room to write messages straight into the connection's queue; each is ended by zcn_conn_commit().
 *
 * @param out_data  where the body of the next message is written; NULL on failure
 * @param out_room  bytes that it may have, at least size; 0 on failure; may be NULL
 * @param size      bytes that the next message needs
 * @return ZCN_OK · ZCN_AGAIN above high water · ZCN_ECLOSED · ZCN_EINVAL · ZCN_EUNSUPPORTED a framing whose header
 *         size depends on the body (varint), or a lag option other than ZCN_LAG_REFUSE · ZCN_EFRAME_TOO_LARGE for the
 *         framing, or for one block of the pool: send a unit then · ZCN_ENOMEM · ZCN_ENOBUFS · ZCN_EFORKED
 * @lifetime until another call on conn, or the next poll
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_reserve(zcn_conn *conn, void **out_data, uint64_t *out_room, uint64_t size);

/**
 * Queue the message that was written into the reserved room, and show where the next one may be written.
 *
 * @param size      bytes of the body, at most the room
 * @param out_data  room for the next body, or NULL when there is none left (zcn_conn_reserve() gets more);
 *                  may be NULL when no next one is wanted
 * @param out_room  bytes that it may have; may be NULL
 * @return ZCN_OK · ZCN_EINVAL nothing is reserved, or less than size · ZCN_EFRAME_* the message was not queued;
 *         the room stays reserved · ZCN_ECLOSED
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_commit(zcn_conn *conn, uint64_t size, void **out_data, uint64_t *out_room);

/**
 * Queue a unit from any thread. Units of one thread keep their order.
 *
 * @param unit  consumed on ZCN_OK, and only then. If it is not sealed, no other thread may touch it any more.
 *              One that the framing cannot carry ends when the loop takes it, with a SENT event if it has a token
 * @return ZCN_OK · ZCN_AGAIN as much as high_water is posted or queued (with a lag option other than ZCN_LAG_REFUSE:
 *         is posted and not taken by the loop yet) · ZCN_ECLOSED · ZCN_EINVAL · ZCN_ENOMEM ·
 *         ZCN_EFORKED
 * @thread any thread that holds a reference
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_post(zcn_conn *conn, zcn_unit *unit);

/**
 * Write what is queued now, as far as the socket takes it.
 *
 * @return ZCN_OK all is written · ZCN_AGAIN some is left; it goes on by itself · ZCN_ECLOSED · ZCN_EINVAL · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_flush(zcn_conn *conn);

/**
 * Close: what is queued is sent until the drain timeout, then CLOSED (ZCN_OK) comes; ZCN_ETIMEDOUT when the time was
 * not enough. No message is delivered any more; those in the current array are blanked when the thread that polled
 * last is the one that closes. Calling it again does nothing.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFORKED
 * @thread any thread that holds a reference; it takes effect after every send and post that happened before
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_close(zcn_conn *conn);

/**
 * End at once: what is queued is dropped, the peer gets a reset (TCP). CLOSED (ZCN_EABORTED) comes.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFORKED
 * @thread any thread that holds a reference
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_abort(zcn_conn *conn);

/**
 * Send no more: what is queued leaves, then the peer sees the end. Receiving goes on.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ECLOSED · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_shutdown(zcn_conn *conn);

/**
 * Stop reading. Messages that are in the current array stay; deadlines for receiving stand still.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ECLOSED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_pause(zcn_conn *conn);

/**
 * Read again.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ECLOSED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_resume(zcn_conn *conn);

/**
 * Change the receive framing. Parsing starts again at the end of after_msg; later events of conn in the current
 * array are blanked and come again under the new framing, an error that parsing found included.
 *
 * @param after_msg  a message of conn in the current array; NULL: everything that was delivered stays, parsing
 *                   starts again behind it
 * @return ZCN_OK · ZCN_EINVAL after_msg is not in the current array or not of conn · ZCN_EBUSY a later message of conn
 *         was retained, or a body that is being received begins behind one · ZCN_ECLOSED · ZCN_ENOMEM · ZCN_ENOBUFS
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_set_framing(zcn_conn *conn, const zcn_msg *after_msg,
                                                      const zcn_framing *framing);

/**
 * Change the framing of what is sent from now on.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ECLOSED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_set_send_framing(zcn_conn *conn, const zcn_framing *framing);

/**
 * The user value, which comes with every event of the connection, also with those further down in the current array;
 * ACCEPTED alone has the listener's.
 *
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_set_user(zcn_conn *conn, uintptr_t user);
ZCN_API uintptr_t zcn_conn_get_user(const zcn_conn *conn);

/**
 * Set a socket or flow option (ZCN_OPTION_*).
 *
 * @return ZCN_OK · ZCN_EINVAL the value is out of range · ZCN_EOPTION · ZCN_EUNSUPPORTED not on this transport, or a
 *         socket option before there is a socket · ZCN_ECLOSED · ZCN_ESYS · ZCN_ENOMEM · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_set_option(zcn_conn *conn, uint32_t option, uint64_t value);

/**
 * Read a socket or flow option. Buffer sizes are what the kernel made of them.
 *
 * @param out_value  0 on failure
 * @return as zcn_conn_set_option()
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_get_option(zcn_conn *conn, uint32_t option, uint64_t *out_value);

/**
 * Addresses of the two ends as text, in the form that zcn_connect() takes; "unix:" for an unnamed one.
 *
 * @param buffer    filled and terminated; 128 bytes are enough
 * @param capacity  of buffer, at least 1
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOBUFS it did not fit · ZCN_ECLOSED · ZCN_ESYS
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_local_address(zcn_conn *conn, char *buffer, size_t capacity);
ZCN_API zcn_status zcn_conn_peer_address(zcn_conn *conn, char *buffer, size_t capacity);

/**
 * Say in words which ways the connection's bytes went so far, which they go now, and why: a line for gathered writes,
 * one for zero copy, one for files. For people and logs; zcn_stats has the same figures for programs.
 *
 * @param buffer    filled and terminated; 768 bytes are enough
 * @param capacity  of buffer, at least 1
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOBUFS it did not fit, and was cut · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_explain(zcn_conn *conn, char *buffer, size_t capacity);

/**
 * The descriptor, borrowed, for socket options that have no name here; -1 when closed. Do not read, write or
 * close it.
 *
 * @thread owner
 * @since 0.1
 */
ZCN_API int zcn_conn_fd(const zcn_conn *conn);

/**
 * ZCN_STATE_*; 0 for NULL.
 *
 * @thread owner
 * @since 0.1
 */
ZCN_API uint32_t zcn_conn_get_state(const zcn_conn *conn);

/**
 * The loop that drives the connection, borrowed. Who finds the own loop here is the connection's owner; to others the
 * answer may be old already.
 *
 * @thread any thread that holds a reference
 * @since 0.1
 */
ZCN_API zcn_loop *zcn_conn_loop(const zcn_conn *conn);

/**
 * Why the connection ended.
 *
 * @param error  with struct_size set; status is ZCN_OK while it lives, but for one that half_open 2 keeps open to send:
 *               why nothing more is read
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_get_error(const zcn_conn *conn, zcn_error *error);

/**
 * Read the connection's counters.
 *
 * @param stats  with struct_size set
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_get_stats(const zcn_conn *conn, zcn_stats *stats);

/**
 * Take another reference.
 *
 * @return conn
 * @thread any thread that holds one, or the owner while it is borrowed
 * @since 0.1
 */
ZCN_API zcn_conn *zcn_conn_retain(zcn_conn *conn);

/**
 * End one reference. It does not close the connection: the loop holds its own until CLOSED.
 *
 * @param conn  or NULL for nothing
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_conn_release(zcn_conn *conn);

ZCN_END_DECLS

#endif
