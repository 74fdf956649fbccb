// SPDX-License-Identifier: MIT
#include "receive/exclusive.h"

#include "memory/pool.h"
#include "receive/survey.h"

namespace zcnet::receive {

namespace {

using memory::Block;
using memory::Extent;

// relaxed throughout: whoever asks has seen an end of the borrow or of a view that came after the note, and those are
// acquired (is_exclusive()).
void grow(Extent &extent, const uint8_t *data, uint64_t size) noexcept {
    const auto first = reinterpret_cast<uintptr_t>(data);
    const uintptr_t last = first + size;
    uintptr_t begin = extent.begin.load(std::memory_order_relaxed);
    while (first < begin && !extent.begin.compare_exchange_weak(begin, first, std::memory_order_relaxed)) {
    }
    uintptr_t end = extent.end.load(std::memory_order_relaxed);
    while (last > end && !extent.end.compare_exchange_weak(end, last, std::memory_order_relaxed)) {
    }
}

// The same with one writer.
void grow_alone(Extent &extent, const uint8_t *data, uint64_t size) noexcept {
    const auto first = reinterpret_cast<uintptr_t>(data);
    const uintptr_t last = first + size;
    if (first < extent.begin.load(std::memory_order_relaxed)) extent.begin.store(first, std::memory_order_relaxed);
    if (last > extent.end.load(std::memory_order_relaxed)) extent.end.store(last, std::memory_order_relaxed);
}

bool meets(const Extent &extent, const View &view) noexcept {
    const auto first = reinterpret_cast<uintptr_t>(view.data);
    return first < extent.end.load(std::memory_order_relaxed) &&
           first + view.size > extent.begin.load(std::memory_order_relaxed);
}

bool meets_other_view(const zcn_msg *msg, const View &view) noexcept {
    const Handle self = take_apart(msg);
    const auto first = reinterpret_cast<uintptr_t>(view.data);
    bool met = false;
    for_each_held([&](const Held &held) {
        for (uint32_t i = 0; i < held.count; i++) {
            if (held.group == self.group && held.at[i].place == self.place) continue;
            const auto other = reinterpret_cast<uintptr_t>(held.at[i].data);
            met = met || (other < first + view.size && first < other + held.at[i].size);
        }
        return !met;
    });
    return met;
}

}  // namespace

void note_lent(Block *block, const uint8_t *data, uint64_t size, bool by_lessee) noexcept {
    Block *root = memory::root_of(block);
    if (by_lessee && root == block) {
        grow_alone(root->lent_by_lessee, data, size);
    } else {
        grow(root->lent, data, size);
    }
}

void note_shared(Block *root, const uint8_t *data, uint64_t size) noexcept { grow(root->shared, data, size); }

bool is_exclusive(const zcn_msg *msg, const View &view) noexcept {
    if (view.size == 0) return true;
    const Group *group = take_apart(msg).group;
    // acquire: what was made of the event while it was borrowed is seen below.
    if (view.block->borrows.load(std::memory_order_acquire) == group->borrows) return false;
    const Block *root = memory::root_of(view.block);
    if (meets(root->shared, view)) {
        // A view can be made of another one, and that one end, while we look at neither. The count tells: it rises
        // after the new view is there and before the old one ends, and the end of the old one is acquired with its
        // group. So two equal counts say that whoever was there at the first was met. relaxed for the second: it is
        // read after the views, all of whose loads acquire.
        const uint64_t before = root->shares.load(std::memory_order_acquire);
        if (meets_other_view(msg, view)) return false;
        if (root->shares.load(std::memory_order_relaxed) != before) return false;
    }
    // Last: what was lent by the holder of a view that has ended meanwhile was noted before that end.
    return !meets(root->lent_by_lessee, view) && !meets(root->lent, view);
}

void hide_released(const zcn_msg *msg) noexcept {
    if (msg == nullptr || is_borrowed(msg)) return;
    const Handle handle = take_apart(msg);
    View view;
    if (handle.group == nullptr || handle.place == 0 || !find_view(msg, &view)) return;
    if (view.tail == is_join) {
        const auto *join = reinterpret_cast<const Join *>(view.data);
        for (uint32_t i = 0; i < join->count; i++) hide_released(join->parts[i].held);
        return;
    }
    if (is_exclusive(msg, view)) view.block->pool->hide(view.data, view.size);
}

void hide_shown(Block *block, const uint8_t *data, uint64_t size, bool retained) noexcept {
    View view;
    view.data = data;
    view.size = size;
    const Block *root = memory::root_of(block);
    if (meets(root->lent_by_lessee, view) || meets(root->lent, view)) return;
    if (retained && meets_other_view(nullptr, view)) return;
    block->pool->hide(data, size);
}

}  // namespace zcnet::receive
