/* SPDX-License-Identifier: MIT */
/* Two timers, one of which is taken back, and a loop that ends. */
#include <stdio.h>
#include <zcnet/zcnet.h>

enum { SOON = 1, NEVER = 2 };

int main(void) {
    const zcn_event *events;
    zcn_loop *loop;
    size_t count, i;
    int timers = 0;

    if (zcn_loop_create(&loop, NULL) != ZCN_OK) return 1;
    if (zcn_loop_timer_set(loop, SOON, 2 * 1000000) != ZCN_OK) return 1; /* in 2 ms */
    if (zcn_loop_timer_set(loop, NEVER, 1 * 1000000) != ZCN_OK) return 1;
    if (zcn_loop_timer_cancel(loop, NEVER) != ZCN_OK) return 1;

    while (zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (i = 0; i < count; i++) {
            if (events[i].type != ZCN_EVENT_TIMER) continue;
            printf("timer %d\n", (int)events[i].token);
            timers += (int)events[i].token;
            zcn_loop_close(loop); /* the next poll says ZCN_ECLOSED */
        }
    }
    zcn_loop_release(loop);
    return timers == SOON ? 0 : 1;
}
