/* SPDX-License-Identifier: MIT */
/* Sending on connections: what each way refuses, what it consumes, batches, reservations, posts, framings. */
#include "support.h"

#define KIB ((size_t)1024)

static pair *two;
static zcn_framing *plain;

static int open_pair(void **state) {
    static pair the_pair;
    pair_open(&the_pair, OVER_SOCKETPAIR, PLAIN_FRAMING, NULL, NULL);
    plain = framing_of(PLAIN_FRAMING);
    *state = two = &the_pair;
    return 0;
}

static int close_pair(void **state) {
    zcn_framing_release(plain);
    pair_close(*state);
    return 0;
}

static size_t arrived(void) { return count_of(&two->server.got, ZCN_EVENT_MESSAGE); }

static const seen *nth_message(size_t n) { return nth_of(&two->server.got, ZCN_EVENT_MESSAGE, n); }

static void wait_for(size_t messages) { PUMP_UNTIL(&two->server, &two->client, arrived() == messages); }

static uint64_t queued(void) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(two->dialled, &stats));
    return stats.queued_bytes;
}

static void set_send_framing(const char *text) {
    zcn_framing *framing = framing_of(text);
    assert_ok(zcn_conn_set_send_framing(two->dialled, framing));
    zcn_framing_release(framing);
}

/* Each framing refuses a body that it cannot carry, by every way to send; the unit stays the caller's. */
static void test_conn_send_refuses_what_the_framing_cannot_carry(void **state) {
    (void)state;
    static const struct {
        const char *framing;
        size_t size;
        zcn_status status;
    } cases[] = {
        {"length,width=4,strip=4,max=1K", 1021, ZCN_EFRAME_TOO_LARGE},
        {"length,width=1", 256, ZCN_EFRAME_VALUE},
        {"length,width=2,adjust=4", 3, ZCN_EFRAME_UNDERFLOW},
        {"fixed=100", 99, ZCN_EFRAME_SIZE},
        {"varint,max_varint=1", 128, ZCN_EFRAME_VARINT},
        {"delimiter=\\0,check=1", 10, ZCN_EFRAME_DELIMITER},
        {"delimiter=\\n,max=100", 100, ZCN_EFRAME_TOO_LARGE},
    };
    static const uint8_t body[2000] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_send_framing(cases[i].framing);
        zcn_unit *unit;
        void *data;
        assert_ok(zcn_unit_alloc(&unit, &data, NULL, NULL, cases[i].size));
        memset(data, 0, cases[i].size);
        const zcn_status status = zcn_conn_send(two->dialled, unit);
        if (status != cases[i].status) fail_msg("%s: %s", cases[i].framing, zcn_status_name(status));
        size_t sent = 9;
        assert_status(zcn_conn_send_batch(two->dialled, &unit, 1, &sent), cases[i].status);
        assert_int_equal(sent, 0);
        assert_int_equal(zcn_unit_size(unit), cases[i].size);
        zcn_unit_release(unit);
        assert_status(zcn_conn_send_copy(two->dialled, body, cases[i].size), cases[i].status);
        assert_int_equal(queued(), 0);
        /* One that is posted ends when the loop takes it, and its token says how. */
        assert_ok(zcn_unit_alloc(&unit, &data, NULL, NULL, cases[i].size));
        memset(data, 0, cases[i].size);
        assert_ok(zcn_unit_set_token(unit, 70 + i));
        assert_ok(zcn_conn_post(two->dialled, unit));
        collector_clear(&two->client.got);
        PUMP_UNTIL(&two->client, NULL, count_of(&two->client.got, ZCN_EVENT_SENT) == 1);
        assert_status(nth_of(&two->client.got, ZCN_EVENT_SENT, 0)->status, cases[i].status);
        assert_int_equal(nth_of(&two->client.got, ZCN_EVENT_SENT, 0)->token, 70 + i);
    }
    set_send_framing(PLAIN_FRAMING);
    assert_ok(zcn_conn_send_copy(two->dialled, "fits", 4));
    wait_for(1);
}

