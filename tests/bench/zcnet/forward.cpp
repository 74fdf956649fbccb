// SPDX-License-Identifier: MIT
// Receives from the first connection and sends each message on to all others. A receiver that is full gets what it
// missed when it is writable again; until then nothing more is read.
#include <deque>
#include <memory>
#include <vector>

#include "../harness/meter.h"
#include "zcnet_bench.h"

namespace bench::zcnet {

namespace {

struct Receiver {
    zcn_conn *conn;
    std::deque<zcn_msg *> missed;
};

class Forwarder {
  public:
    explicit Forwarder(const Run &run) : run_(run), loop_(run) { receivers_.reserve(run.connections); }

    Loop &loop() { return loop_; }
    bool ready() const { return receivers_.size() == run_.connections; }

    // False when all connections have ended.
    bool turn(std::uint64_t &seen) {
        for (const zcn_event &event : loop_.poll()) {
            if (event.type == ZCN_EVENT_ACCEPTED) accept(event.conn);
            if (event.type == ZCN_EVENT_MESSAGE) {
                ++seen;
                for (Receiver &receiver : receivers_) send(receiver, event.msg);
            }
            if (event.type == ZCN_EVENT_WRITABLE) send_missed(receivers_[event.user]);
            if (event.type == ZCN_EVENT_CLOSED) ended(event.conn);
        }
        return open_ > 0;
    }

  private:
    void accept(zcn_conn *conn) {
        ++open_;
        if (source_ == nullptr) {
            source_ = conn;
            return;
        }
        check(zcn_conn_set_user(conn, receivers_.size()), "zcn_conn_set_user");
        receivers_.push_back({conn, {}});
    }

    void send(Receiver &receiver, const zcn_msg *msg) {
        if (receiver.missed.empty()) {
            zcn_status status = zcn_conn_send_msg(receiver.conn, msg);
            check(status, "zcn_conn_send_msg");
            if (status == ZCN_OK) return;
            if (++lagging_ == 1 && !source_ended_) check(zcn_conn_pause(source_), "zcn_conn_pause");
        }
        zcn_msg *kept;
        check(zcn_msg_retain(&kept, msg), "zcn_msg_retain");
        receiver.missed.push_back(kept);
    }

    void send_missed(Receiver &receiver) {
        if (receiver.missed.empty()) return;
        while (!receiver.missed.empty()) {
            zcn_msg *msg = receiver.missed.front();
            zcn_status status = zcn_conn_send_msg(receiver.conn, msg);
            check(status, "zcn_conn_send_msg");
            if (status == ZCN_AGAIN) return;
            check(zcn_msg_release(msg), "zcn_msg_release");
            receiver.missed.pop_front();
        }
        if (--lagging_ > 0) return;
        if (source_ended_) {
            close_all();
        } else {
            check(zcn_conn_resume(source_), "zcn_conn_resume");
        }
    }

    void ended(zcn_conn *conn) {
        --open_;
        if (conn != source_) return;
        source_ended_ = true;
        if (lagging_ == 0) close_all();
    }

    void close_all() {
        for (Receiver &receiver : receivers_) check(zcn_conn_close(receiver.conn), "zcn_conn_close");
    }

    const Run &run_;
    Loop loop_;
    zcn_conn *source_ = nullptr;
    bool source_ended_ = false;
    std::vector<Receiver> receivers_;
    std::size_t open_ = 0;
    std::size_t lagging_ = 0;  // receivers that missed something
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
