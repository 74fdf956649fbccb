// SPDX-License-Identifier: MIT
// Sends each message back. All connections share one buffer; one that stands in the middle of a message keeps the start
// of it for itself.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "../harness/frame.h"
#include "../harness/meter.h"
#include "../harness/socket.h"
#include "raw.h"

namespace bench::raw {

namespace {

struct Connection {
    std::unique_ptr<std::byte[]> rest;  // of a message that is not complete
    std::size_t size = 0;
};

class Echo {
  public:
    Echo(const Run &run, int listener) : run_(run), listener_(listener), buffer_(new std::byte[capacity]) {
        set_nonblocking(listener);
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        if (epoll_ < 0) fail_errno("epoll_create");
        watch(listener);
    }

    // Until all connections have gone again.
    void work(Report &report) {
        Meter meter;
        do {
            epoll_event events[1024];
            int n = epoll_wait(epoll_, events, 1024, -1);
            if (n < 0 && errno != EINTR) fail_errno("epoll_wait");
            for (int i = 0; i < n; ++i) {
                if (events[i].data.fd == listener_) {
                    accept_all();
                } else {
                    serve(events[i].data.fd);
                }
            }
            meter.at(run_, seen_, report);
        } while (open_ > 0 || seen_ == 0);
    }

  private:
    static constexpr std::size_t capacity = 64 << 10;

    void watch(int fd) {
        epoll_event event{EPOLLIN, {}};
        event.data.fd = fd;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail_errno("epoll_ctl");
    }

    void accept_all() {
        for (;;) {
            int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0 && errno == EAGAIN) return;
            if (fd < 0) fail_errno("accept");
            set_nodelay(fd);
            if (connections_.size() <= static_cast<std::size_t>(fd))
                connections_.resize(static_cast<std::size_t>(fd) + 1);
            ++open_;
            watch(fd);
        }
    }

    void serve(int fd) {
        Connection &connection = connections_[static_cast<std::size_t>(fd)];
        if (connection.size > 0) std::memcpy(buffer_.get(), connection.rest.get(), connection.size);
        ssize_t n = recv(fd, buffer_.get() + connection.size, capacity - connection.size, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) {
            connection = {};
            close(fd);
            --open_;
            return;
        }
        std::size_t size = connection.size + static_cast<std::size_t>(n);
        std::size_t used = parse_frames(buffer_.get(), size, [this](const std::byte *, std::size_t) { ++seen_; });
        // A client of this bench never has more than one small message under way, so the socket has room.
        if (used > 0 && send(fd, buffer_.get(), used, MSG_NOSIGNAL) != static_cast<ssize_t>(used)) fail_errno("send");
        keep(connection, buffer_.get() + used, size - used);
    }

    static void keep(Connection &connection, const std::byte *data, std::size_t size) {
        if (size > connection.size) connection.rest.reset(new std::byte[size]);
        if (size == 0) connection.rest.reset();
        if (size > 0) std::memcpy(connection.rest.get(), data, size);
        connection.size = size;
    }

    const Run &run_;
    int listener_;
    int epoll_ = -1;
    std::unique_ptr<std::byte[]> buffer_;
    std::vector<Connection> connections_;  // by descriptor
    std::size_t open_ = 0;
    std::uint64_t seen_ = 0;
};

}  // namespace

void echo_server(const Run &run, Link &link, Report &report) {
    std::string address;
    Echo echo(run, listen_on(run, address));
    link.tell(address);
    echo.work(report);
}

}  // namespace bench::raw
