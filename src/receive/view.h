// SPDX-License-Identifier: MIT
// Message views: what a program holds when it keeps a message.
//
// Views lie in groups of 31 in type-stable memory. A group has one word: a generation and a bit for each view that
// is live or not yet handed out. Ending a view clears its bit with one compare-and-exchange, which also finds stale
// handles; the group's one reference on the block ends with its last bit. So a view costs no atomic operation when it
// is made by the block's lessee and one when it ends.
//
// The memory of groups stays for ever, so that what is held can be counted by looking at all of them, and the paths
// that hold and release count nothing.
//
// A handle carries the address of its group, the place in it, and 20 bits of the generation.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/guard.h"
#include "memory/block.h"
#include "zcnet/msg.h"

namespace zcnet::receive {

constexpr uint32_t group_views = 31;
constexpr uint32_t no_frame = UINT32_MAX;  // head of a view that has no frame
constexpr uint32_t is_join = UINT32_MAX;   // tail of a view whose data is a Join

struct View {
    const uint8_t *data = nullptr;
    uint64_t size = 0;
    uint32_t head = 0;  // bytes of the frame before data
    uint32_t tail = 0;  // and behind it
    memory::Block *block = nullptr;
};

// A joined message. Its parts are held as any message is, so that they are found among all that is held.
struct Join {
    struct Part {
        View view;
        zcn_msg *held;
    };
    uint32_t count = 0;
    uint64_t size = 0;
    Part parts[];
};

// Ends the parts and gives back the memory, which is the heap's.
void drop_join(Join *join) noexcept;

// The bytes of a view with its frame's header and delimiter, where it has them.
struct Frame {
    const uint8_t *data;
    uint64_t size;
};

inline Frame frame_of(const View &view) noexcept {
    if (view.head == no_frame) return {view.data, view.size};
    return {view.data - view.head, view.size + view.head + view.tail};
}

// A view as it lies in its group. What others look at when they count what is held (survey.h) is atomic: release, so
// that whoever sees a value of one life of the group also sees that the life before it has ended.
struct Place {
    std::atomic<const uint8_t *> data{nullptr};
    std::atomic<uint64_t> size{0};
    uint32_t head = 0;
    uint32_t tail = 0;
};

struct Group {
    // generation << 32 | bits; bit i is place i, bit 0 is unused.
    std::atomic<uint64_t> word{0};
    void *link = nullptr;  // of the free list
    std::atomic<memory::Block *> block{
        nullptr};                     // what its views lie in, one reference; nullptr: its one view is a join
    std::atomic<uint32_t> issued{0};  // places handed out
    std::atomic<uint32_t> made{0};    // when the group was opened, in ticks (memory/clock.h)
    std::atomic<uint64_t> pool{0};    // number of the block's pool
    // The block, or what it is an alias of: to compare; to follow only for who holds one of the views.
    std::atomic<memory::Block *> root{nullptr};
    std::atomic<uint64_t> pins{0};  // bytes of memory that the reference keeps
    uint32_t borrows = 0;           // of the block, when the group was opened
    uint32_t reserved = 0;
    Place places[group_views];
    unsigned char spare[216];
};
static_assert(sizeof(Group) == 1024 && offsetof(Group, places) == 64);

constexpr uint64_t all_bits = 0xFFFFFFFE;

// A handle taken apart. Bit 0 of a handle is 0 for an owned view, 1 for a borrowed message (net/batch.h).
struct Handle {
    Group *group;
    uint32_t place;  // 1 … 31
    uint32_t generation;
};

inline bool is_borrowed(const zcn_msg *msg) noexcept { return (reinterpret_cast<uintptr_t>(msg) & 1) != 0; }

inline zcn_msg *make_handle(const Group *group, uint32_t place, uint64_t generation) noexcept {
    return reinterpret_cast<zcn_msg *>(reinterpret_cast<uintptr_t>(group) | uintptr_t{place} << 1 |
                                       (generation & 0xF) << 6 | (generation >> 4 & 0xFFFF) << 48);
}

inline Handle take_apart(const zcn_msg *msg) noexcept {
    const auto bits = reinterpret_cast<uintptr_t>(msg);
    return {reinterpret_cast<Group *>(bits & 0x0000FFFFFFFFFC00), static_cast<uint32_t>(bits >> 1 & 31),
            static_cast<uint32_t>((bits >> 6 & 0xF) | (bits >> 48) << 4)};
}

inline bool is_live(uint64_t word, const Handle &handle) noexcept {
    return (word >> 32 & 0xFFFFF) == handle.generation && (word >> handle.place & 1) != 0;
}

// The view behind an owned handle; false when it is stale.
inline bool find_view(const zcn_msg *msg, View *view) noexcept {
    const Handle handle = take_apart(msg);
    if (handle.group == nullptr || handle.place == 0) return false;
    // acquire: the view was written before the handle was made; a holder got it through a hand-over that orders it,
    // and a stale one sees at least the generation that ended it.
    if (!is_live(handle.group->word.load(std::memory_order_acquire), handle)) return false;
    const Place &place = handle.group->places[handle.place - 1];
    // relaxed: as above.
    *view = {place.data.load(std::memory_order_relaxed), place.size.load(std::memory_order_relaxed), place.head,
             place.tail, handle.group->block.load(std::memory_order_relaxed)};
    return true;
}

inline void write_place(Place &place, const View &view) noexcept {
    place.data.store(view.data, std::memory_order_release);
    place.size.store(view.size, std::memory_order_release);
    place.head = view.head;
    place.tail = view.tail;
}

// What all views of a group have in common. None: they are joins.
struct Holding {
    memory::Block *block = nullptr;
    memory::Block *root = nullptr;  // the block, or what it is an alias of
    uint64_t pool = 0;
    uint64_t pins = 0;
    uint32_t borrows = 0;
};

// Of views of a block; `borrows` is the block's when they were shown.
Holding holding_of(memory::Block *block, uint32_t borrows) noexcept;
// Of a block whose bytes no event has shown.
inline Holding holding_of(memory::Block *block) noexcept {
    return holding_of(block, block->borrows.load(std::memory_order_relaxed) - 1);
}
// The same as a view that the caller holds; it does not look at the block, which others may be busy with. relaxed: none
// of it changes while a view is held.
inline Holding holding_of(const Group &group) noexcept {
    return {group.block.load(std::memory_order_relaxed), group.root.load(std::memory_order_relaxed),
            group.pool.load(std::memory_order_relaxed), group.pins.load(std::memory_order_relaxed), group.borrows};
}

// Whether a handle can be made in the leased block's open group; else one has to be opened first.
inline bool has_open_group(const memory::Block *block) noexcept { return block->group != nullptr; }

// Makes a handle in the open group of a block that the caller leases.
inline zcn_msg *issue_open(memory::Block *block, const View &view) noexcept {
    auto *group = static_cast<Group *>(block->group);
    // relaxed: the lessee's own.
    const uint32_t place = group->issued.load(std::memory_order_relaxed) + 1;
    write_place(group->places[place - 1], view);
    // release: the place is written for whoever counts it.
    group->issued.store(place, std::memory_order_release);
    if (place == group_views) block->group = nullptr;  // it ends with its last view
    // relaxed: the generation does not change while places are left.
    return make_handle(group, place, group->word.load(std::memory_order_relaxed) >> 32);
}

// The same where there is no open group. nullptr without memory.
zcn_msg *issue_first(memory::Block *block, const View &view) noexcept;

// Makes a handle for a view of a block that the caller leases. nullptr without memory.
inline zcn_msg *issue_leased(memory::Block *block, const View &view) noexcept {
    return has_open_group(block) ? issue_open(block, view) : issue_first(block, view);
}

// The borrow of what lies in a leased block has ended; its open group is closed: places that were not handed out are
// taken off.
void close_group(memory::Block *block) noexcept;

// Makes a handle for a view of any block. It ends with a reference that the caller takes or has taken, and keeps on
// failure.
zcn_msg *issue(const View &view, const Holding &holding) noexcept;
// The same for up to group_views of one block, which end with one reference together. False: none was made.
bool issue_together(zcn_msg **out, const View *views, uint32_t count, const Holding &holding) noexcept;

Status end_view(zcn_msg *msg) noexcept;
Status end_views(zcn_msg *const *msgs, size_t count) noexcept;

}  // namespace zcnet::receive
