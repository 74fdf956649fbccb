/* SPDX-License-Identifier: MIT */
#ifndef GUEST_H
#define GUEST_H
/*
 * What runs in all of these hosts: a zcnet loop with an echo server and three clients of it, which ask one at a time,
 * whoever it may be next: one between polls, one after random pauses by timers of the loop, and one after random pauses
 * from another thread. A wake-up that is lost is an answer that never comes.
 *
 * A host calls guest_turn() when zcn_loop_fd() is readable, and when zcn_loop_next_deadline() has come.
 */
#include <zcnet/zcnet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Words: ROUNDS, then the most messages of one poll. Ends the program when they are wrong. */
void guest_start(int argc, char **argv);

/* The loop, for its descriptor and its deadline. */
zcn_loop *guest_loop(void);

/* One poll that does not wait, and what follows from its events: sends among others, for which the host has to look at
   the descriptor and the deadline again. 0 when all is over; *more is that of zcn_loop_poll().
 */
int guest_turn(int *more);

/* The loop's deadline as whole milliseconds, rounded up so that it has come when they have passed; -1: never. */
int guest_deadline_ms(void);

/* After the host's end: says how it went, and gives the status of the program. */
int guest_end(void);

#ifdef __cplusplus
}
#endif

#endif
