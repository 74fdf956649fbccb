// SPDX-License-Identifier: MIT
// A client of the server, and the list of them.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>
#include <list>
#include <string>

#include "tools/handles.h"
#include "tools/serve/request.h"

namespace tool {

struct Client {
    explicit Client(zcn_conn *connection) : conn(connection) {}

    zcn_conn *conn;  // borrowed, until its CLOSED event
    RequestReader reader;
    std::string peer;         // its address, where a log wants it
    Owned<zcn_unit> waiting;  // did not fit into the connection's queue; later requests wait in `backlog`
    std::string backlog;
    bool over = false;           // the last answer was given: what still comes is not looked at
    bool peer_ended = false;     // it sends no more
    bool line_too_long = false;  // since what it sent is no line
    int64_t since_ns = 0;        // when the request that is unfinished began, or the client was found not to go on
    uint64_t promised = 0;       // bytes of its answers
    uint64_t written = 0;        // bytes, when that was looked at last
    std::list<Client>::iterator place;
};

using ClientList = std::list<Client>;

}  // namespace tool
