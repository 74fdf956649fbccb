// SPDX-License-Identifier: MIT
// The C boundary of files.
#include "io/file.h"

#include <cstring>

#include "io/file_cache.h"
#include "memory/watch.h"
#include "net/conn.h"
#include "receive/dump.h"
#include "send/unit.h"

using zcnet::io::default_file_options;
using zcnet::io::read_file_options;

namespace {

constexpr size_t longest_path = 4095;

zcn_status check_path(const char *path) noexcept {
    return path != nullptr && strnlen(path, longest_path + 1) <= longest_path ? ZCN_OK : ZCN_EINVAL;
}

// A handle for the caller; noted with its place where that is wanted, also in a program that has no pool yet.
zcn_status noted(zcn_file *const *out, zcn_status status, const void *place) noexcept {
    zcnet::memory::find_watchers();
    if (status == ZCN_OK) zcnet::receive::note_made("file", *out, (*out)->status().size, 0, place);
    return status;
}

zcn_status tell(zcn_status status, const zcnet::Error &why, zcn_error *error) noexcept {
    if (error != nullptr && status != ZCN_OK) (void)why.copy_to(error);
    return status;
}

}  // namespace

void zcn_file_options_init(zcn_file_options *options, size_t struct_size) {
    zcnet::init_options(options, struct_size, default_file_options());
}

zcn_status zcn_file_open(zcn_file **out, const char *path, const zcn_file_options *options, zcn_error *error) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    zcnet::Error why;
    zcn_file_options chosen{};
    zcn_status status = check_path(path);
    if (status == ZCN_OK) status = read_file_options(&chosen, options);
    if (status != ZCN_OK) return tell(why.set(status, 0, "%s", zcn_status_text(status)), why, error);
    return tell(noted(out, zcn_file::open(out, path, chosen, &why), __builtin_return_address(0)), why, error);
}

zcn_status zcn_file_adopt(zcn_file **out, int fd, const zcn_file_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    zcn_file_options chosen{};
    if (const zcn_status status = read_file_options(&chosen, options); status != ZCN_OK) return status;
    zcnet::Error why;
    return noted(out, zcn_file::adopt(out, fd, chosen.method, &why), __builtin_return_address(0));
}

uint64_t zcn_file_size(const zcn_file *file) { return file == nullptr ? 0 : file->status().size; }

int64_t zcn_file_mtime(const zcn_file *file) { return file == nullptr ? 0 : file->status().modified; }

int zcn_file_fd(const zcn_file *file) { return file == nullptr ? -1 : file->fd(); }

zcn_file *zcn_file_retain(zcn_file *file) {
    if (file != nullptr) file->retain();
    return file;
}

void zcn_file_release(zcn_file *file) {
    if (file != nullptr) file->release();
}

zcn_status zcn_unit_append_file(zcn_unit *unit, zcn_file *file, uint64_t offset, uint64_t size) {
    if (unit == nullptr || file == nullptr) return ZCN_EINVAL;
    const uint64_t all = file->status().size;
    if (offset > all || size > all - offset) return ZCN_EINVAL;
    zcnet::send::Segment segment;
    segment.offset = offset;
    segment.size = size;
    segment.source = file;
    segment.owner = zcnet::send::Owner::source;
    const zcn_status status = unit->append(segment);
    if (status == ZCN_OK) file->retain();
    return status;
}

void zcn_receive_file_options_init(zcn_receive_file_options *options, size_t struct_size) {
    zcnet::init_options(options, struct_size, zcnet::blank_options<zcn_receive_file_options>());
}

zcn_status zcn_conn_receive_file(zcn_conn *conn, const zcn_msg *after, int fd, uint64_t size,
                                 const zcn_receive_file_options *options) {
    if (conn == nullptr || fd < -1) return ZCN_EINVAL;
    zcn_receive_file_options chosen{};
    const auto blank = zcnet::blank_options<zcn_receive_file_options>();
    if (const zcn_status status = zcnet::read_options(&chosen, options, blank); status != ZCN_OK) return status;
    if (chosen.flush > ZCN_FLUSH_ASYNC || chosen.reserved != 0 || chosen.offset > INT64_MAX) return ZCN_EINVAL;
    return conn->receive_file(after, fd, size, chosen);
}

zcn_status zcn_conn_get_file_error(const zcn_conn *conn, zcn_error *error) {
    return conn == nullptr || error == nullptr ? ZCN_EINVAL : conn->copy_file_error(error);
}

zcn_status zcn_file_cache_create(zcn_file_cache **out, uint32_t capacity, uint32_t valid_ms,
                                 const zcn_file_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    if (capacity == 0 || capacity > 65536) return ZCN_EINVAL;
    zcn_file_options chosen{};
    if (const zcn_status status = read_file_options(&chosen, options); status != ZCN_OK) return status;
    zcnet::memory::find_watchers();
    const zcn_status status = zcnet::guard([&]() -> zcn_status {
        *out = new zcn_file_cache(capacity, int64_t{valid_ms} * 1000000, chosen);
        return ZCN_OK;
    });
    zcnet::receive::note_made("file cache", *out, 0, 0, __builtin_return_address(0));
    return status;
}

zcn_status zcn_file_cache_open(zcn_file_cache *cache, zcn_file **out, const char *path, zcn_error *error) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    zcnet::Error why;
    if (cache == nullptr || check_path(path) != ZCN_OK)
        return tell(why.set(ZCN_EINVAL, 0, "%s", zcn_status_text(ZCN_EINVAL)), why, error);
    const zcn_status status = zcnet::guard([&] { return cache->open(out, path, &why); });
    if (status != ZCN_OK && why.status == ZCN_OK) (void)why.set(status, 0, "%s", zcn_status_text(status));
    return tell(noted(out, status, __builtin_return_address(0)), why, error);
}

void zcn_file_cache_release(zcn_file_cache *cache) { delete cache; }
