// SPDX-License-Identifier: MIT
// The library's handles with an owner that releases them.
#pragma once

#include <zcnet/zcnet.h>

#include <memory>

namespace tool {

struct Release {
    void operator()(zcn_pool *pool) const { zcn_pool_release(pool); }
    void operator()(zcn_framing *framing) const { zcn_framing_release(framing); }
    void operator()(zcn_loop *loop) const { zcn_loop_release(loop); }
    void operator()(zcn_listener *listener) const { zcn_listener_release(listener); }
    void operator()(zcn_unit *unit) const { zcn_unit_release(unit); }
    void operator()(zcn_file *file) const { zcn_file_release(file); }
};

template <class Handle>
using Owned = std::unique_ptr<Handle, Release>;

}  // namespace tool
