// SPDX-License-Identifier: MIT
#include "net/resolver.h"

#include <cerrno>

namespace zcnet::net {

namespace {

void look_up(os::Task *task) noexcept {
    auto *lookup = static_cast<Lookup *>(task);
    lookup->status = resolve(lookup->host, lookup->port, false, lookup->endpoints, &lookup->count, &lookup->error);
    lookup->done(lookup);
}

}  // namespace

Status start_lookup(Lookup *lookup) noexcept {
    lookup->run = look_up;
    const int result = os::start_task(os::HelperFor::names, lookup);
    return result >= 0 ? ZCN_OK : result == -ENOMEM ? ZCN_ENOMEM : ZCN_ESYS;
}

}  // namespace zcnet::net
