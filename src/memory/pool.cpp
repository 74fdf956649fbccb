// SPDX-License-Identifier: MIT
#include "memory/pool.h"

#include <algorithm>
#include <bit>
#include <new>

#include "base/checked.h"
#include "os/os.h"
#include "os/process.h"

namespace {

using zcnet::memory::Block;
using zcnet::memory::BlockKind;
using zcnet::memory::Purpose;
using zcnet::memory::TaggedStack;
using zcnet::memory::Waiter;

constexpr uint64_t waiting_flag = uint64_t{1} << 63;
constexpr uint64_t closed_flag = uint64_t{1} << 62;
constexpr uint64_t bytes_mask = closed_flag - 1;

constexpr uint64_t smallest_block = 4096;
constexpr uint64_t largest_block = 16 << 20;
constexpr uint64_t huge_page = 2 << 20;
constexpr uint64_t huge_from = 8 << 20;
constexpr uint64_t largest_region = uint64_t{1} << 42;

// A private cache holds at most this much, and nothing when the pool is limited to fewer than 64 blocks a thread.
constexpr uint64_t cache_bytes = 2 << 20;

constinit std::atomic<uint64_t> last_number{0};

uint32_t region_class(uint64_t size) noexcept {
    const uint64_t at_least = size < zcnet::memory::smallest_region ? zcnet::memory::smallest_region : size;
    return static_cast<uint32_t>(std::bit_width(at_least - 1));
}

}  // namespace

zcn_pool::zcn_pool(const zcn_pool_options &options) noexcept
    : block_size_(options.block_size),
      slab_size_(options.block_size > huge_page ? options.block_size : huge_page),
      limit_(options.limit),
      keep_(options.keep),
      huge_pages_(options.huge_pages) {
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
        options.block_size > largest_block || options.huge_pages > 2 || options.reserved != 0)
        return ZCN_EINVAL;
    if (options.limit != 0 && options.limit < 8 * options.block_size) return ZCN_EINVAL;
    const uint64_t process = zcnet::os::process_number();
    if (process == 0) return ZCN_ENOMEM;
    void *memory = zcnet::os::map(sizeof(zcn_pool), 4096);
    if (memory == nullptr) return ZCN_ENOMEM;
    auto *pool = new (memory) zcn_pool(options);
    pool->process_ = process;
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
    // The hand-shake with give_use(): whichever of the two comes last in the order of this word destroys the pool.
    // acq_rel: the destroyer sees every use of the memory that was given back before.
    if ((use_.fetch_or(closed_flag, std::memory_order_acq_rel) & bytes_mask) == 0) destroy();
}

void zcn_pool::destroy() noexcept {
    for (uint32_t i = 0; i < table_.size(); i++) {
        Block &block = table_[i];
        if (block.kind == BlockKind::region) {
            if (block.base != nullptr) zcnet::os::unmap(block.base, block.size);
        } else if (block.slab_first) {
            zcnet::os::unmap(block.base, slab_size_);
        }
    }
    table_.clear();
    this->~zcn_pool();
    zcnet::os::unmap(this, sizeof(zcn_pool));
}

bool zcn_pool::closed() const noexcept {
    // relaxed: a hint; the thread that closes flushes its own caches, others do so when they see it.
    return (use_.load(std::memory_order_relaxed) & closed_flag) != 0;
}

uint64_t zcn_pool::in_use() const noexcept { return use_.load(std::memory_order_relaxed) & bytes_mask; }

uint64_t zcn_pool::free_bytes() const noexcept {
    // Two counters read one after the other: an estimate that steers caching, nothing depends on it being exact.
    const uint64_t charged = charged_.load(std::memory_order_relaxed);
    const uint64_t used = in_use();
    return charged > used ? charged - used : 0;
}

bool zcn_pool::keeps_another(uint64_t bytes) const noexcept { return free_bytes() + bytes <= keep_; }

