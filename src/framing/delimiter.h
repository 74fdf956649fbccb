// SPDX-License-Identifier: MIT
// The search for a delimiter: each byte is looked at once, over any number of reads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "framing/rule.h"

namespace zcnet::framing {

// The end of the first delimiter in [begin, begin + size), or NULL. No delimiter ends in the first `searched` bytes:
// the caller knows that from an earlier search. Looking for the delimiter's last byte, rather than its first, lets a
// search go on at the very byte where the one before it stopped, whatever part of a delimiter stood there.
inline const uint8_t *find_delimiter(const Rule &rule, const uint8_t *begin, uint64_t size,
                                     uint64_t searched) noexcept {
    const uint64_t before = rule.delimiter_size - 1;
    const uint8_t last = rule.delimiter[before];
    for (uint64_t at = std::max(searched, before); at < size; at++) {
        const void *hit = std::memchr(begin + at, last, size - at);
        if (hit == nullptr) return nullptr;
        const auto *found = static_cast<const uint8_t *>(hit);
        if (std::memcmp(found - before, rule.delimiter, before) == 0) return found + 1;
        at = static_cast<uint64_t>(found - begin);
    }
    return nullptr;
}

// How many bytes at the end of [begin, begin + size) are the longest beginning of a delimiter that may yet follow.
inline uint64_t delimiter_begun(const Rule &rule, const uint8_t *begin, uint64_t size) noexcept {
    uint64_t begun = std::min<uint64_t>(size, rule.delimiter_size - 1);
    while (begun != 0 && std::memcmp(begin + size - begun, rule.delimiter, begun) != 0) begun--;
    return begun;
}

}  // namespace zcnet::framing
