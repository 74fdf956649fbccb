// SPDX-License-Identifier: MIT
// Blocks: the reference-counted pieces of memory that message bytes and unit bodies lie in.
//
// The descriptor stands in a side table of the pool (a heap block carries its own), away from the bytes. Its count
// is biased while a block has a lessee: the lessee (a loop, a stream, a thread's unit arena) hands references out
// with a plain counter of its own, and settles the difference with one atomic when it lets go. So a retained
// message and an allocated unit cost no atomic operation on their way out.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

struct zcn_pool;

namespace zcnet::memory {

enum class BlockKind : uint8_t {
    block,   // one of the pool's fixed-size blocks
    region,  // address space for one large message, charged as bytes arrive
    heap,    // memory of an odd size, from the heap
    alias    // a range of another block, with a lease of its own
};

// A range of addresses that only grows while a block is leased or referred to.
struct Extent {
    std::atomic<uintptr_t> begin{UINTPTR_MAX};
    std::atomic<uintptr_t> end{0};
};

struct Block {
    // What every holder changes. The references that are out, plus `lease_bias` while a lessee holds the block.
    std::atomic<uint64_t> count{0};
    // Who else may refer to bytes of the block, for those who want to write into them (receive/exclusive.h). Of an
    // alias its parent's count.
    std::atomic<uint64_t> shares{0};        // how often a view was made from another one
    Extent shared;                          // what more than one view was made of
    Extent lent;                            // what units, joins and other streams took of views
    std::atomic<uint32_t> next{0};          // link of the stack of free blocks, index + 1
    uint32_t slab_free = 0;                 // of a slab's first block, while slabs are reclaimed
    std::atomic<uint32_t> slab_retired{0};  // and of a closed pool: how many of its blocks nobody takes any more

    // Of the lessee alone: they lie in the second line, away from the count that others change.
    alignas(64) uint64_t handed = 0;  // references handed out under the bias
    uint32_t holds = 0;               // unfinished messages of connections that lie here
    bool listed = false;              // in the lessee's list
    uint64_t held_bytes = 0;          // what the lessee counted for the holds
    void *group = nullptr;            // the lessee's open group of message handles for this block
    uint8_t *kept_begin = nullptr;    // while there are holds: they lie between these
    uint8_t *kept_end = nullptr;
    Block *lease_next = nullptr;
    uint64_t committed = 0;  // region: bytes charged to the pool

    // What hardly changes.
    alignas(64) uint8_t *base = nullptr;
    uint64_t size = 0;  // bytes at base; for a region its address space
    zcn_pool *pool = nullptr;
    uint32_t index = 0;  // in the pool's table
    BlockKind kind = BlockKind::block;
    bool slab_first = false;           // base is where a slab begins
    uint32_t slab = 0;                 // index of the slab's first block
    std::atomic<uint32_t> borrows{0};  // rises when a borrow of what lies here ends
    Block *parent = nullptr;           // alias: the block whose range it is, with one reference
    Extent lent_by_lessee;             // what units, joins and other streams took, by the lessee
};
static_assert(sizeof(Block) == 192);

// The block whose bytes an alias shows, or the block itself.
inline Block *root_of(Block *block) noexcept {
    while (block->parent != nullptr) block = block->parent;
    return block;
}

// What a reference on a block keeps from being used otherwise.
inline uint64_t pinned_bytes(const Block *block) noexcept {
    switch (block->kind) {
        case BlockKind::region:
            return block->committed;
        case BlockKind::heap:
            return block->size + sizeof(Block);
        default:
            return block->size;
    }
}

// What a block that is out counts in its pool's account.
inline uint64_t charged_use(const Block *block) noexcept {
    switch (block->kind) {
        case BlockKind::block:
            return block->size;
        case BlockKind::region:
            return block->committed + 1;
        case BlockKind::heap:
            return block->size + sizeof(Block);
        case BlockKind::alias:
            break;
    }
    return 0;
}

constexpr uint64_t lease_bias = uint64_t{1} << 40;

// relaxed: nobody else refers to the block.
inline void extents_clear(Block *block) noexcept {
    for (Extent *extent : {&block->lent_by_lessee, &block->lent, &block->shared}) {
        extent->begin.store(UINTPTR_MAX, std::memory_order_relaxed);
        extent->end.store(0, std::memory_order_relaxed);
    }
}

// Starts a lease of a block that nobody else refers to.
inline void lease_begin(Block *block) noexcept {
    extents_clear(block);
    // relaxed: the block reaches other threads only with a reference, through a hand-over that synchronises.
    block->count.store(lease_bias, std::memory_order_relaxed);
    block->handed = 0;
    block->holds = 0;
    block->group = nullptr;
}

// True when every reference handed out under the lease has come back: the block is the lessee's alone again.
inline bool lease_is_alone(const Block *block) noexcept {
    // acquire: pairs with the release of each reference that came back, so that their last reads of the bytes
    // happened before the lessee overwrites them.
    return block->count.load(std::memory_order_acquire) == lease_bias - block->handed;
}

// The same when everything that was handed out has come back, while holds stay.
inline void lease_renew(Block *block) noexcept {
    extents_clear(block);
    // relaxed: as above.
    block->count.store(lease_bias, std::memory_order_relaxed);
    block->handed = 0;
}

// More references for someone who holds one.
inline void block_retain(Block *block, uint64_t references = 1) noexcept {
    // relaxed: the caller's own reference keeps the block alive; nothing is published.
    block->count.fetch_add(references, std::memory_order_relaxed);
}

// Gives a block without references back to where it came from (thread_memory.cpp).
void block_recycle(Block *block) noexcept;

// Ends references of a block that others are likely to refer to: without a look at the count first, for which its line
// would come twice.
inline void block_release_shared(Block *block, uint64_t references = 1) noexcept {
    // acq_rel: release, so that this holder's use of the bytes happens before their reuse; acquire, so that the last
    // one sees the uses of all the others.
    if (block->count.fetch_sub(references, std::memory_order_acq_rel) == references) block_recycle(block);
}

// Ends references.
inline void block_release(Block *block, uint64_t references = 1) noexcept {
    // A sole holder needs no exchange: nobody can add a reference meanwhile. acquire: it sees the uses of the others.
    if (block->count.load(std::memory_order_acquire) != references) return block_release_shared(block, references);
    block->count.store(0, std::memory_order_relaxed);
    block_recycle(block);
}

// Ends a lease: what was not handed out is taken off the count.
inline void lease_end(Block *block) noexcept { block_release(block, lease_bias - block->handed); }

}  // namespace zcnet::memory
