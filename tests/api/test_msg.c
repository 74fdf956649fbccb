/* SPDX-License-Identifier: MIT */
/* Messages: borrowed and owned, sliced, joined, detached, released from anywhere, and handles that have ended. */
#include <pthread.h>

#include "support.h"

/* A stream whose last poll lent `count` messages of `size` bytes, of the patterns 0, 1, 2 … */
typedef struct lent {
    zcn_stream *stream;
    const zcn_event *events;
    size_t count;
} lent;

static lent lend(zcn_pool *pool, size_t count, size_t size) {
    lent made = {.stream = stream_of(pool, PLAIN_FRAMING, NULL)};
    bytes wire = {0};
    append_messages(&wire, count, size);
    const uint8_t *next = wire.data;
    size_t left = wire.size;
    for (;;) {
        struct iovec room[2];
        size_t pieces;
        assert_ok(zcn_stream_read_room(made.stream, room, 2, &pieces));
        size_t step = 0;
        for (size_t i = 0; i < pieces && left != 0; i++) {
            const size_t part = room[i].iov_len < left ? room[i].iov_len : left;
            memcpy(room[i].iov_base, next, part);
            next += part;
            left -= part;
            step += part;
        }
        assert_ok(zcn_stream_read_done(made.stream, step));
        assert_ok(zcn_stream_poll(made.stream, &made.events, &made.count, NULL));
        if (left == 0) break;
        assert_int_equal(made.count, 0);
    }
    assert_int_equal(made.count, count);
    for (size_t i = 0; i < count; i++) assert_int_equal(made.events[i].type, ZCN_EVENT_MESSAGE);
    bytes_clear(&wire);
    return made;
}

/* Every call on a handle that has ended says so and does nothing. */
static void assert_stale(zcn_msg *msg) {
    assert_null(zcn_msg_data(msg));
    assert_int_equal(zcn_msg_size(msg), 0);
    const void *data = &msg;
    uint64_t size = 99;
    assert_status(zcn_msg_frame(msg, &data, &size), ZCN_ESTALE);
    assert_null(data);
    assert_int_equal(size, 0);
    zcn_msg *out = msg;
    assert_status(zcn_msg_retain(&out, msg), ZCN_ESTALE);
    assert_null(out);
    out = msg;
    assert_status(zcn_msg_slice(&out, msg, 0, 0), ZCN_ESTALE);
    assert_null(out);
    out = msg;
    assert_status(zcn_msg_detach(&out, msg), ZCN_ESTALE);
    assert_null(out);
    out = msg;
    const zcn_msg *const list[] = {msg};
    assert_status(zcn_msg_join(&out, list, 1), ZCN_ESTALE);
    assert_null(out);
    size_t count = 99;
    struct iovec part = {&part, 99};
    assert_status(zcn_msg_iovecs(msg, &part, 1, &count), ZCN_ESTALE);
    assert_int_equal(count, 0);
    zcn_unit *unit;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_status(zcn_unit_append_msg(unit, msg), ZCN_ESTALE);
    assert_status(zcn_unit_append_frame(unit, msg), ZCN_ESTALE);
    assert_int_equal(zcn_unit_size(unit), 0);
    zcn_unit_release(unit);
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    assert_status(zcn_stream_feed_msg(stream, msg), ZCN_ESTALE);
    assert_status(zcn_stream_send_msg(stream, msg), ZCN_ESTALE);
    zcn_stream_release(stream);
}

/* ---- borrowed ---- */

