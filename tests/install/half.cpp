// SPDX-License-Identifier: MIT
// The half of a program that is written in C++ and has exceptions of its own, which do not meet the library's.
#include <zcnet/zcnet.h>

#include <stdexcept>
#include <string>

extern "C" int half_in_cpp(const char *framing_text) {
    try {
        zcn_framing *framing = nullptr;
        zcn_error error = {};
        error.struct_size = sizeof error;
        if (zcn_framing_parse(&framing, framing_text, &error) != ZCN_OK) throw std::invalid_argument(error.text);
        zcn_framing_release(framing);
    } catch (const std::invalid_argument &wrong) {
        return std::string(wrong.what()).empty() ? -1 : 1;
    }
    return 0;
}
