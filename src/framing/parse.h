// SPDX-License-Identifier: MIT
// The textual form of a framing.
#pragma once

#include <cstddef>

#include "framing/rule.h"

namespace zcnet::framing {

// Makes a rule of its text, or says in error which key is wrong and what it may be. ZCN_OK or ZCN_EINVAL.
[[nodiscard]] Status parse(const char *text, Rule *out, Error *error) noexcept;

// Writes the canonical text, cut to capacity and terminated when there is any, and returns the size of the whole of it.
size_t format(const Rule &rule, char *buffer, size_t capacity) noexcept;

}  // namespace zcnet::framing
