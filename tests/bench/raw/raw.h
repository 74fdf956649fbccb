// SPDX-License-Identifier: MIT
// Hand-written loops on plain sockets. Modes of flow and retain say how many KiB a write and a read take at most; in
// `exact` the receiver reads one body and the header behind it at a time; in `even` the sender writes whole packets and
// keeps the rest of the bytes for the next write; in `spin` the receiver asks again for a while before it sleeps, which
// spares both sides the price of waking it.
#pragma once

#include "../harness/run.h"

namespace bench::raw {

void flow_server(const Run &run, Link &link, Report &report);
void flow_client(const Run &run, Link &link, Report &report);
void retain_server(const Run &run, Link &link, Report &report);
void ping_server(const Run &run, Link &link, Report &report);
void ping_client(const Run &run, Link &link, Report &report);
void forward_server(const Run &run, Link &link, Report &report);
void echo_server(const Run &run, Link &link, Report &report);

// What a mode of flow and retain means.
struct Way {
    std::size_t write;
    std::size_t read;  // 0: exact
    bool even;
    bool spins;
};
Way way_of(const Run &run);

}  // namespace bench::raw
