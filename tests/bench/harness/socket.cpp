// SPDX-License-Identifier: MIT
#include "socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace bench {

namespace {

constexpr std::size_t connections_per_source = 5000;

sockaddr_in loopback(unsigned host, unsigned short port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
    return address;
}

sockaddr_un file(const std::string &path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) fail("the path %s is too long", path.c_str());
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

template <typename Address>
const sockaddr *generic(const Address &address) {
    return reinterpret_cast<const sockaddr *>(&address);
}

int open_socket(int family) {
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail_errno("socket");
    return fd;
}

}  // namespace

int listen_on(const Run &run, std::string &address) {
    int fd = open_socket(run.tcp() ? AF_INET : AF_UNIX);
    if (run.tcp()) {
        sockaddr_in bound = loopback(0, 0);
        socklen_t length = sizeof bound;
        if (bind(fd, generic(bound), sizeof bound) != 0) fail_errno("bind");
        if (getsockname(fd, reinterpret_cast<sockaddr *>(&bound), &length) != 0) fail_errno("getsockname");
        address = "tcp://127.0.0.1:" + std::to_string(ntohs(bound.sin_port));
    } else {
        sockaddr_un bound = file(run.directory + "/socket");
        if (bind(fd, generic(bound), sizeof bound) != 0) fail_errno("bind");
        address = "unix://" + run.directory + "/socket";
    }
    if (listen(fd, 4096) != 0) fail_errno("listen");
    return fd;
}

int accept_one(int listener) {
    int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) fail_errno("accept");
    set_nodelay(fd);
    return fd;
}

int connect_to(const std::string &address) { return connect_to(address, 0); }

int connect_to(const std::string &address, std::size_t index) {
    bool tcp = address.compare(0, 4, "tcp:") == 0;
    int fd = open_socket(tcp ? AF_INET : AF_UNIX);
    int result;
    if (tcp) {
        int on = 1;
        sockaddr_in source = loopback(static_cast<unsigned>(index / connections_per_source), 0);
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, generic(source), sizeof source) != 0) fail_errno("bind");
        sockaddr_in peer = loopback(0, port_of(address));
        result = connect(fd, generic(peer), sizeof peer);
    } else {
        sockaddr_un peer = file(path_of(address));
        result = connect(fd, generic(peer), sizeof peer);
    }
    if (result != 0) fail_errno("connect");
    set_nodelay(fd);
    return fd;
}

void set_nonblocking(int fd) {
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) fail_errno("fcntl");
}

void set_nodelay(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void send_all(int fd, const void *data, std::size_t size) {
    const char *at = static_cast<const char *>(data);
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno("send");
        at += n;
        size -= static_cast<std::size_t>(n);
    }
}

void receive_all(int fd, void *data, std::size_t size) {
    char *at = static_cast<char *>(data);
    while (size > 0) {
        ssize_t n = recv(fd, at, size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno("recv");
        if (n == 0) fail("the peer has closed");
        at += n;
        size -= static_cast<std::size_t>(n);
    }
}

unsigned short port_of(const std::string &address) {
    return static_cast<unsigned short>(std::strtoul(address.c_str() + address.rfind(':') + 1, nullptr, 10));
}

std::string path_of(const std::string &address) { return address.substr(std::strlen("unix://")); }

}  // namespace bench
