/* SPDX-License-Identifier: MIT */
/* Streams that violate their framing, and framings that are changed, also in the middle of a batch. */
#include "support.h"

static zcn_stats stats_of(zcn_stream *stream) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_stream_get_stats(stream, &stats));
    return stats;
}

static void read_in(zcn_stream *stream, const void *data, size_t size) {
    struct iovec room[2];
    size_t pieces;
    assert_ok(zcn_stream_read_room(stream, room, 2, &pieces));
    assert_true(room[0].iov_len >= size);
    memcpy(room[0].iov_base, data, size);
    assert_ok(zcn_stream_read_done(stream, size));
}

static const zcn_event *poll_once(zcn_stream *stream, size_t expected) {
    const zcn_event *events;
    size_t count;
    assert_ok(zcn_stream_poll(stream, &events, &count, NULL));
    assert_int_equal(count, expected);
    return events;
}

/* ---- violations ---- */

/* Told as soon as the bytes that prove it are there, after all messages before, whatever pieces they came in. */
static void errors_come_at_once_and_in_turn(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *data;
        size_t size;
        size_t messages;  /* before it */
        size_t proven_at; /* bytes that prove it */
        zcn_status expected;
    } cases[] = {
        {"length,max=20,strip=4", "\0\0\0\2ab\0\0\0\1c\0\0\0\x11", 15, 2, 15, ZCN_EFRAME_TOO_LARGE},
        {"length,max=20,strip=4", "\xFF\xFF\xFF\xFFx", 5, 0, 4, ZCN_EFRAME_TOO_LARGE},
        {"length,order=little,max=20", "\1\0\0\0a\0\0\0\x80zzzz", 13, 1, 9, ZCN_EFRAME_TOO_LARGE},
        {"length,width=8", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFzzz", 11, 0, 8, ZCN_EFRAME_TOO_LARGE},
        {"length,width=8,adjust=-8,offset=3", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFzz", 13, 0, 11,
         ZCN_EFRAME_TOO_LARGE},
        {"length,adjust=-4", "\0\0\0\5a\0\0\0\4\0\0\0\3", 13, 2, 13, ZCN_EFRAME_UNDERFLOW},
        {"length,strip=6", "\0\0\0\2ab\0\0\0\1c", 11, 1, 10, ZCN_EFRAME_STRIP},
        {"varint,max_varint=3", "\1a\x80\x80\x80\x80", 6, 1, 5, ZCN_EFRAME_VARINT},
        {"varint,max=100", "\1a\x7F", 3, 1, 3, ZCN_EFRAME_TOO_LARGE},
        {"varint", "\1a\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\2", 12, 1, 12, ZCN_EFRAME_VARINT},
        {"varint,adjust=-3", "\3\2", 2, 1, 2, ZCN_EFRAME_UNDERFLOW},
        {"delimiter=;,max=5", "abc;abcd;abcdefgh;", 18, 2, 14, ZCN_EFRAME_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece <= cases[i].size; piece++)
            for (int door = 0; door < 2; door++) {
                zcn_stream *stream = stream_of(NULL, cases[i].text, NULL);
                collector got = {0};
                size_t at = 0;
                while (at < cases[i].size && count_of(&got, ZCN_EVENT_CLOSED) == 0) {
                    const size_t part = piece < cases[i].size - at ? piece : cases[i].size - at;
                    (door ? stream_feed : stream_read)(stream, cases[i].data + at, part, &got);
                    at += part;
                    if (at < cases[i].proven_at && count_of(&got, ZCN_EVENT_CLOSED) != 0)
                        fail_msg("case %zu: closed after %zu bytes", i, at);
                    if (at >= cases[i].proven_at && count_of(&got, ZCN_EVENT_CLOSED) == 0)
                        fail_msg("case %zu: not closed after %zu bytes", i, at);
                }
                assert_int_equal(count_of(&got, ZCN_EVENT_MESSAGE), cases[i].messages);
                assert_int_equal(got.count, cases[i].messages + 1);
                assert_int_equal(got.at[got.count - 1].type, ZCN_EVENT_CLOSED);
                assert_int_equal(got.at[got.count - 1].status, cases[i].expected);
                zcn_error error = {.struct_size = sizeof error};
                assert_ok(zcn_stream_get_error(stream, &error));
                assert_int_equal(error.status, cases[i].expected);
                assert_true(error.text[0] != '\0');
                /* It is over for receiving. */
                struct iovec room[2];
                size_t pieces = 9;
                uint64_t taken = 9;
                assert_status(zcn_stream_read_room(stream, room, 2, &pieces), ZCN_ECLOSED);
                assert_int_equal(pieces, 0);
                assert_status(zcn_stream_feed(stream, "x", 1, &taken), ZCN_ECLOSED);
                assert_int_equal(taken, 0);
                zcn_msg *msg = owned_msg(NULL, 5, 1);
                assert_status(zcn_stream_feed_msg(stream, msg), ZCN_ECLOSED);
                assert_ok(zcn_msg_release(msg));
                zcn_framing *framing = framing_of("raw");
                assert_status(zcn_stream_set_framing(stream, NULL, framing), ZCN_ECLOSED);
                zcn_framing_release(framing);
                assert_ok(zcn_stream_end(stream));
                assert_int_equal(stream_collect(stream, NULL), 0);
                collector_clear(&got);
                zcn_stream_release(stream);
            }
}

static zcn_status refuse(void *context, const void *data, uint64_t size, uint64_t *out_frame_size) {
    (void)context;
    if (((const char *)data)[0] == '!') return -1000;
    *out_frame_size = ((const char *)data)[0] == '0' ? 0 : 3;
    return size < 2 ? ZCN_AGAIN : ZCN_OK;
}

static void custom_functions_may_refuse(void **state) {
    (void)state;
    zcn_framing_options options;
    zcn_framing_options_init(&options, sizeof options);
    options.kind = ZCN_FRAMING_CUSTOM;
    options.measure = refuse;
    zcn_framing *framing;
    assert_ok(zcn_framing_create(&framing, &options, NULL));
    static const char *const texts[] = {"abcdef!x", "abcdef0x"};
    for (size_t i = 0; i < 2; i++) {
        zcn_stream *stream;
        assert_ok(zcn_stream_create(&stream, NULL, framing, NULL));
        collector got = {0};
        stream_read(stream, texts[i], 8, &got);
        assert_int_equal(got.count, 3);
        assert_memory_equal(got.at[0].body, "abc", 3);
        assert_memory_equal(got.at[1].body, "def", 3);
        assert_int_equal(got.at[2].type, ZCN_EVENT_CLOSED);
        /* A frame of no bytes would never end: that is refused as well. */
        if (i == 0) assert_int_equal(got.at[2].status, ZCN_EFRAME_MEASURE);
        assert_true(got.at[2].status < 0);
        collector_clear(&got);
        zcn_stream_release(stream);
    }
    zcn_framing_release(framing);
}

/* ---- changing the receive framing ---- */

/* A line tells that what follows is framed otherwise; all of it has arrived in one read. */
static void framing_changes_in_a_batch(void **state) {
    (void)state;
    static const char data[] = "first\nupgrade\n\0\0\0\3abc\0\0\0\1\n\0\0\0\2hi";
    const size_t size = sizeof data - 1;
    zcn_framing *binary = framing_of(PLAIN_FRAMING);
    /* As many bytes of it as one likes have come when it is changed. */
    for (size_t read = 14; read <= size; read++) {
        zcn_stream *stream = stream_of(NULL, "delimiter=\\n,strip=1", NULL);
        read_in(stream, data, read);
        const zcn_event *events;
        size_t count;
        assert_ok(zcn_stream_poll(stream, &events, &count, NULL));
        assert_in_range(count, 2, 3);
        assert_memory_equal(events[1].data, "upgrade", 7);
        assert_ok(zcn_stream_set_framing(stream, events[1].msg, binary));
        /* What came before stays, what came after is blank. */
        assert_int_equal(events[0].type, ZCN_EVENT_MESSAGE);
        assert_memory_equal(zcn_msg_data(events[0].msg), "first", 5);
        assert_int_equal(events[1].type, ZCN_EVENT_MESSAGE);
        assert_memory_equal(zcn_msg_data(events[1].msg), "upgrade", 7);
        if (count == 3) assert_int_equal(events[2].type, ZCN_EVENT_NONE);
        assert_int_equal(stats_of(stream).messages_in, 2);
        collector got = {0};
        stream_collect(stream, &got);
        if (read < size) stream_read(stream, data + read, size - read, &got);
        assert_int_equal(got.count, 3);
        assert_int_equal(got.at[0].size, 3);
        assert_memory_equal(got.at[0].body, "abc", 3);
        assert_memory_equal(got.at[0].frame, "\0\0\0\3abc", 7);
        assert_int_equal(got.at[1].size, 1);
        assert_memory_equal(got.at[1].body, "\n", 1);
        assert_int_equal(got.at[2].size, 2);
        assert_memory_equal(got.at[2].body, "hi", 2);
        assert_int_equal(stats_of(stream).messages_in, 5);
        assert_int_equal(stats_of(stream).bytes_in, size);
        assert_int_equal(stats_of(stream).unfinished_bytes, 0);
        collector_clear(&got);
        zcn_stream_release(stream);
    }
    zcn_framing_release(binary);
}

/* After every message of a batch, to every other framing, with any number of bytes behind it. */
static void framing_changes_anywhere(void **state) {
    (void)state;
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = 4096;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, &options));
    for (size_t to = 0; to < frame_shape_count; to++) {
        script before = small_script(&plain_shape);
        zcn_framing *framing = framing_of(frame_shapes[to].text);
        for (size_t at = 0; at < before.count; at += effort(1, 5)) {
            /* The wire changes its framing behind the message `at`. */
            script behind = small_script(&frame_shapes[to]);
            bytes wire = {0};
            bytes_append(&wire, before.wire.data, before.starts[at + 1]);
            bytes_append(&wire, behind.wire.data, behind.wire.size);
            for (size_t cut = before.starts[at + 1]; cut <= wire.size; cut += effort(23, 211)) {
                zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
                read_in(stream, wire.data, cut);
                const zcn_event *events;
                size_t count;
                assert_ok(zcn_stream_poll(stream, &events, &count, NULL));
                assert_true(count > at);
                collector got = {0};
                assert_ok(zcn_stream_set_framing(stream, events[at].msg, framing));
                collect(&got, events, count);
                assert_script(&before, &got, 0, 0, at + 1);
                for (size_t i = at + 1; i < count; i++) assert_int_equal(got.at[i].type, ZCN_EVENT_NONE);
                collector_clear(&got);
                stream_collect(stream, &got);
                assert_int_equal(got.count, script_complete(&behind, cut - before.starts[at + 1]));
                stream_read(stream, wire.data + cut, wire.size - cut, &got);
                assert_int_equal(got.count, behind.count);
                assert_script(&behind, &got, 0, 0, behind.count);
                assert_int_equal(stats_of(stream).messages_in, at + 1 + behind.count);
                collector_clear(&got);
                zcn_stream_release(stream);
            }
            bytes_clear(&wire);
            script_clear(&behind);
        }
        zcn_framing_release(framing);
        script_clear(&before);
    }
    zcn_pool_release(pool);
}

