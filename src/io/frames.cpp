// SPDX-License-Identifier: MIT
#include "io/frames.h"

#include <algorithm>

#include "framing/scan.h"

namespace zcnet::io {

Frames::~Frames() {
    drop_first();
    if (framing_ != nullptr) framing_->release();
}

void Frames::drop_first() noexcept {
    if (first_ != nullptr) first_->release();
    first_ = nullptr;
}

void Frames::start(const zcn_framing *first, const zcn_framing *framing) noexcept {
    framing->retain();
    framing_ = framing;
    if (first != nullptr) first->retain();
    first_ = first;
}

Status Frames::parse(const uint8_t *data, uint64_t size, uint64_t *passed) noexcept {
    const uint8_t *next = data;
    const uint8_t *end = data + size;
    Status status = ZCN_OK;
    while (next != end) {
        if (missing_ != 0) {
            const uint64_t part = std::min(missing_, static_cast<uint64_t>(end - next));
            missing_ -= part;
            next += part;
            continue;
        }
        const bool one = first_ != nullptr;
        const framing::Scan found = framing::scan((one ? first_ : framing_)->rule, next, end, searched_,
                                                  [&](const uint8_t *, uint64_t) noexcept {
                                                      count_++;
                                                      return !one;
                                                  });
        const bool whole = found.next != next;
        next = found.next;
        searched_ = found.searched;
        status = found.status;
        if (status != ZCN_OK) break;
        if (found.need != 0) {
            count_++;
            missing_ = found.need;
        }
        if (one && (whole || missing_ != 0)) {
            drop_first();
        } else if (missing_ == 0) {
            break;  // the header is not complete
        }
    }
    *passed = static_cast<uint64_t>(next - data);
    return status;
}

}  // namespace zcnet::io
