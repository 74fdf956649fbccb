/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_COROUTINE_HPP
#define ZCNET_COROUTINE_HPP
/*
 * Coroutines (C++20) on the connections of a loop. zcnet.hpp does not bring this header; where the compiler has no
 * coroutines it is empty.
 *
 *     zcnet::Task echo(zcnet::AsyncConn conn) {
 *         while (auto message = co_await conn.next()) co_await conn.send(*message);
 *     }
 *     zcnet::Task serve(zcnet::AsyncLoop &loop, zcnet::AsyncListener &listener) {
 *         for (;;) loop.spawn(echo(co_await listener.accept()));
 *     }
 *
 * All of it belongs to the one thread that polls the loop. A coroutine goes on in the middle of AsyncLoop::poll(),
 * which it must not call. Destroying a coroutine that waits ends its waiting, and loses nothing: what had not been
 * handed to it is there for the next one. Whatever is awaited here may be awaited by coroutines of other types than
 * Task.
 */
#include <version>
#if defined(__cpp_impl_coroutine) && defined(__cpp_lib_coroutine)

#include <zcnet/async_conn.hpp>
#include <zcnet/loop.hpp>
#include <zcnet/task.hpp>

namespace zcnet {

/**
 * A listener for coroutines. At its end it is closed, and so are connections that nobody has accepted. A moved-from
 * listener is empty: calls throw ZCN_EINVAL.
 */
class AsyncListener {
  public:
    AsyncListener(AsyncListener &&) noexcept = default;
    AsyncListener &operator=(AsyncListener &&other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~AsyncListener() {
        if (!state_) return;
        state_->left = true;
        state_->accepted.clear();
        static_cast<void>(zcn_listener_close(state_->listener.get()));
    }
    const Listener &listener() const { return state()->listener; }
    /** The next connection; throws ZCN_ECLOSED, or why the listener has ended. */
    [[nodiscard]] auto accept() const { return Accept(state()); }

  private:
    friend class AsyncLoop;
    struct State {
        Listener listener;
        std::deque<AsyncConn> accepted;
        detail::Waiters waiting;
        zcn_status end = ZCN_AGAIN;  // as long as it listens
        bool left = false;
    };
    class Accept final : public detail::Waiter {
      public:
        explicit Accept(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
        bool await_ready() { return state_->waiting.empty() && ready(); }
        void await_suspend(std::coroutine_handle<> coroutine) { state_->waiting.add(*this, coroutine); }
        AsyncConn await_resume() {
            if (!found_) throw Error(state_->end == ZCN_OK ? ZCN_ECLOSED : state_->end);
            return std::move(*found_);
        }
        bool ready() override {
            if (state_->accepted.empty()) return state_->end != ZCN_AGAIN;
            found_.emplace(std::move(state_->accepted.front()));
            state_->accepted.pop_front();
            return true;
        }

      private:
        std::shared_ptr<State> state_;
        std::optional<AsyncConn> found_;
    };
    explicit AsyncListener(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
    const std::shared_ptr<State> &state() const {
        if (!state_) throw Error(ZCN_EINVAL);
        return state_;
    }
    std::shared_ptr<State> state_;
};

/** A loop that lets coroutines go on. It stays where it is. */
class AsyncLoop {
  public:
    explicit AsyncLoop(const LoopOptions &options = {}) : loop_(options) {}
    AsyncLoop(const AsyncLoop &) = delete;
    AsyncLoop &operator=(const AsyncLoop &) = delete;
    ~AsyncLoop() { clock_->stop(); }

    /** The loop, for its descriptor, deadline and counters; it is polled here. */
    Loop &loop() noexcept { return loop_; }

    /** Polls, and lets go on whoever has waited for what happened. False when the loop was closed and nothing is left.
        Throws what a spawned task threw. */
    bool poll(std::chrono::nanoseconds timeout = forever) {
        end_tasks();  // those that ended when they were spawned, and what follows one that threw
        Events events;
        if (!loop_.poll(events, timeout)) return false;
        for (const Event event : events) handle(event);
        end_tasks();
        return true;
    }
    /** Begins a task, and keeps it until it has ended. */
    void spawn(Task task) {
        task.require();
        tasks_.emplace_back(std::move(task)).begin();
    }
    /** Begins a task, and polls until it has ended; throws what it threw. */
    void run(Task task) {
        task.require();
        task.begin();
        while (!task.done())
            if (!poll()) throw Error(ZCN_ECLOSED);
        if (task.error()) std::rethrow_exception(task.error());
    }

    AsyncListener listen(const std::string &address, const Framing &framing, const ListenOptions &options = {}) {
        const auto state = std::make_shared<AsyncListener::State>();
        ListenOptions mine = options;
        mine.user = reinterpret_cast<std::uintptr_t>(state.get());
        state->listener = loop_.listen(address, framing, mine);
        listeners_.emplace(mine.user, state);
        return AsyncListener(state);
    }
    /** Connects when it is awaited, and gives an AsyncConn that stands; throws why there is none. */
    [[nodiscard]] auto connect(const std::string &address, const Framing &framing, const ConnOptions &options = {}) {
        return Connect(add(loop_.connect(address, framing, options)));
    }

  private:
    class Connect final : public detail::Waiter {
      public:
        explicit Connect(AsyncConn conn) noexcept : conn_(std::move(conn)) {}
        bool await_ready() { return ready(); }
        void await_suspend(std::coroutine_handle<> coroutine) { conn_.state_->connecting.add(*this, coroutine); }
        AsyncConn await_resume() {
            if (!conn_.state_->connected) throw Error(conn_.state_->end);
            return std::move(conn_);
        }
        bool ready() override { return conn_.state()->connected || conn_.state()->ended; }

      private:
        AsyncConn conn_;
    };

    void end_tasks() {
        for (auto task = tasks_.begin(); task != tasks_.end();) {
            const auto at = task++;
            if (!at->done()) continue;
            const std::exception_ptr error = at->error();
            tasks_.erase(at);
            if (error) std::rethrow_exception(error);
        }
    }
    AsyncConn add(const ConnRef &conn) {
        const auto state = std::make_shared<detail::AsyncState>(conn, clock_);
        conns_.emplace(conn.get(), state);
        return AsyncConn(state);
    }
    void handle(const Event &event) {
        if (event.type() == EventType::accepted || event.type() == EventType::listener_closed) {
            handle_listener(event);
            return;
        }
        if (event.type() == EventType::timer && event.token() == clock_->token()) {
            clock_->ring();
            return;
        }
        const auto found = conns_.find(event.conn().get());
        if (found == conns_.end()) return;
        const auto state = found->second;
        if (event.type() == EventType::closed) conns_.erase(found);
        state->handle(event);
    }
    void handle_listener(const Event &event) {
        const auto found = listeners_.find(event.user());
        if (found == listeners_.end()) return;
        const auto state = found->second;
        if (event.type() == EventType::listener_closed) {
            listeners_.erase(found);
            state->end = event.status();
        } else {
            AsyncConn conn = add(event.conn());
            conn.state_->connected = true;
            if (!state->left) state->accepted.push_back(std::move(conn));
        }
        state->waiting.wake();
    }

    Loop loop_;
    const std::shared_ptr<detail::Clock> clock_ = std::make_shared<detail::Clock>(loop_);
    std::unordered_map<zcn_conn *, std::shared_ptr<detail::AsyncState>> conns_;
    std::unordered_map<std::uintptr_t, std::shared_ptr<AsyncListener::State>> listeners_;
    std::list<Task> tasks_;  // ends first
};

}  // namespace zcnet

#endif
#endif
