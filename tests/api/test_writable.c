/* SPDX-License-Identifier: MIT */
/* Writable messages: the bytes in place when nobody else refers to them, a copy when somebody does. */
#include <pthread.h>
#include <sched.h>

#include "support.h"

/* A stream that delivered messages of `size` bytes, patterns 0, 1, 2 …, each retained once. They are still borrowed. */
typedef struct kept {
    zcn_stream *stream;
    collector got;
} kept;

static kept keep(zcn_pool *pool, size_t count, size_t size) {
    kept made = {.stream = stream_of(pool, PLAIN_FRAMING, NULL), .got = {.keep = true, .no_copy = true}};
    bytes wire = {0};
    uint8_t *body = malloc(size + 1);
    assert_non_null(body);
    for (size_t i = 0; i < count; i++) {
        fill_pattern(body, size, i);
        append_frame(&wire, &plain_shape, body, size);
    }
    stream_read(made.stream, wire.data, wire.size, &made.got);
    assert_int_equal(made.got.count, count);
    free(body);
    bytes_clear(&wire);
    return made;
}

static void end_borrow(zcn_stream *stream) {
    const zcn_event *events;
    size_t count;
    assert_ok(zcn_stream_poll(stream, &events, &count, NULL));
    assert_int_equal(count, 0);
}

static void let_go(kept *of) {
    collector_clear(&of->got);
    zcn_stream_release(of->stream);
}

static uint64_t copied(zcn_pool *pool) {
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    return stats.copied_bytes;
}

static zcn_pool *new_pool(void) {
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    return pool;
}

/* Makes *msg writable, checks whether that took a copy, and writes a pattern into it. */
static void write_into(zcn_pool *pool, zcn_msg **msg, bool copies, uint64_t seed) {
    const void *before = zcn_msg_data(*msg);
    const uint64_t size = zcn_msg_size(*msg);
    const uint64_t copied_before = copied(pool);
    const void *frame;
    uint64_t frame_size = 0;
    if (zcn_msg_frame(*msg, &frame, &frame_size) != ZCN_OK) frame_size = size;
    zcn_msg *old = *msg;
    void *data = NULL;
    assert_ok(zcn_msg_make_writable(msg, old, &data));
    assert_non_null(*msg);
    assert_ptr_equal(data, zcn_msg_data(*msg));
    assert_int_equal(zcn_msg_size(*msg), size);
    if (copies) {
        assert_ptr_not_equal(data, before);
        assert_int_equal(copied(pool) - copied_before, frame_size);
        /* The old handle was consumed. */
        assert_status(zcn_msg_release(old), ZCN_ESTALE);
    } else {
        assert_ptr_equal(data, before);
        assert_ptr_equal(*msg, old);
        assert_int_equal(copied(pool), copied_before);
    }
    fill_pattern(data, size, seed);
}

static void a_message_alone_is_written_in_place(void **state) {
    (void)state;
    zcn_pool *pool = new_pool();
    kept k = keep(pool, 40, 100);
    end_borrow(k.stream);
    /* Neighbours in the block are no reason to copy. */
    for (size_t i = 0; i < 40; i += 2) write_into(pool, &k.got.at[i].kept, false, 1000 + i);
    for (size_t i = 0; i < 40; i++) assert_pattern(zcn_msg_data(k.got.at[i].kept), 100, i % 2 == 0 ? 1000 + i : i);
    /* Nor is it when the stream is gone, or when it was done before. */
    zcn_stream_release(k.stream);
    k.stream = NULL;
    write_into(pool, &k.got.at[1].kept, false, 2000);
    write_into(pool, &k.got.at[1].kept, false, 2001);
    /* Nor is a joined message that is gone. */
    const zcn_msg *const list[] = {k.got.at[3].kept};
    zcn_msg *joined;
    assert_ok(zcn_msg_join(&joined, list, 1));
    assert_ok(zcn_msg_release(joined));
    write_into(pool, &k.got.at[3].kept, false, 2002);
    /* A message of its own, larger than a block. */
    kept large = keep(pool, 1, 600 * 1024);
    end_borrow(large.stream);
    write_into(pool, &large.got.at[0].kept, false, 5);
    let_go(&large);
    let_go(&k);
    zcn_pool_release(pool);
}

