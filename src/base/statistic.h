// SPDX-License-Identifier: MIT
// A figure for people: how often, how much, how high at most.
//
// Nothing is decided on a Statistic and nothing is published by one. That it is a type of its own says so, and lets
// the explorer of interleavings (tests/model) leave it out: a figure that steers nothing would only multiply what it
// has to look at. A number that code acts upon is a std::atomic.
#pragma once

#include <atomic>
#include <cstdint>

// Of no consequence in a build without instrumentation: the functions are inlined as any others.
#if defined(__clang__)
#define ZCNET_NOT_EXPLORED __attribute__((disable_sanitizer_instrumentation))
#else
#define ZCNET_NOT_EXPLORED __attribute__((no_sanitize("thread")))
#endif

namespace zcnet {

class Statistic {
  public:
    // relaxed throughout: each figure is exact by itself, and no two of them belong together.
    ZCNET_NOT_EXPLORED void add(uint64_t amount) noexcept { value_.fetch_add(amount, std::memory_order_relaxed); }
    ZCNET_NOT_EXPLORED void subtract(uint64_t amount) noexcept { value_.fetch_sub(amount, std::memory_order_relaxed); }

    // For a figure with one writer.
    ZCNET_NOT_EXPLORED void set(uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }

    // Keeps the highest value that was ever seen.
    ZCNET_NOT_EXPLORED void raise(uint64_t seen) noexcept {
        uint64_t highest = value_.load(std::memory_order_relaxed);
        while (seen > highest && !value_.compare_exchange_weak(highest, seen, std::memory_order_relaxed)) {
        }
    }

    [[nodiscard]] ZCNET_NOT_EXPLORED uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<uint64_t> value_{0};
};

}  // namespace zcnet

#undef ZCNET_NOT_EXPLORED
