// SPDX-License-Identifier: MIT
// The checks that a framing passes once, so that nothing has to be checked per message.
#include "framing/rule.h"

#include <algorithm>
#include <cinttypes>

#include "base/checked.h"
#include "framing/field.h"

namespace zcnet::framing {
namespace {

constexpr uint64_t magnitude(int64_t value) noexcept {
    return value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

// Checks options field by field; the first that is wrong is named in the error.
class Maker {
  public:
    Maker(const zcn_framing_options &options, Rule *rule, Error *error) noexcept
        : given_(options), rule_(*rule), error_(*error) {}

    Status run() noexcept {
        if (given_.kind < ZCN_FRAMING_LENGTH || given_.kind > ZCN_FRAMING_CUSTOM)
            return error_.set(ZCN_EINVAL, 0, "kind is %" PRIu32 "; it is one of ZCN_FRAMING_LENGTH (1) to _CUSTOM (6)",
                              given_.kind);
        if (given_.reserved != 0)
            return error_.set(ZCN_EOPTION, 0, "reserved is %" PRIu32 "; it must be 0", given_.reserved);
        rule_.kind = static_cast<Kind>(given_.kind);
        switch (rule_.kind) {
            case Kind::length:
                return make_length();
            case Kind::varint:
                return make_varint();
            case Kind::delimiter:
                return make_delimiter();
            case Kind::fixed:
                return make_fixed();
            case Kind::raw:
                return without_strip("raw delivers what arrives as it is");
            case Kind::custom:
                break;
        }
        return make_custom();
    }

  private:
    Status make_length() noexcept {
        const uint32_t width = given_.width;
        if (width != 1 && width != 2 && width != 3 && width != 4 && width != 8)
            return error_.set(ZCN_EINVAL, 0, "width is %" PRIu32 "; a length field has 1, 2, 3, 4 or 8 bytes", width);
        if (given_.little_endian > 1)
            return error_.set(ZCN_EINVAL, 0, "little_endian is %" PRIu32 "; it is 0 for big or 1 for little",
                              given_.little_endian);
        rule_.width = static_cast<uint8_t>(width);
        rule_.little = given_.little_endian == 1;
        if (const Status status = take_offset(); status != ZCN_OK) return status;
        const uint64_t header = given_.offset + width;
        if (const Status status = take_adjust(header, header, largest_in_width(width)); status != ZCN_OK) return status;
        rule_.plain = width == 4 && !rule_.little && rule_.offset == 0 && rule_.adjust == 0;
        if (rule_.plain && rule_.max >= width) {
            rule_.plain_from = rule_.hide_head > width ? rule_.hide_head - width : 0;
            rule_.plain_end = std::min<uint64_t>(rule_.max - width, UINT32_MAX) + 1;
        }
        return ZCN_OK;
    }

    Status make_varint() noexcept {
        if (given_.max_varint < 1 || given_.max_varint > most_varint_bytes)
            return error_.set(ZCN_EINVAL, 0, "max_varint is %" PRIu32 "; a varint has 1 to 10 bytes",
                              given_.max_varint);
        rule_.max_varint = static_cast<uint8_t>(given_.max_varint);
        if (const Status status = take_offset(); status != ZCN_OK) return status;
        const unsigned shortest = varint_size(given_.adjust < 0 ? magnitude(given_.adjust) : 0);
        return take_adjust(given_.offset + shortest, given_.offset + given_.max_varint,
                           largest_in_varint(given_.max_varint));
    }

    Status make_delimiter() noexcept {
        if (given_.delimiter_size < 1 || given_.delimiter_size > largest_delimiter)
            return error_.set(ZCN_EINVAL, 0, "delimiter has %" PRIu64 " bytes; it has 1 to 64", given_.delimiter_size);
        if (given_.delimiter == nullptr) return error_.set(ZCN_EINVAL, 0, "delimiter is NULL; its bytes are missing");
        if (given_.check > 1) return error_.set(ZCN_EINVAL, 0, "check is %" PRIu32 "; it is 0 or 1", given_.check);
        if (given_.strip > given_.delimiter_size)
            return error_.set(ZCN_EINVAL, 0,
                              "strip is %" PRIu64 ", but the delimiter has %" PRIu64
                              " bytes, and only bytes of the delimiter can be hidden",
                              given_.strip, given_.delimiter_size);
        rule_.delimiter_size = static_cast<uint32_t>(given_.delimiter_size);
        std::memcpy(rule_.delimiter, given_.delimiter, rule_.delimiter_size);
        rule_.check = given_.check == 1;
        rule_.hide_tail = static_cast<uint32_t>(given_.strip);
        return take_max(given_.delimiter_size);
    }

    Status make_fixed() noexcept {
        if (given_.fixed < 1 || given_.fixed > largest_max)
            return error_.set(ZCN_EINVAL, 0, "fixed is %" PRIu64 "; a frame has 1 to 2^62 bytes", given_.fixed);
        rule_.fixed = rule_.max = given_.fixed;
        return without_strip("a fixed frame is delivered whole");
    }

    Status make_custom() noexcept {
        if (given_.measure == nullptr)
            return error_.set(ZCN_EINVAL, 0, "measure is NULL; a custom framing needs its measuring function");
        rule_.measure = given_.measure;
        rule_.measure_context = given_.measure_context;
        if (const Status status = take_max(1); status != ZCN_OK) return status;
        return take_strip(UINT64_MAX);
    }

    Status take_offset() noexcept {
        if (given_.offset > largest_offset)
            return error_.set(ZCN_EINVAL, 0, "offset is %" PRIu64 "; it is at most 65536 (64K)", given_.offset);
        rule_.offset = static_cast<uint32_t>(given_.offset);
        return ZCN_OK;
    }

    // Takes adjust, max and strip of a kind with a length: the header of its shortest frame, the longest header there
    // is, and the largest value of the length bound them all.
    Status take_adjust(uint64_t header, uint64_t longest_header, uint64_t largest_value) noexcept {
        const uint64_t size = magnitude(given_.adjust);
        if (given_.adjust < 0 && size > largest_value)
            return error_.set(ZCN_EINVAL, 0,
                              "adjust is %" PRId64 ", but the length is at most %" PRIu64
                              ": every frame would be shorter than its header",
                              given_.adjust, largest_value);
        rule_.adjust = given_.adjust;
        // No sum wraps: a header has at most 64 KiB + 10 bytes, a positive adjustment fewer than 2^63.
        if (const Status status = take_max(header + (given_.adjust > 0 ? size : 0)); status != ZCN_OK) return status;
        uint64_t longest;
        if (!add_signed_fits(largest_value, given_.adjust, &longest) || !add_fits(longest, longest_header, &longest))
            longest = UINT64_MAX;
        return take_strip(longest);
    }

    Status take_max(uint64_t smallest_frame) noexcept {
        if (given_.max > largest_max)
            return error_.set(ZCN_EINVAL, 0, "max is %" PRIu64 "; it is at most 2^62", given_.max);
        if (given_.max < smallest_frame)
            return error_.set(ZCN_EINVAL, 0, "max is %" PRIu64 ", but the smallest frame has %" PRIu64 " bytes",
                              given_.max, smallest_frame);
        rule_.max = given_.max;
        return ZCN_OK;
    }

    Status take_strip(uint64_t longest_frame) noexcept {
        if (given_.strip > largest_strip)
            return error_.set(ZCN_EINVAL, 0, "strip is %" PRIu64 "; it is at most 65552 (64K + 16)", given_.strip);
        longest_frame = std::min(longest_frame, rule_.max);
        if (given_.strip > longest_frame)
            return error_.set(ZCN_EINVAL, 0,
                              "strip is %" PRIu64 ", but the longest frame has %" PRIu64
                              " bytes: none could be delivered",
                              given_.strip, longest_frame);
        rule_.hide_head = static_cast<uint32_t>(given_.strip);
        return ZCN_OK;
    }

    Status without_strip(const char *why) noexcept {
        if (given_.strip == 0) return ZCN_OK;
        return error_.set(ZCN_EINVAL, 0, "strip is %" PRIu64 ", but %s: it must be 0", given_.strip, why);
    }

    const zcn_framing_options &given_;
    Rule &rule_;
    Error &error_;
};

}  // namespace

zcn_framing_options default_options() noexcept {
    zcn_framing_options options{};
    options.struct_size = sizeof options;
    options.kind = ZCN_FRAMING_LENGTH;
    options.width = 4;
    options.max_varint = most_varint_bytes;
    options.max = default_max;
    return options;
}

Status make_rule(const zcn_framing_options &options, Rule *out, Error *error) noexcept {
    Rule rule{};
    const Status status = Maker(options, &rule, error).run();
    if (status == ZCN_OK) *out = rule;
    return status;
}

zcn_framing_options options_of(const Rule &rule) noexcept {
    zcn_framing_options options = default_options();
    options.kind = static_cast<uint32_t>(rule.kind);
    const bool has_length = rule.kind == Kind::length || rule.kind == Kind::varint;
    if (rule.kind == Kind::length) {
        options.width = rule.width;
        options.little_endian = rule.little ? 1 : 0;
    }
    if (rule.kind == Kind::varint) options.max_varint = rule.max_varint;
    if (has_length) {
        options.offset = rule.offset;
        options.adjust = rule.adjust;
    }
    if (rule.kind == Kind::delimiter) {
        options.delimiter = rule.delimiter;
        options.delimiter_size = rule.delimiter_size;
        options.check = rule.check ? 1 : 0;
    }
    options.strip = rule.kind == Kind::delimiter ? rule.hide_tail : rule.hide_head;
    if (rule.kind != Kind::fixed && rule.kind != Kind::raw) options.max = rule.max;
    options.fixed = rule.fixed;
    options.measure = rule.measure;
    options.measure_context = rule.measure_context;
    return options;
}

}  // namespace zcnet::framing
