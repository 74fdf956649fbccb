// SPDX-License-Identifier: MIT
// Pools for scenarios.
#pragma once

#include "memory/pool.h"
#include "memory/thread_memory.h"
#include "model_test.h"

namespace model {

constexpr uint64_t block_bytes = 1 << 20;  // a slab has two

// A pool of large blocks, since slabs of few blocks make short chains. `limit` in blocks, 0: none; `keep` in blocks
// that may stay resident, 0: none.
inline zcn_pool *make_pool(uint64_t limit, uint64_t keep) {
    zcn_pool_options options = zcnet::memory::default_pool_options();
    options.block_size = block_bytes;
    options.limit = limit * block_bytes;
    options.keep = keep == 0 ? 1 : keep * block_bytes;
    zcn_pool *pool = nullptr;
    MODEL_REQUIRE(zcn_pool::create(&pool, options) == ZCN_OK);
    return pool;
}

inline zcnet::memory::Block *take(zcn_pool *pool) {
    static zcnet::Status why[max_threads + 1];
    return pool->take_block(zcnet::memory::Purpose::ordinary, &why[this_thread()]);
}

// Each thread of the scenario has its own private memory, as in a program; what is made once for all is there.
inline void threads_have_memory() {
    each_thread_has(&zcnet::memory::thread_memory, sizeof zcnet::memory::thread_memory);
    MODEL_REQUIRE(zcnet::memory::this_thread() != nullptr);
}

}  // namespace model
