// SPDX-License-Identifier: MIT
// libuv: frames are parsed in place in one buffer. Modes of flow: `bufs` writes many buffers of one message each at a
// time, `chunks` several buffers of 64 KiB that are full of messages.
#include "uv.h"

#include <algorithm>
#include <vector>

#include "../harness/copies.h"
#include "../harness/load.h"
#include "../harness/meter.h"
#include "../harness/receive_buffer.h"
#include "../harness/round_trips.h"

namespace {

using namespace bench;
using bench::uv::check;
using bench::uv::Stream;

constexpr std::size_t read_size = 256 << 10;

void give_room(uv_handle_t *handle, std::size_t, uv_buf_t *room) {
    auto *buffer = static_cast<ReceiveBuffer *>(handle->data);
    *room = uv_buf_init(reinterpret_cast<char *>(buffer->room()), static_cast<unsigned>(buffer->room_size()));
}

// Receives a flow; each message goes to the checker and, where there is one, to the window.
template <typename Check>
class Receiver {
  public:
    Receiver(const Run &run, int fd, Check checker, Window<void *> *window, Report &report)
        : run_(run), report_(report), checker_(checker), window_(window), buffer_(read_size, header_size + run.size) {
        stream_.init(run, uv_default_loop());
        stream_.open(run, fd);
        stream_.handle()->data = &buffer_;
        uv_default_loop()->data = this;
    }

    void work() {
        check(uv_read_start(stream_.stream(), give_room, received), "uv_read_start");
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
        checker_.finish(run_.count);
    }

  private:
    static void received(uv_stream_t *stream, ssize_t size, const uv_buf_t *) {
        auto *self = static_cast<Receiver *>(uv_default_loop()->data);
        check(static_cast<int>(size), "read");
        self->meter_.at(self->run_, self->checker_.seen(), self->report_);
        self->buffer_.received(static_cast<std::size_t>(size), [self](const std::byte *body, std::size_t body_size) {
            self->checker_.message(body, body_size);
            if (self->window_ != nullptr) keep_copy(*self->window_, body, body_size);
        });
        if (self->checker_.seen() < self->run_.count) return;
        self->meter_.at(self->run_, self->checker_.seen(), self->report_);
        uv_read_stop(stream);
    }

    const Run &run_;
    Report &report_;
    Check checker_;
    Window<void *> *window_;
    ReceiveBuffer buffer_;
    Meter meter_;
    Stream stream_;
};

void flow_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int listener = listen_on(run, address);
    link.tell(address);
    int fd = accept_one(listener);
    with_checker(run, [&](auto checker) { Receiver(run, fd, checker, nullptr, report).work(); });
    link.tell("done");
}

void retain_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int listener = listen_on(run, address);
    link.tell(address);
    int fd = accept_one(listener);
    with_checker(run, [&](auto checker) {
        Window<void *> window(run, free_copies);
        Receiver(run, fd, checker, &window, report).work();
    });
    link.tell("done");
}

class Sender {
  public:
    Sender(const Run &run, int fd)
        : run_(run),
          part_(run.mode == "bufs" ? header_size + run.size : std::max(chunk, header_size + run.size)),
          parts_(run.mode == "bufs" ? std::clamp<std::size_t>((256U << 10) / part_, 1, 1024) : 4),
          data_(part_ * parts_) {
        stream_.init(run, uv_default_loop());
        stream_.open(run, fd);
        request_.data = this;
    }

    void work(Report &report) {
        next();
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
        meter_.stop(run_.count, report);
    }

  private:
    static constexpr std::size_t chunk = 64 << 10;

    void next() {
        if (!meter_.started() && made_ >= run_.warm) meter_.start(made_);
        buffers_.clear();
        for (std::size_t i = 0; i < parts_ && made_ < run_.count; ++i) {
            std::byte *part = data_.data() + i * part_;
            std::size_t used = 0;
            made_ += make_frames(run_, part, part_, made_, run_.count - made_, used);
            buffers_.push_back(uv_buf_init(reinterpret_cast<char *>(part), static_cast<unsigned>(used)));
        }
        if (buffers_.empty()) return;
        check(uv_write(&request_, stream_.stream(), buffers_.data(), static_cast<unsigned>(buffers_.size()), written),
              "uv_write");
    }

