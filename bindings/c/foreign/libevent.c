/* SPDX-License-Identifier: MIT */
/* A zcnet loop inside libevent: its descriptor is a persistent event, and its deadline the timeout of that event, which
   is added anew after whatever may have changed it.
   Usage: libevent ROUNDS MESSAGES_PER_POLL */
#include <event2/event.h>
#include <stdlib.h>

#include "guest.h"

static struct event_base *host;
static struct event *descriptor;

static void watch(void) {
    int64_t ns;
    if (zcn_loop_next_deadline(guest_loop(), &ns) != ZCN_OK) exit(1);
    const struct timeval timeout = {ns / 1000000000, ns % 1000000000 / 1000 + (ns % 1000 != 0)};
    event_add(descriptor, ns == INT64_MAX ? NULL : &timeout);
}

/* Readable, or the deadline has come. Events without EV_ET are level-triggered: what is left calls again. */
static void on_ready(evutil_socket_t fd, short what, void *unused) {
    (void)fd, (void)what, (void)unused;
    int more;
    event_del(descriptor); /* an event that had a timeout keeps it when it is added without one */
    if (guest_turn(&more)) {
        watch();
    } else {
        event_base_loopbreak(host);
    }
}

int main(int argc, char **argv) {
    guest_start(argc, argv);
    host = event_base_new();
    if (host == NULL) return 1;
    descriptor = event_new(host, zcn_loop_fd(guest_loop()), EV_READ | EV_PERSIST, on_ready, NULL);
    watch();
    event_base_dispatch(host);
    event_free(descriptor);
    event_base_free(host);
    libevent_global_shutdown();
    return guest_end();
}
