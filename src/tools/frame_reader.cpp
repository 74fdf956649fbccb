// SPDX-License-Identifier: MIT
#include "frame_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "framing_words.h"
#include "text.h"

namespace tool {
namespace {

constexpr size_t least_buffer = 256 * 1024;
constexpr size_t shown_bytes = 16;

int open_input(const std::string &path) {
    return path == "-" ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

}  // namespace

FrameReader::FrameReader(const zcn_framing *framing, const std::string &path)
    : framing_(framing),
      options_(framing_options(framing)),
      path_(path == "-" ? "standard input" : path),
      file_(open_input(path)),
      buffer_(least_buffer) {
    if (file_.get() < 0) throw Failure(system_error(path_));
}

// Reads until at least so many bytes are there. False: the stream has ended before.
bool FrameReader::read_more(size_t least) {
    if (begin_ != 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (buffer_.size() < least) buffer_.resize(least);
    while (end_ < least && !over_) {
        const ssize_t got = read(file_.get(), buffer_.data() + end_, buffer_.size() - end_);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw Failure(system_error(path_));
        if (got == 0) over_ = true;
        end_ += static_cast<size_t>(got);
    }
    return end_ >= least;
}

// Passes over bytes, which may be more than fit into the buffer. False: the stream has ended before.
bool FrameReader::skip(uint64_t size) {
    for (;;) {
        const uint64_t part = std::min<uint64_t>(size, end_ - begin_);
        begin_ += static_cast<size_t>(part);
        size -= part;
        trailing_ += part;
        if (size == 0) {
            trailing_ = 0;
            return true;
        }
        if (!read_more(1)) return false;
    }
}

Frame FrameReader::shape(uint64_t size) const {
    Frame frame{offset_, 0, size, 0};
    if (options_.kind == ZCN_FRAMING_LENGTH) frame.header = options_.offset + options_.width;
    if (options_.kind == ZCN_FRAMING_VARINT) {
        frame.header = options_.offset + 1;
        for (const unsigned char *byte = buffer_.data() + begin_ + options_.offset; (*byte & 0x80) != 0; byte++)
            frame.header++;
    }
    if (options_.kind == ZCN_FRAMING_DELIMITER) frame.trailer = options_.delimiter_size;
    frame.body = size - frame.header - frame.trailer;
    return frame;
}

zcn_status FrameReader::next_raw(Frame *out) {
    *out = {offset_, 0, 0, 0};
    while (read_more(1)) {
        out->body += end_ - begin_;
        begin_ = end_;
    }
    offset_ += out->body;
    return out->body == 0 ? ZCN_EOF : ZCN_OK;
}

zcn_status FrameReader::next(Frame *out) {
    if (options_.kind == ZCN_FRAMING_RAW) return next_raw(out);
    for (;;) {
        const size_t there = end_ - begin_;
        uint64_t size = 0;
        const zcn_status status =
            there == 0 ? ZCN_AGAIN
                       : zcn_framing_measure(framing_, buffer_.data() + begin_, there, &size, nullptr, nullptr);
        if (status == ZCN_OK) {
            *out = shape(size);
            if (!skip(size)) return ZCN_EFRAME_TRUNCATED;
            offset_ += size;
            return ZCN_OK;
        }
        if (status != ZCN_AGAIN) return status;
        // Twice as much each time, so that a far delimiter is not searched for again and again.
        if (!read_more(there == 0 ? 1 : 2 * there) && end_ - begin_ == there) {
            trailing_ = there;
            return there == 0 ? ZCN_EOF : ZCN_EFRAME_TRUNCATED;
        }
    }
}

std::string FrameReader::bytes_there() const { return hex(buffer_.data() + begin_, end_ - begin_, shown_bytes); }

}  // namespace tool
