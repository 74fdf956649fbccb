/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_EVENT_H
#define ZCNET_EVENT_H
/* What a poll hands out: an array of events of one fixed layout, in the memory of the loop or stream. */
#include <zcnet/status.h>

ZCN_BEGIN_DECLS

enum {
    ZCN_EVENT_NONE = 0,             /* blanked by a close or a change of framing: skip it */
    ZCN_EVENT_CONNECTED = 1,        /* conn: zcn_connect() succeeded, or the first of an adopted one. As ACCEPTED and
                                       ARRIVED, no message of the connection stands in the same array */
    ZCN_EVENT_ACCEPTED = 2,         /* conn: a listener's new connection; user is the listener's */
    ZCN_EVENT_MESSAGE = 3,          /* conn, msg, data, size; token: of the request that it answers (see request.h), or
                                       the bytes of the body behind a header that was delivered alone (header_from, see
                                       conn.h), else 0 */
    ZCN_EVENT_SENT = 4,             /* conn, token, size, status: the units with tokens token, token + 1 … token +
                                       size - 1 have ended; status ZCN_OK: written, else why not */
    ZCN_EVENT_WRITABLE = 5,         /* conn: below low water again after a ZCN_AGAIN */
    ZCN_EVENT_PEER_CLOSED = 6,      /* conn, status: the peer sends no more (only with the option half_open), or, with
                                       ZCN_EFRAME_* (half_open 2), what it sent is not in the framing */
    ZCN_EVENT_CLOSED = 7,           /* conn, status: the last event of a connection, with the one reason */
    ZCN_EVENT_WOKEN = 8,            /* zcn_loop_wake() was called */
    ZCN_EVENT_TIMER = 9,            /* token of zcn_loop_timer_set() */
    ZCN_EVENT_ACCEPT_LIMITED = 10,  /* user is the listener's; status: max_connections was reached (ZCN_ENOBUFS), or
                                       none can be accepted (ZCN_ESYS), size: errno says why, EMFILE when descriptors
                                       ran out; accepting goes on later */
    ZCN_EVENT_POOL_LIMITED = 11,    /* conn: reading pauses until the pool has memory again */
    ZCN_EVENT_ARRIVED = 12,         /* conn: moved here by zcn_conn_move() */
    ZCN_EVENT_LISTENER_CLOSED = 13, /* user is the listener's; status: why */
    ZCN_EVENT_RELAY_ENDED = 14,     /* user is the relay's, data the zcn_relay, borrowed until the next poll; status:
                                        why; size: bytes written in both directions */
    ZCN_EVENT_REDIAL = 15,          /* user is the dialer's, data the zcn_dialer, borrowed until the next poll; status:
                                        why its connection ended, or could not be made; size: milliseconds until the next
                                        attempt; token: attempts in a row that did not last */
    ZCN_EVENT_DIALER_CLOSED = 16,   /* user is the dialer's; status: ZCN_OK it was closed, else why the last of its
                                        attempts failed */
    ZCN_EVENT_UNANSWERED = 17,      /* conn, token: of a request that has no answer; status: why, ZCN_ETIMEDOUT or why
                                       the connection ended */
    ZCN_EVENT_FILE_RECEIVED = 18,   /* conn, token, size, status: what zcn_conn_receive_file() asked for has ended;
                                       size: bytes that were written to the file; status ZCN_OK: all of them, else why
                                       there are not more. It comes once for each such call, before CLOSED */
    ZCN_EVENT_POOL_READY = 19       /* token, size, status: a pool that zcn_loop_await_memory() asked about has room
                                       again; status ZCN_EINVAL: it can have none any more */
};

typedef struct zcn_event {
    uint32_t type;     /* ZCN_EVENT_* */
    zcn_status status; /* ZCN_OK, or the reason */
    zcn_conn *conn;    /* borrowed until the next poll; NULL where the list above names none */
    uintptr_t user;    /* user value of conn or listener */
    zcn_msg *msg;      /* borrowed until the next poll */
    const void *data;  /* zcn_msg_data(msg) */
    uint64_t size;     /* zcn_msg_size(msg), or a count */
    uint64_t token;    /* of a unit, timer or request */
    uint64_t reserved; /* the library's own */
} zcn_event;

ZCN_END_DECLS

#endif
