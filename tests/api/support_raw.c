/* SPDX-License-Identifier: MIT */
/* Peers that are plain sockets: they do what no loop would do. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>

#include "support.h"

void raw_pair(int ends[2]) { assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0); }

void raw_tcp_pair(int ends[2]) {
    const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_true(listening >= 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends[0], (struct sockaddr *)&address, sizeof address), 0);
    ends[1] = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    assert_true(ends[1] >= 0);
    close(listening);
}

void raw_write(int fd, const void *data, size_t size) {
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    const uint8_t *next = data;
    while (size != 0) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (poll(&room, 1, milliseconds_left(deadline)) == 0) fail_msg("nothing is taken any more");
        const ssize_t done = send(fd, next, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (done < 0) fail_msg("writing to a peer: %s", strerror(errno));
        next += done;
        size -= (size_t)done;
    }
}

void raw_write_frame(int fd, const void *body, size_t size) {
    bytes frame = {0};
    append_frame(&frame, &plain_shape, body, size);
    raw_write(fd, frame.data, frame.size);
    bytes_clear(&frame);
}

size_t raw_pour(int fd, const void *data, size_t size) {
    const ssize_t done = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done >= 0) return (size_t)done;
    if (errno != EAGAIN && errno != EINTR) fail_msg("writing to a peer: %s", strerror(errno));
    return 0;
}

void raw_reset(int fd) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    assert_int_equal(close(fd), 0);
}

int raw_read_to_end(int fd, side *polled, bytes *into) {
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    for (;;) {
        static uint8_t scrap[65536];
        const ssize_t got = recv(fd, scrap, sizeof scrap, MSG_DONTWAIT);
        if (got > 0) {
            if (into != NULL) bytes_append(into, scrap, (size_t)got);
            continue;
        }
        if (got == 0) return 0;
        if (errno != EAGAIN && errno != EINTR) return errno;
        if (deadline_passed(deadline)) fail_msg("the connection never ends");
        struct pollfd ready[2] = {{.fd = fd, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
        int timeout = milliseconds_left(deadline);
        if (polled != NULL) {
            int64_t left;
            ready[1].fd = zcn_loop_fd(polled->loop);
            assert_ok(zcn_loop_next_deadline(polled->loop, &left));
            if (left / 1000000 < timeout) timeout = (int)((left + 999999) / 1000000);
        }
        poll(ready, 2, timeout);
        if (polled != NULL) side_poll(polled, 0);
    }
}

size_t open_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    size_t count = 0;
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count - 3; /* ".", ".." and the folder itself */
}
