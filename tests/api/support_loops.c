/* SPDX-License-Identifier: MIT */
/* Loops that are polled one after the other in one thread, and connections between them. */
#include "support.h"

void side_open(side *of, const zcn_loop_options *options) {
    memset(of, 0, sizeof *of);
    assert_ok(zcn_loop_create(&of->loop, options));
    assert_non_null(of->loop);
}

void side_close(side *of) {
    zcn_loop_release(of->loop);
    of->loop = NULL;
    collector_clear(&of->got);
}

bool side_poll(side *of, int64_t timeout_ns) {
    const zcn_event *events;
    size_t count;
    int32_t more;
    assert_ok(zcn_loop_poll(of->loop, timeout_ns, &events, &count, &more));
    assert_true((events != NULL) == (count != 0));
    collect(&of->got, events, count);
    for (size_t i = 0; i < count && of->on_event != NULL; i++) of->on_event(of, &events[i]);
    return more != 0;
}

static int wait_for(const side *of) {
    int64_t left;
    assert_ok(zcn_loop_next_deadline(of->loop, &left));
    return left > 1000000000 ? 1000 : (int)((left + 999999) / 1000000);
}

void pump_once(side *a, side *b, uint64_t deadline) {
    struct pollfd ready[2] = {{.fd = zcn_loop_fd(a->loop), .events = POLLIN}, {.fd = -1}};
    int timeout = milliseconds_left(deadline);
    if (wait_for(a) < timeout) timeout = wait_for(a);
    if (b != NULL) {
        ready[1] = (struct pollfd){.fd = zcn_loop_fd(b->loop), .events = POLLIN};
        if (wait_for(b) < timeout) timeout = wait_for(b);
    }
    poll(ready, 2, timeout);
    side_poll(a, 0);
    if (b != NULL) side_poll(b, 0);
}

void pump_idle(side *a, side *b) {
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    for (;;) {
        struct pollfd ready[2] = {{.fd = zcn_loop_fd(a->loop), .events = POLLIN}, {.fd = -1}};
        bool due = wait_for(a) == 0;
        if (b != NULL) {
            ready[1] = (struct pollfd){.fd = zcn_loop_fd(b->loop), .events = POLLIN};
            due = due || wait_for(b) == 0;
        }
        if (poll(ready, 2, 0) == 0 && !due) return;
        if (deadline_passed(deadline)) fail_msg("the loops never come to rest");
        side_poll(a, 0);
        if (b != NULL) side_poll(b, 0);
    }
}

/* ---- addresses ---- */

const char *transport_name(transport over) {
    static const char *const names[] = {"TCP over IPv4", "TCP over IPv6", "a Unix path", "an abstract Unix name",
                                        "a socketpair"};
    return names[over];
}

bool transport_works(transport over) {
    if (over != OVER_TCP6) return true;
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int bound = bind(fd, (const struct sockaddr *)&loopback, sizeof loopback);
    close(fd);
    return bound == 0;
}

static char socket_folder[64];
static pid_t folder_owner;

static void remove_folder(void) {
    if (getpid() == folder_owner) rmdir(socket_folder);
}

void fresh_address(transport over, char *buffer, size_t capacity) {
    static unsigned number;
    number++;
    if (over == OVER_TCP) {
        snprintf(buffer, capacity, "tcp://127.0.0.1:0");
    } else if (over == OVER_TCP6) {
        snprintf(buffer, capacity, "tcp://[::1]:0");
    } else if (over == OVER_ABSTRACT) {
        snprintf(buffer, capacity, "unix-abstract:zcnet-test-%d-%u", (int)getpid(), number);
    } else {
        assert_int_equal(over, OVER_UNIX);
        if (socket_folder[0] == '\0') {
            snprintf(socket_folder, sizeof socket_folder, "/tmp/zcnet-test-XXXXXX");
            assert_non_null(mkdtemp(socket_folder));
            folder_owner = getpid();
            atexit(remove_folder);
        }
        snprintf(buffer, capacity, "unix://%s/%u", socket_folder, number);
    }
}

zcn_listener *listen_at(side *on, const char *address, const zcn_framing *framing, const zcn_listen_options *options,
                        char bound[128]) {
    zcn_listener *listener = NULL;
    const zcn_status status = zcn_listen(&listener, on->loop, address, framing, options);
    if (status != ZCN_OK) {
        zcn_error error = {.struct_size = sizeof error};
        assert_ok(zcn_loop_get_error(on->loop, &error));
        fail_msg("listening at %s: %s: %s", address, zcn_status_name(status), error.text);
    }
    assert_non_null(listener);
    assert_ok(zcn_listener_address(listener, bound, 128));
    return listener;
}

int raw_connect(const char *address) {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un un;
    } to;
    socklen_t size;
    memset(&to, 0, sizeof to);
    if (strncmp(address, "tcp://127.0.0.1:", 16) == 0) {
        to.in.sin_family = AF_INET;
        to.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.in.sin_port = htons((uint16_t)atoi(address + 16));
        size = sizeof to.in;
    } else if (strncmp(address, "unix://", 7) == 0) {
        to.un.sun_family = AF_UNIX;
        snprintf(to.un.sun_path, sizeof to.un.sun_path, "%s", address + 7);
        size = sizeof to.un;
    } else {
        assert_int_equal(strncmp(address, "unix-abstract:", 14), 0);
        to.un.sun_family = AF_UNIX;
        snprintf(to.un.sun_path + 1, sizeof to.un.sun_path - 1, "%s", address + 14);
        size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address + 14));
    }
    const int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, &to.any, size) != 0) fail_msg("connecting to %s: %s", address, strerror(errno));
    return fd;
}

/* ---- pairs ---- */

static zcn_conn *adopt(const side *on, int fd, const zcn_framing *framing, const zcn_conn_options *options) {
    zcn_conn *conn = NULL;
    assert_ok(zcn_conn_adopt(&conn, on->loop, fd, framing, options));
    assert_non_null(conn);
    return conn;
}

void pair_open(pair *of, transport over, const char *framing_text, const zcn_conn_options *options,
               const zcn_loop_options *loop_options) {
    memset(of, 0, sizeof *of);
    side_open(&of->server, loop_options);
    side_open(&of->client, loop_options);
    zcn_framing *framing = framing_of(framing_text);
    if (over == OVER_SOCKETPAIR) {
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        of->accepted = adopt(&of->server, ends[0], framing, options);
        of->dialled = adopt(&of->client, ends[1], framing, options);
    } else {
        zcn_listen_options listen_options;
        zcn_listen_options_init(&listen_options, sizeof listen_options);
        listen_options.conn = options;
        char address[128];
        fresh_address(over, address, sizeof address);
        of->listener = listen_at(&of->server, address, framing, &listen_options, of->address);
        assert_ok(zcn_connect(&of->dialled, of->client.loop, of->address, framing, options));
        assert_non_null(of->dialled);
        PUMP_UNTIL(
            &of->server, &of->client,
            count_of(&of->server.got, ZCN_EVENT_ACCEPTED) == 1 && count_of(&of->client.got, ZCN_EVENT_CONNECTED) == 1);
        of->accepted = nth_of(&of->server.got, ZCN_EVENT_ACCEPTED, 0)->conn;
        assert_non_null(of->accepted);
    }
    zcn_framing_release(framing);
}

void pair_close(pair *of) {
    zcn_listener_release(of->listener);
    side_close(&of->client);
    side_close(&of->server);
    memset(of, 0, sizeof *of);
}
