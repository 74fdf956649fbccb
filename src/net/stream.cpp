// SPDX-License-Identifier: MIT
#include "net/stream.h"

#include <algorithm>
#include <cstring>

namespace zcnet::net {

using framing::Rule;
using memory::Block;

namespace {

// Appends the messages of one read: they share a span.
class Sink {
  public:
    Sink(Stream *stream, const Outlet &outlet, const Rule &rule) noexcept
        : writer_(outlet.batch, outlet.conn, outlet.user, outlet.most),
          head_(rule.hide_head),
          hidden_(uint64_t{rule.hide_head} + rule.hide_tail),
          stream_(stream),
          batch_(outlet.batch),
          rule_(rule) {}

    [[nodiscard]] bool full() const noexcept { return writer_.full(); }

    bool emit(Block *block, const uint8_t *frame, uint64_t size) noexcept {
        if (block != block_) [[unlikely]] {
            block_ = block;
            span_ = batch_->push_span({block, stream_, rule_.hide_head, rule_.hide_tail});
        }
        writer_.message(span_, frame + head_, size - hidden_);
        return !writer_.full();
    }

    // A header alone: a view of its own kind, whose frame is all that there is of it.
    void emit_header(Block *block, const uint8_t *frame, uint64_t size, uint64_t body) noexcept {
        writer_.message(batch_->push_span({block, stream_, 0, 0}), frame, size, body);
        gave_header_ = true;
    }

    uint32_t finish() noexcept { return writer_.finish(); }
    [[nodiscard]] bool gave_header() const noexcept { return gave_header_; }

