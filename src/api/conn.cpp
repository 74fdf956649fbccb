// SPDX-License-Identifier: MIT
// The C boundary of connections.
#include "zcnet/conn.h"

#include "api/begin.h"
#include "os/os.h"
#include "receive/dump.h"

using zcnet::net::Address;
using zcnet::net::Settings;

namespace {

// Begins a connection: `start` gives it its socket or its address.
template <class Start>
zcn_status begin(zcn_conn **out, zcn_loop *loop, const zcn_framing *framing, const zcn_conn_options *options,
                 const void *place, Start &&start) noexcept {
    zcn_status status = zcnet::api::begin(loop);
    if (status != ZCN_OK) return status;
    zcnet::Error &error = loop->error();
    Settings *settings = nullptr;
    status = zcnet::net::make_settings(&settings, options, &error);
    if (status != ZCN_OK) return status;
    zcn_conn *conn = nullptr;
    status = zcn_conn::create(&conn, loop, framing, settings);
    settings->release();
    if (status != ZCN_OK)
        return error.set(status, 0,
                         status == ZCN_ENOBUFS ? "the pool's limit is too small for the framing's max" : "no memory");
    status = start(conn);
    if (status != ZCN_OK) {
        if (error.status == ZCN_OK) error.set(status, 0, "%s", zcn_status_text(status));
        conn->release();
        return status;
    }
    zcnet::receive::note_made("connection", conn, 0, 0, place);
    *out = conn;
    return ZCN_OK;
}

zcn_status adopt_socket(zcn_conn *conn, int fd, zcnet::Error &error) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    if (const int result = zcnet::os::get_option(fd, SOL_SOCKET, SO_TYPE, &type, &size); result < 0)
        return error.set(ZCN_EUNSUPPORTED, -result, "descriptor %d is not a socket", fd);
    if (type != SOCK_STREAM) return error.set(ZCN_EUNSUPPORTED, 0, "descriptor %d is not a stream socket", fd);
    zcnet::net::SocketAddress peer{};
    socklen_t peer_size = sizeof peer;
    if (const int result = zcnet::os::peer_address(fd, &peer.any, &peer_size); result < 0)
        return error.set(ZCN_EUNSUPPORTED, -result, "descriptor %d is not connected", fd);
    if (const int result = zcnet::os::set_nonblocking(fd); result < 0)
        return error.set(ZCN_ESYS, -result, "descriptor %d cannot be made non-blocking", fd);
    const bool is_tcp = peer.any.sa_family != AF_UNIX;
    if (const int result = conn->apply_options(fd, is_tcp); result < 0)
        return error.set(ZCN_ESYS, -result, "a socket option cannot be set: %s", zcnet::net::why(ZCN_ESYS, -result));
    return conn->start_socket(fd, is_tcp, ZCN_EVENT_CONNECTED);
}

}  // namespace

void zcn_conn_options_init(zcn_conn_options *options, size_t struct_size) {
    zcnet::init_options(options, struct_size, zcnet::net::default_conn_options());
}

zcn_status zcn_connect(zcn_conn **out, zcn_loop *loop, const char *address, const zcn_framing *framing,
                       const zcn_conn_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    if (loop == nullptr || address == nullptr || framing == nullptr) return ZCN_EINVAL;
    return begin(out, loop, framing, options, __builtin_return_address(0), [&](zcn_conn *conn) -> zcn_status {
        Address parsed;
        const zcn_status status = zcnet::net::parse_address(address, false, &parsed, &loop->error());
        if (status != ZCN_OK) return status;
        if (parsed.transport == zcnet::net::Transport::descriptor) return adopt_socket(conn, parsed.fd, loop->error());
        if (parsed.is_name && !loop->has_helper())
            return loop->error().set(ZCN_EUNSUPPORTED, 0, "'%s' is a name, and this loop has no helper to look it up",
                                     parsed.host);
        return conn->start_dial(parsed);
    });
}

