/* SPDX-License-Identifier: MIT */
/* Corners where two things meet: a deadline and a close, a failed write and a close, a move and an end, a post and a
 * half-close; and peers that send what no framing knows of: descriptors, urgent bytes. */
#include <arpa/inet.h>

#include "support.h"

#define MS INT64_C(1000000)

/* A listening TCP socket of the program whose connections take little. */
static int listen_raw(char address[64], int receive_buffer) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (receive_buffer != 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(address, 64, "tcp://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    return fd;
}

struct meeting {
    side on;
    zcn_conn *conn;
    int peer;
};

static void meet(struct meeting *of, const char *framing_text, const zcn_conn_options *options, int receive_buffer) {
    char address[64];
    memset(of, 0, sizeof *of);
    side_open(&of->on, NULL);
    const int listening = listen_raw(address, receive_buffer);
    zcn_framing *framing = framing_of(framing_text);
    assert_ok(zcn_connect(&of->conn, of->on.loop, address, framing, options));
    of->peer = accept(listening, NULL, NULL);
    assert_true(of->peer >= 0);
    close(listening);
    zcn_framing_release(framing);
    PUMP_UNTIL(&of->on, NULL, count_of(&of->on.got, ZCN_EVENT_CONNECTED) == 1);
    zcn_conn_retain(of->conn);
}

static void part(struct meeting *of) {
    if (of->peer >= 0) close(of->peer);
    zcn_conn_release(of->conn);
    side_close(&of->on);
}

static zcn_status end_of(struct meeting *of) {
    PUMP_UNTIL(&of->on, NULL, count_for(&of->on.got, ZCN_EVENT_CLOSED, of->conn) == 1);
    return first_for(&of->on.got, ZCN_EVENT_CLOSED, of->conn)->status;
}

/* Everything fits the kernel's buffers, so that the queue is empty, but the peer takes nothing. */
static void test_corner_peer_takes_nothing_after_the_close(void **state) {
    (void)state;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.drain_timeout_ms = 200;
    options.high_water = 8 << 20;
    struct meeting of;
    meet(&of, "raw", &options, 4096);
    static uint8_t body[60000];
    assert_ok(zcn_conn_send_copy(of.conn, body, sizeof body));
    assert_ok(zcn_conn_close(of.conn));
    assert_status(end_of(&of), ZCN_ETIMEDOUT);
    part(&of);
}

static void test_corner_close_after_a_write_that_failed(void **state) {
    (void)state;
    struct meeting of;
    meet(&of, "raw", NULL, 0);
    pump_idle(&of.on, NULL);
    raw_reset(of.peer);
    of.peer = -1;
    zcn_unit *unit = pattern_unit(NULL, NULL, 100, 1);
    assert_ok(zcn_unit_set_token(unit, 7));
    assert_ok(zcn_conn_send(of.conn, unit));
    /* The reset has arrived, or is about to: in either case what was sent is lost, and CLOSED says so. */
    (void)zcn_conn_flush(of.conn);
    assert_ok(zcn_conn_close(of.conn));
    const zcn_status end = end_of(&of);
    const seen *sent = nth_of(&of.on.got, ZCN_EVENT_SENT, 0);
    assert_non_null(sent);
    if (sent->status != ZCN_OK && end == ZCN_OK) fail_msg("the unit was lost, and CLOSED says ZCN_OK");
    part(&of);
}

static void test_corner_half_close_behind_a_post_that_fails(void **state) {
    (void)state;
    struct meeting of;
    meet(&of, "length,strip=4,max=1000", NULL, 0);
    assert_ok(zcn_conn_post(of.conn, pattern_unit(NULL, NULL, 5000, 1)));
    assert_ok(zcn_conn_shutdown(of.conn));
    bytes got = {0};
    assert_int_equal(raw_read_to_end(of.peer, &of.on, &got), 0);
    assert_int_equal(got.size, 0);
    bytes_clear(&got);
    part(&of);
}

static void test_corner_posting_to_a_peer_that_never_reads(void **state) {
    (void)state;
    struct meeting of;
    meet(&of, "raw", NULL, 4096);
    size_t refused = 0;
    for (int round = 0; round < 300; round++) {
        zcn_status status;
        do {
            zcn_unit *unit = pattern_unit(NULL, NULL, 65000, 1);
            status = zcn_conn_post(of.conn, unit);
            if (status != ZCN_OK) zcn_unit_release(unit);
        } while (status == ZCN_OK);
        assert_status(status, ZCN_AGAIN);
        refused++;
        side_poll(&of.on, 0);
    }
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(of.conn, &stats));
    assert_int_equal(refused, 300);
    assert_in_range(stats.queued_bytes, 0, 1 << 20);
    part(&of);
}

