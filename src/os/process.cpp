// SPDX-License-Identifier: MIT
#include "os/process.h"

#include <new>

#include "os/os.h"

namespace zcnet::os {

namespace detail {
constinit std::atomic<std::atomic<uint64_t> *> process_page{nullptr};
}  // namespace detail

namespace {

// The last number given out, in ordinary memory: a child inherits it and counts on from there.
constinit std::atomic<uint64_t> last_number{0};

constexpr size_t page_size = 65536;  // no page of a supported processor is larger

}  // namespace

uint64_t process_number() noexcept {
    // acquire: pairs with the release that published the page.
    std::atomic<uint64_t> *page = detail::process_page.load(std::memory_order_acquire);
    if (page == nullptr) {
        void *memory = map(page_size, page_size);
        if (memory == nullptr) return 0;
        // On a kernel without MADV_WIPEONFORK a child is not noticed; everything else works.
        (void)wipe_on_fork(memory, page_size);
        auto *made = new (memory) std::atomic<uint64_t>(0);
        std::atomic<uint64_t> *expected = nullptr;
        // release: the zero in the page is seen by whoever finds the pointer. acquire: the winner's page is.
        if (detail::process_page.compare_exchange_strong(expected, made, std::memory_order_acq_rel,
                                                         std::memory_order_acquire)) {
            page = made;
        } else {
            unmap(memory, page_size);
            page = expected;
        }
    }
    uint64_t number = page->load(std::memory_order_relaxed);
    if (number != 0) return number;
    // relaxed: only the value matters; nothing is published with it.
    const uint64_t next = last_number.fetch_add(1, std::memory_order_relaxed) + 1;
    if (page->compare_exchange_strong(number, next, std::memory_order_relaxed)) return next;
    return number;
}

}  // namespace zcnet::os
