// SPDX-License-Identifier: MIT
// The array of events that one poll hands out, and what a borrowed message handle leads back to.
//
// A borrowed handle carries the address of its event, the event's place in the array, and 9 bits of the generation of
// the array, so that a handle of an earlier poll is found stale.
#pragma once

#include <cstdint>

#include "memory/watch.h"
#include "receive/view.h"
#include "zcnet/event.h"

namespace zcnet::net {

class Stream;

// What the messages of one read have in common.
struct Span {
    memory::Block *block = nullptr;
    Stream *stream = nullptr;
    uint32_t head = 0;  // bytes of a frame that its view hides
    uint32_t tail = 0;
};

class alignas(64) Batch {
  public:
    static constexpr uint32_t most_events = 4096;

    static Batch *create(uint32_t capacity) noexcept;
    void destroy() noexcept;

    // Ends the borrow of what was shown.
    void reset() noexcept {
        if (memory::watched()) [[unlikely]]
            hide_shown();
        count_ = 0;
        spans_used_ = 0;
        generation_ = (generation_ + 1) & generation_mask;
        next_generation();
    }

    [[nodiscard]] bool full() const noexcept { return count_ == capacity_; }
    [[nodiscard]] uint32_t room() const noexcept { return capacity_ - count_; }
    [[nodiscard]] uint32_t count() const noexcept { return count_; }
    [[nodiscard]] const zcn_event *events() const noexcept { return first(); }
    [[nodiscard]] zcn_event *event(uint32_t index) noexcept { return first() + index; }

    // Appends an event; there is room.
    zcn_event *push(uint32_t type, Status status, zcn_conn *conn, uintptr_t user) noexcept {
        zcn_event *event = first() + count_++;
        *event = zcn_event{type, status, conn, user, nullptr, nullptr, 0, 0, 0};
        return event;
    }

    // A span for messages that follow; there is room for as many as for events.
    uint32_t push_span(const Span &span) noexcept {
        spans()[spans_used_] = span;
        return spans_used_++;
    }
    [[nodiscard]] const Span &span_of(const zcn_event *event) noexcept { return spans()[event->reserved & span_mask]; }

    // Writes messages one after the other with everything it needs at hand; finish() makes them the batch's.
    class Writer {
      public:
        Writer(Batch *batch, zcn_conn *conn, uintptr_t user, uint32_t most) noexcept
            : batch_(batch), conn_(conn), user_(user), at_(batch->first() + batch->count_) {
            end_ = at_ + (most < batch->room() ? most : batch->room());
            handle_ = reinterpret_cast<uintptr_t>(at_) | uintptr_t{batch->count_} << 48 | batch->generation_bits_;
        }

        [[nodiscard]] bool full() const noexcept { return at_ == end_; }

        void message(uint64_t span, const uint8_t *data, uint64_t size, uint64_t token = 0) noexcept {
            at_->type = ZCN_EVENT_MESSAGE;
            at_->status = ZCN_OK;
            at_->conn = conn_;
            at_->user = user_;
            at_->msg = reinterpret_cast<zcn_msg *>(handle_);
            at_->data = data;
            at_->size = size;
            at_->token = token;
            at_->reserved = message_flag | span;
            at_++;
            handle_ += sizeof(zcn_event) + (uintptr_t{1} << 48);
        }

        // How many were written.
        uint32_t finish() noexcept {
            const auto count = static_cast<uint32_t>(at_ - batch_->first());
            const uint32_t written = count - batch_->count_;
            batch_->count_ = count;
            return written;
        }

      private:
        Batch *batch_;
        zcn_conn *conn_;
        uintptr_t user_;
        zcn_event *at_;
        zcn_event *end_;
        uintptr_t handle_;
    };

    // The event behind a borrowed handle; nullptr when its borrow has ended.
    struct Found {
        Batch *batch;
        zcn_event *event;
    };
    static Found find(const zcn_msg *msg) noexcept {
        const auto bits = reinterpret_cast<uintptr_t>(msg);
        auto *event = reinterpret_cast<zcn_event *>(bits & 0x0000FFFFFFFFFFC0);
        const auto index = static_cast<uint32_t>(bits >> 48 & 0xFFF);
        auto *batch = reinterpret_cast<Batch *>(reinterpret_cast<uintptr_t>(event - index) - sizeof(Batch));
        const bool current = (bits & generation_place) == batch->generation_bits_ && index < batch->count_ &&
                             (event->reserved & message_flag) != 0;
        return current ? Found{batch, event} : Found{nullptr, nullptr};
    }
    static void mark_retained(zcn_event *event) noexcept { event->reserved |= retained_flag; }
    static bool is_retained(const zcn_event *event) noexcept { return (event->reserved & retained_flag) != 0; }

    void next_generation() noexcept {
        generation_bits_ = uintptr_t{1} | uintptr_t{generation_ & 31} << 1 | uintptr_t{generation_ >> 5} << 60;
    }

    // Bytes that detaching borrowed messages of this array copied.
    uint64_t copied_detached = 0;

  private:
    static constexpr uint32_t generation_mask = 0x1FF;
    static constexpr uintptr_t generation_place = uintptr_t{0xF} << 60 | 0x3F;
    static constexpr uint64_t span_mask = 0xFFFFFF;
    static constexpr uint64_t retained_flag = uint64_t{1} << 63;
    static constexpr uint64_t message_flag = uint64_t{1} << 62;  // stays when the event is blanked

    Batch() noexcept = default;
    void hide_shown() noexcept;
    zcn_event *first() noexcept { return reinterpret_cast<zcn_event *>(this + 1); }
    [[nodiscard]] const zcn_event *first() const noexcept { return reinterpret_cast<const zcn_event *>(this + 1); }
    Span *spans() noexcept { return reinterpret_cast<Span *>(first() + capacity_); }

    uint32_t capacity_ = 0;
    uint32_t count_ = 0;
    uint32_t spans_used_ = 0;
    uint32_t generation_ = 0;
    uintptr_t generation_bits_ = 1;
    uint64_t bytes_ = 0;
};
static_assert(sizeof(zcn_event) == 64);

}  // namespace zcnet::net