/* An error that parsing found behind that message is blanked, whether it was in the batch or still to come. */
static void errors_are_blanked_too(void **state) {
    (void)state;
    zcn_framing *lines = framing_of("delimiter=\\n,strip=1");
    for (int after_all = 0; after_all < 2; after_all++) {
        zcn_stream *stream = stream_of(NULL, "length,max=100,strip=4", NULL);
        read_in(stream, "\0\0\0\2goTHIS IS TEXT\nmore\n", 25);
        const zcn_event *events = poll_once(stream, 1);
        assert_memory_equal(events[0].data, "go", 2);
        assert_ok(zcn_stream_set_framing(stream, after_all ? NULL : events[0].msg, lines));
        zcn_error error = {.struct_size = sizeof error};
        assert_ok(zcn_stream_get_error(stream, &error));
        assert_int_equal(error.status, ZCN_OK);
        collector got = {0};
        stream_collect(stream, &got);
        assert_int_equal(got.count, 2);
        assert_memory_equal(got.at[0].body, "THIS IS TEXT", 12);
        assert_memory_equal(got.at[1].body, "more", 4);
        /* It lives on. */
        stream_read(stream, "still\n", 6, &got);
        assert_int_equal(got.count, 3);
        collector_clear(&got);
        zcn_stream_release(stream);
    }
    zcn_framing_release(lines);
}

