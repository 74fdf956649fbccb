// SPDX-License-Identifier: MIT
#include "tools/serve/folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zcnet/zcnet.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "tools/serve/target.h"

namespace tool {
namespace {

std::string html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

struct Close {
    void operator()(DIR *directory) const { closedir(directory); }
};

}  // namespace

Descriptor Folders::open(const std::string &path, int flags) const {
    open_how how{};
    how.flags = static_cast<uint64_t>(flags | O_DIRECTORY | O_CLOEXEC);
    if ((file_flags_ & ZCN_FILE_BENEATH) != 0) how.resolve |= RESOLVE_BENEATH;
    if ((file_flags_ & ZCN_FILE_NO_SYMLINKS) != 0) how.resolve |= RESOLVE_NO_SYMLINKS;
    const char *name = path.empty() ? "." : path.c_str();
    return Descriptor(static_cast<int>(syscall(SYS_openat2, root_, name, &how, sizeof how)));
}

bool Folders::is_folder(const std::string &path) const { return open(path, O_PATH).get() >= 0; }

std::optional<std::string> Folders::page(const std::string &path) const {
    Descriptor descriptor = open(path, O_RDONLY);
    if (descriptor.get() < 0) return std::nullopt;
    const int fd = fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return std::nullopt;
    const std::unique_ptr<DIR, Close> directory(fdopendir(fd));
    if (!directory) {
        close(fd);
        return std::nullopt;
    }
    std::vector<std::string> names;
    while (const dirent *entry = readdir(directory.get())) {
        std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        struct stat found {};
        const bool folder =
            entry->d_type == DT_DIR ||
            (entry->d_type != DT_REG && fstatat(fd, name.c_str(), &found, 0) == 0 && S_ISDIR(found.st_mode));
        if (folder) name += '/';
        names.push_back(std::move(name));
    }
    std::ranges::sort(names);
    const std::string title = html("/" + path);
    std::string out = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>" + title +
                      "</title></head>\n<body><h1>" + title + "</h1>\n<ul>\n";
    if (!path.empty()) out += "<li><a href=\"../\">../</a></li>\n";
    // "./" keeps a name with a colon from being taken for a scheme.
    for (const std::string &name : names)
        out += "<li><a href=\"./" + percent_encoded(name) + "\">" + html(name) + "</a></li>\n";
    return out + "</ul>\n</body></html>\n";
}

}  // namespace tool
