// SPDX-License-Identifier: MIT
#include "net/stream.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "io/file_send.h"

namespace zcnet::net {

using framing::Rule;
using framing::Shape;
using memory::Block;

namespace {

constexpr uint64_t reserve_chunk = 64 * 1024;
// Of a file at a time: little enough to be in the processor's cache still when it is sent.
constexpr uint64_t most_loaded = 128 * 1024;

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

Status Stream::push_slow(zcn_unit *unit, const StreamLimits &limits) noexcept {
    sync();
    const Rule &rule = out_framing_->rule;
    if (limits.copy_below != 0 && !unit->sealed() && unit->is_sole()) {
        if (const Status status = unit->copy_small(limits.copy_below); status != ZCN_OK) return status;
    }
    if (unit->has_source()) {
        if (const Status status = queue_.reserve_source(); status != ZCN_OK) return status;
        if (!unit->sealed() && unit->is_sole()) read_small_files(unit, limits);
    }
    if (const Status status = queue_.reserve(8); status != ZCN_OK) return status;
    if (unit->has_token())
        if (const Status status = queue_.reserve_ended(); status != ZCN_OK) return status;
    if (!unit->sealed())
        if (const Status status = unit->seal(rule, out_framing_); status != ZCN_OK) return status;
    if (unit->extra().framing == out_framing_) {
        queue_.push_unit(unit, true);
    } else if (const Status status = push_with_other_head(unit); status != ZCN_OK) {
        return status;
    }
    copied_out_ += unit->take_copied();
    messages_out_++;
    return ZCN_OK;
}

// A small range of a file is cheaper read than sent by itself: it leaves in one call, and in one piece, with what is
// around it. What cannot be read now, the way of every file finds out about.
void Stream::read_small_files(zcn_unit *unit, const StreamLimits &limits) noexcept {
    for (uint32_t i = 0; i < unit->segment_count(); i++) {
        const send::Segment &segment = unit->segment(i);
        if (segment.owner != send::Owner::source || segment.size > io::small_range) continue;
        const auto &file = static_cast<const zcn_file &>(*segment.source);
        const uint32_t method = file.method() != ZCN_FILE_AUTO ? file.method() : limits.file_method;
        if (method == ZCN_FILE_AUTO || method == ZCN_FILE_COPY) copied_out_ += unit->read_source(i);
    }
}

Status Stream::load_source(zcn_pool *pool, uint64_t *bytes, int *number) noexcept {
    const bool loaded = queue_.is_source_loaded();
    const Status status = queue_.load(pool, most_loaded, bytes, number);
    if (!loaded) copied_out_ += *bytes;
    return status;
}

// A unit that was sealed for another framing: its bytes do not change, so a header of its own goes in front of it.
Status Stream::push_with_other_head(zcn_unit *unit) noexcept {
    const Rule &rule = out_framing_->rule;
    Shape around{};
    if (const Status status = framing::shape(rule, unit->size(), &around); status != ZCN_OK) return status;
    if (const Status status = unit->check_delimiter(rule); status != ZCN_OK) return status;
    const send::UnitExtra &extra = unit->extra();
    if (extra.prefix != nullptr && extra.prefix_size != rule.offset) return ZCN_EINVAL;
    constexpr uint32_t most = send::Queue::most_bytes;
    uint8_t small[most];
    uint8_t *head = small;
    Block *block = nullptr;
    if (around.head > most) {
        // Too long for the queue itself: pool memory, as any range.
        zcn_pool *pool = memory::default_pool();
        memory::ThreadPool *mine = pool != nullptr ? memory::thread_pool(pool) : nullptr;
        Status why = ZCN_ENOMEM;
        head = mine != nullptr ? mine->arena.take(pool, mine->cache, around.head, &block, &why) : nullptr;
        if (head == nullptr) return why;
    }
    if (around.head != 0) {
        framing::write_head(rule, unit->size(), head);
        if (extra.prefix != nullptr) std::memcpy(head, extra.prefix, extra.prefix_size);
        if (block != nullptr) {
            queue_.push_range(block, head, around.head, 1);
        } else {
            queue_.push_bytes(head, around.head);
        }
    }
    queue_.push_unit(unit, false, around.head == 0);
    for (uint32_t done = 0; done < around.tail; done += most)
        queue_.push_bytes(rule.delimiter + done, std::min(most, around.tail - done), false);
    return ZCN_OK;
}

Status Stream::send_message(const zcn_msg *msg, const StreamLimits &limits) noexcept {
    if (queued_bytes() >= limits.high_water) return starve(limits);
    Located message;
    if (const Status status = locate(msg, &message); status != ZCN_OK) return status;
    return push_message(message);
}

Status Stream::push_message(const Located &message) noexcept {
    if (!message.has_frame()) return ZCN_EUNSUPPORTED;
    sync();
    const uint64_t size = message.view.size + message.view.head + message.view.tail;
    if (const Status status = queue_.reserve(2); status != ZCN_OK) return status;
    hold_block(message);
    queue_.push_range(message.view.block, message.view.data - message.view.head, size, 1);
    messages_out_++;
    return ZCN_OK;
}

Status Stream::send_copy(zcn_pool *pool, const void *data, uint64_t size, const StreamLimits &limits) noexcept {
    if (queued_bytes() >= limits.high_water) return starve(limits);
    return push_copy(pool, data, size, limits);
}

Status Stream::push_copy(zcn_pool *pool, const void *data, uint64_t size, const StreamLimits &limits) noexcept {
    zcn_unit *unit = nullptr;
    void *place = nullptr;
    if (const Status status = zcn_unit::make(&unit, &place, pool, out_framing_, size); status != ZCN_OK) return status;
    if (size != 0) std::memcpy(place, data, size);
    const Status status = push(unit, limits);
    if (status != ZCN_OK) {
        unit->release();
    } else {
        copied_out_ += size;
    }
    return status;
}

Status Stream::reserve(zcn_pool *pool, uint64_t size, const StreamLimits &limits, void **out_data,
                       uint64_t *out_room) noexcept {
    if (limits.lag != send::Lag::refuse) return ZCN_EUNSUPPORTED;
    if (queued_bytes() >= limits.high_water) return starve();
    const Rule &rule = out_framing_->rule;
    if (!framing::head_is_fixed(rule)) return ZCN_EUNSUPPORTED;
    Shape around{};
    if (const Status status = framing::shape(rule, size, &around); status != ZCN_OK) return status;
    uint64_t need = 0;
    if (!add_fits(size, uint64_t{around.head} + around.tail, &need)) return ZCN_EFRAME_TOO_LARGE;
    if (reserved_ != nullptr && static_cast<uint64_t>(reserved_->end - reserved_->next) < need) drop_reserved();
    if (const Status status = queue_.reserve(2); status != ZCN_OK) return status;
    if (reserved_ == nullptr) {
        memory::ThreadPool *mine = memory::thread_pool(pool);
        if (mine == nullptr) return ZCN_ENOMEM;
        if (need > pool->block_size()) return ZCN_EFRAME_TOO_LARGE;
        // What is left of the arena's block, if that is enough: so that ranges stay neighbours.
        uint64_t chunk = mine->arena.room();
        if (chunk < need) chunk = pool->block_size();
        if (chunk > reserve_chunk) chunk = need > reserve_chunk ? need : reserve_chunk;
        auto *reserved = memory::make_object<Reserved>();
        if (reserved == nullptr) return ZCN_ENOMEM;
        Status why = ZCN_OK;
        reserved->next = mine->arena.take(pool, mine->cache, chunk, &reserved->block, &why);
        if (reserved->next == nullptr) {
            memory::destroy_object(reserved);
            return why;
        }
        reserved->start = reserved->next;
        reserved->end = reserved->next + chunk;
        reserved_ = reserved;
    }
    reserved_->shown = true;
    *out_data = reserved_->next + around.head;
    *out_room = static_cast<uint64_t>(reserved_->end - reserved_->next) - around.head - around.tail;
    return ZCN_OK;
}

Status Stream::commit_slow(uint64_t size) noexcept {
    const Rule &rule = out_framing_->rule;
    Shape around{};
    if (const Status status = framing::shape(rule, size, &around); status != ZCN_OK) return status;
    const auto room = static_cast<uint64_t>(reserved_->end - reserved_->next);
    const uint64_t beside = uint64_t{around.head} + around.tail;
    if (room < beside || size > room - beside) return ZCN_EINVAL;
    uint8_t *frame = reserved_->next;
    if (rule.check && framing::contains_delimiter(rule, frame + around.head, size)) return ZCN_EFRAME_DELIMITER;
    framing::write_head(rule, size, frame);
    if (around.tail != 0) std::memcpy(frame + around.head + size, rule.delimiter, around.tail);
    reserved_->next += size + beside;
    messages_out_++;
    return ZCN_OK;
}

void Stream::next_reserved(void **out_data, uint64_t *out_room) noexcept {
    const Rule &rule = out_framing_->rule;
    const uint64_t head = framing::fixed_head(rule);
    const uint64_t beside = head + (rule.kind == framing::Kind::delimiter ? rule.delimiter_size : 0);
    const auto left = static_cast<uint64_t>(reserved_->end - reserved_->next);
    reserved_->shown = out_data != nullptr && left > beside;
    if (left <= beside) return;
    if (out_data != nullptr) *out_data = reserved_->next + head;
    if (out_room != nullptr) *out_room = left - beside;
}

void Stream::push_reserved() noexcept {
    Block *block = reserved_->block;
    // The reference of the reservation stays with it; the range has its own. While the block is the calling thread's
    // arena that costs no atomic.
    memory::ThreadMemory *mine = memory::thread_memory;
    if (mine != nullptr && mine->pool[0].arena.block() == block) {
        block->handed++;
    } else {
        memory::block_retain(block);
    }
    // reserve() and every call before this one have left room for the entry.
    queue_.push_range(block, reserved_->start, reserved_->unpushed(), 1);
    reserved_->start = reserved_->next;
}

void Stream::drop_reserved() noexcept {
    if (reserved_ == nullptr) return;
    sync();
    Reserved *reserved = reserved_;
    reserved_ = nullptr;
    // What was not written goes back to the arena, if nothing was cut behind it.
    memory::ThreadMemory *mine = memory::thread_memory;
    if (mine != nullptr) mine->pool[0].arena.shorten(reserved->block, reserved->next, reserved->end);
    memory::block_release(reserved->block);
    memory::destroy_object(reserved);
}

void Stream::set_send_framing(const zcn_framing *framing) noexcept {
    drop_reserved();
    framing->retain();
    out_framing_->release();
    out_framing_ = framing;
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