// Accounts for bytes that become resident. relaxed throughout: the counter bounds a sum, it publishes nothing.
bool zcn_pool::charge(uint64_t bytes, Purpose purpose) noexcept {
    uint64_t allowed = limit_ == 0 ? UINT64_MAX : limit_;
    if (limit_ != 0 && purpose == Purpose::ordinary) allowed -= reserve_.load(std::memory_order_relaxed);
    for (int attempt = 0; attempt < 2; attempt++) {
        uint64_t charged = charged_.load(std::memory_order_relaxed);
        while (charged <= allowed && bytes <= allowed - charged) {
            if (charged_.compare_exchange_weak(charged, charged + bytes, std::memory_order_relaxed)) return true;
        }
        // What lies free in another shape counts too: give it back before saying no.
        if (attempt == 0 && drop_free_regions() + drop_free_blocks() == 0) break;
    }
    return false;
}

void zcn_pool::take_use(uint64_t bytes) noexcept {
    const uint64_t used = (use_.fetch_add(bytes, std::memory_order_relaxed) & bytes_mask) + bytes;
    uint64_t peak = peak_.load(std::memory_order_relaxed);
    while (used > peak && !peak_.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
    }
}

void zcn_pool::give_use(uint64_t bytes) noexcept {
    if (limit_ != 0) {
        // All but one byte first: what is left keeps the pool alive while its waiters are woken.
        // acq_rel: the memory given back before this is seen by the waiter that finds its flag taken.
        const uint64_t before = use_.fetch_sub(bytes - 1, std::memory_order_acq_rel);
        if ((before & waiting_flag) != 0) wake_waiters();
        bytes = 1;
    }
    // acq_rel: the destroyer has seen every use of the memory.
    const uint64_t before = use_.fetch_sub(bytes, std::memory_order_acq_rel);
    if ((before & closed_flag) != 0 && (before & bytes_mask) == bytes) destroy();
}

Block *zcn_pool::new_slab() noexcept {
    const auto blocks = static_cast<uint32_t>(slab_size_ / block_size_);
    void *memory = zcnet::os::map(slab_size_, huge_page);
    if (memory == nullptr) return nullptr;
    uint32_t first = 0;
    if (!table_.reserve(blocks, &first)) {
        zcnet::os::unmap(memory, slab_size_);
        return nullptr;
    }
    const bool large = charged_.load(std::memory_order_relaxed) >= huge_from;
    if (huge_pages_ == 2 || (huge_pages_ == 0 && large)) zcnet::os::ask_huge_pages(memory, slab_size_);
    slabs_.fetch_add(1, std::memory_order_relaxed);
    for (uint32_t i = 0; i < blocks; i++) {
        Block &block = table_[first + i];
        block.index = first + i;
        block.base = static_cast<uint8_t *>(memory) + i * block_size_;
        block.size = block_size_;
        block.pool = this;
        block.kind = BlockKind::block;
        block.slab_first = i == 0;
    }
    // The first is the caller's; the others go to the cold stack in an order that hands out rising addresses.
    if (blocks > 1) {
        for (uint32_t i = 1; i + 1 < blocks; i++) link(first + i).store(first + i + 2, std::memory_order_relaxed);
        cold_.push(*this, first + 1, first + blocks - 1);
    }
    return &table_[first];
}

Block *zcn_pool::take_block(Purpose purpose, Status *why) noexcept {
    uint32_t index = warm_.pop(*this);
    Block *block = nullptr;
    if (index != TaggedStack<>::none) {
        // A warm block is charged already, but an ordinary request must leave the reserve alone.
        const uint64_t reserve = reserve_.load(std::memory_order_relaxed);
        if (limit_ != 0 && purpose == Purpose::ordinary && in_use() + block_size_ + reserve > limit_) {
            warm_.push(*this, index);
            count_failure();
            *why = ZCN_ENOBUFS;
            return nullptr;
        }
        block = &table_[index];
    } else {
        if (!charge(block_size_, purpose)) {
            count_failure();
            *why = ZCN_ENOBUFS;
            return nullptr;
        }
        index = cold_.pop(*this);
        block = index != TaggedStack<>::none ? &table_[index] : new_slab();
        if (block == nullptr) {
            charged_.fetch_sub(block_size_, std::memory_order_relaxed);
            count_failure();
            *why = ZCN_ENOMEM;
            return nullptr;
        }
    }
    take_use(block_size_);
    block_takes_.fetch_add(1, std::memory_order_relaxed);
    return block;
}

