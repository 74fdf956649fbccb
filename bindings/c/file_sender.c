/* SPDX-License-Identifier: MIT */
/* Sends files, each as one message, and the answer to each is its number of bytes and their CRC-32. The kernel sends
   the bytes from where the file stands. Usage: file_sender serve ADDRESS           receives file_sender send ADDRESS
   FILE…      sends */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zcnet/zcnet.h>

enum { ANSWER = 12 }; /* eight bytes of size and four of CRC-32, big end first */

static uint32_t crc32_of(uint32_t crc, const unsigned char *data, uint64_t size) {
    uint32_t steps[16];
    for (uint32_t i = 0; i < 16; i++) {
        steps[i] = i;
        for (int bit = 0; bit < 4; bit++) steps[i] = steps[i] >> 1 ^ ((steps[i] & 1) != 0 ? 0xEDB88320u : 0);
    }
    crc = ~crc;
    for (; size > 0; size--, data++) {
        crc = crc >> 4 ^ steps[(crc ^ *data) & 15];
        crc = crc >> 4 ^ steps[(crc ^ *data >> 4) & 15];
    }
    return ~crc;
}

static void describe(unsigned char *answer, uint64_t size, uint32_t crc) {
    for (int i = 0; i < 8; i++) answer[i] = (unsigned char)(size >> (56 - 8 * i));
    for (int i = 0; i < 4; i++) answer[8 + i] = (unsigned char)(crc >> (24 - 8 * i));
}

static void answer(const zcn_event *event) {
    unsigned char text[ANSWER];
    describe(text, event->size, crc32_of(0, event->data, event->size));
    if (zcn_conn_send_copy(event->conn, text, sizeof text) != ZCN_OK) zcn_conn_abort(event->conn);
}

static zcn_status serve(zcn_loop *loop, const char *address, const zcn_framing *framing) {
    zcn_listener *listener;
    char bound[128];
    zcn_status status = zcn_listen(&listener, loop, address, framing, NULL);
    if (status != ZCN_OK) return status;
    if (zcn_listener_address(listener, bound, sizeof bound) == ZCN_OK) printf("%s\n", bound);
    fflush(stdout);
    while (status == ZCN_OK) {
        const zcn_event *events;
        size_t count;
        status = zcn_loop_poll(loop, -1, &events, &count, NULL);
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == ZCN_EVENT_MESSAGE) answer(&events[i]);
        }
    }
    zcn_listener_release(listener);
    return status;
}

/* Queues a file, and says what its answer has to be. */
static zcn_status send_file(zcn_conn *conn, const char *path, unsigned char *expected) {
    zcn_file *file;
    zcn_unit *unit = NULL;
    zcn_error error = {.struct_size = sizeof error};
    zcn_status status = zcn_file_open(&file, path, NULL, &error);
    if (status != ZCN_OK) {
        fprintf(stderr, "file_sender: %s\n", error.text);
        return status;
    }
    static unsigned char block[1 << 16];
    uint32_t crc = 0;
    ssize_t got;
    for (off_t at = 0; (got = pread(zcn_file_fd(file), block, sizeof block, at)) > 0; at += got) {
        crc = crc32_of(crc, block, (uint64_t)got);
    }
    const uint64_t size = zcn_file_size(file);
    describe(expected, size, crc);
    status = zcn_unit_create(&unit, NULL);
    if (status == ZCN_OK) status = zcn_unit_append_file(unit, file, 0, size);
    if (status == ZCN_OK) status = zcn_conn_send(conn, unit);
    if (status != ZCN_OK) zcn_unit_release(unit);
    zcn_file_release(file); /* the unit has it */
    return status;
}

static zcn_status send_files(zcn_loop *loop, const char *address, const zcn_framing *framing, char **paths) {
    zcn_conn *conn;
    unsigned char expected[ANSWER];
    zcn_status status = zcn_connect(&conn, loop, address, framing, NULL);
    while (status == ZCN_OK) {
        const zcn_event *events;
        size_t count;
        status = zcn_loop_poll(loop, -1, &events, &count, NULL);
        for (size_t i = 0; i < count && status == ZCN_OK; i++) {
            if (events[i].type == ZCN_EVENT_CLOSED) return *paths == NULL ? ZCN_OK : events[i].status;
            if (events[i].type == ZCN_EVENT_MESSAGE) {
                if (events[i].size != ANSWER || memcmp(events[i].data, expected, ANSWER) != 0) {
                    fprintf(stderr, "%s was damaged on its way\n", *paths);
                    return ZCN_EINTERNAL;
                }
                uint64_t size = 0;
                for (int byte = 0; byte < 8; byte++) size = size << 8 | expected[byte];
                const char *slash = strrchr(*paths, '/');
                printf("%s: %" PRIu64 " bytes\n", slash != NULL ? slash + 1 : *paths, size);
                paths++;
            } else if (events[i].type != ZCN_EVENT_CONNECTED) {
                continue;
            }
            status = *paths == NULL ? zcn_conn_close(conn) : send_file(conn, *paths, expected);
        }
    }
    return status;
}

int main(int argc, char **argv) {
    zcn_framing *framing;
    zcn_loop *loop;
    const int serves = argc == 3 && strcmp(argv[1], "serve") == 0;
    if (!serves && (argc < 4 || strcmp(argv[1], "send") != 0)) {
        fprintf(stderr, "usage: file_sender serve ADDRESS | send ADDRESS FILE...\n");
        return 2;
    }
    if (zcn_framing_parse(&framing, "length,width=8,strip=8,max=4G", NULL) < 0) return 1;
    if (zcn_loop_create(&loop, NULL) < 0) return 1;
    const zcn_status status = serves ? serve(loop, argv[2], framing) : send_files(loop, argv[2], framing, argv + 3);
    if (status != ZCN_OK) fprintf(stderr, "file_sender: %s\n", zcn_status_text(status));
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    return status == ZCN_OK ? 0 : 1;
}
