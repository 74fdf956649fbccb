// SPDX-License-Identifier: MIT
// A dialer: makes one connection after the other to an address, with waits that grow.
//
// One timer drives it: what is to be told, and what is to be tried next. The timer stays in the loop's heap all the
// time, so that no want of memory can stop it.
#pragma once

#include <atomic>

#include "base/error.h"
#include "base/list.h"
#include "net/address.h"
#include "net/settings.h"
#include "net/timers.h"
#include "zcnet/dialer.h"

namespace zcnet::net {
struct DialersTag {};
}  // namespace zcnet::net

struct zcn_dialer final : zcnet::Link<zcnet::net::DialersTag>, zcnet::net::Timer {
  public:
    using Status = zcnet::Status;

    // Makes the first attempt; the caller gets one reference, the loop another one while it is open.
    static Status create(zcn_dialer **out, zcn_loop *loop, const char *address, const zcn_framing *framing,
                         const zcn_dial_options &options, zcnet::Error *error) noexcept;

    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept;

    void on_timer() noexcept;  // the batch has room for one event
    // Of the present connection.
    void connected() noexcept;
    void connection_ended(Status why) noexcept;
    Status hurry() noexcept;
    void close() noexcept;
    void end_silently() noexcept;

    [[nodiscard]] zcn_conn *conn() const noexcept { return conn_; }
    [[nodiscard]] uintptr_t user() const noexcept { return user_; }
    void set_user(uintptr_t user) noexcept { user_ = user; }
    void read_stats(zcn_dialer_stats *stats) const noexcept;
    [[nodiscard]] bool in_process() const noexcept;

  private:
    enum class State : uint8_t {
        connected,  // or connecting
        fallen,     // the connection has ended, which is to be told
        waiting,
        closing,  // the end is to be told
        closed
    };

    zcn_dialer() noexcept : Timer(zcnet::net::TimerOf::dialer) {}
    ~zcn_dialer();

    Status attempt() noexcept;
    void fall(Status why) noexcept;
    void end() noexcept;
    void wake_at(int64_t when) noexcept;
    int64_t draw_wait() noexcept;

    std::atomic<uint32_t> references_{1};
    zcn_loop *loop_ = nullptr;
    const zcn_framing *framing_ = nullptr;
    zcnet::net::Settings *settings_ = nullptr;
    zcnet::net::Address address_;
    zcn_conn *conn_ = nullptr;
    uintptr_t user_ = 0;
    State state_ = State::connected;
    Status why_ = ZCN_OK;
    int64_t first_ns_ = 0;
    int64_t longest_ns_ = 0;
    int64_t step_ns_ = 0;  // the whole wait, of which a part is drawn
    int64_t stands_since_ = 0;
    int64_t next_at_ = 0;
    uint64_t random_ = 0;
    uint32_t most_failures_ = 0;
    bool stood_ = false;
    uint64_t attempts_ = 0;
    uint64_t connected_ = 0;
    uint64_t failures_ = 0;
};
