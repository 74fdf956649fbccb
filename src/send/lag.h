// SPDX-License-Identifier: MIT
// What becomes of messages for a receiver that lags behind.
#pragma once

#include <cstdint>

namespace zcnet::send {

// The values of ZCN_LAG_*.
enum class Lag : uint8_t { refuse, drop_newest, drop_oldest, keep_latest, disconnect };

struct Dropped {
    uint64_t messages = 0;
    uint64_t bytes = 0;  // of their frames

    void count(uint64_t frame) noexcept {
        messages++;
        bytes += frame;
    }
};

}  // namespace zcnet::send
