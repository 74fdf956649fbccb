/* SPDX-License-Identifier: MIT */
/* A zcnet loop inside plain poll(2).
   Usage: poll ROUNDS MESSAGES_PER_POLL */
#include <poll.h>

#include "guest.h"

int main(int argc, char **argv) {
    int more, going_on = 1;
    guest_start(argc, argv);
    while (going_on) {
        /* The host's own descriptors would follow, and its own timers would shorten the wait. */
        struct pollfd fds[1] = {{zcn_loop_fd(guest_loop()), POLLIN, 0}};
        poll(fds, 1, guest_deadline_ms());
        if (fds[0].revents != 0 || guest_deadline_ms() == 0) going_on = guest_turn(&more);
    }
    return guest_end();
}
