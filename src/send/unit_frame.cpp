// SPDX-License-Identifier: MIT
// How a unit gets ready to leave: its frame is written round its body, and what is small or a file's comes into memory
// of its own.
#include <cstring>

#include "send/unit.h"

using zcnet::Status;
using zcnet::framing::Rule;
using zcnet::framing::Shape;
using zcnet::send::Owner;
using zcnet::send::Segment;

Status zcn_unit::check_delimiter(const Rule &rule) const noexcept {
    if (!rule.check) return ZCN_OK;
    if (has_source()) return ZCN_EUNSUPPORTED;  // what is found now may have changed when it leaves
    zcnet::framing::DelimiterSearch search(rule);
    for (uint32_t i = 0; i < segment_count(); i++)
        if (search.feed(segment(i).data, segment(i).size)) return ZCN_EFRAME_DELIMITER;
    return search.finish() ? ZCN_EFRAME_DELIMITER : ZCN_OK;
}

Status zcn_unit::seal(const Rule &rule, const zcn_framing *framing) noexcept {
    if (sealed_) return ZCN_EINVAL;
    if (!make_extra()) return ZCN_ENOMEM;
    Extra &extra = *extra_;
    if (extra.prefix != nullptr && extra.prefix_size != rule.offset) return ZCN_EINVAL;
    Shape around{};
    if (const Status status = zcnet::framing::shape(rule, size_, &around); status != ZCN_OK) return status;
    if (const Status status = check_delimiter(rule); status != ZCN_OK) return status;
    const bool head_fits = around.head <= head_room_;
    const bool tail_fits = around.tail <= tail_room_ && extra.count == 1;
    const uint32_t beside = (head_fits ? 0 : around.head) + (tail_fits ? 0 : around.tail);
    if (beside != 0) {
        extra.own = static_cast<uint8_t *>(zcnet::send::take_beside(beside));
        if (extra.own == nullptr) return ZCN_ENOMEM;
        extra.own_size = beside;
    }
    uint8_t *head = head_fits ? const_cast<uint8_t *>(first_.data) - around.head : extra.own;
    uint8_t *tail =
        tail_fits ? const_cast<uint8_t *>(first_.data) + first_.size : extra.own + (head_fits ? 0 : around.head);
    if (around.head != 0) {
        zcnet::framing::write_head(rule, size_, head);
        if (extra.prefix != nullptr) std::memcpy(head, extra.prefix, extra.prefix_size);
    }
    if (around.tail != 0) std::memcpy(tail, rule.delimiter, around.tail);
    extra.head = head;
    extra.head_size = around.head;
    extra.tail = tail;
    extra.tail_size = around.tail;
    framing->retain();
    extra.framing = framing;
    sealed_ = true;
    return ZCN_OK;
}

Status zcn_unit::dissolve_slow(const Rule &rule, Shape around, Piece *out) noexcept {
    if (const Status status = check_delimiter(rule); status != ZCN_OK) return status;
    if (around.head > head_room_ || around.tail > tail_room_) return ZCN_AGAIN;
    auto *head = const_cast<uint8_t *>(first_.data) - around.head;
    zcnet::framing::write_head(rule, size_, head);
    if (around.tail != 0) std::memcpy(head + around.head + size_, rule.delimiter, around.tail);
    *out = {first_.block, head, around.head + size_ + around.tail};
    zcnet::memory::free_object(this, object_class);
    return ZCN_OK;
}

size_t zcn_unit::dissolve_run(zcn_unit *const *units, size_t count, const Rule &rule, uint64_t most,
                              Piece *out) noexcept {
    // Without a delimiter to look for or to write, a frame is its head and its body.
    if (rule.check || rule.delimiter_size != 0) return 0;
    uint8_t *begin = nullptr;
    uint8_t *end = nullptr;
    Block *block = nullptr;
    size_t done = 0;
    zcnet::memory::ObjectChain freed;
    while (done < count) {
        zcn_unit *unit = units[done];
        if (unit == nullptr || !unit->is_plain()) break;
        Shape around{};
        if (zcnet::framing::shape(rule, unit->size_, &around) != ZCN_OK || around.head > unit->head_room_) break;
        auto *head = const_cast<uint8_t *>(unit->first_.data) - around.head;
        if (done == 0) {
            begin = end = head;
            block = unit->first_.block;
        } else if (head != end || unit->first_.block != block) {
            break;
        }
        zcnet::framing::write_head(rule, unit->size_, head);
        end = head + around.head + unit->size_;
        freed.add(unit);
        done++;
        if (static_cast<uint64_t>(end - begin) >= most) break;
    }
    zcnet::memory::free_objects(freed, object_class);
    *out = {block, begin, static_cast<uint64_t>(end - begin)};
    return done;
}

// Where what is copied into the unit goes.
zcn_pool *zcn_unit::own_pool() const noexcept {
    if (extra_->pool != nullptr) return extra_->pool;
    return first_.owner == Owner::block ? first_.block->pool : zcnet::memory::default_pool();
}

uint64_t zcn_unit::read_source(uint32_t index) noexcept {
    zcn_pool *pool = own_pool();
    if (pool == nullptr) return 0;
    Segment &segment = index == 0 ? first_ : extra_->more[index - 1];
    const Segment old = segment;
    Segment copy;
    Status why = ZCN_OK;
    const uint32_t room = index == 0 ? zcnet::send::common_head : 0;
    uint8_t *start = zcnet::send::take_memory(pool, old.size + room, &copy.block, &why);
    if (start == nullptr) return 0;
    copy.data = start + room;
    copy.size = old.size;
    copy.owner = Owner::block;
    uint64_t done = 0;
    while (done < old.size) {
        const ssize_t got = old.source->read(start + room + done, old.size - done, old.offset + done);
        if (got == -EINTR) continue;
        if (got <= 0) break;
        done += static_cast<uint64_t>(got);
    }
    if (done < old.size) {
        zcnet::send::end_segment(copy);
        return 0;
    }
    segment = copy;
    if (index == 0) head_room_ = room;
    zcnet::send::end_segment(old);
    extra_->has_source = false;
    for (uint32_t i = 0; i < extra_->count && !extra_->has_source; i++)
        extra_->has_source = zcn_unit::segment(i).owner == Owner::source;
    return copy.size;
}

Status zcn_unit::copy_small(uint64_t below) noexcept {
    if (extra_ == nullptr) return ZCN_OK;
    zcn_pool *pool = own_pool();
    if (pool == nullptr) return ZCN_ENOMEM;
    for (uint32_t i = 0; i < extra_->count; i++) {
        Segment &segment = i == 0 ? first_ : extra_->more[i - 1];
        if (segment.owner != Owner::foreign || segment.size >= below) continue;
        Segment copy;
        Status why = ZCN_OK;
        const uint32_t room = i == 0 ? zcnet::send::common_head : 0;
        uint8_t *start = zcnet::send::take_memory(pool, segment.size + room, &copy.block, &why);
        if (start == nullptr) return why;
        copy.data = start + room;
        copy.size = segment.size;
        copy.owner = Owner::block;
        if (segment.size != 0) std::memcpy(start + room, segment.data, segment.size);
        count_copied(segment.size);
        const Segment old = segment;
        segment = copy;
        if (i == 0) head_room_ = room;
        zcnet::send::end_segment(old);
    }
    return ZCN_OK;
}
