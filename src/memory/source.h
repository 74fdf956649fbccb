// SPDX-License-Identifier: MIT
// Where a pool's memory comes from: the system, or functions of the program.
#pragma once

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

}  // namespace zcnet::memory
