// SPDX-License-Identifier: MIT
// Cuts lines out of what is read, as units that refer to the bytes where read() put them.
#pragma once

#include <zcnet/zcnet.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "handles.h"

namespace tool {

class LineCutter {
  public:
    LineCutter(zcn_pool *pool, uint64_t largest) : pool_(pool), largest_(largest) {}
    ~LineCutter();
    LineCutter(const LineCutter &) = delete;
    LineCutter &operator=(const LineCutter &) = delete;

    // Where the next bytes are to be read to; never empty.
    char *room(size_t *size);
    void filled(size_t size) { filled_ += size; }

    // The next line, without its newline; nothing when there is no whole line. Throws Failure for one that is longer
    // than can be sent.
    Owned<zcn_unit> cut();

    // What follows the last newline; nothing when there is no byte.
    Owned<zcn_unit> rest();

  private:
    // Memory that lines refer to; goes with the last of them.
    struct Buffer {
        static constexpr size_t size = 256 * 1024;
        std::atomic<uint32_t> references = 1;
        char bytes[size];
    };

    static void drop(Buffer *buffer);
    static void release(void *context, const void *data, uint64_t size);
    void take(size_t size);

    zcn_pool *const pool_;
    const uint64_t largest_;
    Buffer *buffer_ = nullptr;
    size_t start_ = 0;     // of what no unit refers to yet
    size_t searched_ = 0;  // up to here there is no newline
    size_t filled_ = 0;
    Owned<zcn_unit> line_;  // the start of a line that began in an earlier buffer
};

}  // namespace tool
