// SPDX-License-Identifier: MIT
// nng: push0 and pull0, pair0 for round trips.
#include <arpa/inet.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>

#include "../harness/frame.h"
#include "../harness/meter.h"
#include "../harness/round_trips.h"
#include "../harness/window.h"

namespace {

using namespace bench;

void check(int result, const char *what) {
    if (result != 0) fail("%s: %s", what, nng_strerror(result));
}

class Socket {
  public:
    Socket(const Run &run, int (*open)(nng_socket *)) {
        check(open(&socket_), "nng open");
        // Deep enough that neither side waits for the other, shallow enough for a window of 64 MiB in all.
        int depth = static_cast<int>(std::clamp<std::size_t>((32U << 20) / run.size, 16, 1024));
        // A protocol without one of the two queues refuses its option.
        nng_socket_set_int(socket_, NNG_OPT_SENDBUF, depth);
        nng_socket_set_int(socket_, NNG_OPT_RECVBUF, depth);
        check(nng_socket_set_size(socket_, NNG_OPT_RECVMAXSZ, 0), "NNG_OPT_RECVMAXSZ");
    }

    Socket(const Socket &) = delete;
    Socket &operator=(const Socket &) = delete;

    ~Socket() { nng_close(socket_); }

    std::string listen(const Run &run) {
        std::string wanted = run.tcp() ? "tcp://127.0.0.1:0" : "ipc://" + run.directory + "/socket";
        nng_listener listener;
        check(nng_listen(socket_, wanted.c_str(), &listener, 0), "nng_listen");
        if (!run.tcp()) return wanted;
        nng_sockaddr address;
        check(nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address), "NNG_OPT_LOCADDR");
        return "tcp://127.0.0.1:" + std::to_string(ntohs(address.s_in.sa_port));
    }

    void dial(const std::string &address) { check(nng_dial(socket_, address.c_str(), nullptr, 0), "nng_dial"); }

    void send(const Run &run, std::uint64_t number) {
        nng_msg *message;
        check(nng_msg_alloc(&message, run.size), "nng_msg_alloc");
        make_body(static_cast<std::byte *>(nng_msg_body(message)), run.size, number, run.verify);
        send(message);
    }

    void send(nng_msg *message) { check(nng_sendmsg(socket_, message, 0), "nng_sendmsg"); }

    nng_msg *receive() {
        nng_msg *message;
        check(nng_recvmsg(socket_, &message, 0), "nng_recvmsg");
        return message;
    }

    void receive(nng_aio *aio) { nng_recv_aio(socket_, aio); }

  private:
    nng_socket socket_{};
};

// Takes messages in the library's own thread as they come, which is several times faster than nng_recvmsg(): pull0 has
// no queue, so that every one of those calls waits for another thread.
template <typename Take>
class Receiver {
  public:
    Receiver(Socket &socket, std::uint64_t count, Take &take) : socket_(socket), left_(count), take_(take) {
        check(nng_aio_alloc(&aio_, came, this), "nng_aio_alloc");
    }

    Receiver(const Receiver &) = delete;
    Receiver &operator=(const Receiver &) = delete;

    ~Receiver() { nng_aio_free(aio_); }

    void work() {
        socket_.receive(aio_);
        std::unique_lock lock(mutex_);
        ended_.wait(lock, [this] { return left_ == 0; });
    }

  private:
    static void came(void *context) {
        auto *self = static_cast<Receiver *>(context);
        check(nng_aio_result(self->aio_), "nng_recv_aio");
        self->take_(nng_aio_get_msg(self->aio_));
        if (self->left_ > 1) {
            --self->left_;
            self->socket_.receive(self->aio_);
            return;
        }
        std::lock_guard lock(self->mutex_);
        self->left_ = 0;
        self->ended_.notify_one();
    }

    Socket &socket_;
    std::uint64_t left_;
    Take &take_;
    nng_aio *aio_ = nullptr;
    std::mutex mutex_;
    std::condition_variable ended_;
};

template <typename Keep>
void receive(const Run &run, Link &link, Report &report, Keep keep) {
    Socket socket(run, nng_pull0_open);
    link.tell(socket.listen(run));
    with_checker(run, [&](auto checker) {
        Meter meter;
        auto take = [&](nng_msg *message) {
            meter.at(run, checker.seen(), report);
            checker.message(nng_msg_body(message), nng_msg_len(message));
            keep(message);
        };
        Receiver(socket, run.count, take).work();
        meter.at(run, checker.seen(), report);
        checker.finish(run.count);
    });
    link.tell("done");
}

void flow_server(const Run &run, Link &link, Report &report) { receive(run, link, report, nng_msg_free); }

void release(nng_msg **messages, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) nng_msg_free(messages[i]);
}

void retain_server(const Run &run, Link &link, Report &report) {
    Window<nng_msg *> window(run, release);
    receive(run, link, report, [&window](nng_msg *message) { window.add(message); });
}

void flow_client(const Run &run, Link &link, Report &report) {
    Socket socket(run, nng_push0_open);
    socket.dial(link.hear());
    Meter meter;
    for (std::uint64_t i = 0; i < run.count; ++i) {
        if (!meter.started() && i >= run.warm) meter.start(i);
        socket.send(run, i);
    }
    // The library's own threads still have some to write.
    link.hear();
    meter.stop(run.count, report);
}

void ping_server(const Run &run, Link &link, Report &report) {
    Socket socket(run, nng_pair0_open);
    link.tell(socket.listen(run));
    Meter meter;
    for (std::uint64_t i = 0; i < run.count;) {
        socket.send(socket.receive());
        meter.at(run, ++i, report);
    }
    link.hear();
}

void ping_client(const Run &run, Link &link, Report &report) {
    Socket socket(run, nng_pair0_open);
    socket.dial(link.hear());
    with_checker(run, [&](auto checker) {
        RoundTrips trips(run);
        Meter meter;
        for (std::uint64_t i = 0; i < run.count; ++i) {
            if (!meter.started() && i >= run.warm) meter.start(i);
            trips.begin();
            socket.send(run, i);
            nng_msg *message = socket.receive();
            checker.message(nng_msg_body(message), nng_msg_len(message));
            nng_msg_free(message);
            trips.end();
        }
        meter.stop(run.count, report);
        trips.finish(report);
        checker.finish(run.count);
    });
    link.tell("done");
}

}  // namespace

int main(int argc, char **argv) {
    return bench_main(argc, argv, "nng", nng_version(),
                      {
                          {"flow", {"msg"}, flow_server, flow_client},
                          {"retain", {"msg"}, retain_server, flow_client},
                          {"ping", {"pair"}, ping_server, ping_client},
                      });
}
