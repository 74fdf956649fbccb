/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_UNIT_H
#define ZCNET_UNIT_H
/*
 * Units: what is sent as one message.
 *
 * A unit is a body of one or more segments, each with its owner: memory of the pool, memory of the
 * program, a received message, constant memory. No segment is copied on its way to the socket. The header
 * is written in front of the body when the unit is sealed; from then on no byte of it changes, and one
 * sealed unit may be sent on any number of connections.
 *
 * Sending consumes the caller's reference on ZCN_OK, and only then. To send a unit twice, retain it first.
 *
 * A unit under construction belongs to one thread at a time; retain and release work from any thread.
 */
#include <zcnet/status.h>

ZCN_BEGIN_DECLS

/**
 * Called once when the library needs foreign memory no longer: after the last byte of it was written to
 * the socket, or the connection died, or the unit was released unsent; and where it left without a copy
 * (zero_copy_from, see conn.h), after the kernel is done with it. It runs on whichever thread lets go last,
 * under no lock. Any call is legal in it but zcn_loop_poll(). It must not throw.
 *
 * @param context  as given with the memory
 */
typedef void (*zcn_release_function)(void *context, const void *data, uint64_t size);

/**
 * Memory of the pool to write one message into, with room for the header before it. Units that are
 * allocated one after the other lie one after the other, so that many leave in one piece.
 *
 * @param out       new reference on ZCN_OK, else NULL
 * @param out_data  size writable bytes, until the unit is sealed or sent; NULL on failure
 * @param pool      or NULL for the pool of the process
 * @param framing   that the unit will be sent with, so that the header fits exactly; or NULL, and room for
 *                  the largest common header is kept
 * @param size      bytes of the body, which may be 0
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM · ZCN_ENOBUFS the pool is at its limit · ZCN_EFRAME_* the
 *         framing cannot carry such a body · ZCN_EFORKED pool is the parent process's, with a source or shared_bytes
 * @ownership owned: zcn_unit_release(), or any call that sends it
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_alloc(zcn_unit **out, void **out_data, zcn_pool *pool,
                                                const zcn_framing *framing, uint64_t size);

/**
 * Many units of one size in one call, neighbours in memory.
 *
 * @param out        count new references on ZCN_OK, else all NULL
 * @param out_datas  count addresses of size writable bytes
 * @param count      1 to 65536
 * @return as zcn_unit_alloc(); all of them or none. With a larger count ZCN_EINVAL, and the arrays are left alone
 * @ownership owned, each
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_alloc_batch(zcn_unit **out, void **out_datas, size_t count, zcn_pool *pool,
                                                      const zcn_framing *framing, uint64_t size);

/**
 * A unit without a body, to append segments to.
 *
 * @param out   new reference on ZCN_OK, else NULL
 * @param pool  for what zcn_unit_append_alloc() and _copy() take, or NULL for the pool of the process
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM
 * @ownership owned
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_create(zcn_unit **out, zcn_pool *pool);

/**
 * Append writable pool memory.
 *
 * @param out_data  size writable bytes until the unit is sealed; NULL on failure
 * @return ZCN_OK · ZCN_EINVAL the unit is sealed · ZCN_ENOMEM · ZCN_ENOBUFS · ZCN_EFORKED as zcn_unit_alloc()
 * @thread the unit's one thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_append_alloc(zcn_unit *unit, void **out_data, uint64_t size);

/**
 * Append a copy of some bytes. They count as copied.
 *
 * @return ZCN_OK · ZCN_EINVAL the unit is sealed, or data is NULL and size is not 0 · ZCN_ENOMEM · ZCN_ENOBUFS ·
 *         ZCN_EFORKED as zcn_unit_alloc()
 * @thread the unit's one thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_append_copy(zcn_unit *unit, const void *data, uint64_t size);

/**
 * Append memory of the program, which must stay valid and unchanged until release is called.
 *
 * @param release  called once when the memory is free again; NULL: a `sent` event (zcn_unit_set_token())
 *                 tells; on connections with zero_copy_from only one with ZCN_OK
 * @param context  passed to release
 * @return ZCN_OK · ZCN_EINVAL the unit is sealed, or data is NULL and size is not 0 · ZCN_ENOMEM. On
 *         failure the memory stays the caller's: release is not called. Once it is appended, release is called when
 *         the unit ends, also when sending it failed and zcn_unit_release() ends it
 * @thread the unit's one thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_append_ref(zcn_unit *unit, const void *data, uint64_t size,
                                                     zcn_release_function release, void *context);

/**
 * Append constant memory: valid and unchanged for the life of the process.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM
 * @thread the unit's one thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_append_static(zcn_unit *unit, const void *data, uint64_t size);

/**
 * Append constant pages: constant memory, as with zcn_unit_append_static(), that the kernel may hand over as it is
 * (vmsplice) instead of copying it. A connection over a local socket does so with pieces of at least 64 KiB; others
 * send the same bytes as they send constant memory, and so does one where the kernel refuses.
 *
 * DANGER: nothing tells when these pages are free. Not SENT, not the end of the unit or the connection, not the peer's
 * answer: as long as the receiver, or whoever it passes them on to, has not read them, a change of the memory changes
 * what is read. It is for memory that is never written to again, by nobody: constants of the program, a mapping of a
 * file that nobody writes to, a sealed memory file. So only memory is taken that the process cannot write to itself;
 * what else is mapped from the same file, and mprotect(), are the program's to look after. It may be unmapped at any
 * time after the unit has ended.
 *
 * Looking at the process's memory map takes some microseconds: make such a unit once, and send it often.
 *
 * @return ZCN_OK · ZCN_EINVAL the unit is sealed, or data is NULL · ZCN_EUNSUPPORTED a part of it can be written to, as
 *         what is allocated, a pool's or a message's, or is not mapped, or the kernel does not tell · ZCN_ENOMEM
 * @thread the unit's one thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_append_pages(zcn_unit *unit, const void *data, uint64_t size);

/**
 * Append the body of a received message. The unit holds the bytes; msg stays the caller's.
 *
 * @param msg  borrowed, owned, a slice or joined
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM · ZCN_ESTALE
 * @thread the unit's one thread; for a borrowed msg the owner of its loop
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_append_msg(zcn_unit *unit, const zcn_msg *msg);

/**
 * Append the whole frame of a received message, its header included. With a `raw` framing the message
 * then leaves as it came.
 *
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM · ZCN_ESTALE · ZCN_EUNSUPPORTED msg has no frame
 * @thread as zcn_unit_append_msg()
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_append_frame(zcn_unit *unit, const zcn_msg *msg);

/**
 * Shorten the body: bytes at its end are dropped.
 *
 * @param size  at most zcn_unit_size()
 * @return ZCN_OK · ZCN_EINVAL larger than the body, or sealed
 * @thread the unit's one thread
 * @since 0.1
 */
