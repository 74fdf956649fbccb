// SPDX-License-Identifier: MIT
// A stream: the receive window and the send queue of one peer, joined by its framings.
//
// It owns neither memory source nor events: the intake and the batch belong to the loop that drives it, or to the
// stand-alone stream (standalone.h). Never sees a descriptor, a clock or a thread.
#pragma once

#include <algorithm>

#include "base/probe.h"
#include "io/file.h"
#include "net/batch.h"
#include "net/message.h"
#include "receive/window.h"
#include "send/queue.h"
#include "zcnet/stats.h"

namespace zcnet::net {

struct StreamLimits {
    uint64_t high_water = 256 * 1024;
    uint64_t low_water = 64 * 1024;
    uint64_t copy_below = 0;
    uint64_t zero_copy_from = 0;  // 0: nothing leaves without a copy in the kernel
    uint64_t header_from = 0;     // 0: every frame is delivered whole
    uint32_t file_method = ZCN_FILE_AUTO;
    receive::Alignment alignment;
    uint32_t messages_per_poll = 0;
    send::Lag lag = send::Lag::refuse;
};

// Where the messages of a stream appear.
struct Outlet {
    Batch *batch = nullptr;
    zcn_conn *conn = nullptr;
    uintptr_t user = 0;
    uint32_t most = UINT32_MAX;  // messages that may still be delivered in this poll
};

class Stream {
  public:
    Stream(const zcn_framing *in, const zcn_framing *out) noexcept : in_framing_(in), out_framing_(out) {
        in->retain();
        out->retain();
    }
    Stream(const Stream &) = delete;
    Stream &operator=(const Stream &) = delete;
    ~Stream() {
        in_framing_->release();
        out_framing_->release();
    }

    // Finds messages in what has arrived and appends them to the outlet; lowers outlet.most.
    Status deliver(receive::Intake &intake, memory::Purpose purpose, const StreamLimits &limits,
                   Outlet &outlet) noexcept;

    Status prepare(receive::Intake &intake, memory::Purpose purpose, uint64_t most, iovec *pieces,
                   int *count) noexcept {
        return window_.prepare(intake, in_framing_->rule, purpose, most, pieces, count);
    }
    void commit(receive::Intake &intake, uint64_t size) noexcept {
        bytes_in_ += size;
        window_.commit(intake, size);
    }

    // Bytes that lie elsewhere: copied in, as far as there is room.
    Status feed(receive::Intake &intake, memory::Purpose purpose, const uint8_t *data, uint64_t size,
                uint64_t *taken) noexcept;
    // Bytes that lie in a message: found where they lie.
    Status feed_message(receive::Intake &intake, const zcn_msg *msg) noexcept;

    // Queues; ZCN_AGAIN above high water.
    Status send(zcn_unit *unit, const StreamLimits &limits) noexcept {
        if (queued_bytes() >= limits.high_water) [[unlikely]]
            return starve(limits);
        return push(unit, limits);
    }
    // The same without regard to high water, for what was posted and accepted before.
    Status push(zcn_unit *unit, const StreamLimits &limits) noexcept {
        if (unit->is_plain()) {
            zcn_unit::Piece piece;
            sync();
            // One place more than this needs, so that a reservation can always be pushed.
            if (const Status status = queue_.reserve(2); status != ZCN_OK) return status;
            const Status status = unit->dissolve(out_framing_->rule, &piece);
            if (status == ZCN_OK) {
                queue_.push_range(piece.block, piece.data, piece.size, 1);
                messages_out_++;
                return ZCN_OK;
            }
            if (status != ZCN_AGAIN) return status;
        }
        return push_slow(unit, limits);
    }
    // As many of the units, from the first on, as lie one after the other: 0 when the first is no plain unit.
    size_t send_run(zcn_unit *const *units, size_t count, const StreamLimits &limits, uint64_t most) noexcept {
        if (queued_bytes() >= limits.high_water) return 0;
        sync();
        if (queue_.reserve(2) != ZCN_OK) return 0;
        zcn_unit::Piece piece{};
        const size_t done = zcn_unit::dissolve_run(units, count, out_framing_->rule,
                                                   std::min(most, limits.high_water - queue_.bytes()), &piece);
        if (done != 0) queue_.push_range(piece.block, piece.data, piece.size, done);
        messages_out_ += done;
        return done;
    }
    Status send_message(const zcn_msg *msg, const StreamLimits &limits) noexcept;
    // The same without regard to high water.
    Status push_message(const Located &message) noexcept;
    Status send_copy(zcn_pool *pool, const void *data, uint64_t size, const StreamLimits &limits) noexcept;

