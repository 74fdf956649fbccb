/* SPDX-License-Identifier: MIT */
/* Units while they are built: every kind of segment, truncation, prefixes, sealing. */
#include "support.h"

static zcn_unit *empty_unit(void) {
    zcn_unit *unit = (zcn_unit *)&unit;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_non_null(unit);
    assert_int_equal(zcn_unit_size(unit), 0);
    return unit;
}

/* What leaves when a unit is sent with a framing. Takes the unit. */
static bytes wire_of(zcn_unit *unit, const char *framing_text) {
    zcn_stream *stream = stream_of(NULL, framing_text, NULL);
    assert_ok(zcn_stream_send(stream, unit));
    bytes wire = {0};
    stream_write(stream, &wire, 0);
    zcn_stream_release(stream);
    return wire;
}

/* A unit with that body must leave as the frame that was built without the library. Takes the unit. */
static void assert_leaves_as(zcn_unit *unit, const frame_shape *shape, const void *body, size_t size) {
    assert_int_equal(zcn_unit_size(unit), size);
    bytes wire = wire_of(unit, shape->text);
    bytes expected = {0};
    append_frame(&expected, shape, body, size);
    assert_int_equal(wire.size, expected.size);
    assert_memory_equal(wire.data, expected.data, expected.size);
    bytes_clear(&wire);
    bytes_clear(&expected);
}

/* Counts what the library gives back. */
typedef struct given {
    const void *data;
    uint64_t size;
    int times;
} given;

static void give_back(void *context, const void *data, uint64_t size) {
    given *one = context;
    one->data = data;
    one->size = size;
    one->times++;
}

/* ---- one piece of pool memory ---- */

static void allocated_units_leave_framed(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 100, 127, 128, 255, 4096, 131072, 262144, 300000, 2000000};
    for (size_t s = 0; s < frame_shape_count; s++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int known = 0; known < 2; known++) {
                const frame_shape *shape = &frame_shapes[s];
                const size_t size = body_size_for(shape, sizes[i]);
                if (slow_machine() && size > 300000) continue;
                zcn_framing *framing = known ? framing_of(shape->text) : NULL;
                zcn_unit *unit = NULL;
                void *data = NULL;
                assert_ok(zcn_unit_alloc(&unit, &data, NULL, framing, size));
                assert_non_null(unit);
                assert_non_null(data);
                uint8_t *body = malloc(size + 1);
                assert_non_null(body);
                fill_body(body, size, i);
                memcpy(data, body, size);
                assert_leaves_as(unit, shape, body, size);
                free(body);
                zcn_framing_release(framing);
            }
}

/* Room was kept for one framing, another one sends it: the header is longer, shorter, or has a tail. */
static void room_for_one_framing_serves_another(void **state) {
    (void)state;
    for (size_t from = 0; from < frame_shape_count; from++)
        for (size_t to = 0; to < frame_shape_count; to++) {
            const size_t size =
                frame_shapes[from].fixed != 0 ? frame_shapes[from].fixed : body_size_for(&frame_shapes[to], 200);
            if (frame_shapes[to].fixed != 0 && frame_shapes[to].fixed != size) continue;
            if (frame_shapes[to].adjust > (int64_t)size) continue;
            zcn_framing *framing = framing_of(frame_shapes[from].text);
            /* Neighbours on both sides must not be touched. */
            zcn_unit *units[3];
            void *datas[3];
            zcn_status status = zcn_unit_alloc_batch(units, datas, 3, NULL, framing, size);
            zcn_framing_release(framing);
            if (status != ZCN_OK) {
                assert_status(status, ZCN_EFRAME_UNDERFLOW);
                continue;
            }
            uint8_t body[300];
            for (size_t i = 0; i < 3; i++) {
                fill_body(body, size, i);
                memcpy(datas[i], body, size);
            }
            fill_body(body, size, 1);
            assert_leaves_as(units[1], &frame_shapes[to], body, size);
            for (size_t i = 0; i < 3; i += 2) {
                fill_body(body, size, i);
                assert_memory_equal(datas[i], body, size);
                assert_leaves_as(units[i], &frame_shapes[to], body, size);
            }
        }
}

