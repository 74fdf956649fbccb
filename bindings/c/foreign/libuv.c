/* SPDX-License-Identifier: MIT */
/* A zcnet loop inside libuv: its descriptor in a uv_poll_t, its deadline in a uv_timer_t. The deadline may change with
   whatever is done, so it is asked for before each wait, in a uv_prepare_t.
   Usage: libuv ROUNDS MESSAGES_PER_POLL */
#include <uv.h>

#include "guest.h"

static uv_poll_t descriptor;
static uv_timer_t deadline;
static uv_prepare_t before_wait;

static void turn(void) {
    int more;
    if (guest_turn(&more)) return;
    uv_close((uv_handle_t *)&descriptor, NULL);
    uv_close((uv_handle_t *)&deadline, NULL);
    uv_close((uv_handle_t *)&before_wait, NULL);
}

/* uv_poll_t is level-triggered: what a turn leaves behind calls again. */
static void on_readable(uv_poll_t *handle, int status, int events) {
    (void)handle, (void)status, (void)events;
    turn();
}

static void on_deadline(uv_timer_t *timer) {
    (void)timer;
    turn();
}

static void on_prepare(uv_prepare_t *handle) {
    (void)handle;
    const int ms = guest_deadline_ms();
    uv_update_time(uv_default_loop()); /* timers count from it */
    if (ms < 0) {
        uv_timer_stop(&deadline);
    } else {
        uv_timer_start(&deadline, on_deadline, (uint64_t)ms, 0);
    }
}

int main(int argc, char **argv) {
    uv_loop_t *host = uv_default_loop();
    guest_start(argc, argv);
    uv_poll_init(host, &descriptor, zcn_loop_fd(guest_loop()));
    uv_poll_start(&descriptor, UV_READABLE, on_readable);
    uv_timer_init(host, &deadline);
    uv_prepare_init(host, &before_wait);
    uv_prepare_start(&before_wait, on_prepare);
    uv_run(host, UV_RUN_DEFAULT);
    uv_loop_close(host);
    return guest_end();
}
