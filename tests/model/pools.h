// SPDX-License-Identifier: MIT
// Pools for scenarios.
#pragma once

#include "memory/pool.h"
#include "memory/thread_memory.h"
#include "model_test.h"
#include "os/os.h"

namespace model {

constexpr uint64_t block_bytes = 1 << 20;       // a slab has two
constexpr uint64_t slab_block_bytes = 4 << 20;  // is a slab by itself

// A source of the program that takes back no single pages.
inline const zcn_pool_source whole_slabs = {
    .struct_size = sizeof(zcn_pool_source),
    .allocate = [](void *, uint64_t size, uint64_t alignment) { return zcnet::os::map(size, alignment); },
    .free = [](void *, void *memory, uint64_t size) { zcnet::os::unmap(memory, size); },
    .drop = nullptr,
    .end = nullptr,
    .context = nullptr,
};

// A pool of large blocks, since slabs of few blocks make short chains. `limit` in blocks, 0: none; `keep` in blocks
// that may stay resident, 0: none.
inline zcn_pool *make_pool(uint64_t limit, uint64_t keep, const zcn_pool_source *source = nullptr,
                           uint64_t block_size = block_bytes) {
    zcn_pool_options options = zcnet::memory::default_pool_options();
    options.block_size = block_size;
    options.limit = limit * block_size;
    options.keep = keep == 0 ? 1 : keep * block_size;
    options.source = source;
    zcn_pool *pool = nullptr;
    MODEL_REQUIRE(zcn_pool::create(&pool, options) == ZCN_OK);
    return pool;
}

inline zcnet::memory::Block *take(zcn_pool *pool) {
    static zcnet::Status why[max_threads + 1];
    return pool->take_block(zcnet::memory::Purpose::ordinary, &why[this_thread()]);
}

// Someone who waits, as a loop does: tries, queues itself, tries once more, and sleeps until it is woken.
struct Sleeper {
    zcnet::memory::Waiter waiter;
    std::atomic<uint32_t> woken{0};
    uint32_t seen = 0;
    bool sleeps = false;

    Sleeper() {
        waiter.woken = [](zcnet::memory::Waiter *which) noexcept {
            reinterpret_cast<Sleeper *>(which)->woken.fetch_add(1, std::memory_order_release);
        };
    }
    // attempt(), and then queue_and_attempt(), so many times at most.
    template <class Attempt, class Again>
    void wait(unsigned rounds, Attempt &&attempt, Again &&queue_and_attempt) {
        for (unsigned round = 0; round < rounds; round++) {
            if (attempt() || queue_and_attempt()) return;
            const uint32_t now = woken.load(std::memory_order_acquire);
            if (now == seen) {
                sleeps = true;
                return;
            }
            seen = now;
        }
    }
    // When all threads have ended.
    [[nodiscard]] bool sleeps_on() const { return sleeps && woken.load(std::memory_order_relaxed) == seen; }
};

// Each thread of the scenario has its own private memory, as in a program; what is made once for all is there.
inline void threads_have_memory() {
    each_thread_has(&zcnet::memory::thread_memory, sizeof zcnet::memory::thread_memory);
    MODEL_REQUIRE(zcnet::memory::this_thread() != nullptr);
}

}  // namespace model