static void test_conn_send_batch_stops_at_the_first_that_fails(void **state) {
    (void)state;
    set_send_framing("length,width=4,strip=4,max=1K");
    enum { many = 20 };
    zcn_unit *units[many];
    for (size_t i = 0; i < many; i++) units[i] = pattern_unit(NULL, NULL, i == 13 ? 2000 : 10 + i, i);
    size_t sent = 0;
    assert_status(zcn_conn_send_batch(two->dialled, units, many, &sent), ZCN_EFRAME_TOO_LARGE);
    assert_int_equal(sent, 13);
    assert_int_equal(zcn_unit_size(units[13]), 2000);
    zcn_unit_release(units[13]);
    units[13] = NULL;
    assert_status(zcn_conn_send_batch(two->dialled, units + 13, many - 13, &sent), ZCN_EINVAL);
    assert_int_equal(sent, 0);
    assert_ok(zcn_conn_send_batch(two->dialled, units + 14, many - 14, NULL));
    wait_for(many - 1);
    for (size_t i = 0; i < many - 1; i++) {
        const size_t which = i < 13 ? i : i + 1;
        assert_int_equal(nth_message(i)->size, 10 + which);
        assert_pattern(nth_message(i)->body, 10 + which, which);
    }
}

static void test_conn_send_batch_stops_at_high_water(void **state) {
    (void)state;
    assert_ok(zcn_conn_set_option(two->dialled, ZCN_OPTION_LOW_WATER, 10000));
    assert_ok(zcn_conn_set_option(two->dialled, ZCN_OPTION_HIGH_WATER, 100000));
    assert_ok(zcn_conn_pause(two->accepted));
    enum { many = 3000 };
    static zcn_unit *units[many];
    static void *datas[many];
    assert_ok(zcn_unit_alloc_batch(units, datas, many, NULL, plain, 1000));
    for (size_t i = 0; i < many; i++) fill_pattern(datas[i], 1000, i);
    size_t sent = 0;
    assert_status(zcn_conn_send_batch(two->dialled, units, many, &sent), ZCN_AGAIN);
    assert_in_range(sent, 99, many - 1);
    assert_in_range(queued(), 100000, 101004);
    assert_ok(zcn_conn_resume(two->accepted));
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (sent < many) {
        PUMP_UNTIL(&two->server, &two->client, count_of(&two->client.got, ZCN_EVENT_WRITABLE) != 0);
        collector_clear(&two->client.got);
        size_t more = 0;
        const zcn_status status = zcn_conn_send_batch(two->dialled, units + sent, many - sent, &more);
        sent += more;
        assert_true(status == ZCN_AGAIN || (status == ZCN_OK && sent == many));
        assert_false(deadline_passed(deadline));
    }
    wait_for(many);
    for (size_t i = 0; i < many; i++) assert_pattern(nth_message(i)->body, 1000, i);
}

static void test_conn_reserve_and_commit(void **state) {
    (void)state;
    void *data = NULL;
    uint64_t room = 0;
    assert_status(zcn_conn_commit(two->dialled, 0, &data, &room), ZCN_EINVAL);
    assert_ok(zcn_conn_reserve(two->dialled, &data, &room, 100));
    assert_non_null(data);
    assert_true(room >= 100);
    assert_status(zcn_conn_commit(two->dialled, room + 1, NULL, NULL), ZCN_EINVAL);
    size_t committed = 0;
    /* As many as there is room for, of all sizes. */
    while (data != NULL && committed < 200) {
        const size_t size = committed % 50;
        if (room < size) break;
        fill_pattern(data, size, committed);
        assert_ok(zcn_conn_commit(two->dialled, size, &data, &room));
        assert_true((data == NULL) == (room == 0));
        committed++;
    }
    assert_true(committed > 3);
    wait_for(committed);
    for (size_t i = 0; i < committed; i++) {
        assert_int_equal(nth_message(i)->size, i % 50);
        assert_pattern(nth_message(i)->body, i % 50, i);
    }
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(two->dialled, &stats));
    assert_int_equal(stats.copied_bytes, 0);
    assert_int_equal(stats.messages_out, committed);
}

