// SPDX-License-Identifier: MIT
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "frame.h"
#include "load.h"
#include "meter.h"
#include "receive_buffer.h"
#include "socket.h"

namespace bench {

namespace {

constexpr std::size_t chunk = 64 << 10;

class Source {
  public:
    Source(const Run &run, int fd) : run_(run), fd_(fd), data_(std::max(chunk, header_size + run.size)) {
        set_nonblocking(fd);
    }

    int fd() const { return fd_; }

    // As much as the socket takes at once; false after the last message.
    bool write() {
        if (begin_ == end_) {
            begin_ = 0;
            made_ += make_frames(run_, data_.data(), data_.size(), made_, run_.count - made_, end_);
        }
        ssize_t n = send(fd_, data_.data() + begin_, end_ - begin_, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) fail_errno("send");
        if (n > 0) begin_ += static_cast<std::size_t>(n);
        return begin_ < end_ || made_ < run_.count;
    }

  private:
    const Run &run_;
    int fd_;
    std::vector<std::byte> data_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint64_t made_ = 0;
};

// Counts bytes; the messages themselves are looked at in verification only, since they cost the server nothing.
class Sink {
  public:
    Sink(const Run &run, int fd)
        : fd_(fd), checker_(run), buffer_(run.verify ? chunk : 0, run.verify ? header_size + run.size : 0) {
        set_nonblocking(fd);
    }

    int fd() const { return fd_; }
    std::uint64_t bytes() const { return bytes_; }

    bool read(const Run &run, std::vector<std::byte> &scratch) {
        std::byte *room = run.verify ? buffer_.room() : scratch.data();
        ssize_t n = recv(fd_, room, run.verify ? buffer_.room_size() : scratch.size(), 0);
        if (n < 0 && errno == EAGAIN) return true;
        if (n < 0) fail_errno("recv");
        bytes_ += static_cast<std::uint64_t>(n);
        if (run.verify) {
            buffer_.received(static_cast<std::size_t>(n),
                             [this](const std::byte *body, std::size_t size) { checker_.message(body, size); });
        }
        return n > 0;
    }

    void finish(const Run &run) const {
        if (bytes_ != run.count * (header_size + run.size))
            fail("a receiver got %llu bytes", static_cast<unsigned long long>(bytes_));
        if (run.verify) checker_.finish(run.count);
    }

  private:
    int fd_;
    std::uint64_t bytes_ = 0;
    Checker<true> checker_;
    ReceiveBuffer buffer_;
};

void watch(int epoll, int fd, unsigned events, std::size_t index) {
    epoll_event event{events, {}};
    event.data.u64 = index;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail_errno("epoll_ctl");
}

}  // namespace

void forward_client(const Run &run, Link &link, Report &report) {
    std::string address = link.hear();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail_errno("epoll_create");
    Source source(run, connect_to(address));
    std::vector<Sink> sinks;
    for (std::size_t i = 0; i < run.connections; ++i) {
        sinks.emplace_back(run, connect_to(address));
        watch(epoll, sinks.back().fd(), EPOLLIN, i);
    }
    // The server says when it has them all: a message that came before would not go to all of them.
    if (link.hear() != "ready") fail("the server is not ready");
    watch(epoll, source.fd(), EPOLLOUT, run.connections);
    std::vector<std::byte> scratch(256 << 10);
    Meter meter;
    meter.start(0);
    for (std::size_t open = run.connections; open > 0;) {
        epoll_event events[128];
        int n = epoll_wait(epoll, events, 128, -1);
        if (n < 0 && errno != EINTR) fail_errno("epoll_wait");
        for (int i = 0; i < n; ++i) {
            std::size_t index = events[i].data.u64;
            if (index == run.connections) {
                if (source.write()) continue;
                epoll_ctl(epoll, EPOLL_CTL_DEL, source.fd(), nullptr);
                shutdown(source.fd(), SHUT_WR);
            } else if (!sinks[index].read(run, scratch)) {
                epoll_ctl(epoll, EPOLL_CTL_DEL, sinks[index].fd(), nullptr);
                --open;
            }
        }
    }
    meter.stop(run.count, report);
    for (const Sink &sink : sinks) sink.finish(run);
}

}  // namespace bench
