// SPDX-License-Identifier: MIT
// Reads the textual form of a framing. Strict: what it does not know it names, with what would be right.
#include "framing/parse.h"

#include <cstring>
#include <string_view>

#include "base/checked.h"

namespace zcnet::framing {
namespace {

constexpr size_t longest_text = 4096;

enum Key : unsigned {
    key_delimiter,
    key_fixed,
    key_offset,
    key_width,
    key_order,
    key_adjust,
    key_max_varint,
    key_strip,
    key_max,
    key_check,
    key_count
};

constexpr const char *key_names[key_count] = {"delimiter", "fixed",      "offset", "width", "order",
                                              "adjust",    "max_varint", "strip",  "max",   "check"};

// What a key expects, as the end of the sentence "key=value: expected …".
constexpr const char *key_values[key_count] = {
    "1 to 64 bytes, such as delimiter=\\r\\n",
    "a size, such as fixed=188",
    "a size, such as offset=2 or offset=1K",
    "a number of bytes: 1, 2, 3, 4 or 8",
    "big or little",
    "a number, such as adjust=4 or adjust=-4",
    "a number of bytes, 1 to 10",
    "a size, such as strip=4",
    "a size, such as max=64K, 16M or 1G",
    "0 or 1",
};

struct KindText {
    const char *name;
    uint32_t kind;
    unsigned keys;        // bit set of Key
    const char *allowed;  // the same in words
    int own;              // the key that stands in the place of the kind, or -1
};

constexpr unsigned bit(Key key) { return 1U << key; }

constexpr KindText kinds[] = {
    {"length", ZCN_FRAMING_LENGTH,
     bit(key_offset) | bit(key_width) | bit(key_order) | bit(key_adjust) | bit(key_strip) | bit(key_max),
     "offset, width, order, adjust, strip, max", -1},
    {"varint", ZCN_FRAMING_VARINT,
     bit(key_offset) | bit(key_adjust) | bit(key_max_varint) | bit(key_strip) | bit(key_max),
     "offset, adjust, max_varint, strip, max", -1},
    {"delimiter", ZCN_FRAMING_DELIMITER, bit(key_delimiter) | bit(key_strip) | bit(key_max) | bit(key_check),
     "strip, max, check", key_delimiter},
    {"fixed", ZCN_FRAMING_FIXED, bit(key_fixed), "no other keys", key_fixed},
    {"raw", ZCN_FRAMING_RAW, 0, "no keys", -1},
};

// A piece of the text for an error sentence: short, and of printable bytes.
struct Quote {
    explicit Quote(std::string_view piece) noexcept {
        const size_t shown = piece.size() > longest ? longest : piece.size();
        for (size_t i = 0; i < shown; i++) text[i] = piece[i] >= ' ' && piece[i] <= '~' ? piece[i] : '?';
        std::strcpy(text + shown, shown < piece.size() ? "..." : "");
    }
    static constexpr size_t longest = 32;
    char text[longest + 4];
};

enum class Number { good, bad, too_large };

// Digits, and K, M or G behind them where units are allowed.
Number read_number(std::string_view text, bool units, uint64_t *out) noexcept {
    uint64_t value = 0;
    size_t at = 0;
    bool fits = true;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; at++)
        fits =
            fits && multiply_fits(value, 10, &value) && add_fits(value, static_cast<uint64_t>(text[at] - '0'), &value);
    if (at == 0) return Number::bad;
    if (units && at + 1 == text.size()) {
        const unsigned shift = text[at] == 'K' ? 10 : text[at] == 'M' ? 20 : text[at] == 'G' ? 30 : 0;
        if (shift != 0) {
            fits = fits && multiply_fits(value, uint64_t{1} << shift, &value);
            at++;
        }
    }
    if (at != text.size()) return Number::bad;
    *out = value;
    return fits ? Number::good : Number::too_large;
}

int hex_digit(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

class Parser {
  public:
    Parser(std::string_view text, Error *error) noexcept : rest_(text), error_(*error) {}

    Status run(Rule *out) noexcept {
        if (const Status status = read_kind(); status != ZCN_OK) return status;
        while (!rest_.empty()) {
            rest_.remove_prefix(1);  // the comma
            if (rest_.empty() || rest_.front() == ',')
                return error_.set(ZCN_EINVAL, 0, "a key is missing after a comma; %s has %s", kind_->name,
                                  kind_->allowed);
            if (const Status status = read_key(); status != ZCN_OK) return status;
        }
        return make_rule(options_, out, &error_);
    }

  private:
    Status read_kind() noexcept {
        const std::string_view name = rest_.substr(0, rest_.find_first_of(",="));
        if (name.empty())
            return error_.set(ZCN_EINVAL, 0,
                              "the kind is missing; a framing begins with length, varint, delimiter=, fixed= or raw");
        if (name == "custom")
            return error_.set(ZCN_EINVAL, 0,
                              "custom has no text form, since it needs a function; use zcn_framing_create()");
        for (const KindText &kind : kinds)
            if (name == kind.name) kind_ = &kind;
        if (kind_ == nullptr)
            return error_.set(ZCN_EINVAL, 0,
                              "\"%s\" is no kind of framing; there are length, varint, delimiter=, fixed=, raw",
                              Quote(name).text);
        options_.kind = kind_->kind;
        if (kind_->own >= 0) return read_key();
        rest_.remove_prefix(name.size());
        if (!rest_.empty() && rest_.front() == '=')
            return error_.set(ZCN_EINVAL, 0, "%s takes no value; it has %s", kind_->name, kind_->allowed);
        return ZCN_OK;
    }

    Status read_key() noexcept {
        const std::string_view name = rest_.substr(0, rest_.find_first_of(",="));
        unsigned found = 0;
        while (found < key_count && name != key_names[found]) found++;
        if (found == key_count || (kind_->keys & (1U << found)) == 0)
            return error_.set(ZCN_EINVAL, 0, "\"%s\" is not a key of %s; it has %s", Quote(name).text, kind_->name,
                              kind_->allowed);
        const Key key = static_cast<Key>(found);
        if ((seen_ & bit(key)) != 0) return error_.set(ZCN_EINVAL, 0, "%s is given twice", key_names[key]);
        seen_ |= bit(key);
        rest_.remove_prefix(name.size());
        if (rest_.empty() || rest_.front() != '=')
            return error_.set(ZCN_EINVAL, 0, "%s has no value; expected %s", key_names[key], key_values[key]);
        rest_.remove_prefix(1);
        if (key == key_delimiter) return read_delimiter();
        const std::string_view value = rest_.substr(0, rest_.find(','));
        rest_.remove_prefix(value.size());
        return take_value(key, value);
    }

    Status take_value(Key key, std::string_view value) noexcept {
        switch (key) {
            case key_offset:
                return take_number(key, value, true, UINT64_MAX, &options_.offset);
            case key_strip:
                return take_number(key, value, true, UINT64_MAX, &options_.strip);
            case key_max:
                return take_number(key, value, true, UINT64_MAX, &options_.max);
            case key_fixed:
                return take_number(key, value, true, UINT64_MAX, &options_.fixed);
            case key_width:
                return take_small(key, value, &options_.width);
            case key_max_varint:
                return take_small(key, value, &options_.max_varint);
            case key_check:
                return take_small(key, value, &options_.check);
            case key_adjust:
                return take_adjust(value);
            default:
                break;
        }
        if (value != "big" && value != "little") return expected(key_order, value);
        options_.little_endian = value == "little" ? 1 : 0;
        return ZCN_OK;
    }

    Status take_number(Key key, std::string_view text, bool units, uint64_t most, uint64_t *out) noexcept {
        const Number number = read_number(text, units, out);
        if (number == Number::bad) return expected(key, text);
        if (number == Number::too_large || *out > most)
            return error_.set(ZCN_EINVAL, 0, "%s=%s is too large a number", key_names[key], Quote(text).text);
        return ZCN_OK;
    }

    Status take_small(Key key, std::string_view text, uint32_t *out) noexcept {
        uint64_t value = 0;
        const Status status = take_number(key, text, false, UINT32_MAX, &value);
        *out = static_cast<uint32_t>(value);
        return status;
    }

    Status take_adjust(std::string_view text) noexcept {
        const bool negative = !text.empty() && text.front() == '-';
        const bool has_sign = negative || (!text.empty() && text.front() == '+');
        uint64_t value = 0;
        const uint64_t most = negative ? uint64_t{1} << 63 : INT64_MAX;
        const Number number = read_number(text.substr(has_sign ? 1 : 0), true, &value);
        if (number == Number::bad) return expected(key_adjust, text);
        if (number == Number::too_large || value > most)
            return error_.set(ZCN_EINVAL, 0, "adjust=%s does not fit 64 bits", Quote(text).text);
        options_.adjust = static_cast<int64_t>(negative ? 0 - value : value);
        return ZCN_OK;
    }

    // Its value ends at a comma that no backslash precedes.
    Status read_delimiter() noexcept {
        options_.delimiter = delimiter_;
        while (!rest_.empty() && rest_.front() != ',') {
            uint8_t byte = static_cast<uint8_t>(rest_.front());
            size_t used = 1;
            if (byte == '\\' && !read_escape(&byte, &used))
                return error_.set(ZCN_EINVAL, 0,
                                  "delimiter: \"%s\" is no escape; there are \\r \\n \\t \\0 \\\\ \\, \\xHH",
                                  Quote(rest_.substr(0, 4)).text);
            if (options_.delimiter_size == largest_delimiter)
                return error_.set(ZCN_EINVAL, 0, "delimiter has more than 64 bytes");
            delimiter_[options_.delimiter_size++] = byte;
            rest_.remove_prefix(used);
        }
        return ZCN_OK;
    }

    bool read_escape(uint8_t *byte, size_t *used) const noexcept {
        static constexpr std::string_view letters = "rnt0\\,";
        static constexpr uint8_t meanings[] = {'\r', '\n', '\t', '\0', '\\', ','};
        if (rest_.size() < 2) return false;
        *used = 2;
        if (const size_t which = letters.find(rest_[1]); which != letters.npos) {
            *byte = meanings[which];
            return true;
        }
        if (rest_[1] != 'x' || rest_.size() < 4) return false;
        const int high = hex_digit(rest_[2]);
        const int low = hex_digit(rest_[3]);
        if (high < 0 || low < 0) return false;
        *used = 4;
        *byte = static_cast<uint8_t>(high << 4 | low);
        return true;
    }

    Status expected(Key key, std::string_view value) noexcept {
        return error_.set(ZCN_EINVAL, 0, "%s=%s: expected %s", key_names[key], Quote(value).text, key_values[key]);
    }

    std::string_view rest_;
    Error &error_;
    const KindText *kind_ = nullptr;
    unsigned seen_ = 0;
    uint8_t delimiter_[largest_delimiter];
    zcn_framing_options options_ = default_options();
};

}  // namespace

Status parse(const char *text, Rule *out, Error *error) noexcept {
    const size_t size = strnlen(text, longest_text + 1);
    if (size > longest_text) return error->set(ZCN_EINVAL, 0, "the text has more than %zu bytes", longest_text);
    return Parser(std::string_view(text, size), error).run(out);
}

}  // namespace zcnet::framing
