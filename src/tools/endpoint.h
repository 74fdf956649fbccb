// SPDX-License-Identifier: MIT
// What the verbs open: framing, pool, loop, and one end of an address.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>
#include <string>

#include "handles.h"

namespace tool {

constexpr int64_t second_ns = 1'000'000'000;

int64_t now_ns();  // monotonic

// Throws UsageError with the library's sentence.
Owned<zcn_framing> parse_framing(const std::string &text);

// block_size 0: the library's default. Throws UsageError for a size that it does not take.
Owned<zcn_pool> create_pool(uint64_t block_size);

Owned<zcn_loop> create_loop(zcn_pool *pool, uint64_t spin_us);

zcn_conn_options connection_options();
zcn_listen_options listener_options();

// Throw UsageError for a wrong address, Failure for one that cannot be used.
Owned<zcn_listener> open_listener(zcn_loop *loop, const std::string &address, const zcn_framing *framing,
                                  const zcn_listen_options &options);
zcn_conn *open_connection(zcn_loop *loop, const std::string &address, const zcn_framing *framing,
                          const zcn_conn_options &options);

// Shows the loop's counters at a Unix socket for as long as it lives; empty: does not.
void open_stat(zcn_loop *loop, const std::string &address);

// An fd:N that is a connected socket: there is nothing to listen on.
bool is_connected_descriptor(const std::string &address);

// Prints the bound address as the first line and flushes it, so that a script can read it.
void announce(const zcn_listener *listener, bool json);

// Prints a line on standard output and flushes it.
void print_line(const std::string &line);

}  // namespace tool
