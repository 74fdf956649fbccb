// SPDX-License-Identifier: MIT
// A listener: accepts connections for its loop, and knows what to do when descriptors run out.
#pragma once

#include <atomic>

#include "base/error.h"
#include "base/list.h"
#include "net/address.h"
#include "net/settings.h"
#include "net/timers.h"
#include "os/os.h"
#include "zcnet/listener.h"

namespace zcnet::net {
struct ListenersTag {};
struct AcceptingTag {};
}  // namespace zcnet::net

struct zcn_listener final : zcnet::Link<zcnet::net::ListenersTag>,
                            zcnet::Link<zcnet::net::AcceptingTag>,
                            zcnet::net::Timer {
  public:
    using Status = zcnet::Status;

    // Binds and listens; the caller gets one reference, the loop another one while it is open. Without a framing there
    // are no connections: who comes to its Unix socket is told the counters of the loop.
    static Status create(zcn_listener **out, zcn_loop *loop, const char *address, const zcn_framing *framing,
                         const zcn_listen_options &options, zcnet::Error *error) noexcept;

    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept;

    void on_readiness() noexcept;
    void accept_some() noexcept;
    // Tells what there is to tell; false: no room in the batch.
    bool tell_pending() noexcept;
    void on_timer() noexcept;
    void connection_ended() noexcept;
    void close() noexcept;
    void end_silently() noexcept;

    [[nodiscard]] Status address(char *buffer, size_t capacity) const noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] uintptr_t user() const noexcept { return user_; }
    void set_user(uintptr_t user) noexcept { user_ = user; }
    void read_stats(zcn_listener_stats *stats) const noexcept;
    [[nodiscard]] bool in_process() const noexcept;

  private:
    zcn_listener() noexcept : Timer(zcnet::net::TimerOf::listener) {}
    ~zcn_listener();

    Status bind_address(const char *text, const zcn_listen_options &options, zcnet::Error *error) noexcept;
    Status bind_endpoint(const zcnet::net::Endpoint &endpoint, const zcn_listen_options &options,
                         zcnet::Error *error) noexcept;
    void take(int fd) noexcept;
    void limited(Status why, int number) noexcept;
    int accept_with_spare() noexcept;

    std::atomic<uint32_t> references_{1};
    zcn_loop *loop_ = nullptr;
    const zcn_framing *framing_ = nullptr;
    zcnet::net::Settings *settings_ = nullptr;
    uintptr_t user_ = 0;
    int fd_ = -1;
    int spare_ = -1;  // closed for a moment when no descriptor is left, so that the queue can be emptied
    uint32_t max_connections_ = 0;
    uint32_t accepts_per_poll_ = 64;
    bool is_tcp_ = false;
    bool limited_ = false;
    bool tell_limited_ = false;
    bool tell_closed_ = false;
    bool adopted_ = false;  // the program's descriptor, until the listener stands
    bool open_ = false;
    bool shows_page_ = false;
    Status limited_status_ = ZCN_OK;
    int limited_errno_ = 0;
    uint32_t back_off_ms_ = 0;
    uint64_t accepted_ = 0;
    uint64_t connections_ = 0;
    uint64_t limits_ = 0;
    uint64_t dropped_ = 0;
    uint64_t failed_ = 0;
    zcnet::os::FileId file_;  // what path_ led to when it was bound
    char path_[108] = {};     // of a socket file that is removed at the end
};