/* A body of no bytes needs no memory, and must not need any to be there before. */
static void bodies_of_no_bytes(void **state) {
    (void)state;
    static const char *const texts[] = {NULL, "raw", "length", "varint", "delimiter=\\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        zcn_pool *pool;
        assert_ok(zcn_pool_create(&pool, NULL));
        zcn_framing *framing = texts[i] != NULL ? framing_of(texts[i]) : NULL;
        zcn_unit *unit, *batch[3];
        void *data, *datas[3];
        assert_ok(zcn_unit_alloc(&unit, &data, pool, framing, 0));
        assert_non_null(data);
        assert_int_equal(zcn_unit_size(unit), 0);
        zcn_unit_release(unit);
        assert_ok(zcn_unit_alloc_batch(batch, datas, 3, pool, framing, 0));
        for (size_t k = 0; k < 3; k++) assert_non_null(datas[k]);
        zcn_unit_release_batch(batch, 3);
        zcn_framing_release(framing);
        zcn_pool_release(pool);
    }
    /* As a later segment, from a pool that has given out nothing yet. */
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    zcn_unit *unit;
    void *data = NULL;
    assert_ok(zcn_unit_create(&unit, pool));
    assert_ok(zcn_unit_append_static(unit, "x", 1));
    assert_ok(zcn_unit_append_alloc(unit, &data, 0));
    assert_non_null(data);
    assert_ok(zcn_unit_append_copy(unit, NULL, 0));
    assert_ok(zcn_unit_append_static(unit, NULL, 0));
    assert_ok(zcn_unit_append_ref(unit, NULL, 0, NULL, NULL));
    zcn_pool_release(pool);
    assert_leaves_as(unit, &plain_shape, "x", 1);
}

static void batches_are_neighbours(void **state) {
    (void)state;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_unit *units[1000];
    void *datas[1000];
    assert_ok(zcn_unit_alloc_batch(units, datas, 1000, pool, framing, 60));
    for (size_t i = 0; i < 1000; i++) {
        assert_non_null(units[i]);
        assert_int_equal(zcn_unit_size(units[i]), 60);
        fill_pattern(datas[i], 60, i);
        if (i != 0) assert_ptr_equal(datas[i], (uint8_t *)datas[i - 1] + 64);
    }
    for (size_t i = 0; i < 1000; i++) assert_pattern(datas[i], 60, i);
    zcn_unit_release_batch(units, 1000);
    zcn_framing_release(framing);
    zcn_pool_release(pool);
}

static void batches_of_all_sizes(void **state) {
    (void)state;
    static const struct {
        size_t count, size;
    } cases[] = {{1, 10}, {65536, 0}, {65536, 16}, {50, 100000}, {10, 131073}, {5, 500000}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        zcn_pool *pool;
        assert_ok(zcn_pool_create(&pool, NULL));
        const size_t count = cases[c].count, size = cases[c].size;
        zcn_unit **units = exact_block(count * sizeof *units, 0);
        void **datas = exact_block(count * sizeof *datas, 0);
        assert_ok(zcn_unit_alloc_batch(units, datas, count, pool, NULL, size));
        for (size_t i = 0; i < count; i++) {
            assert_non_null(units[i]);
            assert_non_null(datas[i]);
            fill_pattern(datas[i], size < 100 ? size : 100, i);
        }
        for (size_t i = 0; i < count; i++) {
            assert_pattern(datas[i], size < 100 ? size : 100, i);
            assert_int_equal(zcn_unit_size(units[i]), size);
        }
        zcn_unit_release_batch(units, count);
        free(units);
        free(datas);
        zcn_pool_release(pool);
    }
}

/* ---- segments ---- */

