// SPDX-License-Identifier: MIT
// libuv over a descriptor of either transport, and what its programs share.
#pragma once

#include <uv.h>

#include "../harness/socket.h"

namespace bench::uv {

inline void check(int result, const char *what) {
    if (result < 0) fail("%s: %s", what, uv_strerror(result));
}

// A stream handle of the kind that the run's transport needs.
union Stream {
    uv_tcp_t tcp;
    uv_pipe_t pipe;

    uv_stream_t *stream() { return reinterpret_cast<uv_stream_t *>(this); }
    uv_handle_t *handle() { return reinterpret_cast<uv_handle_t *>(this); }

    void init(const Run &run, uv_loop_t *loop) {
        check(run.tcp() ? uv_tcp_init(loop, &tcp) : uv_pipe_init(loop, &pipe, 0), "uv init");
    }
    void open(const Run &run, int fd) { check(run.tcp() ? uv_tcp_open(&tcp, fd) : uv_pipe_open(&pipe, fd), "uv open"); }
};

void echo_server(const Run &run, Link &link, Report &report);

}  // namespace bench::uv
