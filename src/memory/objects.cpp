// SPDX-License-Identifier: MIT
#include "memory/objects.h"

#include "base/flag.h"
#include "base/statistic.h"
#include "memory/directory.h"
#include "memory/tagged_stack.h"

namespace zcnet::memory {

namespace {

// A list of free objects in transit. It lies in a table of its own, because a pop may read the link of one that is
// already taken, and an object's memory is its user's then.
struct Magazine {
    std::atomic<uint32_t> next{0};
    uint32_t count = 0;
    FreeObject *head = nullptr;
};

struct Magazines {
    Directory<Magazine, 1024, 4096> table;
    std::atomic<uint32_t> &link(uint32_t index) noexcept { return table[index].next; }
};

constexpr size_t chunk_size = object_chunk_bytes;

// Lies where the first object of a chunk would, but for view groups, whose chunks are nothing but groups. Written when
// the chunk is cut, and by whoever trims.
struct Chunk {
    Chunk *next = nullptr;  // of those that go back
    uint32_t objects = 0;   // that it was cut into
    uint32_t found = 0;     // of them, free and in the trimmer's hand
    uint32_t dropped = 0;   // of these, out of all lists
};

Chunk *chunk_of(FreeObject *object) noexcept {
    return reinterpret_cast<Chunk *>(reinterpret_cast<uintptr_t>(object) & ~uintptr_t{chunk_size - 1});
}

using ChunkEntry = std::atomic<unsigned char *>;

constinit Magazines magazines;
constinit TaggedStack<> empty_magazines;
constinit TaggedStack<> full_magazines[object_classes];
constinit std::atomic<FreeObject *> orphans[object_classes];
constinit ExchangedFlag trimming{0};  // somebody looks for chunks to give back
constinit Statistic mapped;
constinit Directory<ChunkEntry, 512, 8192> chunks_of_groups;

bool push_magazine(FreeObject *head, uint32_t count, uint32_t object_class) noexcept {
    uint32_t index = empty_magazines.pop(magazines);
    if (index == TaggedStack<>::none && !magazines.table.reserve(1, &index)) return false;
    magazines.table[index].head = head;
    magazines.table[index].count = count;
    full_magazines[object_class].push(magazines, index);
    return true;
}

void orphan_chain(FreeObject *first, FreeObject *last, uint32_t object_class) noexcept {
    FreeObject *seen = orphans[object_class].load(std::memory_order_relaxed);
    do {
        last->next = seen;
        // release: the links are seen by the thread that adopts the chain.
    } while (!orphans[object_class].compare_exchange_weak(seen, first, std::memory_order_release,
                                                          std::memory_order_relaxed));
}

uint32_t chain_length(const FreeObject *object) noexcept {
    uint32_t count = 0;
    for (; object != nullptr; object = object->next) count++;
    return count;
}

void give(FreeObject *head, uint32_t count, uint32_t object_class) noexcept {
    if (push_magazine(head, count, object_class)) return;
    FreeObject *last = head;
    while (last->next != nullptr) last = last->next;
    orphan_chain(head, last, object_class);
}

// A chain of free objects cut from fresh memory. Whoever maps a chunk cuts all of it: the rest goes to the stack.
FreeObject *cut_chunk(uint32_t object_class) noexcept {
    auto *chunk = static_cast<unsigned char *>(os::map(chunk_size, chunk_size));
    if (chunk == nullptr) return nullptr;
    if (object_class == group_class) {
        uint32_t entry = 0;
        if (!chunks_of_groups.reserve(1, &entry)) {
            os::unmap(chunk, chunk_size);
            return nullptr;
        }
        // relaxed: who finds the chunk reads nothing of it that was written here, but zeroes, which it was mapped with.
        chunks_of_groups[entry].store(chunk, std::memory_order_relaxed);
    }
    mapped.add(chunk_size);
    const size_t size = object_sizes[object_class];
    const uint32_t batch = magazine_objects(object_class);
    const auto total = static_cast<uint32_t>(chunk_size / size);
    const uint32_t begin = object_class == group_class ? 0 : 1;
    if (begin != 0) new (chunk) Chunk{nullptr, total - begin, 0, 0};
    FreeObject *kept = nullptr;
    for (uint32_t first = begin; first < total; first += batch) {
        const uint32_t end = first + batch < total ? first + batch : total;
        FreeObject *head = nullptr;
        for (uint32_t i = end; i-- > first;) {
            auto *object = reinterpret_cast<FreeObject *>(chunk + i * size);
            object->next = head;
            head = object;
        }
        if (kept == nullptr) {
            kept = head;
        } else {
            give(head, end - first, object_class);
        }
    }
    return kept;
}

// All free objects of a class that no thread has for itself, as one chain.
FreeObject *take_all(uint32_t object_class) noexcept {
    // acquire: pairs with the release in orphan_chain().
    FreeObject *all = orphans[object_class].exchange(nullptr, std::memory_order_acquire);
    for (uint32_t index = full_magazines[object_class].pop_all(); index != TaggedStack<>::none;) {
        Magazine &magazine = magazines.table[index];
        FreeObject *last = magazine.head;
        while (last->next != nullptr) last = last->next;
        last->next = all;
        all = magazine.head;
        // relaxed: the chain of magazines is ours alone.
        const uint32_t next = magazine.next.load(std::memory_order_relaxed);
        empty_magazines.push(magazines, index);
        index = next == 0 ? TaggedStack<>::none : next - 1;
    }
    return all;
}

// Takes the objects of chunks that are free as a whole out of a chain, and gives back the others. Returns those chunks.
Chunk *sort_out(FreeObject *all, uint32_t object_class) noexcept {
    Chunk *empty = nullptr;
    FreeObject *kept = nullptr;
    uint32_t count = 0;
    for (FreeObject *object = all; object != nullptr;) {
        FreeObject *next = object->next;
        Chunk *chunk = chunk_of(object);
        if (chunk->found != chunk->objects) {
            object->next = kept;
            kept = object;
            if (++count == magazine_objects(object_class)) {
                give(kept, count, object_class);
                kept = nullptr;
                count = 0;
            }
        } else if (++chunk->dropped == chunk->objects) {
            chunk->next = empty;
            empty = chunk;
        }
        object = next;
    }
    if (kept != nullptr) give(kept, count, object_class);
    return empty;
}

}  // namespace

FreeObject *objects_refill(ObjectBin &bin, uint32_t object_class) noexcept {
    if (bin.freed != nullptr) {
        bin.head = bin.freed;
        bin.freed = nullptr;
        bin.freed_count = 0;
    } else if (bin.spare != nullptr) {
        bin.head = bin.spare;
        bin.spare = nullptr;
    } else if (const uint32_t index = full_magazines[object_class].pop(magazines); index != TaggedStack<>::none) {
        bin.head = magazines.table[index].head;
        empty_magazines.push(magazines, index);
    } else if (FreeObject *chain = orphans[object_class].exchange(nullptr, std::memory_order_acquire)) {
        // acquire: pairs with the release in orphan_chain().
        bin.head = chain;
    } else {
        bin.head = cut_chunk(object_class);
        if (bin.head == nullptr) return nullptr;
    }
    FreeObject *object = bin.head;
    bin.head = object->next;
    return object;
}

void objects_overflow(ObjectBin &bin, uint32_t object_class) noexcept {
    if (bin.spare != nullptr) give(bin.spare, bin.spare_count, object_class);
    bin.spare = bin.freed;
    bin.spare_count = bin.freed_count;
    bin.freed = nullptr;
    bin.freed_count = 0;
}

void objects_give_back(ObjectBin &bin, uint32_t object_class) noexcept {
    if (bin.spare != nullptr) give(bin.spare, bin.spare_count, object_class);
    if (bin.freed != nullptr) give(bin.freed, bin.freed_count, object_class);
    if (bin.head != nullptr) give(bin.head, chain_length(bin.head), object_class);
    bin = ObjectBin{};
}

void objects_trim() noexcept {
    // One at a time: two would each hold a part of a chunk's objects, and count in the same place. acquire and release:
    // the counts of one end before those of the next.
    if (trimming.exchange(true, std::memory_order_acquire)) return;
    for (uint32_t c = 0; c < group_class; c++) {
        FreeObject *all = take_all(c);
        for (FreeObject *object = all; object != nullptr; object = object->next)
            chunk_of(object)->found = chunk_of(object)->dropped = 0;
        for (FreeObject *object = all; object != nullptr; object = object->next) chunk_of(object)->found++;
        for (Chunk *chunk = sort_out(all, c); chunk != nullptr;) {
            Chunk *next = chunk->next;
            os::unmap(chunk, chunk_size);
            mapped.subtract(chunk_size);
            chunk = next;
        }
    }
    trimming.store(false, std::memory_order_release);
}

uint64_t objects_mapped() noexcept { return mapped.read(); }

uint32_t group_chunks() noexcept { return chunks_of_groups.size(); }

unsigned char *group_chunk(uint32_t index) noexcept {
    ChunkEntry *entry = chunks_of_groups.find(index);
    // relaxed: as in cut_chunk().
    return entry == nullptr ? nullptr : entry->load(std::memory_order_relaxed);
}

void objects_orphan(FreeObject *object, uint32_t object_class) noexcept { orphan_chain(object, object, object_class); }

}  // namespace zcnet::memory
