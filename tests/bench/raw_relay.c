/* SPDX-License-Identifier: MIT */
/*
 * The least that a relay can do, for comparison: one connection at a time and one direction, asleep in the call that
 * reads; with "poll", as a relay of many connections has to, asleep in epoll_wait. It has no second direction, no
 * limits and no word for failures.
 *
 *   raw_relay copy|splice|poll PORT     to PORT on this host; prints where it listens
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { STEP = 256 * 1024 };

static struct sockaddr_in local(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int copy(int from, int to) {
    static char memory[STEP];
    for (;;) {
        const ssize_t got = recv(from, memory, sizeof memory, 0);
        if (got <= 0) return (int)got;
        for (ssize_t done = 0; done < got;) {
            const ssize_t put = send(to, memory + done, (size_t)(got - done), MSG_NOSIGNAL);
            if (put <= 0) return -1;
            done += put;
        }
    }
}

/* Until the input has ended, or, where it does not block, has nothing. */
static int move(int from, int to, const int pipe_ends[2]) {
    for (;;) {
        ssize_t got = splice(from, NULL, pipe_ends[1], NULL, STEP, SPLICE_F_MOVE);
        if (got <= 0) return (int)got;
        while (got > 0) {
            const ssize_t put = splice(pipe_ends[0], NULL, to, NULL, (size_t)got, SPLICE_F_MOVE);
            if (put <= 0) return -1;
            got -= put;
        }
    }
}

static int move_when_ready(int from, int to, const int pipe_ends[2]) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
    const int poller = epoll_create1(0);
    int left = -1;
    if (poller < 0 || fcntl(from, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(poller, EPOLL_CTL_ADD, from, &event) != 0)
        return -1;
    while (left < 0 && epoll_wait(poller, &event, 1, -1) == 1) {
        left = move(from, to, pipe_ends);
        if (left < 0 && errno != EAGAIN) break;
    }
    close(poller);
    return left;
}

static int relay(const char *method, int from, int to, const int pipe_ends[2]) {
    if (strcmp(method, "copy") == 0) return copy(from, to);
    if (strcmp(method, "splice") == 0) return move(from, to, pipe_ends);
    return move_when_ready(from, to, pipe_ends);
}

int main(int count, char **words) {
    if (count != 3) return 2;
    const struct sockaddr_in target = local(atoi(words[2]));
    struct sockaddr_in here = local(0);
    socklen_t size = sizeof here;
    int pipe_ends[2];
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (const struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&here, &size) != 0 || pipe(pipe_ends) != 0 ||
        fcntl(pipe_ends[0], F_SETPIPE_SZ, STEP) < 0)
        return 1;
    printf("tcp://127.0.0.1:%d\n", ntohs(here.sin_port));
    fflush(stdout);
    for (;;) {
        const int from = accept(listener, NULL, NULL);
        const int to = socket(AF_INET, SOCK_STREAM, 0);
        const int one = 1;
        if (from < 0 || connect(to, (const struct sockaddr *)&target, sizeof target) != 0 ||
            setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
            relay(words[1], from, to, pipe_ends) != 0)
            return 1;
        close(from);
        close(to);
    }
}
