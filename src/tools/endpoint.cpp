// SPDX-License-Identifier: MIT
#include "endpoint.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "arguments.h"
#include "json.h"
#include "text.h"

namespace tool {
namespace {

[[noreturn]] void throw_loop_error(const zcn_loop *loop, const std::string &what, zcn_status status) {
    zcn_error error{};
    error.struct_size = sizeof error;
    const bool known = zcn_loop_get_error(loop, &error) == ZCN_OK && error.status == status;
    const std::string reason = known ? error_text(error) : zcn_status_text(status);
    if (status == ZCN_EADDRESS) throw UsageError(what + ": " + reason);
    throw Failure(what + ": " + reason);
}

}  // namespace

int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

Owned<zcn_framing> parse_framing(const std::string &text) {
    zcn_error error{};
    error.struct_size = sizeof error;
    zcn_framing *framing = nullptr;
    const zcn_status status = zcn_framing_parse(&framing, text.c_str(), &error);
    if (status == ZCN_ENOMEM) throw Failure("out of memory");
    if (status != ZCN_OK) throw UsageError("the framing '" + text + "' is wrong: " + error_text(error));
    return Owned<zcn_framing>(framing);
}

Owned<zcn_pool> create_pool(uint64_t block_size) {
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = block_size;
    zcn_pool *pool = nullptr;
    const zcn_status status = zcn_pool_create(&pool, &options);
    if (status == ZCN_EINVAL) throw UsageError("a block size is a power of two from 4K to 16M");
    if (status != ZCN_OK) throw Failure("cannot create a pool: " + std::string(zcn_status_text(status)));
    return Owned<zcn_pool>(pool);
}

Owned<zcn_loop> create_loop(zcn_pool *pool, uint64_t spin_us) {
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.pool = pool;
    options.spin_us = static_cast<uint32_t>(spin_us);
    zcn_loop *loop = nullptr;
    const zcn_status status = zcn_loop_create(&loop, &options);
    if (status != ZCN_OK) throw Failure("cannot create an event loop: " + std::string(zcn_status_text(status)));
    return Owned<zcn_loop>(loop);
}

zcn_conn_options connection_options() {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    return options;
}

zcn_listen_options listener_options() {
    zcn_listen_options options;
    zcn_listen_options_init(&options, sizeof options);
    return options;
}

Owned<zcn_listener> open_listener(zcn_loop *loop, const std::string &address, const zcn_framing *framing,
                                  const zcn_listen_options &options) {
    zcn_listener *listener = nullptr;
    const zcn_status status = zcn_listen(&listener, loop, address.c_str(), framing, &options);
    if (status != ZCN_OK) throw_loop_error(loop, "cannot listen on " + address, status);
    return Owned<zcn_listener>(listener);
}

zcn_conn *open_connection(zcn_loop *loop, const std::string &address, const zcn_framing *framing,
                          const zcn_conn_options &options) {
    zcn_conn *conn = nullptr;
    const zcn_status status = zcn_connect(&conn, loop, address.c_str(), framing, &options);
    if (status != ZCN_OK) throw_loop_error(loop, "cannot connect to " + address, status);
    return conn;
}

void open_stat(zcn_loop *loop, const std::string &address) {
    if (address.empty()) return;
    zcn_listener *listener = nullptr;
    const zcn_status status = zcn_listen_stat(&listener, loop, address.c_str());
    if (status != ZCN_OK) throw_loop_error(loop, "cannot show counters at " + address, status);
    zcn_listener_release(listener);
}

bool is_connected_descriptor(const std::string &address) {
    if (address.compare(0, 3, "fd:") != 0) return false;
    try {
        const uint64_t number = parse_number(address.substr(3));
        if (number > INT32_MAX) return false;
        int listening = 0;
        socklen_t size = sizeof listening;
        return getsockopt(static_cast<int>(number), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 &&
               listening == 0;
    } catch (const std::logic_error &) {
        return false;  // the library says what is wrong with it
    }
}

void announce(const zcn_listener *listener, bool json) {
    char address[512];
    const zcn_status status = zcn_listener_address(listener, address, sizeof address);
    if (status != ZCN_OK) throw Failure("the bound address cannot be read: " + std::string(zcn_status_text(status)));
    print_line(json ? Json().text("listening", address).line() : std::string(address));
}

void print_line(const std::string &line) {
    if (std::printf("%s\n", line.c_str()) < 0 || std::fflush(stdout) != 0)
        throw Failure(system_error("standard output"));
}

}  // namespace tool
