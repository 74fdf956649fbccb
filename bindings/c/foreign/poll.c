/* SPDX-License-Identifier: MIT */
/* A zcnet loop inside plain poll(2).
   Usage: poll ROUNDS MESSAGES_PER_POLL */
#include <poll.h>
#include <time.h>

#include "guest.h"

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int main(int argc, char **argv) {
    int more, going_on = 1;
    guest_start(argc, argv);
    int64_t ask_at = now_us(); /* the host's own timer */
    while (going_on) {
        struct pollfd fds[1] = {{zcn_loop_fd(guest_loop()), POLLIN, 0}};
        /* The sooner of the two deadlines. */
        const int64_t until = (ask_at - now_us()) / 1000;
        int timeout = guest_deadline_ms();
        if (timeout < 0 || timeout > until) timeout = until > 0 ? (int)until : 0;
        poll(fds, 1, timeout);
        /* A poll that finds nothing does no harm, so that the loop's deadline needs no look of its own. */
        if (fds[0].revents != 0 || guest_deadline_ms() == 0) going_on = guest_turn(&more);
        if (now_us() < ask_at) continue;
        guest_ask();
        ask_at = now_us() + guest_pause_us();
    }
    return guest_end();
}
