// SPDX-License-Identifier: MIT
// How the seam's functions ask the script.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fault/script.h"

namespace zcnet::fault {

constexpr int go_on = 1;  // not an answer: the real call is made

// -errno or 0 to answer at once, else go_on.
int decide(Call call) noexcept;
// The same for calls whose descriptor has to be watched afresh after -EAGAIN.
int decide_on(Call call, int fd) noexcept;
// How many of `size` bytes to move.
uint64_t cut(Call call, uint64_t size) noexcept;

// The script's memory of what is watched, for fresh edges.
void note_watch(int poller, int operation, int fd, uint32_t events, uint64_t token) noexcept;
void forget_watch(int fd) noexcept;
bool watch_token(int poller, int fd, uint64_t *token) noexcept;
void raise_edge(int fd) noexcept;

bool clock_is_scripted() noexcept;
void clock_tick() noexcept;

void note_send(bool more) noexcept;
void forget_pinned() noexcept;
void note_map(int64_t bytes) noexcept;
void note_allocation(int64_t count) noexcept;

}  // namespace zcnet::fault
