// SPDX-License-Identifier: MIT
// Open files by path: the ones that were asked for last, as long as the path leads to the same unchanged file.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/list.h"
#include "io/file.h"

namespace zcnet::io {
struct CacheTag {};

// So that a path is looked for without a copy of it.
struct PathHash {
    using is_transparent = void;
    size_t operator()(std::string_view path) const noexcept { return std::hash<std::string_view>()(path); }
};

struct CachedFile : Link<CacheTag> {
    zcn_file *file = nullptr;  // one reference
    int64_t looked_at = 0;     // when its path was looked at last
    std::string_view path;     // the key
};
}  // namespace zcnet::io

struct zcn_file_cache final {
  public:
    using Status = zcnet::Status;

    zcn_file_cache(uint32_t capacity, int64_t valid, const zcn_file_options &options) noexcept
        : capacity_(capacity), valid_(valid), options_(options) {}
    ~zcn_file_cache();
    zcn_file_cache(const zcn_file_cache &) = delete;
    zcn_file_cache &operator=(const zcn_file_cache &) = delete;

    // May throw std::bad_alloc; then nothing has changed.
    Status open(zcn_file **out, const char *path, zcnet::Error *error);

  private:
    using Cached = zcnet::io::CachedFile;
    void drop(Cached *cached) noexcept;
    // Whether the path still leads to what is open; -errno where it leads nowhere.
    int look(const Cached &cached, bool *same) const noexcept;

    const uint32_t capacity_;
    const int64_t valid_;  // nanoseconds
    const zcn_file_options options_;
    std::unordered_map<std::string, Cached, zcnet::io::PathHash, std::equal_to<>> files_;
    zcnet::List<Cached, zcnet::io::CacheTag> by_use_;  // the least recently used first
};
