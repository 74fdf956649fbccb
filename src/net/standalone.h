// SPDX-License-Identifier: MIT
// The stream of a program that owns its I/O: a Stream with an intake and a batch of its own.
#pragma once

#include "base/error.h"
#include "net/stream.h"
#include "zcnet/stream.h"

namespace zcnet::net {
zcn_stream_options default_stream_options() noexcept;
}

struct zcn_stream final {
  public:
    using Status = zcnet::Status;

    static Status create(zcn_stream **out, zcn_pool *pool, const zcn_framing *framing,
                         const zcn_stream_options &options) noexcept;
    void destroy() noexcept;

    Status read_room(iovec *pieces, size_t *count) noexcept;
    Status read_done(uint64_t size) noexcept;
    Status feed(const void *data, uint64_t size, uint64_t *taken) noexcept;
    Status feed_message(const zcn_msg *msg) noexcept;
    void end() noexcept { ended_ = true; }
    void poll(const zcn_event **events, size_t *count, int32_t *more) noexcept;
    Status send(zcn_unit *unit) noexcept;
    Status send_message(const zcn_msg *msg) noexcept;
    Status gather(iovec *pieces, size_t capacity, size_t *count) noexcept;
    Status write_done(uint64_t size) noexcept;
    Status set_framing(const zcn_msg *after, const zcn_framing *framing) noexcept;
    void set_send_framing(const zcn_framing *framing) noexcept { stream_.set_send_framing(framing); }
    void read_stats(zcn_stats *stats) const noexcept { stream_.read_stats(stats); }
    [[nodiscard]] const zcnet::Error &error() const noexcept { return error_; }
    [[nodiscard]] bool in_process() const noexcept;

  private:
    zcn_stream(zcn_pool *pool, const zcn_framing *in, const zcn_framing *out) noexcept
        : pool_(pool), intake_(pool), stream_(in, out) {}
    ~zcn_stream() = default;
    [[nodiscard]] Status input_status() const noexcept;

    zcn_pool *pool_;
    uint64_t process_ = 0;
    zcnet::net::Batch *batch_ = nullptr;
    zcnet::receive::Intake intake_;
    zcnet::net::Stream stream_;
    zcnet::net::StreamLimits limits_;
    uintptr_t user_ = 0;
    zcnet::Error error_;
    uint64_t room_ = 0;  // bytes that read_room() gave out
    size_t gathered_ = 0;
    bool ended_ = false;
    bool closed_ = false;    // CLOSED was told
    Status short_ = ZCN_OK;  // why the last poll could not show what is there: no memory
    Status wrong_ = ZCN_OK;  // the received bytes violate the framing
};