/* NULL: what was delivered stays, parsing starts again behind it, with what waits of an unfinished message. */
static void framing_changes_behind_everything(void **state) {
    (void)state;
    zcn_framing *lines = framing_of("delimiter=\\n,strip=1");
    for (size_t pending = 0; pending <= 300; pending += 1 + pending / 3) {
        zcn_stream *stream = stream_of(NULL, "length,max=64M,strip=4", NULL);
        bytes wire = {0};
        append_frame(&wire, &plain_shape, "one", 3);
        append_frame(&wire, &plain_shape, "two", 3);
        /* As a length these are 64 KiB and more; as text a line. */
        bytes_append_zeros(&wire, 0);
        char line[301];
        memset(line, 0x01, sizeof line);
        bytes_append(&wire, line, pending);
        read_in(stream, wire.data, wire.size);
        const zcn_event *events = poll_once(stream, 2);
        assert_ok(zcn_stream_set_framing(stream, NULL, lines));
        assert_int_equal(events[0].type, ZCN_EVENT_MESSAGE);
        assert_int_equal(events[1].type, ZCN_EVENT_MESSAGE);
        assert_memory_equal(zcn_msg_data(events[1].msg), "two", 3);
        collector got = {0};
        stream_collect(stream, &got);
        assert_int_equal(got.count, 0);
        stream_read(stream, "end\n", 4, &got);
        assert_int_equal(got.count, 1);
        assert_int_equal(got.at[0].size, pending + 3);
        assert_memory_equal(got.at[0].body, line, pending);
        assert_memory_equal(got.at[0].body + pending, "end", 3);
        collector_clear(&got);
        bytes_clear(&wire);
        zcn_stream_release(stream);
    }
    zcn_framing_release(lines);
}