void zcn_pool::give_block(Block *block) noexcept {
    if (keeps_another(block_size_)) {
        warm_.push(*this, block->index);
    } else {
        zcnet::os::drop_pages(block->base, block->size);
        charged_.fetch_sub(block_size_, std::memory_order_relaxed);
        cold_.push(*this, block->index);
    }
    give_use(block_size_);
}

Block *zcn_pool::take_region(uint64_t size, uint64_t first, Purpose purpose, Status *why) noexcept {
    if (size > largest_region) {
        *why = ZCN_ENOMEM;
        return nullptr;
    }
    const uint32_t shape = region_class(size);
    const uint64_t needed = std::min(zcnet::round_up(first, zcnet::memory::region_step), uint64_t{1} << shape);
    // All that is needed at once is charged before anything is taken, so that a refusal gives nothing back and wakes
    // nobody. One byte stands for the region itself, so that it is in use even before anything of it is.
    if (!charge(needed + 1, purpose)) {
        count_failure();
        *why = ZCN_ENOBUFS;
        return nullptr;
    }
    uint32_t index = regions_[shape].pop(*this);
    if (index != TaggedStack<>::none) {
        Block *region = &table_[index];
        const uint64_t reserve = reserve_.load(std::memory_order_relaxed);
        if (limit_ != 0 && purpose == Purpose::ordinary && in_use() + region->committed + reserve > limit_) {
            drop_region(region);
        } else {
            // What a recycled one has resident is charged already.
            charged_.fetch_sub(std::min(region->committed, needed), std::memory_order_relaxed);
            region->committed = std::max(region->committed, needed);
            take_use(region->committed + 1);
            region_bytes_.fetch_add(region->committed, std::memory_order_relaxed);
            region_takes_.fetch_add(1, std::memory_order_relaxed);
            return region;
        }
    }
    index = spare_entries_.pop(*this);
    if (index == TaggedStack<>::none && !table_.reserve(1, &index)) {
        charged_.fetch_sub(needed + 1, std::memory_order_relaxed);
        *why = ZCN_ENOMEM;
        return nullptr;
    }
    Block *region = &table_[index];
    region->kind = BlockKind::region;
    region->index = index;
    region->pool = this;
    region->size = uint64_t{1} << shape;
    region->committed = needed;
    region->base = static_cast<uint8_t *>(
        zcnet::os::map(region->size, region->size >= huge_page ? huge_page : zcnet::memory::smallest_region));
    if (region->base == nullptr) {
        charged_.fetch_sub(needed + 1, std::memory_order_relaxed);
        region->committed = 0;
        spare_entries_.push(*this, index);
        count_failure();
        *why = ZCN_ENOMEM;
        return nullptr;
    }
    take_use(needed + 1);
    region_bytes_.fetch_add(needed, std::memory_order_relaxed);
    region_takes_.fetch_add(1, std::memory_order_relaxed);
    return region;
}

bool zcn_pool::commit_region(Block *region, uint64_t bytes, Purpose purpose) noexcept {
    if (bytes <= region->committed) return true;
    const uint64_t target = zcnet::round_up(bytes, zcnet::memory::region_step);
    const uint64_t more = (target < region->size ? target : region->size) - region->committed;
    if (!charge(more, purpose)) {
        count_failure();
        return false;
    }
    take_use(more);
    region_bytes_.fetch_add(more, std::memory_order_relaxed);
    region->committed += more;
    return true;
}

