// SPDX-License-Identifier: MIT
#include "receive/view.h"

#include "memory/births.h"
#include "memory/clock.h"
#include "memory/thread_memory.h"

namespace zcnet::receive {

namespace {

using memory::Block;

using memory::group_class;
static_assert(sizeof(Group) <= memory::object_sizes[group_class]);

// A fresh group of a block with every place set and nothing handed out. Its generation goes on from its last life; the
// word is the part of a free object that survives.
Group *open_group(const Holding &holding) noexcept {
    void *memory = memory::allocate_object(group_class);
    if (memory == nullptr) return nullptr;
    auto *group = static_cast<Group *>(memory);
    // relaxed: no handle of this generation exists yet, and nobody looks at places before one is issued.
    const uint64_t word = group->word.load(std::memory_order_relaxed);
    group->issued.store(0, std::memory_order_relaxed);
    // The generation was raised when the group ended, so that handles went stale at once. release: who sees this life
    // does not see the places of the one before as issued.
    group->word.store((word & ~uint64_t{UINT32_MAX}) | all_bits, std::memory_order_release);
    group->block.store(holding.block, std::memory_order_relaxed);
    // release: who sees one of them in this life sees that the life before has ended (survey.h).
    group->made.store(memory::ticks(), std::memory_order_release);
    group->pool.store(holding.pool, std::memory_order_release);
    group->root.store(holding.root, std::memory_order_release);
    group->pins.store(holding.pins, std::memory_order_release);
    group->borrows = holding.borrows;
    return group;
}

// The group's last bit is gone: nobody holds a handle of it any more.
[[gnu::noinline]] void end_group(Group *group, uint64_t word) noexcept {
    // relaxed: whoever clears the last bit has seen the group's last user (clear_bits()).
    Block *block = group->block.load(std::memory_order_relaxed);
    // release: who looks at all views and finds these ended has seen their holders' last use of the bytes
    // (exclusive.h). The next user of the group gets it through the free lists, which synchronise.
    group->word.store(((word >> 32) + 1) << 32, std::memory_order_release);
    memory::free_object(group, group_class);
    if (block != nullptr) memory::block_release_shared(block);
}

// Clears bits of a group. False when it is in another generation, or one of them is clear already: nothing was done.
[[gnu::always_inline]] inline bool clear_bits(Group *group, uint64_t bits, uint32_t generation) noexcept {
    uint64_t seen = group->word.load(std::memory_order_relaxed);
    do {
        if ((seen >> 32 & 0xFFFFF) != generation || (seen & bits) != bits) return false;
        // acq_rel: release, so that this holder's reads of the bytes happen before their reuse; acquire, so that
        // who clears the last bit sees those of all the others.
    } while (
        !group->word.compare_exchange_weak(seen, seen & ~bits, std::memory_order_acq_rel, std::memory_order_relaxed));
    if ((seen & ~bits & all_bits) == 0) [[unlikely]]
        end_group(group, seen);
    return true;
}

// The leased block's open group, if there is one, is closed: places that were not handed out are taken off.
void close_open(Block *block) noexcept {
    auto *group = static_cast<Group *>(block->group);
    if (group == nullptr) return;
    block->group = nullptr;
    const uint64_t unissued = all_bits & ~((uint64_t{2} << group->issued.load(std::memory_order_relaxed)) - 1);
    const uint64_t word = group->word.load(std::memory_order_relaxed);
    if ((word & all_bits) == unissued) {
        // All that were handed out have ended, and nobody else can reach the group: take it back without ending its
        // reference, which the lessee has not settled yet. acquire: their reads happened before. release: as in
        // end_group().
        (void)group->word.load(std::memory_order_acquire);
        block->handed--;
        group->word.store(((word >> 32) + 1) << 32, std::memory_order_release);
        memory::free_object(group, group_class);
        return;
    }
    clear_bits(group, unissued, static_cast<uint32_t>(word >> 32 & 0xFFFFF));
}

// The view of a joined message.
[[gnu::noinline]] Status end_joined_view(zcn_msg *msg) noexcept {
    const Handle handle = take_apart(msg);
    View view;
    // Read before the bit is cleared, when it is still this holder's.
    if (!find_view(msg, &view)) return ZCN_ESTALE;
    if (!clear_bits(handle.group, uint64_t{1} << handle.place, handle.generation)) return ZCN_ESTALE;
    drop_join(reinterpret_cast<Join *>(const_cast<uint8_t *>(view.data)));
    return ZCN_OK;
}

}  // namespace

Holding holding_of(Block *block, uint32_t borrows) noexcept {
    Block *root = memory::root_of(block);
    return {block, root, block->pool->number(), memory::pinned_bytes(root), borrows};
}

zcn_msg *issue_first(Block *block, const View &view) noexcept {
    // relaxed: the lessee's own.
    Group *group = open_group(holding_of(block, block->borrows.load(std::memory_order_relaxed)));
    if (group == nullptr) return nullptr;
    block->group = group;
    block->handed++;
    zcn_msg *made = issue_open(block, view);
    // Each handle is the first one then, since its maker is noted on the way that leads here alone.
    if (memory::watched() && memory::births_wanted()) [[unlikely]]
        close_open(block);
    return made;
}

void close_group(Block *block) noexcept {
    // release: what the borrow's holder did with the bytes happened before (exclusive.h). The lessee alone writes it.
    block->borrows.store(block->borrows.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    close_open(block);
}

zcn_msg *issue(const View &view, const Holding &holding) noexcept {
    // One view to a group: any thread may make it, and no thread has to remember an open group.
    zcn_msg *made = nullptr;
    return issue_together(&made, &view, 1, holding) ? made : nullptr;
}

bool issue_together(zcn_msg **out, const View *views, uint32_t count, const Holding &holding) noexcept {
    Group *group = open_group(holding);
    if (group == nullptr) return false;
    for (uint32_t i = 0; i < count; i++) write_place(group->places[i], views[i]);
    // release: the places are written for whoever counts them.
    group->issued.store(count, std::memory_order_release);
    // relaxed: nobody has the handles yet.
    const uint64_t word = group->word.load(std::memory_order_relaxed);
    // release: as in open_group().
    group->word.store((word & ~all_bits) | (((uint64_t{1} << count) - 1) << 1), std::memory_order_release);
    for (uint32_t i = 0; i < count; i++) out[i] = make_handle(group, i + 1, word >> 32);
    return true;
}

void drop_join(Join *join) noexcept {
    for (uint32_t i = 0; i < join->count; i++) (void)end_view(join->parts[i].held);
    os::deallocate(join);
}

Status end_view(zcn_msg *msg) noexcept {
    const Handle handle = take_apart(msg);
    Group *group = handle.group;
    if (is_borrowed(msg) || group == nullptr || handle.place == 0) [[unlikely]]
        return msg == nullptr ? ZCN_OK : ZCN_EINVAL;
    // The block of a group that is not ours may be anything; clear_bits() tells.
    if (group->block.load(std::memory_order_relaxed) == nullptr) [[unlikely]]
        return end_joined_view(msg);
    return clear_bits(group, uint64_t{1} << handle.place, handle.generation) ? ZCN_OK : ZCN_ESTALE;
}

Status end_views(zcn_msg *const *msgs, size_t count) noexcept {
    Status worst = ZCN_OK;
    size_t i = 0;
    while (i < count) {
        zcn_msg *msg = msgs[i];
        if (msg == nullptr || is_borrowed(msg)) {
            if (msg != nullptr) worst = ZCN_EINVAL;
            i++;
            continue;
        }
        // Handles of one group and generation differ only in the place: their bits go together.
        const Handle first = take_apart(msg);
        constexpr uintptr_t place_bits = 31 << 1;
        const auto family = reinterpret_cast<uintptr_t>(msg) & ~place_bits;
        uint64_t bits = uint64_t{1} << first.place;
        size_t next = i + 1;
        while (next < count) {
            const auto other = reinterpret_cast<uintptr_t>(msgs[next]);
            const uint64_t bit = uint64_t{1} << (other >> 1 & 31);
            if ((other & ~place_bits) != family || (bits & bit) != 0) break;
            bits |= bit;
            next++;
        }
        const bool together = next - i > 1 && first.group != nullptr && first.place != 0 &&
                              clear_bits(first.group, bits, first.generation);
        if (!together) {
            for (; i < next; i++)
                if (const Status status = end_view(msgs[i]); status != ZCN_OK) worst = status;
        }
        i = next;
    }
    return worst;
}

}  // namespace zcnet::receive
