/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_ASYNC_STATE_HPP
#define ZCNET_ASYNC_STATE_HPP
/* What coroutine.hpp knows of those that wait, and of what they wait for. Nothing here is for programs. */
#include <version>
#if defined(__cpp_impl_coroutine) && defined(__cpp_lib_coroutine)

#include <chrono>
#include <coroutine>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <zcnet/event.hpp>
#include <zcnet/loop.hpp>

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

/** What is to be looked at when its time has come. */
class Timed {
  public:
    using Time = std::chrono::steady_clock::time_point;
    virtual void due() = 0;

  protected:
    ~Timed() = default;
};

/** Of an AsyncLoop: lets what is timed go on by one timer of the loop. What is timed may outlive the loop. */
class Clock {
  public:
    using Place = std::multimap<Timed::Time, Timed *>::iterator;

    explicit Clock(Loop &loop) noexcept : loop_(&loop) {}
    Clock(const Clock &) = delete;
    Clock &operator=(const Clock &) = delete;

    Place add(Timed::Time time, Timed &timed) {
        const Place place = timed_.emplace(time, &timed);
        set();
        return place;
    }
    /** Needs no memory. */
    Place move(Place place, Timed::Time time) noexcept {
        auto node = timed_.extract(place);
        node.key() = time;
        const Place moved = timed_.insert(std::move(node));
        set();
        return moved;
    }
    void remove(Place place) noexcept { timed_.erase(place); }

    /** The token of its timer: no program has a number or an address of its own that is this. */
    std::uint64_t token() const noexcept { return reinterpret_cast<std::uintptr_t>(this); }
    /** The timer has gone off. Any that is due may end whatever there is, but it has to leave, or to move. */
    void ring() {
        const Timed::Time now = std::chrono::steady_clock::now();
        while (!timed_.empty() && timed_.begin()->first <= now) timed_.begin()->second->due();
        set();
    }
    /** The loop is no more. */
    void stop() noexcept { loop_ = nullptr; }

  private:
    /** One that is set too early does no harm, and one for which there is no memory is late. */
    void set() noexcept {
        if (loop_ == nullptr || timed_.empty() || timed_.begin()->first == Timed::Time::max()) return;
        const std::chrono::nanoseconds left = timed_.begin()->first - std::chrono::steady_clock::now();
        [[maybe_unused]] const zcn_status status = zcn_loop_timer_set(loop_->get(), token(), left.count());
    }
    Loop *loop_;
    std::multimap<Timed::Time, Timed *> timed_;
};

/** What the loop knows of a connection, until it has ended. */
struct AsyncState final : Timed {
    static constexpr std::size_t most_messages = 256;  // that wait to be received; then reading pauses

    AsyncState(const ConnRef &ref, std::shared_ptr<Clock> its_clock)
        : conn(ref), clock(std::move(its_clock)), place_(clock->add(Time::max(), *this)) {}
    AsyncState(const AsyncState &) = delete;
    AsyncState &operator=(const AsyncState &) = delete;
    ~AsyncState() { clock->remove(place_); }

    /** A request was taken back. Who may begin now does so soon, not in the middle of whatever ends here. */
    void wake_askers_soon() noexcept {
        if (!askers.empty()) place_ = clock->move(place_, std::chrono::steady_clock::now());
    }
    void due() override {
        place_ = clock->move(place_, Time::max());
        askers.wake();
    }

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
    const std::shared_ptr<Clock> clock;
    std::deque<Message> messages;
    std::unordered_map<std::uint64_t, Asked *> questions;  // by their tokens
    std::uint64_t next_token = 1;
    Waiters readers, senders, connecting, closing;
    Waiters askers;  // of requests that cannot begin before others end
    zcn_error end = {};
    bool connected = false, ended = false, paused = false, left = false;

  private:
    Clock::Place place_;
    bool answers(std::uint64_t token, zcn_status status, const Event *message) {
        const auto found = questions.find(token);
        if (found == questions.end()) return false;
        Message answer = message == nullptr ? Message() : message->message().retain();
        Asked &question = *found->second;
        questions.erase(found);
        question.answered(status, std::move(answer));
        askers.wake();
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
        askers.wake();
        senders.wake();
        closing.wake();
    }
};

}  // namespace detail

}  // namespace zcnet

#endif
#endif
