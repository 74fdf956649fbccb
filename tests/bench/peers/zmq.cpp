// SPDX-License-Identifier: MIT
// libzmq: PUSH and PULL, PAIR for round trips.
#include <zmq.h>

#include <algorithm>
#include <string>

#include "../harness/frame.h"
#include "../harness/meter.h"
#include "../harness/round_trips.h"
#include "../harness/window.h"

namespace {

using namespace bench;

void check(int result, const char *what) {
    if (result < 0) fail("%s: %s", what, zmq_strerror(zmq_errno()));
}

class Socket {
  public:
    Socket(const Run &run, int type) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, type)) {
        // Deep enough that neither side waits for the other, shallow enough for a window of 64 MiB in all.
        int depth = static_cast<int>(std::clamp<std::size_t>((32U << 20) / run.size, 16, 100000));
        check(zmq_setsockopt(socket_, ZMQ_SNDHWM, &depth, sizeof depth), "ZMQ_SNDHWM");
        check(zmq_setsockopt(socket_, ZMQ_RCVHWM, &depth, sizeof depth), "ZMQ_RCVHWM");
    }

    Socket(const Socket &) = delete;
    Socket &operator=(const Socket &) = delete;

    ~Socket() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }

    std::string bind(const Run &run) {
        std::string wanted = run.tcp() ? "tcp://127.0.0.1:*" : "ipc://" + run.directory + "/socket";
        check(zmq_bind(socket_, wanted.c_str()), "zmq_bind");
        char bound[256];
        std::size_t size = sizeof bound;
        check(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, bound, &size), "ZMQ_LAST_ENDPOINT");
        return bound;
    }

    void connect(const std::string &address) { check(zmq_connect(socket_, address.c_str()), "zmq_connect"); }

    void send(const Run &run, std::uint64_t number) {
        zmq_msg_t message;
        check(zmq_msg_init_size(&message, run.size), "zmq_msg_init_size");
        make_body(static_cast<std::byte *>(zmq_msg_data(&message)), run.size, number, run.verify);
        send(message);
    }

    void send(zmq_msg_t &message) { check(zmq_msg_send(&message, socket_, 0), "zmq_msg_send"); }
    void receive(zmq_msg_t &message) { check(zmq_msg_recv(&message, socket_, 0), "zmq_msg_recv"); }

  private:
    void *context_;
    void *socket_;
};

void flow_server(const Run &run, Link &link, Report &report) {
    Socket socket(run, ZMQ_PULL);
    link.tell(socket.bind(run));
    with_checker(run, [&](auto checker) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        Meter meter;
        while (checker.seen() < run.count) {
            if (!meter.started() && checker.seen() >= run.warm) meter.start(checker.seen());
            socket.receive(message);
            checker.message(zmq_msg_data(&message), zmq_msg_size(&message));
        }
        meter.stop(run.count, report);
        checker.finish(run.count);
        zmq_msg_close(&message);
    });
    link.tell("done");
}

void release(zmq_msg_t **messages, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        zmq_msg_close(messages[i]);
        delete messages[i];
    }
}

void retain_server(const Run &run, Link &link, Report &report) {
    Socket socket(run, ZMQ_PULL);
    link.tell(socket.bind(run));
    with_checker(run, [&](auto checker) {
        Window<zmq_msg_t *> window(run, release);
        Meter meter;
        while (checker.seen() < run.count) {
            if (!meter.started() && checker.seen() >= run.warm) meter.start(checker.seen());
            auto *message = new zmq_msg_t;
            zmq_msg_init(message);
            socket.receive(*message);
            checker.message(zmq_msg_data(message), zmq_msg_size(message));
            window.add(message);
        }
        meter.stop(run.count, report);
        checker.finish(run.count);
    });
    link.tell("done");
}

void flow_client(const Run &run, Link &link, Report &report) {
    Socket socket(run, ZMQ_PUSH);
    socket.connect(link.hear());
    Meter meter;
    for (std::uint64_t i = 0; i < run.count; ++i) {
        if (!meter.started() && i >= run.warm) meter.start(i);
        socket.send(run, i);
    }
    // The library's own thread still has some to write.
    link.hear();
    meter.stop(run.count, report);
}

void ping_server(const Run &run, Link &link, Report &report) {
    Socket socket(run, ZMQ_PAIR);
    link.tell(socket.bind(run));
    zmq_msg_t message;
    zmq_msg_init(&message);
    Meter meter;
    for (std::uint64_t i = 0; i < run.count;) {
        socket.receive(message);
        socket.send(message);
        meter.at(run, ++i, report);
    }
    zmq_msg_close(&message);
    link.hear();
}

void ping_client(const Run &run, Link &link, Report &report) {
    Socket socket(run, ZMQ_PAIR);
    socket.connect(link.hear());
    with_checker(run, [&](auto checker) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        RoundTrips trips(run);
        Meter meter;
        for (std::uint64_t i = 0; i < run.count; ++i) {
            if (!meter.started() && i >= run.warm) meter.start(i);
            trips.begin();
            socket.send(run, i);
            socket.receive(message);
            checker.message(zmq_msg_data(&message), zmq_msg_size(&message));
            trips.end();
        }
        meter.stop(run.count, report);
        trips.finish(report);
        checker.finish(run.count);
        zmq_msg_close(&message);
    });
    link.tell("done");
}

}  // namespace

int main(int argc, char **argv) {
    int major = 0;
    int minor = 0;
    int patch = 0;
    zmq_version(&major, &minor, &patch);
    std::string version = std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
    return bench_main(argc, argv, "libzmq", version,
                      {
                          {"flow", {"msg"}, flow_server, flow_client},
                          {"retain", {"msg"}, retain_server, flow_client},
                          {"ping", {"pair"}, ping_server, ping_client},
                      });
}
