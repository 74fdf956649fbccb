// SPDX-License-Identifier: MIT
#include "net/standalone.h"

#include <new>

#include "memory/births.h"
#include "net/settings.h"
#include "os/process.h"

using zcnet::Status;
using zcnet::memory::Purpose;
using zcnet::net::Batch;
using zcnet::net::Outlet;

namespace {

constexpr uint32_t default_events = 256;
constexpr uint64_t most_room = 1 << 20;

}  // namespace

namespace zcnet::net {

zcn_stream_options default_stream_options() noexcept {
    zcn_stream_options options{};
    options.struct_size = sizeof options;
    return options;
}

}  // namespace zcnet::net

Status zcn_stream::create(zcn_stream **out, zcn_pool *pool, const zcn_framing *framing,
                          const zcn_stream_options &options) noexcept {
    const uint32_t events = options.event_capacity != 0 ? options.event_capacity : default_events;
    if (events < 16 || events > Batch::most_events) return ZCN_EINVAL;
    zcnet::net::StreamLimits limits;
    if (const Status status =
            zcnet::net::make_limits(&limits, options.high_water, options.low_water, options.copy_below, options.align,
                                    options.align_from, options.messages_per_poll);
        status != ZCN_OK)
        return status;
    if (pool == nullptr) pool = zcnet::memory::default_pool();
    if (pool == nullptr) return ZCN_ENOMEM;
    if (!pool->reserve_for(framing->rule.max)) return ZCN_ENOBUFS;
    const zcn_framing *send_framing = options.send_framing != nullptr ? options.send_framing : framing;
    auto *stream = new (std::nothrow) zcn_stream(pool, framing, send_framing);
    if (stream == nullptr) return ZCN_ENOMEM;
    stream->batch_ = Batch::create(events);
    if (stream->batch_ == nullptr) {
        delete stream;
        return ZCN_ENOMEM;
    }
    pool->retain();
    stream->process_ = pool->process();
    stream->limits_ = limits;
    stream->user_ = options.user;
    *out = stream;
    return ZCN_OK;
}

void zcn_stream::destroy() noexcept {
    zcnet::memory::note_death(this);
    zcn_pool *pool = pool_;
    batch_->reset();
    stream_.sync();
    stream_.queue().fail(ZCN_ECLOSED);
    stream_.close(intake_);
    intake_.close();
    pool->end_finish(this);
    batch_->destroy();
    delete this;
    zcnet::memory::release_pool(pool);
}

bool zcn_stream::in_process() const noexcept { return zcnet::os::in_process(process_); }

Status zcn_stream::input_status() const noexcept {
    if (wrong_ != ZCN_OK || closed_) return ZCN_ECLOSED;
    if (ended_) return ZCN_EOF;
    if (!stream_.window().undelivered()) return ZCN_OK;
    return short_ != ZCN_OK ? short_ : Status{ZCN_AGAIN};
}

Status zcn_stream::read_room(iovec *pieces, size_t *count) noexcept {
    room_ = 0;
    if (const Status status = input_status(); status != ZCN_OK) return status;
    int used = 0;
    Status status = stream_.prepare(intake_, Purpose::ordinary, most_room, pieces, &used);
    if (status == ZCN_ENOBUFS && stream_.window().unfinished() && pool_->begin_finish(this)) {
        status = stream_.prepare(intake_, Purpose::finish, std::max<uint64_t>(stream_.window().missing(), 64), pieces,
                                 &used);
        if (status != ZCN_OK) pool_->end_finish(this);
    }
    if (status != ZCN_OK) return status;
    for (int i = 0; i < used; i++) room_ += pieces[i].iov_len;
    *count = static_cast<size_t>(used);
    return ZCN_OK;
}

Status zcn_stream::read_done(uint64_t size) noexcept {
    if (size > room_) return ZCN_EINVAL;
    if (room_ == 0) return ZCN_EINVAL;
    room_ = 0;
    stream_.commit(intake_, size);
    stream_.count_read();
    stream_.window().mark_undelivered();
    return ZCN_OK;
}

Status zcn_stream::feed(const void *data, uint64_t size, uint64_t *taken) noexcept {
    room_ = 0;
    if (const Status status = input_status(); status != ZCN_OK) return status;
    if (size == 0) return ZCN_OK;
    const auto *bytes = static_cast<const uint8_t *>(data);
    zcnet::receive::Window &window = stream_.window();
    Status status = stream_.feed(intake_, Purpose::ordinary, bytes, size, taken);
    if (status == ZCN_ENOBUFS && window.unfinished() && pool_->begin_finish(this)) {
        const uint64_t rest = std::max<uint64_t>(window.missing(), 64);
        status = stream_.feed(intake_, Purpose::finish, bytes, std::min(size, rest), taken);
        if (status != ZCN_OK) pool_->end_finish(this);
    }
    if (status == ZCN_OK) stream_.window().mark_undelivered();
    return status;
}

Status zcn_stream::feed_message(const zcn_msg *msg) noexcept {
    room_ = 0;
    if (const Status status = input_status(); status != ZCN_OK) return status;
    return stream_.feed_message(intake_, msg);
}

