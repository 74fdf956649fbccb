/* SPDX-License-Identifier: MIT */
/* Requests and answers with many in flight, each with a deadline of its own. The first eight bytes of a body are an id,
   which the library gives and finds again; a server answers with the same id, in any order. An echo server is such a
   server.
   Usage: request ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS] */
#include <iostream>
#include <string>
#include <zcnet/zcnet.hpp>

namespace {

constexpr std::size_t id_width = 8;

/* A question and its answer, behind the place of the id. */
std::string question(std::uint64_t number) { return std::string(id_width, 0) + "question " + std::to_string(number); }

class Client {
  public:
    Client(const char *address, std::uint64_t count, std::uint64_t in_flight, std::chrono::milliseconds timeout)
        : count_(count), in_flight_(in_flight), timeout_(timeout) {
        zcnet::ConnOptions options;
        options.id_width = id_width;
        conn_ = loop_.connect(address, zcnet::Framing("length,width=4,strip=4,max=1M"), options).retain();
    }

    /* True when all were answered. */
    bool run() {
        for (zcnet::Events events; loop_.poll(events);) {
            for (const zcnet::Event event : events) handle(event);
        }
        failed_ += count_ - asked_;
        std::cout << answered_ << " answered, " << late_ << " late, " << failed_ << " failed\n";
        return answered_ == count_;
    }

  private:
    void handle(const zcnet::Event &event) {
        switch (event.type()) {
            case zcnet::EventType::message:
                if (event.token() == 0) return;  // too late: it was counted
                (event.text().substr(id_width) == question(event.token()).substr(id_width) ? answered_ : failed_)++;
                waiting_--;
                break;
            case zcnet::EventType::unanswered:
                (event.status() == ZCN_ETIMEDOUT ? late_ : failed_)++;
                waiting_--;
                break;
            case zcnet::EventType::closed:
                if (event.status() != ZCN_OK) std::cerr << "request: " << event.status_text() << "\n";
                loop_.close();
                return;
            case zcnet::EventType::connected:
            case zcnet::EventType::writable:
                break;
            default:
                return;
        }
        while (waiting_ < in_flight_ && asked_ < count_ && ask()) {
        }
        if (waiting_ == 0 && asked_ == count_) conn_.close();
    }

    /* False when the connection takes no more: writable follows, or closed. */
    bool ask() {
        const zcn_status status = conn_.try_request(question(asked_ + 1), asked_ + 1, timeout_);
        if (status == ZCN_AGAIN || status == ZCN_ECLOSED) return false;
        if (status != ZCN_OK) throw zcnet::Error(status);
        asked_++;
        waiting_++;
        return true;
    }

    zcnet::Loop loop_;
    zcnet::Conn conn_;
    std::uint64_t count_, in_flight_, asked_ = 0, waiting_ = 0, answered_ = 0, late_ = 0, failed_ = 0;
    std::chrono::milliseconds timeout_;
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
