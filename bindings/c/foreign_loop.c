/* SPDX-License-Identifier: MIT */
/* A loop inside another loop: poll(2) watches standard input and the loop's descriptor. What is typed goes to an echo
   of lines (zcnet echo ADDRESS --framing 'delimiter=\n'), and its answers are printed, each with its size.
   Usage: foreign_loop ADDRESS <LINES */
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include <zcnet/zcnet.h>

enum { INPUT = 4096 };

static zcn_unit *pending; /* input that the connection did not take yet; nothing more is read meanwhile */

static zcn_status send_pending(zcn_conn *conn) {
    const zcn_status status = pending == NULL ? ZCN_OK : zcn_conn_send(conn, pending);
    if (status == ZCN_OK) pending = NULL;
    return status;
}

/* Reads into the memory that is sent. Returns 1 while there may be more. */
static int read_input(zcn_conn *conn, const zcn_framing *pieces) {
    void *data;
    if (zcn_unit_alloc(&pending, &data, NULL, pieces, INPUT) != ZCN_OK) return 0;
    const ssize_t got = read(STDIN_FILENO, data, INPUT);
    zcn_unit_truncate(pending, got > 0 ? (uint64_t)got : 0);
    if (got > 0) return send_pending(conn) >= 0;
    zcn_unit_release(pending);
    pending = NULL;
    zcn_conn_shutdown(conn); /* the echo ends too, when it has answered everything */
    return 0;
}

/* How long the host may sleep: until the loop has a deadline of its own. */
static int host_timeout(zcn_loop *loop) {
    int64_t ns;
    if (zcn_loop_next_deadline(loop, &ns) != ZCN_OK || ns / 1000000 >= INT_MAX) return -1;
    return (int)(ns / 1000000) + (ns % 1000000 != 0);
}

int main(int argc, char **argv) {
    zcn_framing *lines, *pieces;
    zcn_conn_options options;
    zcn_loop *loop;
    zcn_conn *conn;
    if (argc != 2) {
        fprintf(stderr, "usage: foreign_loop ADDRESS <LINES\n");
        return 2;
    }
    if (zcn_framing_parse(&lines, "delimiter=\\n,strip=1,max=1M", NULL) < 0) return 1;
    if (zcn_framing_parse(&pieces, "raw", NULL) < 0 || zcn_loop_create(&loop, NULL) < 0) return 1;
    zcn_conn_options_init(&options, sizeof options);
    options.send_framing = pieces; /* input is sent as it comes; the newlines are in it */
    if (zcn_connect(&conn, loop, argv[1], lines, &options) < 0) return 1;

    int input = 1;
    zcn_status ended = ZCN_AGAIN; /* until CLOSED */
    while (ended == ZCN_AGAIN) {
        struct pollfd fds[2] = {{zcn_loop_fd(loop), POLLIN, 0}, {input && !pending ? STDIN_FILENO : -1, POLLIN, 0}};
        poll(fds, 2, host_timeout(loop));
        if (fds[1].revents != 0) input = read_input(conn, pieces);
        const zcn_event *events;
        size_t count;
        if (zcn_loop_poll(loop, 0, &events, &count, NULL) != ZCN_OK) return 1;
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == ZCN_EVENT_MESSAGE)
                printf("%llu %.*s\n", (unsigned long long)events[i].size, (int)events[i].size,
                       (const char *)events[i].data);
            if (events[i].type == ZCN_EVENT_WRITABLE) send_pending(conn);
            if (events[i].type == ZCN_EVENT_CLOSED) ended = events[i].status;
        }
    }
    zcn_unit_release(pending);
    zcn_loop_release(loop);
    zcn_framing_release(lines);
    zcn_framing_release(pieces);
    if (ended != ZCN_EOF) fprintf(stderr, "foreign_loop: %s\n", zcn_status_text(ended));
    return ended == ZCN_EOF ? 0 : 1;
}
