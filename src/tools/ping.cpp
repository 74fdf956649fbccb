// SPDX-License-Identifier: MIT
// zcnet ping
#include <algorithm>
#include <cstring>
#include <vector>

#include "arguments.h"
#include "endpoint.h"
#include "framing_words.h"
#include "interrupt.h"
#include "json.h"
#include "progress.h"
#include "text.h"
#include "verbs.h"

namespace tool {
namespace {

constexpr int64_t farewell_ns = 5 * second_ns;
constexpr uint64_t largest_size = uint64_t{1} << 40;

struct PingOptions {
    std::string address;
    std::string framing = "length,width=4,strip=4,max=1G";
    uint64_t size = 64;
    uint64_t count = 10'000;
    uint64_t spin_us = 0;
    uint64_t timeout_s = 10;
    bool json = false;
};

class Pinger {
  public:
    explicit Pinger(const PingOptions &options)
        : options_(options),
          framing_(parse_framing(options.framing)),
          rule_(framing_options(framing_.get())),
          loop_(create_loop(nullptr, options.spin_us)),
          progress_(!options.json, "pinging", 0, options.count) {}

    int run();

  private:
    void prepare();
    void stamp(uint64_t number);
    void send();
    void poll_once();
    void take(const zcn_event &event);
    void compare(const void *data, uint64_t size);
    void ended(const zcn_event &event);
    void measure(const Interrupt &interrupt);
    void close();
    void print();

    const PingOptions options_;
    Owned<zcn_framing> framing_;
    const zcn_framing_options rule_;
    Owned<zcn_loop> loop_;
    Progress progress_;

