// SPDX-License-Identifier: MIT
// Deadlines of a loop: an intrusive binary heap.
#pragma once

#include <cstdint>

#include "base/guard.h"

namespace zcnet::net {

constexpr int64_t never = INT64_MAX;

inline int64_t saturating_add(int64_t a, int64_t b) noexcept {
    int64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? never : INT64_MIN) : sum;
}

enum class TimerOf : uint8_t { conn, listener, program, pool, relay, dialer };

struct Timer {
    explicit Timer(TimerOf whose) noexcept : of(whose) {}

    int64_t at = never;  // monotonic nanoseconds; what the heap is ordered by
    uint32_t place = 0;  // in the heap + 1; 0: not in it
    TimerOf of = TimerOf::conn;
};

class Timers {
  public:
    Timers() noexcept = default;
    Timers(const Timers &) = delete;
    Timers &operator=(const Timers &) = delete;
    ~Timers();

    [[nodiscard]] int64_t next() const noexcept { return used_ == 0 ? never : heap_[0]->at; }
    // Room for the first ones, so that a deadline is not lost where memory is short.
    Status prepare() noexcept { return grow(); }
    [[nodiscard]] uint32_t count() const noexcept { return used_; }
    Status set(Timer *timer, int64_t at) noexcept;  // ZCN_ENOMEM
    void cancel(Timer *timer) noexcept;
    // The earliest timer if it is due; it leaves the heap.
    Timer *take_due(int64_t now) noexcept;

  private:
    Status grow() noexcept;
    void put(Timer *timer, uint32_t index) noexcept;
    void rise(uint32_t index) noexcept;
    void sink(uint32_t index) noexcept;

    Timer **heap_ = nullptr;
    uint32_t used_ = 0;
    uint32_t capacity_ = 0;
};

}  // namespace zcnet::net
