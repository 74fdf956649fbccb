// SPDX-License-Identifier: MIT
#include "line_cutter.h"

#include <cstring>

#include "text.h"

namespace tool {

LineCutter::~LineCutter() { drop(buffer_); }

void LineCutter::drop(Buffer *buffer) {
    if (buffer != nullptr && buffer->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete buffer;
}

void LineCutter::release(void *context, const void *, uint64_t) { drop(static_cast<Buffer *>(context)); }

char *LineCutter::room(size_t *size) {
    if (buffer_ != nullptr && filled_ == Buffer::size) {
        if (start_ < filled_) take(filled_ - start_);
        drop(buffer_);
        buffer_ = nullptr;
    }
    if (buffer_ == nullptr) {
        buffer_ = new Buffer;  // not value-initialised: the bytes are read over
        start_ = searched_ = filled_ = 0;
    }
    *size = Buffer::size - filled_;
    return buffer_->bytes + filled_;
}

// Moves bytes from the start of what is free into the line.
void LineCutter::take(size_t size) {
    if (!line_) {
        zcn_unit *unit = nullptr;
        if (zcn_unit_create(&unit, pool_) != ZCN_OK) throw Failure("out of memory", ZCN_ENOMEM);
        line_.reset(unit);
    }
    if (size == 0) return;
    if (size > largest_ - zcn_unit_size(line_.get()))
        throw Failure("a line is longer than the framing can carry", ZCN_EFRAME_TOO_LARGE);
    buffer_->references.fetch_add(1, std::memory_order_relaxed);
    const zcn_status status = zcn_unit_append_ref(line_.get(), buffer_->bytes + start_, size, release, buffer_);
    if (status != ZCN_OK) {
        drop(buffer_);
        throw Failure("a line cannot be sent: " + status_line(status), status);
    }
    start_ += size;
}

Owned<zcn_unit> LineCutter::cut() {
    if (searched_ == filled_) return nullptr;
    const void *newline = std::memchr(buffer_->bytes + searched_, '\n', filled_ - searched_);
    if (newline == nullptr) {
        searched_ = filled_;
        return nullptr;
    }
    const auto end = static_cast<size_t>(static_cast<const char *>(newline) - buffer_->bytes);
    take(end - start_);
    start_ = searched_ = end + 1;
    return std::move(line_);
}

Owned<zcn_unit> LineCutter::rest() {
    if (start_ < filled_) take(filled_ - start_);
    searched_ = filled_;
    return std::move(line_);
}

}  // namespace tool