/* With messages that wait for the next poll: they are framed anew. */
static void framing_changes_before_undelivered_messages(void **state) {
    (void)state;
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    options.messages_per_poll = 1;
    zcn_framing *lines = framing_of("delimiter=\\n,strip=1");
    for (int after_all = 0; after_all < 2; after_all++) {
        zcn_stream *stream = stream_of(NULL, "fixed=4", &options);
        read_in(stream, "abcdefghijk\nlm\n", 15);
        const zcn_event *events = poll_once(stream, 1);
        assert_memory_equal(events[0].data, "abcd", 4);
        assert_ok(zcn_stream_set_framing(stream, after_all ? NULL : events[0].msg, lines));
        collector got = {0};
        stream_collect(stream, &got);
        assert_int_equal(got.count, 2);
        assert_int_equal(got.at[0].size, 7);
        assert_memory_equal(got.at[0].body, "efghijk", 7);
        assert_memory_equal(got.at[1].body, "lm", 2);
        collector_clear(&got);
        zcn_stream_release(stream);
    }
    zcn_framing_release(lines);
}

static void framing_stays_when_the_change_is_refused(void **state) {
    (void)state;
    zcn_framing *lines = framing_of("delimiter=\\n");
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL);
    zcn_stream *other = stream_of(NULL, PLAIN_FRAMING, NULL);
    script frames = small_script(&plain_shape);
    read_in(stream, frames.wire.data, frames.wire.size);
    read_in(other, frames.wire.data, frames.wire.size);
    const zcn_event *events = poll_once(stream, frames.count);
    const zcn_event *others = poll_once(other, frames.count);
    zcn_msg *kept, *old = others[0].msg;
    assert_ok(zcn_msg_retain(&kept, events[5].msg));
    assert_status(zcn_stream_set_framing(stream, events[4].msg, lines), ZCN_EBUSY); /* a later one was retained */
    assert_status(zcn_stream_set_framing(stream, events[0].msg, lines), ZCN_EBUSY);
    assert_status(zcn_stream_set_framing(stream, kept, lines), ZCN_EINVAL);          /* not of the array */
    assert_status(zcn_stream_set_framing(stream, others[1].msg, lines), ZCN_EINVAL); /* not of this stream */
    others = poll_once(other, 0);
    assert_status(zcn_stream_set_framing(other, old, lines), ZCN_EINVAL); /* not of the present array */
    collector got = {0};
    collect(&got, events, frames.count);
    assert_script(&frames, &got, 0, 0, frames.count); /* nothing was blanked */
    collector_clear(&got);
    stream_read(stream, frames.wire.data, frames.wire.size, &got);
    assert_script(&frames, &got, 0, 0, frames.count); /* and the framing is the old one */
    collector_clear(&got);
    /* The one that was retained, and those before it, are no obstacle. */
    zcn_stream *third = stream_of(NULL, PLAIN_FRAMING, NULL);
    read_in(third, frames.wire.data, frames.wire.size);
    events = poll_once(third, frames.count);
    zcn_msg *also;
    assert_ok(zcn_msg_retain(&also, events[5].msg));
    assert_ok(zcn_stream_set_framing(third, events[5].msg, lines));
    assert_int_equal(events[6].type, ZCN_EVENT_NONE);
    assert_ok(zcn_msg_release(also));
    assert_ok(zcn_msg_release(kept));
    script_clear(&frames);
    zcn_stream_release(stream);
    zcn_stream_release(other);
    zcn_stream_release(third);
    zcn_framing_release(lines);
}

