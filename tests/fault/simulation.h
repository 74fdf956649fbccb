// SPDX-License-Identifier: MIT
// A random program on two loops, and a model of what has to arrive.
//
// Links are pairs of connected sockets; each end is a connection on one of the loops. The model knows, for each end,
// the messages that were accepted for sending and have not arrived at the other end, in their order. All memory of the
// model is static, so that a script that fails allocations fails the library's.
#pragma once

#include "support.h"

namespace fault_test {

struct Simulation;

struct SimulationPlan {
    uint64_t seed;
    uint64_t block_size;
    uint64_t pool_limit;  // 0: none
    bool resets;
    bool no_memory;  // allocations fail now and then
    uint32_t steps;
};

constexpr uint32_t most_links = 24;
constexpr uint32_t most_ends = most_links * 2;
constexpr uint32_t most_under_way = 512;
constexpr uint32_t most_tokens = 65536;
constexpr uint32_t most_retained = 512;
constexpr uint32_t most_body = 60000;
constexpr uint32_t most_lent = 64;
constexpr uint32_t framing_count = 6;
constexpr uint32_t varint_framing = 2;
constexpr uint32_t fixed_framing = 4;
constexpr uint32_t fixed_size = 200;
constexpr uint32_t no_token = UINT32_MAX;

struct Message {
    uint64_t id;  // its bytes follow from it
    uint32_t size;
    uint32_t token;
    uint8_t switch_to;  // the framing of what follows
    bool posted;        // may be refused when the loop takes it
    bool refused;       // it was, or it seems so because a later one came
};

struct End {
    zcn_conn *conn;  // NULL before it is made and after it was closed
    uint32_t loop;
    uint8_t in;   // framing
    uint8_t out;  // framing
    bool owned;   // we hold a reference
    bool half_open;
    bool blocked;  // until WRITABLE
    bool paused;
    bool moving;  // until ARRIVED
    bool posted;  // and the loop was not polled since
    bool close_asked;
    bool abort_asked;
    bool shutdown_asked;
    uint32_t closed;
    zcn_status status;
    uint32_t tokens;  // accepted and not ended
    Message under_way[most_under_way];
    uint32_t head;
    uint32_t tail;
};

struct Retained {
    zcn_msg *msg;
    uint64_t id;
    uint32_t head;  // bytes before the body
    uint32_t size;
};

// Memory of the program in units: unchanged until it is released, which is once.
struct Lent {
    Simulation *owner;
    bool out;
    uint32_t size;
    uint64_t id;
    uint8_t bytes[4096];
};

struct Simulation {
    const SimulationPlan *plan;
    Verdict verdict;
    Random random;
    zcn_pool *pool;
    zcn_framing *framings[framing_count];
    zcn_loop *loops[2];
    End ends[most_ends];
    uint32_t links;
    uint64_t next_id;
    uint32_t next_token;
    uint8_t token_accepted[most_tokens];
    uint8_t token_ended[most_tokens];
    Retained retained[most_retained];
    uint32_t retained_count;
    Lent lent[most_lent];
    bool quiet;  // the end of the run: nothing new is begun
    uint64_t arrived;
    uint64_t accepted;
};

// simulation_model.cpp
void fill_body(void *data, uint32_t size, uint64_t id);
bool is_body(const void *data, uint64_t size, uint64_t id);
// What is shown before the body: the length of a varint, whose size no framing can hide.
uint32_t head_of(uint32_t framing, const void *data, uint64_t size);
uint32_t peer_of(uint32_t end);
uint32_t size_for(Simulation *s, uint32_t framing);
uint32_t under_way(const End &end);
void was_accepted(Simulation *s, End *end, const Message &message);
// A message arrived at `end`; what it was, or NULL when it is wrong.
const Message *has_arrived(Simulation *s, uint32_t end, const zcn_event *event);
void units_ended(Simulation *s, End *end, const zcn_event *event);
void check_end_of(Simulation *s, uint32_t which);

// simulation_send.cpp
void send_something(Simulation *s, uint32_t which);
void pass_on(Simulation *s, uint32_t from, const zcn_event *event, const Message &message);

// simulation_events.cpp
void handle_event(Simulation *s, uint32_t loop, const zcn_event *event);

// simulation.cpp
void run_simulation(const SimulationPlan &plan, Simulation *s);

}  // namespace fault_test
