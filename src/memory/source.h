// SPDX-License-Identifier: MIT
// Where a pool's memory comes from: the system, or functions of the program.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "zcnet/pool.h"

namespace zcnet::memory {

// As the program gave it (zcn_pool_source); allocate is nullptr for the system's own memory.
struct Source {
    void *(*allocate)(void *context, uint64_t size, uint64_t alignment) = nullptr;
    void (*free)(void *context, void *memory, uint64_t size) = nullptr;
    int32_t (*drop)(void *context, void *memory, uint64_t size) = nullptr;
    void (*end)(void *context) = nullptr;
    void *context = nullptr;
};

// It is asked for powers of two from this on.
constexpr uint64_t smallest_source = 4096;

constexpr uint64_t source_bytes(uint64_t size) noexcept { return std::bit_ceil(std::max(size, smallest_source)); }

}  // namespace zcnet::memory
