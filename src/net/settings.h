// SPDX-License-Identifier: MIT
// The options of connections: checked once, shared by all that a listener accepts.
#pragma once

#include <atomic>

#include "net/stream.h"
#include "zcnet/conn.h"

namespace zcnet::net {

// Where messages carry the id by which an answer finds its request.
struct IdPlace {
    uint32_t width = 0;  // 0: they carry none
    uint32_t in = 0;     // bytes before it in what is shown of a received message
    uint32_t out = 0;    // bytes before it in a body that is sent
    bool little = false;

    [[nodiscard]] bool is_in(uint64_t size) const noexcept { return size >= uint64_t{in} + width; }
    [[nodiscard]] bool is_out(uint64_t size) const noexcept { return size >= uint64_t{out} + width; }
    [[nodiscard]] bool can_be(uint64_t id) const noexcept { return width >= 8 || id >> (8 * width) == 0; }
    [[nodiscard]] uint64_t load(const void *message) const noexcept;
    void store(uint64_t id, void *body) const noexcept;
};

struct SettingsValues {
    StreamLimits limits;
    const zcn_framing *send_framing = nullptr;  // retained; nullptr: as for receiving
    uint64_t flush_at = 0;
    uint64_t read_budget = 0;
    int64_t connect_timeout = 0;  // nanoseconds from here on
    int64_t message_timeout = 0;
    int64_t idle_timeout = 0;  // 0: none
    int64_t drain_timeout = 0;
    uint32_t keepalive_s = 0;
    uint32_t keepalive_interval_s = 0;
    uint32_t keepalive_count = 0;
    uint32_t user_timeout_ms = 0;
    uint32_t send_buffer = 0;
    uint32_t receive_buffer = 0;
    bool delay = false;
    bool half_open = false;
    bool answers_wrong_input = false;
    bool start_paused = false;
    IdPlace id;
    uint32_t max_requests = 0;  // 0: the default
    uintptr_t user = 0;
};

struct Settings : SettingsValues {
    // Of a frame: larger ones are headers alone.
    [[nodiscard]] uint64_t largest_in_memory(const framing::Rule &rule) const noexcept {
        const bool has_header = rule.kind != framing::Kind::delimiter && rule.kind != framing::Kind::raw;
        return has_header && limits.header_from != 0 ? std::min(rule.max, limits.header_from) : rule.max;
    }

    std::atomic<uint32_t> references{1};
    // Of one connection that changed an option; what it had in common with others before, a thread that posts may still
    // look at.
    Settings *before = nullptr;

    // The one value that other threads look at, to bound what they post. relaxed: it orders nothing.
    [[nodiscard]] uint64_t posting_limit() noexcept {
        return std::atomic_ref(limits.high_water).load(std::memory_order_relaxed);
    }
    void set_high_water(uint64_t bytes) noexcept {
        std::atomic_ref(limits.high_water).store(bytes, std::memory_order_relaxed);
    }
    void retain() noexcept { references.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept;
};

zcn_conn_options default_conn_options() noexcept;

// Checks options and makes settings of them, or says which of them is wrong.
Status make_settings(Settings **out, const zcn_conn_options *options, Error *error) noexcept;

// Smaller pieces cost more in pages that are locked than their copy does.
constexpr bool is_zero_copy_size(uint64_t size) noexcept { return size == 0 || size >= 4096; }

// The same values in memory of their own, for one connection that changes an option.
Settings *copy_settings(const Settings &settings) noexcept;

// Checks the flow options that connections and streams share.
Status make_limits(StreamLimits *out, uint64_t high_water, uint64_t low_water, uint64_t copy_below, uint32_t align,
                   uint32_t align_from, uint32_t messages_per_poll) noexcept;

// What the settings ask of a socket. Best effort for what only tunes it; -errno for what cannot be had.
int apply_before_connect(int fd, const Settings &settings) noexcept;
int apply_socket_options(int fd, bool is_tcp, const Settings &settings) noexcept;

// zcn_conn_set_option() and _get_option() on the socket itself; ZCN_EOPTION for options that are not the socket's.
Status set_socket_option(int fd, bool is_tcp, uint32_t option, uint64_t value, int *number) noexcept;
Status get_socket_option(int fd, bool is_tcp, uint32_t option, uint64_t *value, int *number) noexcept;

}  // namespace zcnet::net