    // The same above high water, by what the limits say of a receiver that lags: ZCN_ELAGGED when it is to go.
    // Release functions may run, and must not write meanwhile.
    Status send_lagging(zcn_unit *unit, const StreamLimits &limits, send::Dropped *dropped) noexcept;
    Status send_lagging(const Located &message, const StreamLimits &limits, send::Dropped *dropped) noexcept;
    Status copy_lagging(zcn_pool *pool, const void *data, uint64_t size, const StreamLimits &limits,
                        send::Dropped *dropped) noexcept;
    // Makes sure that pushing the unit, sealed or not, will not fail.
    Status prepare_push(const zcn_unit *unit) noexcept;

    // Room for messages in one piece of the pool's memory; see conn.h.
    Status reserve(zcn_pool *pool, uint64_t size, const StreamLimits &limits, void **out_data,
                   uint64_t *out_room) noexcept;
    Status commit_reserved(uint64_t size, void **out_data, uint64_t *out_room) noexcept {
        const framing::Rule &rule = out_framing_->rule;
        // Written one after the other, the messages become one range of the queue when somebody looks at it.
        if (reserved_ == nullptr || !reserved_->shown) return ZCN_EINVAL;
        if (rule.plain && size < rule.max - 4 && size + 4 >= rule.hide_head &&
            size + 4 <= static_cast<uint64_t>(reserved_->end - reserved_->next)) [[likely]] {
            framing::write_head(rule, size, reserved_->next);
            reserved_->next += size + 4;
            messages_out_++;
        } else if (const Status status = commit_slow(size); status != ZCN_OK) {
            return status;
        }
        next_reserved(out_data, out_room);
        return ZCN_OK;
    }
    // Puts committed messages into the queue.
    void sync() noexcept {
        if (reserved_ != nullptr && reserved_->unpushed() != 0) push_reserved();
    }
    [[nodiscard]] uint64_t queued_bytes() const noexcept {
        return queue_.bytes() + (reserved_ != nullptr ? reserved_->unpushed() : 0);
    }
    void drop_reserved() noexcept;

    // Starts parsing again behind `after` (an event of this stream in the batch; nullptr: behind all that was
    // delivered), under a new framing. Later events of it are blanked.
    Status set_framing(receive::Intake &intake, Batch &batch, const zcn_event *after,
                       const zcn_framing *framing) noexcept;
    void set_send_framing(const zcn_framing *framing) noexcept;
    // Takes undelivered and blanked messages back into the window.
    Status take_back(receive::Intake &intake, Batch &batch, const zcn_event *after) noexcept;
    // Blanks the messages of a connection from the event `from` on.
    static void blank(Batch &batch, const zcn_conn *conn, uint32_t from) noexcept;

    // Nothing is queued and nothing committed.
    [[nodiscard]] bool idle() const noexcept {
        return queue_.empty() && (reserved_ == nullptr || reserved_->unpushed() == 0);
    }

    [[nodiscard]] bool starved() const noexcept { return starved_; }
    Status starve() noexcept {
        ZCNET_PROBE(stream__high, this, queued_bytes());
        starved_ = true;
        return ZCN_AGAIN;
    }
    // Only who is refused waits for relief.
    Status starve(const StreamLimits &limits) noexcept {
        ZCNET_PROBE(stream__high, this, queued_bytes());
        starved_ = starved_ || limits.lag == send::Lag::refuse;
        return ZCN_AGAIN;
    }
    // True once when the queue has fallen below low water after a refusal.
    bool take_relief(const StreamLimits &limits) noexcept {
        if (!starved_ || queued_bytes() > limits.low_water) return false;
        starved_ = false;
        return true;
    }

