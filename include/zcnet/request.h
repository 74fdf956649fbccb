/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_REQUEST_H
#define ZCNET_REQUEST_H
/*
 * Requests: many in flight on one connection, answered in any order, each with a deadline.
 *
 * Messages carry an id, and an answer has that of its request. The options of the connection say where: id_width bytes
 * at id_offset of a received message, and at send_id_offset of a body that is sent; both count from the first byte that
 * the program sees, so with a framing that shows its header (strip=0) id_offset is larger by the header. Servers say it
 * too, for zcn_conn_get_id() and zcn_conn_answer().
 *
 * Each request ends once: with a MESSAGE whose token is the request's, with an UNANSWERED event of that token, or when
 * the program takes it back. (An answer in the array that the program is looking at when it closes the connection is
 * one, though it is blanked then.) A MESSAGE with the token 0 answers no request: the other side sent it by itself, or
 * it came too late, or twice. Ids are the library's to choose, and none comes again before all others did; 0 is never
 * one, so a protocol may use it for messages that answer nothing. One side of a connection asks, and the other one
 * answers.
 *
 * To send without a copy, begin a request, put its id into the body, and send it by any of the ways that there are:
 *
 *     void *body;
 *     uint64_t id;
 *     if (zcn_conn_reserve(conn, &body, NULL, size) == ZCN_OK &&
 *         zcn_conn_begin_request(conn, token, timeout_ns, &id) == ZCN_OK) {
 *         zcn_conn_put_id(conn, body, size, id);
 *         ...
 *         zcn_conn_commit(conn, size, NULL, NULL);
 *     }
 */
#include <zcnet/conn.h>

ZCN_BEGIN_DECLS

/**
 * Expect an answer. Nothing is sent by this. A body that is then not sent leaves a request that is taken back, or times
 * out.
 *
 * @param token       comes with the answer, or with UNANSWERED; not 0. Requests may share one
 * @param timeout_ns  nanoseconds from now; negative: as long as the connection lives. UNANSWERED (ZCN_ETIMEDOUT) tells
 *                    that it passed. The time runs also while the connection is paused
 * @param out_id      for the body; 0 on failure
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EUNSUPPORTED the option id_width is not set · ZCN_ENOBUFS max_requests have no
 * answer yet · ZCN_ECLOSED it can send no more, or the peer has ended and will not answer · ZCN_ENOMEM · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_begin_request(zcn_conn *conn, uint64_t token, int64_t timeout_ns,
                                                        uint64_t *out_id);

/**
 * Take a request back: no event tells of it any more, and its answer, if it comes, has the token 0.
 *
 * @return ZCN_OK · ZCN_AGAIN it has ended already; its event may be in the current array · ZCN_EINVAL ·
 *         ZCN_EUNSUPPORTED the option id_width is not set · ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_end_request(zcn_conn *conn, uint64_t id);

/**
 * Write an id to its place in a body that is to be sent.
 *
 * @param size  of the body
 * @return ZCN_OK · ZCN_EINVAL the body does not reach as far, or the id does not fit id_width · ZCN_EUNSUPPORTED the
 *         option id_width is not set
 * @thread any thread that holds a reference
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_put_id(const zcn_conn *conn, void *body, uint64_t size, uint64_t id);

/**
 * Read the id of a received message.
 *
 * @param data    zcn_msg_data(), or the event's data
 * @param out_id  0 on failure
 * @return ZCN_OK · ZCN_EINVAL the message does not reach as far · ZCN_EUNSUPPORTED the option id_width is not set
 * @thread any thread that holds a reference
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_get_id(const zcn_conn *conn, const void *data, uint64_t size,
                                                 uint64_t *out_id);

/**
 * Ask with a copy of some bytes: the simple way. On failure there is no request.
 *
 * @param data        the body; what it has in the id's place is overwritten in the copy
 * @param token       as in zcn_conn_begin_request()
 * @param timeout_ns  as in zcn_conn_begin_request()
 * @return as zcn_conn_begin_request() and zcn_conn_send_copy(); ZCN_EINVAL also for a body that has no room for the id
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_request(zcn_conn *conn, const void *data, uint64_t size, uint64_t token,
                                                  int64_t timeout_ns);

/**
 * Answer with a copy of some bytes: the simple way.
 *
 * @param id    of the request: zcn_conn_get_id()
 * @param data  the body; what it has in the id's place is overwritten in the copy
 * @return as zcn_conn_send_copy(); ZCN_EINVAL also for a body that has no room for the id ·
 *         ZCN_EUNSUPPORTED the option id_width is not set
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_answer(zcn_conn *conn, uint64_t id, const void *data, uint64_t size);

ZCN_END_DECLS

#endif
