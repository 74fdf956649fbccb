// SPDX-License-Identifier: MIT
// Receives from the first connection and sends each message on to all others.
#include <vector>

#include "../harness/meter.h"
#include "zcnet_bench.h"

namespace bench::zcnet {

namespace {

class Forwarder {
  public:
    explicit Forwarder(const Run &run) : run_(run), loop_(run) {}

    Loop &loop() { return loop_; }
    bool ready() const { return receivers_.size() == run_.connections; }

    // False when all connections have ended.
    bool turn(std::uint64_t &seen) {
        for (const zcn_event &event : loop_.poll()) {
            if (event.type == ZCN_EVENT_ACCEPTED) accept(event.conn);
            if (event.type == ZCN_EVENT_MESSAGE) {
                ++seen;
                for (zcn_conn *receiver : receivers_) check(zcn_conn_forward(receiver, event.msg), "zcn_conn_forward");
            }
            if (event.type == ZCN_EVENT_CLOSED) ended(event.conn);
        }
        return open_ > 0;
    }

  private:
    void accept(zcn_conn *conn) {
        ++open_;
        if (source_ == nullptr) {
            source_ = conn;
        } else {
            receivers_.push_back(conn);
        }
    }

    void ended(zcn_conn *conn) {
        --open_;
        if (conn != source_) return;
        for (zcn_conn *receiver : receivers_) check(zcn_conn_close(receiver), "zcn_conn_close");
    }

    const Run &run_;
    Loop loop_;
    zcn_conn *source_ = nullptr;
    std::vector<zcn_conn *> receivers_;
    std::size_t open_ = 0;
};

}  // namespace

void forward_server(const Run &run, Link &link, Report &report) {
    Forwarder forwarder(run);
    link.tell(forwarder.loop().listen(run));
    std::uint64_t seen = 0;
    while (!forwarder.ready()) forwarder.turn(seen);
    link.tell("ready");
    Meter meter;
    while (forwarder.turn(seen)) {
        if (!meter.started() && seen >= run.warm) meter.start(seen);
    }
    meter.stop(seen, report);
    forwarder.loop().report(report);
}

}  // namespace bench::zcnet
