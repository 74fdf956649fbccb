/* SPDX-License-Identifier: MIT */
/* Relays that follow frames: messages are counted, bodies pass untouched, and nothing is changed or lost. */
#include "support_relay.h"

static const uint32_t methods[] = {ZCN_RELAY_AUTO, ZCN_RELAY_SPLICE, ZCN_RELAY_COPY};

/* Writes bytes at the first peer in parts of that size, and returns what the second one read. */
static bytes pass(relay_rig *rig, const bytes *wire, size_t part) {
    bytes got = {0};
    size_t sent = 0;
    static uint8_t scrap[65536];
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (got.size < wire->size) {
        if (deadline_passed(deadline)) fail_msg("%zu of %zu bytes came", got.size, wire->size);
        const size_t left = wire->size - sent;
        const size_t size = part != 0 && part < left ? part : left;
        const ssize_t done = size != 0 ? send(rig->peer[0], wire->data + sent, size, MSG_NOSIGNAL) : 0;
        if (done > 0) sent += (size_t)done;
        rig_poll(rig, 0);
        const ssize_t more = recv(rig->peer[1], scrap, sizeof scrap, 0);
        if (more > 0) bytes_append(&got, scrap, (size_t)more);
        /* Who holds the start of a frame back passes it on with the rest: what came is never more than was sent. */
        assert_true(got.size <= sent);
    }
    return got;
}

static void count_with(const frame_shape *shape, uint32_t method, size_t part) {
    zcn_framing *framing = framing_of(shape->text);
    zcn_relay_options options = relay_options();
    options.method = method;
    options.forward_framing = framing;
    relay_rig rig;
    rig_open(&rig, true, &options);
    script sent = small_script(shape);
    if (part == 0 || part >= 1000) {
        for (uint64_t i = 0; i < 4; i++)
            script_add(&sent, shape, body_size_for(shape, (shape->delimiter != NULL ? 10000 : 100000) * i + 7), i);
        script_add(&sent, shape, body_size_for(shape, 3), 9);
    }
    bytes got = pass(&rig, &sent.wire, part);
    assert_int_equal(got.size, sent.wire.size);
    assert_memory_equal(got.data, sent.wire.data, got.size);
    assert_int_equal(rig_stats(&rig).forward.messages, sent.count);
    assert_int_equal(rig_stats(&rig).backward.messages, 0);
    bytes_clear(&got);
    script_clear(&sent);
    zcn_framing_release(framing);
    rig_close(&rig);
}

static void test_frames_are_counted(void **state) {
    (void)state;
    for (size_t i = 0; i < frame_shape_count; i++)
        for (size_t k = 0; k < 3; k++) count_with(&frame_shapes[i], methods[k], 0);
}

/* A byte at a time, and parts that end anywhere. */
static void test_frames_in_parts(void **state) {
    (void)state;
    static const size_t parts[] = {1, 3, 5000, 40000};
    for (size_t i = 0; i < frame_shape_count; i++)
        for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
            count_with(&frame_shapes[i], ZCN_RELAY_AUTO, parts[k]);
}

/* Large bodies go through the kernel, headers and small frames through memory. */
static void test_frames_splice_large_bodies(void **state) {
    (void)state;
    zcn_framing *framing = framing_of("length,max=64M");
    zcn_relay_options options = relay_options();
    options.forward_framing = framing;
    relay_rig rig;
    rig_open(&rig, true, &options);
    bytes wire = {0};
    const size_t size = 8 << 20;
    uint8_t *body = malloc(size);
    assert_non_null(body);
    fill_pattern(body, size, 1);
    for (int i = 0; i < 3; i++) {
        append_frame(&wire, &plain_shape, body, size);
        append_frame(&wire, &plain_shape, body, 10);
    }
    bytes got = pass(&rig, &wire, 0);
    assert_memory_equal(got.data, wire.data, wire.size);
    const zcn_relay_stats stats = rig_stats(&rig);
    assert_int_equal(stats.forward.messages, 6);
    assert_true(stats.forward.spliced_bytes > wire.size / 2);
    bytes_clear(&got);
    bytes_clear(&wire);
    free(body);
    zcn_framing_release(framing);
    rig_close(&rig);
}

