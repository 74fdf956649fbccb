// SPDX-License-Identifier: MIT
// The type of a document, by the end of its name.
#pragma once

#include <string_view>

namespace tool {

// A static string; application/octet-stream where nothing better is known.
const char *content_type(std::string_view path);

}  // namespace tool
