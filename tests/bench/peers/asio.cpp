// SPDX-License-Identifier: MIT
// Boost.Asio: frames are written from and parsed in one buffer of 64 KiB.
#include "asio.h"

#include <algorithm>
#include <boost/version.hpp>
#include <optional>
#include <vector>

#include "../harness/copies.h"
#include "../harness/load.h"
#include "../harness/meter.h"
#include "../harness/receive_buffer.h"
#include "../harness/round_trips.h"
#include "../harness/socket.h"

namespace {

using namespace bench;
using bench::asio::check;
using bench::asio::Socket;
using bench::asio::socket_of;
using boost::asio::io_context;
using boost::system::error_code;

constexpr std::size_t chunk = 64 << 10;

template <typename Check>
class Receiver {
  public:
    Receiver(const Run &run, int fd, Check checker, Window<void *> *window)
        : run_(run),
          checker_(checker),
          window_(window),
          buffer_(chunk, header_size + run.size),
          socket_(socket_of(run, context_, fd)) {}

    void work(Report &report) {
        next(report);
        context_.run();
        checker_.finish(run_.count);
    }

  private:
    void next(Report &report) {
        meter_.at(run_, checker_.seen(), report);
        if (checker_.seen() == run_.count) return;
        socket_.async_read_some(boost::asio::buffer(buffer_.room(), buffer_.room_size()),
                                [this, &report](const error_code &error, std::size_t size) {
                                    check(error, "read");
                                    buffer_.received(size, [this](const std::byte *body, std::size_t body_size) {
                                        checker_.message(body, body_size);
                                        if (window_ != nullptr) keep_copy(*window_, body, body_size);
                                    });
                                    next(report);
                                });
    }

    const Run &run_;
    Check checker_;
    Window<void *> *window_;
    ReceiveBuffer buffer_;
    Meter meter_;
    io_context context_{1};
    Socket socket_;
};

void flow_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int listener = listen_on(run, address);
    link.tell(address);
    int fd = accept_one(listener);
    with_checker(run, [&](auto checker) { Receiver(run, fd, checker, nullptr).work(report); });
    link.tell("done");
}

void retain_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int listener = listen_on(run, address);
    link.tell(address);
    int fd = accept_one(listener);
    with_checker(run, [&](auto checker) {
        Window<void *> window(run, free_copies);
        Receiver(run, fd, checker, &window).work(report);
    });
    link.tell("done");
}

class Sender {
  public:
    Sender(const Run &run, int fd)
        : run_(run), data_(std::max(chunk, header_size + run.size)), socket_(socket_of(run, context_, fd)) {}

    void work(Report &report) {
        next();
        context_.run();
        meter_.stop(run_.count, report);
    }

  private:
    void next() {
        if (!meter_.started() && made_ >= run_.warm) meter_.start(made_);
        if (made_ == run_.count) return;
        std::size_t used = 0;
        made_ += make_frames(run_, data_.data(), data_.size(), made_, run_.count - made_, used);
        boost::asio::async_write(socket_, boost::asio::buffer(data_.data(), used),
                                 [this](const error_code &error, std::size_t) {
                                     check(error, "write");
                                     next();
                                 });
    }

    const Run &run_;
    std::vector<std::byte> data_;
    std::uint64_t made_ = 0;
    Meter meter_;
    io_context context_{1};
    Socket socket_;
};

void flow_client(const Run &run, Link &link, Report &report) {
    Sender(run, connect_to(link.hear())).work(report);
    link.hear();
}

class Pinger {
  public:
    Pinger(const Run &run, int fd) : run_(run), frame_(header_size + run.size), socket_(socket_of(run, context_, fd)) {
        store_length(frame_.data(), run.size);
    }

    void serve(Report &report) {
        receive([this, &report] {
            meter_.at(run_, ++done_, report);
            send();
            serve(report);
        });
    }

    void ask(Report &report) {
        with_checker(run_, [&](auto checker) {
            RoundTrips trips(run_);
            for (; done_ < run_.count; ++done_) {
                meter_.at(run_, done_, report);
                trips.begin();
                make_body(frame_.data() + header_size, run_.size, done_, run_.verify);
                send();
                receive([this, &checker] { checker.message(frame_.data() + header_size, load_length(frame_.data())); });
                work();
                trips.end();
            }
            meter_.at(run_, done_, report);
            trips.finish(report);
            checker.finish(run_.count);
        });
    }

    void work() {
        context_.restart();
        context_.run();
    }

  private:
    template <typename Received>
    void receive(Received received) {
        boost::asio::async_read(socket_, boost::asio::buffer(frame_), [received](const error_code &error, std::size_t) {
            if (error == boost::asio::error::eof) return;
            check(error, "read");
            received();
        });
    }

    // A small message has room in the socket, so there is nothing to wait for.
    void send() { boost::asio::write(socket_, boost::asio::buffer(frame_)); }

    const Run &run_;
    std::vector<std::byte> frame_;
    std::uint64_t done_ = 0;
    Meter meter_;
    io_context context_{1};
    Socket socket_;
};

void ping_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int listener = listen_on(run, address);
    link.tell(address);
    Pinger pinger(run, accept_one(listener));
    pinger.serve(report);
    pinger.work();
}

void ping_client(const Run &run, Link &link, Report &report) { Pinger(run, connect_to(link.hear())).ask(report); }

}  // namespace

int main(int argc, char **argv) {
    std::string version = std::to_string(BOOST_VERSION / 100000) + "." + std::to_string(BOOST_VERSION / 100 % 1000);
    return bench_main(argc, argv, "asio", version,
                      {
                          {"flow", {"b64"}, flow_server, flow_client},
                          {"retain", {"b64"}, retain_server, flow_client},
                          {"ping", {"async"}, ping_server, ping_client},
                          {"echo", {"async"}, bench::asio::echo_server, echo_client},
                          {"idle", {"async"}, bench::asio::echo_server, idle_client},
                      });
}
