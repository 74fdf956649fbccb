// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

namespace zcnet {

// A flag that is exchanged. A word, since not every processor exchanges single bytes without a library's help
// (riscv64 asks libatomic).
using ExchangedFlag = std::atomic<uint32_t>;

}  // namespace zcnet