static void a_borrowed_message_is_not_written(void **state) {
    (void)state;
    zcn_pool *pool = new_pool();
    kept k = keep(pool, 2, 100);
    /* The event shows it still. */
    write_into(pool, &k.got.at[0].kept, true, 7);
    end_borrow(k.stream);
    write_into(pool, &k.got.at[0].kept, false, 8);
    write_into(pool, &k.got.at[1].kept, false, 9);
    /* What was made of an owned message during the borrow is bound by it too. */
    kept again = keep(pool, 1, 100);
    zcn_msg *other;
    assert_ok(zcn_msg_retain(&other, again.got.at[0].kept));
    assert_ok(zcn_msg_release(again.got.at[0].kept));
    again.got.at[0].kept = other;
    write_into(pool, &again.got.at[0].kept, true, 7);
    let_go(&again);
    let_go(&k);
    zcn_pool_release(pool);
}

static void other_handles_are_left_alone(void **state) {
    (void)state;
    zcn_pool *pool = new_pool();
    kept k = keep(pool, 3, 100);
    end_borrow(k.stream);
    zcn_msg *second;
    assert_ok(zcn_msg_retain(&second, k.got.at[1].kept));
    write_into(pool, &k.got.at[1].kept, true, 50);
    assert_pattern(zcn_msg_data(second), 100, 1);
    /* The copy can be forwarded: its frame came along. */
    const void *frame;
    uint64_t frame_size;
    assert_ok(zcn_msg_frame(k.got.at[1].kept, &frame, &frame_size));
    assert_int_equal(frame_size, 104);
    /* The other one is alone now, and so is the copy. */
    write_into(pool, &second, false, 51);
    write_into(pool, &k.got.at[1].kept, false, 52);
    assert_pattern(zcn_msg_data(second), 100, 51);
    assert_ok(zcn_msg_release(second));
    /* One that has ended is no reason to copy. */
    assert_ok(zcn_msg_retain(&second, k.got.at[2].kept));
    assert_ok(zcn_msg_release(second));
    write_into(pool, &k.got.at[2].kept, false, 53);
    let_go(&k);
    zcn_pool_release(pool);
}

