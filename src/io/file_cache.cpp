// SPDX-License-Identifier: MIT
#include "io/file_cache.h"

#include "memory/births.h"

using zcnet::Error;
using zcnet::Status;
namespace os = zcnet::os;

zcn_file_cache::~zcn_file_cache() {
    zcnet::memory::note_death(this);
    while (Cached *cached = by_use_.front()) drop(cached);
}

void zcn_file_cache::drop(Cached *cached) noexcept {
    by_use_.remove(cached);
    zcn_file *file = cached->file;
    files_.erase(files_.find(cached->path));
    file->release();
}

int zcn_file_cache::look(const Cached &cached, bool *same) const noexcept {
    os::FileStatus now;
    const bool follow = (options_.flags & ZCN_FILE_NO_SYMLINKS) == 0;
    const int result = os::path_status(options_.directory, cached.path.data(), follow, &now);
    if (result < 0) return result;
    const os::FileStatus &then = cached.file->status();
    // The inode's own time too: a file that was rewritten with its old size and time is another one.
    *same = now.device == then.device && now.inode == then.inode && now.size == then.size &&
            now.modified == then.modified && now.changed == then.changed;
    return 0;
}

Status zcn_file_cache::open(zcn_file **out, const char *path, Error *error) {
    const int64_t now = valid_ != 0 ? os::coarse_now() : 0;
    const auto found = files_.find(std::string_view(path));
    if (found != files_.end()) {
        Cached &cached = found->second;
        bool same = valid_ != 0 && now - cached.looked_at < valid_;
        if (!same) {
            const int result = look(cached, &same);
            if (result < 0) {
                drop(&cached);
                return zcnet::io::file_failure(-result, path, error);
            }
            cached.looked_at = now;
        }
        if (same) {
            by_use_.remove(&cached);
            by_use_.push_back(&cached);
            cached.file->retain();
            *out = cached.file;
            return ZCN_OK;
        }
        drop(&cached);
    }
    // The place first: what may throw comes before what would have to be undone.
    const auto place = files_.try_emplace(path).first;
    zcn_file *file = nullptr;
    Status status = zcn_file::open(&file, path, options_, error);
    if (status == ZCN_ENOBUFS && by_use_.front() != nullptr) {
        // Descriptors are short: the cache gives its own back.
        while (Cached *oldest = by_use_.front()) drop(oldest);
        status = zcn_file::open(&file, path, options_, error);
    }
    if (status != ZCN_OK) {
        files_.erase(place);
        return status;
    }
    Cached &made = place->second;
    made.file = file;
    made.looked_at = now;
    made.path = place->first;
    by_use_.push_back(&made);
    if (files_.size() > capacity_) drop(by_use_.front());
    file->retain();
    *out = file;
    return ZCN_OK;
}
