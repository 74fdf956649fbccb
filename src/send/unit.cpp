// SPDX-License-Identifier: MIT
#include "send/unit.h"

#include <cstring>

#include "base/checked.h"
#include "os/os.h"

namespace zcnet::send {

namespace {

using memory::Purpose;
using memory::ThreadPool;

// Bytes from the thread's arena, or a heap block when they are too many for it.
uint8_t *take_memory(zcn_pool *pool, uint64_t size, Block **block, Status *why) noexcept {
    if (size <= pool->block_size() / 2) {
        ThreadPool *mine = memory::thread_pool(pool);
        if (mine != nullptr) return mine->arena.take(pool, mine->cache, size, block, why);
    }
    Block *own = nullptr;
    if (size < memory::smallest_region) {
        own = pool->take_heap(size, Purpose::ordinary, why);
    } else {
        own = pool->take_region(size, Purpose::ordinary, why);
        if (own != nullptr && !pool->commit_region(own, size, Purpose::ordinary)) {
            pool->give_region(own);
            own = nullptr;
            *why = ZCN_ENOBUFS;
        }
    }
    if (own == nullptr) return nullptr;
    own->count.store(1, std::memory_order_relaxed);  // nobody else has it yet
    *block = own;
    return own->base;
}

}  // namespace

void end_segment(const Segment &segment) noexcept {
    switch (segment.owner) {
        case Owner::constant:
            return;
        case Owner::block:
            memory::block_release(segment.block);
            return;
        case Owner::foreign:
            break;
    }
    Foreign *foreign = segment.foreign;
    // acq_rel: all uses of the memory happen before the program gets it back.
    if (foreign->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const Foreign last{{}, foreign->release, foreign->context, foreign->data, foreign->size};
    memory::destroy_object(foreign);
    if (last.release != nullptr) last.release(last.context, last.data, last.size);
}

}  // namespace zcnet::send

using zcnet::Status;
using zcnet::framing::Rule;
using zcnet::framing::Shape;
using zcnet::send::Owner;
using zcnet::send::Segment;

Status zcn_unit::make(zcn_unit **out, void **out_data, zcn_pool *pool, const zcn_framing *framing,
                      uint64_t size) noexcept {
    Shape around{zcnet::send::common_head, 0};
    if (framing != nullptr) {
        if (const Status status = zcnet::framing::shape(framing->rule, size, &around); status != ZCN_OK) return status;
    }
    uint64_t total = 0;
    if (!zcnet::add_fits(size, uint64_t{around.head} + around.tail, &total)) return ZCN_ENOMEM;
    Status why = ZCN_OK;
    auto *unit = zcnet::memory::make_object<zcn_unit>();
    if (unit == nullptr) return ZCN_ENOMEM;
    Block *block = nullptr;
    uint8_t *start = zcnet::send::take_memory(pool, total, &block, &why);
    if (start == nullptr) {
        zcnet::memory::destroy_object(unit);
        return why;
    }
    unit->first_.data = start + around.head;
    unit->first_.size = size;
    unit->first_.block = block;
    unit->first_.owner = Owner::block;
    unit->count_ = 1;
    unit->size_ = size;
    unit->head_room_ = around.head;
    unit->tail_room_ = static_cast<uint8_t>(around.tail);
    unit->plain_ = true;
    *out = unit;
    *out_data = start + around.head;
    return ZCN_OK;
}

Status zcn_unit::make_empty(zcn_unit **out, zcn_pool *pool) noexcept {
    auto *unit = zcnet::memory::make_object<zcn_unit>();
    if (unit == nullptr) return ZCN_ENOMEM;
    pool->retain();
    unit->pool_ = pool;
    *out = unit;
    return ZCN_OK;
}

Status zcn_unit::append(const Segment &segment) noexcept {
    if (sealed_) return ZCN_EINVAL;
    uint64_t size = 0;
    if (!zcnet::add_fits(size_, segment.size, &size)) return ZCN_EINVAL;
    if (count_ == 0) {
        first_ = segment;
    } else {
        if (count_ - 1 == capacity_) {
            if (capacity_ > UINT32_MAX / 4) return ZCN_ENOMEM;
            const uint32_t capacity = capacity_ == 0 ? 4 : capacity_ * 2;
            auto *grown = static_cast<Segment *>(zcnet::os::allocate(capacity * sizeof(Segment)));
            if (grown == nullptr) return ZCN_ENOMEM;
            if (capacity_ != 0) std::memcpy(static_cast<void *>(grown), more_, capacity_ * sizeof(Segment));
            zcnet::os::deallocate(more_);
            more_ = grown;
            capacity_ = capacity;
        }
        more_[count_ - 1] = segment;
        // A body in several pieces has its tail elsewhere.
        tail_room_ = 0;
    }
    plain_ = false;
    count_++;
    size_ = size;
    return ZCN_OK;
}

Status zcn_unit::append_memory(void **out_data, uint64_t size) noexcept {
    if (sealed_) return ZCN_EINVAL;
    zcn_pool *pool = pool_ != nullptr ? pool_ : count_ != 0 && first_.owner == Owner::block ? first_.block->pool : nullptr;
    if (pool == nullptr) return ZCN_EINVAL;
    // The first piece gets room for a header, so that it leaves in one piece with it.
    const uint32_t room = count_ == 0 ? zcnet::send::common_head : 0;
    uint64_t total = 0;
    if (!zcnet::add_fits(size, room, &total)) return ZCN_ENOMEM;
    Segment segment;
    Status why = ZCN_OK;
    uint8_t *start = zcnet::send::take_memory(pool, total, &segment.block, &why);
    if (start == nullptr) return why;
    segment.data = start + room;
    segment.size = size;
    segment.owner = Owner::block;
    if (const Status status = append(segment); status != ZCN_OK) {
        zcnet::send::end_segment(segment);
        return status;
    }
    if (room != 0) head_room_ = room;
    *out_data = start + room;
    return ZCN_OK;
}

Status zcn_unit::truncate(uint64_t size) noexcept {
    if (sealed_ || size > size_) return ZCN_EINVAL;
    while (size_ > size) {
        Segment &last = count_ == 1 ? first_ : more_[count_ - 2];
        const uint64_t surplus = size_ - size;
        if (surplus < last.size || count_ == 1) {
            last.size -= surplus;
            size_ = size;
            break;
        }
        size_ -= last.size;
        const Segment dropped = last;
        count_--;
        zcnet::send::end_segment(dropped);
    }
    return ZCN_OK;
}

Status zcn_unit::set_prefix(const void *data, uint64_t size) noexcept {
    if (sealed_ || size > zcnet::send::largest_prefix || (data == nullptr && size != 0)) return ZCN_EINVAL;
    if (prefix_ == nullptr) {
        prefix_ = static_cast<uint8_t *>(
            zcnet::memory::allocate_object(zcnet::memory::object_class(zcnet::send::largest_prefix)));
        if (prefix_ == nullptr) return ZCN_ENOMEM;
    }
    if (size != 0) std::memcpy(prefix_, data, size);
    prefix_size_ = static_cast<uint32_t>(size);
    plain_ = false;
    return ZCN_OK;
}

Status zcn_unit::check_delimiter(const Rule &rule) const noexcept {
    if (!rule.check) return ZCN_OK;
    zcnet::framing::DelimiterSearch search(rule);
    for (uint32_t i = 0; i < count_; i++)
        if (search.feed(segment(i).data, segment(i).size)) return ZCN_EFRAME_DELIMITER;
    return search.finish() ? ZCN_EFRAME_DELIMITER : ZCN_OK;
}

// Memory for a head or tail beside the body: an object of its own, freed with the unit.
uint8_t *zcn_unit::small_memory(uint32_t size, Status *why) noexcept {
    own_ = static_cast<uint8_t *>(zcnet::os::allocate(size));
    if (own_ == nullptr) *why = ZCN_ENOMEM;
    return own_;
}

Status zcn_unit::seal(const Rule &rule, const zcn_framing *framing) noexcept {
    if (sealed_) return ZCN_EINVAL;
    if (prefix_ != nullptr && prefix_size_ != rule.offset) return ZCN_EINVAL;
    Shape around{};
    if (const Status status = zcnet::framing::shape(rule, size_, &around); status != ZCN_OK) return status;
    if (const Status status = check_delimiter(rule); status != ZCN_OK) return status;
    const bool head_fits = around.head <= head_room_;
    const bool tail_fits = around.tail <= tail_room_ && count_ == 1;
    uint8_t *head = const_cast<uint8_t *>(first_.data) - around.head;
    uint8_t *tail = const_cast<uint8_t *>(first_.data) + first_.size;
    const uint32_t beside = (head_fits ? 0 : around.head) + (tail_fits ? 0 : around.tail);
    if (beside != 0) {
        Status why = ZCN_OK;
        uint8_t *own = small_memory(beside, &why);
        if (own == nullptr) return why;
        if (!head_fits) head = own;
        if (!tail_fits) tail = own + (head_fits ? 0 : around.head);
    }
    if (around.head != 0) {
        zcnet::framing::write_head(rule, size_, head);
        if (prefix_ != nullptr) std::memcpy(head, prefix_, prefix_size_);
    }
    if (around.tail != 0) std::memcpy(tail, rule.delimiter, around.tail);
    head_ = head;
    head_size_ = around.head;
    tail_ = tail;
    tail_size_ = around.tail;
    framing->retain();
    framing_ = framing;
    sealed_ = true;
    plain_ = false;
    return ZCN_OK;
}

Status zcn_unit::dissolve(const Rule &rule, Piece *out) noexcept {
    Shape around{};
    if (const Status status = zcnet::framing::shape(rule, size_, &around); status != ZCN_OK) return status;
    if (rule.check)
        if (const Status status = check_delimiter(rule); status != ZCN_OK) return status;
    if (around.head > head_room_ || around.tail > tail_room_) return ZCN_AGAIN;
    auto *head = const_cast<uint8_t *>(first_.data) - around.head;
    zcnet::framing::write_head(rule, size_, head);
    if (around.tail != 0) std::memcpy(head + around.head + size_, rule.delimiter, around.tail);
    *out = {first_.block, head, around.head + size_ + around.tail};
    zcnet::memory::destroy_object(this);
    return ZCN_OK;
}

Status zcn_unit::copy_small(uint64_t below, uint64_t *copied) noexcept {
    for (uint32_t i = 0; i < count_; i++) {
        Segment &segment = i == 0 ? first_ : more_[i - 1];
        if (segment.owner != Owner::foreign || segment.size >= below) continue;
        zcn_pool *pool = pool_;
        if (pool == nullptr) continue;
        Segment copy;
        Status why = ZCN_OK;
        const uint32_t room = i == 0 ? zcnet::send::common_head : 0;
        uint8_t *start = zcnet::send::take_memory(pool, segment.size + room, &copy.block, &why);
        if (start == nullptr) return why;
        copy.data = start + room;
        copy.size = segment.size;
        copy.owner = Owner::block;
        if (segment.size != 0) std::memcpy(start + room, segment.data, segment.size);
        *copied += segment.size;
        const Segment old = segment;
        segment = copy;
        if (i == 0) head_room_ = room;
        zcnet::send::end_segment(old);
    }
    return ZCN_OK;
}

void zcn_unit::end() noexcept {
    // Taken apart first: a release function may do anything, also with memory that this unit's object becomes.
    const uint32_t count = count_;
    const Segment first = first_;
    Segment *more = more_;
    if (framing_ != nullptr) framing_->release();
    if (pool_ != nullptr) pool_->release();
    if (prefix_ != nullptr)
        zcnet::memory::free_object(prefix_, zcnet::memory::object_class(zcnet::send::largest_prefix));
    zcnet::os::deallocate(own_);
    zcnet::memory::destroy_object(this);
    if (count != 0) zcnet::send::end_segment(first);
    for (uint32_t i = 1; i < count; i++) zcnet::send::end_segment(more[i - 1]);
    zcnet::os::deallocate(more);
}
