// SPDX-License-Identifier: MIT
// The boundary: nothing thrown crosses the C API.
#pragma once

#include <new>
#include <type_traits>

#include "zcnet/status.h"

namespace zcnet {

using Status = zcn_status;

// Runs a body that may allocate and turns what it throws into a status. The handlers allocate nothing.
template <class Body>
Status guard(Body &&body) noexcept {
    static_assert(std::is_same_v<decltype(body()), Status>);
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return ZCN_ENOMEM;
    } catch (...) {
        return ZCN_EINTERNAL;
    }
}

}  // namespace zcnet
