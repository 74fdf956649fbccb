/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_BASE_H
#define ZCNET_BASE_H
/*
 * What every header of libzcnet shares: the conventions, the handle types, the export macros.
 *
 * Types      Handles are opaque and counted. Structs have fixed-width fields and no padding that means
 *            something; an options struct starts with its own size and is filled by its *_options_init().
 * NULL       A NULL handle is ZCN_EINVAL, except in *_release(NULL), which is nothing. NULL options are
 *            the defaults.
 * Out        Out-parameters come first and are set to NULL or 0 when a call fails. A failed call changes
 *            nothing else.
 * Ownership  "owned": you hold one reference and end it with *_release(). "borrowed": valid as long as the
 *            call that gave it says. "consumed": the call took your reference, on ZCN_OK and only then.
 * Threads    "owner": one thread at a time, any thread; the caller keeps calls from overlapping. "any
 *            thread": no rule. Nothing is thread-local, so goroutines and tasks may move between threads.
 * Errors     zcn_status says what happened; errno and a sentence lie in the object (*_get_error()).
 * Fork       A child sees the parent's handles as dead: calls say ZCN_EFORKED, release stays safe.
 * Signals    None is raised (no SIGPIPE), no handler is installed, EINTR never shows.
 * Quiet      Nothing is printed, there is no global constructor, and one environment variable is read, where pools,
 *            framings and files are made (not in programs that run with more rights than their user):
 *            ZCNET_DEBUG=poison makes the use of memory that was given back fault, or read 0xDB, at the price of memory
 *            that is used only once; ZCNET_DEBUG=leak reports on standard error, when the program ends, each handle of
 *            any kind that is still held, with the place that made it. Both: leak,poison.
 * Checkers   Valgrind and the address sanitizer are told which bytes of messages and blocks may not be used any more.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h> /* struct iovec */

#if defined(__GNUC__) || defined(__clang__)
#define ZCN_API __attribute__((visibility("default")))
#define ZCN_NODISCARD __attribute__((warn_unused_result))
#else
#define ZCN_API
#define ZCN_NODISCARD
#endif

#ifdef __cplusplus
#define ZCN_BEGIN_DECLS extern "C" {
#define ZCN_END_DECLS }
#else
#define ZCN_BEGIN_DECLS
#define ZCN_END_DECLS
#endif

ZCN_BEGIN_DECLS

typedef struct zcn_pool zcn_pool;             /* where memory comes from */
typedef struct zcn_msg zcn_msg;               /* a view of a received message */
typedef struct zcn_unit zcn_unit;             /* what is sent as one message */
typedef struct zcn_framing zcn_framing;       /* where messages begin and end; immutable */
typedef struct zcn_stream zcn_stream;         /* framing and queues without a descriptor */
typedef struct zcn_conn zcn_conn;             /* a stream that a loop drives over a socket */
typedef struct zcn_listener zcn_listener;     /* accepts connections */
typedef struct zcn_dialer zcn_dialer;         /* makes one connection after the other to an address */
typedef struct zcn_loop zcn_loop;             /* the event loop */
typedef struct zcn_relay zcn_relay;           /* bytes between two connections, by splice */
typedef struct zcn_file zcn_file;             /* an open file, to send from */
typedef struct zcn_file_cache zcn_file_cache; /* open files by path */

ZCN_END_DECLS

#endif
