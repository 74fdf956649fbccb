// SPDX-License-Identifier: MIT
// The byte account of a pool: what is charged and in use, the limit and its reserve, and who waits for memory.
#include "base/checked.h"
#include "memory/pool.h"

using zcnet::memory::Block;
using zcnet::memory::Purpose;
using zcnet::memory::Room;
using zcnet::memory::Waiter;

uint64_t zcn_pool::in_use() const noexcept { return use_.load(std::memory_order_relaxed) & zcnet::memory::use_bytes; }

uint64_t zcn_pool::free_bytes() const noexcept { return free_beside(use_.load(std::memory_order_relaxed)); }

uint64_t zcn_pool::free_beside(uint64_t use) const noexcept {
    // Two counters read one after the other: an estimate that steers caching, nothing depends on it being exact.
    const uint64_t charged = charged_.load(std::memory_order_relaxed);
    const uint64_t used = use & zcnet::memory::use_bytes;
    return charged > used ? charged - used : 0;
}

bool zcn_pool::keeps_another(uint64_t bytes) const noexcept {
    // What nobody can take any more is not kept.
    const uint64_t use = use_.load(std::memory_order_relaxed);
    return (use & zcnet::memory::use_closed) == 0 && free_beside(use) + bytes <= keep_;
}

// Accounts for bytes that become resident. Those of an ordinary request in a limited pool count as used at once too,
// and leave the reserve alone in both sums; others do when they are found (use_charged()). relaxed throughout: the
// counters bound sums, they publish nothing.
bool zcn_pool::charge_as_it_is(uint64_t bytes, Purpose purpose) noexcept {
    uint64_t allowed = limit_ == 0 ? UINT64_MAX : limit_;
    if (spares_reserve(purpose)) {
        // What is being given back may be in use for a moment longer than it is charged. Looked at before anything is
        // charged, so that this wakes nobody.
        if (!leaves(in_use(), bytes)) return false;
        allowed -= reserve_.load(std::memory_order_relaxed);
    }
    uint64_t charged = charged_.load(std::memory_order_relaxed);
    while (charged <= allowed && bytes <= allowed - charged) {
        if (!charged_.compare_exchange_weak(charged, charged + bytes, std::memory_order_relaxed)) continue;
        reserved_peak_.raise(charged + bytes);
        if (!spares_reserve(purpose) || claim_use(bytes)) return true;
        uncharge(bytes);
        return false;
    }
    return false;
}

// Counts bytes that are charged as used where that leaves the reserve alone. To look and to count is one step: of those
// who race for the last bytes one gets them. relaxed: a sum; what is taken is acquired where it is taken from.
bool zcn_pool::claim_use(uint64_t bytes) noexcept {
    uint64_t use = use_.load(std::memory_order_relaxed);
    do {
        if (!leaves(use & zcnet::memory::use_bytes, bytes)) return false;
    } while (!use_.compare_exchange_weak(use, use + bytes, std::memory_order_relaxed));
    peak_.raise((use & zcnet::memory::use_bytes) + bytes);
    return true;
}

// The memory for what was charged is there.
void zcn_pool::use_charged(uint64_t bytes, Purpose purpose) noexcept {
    if (!spares_reserve(purpose)) take_use(bytes);
}

// It is not to be had.
void zcn_pool::give_up_charged(uint64_t bytes, Purpose purpose) noexcept {
    if (!spares_reserve(purpose)) return uncharge(bytes);
    charged_.fetch_sub(bytes, std::memory_order_relaxed);
    give_use(bytes);
}

bool zcn_pool::charge(uint64_t bytes, Purpose purpose) noexcept {
    if (charge_as_it_is(bytes, purpose)) return true;
    // What lies free in another shape counts too: give it back before saying no.
    if (drop_free(bytes == block_size_) == 0) return false;
    const bool charged = charge_as_it_is(bytes, purpose);
    // More may have gone back than was needed, and while it went it was missing for others.
    wake_if_waited();
    return charged;
}

