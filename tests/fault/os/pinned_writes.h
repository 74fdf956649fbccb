// SPDX-License-Identifier: MIT
// The scripted kernel's writes without a copy.
#pragma once

#include <sys/epoll.h>
#include <sys/uio.h>

#include "os/os.h"

namespace zcnet::fault {

[[nodiscard]] bool pinned_is_scripted() noexcept;
// The first `size` bytes of the pieces were taken.
void note_pinned(int fd, const iovec *pieces, size_t size) noexcept;
void note_copied_send(const iovec *pieces, int count) noexcept;
bool next_pinned_done(int fd, os::PinnedDone *done) noexcept;
// Sockets of the poller that have something to say of such writes, once each.
int pinned_edges(int poller, epoll_event *events, int capacity) noexcept;

}  // namespace zcnet::fault
