/* SPDX-License-Identifier: MIT */
/* Events that are noted, and streams that are fed. */
#include "support.h"

static void *copy_of(const void *data, uint64_t size) {
    void *copy = malloc(size != 0 ? size : 1);
    assert_non_null(copy);
    if (size != 0) memcpy(copy, data, size);
    return copy;
}

static seen *next_place(collector *in) {
    if (in->count == in->capacity) {
        in->capacity = in->capacity * 2 + 16;
        in->at = realloc(in->at, in->capacity * sizeof *in->at);
        assert_non_null(in->at);
    }
    seen *place = &in->at[in->count++];
    memset(place, 0, sizeof *place);
    return place;
}

void collect(collector *into, const zcn_event *events, size_t count) {
    if (into == NULL) return;
    for (size_t i = 0; i < count; i++) {
        const zcn_event *event = &events[i];
        seen *place = next_place(into);
        place->type = event->type;
        place->status = event->status;
        place->conn = event->conn;
        place->user = event->user;
        place->size = event->size;
        place->token = event->token;
        if (event->type != ZCN_EVENT_MESSAGE) continue;
        assert_non_null(event->msg);
        assert_non_null(event->data);
        assert_int_equal(zcn_msg_size(event->msg), event->size);
        assert_ptr_equal(zcn_msg_data(event->msg), event->data);
        if (into->keep) {
            assert_ok(zcn_msg_retain(&place->kept, event->msg));
            assert_non_null(place->kept);
        }
        if (into->no_copy) continue;
        place->body = copy_of(event->data, event->size);
        const void *frame;
        if (zcn_msg_frame(event->msg, &frame, &place->frame_size) == ZCN_OK)
            place->frame = copy_of(frame, place->frame_size);
    }
}

size_t count_of(const collector *in, uint32_t type) {
    size_t count = 0;
    for (size_t i = 0; i < in->count; i++) count += in->at[i].type == type;
    return count;
}

size_t count_for(const collector *in, uint32_t type, const zcn_conn *conn) {
    size_t count = 0;
    for (size_t i = 0; i < in->count; i++) count += in->at[i].type == type && in->at[i].conn == conn;
    return count;
}

const seen *nth_of(const collector *in, uint32_t type, size_t n) {
    for (size_t i = 0; i < in->count; i++)
        if (in->at[i].type == type && n-- == 0) return &in->at[i];
    return NULL;
}

const seen *first_for(const collector *in, uint32_t type, const zcn_conn *conn) {
    for (size_t i = 0; i < in->count; i++)
        if (in->at[i].type == type && in->at[i].conn == conn) return &in->at[i];
    return NULL;
}

void collector_clear(collector *of) {
    for (size_t i = 0; i < of->count; i++) {
        free(of->at[i].body);
        free(of->at[i].frame);
        if (of->at[i].kept != NULL) assert_ok(zcn_msg_release(of->at[i].kept));
    }
    free(of->at);
    of->at = NULL;
    of->count = of->capacity = 0;
}

/* ---- streams ---- */

zcn_stream *stream_of(zcn_pool *pool, const char *framing_text, const zcn_stream_options *options) {
    zcn_framing *framing = framing_of(framing_text);
    zcn_stream *stream = NULL;
    assert_ok(zcn_stream_create(&stream, pool, framing, options));
    assert_non_null(stream);
    zcn_framing_release(framing);
    return stream;
}

size_t stream_collect(zcn_stream *stream, collector *into) {
    size_t all = 0;
    int32_t more;
    do {
        const zcn_event *events;
        size_t count;
        assert_ok(zcn_stream_poll(stream, &events, &count, &more));
        assert_true((events != NULL) == (count != 0));
        collect(into, events, count);
        all += count;
    } while (more);
    return all;
}

