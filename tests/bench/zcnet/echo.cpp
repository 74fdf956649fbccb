// SPDX-License-Identifier: MIT
#include "../harness/meter.h"
#include "zcnet_bench.h"

namespace bench::zcnet {

void echo_server(const Run &run, Link &link, Report &report) {
    Loop loop(run);
    link.tell(loop.listen(run));
    Meter meter;
    std::uint64_t seen = 0;
    std::size_t open = 0;
    do {
        for (const zcn_event &event : loop.poll()) {
            if (event.type == ZCN_EVENT_ACCEPTED) ++open;
            if (event.type == ZCN_EVENT_CLOSED) --open;
            if (event.type != ZCN_EVENT_MESSAGE) continue;
            check(zcn_conn_forward(event.conn, event.msg), "zcn_conn_forward");
            ++seen;
        }
        meter.at(run, seen, report);
    } while (open > 0 || seen == 0);
    loop.report(report);
}

}  // namespace bench::zcnet
