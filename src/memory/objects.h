// SPDX-License-Identifier: MIT
// Memory of known sizes: units, connections, view groups, queue rings.
//
// Five classes of objects for the whole process. Each thread has a private list of free objects a class; full
// lists travel through a lock-free stack of magazines, so that any thread allocates and any thread frees. Objects are
// cut from chunks, which go back to the system when they are trimmed and nothing of them is in use. Those of view
// groups stay for ever, so that a stale handle can be looked at and found stale.
//
// It is no std::pmr::memory_resource. Whoever takes an object knows its type, and with it the class, when it is
// compiled: taking one is a few loads and a store, inlined (thread_memory.h). A resource would be asked through a
// virtual call, with a size to find the class of each time, and could say that there is no memory only by throwing.
// The standard containers inside (timers by token, cached files by path) are not where memory counts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zcnet::memory {

// The fourth is the size of a connection. The last is for groups of views alone: a stale handle looks at the first word
// of one, which must never be anything else's.
constexpr size_t object_sizes[] = {64, 128, 256, 480, 1024};
constexpr uint32_t object_classes = 5;
constexpr uint32_t group_class = 4;

// The class for objects of that size; object_classes: there is none.
constexpr uint32_t object_class(size_t size) noexcept {
    for (uint32_t c = 0; c < group_class; c++)
        if (size <= object_sizes[c]) return c;
    return object_classes;
}

// How many objects a magazine holds: about 8 KiB of them.
constexpr uint32_t magazine_objects(uint32_t object_class) noexcept {
    return static_cast<uint32_t>(8192 / object_sizes[object_class]);
}

// A free object holds its link in its second word; the first survives (view groups keep their generation there).
struct FreeObject {
    uint64_t kept;
    FreeObject *next;
};

// The free objects of one class that one thread holds: at most three magazines of them. Objects are taken from one list
// and freed to another, so that a request need not wait for the writes of the release before it.
struct ObjectBin {
    FreeObject *head = nullptr;
    FreeObject *freed = nullptr;
    FreeObject *spare = nullptr;  // a full magazine, or nothing
    uint32_t freed_count = 0;
    uint32_t spare_count = 0;

    [[nodiscard]] bool has_room(uint32_t object_class) const noexcept {
        return freed_count < magazine_objects(object_class);
    }
    void free(FreeObject *object) noexcept {
        object->next = freed;
        freed = object;
        freed_count++;
    }
};

// Slow paths; the fast ones are in thread_memory.h.
FreeObject *objects_refill(ObjectBin &bin, uint32_t object_class) noexcept;  // one object, nullptr: no memory
void objects_overflow(ObjectBin &bin, uint32_t object_class) noexcept;       // makes room for more
void objects_give_back(ObjectBin &bin, uint32_t object_class) noexcept;      // all of it
void objects_orphan(FreeObject *object, uint32_t object_class) noexcept;     // for a thread without thread memory

// Gives chunks back to the system of which nothing is in use, and nothing in a thread's list. While it works the shared
// lists look empty, and who needs an object meanwhile takes it from fresh memory.
void objects_trim() noexcept;

// Bytes that were taken from the system for objects, of all classes.
uint64_t objects_mapped() noexcept;

// The chunks that objects of the group class were cut from, for who looks at all of them. A chunk stays for ever.
constexpr size_t object_chunk_bytes = 256 * 1024;
uint32_t group_chunks() noexcept;                     // how many there are
unsigned char *group_chunk(uint32_t index) noexcept;  // nullptr while it is being entered

}  // namespace zcnet::memory
