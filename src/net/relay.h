// SPDX-License-Identifier: MIT
// A relay: two sockets of a loop and a flow each way between them.
//
// The owner of the loop does everything here but what is marked. Side 0 is the first socket, side 1 the second; flow 0
// goes from side 0 to side 1. A side that is gone dooms the relay: what came from it before is still delivered, then
// both sides end.
#pragma once

#include <atomic>

#include "base/error.h"
#include "base/list.h"
#include "io/flow.h"
#include "net/conn.h"
#include "net/timers.h"
#include "zcnet/relay.h"

namespace zcnet::net {
struct RelaysTag {};
struct RelayReadyTag {};
}  // namespace zcnet::net

struct zcn_relay final : zcnet::Link<zcnet::net::RelaysTag>,
                         zcnet::Link<zcnet::net::RelayReadyTag>,
                         zcnet::net::Timer,
                         zcnet::net::LoopLetter {
  public:
    using Status = zcnet::Status;

    // The loop holds the one reference. On failure everything is as it was.
    static Status join(zcn_relay **out, zcn_conn *first, zcn_conn *second, const zcn_relay_options &options,
                       zcnet::Error *error) noexcept;
    static Status join(zcn_relay **out, zcn_loop *loop, int first, int second, const zcn_relay_options &options,
                       zcnet::Error *error) noexcept;

    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept;

    // What the loop calls.
    void on_readiness(uint32_t side, uint32_t events) noexcept;
    void on_tap(uint32_t direction) noexcept;
    void service() noexcept;
    void on_timer() noexcept;
    void on_requests() noexcept;
    void end_silently() noexcept;

    // What the program calls.
    Status add_tap(uint32_t direction, int fd, uint32_t policy, uint32_t wait_ms) noexcept;
    Status request_close(bool abort) noexcept;  // any thread
    Status copy_error(zcn_error *error) const noexcept;
    void read_stats(zcn_relay_stats *stats) const noexcept;
    void add_figures(zcn_loop_relay_stats *sum) const noexcept;
    [[nodiscard]] uint64_t held() const noexcept { return flows_[0].held() + flows_[1].held(); }
    // For how long no byte has come or left, when the kernel was last asked.
    [[nodiscard]] int64_t quiet_ns() const noexcept;
    [[nodiscard]] bool stalled() const noexcept;
    [[nodiscard]] bool failed() const noexcept { return error_.status < 0; }
    [[nodiscard]] Status peer_address(uint32_t side, char *buffer, size_t capacity) const noexcept;
    [[nodiscard]] uintptr_t user() const noexcept { return user_; }
    void set_user(uintptr_t user) noexcept;
    [[nodiscard]] zcn_loop *loop() const noexcept { return loop_; }
    [[nodiscard]] bool in_process() const noexcept;
    static zcn_relay *of_letter(zcnet::net::LoopLetter *letter) noexcept { return static_cast<zcn_relay *>(letter); }

  private:
    enum class Phase : uint8_t {
        running,
        lingering,  // closed in order: the peers' kernels take the rest
        flushing,   // the sockets are gone, a tap has to write
        ended,      // RELAY_ENDED is still to be told
        told
    };

    struct Side {
        int fd = -1;
        bool is_tcp = false;
        bool output_watched = false;
    };

    zcn_relay(zcn_loop *loop, const zcn_relay_options &options) noexcept;
    ~zcn_relay() = default;

    static Status create(zcn_relay **out, zcn_loop *loop, const zcn_relay_options &options,
                         zcnet::Error *error) noexcept;
    int watch(uint32_t side, int operation, bool output) noexcept;
    void begin(zcnet::memory::Block *const rests[2]) noexcept;
    zcnet::io::Means means() noexcept;
    void run() noexcept;
    void run_flow(uint32_t direction) noexcept;
    void flow_ended(uint32_t direction) noexcept;
    void side_gone(uint32_t side, Status why, int number) noexcept;
    void wait_for_room(uint32_t side) noexcept;
    void linger() noexcept;
    void flush_taps() noexcept;
    void finish() noexcept;
    void fail(Status why, int number, const char *what) noexcept;
    void reset_sides() noexcept;
    void close_sides() noexcept;
    void end_flows() noexcept;
    void end_now(Status tap_status) noexcept;
    void tell() noexcept;
    void become_ready() noexcept;
    [[nodiscard]] int64_t next_deadline() const noexcept;
    void arm_timer() noexcept;
    [[nodiscard]] uint64_t progress() const noexcept;

    std::atomic<uint32_t> references_{1};
    std::atomic<uint32_t> requests_{0};
    zcn_loop *loop_;
    uintptr_t user_ = 0;
    Phase phase_ = Phase::running;
    bool more_ = false;
    bool doomed_ = false;   // a side is gone: ends with the flow that comes from it
    bool closing_ = false;  // asked for
    bool over_[2] = {};     // the flow has ended
    bool passed_[2] = {};   // in order, and the other side was told
    bool waits_for_memory_ = false;
    Side sides_[2];
    uint32_t linger_ms_ = 0;
    uint64_t budget_;
    int64_t idle_timeout_;
    int64_t half_close_timeout_;
    int64_t drain_timeout_;
    int64_t active_at_ = 0;      // last byte in or out
    int64_t close_by_ = 0;       // of closing and flushing
    int64_t tap_since_[2] = {};  // since when the pair waits for the tap; 0: it does not
    uint64_t moved_ = 0;
    zcnet::Error error_;
    zcnet::io::Flow flows_[2];
};
