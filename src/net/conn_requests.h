// SPDX-License-Identifier: MIT
// What other threads ask of a connection: bits of one word.
#pragma once

#include <cstdint>

namespace zcnet::net {

enum : uint32_t {
    request_close = 1,
    request_abort = 2,
    request_queued = 4,  // the connection's letter is in the inbox
    request_over = 8,    // the connection has ended
    request_mute = 16,   // the connection sends no more
    request_gone = 32,   // and its loop will not look at it any more
    request_end = request_close | request_abort | request_over,
    request_refuses = request_end | request_mute
};

}  // namespace zcnet::net
