/* SPDX-License-Identifier: MIT */
/* Streams: their options, arguments, doors, budgets and ends. */
#include "support.h"

static zcn_stats stats_of(zcn_stream *stream) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_stream_get_stats(stream, &stats));
    return stats;
}

static zcn_status error_of(zcn_stream *stream) {
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_stream_get_error(stream, &error));
    assert_true((error.status == ZCN_OK) == (error.text[0] == '\0'));
    return error.status;
}

/* Reads bytes in without polling. */
static void read_in(zcn_stream *stream, const void *data, size_t size) {
    struct iovec room[2];
    size_t pieces;
    assert_ok(zcn_stream_read_room(stream, room, 2, &pieces));
    assert_true(room[0].iov_len >= size);
    memcpy(room[0].iov_base, data, size);
    assert_ok(zcn_stream_read_done(stream, size));
}

/* ---- making one ---- */

static void wrong_options_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name;
        zcn_stream_options options;
        zcn_status expected;
    } cases[] = {
        {"low above high", {.high_water = 10, .low_water = 11}, ZCN_EINVAL},
        {"low is high", {.high_water = 10, .low_water = 10}, ZCN_OK},
        {"align 1", {.align = 1}, ZCN_EINVAL},
        {"align 4", {.align = 4}, ZCN_EINVAL},
        {"align 8", {.align = 8}, ZCN_OK},
        {"align 24", {.align = 24}, ZCN_EINVAL},
        {"align 4096", {.align = 4096}, ZCN_OK},
        {"align 8192", {.align = 8192}, ZCN_EINVAL},
        {"capacity 15", {.event_capacity = 15}, ZCN_EINVAL},
        {"capacity 16", {.event_capacity = 16}, ZCN_OK},
        {"capacity 4096", {.event_capacity = 4096}, ZCN_OK},
        {"capacity 4097", {.event_capacity = 4097}, ZCN_EINVAL},
        {"capacity of all bits", {.event_capacity = UINT32_MAX}, ZCN_EINVAL},
        {"high water without end", {.high_water = UINT64_MAX}, ZCN_OK},
        {"one message", {.messages_per_poll = 1}, ZCN_OK},
    };
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zcn_stream_options options = cases[i].options;
        options.struct_size = sizeof options;
        zcn_stream *stream = (zcn_stream *)&options;
        const zcn_status status = zcn_stream_create(&stream, NULL, framing, &options);
        if (status != cases[i].expected) fail_msg("%s: %s", cases[i].name, zcn_status_name(status));
        assert_true((status == ZCN_OK) == (stream != NULL));
        zcn_stream_release(stream);
    }
    zcn_stream *stream = (zcn_stream *)&stream;
    assert_status(zcn_stream_create(NULL, NULL, framing, NULL), ZCN_EINVAL);
    assert_status(zcn_stream_create(&stream, NULL, NULL, NULL), ZCN_EINVAL);
    assert_null(stream);
    zcn_framing_release(framing);
}

/* A message that can never fit the pool's limit is refused before a byte of it comes. */
static void frames_must_fit_the_pool(void **state) {
    (void)state;
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = 64 * 1024;
    options.limit = 1 << 20;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, &options));
    zcn_framing *fits = framing_of("length,max=256K"), *too_large = framing_of("length,max=2M");
    zcn_stream *stream = (zcn_stream *)&stream;
    assert_status(zcn_stream_create(&stream, pool, too_large, NULL), ZCN_ENOBUFS);
    assert_null(stream);
    assert_ok(zcn_stream_create(&stream, pool, fits, NULL));
    assert_status(zcn_stream_set_framing(stream, NULL, too_large), ZCN_ENOBUFS);
    zcn_stream_release(stream);
    zcn_framing_release(fits);
    zcn_framing_release(too_large);
    zcn_pool_release(pool);
}

