// SPDX-License-Identifier: MIT
#include "send/unit.h"

#include <cstring>

#include "base/checked.h"
#include "memory/births.h"
#include "os/os.h"

namespace zcnet::send {

namespace {

using memory::Purpose;
using memory::ThreadPool;

}  // namespace

uint8_t *take_memory(zcn_pool *pool, uint64_t size, Block **block, Status *why) noexcept {
    if (size <= pool->block_size() / 2) {
        ThreadPool *mine = memory::thread_pool(pool);
        if (mine != nullptr) return mine->arena.take(pool, mine->cache, size, block, why);
    }
    Block *own = nullptr;
    if (size < memory::smallest_region) {
        own = pool->take_heap(size, Purpose::ordinary, why);
    } else {
        own = pool->take_region(size, size, Purpose::ordinary, why);
    }
    if (own == nullptr) return nullptr;
    own->count.store(1, std::memory_order_relaxed);  // nobody else has it yet
    *block = own;
    return own->base;
}

// Memory beside a unit: an object while it is small, so that the usual unit takes nothing from the heap.
void *take_beside(size_t size) noexcept {
    const uint32_t shape = memory::object_class(size);
    return shape < memory::object_classes ? memory::allocate_object(shape) : os::allocate(size);
}

void free_beside(void *beside, size_t size) noexcept {
    if (beside == nullptr) return;
    const uint32_t shape = memory::object_class(size);
    if (shape < memory::object_classes) {
        memory::free_object(beside, shape);
    } else {
        os::deallocate(beside);
    }
}

void end_segment(const Segment &segment) noexcept {
    switch (segment.owner) {
        case Owner::constant:
            return;
        case Owner::block:
            memory::release_cut(segment.block);
            return;
        case Owner::source:
            segment.source->release();
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
using zcnet::framing::Shape;
using zcnet::send::Owner;
using zcnet::send::Segment;

Status zcn_unit::make_any(zcn_unit **out, void **out_data, zcn_pool *pool, const zcn_framing *framing,
                          uint64_t size) noexcept {
    *out = nullptr;
    *out_data = nullptr;
    Shape around{zcnet::send::common_head, 0};
    if (framing != nullptr) {
        if (const Status status = zcnet::framing::shape(framing->rule, size, &around); status != ZCN_OK) return status;
    }
    uint64_t total = 0;
    if (!zcnet::add_fits(size, uint64_t{around.head} + around.tail, &total)) {
        pool->count_failure();
        return ZCN_ENOMEM;
    }
    void *memory = zcnet::memory::allocate_object(object_class);
    if (memory == nullptr) return ZCN_ENOMEM;
    Status why = ZCN_OK;
    Block *block = nullptr;
    uint8_t *start = zcnet::send::take_memory(pool, total, &block, &why);
    if (start == nullptr) {
        zcnet::memory::free_object(memory, object_class);
        return why;
    }
    auto *unit = new (memory) zcn_unit(block, start + around.head, size, around);
    // A unit that is noted is no plain one, so that it ends where births are forgotten.
    if (zcnet::memory::watched() && zcnet::memory::births_wanted() && !unit->make_extra()) [[unlikely]] {
        unit->release();
        return ZCN_ENOMEM;
    }
    *out = unit;
    *out_data = start + around.head;
    return ZCN_OK;
}

size_t zcn_unit::make_run(zcn_unit **out, void **out_datas, size_t count, zcn_pool *pool, Shape around,
                          uint64_t size) noexcept {
    zcnet::memory::ThreadPool *mine = zcnet::memory::thread_pool(pool);
    const uint64_t total = size + around.head + around.tail;
    if (mine == nullptr || total < size || total == 0) return 0;
    const uint64_t fit = mine->arena.room() / total;
    if (count > fit) count = fit;
    if (count == 0) return 0;
    size_t made = 0;
    for (; made < count; made++) {
        void *memory = zcnet::memory::allocate_object(object_class);
        if (memory == nullptr) break;
        Block *block = nullptr;
        uint8_t *start = mine->arena.cut(total, &block);
        out[made] = new (memory) zcn_unit(block, start + around.head, size, around);
        out_datas[made] = start + around.head;
    }
    return made;
}

bool zcn_unit::make_extra() noexcept {
    if (extra_ != nullptr) return true;
    extra_ = zcnet::memory::make_object<Extra>();
    if (extra_ == nullptr) return false;
    extra_->count = 1;
    return true;
}

Status zcn_unit::make_empty(zcn_unit **out, zcn_pool *pool) noexcept {
    void *memory = zcnet::memory::allocate_object(object_class);
    if (memory == nullptr) return ZCN_ENOMEM;
    auto *unit = new (memory) zcn_unit();
    if (!unit->make_extra()) {
        zcnet::memory::free_object(memory, object_class);
        return ZCN_ENOMEM;
    }
    unit->extra_->count = 0;
    pool->retain();
    unit->extra_->pool = pool;
    *out = unit;
    return ZCN_OK;
}

Status zcn_unit::append(const Segment &segment) noexcept {
    if (sealed_) return ZCN_EINVAL;
    uint64_t size = 0;
    if (!zcnet::add_fits(size_, segment.size, &size)) return ZCN_EINVAL;
    if (!make_extra()) return ZCN_ENOMEM;
    Extra &extra = *extra_;
    if (extra.count == 0) {
        first_ = segment;
    } else {
        if (extra.count - 1 == extra.capacity) {
            if (extra.capacity > UINT32_MAX / 4) return ZCN_ENOMEM;
            const uint32_t capacity = extra.capacity == 0 ? 4 : extra.capacity * 2;
            auto *grown = static_cast<Segment *>(zcnet::send::take_beside(capacity * sizeof(Segment)));
            if (grown == nullptr) return ZCN_ENOMEM;
            if (extra.capacity != 0)
                std::memcpy(static_cast<void *>(grown), extra.more, extra.capacity * sizeof(Segment));
            zcnet::send::free_beside(extra.more, extra.capacity * sizeof(Segment));
            extra.more = grown;
            extra.capacity = capacity;
        }
        extra.more[extra.count - 1] = segment;
        // A body in several pieces has its tail elsewhere.
        tail_room_ = 0;
    }
    extra.count++;
    extra.has_source = extra.has_source || segment.owner == Owner::source;
    size_ = size;
    return ZCN_OK;
}

Status zcn_unit::append_memory(void **out_data, uint64_t size) noexcept {
    if (sealed_) return ZCN_EINVAL;
    const bool first = segment_count() == 0;
    zcn_pool *pool = extra_ != nullptr && extra_->pool != nullptr ? extra_->pool
                     : !first && first_.owner == Owner::block     ? first_.block->pool
                                                                  : nullptr;
    if (pool == nullptr) return ZCN_EINVAL;
    // The first piece gets room for a header, so that it leaves in one piece with it.
    const uint32_t room = first ? zcnet::send::common_head : 0;
    uint64_t total = 0;
    if (!zcnet::add_fits(size, room, &total)) {
        pool->count_failure();
        return ZCN_ENOMEM;
    }
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
        const uint32_t count = segment_count();
        Segment &last = count == 1 ? first_ : extra_->more[count - 2];
        const uint64_t surplus = size_ - size;
        if (surplus < last.size || count == 1) {
            last.size -= surplus;
            size_ = size;
            break;
        }
        size_ -= last.size;
        const Segment dropped = last;
        extra_->count--;
        zcnet::send::end_segment(dropped);
    }
    return ZCN_OK;
}

Status zcn_unit::set_prefix(const void *data, uint64_t size) noexcept {
    if (sealed_ || size > zcnet::send::largest_prefix || (data == nullptr && size != 0)) return ZCN_EINVAL;
    if (!make_extra()) return ZCN_ENOMEM;
    if (extra_->prefix == nullptr) {
        extra_->prefix = static_cast<uint8_t *>(
            zcnet::memory::allocate_object(zcnet::memory::object_class(zcnet::send::largest_prefix)));
        if (extra_->prefix == nullptr) return ZCN_ENOMEM;
    }
    if (size != 0) std::memcpy(extra_->prefix, data, size);
    extra_->prefix_size = static_cast<uint32_t>(size);
    return ZCN_OK;
}

Status zcn_unit::set_token(uint64_t token) noexcept {
    if (sealed_) return ZCN_EINVAL;
    if (!make_extra()) return ZCN_ENOMEM;
    extra_->token = token;
    extra_->has_token = true;
    return ZCN_OK;
}

void zcn_unit::end_any() noexcept {
    zcnet::memory::note_death(this);
    // Taken apart first: a release function may do anything, also with memory that this unit's object becomes.
    const Segment first = first_;
    Extra *extra = extra_;
    zcnet::memory::free_object(this, object_class);
    if (extra == nullptr) {
        zcnet::send::end_segment(first);
        return;
    }
    if (extra->count != 0) zcnet::send::end_segment(first);
    for (uint32_t i = 1; i < extra->count; i++) zcnet::send::end_segment(extra->more[i - 1]);
    zcnet::send::free_beside(extra->more, extra->capacity * sizeof(Segment));
    zcnet::send::free_beside(extra->own, extra->own_size);
    if (extra->framing != nullptr) extra->framing->release();
    if (extra->pool != nullptr) zcnet::memory::release_pool(extra->pool);
    if (extra->prefix != nullptr)
        zcnet::memory::free_object(extra->prefix, zcnet::memory::object_class(zcnet::send::largest_prefix));
    zcnet::memory::destroy_object(extra);
}