static void borrowed_messages_can_be_read(void **state) {
    (void)state;
    lent l = lend(NULL, 3, 100);
    for (size_t i = 0; i < 3; i++) {
        const zcn_event *event = &l.events[i];
        assert_ptr_equal(zcn_msg_data(event->msg), event->data);
        assert_int_equal(zcn_msg_size(event->msg), 100);
        assert_int_equal(event->size, 100);
        assert_pattern(event->data, 100, i);
        const void *frame;
        uint64_t size;
        assert_ok(zcn_msg_frame(event->msg, &frame, &size));
        assert_int_equal(size, 104);
        assert_memory_equal(frame, "\0\0\0\x64", 4);
        assert_ptr_equal((const uint8_t *)frame + 4, event->data);
        struct iovec part;
        size_t count;
        assert_ok(zcn_msg_iovecs(event->msg, &part, 1, &count));
        assert_int_equal(count, 1);
        assert_ptr_equal(part.iov_base, event->data);
        assert_int_equal(part.iov_len, 100);
    }
    zcn_stream_release(l.stream);
}

static void borrowed_messages_are_not_released(void **state) {
    (void)state;
    lent l = lend(NULL, 2, 50);
    assert_status(zcn_msg_release(l.events[0].msg), ZCN_EINVAL);
    assert_status(zcn_msg_release(l.events[0].msg), ZCN_EINVAL);
    assert_pattern(zcn_msg_data(l.events[0].msg), 50, 0);
    zcn_msg *const both[] = {l.events[0].msg, l.events[1].msg};
    assert_status(zcn_msg_release_batch(both, 2), ZCN_EINVAL);
    assert_pattern(zcn_msg_data(l.events[1].msg), 50, 1);
    zcn_stream_release(l.stream);
}

static void borrows_end_with_the_next_poll(void **state) {
    (void)state;
    lent l = lend(NULL, 3, 50);
    zcn_msg *old[3];
    for (size_t i = 0; i < 3; i++) old[i] = l.events[i].msg;
    zcn_msg *kept;
    assert_ok(zcn_msg_retain(&kept, old[1]));
    assert_ok(zcn_stream_poll(l.stream, &l.events, &l.count, NULL));
    assert_null(l.events);
    assert_int_equal(l.count, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_stale(old[i]);
        assert_true(zcn_msg_release(old[i]) != ZCN_OK);
    }
    assert_pattern(zcn_msg_data(kept), 50, 1);
    assert_ok(zcn_msg_release(kept));
    zcn_stream_release(l.stream);
}

/* Also when new messages have taken the places of the old ones. */
static void old_borrows_are_not_new_messages(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    bytes wire = {0};
    append_frame(&wire, &plain_shape, "hello", 5);
    zcn_msg *old[40] = {0};
    for (size_t i = 0; i < 40; i++) {
        struct iovec room[2];
        size_t pieces, count;
        const zcn_event *events;
        assert_ok(zcn_stream_read_room(stream, room, 2, &pieces));
        assert_true(room[0].iov_len >= wire.size);
        memcpy(room[0].iov_base, wire.data, wire.size);
        assert_ok(zcn_stream_read_done(stream, wire.size));
        assert_ok(zcn_stream_poll(stream, &events, &count, NULL));
        assert_int_equal(count, 1);
        old[i] = events[0].msg;
        assert_int_equal(zcn_msg_size(old[i]), 5);
        for (size_t k = 0; k < i; k++) {
            zcn_msg *out = old[k];
            assert_ptr_not_equal(old[k], old[i]);
            assert_status(zcn_msg_retain(&out, old[k]), ZCN_ESTALE);
            assert_null(out);
        }
    }
    bytes_clear(&wire);
    zcn_stream_release(stream);
}

/* ---- owned ---- */

static void each_retain_is_a_handle_of_its_own(void **state) {
    (void)state;
    lent l = lend(NULL, 1, 100);
    zcn_msg *first, *second, *third;
    assert_ok(zcn_msg_retain(&first, l.events[0].msg));
    assert_ok(zcn_msg_retain(&second, l.events[0].msg));
    assert_ok(zcn_msg_retain(&third, first));
    assert_ptr_not_equal(first, second);
    assert_ptr_not_equal(first, third);
    zcn_stream_release(l.stream);
    assert_ok(zcn_msg_release(first));
    assert_status(zcn_msg_release(first), ZCN_ESTALE);
    assert_pattern(zcn_msg_data(second), 100, 0);
    assert_pattern(zcn_msg_data(third), 100, 0);
    assert_ptr_equal(zcn_msg_data(second), zcn_msg_data(third));
    assert_ok(zcn_msg_release(second));
    assert_ok(zcn_msg_release(third));
    assert_stale(first);
    assert_stale(second);
    assert_stale(third);
}

