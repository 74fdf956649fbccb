// SPDX-License-Identifier: MIT
#include "tools/serve/conditions.h"

#include <strings.h>

#include <optional>
#include <string_view>

#include "tools/serve/http_date.h"

namespace tool {
namespace {

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Whether a list of entity tags has this one. weak: one that is marked as weak counts too.
bool lists(std::string_view list, std::string_view etag, bool weak) {
    list = trimmed(list);
    if (list == "*") return true;
    while (!list.empty()) {
        const bool is_weak = list.starts_with("W/");
        if (is_weak) list.remove_prefix(2);
        // A comma may stand inside the quotes.
        const size_t close = list.starts_with('"') ? list.find('"', 1) : std::string_view::npos;
        if (close == std::string_view::npos) return false;
        if (list.substr(0, close + 1) == etag && (weak || !is_weak)) return true;
        list = trimmed(list.substr(close + 1));
        if (list.starts_with(',')) list = trimmed(list.substr(1));
    }
    return false;
}

// Digits only; too many of them are the largest number.
std::optional<uint64_t> number(std::string_view digits) {
    if (digits.empty()) return std::nullopt;
    uint64_t value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') return std::nullopt;
        const auto digit = static_cast<uint64_t>(c - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    return value;
}

// One range. Nothing: it is no such field, or asks for several, and the whole is the answer.
std::optional<Selection> parse_range(std::string_view text, uint64_t size) {
    text = trimmed(text);
    if (text.size() < 6 || strncasecmp(text.data(), "bytes=", 6) != 0) return std::nullopt;
    text = trimmed(text.substr(6));
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const std::string_view first = trimmed(text.substr(0, dash));
    const std::string_view last = trimmed(text.substr(dash + 1));
    if (first.empty()) {
        const std::optional<uint64_t> suffix = number(last);
        if (!suffix) return std::nullopt;
        if (*suffix == 0 || size == 0) return Selection{416, 0, 0};
        const uint64_t part = std::min(*suffix, size);
        return Selection{206, size - part, part};
    }
    const std::optional<uint64_t> from = number(first);
    const std::optional<uint64_t> to = last.empty() ? UINT64_MAX : number(last);
    if (!from || !to || *to < *from) return std::nullopt;
    if (*from >= size) return Selection{416, 0, 0};
    return Selection{206, *from, std::min(*to, size - 1) - *from + 1};
}

std::optional<std::time_t> date_of(const std::string &field) { return parse_http_date(std::string(trimmed(field))); }

// The range counts only when the document is still the one that the client has a part of.
bool same_as(std::string_view if_range, const Validators &validators) {
    if_range = trimmed(if_range);
    if (if_range.starts_with('"') || if_range.starts_with("W/")) return if_range == validators.etag;
    const std::optional<std::time_t> date = parse_http_date(std::string(if_range));
    return date && *date == validators.modified;
}

}  // namespace

Selection select(const Request &request, const Validators &validators) {
    const Selection whole{200, 0, validators.size};
    if (request.given == 0) return whole;
    if (request.has(Field::if_match)) {
        if (!lists(request.value(Field::if_match), validators.etag, false)) return {412, 0, 0};
    } else if (request.has(Field::if_unmodified_since)) {
        const auto date = date_of(request.value(Field::if_unmodified_since));
        if (date && validators.modified > *date) return {412, 0, 0};
    }
    if (request.has(Field::if_none_match)) {
        if (lists(request.value(Field::if_none_match), validators.etag, true)) return {304, 0, 0};
    } else if (request.has(Field::if_modified_since)) {
        const auto date = date_of(request.value(Field::if_modified_since));
        if (date && validators.modified <= *date) return {304, 0, 0};
    }
    if (request.method != Method::get || !request.has(Field::range)) return whole;
    if (request.has(Field::if_range) && !same_as(request.value(Field::if_range), validators)) return whole;
    return parse_range(request.value(Field::range), validators.size).value_or(whole);
}

}  // namespace tool
