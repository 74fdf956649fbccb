/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_MSG_H
#define ZCNET_MSG_H
/*
 * Messages: views of received bytes, in the block that the kernel wrote.
 *
 * A message in an event is borrowed until the next poll of the loop or stream that showed it: reading it
 * costs nothing. zcn_msg_retain() makes a handle that is yours for as long as you like, on any thread,
 * even after connection, loop and pool handles are gone. Each retain gives a handle of its own, and each
 * handle carries a generation: a second release of one is found (ZCN_ESTALE) and does nothing, until its place has
 * served about a million times more (2^20), when an old handle may be taken for a new one. A borrowed one is found
 * stale as long as the loop or stream that showed it lives.
 *
 * A small view holds its whole block. zcn_msg_detach() copies it out when it is to live long.
 */
#include <zcnet/status.h>

ZCN_BEGIN_DECLS

/**
 * The bytes of the message, without what the framing strips.
 *
 * @param msg  borrowed or owned
 * @return the first byte, valid as long as msg; NULL for a stale handle, and for a joined message of
 *         several parts (use zcn_msg_iovecs()). An empty message has a non-NULL address
 * @thread borrowed: the owner; owned: any thread
 * @since 0.1
 */
ZCN_API const void *zcn_msg_data(const zcn_msg *msg);

/**
 * The number of bytes of the message; 0 for a stale handle.
 *
 * @thread as zcn_msg_data()
 * @since 0.1
 */
ZCN_API uint64_t zcn_msg_size(const zcn_msg *msg);

