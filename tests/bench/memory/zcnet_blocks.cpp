// SPDX-License-Identifier: MIT
// Blocks of a pool, which are nothing that programs see: by the functions that loops and units take them with.
#include <cstdio>
#include <cstdlib>

#include "memory/thread_memory.h"
#include "work.h"
#include "zcnet/version.h"

namespace {

using zcnet::memory::Block;

zcn_pool *pool = nullptr;

struct Blocks {
    static void *take() {
        zcnet::Status why = ZCN_OK;
        Block *block = zcnet::memory::thread_pool(pool)->cache.take(pool, zcnet::memory::Purpose::ordinary, &why);
        if (block == nullptr) std::abort();
        // relaxed: it reaches another thread through the ring.
        block->count.store(1, std::memory_order_relaxed);
        return block;
    }
    static void give(void *block) { zcnet::memory::block_release(static_cast<Block *>(block)); }
};

}  // namespace

int main(int argc, char **argv) {
    zcn_pool_options options = zcnet::memory::default_pool_options();
    options.block_size = bench::block_bytes;
    if (zcn_pool::create(&pool, options) != ZCN_OK) {
        std::fputs("no pool\n", stderr);
        return 1;
    }
    return bench::memory_main(argc, argv, zcn_version_text(),
                              {{"block", bench::one_thread<Blocks>}, {"block-across", bench::across_threads<Blocks>}});
}
