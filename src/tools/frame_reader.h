// SPDX-License-Identifier: MIT
// Finds the frames of a byte stream of any length in bounded memory.
#pragma once

#include <zcnet/zcnet.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "descriptor.h"

namespace tool {

struct Frame {
    uint64_t offset;
    uint64_t header;
    uint64_t body;
    uint64_t trailer;  // the delimiter

    uint64_t size() const { return header + body + trailer; }
};

class FrameReader {
  public:
    // path: "-" is standard input. Throws Failure.
    FrameReader(const zcn_framing *framing, const std::string &path);

    // ZCN_OK: *out is the next frame. ZCN_EOF: the stream ended behind a frame. Else what is wrong at offset().
    // Throws Failure when the stream cannot be read.
    zcn_status next(Frame *out);

    uint64_t offset() const { return offset_; }      // of the frame that next() is about to find, or failed to
    uint64_t trailing() const { return trailing_; }  // bytes of the frame that the stream ended in
    std::string bytes_there() const;                 // the first of them, in hex

  private:
    bool read_more(size_t least);
    bool skip(uint64_t size);
    Frame shape(uint64_t size) const;
    zcn_status next_raw(Frame *out);

    const zcn_framing *framing_;
    zcn_framing_options options_;
    std::string path_;
    Descriptor file_;
    std::vector<unsigned char> buffer_;
    size_t begin_ = 0;
    size_t end_ = 0;
    uint64_t offset_ = 0;
    uint64_t trailing_ = 0;
    bool over_ = false;
};

}  // namespace tool