uint64_t zcn_pool::drop_free(bool for_block) noexcept {
    const Hand hand(*this);
    const uint64_t dropped = drop_free_regions(UINT64_MAX) + drop_free_blocks(UINT64_MAX);
    // A source that takes no single pages back takes whole slabs.
    return source_.allocate == nullptr ? dropped : dropped + reclaim_slabs(for_block);
}

// Smaller ones with all that may stand around them, that is.
bool zcn_pool::is_cut_from_block(uint64_t size) const noexcept {
    return size <= block_size_ / 2 - zcnet::memory::most_around;
}

// What a body of that size comes to at most: a block that it is cut from, or memory of its own.
uint64_t zcn_pool::most_charged(uint64_t size) const noexcept {
    if (is_cut_from_block(size)) return block_size_;
    if (size > zcnet::memory::largest_region) return UINT64_MAX;
    uint64_t whole = size + zcnet::memory::most_around;
    if (whole >= zcnet::memory::smallest_region) {
        whole = zcnet::round_up(whole, zcnet::memory::region_step);
    } else if (source_.allocate != nullptr) {
        whole = zcnet::memory::source_bytes(whole);
    }
    whole += sizeof(Block);
    // Without what may stand around it, it may be cut from a block after all.
    return size <= block_size_ / 2 && whole < block_size_ ? block_size_ : whole;
}

// relaxed: as above.
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
    end_use(mine);
}

void zcn_pool::end_use(uint64_t mine) noexcept {
    // acq_rel: the destroyer has seen every use of the memory.
    const uint64_t before = use_.fetch_sub(mine, std::memory_order_acq_rel);
    if ((before & zcnet::memory::use_closed) != 0 && (before & zcnet::memory::use_any) == mine) destroy();
}

bool zcn_pool::leaves(uint64_t account, uint64_t bytes) const noexcept {
    const uint64_t spoken_for = account + reserve_.load(std::memory_order_relaxed);
    return spoken_for <= limit_ && bytes <= limit_ - spoken_for;
}

bool zcn_pool::can_have_room(uint64_t size) const noexcept { return limit_ == 0 || leaves(0, most_charged(size)); }

Room zcn_pool::room_for(uint64_t size) noexcept {
    if (limit_ == 0) return Room::some;
    if (!can_have_room(size)) return Room::never;
    const uint64_t bytes = most_charged(size);
    // What is free serves whoever needs a block; for other shapes the system takes all of it back. A source may take
    // nothing but whole slabs: how much that is shows when they are given, as for the request itself (charge()).
    if (is_cut_from_block(size) || source_.allocate == nullptr)
        return leaves(in_use(), bytes) ? Room::some : Room::none;
    if (leaves(charged_.load(std::memory_order_relaxed), bytes)) return Room::some;
    if (drop_free(false) == 0) return Room::none;
    wake_if_waited();
    return leaves(charged_.load(std::memory_order_relaxed), bytes) ? Room::some : Room::none;
}

bool zcn_pool::reserve_for(uint64_t largest) noexcept {
    if (limit_ == 0) return true;
    uint64_t bytes = 0;
    if (!zcnet::add_fits(largest, block_size_ + zcnet::memory::region_step, &bytes)) return false;
    if (bytes > limit_ || limit_ - bytes < 2 * block_size_) return false;
    uint64_t reserve = reserve_.load(std::memory_order_relaxed);
    do {
        if (bytes <= reserve) return true;
    } while (!reserve_.compare_exchange_weak(reserve, bytes, std::memory_order_relaxed));
    // Some may wait for what can never be now.
    wake_if_waited();
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

// What was charged, and is not in use, is not needed after all.
void zcn_pool::uncharge(uint64_t bytes) noexcept {
    charged_.fetch_sub(bytes, std::memory_order_relaxed);
    wake_if_waited();
}

Block *zcn_pool::refuse(Status reason, Status *why) noexcept {
    count_failure();
    *why = reason;
    return nullptr;
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

Room zcn_pool::wait_for_room(Waiter *waiter, uint64_t size) noexcept {
    wait(waiter);
    // What was given back before that woke nobody.
    return room_for(size);
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
