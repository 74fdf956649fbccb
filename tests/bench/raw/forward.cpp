// SPDX-License-Identifier: MIT
// Receives from one connection and sends each message on to all others, copied into each one's queue. Modes: `late`
// queues what a read brought for all receivers, then writes; `soon` queues and writes for one receiver after the other;
// both read no more while anything is queued, so that one receiver that is late holds up all. `deep` works as `late`
// but goes on until a queue holds 1 MiB.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "../harness/meter.h"
#include "../harness/receive_buffer.h"
#include "../harness/socket.h"
#include "raw.h"

namespace bench::raw {

namespace {

constexpr std::size_t read_size = 64 << 10;

struct Frame {
    const std::byte *data;
    std::size_t size;
};

class Queue {
  public:
    Queue(int fd, std::size_t capacity) : fd_(fd), capacity_(capacity), data_(new std::byte[capacity]) {}

    int fd() const { return fd_; }
    std::size_t size() const { return end_ - begin_; }
    bool waits() const { return waits_; }
    void set_waits(bool waits) { waits_ = waits; }

    void put(const Frame &frame) {
        if (capacity_ - end_ < frame.size) to_front();
        if (capacity_ - end_ < frame.size) fail("a queue is too small");
        std::memcpy(data_.get() + end_, frame.data, frame.size);
        end_ += frame.size;
    }

    void write() {
        while (size() > 0) {
            ssize_t n = send(fd_, data_.get() + begin_, size(), MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN) return;
            if (n < 0) fail_errno("send");
            begin_ += static_cast<std::size_t>(n);
        }
        begin_ = end_ = 0;
    }

  private:
    void to_front() {
        std::memmove(data_.get(), data_.get() + begin_, size());
        end_ -= begin_;
        begin_ = 0;
    }

    int fd_;
    bool waits_ = false;  // for its socket to have room
    std::size_t capacity_;
    std::unique_ptr<std::byte[]> data_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

class Forwarder {
  public:
    Forwarder(const Run &run, int source)
        : soon_(run.mode == "soon"),
          most_(run.mode == "deep" ? 1 << 20 : 0),
          source_(source),
          buffer_(read_size, header_size + run.size) {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        if (epoll_ < 0) fail_errno("epoll_create");
        set_nonblocking(source);
        control(EPOLL_CTL_ADD, source_, EPOLLIN, run.connections);
    }

    void add(int fd) {
        set_nonblocking(fd);
        control(EPOLL_CTL_ADD, fd, 0, queues_.size());
        queues_.emplace_back(fd, most_ + 2 * buffer_.room_size());
    }

    // False when the source has ended and all is written.
    bool turn(std::uint64_t &seen) {
        if (full_ || ended_) {
            wait();
            return !ended_ || waiting_ > 0;
        }
        ssize_t n = recv(source_, buffer_.room(), buffer_.room_size(), 0);
        if (n < 0 && errno != EAGAIN) fail_errno("recv");
        if (n < 0) wait();
        if (n > 0) forward(static_cast<std::size_t>(n), seen);
        if (n == 0) end();
        return !ended_ || waiting_ > 0;
    }

  private:
    void forward(std::size_t size, std::uint64_t &seen) {
        frames_.clear();
        buffer_.take(size, [this](const std::byte *body, std::size_t body_size) {
            frames_.push_back({body - header_size, header_size + body_size});
        });
        seen += frames_.size();
        if (!soon_) {
            for (const Frame &frame : frames_) {
                for (Queue &queue : queues_) queue.put(frame);
            }
        }
        for (std::size_t i = 0; i < queues_.size(); ++i) {
            if (soon_) {
                for (const Frame &frame : frames_) queues_[i].put(frame);
            }
            if (!queues_[i].waits()) write(i);
        }
        buffer_.compact();
        check_full();
    }

    void write(std::size_t index) {
        Queue &queue = queues_[index];
        queue.write();
        bool waits = queue.size() > 0;
        if (waits == queue.waits()) return;
        queue.set_waits(waits);
        waits ? ++waiting_ : --waiting_;
        control(EPOLL_CTL_MOD, queue.fd(), waits ? EPOLLOUT : 0U, index);
    }

    void check_full() {
        bool full = false;
        for (const Queue &queue : queues_) full |= queue.size() > most_;
        if (full == full_) return;
        full_ = full;
        if (!ended_) control(EPOLL_CTL_MOD, source_, full ? 0U : EPOLLIN, queues_.size());
    }

    void end() {
        ended_ = true;
        control(EPOLL_CTL_DEL, source_, 0, 0);
    }

    void wait() {
        epoll_event events[64];
        int n = epoll_wait(epoll_, events, 64, -1);
        if (n < 0 && errno != EINTR) fail_errno("epoll_wait");
        for (int i = 0; i < n; ++i) {
            std::size_t index = events[i].data.u64;
            if (index < queues_.size()) write(index);
        }
        check_full();
    }

    void control(int action, int fd, unsigned events, std::size_t index) {
        epoll_event event{events, {}};
        event.data.u64 = index;
        if (epoll_ctl(epoll_, action, fd, &event) != 0) fail_errno("epoll_ctl");
    }

    bool soon_;
    std::size_t most_;  // that a queue may hold when the next read is made
    int source_;
    int epoll_ = -1;
    ReceiveBuffer buffer_;
    std::vector<Frame> frames_;
    std::vector<Queue> queues_;
    std::size_t waiting_ = 0;  // queues that wait for their socket
    bool full_ = false;
    bool ended_ = false;
};

}  // namespace

void forward_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int listener = listen_on(run, address);
    link.tell(address);
    Forwarder forwarder(run, accept_one(listener));
    for (std::size_t i = 0; i < run.connections; ++i) forwarder.add(accept_one(listener));
    link.tell("ready");
    Meter meter;
    std::uint64_t seen = 0;
    while (forwarder.turn(seen)) {
        if (!meter.started() && seen >= run.warm) meter.start(seen);
    }
    meter.stop(seen, report);
}

}  // namespace bench::raw