static void owned_messages_keep_their_frame(void **state) {
    (void)state;
    zcn_msg *msg = owned_msg(NULL, 300, 4);
    const void *frame;
    uint64_t size;
    assert_ok(zcn_msg_frame(msg, &frame, &size));
    assert_int_equal(size, 304);
    assert_memory_equal(frame, "\0\0\1\x2C", 4);
    assert_pattern((const uint8_t *)frame + 4, 300, 4);
    assert_ok(zcn_msg_release(msg));
}

static void empty_messages_have_an_address(void **state) {
    (void)state;
    lent l = lend(NULL, 2, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(l.events[i].data);
        assert_int_equal(l.events[i].size, 0);
        assert_non_null(zcn_msg_data(l.events[i].msg));
        zcn_msg *kept, *copy, *part;
        assert_ok(zcn_msg_retain(&kept, l.events[i].msg));
        assert_ok(zcn_msg_detach(&copy, kept));
        assert_ok(zcn_msg_slice(&part, kept, 0, 0));
        assert_non_null(zcn_msg_data(kept));
        assert_non_null(zcn_msg_data(copy));
        assert_non_null(zcn_msg_data(part));
        assert_int_equal(zcn_msg_size(copy), 0);
        zcn_msg *const all[] = {kept, copy, part};
        assert_ok(zcn_msg_release_batch(all, 3));
    }
    zcn_stream_release(l.stream);
}

/* A stale handle is found though its place has a new tenant, a great many times over. */
static void ended_handles_stay_ended(void **state) {
    (void)state;
    zcn_msg *root = owned_msg(NULL, 10, 1);
    zcn_msg *ended;
    assert_ok(zcn_msg_retain(&ended, root));
    assert_ok(zcn_msg_release(ended));
    const size_t rounds = effort(200000, 3000);
    for (size_t i = 0; i < rounds; i++) {
        zcn_msg *handle;
        assert_ok(zcn_msg_retain(&handle, root));
        if (handle == ended) fail_msg("a handle came again after %zu others", i);
        if (i % 7 == 0) assert_status(zcn_msg_release(ended), ZCN_ESTALE);
        assert_ok(zcn_msg_release(handle));
    }
    assert_pattern(zcn_msg_data(root), 10, 1);
    assert_stale(ended);
    assert_ok(zcn_msg_release(root));
}

/* A second release never takes a count that belongs to a neighbour. */
static void double_release_leaves_neighbours_alone(void **state) {
    (void)state;
    lent l = lend(NULL, 100, 20);
    zcn_msg *kept[100];
    for (size_t i = 0; i < 100; i++) assert_ok(zcn_msg_retain(&kept[i], l.events[i].msg));
    zcn_stream_release(l.stream);
    for (size_t i = 0; i < 100; i += 2) assert_ok(zcn_msg_release(kept[i]));
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < 100; i += 2) assert_status(zcn_msg_release(kept[i]), ZCN_ESTALE);
    for (size_t i = 1; i < 100; i += 2) assert_pattern(zcn_msg_data(kept[i]), 20, i);
    for (size_t i = 1; i < 100; i += 2) assert_ok(zcn_msg_release(kept[i]));
}