  private:
    Batch::Writer writer_;
    uint64_t head_;
    uint64_t hidden_;
    uint64_t span_ = 0;
    bool gave_header_ = false;
    Block *block_ = nullptr;
    Stream *stream_;
    Batch *batch_;
    const Rule &rule_;
};

}  // namespace

Status Stream::deliver(receive::Intake &intake, memory::Purpose purpose, const StreamLimits &limits,
                       Outlet &outlet) noexcept {
    Sink sink(this, outlet, in_framing_->rule);
    const Status status = window_.deliver(intake, in_framing_->rule, purpose, limits.alignment,
                                          limits.header_from != 0 ? limits.header_from : UINT64_MAX, sink);
    const uint32_t delivered = sink.finish();
    holds_body_up_ = sink.gave_header();
    messages_in_ += delivered;
    outlet.most -= delivered;
    return status;
}

Status Stream::feed(receive::Intake &intake, memory::Purpose purpose, const uint8_t *data, uint64_t size,
                    uint64_t *taken) noexcept {
    const Status status = window_.feed(intake, in_framing_->rule, purpose, data, size, taken);
    if (status == ZCN_OK) bytes_in_ += *taken;
    return status;
}

// A message straddles: its rest is copied to its start. While its size is not known, a little more is copied and looked
// at; what turns out to be beyond its end is left where it was. On failure nothing was taken.
Status Stream::feed_rest(receive::Intake &intake, const uint8_t *data, uint64_t size, uint64_t *taken) noexcept {
    const Rule &rule = in_framing_->rule;
    uint64_t done = 0;
    bool complete = false;
    for (uint64_t unknown = receive::stash_size; done < size && !complete; unknown *= 2) {
        const uint64_t missing = window_.missing();
        const uint64_t part = std::min(missing != 0 ? missing : unknown, size - done);
        uint64_t fed = 0;
        Status status = window_.feed(intake, rule, memory::Purpose::ordinary, data + done, part, &fed);
        done += fed;
        uint64_t beyond = 0;
        if (status == ZCN_OK) {
            complete = window_.look(rule, &beyond);
            window_.unfeed(beyond);
            done -= beyond;
            if (complete) status = window_.unstash(intake, memory::Purpose::ordinary);
        }
        if (status != ZCN_OK) {
            window_.unfeed(done);
            return status;
        }
    }
    *taken = done;
    return ZCN_OK;
}

Status Stream::feed_message(receive::Intake &intake, const zcn_msg *msg) noexcept {
    Located message;
    if (const Status status = locate(msg, &message); status != ZCN_OK) return status;
    if (message.joined()) return ZCN_EUNSUPPORTED;
    const uint8_t *data = message.view.data;
    uint64_t size = message.view.size;
    if (size == 0) return ZCN_OK;
    // Before anything is taken: from there on nothing fails.
    Block *alias = memory::make_alias(message.view.block, data, size);
    if (alias == nullptr) return ZCN_ENOMEM;
    if (window_.pending() != 0) {
        uint64_t part = 0;
        if (const Status status = feed_rest(intake, data, size, &part); status != ZCN_OK) {
            memory::destroy_object(alias);
            return status;
        }
        data += part;
        size -= part;
        bytes_in_ += part;
    }
    if (size == 0) {
        memory::destroy_object(alias);
    } else {
        alias->base = const_cast<uint8_t *>(data);
        alias->size = size;
        hold_block(message);
        if (message.event != nullptr) Batch::mark_retained(message.event);
        intake.adopt(alias);
        window_.take_range(intake, alias);
        bytes_in_ += size;
    }
    window_.mark_undelivered();
    return ZCN_OK;
}

void Stream::blank(Batch &batch, const zcn_conn *conn, uint32_t from) noexcept {
    for (uint32_t i = from; i < batch.count(); i++) {
        zcn_event *event = batch.event(i);
        // relaxed atomic: when the thread that closes is not the owner any more, the owner may be reading the type.
        if (event->conn == conn && event->type == ZCN_EVENT_MESSAGE)
            __atomic_store_n(&event->type, uint32_t{ZCN_EVENT_NONE}, __ATOMIC_RELAXED);
    }
}

Status Stream::take_back(receive::Intake &intake, Batch &batch, const zcn_event *after) noexcept {
    // Where the bytes behind `after` lie: frames of later events, then what the window holds. Frames that follow each
    // other in one block are one piece, and so is the window's range when it goes on where they end.
    const uint32_t begin = after == nullptr ? batch.count() : static_cast<uint32_t>(after - batch.events()) + 1;
    uint64_t taken = 0;
    for (uint32_t i = begin; i < batch.count(); i++) {
        const zcn_event *event = batch.event(i);
        if (event->type != ZCN_EVENT_MESSAGE || batch.span_of(event).stream != this) continue;
        if (Batch::is_retained(event)) return ZCN_EBUSY;
        taken++;
    }
    if (taken == 0) {
        iovec rest[3];
        Block *blocks[3];
        // Nothing was delivered behind it: only the window starts again, once its bytes are in one place.
        if (window_.pending_pieces(rest, blocks) < 2) {
            window_.parse_again();
            holds_body_up_ = false;
            return ZCN_OK;
        }
    }
    const auto each_piece = [&](const auto &take) {
        for (uint32_t i = begin; i < batch.count(); i++) {
            const zcn_event *event = batch.event(i);
            if (event->type != ZCN_EVENT_MESSAGE || batch.span_of(event).stream != this) continue;
            const Span &span = batch.span_of(event);
            take(span.block, static_cast<uint8_t *>(const_cast<void *>(event->data)) - span.head,
                 event->size + span.head + span.tail);
        }
        iovec rest[3];
        Block *blocks[3] = {};
        const size_t count = window_.pending_pieces(rest, blocks);
        for (size_t i = 0; i < count; i++)
            if (rest[i].iov_len != 0) take(blocks[i], static_cast<uint8_t *>(rest[i].iov_base), rest[i].iov_len);
    };
    Block *only = nullptr;
    uint8_t *start = nullptr;
    uint8_t *end = nullptr;
    uint64_t size = 0;
    bool together = true;
    each_piece([&](Block *block, uint8_t *data, uint64_t part) {
        if (start == nullptr) {
            only = block;
            start = end = data;
        }
        together = together && block == only && data == end;
        end = data + part;
        size += part;
    });
    if (together) {
        window_.rewind(intake, only, start, end);
    } else {
        Status why = ZCN_OK;
        Block *block = window_.room_to_gather(intake, size, &why);
        if (block == nullptr) return why;
        uint8_t *place = block->base;
        each_piece([&](Block *, const uint8_t *data, uint64_t part) {
            std::memcpy(place, data, part);
            place += part;
        });
        window_.gathered_back(intake, block, size);
    }
    messages_in_ -= taken;
    holds_body_up_ = false;
    for (uint32_t i = begin; i < batch.count(); i++) {
        zcn_event *event = batch.event(i);
        if (event->type == ZCN_EVENT_MESSAGE && batch.span_of(event).stream == this) event->type = ZCN_EVENT_NONE;
    }
    return ZCN_OK;
}

Status Stream::set_framing(receive::Intake &intake, Batch &batch, const zcn_event *after,
                           const zcn_framing *framing) noexcept {
    if (const Status status = take_back(intake, batch, after); status != ZCN_OK) return status;
    framing->retain();
    in_framing_->release();
    in_framing_ = framing;
    return ZCN_OK;
}

void Stream::read_stats(zcn_stats *stats) const noexcept {
    const receive::Copied &copied = window_.copied;
    stats->messages_in += messages_in_;
    stats->bytes_in += bytes_in_;
    stats->messages_out += messages_out_;
    stats->bytes_out += bytes_out_;
    stats->read_calls += read_calls_;
    stats->write_calls += write_calls_;
    stats->iovecs_out += iovecs_out_;
    stats->copied_bytes += copied.sum() + copied_out_;
    stats->copied_stash += copied.stash;
    stats->copied_moved += copied.moved;
    stats->copied_own += copied.own;
    stats->copied_aligned += copied.aligned;
    stats->copied_fed += copied.fed;
    stats->copied_out += copied_out_;
    stats->queued_bytes += queued_bytes();
    stats->unfinished_bytes += window_.pending();
    stats->trailing_bytes += trailing_;
}

void Stream::close(receive::Intake &intake) noexcept {
    drop_reserved();
    window_.close(intake);
    queue_.close();
}

}  // namespace zcnet::net
