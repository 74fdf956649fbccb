// SPDX-License-Identifier: MIT
#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "os/os.h"

namespace zcnet::net {

namespace {

bool starts_with(const char *text, const char *prefix) noexcept {
    return std::strncmp(text, prefix, std::strlen(prefix)) == 0;
}

bool parse_number(const char *text, size_t size, uint32_t most, uint32_t *out) noexcept {
    if (size == 0 || size > 10) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + static_cast<uint64_t>(text[i] - '0');
    }
    if (value > most) return false;
    *out = static_cast<uint32_t>(value);
    return true;
}

Status parse_tcp(const char *rest, bool listening, Address *out, Error *error) noexcept {
    // Of a bracketed host, the colon behind the bracket.
    const char *bracket = rest[0] == '[' ? std::strchr(rest, ']') : nullptr;
    const char *colon = std::strrchr(bracket != nullptr ? bracket : rest, ':');
    if (colon == nullptr) return error->set(ZCN_EADDRESS, 0, "tcp://%s has no port; write tcp://HOST:PORT", rest);
    const char *host = rest;
    auto host_size = static_cast<size_t>(colon - rest);
    bool bracketed = false;
    if (host_size >= 2 && rest[0] == '[' && rest[host_size - 1] == ']') {
        bracketed = true;
        host++;
        host_size -= 2;
    } else if (std::memchr(rest, ':', host_size) != nullptr) {
        return error->set(ZCN_EADDRESS, 0, "an IPv6 address stands in brackets: tcp://[%.*s]:%s",
                          static_cast<int>(host_size), rest, colon + 1);
    }
    uint32_t port = 0;
    if (!parse_number(colon + 1, std::strlen(colon + 1), 65535, &port))
        return error->set(ZCN_EADDRESS, 0, "port '%s' is not a number from 0 to 65535", colon + 1);
    if (port == 0 && !listening) return error->set(ZCN_EADDRESS, 0, "port 0 can only be listened on");
    if (host_size == 0) return error->set(ZCN_EADDRESS, 0, "the host is empty; write tcp://HOST:PORT");
    if (host_size >= sizeof out->host) return error->set(ZCN_EADDRESS, 0, "the host has more than 255 bytes");
    std::memcpy(out->host, host, host_size);
    out->host[host_size] = 0;
    std::snprintf(out->port, sizeof out->port, "%u", port);
    SocketAddress &address = out->endpoint.address;
    if (std::strcmp(out->host, "*") == 0) {
        if (!listening) return error->set(ZCN_EADDRESS, 0, "* can only be listened on");
        // Both families if the system has them; the listener falls back to IPv4.
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(static_cast<uint16_t>(port));
        out->endpoint.size = sizeof(sockaddr_in6);
        return ZCN_OK;
    }
    if (!bracketed && inet_pton(AF_INET, out->host, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(static_cast<uint16_t>(port));
        out->endpoint.size = sizeof(sockaddr_in);
        return ZCN_OK;
    }
    if (bracketed) {
        // A zone (fe80::1%eth0) needs getaddrinfo, which takes it without a look-up.
        if (inet_pton(AF_INET6, out->host, &address.v6.sin6_addr) == 1) {
            address.v6.sin6_family = AF_INET6;
            address.v6.sin6_port = htons(static_cast<uint16_t>(port));
            out->endpoint.size = sizeof(sockaddr_in6);
            return ZCN_OK;
        }
        if (std::strchr(out->host, '%') == nullptr)
            return error->set(ZCN_EADDRESS, 0, "'%s' is not an IPv6 address", out->host);
    }
    out->is_name = true;
    return ZCN_OK;
}

Status parse_unix(const char *path, bool abstract, Address *out, Error *error) noexcept {
    sockaddr_un &local = out->endpoint.address.local;
    const size_t size = std::strlen(path);
    const size_t lead = abstract ? 1 : 0;
    if (size == 0) return error->set(ZCN_EADDRESS, 0, abstract ? "the name is empty" : "the path is empty");
    if (size + lead > sizeof local.sun_path - (abstract ? 0 : 1))
        return error->set(ZCN_EADDRESS, 0, "a Unix address has at most 107 bytes, this one has %zu", size);
    if (!abstract && path[0] != '/') return error->set(ZCN_EADDRESS, 0, "the path is not absolute; write unix:///path");
    local.sun_family = AF_UNIX;
    std::memcpy(local.sun_path + lead, path, size);
    out->endpoint.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + lead + size + (abstract ? 0 : 1));
    return ZCN_OK;
}

}  // namespace