    zcn_conn *conn_ = nullptr;
    bool connected_ = false;
    std::string letters_;  // what bodies are made of: none of the delimiter, which may not stand in them
    std::vector<char> body_;
    uint64_t head_ = 0;  // bytes of a frame around the body
    uint64_t tail_ = 0;
    uint64_t answered_ = 0;  // bytes of the answer that have come
    bool complete_ = false;
    bool closing_ = false;
    bool closed_ = false;
    int64_t deadline_ = 0;
    std::vector<int64_t> times_;
};

void Pinger::prepare() {
    if (rule_.kind == ZCN_FRAMING_RAW && options_.size == 0) throw Failure("a raw stream has no empty messages");
    const zcn_status status = zcn_framing_overhead(framing_.get(), options_.size, &head_, &tail_);
    if (status != ZCN_OK)
        throw Failure(format("the framing cannot carry a body of %s: %s", counted(options_.size, "byte").c_str(),
                             zcn_status_text(status)));
    for (char letter = '!'; letter <= '~'; letter++)
        if (rule_.delimiter_size == 0 || std::memchr(rule_.delimiter, letter, rule_.delimiter_size) == nullptr)
            letters_ += letter;
    body_.resize(options_.size);
    // Each turn of the letters starts one further, so that a block which comes twice or not at all is seen.
    for (size_t i = 0; i < body_.size(); i++) body_[i] = letters_[(i + i / letters_.size()) % letters_.size()];
}

// Makes each body another one, so that an old answer is not taken for a new one.
void Pinger::stamp(uint64_t number) {
    for (size_t i = 0; i < std::min<size_t>(8, body_.size()); i++, number /= letters_.size())
        body_[i] = letters_[number % letters_.size()];
}

void Pinger::send() {
    zcn_unit *unit = nullptr;
    zcn_status status = zcn_unit_create(&unit, nullptr);
    // The body is not written again before its answer has come, so it can be sent from where it lies.
    if (status == ZCN_OK && !body_.empty())
        status = zcn_unit_append_ref(
            unit, body_.data(), body_.size(), [](void *, const void *, uint64_t) {}, nullptr);
    if (status == ZCN_OK) status = zcn_conn_send(conn_, unit);
    if (status == ZCN_OK) return;
    zcn_unit_release(unit);
    if (status != ZCN_ECLOSED) throw Failure("a ping cannot be sent: " + status_line(status));
}

void Pinger::compare(const void *data, uint64_t size) {
    const bool fits = size <= body_.size() - answered_;
    if (!fits || (size != 0 && std::memcmp(data, body_.data() + answered_, size) != 0))
        throw Failure("answer " + grouped(times_.size() + 1) + " is not what was sent");
    answered_ += size;
    complete_ = answered_ == body_.size();
}

void Pinger::take(const zcn_event &event) {
    if (complete_) throw Failure("more came back than was sent");
    if (rule_.kind == ZCN_FRAMING_RAW) return compare(event.data, event.size);
    const void *frame = nullptr;
    uint64_t size = 0;
    const zcn_status status = zcn_msg_frame(event.msg, &frame, &size);
    if (status != ZCN_OK) throw Failure("an answer cannot be read: " + status_line(status));
    if (size != head_ + body_.size() + tail_)
        throw Failure(format("answer %s has a frame of %s, not of %s", grouped(times_.size() + 1).c_str(),
                             counted(size, "byte").c_str(), grouped(head_ + body_.size() + tail_).c_str()));
    compare(static_cast<const char *>(frame) + head_, body_.size());
}

void Pinger::ended(const zcn_event &event) {
    closed_ = true;
    if (closing_) return;
    zcn_error error{};
    error.struct_size = sizeof error;
    const bool known = zcn_conn_get_error(event.conn, &error) == ZCN_OK && error.text[0] != '\0';
    const std::string reason = known ? error.text : zcn_status_text(event.status);
    if (!connected_) throw Failure("cannot connect to " + options_.address + ": " + reason);
    throw Failure(
        format("the connection ended after %s: %s", counted(times_.size(), "answer").c_str(), reason.c_str()));
}

// In order, so that the echo does not see a reset.
void Pinger::close() {
    if (closed_) return;
    progress_.clear();
    closing_ = true;
    zcn_conn_close(conn_);
    deadline_ = now_ns() + farewell_ns;
    while (!closed_ && now_ns() < deadline_) poll_once();
}

void Pinger::poll_once() {
    const int64_t left = std::max<int64_t>(0, deadline_ - now_ns());
    if (left == 0 && !closing_)
        throw Failure(connected_ ? format("no answer to ping %s within %s", grouped(times_.size() + 1).c_str(),
                                          counted(options_.timeout_s, "second").c_str())
                                 : "no connection to " + options_.address + " within " +
                                       counted(options_.timeout_s, "second"));
    const zcn_event *events = nullptr;
    size_t count = 0;
    const zcn_status status = zcn_loop_poll(loop_.get(), left, &events, &count, nullptr);
    if (status != ZCN_OK) throw Failure("the event loop failed: " + status_line(status));
    for (size_t i = 0; i < count; i++) {
        if (events[i].type == ZCN_EVENT_CONNECTED) connected_ = true;
        if (events[i].type == ZCN_EVENT_MESSAGE && !closing_) take(events[i]);
        if (events[i].type == ZCN_EVENT_CLOSED) ended(events[i]);
    }
}

void Pinger::measure(const Interrupt &interrupt) {
    const int64_t patience = static_cast<int64_t>(options_.timeout_s) * second_ns;
    deadline_ = now_ns() + patience;
    while (!connected_ && !interrupt.raised()) poll_once();
    for (uint64_t i = 0; i < options_.count && !interrupt.raised(); i++) {
        stamp(i);
        answered_ = 0;
        complete_ = false;
        const int64_t start = now_ns();
        deadline_ = start + patience;
        send();
        while (!complete_ && !interrupt.raised()) poll_once();
        if (!complete_) break;
        times_.push_back(now_ns() - start);
        if (i % 64 == 0) progress_.update(times_.size(), times_.size() * options_.size);
    }
    progress_.clear();
}

int Pinger::run() {
    prepare();
    const Interrupt interrupt(loop_.get());
    conn_ = open_connection(loop_.get(), options_.address, framing_.get(), connection_options());
    try {
        measure(interrupt);
    } catch (const Failure &) {
        close();
        throw;
    }
    close();
    if (!times_.empty()) print();
    if (times_.size() == options_.count) return 0;
    complain("interrupted");
    return 1;
}

void Pinger::print() {
    std::ranges::sort(times_);
    // The smallest time that at least so many per cent of all do not exceed.
    const auto percentile_us = [this](uint64_t percent) {
        const uint64_t rank = (times_.size() * percent + 99) / 100;
        return static_cast<double>(times_[rank == 0 ? 0 : rank - 1]) / 1000;
    };
    const std::pair<const char *, double> figures[] = {{"min", percentile_us(0)},
                                                       {"p50", percentile_us(50)},
                                                       {"p90", percentile_us(90)},
                                                       {"p99", percentile_us(99)},
                                                       {"max", percentile_us(100)}};
    if (options_.json) {
        Json json;
        json.text("address", options_.address).number("size", options_.size).number("count", times_.size());
        for (const auto &[name, value] : figures) json.decimal(std::string(name) + "_us", value);
        print_line(json.line());
        return;
    }
    print_line(format("%s of %s to %s; every answer was equal", counted(times_.size(), "ping").c_str(),
                      counted(options_.size, "byte").c_str(), options_.address.c_str()));
    for (const auto &[name, value] : figures) print_line(format("  %-4s %10.1f us", name, value));
}

}  // namespace

int run_ping(int count, char **words) {
    PingOptions options;
    Arguments arguments(
        "ping", "ADDR [OPTIONS]",
        "Sends messages to an echo (zcnet echo), one after the other, compares each answer with what was\n"
        "sent, and prints percentiles of the round trips.\n");
    arguments.size("size", "N", "bytes of a body (64)", &options.size);
    arguments.number("count", "N", "round trips (10,000)", &options.count, 1, uint64_t{1} << 32);
    arguments.text("framing", "TEXT", "as the echo has it (length,width=4,strip=4,max=1G)", &options.framing);
    arguments.number("spin", "US", "microseconds to spin before sleeping", &options.spin_us, 0, 1'000'000'000);
    arguments.number("timeout", "S", "seconds to wait for an answer (10)", &options.timeout_s, 1, 1'000'000);
    arguments.flag("json", "print JSON", &options.json);
    if (!arguments.parse(count, words, 1, 1)) return 0;
    if (options.size > largest_size) arguments.wrong("--size is too large");
    options.address = arguments.positionals()[0];
    return Pinger(options).run();
}

}  // namespace tool
