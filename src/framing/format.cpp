// SPDX-License-Identifier: MIT
// Writes the canonical text of a framing: every key, in one order, sizes with the largest unit that divides them.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "framing/parse.h"

namespace zcnet::framing {
namespace {

// The longest text is that of a delimiter of 64 bytes, each written as \xHH; the other keys have at most 64 bytes.
class Text {
  public:
    __attribute__((format(printf, 2, 3))) void add(const char *format, ...) noexcept {
        va_list arguments;
        va_start(arguments, format);
        size_ += static_cast<size_t>(std::vsnprintf(bytes_ + size_, sizeof bytes_ - size_, format, arguments));
        va_end(arguments);
    }

    void add_size(const char *key, uint64_t value) noexcept {
        static constexpr struct {
            unsigned shift;
            const char *name;
        } units[] = {{30, "G"}, {20, "M"}, {10, "K"}};
        for (const auto &unit : units)
            if (value != 0 && value % (uint64_t{1} << unit.shift) == 0)
                return add("%s=%" PRIu64 "%s", key, value >> unit.shift, unit.name);
        add("%s=%" PRIu64, key, value);
    }

    void add_byte(uint8_t byte) noexcept {
        switch (byte) {
            case '\r':
                return add("\\r");
            case '\n':
                return add("\\n");
            case '\t':
                return add("\\t");
            case '\0':
                return add("\\0");
            case '\\':
                return add("\\\\");
            case ',':
                return add("\\,");
            default:
                break;
        }
        if (byte > ' ' && byte < 0x7F) return add("%c", byte);
        add("\\x%02X", byte);
    }

    size_t copy_to(char *buffer, size_t capacity) const noexcept {
        if (capacity != 0) {
            const size_t copied = std::min(size_, capacity - 1);
            std::memcpy(buffer, bytes_, copied);
            buffer[copied] = '\0';
        }
        return size_;
    }

  private:
    char bytes_[512];
    size_t size_ = 0;
};

}  // namespace

size_t format(const Rule &rule, char *buffer, size_t capacity) noexcept {
    Text text;
    switch (rule.kind) {
        case Kind::length:
            text.add_size("length,offset", rule.offset);
            text.add(",width=%u,order=%s,adjust=%" PRId64, rule.width, rule.little ? "little" : "big", rule.adjust);
            text.add_size(",strip", rule.hide_head);
            text.add_size(",max", rule.max);
            break;
        case Kind::varint:
            text.add_size("varint,offset", rule.offset);
            text.add(",adjust=%" PRId64 ",max_varint=%u", rule.adjust, rule.max_varint);
            text.add_size(",strip", rule.hide_head);
            text.add_size(",max", rule.max);
            break;
        case Kind::delimiter:
            text.add("delimiter=");
            for (uint32_t i = 0; i < rule.delimiter_size; i++) text.add_byte(rule.delimiter[i]);
            text.add_size(",strip", rule.hide_tail);
            text.add_size(",max", rule.max);
            text.add(",check=%d", rule.check ? 1 : 0);
            break;
        case Kind::fixed:
            text.add_size("fixed", rule.fixed);
            break;
        case Kind::raw:
            text.add("raw");
            break;
        case Kind::custom:
            text.add("custom");
            break;
    }
    return text.copy_to(buffer, capacity);
}

}  // namespace zcnet::framing