static void segments_follow_each_other(void **state) {
    (void)state;
    static const char constant[] = "constant bytes that live for ever";
    for (size_t s = 0; s < frame_shape_count; s++) {
        const frame_shape *shape = &frame_shapes[s];
        if (shape->kind == ZCN_FRAMING_FIXED || shape->width == 1) continue;
        zcn_msg *msg = owned_msg(NULL, 300, 11);
        uint8_t foreign[500];
        fill_body(foreign, sizeof foreign, 12);
        given back = {0};
        bytes body = {0};
        zcn_unit *unit = empty_unit();
        void *data;
        /* Every kind in every place: eight rounds, beginning with another one each. */
        for (size_t i = 0; i < 40; i++) {
            switch ((i + s + i / 5) % 5) {
                case 0: {
                    const size_t size = 50 + i;
                    assert_ok(zcn_unit_append_alloc(unit, &data, size));
                    fill_body(data, size, i);
                    bytes_append(&body, data, size);
                    break;
                }
                case 1: {
                    char text[40];
                    const int size = snprintf(text, sizeof text, "copy %zu", i);
                    assert_ok(zcn_unit_append_copy(unit, text, (size_t)size));
                    bytes_append(&body, text, (size_t)size);
                    memset(text, 'X', sizeof text);
                    break;
                }
                case 2:
                    assert_ok(zcn_unit_append_ref(unit, foreign + i, 100, give_back, &back));
                    bytes_append(&body, foreign + i, 100);
                    break;
                case 3:
                    assert_ok(zcn_unit_append_static(unit, constant, sizeof constant - 1));
                    bytes_append(&body, constant, sizeof constant - 1);
                    break;
                default: {
                    zcn_msg *part;
                    assert_ok(zcn_msg_slice(&part, msg, i, 20));
                    assert_ok(zcn_unit_append_msg(unit, part));
                    bytes_append(&body, zcn_msg_data(part), 20);
                    assert_ok(zcn_msg_release(part));
                }
            }
            assert_int_equal(zcn_unit_size(unit), body.size);
        }
        assert_ok(zcn_msg_release(msg));
        assert_int_equal(back.times, 0);
        assert_leaves_as(unit, shape, body.data, body.size);
        assert_int_equal(back.times, 8);
        bytes_clear(&body);
    }
}

/* Appending to a unit that was allocated in one piece. */
static void allocated_units_grow(void **state) {
    (void)state;
    zcn_framing *framing = framing_of("delimiter=\\r\\n,strip=2");
    for (int known = 0; known < 2; known++)
        for (size_t s = 0; s < frame_shape_count; s++) {
            if (frame_shapes[s].kind == ZCN_FRAMING_FIXED) continue;
            zcn_unit *unit = pattern_unit(NULL, known ? framing : NULL, 20, 1);
            uint8_t body[120];
            fill_pattern(body, 20, 1);
            void *data;
            assert_ok(zcn_unit_append_alloc(unit, &data, 40));
            fill_body(body + 20, 40, 2);
            memcpy(data, body + 20, 40);
            assert_ok(zcn_unit_append_copy(unit, "0123456789", 10));
            memcpy(body + 60, "0123456789", 10);
            assert_ok(zcn_unit_append_static(unit, "end", 3));
            memcpy(body + 70, "end", 3);
            assert_leaves_as(unit, &frame_shapes[s], body, 73);
        }
    zcn_framing_release(framing);
}

static void frames_leave_as_they_came(void **state) {
    (void)state;
    static const frame_shape raw = {.text = "raw", .kind = ZCN_FRAMING_RAW};
    zcn_msg *msg = owned_msg(NULL, 300, 4);
    zcn_unit *unit = empty_unit();
    assert_ok(zcn_unit_append_frame(unit, msg));
    const void *frame;
    uint64_t size;
    assert_ok(zcn_msg_frame(msg, &frame, &size));
    uint8_t copy[304];
    memcpy(copy, frame, size);
    assert_ok(zcn_msg_release(msg));
    assert_leaves_as(unit, &raw, copy, sizeof copy);

    /* A slice has no frame; nothing is appended. */
    msg = owned_msg(NULL, 300, 4);
    zcn_msg *part, *joined;
    assert_ok(zcn_msg_slice(&part, msg, 0, 300));
    const zcn_msg *const list[] = {msg, part};
    assert_ok(zcn_msg_join(&joined, list, 2));
    unit = empty_unit();
    assert_status(zcn_unit_append_frame(unit, part), ZCN_EUNSUPPORTED);
    assert_status(zcn_unit_append_frame(unit, joined), ZCN_EUNSUPPORTED);
    assert_int_equal(zcn_unit_size(unit), 0);
    /* A joined message is appended part by part. */
    assert_ok(zcn_unit_append_msg(unit, joined));
    assert_ok(zcn_msg_release(msg));
    assert_ok(zcn_msg_release(part));
    assert_ok(zcn_msg_release(joined));
    uint8_t both[600];
    fill_pattern(both, 300, 4);
    fill_pattern(both + 300, 300, 4);
    assert_leaves_as(unit, &plain_shape, both, sizeof both);
}

