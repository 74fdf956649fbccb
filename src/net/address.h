// SPDX-License-Identifier: MIT
// Addresses as text and as the kernel wants them.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

namespace zcnet::net {

enum class Transport : uint8_t { tcp, unix_path, unix_abstract, descriptor };

union SocketAddress {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
};

struct Endpoint {
    SocketAddress address{};
    socklen_t size = 0;
};

// An address text taken apart. A name that is not numeric stays a name.
struct Address {
    static constexpr size_t longest_text = 512;
    Transport transport = Transport::tcp;
    int fd = -1;           // descriptor
    Endpoint endpoint;     // numeric TCP and Unix
    bool is_name = false;  // TCP: host has to be looked up
    char host[256] = {};
    char port[6] = {};
};

// ZCN_EADDRESS with a sentence in error. `listening` allows * for all addresses.
Status parse_address(const char *text, bool listening, Address *out, Error *error) noexcept;

// The text of what a socket is bound or connected to, terminated. False: it did not fit.
bool format_endpoint(const Endpoint &endpoint, char *buffer, size_t capacity) noexcept;

// The address of a socket, or that of its peer, as text. ZCN_OK, ZCN_ECLOSED for no peer, ZCN_ENOBUFS or ZCN_ESYS.
Status socket_address(int fd, bool peer, char *buffer, size_t capacity) noexcept;

// The status that a failed connect(), bind() or transfer stands for.
Status status_of_errno(int number) noexcept;
// Why something failed, in words: what the system says of the errno where the status says no more than that.
const char *why(Status status, int number) noexcept;

constexpr uint32_t most_endpoints = 16;

// Looks a name up; blocks. ZCN_ERESOLVE with a sentence in error.
Status resolve(const char *host, const char *port, bool listening, Endpoint *out, uint32_t *count,
               Error *error) noexcept;

}  // namespace zcnet::net
