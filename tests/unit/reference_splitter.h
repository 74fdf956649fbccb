// SPDX-License-Identifier: MIT
// A second opinion on where frames end: one byte at a time, in 128-bit arithmetic, without a thought of speed.
// It shares no code with the library and takes the options, not the rule that the library makes of them.
#pragma once

#include <zcnet/framing.h>

#include <cstdint>
#include <vector>

namespace reference {

__extension__ typedef __int128 Wide;

class Splitter {
  public:
    explicit Splitter(const zcn_framing_options &options) : options_(options) {}

    // Takes the next byte. True when it completes a frame, whose size is then frame_size().
    bool push(uint8_t byte) {
        if (status_ != ZCN_OK) return false;
        if (current_.empty()) total_ = 0;
        current_.push_back(byte);
        switch (options_.kind) {
            case ZCN_FRAMING_LENGTH:
                look_at_length();
                break;
            case ZCN_FRAMING_VARINT:
                look_at_varint();
                break;
            case ZCN_FRAMING_DELIMITER:
                look_at_delimiter();
                break;
            case ZCN_FRAMING_CUSTOM:
                look_at_custom();
                break;
            default:
                total_ = options_.fixed;
                break;
        }
        if (status_ != ZCN_OK || total_ == 0 || current_.size() != total_) return false;
        frame_size_ = current_.size();
        current_.clear();
        total_ = 0;
        return true;
    }

    uint64_t frame_size() const { return frame_size_; }
    // The size of the frame that has begun, once its header tells, else 0.
    uint64_t announced() const { return total_; }
    zcn_status status() const { return status_; }

  private:
    void take_total(Wide header, Wide total) {
        if (total < header)
            status_ = ZCN_EFRAME_UNDERFLOW;
        else if (total > Wide{options_.max})
            status_ = ZCN_EFRAME_TOO_LARGE;
        else if (total < Wide{options_.strip})
            status_ = ZCN_EFRAME_STRIP;
        else
            total_ = static_cast<uint64_t>(total);
    }

    void look_at_length() {
        const uint64_t header = options_.offset + options_.width;
        if (current_.size() != header) return;
        Wide value = 0;
        for (uint32_t i = 0; i < options_.width; i++) {
            const uint64_t index = options_.little_endian ? header - 1 - i : options_.offset + i;
            value = value * 256 + current_[index];
        }
        take_total(header, Wide{header} + options_.adjust + value);
    }

    void look_at_varint() {
        if (total_ != 0 || current_.size() <= options_.offset) return;
        const uint64_t bytes = current_.size() - options_.offset;
        const uint8_t newest = current_.back();
        if (newest >= 128) {
            if (bytes == options_.max_varint) status_ = ZCN_EFRAME_VARINT;
            // A tenth byte of 128 and more also has groups behind it, and 70 bits do not fit.
            return;
        }
        Wide value = 0;
        for (uint64_t i = bytes; i-- > 0;) value = value * 128 + current_[options_.offset + i] % 128;
        if (value > Wide{UINT64_MAX})
            status_ = ZCN_EFRAME_VARINT;
        else
            take_total(current_.size(), Wide{current_.size()} + options_.adjust + value);
    }

    void look_at_delimiter() {
        const auto *delimiter = static_cast<const uint8_t *>(options_.delimiter);
        const uint64_t size = options_.delimiter_size;
        // How many bytes have to follow, at least, for the delimiter to be complete.
        uint64_t missing = 0;
        for (; missing < size; missing++) {
            const uint64_t there = size - missing;
            if (there > current_.size()) continue;
            bool equal = true;
            for (uint64_t i = 0; i < there; i++) equal = equal && current_[current_.size() - there + i] == delimiter[i];
            if (equal) break;
        }
        if (current_.size() + missing > options_.max)
            status_ = ZCN_EFRAME_TOO_LARGE;
        else if (missing == 0)
            total_ = current_.size();
    }

    void look_at_custom() {
        if (total_ != 0) return;
        uint64_t size = 0;
        const zcn_status answer = options_.measure(options_.measure_context, current_.data(), current_.size(), &size);
        if (answer == ZCN_AGAIN) {
            if (current_.size() == options_.max) status_ = ZCN_EFRAME_TOO_LARGE;
        } else if (answer != ZCN_OK) {
            status_ = ZCN_EFRAME_MEASURE;
        } else {
            take_total(1, Wide{size});
        }
    }

    zcn_framing_options options_;
    std::vector<uint8_t> current_;
    uint64_t total_ = 0;
    uint64_t frame_size_ = 0;
    zcn_status status_ = ZCN_OK;
};

// What a whole stream comes to.
struct Outcome {
    std::vector<uint64_t> ends;       // position behind each frame
    std::vector<uint64_t> announced;  // [n]: after n bytes, the size of the frame that has begun, if its header tells
    zcn_status status = ZCN_OK;
    uint64_t proven = 0;  // how many bytes prove the error
};

inline Outcome split(const zcn_framing_options &options, const std::vector<uint8_t> &stream) {
    Outcome outcome;
    Splitter splitter(options);
    outcome.announced.push_back(0);
    for (uint64_t at = 0; at < stream.size(); at++) {
        if (splitter.push(stream[at])) outcome.ends.push_back(at + 1);
        if (splitter.status() != ZCN_OK && outcome.status == ZCN_OK) {
            outcome.status = splitter.status();
            outcome.proven = at + 1;
        }
        outcome.announced.push_back(splitter.status() == ZCN_OK ? splitter.announced() : 0);
    }
    return outcome;
}

}  // namespace reference
