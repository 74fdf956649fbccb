// SPDX-License-Identifier: MIT
// A framing as data: validated once, trusted by everything downstream.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "zcnet/framing.h"

namespace zcnet::framing {

enum class Kind : uint8_t {
    length = ZCN_FRAMING_LENGTH,
    varint = ZCN_FRAMING_VARINT,
    delimiter = ZCN_FRAMING_DELIMITER,
    fixed = ZCN_FRAMING_FIXED,
    raw = ZCN_FRAMING_RAW,
    custom = ZCN_FRAMING_CUSTOM
};

inline constexpr uint32_t largest_offset = 64 * 1024;
inline constexpr uint32_t largest_strip = 64 * 1024 + 16;
inline constexpr uint32_t largest_delimiter = 64;
inline constexpr uint32_t most_varint_bytes = 10;
// Leaves room to add a header to any frame, and any adjustment that a frame can have, without a wrap of 64 bits.
inline constexpr uint64_t largest_max = uint64_t{1} << 62;
inline constexpr uint64_t default_max = uint64_t{16} << 20;

struct Rule {
    Kind kind;
    uint8_t width;
    bool little;
    uint8_t max_varint;
    bool check;
    bool plain;           // length with offset=0, width=4, order=big, adjust=0: the case that has loops of its own
    uint64_t plain_from;  // plain: bodies from this size
    uint64_t plain_end;   // to below this one are framed by four bytes and nothing else; 0: none are
    uint32_t offset;
    uint32_t hide_head;
    uint32_t hide_tail;
    int64_t adjust;  // at most max
    uint64_t max;    // the largest frame; fixed: the same as fixed; raw: 0, since no frame is ever unfinished
    uint64_t fixed;
    uint8_t delimiter[largest_delimiter];
    uint32_t delimiter_size;
    zcn_measure_function measure;
    void *measure_context;
};

zcn_framing_options default_options() noexcept;

// Checks options against each other and makes the rule of them, or says in error which field is wrong and what it
// may be. ZCN_OK, ZCN_EINVAL or ZCN_EOPTION; *out is written on ZCN_OK alone.
[[nodiscard]] Status make_rule(const zcn_framing_options &options, Rule *out, Error *error) noexcept;

// The options that make_rule() makes this rule of; fields that the kind does not have hold their defaults.
zcn_framing_options options_of(const Rule &rule) noexcept;

}  // namespace zcnet::framing