static void released_batches(void **state) {
    (void)state;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    assert_ok(zcn_msg_release_batch(NULL, 0));
    assert_status(zcn_msg_release_batch(NULL, 1), ZCN_EINVAL);
    for (size_t variant = 0; variant < 6; variant++) {
        lent l = lend(pool, 64, 200);
        lent other = lend(pool, 64, 1000);
        zcn_msg *batch[130] = {0};
        for (size_t i = 0; i < 64; i++) {
            assert_ok(zcn_msg_retain(&batch[2 * i], l.events[i].msg));
            assert_ok(zcn_msg_retain(&batch[2 * i + 1], other.events[i].msg));
        }
        zcn_status expected = ZCN_OK;
        switch (variant) {
            case 1: /* gaps */
                for (size_t i = 0; i < 128; i += 5) {
                    assert_ok(zcn_msg_release(batch[i]));
                    batch[i] = NULL;
                }
                break;
            case 2: /* one of them was released before */
                assert_ok(zcn_msg_release(batch[17]));
                expected = ZCN_ESTALE;
                break;
            case 3: /* one is borrowed */
                batch[128] = l.events[3].msg;
                expected = ZCN_EINVAL;
                break;
            case 4: /* the same one twice */
                batch[128] = batch[60];
                expected = ZCN_ESTALE;
                break;
            case 5: { /* the same one twice, side by side, and others behind it */
                batch[129] = batch[1];
                batch[1] = batch[0];
                expected = ZCN_ESTALE;
                break;
            }
            default:
                break;
        }
        assert_status(zcn_msg_release_batch(batch, 130), expected);
        /* The others are released all the same, whatever one of them was. */
        for (size_t i = 0; i < 130; i++)
            if (batch[i] != NULL && batch[i] != l.events[3].msg) assert_status(zcn_msg_release(batch[i]), ZCN_ESTALE);
        zcn_stream_release(l.stream);
        zcn_stream_release(other.stream);
    }
    assert_ok(zcn_pool_trim(pool, NULL));
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    assert_int_equal(stats.in_use_bytes, 0);
    zcn_pool_release(pool);
}

/* ---- slices ---- */

static void slices_share_the_bytes(void **state) {
    (void)state;
    lent l = lend(NULL, 1, 100);
    for (int owned = 0; owned < 2; owned++) {
        zcn_msg *msg = l.events[0].msg;
        if (owned) assert_ok(zcn_msg_retain(&msg, l.events[0].msg));
        const uint8_t *data = zcn_msg_data(msg);
        for (uint64_t from = 0; from <= 100; from += 10)
            for (uint64_t size = 0; from + size <= 100; size += 5) {
                zcn_msg *part, *inner;
                assert_ok(zcn_msg_slice(&part, msg, from, size));
                assert_ptr_equal(zcn_msg_data(part), data + from);
                assert_int_equal(zcn_msg_size(part), size);
                const void *frame = data;
                uint64_t frame_size = 9;
                assert_status(zcn_msg_frame(part, &frame, &frame_size), ZCN_EUNSUPPORTED);
                assert_null(frame);
                assert_int_equal(frame_size, 0);
                assert_ok(zcn_msg_slice(&inner, part, size / 2, size - size / 2));
                assert_ptr_equal(zcn_msg_data(inner), data + from + size / 2);
                assert_ok(zcn_msg_release(part));
                assert_int_equal(zcn_msg_size(inner), size - size / 2);
                assert_ok(zcn_msg_release(inner));
            }
        zcn_msg *part = msg;
        assert_status(zcn_msg_slice(&part, msg, 101, 0), ZCN_EINVAL);
        assert_null(part);
        assert_status(zcn_msg_slice(&part, msg, 0, 101), ZCN_EINVAL);
        assert_status(zcn_msg_slice(&part, msg, 50, 51), ZCN_EINVAL);
        assert_status(zcn_msg_slice(&part, msg, UINT64_MAX, 1), ZCN_EINVAL);
        assert_status(zcn_msg_slice(&part, msg, 1, UINT64_MAX), ZCN_EINVAL);
        assert_status(zcn_msg_slice(&part, msg, UINT64_MAX - 1, 2), ZCN_EINVAL);
        assert_null(part);
        if (owned) {
            /* The slice outlives what it was cut from. */
            assert_ok(zcn_msg_slice(&part, msg, 10, 20));
            assert_ok(zcn_msg_release(msg));
            zcn_stream_release(l.stream);
            uint8_t whole[100];
            fill_pattern(whole, 100, 0);
            assert_memory_equal(zcn_msg_data(part), whole + 10, 20);
            assert_ok(zcn_msg_release(part));
        }
    }
}