/* Whatever holds bytes of a later message forbids the change; what failed to hold them does not. */
static void holders_of_later_messages(void **state) {
    (void)state;
    zcn_framing *lines = framing_of("delimiter=\\n");
    script frames = small_script(&plain_shape);
    for (int how = 0; how < 8; how++) {
        zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL), *other = stream_of(NULL, "raw", NULL);
        read_in(stream, frames.wire.data, frames.wire.size);
        const zcn_event *events = poll_once(stream, frames.count);
        zcn_msg *made = NULL;
        zcn_unit *unit;
        assert_ok(zcn_unit_create(&unit, NULL));
        const zcn_msg *const joined[] = {events[0].msg, events[6].msg};
        const zcn_msg *const broken[] = {events[6].msg, NULL};
        zcn_status expected = ZCN_EBUSY;
        switch (how) {
            case 0:
                assert_ok(zcn_msg_slice(&made, events[6].msg, 1, 2));
                break;
            case 1:
                assert_ok(zcn_msg_join(&made, joined, 2));
                break;
            case 2:
                assert_ok(zcn_unit_append_msg(unit, events[6].msg));
                break;
            case 3:
                assert_ok(zcn_stream_send_msg(other, events[6].msg));
                break;
            case 4:
                assert_ok(zcn_stream_feed_msg(other, events[6].msg));
                break;
            case 5: /* a copy holds nothing */
                assert_ok(zcn_msg_detach(&made, events[6].msg));
                expected = ZCN_OK;
                break;
            case 6:
                assert_status(zcn_msg_join(&made, broken, 2), ZCN_EINVAL);
                expected = ZCN_OK;
                break;
            default:
                assert_status(zcn_msg_slice(&made, events[6].msg, 1000, 1), ZCN_EINVAL);
                expected = ZCN_OK;
        }
        const zcn_status status = zcn_stream_set_framing(stream, events[3].msg, lines);
        /* Bytes that are only read may be framed again, as long as they stay whole (see below). */
        if (how == 2 || how == 3) expected = status == ZCN_OK ? ZCN_OK : ZCN_EBUSY;
        if (status != expected) fail_msg("variant %d: %s", how, zcn_status_name(status));
        zcn_unit_release(unit);
        assert_ok(zcn_msg_release(made));
        zcn_stream_release(stream);
        zcn_stream_release(other);
    }
    script_clear(&frames);
    zcn_framing_release(lines);
}

