// SPDX-License-Identifier: MIT
#include "source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "text.h"

namespace tool {
namespace {

constexpr size_t read_size = 256 * 1024;
constexpr uint64_t populate_below = 1024 * 1024;

void unmap(void *, const void *data, uint64_t size) { munmap(const_cast<void *>(data), size); }

Owned<zcn_unit> create_unit(zcn_pool *pool) {
    zcn_unit *unit = nullptr;
    const zcn_status status = zcn_unit_create(&unit, pool);
    if (status != ZCN_OK) throw Failure("a message cannot be made: " + status_line(status), status);
    return Owned<zcn_unit>(unit);
}

}  // namespace

Source::Source(const std::vector<std::string> &names, const Options &options, zcn_pool *pool)
    : options_(options), pool_(pool), cutter_(pool, options.largest) {
    bool known = !options_.lines;
    for (const std::string &name : names) {
        struct stat status {};
        if (name == "-") {
            files_.push_back({name, 0});
            known = false;
            continue;
        }
        if (stat(name.c_str(), &status) != 0) throw Failure(system_error(name));
        if (S_ISDIR(status.st_mode)) {
            std::ranges::move(walk(name), std::back_inserter(files_));
        } else {
            files_.push_back({name, static_cast<uint64_t>(status.st_size)});
            known = known && S_ISREG(status.st_mode);
        }
    }
    uint64_t bytes = 0;
    for (const File &file : files_) bytes += file.size;
    known = known && !__builtin_mul_overflow(bytes, options_.rounds, &total_bytes_) &&
            !__builtin_mul_overflow(files_.size(), options_.rounds, &total_messages_);
    if (!known) total_bytes_ = total_messages_ = 0;
}

// False: there is no further file.
bool Source::open_next() {
    if (next_file_ == files_.size()) {
        if (files_.empty() || --options_.rounds == 0) return false;
        next_file_ = 0;
    }
    const std::string &path = files_[next_file_++].path;
    name_ = path == "-" ? "standard input" : path;
    file_ =
        Descriptor(path == "-" ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (file_.get() < 0 || fstat(file_.get(), &status) != 0) throw Failure(system_error(name_));
    if (S_ISDIR(status.st_mode)) throw Failure(name_ + ": it is a directory now");
    regular_ = S_ISREG(status.st_mode);
    // Standard input may stand anywhere in its file, and files of size 0 under /proc have bytes all the same.
    size_ = regular_ && !options_.read_files && path != "-" ? static_cast<uint64_t>(status.st_size) : 0;
    return true;
}

Owned<zcn_unit> Source::map() {
    if (size_ > options_.largest)
        throw Failure(format("%s has %s bytes; the framing carries at most %s", name_.c_str(), grouped(size_).c_str(),
                             grouped(options_.largest).c_str()),
                      ZCN_EFRAME_TOO_LARGE);
    auto unit = create_unit(pool_);
    // The bytes are touched by the kernel alone, for which a file that shrinks is an error and no signal.
    const int flags = MAP_SHARED | (size_ <= populate_below ? MAP_POPULATE : 0);
    void *data = mmap(nullptr, size_, PROT_READ, flags, file_.get(), 0);
    if (data == MAP_FAILED) throw Failure(system_error(name_));
    const zcn_status status = zcn_unit_append_ref(unit.get(), data, size_, unmap, nullptr);
    if (status != ZCN_OK) {
        munmap(data, size_);
        throw Failure(name_ + " cannot be sent: " + status_line(status), status);
    }
    return unit;
}

bool Source::readable() const {
    pollfd wanted = {file_.get(), POLLIN, 0};
    return regular_ || poll(&wanted, 1, 0) != 0;
}

size_t Source::read_some(void *room, size_t size) {
    for (;;) {
        const ssize_t got = read(file_.get(), room, size);
        if (got >= 0) return static_cast<size_t>(got);
        if (errno == EAGAIN || errno == EINTR) {
            pollfd wanted = {file_.get(), POLLIN, 0};
            poll(&wanted, 1, -1);
            continue;
        }
        throw Failure(system_error(name_));
    }
}

Source::Step Source::read_whole(Owned<zcn_unit> *out) {
    if (!whole_) whole_ = create_unit(pool_);
    while (readable()) {
        if (room_size_ == 0) {
            if (zcn_unit_append_alloc(whole_.get(), &room_, read_size) != ZCN_OK)
                throw Failure("out of memory", ZCN_ENOMEM);
            room_size_ = read_size;
        }
        const size_t got = read_some(room_, room_size_);
        room_ = static_cast<char *>(room_) + got;
        room_size_ -= got;
        whole_size_ += got;
        if (whole_size_ > options_.largest)
            throw Failure(format("%s: a message of more than %s bytes does not fit the framing", name_.c_str(),
                                 grouped(options_.largest).c_str()),
                          ZCN_EFRAME_TOO_LARGE);
        if (got == 0) file_ = Descriptor();
        if (got != 0 && !options_.pieces) continue;
        if (got == 0 && options_.pieces) return Step::end;
        const zcn_status status = zcn_unit_truncate(whole_.get(), whole_size_);
        if (status != ZCN_OK) throw Failure(name_ + " cannot be sent: " + status_line(status), status);
        *out = std::move(whole_);
        room_size_ = 0;
        whole_size_ = 0;
        return Step::unit;
    }
    return Step::wait;
}

Source::Step Source::read_line(Owned<zcn_unit> *out) {
    for (;;) {
        *out = cutter_.cut();
        if (*out) return Step::unit;
        if (!readable()) return Step::wait;
        size_t room_size = 0;
        char *room = cutter_.room(&room_size);
        const size_t got = read_some(room, room_size);
        cutter_.filled(got);
        if (got != 0) continue;
        file_ = Descriptor();
        *out = cutter_.rest();
        return *out ? Step::unit : Step::end;
    }
}

Source::Step Source::next(Owned<zcn_unit> *out) {
    for (;;) {
        if (file_.get() < 0 && !open_next()) return Step::end;
        if (options_.lines) {
            const Step step = read_line(out);
            if (step != Step::end) return step;
        } else if (size_ != 0) {
            *out = map();
            file_ = Descriptor();
            return Step::unit;
        } else {
            const Step step = read_whole(out);
            if (step != Step::end) return step;
        }
    }
}

}  // namespace tool
