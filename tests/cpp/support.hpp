/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_TESTS_CPP_SUPPORT_HPP
#define ZCNET_TESTS_CPP_SUPPORT_HPP
/* Checks that throw, since CMocka's own jump over destructors; and loops that are polled until something holds. */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <zcnet/zcnet.hpp>

extern "C" {
#include <cmocka.h>
}

namespace test {

struct Failure {
    std::string text;
};

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            throw test::Failure{std::string(__FILE__) + ":" + std::to_string(__LINE__) + ": " + #condition}; \
    } while (false)

/* The call throws zcnet::Error with this status. */
#define CHECK_THROWS(wanted, ...) CHECK(test::status_of([&] { static_cast<void>(__VA_ARGS__); }) == (wanted))

inline zcn_status status_of(const std::function<void()> &call) {
    try {
        call();
    } catch (const zcnet::Error &error) {
        return error.status();
    }
    return ZCN_OK;
}

/* A test of CMocka's from a function that may throw. */
template <void (*body)()>
void run(void **) {
    std::string failed;
    try {
        body();
    } catch (const Failure &failure) {
        failed = failure.text;
    } catch (const std::exception &error) {
        failed = std::string("unexpected: ") + error.what();
    }
    if (failed.empty()) return;
    // What a jump passes over must own nothing.
    static char text[512];
    std::snprintf(text, sizeof text, "%s", failed.c_str());
    std::string().swap(failed);
    fail_msg("%s", text);
}
#define TEST(name) cmocka_unit_test(test::run<name>)

/* Polls until the handler has said true; fails when that takes more than a minute. */
inline void poll_until(zcnet::Loop &loop, const std::function<bool(const zcnet::Event &)> &handler) {
    using namespace std::chrono;
    const auto end = steady_clock::now() + minutes(1);
    for (zcnet::Events events; steady_clock::now() < end;) {
        CHECK(loop.poll(events, milliseconds(1000)));
        bool done = false;
        for (const zcnet::Event event : events) done = handler(event) || done;
        if (done) return;
    }
    throw Failure{"nothing of what was waited for came within a minute"};
}

/* A temporary folder, which goes with all that is in it. */
struct Folder {
    char path[32] = "/tmp/zcnet-cpp-XXXXXX";
    Folder() { CHECK(mkdtemp(path) != nullptr); }
    Folder(const Folder &) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string operator/(const std::string &name) const { return path + ("/" + name); }
};

/* Two connected Unix sockets; those that nobody took are closed. */
struct SocketPair {
    int ends[2];
    SocketPair() { CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0); }
    SocketPair(const SocketPair &) = delete;
    ~SocketPair() {
        for (const int end : ends) {
            if (end >= 0) close(end);
        }
    }
    int take(int index) {
        const int end = ends[index];
        ends[index] = -1;
        return end;
    }
};

/* A listening socket whose connections nobody reads. */
struct Silence {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::string address = "tcp://127.0.0.1:";
    Silence() {
        sockaddr_in at = {};
        socklen_t size = sizeof at;
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockaddr *const any = reinterpret_cast<sockaddr *>(&at);
        CHECK(bind(fd, any, size) == 0 && listen(fd, SOMAXCONN) == 0 && getsockname(fd, any, &size) == 0);
        address += std::to_string(ntohs(at.sin_port));
    }
    Silence(const Silence &) = delete;
    ~Silence() { close(fd); }
};

/* A loop with both ends of a pair as connections. */
struct Pair {
    zcnet::Framing framing{"length,width=4,strip=4"};
    zcnet::Loop loop;
    zcnet::Conn near, far;
    explicit Pair(const zcnet::ConnOptions &options = {}) {
        SocketPair sockets;
        near = loop.adopt_fd(sockets.ends[0], framing, options).retain();
        sockets.take(0);
        far = loop.adopt_fd(sockets.ends[1], framing, options).retain();
        sockets.take(1);
        int connected = 0;
        poll_until(loop, [&](const zcnet::Event &event) {
            connected += event.type() == zcnet::EventType::connected;
            return connected == 2;
        });
    }
};

}  // namespace test

#endif
