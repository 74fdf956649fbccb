/* SPDX-License-Identifier: MIT */
/* A router: the first line of a connection says where it goes, by its first word. The line goes there first, as it came,
   and then a relay takes over: what follows, in both directions, never passes through this program.
   Usage: router ADDRESS NAME=TARGET... */
#include <stdio.h>
#include <string.h>
#include <zcnet/zcnet.h>

static const zcn_framing *raw;
static char **routes;
static int route_count;

static const char *target_of(const char *line, size_t size) {
    for (int i = 0; i < route_count; i++) {
        const char *target = strchr(routes[i], '=');
        const size_t name = target != NULL ? (size_t)(target - routes[i]) : 0;
        if (name == 0 || name > size || memcmp(line, routes[i], name) != 0) continue;
        if (name == size || line[name] == ' ') return target + 1;
    }
    return NULL;
}

/* The line is sent to the target, which is not read before the relay does so. The two ends know each other by their
   user values. */
static zcn_status route(zcn_loop *loop, const zcn_event *line) {
    const char *target = target_of(line->data, line->size);
    zcn_conn_options options;
    zcn_conn *far;
    zcn_unit *unit;
    zcn_status status;
    if (target == NULL) return ZCN_ENOTFOUND;
    /* What follows the line stays where it is, for the relay. */
    if ((status = zcn_conn_pause(line->conn)) < 0 || (status = zcn_unit_create(&unit, NULL)) < 0) return status;
    zcn_conn_options_init(&options, sizeof options);
    options.start_paused = 1;
    options.user = (uintptr_t)line->conn;
    status = zcn_unit_append_frame(unit, line->msg);
    if (status == ZCN_OK) status = zcn_unit_set_token(unit, 1);
    if (status == ZCN_OK) status = zcn_connect(&far, loop, target, raw, &options);
    if (status == ZCN_OK) {
        zcn_conn_set_user(line->conn, (uintptr_t)far);
        status = zcn_conn_send(far, unit);
    }
    if (status != ZCN_OK) zcn_unit_release(unit);
    return status;
}

/* The line has left: the relay has both ends from here on. */
static void join(zcn_conn *near, zcn_conn *far) {
    zcn_relay *relay;
    if (zcn_relay_conns(&relay, near, far, NULL) != ZCN_OK) {
        zcn_conn_abort(far); /* and with it the other */
        return;
    }
    zcn_conn_set_user(near, 0);
    zcn_conn_set_user(far, 0);
}

static void handle(zcn_loop *loop, const zcn_event *event) {
    zcn_conn *other = (zcn_conn *)(event->conn != NULL ? zcn_conn_get_user(event->conn) : 0);
    zcn_status status;
    switch (event->type) {
        case ZCN_EVENT_MESSAGE:
            status = route(loop, event);
            if (status == ZCN_OK) break;
            fprintf(stderr, "no way for a connection: %s\n", zcn_status_text(status));
            zcn_conn_abort(event->conn);
            break;
        case ZCN_EVENT_SENT:
            if (event->status == ZCN_OK && other != NULL) join(other, event->conn);
            break;
        case ZCN_EVENT_PEER_CLOSED:
            /* Behind its line: the relay finds the end, too. Without one there is nothing to wait for. */
            if (other == NULL) zcn_conn_close(event->conn);
            break;
        case ZCN_EVENT_CLOSED:
            if (other == NULL) break;
            zcn_conn_set_user(other, 0);
            zcn_conn_abort(other);
            break;
        default:
            break;
    }
}

int main(int argc, char **argv) {
    zcn_framing *lines, *bytes;
    zcn_loop *loop;
    zcn_listener *listener;
    zcn_conn_options conn_options;
    zcn_listen_options options;
    char address[128];
    if (argc < 3) {
        fprintf(stderr, "usage: router ADDRESS NAME=TARGET...\n");
        return 2;
    }
    routes = argv + 2;
    route_count = argc - 2;
    zcn_conn_options_init(&conn_options, sizeof conn_options);
    conn_options.half_open = 1;
    conn_options.messages_per_poll = 1; /* the first line alone */
    zcn_listen_options_init(&options, sizeof options);
    options.conn = &conn_options;
    if (zcn_framing_parse(&lines, "delimiter=\\n,strip=1,max=4K", NULL) < 0) return 1;
    if (zcn_framing_parse(&bytes, "raw", NULL) < 0 || zcn_loop_create(&loop, NULL) < 0) return 1;
    if (zcn_listen(&listener, loop, argv[1], lines, &options) < 0) return 1;
    raw = bytes;
    zcn_listener_address(listener, address, sizeof address);
    printf("%s\n", address);
    fflush(stdout);

    const zcn_event *events;
    size_t count;
    while (zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (size_t i = 0; i < count; i++) handle(loop, &events[i]);
    }
    return 1;
}
