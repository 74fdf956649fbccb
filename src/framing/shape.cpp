// SPDX-License-Identifier: MIT
// Shapes and headers of the less common framings, and the search for delimiters in bodies.
#include "framing/shape.h"

#include <algorithm>
#include <cstring>

#include "framing/delimiter.h"

namespace zcnet::framing {
namespace {

// What the length field of a body holds. Bodies that shape() accepted, and those below max, cannot wrap it.
uint64_t length_value(const Rule &rule, uint64_t body) noexcept { return body - static_cast<uint64_t>(rule.adjust); }

bool shorter_than_adjust(const Rule &rule, uint64_t body) noexcept {
    return rule.adjust > 0 && body < static_cast<uint64_t>(rule.adjust);
}

Status shape_length(const Rule &rule, uint64_t body, Shape *out) noexcept {
    const uint32_t header = rule.offset + rule.width;
    if (body > rule.max - header) return ZCN_EFRAME_TOO_LARGE;
    if (shorter_than_adjust(rule, body)) return ZCN_EFRAME_UNDERFLOW;
    if (length_value(rule, body) > largest_in_width(rule.width)) return ZCN_EFRAME_VALUE;
    if (header + body < rule.hide_head) return ZCN_EFRAME_STRIP;
    *out = {header, 0};
    return ZCN_OK;
}

Status shape_varint(const Rule &rule, uint64_t body, Shape *out) noexcept {
    if (body > rule.max) return ZCN_EFRAME_TOO_LARGE;
    if (shorter_than_adjust(rule, body)) return ZCN_EFRAME_UNDERFLOW;
    const uint32_t size = varint_size(length_value(rule, body));
    if (size > rule.max_varint) return ZCN_EFRAME_VARINT;
    const uint64_t total = uint64_t{rule.offset} + size + body;
    if (total > rule.max) return ZCN_EFRAME_TOO_LARGE;
    if (total < rule.hide_head) return ZCN_EFRAME_STRIP;
    *out = {rule.offset + size, 0};
    return ZCN_OK;
}

}  // namespace

Status shape_any(const Rule &rule, uint64_t body, Shape *out) noexcept {
    switch (rule.kind) {
        case Kind::length:
            return shape_length(rule, body, out);
        case Kind::varint:
            return shape_varint(rule, body, out);
        case Kind::delimiter:
            if (body > rule.max - rule.delimiter_size) return ZCN_EFRAME_TOO_LARGE;
            *out = {0, rule.delimiter_size};
            return ZCN_OK;
        case Kind::fixed:
            if (body != rule.fixed) return ZCN_EFRAME_SIZE;
            break;
        case Kind::raw:
            break;
        case Kind::custom:
            if (body > rule.max) return ZCN_EFRAME_TOO_LARGE;
            if (body == 0) return ZCN_EFRAME_UNDERFLOW;
            if (body < rule.hide_head) return ZCN_EFRAME_STRIP;
            break;
    }
    *out = {0, 0};
    return ZCN_OK;
}

void write_head_any(const Rule &rule, uint64_t body, uint8_t *head) noexcept {
    if (rule.kind != Kind::length && rule.kind != Kind::varint) return;
    std::memset(head, 0, rule.offset);
    if (rule.kind == Kind::length)
        store_field(length_value(rule, body), rule.width, rule.little, head + rule.offset);
    else
        store_varint(length_value(rule, body), head + rule.offset);
}

bool DelimiterSearch::feed(const uint8_t *data, uint64_t size) noexcept {
    if (size == 0) return false;
    const uint32_t before = rule_.delimiter_size - 1;
    uint8_t joined[2 * largest_delimiter];
    const auto taken = static_cast<uint32_t>(std::min<uint64_t>(size, before));
    std::memcpy(joined, last_, kept_);
    std::memcpy(joined + kept_, data, taken);
    const uint32_t together = kept_ + taken;
    if (find_delimiter(rule_, joined, together, 0) != nullptr) return true;
    if (find_delimiter(rule_, data, size, 0) != nullptr) return true;
    // Of a long segment only its end can begin a delimiter; of a shorter one, what came before it too.
    kept_ = std::min(together, before);
    std::memcpy(last_, size >= before ? data + size - before : joined + together - kept_, kept_);
    return false;
}

bool DelimiterSearch::finish() noexcept { return feed(rule_.delimiter, rule_.delimiter_size - 1); }

bool contains_delimiter(const Rule &rule, const uint8_t *data, uint64_t size) noexcept {
    DelimiterSearch search(rule);
    return search.feed(data, size) || search.finish();
}

}  // namespace zcnet::framing