/* A borrowed message in a unit holds its bytes beyond the next poll, and is not the caller's any more nor less. */
static void borrowed_messages_are_held(void **state) {
    (void)state;
    zcn_stream *from = stream_of(NULL, PLAIN_FRAMING, NULL);
    bytes wire = {0};
    uint8_t body[200];
    fill_pattern(body, sizeof body, 3);
    append_frame(&wire, &plain_shape, body, sizeof body);
    struct iovec room[2];
    size_t pieces, count;
    const zcn_event *events;
    assert_ok(zcn_stream_read_room(from, room, 2, &pieces));
    memcpy(room[0].iov_base, wire.data, wire.size);
    assert_ok(zcn_stream_read_done(from, wire.size));
    assert_ok(zcn_stream_poll(from, &events, &count, NULL));
    assert_int_equal(count, 1);
    zcn_unit *unit = empty_unit(), *whole = empty_unit();
    assert_ok(zcn_unit_append_msg(unit, events[0].msg));
    assert_ok(zcn_unit_append_frame(whole, events[0].msg));
    assert_ok(zcn_stream_poll(from, &events, &count, NULL));
    zcn_stream_release(from);
    static const frame_shape raw = {.text = "raw", .kind = ZCN_FRAMING_RAW};
    assert_leaves_as(unit, &plain_shape, body, sizeof body);
    assert_leaves_as(whole, &raw, wire.data, wire.size);
    bytes_clear(&wire);
}

/* ---- foreign memory ---- */

static void foreign_memory_comes_back_once(void **state) {
    (void)state;
    char first[100], second[100];
    memset(first, 'a', 100);
    memset(second, 'b', 100);
    given a = {0}, b = {0};
    zcn_unit *unit = empty_unit();
    assert_ok(zcn_unit_append_ref(unit, first, 100, give_back, &a));
    assert_ok(zcn_unit_append_ref(unit, second, 60, give_back, &b));
    assert_ok(zcn_unit_append_ref(unit, second, 60, NULL, NULL));
    assert_ptr_equal(zcn_unit_retain(unit), unit);
    zcn_unit_release(unit);
    assert_int_equal(a.times + b.times, 0);
    zcn_unit_release(unit); /* unsent */
    assert_int_equal(a.times, 1);
    assert_int_equal(b.times, 1);
    assert_ptr_equal(a.data, first);
    assert_int_equal(a.size, 100);
    assert_ptr_equal(b.data, second);
    assert_int_equal(b.size, 60);
    /* On failure it is not called. */
    unit = empty_unit();
    assert_status(zcn_unit_append_ref(unit, NULL, 1, give_back, &a), ZCN_EINVAL);
    assert_status(zcn_unit_append_ref(NULL, first, 1, give_back, &a), ZCN_EINVAL);
    zcn_framing *framing = framing_of("raw");
    assert_ok(zcn_unit_seal(unit, framing));
    assert_status(zcn_unit_append_ref(unit, first, 1, give_back, &a), ZCN_EINVAL);
    zcn_unit_release(unit);
    zcn_framing_release(framing);
    assert_int_equal(a.times, 1);
}

