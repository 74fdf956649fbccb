// SPDX-License-Identifier: MIT
// Which process this is: a number that a forked child does not share with its parent.
#pragma once

#include <atomic>
#include <cstdint>

namespace zcnet::os {

namespace detail {
// A page that the kernel zeroes in a child. nullptr until the first handle is made.
extern constinit std::atomic<std::atomic<uint64_t> *> process_page;
}  // namespace detail

// The number of the present process, made on first use; 0 when there is no memory for it. Called where handles
// are created.
uint64_t process_number() noexcept;

// True in the process that got this number. relaxed: the page is written before the number is handed out, and a
// child that sees zero there is a child.
inline bool in_process(uint64_t number) noexcept {
    const std::atomic<uint64_t> *page = detail::process_page.load(std::memory_order_acquire);
    return page != nullptr && page->load(std::memory_order_relaxed) == number;
}

}  // namespace zcnet::os