static void null_and_wrong_arguments(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    zcn_framing *framing = framing_of("raw");
    zcn_msg *msg = owned_msg(NULL, 5, 1);
    zcn_unit *unit = pattern_unit(NULL, NULL, 5, 1);
    zcn_error error = {.struct_size = sizeof error};
    zcn_stats stats = {.struct_size = sizeof stats};
    struct iovec room[2];
    size_t count = 9;
    uint64_t taken = 9;
    int32_t more = 9;
    const zcn_event *events = (const zcn_event *)&error;
    zcn_stream_release(NULL);
    assert_status(zcn_stream_read_room(NULL, room, 2, &count), ZCN_EINVAL);
    assert_int_equal(count, 0);
    count = 9;
    assert_status(zcn_stream_read_room(stream, NULL, 2, &count), ZCN_EINVAL);
    assert_int_equal(count, 0);
    count = 9;
    assert_status(zcn_stream_read_room(stream, room, 1, &count), ZCN_EINVAL);
    assert_int_equal(count, 0);
    assert_status(zcn_stream_read_room(stream, room, 2, NULL), ZCN_EINVAL);
    assert_status(zcn_stream_read_done(NULL, 0), ZCN_EINVAL);
    assert_status(zcn_stream_feed(NULL, "x", 1, &taken), ZCN_EINVAL);
    assert_int_equal(taken, 0);
    taken = 9;
    assert_status(zcn_stream_feed(stream, NULL, 1, &taken), ZCN_EINVAL);
    assert_int_equal(taken, 0);
    assert_status(zcn_stream_feed(stream, "x", 1, NULL), ZCN_EINVAL);
    assert_ok(zcn_stream_feed(stream, NULL, 0, &taken));
    assert_int_equal(taken, 0);
    assert_status(zcn_stream_feed_msg(NULL, msg), ZCN_EINVAL);
    assert_status(zcn_stream_feed_msg(stream, NULL), ZCN_EINVAL);
    assert_status(zcn_stream_end(NULL), ZCN_EINVAL);
    assert_status(zcn_stream_poll(NULL, &events, &count, &more), ZCN_EINVAL);
    assert_null(events);
    assert_int_equal(count, 0);
    assert_int_equal(more, 0);
    count = 9;
    assert_status(zcn_stream_poll(stream, NULL, &count, &more), ZCN_EINVAL);
    assert_int_equal(count, 0);
    events = (const zcn_event *)&error;
    assert_status(zcn_stream_poll(stream, &events, NULL, &more), ZCN_EINVAL);
    assert_null(events);
    assert_status(zcn_stream_send(NULL, unit), ZCN_EINVAL);
    assert_status(zcn_stream_send(stream, NULL), ZCN_EINVAL);
    assert_status(zcn_stream_send_msg(NULL, msg), ZCN_EINVAL);
    assert_status(zcn_stream_send_msg(stream, NULL), ZCN_EINVAL);
    count = 9;
    assert_status(zcn_stream_gather(NULL, room, 2, &count), ZCN_EINVAL);
    assert_int_equal(count, 0);
    count = 9;
    assert_status(zcn_stream_gather(stream, room, 0, &count), ZCN_EINVAL);
    assert_int_equal(count, 0);
    assert_status(zcn_stream_gather(stream, NULL, 1, &count), ZCN_EINVAL);
    assert_status(zcn_stream_gather(stream, room, 1, NULL), ZCN_EINVAL);
    assert_status(zcn_stream_write_done(NULL, 0), ZCN_EINVAL);
    assert_status(zcn_stream_write_done(stream, 1), ZCN_EINVAL);
    assert_status(zcn_stream_set_framing(NULL, NULL, framing), ZCN_EINVAL);
    assert_status(zcn_stream_set_framing(stream, NULL, NULL), ZCN_EINVAL);
    assert_status(zcn_stream_set_send_framing(NULL, framing), ZCN_EINVAL);
    assert_status(zcn_stream_set_send_framing(stream, NULL), ZCN_EINVAL);
    assert_status(zcn_stream_get_error(NULL, &error), ZCN_EINVAL);
    assert_status(zcn_stream_get_stats(NULL, &stats), ZCN_EINVAL);
    /* Nothing has changed: it works as if it were new. */
    assert_int_equal(stats_of(stream).bytes_in, 0);
    assert_int_equal(stats_of(stream).queued_bytes, 0);
    assert_int_equal(error_of(stream), ZCN_OK);
    assert_ok(zcn_stream_send(stream, unit));
    collector got = {0};
    stream_pump(stream, stream, &got);
    assert_int_equal(got.count, 1);
    assert_pattern(got.at[0].body, 5, 1);
    collector_clear(&got);
    assert_ok(zcn_msg_release(msg));
    zcn_framing_release(framing);
    zcn_stream_release(stream);
}

