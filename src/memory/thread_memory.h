// SPDX-License-Identifier: MIT
// What a thread keeps for itself: free objects, a few free blocks of the pools it uses, and one block a pool that it
// cuts unit bodies from. No atomic operation is needed for any of it.
//
// All of it goes back when the thread ends. Of a pool that was closed it goes back when the thread next comes to a pool
// that its fast path is not for, or next runs out of free objects or of room for them: after a magazine of them at the
// latest (objects.h). A thread that does nothing keeps at most what a cache holds, and the block that it cuts.
#pragma once

#include "memory/block.h"
#include "memory/cache_cell.h"
#include "memory/objects.h"
#include "memory/pool.h"
#include "memory/watch.h"

namespace zcnet::memory {

// Free blocks of one pool in front of its upstream.
class BlockCache {
  public:
    // One block with count 0.
    Block *take(zcn_pool *pool, Purpose purpose, Status *why) noexcept {
        if (used_ == 0) return shown(refill(pool, purpose, why));
        Block *block = blocks_[--used_];
        show();
        return shown(block);
    }

    void give(zcn_pool *pool, Block *block) noexcept {
        if (watched()) [[unlikely]] {
            if (poisoned()) return pool->give_block(block);
            pool->hide(block->base, block->size);
        }
        if (used_ >= pool->cache_blocks()) {
            overflow(pool, block);
        } else {
            if (cell_ == nullptr) [[unlikely]]
                cell_ = take_cell(pool->number());
            blocks_[used_++] = block;
        }
        show();
    }

    [[nodiscard]] bool empty() const noexcept { return used_ == 0; }

    void give_back(zcn_pool *pool) noexcept {
        if (cell_ != nullptr) give_cell(cell_);
        cell_ = nullptr;
        while (used_ != 0) pool->give_block(blocks_[--used_]);
    }

  private:
    static constexpr uint32_t capacity = 16;

    void show() noexcept {
        if (cell_ != nullptr) cell_->blocks.store(used_, std::memory_order_relaxed);
    }

    // To those who watch, a block that is taken may be used again.
    static Block *shown(Block *block) noexcept {
        if (watched() && block != nullptr) [[unlikely]]
            memory::show(block->base, block->size);
        return block;
    }

    Block *refill(zcn_pool *pool, Purpose purpose, Status *why) noexcept;
    void overflow(zcn_pool *pool, Block *block) noexcept;

    uint32_t used_ = 0;
    uint32_t ahead_ = 0;         // how many the next refill takes beside the one that is asked for
    CacheCell *cell_ = nullptr;  // where `used_` is shown; none before the first block
    Block *blocks_[capacity] = {};
};

// Bump allocation in leased blocks, for bodies that are written in order.
class Arena {
  public:
    // `size` bytes (at most the pool's block size) and one reference on *block.
    uint8_t *take(zcn_pool *pool, BlockCache &cache, uint64_t size, Block **block, Status *why) noexcept {
        if (block_ == nullptr || size > static_cast<uint64_t>(end_ - cursor_)) {
            if (!renew(pool, cache, why)) return nullptr;
        }
        return cut(size, block);
    }

    // The same when there is room.
    uint8_t *cut(uint64_t size, Block **block) noexcept {
        uint8_t *start = cursor_;
        cursor_ += size;
        block_->handed++;
        *block = block_;
        return start;
    }

    // Takes back references that were cut here and that the thread has again: they need not go through the count.
    // Counted apart from what is handed out, so that neither waits for the other's last write.
    void take_back(uint64_t references) noexcept { taken_back_ += references; }

    // Takes back the end of the last allocation.
    void shorten(const Block *block, uint8_t *from, const uint8_t *old_end) noexcept {
        if (block == block_ && cursor_ == old_end) cursor_ = from;
    }

    // When everything that was cut has come back, the same memory serves again, while it is in the nearest cache.
    void rewind() noexcept {
        if (block_ == nullptr || cursor_ == block_->base) return;
        settle();
        if (!lease_is_alone(block_) || (watched() && poisoned())) return;
        lease_begin(block_);
        cursor_ = block_->base;
    }

    void close() noexcept {
        if (block_ != nullptr) {
            settle();
            block_->pool->count_arena(false);
            lease_end(block_);
        }
        block_ = nullptr;
        cursor_ = end_ = nullptr;
    }

    [[nodiscard]] uint64_t room() const noexcept { return static_cast<uint64_t>(end_ - cursor_); }
    [[nodiscard]] uint8_t *cursor() const noexcept { return cursor_; }
    [[nodiscard]] Block *block() const noexcept { return block_; }

  private:
    bool renew(zcn_pool *pool, BlockCache &cache, Status *why) noexcept;
    void settle() noexcept {
        block_->handed -= taken_back_;
        taken_back_ = 0;
    }

    uint64_t taken_back_ = 0;
    Block *block_ = nullptr;
    uint8_t *cursor_ = nullptr;
    uint8_t *end_ = nullptr;
};

struct ThreadPool {
    zcn_pool *pool = nullptr;  // dangling once the pool is gone; `number` tells
    uint64_t number = 0;       // of the pool; 0: free
    BlockCache cache;
    Arena arena;

