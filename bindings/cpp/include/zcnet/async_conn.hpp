/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_ASYNC_CONN_HPP
#define ZCNET_ASYNC_CONN_HPP
/* Connections for coroutines; see coroutine.hpp. */
#include <version>
#if defined(__cpp_impl_coroutine) && defined(__cpp_lib_coroutine)

#include <algorithm>
#include <chrono>
#include <optional>
#include <type_traits>
#include <zcnet/async_state.hpp>

namespace zcnet {

namespace detail {

/** What is awaited of a connection. */
class ConnWaiter : public Waiter {
  public:
    explicit ConnWaiter(std::shared_ptr<AsyncState> state) noexcept : state_(std::move(state)) {}

  protected:
    void check(zcn_status status) const {
        if (status == ZCN_ECLOSED) {
            const zcn_error why = state_->conn.error();
            if (why.status < 0) throw Error(why);
        }
        detail::check(status);
    }
    std::shared_ptr<AsyncState> state_;
};

class AsyncNext final : public ConnWaiter {
  public:
    using ConnWaiter::ConnWaiter;
    bool await_ready() { return state_->readers.empty() && ready(); }
    void await_suspend(std::coroutine_handle<> coroutine) { state_->readers.add(*this, coroutine); }
    std::optional<Message> await_resume() {
        if (!found_ && state_->end.status < 0) throw Error(state_->end);
        return std::move(found_);
    }
    bool ready() override {
        std::deque<Message> &messages = state_->messages;
        if (messages.empty()) return state_->ended;
        found_ = std::move(messages.front());
        messages.pop_front();
        if (state_->paused && messages.size() <= AsyncState::most_messages / 2) {
            state_->paused = false;
            static_cast<void>(zcn_conn_resume(state_->conn.get()));  // one that has ended has nothing to read
        }
        return true;
    }

  private:
    std::optional<Message> found_;
};

template <typename What>
class AsyncSend final : public ConnWaiter {
  public:
    AsyncSend(std::shared_ptr<AsyncState> state, What &&what) noexcept
        : ConnWaiter(std::move(state)), what_(std::forward<What>(what)) {}
    bool await_ready() { return state_->senders.empty() && ready(); }
    void await_suspend(std::coroutine_handle<> coroutine) { state_->senders.add(*this, coroutine); }
    void await_resume() const { check(status_); }
    bool ready() override {
        if constexpr (std::is_same_v<What, Bytes>) {
            status_ = state_->conn.try_send_copy(what_);
        } else {
            status_ = state_->conn.try_send(what_);
        }
        return status_ != ZCN_AGAIN;
    }

  private:
    What what_;
    zcn_status status_ = ZCN_AGAIN;
};

/**
 * It begins as soon as the connection has room for one request more, is sent as soon as there is room for its bytes,
 * and then waits for its answer. The clock ends it at its time until it has begun, and then the library.
 */
class AsyncRequest final : public ConnWaiter, public Asked, public Timed {
  public:
    AsyncRequest(std::shared_ptr<AsyncState> state, Bytes body, std::chrono::nanoseconds timeout) noexcept
        : ConnWaiter(std::move(state)), body_(body), timeout_(timeout) {}
    ~AsyncRequest() override {
        leave_clock();
        if (token_ == 0) return;
        state_->questions.erase(token_);
        static_cast<void>(zcn_conn_end_request(state_->conn.get(), id_));
        state_->wake_askers_soon();
    }
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> coroutine) {
        coroutine_ = coroutine;
        const Time now = std::chrono::steady_clock::now();
        if (timeout_.count() >= 0 && timeout_ < Time::max() - now) deadline_ = now + timeout_;
        if (!state_->askers.empty() || !begin()) {
            state_->askers.add(*this, coroutine);
            place_ = state_->clock->add(deadline_, *this);
        } else {
            send_in_turn();
        }
        return status_ == ZCN_AGAIN;
    }
    Message await_resume() {
        check(status_);
        return std::move(answer_);
    }
    bool ready() override { return place_ ? begin() : send(); }
    void go_on() override {
        leave();
        if (place_) {
            leave_clock();
            send_in_turn();
        }
        if (status_ != ZCN_AGAIN) coroutine_.resume();
    }
    void due() override {
        leave_clock();
        leave();
        status_ = ZCN_ETIMEDOUT;
        coroutine_.resume();
    }

