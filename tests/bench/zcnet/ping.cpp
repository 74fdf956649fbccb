// SPDX-License-Identifier: MIT
// Modes: `wait` sleeps until something comes; `spin` tells the loop to spin before it sleeps.
#include "../harness/frame.h"
#include "../harness/round_trips.h"
#include "zcnet_bench.h"

namespace bench::zcnet {

void ping_server(const Run &run, Link &link, Report &report) {
    Loop loop(run);
    link.tell(loop.listen(run));
    Meter meter;
    std::uint64_t seen = 0;
    for (bool open = true; open;) {
        for (const zcn_event &event : loop.poll()) {
            if (event.type == ZCN_EVENT_CLOSED) open = false;
            if (event.type != ZCN_EVENT_MESSAGE) continue;
            check(zcn_conn_forward(event.conn, event.msg), "zcn_conn_forward");
            meter.at(run, ++seen, report);
        }
    }
}

void ping_client(const Run &run, Link &link, Report &report) {
    Loop loop(run);
    zcn_conn *conn = loop.connect(run, link.hear());
    with_checker(run, [&](auto checker) {
        RoundTrips trips(run);
        Meter meter;
        for (std::uint64_t i = 0; i < run.count; ++i) {
            if (!meter.started() && i >= run.warm) meter.start(i);
            trips.begin();
            zcn_unit *unit;
            void *body;
            check(zcn_unit_alloc(&unit, &body, nullptr, loop.framing(), run.size), "zcn_unit_alloc");
            make_body(static_cast<std::byte *>(body), run.size, i, run.verify);
            if (zcn_conn_send(conn, unit) != ZCN_OK) fail("zcn_conn_send");
            while (checker.seen() == i) {
                for (const zcn_event &event : loop.poll()) {
                    if (event.type == ZCN_EVENT_MESSAGE) checker.message(event.data, event.size);
                }
            }
            trips.end();
        }
        meter.stop(run.count, report);
        trips.finish(report);
        checker.finish(run.count);
    });
}

}  // namespace bench::zcnet
