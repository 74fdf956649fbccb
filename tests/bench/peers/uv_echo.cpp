// SPDX-License-Identifier: MIT
#include <cstring>
#include <memory>

#include "../harness/frame.h"
#include "../harness/meter.h"
#include "uv.h"

namespace bench::uv {

namespace {

constexpr std::size_t capacity = 64 << 10;

struct Server {
    const Run *run;
    Report *report;
    Meter meter;
    std::uint64_t seen = 0;
    std::size_t open = 0;
    std::unique_ptr<std::byte[]> buffer;  // of all connections
    Stream listener;
};

struct Connection {
    Stream stream;
    std::unique_ptr<std::byte[]> rest;  // of a message that is not complete
    std::size_t size = 0;
};

Server &server() { return *static_cast<Server *>(uv_default_loop()->data); }

void give_room(uv_handle_t *handle, std::size_t, uv_buf_t *room) {
    auto *connection = static_cast<Connection *>(handle->data);
    std::byte *buffer = server().buffer.get();
    if (connection->size > 0) std::memcpy(buffer, connection->rest.get(), connection->size);
    *room = uv_buf_init(reinterpret_cast<char *>(buffer + connection->size),
                        static_cast<unsigned>(capacity - connection->size));
}

void keep(Connection &connection, const std::byte *data, std::size_t size) {
    if (size > connection.size) connection.rest.reset(new std::byte[size]);
    if (size == 0) connection.rest.reset();
    if (size > 0) std::memcpy(connection.rest.get(), data, size);
    connection.size = size;
}

void received(uv_stream_t *stream, ssize_t size, const uv_buf_t *) {
    auto *connection = static_cast<Connection *>(stream->data);
    Server &me = server();
    if (size == 0) return;
    if (size < 0) {
        uv_close(connection->stream.handle(),
                 [](uv_handle_t *handle) { delete static_cast<Connection *>(handle->data); });
        if (--me.open == 0) uv_close(me.listener.handle(), nullptr);
        return;
    }
    std::size_t all = connection->size + static_cast<std::size_t>(size);
    std::size_t used = parse_frames(me.buffer.get(), all, [&me](const std::byte *, std::size_t) { ++me.seen; });
    // A client of this bench never has more than one small message under way, so the socket has room.
    uv_buf_t answer = uv_buf_init(reinterpret_cast<char *>(me.buffer.get()), static_cast<unsigned>(used));
    if (used > 0 && uv_try_write(stream, &answer, 1) != static_cast<int>(used)) fail("the socket is full");
    keep(*connection, me.buffer.get() + used, all - used);
    me.meter.at(*me.run, me.seen, *me.report);
}

void connected(uv_stream_t *listener, int status) {
    check(status, "listen");
    Server &me = server();
    auto *connection = new Connection{};
    connection->stream.init(*me.run, uv_default_loop());
    connection->stream.handle()->data = connection;
    check(uv_accept(listener, connection->stream.stream()), "uv_accept");
    if (me.run->tcp()) uv_tcp_nodelay(&connection->stream.tcp, 1);
    check(uv_read_start(connection->stream.stream(), give_room, received), "uv_read_start");
    ++me.open;
}

}  // namespace

void echo_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int fd = listen_on(run, address);
    Server me{&run, &report, {}, 0, 0, std::unique_ptr<std::byte[]>(new std::byte[capacity]), {}};
    uv_default_loop()->data = &me;
    me.listener.init(run, uv_default_loop());
    me.listener.open(run, fd);
    check(uv_listen(me.listener.stream(), 4096, connected), "uv_listen");
    link.tell(address);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

}  // namespace bench::uv
