// SPDX-License-Identifier: MIT
// The files under a directory, in the one order that sender and receiver agree on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tool {

struct File {
    std::string path;
    uint64_t size;  // at the time of the walk
};

// Every regular file under directory, sorted bytewise by path. Symbolic links below it are not followed.
// Throws Failure when something there cannot be read.
std::vector<File> walk(const std::string &directory);

}  // namespace tool
