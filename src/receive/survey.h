// SPDX-License-Identifier: MIT
// Looking at all views that are held, of the whole process, while their holders go on.
//
// The groups of views lie in memory that stays for ever. A group is read like this: its word, what it holds, its word
// again; when the generation is the same, what was read belongs to the views whose bits are still set.
#pragma once

#include "memory/objects.h"
#include "receive/view.h"
#include "zcnet/pool.h"

namespace zcnet::receive {

// One group with views that are held.
struct Held {
    const Group *group = nullptr;
    uint64_t pool = 0;                    // number of the pool; 0: a join
    const memory::Block *root = nullptr;  // to compare, not to follow
    uint64_t pins = 0;                    // bytes that the group keeps
    uint32_t made = 0;                    // in ticks
    uint32_t count = 0;
    struct {
        const uint8_t *data;
        uint64_t size;
        uint32_t place;
    } at[group_views];
};

// Reads a group; false when nothing of it is held.
bool read_group(const Group *group, Held *held) noexcept;

// visit(const Held &) -> bool: whether to go on.
template <class Visit>
void for_each_held(Visit &&visit) noexcept {
    Held held;
    const uint32_t chunks = memory::group_chunks();
    for (uint32_t c = 0; c < chunks; c++) {
        const unsigned char *chunk = memory::group_chunk(c);
        if (chunk == nullptr) continue;
        for (size_t at = 0; at < memory::object_chunk_bytes; at += sizeof(Group)) {
            if (!read_group(reinterpret_cast<const Group *>(chunk + at), &held)) continue;
            if (!visit(static_cast<const Held &>(held))) return;
        }
    }
}

// What the views of one pool hold.
struct Survey {
    uint64_t views = 0;         // handles that are held
    uint64_t viewed_bytes = 0;  // the sum of their sizes
    uint64_t pinned_bytes = 0;  // memory that they keep, each block once
    uint64_t oldest_ns = 0;     // for how long the one that is held longest has been
};

// false without memory for it.
bool survey(uint64_t pool, Survey *out) noexcept;

// The same as fields of the pool's statistics. ZCN_ENOMEM.
Status add_survey(const zcn_pool *pool, zcn_pool_stats *stats) noexcept;

}  // namespace zcnet::receive