/* ---- detached ---- */

static void detached_messages_lie_elsewhere(void **state) {
    (void)state;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    lent l = lend(pool, 3, 100);
    zcn_msg *copy, *kept, *of_kept, *part, *of_part;
    assert_ok(zcn_msg_detach(&copy, l.events[1].msg));
    assert_ok(zcn_msg_retain(&kept, l.events[2].msg));
    assert_ok(zcn_msg_detach(&of_kept, kept));
    assert_ok(zcn_msg_slice(&part, kept, 40, 60));
    assert_ok(zcn_msg_detach(&of_part, part));
    assert_ptr_not_equal(zcn_msg_data(copy), zcn_msg_data(l.events[1].msg));
    /* What was copied is untouched. */
    assert_pattern(zcn_msg_data(l.events[1].msg), 100, 1);
    zcn_stream_release(l.stream);
    assert_ok(zcn_msg_release(kept));
    assert_ok(zcn_msg_release(part));
    assert_int_equal(zcn_msg_size(copy), 100);
    assert_pattern(zcn_msg_data(copy), 100, 1);
    assert_pattern(zcn_msg_data(of_kept), 100, 2);
    assert_int_equal(zcn_msg_size(of_part), 60);
    uint8_t whole[100];
    fill_pattern(whole, 100, 2);
    assert_memory_equal(zcn_msg_data(of_part), whole + 40, 60);
    /* No block is held by them. */
    assert_ok(zcn_pool_trim(pool, NULL));
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    assert_true(stats.in_use_bytes < 4096);
    zcn_pool_release(pool);
    assert_pattern(zcn_msg_data(copy), 100, 1);
    zcn_msg *const all[] = {copy, of_kept, of_part};
    assert_ok(zcn_msg_release_batch(all, 3));
}

/* ---- joined ---- */

static void joined_messages_are_lists(void **state) {
    (void)state;
    lent l = lend(NULL, 4, 100);
    zcn_msg *kept, *part, *joined;
    assert_ok(zcn_msg_retain(&kept, l.events[2].msg));
    assert_ok(zcn_msg_slice(&part, l.events[3].msg, 10, 5));
    const zcn_msg *const list[] = {l.events[0].msg, kept, part, l.events[0].msg};
    assert_ok(zcn_msg_join(&joined, list, 4));
    assert_int_equal(zcn_msg_size(joined), 305);
    assert_null(zcn_msg_data(joined));
    const void *frame = &l;
    uint64_t size = 9;
    assert_status(zcn_msg_frame(joined, &frame, &size), ZCN_EUNSUPPORTED);
    assert_null(frame);
    struct iovec parts[5];
    size_t count;
    for (size_t capacity = 0; capacity <= 5; capacity++) {
        memset(parts, 0, sizeof parts);
        assert_ok(zcn_msg_iovecs(joined, capacity != 0 ? parts : NULL, capacity, &count));
        assert_int_equal(count, 4);
        for (size_t i = 0; i < 5; i++) {
            const bool filled = i < capacity && i < 4;
            assert_ptr_equal(parts[i].iov_base, filled ? zcn_msg_data(list[i]) : NULL);
            assert_int_equal(parts[i].iov_len, filled ? zcn_msg_size(list[i]) : 0);
        }
    }
    /* What it was made of stays as it is, and may go. */
    assert_ok(zcn_msg_release(part));
    assert_ok(zcn_msg_release(kept));
    zcn_stream_release(l.stream);
    uint8_t whole[100];
    fill_pattern(whole, 100, 3);
    assert_ok(zcn_msg_iovecs(joined, parts, 4, &count));
    assert_pattern(parts[0].iov_base, 100, 0);
    assert_pattern(parts[1].iov_base, 100, 2);
    assert_memory_equal(parts[2].iov_base, whole + 10, 5);
    assert_pattern(parts[3].iov_base, 100, 0);

    /* Kept like any message, copied into one piece, not cut and not joined again. */
    zcn_msg *second, *copy, *out = joined;
    assert_ok(zcn_msg_retain(&second, joined));
    assert_ok(zcn_msg_release(joined));
    assert_stale(joined);
    assert_ok(zcn_msg_detach(&copy, second));
    assert_int_equal(zcn_msg_size(copy), 305);
    const uint8_t *data = zcn_msg_data(copy);
    assert_pattern(data, 100, 0);
    assert_pattern(data + 100, 100, 2);
    assert_memory_equal(data + 200, whole + 10, 5);
    assert_pattern(data + 205, 100, 0);
    assert_status(zcn_msg_frame(copy, &frame, &size), ZCN_EUNSUPPORTED);
    assert_status(zcn_msg_slice(&out, second, 0, 1), ZCN_EUNSUPPORTED);
    assert_null(out);
    const zcn_msg *const again[] = {copy, second};
    out = joined;
    assert_status(zcn_msg_join(&out, again, 2), ZCN_EUNSUPPORTED);
    assert_null(out);
    assert_ok(zcn_msg_join(&out, again, 1));
    /* Of one part there is one address or a list of one: the list always works. */
    assert_ok(zcn_msg_iovecs(out, parts, 1, &count));
    assert_int_equal(count, 1);
    assert_ptr_equal(parts[0].iov_base, data);
    assert_ok(zcn_msg_release(out));
    assert_ok(zcn_msg_release(second));
    assert_ok(zcn_msg_release(copy));
}

