// SPDX-License-Identifier: MIT
#include "frame.h"

namespace bench {

namespace {

// Differs between neighbours and between messages, and keeps the first and the last byte as make_body() set them.
std::byte byte_at(std::size_t index, std::uint64_t number) {
    return static_cast<std::byte>(number * 31 + index * 7 + (index >> 8));
}

}  // namespace

void fill_body(std::byte *body, std::size_t size, std::uint64_t number) {
    for (std::size_t i = sizeof number; i + 1 < size; ++i) body[i] = byte_at(i, number);
}

bool body_is(const std::byte *body, std::size_t size, std::uint64_t number) {
    std::uint64_t stamped;
    std::memcpy(&stamped, body, sizeof stamped);
    if (stamped != number || body[size - 1] != static_cast<std::byte>(number)) return false;
    for (std::size_t i = sizeof number; i + 1 < size; ++i) {
        if (body[i] != byte_at(i, number)) return false;
    }
    return true;
}

}  // namespace bench
