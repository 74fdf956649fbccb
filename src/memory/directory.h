// SPDX-License-Identifier: MIT
// A table that grows by chunks and never moves or shrinks: index to entry without a lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>

#include "os/os.h"

namespace zcnet::memory {

template <class Entry, uint32_t chunk_entries, uint32_t chunk_count>
class Directory {
  public:
    static constexpr uint32_t capacity = chunk_entries * chunk_count;

    constexpr Directory() noexcept = default;
    Directory(const Directory &) = delete;
    Directory &operator=(const Directory &) = delete;

    // Only for indices that reserve() has given out. relaxed: whoever reserved the index acquired the chunk, and
    // whoever was handed it did so through something that synchronises.
    Entry &operator[](uint32_t index) noexcept {
        return chunks_[index / chunk_entries].load(std::memory_order_relaxed)[index % chunk_entries];
    }

    // The same for any index below size(), by someone to whom it was not handed: nullptr while its chunk is not there.
    Entry *find(uint32_t index) noexcept {
        Entry *entries = chunks_[index / chunk_entries].load(std::memory_order_acquire);
        return entries == nullptr ? nullptr : entries + index % chunk_entries;
    }

    // Gives out `count` new entries in a row, value-initialised; false when the table is full or memory is.
    bool reserve(uint32_t count, uint32_t *first) noexcept {
        uint32_t seen = used_.load(std::memory_order_relaxed);
        do {
            if (count > capacity - seen) return false;
            if (!provide(seen, count)) return false;
            // relaxed: an index travels to other threads through a stack, whose push releases it.
        } while (!used_.compare_exchange_weak(seen, seen + count, std::memory_order_relaxed));
        *first = seen;
        return true;
    }

    [[nodiscard]] uint32_t size() const noexcept { return used_.load(std::memory_order_relaxed); }

    // Gives the chunks back. Only when nobody uses the table any more.
    void clear() noexcept {
        for (auto &chunk : chunks_) {
            Entry *entries = chunk.load(std::memory_order_relaxed);
            if (entries == nullptr) break;  // chunks are provided in order
            os::unmap(entries, chunk_bytes);
            chunk.store(nullptr, std::memory_order_relaxed);
        }
    }

  private:
    static constexpr size_t chunk_bytes = (sizeof(Entry) * chunk_entries + 4095) & ~size_t{4095};

    bool provide(uint32_t first, uint32_t count) noexcept {
        for (uint32_t i = first / chunk_entries; i <= (first + count - 1) / chunk_entries; i++) {
            if (chunks_[i].load(std::memory_order_acquire) != nullptr) continue;
            void *memory = os::map(chunk_bytes, 4096);
            if (memory == nullptr) return false;
            auto *entries = static_cast<Entry *>(memory);
            for (uint32_t k = 0; k < chunk_entries; k++) new (entries + k) Entry();
            Entry *expected = nullptr;
            // release: the entries are initialised for whoever finds the chunk. The loser's chunk goes back.
            if (!chunks_[i].compare_exchange_strong(expected, entries, std::memory_order_acq_rel,
                                                    std::memory_order_acquire))
                os::unmap(memory, chunk_bytes);
        }
        return true;
    }

    std::atomic<uint32_t> used_{0};
    std::atomic<Entry *> chunks_[chunk_count]{};
};

}  // namespace zcnet::memory
