// SPDX-License-Identifier: MIT
// One turn of a verb that serves connections until its loop is closed.
#pragma once

#include <zcnet/zcnet.h>

#include "text.h"

namespace tool {

// Polls once and gives each event to `handle`. False: the loop was closed, and everything on it has ended.
template <class Handle>
bool poll_events(zcn_loop *loop, int64_t timeout_ns, Handle &&handle) {
    const zcn_event *events = nullptr;
    size_t count = 0;
    const zcn_status status = zcn_loop_poll(loop, timeout_ns, &events, &count, nullptr);
    if (status == ZCN_ECLOSED) return false;
    if (status != ZCN_OK) throw Failure("the event loop failed: " + status_line(status));
    for (size_t i = 0; i < count; i++) handle(events[i]);
    return true;
}

}  // namespace tool
