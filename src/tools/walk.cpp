// SPDX-License-Identifier: MIT
#include "walk.h"

#include <algorithm>
#include <filesystem>

#include "text.h"

namespace tool {

std::vector<File> walk(const std::string &directory) {
    namespace fs = std::filesystem;
    std::vector<File> files;
    try {
        for (const fs::directory_entry &entry : fs::recursive_directory_iterator(directory))
            if (entry.symlink_status().type() == fs::file_type::regular)
                files.push_back({entry.path().string(), entry.file_size()});
    } catch (const fs::filesystem_error &error) {
        const std::string path = error.path1().empty() ? directory : error.path1().string();
        throw Failure(path + ": " + error.code().message());
    }
    std::ranges::sort(files, {}, &File::path);
    return files;
}

}  // namespace tool
