// SPDX-License-Identifier: MIT
// A framing in words: what a frame looks like, byte by byte, and its limits.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tool {

struct FramingWords {
    std::string text;  // the complete text form
    std::string kind;
    bool limited = true;  // raw has no frames, and no limits of them
    uint64_t smallest_frame = 0;
    uint64_t largest_frame = 0;
    uint64_t smallest_body = 0;
    uint64_t largest_body = 0;
    std::vector<std::pair<std::string, std::string>> bytes;  // where in the frame, what is there
    std::vector<std::pair<std::string, std::string>> notes;  // about what, a sentence
};

FramingWords explain(const zcn_framing *framing);

zcn_framing_options framing_options(const zcn_framing *framing);

// Bytes as "00 1f a0"; of more than most, the first.
std::string hex(const void *data, size_t size, size_t most);

}  // namespace tool
