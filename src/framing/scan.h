// SPDX-License-Identifier: MIT
// Finds the frames in received bytes. Header-only, so that the loops and what is done with each frame become one.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/checked.h"
#include "framing/delimiter.h"
#include "framing/field.h"
#include "framing/rule.h"

namespace zcnet::framing {

// Where a scan ended. When nothing is left (next == end) need and searched are 0.
struct Scan {
    const uint8_t *next;  // first byte that is not part of an emitted frame
    uint64_t need;        // size of the whole frame at `next` if its header is complete, else 0
    uint64_t searched;    // delimiter, custom: bytes at `next` already looked at; hand it to the next scan from there
    zcn_status status;    // ZCN_OK, or the error that the bytes at `next` prove
};

namespace detail {

inline Scan stopped(const uint8_t *next) noexcept { return {next, 0, 0, ZCN_OK}; }
inline Scan waiting(const uint8_t *next, uint64_t need) noexcept { return {next, need, 0, ZCN_OK}; }
inline Scan refused(const uint8_t *next, zcn_status why) noexcept { return {next, 0, 0, why}; }

inline uint64_t distance(const uint8_t *from, const uint8_t *end) noexcept { return static_cast<uint64_t>(end - from); }

// Why a whole frame of `total` bytes, of which `header` are its header, cannot be; ZCN_OK when it can.
inline zcn_status judge(const Rule &rule, uint64_t header, uint64_t total) noexcept {
    if (total < header) return ZCN_EFRAME_UNDERFLOW;
    if (total > rule.max) return ZCN_EFRAME_TOO_LARGE;
    return total < rule.hide_head ? ZCN_EFRAME_STRIP : ZCN_OK;
}

// So many frames of one size in a row are taken for a sign that more of that size follow.
inline constexpr unsigned steady = 8;

// Plain fixes offset and adjust at 0, which leaves a loop of a load, an addition and two comparisons.
template <unsigned Width, bool Little, bool Plain, class Emit>
inline Scan scan_length(const Rule &rule, const uint8_t *next, const uint8_t *end, Emit &emit) noexcept {
    const uint64_t offset = Plain ? 0 : rule.offset;
    const uint64_t header = offset + Width;
    const int64_t base = static_cast<int64_t>(header) + (Plain ? 0 : rule.adjust);
    // One comparison for both ends of what is allowed: below `least` the difference wraps and is large.
    const uint64_t least = std::max<uint64_t>(header, rule.hide_head);
    const uint64_t range = rule.max - least;
    uint64_t last = 0;
    unsigned same = 0;
    for (uint64_t left = distance(next, end); left >= header; left = distance(next, end)) {
        const uint64_t value = load_field<Width, Little>(next + offset);
        uint64_t total;
        if (!add_signed_fits(value, base, &total)) [[unlikely]]
            return refused(next, base < 0 ? ZCN_EFRAME_UNDERFLOW : ZCN_EFRAME_TOO_LARGE);
        if (total - least > range) [[unlikely]]
            return refused(next, judge(rule, header, total));
        if (total > left) return waiting(next, total);
        const uint8_t *frame = next;
        next += total;
        if (!emit(frame, total)) break;
        // Counted by arithmetic: a branch here would be the wrong guess that sizes which vary are to be spared.
        same = (same + 1) & (0U - static_cast<unsigned>(total == last));
        last = total;
        if (same < steady) continue;
        // Frames of one size: where the next begins does not wait for the length of this one to be loaded, since the
        // processor goes on as if the comparison held. Sizes that vary never get here, and pay for no wrong guess.
        while (distance(next, end) >= total && load_field<Width, Little>(next + offset) == value) {
            frame = next;
            next += total;
            if (!emit(frame, total)) return stopped(next);
        }
        same = 0;
    }
    return stopped(next);
}

template <class Emit>
[[gnu::noinline]] Scan scan_length_any(const Rule &rule, const uint8_t *next, const uint8_t *end, Emit &emit) noexcept {
    switch (rule.width) {
        case 1:
            return scan_length<1, false, false>(rule, next, end, emit);
        case 2:
            return rule.little ? scan_length<2, true, false>(rule, next, end, emit)
                               : scan_length<2, false, false>(rule, next, end, emit);
        case 3:
            return rule.little ? scan_length<3, true, false>(rule, next, end, emit)
                               : scan_length<3, false, false>(rule, next, end, emit);
        case 4:
            return rule.little ? scan_length<4, true, false>(rule, next, end, emit)
                               : scan_length<4, false, false>(rule, next, end, emit);
        default:
            return rule.little ? scan_length<8, true, false>(rule, next, end, emit)
                               : scan_length<8, false, false>(rule, next, end, emit);
    }
}

template <class Emit>
[[gnu::noinline]] Scan scan_varint(const Rule &rule, const uint8_t *next, const uint8_t *end, Emit &emit) noexcept {
    for (uint64_t left = distance(next, end); left > rule.offset; left = distance(next, end)) {
        const uint8_t *field = next + rule.offset;
        uint64_t value = field[0];
        unsigned size = 1;
        if (value >= 0x80) {
            if (rule.max_varint > 1 && left - rule.offset > 1 && field[1] < 0x80) [[likely]] {
                value = (value & 0x7F) | uint64_t{field[1]} << 7;
                size = 2;
            } else {
                const Varint read = load_varint(field, end, rule.max_varint, &value, &size);
                if (read == Varint::unfinished) return stopped(next);
                if (read == Varint::wrong) return refused(next, ZCN_EFRAME_VARINT);
            }
        }
        const uint64_t header = uint64_t{rule.offset} + size;
        const int64_t base = static_cast<int64_t>(header) + rule.adjust;
        uint64_t total;
        if (!add_signed_fits(value, base, &total))
            return refused(next, base < 0 ? ZCN_EFRAME_UNDERFLOW : ZCN_EFRAME_TOO_LARGE);
        const zcn_status verdict = judge(rule, header, total);
        if (verdict != ZCN_OK) [[unlikely]]
            return refused(next, verdict);
        if (total > left) return waiting(next, total);
        const uint8_t *frame = next;
        next += total;
        if (!emit(frame, total)) break;
    }
    return stopped(next);
}

template <class Emit>
[[gnu::noinline]] Scan scan_delimiter(const Rule &rule, const uint8_t *next, const uint8_t *end, uint64_t searched,
                                      Emit &emit) noexcept {
    while (next != end) {
        const uint64_t left = distance(next, end);
        const uint8_t *behind = find_delimiter(rule, next, std::min(left, rule.max), searched);
        if (behind == nullptr) {
            // The shortest frame that is still possible ends with the delimiter that has begun at the end, if one has.
            if (left + rule.delimiter_size > rule.max &&
                left + rule.delimiter_size - delimiter_begun(rule, next, left) > rule.max)
                return refused(next, ZCN_EFRAME_TOO_LARGE);
            return {next, 0, left, ZCN_OK};
        }
        searched = 0;
        const uint8_t *frame = next;
        next = behind;
        if (!emit(frame, distance(frame, next))) break;
    }
    return stopped(next);
}

template <class Emit>
[[gnu::noinline]] Scan scan_fixed(const Rule &rule, const uint8_t *next, const uint8_t *end, Emit &emit) noexcept {
    uint64_t left = distance(next, end);
    for (; left >= rule.fixed; left -= rule.fixed) {
        const uint8_t *frame = next;
        next += rule.fixed;
        if (!emit(frame, rule.fixed)) return stopped(next);
    }
    return waiting(next, left == 0 ? 0 : rule.fixed);
}

template <class Emit>
[[gnu::noinline]] Scan scan_custom(const Rule &rule, const uint8_t *next, const uint8_t *end, uint64_t searched,
                                   Emit &emit) noexcept {
    while (next != end) {
        const uint64_t left = distance(next, end);
        uint64_t total = 0;
        // The function answers the same for the same bytes, so it is not asked about them twice.
        const zcn_status answer = searched == left ? ZCN_AGAIN : rule.measure(rule.measure_context, next, left, &total);
        if (answer == ZCN_AGAIN) {
            // It wants more than the largest frame has: without this it could ask for ever.
            if (left >= rule.max) return refused(next, ZCN_EFRAME_TOO_LARGE);
            return {next, 0, left, ZCN_OK};
        }
        if (answer != ZCN_OK) return refused(next, ZCN_EFRAME_MEASURE);
        const zcn_status verdict = judge(rule, 1, total);
        if (verdict != ZCN_OK) return refused(next, verdict);
        if (total > left) return waiting(next, total);
        searched = 0;
        const uint8_t *frame = next;
        next += total;
        if (!emit(frame, total)) break;
    }
    return stopped(next);
}

}  // namespace detail

// Calls emit(const uint8_t *frame, uint64_t size) for each complete frame in [begin, end), in order; false from it
// stops the scan right behind that frame. `searched` is that of the scan that stopped at begin, or 0.
template <class Emit>
inline Scan scan(const Rule &rule, const uint8_t *begin, const uint8_t *end, uint64_t searched, Emit &&emit) noexcept {
    if (rule.plain) [[likely]]
        return detail::scan_length<4, false, true>(rule, begin, end, emit);
    switch (rule.kind) {
        case Kind::length:
            return detail::scan_length_any(rule, begin, end, emit);
        case Kind::varint:
            return detail::scan_varint(rule, begin, end, emit);
        case Kind::delimiter:
            return detail::scan_delimiter(rule, begin, end, searched, emit);
        case Kind::fixed:
            return detail::scan_fixed(rule, begin, end, emit);
        case Kind::custom:
            return detail::scan_custom(rule, begin, end, searched, emit);
        case Kind::raw:
            break;
    }
    if (begin != end) (void)emit(begin, detail::distance(begin, end));
    return detail::stopped(end);
}

// Whether the program's function says of these bytes that their first frame has that size.
inline bool measures(const Rule &rule, const uint8_t *data, uint64_t size, uint64_t expected) noexcept {
    uint64_t total = 0;
    return rule.measure(rule.measure_context, data, size, &total) == ZCN_OK && total == expected;
}

}  // namespace zcnet::framing