/* ---- room ---- */

static void room_is_given_and_taken(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    struct iovec room[3] = {{0}};
    size_t pieces;
    assert_status(zcn_stream_read_done(stream, 0), ZCN_EINVAL); /* none was given out */
    assert_ok(zcn_stream_read_room(stream, room, 3, &pieces));
    assert_in_range(pieces, 1, 2);
    uint64_t sum = 0;
    for (size_t i = 0; i < pieces; i++) {
        assert_non_null(room[i].iov_base);
        assert_true(room[i].iov_len > 0);
        sum += room[i].iov_len;
    }
    assert_status(zcn_stream_read_done(stream, sum + 1), ZCN_EINVAL);
    assert_status(zcn_stream_read_done(stream, UINT64_MAX), ZCN_EINVAL);
    assert_ok(zcn_stream_read_done(stream, 0)); /* the reader found nothing */
    assert_status(zcn_stream_read_done(stream, 0), ZCN_EINVAL);
    /* Asking again without reading is no harm. */
    for (int i = 0; i < 100; i++) assert_ok(zcn_stream_read_room(stream, room, 2, &pieces));
    memcpy(room[0].iov_base, "\0\0\0\2hi", 6);
    assert_ok(zcn_stream_read_done(stream, 6));
    assert_status(zcn_stream_read_done(stream, 1), ZCN_EINVAL);
    pieces = 9;
    assert_status(zcn_stream_read_room(stream, room, 2, &pieces), ZCN_AGAIN);
    assert_int_equal(pieces, 0);
    uint64_t taken = 9;
    assert_status(zcn_stream_feed(stream, "more", 4, &taken), ZCN_AGAIN);
    assert_int_equal(taken, 0);
    zcn_msg *msg = owned_msg(NULL, 5, 1);
    assert_status(zcn_stream_feed_msg(stream, msg), ZCN_AGAIN);
    assert_ok(zcn_msg_release(msg));
    assert_int_equal(stats_of(stream).bytes_in, 6);
    collector got = {0};
    assert_int_equal(stream_collect(stream, &got), 1);
    assert_int_equal(got.at[0].size, 2);
    assert_memory_equal(got.at[0].body, "hi", 2);
    collector_clear(&got);
    /* Room ends with another call on the stream. */
    assert_ok(zcn_stream_read_room(stream, room, 2, &pieces));
    assert_int_equal(stream_collect(stream, &got), 0);
    assert_status(zcn_stream_read_done(stream, 1), ZCN_EINVAL);
    zcn_stream_release(stream);
}

/* Full reads: whatever room is given is filled, for messages of many sizes. */
static void room_filled_to_its_end(void **state) {
    (void)state;
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = 4096;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, &options));
    for (size_t size = 0; size < 20000; size = size * 2 + 1) {
        zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
        script frames = {0};
        for (size_t i = 0; i < 200000 / (size + 100) + 3; i++) script_add(&frames, &plain_shape, size + i % 3, i);
        collector got = {.keep = true};
        stream_read(stream, frames.wire.data, frames.wire.size, &got);
        assert_int_equal(got.count, frames.count);
        assert_script(&frames, &got, 0, 0, frames.count);
        /* Nothing was overwritten behind a message that was kept. */
        for (size_t i = 0; i < got.count; i++)
            assert_memory_equal(zcn_msg_data(got.at[i].kept), got.at[i].body, got.at[i].size);
        collector_clear(&got);
        script_clear(&frames);
        zcn_stream_release(stream);
    }
    zcn_pool_release(pool);
}

