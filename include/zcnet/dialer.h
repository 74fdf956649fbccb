/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_DIALER_H
#define ZCNET_DIALER_H
/*
 * Dialers: they keep one connection to an address, and make a new one when it ends.
 *
 * Each attempt is a connection like any other: CONNECTED comes when it stands, CLOSED when it has ended or could not
 * be made. Behind that comes REDIAL, which says why and when the next attempt follows. The wait doubles from first_ms
 * to longest_ms with each attempt that fails or whose connection stands for less than the wait before it, and begins
 * anew after one that lasted. Of each wait a random part between half and all is waited, so that a thousand clients
 * do not come back at once.
 *
 * What was queued on a connection that ends is not sent on the next one: its units end with the connection's status,
 * and the program, which alone knows what may be sent twice, sends them again or does not. Units that are sent while
 * the connection is being made leave when it stands.
 */
#include <zcnet/conn.h>

ZCN_BEGIN_DECLS

typedef struct zcn_dial_options {
    uint64_t struct_size;         /* set by zcn_dial_options_init() */
    const zcn_conn_options *conn; /* for each connection; NULL: the defaults. Its framings and values are kept */
    uint32_t first_ms;            /* the first wait; 0: 100 */
    uint32_t longest_ms;          /* 0: 30000; at least first_ms */
    uint32_t attempts;            /* that fail in a row before it gives up; 0: it never does */
    uint32_t reserved;            /* 0 */
    uintptr_t user;               /* user value, which comes with REDIAL and DIALER_CLOSED */
} zcn_dial_options;

typedef struct zcn_dialer_stats {
    uint64_t struct_size; /* set by the caller */
    uint64_t attempts;    /* so far */
    uint64_t connected;   /* of them, those that stood */
    uint64_t failures;    /* gauge: attempts in a row that did not last */
    uint64_t wait_ms;     /* gauge: until the next attempt; 0: one is under way, or stands, or there is none any more */
} zcn_dialer_stats;

/**
 * Fill options with the defaults.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_dial_options_init(zcn_dial_options *options, size_t struct_size);

/**
 * Connect to an address (see conn.h; not fd:N), now and whenever the connection has ended.
 *
 * @param out      new reference on ZCN_OK, else NULL. It goes on when it is released; zcn_dialer_close() ends it
 * @param framing  for receiving; a reference is kept
 * @param options  or NULL for the defaults
 * @return as zcn_connect(); zcn_loop_get_error() has the details. That nobody is there is no failure: REDIAL says so
 * @ownership owned: zcn_dialer_release()
 * @thread owner of the loop
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_dial(zcn_dialer **out, zcn_loop *loop, const char *address,
                                          const zcn_framing *framing, const zcn_dial_options *options);

/**
 * The present connection, which stands or is being made. A connection of a dialer cannot be moved to another loop.
 *
 * @return borrowed: valid until the poll after its CLOSED event. NULL while the dialer waits, and when it is closed
 *         and its connection has ended
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_conn *zcn_dialer_get_conn(const zcn_dialer *dialer);

/**
 * Try now instead of at the end of the wait, and wait from first_ms on again; nothing happens while there is a
 * connection. For when the program learns that the network is back.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ECLOSED · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_dialer_hurry(zcn_dialer *dialer);

/**
 * Make no more connections. The present one lives on, until it ends or the program closes it. DIALER_CLOSED (ZCN_OK)
 * comes. Calling it again does nothing.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_dialer_close(zcn_dialer *dialer);

/**
 * The user value.
 *
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_dialer_set_user(zcn_dialer *dialer, uintptr_t user);
ZCN_API uintptr_t zcn_dialer_get_user(const zcn_dialer *dialer);

/**
 * Read the dialer's counters.
 *
 * @param stats  with struct_size set
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_dialer_get_stats(const zcn_dialer *dialer, zcn_dialer_stats *stats);

/**
 * Take another reference.
 *
 * @return dialer
 * @thread any thread that holds one
 * @since 0.1
 */
ZCN_API zcn_dialer *zcn_dialer_retain(zcn_dialer *dialer);

/**
 * End one reference. It does not end the dialer: the loop holds its own until DIALER_CLOSED.
 *
 * @param dialer  or NULL for nothing
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_dialer_release(zcn_dialer *dialer);

ZCN_END_DECLS

#endif
