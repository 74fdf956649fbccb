// SPDX-License-Identifier: MIT
// What a stream sends: units, messages and copies take their place in its queue, and memory to write in is reserved.
#include <algorithm>
#include <cstring>

#include "io/file_send.h"
#include "net/stream.h"

namespace zcnet::net {

using framing::Rule;
using framing::Shape;
using memory::Block;

namespace {

constexpr uint64_t reserve_chunk = 64 * 1024;
// Of a file at a time: little enough to be in the processor's cache still when it is sent.
constexpr uint64_t most_loaded = 128 * 1024;

}  // namespace

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

}  // namespace zcnet::net
