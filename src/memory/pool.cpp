// SPDX-License-Identifier: MIT
#include "memory/pool.h"

#include <new>

#include "base/checked.h"
#include "base/options.h"
#include "memory/births.h"
#include "memory/cache_cell.h"
#include "memory/clock.h"
#include "memory/memfd_source.h"
#include "memory/objects.h"
#include "memory/watch.h"
#include "os/os.h"
#include "os/process.h"

namespace {

using zcnet::memory::Block;
using zcnet::memory::BlockKind;

constexpr uint64_t smallest_block = 4096;
constexpr uint64_t largest_block = 16 << 20;

// A private cache holds at most this much, and nothing when the pool is limited to fewer than 64 blocks a thread.
constexpr uint64_t cache_bytes = 2 << 20;

constinit std::atomic<uint64_t> last_number{0};
constinit std::atomic<uint32_t> closed_pools{0};

zcnet::Status read_source(const zcn_pool_source *given, zcnet::memory::Source *out) noexcept {
    if (given == nullptr) return ZCN_OK;
    zcn_pool_source source{};
    if (const zcnet::Status status = zcnet::read_options(&source, given, zcn_pool_source{}); status != ZCN_OK)
        return status;
    if (source.allocate == nullptr || source.free == nullptr) return ZCN_EINVAL;
    *out = {source.allocate, source.free, source.drop, source.end, source.context};
    return ZCN_OK;
}

// Rounded up, and at least one.
uint32_t to_ticks(uint64_t milliseconds) noexcept {
    constexpr uint64_t most = UINT32_MAX / 2;
    const uint64_t ticks = (milliseconds * 1000000 + zcnet::memory::tick_ns - 1) / zcnet::memory::tick_ns;
    return static_cast<uint32_t>(ticks < most ? ticks : most);
}

}  // namespace

zcn_pool::zcn_pool(const zcn_pool_options &options) noexcept
    : block_size_(options.block_size),
      slab_size_(options.block_size > zcnet::memory::huge_page_bytes ? options.block_size
                                                                     : zcnet::memory::huge_page_bytes),
      limit_(options.limit),
      keep_(options.keep),
      huge_pages_(options.huge_pages),
      detach_ratio_(options.detach_ratio),
      detach_after_ns_(uint64_t{options.detach_ms} * 1000000),
      keep_ticks_(to_ticks(options.keep_ms)) {
    period_.store(zcnet::memory::ticks(), std::memory_order_relaxed);
    // relaxed: only uniqueness matters.
    number_ = last_number.fetch_add(1, std::memory_order_relaxed) + 1;
    const uint64_t blocks = cache_bytes / block_size_;
    cache_blocks_ = static_cast<uint32_t>(blocks < 2 ? 2 : blocks > 16 ? 16 : blocks);
    if (limit_ != 0 && limit_ / block_size_ < 64 * cache_blocks_) cache_blocks_ = 0;
}

zcnet::Status zcn_pool::create(zcn_pool **out, const zcn_pool_options &given) noexcept {
    zcn_pool_options options = given;
    const zcn_pool_options defaults = zcnet::memory::default_pool_options();
    if (options.block_size == 0) options.block_size = defaults.block_size;
    if (options.keep == 0) options.keep = defaults.keep;
    if (!zcnet::is_power_of_two(options.block_size) || options.block_size < smallest_block ||
        options.block_size > largest_block || options.huge_pages > 2)
        return ZCN_EINVAL;
    if (options.limit != 0 && options.limit < 8 * options.block_size) return ZCN_EINVAL;
    zcnet::memory::Source source;
    if (const zcnet::Status status = read_source(options.source, &source); status != ZCN_OK) return status;
    if (options.shared_bytes != 0 && options.source != nullptr) return ZCN_EINVAL;
    zcnet::memory::find_watchers();
    const uint64_t process = zcnet::os::process_number();
    if (process == 0) return ZCN_ENOMEM;
    void *memory = zcnet::os::map(sizeof(zcn_pool), 4096);
    if (memory == nullptr) return ZCN_ENOMEM;
    zcnet::memory::MemfdSource *shared = nullptr;
    if (options.shared_bytes != 0) {
        const zcnet::Status status = zcnet::memory::MemfdSource::create(&shared, &source, options.shared_bytes);
        if (status != ZCN_OK) {
            zcnet::os::unmap(memory, sizeof(zcn_pool));
            return status;
        }
    }
    auto *pool = new (memory) zcn_pool(options);
    pool->process_ = process;
    pool->source_ = source;
    pool->shared_ = shared;
    *out = pool;
    return ZCN_OK;
}

