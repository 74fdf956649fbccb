// SPDX-License-Identifier: MIT
// Follows the frames of a flow whose bodies are not looked at: parses headers, and knows how much of the present frame
// is still to come.
#pragma once

#include <cstdint>

#include "framing/framing.h"

namespace zcnet::io {

class Frames {
  public:
    Frames() noexcept = default;
    ~Frames();
    Frames(const Frames &) = delete;
    Frames &operator=(const Frames &) = delete;

    // first: of the first frame alone, or nullptr. Takes references.
    void start(const zcn_framing *first, const zcn_framing *framing) noexcept;
    [[nodiscard]] bool active() const noexcept { return framing_ != nullptr; }

    // Bytes of the present frame that are still to come, and may pass unseen.
    [[nodiscard]] uint64_t missing() const noexcept { return missing_; }
    void pass(uint64_t size) noexcept { missing_ -= size; }

    // How many of the bytes at data belong to frames whose headers are complete; ZCN_EFRAME_*: they are wrong.
    Status parse(const uint8_t *data, uint64_t size, uint64_t *passed) noexcept;

    [[nodiscard]] uint64_t count() const noexcept { return count_; }

  private:
    void drop_first() noexcept;

    const zcn_framing *framing_ = nullptr;
    const zcn_framing *first_ = nullptr;
    uint64_t missing_ = 0;
    uint64_t searched_ = 0;  // bytes of the incomplete frame that were looked at
    uint64_t count_ = 0;
};

}  // namespace zcnet::io
