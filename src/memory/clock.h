// SPDX-License-Identifier: MIT
// Coarse time, to say how old something is: cheap to read, and small enough to lie beside what it belongs to.
#pragma once

#include <cstdint>

#include "os/os.h"

namespace zcnet::memory {

// A tick is about 17 ms, and 32 bits of them are two years.
constexpr uint32_t tick_bits = 24;
constexpr int64_t tick_ns = int64_t{1} << tick_bits;

inline uint32_t ticks() noexcept { return static_cast<uint32_t>(os::coarse_now() >> tick_bits); }

// Nanoseconds from one reading to a later one.
inline uint64_t ticks_between(uint32_t from, uint32_t to) noexcept { return uint64_t{to - from} << tick_bits; }

}  // namespace zcnet::memory