ZCN_API zcn_status zcn_unit_truncate(zcn_unit *unit, uint64_t size);

/**
 * The bytes that a framing with offset puts before its length field. They are copied.
 *
 * @param size  at most 256; sealing with a framing of another offset fails with ZCN_EINVAL
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM
 * @thread the unit's one thread
 * @since 0.1
 */
ZCN_API zcn_status zcn_unit_set_prefix(zcn_unit *unit, const void *data, uint64_t size);

/**
 * Ask for a `sent` event with this token when the unit has been written, on each connection it is sent on.
 *
 * @return ZCN_OK · ZCN_EINVAL sealed
 * @thread the unit's one thread
 * @since 0.1
 */
ZCN_API zcn_status zcn_unit_set_token(zcn_unit *unit, uint64_t token);

/**
 * Write the header for a framing; the unit cannot change any more. Sending an unsealed unit seals it.
 * A unit sealed with one framing can be sent with another: it then gets a header of its own there.
 *
 * @return ZCN_OK · ZCN_EINVAL sealed already, or a prefix of the wrong size · ZCN_EFRAME_* the framing cannot
 *         carry the body · ZCN_ENOMEM
 * @thread the unit's one thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_seal(zcn_unit *unit, const zcn_framing *framing);

/**
 * Bytes of the body.
 *
 * @thread the unit's one thread; any once sealed
 * @since 0.1
 */
ZCN_API uint64_t zcn_unit_size(const zcn_unit *unit);

/**
 * Take another reference.
 *
 * @return unit
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_unit *zcn_unit_retain(zcn_unit *unit);

/**
 * End one reference. With the last one the segments are released. A unit that a send consumed (ZCN_OK) is not the
 * caller's any more: releasing it then ends somebody else's memory, and nothing finds that out.
 *
 * @param unit  or NULL for nothing
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_unit_release(zcn_unit *unit);

/**
 * Many at once.
 *
 * @param units  NULL entries are skipped
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_unit_release_batch(zcn_unit *const *units, size_t count);

ZCN_END_DECLS

#endif
