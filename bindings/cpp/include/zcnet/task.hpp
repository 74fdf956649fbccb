/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_TASK_HPP
#define ZCNET_TASK_HPP
/* Tasks: coroutines that coroutine.hpp runs. */
#include <version>
#if defined(__cpp_impl_coroutine) && defined(__cpp_lib_coroutine)

#include <coroutine>
#include <exception>
#include <utility>
#include <zcnet/error.hpp>

namespace zcnet {

/** A coroutine without a result. It begins when it is awaited, spawned or run, and ends with its Task at the latest.
    A moved-from task is empty: whoever begins it is told ZCN_EINVAL. */
class Task {
  public:
    struct promise_type {
        struct Final {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> of) const noexcept {
                return of.promise().waiter;
            }
            void await_resume() const noexcept {}
        };
        Task get_return_object() noexcept { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        Final final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { error = std::current_exception(); }

        std::coroutine_handle<> waiter = std::noop_coroutine();
        std::exception_ptr error;
    };

    Task(Task &&other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    Task &operator=(Task &&other) noexcept {
        std::swap(coroutine_, other.coroutine_);
        return *this;
    }
    ~Task() {
        if (coroutine_) coroutine_.destroy();
    }

    /** Begins, and waits for the end; throws what the coroutine threw. Once. */
    auto operator co_await() const {
        require();
        struct Awaiter {
            std::coroutine_handle<promise_type> of;
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) const noexcept {
                of.promise().waiter = waiter;
                return of;
            }
            void await_resume() const {
                if (of.promise().error) std::rethrow_exception(of.promise().error);
            }
        };
        return Awaiter{coroutine_};
    }

  private:
    friend class AsyncLoop;
    explicit Task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}
    void require() const {
        if (!coroutine_) throw Error(ZCN_EINVAL);
    }
    void begin() const { coroutine_.resume(); }
    bool done() const noexcept { return coroutine_.done(); }
    std::exception_ptr error() const noexcept { return coroutine_.promise().error; }

    std::coroutine_handle<promise_type> coroutine_;
};

}  // namespace zcnet

#endif
#endif