/* Hands in as much as is taken at once, through one of the doors. */
static zcn_status offer(zcn_stream *stream, bool by_room, const uint8_t *data, uint64_t size, uint64_t *taken) {
    if (!by_room) return zcn_stream_feed(stream, data, size, taken);
    struct iovec room[2];
    size_t pieces = 9;
    *taken = 0;
    const zcn_status status = zcn_stream_read_room(stream, room, 2, &pieces);
    if (status != ZCN_OK) {
        assert_int_equal(pieces, 0);
        return status;
    }
    for (size_t i = 0; i < pieces && *taken < size; i++) {
        const uint64_t part = room[i].iov_len < size - *taken ? room[i].iov_len : size - *taken;
        memcpy(room[i].iov_base, data + *taken, part);
        *taken += part;
    }
    return zcn_stream_read_done(stream, *taken);
}

static zcn_pool *limited_pool(uint64_t limit) {
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = 4096;
    options.limit = limit;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, &options));
    return pool;
}

/* At the pool's limit there is no room, and when something is released there is; nothing is lost. */
static void a_full_pool_gives_no_room(void **state) {
    (void)state;
    for (int by_room = 0; by_room < 2; by_room++) {
        const uint64_t limit = 512 * 1024;
        zcn_pool *pool = limited_pool(limit);
        zcn_stream *stream = stream_of(pool, "length,width=4,strip=4,max=16K", NULL);
        collector got = {.keep = true};
        uint8_t frame[1504] = {0, 0, 0x05, 0xDC};
        size_t sent = 0, at = 0, first = 0;
        for (int full = 0; full < 5; full++) {
            zcn_status status;
            for (;;) {
                uint64_t taken = 9;
                fill_pattern(frame + 4, 1500, sent);
                status = offer(stream, by_room, frame + at, sizeof frame - at, &taken);
                if (status == ZCN_OK) at += taken;
                if (status != ZCN_OK) assert_int_equal(taken, 0);
                if (status < 0) break;
                stream_collect(stream, &got);
                if (at == sizeof frame) {
                    sent++;
                    at = 0;
                }
                assert_true(sent < 1000);
            }
            assert_status(status, ZCN_ENOBUFS);
            assert_int_equal(got.count, sent);
            zcn_pool_stats stats = {.struct_size = sizeof stats};
            assert_ok(zcn_pool_get_stats(pool, &stats));
            assert_in_range(stats.in_use_bytes, limit / 2, limit);
            /* The older half goes. */
            for (const size_t until = (first + sent) / 2; first < until; first++) {
                assert_ok(zcn_msg_release(got.at[first].kept));
                got.at[first].kept = NULL;
            }
        }
        for (size_t i = 0; i < sent; i++) {
            assert_int_equal(got.at[i].size, 1500);
            assert_pattern(got.at[i].body, 1500, i);
            if (got.at[i].kept != NULL) assert_pattern(zcn_msg_data(got.at[i].kept), 1500, i);
        }
        collector_clear(&got);
        zcn_stream_release(stream);
        zcn_pool_release(pool);
    }
}

/* Where unfinished messages fill the pool, one of them can still be finished, and then the next. */
static void unfinished_messages_are_no_deadlock(void **state) {
    (void)state;
    enum { streams = 12, size = 200000 };
    for (int by_room = 1; by_room >= 0; by_room--) {
        zcn_pool *pool = limited_pool(1 << 20);
        zcn_stream *all[streams];
        size_t done[streams] = {0};
        uint8_t *frame = malloc(size + 4);
        assert_non_null(frame);
        memcpy(frame, "\0\3\x0D\x40", 4);
        fill_pattern(frame + 4, size, 1);
        for (size_t i = 0; i < streams; i++) all[i] = stream_of(pool, "length,width=4,strip=4,max=256K", NULL);
        size_t finished = 0;
        bool progress = true;
        while (finished < streams && progress) {
            progress = false;
            for (size_t i = 0; i < streams; i++) {
                if (done[i] == size + 4) continue;
                uint64_t taken = 0;
                const size_t left = size + 4 - done[i];
                const zcn_status status = offer(all[i], by_room, frame + done[i], left < 1000 ? left : 1000, &taken);
                if (status != ZCN_OK) {
                    assert_status(status, ZCN_ENOBUFS);
                    continue;
                }
                progress = true;
                done[i] += taken;
                collector got = {0};
                stream_collect(all[i], &got);
                assert_int_equal(got.count, done[i] == size + 4);
                if (got.count != 0) assert_pattern(got.at[0].body, size, 1);
                finished += got.count;
                collector_clear(&got);
                /* Its borrow ends, and its memory goes back. */
                stream_collect(all[i], NULL);
            }
        }
        if (finished != streams)
            fail_msg("%s: %zu of %d messages could be finished", by_room ? "read_room" : "feed", finished, streams);
        for (size_t i = 0; i < streams; i++) zcn_stream_release(all[i]);
        free(frame);
        zcn_pool_release(pool);
    }
}