void zcn_pool::retain() noexcept {
    // relaxed: the caller's reference keeps the pool alive.
    handles_.fetch_add(1, std::memory_order_relaxed);
}

void zcn_pool::release() noexcept {
    // acq_rel: the last holder sees what the others did, and theirs happens before the pool closes.
    if (handles_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    zcnet::memory::note_death(this);
    // The hand-shake with give_use(): whichever of the two comes last in the order of this word destroys the pool.
    // acquire: the destroyer sees every use of the memory that was given back before.
    constexpr uint64_t closed_by_giver = zcnet::memory::use_closed + zcnet::memory::use_giver;
    if ((use_.fetch_add(closed_by_giver, std::memory_order_acquire) & zcnet::memory::use_any) == 0) return destroy();
    // Being counted as a giver keeps it alive meanwhile. Nobody can take what is free any more; what is given back from
    // here on is not kept, but for what a thread is giving back at this moment.
    (void)trim();
    // release: who finds that the number has changed finds the pool closed.
    closed_pools.fetch_add(1, std::memory_order_release);
    end_use(zcnet::memory::use_giver);
}

void zcn_pool::destroy() noexcept {
    for (uint32_t i = 0; i < table_.size(); i++) {
        Block &block = table_[i];
        if (block.kind == BlockKind::region) {
            if (block.base != nullptr) unmap_memory(block.base, block.size);
        } else if (block.slab_first) {
            unmap_memory(block.base, slab_size_);
        }
    }
    table_.clear();
    zcnet::memory::Source source = source_;
    // What ends a memory file is its mapping and descriptor, which a child has for itself.
    if (is_inherited() && shared_ == nullptr) source.end = nullptr;
    this->~zcn_pool();
    zcnet::os::unmap(this, sizeof(zcn_pool));
    if (source.end != nullptr) source.end(source.context);
}

bool zcn_pool::closed() const noexcept {
    // relaxed: a hint; the thread that closes flushes its own caches, others do so when closings() tells them to look.
    return (use_.load(std::memory_order_relaxed) & zcnet::memory::use_closed) != 0;
}

void zcn_pool::read_stats(zcn_pool_stats *stats) const noexcept {
    *stats = zcn_pool_stats{};
    stats->block_size = block_size_;
    stats->limit_bytes = limit_;
    stats->reserved_bytes = charged_.load(std::memory_order_relaxed);
    stats->in_use_bytes = in_use();
    stats->cached_bytes = free_bytes();
    stats->region_bytes = region_bytes_.read();
    stats->peak_bytes = peak_.read();
    stats->block_takes = block_takes_.read();
    stats->region_takes = region_takes_.read();
    stats->failures = failures_.read();
    stats->slabs = slabs_.read();
    stats->waits = waits_.read();
    stats->reserved_peak_bytes = reserved_peak_.read();
    stats->thread_cached_bytes = zcnet::memory::cached_blocks(number_) * block_size_;
    stats->arena_bytes = arena_bytes_.load(std::memory_order_relaxed);
    stats->object_bytes = zcnet::memory::objects_mapped();
    stats->copied_bytes = copied_bytes_.read();
    stats->huge_bytes = huge_bytes_.read();
    stats->huge_refused_bytes = huge_refused_bytes_.read();
    stats->reserve_bytes = reserve_.load(std::memory_order_relaxed);
}

namespace zcnet::memory {

namespace {
constinit std::atomic<zcn_pool *> process_pool{nullptr};
}

// acquire: as in zcn_pool::release().
uint32_t closings() noexcept { return closed_pools.load(std::memory_order_acquire); }

zcn_pool_options default_pool_options() noexcept {
    zcn_pool_options options{};
    options.struct_size = sizeof options;
    options.block_size = 256 * 1024;
    options.keep = 64 << 20;
    return options;
}

zcn_pool *default_pool() noexcept {
    // acquire: the pool is complete for whoever finds it.
    zcn_pool *pool = process_pool.load(std::memory_order_acquire);
    if (pool != nullptr && os::in_process(pool->process())) return pool;
    zcn_pool *made = nullptr;
    if (zcn_pool::create(&made, default_pool_options()) != ZCN_OK) return nullptr;
    // release: as above. acquire on failure, for the pool that another thread made; no order on success may be weaker
    // than that. A forked child replaces
    // its parent's pool, which it must not touch any more.
    if (process_pool.compare_exchange_strong(pool, made, std::memory_order_acq_rel, std::memory_order_acquire))
        return made;
    made->release();
    return pool;
}

}  // namespace zcnet::memory
