// SPDX-License-Identifier: MIT
// zcnet recv
#include <optional>

#include "keeper.h"
#include "recorder.h"
#include "service.h"
#include "text.h"
#include "verbs.h"
#include "verifier.h"

namespace tool {
namespace {

struct ReceiverOptions {
    ServiceOptions service;
    std::string frames;
    std::string sizes;
    std::string verify;
    uint64_t keep = 0;
    uint64_t expect = 0;
};

class Receiver final : public Service {
  public:
    explicit Receiver(ReceiverOptions options)
        : Service(options.service),
          options_(std::move(options)),
          recorder_(options_.frames, options_.sizes),
          keeper_(options_.keep) {
        if (!options_.verify.empty()) verifier_.emplace(options_.verify);
    }

  private:
    std::unique_ptr<Peer> make_peer(zcn_conn *conn) override { return std::make_unique<Peer>(conn); }

    void on_message(Peer &peer, const zcn_event &event) override {
        if (record_) recorder_.record(event.msg, event.size + hidden_bytes());
        if (options_.keep != 0) keeper_.keep(event.msg);
        std::string why;
        if (verifier_ && !verifier_->equal(peer.messages - 1, event.data, event.size, &why)) {
            fail(why);
            peer.refused = true;
            zcn_conn_abort(event.conn);
        }
    }

    void on_closed(Peer &peer, zcn_status status) override {
        if (record_) recorder_.flush();
        if (!verifier_ || status != ZCN_EOF) return;
        const uint64_t files = verifier_->file_count();
        if (peer.messages == 0 || peer.messages % files != 0)
            fail(format("connection %s ended after %s of %s", grouped(peer.number).c_str(),
                        counted(peer.messages % files, "file").c_str(), grouped(files).c_str()));
    }

    void on_end() override {
        const zcn_status status = keeper_.finish();
        if (status != ZCN_OK) fail("a kept message could not be released: " + status_line(status));
        if (messages() < options_.expect)
            fail(format("%s came, %s were expected", counted(messages(), "message").c_str(),
                        grouped(options_.expect).c_str()));
    }

    ReceiverOptions options_;
    Recorder recorder_;
    Keeper keeper_;
    std::optional<Verifier> verifier_;
    const bool record_ = !options_.frames.empty() || !options_.sizes.empty();
};

}  // namespace

int run_recv(int count, char **words) {
    ReceiverOptions options;
    Arguments arguments("recv", "ADDR --framing TEXT [OPTIONS]",
                        "Receives messages. Listens on ADDR (port 0 takes a free one) and prints the bound address as\n"
                        "the first line; then one line for each connection when it has ended.\n");
    options.service.declare(&arguments);
    arguments.text("frames", "FILE", "write the whole frames to FILE, as they stood on the wire", &options.frames);
    arguments.text("sizes", "FILE", "write the sizes of the frames to FILE, one a line", &options.sizes);
    arguments.number("keep", "N", "retain the last N messages; a second thread releases older ones", &options.keep, 1,
                     UINT64_MAX);
    arguments.text("verify", "DIR",
                   "compare the messages of each connection with the files\n"
                   "under DIR, in the order in which zcnet send DIR sends them",
                   &options.verify);
    arguments.number("expect", "N", "fail when fewer than N messages came", &options.expect, 1, UINT64_MAX);
    if (!arguments.parse(count, words, 1, 1)) return 0;
    if (!arguments.given("framing")) arguments.wrong("--framing is missing");
    options.service.address = arguments.positionals()[0];
    options.service.expected = options.expect;
    return Receiver(std::move(options)).run();
}

}  // namespace tool
