// SPDX-License-Identifier: MIT
// zcnet echo
#include <deque>

#include "endpoint.h"
#include "service.h"
#include "text.h"
#include "verbs.h"

namespace tool {
namespace {

// Room for a slow peer to take what is on its way when it has ended its own side.
constexpr uint32_t drain_timeout_ms = 60'000;

struct EchoPeer final : Peer {
    using Peer::Peer;
    ~EchoPeer() override {
        for (zcn_msg *msg : waiting) zcn_msg_release(msg);
    }
    EchoPeer(const EchoPeer &) = delete;
    EchoPeer &operator=(const EchoPeer &) = delete;

    std::deque<zcn_msg *> waiting;  // owned: did not fit into the queue when they came
};

class Echo final : public Service {
  public:
    using Service::Service;

  private:
    void tune(zcn_conn_options &options) override { options.drain_timeout_ms = drain_timeout_ms; }

    std::unique_ptr<Peer> make_peer(zcn_conn *conn) override { return std::make_unique<EchoPeer>(conn); }

    void on_message(Peer &peer, const zcn_event &event) override {
        auto &echo = static_cast<EchoPeer &>(peer);
        if (echo.waiting.empty() && sent(echo, event.msg)) return;
        if (echo.refused) return;
        zcn_msg *own = nullptr;
        const zcn_status status = zcn_msg_retain(&own, event.msg);
        if (status != ZCN_OK) throw Failure("a message cannot be kept: " + status_line(status));
        if (echo.waiting.empty()) zcn_conn_pause(echo.conn);
        echo.waiting.push_back(own);
        waiting_++;
    }

    void on_writable(Peer &peer) override {
        auto &echo = static_cast<EchoPeer &>(peer);
        while (!echo.waiting.empty()) {
            if (!sent(echo, echo.waiting.front())) return;
            zcn_msg_release(echo.waiting.front());
            echo.waiting.pop_front();
            waiting_--;
        }
        zcn_conn_resume(echo.conn);
    }

    void on_closed(Peer &peer, zcn_status) override { waiting_ -= static_cast<EchoPeer &>(peer).waiting.size(); }

    bool busy() const override { return waiting_ != 0; }

    // False: it has to wait for WRITABLE, or the connection is of no use any more.
    bool sent(EchoPeer &peer, const zcn_msg *msg) {
        const zcn_status status = zcn_conn_send_msg(peer.conn, msg);
        if (status == ZCN_OK) return true;
        if (status == ZCN_AGAIN) return false;
        peer.refused = true;
        if (status != ZCN_ECLOSED) {
            fail("a message cannot be sent back: " + status_line(status));
            zcn_conn_abort(peer.conn);
        }
        return false;
    }

    uint64_t waiting_ = 0;  // in all peers
};

}  // namespace

int run_echo(int count, char **words) {
    ServiceOptions options;
    Arguments arguments(
        "echo", "ADDR --framing TEXT [OPTIONS]",
        "Sends each message back as it came, header included, without copying it. A peer that does not\n"
        "read is not read from either.\n\n"
        "Listens on ADDR (port 0 takes a free one) and prints the bound address as the first line; then\n"
        "one line for each connection when it has ended.\n");
    options.declare(&arguments);
    if (!arguments.parse(count, words, 1, 1)) return 0;
    if (!arguments.given("framing")) arguments.wrong("--framing is missing");
    options.address = arguments.positionals()[0];
    return Echo(std::move(options)).run();
}

}  // namespace tool
