// SPDX-License-Identifier: MIT
// Modes: `block` blocks in recv(); `epoll` waits in epoll_wait() for a non-blocking socket, as servers do; `spin` asks
// a non-blocking socket again and again.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "../harness/frame.h"
#include "../harness/round_trips.h"
#include "../harness/socket.h"
#include "raw.h"

namespace bench::raw {

namespace {

class Wire {
  public:
    Wire(const Run &run, int fd) : fd_(fd), spins_(run.mode == "spin"), frame_(header_size + run.size) {
        if (run.mode == "block") return;
        set_nonblocking(fd);
        if (spins_) return;
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        epoll_event event{EPOLLIN, {}};
        if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail_errno("epoll");
    }

    std::byte *body() { return frame_.data() + header_size; }

    void send() {
        store_length(frame_.data(), frame_.size() - header_size);
        send_all(fd_, frame_.data(), frame_.size());
    }

    // Size of the body; at the end of the stream 0.
    std::size_t receive() {
        for (std::size_t got = 0;;) {
            if (epoll_ >= 0) wait();
            ssize_t n = recv(fd_, frame_.data() + got, frame_.size() - got, 0);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (n < 0) fail_errno("recv");
            if (n == 0) return 0;
            got += static_cast<std::size_t>(n);
            if (got >= header_size && got == header_size + load_length(frame_.data())) return got - header_size;
        }
    }

  private:
    void wait() {
        epoll_event event;
        if (epoll_wait(epoll_, &event, 1, -1) < 0 && errno != EINTR) fail_errno("epoll_wait");
    }

    int fd_;
    bool spins_;
    int epoll_ = -1;
    std::vector<std::byte> frame_;
};

}  // namespace

void ping_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int listener = listen_on(run, address);
    link.tell(address);
    Wire wire(run, accept_one(listener));
    Meter meter;
    std::uint64_t seen = 0;
    while (wire.receive() > 0) {
        wire.send();
        meter.at(run, ++seen, report);
    }
}

void ping_client(const Run &run, Link &link, Report &report) {
    int fd = connect_to(link.hear());
    Wire wire(run, fd);
    with_checker(run, [&](auto checker) {
        RoundTrips trips(run);
        Meter meter;
        for (std::uint64_t i = 0; i < run.count; ++i) {
            if (!meter.started() && i >= run.warm) meter.start(i);
            trips.begin();
            make_body(wire.body(), run.size, i, run.verify);
            wire.send();
            checker.message(wire.body(), wire.receive());
            trips.end();
        }
        meter.stop(run.count, report);
        trips.finish(report);
        checker.finish(run.count);
    });
    close(fd);
}

}  // namespace bench::raw