// Unmaps a free region and keeps its table entry. The caller has taken it off its stack.
void zcn_pool::drop_region(Block *region) noexcept {
    zcnet::os::unmap(region->base, region->size);
    charged_.fetch_sub(region->committed, std::memory_order_relaxed);
    region->base = nullptr;
    region->committed = 0;
    spare_entries_.push(*this, region->index);
}

void zcn_pool::give_region(Block *region) noexcept {
    const uint64_t bytes = region->committed;
    region_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    // A region that is far larger than what came in is not kept: its next user would inherit the address space.
    if (bytes != 0 && keeps_another(bytes)) {
        regions_[region_class(region->size)].push(*this, region->index);
    } else {
        drop_region(region);
    }
    charged_.fetch_sub(1, std::memory_order_relaxed);
    give_use(bytes + 1);
}

Block *zcn_pool::take_heap(uint64_t size, Purpose purpose, Status *why) noexcept {
    uint64_t total = 0;
    if (!zcnet::add_fits(size, sizeof(Block), &total) || !charge(total, purpose)) {
        count_failure();
        *why = ZCN_ENOBUFS;
        return nullptr;
    }
    // The descriptor is aligned to its cache lines, which malloc does not promise: it stands behind the padding.
    void *memory = zcnet::os::allocate(total + alignof(Block));
    if (memory == nullptr) {
        charged_.fetch_sub(total, std::memory_order_relaxed);
        count_failure();
        *why = ZCN_ENOMEM;
        return nullptr;
    }
    const auto start = zcnet::round_up(reinterpret_cast<uintptr_t>(memory), alignof(Block));
    auto *block = new (reinterpret_cast<void *>(start)) Block();
    block->kind = BlockKind::heap;
    block->pool = this;
    block->base = reinterpret_cast<uint8_t *>(start) + sizeof(Block);
    block->size = size;
    block->committed = start - reinterpret_cast<uintptr_t>(memory);
    take_use(total);
    return block;
}

void zcn_pool::give_heap(Block *block) noexcept {
    const uint64_t total = block->size + sizeof(Block);
    void *memory = reinterpret_cast<uint8_t *>(block) - block->committed;
    block->~Block();
    zcnet::os::deallocate(memory);
    charged_.fetch_sub(total, std::memory_order_relaxed);
    give_use(total);
}

bool zcn_pool::reserve_for(uint64_t largest) noexcept {
    if (limit_ == 0) return true;
    uint64_t bytes = 0;
    if (!zcnet::add_fits(largest, block_size_ + zcnet::memory::region_step, &bytes)) return false;
    if (bytes > limit_ || limit_ - bytes < 2 * block_size_) return false;
    uint64_t reserve = reserve_.load(std::memory_order_relaxed);
    while (bytes > reserve && !reserve_.compare_exchange_weak(reserve, bytes, std::memory_order_relaxed)) {
    }
    return true;
}

bool zcn_pool::begin_finish(const void *holder) noexcept {
    const void *expected = nullptr;
    // relaxed: a right, not data.
    return finisher_.compare_exchange_strong(expected, holder, std::memory_order_relaxed) || expected == holder;
}

void zcn_pool::end_finish(const void *holder) noexcept {
    const void *expected = holder;
    if (!finisher_.compare_exchange_strong(expected, nullptr, std::memory_order_relaxed)) return;
    // Others may have waited for the right rather than for memory. An exchange, as a waiter's: either it comes behind
    // the waiter's, and sees its flag, or the waiter's comes behind it, and the waiter finds the right free.
    if ((use_.fetch_add(0, std::memory_order_acq_rel) & waiting_flag) != 0) wake_waiters();
}

