/* SPDX-License-Identifier: MIT */
/* A file is sent as a message, and received into another file: neither side has more of it in memory than its header. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zcnet/zcnet.h>

int main(void) {
    const zcn_event *events;
    zcn_conn_options options;
    zcn_conn *sender, *receiver;
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_file *file;
    zcn_unit *unit;
    size_t count, i;
    FILE *original = tmpfile(), *copy = tmpfile();
    int ends[2], done = 0;

    if (original == NULL || copy == NULL || ftruncate(fileno(original), 10000000) != 0) return 1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || zcn_loop_create(&loop, NULL) != ZCN_OK) return 1;
    if (zcn_framing_parse(&framing, "length,width=8,strip=8,max=4G", NULL) != ZCN_OK) return 1;
    zcn_conn_options_init(&options, sizeof options);
    options.header_from = 65536;
    if (zcn_conn_adopt(&sender, loop, ends[0], framing, NULL) != ZCN_OK) return 1;
    if (zcn_conn_adopt(&receiver, loop, ends[1], framing, &options) != ZCN_OK) return 1;

    if (zcn_file_adopt(&file, dup(fileno(original)), NULL) != ZCN_OK || zcn_unit_create(&unit, NULL) != ZCN_OK) return 1;
    if (zcn_unit_append_file(unit, file, 0, zcn_file_size(file)) != ZCN_OK) return 1;
    zcn_file_release(file);
    if (zcn_conn_send(sender, unit) != ZCN_OK) return 1;

    while (!done && zcn_loop_poll(loop, -1, &events, &count, NULL) == ZCN_OK) {
        for (i = 0; i < count; i++) {
            const zcn_event *event = &events[i];
            if (event->type == ZCN_EVENT_MESSAGE && event->token != 0) {
                /* A header: it says how large the body is, and the program where it goes. */
                if (zcn_conn_receive_file(event->conn, event->msg, dup(fileno(copy)), event->token, NULL) != ZCN_OK)
                    return 1;
            } else if (event->type == ZCN_EVENT_FILE_RECEIVED) {
                printf("%lu bytes: %s\n", (unsigned long)event->size, zcn_status_name(event->status));
                done = event->status == ZCN_OK;
            }
        }
    }
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    fclose(original);
    fclose(copy);
    return done ? 0 : 1;
}