  private:
    /** Whether it has begun, or cannot. */
    bool begin() {
        const std::uint64_t token = state_->next_token;
        const zcn_status status = zcn_conn_begin_request(state_->conn.get(), token, time_left().count(), &id_);
        if (status == ZCN_ENOBUFS && !state_->questions.empty()) return false;
        if (status == ZCN_OK) {
            token_ = state_->next_token++;
            state_->questions.emplace(token_, this);
        } else {
            status_ = status;
        }
        return true;
    }
    /** Whether it was sent, or cannot be. */
    bool send() {
        const zcn_status status = zcn_conn_answer(state_->conn.get(), id_, body_.data(), body_.size());
        if (status != ZCN_OK) status_ = status;
        return status != ZCN_AGAIN;
    }
    /** One that has begun, behind those that have waited for longer. */
    void send_in_turn() {
        if (status_ != ZCN_AGAIN) return;
        if (!state_->senders.empty() || !send()) state_->senders.add(*this, coroutine_);
    }
    void answered(zcn_status status, Message answer) override {
        leave();
        token_ = 0;
        status_ = status;
        answer_ = std::move(answer);
        coroutine_.resume();
    }
    std::chrono::nanoseconds time_left() const {
        if (deadline_ == Time::max()) return std::chrono::nanoseconds(-1);
        return std::max(deadline_ - std::chrono::steady_clock::now(), Time::duration::zero());
    }
    void leave_clock() noexcept {
        if (place_) state_->clock->remove(*place_);
        place_.reset();
    }

    Bytes body_;
    std::chrono::nanoseconds timeout_;
    Time deadline_ = Time::max();
    std::optional<Clock::Place> place_;  // as long as it has not begun
    std::coroutine_handle<> coroutine_;
    std::uint64_t token_ = 0, id_ = 0;  // as long as it waits for its answer
    zcn_status status_ = ZCN_AGAIN;     // as long as there is none
    Message answer_;
};

class AsyncClosed final : public ConnWaiter {
  public:
    using ConnWaiter::ConnWaiter;
    bool await_ready() { return ready(); }
    void await_suspend(std::coroutine_handle<> coroutine) { state_->closing.add(*this, coroutine); }
    void await_resume() const noexcept {}
    bool ready() override { return state_->ended; }
};

}  // namespace detail

/**
 * A connection for coroutines. At its end it is closed: what is queued is sent. A moved-from connection is empty: calls
 * throw ZCN_EINVAL. Not for connections with header_from.
 */
class AsyncConn {
  public:
    AsyncConn(AsyncConn &&) noexcept = default;
    AsyncConn &operator=(AsyncConn &&other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~AsyncConn() {
        if (!state_) return;
        state_->left = true;
        state_->messages.clear();
        static_cast<void>(zcn_conn_close(state_->conn.get()));
    }
    /** The connection, for all that is not awaited. */
    const Conn &conn() const { return state()->conn; }

    /** The next message; nothing when the peer has ended in order, or this side has closed. Throws why it broke off. */
    [[nodiscard]] auto next() const { return detail::AsyncNext(state()); }
    /** Queues a unit, and waits while the peer is behind. */
    [[nodiscard]] auto send(Unit &&unit) const { return detail::AsyncSend<Unit>(state(), std::move(unit)); }
    /** Queues a message as it stands, without a copy; it stays until this was awaited, as bytes do that are copied. */
    [[nodiscard]] auto send(const Message &message) const {
        return detail::AsyncSend<const Message &>(state(), message);
    }
    /** Queues a copy of some bytes. */
    [[nodiscard]] auto send_copy(Bytes bytes) const { return detail::AsyncSend<Bytes>(state(), std::move(bytes)); }
    /** Asks with a copy of some bytes, as ConnRef::request() does, and gives the answer. A negative timeout is none;
        any other runs from the co_await on, also while the connection cannot take the request. */
    [[nodiscard]] auto request(Bytes body, std::chrono::nanoseconds timeout = std::chrono::nanoseconds(-1)) const {
        return detail::AsyncRequest(state(), body, timeout);
    }
    /** Until it has ended, for whatever reason: conn().error() says it. */
    [[nodiscard]] auto closed() const { return detail::AsyncClosed(state()); }

  private:
    friend class AsyncLoop;
    explicit AsyncConn(std::shared_ptr<detail::AsyncState> state) noexcept : state_(std::move(state)) {}
    const std::shared_ptr<detail::AsyncState> &state() const {
        if (!state_) throw Error(ZCN_EINVAL);
        return state_;
    }
    std::shared_ptr<detail::AsyncState> state_;
};

}  // namespace zcnet

#endif
#endif