static void joining_what_cannot_be(void **state) {
    (void)state;
    zcn_msg *msg = owned_msg(NULL, 10, 1);
    zcn_msg *ended = owned_msg(NULL, 10, 1);
    assert_ok(zcn_msg_release(ended));
    const zcn_msg *many[1025];
    for (size_t i = 0; i < 1025; i++) many[i] = msg;
    zcn_msg *out = msg;
    assert_status(zcn_msg_join(&out, many, 0), ZCN_EINVAL);
    assert_null(out);
    out = msg;
    assert_status(zcn_msg_join(&out, many, 1025), ZCN_EINVAL);
    assert_null(out);
    out = msg;
    assert_status(zcn_msg_join(&out, NULL, 1), ZCN_EINVAL);
    assert_null(out);
    assert_status(zcn_msg_join(NULL, many, 1), ZCN_EINVAL);
    many[500] = NULL;
    out = msg;
    assert_status(zcn_msg_join(&out, many, 1024), ZCN_EINVAL);
    assert_null(out);
    many[500] = ended;
    out = msg;
    assert_status(zcn_msg_join(&out, many, 1024), ZCN_ESTALE);
    assert_null(out);
    many[500] = msg;
    assert_ok(zcn_msg_join(&out, many, 1024));
    assert_int_equal(zcn_msg_size(out), 10240);
    struct iovec *parts = exact_block(1024 * sizeof *parts, 0);
    size_t count;
    assert_ok(zcn_msg_iovecs(out, parts, 1024, &count));
    assert_int_equal(count, 1024);
    for (size_t i = 0; i < 1024; i++) assert_ptr_equal(parts[i].iov_base, zcn_msg_data(msg));
    free(parts);
    assert_ok(zcn_msg_release(out));
    assert_pattern(zcn_msg_data(msg), 10, 1);
    assert_ok(zcn_msg_release(msg));
}

/* ---- arguments ---- */

