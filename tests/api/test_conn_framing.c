/* SPDX-License-Identifier: MIT */
/* Changing the framing of a connection on its way, and bodies at aligned addresses. */
#include "support.h"

#define MS INT64_C(1000000)

/* A connection whose peer is a raw socket, so that the bytes are what the test says. */
struct line {
    side on;
    zcn_conn *conn;
    int peer;
    zcn_framing *plain;
    zcn_framing *lines;
    zcn_framing *raw;
};

static struct line *line;

static void line_open(const zcn_conn_options *options) {
    static struct line the_line;
    line = &the_line;
    side_open(&line->on, NULL);
    line->plain = framing_of(PLAIN_FRAMING);
    line->lines = framing_of("delimiter=\\n,strip=1,max=1K");
    line->raw = framing_of("raw");
    int ends[2];
    raw_pair(ends);
    line->peer = ends[1];
    assert_ok(zcn_conn_adopt(&line->conn, line->on.loop, ends[0], line->lines, options));
    zcn_conn_retain(line->conn);
    pump_idle(&line->on, NULL);
}

static int open_line(void **state) {
    (void)state;
    line_open(NULL);
    return 0;
}

static int close_line(void **state) {
    (void)state;
    close(line->peer);
    zcn_conn_release(line->conn);
    zcn_framing_release(line->plain);
    zcn_framing_release(line->lines);
    zcn_framing_release(line->raw);
    side_close(&line->on);
    return 0;
}

static void say(const char *text) { raw_write(line->peer, text, strlen(text)); }

static size_t messages(void) { return count_of(&line->on.got, ZCN_EVENT_MESSAGE); }

/* One poll's array, as it stands. */
static const zcn_event *poll_array(size_t *count) {
    const zcn_event *events;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    do {
        assert_ok(zcn_loop_poll(line->on.loop, 10 * MS, &events, count, NULL));
        assert_false(deadline_passed(deadline));
    } while (*count == 0);
    return events;
}

static bool is_text(const zcn_event *event, const char *text) {
    return event->type == ZCN_EVENT_MESSAGE && event->size == strlen(text) &&
           memcmp(event->data, text, event->size) == 0;
}

static void test_conn_set_framing_what_it_refuses(void **state) {
    (void)state;
    int ends[2];
    raw_pair(ends);
    zcn_conn *other;
    assert_ok(zcn_conn_adopt(&other, line->on.loop, ends[0], line->lines, NULL));
    pump_idle(&line->on, NULL);
    say("one\ntwo\nthree\n");
    raw_write(ends[1], "else\n", 5);
    const zcn_event *mine[3] = {NULL, NULL, NULL};
    const zcn_msg *foreign = NULL;
    size_t found = 0;
    size_t count;
    const zcn_event *events = poll_array(&count);
    for (size_t i = 0; i < count; i++) {
        if (events[i].type != ZCN_EVENT_MESSAGE) continue;
        if (events[i].conn == line->conn && found < 3) mine[found++] = &events[i];
        if (events[i].conn == other) foreign = events[i].msg;
    }
    assert_int_equal(found, 3);
    if (foreign != NULL) assert_status(zcn_conn_set_framing(line->conn, foreign, line->raw), ZCN_EINVAL);
    zcn_msg *kept;
    assert_ok(zcn_msg_retain(&kept, mine[0]->msg));
    assert_status(zcn_conn_set_framing(line->conn, kept, line->raw), ZCN_EINVAL);
    zcn_msg *later;
    assert_ok(zcn_msg_retain(&later, mine[2]->msg));
    assert_status(zcn_conn_set_framing(line->conn, mine[0]->msg, line->raw), ZCN_EBUSY);
    /* Nothing has changed. */
    assert_true(is_text(mine[1], "two") && is_text(mine[2], "three"));
    /* What was retained before that point is no hindrance. */
    assert_ok(zcn_conn_set_framing(line->conn, mine[2]->msg, line->raw));
    assert_true(is_text(mine[0], "one") && is_text(mine[1], "two") && is_text(mine[2], "three"));
    const zcn_msg *stale = mine[2]->msg;
    say("end");
    PUMP_UNTIL(&line->on, NULL, messages() >= 1);
    assert_memory_equal(nth_of(&line->on.got, ZCN_EVENT_MESSAGE, messages() - 1)->body, "end", 3);
    assert_status(zcn_conn_set_framing(line->conn, stale, line->lines), ZCN_EINVAL);
    assert_ok(zcn_msg_release(kept));
    assert_ok(zcn_msg_release(later));
    close(ends[1]);
}

