// SPDX-License-Identifier: MIT
// Boost.Asio over a descriptor of either transport, and what its programs share.
#pragma once

#include <boost/asio.hpp>

#include "../harness/run.h"

namespace bench::asio {

using Socket = boost::asio::generic::stream_protocol::socket;

inline void check(const boost::system::error_code &error, const char *what) {
    if (error) fail("%s: %s", what, error.message().c_str());
}

inline Socket socket_of(const Run &run, boost::asio::io_context &context, int fd) {
    return Socket(context, boost::asio::generic::stream_protocol(run.tcp() ? AF_INET : AF_UNIX, 0), fd);
}

void echo_server(const Run &run, Link &link, Report &report);

}  // namespace bench::asio
