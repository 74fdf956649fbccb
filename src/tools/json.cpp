// SPDX-License-Identifier: MIT
#include "json.h"

#include <cmath>

#include "text.h"

namespace tool {

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

Json &Json::objects(std::string_view name, const std::vector<Json> &values) {
    key(name);
    out_ += '[';
    for (const Json &value : values) out_ += (out_.back() == '[' ? "" : ",") + value.line();
    out_ += ']';
    return *this;
}

}  // namespace tool
