/* SPDX-License-Identifier: MIT */
/*
 * A connection changes its framing behind messages that were already sent on: what is queued elsewhere must leave as
 * it was, whatever the loop reads into its memory afterwards.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

static zcn_conn *adopt(const side *on, int *peer, const char *framing_text) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    zcn_framing *framing = framing_of(framing_text);
    zcn_conn *conn;
    assert_ok(zcn_conn_adopt(&conn, on->loop, ends[0], framing, NULL));
    zcn_framing_release(framing);
    *peer = ends[1];
    return conn;
}

/* Queues more than the socket takes, so that what follows stays queued. Returns the bytes. */
static size_t stuff(zcn_conn *conn) {
    size_t bytes_queued = 0;
    for (;;) {
        zcn_unit *unit = pattern_unit(NULL, NULL, 10000, 5);
        const zcn_status status = zcn_conn_send(conn, unit);
        if (status != ZCN_OK) {
            assert_status(status, ZCN_AGAIN);
            zcn_unit_release(unit);
            fail_msg("the queue is full before the socket is");
        }
        bytes_queued += 10000;
        if (zcn_conn_flush(conn) == ZCN_AGAIN) return bytes_queued;
        assert_true(bytes_queued < 64 << 20);
    }
}

typedef enum held { AS_MESSAGE, AS_FRAME, AS_BODY, HELD } held;

static void queued_messages_survive(void **state) {
    (void)state;
    for (held how = 0; how < HELD; how++)
        for (size_t size = 1; size < 300; size += 23) {
            side server;
            int from_peer, to_peer, third_peer;
            side_open(&server, NULL);
            zcn_conn *from = adopt(&server, &from_peer, PLAIN_FRAMING);
            zcn_conn *to = adopt(&server, &to_peer, "raw");
            adopt(&server, &third_peer, PLAIN_FRAMING);
            side_poll(&server, 0);
            const size_t stuffed = stuff(to);

            uint8_t body[300];
            fill_pattern(body, size, 1);
            bytes wire = {0};
            append_frame(&wire, &plain_shape, "go", 2);
            append_frame(&wire, &plain_shape, body, size);
            assert_int_equal(write(from_peer, wire.data, wire.size), wire.size);
            const zcn_event *events;
            size_t count;
            const uint64_t deadline = deadline_after_ms(WAIT_MS);
            do {
                assert_false(deadline_passed(deadline));
                assert_ok(zcn_loop_poll(server.loop, 1000000000, &events, &count, NULL));
            } while (count == 0);
            assert_int_equal(count, 2);
            assert_ptr_equal(events[1].conn, from);
            assert_int_equal(events[1].size, size);
            zcn_unit *unit = NULL;
            if (how == AS_MESSAGE) {
                assert_ok(zcn_conn_send_msg(to, events[1].msg));
            } else {
                assert_ok(zcn_unit_create(&unit, NULL));
                if (how == AS_FRAME) {
                    assert_ok(zcn_unit_append_frame(unit, events[1].msg));
                } else {
                    assert_ok(zcn_unit_append_copy(unit, wire.data + 6, 4));
                    assert_ok(zcn_unit_append_msg(unit, events[1].msg));
                }
                assert_ok(zcn_conn_send(to, unit));
            }
            /* Under this framing the message that was sent on is the start of a frame that is not complete. */
            zcn_framing *longer = framing_of("fixed=1000");
            const zcn_status status = zcn_conn_set_framing(from, events[0].msg, longer);
            assert_true(status == ZCN_OK || status == ZCN_EBUSY);
            zcn_framing_release(longer);
            side_poll(&server, 0);

            /* Another connection's bytes come. */
            uint8_t others[404] = {0, 0, 0x01, 0x90};
            memset(others + 4, 0xEE, 400);
            assert_int_equal(write(third_peer, others, sizeof others), sizeof others);
            collector_clear(&server.got);
            PUMP_UNTIL(&server, NULL, count_of(&server.got, ZCN_EVENT_MESSAGE) == 1);

            bytes arrived = {0};
            const size_t expected = stuffed + size + 4;
            assert_int_equal(fcntl(to_peer, F_SETFL, O_NONBLOCK), 0);
            const uint64_t drained = deadline_after_ms(WAIT_MS);
            while (arrived.size < expected) {
                uint8_t piece[16384];
                const ssize_t got = read(to_peer, piece, sizeof piece);
                if (got > 0) {
                    bytes_append(&arrived, piece, (size_t)got);
                } else {
                    assert_false(deadline_passed(drained));
                    side_poll(&server, 1000000);
                }
            }
            assert_int_equal(arrived.size, expected);
            if (memcmp(arrived.data + stuffed, wire.data + 6, size + 4) != 0)
                fail_msg("a message of %zu bytes was overwritten while it was queued (variant %d)", size, (int)how);
            bytes_clear(&arrived);
            bytes_clear(&wire);
            side_close(&server);
            close(from_peer);
            close(to_peer);
            close(third_peer);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queued_messages_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
