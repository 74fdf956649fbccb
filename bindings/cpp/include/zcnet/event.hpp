/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_EVENT_HPP
#define ZCNET_EVENT_HPP
/* Events: what a poll hands out; see event.h. */
#include <zcnet/event.h>

#include <iterator>
#include <zcnet/conn.hpp>
#include <zcnet/dialer.hpp>
#include <zcnet/message.hpp>
#include <zcnet/relay.hpp>

namespace zcnet {

enum class EventType : std::uint32_t {
    none = ZCN_EVENT_NONE,
    connected = ZCN_EVENT_CONNECTED,
    accepted = ZCN_EVENT_ACCEPTED,
    message = ZCN_EVENT_MESSAGE,
    sent = ZCN_EVENT_SENT,
    writable = ZCN_EVENT_WRITABLE,
    peer_closed = ZCN_EVENT_PEER_CLOSED,
    closed = ZCN_EVENT_CLOSED,
    woken = ZCN_EVENT_WOKEN,
    timer = ZCN_EVENT_TIMER,
    accept_limited = ZCN_EVENT_ACCEPT_LIMITED,
    pool_limited = ZCN_EVENT_POOL_LIMITED,
    arrived = ZCN_EVENT_ARRIVED,
    listener_closed = ZCN_EVENT_LISTENER_CLOSED,
    relay_ended = ZCN_EVENT_RELAY_ENDED,
    redial = ZCN_EVENT_REDIAL,
    dialer_closed = ZCN_EVENT_DIALER_CLOSED,
    unanswered = ZCN_EVENT_UNANSWERED,
    file_received = ZCN_EVENT_FILE_RECEIVED,
    pool_ready = ZCN_EVENT_POOL_READY
};

/** One of the things that happened. It is a reference into the array of the poll, and ends with the next one. */
class Event {
  public:
    explicit Event(const zcn_event &event) noexcept : event_(&event) {}

    EventType type() const noexcept { return static_cast<EventType>(event_->type); }
    /** ZCN_OK, or the reason: of closed, sent, accept_limited, listener_closed, relay_ended, redial, dialer_closed,
        unanswered, file_received. */
    zcn_status status() const noexcept { return event_->status; }
    /** The status as text. */
    const char *status_text() const noexcept { return zcn_status_text(event_->status); }
    /** Of accept_limited: errno of the system call that failed, EMFILE when descriptors ran out. Else 0. */
    int sys_errno() const noexcept {
        return event_->type == ZCN_EVENT_ACCEPT_LIMITED ? static_cast<int>(event_->size) : 0;
    }
    /** The connection, borrowed; empty where the type names none. */
    ConnRef conn() const noexcept { return ConnRef(event_->conn); }
    /** The user value of the connection, listener, relay or dialer. */
    std::uintptr_t user() const noexcept { return event_->user; }
    template <typename T>
    T *user_as() const noexcept {
        return reinterpret_cast<T *>(event_->user);
    }
    /** Of message events. */
    MessageView message() const noexcept { return MessageView(*event_); }
    Bytes bytes() const noexcept { return message().bytes(); }
    std::string_view text() const noexcept { return message().text(); }
    /** Of timers, sent units, received files and pool_ready; of messages: of the request that one answers, or the bytes
       behind a header that is delivered alone; of unanswered. Of redial: attempts in a row that did not last. */
    std::uint64_t token() const noexcept { return event_->token; }
    /** Of sent: how many tokens, from token() on. Of relay_ended: bytes written both ways. Of redial: milliseconds
        until the next attempt. Of file_received: bytes in the file. Of pool_ready: bytes that were asked for. */
    std::uint64_t count() const noexcept { return event_->size; }
    /** Of relay_ended, borrowed. */
    RelayRef relay() const noexcept {
        void *const relay = const_cast<void *>(event_->type == ZCN_EVENT_RELAY_ENDED ? event_->data : nullptr);
        return RelayRef(static_cast<zcn_relay *>(relay));
    }
    /** Of redial. */
    Dialer dialer() const noexcept {
        void *const dialer = const_cast<void *>(event_->type == ZCN_EVENT_REDIAL ? event_->data : nullptr);
        return Dialer::adopt(zcn_dialer_retain(static_cast<zcn_dialer *>(dialer)));
    }
    const zcn_event &raw() const noexcept { return *event_; }

  private:
    const zcn_event *event_;
};

/** The events of one poll, to be gone through with a for loop. Those that were blanked meanwhile are passed over. */
class Events {
  public:
    class iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Event;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Event;

        iterator() noexcept = default;
        iterator(const zcn_event *at, const zcn_event *end) noexcept : at_(at), end_(end) { skip(); }
        Event operator*() const noexcept { return Event(*at_); }
        iterator &operator++() noexcept {
            ++at_;
            skip();
            return *this;
        }
        iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(const iterator &a, const iterator &b) noexcept { return a.at_ == b.at_; }
        friend bool operator!=(const iterator &a, const iterator &b) noexcept { return a.at_ != b.at_; }

      private:
        void skip() noexcept {
            while (at_ != end_ && at_->type == ZCN_EVENT_NONE) ++at_;
        }
        const zcn_event *at_ = nullptr, *end_ = nullptr;
    };

    Events() noexcept = default;
    Events(const zcn_event *events, std::size_t count, bool more) noexcept
        : events_(events), count_(count), more_(more) {}

    iterator begin() const noexcept { return {events_, events_ + count_}; }
    iterator end() const noexcept { return {events_ + count_, events_ + count_}; }
    /** Whether there are none at all. */
    bool empty() const noexcept { return begin() == end(); }
    /** Entries of the array, blanked ones included. */
    std::size_t raw_count() const noexcept { return count_; }
    /** Whether another poll would give more at once. */
    bool more() const noexcept { return more_; }
    const zcn_event *raw() const noexcept { return events_; }

  private:
    const zcn_event *events_ = nullptr;
    std::size_t count_ = 0;
    bool more_ = false;
};

}  // namespace zcnet

#endif