static void test_conn_set_framing_blanks_and_brings_again(void **state) {
    (void)state;
    bytes wire = {0};
    bytes_append(&wire, "UPGRADE\n", 8);
    append_frame(&wire, &plain_shape, "a\nb\nc", 5);
    append_frame(&wire, &plain_shape, "", 0);
    raw_write(line->peer, wire.data, wire.size);
    size_t count;
    const zcn_event *events = poll_array(&count);
    assert_true(is_text(&events[0], "UPGRADE"));
    assert_true(count >= 3);
    assert_ok(zcn_conn_set_framing(line->conn, events[0].msg, line->plain));
    for (size_t i = 1; i < count; i++) assert_int_equal(events[i].type, ZCN_EVENT_NONE);
    PUMP_UNTIL(&line->on, NULL, messages() == 2);
    assert_memory_equal(nth_of(&line->on.got, ZCN_EVENT_MESSAGE, 0)->body, "a\nb\nc", 5);
    assert_int_equal(nth_of(&line->on.got, ZCN_EVENT_MESSAGE, 1)->size, 0);
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(line->conn, &stats));
    assert_int_equal(stats.messages_in, 3);
    assert_int_equal(stats.bytes_in, wire.size);
    bytes_clear(&wire);
}

/* An error that was found under the old framing is forgotten with it. */
static void test_conn_set_framing_takes_an_error_back(void **state) {
    (void)state;
    bytes wire = {0};
    uint8_t body[4000];
    fill_body(body, sizeof body, 3);
    bytes_append(&wire, "UPGRADE\n", 8);
    append_frame(&wire, &plain_shape, body, sizeof body); /* no line has so many bytes */
    raw_write(line->peer, wire.data, wire.size);
    size_t count;
    const zcn_event *events = poll_array(&count);
    assert_true(is_text(&events[0], "UPGRADE"));
    assert_int_equal(count, 1);
    assert_ok(zcn_conn_set_framing(line->conn, events[0].msg, line->plain));
    PUMP_UNTIL(&line->on, NULL, messages() == 1);
    assert_int_equal(count_of(&line->on.got, ZCN_EVENT_CLOSED), 0);
    assert_memory_equal(nth_of(&line->on.got, ZCN_EVENT_MESSAGE, 0)->body, body, sizeof body);
    bytes_clear(&wire);
}

/* And the end of the stream too: what is a truncated line is a whole frame. */
static void test_conn_set_framing_before_the_end_is_told(void **state) {
    (void)state;
    bytes wire = {0};
    bytes_append(&wire, "UPGRADE\n", 8);
    append_frame(&wire, &plain_shape, "tail", 4);
    raw_write(line->peer, wire.data, wire.size);
    shutdown(line->peer, SHUT_WR);
    size_t count;
    const zcn_event *events = poll_array(&count);
    assert_true(is_text(&events[0], "UPGRADE"));
    assert_int_equal(count, 1);
    assert_ok(zcn_conn_set_framing(line->conn, events[0].msg, line->plain));
    PUMP_UNTIL(&line->on, NULL, count_of(&line->on.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(messages(), 1);
    assert_memory_equal(nth_of(&line->on.got, ZCN_EVENT_MESSAGE, 0)->body, "tail", 4);
    assert_status(nth_of(&line->on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EOF);
    bytes_clear(&wire);
}

static void test_conn_set_framing_many_times_in_one_array(void **state) {
    (void)state;
    bytes wire = {0};
    for (int i = 0; i < 10; i++) {
        bytes_append(&wire, "line\n", 5);
        append_frame(&wire, &plain_shape, "frame", 5);
    }
    raw_write(line->peer, wire.data, wire.size);
    size_t lines = 0;
    size_t frames = 0;
    bool in_lines = true;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (lines + frames < 20) {
        size_t count;
        const zcn_event *events = poll_array(&count);
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == ZCN_EVENT_NONE) continue;
            assert_true(is_text(&events[i], in_lines ? "line" : "frame"));
            lines += in_lines;
            frames += !in_lines;
            in_lines = !in_lines;
            assert_ok(zcn_conn_set_framing(line->conn, events[i].msg, in_lines ? line->lines : line->plain));
        }
        assert_false(deadline_passed(deadline));
    }
    assert_int_equal(lines, 10);
    bytes_clear(&wire);
}

/* Without a message: behind everything that was delivered, also in the middle of a frame that is under way. */
static void test_conn_set_framing_behind_what_was_delivered(void **state) {
    (void)state;
    static const size_t parts[] = {1, 30, 63, 64, 65, 500};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char text[600];
        memset(text, 'a' + (int)i, sizeof text);
        assert_ok(zcn_conn_set_framing(line->conn, NULL, line->lines));
        raw_write(line->peer, text, parts[i]);
        pump_idle(&line->on, NULL);
        collector_clear(&line->on.got);
        assert_ok(zcn_conn_set_framing(line->conn, NULL, line->raw));
        PUMP_UNTIL(&line->on, NULL, messages() == 1);
        assert_int_equal(nth_of(&line->on.got, ZCN_EVENT_MESSAGE, 0)->size, parts[i]);
        assert_memory_equal(nth_of(&line->on.got, ZCN_EVENT_MESSAGE, 0)->body, text, parts[i]);
    }
}

