// SPDX-License-Identifier: MIT
#include "send/queue.h"

#include <algorithm>
#include <cstring>

#include "os/os.h"

namespace zcnet::send {

namespace {

constexpr uint32_t first_capacity = 8;
constexpr uint32_t kept_capacity = 64;

}  // namespace

Status Queue::grow(uint32_t entries) noexcept {
    uint64_t capacity = capacity_ == 0 ? first_capacity : capacity_;
    while (capacity < uint64_t{used_} + entries) capacity *= 2;
    if (capacity > UINT32_MAX / sizeof(Entry)) return ZCN_ENOMEM;
    auto *grown = static_cast<Entry *>(os::allocate(capacity * sizeof(Entry)));
    if (grown == nullptr) return ZCN_ENOMEM;
    for (uint32_t i = 0; i < used_; i++) grown[i] = at(i);
    os::deallocate(entries_);
    entries_ = grown;
    head_ = 0;
    capacity_ = static_cast<uint32_t>(capacity);
    return ZCN_OK;
}

void Queue::push_entry(Block *block, const uint8_t *data, uint64_t size, uint64_t references) noexcept {
    Entry &entry = at(used_++);
    entry.block = block;
    entry.data = data;
    entry.size = size;
    entry.references = references & Entry::most_references;
    entry.first = 1;
    entry.kind = apart_ != 0 ? Kind::range_apart : Kind::range;
}

void Queue::push_unit(zcn_unit *unit, bool own_head, bool first) noexcept {
    Entry &entry = at(used_++);
    entry.unit = unit;
    entry.data = nullptr;
    entry.size = own_head ? unit->whole() : unit->size();
    entry.references = 1;
    entry.first = first ? 1 : 0;
    entry.kind = own_head ? Kind::unit : Kind::unit_body;
    set_bytes(bytes_ + entry.size);
    if (unit->has_token()) seldom_->tokens++;
    if (unit->has_source()) seldom_->sources.units++;
}

void Queue::push_bytes(const uint8_t *data, uint32_t size, bool first) noexcept {
    Entry &entry = at(used_++);
    std::memcpy(entry.own, data, size);
    entry.block = nullptr;
    entry.references = size;
    entry.first = first ? 1 : 0;
    entry.kind = Kind::bytes;
    set_bytes(bytes_ + size);
}

uint64_t Queue::entry_size(const Entry &entry) noexcept {
    return entry.kind == Kind::bytes ? entry.references : entry.size;
}

uint32_t Queue::piece_count(const Entry &entry) noexcept {
    switch (entry.kind) {
        case Kind::unit:
            return entry.unit->segment_count() + 2;
        case Kind::unit_body:
            return entry.unit->segment_count();
        default:
            return 1;
    }
}

// The pieces of a unit are its head, its segments, its tail; any of them may be empty.
Queue::Piece Queue::piece(const Entry &entry, uint32_t index) noexcept {
    switch (entry.kind) {
        case Kind::range:
        case Kind::range_apart:
            return {entry.data, entry.size, nullptr};
        case Kind::bytes:
            return {entry.own, entry.references, nullptr};
        case Kind::unit:
            if (index == 0) return {entry.unit->extra().head, entry.unit->extra().head_size, nullptr};
            if (index == entry.unit->segment_count() + 1)
                return {entry.unit->extra().tail, entry.unit->extra().tail_size, nullptr};
            index--;
            break;
        case Kind::unit_body:
            break;
    }
    const Segment &segment = entry.unit->segment(index);
    if (segment.owner == Owner::source) return {nullptr, segment.size, &segment};
    return {segment.data, segment.size, nullptr, segment.pages};
}

Gathered Queue::gather(iovec *pieces, int capacity, uint64_t most, uint64_t pin_from, uint64_t lend_from) noexcept {
    Gathered found;
    uint64_t left = most;
    bool first_source = true;  // only of that one bytes are loaded
    for (uint32_t position = 0; position < used_ && left != 0; position++) {
        const Entry &entry = at(position);
        const uint32_t last = piece_count(entry);
        uint32_t before_index = last;  // the piece of this entry that was gathered last; `last`: none
        for (uint32_t index = position == 0 ? head_piece_ : 0; index < last && left != 0; index++) {
            Piece part = piece(entry, index);
            const bool lend = part.pages && part.size >= lend_from;
            if (position == 0 && index == head_piece_) {
                if (part.data != nullptr) part.data += head_offset_;
                part.size -= head_offset_;
            }
            if (part.size == 0) continue;
            if (lend) {
                found.more = found.pages_next = true;
                found.pages = {const_cast<uint8_t *>(part.data), part.size};
                return found;
            }
            bool partly = false;
            if (part.source != nullptr) {
                const bool loaded = first_source && is_loaded(entry, index) && seldom_->sources.size != 0;
                first_source = false;
                partly = !loaded || seldom_->sources.size < part.size;
                part.data = seldom_->sources.data;
                part.size = loaded ? seldom_->sources.size : 0;
            }
            iovec *before = found.count != 0 ? &pieces[found.count - 1] : nullptr;
            const bool follows =
                before != nullptr && static_cast<uint8_t *>(before->iov_base) + before->iov_len == part.data;
            // What lies behind a piece of the same unit goes with it.
            if (pin_from != copy_all && !(follows && before_index != last && part.source == nullptr)) {
                const bool pin = may_pin(entry, index, pin_from);
                if (found.count == 0) found.pin = pin;
                if (pin != found.pin) {
                    found.more = true;
                    return found;
                }
            }
            before_index = index;
            if (part.size > left) {
                part.size = left;
                partly = false;
            }
            left -= part.size;
            if (part.size != 0) {
                if (follows) {
                    before->iov_len += part.size;
                } else {
                    if (found.count == capacity) return found;
                    pieces[found.count++] = {const_cast<uint8_t *>(part.data), part.size};
                }
            }
            if (partly) {
                found.more = found.source_next = true;
                return found;
            }
        }
    }
    return found;
}

void Queue::unqueue(const Entry &entry) noexcept {
    if (!entry.has_source()) return;
    seldom_->sources.units--;
    if (seldom_->sources.unit == entry.unit) unload();
}

void Queue::end_entry(const Entry &entry, Status why) noexcept {
    note_end(entry, why);
    entry.release();
}

void Queue::note_end(const Entry &entry, Status why) noexcept {
    if (!entry.has_token()) return;
    seldom_->tokens--;
    note_ended(entry.unit->token(), why);
}

void Queue::advance(uint64_t size) noexcept {
    ending_ = 1;
    advance_by(size, 0);
    ending_ = 0;
}

// `writes`: of the ledger, with the one that wrote these bytes without a copy; 0: they were copied.
void Queue::advance_by(uint64_t size, uint64_t writes) noexcept {
    set_bytes(bytes_ - size);
    // What release functions queue meanwhile is the next step's, which has room to keep it.
    for (uint32_t left = used_; left != 0; left--) {
        const Entry &first = at(0);
        const uint32_t last = piece_count(first);
        // Entries without bytes, and empty pieces, end as soon as what is before them has.
        while (head_piece_ < last) {
            const Piece part = piece(first, head_piece_);
            const uint64_t rest = part.size - head_offset_;
            if (part.source != nullptr && is_loaded(first, head_piece_)) {
                const uint64_t used = std::min(size, seldom_->sources.size);
                seldom_->sources.data += used;
                seldom_->sources.size -= used;
                if (rest <= size || used < size) unload();
            }
            if (writes != 0 && size != 0 && rest != 0) seldom_->head_writes = writes;
            if (rest > size) {
                head_offset_ += size;
                return;
            }
            size -= rest;
            head_piece_++;
            head_offset_ = 0;
        }
        // Out of the queue first: ending it may call the program, which may send.
        const Entry done = take_first();
        end_first(done);
        if (size == 0 && used_ != 0 && entry_size(at(0)) != 0) return;
    }
}

Entry Queue::take_first() noexcept {
    const Entry first = at(0);
    head_ = (head_ + 1) & (capacity_ - 1);
    used_--;
    head_piece_ = 0;
    head_offset_ = 0;
    unqueue(first);
    return first;
}

// What has begun to be sent stays in front.
bool Queue::drop_oldest(Status why, Dropped *dropped) noexcept {
    if (ending_ != 0 || used_ == 0) return false;
    uint32_t begin = 0;
    if (at(0).first == 0 || head_piece_ != 0 || head_offset_ != 0) {
        begin = 1;
        while (begin < used_ && at(begin).first == 0) begin++;
    }
    if (begin == used_) return false;
    uint64_t bytes = 0;
    do {
        const Entry dead = at(begin);
        for (uint32_t i = begin; i != 0; i--) at(i) = at(i - 1);
        head_ = (head_ + 1) & (capacity_ - 1);
        used_--;
        const uint64_t size = entry_size(dead);
        bytes += size;
        set_bytes(bytes_ - size);
        unqueue(dead);
        ending_ = 1;
        end_entry(dead, why);
        ending_ = 0;
    } while (begin < used_ && at(begin).first == 0);
    dropped->count(bytes);
    return true;
}

void Queue::fail(Status why) noexcept {
    ending_ = 1;
    while (used_ != 0) end_entry(take_first(), why);
    ending_ = 0;
    set_bytes(0);
}

Status Queue::reserve_ended() noexcept {
    if (seldom_ == nullptr) seldom_ = memory::make_object<Seldom>();
    if (seldom_ == nullptr) return ZCN_ENOMEM;
    // One place for every queued token, whether or not they will merge.
    const uint64_t wanted = uint64_t{seldom_->used} + seldom_->tokens + 1;
    if (wanted <= seldom_->capacity) return ZCN_OK;
    uint64_t capacity = seldom_->capacity == 0 ? 8 : seldom_->capacity;
    while (capacity < wanted) capacity *= 2;
    if (capacity > UINT32_MAX / sizeof(Ended)) return ZCN_ENOMEM;
    auto *grown = static_cast<Ended *>(os::allocate(capacity * sizeof(Ended)));
    if (grown == nullptr) return ZCN_ENOMEM;
    for (uint32_t i = 0; i < seldom_->used; i++)
        grown[i] = seldom_->ranges[(seldom_->head + i) & (seldom_->capacity - 1)];
    os::deallocate(seldom_->ranges);
    seldom_->ranges = grown;
    seldom_->head = 0;
    seldom_->capacity = static_cast<uint32_t>(capacity);
    return ZCN_OK;
}

void Queue::note_ended(uint64_t token, Status status) noexcept {
    Seldom &ring = *seldom_;  // reserve_ended() comes before every push
    if (ring.used != 0) {
        Ended &last = ring.ranges[(ring.head + ring.used - 1) & (ring.capacity - 1)];
        if (last.status == status && last.first + last.count == token) {
            last.count++;
            return;
        }
    }
    ring.ranges[(ring.head + ring.used) & (ring.capacity - 1)] = {token, 1, status};
    ring.used++;
}

bool Queue::take_ended(Ended *out) noexcept {
    if (!has_ended()) return false;
    *out = seldom_->ranges[seldom_->head];
    seldom_->head = (seldom_->head + 1) & (seldom_->capacity - 1);
    seldom_->used--;
    return true;
}

void Queue::shrink() noexcept {
    if (used_ == 0 && capacity_ > kept_capacity) {
        os::deallocate(entries_);
        entries_ = nullptr;
        capacity_ = head_ = 0;
    }
}

void Queue::close() noexcept {
    os::deallocate(entries_);
    entries_ = nullptr;
    capacity_ = head_ = used_ = 0;
    if (seldom_ == nullptr) return;
    unload();
    delete seldom_->ledger;
    os::deallocate(seldom_->ranges);
    memory::destroy_object(seldom_);
    seldom_ = nullptr;
}

}  // namespace zcnet::send
