// SPDX-License-Identifier: MIT
// Directories below the root: whether there is one, and what is in it, as a page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tools/descriptor.h"

namespace tool {

class Folders {
  public:
    // root: borrowed. file_flags: ZCN_FILE_*, which paths are bound by.
    Folders(int root, uint32_t file_flags) : root_(root), file_flags_(file_flags) {}

    bool is_folder(const std::string &path) const;

    // A page with links to what is there; nothing: it cannot be read.
    std::optional<std::string> page(const std::string &path) const;

  private:
    Descriptor open(const std::string &path, int flags) const;

    int root_;
    uint32_t file_flags_;
};

}  // namespace tool