    void read_stats(zcn_stats *stats) const noexcept;
    // Lets all memory go.
    void close(receive::Intake &intake) noexcept;

    bool compact() noexcept { return window_.compact(in_framing_->rule); }
    [[nodiscard]] receive::Window &window() noexcept { return window_; }
    [[nodiscard]] const receive::Window &window() const noexcept { return window_; }
    [[nodiscard]] send::Queue &queue() noexcept { return queue_; }
    [[nodiscard]] const send::Queue &queue() const noexcept { return queue_; }
    [[nodiscard]] const zcn_framing *in_framing() const noexcept { return in_framing_; }
    [[nodiscard]] const zcn_framing *out_framing() const noexcept { return out_framing_; }
    [[nodiscard]] uint64_t bytes_in() const noexcept { return bytes_in_; }
    [[nodiscard]] bool has_reserved() const noexcept { return reserved_ != nullptr; }

    void count_write(uint64_t bytes, uint64_t pieces) noexcept {
        bytes_out_ += bytes;
        write_calls_++;
        iovecs_out_ += pieces;
    }
    // Reads what comes first of the files in the queue; see Queue::load().
    Status load_source(zcn_pool *pool, uint64_t *bytes, int *number) noexcept;
    // A header was delivered alone, and nobody has said yet where the body behind it goes.
    [[nodiscard]] bool holds_body_up() const noexcept { return holds_body_up_; }
    void count_read() noexcept { read_calls_++; }
    // Bytes that were read elsewhere than into the window.
    void count_body(uint64_t size) noexcept {
        read_calls_++;
        bytes_in_ += size;
    }
    void count_copied(uint64_t bytes) noexcept { copied_out_ += bytes; }
    void note_trailing() noexcept { trailing_ = window_.pending(); }

  private:
    // Room that the program writes messages into.
    struct Reserved {
        memory::Block *block = nullptr;  // one reference
        uint8_t *start = nullptr;        // of what is committed and not in the queue yet
        uint8_t *next = nullptr;         // where the next frame begins
        uint8_t *end = nullptr;
        bool shown = true;  // the program has an address to write the next body to
        [[nodiscard]] uint64_t unpushed() const noexcept { return static_cast<uint64_t>(next - start); }
    };

    Status commit_slow(uint64_t size) noexcept;
    Status feed_rest(receive::Intake &intake, const uint8_t *data, uint64_t size, uint64_t *taken) noexcept;
    void next_reserved(void **out_data, uint64_t *out_room) noexcept;
    void push_reserved() noexcept;
    Status push_slow(zcn_unit *unit, const StreamLimits &limits) noexcept;
    void read_small_files(zcn_unit *unit, const StreamLimits &limits) noexcept;
    Status push_with_other_head(zcn_unit *unit) noexcept;
    Status push_copy(zcn_pool *pool, const void *data, uint64_t size, const StreamLimits &limits) noexcept;
    Status make_way(const StreamLimits &limits, send::Dropped *dropped) noexcept;
    Status shape_of(const zcn_unit *unit, framing::Shape *around) const noexcept;

    const zcn_framing *in_framing_;
    const zcn_framing *out_framing_;
    receive::Window window_;
    send::Queue queue_;
    Reserved *reserved_ = nullptr;
    uint64_t messages_in_ = 0;
    uint64_t bytes_in_ = 0;
    uint64_t messages_out_ = 0;
    uint64_t bytes_out_ = 0;
    uint64_t read_calls_ = 0;
    uint64_t write_calls_ = 0;
    uint64_t iovecs_out_ = 0;
    uint64_t copied_out_ = 0;
    uint64_t trailing_ = 0;
    bool starved_ = false;
    bool holds_body_up_ = false;
};

}  // namespace zcnet::net
