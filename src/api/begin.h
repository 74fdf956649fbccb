// SPDX-License-Identifier: MIT
// How calls begin that make something of a loop.
#pragma once

#include "base/options.h"
#include "net/loop.h"
#include "os/process.h"

namespace zcnet::api {

// The loop is this process's and open; what it said of an earlier failure is gone.
inline Status begin(zcn_loop *loop) noexcept {
    if (!os::in_process(loop->process())) return ZCN_EFORKED;
    loop->error() = Error{};
    return loop->closing() ? loop->error().set(ZCN_ECLOSED, 0, "the loop is closed") : Status{ZCN_OK};
}

// And the caller's options over the defaults, which are zeros. `init` is the function that sets their size, `whose`
// whose options they are.
template <class Options>
Status begin(zcn_loop *loop, Options *chosen, const Options *given, const char *init, const char *whose) noexcept {
    if (const Status status = begin(loop); status != ZCN_OK) return status;
    const Status status = read_options(chosen, given, blank_options<Options>());
    if (!has_size(given))
        return loop->error().set(status, 0, "struct_size is wrong: %s() sets it, and the defaults", init);
    if (status != ZCN_OK) return loop->error().set(status, 0, "an option of the %s is not known", whose);
    return ZCN_OK;
}

}  // namespace zcnet::api