static void test_conn_reserve_room_ends_with_null(void **state) {
    (void)state;
    void *data;
    uint64_t room;
    assert_ok(zcn_conn_reserve(two->dialled, &data, &room, 1000));
    size_t committed = 0;
    while (data != NULL) {
        const uint64_t size = room < 1000 ? room : 1000;
        memset(data, (int)committed, size);
        assert_ok(zcn_conn_commit(two->dialled, size, &data, &room));
        committed++;
        assert_in_range(committed, 1, 100000);
    }
    assert_int_equal(room, 0);
    assert_status(zcn_conn_commit(two->dialled, 1, &data, &room), ZCN_EINVAL);
    wait_for(committed);
}

static void test_conn_reserve_what_it_refuses(void **state) {
    (void)state;
    void *data = two;
    uint64_t room = 1;
    set_send_framing("varint");
    assert_status(zcn_conn_reserve(two->dialled, &data, &room, 10), ZCN_EUNSUPPORTED);
    assert_null(data);
    assert_int_equal(room, 0);
    set_send_framing("length,width=4,strip=4,max=1K");
    assert_status(zcn_conn_reserve(two->dialled, &data, &room, 1021), ZCN_EFRAME_TOO_LARGE);
    /* A message that turns out wrong is not queued, and the room is still there. */
    assert_ok(zcn_conn_reserve(two->dialled, &data, &room, 500));
    assert_true(room >= 1021);
    assert_status(zcn_conn_commit(two->dialled, 1021, NULL, NULL), ZCN_EFRAME_TOO_LARGE);
    memcpy(data, "good", 4);
    assert_ok(zcn_conn_commit(two->dialled, 4, NULL, NULL));
    set_send_framing("delimiter=\\n,check=1");
    assert_ok(zcn_conn_reserve(two->dialled, &data, &room, 10));
    memcpy(data, "with\nline", 9);
    assert_status(zcn_conn_commit(two->dialled, 9, NULL, NULL), ZCN_EFRAME_DELIMITER);
    set_send_framing("fixed=10");
    assert_status(zcn_conn_reserve(two->dialled, &data, &room, 9), ZCN_EFRAME_SIZE);
    set_send_framing(PLAIN_FRAMING);
    assert_ok(zcn_conn_send_copy(two->dialled, "after", 5));
    wait_for(2);
    assert_memory_equal(nth_message(0)->body, "good", 4);
    assert_memory_equal(nth_message(1)->body, "after", 5);
}

static void test_conn_reserve_with_every_fixed_head(void **state) {
    (void)state;
    for (size_t i = 0; i < frame_shape_count; i++) {
        const frame_shape *shape = &frame_shapes[i];
        if (shape->kind == ZCN_FRAMING_VARINT) continue;
        collector_clear(&two->server.got);
        set_send_framing(shape->text);
        zcn_framing *raw = framing_of("raw");
        assert_ok(zcn_conn_set_framing(two->accepted, NULL, raw));
        zcn_framing_release(raw);
        bytes expected = {0};
        for (size_t n = 0; n < 30; n++) {
            uint8_t body[512];
            const size_t size = body_size_for(shape, n * 9);
            fill_body(body, size, n);
            append_frame(&expected, shape, body, size);
            void *data;
            assert_ok(zcn_conn_reserve(two->dialled, &data, NULL, size));
            memcpy(data, body, size);
            assert_ok(zcn_conn_commit(two->dialled, size, NULL, NULL));
        }
        bytes got = {0};
        const uint64_t deadline = deadline_after_ms(WAIT_MS);
        while (got.size < expected.size) {
            pump_once(&two->server, &two->client, deadline);
            for (size_t k = 0; k < two->server.got.count; k++)
                if (two->server.got.at[k].type == ZCN_EVENT_MESSAGE)
                    bytes_append(&got, two->server.got.at[k].body, two->server.got.at[k].size);
            collector_clear(&two->server.got);
            assert_false(deadline_passed(deadline));
        }
        assert_int_equal(got.size, expected.size);
        assert_memory_equal(got.data, expected.data, expected.size);
        bytes_clear(&got);
        bytes_clear(&expected);
    }
}

