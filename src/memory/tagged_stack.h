// SPDX-License-Identifier: MIT
// A lock-free stack of indices. The links lie in a side table that is never given back while the stack is used, so
// a pop may read the link of an entry that another thread has just taken; the tag then makes its exchange fail.
#pragma once

#include <atomic>
#include <cstdint>

namespace zcnet::memory {

// Links: has `Atomic<uint32_t> &link(uint32_t index)`. Entries are stored as index + 1; 0 is the end.
template <template <class> class Atomic = std::atomic>
class TaggedStack {
  public:
    static constexpr uint32_t none = UINT32_MAX;

    // Pushes a chain whose inner links are set already, from `first` to `last`.
    template <class Links>
    void push(Links &links, uint32_t first, uint32_t last) noexcept {
        uint64_t seen = head_.load(std::memory_order_relaxed);
        uint64_t next;
        do {
            // relaxed: the exchange below publishes it.
            links.link(last).store(entry(seen), std::memory_order_relaxed);
            next = word(tag(seen) + 1, first + 1);
            // release: the links and whatever the pusher wrote into the entries are seen by the popper.
        } while (!head_.compare_exchange_weak(seen, next, std::memory_order_release, std::memory_order_relaxed));
    }

    template <class Links>
    void push(Links &links, uint32_t index) noexcept {
        push(links, index, index);
    }

    template <class Links>
    uint32_t pop(Links &links) noexcept {
        // acquire: the link that is read next was written before the push that this pairs with.
        uint64_t seen = head_.load(std::memory_order_acquire);
        for (;;) {
            if (entry(seen) == 0) return none;
            const uint32_t index = entry(seen) - 1;
            // relaxed: if the entry was taken and pushed again meanwhile the value may be anything; the tag differs
            // then, and the exchange fails.
            const uint64_t next = word(tag(seen) + 1, links.link(index).load(std::memory_order_relaxed));
            // acquire on failure: for the next round's link, and the entry's contents. On success the write that is
            // replaced was acquired when it was seen, which its tag makes sure of; no order on success may be weaker
            // than the one on failure, though.
            if (head_.compare_exchange_weak(seen, next, std::memory_order_acquire, std::memory_order_acquire))
                return index;
        }
    }

    // Takes up to `most` (at least one) from the top, and gives the first; none: it is empty. The links lead on through
    // *count of them; that of the last one means nothing.
    template <class Links>
    uint32_t pop_some(Links &links, uint32_t most, uint32_t *count) noexcept {
        // acquire: the links that are read next were written before the pushes that this pairs with. An earlier push
        // than the last is among them, since every change of the head is a read-modify-write.
        uint64_t seen = head_.load(std::memory_order_acquire);
        for (;;) {
            *count = 0;
            uint32_t next = entry(seen);
            if (next == 0) return none;
            // relaxed: as in pop(). What others do with entries meanwhile may lead astray, to any entry there is, but
            // not to one that is none; and then the exchange fails.
            for (; next != 0 && *count < most; ++*count) next = links.link(next - 1).load(std::memory_order_relaxed);
            // acquire on failure: as in pop().
            if (head_.compare_exchange_weak(seen, word(tag(seen) + 1, next), std::memory_order_acquire,
                                            std::memory_order_acquire)) {
                return entry(seen) - 1;
            }
        }
    }

    // Takes everything: the first index of the chain, or none. The links lead on; the last one is 0.
    uint32_t pop_all() noexcept {
        uint64_t seen = head_.load(std::memory_order_relaxed);
        // acquire: as in pop(). relaxed on failure: nothing is read through it.
        while (entry(seen) != 0 && !head_.compare_exchange_weak(seen, word(tag(seen) + 1, 0), std::memory_order_acquire,
                                                                std::memory_order_relaxed)) {
        }
        return entry(seen) == 0 ? none : entry(seen) - 1;
    }

    [[nodiscard]] bool looks_empty() const noexcept { return entry(head_.load(std::memory_order_relaxed)) == 0; }

  private:
    static uint32_t entry(uint64_t word) noexcept { return static_cast<uint32_t>(word); }
    static uint32_t tag(uint64_t word) noexcept { return static_cast<uint32_t>(word >> 32); }
    static uint64_t word(uint32_t tag, uint32_t entry) noexcept { return uint64_t{tag} << 32 | entry; }

    Atomic<uint64_t> head_{0};
};

}  // namespace zcnet::memory
