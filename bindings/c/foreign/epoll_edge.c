/* SPDX-License-Identifier: MIT */
/* A zcnet loop inside edge-triggered epoll, as the pollers of some runtimes are: who is told once has to poll until
   there is no more.
   Usage: epoll_edge ROUNDS MESSAGES_PER_POLL */
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "guest.h"

static void watch(int host, int fd) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
    if (epoll_ctl(host, EPOLL_CTL_ADD, fd, &event) != 0) perror("epoll_ctl");
}

/* 0 is as soon as can be; negative is never. */
static void set_timer(int timer, int64_t ns) {
    struct itimerspec when = {{0, 0}, {0, 0}};
    if (ns >= 0) when.it_value = (struct timespec){ns / 1000000000, ns % 1000000000 + (ns == 0)};
    timerfd_settime(timer, 0, &when, NULL);
}

int main(int argc, char **argv) {
    int more, going_on = 1;
    guest_start(argc, argv);
    const int host = epoll_create1(EPOLL_CLOEXEC);
    const int deadline_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (host < 0 || deadline_timer < 0) return 1;
    watch(host, zcn_loop_fd(guest_loop()));
    watch(host, deadline_timer);
    while (going_on) {
        struct epoll_event events[2];
        int64_t ns;
        if (zcn_loop_next_deadline(guest_loop(), &ns) != ZCN_OK) return 1;
        set_timer(deadline_timer, ns == INT64_MAX ? -1 : ns);
        /* Whichever it is, the loop is looked at until it has no more. */
        if (epoll_wait(host, events, 2, -1) <= 0) continue;
        do {
            going_on = guest_turn(&more);
        } while (going_on && more);
    }
    close(host);
    close(deadline_timer);
    return guest_end();
}
