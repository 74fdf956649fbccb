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

enum class Owner : uint8_t { constant, block, foreign };

struct Segment {
    const uint8_t *data = nullptr;
    uint64_t size = 0;
    union {
        Block *block = nullptr;
        Foreign *foreign;
    };
    Owner owner = Owner::constant;
};

void end_segment(const Segment &segment) noexcept;

constexpr uint32_t largest_prefix = 256;
constexpr uint32_t common_head = 16;  // room before a body whose framing is not known yet

}  // namespace zcnet::send

struct zcn_unit final {
  public:
    using Segment = zcnet::send::Segment;
    using Block = zcnet::memory::Block;
    using Status = zcnet::Status;

    zcn_unit() noexcept = default;

    // A unit with `size` bytes of pool memory, head and tail room for the framing around them.
    static Status make(zcn_unit **out, void **out_data, zcn_pool *pool, const zcn_framing *framing,
                       uint64_t size) noexcept;
    static Status make_empty(zcn_unit **out, zcn_pool *pool) noexcept;

    // A segment that the unit owns from then on. On failure it stays the caller's.
    Status append(const Segment &segment) noexcept;
    Status append_memory(void **out_data, uint64_t size) noexcept;
    Status truncate(uint64_t size) noexcept;
    Status set_prefix(const void *data, uint64_t size) noexcept;
    Status seal(const zcnet::framing::Rule &rule, const zcn_framing *framing) noexcept;
    // Copies foreign segments below a size into pool memory and ends them.
    Status copy_small(uint64_t below, uint64_t *copied) noexcept;

    void retain() noexcept {
        // relaxed: the caller's reference keeps the unit alive.
        references_.fetch_add(1, std::memory_order_relaxed);
    }
    void release() noexcept {
        // acq_rel: every holder's use happens before the end. A sole holder needs no exchange.
        if (references_.load(std::memory_order_acquire) == 1 ||
            references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            end();
    }
    // acquire: what other holders did before they let go is seen by the one who finds itself alone.
    [[nodiscard]] bool is_sole() const noexcept { return references_.load(std::memory_order_acquire) == 1; }

    [[nodiscard]] uint64_t size() const noexcept { return size_; }
    [[nodiscard]] bool sealed() const noexcept { return sealed_; }
    void set_token(uint64_t token) noexcept {
        plain_ = false;
        token_ = token;
        has_token_ = true;
    }
    [[nodiscard]] bool has_token() const noexcept { return has_token_; }
    [[nodiscard]] uint64_t token() const noexcept { return token_; }
    [[nodiscard]] uint64_t copied() const noexcept { return copied_; }
    void count_copied(uint64_t bytes) noexcept { copied_ += bytes; }

    // The body alone; the head and tail that seal() wrote stand in head() and tail().
    [[nodiscard]] uint32_t segment_count() const noexcept { return count_; }
    [[nodiscard]] const Segment &segment(uint32_t index) const noexcept {
        return index == 0 ? first_ : more_[index - 1];
    }
    [[nodiscard]] const uint8_t *head() const noexcept { return head_; }
    [[nodiscard]] uint32_t head_size() const noexcept { return head_size_; }
    [[nodiscard]] const uint8_t *tail() const noexcept { return tail_; }
    [[nodiscard]] uint32_t tail_size() const noexcept { return tail_size_; }
    [[nodiscard]] uint64_t whole() const noexcept { return head_size_ + size_ + tail_size_; }
    [[nodiscard]] const zcn_framing *framing() const noexcept { return framing_; }
    [[nodiscard]] const uint8_t *prefix() const noexcept { return prefix_; }
    [[nodiscard]] uint32_t prefix_size() const noexcept { return prefix_size_; }

    // For a unit that is one piece of pool memory, not sealed, with nothing else to it: frames the body in place and
    // hands the piece and its one reference over; the unit itself is gone then. False: it is not such a unit.
    struct Piece {
        Block *block;
        const uint8_t *data;
        uint64_t size;
    };
    [[nodiscard]] bool is_plain() const noexcept { return plain_ && is_sole(); }
    Status dissolve(const zcnet::framing::Rule &rule, Piece *out) noexcept;

    // The body as one string, for a look at its bytes; false: it has several segments.
    [[nodiscard]] Status check_delimiter(const zcnet::framing::Rule &rule) const noexcept;

  private:
    ~zcn_unit() = default;
    template <class Object>
    friend void zcnet::memory::destroy_object(Object *object) noexcept;

    void end() noexcept;
    uint8_t *small_memory(uint32_t size, Status *why) noexcept;

    std::atomic<uint32_t> references_{1};
    bool sealed_ = false;
    bool has_token_ = false;
    bool plain_ = false;  // one segment of pool memory with room around it, and nothing else was set
    uint8_t tail_room_ = 0;
    uint32_t count_ = 0;
    uint32_t capacity_ = 0;  // of more_
    Segment first_;
    Segment *more_ = nullptr;
    uint64_t size_ = 0;
    zcn_pool *pool_ = nullptr;  // retained by units that may still take memory, else nullptr
    const zcn_framing *framing_ = nullptr;  // sealed with, retained; nullptr while unsealed
    const uint8_t *head_ = nullptr;
    const uint8_t *tail_ = nullptr;
    uint32_t head_size_ = 0;
    uint32_t tail_size_ = 0;
    uint32_t head_room_ = 0;  // writable bytes before the first segment
    uint32_t prefix_size_ = 0;
    uint8_t *prefix_ = nullptr;
    uint8_t *own_ = nullptr;  // small memory for a head or tail that has no room beside the body
    uint64_t token_ = 0;
    uint64_t copied_ = 0;
};
