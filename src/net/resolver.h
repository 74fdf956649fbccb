// SPDX-License-Identifier: MIT
// Names that are looked up on a helper thread.
#pragma once

#include "base/inbox.h"
#include "net/address.h"
#include "os/helper.h"

namespace zcnet::net {

// A look-up under way. Whoever asked and the helper hold one reference each.
struct Lookup : os::Task {
    char host[256] = {};
    char port[6] = {};
    // Filled by the helper before done() is called.
    Status status = ZCN_OK;
    Error error;
    Endpoint endpoints[most_endpoints];
    uint32_t count = 0;
    // Called on the helper's thread, once; takes over the helper's reference.
    void (*done)(Lookup *) noexcept = nullptr;
    void *context = nullptr;
};

// ZCN_ESYS when no thread can be started.
Status start_lookup(Lookup *lookup) noexcept;

}  // namespace zcnet::net