static void truncation_gives_whole_segments_back(void **state) {
    (void)state;
    char memory[100];
    memset(memory, 'm', sizeof memory);
    given backs[4] = {{0}};
    zcn_unit *unit = empty_unit();
    for (size_t i = 0; i < 4; i++) assert_ok(zcn_unit_append_ref(unit, memory, 100, give_back, &backs[i]));
    assert_ok(zcn_unit_truncate(unit, 400));
    assert_status(zcn_unit_truncate(unit, 401), ZCN_EINVAL);
    assert_ok(zcn_unit_truncate(unit, 399));
    assert_int_equal(backs[3].times, 0);
    assert_ok(zcn_unit_truncate(unit, 300));
    assert_ok(zcn_unit_truncate(unit, 201));
    assert_int_equal(zcn_unit_size(unit), 201);
    /* Whenever they come back: the whole of what was given, once. */
    zcn_unit *second = zcn_unit_retain(unit);
    zcn_unit_release(unit);
    assert_int_equal(backs[0].times, 0);
    zcn_unit_release(second);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(backs[i].times, 1);
        assert_int_equal(backs[i].size, 100);
        assert_ptr_equal(backs[i].data, memory);
    }
}

/* ---- truncation ---- */

static void truncated_units_leave_shorter(void **state) {
    (void)state;
    uint8_t whole[90];
    fill_pattern(whole, 30, 1);
    fill_pattern(whole + 30, 30, 2);
    fill_pattern(whole + 60, 30, 3);
    for (size_t size = 0; size <= 90; size++)
        for (size_t s = 0; s < frame_shape_count; s++) {
            const frame_shape *shape = &frame_shapes[s];
            if (shape->fixed != 0 && size != shape->fixed) continue;
            if (shape->adjust > (int64_t)size) continue;
            zcn_framing *framing = shape->fixed == 0 ? framing_of(shape->text) : NULL;
            zcn_unit *unit = pattern_unit(NULL, framing, 30, 1);
            assert_ok(zcn_unit_append_copy(unit, whole + 30, 30));
            assert_ok(zcn_unit_append_static(unit, whole + 60, 30));
            assert_ok(zcn_unit_truncate(unit, size));
            /* And it can grow again behind the cut. */
            zcn_unit *again = pattern_unit(NULL, framing, 30, 1);
            assert_ok(zcn_unit_truncate(again, size < 30 ? size : 30));
            assert_ok(zcn_unit_append_copy(again, whole + (size < 30 ? size : 30), size < 30 ? 0 : size - 30));
            assert_leaves_as(unit, shape, whole, size);
            assert_leaves_as(again, shape, whole, size);
            zcn_framing_release(framing);
        }
    /* One piece, sent as it is. */
    for (size_t size = 0; size <= 30; size++) {
        zcn_unit *unit = pattern_unit(NULL, NULL, 30, 1);
        assert_ok(zcn_unit_truncate(unit, size));
        assert_status(zcn_unit_truncate(unit, size + 1), ZCN_EINVAL);
        assert_leaves_as(unit, &plain_shape, whole, size);
    }
}

/* ---- prefix ---- */

static void prefixes_stand_before_the_field(void **state) {
    (void)state;
    for (size_t offset = 0; offset <= 256; offset += offset < 20 ? 1 : 59) {
        char text[60];
        snprintf(text, sizeof text, "length,offset=%zu,width=2", offset);
        frame_shape shape = {.text = text, .kind = ZCN_FRAMING_LENGTH, .width = 2, .offset = offset};
        uint8_t prefix[256], body[50];
        fill_pattern(prefix, sizeof prefix, 9);
        fill_pattern(body, sizeof body, 1);
        zcn_framing *framing = framing_of(text);
        for (int variant = 0; variant < 3; variant++) {
            zcn_unit *unit = variant == 2 ? empty_unit() : pattern_unit(NULL, variant ? framing : NULL, sizeof body, 1);
            if (variant == 2) assert_ok(zcn_unit_append_static(unit, body, sizeof body));
            uint8_t *lent = exact_block(offset + 1, 0);
            memcpy(lent, prefix, offset);
            assert_ok(zcn_unit_set_prefix(unit, "something else", 14)); /* the last one counts */
            assert_ok(zcn_unit_set_prefix(unit, lent, offset));
            free(lent); /* it was copied */
            if (offset != 14) {
                zcn_framing *other = framing_of("length,offset=14");
                assert_status(zcn_unit_seal(unit, other), ZCN_EINVAL);
                zcn_framing_release(other);
            }
            bytes expected = {0};
            append_frame(&expected, &shape, body, sizeof body);
            memcpy(expected.data, prefix, offset);
            bytes wire = wire_of(unit, text);
            assert_int_equal(wire.size, expected.size);
            assert_memory_equal(wire.data, expected.data, wire.size);
            bytes_clear(&wire);
            bytes_clear(&expected);
        }
        zcn_framing_release(framing);
    }
    zcn_unit *unit = empty_unit();
    uint8_t longer[257] = {0};
    assert_status(zcn_unit_set_prefix(unit, longer, 257), ZCN_EINVAL);
    assert_status(zcn_unit_set_prefix(unit, NULL, 1), ZCN_EINVAL);
    assert_status(zcn_unit_set_prefix(NULL, longer, 1), ZCN_EINVAL);
    assert_ok(zcn_unit_set_prefix(unit, NULL, 0));
    zcn_unit_release(unit);
}

