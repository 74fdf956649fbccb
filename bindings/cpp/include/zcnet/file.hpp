/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_FILE_HPP
#define ZCNET_FILE_HPP
/*
 * Files as the bodies of units, sent from where they stand; see file.h. Unit::append_file() takes them. The other way,
 * into files, goes ConnRef::receive_file().
 */
#include <zcnet/file.h>

#include <chrono>
#include <string>
#include <utility>
#include <zcnet/error.hpp>

namespace zcnet {

/** The fields of zcn_file_options, with the defaults. */
struct FileOptions : zcn_file_options {
    FileOptions() noexcept : zcn_file_options() { zcn_file_options_init(this, sizeof(zcn_file_options)); }
};

/** The fields of zcn_receive_file_options, with the defaults; for ConnRef::receive_file(). */
struct ReceiveFileOptions : zcn_receive_file_options {
    ReceiveFileOptions() noexcept : zcn_receive_file_options() {
        zcn_receive_file_options_init(this, sizeof(zcn_receive_file_options));
    }
};

/** An open regular file. Units that have it hold references of their own. */
class File : public detail::Handle<zcn_file, zcn_file_retain, zcn_file_release> {
  public:
    File() noexcept = default;
    /** Opens it for reading; no such file is std::errc::no_such_file_or_directory. */
    static File open(const std::string &path, const FileOptions &options = {}) {
        File file;
        auto error = detail::sized<zcn_error>();
        detail::explain(zcn_file_open(file.out(), path.c_str(), &options, &error), error);
        return file;
    }
    /** Of a descriptor that is open for reading, which the file owns when this does not throw. */
    static File adopt_fd(int fd, const FileOptions &options = {}) {
        File file;
        detail::check(zcn_file_adopt(file.out(), fd, &options));
        return file;
    }
    /** Takes over a reference that C code gave. */
    static File adopt(zcn_file *file) noexcept { return File(file); }

    /** Bytes that it had when it was opened. */
    std::uint64_t size() const noexcept { return zcn_file_size(get()); }
    /** When its content was changed last, as of then. */
    std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds> mtime() const noexcept {
        return decltype(mtime())(std::chrono::nanoseconds(zcn_file_mtime(get())));
    }
    /** Borrowed; -1 when empty. */
    int fd() const noexcept { return zcn_file_fd(get()); }

  private:
    explicit File(zcn_file *file) noexcept : Handle(file) {}
};

/** Open files by path: those that were asked for last stay open. One owner at a time. A moved-from cache is empty. */
class FileCache {
  public:
    /** Keeps so many files open; what was looked at last is taken to be true for so long. */
    explicit FileCache(std::uint32_t capacity, std::chrono::duration<std::uint32_t, std::milli> valid = {},
                       const FileOptions &options = {}) {
        detail::check(zcn_file_cache_create(&cache_, capacity, valid.count(), &options));
    }
    FileCache(FileCache &&other) noexcept : cache_(std::exchange(other.cache_, nullptr)) {}
    FileCache &operator=(FileCache &&other) noexcept {
        std::swap(cache_, other.cache_);
        return *this;
    }
    ~FileCache() { zcn_file_cache_release(cache_); }
    zcn_file_cache *get() const noexcept { return cache_; }
    explicit operator bool() const noexcept { return cache_ != nullptr; }

    /** The file at a path now. It stays good when the cache lets it go. */
    File open(const std::string &path) {
        zcn_file *file;
        auto error = detail::sized<zcn_error>();
        detail::explain(zcn_file_cache_open(cache_, &file, path.c_str(), &error), error);
        return File::adopt(file);
    }

  private:
    zcn_file_cache *cache_ = nullptr;
};

}  // namespace zcnet

#endif
