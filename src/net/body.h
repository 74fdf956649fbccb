// SPDX-License-Identifier: MIT
// Bodies that a connection receives into files: the one that is coming, and those whose end is to be told.
#pragma once

#include <utility>

#include "base/error.h"
#include "base/list.h"
#include "io/file_receive.h"
#include "net/letter.h"
#include "os/helper.h"
#include "os/os.h"
#include "zcnet/file.h"

namespace zcnet::net {

struct EndedTag {};

// What FILE_RECEIVED tells. It owns the descriptor, which a helper may be flushing while the connection goes on.
struct Body : os::Task, LoopLetter, Link<EndedTag> {
    Body(zcn_conn *which, const zcn_receive_file_options &options) noexcept
        : LoopLetter(Message::body), conn(which), token(options.token), flush(options.flush) {}
    ~Body() { close(); }
    Body(const Body &) = delete;
    Body &operator=(const Body &) = delete;

    void close() noexcept {
        if (fd >= 0) (void)os::close(fd);
        fd = -1;
    }

    zcn_conn *conn;
    uint64_t token;
    uint32_t flush;
    int fd = -1;
    int flushed = 0;    // 0 or -errno
    uint64_t size = 0;  // bytes in the file
    Error error;
};

struct Bodies {
    Bodies() noexcept = default;
    ~Bodies() {
        delete present;
        while (Body *body = ended.pop_front()) delete body;
    }
    Bodies(const Bodies &) = delete;
    Bodies &operator=(const Bodies &) = delete;

    io::FileReceive receive;
    Body *present = nullptr;  // that is coming; nullptr: its end was told, and what is missing of it is dropped
    List<Body, EndedTag> ended;
    uint32_t flushing = 0;  // that a helper has
    Error last;             // of the one that was told last
};

}  // namespace zcnet::net