/* ---- sealing ---- */

static void sealed_units_do_not_change(void **state) {
    (void)state;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_msg *msg = owned_msg(NULL, 10, 1);
    for (int empty = 0; empty < 2; empty++) {
        zcn_unit *unit = empty ? empty_unit() : pattern_unit(NULL, NULL, 20, 5);
        if (empty) {
            uint8_t body[20];
            fill_pattern(body, 20, 5);
            assert_ok(zcn_unit_append_copy(unit, body, 20));
        }
        assert_ok(zcn_unit_seal(unit, framing));
        void *data = framing;
        assert_status(zcn_unit_seal(unit, framing), ZCN_EINVAL);
        assert_status(zcn_unit_append_alloc(unit, &data, 1), ZCN_EINVAL);
        assert_null(data);
        assert_status(zcn_unit_append_copy(unit, "x", 1), ZCN_EINVAL);
        assert_status(zcn_unit_append_ref(unit, "x", 1, NULL, NULL), ZCN_EINVAL);
        assert_status(zcn_unit_append_static(unit, "x", 1), ZCN_EINVAL);
        assert_status(zcn_unit_append_msg(unit, msg), ZCN_EINVAL);
        assert_status(zcn_unit_append_frame(unit, msg), ZCN_EINVAL);
        assert_status(zcn_unit_truncate(unit, 0), ZCN_EINVAL);
        assert_status(zcn_unit_set_token(unit, 1), ZCN_EINVAL);
        assert_status(zcn_unit_set_prefix(unit, "x", 1), ZCN_EINVAL);
        uint8_t body[20];
        fill_pattern(body, 20, 5);
        assert_leaves_as(unit, &plain_shape, body, 20);
    }
    assert_ok(zcn_msg_release(msg));
    zcn_framing_release(framing);
}

