// SPDX-License-Identifier: MIT
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "../harness/meter.h"
#include "../harness/receive_buffer.h"
#include "../harness/socket.h"
#include "raw.h"

namespace bench::raw {

namespace {

constexpr int most_spins = 5000;  // about a millisecond

// Blocks; a socket that does not block is asked again and again first.
std::size_t receive_some(int fd, std::byte *room, std::size_t size) {
    for (int spins = 0;; ++spins) {
        ssize_t n = recv(fd, room, size, 0);
        if (n > 0) return static_cast<std::size_t>(n);
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) fail_errno("recv");
        if (spins < most_spins) continue;
        pollfd waiting{fd, POLLIN, 0};
        poll(&waiting, 1, -1);
    }
}

// Any number of frames a read, parsed where they lie.
template <typename Check>
void receive_many(const Run &run, int fd, Way way, Report &report, Check checker) {
    ReceiveBuffer buffer(way.read, header_size + run.size);
    if (way.spins) set_nonblocking(fd);
    Meter meter;
    while (checker.seen() < run.count) {
        if (!meter.started() && checker.seen() >= run.warm) meter.start(checker.seen());
        buffer.received(receive_some(fd, buffer.room(), buffer.room_size()),
                        [&checker](const std::byte *body, std::size_t size) { checker.message(body, size); });
    }
    meter.stop(run.count, report);
    checker.finish(run.count);
}

// One body and the next header a read: no byte of a large message is moved.
template <typename Check>
void receive_exact(const Run &run, int fd, Report &report, Check checker) {
    std::vector<std::byte> body(run.size);
    std::byte header[header_size];
    receive_all(fd, header, header_size);
    Meter meter;
    while (checker.seen() < run.count) {
        if (!meter.started() && checker.seen() >= run.warm) meter.start(checker.seen());
        std::size_t size = load_length(header);
        if (size > body.size()) fail("a message of %zu bytes", size);
        std::size_t total = size + (checker.seen() + 1 < run.count ? header_size : 0);
        for (std::size_t got = 0; got < total;) {
            std::size_t into_header = got > size ? got - size : 0;
            std::size_t into_body = size - (got - into_header);
            iovec parts[2] = {{body.data() + (got - into_header), into_body},
                              {header + into_header, total - size - into_header}};
            ssize_t n = readv(fd, parts, 2);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) fail_errno("readv");
            got += static_cast<std::size_t>(n);
        }
        checker.message(body.data(), size);
    }
    meter.stop(run.count, report);
    checker.finish(run.count);
}

}  // namespace

Way way_of(const Run &run) {
    std::size_t write = 0;
    std::size_t read = 0;
    std::sscanf(run.mode.c_str(), "w%zu-r%zu", &write, &read);
    return {write << 10, read << 10, run.mode.find("even") != std::string::npos,
            run.mode.find("spin") != std::string::npos};
}

void flow_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int listener = listen_on(run, address);
    link.tell(address);
    int fd = accept_one(listener);
    Way way = way_of(run);
    with_checker(run, [&](auto checker) {
        if (way.read == 0) {
            receive_exact(run, fd, report, checker);
        } else {
            receive_many(run, fd, way, report, checker);
        }
    });
    link.tell("done");
}

namespace {

// As many whole segments as the kernel hands down in one piece.
std::size_t packet_size(int fd, std::size_t write) {
    int segment = 0;
    socklen_t length = sizeof segment;
    if (getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, &length) != 0 || segment <= 0) return write;
    auto size = static_cast<std::size_t>(segment);
    std::size_t room = std::max(write - 321, size);
    return room / size * size;
}

void send_even(const Run &run, int fd, Report &report) {
    std::size_t write = way_of(run).write;
    std::size_t packet = packet_size(fd, write);
    std::size_t capacity = write + packet + header_size + run.size;
    std::vector<std::byte> buffer(capacity);
    std::size_t kept = 0;
    Meter meter;
    for (std::uint64_t sent = 0; sent < run.count;) {
        if (!meter.started() && sent >= run.warm) meter.start(sent);
        std::size_t used = 0;
        sent += make_frames(run, buffer.data() + kept, std::max(write, header_size + run.size), sent, run.count - sent,
                            used);
        kept += used;
        std::size_t leaving = sent == run.count ? kept : kept / packet * packet;
        send_all(fd, buffer.data(), leaving);
        kept -= leaving;
        std::memmove(buffer.data(), buffer.data() + leaving, kept);
    }
    meter.stop(run.count, report);
}

}  // namespace

void flow_client(const Run &run, Link &link, Report &report) {
    int fd = connect_to(link.hear());
    if (way_of(run).even) {
        send_even(run, fd, report);
        link.hear();
        return;
    }
    std::vector<std::byte> buffer(std::max(way_of(run).write, header_size + run.size));
    Meter meter;
    for (std::uint64_t sent = 0; sent < run.count;) {
        if (!meter.started() && sent >= run.warm) meter.start(sent);
        std::size_t used = 0;
        sent += make_frames(run, buffer.data(), buffer.size(), sent, run.count - sent, used);
        send_all(fd, buffer.data(), used);
    }
    meter.stop(run.count, report);
    link.hear();
}

}  // namespace bench::raw
