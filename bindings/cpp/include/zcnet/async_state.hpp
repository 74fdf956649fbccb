/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_ASYNC_STATE_HPP
#define ZCNET_ASYNC_STATE_HPP
/* What coroutine.hpp knows of those that wait, and of what they wait for. Nothing here is for programs. */
#include <version>
#if defined(__cpp_impl_coroutine) && defined(__cpp_lib_coroutine)

#include <coroutine>
#include <deque>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>
#include <zcnet/event.hpp>

namespace zcnet {

namespace detail {

/** A coroutine that waits, in the list of what it waits for, until it goes on or is destroyed. */
class Waiter {
  public:
    Waiter() noexcept = default;
    Waiter(const Waiter &) = delete;
    Waiter &operator=(const Waiter &) = delete;
    virtual ~Waiter() { leave(); }
    /** Whether what it waits for has come; it then has it. */
    virtual bool ready() = 0;
    /** Called once it is ready. */
    virtual void go_on() {
        leave();
        coroutine_.resume();
    }

  protected:
    void leave() noexcept {
        if (list_) list_->erase(place_);
        list_.reset();
    }

  private:
    friend class Waiters;
    using List = std::shared_ptr<std::list<Waiter *>>;
    List list_;
    std::list<Waiter *>::iterator place_;
    std::coroutine_handle<> coroutine_;
};

/** Those that wait for one thing, in their order. */
class Waiters {
  public:
    bool empty() const noexcept { return list_->empty(); }
    void add(Waiter &waiter, std::coroutine_handle<> coroutine) {
        waiter.place_ = list_->insert(list_->end(), &waiter);
        waiter.list_ = list_;
        waiter.coroutine_ = coroutine;
    }
    /** Lets them go on from the first, as far as they are ready. Any of them may end whatever there is, this too. */
    void wake() {
        for (const Waiter::List list = list_; !list->empty() && list->front()->ready();) list->front()->go_on();
    }

  private:
    Waiter::List list_ = std::make_shared<std::list<Waiter *>>();
};

/** A question that was asked, and waits for its answer outside of lists. */
class Asked {
  public:
    virtual void answered(zcn_status status, Message answer) = 0;

  protected:
    ~Asked() = default;
};

/** What the loop knows of a connection, until it has ended. */
struct AsyncState {
    static constexpr std::size_t most_messages = 256;  // that wait to be received; then reading pauses

    explicit AsyncState(const ConnRef &ref) : conn(ref) {}

    void handle(const Event &event) {
        switch (event.type()) {
            case EventType::connected:
                connected = true;
                connecting.wake();
                break;
            case EventType::message:
                if (!answers(event.token(), ZCN_OK, &event)) take(event);
                break;
            case EventType::unanswered:
                static_cast<void>(answers(event.token(), event.status(), nullptr));
                break;
            case EventType::writable:
                senders.wake();
                break;
            case EventType::closed:
                finish();
                break;
            default:
                break;
        }
    }

    Conn conn;
    std::deque<Message> messages;
    std::unordered_map<std::uint64_t, Asked *> questions;  // by their tokens
    std::uint64_t next_token = 1;
    Waiters readers, senders, connecting, closing;
    zcn_error end = {};
    bool connected = false, ended = false, paused = false, left = false;

  private:
    bool answers(std::uint64_t token, zcn_status status, const Event *message) {
        const auto found = questions.find(token);
        if (found == questions.end()) return false;
        Message answer = message == nullptr ? Message() : message->message().retain();
        Asked &question = *found->second;
        questions.erase(found);
        question.answered(status, std::move(answer));
        senders.wake();  // as many may be asked at a time as the options say
        return true;
    }
    void take(const Event &event) {
        // Of a connection that asks, what has an id is an answer that came too late.
        std::uint64_t id = 0;
        const Bytes bytes = event.bytes();
        if (next_token > 1 && zcn_conn_get_id(conn.get(), bytes.data(), bytes.size(), &id) == ZCN_OK && id != 0) return;
        if (left) return;
        messages.push_back(event.message().retain());
        readers.wake();
        if (messages.size() < most_messages || paused) return;
        paused = zcn_conn_pause(conn.get()) == ZCN_OK;
    }
    void finish() {
        end = conn.error();
        ended = true;
        connecting.wake();
        readers.wake();
        senders.wake();
        closing.wake();
    }
};

}  // namespace detail

}  // namespace zcnet

#endif
#endif