/* Reservations and other sends leave in the order of the calls. */
static void test_conn_reserve_keeps_its_place_among_others(void **state) {
    (void)state;
    void *data;
    for (size_t i = 0; i < 90; i++) {
        switch (i % 3) {
            case 0:
                assert_ok(zcn_conn_reserve(two->dialled, &data, NULL, sizeof i));
                memcpy(data, &i, sizeof i);
                assert_ok(zcn_conn_commit(two->dialled, sizeof i, &data, NULL));
                break;
            case 1:
                assert_ok(zcn_conn_send_copy(two->dialled, &i, sizeof i));
                break;
            default: {
                zcn_unit *unit;
                assert_ok(zcn_unit_alloc(&unit, &data, NULL, plain, sizeof i));
                memcpy(data, &i, sizeof i);
                assert_ok(zcn_conn_send(two->dialled, unit));
                break;
            }
        }
    }
    wait_for(90);
    for (size_t i = 0; i < 90; i++) assert_memory_equal(nth_message(i)->body, &i, sizeof i);
}

static void test_conn_flush_and_flush_at(void **state) {
    (void)state;
    assert_ok(zcn_conn_flush(two->dialled));
    assert_ok(zcn_conn_send_copy(two->dialled, "small", 5));
    assert_int_equal(queued(), 9);
    assert_ok(zcn_conn_flush(two->dialled));
    assert_int_equal(queued(), 0);
    /* From flush_at on a send writes by itself. */
    uint8_t *body = exact_block(70 * KIB, 1);
    assert_ok(zcn_conn_send_copy(two->dialled, body, 60 * KIB));
    assert_int_equal(queued(), 60 * KIB + 4);
    assert_ok(zcn_conn_send_copy(two->dialled, body, 10 * KIB));
    assert_true(queued() < 60 * KIB);
    /* A peer that does not read: some is left. */
    assert_ok(zcn_conn_pause(two->accepted));
    zcn_status status;
    size_t sent = 0;
    do {
        assert_ok(zcn_conn_send_copy(two->dialled, body, 70 * KIB));
        status = zcn_conn_flush(two->dialled);
        assert_in_range(++sent, 1, 10000);
    } while (status == ZCN_OK);
    assert_status(status, ZCN_AGAIN);
    assert_ok(zcn_conn_resume(two->accepted));
    two->server.got.no_copy = true;
    wait_for(sent + 3);
    free(body);
}

static zcn_msg *kept;

static void keep_first(side *self, const zcn_event *event) {
    (void)self;
    if (event->type == ZCN_EVENT_MESSAGE && kept == NULL) assert_ok(zcn_msg_retain(&kept, event->msg));
}

static const zcn_msg *stale;

static void check_forward(side *self, const zcn_event *event) {
    (void)self;
    if (event->type != ZCN_EVENT_MESSAGE) return;
    stale = event->msg;
    /* It belongs to this loop's array, and goes to this loop's connections only. */
    assert_status(zcn_conn_forward(two->dialled, event->msg), ZCN_EINVAL);
    assert_ok(zcn_conn_forward(two->accepted, event->msg));
    assert_ok(zcn_conn_send_msg(two->accepted, event->msg));
}

