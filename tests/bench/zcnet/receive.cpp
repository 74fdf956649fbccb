// SPDX-License-Identifier: MIT
#include "../harness/frame.h"
#include "../harness/meter.h"
#include "../harness/window.h"
#include "zcnet_bench.h"

namespace bench::zcnet {

namespace {

// Calls kept(event) for each message of a flow, after it was checked.
template <typename Kept>
void receive(const Run &run, Link &link, Report &report, Kept &&kept) {
    Loop loop(run);
    link.tell(loop.listen(run));
    with_checker(run, [&](auto checker) {
        Meter meter;
        while (checker.seen() < run.count) {
            if (!meter.started() && checker.seen() >= run.warm) meter.start(checker.seen());
            for (const zcn_event &event : loop.poll()) {
                if (event.type != ZCN_EVENT_MESSAGE) continue;
                checker.message(event.data, event.size);
                kept(event);
            }
        }
        meter.stop(run.count, report);
        checker.finish(run.count);
    });
    loop.report(report);
    link.tell("done");
}

void release(zcn_msg **messages, std::size_t count) {
    if (zcn_msg_release_batch(messages, count) != ZCN_OK) fail("a message was released already");
}

}  // namespace

void flow_server(const Run &run, Link &link, Report &report) {
    receive(run, link, report, [](const zcn_event &) {});
}

void retain_server(const Run &run, Link &link, Report &report) {
    Window<zcn_msg *> window(run, release);
    receive(run, link, report, [&window](const zcn_event &event) {
        zcn_msg *message;
        check(zcn_msg_retain(&message, event.msg), "zcn_msg_retain");
        window.add(message);
    });
}

}  // namespace bench::zcnet
