// SPDX-License-Identifier: MIT
// Sockets whose connection has ended while the kernel may still read memory that was written from.
//
// They belong to no loop, since theirs may end as well: whichever loop of the process polls next looks after them. One
// that is not done by its time is reset.
#pragma once

#include <cstdint>

#include "send/ledger.h"

namespace zcnet::net {

constexpr int64_t unsettled_look_ns = 20000000;

// Takes over the ledger and its descriptor. Any thread.
void add_unsettled(send::Ledger *ledger) noexcept;

// There are some: look_after_unsettled() is to be called every unsettled_look_ns.
[[nodiscard]] bool any_unsettled() noexcept;

// Lets go of those that the kernel is done with; release functions may run. Any thread, and many at once.
void look_after_unsettled() noexcept;

}  // namespace zcnet::net