void zcn_pool::wait(Waiter *waiter) noexcept {
    waits_.fetch_add(1, std::memory_order_relaxed);
    // acq_rel: a waiter that is in the list already is not linked twice.
    if (!waiter->queued.exchange(true, std::memory_order_acq_rel)) {
        Waiter *seen = waiters_.load(std::memory_order_relaxed);
        do {
            waiter->next = seen;
            // release: the link is seen by whoever takes the list.
        } while (!waiters_.compare_exchange_weak(seen, waiter, std::memory_order_release, std::memory_order_relaxed));
    }
    // acq_rel: the list above is seen by the giver that finds the flag; what was given back before is seen here, by
    // the attempt that follows.
    use_.fetch_or(waiting_flag, std::memory_order_acq_rel);
}

void zcn_pool::wake_waiters() noexcept {
    use_.fetch_and(~waiting_flag, std::memory_order_acq_rel);
    Waiter *waiter = waiters_.exchange(nullptr, std::memory_order_acquire);
    while (waiter != nullptr) {
        Waiter *next = waiter->next;
        // release: the link was read before the waiter may be queued again.
        waiter->queued.store(false, std::memory_order_release);
        waiter->woken(waiter);
        waiter = next;
    }
}

bool zcn_pool::cancel_wait(Waiter *waiter) noexcept {
    bool found = false;
    Waiter *all = waiters_.exchange(nullptr, std::memory_order_acquire);
    while (all != nullptr) {
        Waiter *next = all->next;
        if (all == waiter) {
            found = true;
            all->queued.store(false, std::memory_order_release);
        } else {
            all->queued.store(false, std::memory_order_release);
            all->woken(all);  // a wake-up too many is harmless; a lost one is not
        }
        all = next;
    }
    return found;
}

uint64_t zcn_pool::drop_free_regions() noexcept {
    uint64_t dropped = 0;
    for (auto &stack : regions_) {
        for (uint32_t index = stack.pop(*this); index != TaggedStack<>::none; index = stack.pop(*this)) {
            dropped += table_[index].committed;
            drop_region(&table_[index]);
        }
    }
    return dropped;
}

uint64_t zcn_pool::drop_free_blocks() noexcept {
    uint64_t dropped = 0;
    // Bounded: blocks that others give back meanwhile are theirs to trim.
    for (uint32_t left = table_.size(); left > 0; left--) {
        const uint32_t index = warm_.pop(*this);
        if (index == TaggedStack<>::none) break;
        zcnet::os::drop_pages(table_[index].base, block_size_);
        charged_.fetch_sub(block_size_, std::memory_order_relaxed);
        cold_.push(*this, index);
        dropped += block_size_;
    }
    return dropped;
}

uint64_t zcn_pool::trim() noexcept { return drop_free_regions() + drop_free_blocks(); }

void zcn_pool::read_stats(zcn_pool_stats *stats) const noexcept {
    *stats = zcn_pool_stats{};
    stats->block_size = block_size_;
    stats->limit_bytes = limit_;
    stats->reserved_bytes = charged_.load(std::memory_order_relaxed);
    stats->in_use_bytes = in_use();
    stats->cached_bytes = free_bytes();
    stats->region_bytes = region_bytes_.load(std::memory_order_relaxed);
    stats->peak_bytes = peak_.load(std::memory_order_relaxed);
    stats->block_takes = block_takes_.load(std::memory_order_relaxed);
    stats->region_takes = region_takes_.load(std::memory_order_relaxed);
    stats->failures = failures_.load(std::memory_order_relaxed);
    stats->slabs = slabs_.load(std::memory_order_relaxed);
    stats->waits = waits_.load(std::memory_order_relaxed);
}

namespace zcnet::memory {

namespace {
constinit std::atomic<zcn_pool *> process_pool{nullptr};
}

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
    // release: as above. A forked child replaces its parent's pool, which it must not touch any more.
    if (process_pool.compare_exchange_strong(pool, made, std::memory_order_acq_rel, std::memory_order_acquire))
        return made;
    made->release();
    return pool;
}

}  // namespace zcnet::memory
