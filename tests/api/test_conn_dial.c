/* SPDX-License-Identifier: MIT */
/* A name that has several addresses: one that never answers does not use up the time of those behind it. */
#include <netdb.h>

#include "support.h"

/* The names that are looked up here lead to these ports of this machine, in this order. */
static struct sockaddr_in places[2];
static struct addrinfo entries[2];

/* In the place of the system's, for the library too. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    (void)service, (void)hints;
    if (strcmp(node, "two.places.test") != 0) return EAI_NONAME;
    for (int i = 0; i < 2; i++) {
        entries[i] = (struct addrinfo){.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
        entries[i].ai_addr = (struct sockaddr *)&places[i];
        entries[i].ai_addrlen = sizeof places[i];
        entries[i].ai_next = i == 0 ? &entries[1] : NULL;
    }
    *result = entries;
    return 0;
}

void freeaddrinfo(struct addrinfo *list) { (void)list; }

static int listen_on_loopback(struct sockaddr_in *place, int backlog) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof *place;
    *place = (struct sockaddr_in){.sin_family = AF_INET};
    place->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)place, sizeof *place), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)place, &size), 0);
    return fd;
}

/* Connects until the queue of a listener that never accepts is full: from then on nobody gets an answer. */
static size_t fill_queue(const struct sockaddr_in *place, int *fds, size_t most) {
    size_t used = 0;
    while (used < most) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(fd >= 0);
        fds[used++] = fd;
        (void)connect(fd, (const struct sockaddr *)place, sizeof *place);
        struct pollfd answer = {.fd = fd, .events = POLLOUT};
        if (poll(&answer, 1, 300) == 0) return used;
    }
    fail_msg("the queue of a listener cannot be filled");
    return used;
}

static void close_all(int *fds, size_t count) {
    for (size_t i = 0; i < count; i++) close(fds[i]);
}

static zcn_conn *dial(side *on, zcn_framing *framing, uint32_t timeout_ms) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.connect_timeout_ms = timeout_ms;
    zcn_conn *conn = NULL;
    assert_ok(zcn_connect(&conn, on->loop, "tcp://two.places.test:7", framing, &options));
    return conn;
}

static void test_dial_goes_on_behind_silence(void **state) {
    (void)state;
    int waiting[16];
    const int silent = listen_on_loopback(&places[0], 0);
    const int answering = listen_on_loopback(&places[1], 16);
    const size_t count = fill_queue(&places[0], waiting, 16);
    side on;
    side_open(&on, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    /* Half of it is the first address's, and the kernel would try that one for minutes. */
    zcn_conn *conn = dial(&on, framing, slow_machine() ? 8000 : 1000);
    PUMP_UNTIL(&on, NULL, on.got.count != 0);
    assert_int_equal(on.got.at[0].type, ZCN_EVENT_CONNECTED);
    const int peer = accept(answering, NULL, NULL);
    assert_true(peer >= 0);
    zcn_conn_close(conn);
    close(peer);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_CLOSED) == 1);
    close_all(waiting, count);
    close(answering);
    close(silent);
    zcn_framing_release(framing);
    side_close(&on);
}

static void test_dial_where_nobody_answers(void **state) {
    (void)state;
    int waiting[16];
    const int silent = listen_on_loopback(&places[0], 0);
    const size_t count = fill_queue(&places[0], waiting, 16);
    places[1] = places[0];
    side on;
    side_open(&on, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_conn *conn = dial(&on, framing, 600);
    PUMP_UNTIL(&on, NULL, count_for(&on.got, ZCN_EVENT_CLOSED, conn) == 1);
    assert_status(first_for(&on.got, ZCN_EVENT_CLOSED, conn)->status, ZCN_ETIMEDOUT);
    close_all(waiting, count);
    close(silent);
    zcn_framing_release(framing);
    side_close(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dial_goes_on_behind_silence),
        cmocka_unit_test(test_dial_where_nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