/* Large pieces on both sides of the change, in several blocks. */
static void test_conn_set_framing_with_much_behind_it(void **state) {
    (void)state;
    bytes wire = {0};
    uint8_t *body = exact_block(900000, 0);
    fill_body(body, 900000, 8);
    bytes_append(&wire, "UPGRADE\n", 8);
    for (int i = 0; i < 50; i++) append_frame(&wire, &plain_shape, "x\ny\n", 4);
    append_frame(&wire, &plain_shape, body, 900000);
    append_frame(&wire, &plain_shape, "\n\n\n", 3);
    size_t written = 0;
    bool changed = false;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    collector got = {0};
    while (count_of(&got, ZCN_EVENT_MESSAGE) < 52) {
        written += raw_pour(line->peer, wire.data + written, wire.size - written);
        const zcn_event *events;
        size_t count;
        assert_ok(zcn_loop_poll(line->on.loop, MS, &events, &count, NULL));
        for (size_t i = 0; i < count && !changed; i++) {
            if (events[i].type != ZCN_EVENT_MESSAGE) continue;
            assert_true(is_text(&events[i], "UPGRADE"));
            assert_ok(zcn_conn_set_framing(line->conn, events[i].msg, line->plain));
            changed = true;
            count = 0;
        }
        collect(&got, events, count);
        assert_int_equal(count_of(&got, ZCN_EVENT_CLOSED), 0);
        assert_false(deadline_passed(deadline));
    }
    for (size_t i = 0; i < 50; i++) assert_memory_equal(nth_of(&got, ZCN_EVENT_MESSAGE, i)->body, "x\ny\n", 4);
    assert_int_equal(nth_of(&got, ZCN_EVENT_MESSAGE, 50)->size, 900000);
    assert_memory_equal(nth_of(&got, ZCN_EVENT_MESSAGE, 50)->body, body, 900000);
    assert_memory_equal(nth_of(&got, ZCN_EVENT_MESSAGE, 51)->body, "\n\n\n", 3);
    collector_clear(&got);
    bytes_clear(&wire);
    free(body);
}

static void test_conn_send_framing_changes_between_sends(void **state) {
    (void)state;
    assert_ok(zcn_conn_send_copy(line->conn, "one", 3));
    assert_ok(zcn_conn_set_send_framing(line->conn, line->plain));
    assert_ok(zcn_conn_send_copy(line->conn, "two", 3));
    /* One that was sealed before gets the header that belongs there. */
    zcn_unit *unit = pattern_unit(NULL, NULL, 3, 3);
    assert_ok(zcn_unit_seal(unit, line->lines));
    assert_ok(zcn_conn_send(line->conn, unit));
    assert_ok(zcn_conn_set_send_framing(line->conn, line->raw));
    assert_ok(zcn_conn_send_copy(line->conn, "three", 5));
    assert_ok(zcn_conn_shutdown(line->conn));
    bytes got = {0};
    assert_int_equal(raw_read_to_end(line->peer, &line->on, &got), 0);
    assert_int_equal(got.size, 4 + 7 + 7 + 5);
    assert_memory_equal(got.data, "one\n\0\0\0\3two\0\0\0\3", 15);
    assert_pattern(got.data + 15, 3, 3);
    assert_memory_equal(got.data + 18, "three", 5);
    bytes_clear(&got);
}