static void null_arguments(void **state) {
    (void)state;
    zcn_msg *msg = owned_msg(NULL, 10, 1);
    zcn_msg *out = msg;
    const void *data = msg;
    uint64_t size = 9;
    size_t count = 9;
    struct iovec part;
    assert_null(zcn_msg_data(NULL));
    assert_int_equal(zcn_msg_size(NULL), 0);
    assert_status(zcn_msg_frame(NULL, &data, &size), ZCN_EINVAL);
    assert_null(data);
    assert_int_equal(size, 0);
    data = msg;
    assert_status(zcn_msg_frame(msg, &data, NULL), ZCN_EINVAL);
    assert_null(data);
    size = 9;
    assert_status(zcn_msg_frame(msg, NULL, &size), ZCN_EINVAL);
    assert_int_equal(size, 0);
    assert_status(zcn_msg_retain(NULL, msg), ZCN_EINVAL);
    assert_status(zcn_msg_retain(&out, NULL), ZCN_EINVAL);
    assert_null(out);
    out = msg;
    assert_status(zcn_msg_slice(&out, NULL, 0, 0), ZCN_EINVAL);
    assert_null(out);
    assert_status(zcn_msg_slice(NULL, msg, 0, 0), ZCN_EINVAL);
    out = msg;
    assert_status(zcn_msg_detach(&out, NULL), ZCN_EINVAL);
    assert_null(out);
    assert_status(zcn_msg_detach(NULL, msg), ZCN_EINVAL);
    assert_status(zcn_msg_iovecs(NULL, &part, 1, &count), ZCN_EINVAL);
    assert_int_equal(count, 0);
    count = 9;
    assert_status(zcn_msg_iovecs(msg, NULL, 1, &count), ZCN_EINVAL);
    assert_int_equal(count, 0);
    assert_status(zcn_msg_iovecs(msg, &part, 1, NULL), ZCN_EINVAL);
    assert_ok(zcn_msg_release(NULL));
    assert_pattern(zcn_msg_data(msg), 10, 1);
    assert_ok(zcn_msg_release(msg));
}

/* ---- lifetime and threads ---- */

static void messages_outlive_everything(void **state) {
    (void)state;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    lent l = lend(pool, 50, 1000);
    zcn_msg *kept[50];
    const void *places[50];
    for (size_t i = 0; i < 50; i++) {
        assert_ok(zcn_msg_retain(&kept[i], l.events[i].msg));
        places[i] = l.events[i].data;
    }
    zcn_stream_release(l.stream);
    zcn_pool_release(pool);
    /* Others may use memory meanwhile; these bytes stay where they are. */
    for (size_t i = 0; i < 20; i++) assert_ok(zcn_msg_release(owned_msg(NULL, 50000, 9)));
    for (size_t i = 0; i < 50; i++) {
        assert_ptr_equal(zcn_msg_data(kept[i]), places[i]);
        assert_pattern(zcn_msg_data(kept[i]), 1000, i);
    }
    assert_ok(zcn_msg_release_batch(kept, 50));
}

typedef struct share {
    zcn_msg **msgs;
    size_t count;
    size_t wrong;
} share;

/* Reads, copies, cuts and lets go, on a thread that has nothing to do with the stream. */
static void *use_and_release(void *argument) {
    share *mine = argument;
    for (size_t i = 0; i < mine->count; i++) {
        zcn_msg *msg = mine->msgs[i], *more = NULL, *part = NULL;
        mine->wrong += zcn_msg_size(msg) != 100;
        mine->wrong += zcn_msg_retain(&more, msg) != ZCN_OK;
        mine->wrong += zcn_msg_slice(&part, msg, 50, 50) != ZCN_OK;
        mine->wrong += zcn_msg_release(msg) != ZCN_OK;
        mine->wrong += zcn_msg_size(more) != 100 || zcn_msg_size(part) != 50;
        mine->wrong += zcn_msg_release(more) != ZCN_OK;
        mine->wrong += zcn_msg_release(part) != ZCN_OK;
    }
    return NULL;
}

static void *release_all(void *argument) {
    share *mine = argument;
    mine->wrong += zcn_msg_release_batch(mine->msgs, mine->count) != ZCN_OK;
    return NULL;
}

