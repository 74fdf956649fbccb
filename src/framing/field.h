// SPDX-License-Identifier: MIT
// Length fields as they stand on the wire: unaligned, in either order, or as a varint.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace zcnet::framing {

inline constexpr bool host_is_little = std::endian::native == std::endian::little;

template <unsigned Width, bool Little>
inline uint64_t load_field(const uint8_t *from) noexcept {
    static_assert(Width == 1 || Width == 2 || Width == 3 || Width == 4 || Width == 8);
    if constexpr (Width == 1) {
        return *from;
    } else if constexpr (Width == 2) {
        uint16_t value;
        std::memcpy(&value, from, sizeof value);
        return Little == host_is_little ? value : __builtin_bswap16(value);
    } else if constexpr (Width == 3) {
        const uint32_t outer = Little ? from[2] : from[0];
        const uint32_t inner = Little ? from[0] : from[2];
        return outer << 16 | uint32_t{from[1]} << 8 | inner;
    } else if constexpr (Width == 4) {
        uint32_t value;
        std::memcpy(&value, from, sizeof value);
        return Little == host_is_little ? value : __builtin_bswap32(value);
    } else {
        uint64_t value;
        std::memcpy(&value, from, sizeof value);
        return Little == host_is_little ? value : __builtin_bswap64(value);
    }
}

inline void store_big32(uint32_t value, uint8_t *to) noexcept {
    if (host_is_little) value = __builtin_bswap32(value);
    std::memcpy(to, &value, sizeof value);
}

inline void store_field(uint64_t value, unsigned width, bool little, uint8_t *to) noexcept {
    for (unsigned i = 0; i < width; i++) {
        to[little ? i : width - 1 - i] = static_cast<uint8_t>(value);
        value >>= 8;
    }
}

// What store_field() wrote.
inline uint64_t load_field(const uint8_t *from, unsigned width, bool little) noexcept {
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++) value = value << 8 | from[little ? width - 1 - i : i];
    return value;
}

constexpr uint64_t largest_in_width(unsigned width) noexcept {
    return width >= 8 ? UINT64_MAX : (uint64_t{1} << (8 * width)) - 1;
}

constexpr uint64_t largest_in_varint(unsigned bytes) noexcept {
    return bytes >= 10 ? UINT64_MAX : (uint64_t{1} << (7 * bytes)) - 1;
}

constexpr unsigned varint_size(uint64_t value) noexcept {
    return value == 0 ? 1 : (static_cast<unsigned>(std::bit_width(value)) + 6) / 7;
}

inline void store_varint(uint64_t value, uint8_t *to) noexcept {
    for (; value >= 0x80; value >>= 7) *to++ = static_cast<uint8_t>(value | 0x80);
    *to = static_cast<uint8_t>(value);
}

enum class Varint : uint8_t { complete, unfinished, wrong };

// Reads the varint in [from, end), of which at most `most` bytes may belong to it. Overlong forms are accepted.
inline Varint load_varint(const uint8_t *from, const uint8_t *end, unsigned most, uint64_t *value,
                          unsigned *size) noexcept {
    uint64_t sum = 0;
    for (unsigned i = 0; from + i != end; i++) {
        const uint64_t byte = from[i];
        // The tenth byte holds bit 63 and nothing else.
        if (i == 9 && byte > 1) return Varint::wrong;
        sum |= (byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            *value = sum;
            *size = i + 1;
            return Varint::complete;
        }
        if (i + 1 == most) return Varint::wrong;
    }
    return Varint::unfinished;
}

}  // namespace zcnet::framing