static void two_handles_of_one_event_share(void **state) {
    (void)state;
    zcn_pool *pool = new_pool();
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    uint8_t body[300];
    fill_pattern(body, sizeof body, 3);
    bytes wire = {0};
    append_frame(&wire, &plain_shape, body, sizeof body);
    struct iovec room[2];
    size_t pieces;
    assert_ok(zcn_stream_read_room(stream, room, 2, &pieces));
    memcpy(room[0].iov_base, wire.data, wire.size);
    assert_ok(zcn_stream_read_done(stream, wire.size));
    const zcn_event *events;
    size_t count;
    assert_ok(zcn_stream_poll(stream, &events, &count, NULL));
    assert_int_equal(count, 1);
    zcn_msg *whole, *head, *middle;
    assert_ok(zcn_msg_slice(&head, events[0].msg, 0, 100));
    assert_ok(zcn_msg_slice(&middle, events[0].msg, 100, 100));
    assert_ok(zcn_msg_retain(&whole, events[0].msg));
    end_borrow(stream);
    write_into(pool, &whole, true, 9);
    assert_pattern(zcn_msg_data(head), 100, 3);
    /* Slices side by side do not overlap. */
    write_into(pool, &head, false, 10);
    assert_memory_equal(zcn_msg_data(middle), body + 100, 100);
    write_into(pool, &middle, false, 11);
    assert_pattern(zcn_msg_data(head), 100, 10);
    /* A slice of an owned one overlaps where it lies, and an empty one nowhere. */
    zcn_msg *part, *nothing;
    assert_ok(zcn_msg_slice(&part, middle, 50, 50));
    assert_ok(zcn_msg_slice(&nothing, middle, 20, 0));
    write_into(pool, &nothing, false, 0);
    write_into(pool, &head, false, 12);
    write_into(pool, &middle, true, 13);
    write_into(pool, &part, false, 14);
    assert_ok(zcn_msg_release(part));
    assert_ok(zcn_msg_release(nothing));
    assert_ok(zcn_msg_release(head));
    assert_ok(zcn_msg_release(middle));
    assert_ok(zcn_msg_release(whole));
    bytes_clear(&wire);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

static void what_was_passed_on_is_not_written(void **state) {
    (void)state;
    zcn_pool *pool = new_pool();
    kept k = keep(pool, 8, 100);
    end_borrow(k.stream);
    zcn_msg *const first = k.got.at[0].kept;
    /* In a unit. */
    zcn_unit *unit;
    assert_ok(zcn_unit_create(&unit, pool));
    assert_ok(zcn_unit_append_msg(unit, first));
    /* Queued on a stream. */
    zcn_stream *out = stream_of(pool, PLAIN_FRAMING, NULL);
    assert_ok(zcn_stream_send_msg(out, k.got.at[1].kept));
    /* In a join. */
    zcn_msg *joined;
    const zcn_msg *const list[] = {k.got.at[2].kept};
    assert_ok(zcn_msg_join(&joined, list, 1));
    for (size_t i = 0; i < 3; i++) write_into(pool, &k.got.at[i].kept, true, 100 + i);
    struct iovec part;
    size_t parts;
    assert_ok(zcn_msg_iovecs(joined, &part, 1, &parts));
    assert_int_equal(parts, 1);
    assert_pattern(part.iov_base, 100, 2);
    bytes wire = {0};
    stream_write(out, &wire, 0);
    assert_int_equal(wire.size, 104);
    assert_pattern(wire.data + 4, 100, 1);
    bytes_clear(&wire);
    /* What came later in the block is not touched by that: a filter changes and sends one after the other. */
    for (size_t i = 3; i < 8; i++) {
        write_into(pool, &k.got.at[i].kept, false, 200 + i);
        assert_ok(zcn_stream_send_msg(out, k.got.at[i].kept));
    }
    stream_write(out, &wire, 0);
    assert_int_equal(wire.size, 5 * 104);
    for (size_t i = 0; i < 5; i++) assert_pattern(wire.data + i * 104 + 4, 100, 203 + i);
    bytes_clear(&wire);
    assert_ok(zcn_msg_release(joined));
    zcn_unit_release(unit);
    zcn_stream_release(out);
    let_go(&k);
    zcn_pool_release(pool);
}

static void a_borrowed_message_that_was_passed_on(void **state) {
    (void)state;
    zcn_pool *pool = new_pool();
    zcn_stream *in = stream_of(pool, PLAIN_FRAMING, NULL);
    zcn_stream *out = stream_of(pool, PLAIN_FRAMING, NULL);
    bytes wire = {0};
    uint8_t body[64];
    for (uint64_t i = 0; i < 2; i++) {
        fill_pattern(body, sizeof body, i);
        append_frame(&wire, &plain_shape, body, sizeof body);
    }
    uint64_t taken;
    assert_ok(zcn_stream_feed(in, wire.data, wire.size, &taken));
    const zcn_event *events;
    size_t count;
    assert_ok(zcn_stream_poll(in, &events, &count, NULL));
    assert_int_equal(count, 2);
    zcn_msg *sent, *other;
    assert_ok(zcn_msg_retain(&sent, events[0].msg));
    assert_ok(zcn_msg_retain(&other, events[1].msg));
    assert_ok(zcn_stream_send_msg(out, events[0].msg));
    end_borrow(in);
    write_into(pool, &sent, true, 30);
    write_into(pool, &other, false, 31);
    bytes_clear(&wire);
    stream_write(out, &wire, 0);
    assert_pattern(wire.data + 4, 64, 0);
    bytes_clear(&wire);
    assert_ok(zcn_msg_release(sent));
    assert_ok(zcn_msg_release(other));
    zcn_stream_release(in);
    zcn_stream_release(out);
    zcn_pool_release(pool);
}

static void detached_messages_are_written_in_place(void **state) {
    (void)state;
    zcn_pool *pool = new_pool();
    kept k = keep(pool, 1, 100);
    zcn_msg *copy, *second;
    assert_ok(zcn_msg_detach(&copy, k.got.at[0].kept));
    assert_int_equal(copied(pool), 104);
    write_into(pool, &copy, false, 4);
    assert_ok(zcn_msg_retain(&second, copy));
    write_into(pool, &copy, true, 5);
    assert_pattern(zcn_msg_data(second), 100, 4);
    assert_ok(zcn_msg_release(second));
    assert_ok(zcn_msg_release(copy));
    let_go(&k);
    zcn_pool_release(pool);
}

static void what_is_refused(void **state) {
    (void)state;
    zcn_pool *pool = new_pool();
    kept k = keep(pool, 1, 100);
    zcn_msg *msg = k.got.at[0].kept;
    zcn_msg *out = msg;
    void *data = &out;
    assert_status(zcn_msg_make_writable(NULL, msg, &data), ZCN_EINVAL);
    assert_null(data);
    data = &out;
    assert_status(zcn_msg_make_writable(&out, NULL, &data), ZCN_EINVAL);
    assert_null(data);
    assert_null(out);
    out = msg;
    assert_status(zcn_msg_make_writable(&out, msg, NULL), ZCN_EINVAL);
    assert_null(out);
    /* Joined. */
    zcn_msg *joined;
    const zcn_msg *const list[] = {msg};
    assert_ok(zcn_msg_join(&joined, list, 1));
    out = msg;
    assert_status(zcn_msg_make_writable(&out, joined, &data), ZCN_EUNSUPPORTED);
    assert_null(out);
    assert_int_equal(zcn_msg_size(joined), 100);
    assert_ok(zcn_msg_release(joined));
    /* Released. */
    zcn_msg *second;
    assert_ok(zcn_msg_retain(&second, msg));
    assert_ok(zcn_msg_release(second));
    assert_status(zcn_msg_make_writable(&out, second, &data), ZCN_ESTALE);
    assert_null(out);
    let_go(&k);
    /* Borrowed. */
    zcn_stream *lender = stream_of(pool, PLAIN_FRAMING, NULL);
    uint64_t taken;
    assert_ok(zcn_stream_feed(lender, "\0\0\0\1x", 5, &taken));
    const zcn_event *events;
    size_t count;
    assert_ok(zcn_stream_poll(lender, &events, &count, NULL));
    assert_int_equal(count, 1);
    assert_status(zcn_msg_make_writable(&out, events[0].msg, &data), ZCN_EINVAL);
    zcn_stream_release(lender);
    zcn_pool_release(pool);
}

static void no_memory_for_the_copy(void **state) {
    (void)state;
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = 4096;
    options.limit = 256 * 1024;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, &options));
    zcn_framing *framing = framing_of("length,width=4,strip=4,max=2K");
    zcn_stream *stream;
    assert_ok(zcn_stream_create(&stream, pool, framing, NULL));
    zcn_framing_release(framing);
    bytes wire = {0};
    uint8_t body[1000];
    fill_pattern(body, sizeof body, 1);
    append_frame(&wire, &plain_shape, body, sizeof body);
    collector got = {.keep = true, .no_copy = true};
    stream_read(stream, wire.data, wire.size, &got);
    end_borrow(stream);
    zcn_msg *second;
    assert_ok(zcn_msg_retain(&second, got.at[0].kept));
    /* Fill what an ordinary request may have. */
    zcn_msg *copies[512];
    size_t count = 0;
    while (count < 512 && zcn_msg_detach(&copies[count], second) == ZCN_OK) count++;
    assert_in_range(count, 1, 511);
    void *place = &place;
    zcn_msg *out = second;
    assert_status(zcn_msg_make_writable(&out, second, &place), ZCN_ENOMEM);
    assert_null(out);
    assert_null(place);
    /* Nothing has changed. */
    assert_pattern(zcn_msg_data(second), 1000, 1);
    assert_ok(zcn_msg_release_batch(copies, count));
    write_into(pool, &second, true, 2);
    assert_pattern(zcn_msg_data(got.at[0].kept), 1000, 1);
    assert_ok(zcn_msg_release(second));
    collector_clear(&got);
    bytes_clear(&wire);
    zcn_stream_release(stream);
    zcn_pool_release(pool);
}

