// SPDX-License-Identifier: MIT
// Keeping a message for those who parse in a buffer of their own: a copy in memory of its own.
#pragma once

#include <cstdlib>
#include <cstring>

#include "window.h"

namespace bench {

inline void free_copies(void **copies, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) std::free(copies[i]);
}

inline void keep_copy(Window<void *> &window, const void *body, std::size_t size) {
    void *copy = std::malloc(size);
    if (copy == nullptr) fail("there is no memory");
    std::memcpy(copy, body, size);
    window.add(copy);
}

}  // namespace bench
