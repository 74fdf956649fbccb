// SPDX-License-Identifier: MIT
// What a request target names below the root.
#pragma once

#include <string>
#include <string_view>

namespace tool {

struct Target {
    std::string path;        // decoded, without dot segments and without a slash at either end; empty: the root
    bool folder = false;     // it ended with a slash: a directory is meant
    std::string_view query;  // with its question mark, in the text that was given
};

// "/path?query", or the same behind http://host. False: it is malformed, or leads out of the root.
bool parse_target(std::string_view text, Target *out);

// A decoded path as it stands in a link.
std::string percent_encoded(std::string_view path);

}  // namespace tool