zcn_status zcn_conn_adopt(zcn_conn **out, zcn_loop *loop, int fd, const zcn_framing *framing,
                          const zcn_conn_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    if (loop == nullptr || fd < 0 || framing == nullptr) return ZCN_EINVAL;
    return begin(out, loop, framing, options, __builtin_return_address(0),
                 [&](zcn_conn *conn) { return adopt_socket(conn, fd, loop->error()); });
}

zcn_status zcn_conn_take_fd(zcn_conn *conn, int *out_fd, zcn_msg **out_rest) {
    if (out_fd != nullptr) *out_fd = -1;
    if (out_rest != nullptr) *out_rest = nullptr;
    return conn == nullptr || out_fd == nullptr ? ZCN_EINVAL : conn->take_fd(out_fd, out_rest);
}

zcn_status zcn_conn_move(zcn_conn *conn, zcn_loop *loop) {
    return conn == nullptr || loop == nullptr ? ZCN_EINVAL : conn->move(loop);
}

zcn_status zcn_conn_send(zcn_conn *conn, zcn_unit *unit) {
    return conn == nullptr || unit == nullptr ? ZCN_EINVAL : conn->send(unit);
}

zcn_status zcn_conn_send_batch(zcn_conn *conn, zcn_unit *const *units, size_t count, size_t *out_sent) {
    if (out_sent != nullptr) *out_sent = 0;
    if (conn == nullptr || (units == nullptr && count != 0)) return ZCN_EINVAL;
    size_t sent = 0;
    const zcn_status status = conn->send_batch(units, count, &sent);
    if (out_sent != nullptr) *out_sent = sent;
    return status;
}

zcn_status zcn_conn_send_to_all(zcn_conn *const *conns, size_t count, zcn_unit *unit, uint32_t flags,
                                zcn_status *statuses, size_t *out_sent) {
    if (out_sent != nullptr) *out_sent = 0;
    if ((conns == nullptr && count != 0) || unit == nullptr || flags > ZCN_ALL_OR_NOTHING) return ZCN_EINVAL;
    size_t sent = 0;
    const zcn_status status =
        zcn_conn::send_to_all(conns, count, unit, (flags & ZCN_ALL_OR_NOTHING) != 0, statuses, &sent);
    if (out_sent != nullptr) *out_sent = sent;
    return status;
}

zcn_status zcn_conn_send_msg(zcn_conn *conn, const zcn_msg *msg) {
    return conn == nullptr || msg == nullptr ? ZCN_EINVAL : conn->send_message(msg);
}

zcn_status zcn_conn_forward(zcn_conn *conn, const zcn_msg *msg) {
    return conn == nullptr || msg == nullptr ? ZCN_EINVAL : conn->forward(msg);
}

zcn_status zcn_conn_send_copy(zcn_conn *conn, const void *data, uint64_t size) {
    if (conn == nullptr || (data == nullptr && size != 0)) return ZCN_EINVAL;
    return conn->send_copy(data, size);
}

zcn_status zcn_conn_reserve(zcn_conn *conn, void **out_data, uint64_t *out_room, uint64_t size) {
    if (out_data != nullptr) *out_data = nullptr;
    if (out_room != nullptr) *out_room = 0;
    if (conn == nullptr || out_data == nullptr) return ZCN_EINVAL;
    uint64_t room = 0;
    const zcn_status status = conn->reserve(out_data, &room, size);
    if (out_room != nullptr) *out_room = room;
    return status;
}

zcn_status zcn_conn_commit(zcn_conn *conn, uint64_t size, void **out_data, uint64_t *out_room) {
    if (out_data != nullptr) *out_data = nullptr;
    if (out_room != nullptr) *out_room = 0;
    return conn == nullptr ? ZCN_EINVAL : conn->commit(size, out_data, out_room);
}

zcn_status zcn_conn_post(zcn_conn *conn, zcn_unit *unit) {
    return conn == nullptr || unit == nullptr ? ZCN_EINVAL : conn->post(unit);
}

zcn_status zcn_conn_flush(zcn_conn *conn) { return conn == nullptr ? ZCN_EINVAL : conn->flush_now(); }

