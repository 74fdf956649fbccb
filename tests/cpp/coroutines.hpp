/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_TESTS_CPP_COROUTINES_HPP
#define ZCNET_TESTS_CPP_COROUTINES_HPP
/* For the tests of coroutines. Where the compiler has none, each of them is only the main() here. */
#include <zcnet/coroutine.hpp>

#include "support.hpp"

#ifndef __cpp_impl_coroutine
int main() {
    std::puts("skipped: this compiler has no coroutines. Install: apt-get install g++");
    return 77;
}
#else

namespace test {

using namespace std::chrono_literals;

inline const zcnet::Framing framing("length,width=4,strip=4");

/* Polls until something holds, for a minute at most. */
inline void poll_until(zcnet::AsyncLoop &loop, const std::function<bool()> &holds) {
    const auto deadline = std::chrono::steady_clock::now() + 1min;
    while (!holds()) CHECK(loop.poll(1s) && std::chrono::steady_clock::now() < deadline);
}

/* Polls until a task has ended; throws what it threw. */
inline void run(zcnet::AsyncLoop &loop, zcnet::Task task) {
    bool done = false;
    loop.spawn([](zcnet::Task inner, bool &ended) -> zcnet::Task {
        try {
            co_await inner;
        } catch (...) {
            ended = true;
            throw;
        }
        ended = true;
    }(std::move(task), done));
    poll_until(loop, [&] { return done; });
}

inline zcnet::Task all_of(std::vector<zcnet::Task> &tasks) {
    for (const zcnet::Task &task : tasks) co_await task;
}

}  // namespace test

#endif
#endif
