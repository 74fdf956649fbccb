// SPDX-License-Identifier: MIT
// A peer that is no library: writes frames of sizes that follow from their number, as far as the socket takes them, and
// checks that they arrive in order and whole.
#pragma once

#include "world.h"

namespace fault_test {

struct Feed {
    zcn_conn *conn;
    int fd;
    uint64_t number;   // of the feed: other feeds have other bytes
    uint32_t largest;  // bytes of a body, a prefix of 4 bytes aside
    uint32_t count;    // messages in all
    uint32_t written;  // messages
    uint64_t done;     // bytes of the message that is being written
    uint32_t arrived;  // messages
    bool told;         // POOL_LIMITED came, and no message since
    uint32_t pauses;
    uint32_t ended;
    zcn_status status;
};

constexpr uint32_t most_feed = 128 * 1024;

// A connection of the world with the other end in the hand of a feed.
void feed_begin(World *world, Feed *feed, uint64_t number, uint32_t largest, uint32_t count,
                const zcn_conn_options &options);
void feed_end(Feed *feed);
uint32_t feed_size(const Feed &feed, uint32_t message);
// Writes what the socket takes, at most so many bytes. How many it took.
uint64_t feed_write(Feed *feed, uint64_t most);
// Takes an event of the feed's connection into account.
void feed_look(Verdict *verdict, Feed *feed, const zcn_event *event);
Feed *feed_of(Feed *feeds, uint32_t count, const zcn_conn *conn);

}  // namespace fault_test