void zcn_stream::poll(const zcn_event **events, size_t *count, int32_t *more) noexcept {
    batch_->reset();
    intake_.begin_batch();
    room_ = 0;
    zcnet::send::Ended ended;
    while (!batch_->full() && stream_.queue().take_ended(&ended)) {
        zcn_event *event = batch_->push(ZCN_EVENT_SENT, ended.status, nullptr, user_);
        event->token = ended.first;
        event->size = ended.count;
    }
    if (!batch_->full() && stream_.take_relief(limits_)) batch_->push(ZCN_EVENT_WRITABLE, ZCN_OK, nullptr, user_);
    zcnet::receive::Window &window = stream_.window();
    Outlet outlet{batch_, nullptr, user_, limits_.messages_per_poll != 0 ? limits_.messages_per_poll : UINT32_MAX};
    const uint32_t before = batch_->count();
    short_ = ZCN_OK;
    if (wrong_ == ZCN_OK && !closed_ && window.undelivered() && !batch_->full()) {
        const Status status = stream_.deliver(intake_, zcnet::memory::Purpose::ordinary, limits_, outlet);
        if (status == ZCN_ENOBUFS || status == ZCN_ENOMEM) {
            short_ = status;
        } else {
            wrong_ = status;
        }
        if (!window.unfinished()) pool_->end_finish(this);
    }
    const bool told = batch_->count() != before;
    // The end comes in a poll of its own, so that the framing can still be changed behind the last message.
    const bool over = wrong_ != ZCN_OK || (ended_ && !window.undelivered());
    if (over && !closed_ && !told && !batch_->full()) {
        Status reason = wrong_;
        if (reason == ZCN_OK) reason = window.pending() != 0 ? ZCN_EFRAME_TRUNCATED : ZCN_EOF;
        if (window.pending() != 0) stream_.note_trailing();
        error_.set(reason, 0, "%s", zcn_status_text(reason));
        batch_->push(ZCN_EVENT_CLOSED, reason, nullptr, user_);
        closed_ = true;
        window.close(intake_);
        pool_->end_finish(this);
    }
    *count = batch_->count();
    *events = batch_->count() != 0 ? batch_->events() : nullptr;
    const bool ending = (wrong_ != ZCN_OK || (ended_ && !window.undelivered())) && !closed_;
    *more = stream_.queue().has_ended() ||
            (window.undelivered() && !closed_ && wrong_ == ZCN_OK && (told || batch_->full())) || ending;
}

Status zcn_stream::send(zcn_unit *unit) noexcept { return stream_.send(unit, limits_); }

Status zcn_stream::send_message(const zcn_msg *msg) noexcept { return stream_.send_message(msg, limits_); }

Status zcn_stream::gather(iovec *pieces, size_t capacity, size_t *count) noexcept {
    zcnet::send::Queue &queue = stream_.queue();
    const int most = static_cast<int>(std::min<size_t>(capacity, 1024));
    // Entries without a byte end here: nobody would ever report them written.
    for (;;) {
        Status status = ZCN_OK;
        int number = 0;
        if (queue.has_sources()) {
            uint64_t bytes = 0;
            zcnet::send::SourceStep step;
            status = stream_.load_source(pool_, &bytes, &number);
            if (status == ZCN_OK && bytes == 0 && queue.source_step(&step)) status = ZCN_ETRUNCATED;
        }
        const zcnet::send::Gathered found =
            queue.gather(pieces, most, UINT64_MAX, zcnet::send::Queue::copy_all, zcnet::send::Queue::copy_all);
        gathered_ = static_cast<size_t>(found.count);
        *count = gathered_;
        // What is before the file still leaves.
        if (gathered_ != 0 || queue.empty()) return ZCN_OK;
        if (found.source_next) return error_.set(status, number, "a file cannot be sent: %s", zcn_status_text(status));
        queue.advance(0);
    }
}

Status zcn_stream::write_done(uint64_t size) noexcept {
    if (size > stream_.queue().bytes()) return ZCN_EINVAL;
    stream_.count_write(size, gathered_);
    stream_.queue().advance(size);
    return ZCN_OK;
}

Status zcn_stream::set_framing(const zcn_msg *after, const zcn_framing *framing) noexcept {
    if (closed_) return ZCN_ECLOSED;
    const zcn_event *event = nullptr;
    if (after != nullptr) {
        if (!zcnet::receive::is_borrowed(after)) return ZCN_EINVAL;
        const Batch::Found found = Batch::find(after);
        if (found.event == nullptr || found.batch != batch_) return ZCN_EINVAL;
        if (found.event->type != ZCN_EVENT_MESSAGE) return ZCN_EINVAL;  // blanked: it comes again
        event = found.event;
    }
    if (!pool_->reserve_for(framing->rule.max)) return ZCN_ENOBUFS;
    const Status status = stream_.set_framing(intake_, *batch_, event, framing);
    if (status == ZCN_OK) wrong_ = ZCN_OK;
    room_ = 0;  // what was given to read into is not what follows any more
    return status;
}
