// SPDX-License-Identifier: MIT
// What a loop's inbox holds: letters that say what they are about.
#pragma once

#include <cstdint>

#include "base/inbox.h"

namespace zcnet::net {

enum class Message : uint8_t { request, post, lookup, memory, wake, arrival, relay, file, body, room };

struct LoopLetter : Letter {
    explicit LoopLetter(Message what) noexcept : message(what) {}
    Message message;
};

}  // namespace zcnet::net
