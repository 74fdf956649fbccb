// SPDX-License-Identifier: MIT
// A lock-free inbox: many threads put letters in, one takes them all.
#pragma once

#include <atomic>

namespace zcnet {

struct Letter {
    Letter *next = nullptr;
};

class Inbox {
  public:
    // True when the inbox was empty: the one who made it non-empty wakes the owner.
    bool put(Letter *letter) noexcept {
        Letter *seen = head_.load(std::memory_order_relaxed);
        do {
            letter->next = seen;
            // release: what the sender wrote before, the letter and its link included, is seen by the taker.
            // acquire: a sender that comes behind the last taker of an inbox that is given up sees that it is.
            // The order on failure is relaxed: `seen` is only compared and linked, never read through.
        } while (!head_.compare_exchange_weak(seen, letter, std::memory_order_acq_rel, std::memory_order_relaxed));
        return seen == nullptr;
    }

    // All letters, oldest first. The exchange is the hand-shake with put(): whoever puts after it finds the inbox
    // empty and wakes again.
    Letter *take_all() noexcept {
        // acquire: pairs with the release of every put() in the chain (they form one release sequence). release: what
        // the taker did before is seen by who puts into the empty inbox.
        Letter *newest = head_.exchange(nullptr, std::memory_order_acq_rel);
        Letter *oldest = nullptr;
        while (newest != nullptr) {
            Letter *next = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = next;
        }
        return oldest;
    }

    // A hint for the owner. relaxed: a letter that is missed here has raised the wake-up.
    [[nodiscard]] bool looks_empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }

  private:
    std::atomic<Letter *> head_{nullptr};
};

}  // namespace zcnet