/* Messages that were sent on before the framing changed leave as they were, whatever is read where they lay. */
static void sent_messages_survive_the_change(void **state) {
    (void)state;
    for (size_t size = 1; size < 200; size += 7)
        for (int how = 0; how < 3; how++) {
            zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, NULL), *other = stream_of(NULL, "raw", NULL);
            uint8_t body[200];
            fill_pattern(body, size, 1);
            bytes wire = {0};
            append_frame(&wire, &plain_shape, "go", 2);
            append_frame(&wire, &plain_shape, body, size);
            read_in(stream, wire.data, wire.size);
            const zcn_event *events = poll_once(stream, 2);
            zcn_unit *unit = NULL;
            if (how == 0) assert_ok(zcn_stream_send_msg(other, events[1].msg));
            if (how != 0) assert_ok(zcn_unit_create(&unit, NULL));
            if (how == 1) assert_ok(zcn_unit_append_frame(unit, events[1].msg));
            if (how == 2) {
                assert_ok(zcn_unit_append_copy(unit, wire.data + 6, 4));
                assert_ok(zcn_unit_append_msg(unit, events[1].msg));
            }
            /* Under this framing it is the start of a frame that is not complete. */
            zcn_framing *longer = framing_of("fixed=1000");
            const zcn_status status = zcn_stream_set_framing(stream, events[0].msg, longer);
            assert_true(status == ZCN_OK || status == ZCN_EBUSY);
            stream_collect(stream, NULL);
            uint8_t rest[1000];
            memset(rest, 0xEE, sizeof rest);
            collector got = {0};
            if (status == ZCN_OK) {
                stream_read(stream, rest, 1000 - size - 4, &got);
                assert_int_equal(got.count, 1);
                assert_memory_equal(got.at[0].body, wire.data + 6, size + 4);
                assert_memory_equal(got.at[0].body + size + 4, rest, 1000 - size - 4);
            }
            if (unit != NULL) assert_ok(zcn_stream_send(other, unit));
            bytes sent = {0};
            stream_write(other, &sent, 0);
            assert_int_equal(sent.size, size + 4);
            if (memcmp(sent.data, wire.data + 6, size + 4) != 0)
                fail_msg("a message of %zu bytes was overwritten while it was queued (variant %d)", size, how);
            collector_clear(&got);
            bytes_clear(&sent);
            bytes_clear(&wire);
            zcn_framing_release(longer);
            zcn_stream_release(stream);
            zcn_stream_release(other);
        }
}

/* Many messages, and bodies that were moved to be aligned: what comes back is put together again. */
static void framing_changes_before_many_messages(void **state) {
    (void)state;
    for (uint32_t align = 0; align <= 64; align += 64)
        for (size_t many = 10; many <= 200; many += 95) {
            zcn_stream_options options;
            zcn_stream_options_init(&options, sizeof options);
            options.align = align;
            zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
            script frames = {0};
            for (size_t i = 0; i < many; i++) script_add(&frames, &plain_shape, 20 + i % 7, i);
            read_in(stream, frames.wire.data, frames.wire.size);
            const zcn_event *events = poll_once(stream, many);
            zcn_framing *framing = framing_of("length,width=4,max=1M"); /* nothing is hidden any more */
            const zcn_status status = zcn_stream_set_framing(stream, events[0].msg, framing);
            if (status != ZCN_OK) fail_msg("align %u, %zu messages: %s", align, many, zcn_status_name(status));
            collector got = {0};
            stream_collect(stream, &got);
            assert_int_equal(got.count, many - 1);
            frame_shape whole = plain_shape;
            whole.strip = 0;
            frames.shape = &whole;
            assert_script(&frames, &got, 0, 1, many);
            collector_clear(&got);
            script_clear(&frames);
            zcn_framing_release(framing);
            zcn_stream_release(stream);
        }
}

