// SPDX-License-Identifier: MIT
// Modes: `unit` allocates and sends one unit after the other; `batch` many by a call; `reserve` writes bodies straight
// into the connection's queue. With `-spin` both loops are told to spin before they sleep;
// with `-zero-copy` the kernel is asked not to copy pieces of 16 KiB and more.
#include <algorithm>
#include <vector>

#include "../harness/frame.h"
#include "../harness/meter.h"
#include "zcnet_bench.h"

namespace bench::zcnet {

namespace {

class Sender {
  public:
    Sender(const Run &run, const std::string &address) : run_(run), loop_(run), conn_(loop_.connect(run, address)) {
        await(ZCN_EVENT_CONNECTED);
    }

    void one_by_one() {
        while (sent_ < run_.count) {
            warm();
            zcn_unit *unit;
            void *body;
            check(zcn_unit_alloc(&unit, &body, nullptr, loop_.framing(), run_.size), "zcn_unit_alloc");
            make_body(static_cast<std::byte *>(body), run_.size, sent_++, run_.verify);
            while (unsent(zcn_conn_send(conn_, unit), "zcn_conn_send")) await(ZCN_EVENT_WRITABLE);
        }
    }

    void in_batches() {
        std::size_t most = std::clamp<std::size_t>((64U << 10) / (header_size + run_.size), 1, 1024);
        std::vector<zcn_unit *> units(most);
        std::vector<void *> bodies(most);
        while (sent_ < run_.count) {
            warm();
            std::size_t count = std::min<std::size_t>(most, run_.count - sent_);
            check(zcn_unit_alloc_batch(units.data(), bodies.data(), count, nullptr, loop_.framing(), run_.size),
                  "zcn_unit_alloc_batch");
            for (std::size_t i = 0; i < count; ++i)
                make_body(static_cast<std::byte *>(bodies[i]), run_.size, sent_++, run_.verify);
            std::size_t done = 0;
            while (done < count) {
                std::size_t taken = 0;
                bool again = unsent(zcn_conn_send_batch(conn_, units.data() + done, count - done, &taken),
                                    "zcn_conn_send_batch");
                done += taken;
                if (again) await(ZCN_EVENT_WRITABLE);
            }
        }
    }

    void in_place() {
        while (sent_ < run_.count) {
            warm();
            void *body;
            std::uint64_t room;
            if (unsent(zcn_conn_reserve(conn_, &body, &room, run_.size), "zcn_conn_reserve")) {
                await(ZCN_EVENT_WRITABLE);
                continue;
            }
            while (body != nullptr && room >= run_.size && sent_ < run_.count) {
                make_body(static_cast<std::byte *>(body), run_.size, sent_++, run_.verify);
                check(zcn_conn_commit(conn_, run_.size, &body, &room), "zcn_conn_commit");
            }
        }
    }

    void finish(Report &report) {
        check(zcn_conn_close(conn_), "zcn_conn_close");
        await(ZCN_EVENT_CLOSED);
        meter_.stop(run_.count, report);
        loop_.report(report);
    }

  private:
    void warm() {
        if (!meter_.started() && sent_ >= run_.warm) meter_.start(sent_);
    }

    static bool unsent(zcn_status status, const char *what) {
        check(status, what);
        return status == ZCN_AGAIN;
    }

    void await(std::uint32_t type) {
        for (;;) {
            bool come = false;
            for (const zcn_event &event : loop_.poll()) {
                if (event.type == ZCN_EVENT_CLOSED && type != ZCN_EVENT_CLOSED) fail("the receiver has ended");
                come |= event.type == type;
            }
            if (come) return;
        }
    }

    const Run &run_;
    Loop loop_;
    zcn_conn *conn_;
    std::uint64_t sent_ = 0;
    Meter meter_;
};

}  // namespace

void flow_client(const Run &run, Link &link, Report &report) {
    Sender sender(run, link.hear());
    if (run.mode.starts_with("unit")) sender.one_by_one();
    if (run.mode.starts_with("batch")) sender.in_batches();
    if (run.mode.starts_with("reserve")) sender.in_place();
    sender.finish(report);
    link.hear();
}

}  // namespace bench::zcnet
