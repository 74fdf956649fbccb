// SPDX-License-Identifier: MIT
// What becomes of a request that finds no memory in a pool with a source. A source may have an end; it is not reached
// as long as something lies free here in another shape, or is in the hand of another thread for the moment.
#include "memory/pool.h"
#include "os/os.h"

namespace {

constexpr uint64_t passed = uint64_t{1} << 32;
constexpr uint64_t hands = passed - 1;

constexpr uint32_t a_round = 100;  // of looking, in naps

}  // namespace

// A hand-shake with again() of exchanges on one word. acquire: where this comes behind a look that found that nothing
// had passed, the attempt of whoever looked is done, and what is taken in hand next was there for him to be found.
zcn_pool::Hand::Hand(zcn_pool &pool) noexcept : pool_(pool), passed_(passed) {
    if (pool_.source_.allocate != nullptr) pool_.in_hand_.fetch_add(1, std::memory_order_acquire);
}

zcn_pool::Hand::~Hand() {
    // release: whoever finds that it is empty finds what it held.
    if (pool_.source_.allocate != nullptr) pool_.in_hand_.fetch_add(passed_ - 1, std::memory_order_release);
}

bool zcn_pool::Search::again() noexcept {
    if (pool_.source_.allocate == nullptr) return false;
    if (!first_) {
        // release: as in Hand().
        const uint64_t now = pool_.in_hand_.fetch_add(0, std::memory_order_release);
        const bool nothing_passed = now == before_ && (before_ & hands) == 0;
        if (nothing_passed || patience_ < a_round) return false;
        patience_ -= a_round;
        // relaxed: what a hand held is found after the exchange below.
        for (; patience_ != 0 && (pool_.in_hand_.load(std::memory_order_relaxed) & hands) != 0; patience_--)
            zcnet::os::nap();
    }
    first_ = false;
    (void)pool_.drop_free(false);
    pool_.wake_if_waited();
    // acquire: as in ~Hand().
    before_ = pool_.in_hand_.fetch_add(0, std::memory_order_acquire);
    return true;
}
