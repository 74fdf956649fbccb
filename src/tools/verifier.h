// SPDX-License-Identifier: MIT
// Compares received messages with the files that they were made from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "walk.h"

namespace tool {

class Verifier {
  public:
    explicit Verifier(const std::string &directory);

    uint64_t file_count() const { return files_.size(); }

    // Whether the message with this index (from 0) is the file at its place of the walk; the walk starts again at its
    // end. why: a sentence with the file and the first offset that differs.
    bool equal(uint64_t index, const void *data, uint64_t size, std::string *why);

  private:
    std::vector<File> files_;
    std::vector<unsigned char> buffer_;
};

}  // namespace tool