/* ---- alignment ---- */

static void aligned(uint32_t to, uint32_t from) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.align = to;
    options.align_from = from;
    line_open(&options);
    assert_ok(zcn_conn_set_framing(line->conn, NULL, line->plain));
    bytes wire = {0};
    static const size_t sizes[] = {1, 3, 7, 8, 100, 4095, 4096, 20000, 60000, 0, 5};
    uint8_t *body = exact_block(60000, 0);
    uint64_t small = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fill_pattern(body, sizes[i], i);
        append_frame(&wire, &plain_shape, body, sizes[i]);
        if (sizes[i] < from) small += sizes[i] + 4;
    }
    raw_write(line->peer, wire.data, wire.size);
    size_t arrived = 0;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (arrived < sizeof sizes / sizeof *sizes) {
        const zcn_event *events;
        size_t count;
        assert_ok(zcn_loop_poll(line->on.loop, MS, &events, &count, NULL));
        for (size_t i = 0; i < count; i++) {
            if (events[i].type != ZCN_EVENT_MESSAGE) continue;
            assert_int_equal(events[i].size, sizes[arrived]);
            assert_pattern(events[i].data, sizes[arrived], arrived);
            if (events[i].size >= from) assert_int_equal((uintptr_t)events[i].data % to, 0);
            /* The frame goes with it. */
            const void *frame;
            uint64_t frame_size;
            assert_ok(zcn_msg_frame(events[i].msg, &frame, &frame_size));
            assert_int_equal(frame_size, sizes[arrived] + 4);
            assert_ptr_equal((const uint8_t *)frame + 4, events[i].data);
            arrived++;
        }
        assert_false(deadline_passed(deadline));
    }
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(line->conn, &stats));
    assert_true(stats.copied_aligned != 0);
    assert_true(stats.copied_aligned <= wire.size - small);
    assert_true(stats.copied_bytes >= stats.copied_aligned);
    free(body);
    bytes_clear(&wire);
    close_line(NULL);
}

static void test_conn_align_to_8(void **state) {
    (void)state;
    aligned(8, 0);
}

static void test_conn_align_to_a_page_from_100_bytes(void **state) {
    (void)state;
    aligned(4096, 100);
}

/* Every message lies in a place of its own, and the framing changes in front of many. */
static void test_conn_align_and_set_framing(void **state) {
    (void)state;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.align = 64;
    line_open(&options);
    bytes wire = {0};
    bytes_append(&wire, "UPGRADE\n", 8);
    for (int i = 0; i < 200; i++) append_frame(&wire, &plain_shape, "\n\n", 2);
    raw_write(line->peer, wire.data, wire.size);
    size_t count;
    const zcn_event *events = poll_array(&count);
    assert_true(is_text(&events[0], "UPGRADE"));
    assert_ok(zcn_conn_set_framing(line->conn, events[0].msg, line->plain));
    PUMP_UNTIL(&line->on, NULL, messages() == 200);
    bytes_clear(&wire);
    close_line(NULL);
}

#define WITH_LINE(test) cmocka_unit_test_setup_teardown(test, open_line, close_line)

/* ---- what is not in the framing ---- */

