// SPDX-License-Identifier: MIT
// Requests of one connection that wait for their answers.
//
// It owns them, chooses their ids and knows their deadlines. Its connection hands it the ids that arrive and asks what
// has ended; it never sees bytes, sockets, events or a clock.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/list.h"
#include "net/timers.h"

namespace zcnet::net {

struct ExchangeTag {};

struct Request : Link<ExchangeTag>, Timer {
    Request() noexcept : Timer(TimerOf::conn) {}

    uint64_t id = 0;
    uint64_t token = 0;
    Status status = ZCN_OK;  // why it ended without an answer
    bool answered = false;   // in the array that is shown
};

class Exchange {
  public:
    // Ids have that many bytes; at most so many requests wait at a time, half of the ids there are at most.
    Exchange(unsigned width, uint32_t most) noexcept;
    Exchange(const Exchange &) = delete;
    Exchange &operator=(const Exchange &) = delete;
    ~Exchange();

    static constexpr uint32_t default_most = 32767;
    static bool is_width(uint32_t width) noexcept { return width == 2 || width == 4 || width == 8; }

    Status begin(uint64_t token, int64_t deadline, uint64_t *id) noexcept;  // ZCN_ENOBUFS, ZCN_ENOMEM
    Status end(uint64_t id) noexcept;                                       // ZCN_AGAIN: there is none any more

    // An answer arrived: the token of its request, or 0 if there is none.
    uint64_t answer(uint64_t id) noexcept;
    // It was not shown after all: the request waits again.
    void reopen(uint64_t id) noexcept;
    // What was answered before that array of the loop cannot be taken back any more.
    void begin_array(uint32_t serial) noexcept {
        if (serial != shown_in_) forget_answered();
        shown_in_ = serial;
    }
    void forget_answered() noexcept;

    // Ends what is due, or everything.
    void expire(int64_t now) noexcept;
    void fail(Status status) noexcept;

    // What ended without an answer and has not been told.
    [[nodiscard]] bool has_ended() const noexcept { return !ended_.empty(); }
    void take_ended(uint64_t *token, Status *status) noexcept;

    [[nodiscard]] int64_t next_deadline() const noexcept { return deadlines_.next(); }
    [[nodiscard]] uint64_t waiting() const noexcept { return count_; }
    [[nodiscard]] uint64_t begun() const noexcept { return begun_; }
    [[nodiscard]] uint64_t answered() const noexcept { return answered_; }
    [[nodiscard]] uint64_t unanswered() const noexcept { return unanswered_; }

  private:
    using Requests = List<Request, ExchangeTag>;

    [[nodiscard]] uint64_t place_of(uint64_t id) const noexcept { return id & (capacity_ - 1); }
    [[nodiscard]] Request *find(uint64_t id) const noexcept;
    Status grow() noexcept;
    uint64_t free_id() noexcept;
    void end_as(Request *request, Status status) noexcept;
    void destroy(Request *request) noexcept;

    // By id: each at its own place, since ids that do not lie at a free place are passed over.
    Request **places_ = nullptr;
    uint32_t capacity_ = 0;
    uint32_t used_ = 0;   // places that are taken
    uint32_t count_ = 0;  // of them, by requests that wait
    uint32_t most_;
    uint64_t last_id_;  // of all that fit the width
    uint64_t next_id_ = 1;
    Requests waiting_;  // in the order of their ids
    Requests ended_;    // to be told
    Requests shown_;    // answered, in the array that is shown
    uint32_t shown_in_ = 0;
    Timers deadlines_;
    uint64_t begun_ = 0;
    uint64_t answered_ = 0;
    uint64_t unanswered_ = 0;
};

}  // namespace zcnet::net
