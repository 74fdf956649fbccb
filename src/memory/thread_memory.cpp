// SPDX-License-Identifier: MIT
#include "memory/thread_memory.h"

#include <pthread.h>

#include <new>

#include "memory/births.h"
#include "os/os.h"

namespace zcnet::memory {

thread_local constinit ThreadMemory *thread_memory = nullptr;

namespace {

constexpr size_t memory_bytes = (sizeof(ThreadMemory) + 4095) & ~size_t{4095};

pthread_key_t key;
pthread_once_t key_once = PTHREAD_ONCE_INIT;
bool key_made = false;

void give_back_pool(ThreadPool &slot) noexcept {
    if (slot.number == 0) return;
    zcn_pool *pool = slot.pool;
    BlockCache cache = slot.cache;
    Arena arena = slot.arena;
    // From here on releases of this thread go past the slot, straight to the upstream.
    slot = ThreadPool{};
    // Every block that is still to be given keeps the pool alive; the last one may end it.
    arena.close();
    cache.give_back(pool);
}

// Gives back what is kept of pools that were closed meanwhile. Whoever takes from a slot just now has a reference of
// its pool, which is open then.
void give_back_closed(ThreadMemory &mine) noexcept {
    const uint32_t now = closings();
    if (mine.closings == now) return;
    mine.closings = now;
    for (ThreadPool &slot : mine.pool) {
        if (slot.holds_memory() && slot.pool->closed()) give_back_pool(slot);
    }
}

void give_back_objects(ThreadMemory &mine) noexcept {
    for (uint32_t c = 0; c < object_classes; c++) objects_give_back(mine.bins[c], c);
}

void end_thread(void *memory) noexcept {
    auto *mine = static_cast<ThreadMemory *>(memory);
    // While the destructor runs, what is released on this thread finds no thread memory and goes upstream; a
    // later destructor that needs some makes it anew, and this runs again for it.
    for (ThreadPool &slot : mine->pool) give_back_pool(slot);
    thread_memory = nullptr;
    give_back_objects(*mine);
    mine->~ThreadMemory();
    os::unmap(mine, memory_bytes);
}

// A child of fork goes on with a copy of what its thread kept; memory of a source may not be copied with it.
void leave_to_parent() noexcept {
    if (thread_memory == nullptr) return;
    for (ThreadPool &slot : thread_memory->pool) {
        if (slot.holds_memory() && slot.pool->is_inherited()) give_back_pool(slot);
    }
}

void make_key() noexcept {
    key_made = pthread_atfork(nullptr, nullptr, leave_to_parent) == 0 && pthread_key_create(&key, end_thread) == 0;
}

}  // namespace

ThreadMemory *make_thread_memory() noexcept {
    pthread_once(&key_once, make_key);
    if (!key_made) return nullptr;
    void *memory = os::map(memory_bytes, 4096);
    if (memory == nullptr) return nullptr;
    auto *mine = new (memory) ThreadMemory();
    if (pthread_setspecific(key, mine) != 0) {
        os::unmap(memory, memory_bytes);
        return nullptr;
    }
    thread_memory = mine;
    return mine;
}

ThreadPool *thread_pool_slow(zcn_pool *pool) noexcept {
    ThreadMemory *mine = this_thread();
    if (mine == nullptr) return nullptr;
    for (ThreadPool &slot : mine->pool)
        if (slot.number == pool->number()) return &slot;
    give_back_closed(*mine);
    // The place to reuse: a free one, else one after the other. A slot holds a block or an arena, or nothing of
    // a pool; in the latter case its pool may be gone, and only the number is looked at.
    ThreadPool *chosen = nullptr;
    for (ThreadPool &slot : mine->pool)
        if (slot.number == 0 && &slot != mine->pool) chosen = &slot;
    // The first one is for the fast paths, which know nothing of births.
    const bool noted = watched() && births_wanted();
    if (mine->pool[0].number == 0 && !noted) chosen = &mine->pool[0];
    if (chosen == nullptr) {
        chosen = &mine->pool[mine->next_pool];
        if (noted && chosen == mine->pool) chosen++;
        mine->next_pool = (mine->next_pool + 1) % ThreadMemory::pools;
        give_back_pool(*chosen);
    }
    chosen->pool = pool;
    chosen->number = pool->number();
    return chosen;
}

void flush_thread_pool(zcn_pool *pool) noexcept {
    ThreadMemory *mine = thread_memory;
    if (mine == nullptr) return;
    for (ThreadPool &slot : mine->pool)
        if (slot.number == pool->number()) give_back_pool(slot);
}

void trim_objects() noexcept {
    if (thread_memory != nullptr) give_back_objects(*thread_memory);
    objects_trim();
}

void release_pool(zcn_pool *pool) noexcept {
    if (pool->last_handle()) flush_thread_pool(pool);
    pool->release();
}

// One block; and more for the next requests, twice as many each time, where a thread takes blocks that others give
// back: their hands are on the same words as its own.
Block *BlockCache::refill(zcn_pool *pool, Purpose purpose, Status *why) noexcept {
    Block *block = pool->take_block(purpose, why);
    if (block == nullptr || ahead_ == 0) {
        ahead_ = 1;
        return block;
    }
    if (cell_ == nullptr) cell_ = take_cell(pool->number());
    const uint32_t most = pool->cache_blocks() / 2;
    used_ = pool->take_more(blocks_, ahead_ < most ? ahead_ : most);
    if (ahead_ < most) ahead_ *= 2;
    show();
    return block;
}

// The coldest half leaves: a thread that only releases gives back what it gets.
void BlockCache::overflow(zcn_pool *pool, Block *block) noexcept {
    ahead_ = 0;
    const uint32_t leaving = used_ / 2;
    for (uint32_t i = 0; i < leaving; i++) pool->give_block(blocks_[i]);
    for (uint32_t i = leaving; i < used_; i++) blocks_[i - leaving] = blocks_[i];
    used_ -= leaving;
    if (used_ < pool->cache_blocks()) {
        blocks_[used_++] = block;
    } else {
        pool->give_block(block);
    }
}

// Each thread that works comes by here now and then, whatever its fast paths are.
void *allocate_object_slow(ThreadMemory *mine, uint32_t object_class) noexcept {
    give_back_closed(*mine);
    return objects_refill(mine->bins[object_class], object_class);
}

void free_object_slow(FreeObject *object, uint32_t object_class) noexcept {
    ThreadMemory *mine = this_thread();
    if (mine == nullptr) {
        objects_orphan(object, object_class);
        return;
    }
    give_back_closed(*mine);
    ObjectBin &bin = mine->bins[object_class];
    if (!bin.has_room(object_class)) objects_overflow(bin, object_class);
    bin.free(object);
}

bool Arena::renew(zcn_pool *pool, BlockCache &cache, Status *why) noexcept {
    if (block_ != nullptr) settle();
    if (block_ != nullptr && lease_is_alone(block_) && !(watched() && poisoned())) {
        // Everything that was cut from it has come back: the same warm memory serves again.
        lease_begin(block_);
        cursor_ = block_->base;
        return true;
    }
    Block *fresh = cache.take(pool, Purpose::ordinary, why);
    if (fresh == nullptr) return false;
    close();
    lease_begin(fresh);
    pool->count_arena(true);
    block_ = fresh;
    cursor_ = fresh->base;
    end_ = fresh->base + fresh->size;
    return true;
}

Block *make_alias(Block *parent, const uint8_t *data, uint64_t size) noexcept {
    Block *alias = make_object<Block>();
    if (alias == nullptr) return nullptr;
    alias->kind = BlockKind::alias;
    alias->base = const_cast<uint8_t *>(data);
    alias->size = size;
    alias->pool = parent->pool;
    alias->parent = parent;
    return alias;
}

void block_recycle(Block *block) noexcept {
    zcn_pool *pool = block->pool;
    switch (block->kind) {
        case BlockKind::region:
            pool->give_region(block);
            return;
        case BlockKind::heap:
            pool->give_heap(block);
            return;
        case BlockKind::alias: {
            Block *parent = block->parent;
            destroy_object(block);
            block_release(parent);
            return;
        }
        case BlockKind::block:
            break;
    }
    // Only a thread that takes from this pool keeps blocks of it; a closed pool gets all of them back.
    if (ThreadMemory *mine = thread_memory; mine != nullptr && !pool->closed()) {
        for (ThreadPool &slot : mine->pool) {
            if (slot.number == pool->number()) {
                slot.cache.give(pool, block);
                return;
            }
        }
    }
    pool->give_block(block);
}

}  // namespace zcnet::memory
