// SPDX-License-Identifier: MIT
// The C boundary of requests.
#include "zcnet/request.h"

#include "net/conn.h"

zcn_status zcn_conn_begin_request(zcn_conn *conn, uint64_t token, int64_t timeout_ns, uint64_t *out_id) {
    if (out_id == nullptr) return ZCN_EINVAL;
    *out_id = 0;
    return conn == nullptr || token == 0 ? ZCN_EINVAL : conn->begin_request(token, timeout_ns, out_id);
}

zcn_status zcn_conn_end_request(zcn_conn *conn, uint64_t id) {
    return conn == nullptr ? ZCN_EINVAL : conn->end_request(id);
}

zcn_status zcn_conn_put_id(const zcn_conn *conn, void *body, uint64_t size, uint64_t id) {
    if (conn == nullptr || body == nullptr) return ZCN_EINVAL;
    const zcnet::net::IdPlace &place = conn->id_place();
    if (place.width == 0) return ZCN_EUNSUPPORTED;
    if (!place.is_out(size) || !place.can_be(id)) return ZCN_EINVAL;
    place.store(id, body);
    return ZCN_OK;
}

zcn_status zcn_conn_get_id(const zcn_conn *conn, const void *data, uint64_t size, uint64_t *out_id) {
    if (out_id == nullptr) return ZCN_EINVAL;
    *out_id = 0;
    if (conn == nullptr || data == nullptr) return ZCN_EINVAL;
    const zcnet::net::IdPlace &place = conn->id_place();
    if (place.width == 0) return ZCN_EUNSUPPORTED;
    if (!place.is_in(size)) return ZCN_EINVAL;
    *out_id = place.load(data);
    return ZCN_OK;
}

zcn_status zcn_conn_request(zcn_conn *conn, const void *data, uint64_t size, uint64_t token, int64_t timeout_ns) {
    if (conn == nullptr || data == nullptr || token == 0) return ZCN_EINVAL;
    return conn->send_request(data, size, token, timeout_ns);
}

zcn_status zcn_conn_answer(zcn_conn *conn, uint64_t id, const void *data, uint64_t size) {
    return conn == nullptr || data == nullptr ? ZCN_EINVAL : conn->send_answer(id, data, size);
}
