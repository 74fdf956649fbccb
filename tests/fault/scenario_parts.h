// SPDX-License-Identifier: MIT
// What the client and the echo server of the scenario share.
#pragma once

#include "scenario.h"

namespace fault_test {

constexpr uint32_t most_messages = 256;
constexpr uint32_t most_peers = 16;
constexpr uint64_t no_token = UINT64_MAX;
constexpr int64_t millisecond = 1000000;
constexpr uintptr_t client_user = 1000;
constexpr uint64_t timer_token = 77;

struct Peer {
    zcn_conn *conn;
    uint32_t closed;
};

struct Scenario {
    const ScenarioPlan *plan;
    Outcome *outcome;
    Verdict *verdict;
    zcn_pool *pool;
    zcn_framing *framing;
    zcn_loop *client_loop;
    zcn_loop *server_loop;
    zcn_listener *listener;
    zcn_conn *client;
    bool poll_failed;
    bool client_started;
    bool client_connected;
    uint32_t client_closed;
    bool shut_down;
    bool timer_set;
    uint32_t timers;
    bool wake_asked;
    uint32_t woken;
    bool listener_ended;
    Peer peers[most_peers];
    uint32_t peer_count;
    uint32_t echoed;
    uint64_t moved;
    bool blocked;  // until WRITABLE
    uint32_t next;
    Foreign foreign;
    Tokens tokens;
    uint8_t *bodies[most_messages];
    // What was accepted for sending, in its order, and not seen again yet.
    struct {
        uint32_t which;
        uint64_t size;
        uint64_t token;
        bool refused_late;
    } expected[most_messages];
    uint32_t head;
    uint32_t tail;
};

void send_more(Scenario *s);
void client_event(Scenario *s, const zcn_event *event);

void add_peer(Scenario *s, zcn_conn *conn);
void server_event(Scenario *s, const zcn_event *event);

}  // namespace fault_test
