// SPDX-License-Identifier: MIT
// One loop with its pool and framing under a clock that the test moves, and a log of what its polls gave.
#pragma once

#include "support.h"

namespace fault_test {

constexpr int64_t ms = 1000000;
constexpr int64_t second = 1000 * ms;

// Looks at the poller take time: something may be so much later than it was due.
constexpr int64_t slack = ms;
void assert_at(int64_t at, int64_t expected);

struct WorldPlan {
    const char *framing = "length,width=4,strip=4,max=1M";
    uint64_t block_size = 16384;
    uint64_t pool_limit = 0;
    uint32_t event_capacity = 64;
};

struct Entry {
    uint32_t type;
    zcn_status status;
    zcn_conn *conn;
    uintptr_t user;
    uint64_t size;
    uint64_t token;
    int64_t at;  // of the clock, when the poll came back
};

struct World {
    static constexpr uint32_t most = 8192;
    Verdict verdict;
    Holdings before;
    zcn_pool *pool;
    zcn_framing *framing;
    zcn_loop *loop;
    void (*look)(World *, const zcn_event *);  // sees each event, if it is set
    void *context;
    Entry log[most];
    uint32_t used;
};

// One test at a time has the world: it starts with everything real but the clock.
World *world_begin(const WorldPlan &plan = {});
// Closes the loop, and checks that everything was given back.
void world_end(World *world);

// Polls once, and waits until the time is over if nothing happens. How many events came.
size_t world_poll(World *world, int64_t timeout);
// Polls until so much time of the clock has passed.
void world_run(World *world, int64_t time);
// Polls without waiting until nothing happens any more.
void world_settle(World *world);

// Events of a type, and of a connection unless that is NULL.
uint32_t world_count(const World &world, uint32_t type, const zcn_conn *conn = nullptr);
// The first of them; NULL when there is none.
const Entry *world_first(const World &world, uint32_t type, const zcn_conn *conn = nullptr);

zcn_conn_options conn_defaults();
// Adopts one end of a pair of sockets; the other end is the test's, non-blocking. The connection is borrowed.
zcn_conn *world_adopt(World *world, const zcn_conn_options &options, int *peer);
// The loop listens on a local address without a name in the file system, which is written to `address`.
zcn_listener *world_listen(World *world, const zcn_listen_options &options, char *address, size_t capacity);

// The test's end of a socket. All bytes or an assertion.
void peer_write(int fd, const void *data, size_t size);
void peer_write_frame(int fd, uint32_t size);  // of zeros
// What is there, to be thrown away; true when the stream has ended.
bool peer_read_all(int fd, uint64_t *bytes);

}  // namespace fault_test
