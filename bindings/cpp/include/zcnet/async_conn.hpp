/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_ASYNC_CONN_HPP
#define ZCNET_ASYNC_CONN_HPP
/* Connections for coroutines; see coroutine.hpp. */
#include <version>
#if defined(__cpp_impl_coroutine) && defined(__cpp_lib_coroutine)

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
        if (status == ZCN_ECLOSED && state_->ended && state_->end.status < 0) throw Error(state_->end);
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

class AsyncRequest final : public ConnWaiter, public Asked {
  public:
    AsyncRequest(std::shared_ptr<AsyncState> state, Bytes body, std::chrono::nanoseconds timeout) noexcept
        : ConnWaiter(std::move(state)), body_(body), timeout_(timeout) {}
    ~AsyncRequest() override {
        if (token_ == 0) return;
        state_->questions.erase(token_);
        static_cast<void>(zcn_conn_end_request(state_->conn.get(), id_));
    }
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> coroutine) {
        coroutine_ = coroutine;
        if (!state_->senders.empty() || !ready()) state_->senders.add(*this, coroutine);
        return status_ == ZCN_AGAIN;
    }
    Message await_resume() {
        check(status_);
        return std::move(answer_);
    }
    /** Whether it was asked, or cannot be. */
    bool ready() override {
        const zcn_status status = ask();
        const bool waits = status == ZCN_AGAIN || (status == ZCN_ENOBUFS && !state_->questions.empty());
        if (status != ZCN_OK && !waits) status_ = status;
        return !waits;
    }
    void go_on() override {
        leave();
        if (status_ != ZCN_AGAIN) coroutine_.resume();
    }

  private:
    zcn_status ask() {
        zcn_conn *const conn = state_->conn.get();
        const std::uint64_t token = state_->next_token;
        zcn_status status = zcn_conn_begin_request(conn, token, timeout_.count(), &id_);
        if (status != ZCN_OK) return status;
        status = zcn_conn_answer(conn, id_, body_.data(), body_.size());
        if (status == ZCN_OK) {
            state_->next_token++;
            token_ = token;
            state_->questions.emplace(token, this);
        } else {
            static_cast<void>(zcn_conn_end_request(conn, id_));
        }
        return status;
    }
    void answered(zcn_status status, Message answer) override {
        token_ = 0;
        status_ = status;
        answer_ = std::move(answer);
        coroutine_.resume();
    }

    Bytes body_;
    std::chrono::nanoseconds timeout_;
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
    /** Asks with a copy of some bytes, as ConnRef::request() does, and gives the answer. A negative timeout is none. */
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
