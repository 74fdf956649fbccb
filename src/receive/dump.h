// SPDX-License-Identifier: MIT
// What is held and by whom, as lines of text: of one pool while it is in use, or of all at the program's end.
#pragma once

#include "base/guard.h"
#include "memory/births.h"
#include "zcnet/msg.h"
#include "zcnet/pool.h"

namespace zcnet::receive {

// ZCN_ESYS: writing failed.
Status dump(const zcn_pool *pool, int fd) noexcept;

// For functions that make handles: notes them with the place that called, where that is wanted, and what is alive at
// the program's end is reported.
void note_made(const char *noun, const void *handle, uint64_t size, uint64_t pool, const void *place) noexcept;
void note_made(const zcn_msg *msg, const void *place) noexcept;

}  // namespace zcnet::receive
