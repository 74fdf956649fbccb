/* SPDX-License-Identifier: MIT */
/* Requests and answers with many in flight, matched by a number, each with a deadline of its own. The first eight bytes
   of a body are the number; a server answers with the same number, in any order. An echo server is such a server.
   Usage: request ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS] */
#include <cstring>
#include <iostream>
#include <string>
#include <unordered_map>
#include <zcnet/zcnet.hpp>

namespace {

class Client {
  public:
    Client(const char *address, std::uint64_t count, std::uint64_t in_flight, std::chrono::milliseconds timeout)
        : conn_(loop_.connect(address, framing_)), count_(count), in_flight_(in_flight), timeout_(timeout) {}

    /* True when all were answered. */
    bool run() {
        for (zcnet::Events events; loop_.poll(events);) {
            for (const zcnet::Event event : events) handle(event);
        }
        failed_ += waiting_.size() + count_ - asked_;
        std::cout << answered_ << " answered, " << late_ << " late, " << failed_ << " failed\n";
        return answered_ == count_;
    }

  private:
    void handle(const zcnet::Event &event) {
        switch (event.type()) {
            case zcnet::EventType::message:
                take(event.message());
                break;
            case zcnet::EventType::timer:  // its token is the number of a question
                late_ += waiting_.erase(event.token());
                break;
            case zcnet::EventType::closed:
                if (event.status() != ZCN_OK) std::cerr << "request: " << event.status_text() << "\n";
                ended_ = true;
                loop_.close();
                return;
            case zcnet::EventType::connected:
            case zcnet::EventType::writable:
                break;
            default:
                return;
        }
        if (ended_) return;
        while (waiting_.size() < in_flight_ && asked_ < count_ && ask()) {
        }
        if (waiting_.empty() && asked_ == count_) conn_.close();
    }

    /* False when the connection takes no more: writable follows, or closed. */
    bool ask() {
        const std::uint64_t number = asked_ + 1;
        const std::string question = "question " + std::to_string(number);
        zcnet::Unit unit = zcnet::Unit::alloc(framing_, sizeof number + question.size());
        std::memcpy(unit.body().data(), &number, sizeof number);
        std::memcpy(unit.body().data() + sizeof number, question.data(), question.size());
        const zcn_status status = conn_.try_send(unit);
        if (status == ZCN_AGAIN || status == ZCN_ECLOSED) return false;
        if (status != ZCN_OK) throw zcnet::Error(status);
        loop_.set_timer(number, timeout_);
        waiting_.emplace(number, question);
        asked_ = number;
        return true;
    }

    void take(const zcnet::MessageView &answer) {
        std::uint64_t number;
        if (answer.size() < sizeof number) return;
        std::memcpy(&number, answer.data(), sizeof number);
        const auto found = waiting_.find(number);
        if (found == waiting_.end()) return;  // too late, or never asked
        loop_.cancel_timer(number);
        (answer.text().substr(sizeof number) == found->second ? answered_ : failed_)++;
        waiting_.erase(found);
    }

    const zcnet::Framing framing_{"length,width=4,strip=4,max=1M"};
    zcnet::Loop loop_;
    zcnet::Conn conn_;
    std::uint64_t count_, in_flight_, asked_ = 0, answered_ = 0, late_ = 0, failed_ = 0;
    std::chrono::milliseconds timeout_;
    bool ended_ = false;
    std::unordered_map<std::uint64_t, std::string> waiting_;
};

}  // namespace

int main(int argc, char **argv) try {
    const std::uint64_t count = argc >= 4 ? std::strtoull(argv[2], nullptr, 10) : 0;
    const std::uint64_t in_flight = argc >= 4 ? std::strtoull(argv[3], nullptr, 10) : 0;
    const long timeout = argc == 5 ? std::strtol(argv[4], nullptr, 10) : 30000;
    if (count == 0 || in_flight == 0 || timeout <= 0 || argc > 5) {
        std::cerr << "usage: request ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS]\n";
        return 2;
    }
    return Client(argv[1], count, in_flight, std::chrono::milliseconds(timeout)).run() ? 0 : 1;
} catch (const std::exception &error) {
    std::cerr << "request: " << error.what() << "\n";
    return 1;
}