static void test_conn_messages_that_cannot_be_sent_on(void **state) {
    (void)state;
    kept = NULL;
    two->server.on_event = keep_first;
    assert_ok(zcn_conn_send_copy(two->dialled, "0123456789", 10));
    wait_for(1);
    assert_non_null(kept);
    zcn_msg *slice;
    zcn_msg *joined;
    assert_ok(zcn_msg_slice(&slice, kept, 2, 5));
    const zcn_msg *parts[2] = {kept, slice};
    assert_ok(zcn_msg_join(&joined, parts, 2));
    assert_status(zcn_conn_send_msg(two->accepted, slice), ZCN_EUNSUPPORTED);
    assert_status(zcn_conn_send_msg(two->accepted, joined), ZCN_EUNSUPPORTED);
    assert_status(zcn_conn_forward(two->accepted, kept), ZCN_EINVAL);
    assert_ok(zcn_conn_send_msg(two->accepted, kept));
    assert_ok(zcn_msg_release(slice));
    assert_ok(zcn_msg_release(joined));
    assert_ok(zcn_msg_release(kept));
    assert_status(zcn_conn_send_msg(two->accepted, kept), ZCN_ESTALE);
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->client.got, ZCN_EVENT_MESSAGE) == 1);
    two->server.on_event = check_forward;
    assert_ok(zcn_conn_send_copy(two->dialled, "again", 5));
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->client.got, ZCN_EVENT_MESSAGE) == 3);
    side_poll(&two->server, 0);
    assert_status(zcn_conn_forward(two->accepted, stale), ZCN_ESTALE);
    assert_status(zcn_conn_send_msg(two->accepted, stale), ZCN_ESTALE);
}

/* ---- posts ---- */

static void test_conn_post_is_bounded(void **state) {
    (void)state;
    assert_ok(zcn_conn_set_option(two->dialled, ZCN_OPTION_LOW_WATER, 10000));
    assert_ok(zcn_conn_set_option(two->dialled, ZCN_OPTION_HIGH_WATER, 50000));
    size_t posted = 0;
    for (;;) {
        zcn_unit *unit = pattern_unit(NULL, plain, 1000, posted);
        const zcn_status status = zcn_conn_post(two->dialled, unit);
        if (status != ZCN_OK) {
            assert_status(status, ZCN_AGAIN);
            zcn_unit_release(unit);
            break;
        }
        assert_in_range(++posted, 1, 51);
    }
    assert_in_range(posted, 49, 51);
    wait_for(posted);
    for (size_t i = 0; i < posted; i++) assert_pattern(nth_message(i)->body, 1000, i);
    assert_ok(zcn_conn_post(two->dialled, pattern_unit(NULL, plain, 1000, 0)));
    wait_for(posted + 1);
}

static void test_conn_close_comes_after_posts_and_sends(void **state) {
    (void)state;
    for (size_t i = 0; i < 10; i++) {
        assert_ok(zcn_conn_post(two->dialled, pattern_unit(NULL, plain, 20, i)));
        assert_ok(zcn_conn_send_copy(two->dialled, "sent", 4));
    }
    assert_ok(zcn_conn_close(two->dialled));
    PUMP_UNTIL(&two->server, &two->client, count_of(&two->server.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(arrived(), 20);
    assert_status(nth_of(&two->server.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EOF);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PAIR(test_conn_send_refuses_what_the_framing_cannot_carry),
        WITH_PAIR(test_conn_send_batch_stops_at_the_first_that_fails),
        WITH_PAIR(test_conn_send_batch_stops_at_high_water),
        WITH_PAIR(test_conn_reserve_and_commit),
        WITH_PAIR(test_conn_reserve_room_ends_with_null),
        WITH_PAIR(test_conn_reserve_what_it_refuses),
        WITH_PAIR(test_conn_reserve_with_every_fixed_head),
        WITH_PAIR(test_conn_reserve_keeps_its_place_among_others),
        WITH_PAIR(test_conn_flush_and_flush_at),
        WITH_PAIR(test_conn_messages_that_cannot_be_sent_on),
        WITH_PAIR(test_conn_post_is_bounded),
        WITH_PAIR(test_conn_close_comes_after_posts_and_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
