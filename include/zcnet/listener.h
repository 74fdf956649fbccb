/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_LISTENER_H
#define ZCNET_LISTENER_H
/* Listeners: they accept connections, each of which appears with an ACCEPTED event. */
#include <zcnet/conn.h>

ZCN_BEGIN_DECLS

typedef struct zcn_listen_options {
    uint64_t struct_size;         /* set by zcn_listen_options_init() */
    const zcn_conn_options *conn; /* for accepted connections; NULL: the defaults */
    uint32_t backlog;             /* 0: 1024 */
    uint32_t reuse_port;          /* 1: SO_REUSEPORT, one listener a core on the same port */
    uint32_t max_connections;     /* accepted ones open at a time, but for those moved away; 0: no limit */
    uint32_t accepts_per_poll;    /* 0: 64 */
    uint32_t v6_only;             /* 1: an IPv6 address does not take IPv4 too */
    uint32_t unix_mode;           /* permissions of the socket file, such as 0600; 0: by umask */
    uint32_t keep_path;           /* 1: the socket file is not removed: not a stale one before, not ours after */
    uint32_t reserved;            /* 0 */
    uintptr_t user;               /* user value */
} zcn_listen_options;

typedef struct zcn_listener_stats {
    uint64_t struct_size; /* set by the caller */
    uint64_t accepted;    /* so far */
    uint64_t open;        /* gauge: accepted and neither closed nor moved to another loop */
    uint64_t limited;     /* times that accepting paused */
    uint64_t dropped;     /* connections closed at once because descriptors ran out */
    uint64_t failed;      /* connections that ended before they were accepted */
} zcn_listener_stats;

/**
 * Fill options with the defaults.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_listen_options_init(zcn_listen_options *options, size_t struct_size);

/**
 * Listen on an address (see conn.h). Port 0 takes a free one; zcn_listener_address() tells which. A socket file
 * that nobody listens on any more is replaced.
 *
 * @param out      new reference on ZCN_OK, else NULL. It stays open when it is released; zcn_listener_close() ends it
 * @param framing  for accepted connections; a reference is kept
 * @param options  or NULL for the defaults
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EOPTION · ZCN_EADDRESS · ZCN_ERESOLVE · ZCN_EINUSE · ZCN_EACCESS · ZCN_ENOBUFS the
 *         framing's max exceeds the pool's limit · ZCN_ENOMEM · ZCN_ESYS · ZCN_EUNSUPPORTED fd:N does not listen ·
 *         ZCN_EFORKED · ZCN_ECLOSED; zcn_loop_get_error() has the details
 * @ownership owned: zcn_listener_release()
 * @thread owner of the loop. A name other than a numeric address is looked up at once and may block
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_listen(zcn_listener **out, zcn_loop *loop, const char *address,
                                            const zcn_framing *framing, const zcn_listen_options *options);

/**
 * Tell the loop's counters to whoever connects to a Unix socket: `zcnet stat ADDRESS` shows them, in the format of
 * Prometheus too. They are those of zcn_loop_get_stats(), of zcn_loop_get_relay_stats() and of the loop's pool, and the
 * connections and relays that hold most bytes. The loop answers when it is polled: one that does not answer is one that
 * nobody polls. It answers too when no descriptors are left. There are no events but LISTENER_CLOSED.
 *
 * The text is lines: "zcnet VERSION", then "counter NAME VALUE" or "gauge NAME VALUE", then "conn ADDRESS" and "relay
 * ADDRESS ADDRESS" (of the peers of the first and the second side, "-" where it is gone) with pairs of name and value,
 * at last "end". Spaces and control characters in an address are shown as '?'. Later versions add names and kinds of
 * lines.
 *
 * @param out      new reference on ZCN_OK, else NULL. It stays open when it is released; zcn_listener_close() ends it
 * @param address  unix:///path, for the user of this process alone (mode 0600), or unix-abstract:NAME, for whoever is
 *                 on this machine
 * @return as zcn_listen()
 * @ownership owned: zcn_listener_release()
 * @thread owner of the loop
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_listen_stat(zcn_listener **out, zcn_loop *loop, const char *address);

/**
 * The bound address as text, such as "tcp://127.0.0.1:41234".
 *
 * @param buffer    filled and terminated; 128 bytes are enough
 * @param capacity  of buffer
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOBUFS it did not fit · ZCN_ECLOSED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_listener_address(const zcn_listener *listener, char *buffer, size_t capacity);

/**
 * Stop listening. Accepted connections live on. LISTENER_CLOSED (ZCN_OK) comes. Calling it again does nothing.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_listener_close(zcn_listener *listener);

/**
 * The user value, which comes with ACCEPTED.
 *
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_listener_set_user(zcn_listener *listener, uintptr_t user);
ZCN_API uintptr_t zcn_listener_get_user(const zcn_listener *listener);

/**
 * The descriptor, borrowed; -1 when closed.
 *
 * @thread owner
 * @since 0.1
 */
ZCN_API int zcn_listener_fd(const zcn_listener *listener);

/**
 * Read the listener's counters.
 *
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_listener_get_stats(const zcn_listener *listener, zcn_listener_stats *stats);

/**
 * Take another reference.
 *
 * @return listener
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_listener *zcn_listener_retain(zcn_listener *listener);

/**
 * End one reference.
 *
 * @param listener  or NULL for nothing
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_listener_release(zcn_listener *listener);

ZCN_END_DECLS

#endif