/**
 * The whole frame as it stood on the wire: header, body, delimiter.
 *
 * @param out_data  first byte of the frame, NULL on failure
 * @param out_size  its bytes, 0 on failure
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ESTALE · ZCN_EUNSUPPORTED a slice, a joined or a detached message
 *         without its header has no frame
 * @lifetime as long as msg
 * @thread as zcn_msg_data()
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_msg_frame(const zcn_msg *msg, const void **out_data, uint64_t *out_size);

/**
 * Keep a message: beyond the next poll if it is borrowed, for another holder if it is owned.
 * Never blocks and copies no byte.
 *
 * @param out  new handle on ZCN_OK, else NULL
 * @param msg  of an event since the last poll, or one that you own
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM no descriptor to be had · ZCN_ESTALE released already, or the
 *         borrow has ended
 * @ownership owned: zcn_msg_release()
 * @lifetime its bytes stay valid and in place until its release, whatever else is released before
 * @thread borrowed: the owner; owned: any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_msg_retain(zcn_msg **out, const zcn_msg *msg);

/**
 * End one handle.
 *
 * @param msg  or NULL for nothing
 * @return ZCN_OK · ZCN_ESTALE it was released already: nothing was done · ZCN_EINVAL it is borrowed:
 *         nothing was done
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_status zcn_msg_release(zcn_msg *msg);

/**
 * End many handles. Neighbours of one block are released in one step, so this is several times cheaper
 * than one by one.
 *
 * @param msgs   handles; NULL entries are skipped
 * @param count  of msgs
 * @return ZCN_OK · ZCN_ESTALE or ZCN_EINVAL as zcn_msg_release() for at least one of them; the others
 *         are released
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_status zcn_msg_release_batch(zcn_msg *const *msgs, size_t count);

/**
 * A part of a message, as a message: shares the bytes, copies none.
 *
 * @param out     new handle on ZCN_OK, else NULL
 * @param offset  first byte, counted from zcn_msg_data()
 * @param size    bytes; offset + size is at most zcn_msg_size()
 * @return ZCN_OK · ZCN_EINVAL out of range · ZCN_ENOMEM · ZCN_ESTALE · ZCN_EUNSUPPORTED msg is joined
 * @ownership owned: zcn_msg_release()
 * @thread as zcn_msg_retain()
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_msg_slice(zcn_msg **out, const zcn_msg *msg, uint64_t offset, uint64_t size);

/**
 * A copy of a message in memory of its own, so that a long-lived view does not hold its block. The bytes count
 * as copied.
 *
 * @param out  new handle on ZCN_OK, else NULL; msg itself is untouched
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM · ZCN_ESTALE · ZCN_EFORKED as zcn_unit_alloc() of its pool
 * @ownership owned: zcn_msg_release()
 * @thread as zcn_msg_retain()
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_msg_detach(zcn_msg **out, const zcn_msg *msg);

/**
 * Let messages go easy on memory: each that has been held for detach_ms of its pool's options, and keeps more than
 * detach_ratio times its bytes, is replaced by a copy as zcn_msg_detach() makes it. The bytes count as copied. With the
 * default options of pools nothing is ever copied.
 *
 * Bytes of a message stay in place until its release, and a program may hold pointers to them. So nothing is moved
 * behind its back: this call says that it holds no pointer into these messages, and asks for their addresses anew. Call
 * it now and then over what is kept for long.
 *
 * Neighbours in the array that lie in one block are judged together, by the sum of their bytes, and copied together, up
 * to 31 into one piece of memory, which goes back with the last of them: give messages in the order in which they came,
 * else those that fill a block together may be copied one by one. A copy that would save less than half of what is kept
 * is not made, and joined messages stay as they are.
 *
 * @param msgs        owned handles; those that are replaced are released, and their copies stand in their places.
 *                    NULL entries are skipped
 * @param count       of msgs
 * @param out_copied  how many were replaced; may be NULL
 * @return ZCN_OK · ZCN_EINVAL msgs is NULL, or one of them is borrowed · ZCN_ESTALE one was released already ·
 *         ZCN_ENOMEM no memory for a copy · ZCN_EFORKED as zcn_msg_detach(). What is said of one leaves that
 *         one as it is, and does not keep the others from being replaced
 * @ownership owned: each entry as before
 * @thread any thread; nobody else uses the messages during the call
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_msg_settle(zcn_msg **msgs, size_t count, size_t *out_copied);

/**
 * Make the bytes of a message writable: copy on write. Nothing is copied when no other handle shares bytes with
 * it; otherwise the message is replaced by a copy of its whole frame, as zcn_msg_detach() makes it, and the bytes
 * count as copied (zcn_pool_stats). Others that share its bytes are: handles made of the same event or of one
 * another as far as they overlap, joined messages that it is a part of, and the event itself until the next poll. What
 * was sent, appended to a unit or fed to another stream counts as shared for as long as anything of its block is in
 * use, and what lies between two such messages may.
 *
 * @param out       the message to go on with on ZCN_OK, msg itself or its copy; else NULL
 * @param msg       owned, and used by nobody else during the call
 * @param out_data  zcn_msg_size(*out) writable bytes, until *out is retained, sliced, joined, appended, fed or
 *                  sent; NULL on failure
 * @return ZCN_OK · ZCN_EINVAL an argument is NULL, or msg is borrowed: retain it, and call this after the next
 *         poll · ZCN_ENOMEM no memory for the copy · ZCN_ESTALE · ZCN_EUNSUPPORTED msg is joined:
 *         zcn_msg_detach() makes one piece of it · ZCN_EFORKED as zcn_msg_detach()
 * @ownership consumes msg on ZCN_OK; *out is owned: zcn_msg_release()
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_msg_make_writable(zcn_msg **out, zcn_msg *msg, void **out_data);

/**
 * Several messages as one, as a list of parts: no byte is copied. Its parts are read with
 * zcn_msg_iovecs(); it can be kept, sent and released like any message.
 *
 * @param out    new handle on ZCN_OK, else NULL
 * @param msgs   borrowed or owned, not joined themselves; they stay as they are
 * @param count  1 to 1024
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM · ZCN_ESTALE · ZCN_EUNSUPPORTED one of msgs is joined
 * @ownership owned: zcn_msg_release()
 * @thread as zcn_msg_retain()
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_msg_join(zcn_msg **out, const zcn_msg *const *msgs, size_t count);

/**
 * The parts of a message. A message that is not joined has one.
 *
 * @param iovecs     filled with up to capacity parts; may be NULL when capacity is 0
 * @param capacity   of iovecs
 * @param out_count  number of parts that the message has, which may be more than capacity
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ESTALE
 * @lifetime the parts are valid as long as msg
 * @thread as zcn_msg_data()
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_msg_iovecs(const zcn_msg *msg, struct iovec *iovecs, size_t capacity,
                                                size_t *out_count);

ZCN_END_DECLS

#endif
