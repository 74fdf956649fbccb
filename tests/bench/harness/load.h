// SPDX-License-Identifier: MIT
// Clients made of plain sockets, the same for every server under test; its messages have a four-byte length before
// them.
#pragma once

#include "run.h"

namespace bench {

// One connection sends messages as fast as the server takes them; run.connections others receive what it forwards.
void forward_client(const Run &run, Link &link, Report &report);

// run.connections connections, run.in_flight requests under way.
void echo_client(const Run &run, Link &link, Report &report);

// The server's memory for each of run.connections connections: silent, with one byte of a message sent on each, and
// silent again after a round trip.
void idle_client(const Run &run, Link &link, Report &report);

}  // namespace bench