void stream_read(zcn_stream *stream, const void *data, size_t size, collector *into) {
    const uint8_t *next = data;
    while (size != 0) {
        struct iovec room[2];
        size_t pieces;
        zcn_status status = zcn_stream_read_room(stream, room, 2, &pieces);
        if (status == ZCN_AGAIN) {
            stream_collect(stream, into);
            status = zcn_stream_read_room(stream, room, 2, &pieces);
        }
        assert_status(status, ZCN_OK);
        assert_in_range(pieces, 1, 2);
        size_t read = 0;
        for (size_t i = 0; i < pieces && size != 0; i++) {
            const size_t part = room[i].iov_len < size ? room[i].iov_len : size;
            memcpy(room[i].iov_base, next, part);
            next += part;
            size -= part;
            read += part;
        }
        assert_true(read != 0);
        assert_ok(zcn_stream_read_done(stream, read));
    }
    stream_collect(stream, into);
}

void stream_feed(zcn_stream *stream, const void *data, size_t size, collector *into) {
    const uint8_t *next = data;
    while (size != 0) {
        uint64_t taken;
        zcn_status status = zcn_stream_feed(stream, next, size, &taken);
        if (status == ZCN_AGAIN) {
            assert_int_equal(taken, 0);
            stream_collect(stream, into);
            status = zcn_stream_feed(stream, next, size, &taken);
        }
        assert_status(status, ZCN_OK);
        assert_in_range(taken, 1, size);
        next += taken;
        size -= taken;
    }
    stream_collect(stream, into);
}

size_t stream_write(zcn_stream *stream, bytes *to, size_t most) {
    size_t written = 0;
    while (most == 0 || written < most) {
        struct iovec pieces[16];
        size_t count;
        assert_ok(zcn_stream_gather(stream, pieces, 16, &count));
        if (count == 0) break;
        size_t step = 0;
        for (size_t i = 0; i < count && (most == 0 || written + step < most); i++) {
            size_t part = pieces[i].iov_len;
            assert_true(part != 0);
            if (most != 0 && part > most - written - step) part = most - written - step;
            bytes_append(to, pieces[i].iov_base, part);
            step += part;
        }
        assert_ok(zcn_stream_write_done(stream, step));
        written += step;
    }
    return written;
}

void stream_pump(zcn_stream *from, zcn_stream *to, collector *into) {
    bytes wire = {0};
    stream_write(from, &wire, 0);
    if (wire.size != 0) stream_read(to, wire.data, wire.size, into);
    bytes_clear(&wire);
}

void stream_keep(zcn_stream *stream, size_t count, size_t size, collector *into) {
    bytes wire = {0};
    append_messages(&wire, count, size);
    into->keep = into->no_copy = true;
    stream_read(stream, wire.data, wire.size, into);
    bytes_clear(&wire);
}

zcn_msg *owned_msg(zcn_pool *pool, size_t size, uint64_t seed) {
    zcn_stream *stream = stream_of(pool, PLAIN_FRAMING, NULL);
    uint8_t *body = malloc(size != 0 ? size : 1);
    assert_non_null(body);
    fill_pattern(body, size, seed);
    bytes frame = {0};
    append_frame(&frame, &plain_shape, body, size);
    collector got = {.keep = true, .no_copy = true};
    stream_read(stream, frame.data, frame.size, &got);
    assert_int_equal(got.count, 1);
    zcn_msg *msg = got.at[0].kept;
    got.at[0].kept = NULL;
    collector_clear(&got);
    bytes_clear(&frame);
    free(body);
    zcn_stream_release(stream);
    return msg;
}

zcn_unit *pattern_unit(zcn_pool *pool, const zcn_framing *framing, size_t size, uint64_t seed) {
    zcn_unit *unit = NULL;
    void *data = NULL;
    assert_ok(zcn_unit_alloc(&unit, &data, pool, framing, size));
    assert_non_null(unit);
    assert_non_null(data);
    fill_pattern(data, size, seed);
    return unit;
}
