// SPDX-License-Identifier: MIT
// Waits of the program for memory of a pool that is full: one event each.
//
// A wait is in one of its loop's two lists: due, when its pool has to be looked at, or asleep, when the pool knows of
// it. Whoever gives memory back puts the wait's letter into the loop's inbox, and the loop looks again; so what is told
// was true a moment ago, and what came between a look and the pool's knowing is found by a second look. A wait that
// can never be told that, because the pool's reserve has grown, is told so.
#pragma once

#include <atomic>

#include "base/list.h"
#include "memory/pool.h"
#include "net/letter.h"

struct zcn_loop;

namespace zcnet::net {

struct RoomTag {};

struct RoomWait;
struct RoomLetter : LoopLetter {
    explicit RoomLetter(RoomWait *of) noexcept : LoopLetter(Message::room), wait(of) {}
    RoomWait *wait;
};

struct RoomWait : memory::Waiter, Link<RoomTag> {
    RoomWait(zcn_loop *of, zcn_pool *where, uint64_t bytes, uint64_t what) noexcept;

    // Where it says none, the pool knows of the wait.
    memory::Room look() noexcept;
    // The loop has no more to do with it; it goes when neither pool nor letter has.
    void end(bool ours) noexcept;
    void unhold() noexcept;

    zcn_loop *loop;
    zcn_pool *pool;  // one handle
    uint64_t size;
    uint64_t token;
    RoomLetter letter{this};
    std::atomic<uint32_t> holds{1};  // the loop's; the pool's, which becomes the letter's
};

}  // namespace zcnet::net
