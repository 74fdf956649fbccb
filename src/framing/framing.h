// SPDX-License-Identifier: MIT
// The handle behind zcn_framing: a rule that connections share.
#pragma once

#include <atomic>
#include <cstdint>

#include "framing/rule.h"

struct zcn_framing final {
    // A framing with one reference, or nullptr when there is no memory.
    static zcn_framing *make(const zcnet::framing::Rule &rule) noexcept;

    zcn_framing(const zcn_framing &) = delete;
    zcn_framing &operator=(const zcn_framing &) = delete;

    // const, since a framing never changes after it was made: who only reads one may share it.
    void retain() const noexcept {
        // Whoever retains holds a reference already, so nothing has to be made visible here.
        references.fetch_add(1, std::memory_order_relaxed);
    }

    void release() const noexcept {
        // Release: our reads of the rule come before the count. Acquire: the last one sees that all others are done.
        if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
    }

    const zcnet::framing::Rule rule;
    mutable std::atomic<uint32_t> references{1};

  private:
    explicit zcn_framing(const zcnet::framing::Rule &from) noexcept : rule(from) {}
    ~zcn_framing() = default;
    void destroy() const noexcept;
};

namespace zcnet {
using Framing = ::zcn_framing;
}
