/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BY_POLLER, BY_TIMER, BY_THREAD, CLIENTS, MOST_AT_ONCE = 20, MOST_PAUSE_US = 200 };

static struct client {
    zcn_conn *conn;       /* retained: the thread uses it too */
    unsigned random;      /* of whoever asks */
    uint32_t asked;       /* by whoever asks */
    atomic_uint answered; /* by the owner of the loop */
} clients[CLIENTS];

static zcn_loop *loop;
static zcn_framing *framing;
static uint32_t rounds;
static atomic_int whose; /* client that may ask: one at a time, since what wakes one would wake the others too */
static unsigned wrong;
static unsigned ended; /* connections, both ends of each, and the listener */
static pthread_t thread;

static void check(zcn_status status, const char *what) {
    if (status == ZCN_OK) return;
    fprintf(stderr, "%s: %s\n", what, zcn_status_text(status));
    exit(1);
}

static unsigned random_below(unsigned *state, unsigned bound) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % bound;
}

zcn_loop *guest_loop(void) { return loop; }

int guest_deadline_ms(void) {
    int64_t ns;
    check(zcn_loop_next_deadline(loop, &ns), "deadline");
    if (ns / 1000000 >= INT_MAX) return -1;
    return (int)(ns / 1000000) + (ns % 1000000 != 0);
}

static void ask(struct client *client) {
    check(zcn_conn_send_copy(client->conn, &client->asked, sizeof client->asked), "send");
    client->asked++;
}

static void ask_between_polls(void) {
    struct client *client = &clients[BY_POLLER];
    if (client->asked == rounds || atomic_load(&whose) != BY_POLLER) return;
    if (atomic_load(&client->answered) == client->asked) ask(client);
}

/* Several at once, so that a poll that gives one message leaves others behind. */
static void ask_by_timer(void) {
    struct client *client = &clients[BY_TIMER];
    uint32_t count = 1 + random_below(&client->random, MOST_AT_ONCE);
    while (count-- > 0 && client->asked < rounds) ask(client);
}

static void *ask_by_thread(void *unused) {
    struct client *client = &clients[BY_THREAD];
    while (client->asked < rounds) {
        const struct timespec pause = {0, (long)random_below(&client->random, MOST_PAUSE_US) * 1000};
        nanosleep(&pause, NULL);
        if (atomic_load(&whose) != BY_THREAD || atomic_load(&client->answered) != client->asked) continue;
        zcn_unit *unit;
        void *data;
        check(zcn_unit_alloc(&unit, &data, NULL, framing, sizeof client->asked), "unit");
        memcpy(data, &client->asked, sizeof client->asked);
        client->asked++; /* before the answer can come */
        check(zcn_conn_post(client->conn, unit), "post");
    }
    return unused;
}

/* Who asks next: any of those who have not asked all their questions yet. */
static void choose(void) {
    static unsigned random = 1;
    int next = (int)random_below(&random, CLIENTS);
    for (int i = 0; i < CLIENTS && atomic_load(&clients[next].answered) == rounds; i++) next = (next + 1) % CLIENTS;
    if (next == BY_TIMER) {
        const int64_t ns = (int64_t)random_below(&clients[BY_TIMER].random, MOST_PAUSE_US) * 1000;
        check(zcn_loop_timer_set(loop, BY_TIMER, ns), "timer");
    }
    atomic_store(&whose, next);
}

/* Answers come in the order of the questions. */
static void take(const zcn_event *event) {
    struct client *client = (struct client *)event->user;
    const uint32_t number = atomic_load(&client->answered);
    if (event->size != sizeof number || memcmp(event->data, &number, sizeof number) != 0) wrong++;
    atomic_store(&client->answered, number + 1);
    /* The thread asks one at a time; the others' questions are counted by the owner, who is here. */
    if (client == &clients[BY_THREAD] || number + 1 == client->asked) choose();
}

static void handle(const zcn_event *event) {
    switch (event->type) {
        case ZCN_EVENT_MESSAGE:
            if (event->user != 0) {
                take(event);
            } else {
                check(zcn_conn_forward(event->conn, event->msg), "forward");
            }
            break;
        case ZCN_EVENT_TIMER:
            ask_by_timer();
            break;
        case ZCN_EVENT_LISTENER_CLOSED:
            ended++;
            break;
        case ZCN_EVENT_CLOSED:
            ended++;
            if (event->status != ZCN_OK && event->status != ZCN_EOF) check(event->status, "a connection ended");
            break;
        default:
            break;
    }
}

int guest_turn(int *more) {
    const zcn_event *events;
    size_t count;
    int32_t left;
    const zcn_status status = zcn_loop_poll(loop, 0, &events, &count, &left);
    *more = left;
    check(status, "poll");
    for (size_t i = 0; i < count; i++) handle(&events[i]);
    unsigned done = 0;
    for (int i = 0; i < CLIENTS; i++) done += atomic_load(&clients[i].answered) == rounds;
    /* The ends that this brings about have to be told of by the descriptor, like anything else. */
    if (done == CLIENTS) check(zcn_loop_close(loop), "close");
    ask_between_polls();
    return ended < 2 * CLIENTS + 1;
}

void guest_start(int argc, char **argv) {
    zcn_conn_options options;
    zcn_listen_options listen_options;
    zcn_listener *listener;
    char address[128];
    zcn_conn_options_init(&options, sizeof options);
    if (argc == 3) rounds = (uint32_t)strtoul(argv[1], NULL, 10);
    if (argc == 3) options.messages_per_poll = (uint32_t)strtoul(argv[2], NULL, 10);
    if (rounds == 0 || options.messages_per_poll == 0) {
        fprintf(stderr, "usage: %s ROUNDS MESSAGES_PER_POLL\n", argv[0]);
        exit(2);
    }
    check(zcn_framing_parse(&framing, "length,strip=4", NULL), "framing");
    check(zcn_loop_create(&loop, NULL), "loop");
    zcn_listen_options_init(&listen_options, sizeof listen_options);
    listen_options.conn = &options;
    check(zcn_listen(&listener, loop, "tcp://127.0.0.1:0", framing, &listen_options), "listen");
    check(zcn_listener_address(listener, address, sizeof address), "address");
    zcn_listener_release(listener);
    for (int i = 0; i < CLIENTS; i++) {
        options.user = (uintptr_t)&clients[i];
        check(zcn_connect(&clients[i].conn, loop, address, framing, &options), "connect");
        zcn_conn_retain(clients[i].conn);
        clients[i].random = (unsigned)time(NULL) + (unsigned)i;
    }
    choose();
    ask_between_polls();
    if (pthread_create(&thread, NULL, ask_by_thread, NULL) != 0) exit(1);
}

int guest_end(void) {
    uint32_t answered = 0;
    pthread_join(thread, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        answered += atomic_load(&clients[i].answered);
        zcn_conn_release(clients[i].conn);
    }
    printf("%u asked, %u answered, %u wrong\n", CLIENTS * rounds, answered, wrong);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return answered == CLIENTS * rounds && wrong == 0 ? 0 : 1;
}
