// SPDX-License-Identifier: MIT
// Arithmetic on sizes that come from outside: every operation says whether it fits.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zcnet {

[[nodiscard]] inline bool add_fits(uint64_t a, uint64_t b, uint64_t *sum) noexcept {
    return !__builtin_add_overflow(a, b, sum);
}

[[nodiscard]] inline bool multiply_fits(uint64_t a, uint64_t b, uint64_t *product) noexcept {
    return !__builtin_mul_overflow(a, b, product);
}

// base + delta for a delta of either sign; false when the result is not in 0 … 2^64 - 1.
[[nodiscard]] inline bool add_signed_fits(uint64_t base, int64_t delta, uint64_t *sum) noexcept {
    return !__builtin_add_overflow(base, delta, sum);
}

constexpr bool is_power_of_two(uint64_t value) noexcept { return value != 0 && (value & (value - 1)) == 0; }

// The next multiple of a power of two. The caller knows that it does not overflow.
constexpr uint64_t round_up(uint64_t value, uint64_t multiple) noexcept {
    return (value + multiple - 1) & ~(multiple - 1);
}

}  // namespace zcnet
