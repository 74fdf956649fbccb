// SPDX-License-Identifier: MIT
#include "send/ledger.h"

#include "os/os.h"

namespace zcnet::send {

namespace {

constexpr uint32_t first_capacity = 16;

}  // namespace

Ledger::~Ledger() {
    for (uint32_t i = 0; i < used_; i++) at(i).entry.release();
    os::deallocate(items_);
}

Status Ledger::reserve(uint32_t entries) noexcept {
    const uint64_t wanted = uint64_t{used_} + entries;
    if (wanted <= capacity_) return ZCN_OK;
    uint64_t capacity = capacity_ == 0 ? first_capacity : capacity_;
    while (capacity < wanted) capacity *= 2;
    if (capacity > UINT32_MAX / sizeof(Item)) return ZCN_ENOMEM;
    auto *grown = static_cast<Item *>(os::allocate(capacity * sizeof(Item)));
    if (grown == nullptr) return ZCN_ENOMEM;
    for (uint32_t i = 0; i < used_; i++) grown[i] = at(i);
    os::deallocate(items_);
    items_ = grown;
    head_ = 0;
    capacity_ = static_cast<uint32_t>(capacity);
    return ZCN_OK;
}

void Ledger::keep(const Entry &entry, uint64_t writes, Status why) noexcept { at(used_++) = {entry, writes, why}; }

uint64_t Ledger::complete(uint32_t first, uint32_t last) noexcept {
    // The kernel counts in 32 bits: what counts is how far behind the oldest awaited one a number is.
    const uint64_t begin = static_cast<uint32_t>(first - static_cast<uint32_t>(done_));
    const uint64_t end = begin + static_cast<uint32_t>(last - first);
    if (end >= awaited()) return 0;
    uint64_t fresh = 0;
    for (uint64_t number = done_ + begin; number <= done_ + end; number++) {
        uint64_t &word = later_[number % most_writes / 64];
        const uint64_t bit = uint64_t{1} << number % 64;
        fresh += (word & bit) == 0 ? 1 : 0;
        word |= bit;
    }
    while (done_ != writes_) {
        uint64_t &word = later_[done_ % most_writes / 64];
        const uint64_t bit = uint64_t{1} << done_ % 64;
        if ((word & bit) == 0) break;
        word &= ~bit;
        done_++;
    }
    return fresh;
}

bool Ledger::take(Entry *entry, Status *why) noexcept {
    if (used_ == 0 || at(0).writes > done_) return false;
    *entry = at(0).entry;
    *why = at(0).why;
    head_ = (head_ + 1) & (capacity_ - 1);
    used_--;
    return true;
}

}  // namespace zcnet::send
