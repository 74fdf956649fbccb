// SPDX-License-Identifier: MIT
// What the kernel says of the process's own memory, for both implementations of the seam.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace zcnet::os {

// Reads the text of /proc/self/maps through a small window, a character at a time.
class MemoryMap {
  public:
    MemoryMap() noexcept : fd_(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}
    ~MemoryMap() {
        if (fd_ >= 0) (void)::close(fd_);
    }
    MemoryMap(const MemoryMap &) = delete;
    MemoryMap &operator=(const MemoryMap &) = delete;

    // The next mapping; false: there is none.
    bool next(uintptr_t *begin, uintptr_t *end, bool *readable, bool *writable) noexcept {
        if (!number('-', begin) || !number(' ', end)) return false;
        *readable = character() == 'r';
        *writable = character() == 'w';
        for (int found = character(); found != '\n'; found = character())
            if (found < 0) return false;
        return true;
    }

  private:
    int character() noexcept {
        while (at_ == filled_) {
            const ssize_t got = fd_ >= 0 ? ::read(fd_, text_, sizeof text_) : -1;
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return -1;
            at_ = 0;
            filled_ = static_cast<size_t>(got);
        }
        return static_cast<unsigned char>(text_[at_++]);
    }

    bool number(int behind, uintptr_t *out) noexcept {
        *out = 0;
        for (int found = character(); found != behind; found = character()) {
            const int digit = found >= '0' && found <= '9'   ? found - '0'
                              : found >= 'a' && found <= 'f' ? found - 'a' + 10
                                                             : -1;
            if (digit < 0) return false;
            *out = *out << 4 | static_cast<unsigned>(digit);
        }
        return true;
    }

    int fd_;
    size_t at_ = 0;
    size_t filled_ = 0;
    char text_[1024];
};

// Whether all of it can be read by this process, and none of it written.
inline bool is_mapped_read_only(const void *data, size_t size) noexcept {
    MemoryMap map;
    const auto begin = reinterpret_cast<uintptr_t>(data);
    uintptr_t checked = begin;  // up to there it is so
    uintptr_t from = 0;
    uintptr_t to = 0;
    bool readable = false;
    bool writable = false;
    while (map.next(&from, &to, &readable, &writable)) {
        if (to <= checked) continue;
        if (from > checked || !readable || writable) return false;
        if (size <= to - begin) return true;
        checked = to;
    }
    return false;
}

}  // namespace zcnet::os
