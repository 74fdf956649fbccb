// SPDX-License-Identifier: MIT
#include "receive/survey.h"

#include <algorithm>

#include "memory/clock.h"
#include "memory/pool.h"
#include "os/os.h"

namespace zcnet::receive {

namespace {

// Which blocks were met: a hash table of addresses in pages of its own.
class BlockSet {
  public:
    BlockSet() noexcept = default;
    BlockSet(const BlockSet &) = delete;
    BlockSet &operator=(const BlockSet &) = delete;
    ~BlockSet() { drop(); }

    // True when the block was not met before. *failed: there is no memory to tell.
    bool add(const memory::Block *block, bool *failed) noexcept {
        if (used_ * 2 >= capacity_ && !grow()) {
            *failed = true;
            return false;
        }
        if (!put(block)) return false;
        used_++;
        return true;
    }

  private:
    static constexpr size_t first_capacity = 4096;

    bool put(const memory::Block *block) noexcept {
        // The low bits of descriptors are alike; the product brings the others down.
        size_t at = (reinterpret_cast<uintptr_t>(block) * 0x9E3779B97F4A7C15u) >> 32 & (capacity_ - 1);
        while (table_[at] != nullptr) {
            if (table_[at] == block) return false;
            at = (at + 1) & (capacity_ - 1);
        }
        table_[at] = block;
        return true;
    }

    bool grow() noexcept {
        const size_t capacity = capacity_ == 0 ? first_capacity : capacity_ * 2;
        auto *table = static_cast<const memory::Block **>(os::map(capacity * sizeof *table_, 4096));
        if (table == nullptr) return false;
        const memory::Block **old = table_;
        const size_t old_capacity = capacity_;
        table_ = table;
        capacity_ = capacity;
        for (size_t i = 0; i < old_capacity; i++)
            if (old[i] != nullptr) put(old[i]);
        if (old != nullptr) os::unmap(old, old_capacity * sizeof *old);
        return true;
    }

    void drop() noexcept {
        if (table_ != nullptr) os::unmap(table_, capacity_ * sizeof *table_);
    }

    const memory::Block **table_ = nullptr;
    size_t capacity_ = 0;
    size_t used_ = 0;
};

}  // namespace

bool read_group(const Group *group, Held *held) noexcept {
    // acquire: of the life that this word shows, nothing older is seen.
    const uint64_t word = group->word.load(std::memory_order_acquire);
    if ((word & all_bits) == 0) return false;
    // acquire: the places that were issued are written.
    const uint32_t issued = group->issued.load(std::memory_order_acquire);
    uint64_t live = word & all_bits & ((uint64_t{2} << std::min(issued, group_views)) - 1);
    if (live == 0) return false;
    held->group = group;
    // acquire on all: none of them is read after the word is read again.
    held->pool = group->pool.load(std::memory_order_acquire);
    held->root = group->root.load(std::memory_order_acquire);
    held->pins = group->pins.load(std::memory_order_acquire);
    held->made = group->made.load(std::memory_order_acquire);
    uint32_t count = 0;
    for (uint32_t place = 1; place <= group_views; place++) {
        if ((live >> place & 1) == 0) continue;
        const Place &at = group->places[place - 1];
        held->at[count++] = {at.data.load(std::memory_order_acquire), at.size.load(std::memory_order_acquire), place};
    }
    // acquire: of views that have ended meanwhile, their holders' last use of the bytes is seen (exclusive.h).
    const uint64_t again = group->word.load(std::memory_order_acquire);
    if (again >> 32 != word >> 32) return false;
    held->count = 0;
    for (uint32_t i = 0; i < count; i++)
        if ((again >> held->at[i].place & 1) != 0) held->at[held->count++] = held->at[i];
    return held->count != 0;
}

bool survey(uint64_t pool, Survey *out) noexcept {
    *out = Survey{};
    BlockSet blocks;
    bool failed = false;
    const uint32_t now = memory::ticks();
    for_each_held([&](const Held &held) {
        if (held.pool != pool) return true;
        out->views += held.count;
        for (uint32_t i = 0; i < held.count; i++) out->viewed_bytes += held.at[i].size;
        if (blocks.add(held.root, &failed)) out->pinned_bytes += held.pins;
        // One that was made since the walk began is of no age.
        if (static_cast<int32_t>(now - held.made) > 0)
            out->oldest_ns = std::max(out->oldest_ns, memory::ticks_between(held.made, now));
        return !failed;
    });
    return !failed;
}

Status add_survey(const zcn_pool *pool, zcn_pool_stats *stats) noexcept {
    Survey held;
    if (!survey(pool->number(), &held)) return ZCN_ENOMEM;
    stats->views = held.views;
    stats->viewed_bytes = held.viewed_bytes;
    stats->pinned_bytes = held.pinned_bytes;
    stats->oldest_view_ns = held.oldest_ns;
    if (held.viewed_bytes != 0)
        stats->amplification = static_cast<uint64_t>(static_cast<double>(held.pinned_bytes) * 1000 /
                                                     static_cast<double>(held.viewed_bytes));
    return ZCN_OK;
}

}  // namespace zcnet::receive