/* half_open 2: the program learns of it, may still answer, and what the peer goes on to say is taken and dropped. */
static void test_conn_wrong_input_can_be_answered(void **state) {
    (void)state;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.half_open = 2;
    line_open(&options);
    say("first\nsecond\n");
    uint8_t *much = exact_block(300000, 'x');
    raw_write(line->peer, much, 3000); /* a line of 1 KiB at most */
    PUMP_UNTIL(&line->on, NULL, count_of(&line->on.got, ZCN_EVENT_PEER_CLOSED) == 1);
    assert_int_equal(count_of(&line->on.got, ZCN_EVENT_MESSAGE), 2);
    assert_status(nth_of(&line->on.got, ZCN_EVENT_PEER_CLOSED, 0)->status, ZCN_EFRAME_TOO_LARGE);
    assert_int_equal(zcn_conn_get_state(line->conn), ZCN_STATE_OPEN);
    for (size_t done = 0; done < 300000;) {
        done += raw_pour(line->peer, much + done, 300000 - done);
        pump_idle(&line->on, NULL);
    }
    say("\nthird\n");
    assert_ok(zcn_conn_send_copy(line->conn, "too long", 8));
    assert_ok(zcn_conn_shutdown(line->conn));
    bytes got = {0};
    assert_int_equal(raw_read_to_end(line->peer, &line->on, &got), 0);
    assert_int_equal(got.size, 9);
    assert_memory_equal(got.data, "too long\n", 9);
    bytes_clear(&got);
    assert_int_equal(count_of(&line->on.got, ZCN_EVENT_CLOSED), 0);
    /* Now the peer ends, too. */
    assert_int_equal(shutdown(line->peer, SHUT_WR), 0);
    PUMP_UNTIL(&line->on, NULL, count_of(&line->on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&line->on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EFRAME_TOO_LARGE);
    assert_int_equal(count_of(&line->on.got, ZCN_EVENT_MESSAGE), 2);
    assert_int_equal(count_of(&line->on.got, ZCN_EVENT_PEER_CLOSED), 1);
    free(much);
    (void)close_line(state);
}

/* Behind wrong input nothing is received any more, no file either, and the reason for the end stays what it was. */
static void test_conn_wrong_input_has_no_body(void **state) {
    (void)state;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.half_open = 2;
    line_open(&options);
    uint8_t *much = exact_block(3000, 'x');
    raw_write(line->peer, much, 3000);
    PUMP_UNTIL(&line->on, NULL, count_of(&line->on.got, ZCN_EVENT_PEER_CLOSED) == 1);
    assert_status(zcn_conn_receive_file(line->conn, NULL, -1, 10, NULL), ZCN_ECLOSED);
    assert_ok(zcn_conn_shutdown(line->conn));
    assert_int_equal(shutdown(line->peer, SHUT_WR), 0);
    PUMP_UNTIL(&line->on, NULL, count_of(&line->on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&line->on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EFRAME_TOO_LARGE);
    free(much);
    (void)close_line(state);
}

/* An end in order is one with half_open 2, too. */
static void test_conn_half_open_2_tells_an_end_as_1_does(void **state) {
    (void)state;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.half_open = 2;
    line_open(&options);
    assert_int_equal(shutdown(line->peer, SHUT_WR), 0);
    PUMP_UNTIL(&line->on, NULL, count_of(&line->on.got, ZCN_EVENT_PEER_CLOSED) == 1);
    assert_status(nth_of(&line->on.got, ZCN_EVENT_PEER_CLOSED, 0)->status, ZCN_OK);
    assert_ok(zcn_conn_shutdown(line->conn));
    PUMP_UNTIL(&line->on, NULL, count_of(&line->on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&line->on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EOF);
    (void)close_line(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_LINE(test_conn_set_framing_what_it_refuses),
        WITH_LINE(test_conn_set_framing_blanks_and_brings_again),
        WITH_LINE(test_conn_set_framing_takes_an_error_back),
        WITH_LINE(test_conn_set_framing_before_the_end_is_told),
        WITH_LINE(test_conn_set_framing_many_times_in_one_array),
        WITH_LINE(test_conn_set_framing_behind_what_was_delivered),
        WITH_LINE(test_conn_set_framing_with_much_behind_it),
        WITH_LINE(test_conn_send_framing_changes_between_sends),
        cmocka_unit_test(test_conn_align_to_8),
        cmocka_unit_test(test_conn_align_to_a_page_from_100_bytes),
        cmocka_unit_test(test_conn_align_and_set_framing),
        cmocka_unit_test(test_conn_wrong_input_can_be_answered),
        cmocka_unit_test(test_conn_wrong_input_has_no_body),
        cmocka_unit_test(test_conn_half_open_2_tells_an_end_as_1_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
