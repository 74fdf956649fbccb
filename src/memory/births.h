// SPDX-License-Identifier: MIT
// For ZCNET_DEBUG=leak: which handles there are, and the place in the program that made each.
//
// Nothing is written down without the word, and the fast paths do not ask: units are made and ended on the slow ones
// then (thread_memory.cpp), and messages are counted by looking at all of them anyway (receive/survey.h), so that only
// their places have to be known. A plain mutex serves.
#pragma once

#include <cstdint>

#include "memory/watch.h"

namespace zcnet::memory {

// The word was given when the first pool was made. Not in a child of fork(), which knows only what its parent had.
bool births_wanted() noexcept;

struct Birth {
    uintptr_t key = 0;  // the handle, or for a message where it lies, which is written over by the next one there
    const char *noun = nullptr;
    uint64_t size = 0;
    uint64_t pool = 0;  // number of its pool; 0: of none
    const void *place = nullptr;
    uint32_t made = 0;  // in ticks
};

// Without memory for it the handle is not known. Only when births_wanted().
void note_birth(const Birth &birth) noexcept;
void forget_birth(uintptr_t key) noexcept;
bool find_birth(uintptr_t key, Birth *out) noexcept;
// Calls visit() with a copy of each, oldest or not; others may be noted and forgotten meanwhile, by visit() too. False:
// some were left out for want of memory.
bool visit_births(void (*visit)(void *context, const Birth &birth), void *context) noexcept;

inline void note_death(const void *handle) noexcept {
    if (watched() && births_wanted()) [[unlikely]]
        forget_birth(reinterpret_cast<uintptr_t>(handle));
}

}  // namespace zcnet::memory
