// SPDX-License-Identifier: MIT
// Where in a program an address of its code lies, in words.
#pragma once

#include <cstddef>

namespace zcnet::os {

// Writes "PATH+0xOFFSET" of the program or library that the address lies in, as addr2line and its like take them, or
// the address alone.
void describe_place(const void *address, char *buffer, size_t capacity) noexcept;

}  // namespace zcnet::os
