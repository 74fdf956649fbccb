// SPDX-License-Identifier: MIT
// A buffer that bytes are received into and parsed in place; an unfinished frame moves to its start.
#pragma once

#include <cstring>
#include <memory>

#include "frame.h"

namespace bench {

class ReceiveBuffer {
  public:
    ReceiveBuffer(std::size_t capacity, std::size_t frame)
        : capacity_(capacity > 2 * frame ? capacity : 2 * frame), data_(new std::byte[capacity_]) {}

    std::byte *room() { return data_.get() + end_; }
    std::size_t room_size() const { return capacity_ - end_; }

    // Takes size bytes that were put into the room, and gives each complete frame to message(body, size). What was
    // given stays where it is until compact().
    template <typename Message>
    void take(std::size_t size, Message &&message) {
        end_ += size;
        used_ = parse_frames(data_.get(), end_, message);
    }

    void compact() {
        end_ -= used_;
        if (used_ > 0 && end_ > 0) std::memmove(data_.get(), data_.get() + used_, end_);
        used_ = 0;
    }

    template <typename Message>
    void received(std::size_t size, Message &&message) {
        take(size, message);
        compact();
    }

  private:
    std::size_t capacity_;
    std::size_t end_ = 0;
    std::size_t used_ = 0;
    std::unique_ptr<std::byte[]> data_;
};

}  // namespace bench
