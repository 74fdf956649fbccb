// SPDX-License-Identifier: MIT
#include "memory/buddies.h"

#include <algorithm>
#include <bit>

#include "os/os.h"

namespace zcnet::memory {

namespace {

constexpr uint64_t bit(uint32_t piece_class) noexcept { return uint64_t{1} << piece_class; }

constexpr uint64_t tree_bytes(uint32_t root_class) noexcept {
    return std::max(2 * bit(root_class - Buddies::smallest_class) * sizeof(uint64_t), uint64_t{4096});
}

}  // namespace

bool Buddies::begin(uint64_t bytes) noexcept {
    root_class_ = static_cast<uint32_t>(std::bit_width(bytes - 1));
    // Its pages become resident with the pieces that they tell of. Zero: all of it is taken.
    free_ = static_cast<uint64_t *>(os::map(tree_bytes(root_class_), 4096));
    if (free_ == nullptr) return false;
    // The largest pieces first; what lies behind the last is never given.
    uint64_t offset = 0;
    for (uint32_t k = root_class_ + 1; k-- > smallest_class;) {
        if ((bytes & bit(k)) == 0) continue;
        give(offset, k);
        offset += bit(k);
    }
    return true;
}

void Buddies::end() noexcept { os::unmap(free_, tree_bytes(root_class_)); }

uint64_t Buddies::take(uint32_t piece_class) noexcept {
    if (piece_class < smallest_class || piece_class > root_class_) return none;
    const uint64_t fitting = free_[1] >> piece_class;
    if (fitting == 0) return none;
    const uint32_t found = piece_class + static_cast<uint32_t>(std::countr_zero(fitting));
    uint64_t node = 1;
    for (uint32_t k = root_class_; k > found; k--) node = 2 * node + ((free_[2 * node] & bit(found)) == 0 ? 1 : 0);
    // The first half of it, and of that one again.
    for (uint32_t k = found; k > piece_class; k--) {
        node = 2 * node;
        free_[node] = free_[node + 1] = bit(k - 1);
    }
    free_[node] = 0;
    tell_wholes(node, piece_class);
    return (node << piece_class) - bit(root_class_);
}

void Buddies::give(uint64_t offset, uint32_t piece_class) noexcept {
    const uint64_t node = (bit(root_class_) + offset) >> piece_class;
    free_[node] = bit(piece_class);
    tell_wholes(node, piece_class);
}

// What changed in a node changes all that it is a part of.
void Buddies::tell_wholes(uint64_t node, uint32_t node_class) noexcept {
    for (uint32_t k = node_class; k < root_class_; k++) {
        const uint64_t first = free_[node & ~uint64_t{1}];
        const uint64_t second = free_[node | 1];
        node /= 2;
        free_[node] = first == bit(k) && second == bit(k) ? bit(k + 1) : first | second;
    }
}

}  // namespace zcnet::memory
