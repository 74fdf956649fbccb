// SPDX-License-Identifier: MIT
// The byte account of a pool: what is charged and in use, the limit and its reserve, and who waits for memory.
#include "base/checked.h"
#include "memory/pool.h"

using zcnet::memory::Purpose;
using zcnet::memory::Waiter;

uint64_t zcn_pool::in_use() const noexcept { return use_.load(std::memory_order_relaxed) & zcnet::memory::use_bytes; }

uint64_t zcn_pool::free_bytes() const noexcept {
    // Two counters read one after the other: an estimate that steers caching, nothing depends on it being exact.
    const uint64_t charged = charged_.load(std::memory_order_relaxed);
    const uint64_t used = in_use();
    return charged > used ? charged - used : 0;
}

bool zcn_pool::keeps_another(uint64_t bytes) const noexcept { return free_bytes() + bytes <= keep_; }

// Accounts for bytes that become resident. relaxed throughout: the counter bounds a sum, it publishes nothing.
bool zcn_pool::charge(uint64_t bytes, Purpose purpose) noexcept {
    uint64_t dropped = 0;
    uint64_t allowed = limit_ == 0 ? UINT64_MAX : limit_;
    if (limit_ != 0 && purpose == Purpose::ordinary) allowed -= reserve_.load(std::memory_order_relaxed);
    for (int attempt = 0; attempt < 2; attempt++) {
        uint64_t charged = charged_.load(std::memory_order_relaxed);
        while (charged <= allowed && bytes <= allowed - charged) {
            if (!charged_.compare_exchange_weak(charged, charged + bytes, std::memory_order_relaxed)) continue;
            reserved_peak_.raise(charged + bytes);
            return true;
        }
        // What lies free in another shape counts too: give it back before saying no.
        if (attempt == 0) dropped = drop_free();
        if (dropped == 0) break;
    }
    if (dropped != 0) wake_if_waited();
    return false;
}

uint64_t zcn_pool::drop_free() noexcept {
    const uint64_t dropped = drop_free_regions(UINT64_MAX) + drop_free_blocks(UINT64_MAX);
    // A source that takes no single pages back takes whole slabs.
    return dropped != 0 ? dropped : source_.allocate != nullptr ? reclaim_slabs() : 0;
}

void zcn_pool::take_use(uint64_t bytes) noexcept {
    const uint64_t used = (use_.fetch_add(bytes, std::memory_order_relaxed) & zcnet::memory::use_bytes) + bytes;
    peak_.raise(used);
}

void zcn_pool::give_use(uint64_t bytes) noexcept {
    uint64_t mine = bytes;
    if (limit_ != 0) {
        // All the bytes first, so that a waiter that is woken, or tries once more, finds them free; being counted as a
        // giver keeps the pool alive meanwhile. acq_rel: the memory given back before this is seen by the waiter that
        // finds its flag taken.
        const uint64_t before = use_.fetch_add(zcnet::memory::use_giver - bytes, std::memory_order_acq_rel);
        if ((before & zcnet::memory::use_waiting) != 0) wake_waiters();
        mine = zcnet::memory::use_giver;
    }
    // acq_rel: the destroyer has seen every use of the memory.
    const uint64_t before = use_.fetch_sub(mine, std::memory_order_acq_rel);
    if ((before & zcnet::memory::use_closed) != 0 && (before & zcnet::memory::use_any) == mine) destroy();
}

// A request takes a block, or memory of its own with what stands around the bytes.
bool zcn_pool::fits(uint64_t used, uint64_t size) const noexcept {
    if (limit_ == 0) return true;
    uint64_t needed = block_size_;
    if (size > block_size_ / 2 - zcnet::memory::most_around) {
        if (size > limit_) return false;
        needed = zcnet::round_up(size + zcnet::memory::most_around, zcnet::memory::region_step) + sizeof(Block);
    }
    const uint64_t spoken_for = used + reserve_.load(std::memory_order_relaxed);
    return spoken_for <= limit_ && needed <= limit_ - spoken_for;
}

bool zcn_pool::has_room(uint64_t size) const noexcept { return fits(in_use(), size); }

bool zcn_pool::can_have_room(uint64_t size) const noexcept { return fits(0, size); }

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
    // Others may have waited for the right rather than for memory.
    wake_if_waited();
}

// For whoever made something free without giving use back, or had free memory in hand for a moment and leaves it: a
// waiter's attempt may have missed it.
void zcn_pool::wake_if_waited() noexcept {
    if (limit_ == 0) return;
    // An exchange, as a waiter's: either it comes behind the waiter's, and sees its flag, or the waiter's comes behind
    // it, and the attempt that follows finds what was made free.
    if ((use_.fetch_add(0, std::memory_order_acq_rel) & zcnet::memory::use_waiting) != 0) wake_waiters();
}

// What was charged is not used in the end.
void zcn_pool::uncharge(uint64_t bytes) noexcept {
    charged_.fetch_sub(bytes, std::memory_order_relaxed);
    wake_if_waited();
}

void zcn_pool::wait(Waiter *waiter) noexcept {
    waits_.add(1);
    // A waiter that is in the list already is not linked twice. acquire: whoever took it out has read its link.
    if (!waiter->queued.exchange(true, std::memory_order_acquire)) {
        Waiter *seen = waiters_.load(std::memory_order_relaxed);
        do {
            waiter->next = seen;
            // release: the link is seen by whoever takes the list.
        } while (!waiters_.compare_exchange_weak(seen, waiter, std::memory_order_release, std::memory_order_relaxed));
    }
    // acq_rel: the list above is seen by the giver that finds the flag; what was given back before is seen here, by
    // the attempt that follows.
    use_.fetch_or(zcnet::memory::use_waiting, std::memory_order_acq_rel);
}

void zcn_pool::wake_waiters() noexcept {
    // acquire: whoever set the flag is in the list that is taken next.
    use_.fetch_and(~zcnet::memory::use_waiting, std::memory_order_acquire);
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
            all->queued.store(false, std::memory_order_relaxed);  // the caller's own
        } else {
            all->queued.store(false, std::memory_order_release);
            all->woken(all);  // a wake-up too many is harmless; a lost one is not
        }
        all = next;
    }
    return found;
}
