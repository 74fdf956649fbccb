/* SPDX-License-Identifier: MIT */
/* Sends many small messages to an echo server, a batch at a time, and releases the answers in batches too.
   Usage: batch_client ADDRESS COUNT */
#include <algorithm>
#include <cstring>
#include <iostream>
#include <zcnet/zcnet.hpp>

namespace {

constexpr std::uint64_t batch_size = 256;
constexpr std::size_t kept_size = 1000;

/* Body n is the number n. */
class Questions {
  public:
    Questions(const zcnet::Framing &framing, std::uint64_t total) : framing_(framing), total_(total) {}

    /* Queues units until all are sent or the connection is above high water. */
    void send_some(zcnet::ConnRef conn) {
        while (made_ < total_ || !units_.empty()) {
            if (units_.empty()) refill();
            if (!conn.send(units_)) return;  // those behind are still ours: the next call offers them again
        }
    }

  private:
    void refill() {
        const auto count = static_cast<std::size_t>(std::min(batch_size, total_ - made_));
        units_ = zcnet::UnitBatch(framing_, count, sizeof made_);
        for (std::size_t i = 0; i < count; i++, made_++) std::memcpy(units_.body(i).data(), &made_, sizeof made_);
    }

    zcnet::Framing framing_;
    std::uint64_t total_, made_ = 0;
    zcnet::UnitBatch units_;
};

/* Compares answers, and keeps some of them for a while. */
class Answers {
  public:
    std::uint64_t count = 0, wrong = 0;

    void take(const zcnet::MessageView &message) {
        if (message.size() != sizeof count || std::memcmp(message.data(), &count, sizeof count) != 0) wrong++;
        count++;
        kept_.push_back(message.retain());
        if (kept_.size() == kept_size) zcnet::Message::release(kept_);
    }

  private:
    std::vector<zcnet::Message> kept_;
};

}  // namespace

int main(int argc, char **argv) try {
    const std::uint64_t total = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
    if (total == 0) {
        std::cerr << "usage: batch_client ADDRESS COUNT\n";
        return 2;
    }
    const zcnet::Framing framing("length,width=4,strip=4,max=1M");
    zcnet::Loop loop;
    loop.connect(argv[1], framing);
    Questions questions(framing, total);
    Answers answers;

    for (zcnet::Events events; loop.poll(events);) {
        for (const zcnet::Event event : events) {
            switch (event.type()) {
                case zcnet::EventType::connected:
                case zcnet::EventType::writable:
                    questions.send_some(event.conn());
                    break;
                case zcnet::EventType::message:
                    answers.take(event.message());
                    if (answers.count == total) event.conn().close();
                    break;
                case zcnet::EventType::closed: {
                    const zcn_stats stats = event.conn().stats();
                    std::cout << answers.count << " answers, " << answers.wrong << " wrong, " << stats.write_calls
                              << " writes, " << stats.read_calls << " reads, " << stats.copied_bytes
                              << " bytes copied\n";
                    if (answers.count != total) throw zcnet::Error(event.status());
                    return answers.wrong == 0 ? 0 : 1;
                }
                default:
                    break;
            }
        }
    }
    return 1;
} catch (const std::exception &error) {
    std::cerr << "batch_client: " << error.what() << "\n";
    return 1;
}
