/* SPDX-License-Identifier: MIT */
#ifndef GUEST_H
#define GUEST_H
/*
 * What runs in all of these hosts: a zcnet loop with an echo server and three clients of it, each of which asks again
 * when it was answered, after a random pause. One is driven by a timer of the host, and so sends between polls; one by
 * timers of the zcnet loop; one by another thread. A wake-up that is lost anywhere is an answer that never comes.
 *
 * A host does three things with the loop: it calls guest_turn() when zcn_loop_fd() is readable, and when
 * zcn_loop_next_deadline() has come; and it calls guest_ask() at moments of its own.
 */
#include <zcnet/zcnet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Words: ROUNDS, then the most messages of one poll. Ends the program when they are wrong. */
void guest_start(int argc, char **argv);

/* The loop, for its descriptor and its deadline. */
zcn_loop *guest_loop(void);

/* One poll that does not wait, and what follows from its events. 0 when all is over; *more is that of zcn_loop_poll().
 */
int guest_turn(int *more);

/* Sends, between polls, unless an answer is outstanding. */
void guest_ask(void);

/* Microseconds until the host should call guest_ask() again. */
unsigned guest_pause_us(void);

/* The loop's deadline as whole milliseconds, rounded up so that it has come when they have passed; -1: never. */
int guest_deadline_ms(void);

/* After the host's end: says how it went, and gives the status of the program. */
int guest_end(void);

#ifdef __cplusplus
}
#endif

#endif
