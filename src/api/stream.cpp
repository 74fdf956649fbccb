// SPDX-License-Identifier: MIT
// The C boundary of streams.
#include "base/options.h"
#include "net/standalone.h"
#include "receive/dump.h"

using zcnet::net::default_stream_options;

namespace {

// What every call on a stream checks first.
zcn_status check(const zcn_stream *stream) noexcept {
    if (stream == nullptr) return ZCN_EINVAL;
    return stream->in_process() ? ZCN_OK : ZCN_EFORKED;
}

}  // namespace

void zcn_stream_options_init(zcn_stream_options *options, size_t struct_size) {
    zcnet::init_options(options, struct_size, default_stream_options());
}

zcn_status zcn_stream_create(zcn_stream **out, zcn_pool *pool, const zcn_framing *framing,
                             const zcn_stream_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    if (framing == nullptr) return ZCN_EINVAL;
    zcn_stream_options chosen{};
    const zcn_status status = zcnet::read_options(&chosen, options, default_stream_options());
    if (status != ZCN_OK) return status;
    const zcn_status made = zcn_stream::create(out, pool, framing, chosen);
    zcnet::receive::note_made("stream", *out, 0, 0, __builtin_return_address(0));
    return made;
}

void zcn_stream_release(zcn_stream *stream) {
    if (stream != nullptr) stream->destroy();
}

zcn_status zcn_stream_read_room(zcn_stream *stream, struct iovec *iovecs, size_t capacity, size_t *out_count) {
    if (out_count == nullptr) return ZCN_EINVAL;
    *out_count = 0;
    if (iovecs == nullptr || capacity < 2) return ZCN_EINVAL;
    const zcn_status status = check(stream);
    return status != ZCN_OK ? status : stream->read_room(iovecs, out_count);
}

zcn_status zcn_stream_read_done(zcn_stream *stream, uint64_t size) {
    const zcn_status status = check(stream);
    return status != ZCN_OK ? status : stream->read_done(size);
}

zcn_status zcn_stream_feed(zcn_stream *stream, const void *data, uint64_t size, uint64_t *out_taken) {
    if (out_taken == nullptr) return ZCN_EINVAL;
    *out_taken = 0;
    if (data == nullptr && size != 0) return ZCN_EINVAL;
    const zcn_status status = check(stream);
    return status != ZCN_OK ? status : stream->feed(data, size, out_taken);
}

zcn_status zcn_stream_feed_msg(zcn_stream *stream, const zcn_msg *msg) {
    const zcn_status status = check(stream);
    if (status != ZCN_OK) return status;
    return msg == nullptr ? ZCN_EINVAL : stream->feed_message(msg);
}

zcn_status zcn_stream_end(zcn_stream *stream) {
    const zcn_status status = check(stream);
    if (status == ZCN_OK) stream->end();
    return status;
}

zcn_status zcn_stream_poll(zcn_stream *stream, const zcn_event **out_events, size_t *out_count, int32_t *out_more) {
    if (out_events != nullptr) *out_events = nullptr;
    if (out_count != nullptr) *out_count = 0;
    if (out_more != nullptr) *out_more = 0;
    if (out_events == nullptr || out_count == nullptr) return ZCN_EINVAL;
    const zcn_status status = check(stream);
    if (status != ZCN_OK) return status;
    int32_t more = 0;
    stream->poll(out_events, out_count, &more);
    if (out_more != nullptr) *out_more = more;
    return ZCN_OK;
}

zcn_status zcn_stream_send(zcn_stream *stream, zcn_unit *unit) {
    const zcn_status status = check(stream);
    if (status != ZCN_OK) return status;
    return unit == nullptr ? ZCN_EINVAL : stream->send(unit);
}

zcn_status zcn_stream_send_msg(zcn_stream *stream, const zcn_msg *msg) {
    const zcn_status status = check(stream);
    if (status != ZCN_OK) return status;
    return msg == nullptr ? ZCN_EINVAL : stream->send_message(msg);
}

zcn_status zcn_stream_gather(zcn_stream *stream, struct iovec *iovecs, size_t capacity, size_t *out_count) {
    if (out_count == nullptr) return ZCN_EINVAL;
    *out_count = 0;
    if (iovecs == nullptr || capacity == 0) return ZCN_EINVAL;
    const zcn_status status = check(stream);
    return status != ZCN_OK ? status : stream->gather(iovecs, capacity, out_count);
}

zcn_status zcn_stream_write_done(zcn_stream *stream, uint64_t size) {
    const zcn_status status = check(stream);
    return status != ZCN_OK ? status : stream->write_done(size);
}

zcn_status zcn_stream_set_framing(zcn_stream *stream, const zcn_msg *after_msg, const zcn_framing *framing) {
    const zcn_status status = check(stream);
    if (status != ZCN_OK) return status;
    return framing == nullptr ? ZCN_EINVAL : stream->set_framing(after_msg, framing);
}

zcn_status zcn_stream_set_send_framing(zcn_stream *stream, const zcn_framing *framing) {
    const zcn_status status = check(stream);
    if (status != ZCN_OK) return status;
    if (framing == nullptr) return ZCN_EINVAL;
    stream->set_send_framing(framing);
    return ZCN_OK;
}

zcn_status zcn_stream_get_error(zcn_stream *stream, zcn_error *error) {
    if (stream == nullptr || error == nullptr) return ZCN_EINVAL;
    return stream->error().copy_to(error);
}

zcn_status zcn_stream_get_stats(zcn_stream *stream, zcn_stats *stats) {
    if (stream == nullptr || stats == nullptr) return ZCN_EINVAL;
    zcn_stats answer{};
    stream->read_stats(&answer);
    return zcnet::write_answer(stats, answer);
}
