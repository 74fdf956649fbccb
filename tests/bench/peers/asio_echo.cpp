// SPDX-License-Identifier: MIT
#include <cstring>
#include <memory>

#include "../harness/frame.h"
#include "../harness/meter.h"
#include "../harness/socket.h"
#include "asio.h"

namespace bench::asio {

namespace {

using boost::system::error_code;

constexpr std::size_t capacity = 64 << 10;

struct Shared {
    const Run &run;
    Report &report;
    Meter meter;
    std::uint64_t seen = 0;
    std::size_t open = 0;
    std::unique_ptr<std::byte[]> buffer;  // of all connections
    boost::asio::io_context context{1};
};

// A silent connection waits for readiness and holds no buffer.
class Connection {
  public:
    Connection(Shared &shared, Socket socket) : shared_(shared), socket_(std::move(socket)) {
        socket_.non_blocking(true);
        ++shared.open;
    }

    void wait() {
        socket_.async_wait(Socket::wait_read, [this](const error_code &error) {
            check(error, "wait");
            receive();
        });
    }

  private:
    void receive() {
        std::byte *buffer = shared_.buffer.get();
        if (size_ > 0) std::memcpy(buffer, rest_.get(), size_);
        error_code error;
        std::size_t n = socket_.read_some(boost::asio::buffer(buffer + size_, capacity - size_), error);
        if (error == boost::asio::error::would_block) {
            wait();
            return;
        }
        if (error) {
            if (--shared_.open == 0) shared_.context.stop();
            delete this;
            return;
        }
        std::size_t all = size_ + n;
        std::size_t used = parse_frames(buffer, all, [this](const std::byte *, std::size_t) { ++shared_.seen; });
        // A client of this bench never has more than one small message under way, so the socket has room.
        if (used > 0 && socket_.write_some(boost::asio::buffer(buffer, used)) != used) fail("the socket is full");
        keep(buffer + used, all - used);
        shared_.meter.at(shared_.run, shared_.seen, shared_.report);
        wait();
    }

    void keep(const std::byte *data, std::size_t size) {
        if (size > size_) rest_.reset(new std::byte[size]);
        if (size == 0) rest_.reset();
        if (size > 0) std::memcpy(rest_.get(), data, size);
        size_ = size;
    }

    Shared &shared_;
    Socket socket_;
    std::unique_ptr<std::byte[]> rest_;  // of a message that is not complete
    std::size_t size_ = 0;
};

template <typename Acceptor>
void accept(Shared &shared, Acceptor &acceptor) {
    acceptor.async_accept(
        [&shared, &acceptor](const error_code &error, typename Acceptor::protocol_type::socket socket) {
            check(error, "accept");
            set_nodelay(socket.native_handle());
            (new Connection(shared, std::move(socket)))->wait();
            accept(shared, acceptor);
        });
}

template <typename Protocol>
void serve(Shared &shared, Protocol protocol, int fd) {
    typename Protocol::acceptor acceptor(shared.context, protocol, fd);
    accept(shared, acceptor);
    shared.context.run();
}

}  // namespace

void echo_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int fd = listen_on(run, address);
    link.tell(address);
    Shared shared{run, report, {}, 0, 0, std::unique_ptr<std::byte[]>(new std::byte[capacity])};
    if (run.tcp()) {
        serve(shared, boost::asio::ip::tcp::v4(), fd);
    } else {
        serve(shared, boost::asio::local::stream_protocol(), fd);
    }
}

}  // namespace bench::asio