static void what_a_framing_cannot_carry_is_not_sealed(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *body;
        zcn_status expected;
    } cases[] = {
        {"length,max=10", "1234567", ZCN_EFRAME_TOO_LARGE},
        {"length,adjust=5", "1234", ZCN_EFRAME_UNDERFLOW},
        {"length,width=1,adjust=-254", "12", ZCN_EFRAME_VALUE},
        {"varint,max_varint=1,adjust=-127", "1", ZCN_EFRAME_VARINT},
        {"fixed=3", "12", ZCN_EFRAME_SIZE},
        {"fixed=3", "1234", ZCN_EFRAME_SIZE},
        {"delimiter=\\r\\n,check=1", "line\r\nline", ZCN_EFRAME_DELIMITER},
        {"delimiter=\\r\\n,check=1", "\r\n", ZCN_EFRAME_DELIMITER},
        /* With the delimiter behind it the receiver would find one earlier. */
        {"delimiter=aXa,check=1", "..aX", ZCN_EFRAME_DELIMITER},
        {"delimiter=aa,check=1", "ba", ZCN_EFRAME_DELIMITER},
        {"delimiter=\\r\\n,max=5", "1234", ZCN_EFRAME_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t size = strlen(cases[i].body);
        zcn_framing *framing = framing_of(cases[i].text);
        /* In one piece, in pieces of one byte, and as a unit that has only room to send itself. */
        for (int variant = 0; variant < 3; variant++) {
            zcn_unit *unit = empty_unit();
            void *data;
            if (variant == 0) assert_ok(zcn_unit_append_copy(unit, cases[i].body, size));
            for (size_t k = 0; k < size && variant == 1; k++)
                assert_ok(zcn_unit_append_static(unit, cases[i].body + k, 1));
            if (variant == 2) {
                zcn_unit_release(unit);
                assert_ok(zcn_unit_alloc(&unit, &data, NULL, NULL, size));
                memcpy(data, cases[i].body, size);
            }
            zcn_stream *stream = stream_of(NULL, cases[i].text, NULL);
            /* Nothing is queued, the unit stays the caller's and open. */
            if (zcn_stream_send(stream, unit) != cases[i].expected) fail_msg("case %zu, variant %d", i, variant);
            struct iovec piece;
            size_t count;
            assert_ok(zcn_stream_gather(stream, &piece, 1, &count));
            assert_int_equal(count, 0);
            zcn_stream_release(stream);
            assert_status(zcn_unit_seal(unit, framing), cases[i].expected);
            assert_leaves_as(unit, &plain_shape, cases[i].body, size);
        }
        /* Memory for such a body is refused at once, where its size alone tells. */
        if (cases[i].expected != ZCN_EFRAME_DELIMITER) {
            zcn_unit *unit = (zcn_unit *)&framing, *batch[2] = {unit, unit};
            void *data = &framing, *datas[2] = {data, data};
            assert_status(zcn_unit_alloc(&unit, &data, NULL, framing, size), cases[i].expected);
            assert_null(unit);
            assert_null(data);
            assert_status(zcn_unit_alloc_batch(batch, datas, 2, NULL, framing, size), cases[i].expected);
            assert_true(batch[0] == NULL && batch[1] == NULL && datas[0] == NULL && datas[1] == NULL);
        }
        zcn_framing_release(framing);
    }
}

/* ---- arguments ---- */

static void wrong_arguments(void **state) {
    (void)state;
    zcn_unit *unit = (zcn_unit *)&unit;
    void *data = &unit;
    assert_status(zcn_unit_alloc(NULL, &data, NULL, NULL, 1), ZCN_EINVAL);
    assert_null(data);
    assert_status(zcn_unit_alloc(&unit, NULL, NULL, NULL, 1), ZCN_EINVAL);
    assert_null(unit);
    static const uint64_t too_large[] = {UINT64_MAX, UINT64_MAX - 15, 1ULL << 62, 1ULL << 47};
    for (size_t i = 0; i < sizeof too_large / sizeof *too_large; i++) {
        unit = (zcn_unit *)&unit;
        data = &unit;
        assert_true(zcn_unit_alloc(&unit, &data, NULL, NULL, too_large[i]) < 0);
        assert_null(unit);
        assert_null(data);
        unit = empty_unit();
        data = &unit;
        assert_true(zcn_unit_append_alloc(unit, &data, too_large[i]) < 0);
        assert_null(data);
        assert_int_equal(zcn_unit_size(unit), 0);
        zcn_unit_release(unit);
    }
    zcn_unit *batch[2] = {(zcn_unit *)&unit, (zcn_unit *)&unit};
    void *datas[2] = {&unit, &unit};
    assert_status(zcn_unit_alloc_batch(batch, NULL, 2, NULL, NULL, 1), ZCN_EINVAL);
    assert_true(batch[0] == NULL && batch[1] == NULL);
    assert_status(zcn_unit_alloc_batch(NULL, datas, 2, NULL, NULL, 1), ZCN_EINVAL);
    assert_true(datas[0] == NULL && datas[1] == NULL);
    assert_status(zcn_unit_alloc_batch(batch, datas, 0, NULL, NULL, 1), ZCN_EINVAL);
    /* Counts that no array has: n - 1 with n = 0, for one. */
    const size_t too_many[] = {65537, SIZE_MAX / 8, SIZE_MAX};
    for (size_t i = 0; i < 3; i++) {
        zcn_unit **many = exact_block(2 * sizeof *many, 0xAA);
        void **many_datas = exact_block(2 * sizeof *many_datas, 0xAA);
        assert_status(zcn_unit_alloc_batch(many, many_datas, too_many[i], NULL, NULL, 1), ZCN_EINVAL);
        for (size_t k = 0; k < 2; k++) assert_true(many[k] != NULL && many_datas[k] != NULL);
        free(many);
        free(many_datas);
    }
    assert_status(zcn_unit_create(NULL, NULL), ZCN_EINVAL);

    zcn_framing *framing = framing_of("raw");
    zcn_msg *msg = owned_msg(NULL, 5, 5);
    unit = empty_unit();
    data = &unit;
    assert_status(zcn_unit_append_alloc(NULL, &data, 1), ZCN_EINVAL);
    assert_null(data);
    assert_status(zcn_unit_append_alloc(unit, NULL, 1), ZCN_EINVAL);
    assert_status(zcn_unit_append_copy(NULL, "x", 1), ZCN_EINVAL);
    assert_status(zcn_unit_append_copy(unit, NULL, 1), ZCN_EINVAL);
    assert_status(zcn_unit_append_static(NULL, "x", 1), ZCN_EINVAL);
    assert_status(zcn_unit_append_static(unit, NULL, 1), ZCN_EINVAL);
    assert_status(zcn_unit_append_msg(NULL, msg), ZCN_EINVAL);
    assert_status(zcn_unit_append_msg(unit, NULL), ZCN_EINVAL);
    assert_status(zcn_unit_append_frame(NULL, msg), ZCN_EINVAL);
    assert_status(zcn_unit_append_frame(unit, NULL), ZCN_EINVAL);
    assert_status(zcn_unit_truncate(NULL, 0), ZCN_EINVAL);
    assert_status(zcn_unit_set_token(NULL, 0), ZCN_EINVAL);
    assert_status(zcn_unit_seal(NULL, framing), ZCN_EINVAL);
    assert_status(zcn_unit_seal(unit, NULL), ZCN_EINVAL);
    assert_int_equal(zcn_unit_size(NULL), 0);
    assert_int_equal(zcn_unit_size(unit), 0);
    assert_null(zcn_unit_retain(NULL));
    zcn_unit_release(NULL);
    zcn_unit_release_batch(NULL, 0);
    zcn_unit *const with_gaps[] = {NULL, unit, NULL};
    zcn_unit_release_batch(with_gaps, 3);
    assert_ok(zcn_msg_release(msg));
    zcn_framing_release(framing);
}

