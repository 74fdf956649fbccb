// SPDX-License-Identifier: MIT
#include "text.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace tool {

std::string format(const char *pattern, ...) {
    va_list arguments;
    va_start(arguments, pattern);
    const int size = std::vsnprintf(nullptr, 0, pattern, arguments);
    va_end(arguments);
    std::string out(size > 0 ? static_cast<size_t>(size) : 0, '\0');
    va_start(arguments, pattern);
    std::vsnprintf(out.data(), out.size() + 1, pattern, arguments);
    va_end(arguments);
    return out;
}

std::string grouped(uint64_t value) {
    std::string digits = std::to_string(value);
    for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
    return digits;
}

std::string counted(uint64_t value, const char *noun) { return grouped(value) + " " + noun + (value == 1 ? "" : "s"); }

namespace {

std::string scaled(double value, const char *const *units, size_t count) {
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < count) {
        value /= 1000;
        unit++;
    }
    const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    return format("%.*f%s", decimals, value, units[unit]);
}

}  // namespace

std::string bytes_text(double bytes) {
    static constexpr const char *units[] = {" B", " kB", " MB", " GB", " TB", " PB"};
    return scaled(bytes, units, std::size(units));
}

std::string rate_text(double per_second) {
    static constexpr const char *units[] = {"/s", " k/s", " M/s", " G/s"};
    return scaled(per_second, units, std::size(units));
}

std::string printable(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F)
            out += format("\\x%02x", byte);
        else
            out += c;
    }
    return out;
}

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

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const size_t size = utf8_size(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

std::string system_error(const std::string &what) { return what + ": " + std::strerror(errno); }

void complain(const std::string &sentence) { std::fprintf(stderr, "zcnet: %s\n", printable(sentence).c_str()); }

std::string error_text(const zcn_error &error) {
    return error.text[0] != '\0' ? std::string(error.text) : std::string(zcn_status_text(error.status));
}

std::string status_line(zcn_status status) {
    return std::string(zcn_status_name(status)) + " (" + zcn_status_text(status) + ")";
}

std::string limited_text(const zcn_event &event) {
    if (event.status != ZCN_ESYS) return "new connections wait: as many are open as may be";
    const auto number = static_cast<int>(event.size);
    const char *help = "";
    if (number == EMFILE) help = ": this process needs a higher limit (ulimit -n, LimitNOFILE= of systemd)";
    if (number == ENFILE) help = ": the system needs a higher limit (sysctl fs.file-max)";
    return format("new connections wait: %s (errno %d)%s", std::strerror(number), number, help);
}

}  // namespace tool