/* ---- polls ---- */

static void polls_are_bounded(void **state) {
    (void)state;
    for (uint32_t per_poll = 0; per_poll <= 40; per_poll += per_poll < 3 ? 1 : 37) {
        zcn_stream_options options;
        zcn_stream_options_init(&options, sizeof options);
        options.messages_per_poll = per_poll;
        options.event_capacity = 16;
        options.user = 1234;
        zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
        script frames = small_script(&plain_shape);
        for (size_t i = 0; i < 30; i++) script_add(&frames, &plain_shape, i, i);
        read_in(stream, frames.wire.data, frames.wire.size);
        const size_t most = per_poll == 0 || per_poll > 16 ? 16 : per_poll;
        size_t seen_so_far = 0;
        int32_t more = 1;
        while (more) {
            const zcn_event *events;
            size_t count;
            assert_ok(zcn_stream_poll(stream, &events, &count, &more));
            const size_t left = frames.count - seen_so_far;
            assert_int_equal(count, left < most ? left : most);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(events[i].type, ZCN_EVENT_MESSAGE);
                assert_int_equal(events[i].status, ZCN_OK);
                assert_null(events[i].conn);
                assert_int_equal(events[i].user, 1234);
                assert_non_null(events[i].msg);
            }
            collector got = {0};
            collect(&got, events, count);
            assert_script(&frames, &got, 0, seen_so_far, seen_so_far + count);
            collector_clear(&got);
            seen_so_far += count;
            assert_int_equal(more != 0, seen_so_far < frames.count);
            if (more) {
                struct iovec room[2];
                size_t pieces;
                assert_status(zcn_stream_read_room(stream, room, 2, &pieces), ZCN_AGAIN);
            }
        }
        assert_int_equal(seen_so_far, frames.count);
        assert_int_equal(stats_of(stream).messages_in, frames.count);
        script_clear(&frames);
        zcn_stream_release(stream);
    }
}

/* ---- ends ---- */

static void ends_come_after_the_last_message(void **state) {
    (void)state;
    script frames = small_script(&plain_shape);
    for (size_t size = 0; size <= frames.wire.size; size += effort(1, 7)) {
        zcn_stream_options options;
        zcn_stream_options_init(&options, sizeof options);
        options.messages_per_poll = size % 4;
        zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
        if (size != 0) read_in(stream, frames.wire.data, size);
        assert_ok(zcn_stream_end(stream));
        assert_ok(zcn_stream_end(stream));
        assert_int_equal(error_of(stream), ZCN_OK);
        struct iovec room[2];
        size_t pieces = 9;
        uint64_t taken = 9;
        assert_status(zcn_stream_read_room(stream, room, 2, &pieces), ZCN_EOF);
        assert_int_equal(pieces, 0);
        assert_status(zcn_stream_feed(stream, "x", 1, &taken), ZCN_EOF);
        assert_int_equal(taken, 0);
        zcn_msg *msg = owned_msg(NULL, 5, 1);
        assert_status(zcn_stream_feed_msg(stream, msg), ZCN_EOF);
        assert_ok(zcn_msg_release(msg));
        collector got = {0};
        stream_collect(stream, &got);
        const size_t complete = script_complete(&frames, size);
        assert_int_equal(got.count, complete + 1);
        assert_script(&frames, &got, 0, 0, complete);
        const uint64_t trailing = size - frames.starts[complete];
        const zcn_status reason = trailing == 0 ? ZCN_EOF : ZCN_EFRAME_TRUNCATED;
        assert_int_equal(got.at[complete].type, ZCN_EVENT_CLOSED);
        assert_int_equal(got.at[complete].status, reason);
        assert_int_equal(error_of(stream), reason);
        assert_int_equal(stats_of(stream).trailing_bytes, trailing);
        assert_int_equal(stats_of(stream).unfinished_bytes, 0);
        assert_int_equal(stats_of(stream).bytes_in, size);
        /* Once, and nothing after it. */
        assert_int_equal(stream_collect(stream, NULL), 0);
        assert_ok(zcn_stream_end(stream));
        assert_int_equal(stream_collect(stream, NULL), 0);
        collector_clear(&got);
        zcn_stream_release(stream);
    }
    script_clear(&frames);
}

