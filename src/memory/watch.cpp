// SPDX-License-Identifier: MIT
#include "memory/watch.h"

#include <cstddef>
#include <cstring>

#include "memory/births.h"
#include "os/os.h"
#include "os/process.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define ZCNET_HAS_VALGRIND 1
#endif

// There in a program with the address sanitizer, whatever the library was built with.
extern "C" {
__attribute__((weak)) void __asan_poison_memory_region(const volatile void *, size_t);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void *, size_t);
}

namespace zcnet::memory {

namespace detail {
constinit std::atomic<uint32_t> watchers{0};
}  // namespace detail

namespace {

constexpr uint32_t by_valgrind = 1;
constexpr uint32_t by_sanitizer = 2;
constexpr uint32_t by_pages = 4;
constexpr uint32_t by_places = 8;  // not by hiding: handles are noted (births.h)
constexpr unsigned char pattern = 0xDB;
constexpr uintptr_t page = 65536;  // no page of a supported processor is larger

constinit std::atomic<uint64_t> noting_process{0};

uint32_t watchers() noexcept { return detail::watchers.load(std::memory_order_relaxed); }

bool has_word(const char *list, const char *word) noexcept {
    const size_t size = std::strlen(word);
    for (const char *at = list; at != nullptr; at = std::strchr(at, ',')) {
        if (*at == ',') at++;
        if (std::strncmp(at, word, size) == 0 && (at[size] == ',' || at[size] == '\0')) return true;
    }
    return false;
}

// The pages that lie in a range as a whole: those that are hidden.
void protect_whole(const void *data, uint64_t size, bool usable) noexcept {
    const uintptr_t first = (reinterpret_cast<uintptr_t>(data) + page - 1) & ~(page - 1);
    const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + size) & ~(page - 1);
    if (first < end) os::protect(reinterpret_cast<void *>(first), end - first, usable);
}

// Tells the tools that a range may be written, and then read.
void unmark(uint32_t by, const void *data, uint64_t size) noexcept {
    if ((by & by_sanitizer) != 0) __asan_unpoison_memory_region(data, size);
#ifdef ZCNET_HAS_VALGRIND
    if ((by & by_valgrind) != 0) (void)VALGRIND_MAKE_MEM_UNDEFINED(data, size);
#endif
}

}  // namespace

void find_watchers() noexcept {
    uint32_t found = 0;
#ifdef ZCNET_HAS_VALGRIND
    if (RUNNING_ON_VALGRIND != 0) found |= by_valgrind;
#endif
    if (&__asan_poison_memory_region != nullptr && &__asan_unpoison_memory_region != nullptr) found |= by_sanitizer;
    if (const char *words = os::environment("ZCNET_DEBUG"); words != nullptr) {
        if (has_word(words, "poison")) found |= by_pages;
        if (has_word(words, "leak")) {
            found |= by_places;
            // relaxed: every thread finds the same, and only the first one's stays.
            uint64_t none = 0;
            (void)noting_process.compare_exchange_strong(none, os::process_number(), std::memory_order_relaxed);
        }
    }
    // relaxed: every thread finds the same.
    if (found != 0) detail::watchers.store(found, std::memory_order_relaxed);
}

bool poisoned() noexcept { return (watchers() & by_pages) != 0; }

bool births_wanted() noexcept {
    return (watchers() & by_places) != 0 && os::in_process(noting_process.load(std::memory_order_relaxed));
}

void hide(const void *data, uint64_t size) noexcept {
    if (size == 0) return;
    const uint32_t by = watchers();
    if ((by & by_pages) != 0) {
        // Parts of it may be hidden already.
        protect_whole(data, size, true);
        std::memset(const_cast<void *>(data), pattern, size);
        protect_whole(data, size, false);
    }
    if ((by & by_sanitizer) != 0) __asan_poison_memory_region(data, size);
#ifdef ZCNET_HAS_VALGRIND
    if ((by & by_valgrind) != 0) (void)VALGRIND_MAKE_MEM_NOACCESS(data, size);
#endif
}

void show(const void *data, uint64_t size) noexcept {
    if (size == 0) return;
    const uint32_t by = watchers();
    if ((by & by_pages) != 0) {
        // Outwards: a page that was hidden with others may be needed in part.
        const uintptr_t first = reinterpret_cast<uintptr_t>(data) & ~(page - 1);
        const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + size + page - 1) & ~(page - 1);
        os::protect(reinterpret_cast<void *>(first), end - first, true);
    }
    unmark(by, data, size);
}

void let_go(const void *data, uint64_t size) noexcept {
    if (size == 0) return;
    const uint32_t by = watchers();
    // Inwards: what lies around it is not ours, and may be of another kind, or not there at all.
    if ((by & by_pages) != 0) protect_whole(data, size, true);
    unmark(by, data, size);
}

}  // namespace zcnet::memory
