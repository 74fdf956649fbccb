// SPDX-License-Identifier: MIT
// Send units: a body of segments, each with its owner, and the header that is written in front of it once.
//
// Knows framing and memory; never a connection or a descriptor.
#pragma once

#include <atomic>
#include <cstdint>

#include "framing/framing.h"
#include "framing/shape.h"
#include "memory/thread_memory.h"
#include "send/source.h"
#include "zcnet/unit.h"

namespace zcnet::send {

using memory::Block;

// Memory of the program, with what is called when the last segment on it ends.
struct Foreign {
    std::atomic<uint32_t> references{1};
    zcn_release_function release = nullptr;
    void *context = nullptr;
    const void *data = nullptr;
    uint64_t size = 0;
};

enum class Owner : uint8_t { constant, block, foreign, source };

struct Segment {
    union {
        const uint8_t *data = nullptr;
        uint64_t offset;  // in the source
    };
    uint64_t size = 0;
    union {
        Block *block = nullptr;
        Foreign *foreign;
        Source *source;
    };
    Owner owner = Owner::constant;
    bool pages = false;  // constant: they may be handed over as they are
};

void end_segment(const Segment &segment) noexcept;
// Bytes from the thread's arena, or a heap block when they are too many for it; one reference on the block.
uint8_t *take_memory(zcn_pool *pool, uint64_t size, Block **block, Status *why) noexcept;
void *take_beside(size_t size) noexcept;
void free_beside(void *beside, size_t size) noexcept;

// What a unit needs beyond one piece of pool memory.
struct UnitExtra {
    Segment *more = nullptr;               // segments behind the first
    uint32_t count = 0;                    // of all segments
    uint32_t capacity = 0;                 // of more
    zcn_pool *pool = nullptr;              // retained by units that may still take memory, else nullptr
    const zcn_framing *framing = nullptr;  // sealed with, retained; nullptr while unsealed
    const uint8_t *head = nullptr;         // what seal() wrote
    const uint8_t *tail = nullptr;
    uint32_t head_size = 0;
    uint32_t tail_size = 0;
    uint8_t *prefix = nullptr;
    uint32_t own_size = 0;
    uint8_t *own = nullptr;  // small memory for a head or tail that has no room beside the body
    uint32_t prefix_size = 0;
    bool has_token = false;
    bool has_source = false;  // a segment is one
    uint64_t token = 0;
    std::atomic<uint64_t> copied{0};  // by append_copy() and copy_below, until a connection counts it
};

constexpr uint32_t largest_prefix = 256;
constexpr uint32_t common_head = 16;  // room before a body whose framing is not known yet

}  // namespace zcnet::send

// One cache line: a unit that is one piece of pool memory, the common case, needs no more.
struct zcn_unit final {
  public:
    using Segment = zcnet::send::Segment;
    using Extra = zcnet::send::UnitExtra;
    using Block = zcnet::memory::Block;
    using Status = zcnet::Status;

    // A unit with `size` bytes of pool memory, head and tail room for the framing around them.
    // *out and *out_data are nullptr on failure.
    static Status make(zcn_unit **out, void **out_data, zcn_pool *pool, const zcn_framing *framing,
                       uint64_t size) noexcept {
        zcnet::memory::ThreadMemory *mine = zcnet::memory::thread_memory;
        if (mine == nullptr || mine->pool[0].number != pool->number() ||
            (framing != nullptr && !zcnet::framing::is_plain(framing->rule, size))) [[unlikely]]
            return make_any(out, out_data, pool, framing, size);
        zcnet::memory::Arena &arena = mine->pool[0].arena;
        zcnet::memory::ObjectBin &bin = mine->bins[object_class];
        const uint32_t head = framing != nullptr ? zcnet::framing::plain_head : zcnet::send::common_head;
        const uint64_t room = arena.room();
        if (bin.head == nullptr || room < head || size > room - head) [[unlikely]]
            return make_any(out, out_data, pool, framing, size);
        zcnet::memory::FreeObject *object = bin.head;
        bin.head = object->next;
        Block *block = nullptr;
        uint8_t *start = arena.cut(size + head, &block) + head;
        *out = new (object) zcn_unit(block, start, size, {head, 0});
        *out_data = start;
        return ZCN_OK;
    }
    static Status make_empty(zcn_unit **out, zcn_pool *pool) noexcept;

    // A segment that the unit owns from then on. On failure it stays the caller's.
    Status append(const Segment &segment) noexcept;
    Status append_memory(void **out_data, uint64_t size) noexcept;
    Status truncate(uint64_t size) noexcept;
    Status set_prefix(const void *data, uint64_t size) noexcept;
    Status set_token(uint64_t token) noexcept;
    Status seal(const zcnet::framing::Rule &rule, const zcn_framing *framing) noexcept;
    // Copies foreign segments below a size into pool memory and ends them.
    Status copy_small(uint64_t below) noexcept;
    // Puts the bytes of a segment that is a source into pool memory: how many. 0: they cannot be had now, and nothing
    // has changed.
    uint64_t read_source(uint32_t index) noexcept;

    void retain() noexcept {
        // relaxed: the caller's reference keeps the unit alive.
        references_.fetch_add(1, std::memory_order_relaxed);
    }
    void release() noexcept {
        // acq_rel: every holder's use happens before the end. A sole holder needs no exchange.
        if (is_sole() || references_.fetch_sub(1, std::memory_order_acq_rel) == 1) end();
    }
    // acquire: what other holders did before they let go is seen by the one who finds itself alone.
    [[nodiscard]] bool is_sole() const noexcept { return references_.load(std::memory_order_acquire) == 1; }