static void threads_release(void **state) {
    (void)state;
    enum { threads = 4, each = 60 };
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    for (size_t round = 0; round < effort(200, 10); round++) {
        lent l = lend(pool, threads * each, 100);
        zcn_msg *kept[threads][each];
        share shares[threads];
        pthread_t running[threads];
        /* Dealt out in turn, so that neighbours in a block go from different threads. */
        for (size_t i = 0; i < threads * each; i++)
            assert_ok(zcn_msg_retain(&kept[i % threads][i / threads], l.events[i].msg));
        for (size_t i = 0; i < threads; i++) {
            shares[i] = (share){kept[i], each, 0};
            assert_int_equal(pthread_create(&running[i], NULL, round % 2 ? release_all : use_and_release, &shares[i]),
                             0);
        }
        /* The owner goes on meanwhile. */
        assert_pattern(zcn_msg_data(l.events[7].msg), 100, 7);
        assert_ok(zcn_stream_poll(l.stream, &l.events, &l.count, NULL));
        zcn_stream_release(l.stream);
        for (size_t i = 0; i < threads; i++) pthread_join(running[i], NULL);
        for (size_t i = 0; i < threads; i++) {
            assert_int_equal(shares[i].wrong, 0);
            for (size_t k = 0; k < each; k++) assert_status(zcn_msg_release(kept[i][k]), ZCN_ESTALE);
        }
    }
    assert_ok(zcn_pool_trim(pool, NULL));
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    assert_int_equal(stats.in_use_bytes, 0);
    zcn_pool_release(pool);
}

/* Several threads release the same handle: exactly one of them did it. */
static void *release_one(void *argument) {
    share *mine = argument;
    for (size_t i = 0; i < mine->count; i++) mine->wrong += zcn_msg_release(mine->msgs[i]) == ZCN_OK;
    return NULL;
}

static void one_of_many_releases_counts(void **state) {
    (void)state;
    enum { threads = 4, count = 200 };
    for (size_t round = 0; round < effort(100, 5); round++) {
        lent l = lend(NULL, count, 100);
        zcn_msg *kept[count];
        for (size_t i = 0; i < count; i++) assert_ok(zcn_msg_retain(&kept[i], l.events[i].msg));
        share shares[threads];
        pthread_t running[threads];
        for (size_t i = 0; i < threads; i++) {
            shares[i] = (share){kept, count, 0};
            assert_int_equal(pthread_create(&running[i], NULL, release_one, &shares[i]), 0);
        }
        size_t done = 0;
        for (size_t i = 0; i < threads; i++) {
            pthread_join(running[i], NULL);
            done += shares[i].wrong;
        }
        assert_int_equal(done, count);
        for (size_t i = 0; i < count; i++) assert_pattern(zcn_msg_data(l.events[i].msg), 100, i);
        zcn_stream_release(l.stream);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(borrowed_messages_can_be_read),
        cmocka_unit_test(borrowed_messages_are_not_released),
        cmocka_unit_test(borrows_end_with_the_next_poll),
        cmocka_unit_test(old_borrows_are_not_new_messages),
        cmocka_unit_test(each_retain_is_a_handle_of_its_own),
        cmocka_unit_test(owned_messages_keep_their_frame),
        cmocka_unit_test(empty_messages_have_an_address),
        cmocka_unit_test(ended_handles_stay_ended),
        cmocka_unit_test(double_release_leaves_neighbours_alone),
        cmocka_unit_test(released_batches),
        cmocka_unit_test(slices_share_the_bytes),
        cmocka_unit_test(detached_messages_lie_elsewhere),
        cmocka_unit_test(joined_messages_are_lists),
        cmocka_unit_test(joining_what_cannot_be),
        cmocka_unit_test(null_arguments),
        cmocka_unit_test(messages_outlive_everything),
        cmocka_unit_test(threads_release),
        cmocka_unit_test(one_of_many_releases_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
