/* SPDX-License-Identifier: MIT */
/* What the tests of relays share: a loop with one relay, and the two programs that it stands between. */
#ifndef ZCNET_TESTS_API_SUPPORT_RELAY_H
#define ZCNET_TESTS_API_SUPPORT_RELAY_H
#include "support.h"

typedef struct relay_rig {
    side on;
    zcn_relay *relay;  /* owned */
    int peer[2];       /* the programs' ends: of the first and of the second side; -1 when closed */
    zcn_status status; /* of RELAY_ENDED */
    uint64_t moved;
    size_t ended; /* how many such events came */
    const void *told;
    uintptr_t user;
} relay_rig;

/* Two connected stream sockets, over TCP or a Unix socket. */
void relay_pair(bool tcp, int ends[2]);
void rig_open(relay_rig *rig, bool tcp, const zcn_relay_options *options);
/* A rig without a relay. */
void rig_open_loop(relay_rig *rig);
void rig_watch(relay_rig *rig, zcn_relay *relay);
void rig_close(relay_rig *rig);
void rig_close_peer(relay_rig *rig, int which);
/* A poll that waits for at most some milliseconds. */
void rig_poll(relay_rig *rig, int milliseconds);
void rig_until_ended(relay_rig *rig);
zcn_relay_options relay_options(void);
zcn_relay_stats rig_stats(const relay_rig *rig);

/* Sends `size` bytes of the pattern from one peer to the other and checks what arrives, polling meanwhile. */
void rig_send(relay_rig *rig, int from, size_t size, uint64_t seed);
/* Both ways at the same time. */
void rig_exchange(relay_rig *rig, size_t size, uint64_t seed);
/* As much as goes in without anybody reading. */
size_t rig_pour(relay_rig *rig, int from, uint64_t seed, size_t most);
/* Reads at a peer until the end or an error: 0, or the errno. */
int rig_read_to_end(relay_rig *rig, int which, bytes *into);

#endif
