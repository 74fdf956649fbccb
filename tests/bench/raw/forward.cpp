// SPDX-License-Identifier: MIT
// Receives from one connection and sends each message on to all others, copied into each one's queue. Modes: `late`
// queues what a read brought for all receivers, then writes; `soon` queues and writes for one receiver after the other.
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
    bool empty() const { return begin_ == end_; }

    void put(const Frame &frame) {
        if (capacity_ - end_ < frame.size) fail("a queue is too small");
        std::memcpy(data_.get() + end_, frame.data, frame.size);
        end_ += frame.size;
    }

    void write() {
        while (!empty()) {
            ssize_t n = send(fd_, data_.get() + begin_, end_ - begin_, MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN) return;
            if (n < 0) fail_errno("send");
            begin_ += static_cast<std::size_t>(n);
        }
        begin_ = end_ = 0;
    }

  private:
    int fd_;
    std::size_t capacity_;
    std::unique_ptr<std::byte[]> data_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

class Forwarder {
  public:
    Forwarder(const Run &run, int source)
        : late_(run.mode == "late"), source_(source), buffer_(read_size, header_size + run.size) {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        if (epoll_ < 0) fail_errno("epoll_create");
        set_nonblocking(source);
        control(EPOLL_CTL_ADD, source_, EPOLLIN, run.connections);
    }

    void add(int fd) {
        set_nonblocking(fd);
        control(EPOLL_CTL_ADD, fd, 0, queues_.size());
        queues_.emplace_back(fd, 2 * buffer_.room_size());
    }

    // Nothing is read while anything is queued, so a queue never holds more than one read.
    bool turn(std::uint64_t &seen) {
        if (blocked_ > 0) {
            wait();
            return true;
        }
        ssize_t n = recv(source_, buffer_.room(), buffer_.room_size(), 0);
        if (n < 0 && errno != EAGAIN) fail_errno("recv");
        if (n < 0) wait();
        if (n > 0) forward(static_cast<std::size_t>(n), seen);
        return n != 0;
    }

  private:
    void forward(std::size_t size, std::uint64_t &seen) {
        frames_.clear();
        buffer_.take(size, [this](const std::byte *body, std::size_t body_size) {
            frames_.push_back({body - header_size, header_size + body_size});
        });
        seen += frames_.size();
        if (late_) {
            for (const Frame &frame : frames_) {
                for (Queue &queue : queues_) queue.put(frame);
            }
        }
        for (std::size_t i = 0; i < queues_.size(); ++i) {
            if (!late_) {
                for (const Frame &frame : frames_) queues_[i].put(frame);
            }
            queues_[i].write();
            if (!queues_[i].empty()) block(i);
        }
        buffer_.compact();
    }

    void block(std::size_t index) {
        control(EPOLL_CTL_MOD, queues_[index].fd(), EPOLLOUT, index);
        if (++blocked_ == 1) control(EPOLL_CTL_MOD, source_, 0, queues_.size());
    }

    void wait() {
        epoll_event events[64];
        int n = epoll_wait(epoll_, events, 64, -1);
        if (n < 0 && errno != EINTR) fail_errno("epoll_wait");
        for (int i = 0; i < n; ++i) {
            std::size_t index = events[i].data.u64;
            if (index == queues_.size()) continue;
            queues_[index].write();
            if (!queues_[index].empty()) continue;
            control(EPOLL_CTL_MOD, queues_[index].fd(), 0, index);
            if (--blocked_ == 0) control(EPOLL_CTL_MOD, source_, EPOLLIN, queues_.size());
        }
    }

    void control(int action, int fd, unsigned events, std::size_t index) {
        epoll_event event{events, {}};
        event.data.u64 = index;
        if (epoll_ctl(epoll_, action, fd, &event) != 0) fail_errno("epoll_ctl");
    }

    bool late_;
    int source_;
    int epoll_ = -1;
    ReceiveBuffer buffer_;
    std::vector<Frame> frames_;
    std::vector<Queue> queues_;
    std::size_t blocked_ = 0;  // queues that wait for their socket
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