/* A first message of another form, as protocols have that greet. */
static void test_frames_first_differs(void **state) {
    (void)state;
    static const char *const firsts[] = {"fixed=5", "delimiter=\\n,max=1K", "length,width=1"};
    static const char *const greetings[] = {"hello", "hell\n", "\4ello"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t part = 0; part < 2; part++) {
            zcn_framing *first = framing_of(firsts[i]);
            zcn_framing *framing = framing_of("length,max=64M");
            zcn_relay_options options = relay_options();
            options.forward_first = first;
            options.forward_framing = framing;
            relay_rig rig;
            rig_open(&rig, false, &options);
            bytes wire = {0};
            bytes_append(&wire, greetings[i], 5);
            uint8_t body[3000];
            fill_pattern(body, sizeof body, 1);
            for (int k = 0; k < 20; k++) append_frame(&wire, &plain_shape, body, (size_t)k * 100);
            bytes got = pass(&rig, &wire, part);
            assert_memory_equal(got.data, wire.data, wire.size);
            assert_int_equal(rig_stats(&rig).forward.messages, 21);
            bytes_clear(&got);
            bytes_clear(&wire);
            zcn_framing_release(first);
            zcn_framing_release(framing);
            rig_close(&rig);
        }
    }
}

/* What is wrong ends the relay; what was right before has passed. */
static void wrong_frame(const char *text, const char *wire, size_t size, size_t right, zcn_status expected) {
    zcn_framing *framing = framing_of(text);
    zcn_relay_options options = relay_options();
    options.backward_framing = framing;
    relay_rig rig;
    rig_open(&rig, false, &options);
    raw_write(rig.peer[1], wire, size);
    bytes got = {0};
    assert_int_equal(rig_read_to_end(&rig, 0, &got), 0);
    rig_until_ended(&rig);
    assert_status(rig.status, expected);
    assert_int_equal(got.size, right);
    if (right != 0) assert_memory_equal(got.data, wire, right);
    assert_int_equal(rig_stats(&rig).backward.lost_bytes, size - right);
    bytes_clear(&got);
    zcn_framing_release(framing);
    rig_close(&rig);
}

static void test_frames_that_are_wrong(void **state) {
    (void)state;
    wrong_frame("length,max=100", "\0\0\0\2ab\0\1\0\0more", 14, 6, ZCN_EFRAME_TOO_LARGE);
    wrong_frame("length,adjust=-4", "\0\0\0\0", 4, 0, ZCN_EFRAME_UNDERFLOW);
    wrong_frame("varint,max_varint=2", "\2ab\xff\xff\xff", 6, 3, ZCN_EFRAME_VARINT);
    wrong_frame("delimiter=\\n,max=8", "ok\n123456789", 12, 3, ZCN_EFRAME_TOO_LARGE);
}

/* The start of a frame that never becomes whole passes with the end. */
static void test_frames_pass_a_last_part(void **state) {
    (void)state;
    static const char *const texts[] = {"length,max=64M", "delimiter=\\n,max=1K"};
    for (size_t i = 0; i < 2; i++) {
        zcn_framing *framing = framing_of(texts[i]);
        zcn_relay_options options = relay_options();
        options.forward_framing = framing;
        for (size_t size = 1; size < 4; size++) {
            relay_rig rig;
            rig_open(&rig, false, &options);
            raw_write(rig.peer[0], "\0\0\0", size);
            pump_idle(&rig.on, NULL);
            assert_int_equal(rig_stats(&rig).forward.held_bytes, size);
            assert_int_equal(shutdown(rig.peer[0], SHUT_WR), 0);
            bytes got = {0};
            assert_int_equal(rig_read_to_end(&rig, 1, &got), 0);
            assert_int_equal(got.size, size);
            assert_int_equal(rig_stats(&rig).forward.messages, 0);
            bytes_clear(&got);
            rig_close(&rig);
        }
        zcn_framing_release(framing);
    }
}