static void sending_goes_on_after_the_peers_end(void **state) {
    (void)state;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    zcn_unit *unit = pattern_unit(NULL, NULL, 10, 1);
    assert_ok(zcn_unit_set_token(unit, 3));
    assert_ok(zcn_stream_send(stream, unit));
    assert_ok(zcn_stream_end(stream));
    collector got = {0};
    stream_collect(stream, &got);
    assert_int_equal(count_of(&got, ZCN_EVENT_CLOSED), 1);
    assert_int_equal(got.at[0].status, ZCN_EOF);
    assert_ok(zcn_stream_send(stream, pattern_unit(NULL, NULL, 20, 2)));
    bytes wire = {0};
    stream_write(stream, &wire, 0);
    assert_int_equal(wire.size, 38);
    assert_pattern(wire.data + 4, 10, 1);
    assert_pattern(wire.data + 18, 20, 2);
    stream_collect(stream, &got);
    assert_int_equal(count_of(&got, ZCN_EVENT_SENT), 1);
    bytes_clear(&wire);
    collector_clear(&got);
    zcn_stream_release(stream);
}

static void released_streams_let_go(void **state) {
    (void)state;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    for (size_t i = 0; i < 10; i++) assert_ok(zcn_stream_send(stream, pattern_unit(pool, NULL, 1000, i)));
    bytes wire = {0};
    stream_write(stream, &wire, 1500); /* one is under way */
    collector got = {.keep = true};
    stream_read(stream, wire.data, wire.size, &got);
    assert_int_equal(got.count, 1);
    zcn_stream_release(stream);
    assert_pattern(zcn_msg_data(got.at[0].kept), 1000, 0);
    collector_clear(&got);
    bytes_clear(&wire);
    assert_ok(zcn_pool_trim(pool, NULL));
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    assert_int_equal(stats.in_use_bytes, 0);
    zcn_pool_release(pool);
}

/* Many streams of one thread share nothing but the pool. */
static void many_streams_at_once(void **state) {
    (void)state;
    enum { count = 300 };
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, NULL));
    zcn_stream *streams[count];
    collector got[count];
    memset(got, 0, sizeof got);
    script frames = small_script(&plain_shape);
    for (size_t i = 0; i < count; i++) streams[i] = stream_of(pool, PLAIN_FRAMING, NULL);
    const size_t step = effort(7, 97);
    for (size_t at = 0; at < frames.wire.size; at += step)
        for (size_t i = 0; i < count; i++) {
            const size_t size = step < frames.wire.size - at ? step : frames.wire.size - at;
            stream_read(streams[i], frames.wire.data + at, size, &got[i]);
        }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got[i].count, frames.count);
        assert_script(&frames, &got[i], 0, 0, frames.count);
        collector_clear(&got[i]);
        zcn_stream_release(streams[i]);
    }
    script_clear(&frames);
    zcn_pool_release(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(frames_must_fit_the_pool),
        cmocka_unit_test(null_and_wrong_arguments),
        cmocka_unit_test(room_is_given_and_taken),
        cmocka_unit_test(room_filled_to_its_end),
        cmocka_unit_test(a_full_pool_gives_no_room),
        cmocka_unit_test(unfinished_messages_are_no_deadlock),
        cmocka_unit_test(polls_are_bounded),
        cmocka_unit_test(ends_come_after_the_last_message),
        cmocka_unit_test(sending_goes_on_after_the_peers_end),
        cmocka_unit_test(released_streams_let_go),
        cmocka_unit_test(many_streams_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
