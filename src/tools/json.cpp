// SPDX-License-Identifier: MIT
#include "json.h"

#include <cmath>

#include "text.h"

namespace tool {
namespace {

// Bytes of the UTF-8 character at the start of text, or 0 if it is not one. Paths may hold any byte, JSON may not.
size_t utf8_size(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const size_t size = first >= 0xC2 && first <= 0xDF   ? 2
                        : (first & 0xF0) == 0xE0         ? 3
                        : first >= 0xF0 && first <= 0xF4 ? 4
                                                         : 0;
    if (size == 0 || text.size() < size) return 0;
    for (size_t i = 1; i < size; i++)
        if ((byte(i) & 0xC0) != 0x80) return 0;
    const unsigned char second = byte(1);
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool surrogate = first == 0xED && second >= 0xA0;
    const bool beyond = first == 0xF4 && second >= 0x90;
    return overlong || surrogate || beyond ? 0 : size;
}

}  // namespace

void Json::string(std::string_view value) {
    out_ += '"';
    for (size_t i = 0; i < value.size();) {
        const size_t size = utf8_size(value.substr(i));
        const auto byte = static_cast<unsigned char>(value[i]);
        if (size == 0)
            out_ += "\\ufffd";
        else if (byte == '"' || byte == '\\')
            (out_ += '\\') += value[i];
        else if (byte == '\n')
            out_ += "\\n";
        else if (byte < 0x20)
            out_ += format("\\u%04x", byte);
        else
            out_ += value.substr(i, size);
        i += size == 0 ? 1 : size;
    }
    out_ += '"';
}

void Json::key(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    string(name);
    out_ += ':';
}

Json &Json::text(std::string_view name, std::string_view value) {
    key(name);
    string(value);
    return *this;
}

Json &Json::number(std::string_view name, uint64_t value) {
    key(name);
    out_ += std::to_string(value);
    return *this;
}

Json &Json::decimal(std::string_view name, double value) {
    key(name);
    out_ += std::isfinite(value) ? format("%.6g", value) : "0";
    return *this;
}

}  // namespace tool