/* One that ends with a delimiter must fit into a block. */
static void test_frames_line_without_end(void **state) {
    (void)state;
    zcn_framing *framing = framing_of("delimiter=\\n,max=64M");
    zcn_relay_options options = relay_options();
    options.forward_framing = framing;
    relay_rig rig;
    rig_open(&rig, true, &options);
    uint8_t *line = calloc(1, 1 << 20);
    assert_non_null(line);
    raw_write(rig.peer[0], line, 100000);
    for (int i = 0; i < 10; i++) rig_poll(&rig, 2);
    assert_int_equal(rig.ended, 0);
    assert_int_equal(rig_stats(&rig).forward.bytes_out, 0);
    for (size_t i = 0; rig.ended == 0 && i < 1000; i++) {
        (void)send(rig.peer[0], line, 1 << 20, MSG_NOSIGNAL);
        rig_poll(&rig, 5);
    }
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_EFRAME_TOO_LARGE);
    free(line);
    zcn_framing_release(framing);
    rig_close(&rig);
}

/* A measuring function that asks for more than a block holds. */
static zcn_status ask_for_more(void *context, const void *data, uint64_t size, uint64_t *out_frame_size) {
    (void)context, (void)data, (void)size, (void)out_frame_size;
    return ZCN_AGAIN;
}

static void test_frames_header_without_end(void **state) {
    (void)state;
    zcn_framing_options custom;
    zcn_framing_options_init(&custom, sizeof custom);
    custom.kind = ZCN_FRAMING_CUSTOM;
    custom.measure = ask_for_more;
    custom.max = 1 << 30;
    zcn_framing *framing;
    assert_ok(zcn_framing_create(&framing, &custom, NULL));
    zcn_relay_options options = relay_options();
    options.forward_framing = framing;
    relay_rig rig;
    rig_open(&rig, true, &options);
    (void)rig_pour(&rig, 0, 1, 1 << 20);
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_EFRAME_TOO_LARGE);
    zcn_framing_release(framing);
    rig_close(&rig);
}

/* With a tap, which gets headers and bodies in their order. */
static void test_frames_with_a_tap(void **state) {
    (void)state;
    zcn_framing *framing = framing_of("length,max=64M");
    zcn_relay_options options = relay_options();
    options.forward_framing = framing;
    relay_rig rig;
    rig_open(&rig, true, &options);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, fcntl(fileno(file), F_DUPFD_CLOEXEC, 0), ZCN_TAP_WAIT, 0));
    bytes wire = {0};
    uint8_t *body = malloc(1 << 20);
    assert_non_null(body);
    fill_pattern(body, 1 << 20, 1);
    for (size_t i = 0; i < 20; i++) append_frame(&wire, &plain_shape, body, i % 2 != 0 ? 1 << 20 : i * 50);
    bytes got = pass(&rig, &wire, 0);
    assert_memory_equal(got.data, wire.data, wire.size);
    for (int i = 0; i < 2; i++) assert_int_equal(shutdown(rig.peer[i], SHUT_WR), 0);
    rig_until_ended(&rig);
    uint8_t *tapped = malloc(wire.size + 1);
    assert_non_null(tapped);
    assert_int_equal(pread(fileno(file), tapped, wire.size + 1, 0), wire.size);
    assert_memory_equal(tapped, wire.data, wire.size);
    free(tapped);
    free(body);
    bytes_clear(&got);
    bytes_clear(&wire);
    fclose(file);
    zcn_framing_release(framing);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_are_counted),         cmocka_unit_test(test_frames_in_parts),
        cmocka_unit_test(test_frames_splice_large_bodies), cmocka_unit_test(test_frames_first_differs),
        cmocka_unit_test(test_frames_that_are_wrong),      cmocka_unit_test(test_frames_pass_a_last_part),
        cmocka_unit_test(test_frames_line_without_end),    cmocka_unit_test(test_frames_header_without_end),
        cmocka_unit_test(test_frames_with_a_tap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
