// SPDX-License-Identifier: MIT
// What a loop tells who asks from outside: its counters, those of its relays and its pool, and the connections and
// relays that hold most, as lines of text.
#pragma once

struct zcn_loop;

namespace zcnet::net {

// Writes the page to a fresh socket, as far as it takes it at once: a reader finds by the last line that all is there.
void show_page(zcn_loop *loop, int fd) noexcept;

}  // namespace zcnet::net