zcn_status zcn_conn_close(zcn_conn *conn) { return conn == nullptr ? ZCN_EINVAL : conn->request_close(false); }

zcn_status zcn_conn_abort(zcn_conn *conn) { return conn == nullptr ? ZCN_EINVAL : conn->request_close(true); }

zcn_status zcn_conn_shutdown(zcn_conn *conn) { return conn == nullptr ? ZCN_EINVAL : conn->shutdown(); }

zcn_status zcn_conn_pause(zcn_conn *conn) { return conn == nullptr ? ZCN_EINVAL : conn->pause(true); }

zcn_status zcn_conn_resume(zcn_conn *conn) { return conn == nullptr ? ZCN_EINVAL : conn->pause(false); }

zcn_status zcn_conn_set_framing(zcn_conn *conn, const zcn_msg *after_msg, const zcn_framing *framing) {
    return conn == nullptr || framing == nullptr ? ZCN_EINVAL : conn->set_framing(after_msg, framing);
}

zcn_status zcn_conn_set_send_framing(zcn_conn *conn, const zcn_framing *framing) {
    return conn == nullptr || framing == nullptr ? ZCN_EINVAL : conn->set_send_framing(framing);
}

zcn_status zcn_conn_set_user(zcn_conn *conn, uintptr_t user) {
    if (conn == nullptr) return ZCN_EINVAL;
    conn->set_user(user);
    return ZCN_OK;
}

uintptr_t zcn_conn_get_user(const zcn_conn *conn) { return conn == nullptr ? 0 : conn->user(); }

zcn_status zcn_conn_set_option(zcn_conn *conn, uint32_t option, uint64_t value) {
    return conn == nullptr ? ZCN_EINVAL : conn->set_option(option, value);
}

zcn_status zcn_conn_get_option(zcn_conn *conn, uint32_t option, uint64_t *out_value) {
    if (out_value == nullptr) return ZCN_EINVAL;
    *out_value = 0;
    return conn == nullptr ? ZCN_EINVAL : conn->get_option(option, out_value);
}

zcn_status zcn_conn_explain(zcn_conn *conn, char *buffer, size_t capacity) {
    if (conn == nullptr || buffer == nullptr || capacity == 0) return ZCN_EINVAL;
    buffer[0] = 0;
    return conn->explain(buffer, capacity);
}

zcn_status zcn_conn_local_address(zcn_conn *conn, char *buffer, size_t capacity) {
    if (conn == nullptr || buffer == nullptr || capacity == 0) return ZCN_EINVAL;
    buffer[0] = 0;
    return conn->address(false, buffer, capacity);
}

zcn_status zcn_conn_peer_address(zcn_conn *conn, char *buffer, size_t capacity) {
    if (conn == nullptr || buffer == nullptr || capacity == 0) return ZCN_EINVAL;
    buffer[0] = 0;
    return conn->address(true, buffer, capacity);
}

int zcn_conn_fd(const zcn_conn *conn) { return conn == nullptr ? -1 : conn->fd(); }

uint32_t zcn_conn_get_state(const zcn_conn *conn) { return conn == nullptr ? 0 : conn->public_state(); }

zcn_loop *zcn_conn_loop(const zcn_conn *conn) { return conn == nullptr ? nullptr : conn->loop(); }

zcn_status zcn_conn_get_error(const zcn_conn *conn, zcn_error *error) {
    return conn == nullptr || error == nullptr ? ZCN_EINVAL : conn->copy_error(error);
}

zcn_status zcn_conn_get_stats(const zcn_conn *conn, zcn_stats *stats) {
    if (conn == nullptr || stats == nullptr) return ZCN_EINVAL;
    zcn_stats answer{};
    conn->read_stats(&answer);
    return zcnet::write_answer(stats, answer);
}

zcn_conn *zcn_conn_retain(zcn_conn *conn) {
    if (conn != nullptr) conn->retain();
    return conn;
}

void zcn_conn_release(zcn_conn *conn) {
    if (conn != nullptr) conn->release();
}