/* A chain: every message names the framing of the next. */
static void framing_changes_after_each_message(void **state) {
    (void)state;
    for (uint32_t per_poll = 0; per_poll < 2; per_poll++) {
        zcn_stream_options options;
        zcn_stream_options_init(&options, sizeof options);
        options.messages_per_poll = per_poll;
        bytes wire = {0};
        enum { links = 60 };
        for (size_t i = 0; i < links; i++) {
            const frame_shape *shape = &frame_shapes[i % frame_shape_count];
            uint8_t body[64];
            const size_t size = body_size_for(shape, shape->strip + i % 20);
            fill_body(body, size, i);
            append_frame(&wire, shape, body, size);
        }
        zcn_stream *stream = stream_of(NULL, frame_shapes[0].text, &options);
        read_in(stream, wire.data, wire.size);
        for (size_t i = 0; i < links; i++) {
            const frame_shape *shape = &frame_shapes[i % frame_shape_count];
            const zcn_event *events;
            size_t count;
            assert_ok(zcn_stream_poll(stream, &events, &count, NULL));
            assert_true(count >= 1);
            assert_int_equal(events[0].type, ZCN_EVENT_MESSAGE);
            uint8_t body[64];
            const size_t size = body_size_for(shape, shape->strip + i % 20);
            fill_body(body, size, i);
            bytes frame = {0}, view = {0};
            append_frame(&frame, shape, body, size);
            append_view(&view, shape, frame.data, frame.size);
            assert_int_equal(events[0].size, view.size);
            assert_memory_equal(events[0].data, view.data, view.size);
            bytes_clear(&frame);
            bytes_clear(&view);
            zcn_framing *next = framing_of(frame_shapes[(i + 1) % frame_shape_count].text);
            assert_ok(zcn_stream_set_framing(stream, events[0].msg, next));
            zcn_framing_release(next);
        }
        assert_int_equal(stream_collect(stream, NULL), 0);
        assert_int_equal(stats_of(stream).messages_in, links);
        assert_int_equal(stats_of(stream).unfinished_bytes, 0);
        bytes_clear(&wire);
        zcn_stream_release(stream);
    }
}

/* ---- what is sent ---- */

static void sending_has_a_framing_of_its_own(void **state) {
    (void)state;
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    zcn_framing *lines = framing_of("delimiter=\\n,strip=1"), *bytes_framing = framing_of("length,width=1");
    options.send_framing = lines;
    zcn_stream *stream = stream_of(NULL, PLAIN_FRAMING, &options);
    zcn_framing_release(lines); /* the stream has its own reference */
    assert_ok(zcn_stream_send(stream, pattern_unit(NULL, NULL, 3, 1)));
    assert_ok(zcn_stream_set_send_framing(stream, bytes_framing));
    zcn_framing_release(bytes_framing);
    /* What was queued stays as it is. */
    assert_ok(zcn_stream_send(stream, pattern_unit(NULL, NULL, 3, 2)));
    bytes wire = {0};
    stream_write(stream, &wire, 0);
    assert_int_equal(wire.size, 8);
    assert_pattern(wire.data, 3, 1);
    assert_int_equal(wire.data[3], '\n');
    assert_int_equal(wire.data[4], 3);
    assert_pattern(wire.data + 5, 3, 2);
    bytes_clear(&wire);
    /* Receiving has not changed. */
    collector got = {0};
    stream_read(stream, "\0\0\0\2hi", 6, &got);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.at[0].size, 2);
    collector_clear(&got);
    zcn_stream_release(stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_come_at_once_and_in_turn),
        cmocka_unit_test(custom_functions_may_refuse),
        cmocka_unit_test(framing_changes_in_a_batch),
        cmocka_unit_test(framing_changes_anywhere),
        cmocka_unit_test(errors_are_blanked_too),
        cmocka_unit_test(framing_changes_behind_everything),
        cmocka_unit_test(framing_changes_before_undelivered_messages),
        cmocka_unit_test(framing_stays_when_the_change_is_refused),
        cmocka_unit_test(holders_of_later_messages),
        cmocka_unit_test(sent_messages_survive_the_change),
        cmocka_unit_test(framing_changes_before_many_messages),
        cmocka_unit_test(framing_changes_after_each_message),
        cmocka_unit_test(sending_has_a_framing_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
