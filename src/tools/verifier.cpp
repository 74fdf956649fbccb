// SPDX-License-Identifier: MIT
#include "verifier.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "descriptor.h"
#include "text.h"

namespace tool {
namespace {

constexpr size_t chunk_size = 256 * 1024;

}  // namespace

Verifier::Verifier(const std::string &directory) : files_(walk(directory)), buffer_(chunk_size) {
    if (files_.empty()) throw Failure(directory + ": there is no regular file to compare with");
}

bool Verifier::equal(uint64_t index, const void *data, uint64_t size, std::string *why) {
    const std::string &path = files_[index % files_.size()].path;
    const std::string name = "message " + grouped(index + 1) + " is not " + path;
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.get() < 0) throw Failure(system_error(path));
    const auto *bytes = static_cast<const unsigned char *>(data);
    uint64_t offset = 0;
    for (;;) {
        const ssize_t got = read(file.get(), buffer_.data(), buffer_.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw Failure(system_error(path));
        if (got == 0) break;
        const uint64_t part = std::min<uint64_t>(static_cast<uint64_t>(got), size - offset);
        if (std::memcmp(bytes + offset, buffer_.data(), part) != 0) {
            const auto *end = bytes + offset + part;
            const auto *differs = std::mismatch(bytes + offset, end, buffer_.data()).first;
            *why = name + ": it differs from offset " + grouped(static_cast<uint64_t>(differs - bytes)) + " on";
            return false;
        }
        offset += part;
        if (part < static_cast<uint64_t>(got)) {
            *why = name + ": it ends at offset " + grouped(size) + ", the file is longer";
            return false;
        }
    }
    if (offset == size) return true;
    *why = name + ": the file ends at offset " + grouped(offset) + ", the message has " + grouped(size) + " bytes";
    return false;
}

}  // namespace tool