/* A body may not be longer than a number can say. */
static void sizes_do_not_wrap(void **state) {
    (void)state;
    zcn_unit *unit = empty_unit();
    given back = {0};
    char byte = 'x';
    /* Memory that is never read, since the unit is not sent. */
    assert_ok(zcn_unit_append_ref(unit, &byte, UINT64_MAX - 10, give_back, &back));
    assert_true(zcn_unit_append_ref(unit, &byte, 11, give_back, &back) < 0);
    assert_true(zcn_unit_append_static(unit, &byte, UINT64_MAX) < 0);
    assert_int_equal(zcn_unit_size(unit), UINT64_MAX - 10);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    assert_status(zcn_unit_seal(unit, framing), ZCN_EFRAME_TOO_LARGE);
    zcn_framing_release(framing);
    assert_int_equal(back.times, 0);
    zcn_unit_release(unit);
    assert_int_equal(back.times, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocated_units_leave_framed),
        cmocka_unit_test(room_for_one_framing_serves_another),
        cmocka_unit_test(batches_are_neighbours),
        cmocka_unit_test(batches_of_all_sizes),
        cmocka_unit_test(segments_follow_each_other),
        cmocka_unit_test(allocated_units_grow),
        cmocka_unit_test(frames_leave_as_they_came),
        cmocka_unit_test(borrowed_messages_are_held),
        cmocka_unit_test(foreign_memory_comes_back_once),
        cmocka_unit_test(truncation_gives_whole_segments_back),
        cmocka_unit_test(truncated_units_leave_shorter),
        cmocka_unit_test(prefixes_stand_before_the_field),
        cmocka_unit_test(sealed_units_do_not_change),
        cmocka_unit_test(what_a_framing_cannot_carry_is_not_sealed),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(sizes_do_not_wrap),
        cmocka_unit_test(bodies_of_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
