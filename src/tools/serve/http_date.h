// SPDX-License-Identifier: MIT
// Dates of HTTP: "Sun, 06 Nov 1994 08:49:37 GMT".
#pragma once

#include <ctime>
#include <optional>
#include <string>

namespace tool {

std::string http_date(std::time_t time);

// Also in the two old forms.
std::optional<std::time_t> parse_http_date(const std::string &text);

}  // namespace tool
