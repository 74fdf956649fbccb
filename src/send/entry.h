// SPDX-License-Identifier: MIT
// One thing that is to be sent, with the references on its memory.
#pragma once

#include <cstdint>

#include "memory/thread_memory.h"
#include "send/unit.h"

namespace zcnet::send {

struct Entry {
    // A range that is apart is one message's, and grows no more.
    enum class Kind : uint8_t { range, range_apart, unit, unit_body, bytes };
    static constexpr uint32_t most_bytes = 16;                            // that lie in the entry itself
    static constexpr uint64_t most_references = (uint64_t{1} << 55) - 1;  // what there are bits for

    union {
        Block *block = nullptr;
        zcn_unit *unit;
    };
    union {
        struct {
            const uint8_t *data;
            uint64_t size;
        };
        uint8_t own[most_bytes];
    };
    uint64_t references : 55 = 0;
    uint64_t first : 1 = 1;  // a message begins here
    Kind kind : 8 = Kind::range;

    [[nodiscard]] bool is_unit() const noexcept { return kind == Kind::unit || kind == Kind::unit_body; }
    [[nodiscard]] bool has_token() const noexcept { return is_unit() && unit->has_token(); }
    [[nodiscard]] bool has_source() const noexcept { return is_unit() && unit->has_source(); }

    // Lets the memory go. A unit's release function may run.
    void release() const noexcept {
        if (is_unit()) {
            unit->release();
        } else if (kind != Kind::bytes) {
            memory::release_cut(block, references);
        }
    }
};
static_assert(sizeof(Entry) == 32);

}  // namespace zcnet::send
