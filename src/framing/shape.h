// SPDX-License-Identifier: MIT
// What is written around a body so that a receiver of the same framing finds it.
#pragma once

#include <cstdint>

#include "framing/field.h"
#include "framing/rule.h"

namespace zcnet::framing {

struct Shape {
    uint32_t head;  // bytes before the body
    uint32_t tail;  // bytes after it: rule.delimiter
};

[[nodiscard]] Status shape_any(const Rule &rule, uint64_t body, Shape *out) noexcept;
void write_head_any(const Rule &rule, uint64_t body, uint8_t *head) noexcept;

// The most common case by far: a body that gets four bytes of length in front of it. Bodies that do not fit four bytes,
// and frames that strip would empty, are told apart on the slow way.
constexpr uint32_t plain_head = 4;
[[nodiscard]] inline bool is_plain(const Rule &rule, uint64_t body) noexcept {
    return body >= rule.plain_from && body < rule.plain_end;
}

// The sizes of what stands around a body, or why a receiver would refuse the frame. *out is written on ZCN_OK alone.
[[nodiscard]] inline Status shape(const Rule &rule, uint64_t body, Shape *out) noexcept {
    if (is_plain(rule, body)) [[likely]] {
        *out = {plain_head, 0};
        return ZCN_OK;
    }
    return shape_any(rule, body, out);
}

// Fills the bytes before a body that shape() accepted: `offset` zero bytes and the field.
inline void write_head(const Rule &rule, uint64_t body, uint8_t *head) noexcept {
    if (rule.plain) [[likely]]
        store_big32(static_cast<uint32_t>(body), head);
    else
        write_head_any(rule, body, head);
}

// True when every body gets a head of the same size, so that room for it can be left before the body is known.
inline constexpr bool head_is_fixed(const Rule &rule) noexcept { return rule.kind != Kind::varint; }

// That size. Only where head_is_fixed().
inline constexpr uint32_t fixed_head(const Rule &rule) noexcept {
    return rule.kind == Kind::length ? rule.offset + rule.width : 0;
}

// The most that shape() can ask for before a body.
inline constexpr uint32_t largest_head(const Rule &rule) noexcept {
    return rule.kind == Kind::varint ? rule.offset + rule.max_varint : fixed_head(rule);
}

// Bytes before the body in a received frame whose size is known; 0 where nothing is told apart.
inline uint64_t received_head(const Rule &rule, const uint8_t *frame) noexcept {
    if (rule.kind != Kind::varint) return fixed_head(rule);
    uint64_t size = uint64_t{rule.offset} + 1;
    while ((frame[size - 1] & 0x80) != 0) size++;
    return size;
}

// Looks for an end of the frame before the real one, in a body of several segments. Besides the delimiter inside the
// body that is one which the body's last bytes make together with the first of the delimiter that follows it.
class DelimiterSearch {
  public:
    explicit DelimiterSearch(const Rule &rule) noexcept : rule_(rule) {}

    // True when the bytes so far contain the delimiter.
    [[nodiscard]] bool feed(const uint8_t *data, uint64_t size) noexcept;

    // To be asked once, after the last segment.
    [[nodiscard]] bool finish() noexcept;

  private:
    const Rule &rule_;
    uint32_t kept_ = 0;
    uint8_t last_[largest_delimiter];  // the bytes that a delimiter across two segments may begin in
};

// The same for a body in one piece: true when the frame would end before its end.
[[nodiscard]] bool contains_delimiter(const Rule &rule, const uint8_t *data, uint64_t size) noexcept;

}  // namespace zcnet::framing