    static void written(uv_write_t *request, int status) {
        check(status, "write");
        static_cast<Sender *>(request->data)->next();
    }

    const Run &run_;
    std::size_t part_;
    std::size_t parts_;
    std::vector<std::byte> data_;
    std::vector<uv_buf_t> buffers_;
    std::uint64_t made_ = 0;
    Meter meter_;
    uv_write_t request_{};
    Stream stream_;
};

void flow_client(const Run &run, Link &link, Report &report) {
    Sender(run, connect_to(link.hear())).work(report);
    link.hear();
}

// One message at a time, back and forth.
class Pinger {
  public:
    Pinger(const Run &run, int fd, Report &report)
        : run_(run),
          report_(report),
          checker_(run),
          trips_(run),
          out_(header_size + run.size),
          buffer_(read_size, header_size + run.size) {
        stream_.init(run, uv_default_loop());
        stream_.open(run, fd);
        stream_.handle()->data = &buffer_;
        uv_default_loop()->data = this;
        store_length(out_.data(), run.size);
    }

    void serve() {
        check(uv_read_start(stream_.stream(), give_room, echo), "uv_read_start");
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    }

    void ask() {
        check(uv_read_start(stream_.stream(), give_room, answered), "uv_read_start");
        next();
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
        trips_.finish(report_);
        if (run_.verify) checker_.finish(run_.count);
    }

  private:
    static Pinger &self() { return *static_cast<Pinger *>(uv_default_loop()->data); }

    void send(const void *data, std::size_t size) {
        uv_buf_t buffer = uv_buf_init(static_cast<char *>(const_cast<void *>(data)), static_cast<unsigned>(size));
        if (uv_try_write(stream_.stream(), &buffer, 1) != static_cast<int>(size)) fail("the socket is full");
    }

    void next() {
        meter_.at(run_, asked_, report_);
        trips_.begin();
        make_body(out_.data() + header_size, run_.size, asked_++, run_.verify);
        send(out_.data(), out_.size());
    }

    static void echo(uv_stream_t *stream, ssize_t size, const uv_buf_t *) {
        Pinger &me = self();
        if (size == UV_EOF) {
            uv_read_stop(stream);
            return;
        }
        check(static_cast<int>(size), "read");
        me.buffer_.received(static_cast<std::size_t>(size), [&me](const std::byte *body, std::size_t body_size) {
            me.send(body - header_size, header_size + body_size);
            me.meter_.at(me.run_, ++me.asked_, me.report_);
        });
    }

    static void answered(uv_stream_t *stream, ssize_t size, const uv_buf_t *) {
        Pinger &me = self();
        check(static_cast<int>(size), "read");
        bool whole = false;
        me.buffer_.received(static_cast<std::size_t>(size), [&](const std::byte *body, std::size_t body_size) {
            whole = true;
            if (me.run_.verify) me.checker_.message(body, body_size);
        });
        if (!whole) return;
        me.trips_.end();
        if (me.asked_ < me.run_.count) {
            me.next();
            return;
        }
        me.meter_.at(me.run_, me.asked_, me.report_);
        uv_read_stop(stream);
    }

    const Run &run_;
    Report &report_;
    Checker<true> checker_;
    RoundTrips trips_;
    std::vector<std::byte> out_;
    ReceiveBuffer buffer_;
    std::uint64_t asked_ = 0;
    Meter meter_;
    Stream stream_;
};

void ping_server(const Run &run, Link &link, Report &report) {
    std::string address;
    int listener = listen_on(run, address);
    link.tell(address);
    Pinger(run, accept_one(listener), report).serve();
}

void ping_client(const Run &run, Link &link, Report &report) { Pinger(run, connect_to(link.hear()), report).ask(); }

}  // namespace

int main(int argc, char **argv) {
    return bench_main(argc, argv, "libuv", uv_version_string(),
                      {
                          {"flow", {"chunks", "bufs"}, flow_server, flow_client},
                          {"retain", {"chunks"}, retain_server, flow_client},
                          {"ping", {"try"}, ping_server, ping_client},
                          {"echo", {"try"}, bench::uv::echo_server, echo_client},
                          {"idle", {"try"}, bench::uv::echo_server, idle_client},
                      });
}
