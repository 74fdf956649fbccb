// SPDX-License-Identifier: MIT
// What was written without a copy, in order: memory that the kernel may still read.
//
// A socket numbers its writes without a copy from 0 on, and says later, perhaps out of order and many at once, which
// ones have left the memory alone. What such a write touched stays here until every write up to it is done. Units
// with a token that were written otherwise stay behind those before them, so that ends are told in order.
//
// Knows nothing of descriptors or queues.
#pragma once

#include <cstdint>

#include "send/entry.h"

namespace zcnet::send {

class Ledger {
  public:
    // Writes whose end may be awaited at a time; above this bytes are copied.
    static constexpr uint64_t most_writes = 1024;

    // `first`: the number of the first write, for tests of what happens when 32 bits are used up.
    explicit Ledger(uint64_t first = 0) noexcept : writes_(first), done_(first) {}
    Ledger(const Ledger &) = delete;
    Ledger &operator=(const Ledger &) = delete;
    ~Ledger();

    // Room for so many entries more, so that keep() cannot fail.
    Status reserve(uint32_t entries) noexcept;

    // One more write without a copy was made. The answer is how many there are now, never 0: an entry that it touched
    // waits for all of them.
    uint64_t count_write() noexcept { return ++writes_; }
    void keep(const Entry &entry, uint64_t writes, Status why) noexcept;

    // The kernel's word: the writes with these numbers are done. What no write awaits is ignored. The answer is how
    // many were new.
    uint64_t complete(uint32_t first, uint32_t last) noexcept;

    // The next entry that nothing holds any more.
    bool take(Entry *entry, Status *why) noexcept;
    // Visits what is left, once, so that ends can be told before their time.
    template <class Visit>
    void for_each(Visit &&visit) noexcept {
        for (uint32_t i = 0; i < used_; i++) visit(at(i).entry, at(i).why);
    }

    [[nodiscard]] bool is_done(uint64_t writes) const noexcept { return writes <= done_; }
    [[nodiscard]] bool empty() const noexcept { return used_ == 0; }
    [[nodiscard]] uint64_t awaited() const noexcept { return writes_ - done_; }
    // Nothing is kept, and nothing will be said any more.
    [[nodiscard]] bool settled() const noexcept { return used_ == 0 && awaited() == 0; }

    // For whom the socket has outlived its connection.
    int fd = -1;
    int64_t by = 0;  // nanoseconds of the clock: then the socket is reset
    uint64_t process = 0;
    Ledger *next = nullptr;

  private:
    struct Item {
        Entry entry;
        uint64_t writes;  // done when so many are
        Status why;
    };

    Item &at(uint32_t position) noexcept { return items_[(head_ + position) & (capacity_ - 1)]; }

    Item *items_ = nullptr;
    uint32_t head_ = 0;
    uint32_t used_ = 0;
    uint32_t capacity_ = 0;
    uint64_t writes_;                        // made
    uint64_t done_;                          // all before this one are
    uint64_t later_[most_writes / 64] = {};  // those that are done out of order, by number modulo most_writes
};

}  // namespace zcnet::send