Status parse_address(const char *text, bool listening, Address *out, Error *error) noexcept {
    const size_t size = ::strnlen(text, Address::longest_text + 1);
    if (size > Address::longest_text) return error->set(ZCN_EADDRESS, 0, "the address has more than 512 bytes");
    if (starts_with(text, "tcp://")) {
        out->transport = Transport::tcp;
        return parse_tcp(text + 6, listening, out, error);
    }
    if (starts_with(text, "unix://")) {
        out->transport = Transport::unix_path;
        return parse_unix(text + 7, false, out, error);
    }
    if (starts_with(text, "unix-abstract:")) {
        out->transport = Transport::unix_abstract;
        return parse_unix(text + 14, true, out, error);
    }
    if (starts_with(text, "fd:")) {
        out->transport = Transport::descriptor;
        uint32_t fd = 0;
        if (!parse_number(text + 3, size - 3, INT32_MAX, &fd))
            return error->set(ZCN_EADDRESS, 0, "'%s' is not a descriptor number", text + 3);
        out->fd = static_cast<int>(fd);
        return ZCN_OK;
    }
    return error->set(ZCN_EADDRESS, 0,
                      "'%.64s' is not an address; write tcp://HOST:PORT, unix:///path, unix-abstract:NAME or fd:N",
                      text);
}

bool format_endpoint(const Endpoint &endpoint, char *buffer, size_t capacity) noexcept {
    char host[INET6_ADDRSTRLEN] = {};
    const SocketAddress &address = endpoint.address;
    int size = 0;
    switch (address.any.sa_family) {
        case AF_INET:
            inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof host);
            size = std::snprintf(buffer, capacity, "tcp://%s:%u", host, ntohs(address.v4.sin_port));
            break;
        case AF_INET6:
            if (IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) {
                // An IPv4 peer of a socket that takes both.
                inet_ntop(AF_INET, &address.v6.sin6_addr.s6_addr[12], host, sizeof host);
                size = std::snprintf(buffer, capacity, "tcp://%s:%u", host, ntohs(address.v6.sin6_port));
                break;
            }
            inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof host);
            size = std::snprintf(buffer, capacity, "tcp://[%s]:%u", host, ntohs(address.v6.sin6_port));
            break;
        case AF_UNIX: {
            const size_t used = endpoint.size - offsetof(sockaddr_un, sun_path);
            if (endpoint.size <= offsetof(sockaddr_un, sun_path)) {
                size = std::snprintf(buffer, capacity, "unix:");
            } else if (address.local.sun_path[0] == 0) {
                size = std::snprintf(buffer, capacity, "unix-abstract:%.*s", static_cast<int>(used - 1),
                                     address.local.sun_path + 1);
            } else {
                size = std::snprintf(buffer, capacity, "unix://%.*s",
                                     static_cast<int>(::strnlen(address.local.sun_path, used)), address.local.sun_path);
            }
            break;
        }
        default:
            size = std::snprintf(buffer, capacity, "family:%u", address.any.sa_family);
            break;
    }
    return size >= 0 && static_cast<size_t>(size) < capacity;
}

const char *why(Status status, int number) noexcept {
    const char *words = status == ZCN_ESYS ? ::strerrordesc_np(number) : nullptr;
    return words != nullptr ? words : zcn_status_text(status);
}

Status status_of_errno(int number) noexcept {
    switch (number) {
        case ECONNRESET:
        case EPIPE:
            return ZCN_ERESET;
        case ECONNREFUSED:
        case ENOENT:
            return ZCN_EREFUSED;
        case ETIMEDOUT:
            return ZCN_ETIMEDOUT;
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN:
        case EHOSTDOWN:
        case EADDRNOTAVAIL:
            return ZCN_EUNREACHABLE;
        case EADDRINUSE:
            return ZCN_EINUSE;
        case EACCES:
        case EPERM:
            return ZCN_EACCESS;
        case ENOMEM:
            return ZCN_ENOMEM;
        default:
            return ZCN_ESYS;
    }
}

Status resolve(const char *host, const char *port, bool listening, Endpoint *out, uint32_t *count,
               Error *error) noexcept {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (listening ? AI_PASSIVE : AI_ADDRCONFIG);
    addrinfo *found = nullptr;
    const int failure = ::getaddrinfo(host, port, &hints, &found);
    if (failure != 0) {
        const int number = failure == EAI_SYSTEM ? errno : 0;
        return error->set(failure == EAI_MEMORY ? ZCN_ENOMEM : ZCN_ERESOLVE, number, "'%s' cannot be looked up: %s",
                          host, ::gai_strerror(failure));
    }
    *count = 0;
    for (const addrinfo *entry = found; entry != nullptr && *count < most_endpoints; entry = entry->ai_next) {
        if (entry->ai_addrlen > sizeof(SocketAddress)) continue;
        std::memcpy(&out[*count].address, entry->ai_addr, entry->ai_addrlen);
        out[*count].size = entry->ai_addrlen;
        (*count)++;
    }
    ::freeaddrinfo(found);
    if (*count == 0) return error->set(ZCN_ERESOLVE, 0, "'%s' has no address", host);
    return ZCN_OK;
}

Status socket_address(int fd, bool peer, char *buffer, size_t capacity) noexcept {
    Endpoint endpoint;
    socklen_t size = sizeof endpoint.address;
    const int result =
        peer ? os::peer_address(fd, &endpoint.address.any, &size) : os::local_address(fd, &endpoint.address.any, &size);
    if (result < 0) return result == -ENOTCONN ? ZCN_ECLOSED : ZCN_ESYS;
    endpoint.size = size;
    return format_endpoint(endpoint, buffer, capacity) ? ZCN_OK : ZCN_ENOBUFS;
}

}  // namespace zcnet::net