    // Then the pool lives; else it may be gone.
    [[nodiscard]] bool holds_memory() const noexcept {
        return number != 0 && (!cache.empty() || arena.block() != nullptr);
    }
};

struct ThreadMemory {
    static constexpr uint32_t pools = 4;
    ObjectBin bins[object_classes];
    ThreadPool pool[pools];
    uint32_t next_pool = 0;  // the slot to reuse
    uint32_t closings = 0;   // that it has looked at its slots for
};

// initial-exec: a plain load, also in a shared library. It costs 8 bytes of the static block, which dlopen has.
extern thread_local constinit ThreadMemory *thread_memory __attribute__((tls_model("initial-exec")));

// The thread's memory, made on first use; nullptr when there is none.
ThreadMemory *make_thread_memory() noexcept;

inline ThreadMemory *this_thread() noexcept {
    ThreadMemory *mine = thread_memory;
    return __builtin_expect(mine != nullptr, 1) ? mine : make_thread_memory();
}

// The thread's part of a pool; nullptr without thread memory.
ThreadPool *thread_pool_slow(zcn_pool *pool) noexcept;

inline ThreadPool *thread_pool(zcn_pool *pool) noexcept {
    ThreadMemory *mine = this_thread();
    if (__builtin_expect(mine != nullptr && mine->pool[0].number == pool->number(), 1)) return &mine->pool[0];
    return thread_pool_slow(pool);
}

// Ends references on a block that units are cut from. Where the calling thread cuts from it that is no exchange: the
// lessee alone counts what it has handed out.
inline void release_cut(Block *block, uint64_t references = 1) noexcept {
    ThreadMemory *mine = thread_memory;
    if (mine != nullptr && mine->pool[0].arena.block() == block) [[likely]] {
        mine->pool[0].arena.take_back(references);
    } else {
        block_release(block, references);
    }
}

// A block of its own for a range of another one; takes over one reference on it. nullptr without memory.
Block *make_alias(Block *parent, const uint8_t *data, uint64_t size) noexcept;

// Gives back what the calling thread keeps of a pool.
void flush_thread_pool(zcn_pool *pool) noexcept;

// Gives free objects back to the system, those of the calling thread among them.
void trim_objects() noexcept;

// Ends a handle of a pool; with the last one goes what the calling thread keeps of it.
void release_pool(zcn_pool *pool) noexcept;

// Where the list that objects are taken from is empty.
void *allocate_object_slow(ThreadMemory *mine, uint32_t object_class) noexcept;

// Where the list that objects are freed to is full, or there is none yet.
void free_object_slow(FreeObject *object, uint32_t object_class) noexcept;

// Memory for one object of a class; its contents are undefined but for the first word, which survives from the last
// free (0 in fresh memory).
inline void *allocate_object(uint32_t object_class) noexcept {
    ThreadMemory *mine = this_thread();
    if (mine == nullptr) return nullptr;
    ObjectBin &bin = mine->bins[object_class];
    FreeObject *object = bin.head;
    if (__builtin_expect(object == nullptr, 0)) return allocate_object_slow(mine, object_class);
    bin.head = object->next;
    return object;
}

inline void free_object(void *memory, uint32_t object_class) noexcept {
    auto *object = static_cast<FreeObject *>(memory);
    ThreadMemory *mine = thread_memory;
    if (__builtin_expect(mine == nullptr || !mine->bins[object_class].has_room(object_class), 0))
        return free_object_slow(object, object_class);
    mine->bins[object_class].free(object);
}

// Objects that are freed together.
struct ObjectChain {
    FreeObject *first = nullptr;
    FreeObject *last = nullptr;
    uint32_t count = 0;
    void add(void *memory) noexcept {
        auto *object = static_cast<FreeObject *>(memory);
        object->next = first;
        first = object;
        if (last == nullptr) last = object;
        count++;
    }
};

inline void free_objects(const ObjectChain &chain, uint32_t object_class) noexcept {
    ThreadMemory *mine = this_thread();
    if (chain.first == nullptr) return;
    if (mine == nullptr || chain.count > magazine_objects(object_class)) {
        for (FreeObject *object = chain.first; object != nullptr;) {
            FreeObject *next = object->next;
            free_object(object, object_class);
            object = next;
        }
        return;
    }
    ObjectBin &bin = mine->bins[object_class];
    if (!bin.has_room(object_class)) objects_overflow(bin, object_class);
    chain.last->next = bin.freed;
    bin.freed = chain.first;
    bin.freed_count += chain.count;
}

// Constructs and destroys an object of a type whose size picks its class at compile time.
template <class Object, class... Arguments>
Object *make_object(Arguments &&...arguments) noexcept {
    static_assert(object_class(sizeof(Object)) < object_classes);
    void *memory = allocate_object(object_class(sizeof(Object)));
    return memory == nullptr ? nullptr : new (memory) Object(static_cast<Arguments &&>(arguments)...);
}

template <class Object>
void destroy_object(Object *object) noexcept {
    object->~Object();
    free_object(object, object_class(sizeof(Object)));
}

}  // namespace zcnet::memory