    [[nodiscard]] uint64_t size() const noexcept { return size_; }
    [[nodiscard]] bool sealed() const noexcept { return sealed_; }
    [[nodiscard]] bool has_token() const noexcept { return extra_ != nullptr && extra_->has_token; }
    [[nodiscard]] bool has_source() const noexcept { return extra_ != nullptr && extra_->has_source; }
    [[nodiscard]] uint64_t token() const noexcept { return extra_->token; }
    // Bytes that were copied into the unit; whoever sends it first counts them. relaxed: a counter.
    uint64_t take_copied() noexcept {
        return extra_ != nullptr ? extra_->copied.exchange(0, std::memory_order_relaxed) : 0;
    }
    void count_copied(uint64_t bytes) noexcept {
        if (extra_ != nullptr) extra_->copied.fetch_add(bytes, std::memory_order_relaxed);
    }

    // The body alone; of a sealed unit the head and tail that seal() wrote stand beside it.
    [[nodiscard]] uint32_t segment_count() const noexcept { return extra_ != nullptr ? extra_->count : 1; }
    [[nodiscard]] const Segment &segment(uint32_t index) const noexcept {
        return index == 0 ? first_ : extra_->more[index - 1];
    }
    [[nodiscard]] const Extra &extra() const noexcept { return *extra_; }
    [[nodiscard]] bool sealed_for(const zcn_framing *framing) const noexcept {
        return sealed_ && extra_->framing == framing;
    }
    // A prefix that set_prefix() gave must be as long as the framing's offset.
    [[nodiscard]] bool prefix_suits(const zcnet::framing::Rule &rule) const noexcept {
        return extra_ == nullptr || extra_->prefix == nullptr || extra_->prefix_size == rule.offset;
    }
    [[nodiscard]] uint64_t whole() const noexcept { return extra_->head_size + size_ + extra_->tail_size; }

    // For a unit that is one piece of pool memory, not sealed, with nothing else to it: frames the body in place and
    // hands the piece and its one reference over; the unit itself is gone then. ZCN_AGAIN: it has no room for that.
    struct Piece {
        Block *block;
        const uint8_t *data;
        uint64_t size;
    };
    [[nodiscard]] bool is_plain() const noexcept { return extra_ == nullptr && is_sole(); }
    Status dissolve(const zcnet::framing::Rule &rule, Piece *out) noexcept {
        zcnet::framing::Shape around{};
        const Status status = zcnet::framing::shape(rule, size_, &around);
        if (status != ZCN_OK) return status;
        if (around.tail != 0 || rule.check || around.head > head_room_) [[unlikely]]
            return dissolve_slow(rule, around, out);
        auto *head = const_cast<uint8_t *>(first_.data) - around.head;
        zcnet::framing::write_head(rule, size_, head);
        *out = {first_.block, head, around.head + size_};
        zcnet::memory::free_object(this, object_class);
        return ZCN_OK;
    }

    // The same for many units that lie one after the other in one block: frames as many as go with it, and gives their
    // one piece. Returns how many; 0: the first is not such a unit.
    static size_t dissolve_run(zcn_unit *const *units, size_t count, const zcnet::framing::Rule &rule, uint64_t most,
                               Piece *out) noexcept;

    // Many plain units of one size, neighbours; returns how many were made (fewer when the arena's block is full).
    static size_t make_run(zcn_unit **out, void **out_datas, size_t count, zcn_pool *pool, zcnet::framing::Shape around,
                           uint64_t size) noexcept;

    [[nodiscard]] Status check_delimiter(const zcnet::framing::Rule &rule) const noexcept;

  private:
    static constexpr uint32_t object_class = 0;

    zcn_unit(Block *block, const uint8_t *data, uint64_t size, zcnet::framing::Shape around) noexcept
        : tail_room_(static_cast<uint8_t>(around.tail)), head_room_(around.head), size_(size) {
        first_.data = data;
        first_.size = size;
        first_.block = block;
        first_.owner = zcnet::send::Owner::block;
    }
    zcn_unit() noexcept = default;
    ~zcn_unit() = default;

    // Of any framing and size, and where the thread's memory has to be made or filled first.
    static Status make_any(zcn_unit **out, void **out_data, zcn_pool *pool, const zcn_framing *framing,
                           uint64_t size) noexcept;
    Status dissolve_slow(const zcnet::framing::Rule &rule, zcnet::framing::Shape around, Piece *out) noexcept;
    // What only one thread has: of one piece of pool memory, with nothing beside it, and cut by that thread.
    void end() noexcept {
        Block *block = first_.block;
        zcnet::memory::ThreadMemory *mine = zcnet::memory::thread_memory;
        if (extra_ != nullptr || mine == nullptr || mine->pool[0].arena.block() != block ||
            !mine->bins[object_class].has_room(object_class)) [[unlikely]]
            return end_any();
        mine->bins[object_class].free(reinterpret_cast<zcnet::memory::FreeObject *>(this));
        mine->pool[0].arena.take_back(1);
    }
    void end_any() noexcept;
    bool make_extra() noexcept;
    [[nodiscard]] zcn_pool *own_pool() const noexcept;

    std::atomic<uint32_t> references_{1};
    bool sealed_ = false;
    uint8_t tail_room_ = 0;
    uint32_t head_room_ = 0;  // writable bytes before the first segment
    uint64_t size_ = 0;
    Segment first_;
    Extra *extra_ = nullptr;
};
static_assert(sizeof(zcn_unit) == 64);