/* An urgent byte is no part of the stream, and does not stop it. */
static void test_corner_urgent_byte_within_a_message(void **state) {
    (void)state;
    struct meeting of;
    meet(&of, "length,strip=4,max=1K", NULL, 0);
    static const uint8_t head[] = {0, 0, 0, 5};
    raw_write(of.peer, head, sizeof head);
    assert_int_equal(send(of.peer, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
    raw_write(of.peer, "hello", 5);
    PUMP_UNTIL(&of.on, NULL, count_of(&of.on.got, ZCN_EVENT_MESSAGE) == 1);
    const seen *message = nth_of(&of.on.got, ZCN_EVENT_MESSAGE, 0);
    assert_int_equal(message->size, 5);
    assert_memory_equal(message->body, "hello", 5);
    part(&of);
}

/* Descriptors that come along are closed, and what follows them is read. */
static void test_corner_descriptors_within_a_message(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    int ends[2];
    raw_pair(ends);
    zcn_framing *framing = framing_of("length,strip=4,max=1K");
    zcn_conn *conn;
    assert_ok(zcn_conn_adopt(&conn, on.loop, ends[0], framing, NULL));
    pump_idle(&on, NULL);
    const size_t before = open_descriptors();
    for (int round = 0; round < 20; round++) {
        uint8_t head[] = {0, 0, 0, 5};
        struct iovec piece = {head, sizeof head};
        union {
            char space[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } control;
        memset(&control, 0, sizeof control);
        struct msghdr message = {
            .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        const int passed = ends[1];
        memcpy(CMSG_DATA(header), &passed, sizeof passed);
        assert_int_equal(sendmsg(ends[1], &message, MSG_NOSIGNAL), 4);
        raw_write(ends[1], "hello", 5);
        PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_MESSAGE) == (size_t)round + 1);
    }
    assert_int_equal(open_descriptors(), before);
    close(ends[1]);
    zcn_framing_release(framing);
    side_close(&on);
}

static void test_corner_move_to_a_loop_that_closes(void **state) {
    (void)state;
    struct meeting of;
    meet(&of, PLAIN_FRAMING, NULL, 0);
    side other;
    side_open(&other, NULL);
    assert_ok(zcn_conn_move(of.conn, other.loop));
    assert_ok(zcn_loop_close(other.loop));
    zcn_status status;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    do {
        const zcn_event *events;
        size_t count;
        status = zcn_loop_poll(other.loop, 10 * MS, &events, &count, NULL);
        collect(&other.got, events, count);
        assert_false(deadline_passed(deadline));
    } while (status == ZCN_OK);
    assert_status(status, ZCN_ECLOSED);
    assert_int_equal(count_of(&other.got, ZCN_EVENT_CLOSED), 1);
    bytes got = {0};
    assert_int_equal(raw_read_to_end(of.peer, &of.on, &got), 0);
    bytes_clear(&got);
    side_close(&other);
    part(&of);
}

/* The new loop's polls have numbers of their own. */
static void test_corner_end_after_a_move_at_the_same_poll(void **state) {
    (void)state;
    struct meeting of;
    meet(&of, PLAIN_FRAMING, NULL, 0);
    zcn_loop_stats stats = {.struct_size = sizeof stats};
    side other;
    side_open(&other, NULL);
    do {
        const size_t before = count_of(&of.on.got, ZCN_EVENT_MESSAGE);
        raw_write_frame(of.peer, "x", 1);
        PUMP_UNTIL(&of.on, NULL, count_of(&of.on.got, ZCN_EVENT_MESSAGE) > before);
        assert_ok(zcn_loop_get_stats(of.on.loop, &stats));
    } while (stats.polls < 5);
    for (uint64_t polls = 0; polls + 2 < stats.polls; polls++) side_poll(&other, 0);
    assert_ok(zcn_conn_move(of.conn, other.loop));
    side_poll(&other, 0);
    close(of.peer);
    of.peer = -1;
    PUMP_UNTIL(&other, NULL, count_of(&other.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&other.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EOF);
    zcn_conn_release(of.conn);
    side_close(&of.on);
    side_close(&other);
}

/* Handles of views that have ended stay stale, whatever their memory serves for meanwhile. */
static void test_corner_stale_handles_among_units(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    static const uint8_t wire[] = {0, 0, 0, 1, 'a'};
    zcn_msg *stale = NULL;
    for (int round = 0; round < 50; round++) {
        zcn_unit *unit;
        assert_ok(zcn_unit_create(&unit, NULL));
        for (int i = 0; i < 14 + round % 20; i++) assert_ok(zcn_unit_append_static(unit, wire, 1));
        zcn_unit_release(unit);
        uint64_t taken;
        assert_ok(zcn_stream_feed(stream, wire, sizeof wire, &taken));
        const zcn_event *events;
        size_t count;
        assert_ok(zcn_stream_poll(stream, &events, &count, NULL));
        assert_int_equal(count, 1);
        zcn_msg *kept;
        assert_ok(zcn_msg_retain(&kept, events[0].msg));
        if (stale != NULL) {
            assert_ptr_not_equal(kept, stale);
            assert_status(zcn_msg_release(stale), ZCN_ESTALE);
        }
        assert_ok(zcn_msg_release(kept));
        stale = kept;
        assert_ok(zcn_stream_poll(stream, &events, &count, NULL));
    }
    zcn_stream_release(stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corner_peer_takes_nothing_after_the_close),
        cmocka_unit_test(test_corner_close_after_a_write_that_failed),
        cmocka_unit_test(test_corner_half_close_behind_a_post_that_fails),
        cmocka_unit_test(test_corner_posting_to_a_peer_that_never_reads),
        cmocka_unit_test(test_corner_urgent_byte_within_a_message),
        cmocka_unit_test(test_corner_descriptors_within_a_message),
        cmocka_unit_test(test_corner_move_to_a_loop_that_closes),
        cmocka_unit_test(test_corner_end_after_a_move_at_the_same_poll),
        cmocka_unit_test(test_corner_stale_handles_among_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
