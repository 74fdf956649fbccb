/* SPDX-License-Identifier: MIT */
/* One file goes through a connection into another: as one message, whose body never lies in the memory of the program.
   Usage: through tcp|unix FROM TO */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zcnet/zcnet.h>

static int fail(const char *what, zcn_status status) {
    fprintf(stderr, "through: %s: %s\n", what, status != ZCN_OK ? zcn_status_text(status) : strerror(errno));
    return 1;
}

/* Two connected stream sockets over the loopback. */
static int tcp_pair(int ends[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0) return -1;
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0) return -1;
    if (connect(ends[0], (struct sockaddr *)&address, size) != 0) return -1;
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
    return ends[1] < 0 ? -1 : 0;
}

int main(int argc, char **argv) {
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_conn *sender, *receiver;
    zcn_file *file;
    zcn_unit *unit;
    zcn_status status;
    zcn_conn_options options;
    zcn_receive_file_options into;
    int ends[2];
    if (argc != 4) return 2;
    const int failed = strcmp(argv[1], "tcp") == 0 ? tcp_pair(ends) : socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    const int to = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (failed != 0 || to < 0) return fail(argv[3], ZCN_OK);
    zcn_conn_options_init(&options, sizeof options);
    options.header_from = 1 << 20;
    zcn_receive_file_options_init(&into, sizeof into);
    into.flush = ZCN_FLUSH_ASYNC;
    if ((status = zcn_framing_parse(&framing, "length,width=8,strip=8,max=64G", NULL)) != ZCN_OK ||
        (status = zcn_loop_create(&loop, NULL)) != ZCN_OK ||
        (status = zcn_conn_adopt(&sender, loop, ends[0], framing, NULL)) != ZCN_OK ||
        (status = zcn_conn_adopt(&receiver, loop, ends[1], framing, &options)) != ZCN_OK ||
        (status = zcn_file_open(&file, argv[2], NULL, NULL)) != ZCN_OK ||
        (status = zcn_unit_create(&unit, NULL)) != ZCN_OK ||
        (status = zcn_unit_append_file(unit, file, 0, zcn_file_size(file))) != ZCN_OK ||
        (status = zcn_conn_send(sender, unit)) != ZCN_OK)
        return fail(argv[2], status);
    for (;;) {
        const zcn_event *events;
        size_t count;
        if ((status = zcn_loop_poll(loop, -1, &events, &count, NULL)) != ZCN_OK) return fail("poll", status);
        for (size_t i = 0; i < count; i++) {
            const zcn_event *event = &events[i];
            if (event->type == ZCN_EVENT_CLOSED) return fail("the connection ended", event->status);
            if (event->type == ZCN_EVENT_MESSAGE &&
                (status = zcn_conn_receive_file(event->conn, event->msg, to, event->token, &into)) != ZCN_OK)
                return fail(argv[3], status);
            if (event->type != ZCN_EVENT_FILE_RECEIVED) continue;
            if (event->status != ZCN_OK || event->size != zcn_file_size(file)) return fail(argv[3], event->status);
            zcn_file_release(file);
            zcn_loop_release(loop);
            zcn_framing_release(framing);
            return 0;
        }
    }
}
