// SPDX-License-Identifier: MIT
#include <sys/socket.h>

#include <cerrno>

#include "../harness/copies.h"
#include "../harness/meter.h"
#include "../harness/receive_buffer.h"
#include "../harness/socket.h"
#include "raw.h"

namespace bench::raw {

void retain_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int listener = listen_on(run, address);
    link.tell(address);
    int fd = accept_one(listener);
    with_checker(run, [&](auto checker) {
        Window<void *> window(run, free_copies);
        ReceiveBuffer buffer(way_of(run).read, header_size + run.size);
        Meter meter;
        while (checker.seen() < run.count) {
            if (!meter.started() && checker.seen() >= run.warm) meter.start(checker.seen());
            ssize_t n = recv(fd, buffer.room(), buffer.room_size(), 0);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) fail_errno("recv");
            buffer.received(static_cast<std::size_t>(n), [&](const std::byte *body, std::size_t size) {
                checker.message(body, size);
                keep_copy(window, body, size);
            });
        }
        meter.stop(run.count, report);
        checker.finish(run.count);
    });
    link.tell("done");
}

}  // namespace bench::raw
