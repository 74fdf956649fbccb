// SPDX-License-Identifier: MIT
// What the library's own programs share. They use its public functions only, with its default options.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>
#include <string>

#include "../harness/run.h"

namespace bench::zcnet {

void flow_server(const Run &run, Link &link, Report &report);
void flow_client(const Run &run, Link &link, Report &report);
void retain_server(const Run &run, Link &link, Report &report);
void ping_server(const Run &run, Link &link, Report &report);
void ping_client(const Run &run, Link &link, Report &report);
void forward_server(const Run &run, Link &link, Report &report);
void echo_server(const Run &run, Link &link, Report &report);

inline void check(zcn_status status, const char *what) {
    if (status < 0) fail("%s: %s", what, zcn_status_name(status));
}

struct Events {
    const zcn_event *first = nullptr;
    std::size_t count = 0;

    const zcn_event *begin() const { return first; }
    const zcn_event *end() const { return first + count; }
};

// A loop and the framing of this bench.
class Loop {
  public:
    explicit Loop(const Run &run) {
        zcn_loop_options options;
        zcn_loop_options_init(&options, sizeof options);
        if (run.mode.find("spin") != std::string::npos) options.spin_us = 1000;
        check(zcn_loop_create(&loop_, &options), "zcn_loop_create");
        check(zcn_framing_parse(&framing_, "length,width=4,order=big,strip=4,max=16M", nullptr), "zcn_framing_parse");
    }

    Loop(const Loop &) = delete;
    Loop &operator=(const Loop &) = delete;

    ~Loop() {
        zcn_framing_release(framing_);
        zcn_loop_release(loop_);
    }

    zcn_loop *get() const { return loop_; }
    const zcn_framing *framing() const { return framing_; }

    std::string listen(const Run &run) {
        std::string wanted = run.tcp() ? "tcp://127.0.0.1:0" : "unix://" + run.directory + "/socket";
        zcn_listener *listener;
        check(zcn_listen(&listener, loop_, wanted.c_str(), framing_, nullptr), "zcn_listen");
        char bound[128];
        check(zcn_listener_address(listener, bound, sizeof bound), "zcn_listener_address");
        zcn_listener_release(listener);
        return bound;
    }

    zcn_conn *connect(const Run &run, const std::string &address) {
        zcn_conn_options options;
        zcn_conn_options_init(&options, sizeof options);
        if (run.mode.find("zero-copy") != std::string::npos) options.zero_copy_from = 16 << 10;
        zcn_conn *conn;
        check(zcn_connect(&conn, loop_, address.c_str(), framing_, &options), "zcn_connect");
        return conn;
    }

    // Blocks for the next events; a connection that ends otherwise than in order ends the program.
    Events poll() {
        Events events;
        check(zcn_loop_poll(loop_, -1, &events.first, &events.count, nullptr), "zcn_loop_poll");
        for (const zcn_event &event : events) {
            if (event.type == ZCN_EVENT_CLOSED) check_end(event);
        }
        return events;
    }

    // What the whole loop copied, and the bytes that went through it.
    void report(Report &report) const {
        zcn_loop_stats stats{};
        stats.struct_size = sizeof stats;
        check(zcn_loop_get_stats(loop_, &stats), "zcn_loop_get_stats");
        report.set("bytes_in", static_cast<double>(stats.total.bytes_in));
        report.set("bytes_out", static_cast<double>(stats.total.bytes_out));
        report.set("copied_bytes", static_cast<double>(stats.total.copied_bytes));
        report.set("read_calls", static_cast<double>(stats.total.read_calls));
        report.set("write_calls", static_cast<double>(stats.total.write_calls));
        report.set("iovecs_out", static_cast<double>(stats.total.iovecs_out));
    }

  private:
    static void check_end(const zcn_event &event) {
        if (event.status == ZCN_ERESET) return;  // clients of many connections end so
        check(event.status, "a connection");
    }

    zcn_loop *loop_ = nullptr;
    zcn_framing *framing_ = nullptr;
};

}  // namespace bench::zcnet