/* One handle of a message wanders among threads: each makes another of it, ends it, and passes the new one on, while
 * one thread makes a handle of its own writable again and again. There are two each time, so that takes a copy. */
typedef struct wanderer {
    zcn_msg *_Atomic *place;
    atomic_bool *stop;
    bool failed;
} wanderer;

static void *wander(void *argument) {
    wanderer *self = argument;
    while (!atomic_load(self->stop)) {
        zcn_msg *mine = atomic_exchange(self->place, NULL);
        if (mine == NULL) {
            sched_yield();
            continue;
        }
        zcn_msg *next;
        self->failed = self->failed || zcn_msg_retain(&next, mine) != ZCN_OK || zcn_msg_release(mine) != ZCN_OK;
        if (self->failed) return NULL;
        atomic_store(self->place, next);
        sched_yield();
    }
    return NULL;
}

static void handles_that_wander_are_found(void **state) {
    (void)state;
    zcn_pool *pool = new_pool();
    kept k = keep(pool, 1, 1000);
    end_borrow(k.stream);
    zcn_msg *_Atomic place;
    atomic_init(&place, k.got.at[0].kept);
    atomic_bool stop = false;
    wanderer wanderers[2];
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        wanderers[i] = (wanderer){&place, &stop, false};
        assert_int_equal(pthread_create(&threads[i], NULL, wander, &wanderers[i]), 0);
    }
    size_t wrong = 0;
    for (size_t i = 0; i < effort(20000, 100); i++) {
        zcn_msg *mine, *writable, *theirs;
        void *data;
        while ((theirs = atomic_exchange(&place, NULL)) == NULL) sched_yield();
        wrong += zcn_msg_retain(&mine, theirs) != ZCN_OK;
        atomic_store(&place, theirs);
        const void *before = zcn_msg_data(mine);
        if (zcn_msg_make_writable(&writable, mine, &data) != ZCN_OK) wrong++;
        wrong += data == before;
        wrong += zcn_msg_release(writable) != ZCN_OK;
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_false(wanderers[i].failed);
    }
    assert_int_equal(wrong, 0);
    k.got.at[0].kept = atomic_load(&place);
    write_into(pool, &k.got.at[0].kept, false, 6);
    let_go(&k);
    zcn_pool_release(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_alone_is_written_in_place),
        cmocka_unit_test(a_borrowed_message_is_not_written),
        cmocka_unit_test(other_handles_are_left_alone),
        cmocka_unit_test(two_handles_of_one_event_share),
        cmocka_unit_test(what_was_passed_on_is_not_written),
        cmocka_unit_test(a_borrowed_message_that_was_passed_on),
        cmocka_unit_test(detached_messages_are_written_in_place),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(no_memory_for_the_copy),
        cmocka_unit_test(handles_that_wander_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
