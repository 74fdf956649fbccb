// SPDX-License-Identifier: MIT
// Tells memory checkers which bytes of pooled memory nobody may touch: those of messages that were released or whose
// borrow has ended, and of free blocks. To them pooled memory is one piece that is always in use.
//
// Valgrind and the address sanitizer are found when they are there, whatever the library was built with; and the word
// "poison" of ZCNET_DEBUG does without a tool: bytes are overwritten, and pages that are hidden whole cannot be
// touched.
#pragma once

#include <atomic>
#include <cstdint>

namespace zcnet::memory {

namespace detail {
extern constinit std::atomic<uint32_t> watchers;
}  // namespace detail

// Looks for them, once; where pools are made.
void find_watchers() noexcept;

// relaxed: set before there is a pool.
__attribute__((no_sanitize("thread"))) inline bool watched() noexcept {
    return detail::watchers.load(std::memory_order_relaxed) != 0;
}

// ZCNET_DEBUG=poison: memory that was used once is not used again.
bool poisoned() noexcept;

// No one may touch these bytes until they are shown. Only when watched().
void hide(const void *data, uint64_t size) noexcept;
// They may be written, and then read.
void show(const void *data, uint64_t size) noexcept;
// The same for memory that goes back to where it came from: what comes to lie there next is not ours to hide.
void let_go(const void *data, uint64_t size) noexcept;

}  // namespace zcnet::memory
