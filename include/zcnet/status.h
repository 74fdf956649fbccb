/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_STATUS_H
#define ZCNET_STATUS_H
/* Every status that the library returns. Values are pinned for ever. */
#include <zcnet/base.h>

ZCN_BEGIN_DECLS

/* 0 is success; positive is not an error; negative is one. Not an enum type: its size must not vary. */
typedef int32_t zcn_status;

/* The one list of names: X(name, value, text). zcn_status_name() and zcn_status_text() are made from it. */
#define ZCN_STATUS_TABLE(X)                                                                         \
    X(ZCN_OK, 0, "success")                                                                         \
    X(ZCN_AGAIN, 1, "nothing to do now: a queue is above its high-water mark, or nothing is ready") \
    X(ZCN_EOF, 2, "the peer ended the stream in order")                                             \
    X(ZCN_EINVAL, -1, "an argument is out of range or NULL")                                        \
    X(ZCN_ENOMEM, -2, "the system has no memory")                                                   \
    X(ZCN_ENOBUFS, -3, "a limit that the program set is reached (pool, queue, descriptors)")        \
    X(ZCN_EOPTION, -4, "an option is not known to this version of the library")                     \
    X(ZCN_EBUSY, -5, "the owner's calls overlap, or the object is in use")                          \
    X(ZCN_ESTALE, -6, "the handle was released already, or its borrow has ended")                   \
    X(ZCN_EFORKED, -7, "the handle belongs to the parent process")                                  \
    X(ZCN_EUNSUPPORTED, -8, "this transport, kernel or build cannot do that")                       \
    X(ZCN_EINTERNAL, -9, "a fault of the library")                                                  \
    X(ZCN_EFRAME_TOO_LARGE, -20, "a frame is longer than the framing's maximum")                    \
    X(ZCN_EFRAME_UNDERFLOW, -21, "a length field makes the frame shorter than its own header")      \
    X(ZCN_EFRAME_VARINT, -22, "a varint is longer than allowed or does not fit 64 bits")            \
    X(ZCN_EFRAME_STRIP, -23, "more bytes are to be stripped than the frame has")                    \
    X(ZCN_EFRAME_TRUNCATED, -24, "the stream ended inside a frame")                                 \
    X(ZCN_EFRAME_SIZE, -25, "the body does not have the size that the framing asks for")            \
    X(ZCN_EFRAME_VALUE, -26, "the length does not fit the width of the length field")               \
    X(ZCN_EFRAME_DELIMITER, -27, "the body contains the delimiter")                                 \
    X(ZCN_EFRAME_MEASURE, -28, "the custom measuring function refused the bytes")                   \
    X(ZCN_ECLOSED, -40, "the connection, listener or stream is closed")                             \
    X(ZCN_ETIMEDOUT, -41, "a deadline passed")                                                      \
    X(ZCN_ESYS, -42, "a system call failed; the object holds errno")                                \
    X(ZCN_ERESET, -43, "the peer reset the connection")                                             \
    X(ZCN_EADDRESS, -44, "the address text is wrong")                                               \
    X(ZCN_EREFUSED, -45, "nobody listens at the address")                                           \
    X(ZCN_EUNREACHABLE, -46, "no way leads to the address")                                         \
    X(ZCN_EINUSE, -47, "the address is in use")                                                     \
    X(ZCN_ERESOLVE, -48, "the name has no address")                                                 \
    X(ZCN_EACCESS, -49, "permission denied")                                                        \
    X(ZCN_ETRUNCATED, -50, "a file shrank while it was sent")                                       \
    X(ZCN_EABORTED, -51, "the program aborted the connection")                                      \
    X(ZCN_EDROPPED, -52, "dropped before it was sent, since the receiver lags behind")              \
    X(ZCN_ELAGGED, -53, "the receiver lags behind, and is disconnected for it")                     \
    X(ZCN_ENOTFOUND, -60, "there is no such file")                                                  \
    X(ZCN_ENOSPACE, -61, "the disk, a quota or a limit has no room for more of the file")

enum {
#define ZCN_STATUS_MEMBER(name, value, text) name = value,
    ZCN_STATUS_TABLE(ZCN_STATUS_MEMBER)
#undef ZCN_STATUS_MEMBER
        ZCN_STATUS_MAX_ENUM = 0x7FFFFFFF
};

/* What went wrong, in the caller's storage. */
typedef struct zcn_error {
    uint64_t struct_size; /* sizeof(zcn_error), set by the caller */
    zcn_status status;    /* ZCN_OK when nothing went wrong */
    int32_t sys_errno;    /* errno of the system call behind it, or 0 */
    char text[240];       /* one sentence, always terminated */
} zcn_error;

/**
 * The name of a status, such as "ZCN_EINVAL".
 *
 * @return a static string, never NULL; "ZCN_UNKNOWN" for a value that this library does not know
 * @thread any thread
 * @since 0.1
 */
ZCN_API const char *zcn_status_name(zcn_status status);

/**
 * What a status means, as a short English sentence without a full stop.
 *
 * @return a static string, never NULL
 * @thread any thread
 * @since 0.1
 */
ZCN_API const char *zcn_status_text(zcn_status status);

ZCN_END_DECLS

#endif
