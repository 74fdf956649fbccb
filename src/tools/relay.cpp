// SPDX-License-Identifier: MIT
// zcnet relay
#include <fcntl.h>
#include <unistd.h>

#include <iterator>
#include <list>
#include <memory>
#include <string>

#include "arguments.h"
#include "descriptor.h"
#include "endpoint.h"
#include "handles.h"
#include "interrupt.h"
#include "json.h"
#include "poll_events.h"
#include "summary.h"
#include "text.h"
#include "verbs.h"

namespace tool {
namespace {

// How long relays may take to end in order after a signal.
constexpr int64_t stop_within_ns = 3 * second_ns;

struct RelayOptions {
    std::string address;
    std::string target;
    std::string method = "auto";
    std::string tap[2];  // by direction
    std::string tap_policy = "end";
    std::string framing[2];
    std::string first[2];
    uint64_t idle_s = 0;
    uint64_t half_close_s = 0;
    uint64_t block_size = 0;
    bool once = false;
    bool quiet = false;
    bool stats = false;
    std::string stat;  // address
    bool json = false;
    uint32_t method_number = 0;
    uint32_t policy_number = 0;

    void declare(Arguments *arguments);
};

void RelayOptions::declare(Arguments *arguments) {
    arguments->text("method", "M", "auto, splice or copy: how bytes are moved (auto)", &method);
    arguments->text("tap", "FILE", "write what clients send to FILE too", &tap[0]);
    arguments->text("tap-back", "FILE", "write what the target sends to FILE too", &tap[1]);
    arguments->text("tap-policy", "P", "end, skip or wait: what a tap that is too slow does (end)", &tap_policy);
    arguments->text("framing", "TEXT", "count the messages of clients (see zcnet framing --help)", &framing[0]);
    arguments->text("framing-back", "TEXT", "count the messages of the target", &framing[1]);
    arguments->text("first", "TEXT", "framing of a client's first message, where it differs", &first[0]);
    arguments->text("first-back", "TEXT", "framing of the target's first message, where it differs", &first[1]);
    arguments->number("idle", "S", "end a relay after S seconds without a byte", &idle_s, 1, 1'000'000);
    arguments->number("half-close", "S", "the same when one direction has ended", &half_close_s, 1, 1'000'000);
    arguments->size("block-size", "S", "bytes of a memory block, a power of two from 4K to 16M", &block_size);
    arguments->flag("once", "end after the first connection", &once);
    arguments->flag("quiet", "print no line for each connection", &quiet);
    arguments->flag("stats", "print totals at the end", &stats);
    arguments->text("stat", "ADDR", "show the counters at a Unix socket, for zcnet stat", &stat);
    arguments->flag("json", "print JSON, one object a line", &json);
}

// A client, and its connection to the target while they are not joined yet.
struct Pair {
    uint64_t number = 0;
    zcn_conn *client = nullptr;
    zcn_conn *target = nullptr;
    std::list<Pair>::iterator place;
};

void add_up(zcn_relay_flow *sum, const zcn_relay_flow &flow) {
    sum->bytes_out += flow.bytes_out;
    sum->spliced_bytes += flow.spliced_bytes;
    sum->copied_bytes += flow.copied_bytes;
    sum->read_calls += flow.read_calls;
    sum->write_calls += flow.write_calls;
    sum->messages += flow.messages;
    sum->lost_bytes += flow.lost_bytes;
    sum->tapped_bytes += flow.tapped_bytes;
    sum->tap_missed_bytes += flow.tap_missed_bytes;
}

class Relay {
  public:
    explicit Relay(RelayOptions options);
    int run();

  private:
    void open();
    void accept(zcn_conn *conn);
    void join(Pair *pair);
    void add_taps(zcn_relay *relay);
    void conn_closed(const zcn_event &event);
    void relay_ended(const zcn_event &event);
    void print_relay(uint64_t number, const zcn_relay_stats &stats, zcn_status status, const std::string &detail);
    void print_totals();
    void give_up(Pair *pair, zcn_status status, const std::string &why);
    void dispatch(const zcn_event &event);
    bool poll_once(int64_t timeout_ns);
    void stop();

    RelayOptions options_;
    Owned<zcn_framing> raw_;
    Owned<zcn_framing> framing_[2];
    Owned<zcn_framing> first_[2];
    Descriptor tap_[2];
    Owned<zcn_pool> pool_;
    Owned<zcn_loop> loop_;
    Owned<zcn_listener> listener_;
    std::list<Pair> pairs_;
    uint64_t so_far_ = 0;
    uint64_t failed_relays_ = 0;
    zcn_relay_flow total_[2] = {};
    bool stopping_ = false;
    bool failed_ = false;
    bool limit_told_ = false;
};

Relay::Relay(RelayOptions options)
    : options_(std::move(options)),
      raw_(parse_framing("raw")),
      pool_(create_pool(options_.block_size)),
      loop_(create_loop(pool_.get(), 0)) {
    for (int i = 0; i < 2; i++) {
        if (!options_.framing[i].empty()) framing_[i] = parse_framing(options_.framing[i]);
        if (!options_.first[i].empty()) first_[i] = parse_framing(options_.first[i]);
        if (options_.tap[i].empty()) continue;
        tap_[i] =
            Descriptor(::open(options_.tap[i].c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0666));
        if (tap_[i].get() < 0) throw Failure(system_error(options_.tap[i]));
    }
}

void Relay::open() {
    open_stat(loop_.get(), options_.stat);
    zcn_conn_options conn_options = connection_options();
    conn_options.start_paused = 1;
    zcn_listen_options listen_options = listener_options();
    listen_options.conn = &conn_options;
    if (options_.once) listen_options.accepts_per_poll = 1;
    listener_ = open_listener(loop_.get(), options_.address, raw_.get(), listen_options);
    announce(listener_.get(), options_.json);
}

void Relay::accept(zcn_conn *conn) {
    if (stopping_ || (options_.once && so_far_ != 0)) {
        zcn_conn_abort(conn);
        return;
    }
    if (options_.once) zcn_listener_close(listener_.get());
    pairs_.emplace_front();
    Pair *pair = &pairs_.front();
    pair->place = pairs_.begin();
    pair->number = ++so_far_;
    pair->client = conn;
    zcn_conn_options options = connection_options();
    options.start_paused = 1;
    options.user = reinterpret_cast<uintptr_t>(pair);
    zcn_conn_set_user(conn, options.user);
    const zcn_status status = zcn_connect(&pair->target, loop_.get(), options_.target.c_str(), raw_.get(), &options);
    if (status == ZCN_OK) return;
    zcn_error error{};
    error.struct_size = sizeof error;
    if (zcn_loop_get_error(loop_.get(), &error) != ZCN_OK) error = {};
    give_up(pair, status, error_text(error));
}

// The target cannot be reached, or the client has gone before it was.
void Relay::give_up(Pair *pair, zcn_status status, const std::string &why) {
    for (zcn_conn *conn : {pair->client, pair->target}) {
        if (conn == nullptr) continue;
        zcn_conn_set_user(conn, 0);
        zcn_conn_abort(conn);
    }
    print_relay(pair->number, {}, status, why);
    pairs_.erase(pair->place);
}

void Relay::join(Pair *pair) {
    zcn_relay_options options;
    zcn_relay_options_init(&options, sizeof options);
    options.method = options_.method_number;
    options.forward_framing = framing_[0].get();
    options.backward_framing = framing_[1].get();
    options.forward_first = first_[0].get();
    options.backward_first = first_[1].get();
    options.idle_timeout_ms = static_cast<uint32_t>(options_.idle_s * 1000);
    options.half_close_timeout_ms = static_cast<uint32_t>(options_.half_close_s * 1000);
    options.user = reinterpret_cast<uintptr_t>(pair);
    zcn_relay *relay = nullptr;
    const zcn_status status = zcn_relay_conns(&relay, pair->client, pair->target, &options);
    if (status != ZCN_OK) {
        zcn_error error{};
        error.struct_size = sizeof error;
        if (zcn_loop_get_error(loop_.get(), &error) != ZCN_OK) error = {};
        give_up(pair, status, error_text(error));
        return;
    }
    // Their CLOSED events say nothing any more.
    for (zcn_conn *conn : {pair->client, pair->target}) zcn_conn_set_user(conn, 0);
    pair->client = pair->target = nullptr;
    add_taps(relay);
}

// All connections write behind each other: a duplicate has the same place in the file.
void Relay::add_taps(zcn_relay *relay) {
    for (uint32_t i = 0; i < 2; i++) {
        if (tap_[i].get() < 0) continue;
        const int fd = ::fcntl(tap_[i].get(), F_DUPFD_CLOEXEC, 0);
        const zcn_status status = fd < 0 ? ZCN_ESYS : zcn_relay_tap(relay, i, fd, options_.policy_number, 0);
        if (status == ZCN_OK) continue;
        if (fd >= 0) ::close(fd);
        complain("a connection is not tapped: " + std::string(zcn_status_text(status)));
        failed_ = true;
    }
}

void Relay::conn_closed(const zcn_event &event) {
    auto *pair = reinterpret_cast<Pair *>(event.user);
    if (pair == nullptr) return;
    zcn_error error{};
    error.struct_size = sizeof error;
    if (zcn_conn_get_error(event.conn, &error) != ZCN_OK) error = {};
    const bool client = event.conn == pair->client;
    (client ? pair->client : pair->target) = nullptr;
    give_up(pair, event.status, (client ? "the client: " : "the target: ") + error_text(error));
}

void Relay::relay_ended(const zcn_event &event) {
    const auto *relay = static_cast<const zcn_relay *>(event.data);
    auto *pair = reinterpret_cast<Pair *>(event.user);
    zcn_relay_stats stats{};
    stats.struct_size = sizeof stats;
    zcn_error error{};
    error.struct_size = sizeof error;
    if (zcn_relay_get_stats(relay, &stats) != ZCN_OK) stats = {};
    if (zcn_relay_get_error(relay, &error) != ZCN_OK) error = {};
    print_relay(pair->number, stats, event.status, event.status == ZCN_OK ? "closed by this side" : error_text(error));
    pairs_.erase(pair->place);
}

void Relay::print_relay(uint64_t number, const zcn_relay_stats &stats, zcn_status status, const std::string &detail) {
    add_up(&total_[0], stats.forward);
    add_up(&total_[1], stats.backward);
    if (status < 0) failed_relays_++;
    if (options_.once) {
        if (status < 0) failed_ = true;
        stop();
    }
    const zcn_relay_flow *flows[] = {&stats.forward, &stats.backward};
    for (int i = 0; i < 2; i++) {
        const uint64_t missed = flows[i]->tap_missed_bytes;
        if (flows[i]->tap_status == ZCN_OK && missed == 0) continue;
        complain(options_.tap[i] + " lacks " + grouped(missed) + " bytes of connection " + grouped(number) + ": " +
                 (flows[i]->tap_status != ZCN_OK ? zcn_status_text(flows[i]->tap_status) : "it was too slow"));
        // What is skipped is skipped as was asked for.
        if (flows[i]->tap_status != ZCN_OK) failed_ = true;
    }
    if (options_.quiet) return;
    if (options_.json) {
        print_line(Json()
                       .number("connection", number)
                       .number("forward_bytes", stats.forward.bytes_out)
                       .number("backward_bytes", stats.backward.bytes_out)
                       .number("spliced_bytes", stats.forward.spliced_bytes + stats.backward.spliced_bytes)
                       .number("copied_bytes", stats.forward.copied_bytes + stats.backward.copied_bytes)
                       .number("lost_bytes", stats.forward.lost_bytes + stats.backward.lost_bytes)
                       .number("forward_messages", stats.forward.messages)
                       .number("backward_messages", stats.backward.messages)
                       .number("tapped_bytes", stats.forward.tapped_bytes + stats.backward.tapped_bytes)
                       .number("tap_missed_bytes", stats.forward.tap_missed_bytes + stats.backward.tap_missed_bytes)
                       .text("status", zcn_status_name(status))
                       .text("detail", detail)
                       .line());
        return;
    }
    std::string messages;
    if (framing_[0] || framing_[1])
        messages = format("%s forward, %s back, ", counted(stats.forward.messages, "message").c_str(),
                          counted(stats.backward.messages, "message").c_str());
    print_line(format("connection %s: %s%s bytes forward, %s back, %s spliced, %s lost, %s (%s)",
                      grouped(number).c_str(), messages.c_str(), grouped(stats.forward.bytes_out).c_str(),
                      grouped(stats.backward.bytes_out).c_str(),
                      grouped(stats.forward.spliced_bytes + stats.backward.spliced_bytes).c_str(),
                      grouped(stats.forward.lost_bytes + stats.backward.lost_bytes).c_str(), zcn_status_name(status),
                      printable(detail).c_str()));
}

void Relay::print_totals() {
    const zcn_relay_flow &forward = total_[0];
    const zcn_relay_flow &backward = total_[1];
    const uint64_t calls = forward.read_calls + forward.write_calls + backward.read_calls + backward.write_calls;
    if (options_.json) {
        print_line(Json()
                       .number("connections", so_far_)
                       .number("failed", failed_relays_)
                       .number("forward_bytes", forward.bytes_out)
                       .number("backward_bytes", backward.bytes_out)
                       .number("spliced_bytes", forward.spliced_bytes + backward.spliced_bytes)
                       .number("copied_bytes", forward.copied_bytes + backward.copied_bytes)
                       .number("lost_bytes", forward.lost_bytes + backward.lost_bytes)
                       .number("forward_messages", forward.messages)
                       .number("backward_messages", backward.messages)
                       .number("calls", calls)
                       .line());
        return;
    }
    print_line(format("connections  %s (%s failed)", grouped(so_far_).c_str(), grouped(failed_relays_).c_str()));
    print_line(format("forward      %s bytes, %s", grouped(forward.bytes_out).c_str(),
                      counted(forward.messages, "message").c_str()));
    print_line(format("backward     %s bytes, %s", grouped(backward.bytes_out).c_str(),
                      counted(backward.messages, "message").c_str()));
    print_line(format("spliced      %s bytes", grouped(forward.spliced_bytes + backward.spliced_bytes).c_str()));
    print_line(format("copied       %s bytes", grouped(forward.copied_bytes + backward.copied_bytes).c_str()));
    print_line(format("lost         %s bytes", grouped(forward.lost_bytes + backward.lost_bytes).c_str()));
    print_line(format("calls        %s to read and write", grouped(calls).c_str()));
}

void Relay::stop() {
    if (stopping_) return;
    stopping_ = true;
    zcn_loop_close(loop_.get());
}

void Relay::dispatch(const zcn_event &event) {
    switch (event.type) {
        case ZCN_EVENT_ACCEPTED:
            accept(event.conn);
            break;
        case ZCN_EVENT_CONNECTED:
            if (event.user != 0) join(reinterpret_cast<Pair *>(event.user));
            break;
        case ZCN_EVENT_CLOSED:
            conn_closed(event);
            break;
        case ZCN_EVENT_RELAY_ENDED:
            relay_ended(event);
            break;
        case ZCN_EVENT_ACCEPT_LIMITED:
            if (!limit_told_) complain(limited_text(event));
            limit_told_ = true;
            break;
        default:
            break;
    }
}

// False: everything has ended.
bool Relay::poll_once(int64_t timeout_ns) {
    return poll_events(loop_.get(), timeout_ns, [this](const zcn_event &event) { dispatch(event); });
}

int Relay::run() {
    const Interrupt interrupt(loop_.get());
    open();
    int64_t stop_by = INT64_MAX;
    for (int64_t left = -1; poll_once(left);) {
        if (interrupt.raised() && stop_by == INT64_MAX) {
            stop_by = now_ns() + stop_within_ns;
            if (options_.once && !stopping_) {
                complain("interrupted");
                failed_ = true;
            }
            stop();
        }
        if (stop_by != INT64_MAX) left = stop_by - now_ns();
        if (stop_by != INT64_MAX && left <= 0) break;
    }
    if (!pairs_.empty()) {
        complain(counted(pairs_.size(), "connection") + " did not end in order");
        failed_ = true;
    }
    if (options_.stats) print_totals();
    return failed_ ? 1 : 0;
}

}  // namespace

int run_relay(int count, char **words) {
    RelayOptions options;
    Arguments arguments(
        "relay", "LISTEN TARGET [OPTIONS]",
        "Passes on what clients of LISTEN send to TARGET, and back, without looking at it: a connection to\n"
        "TARGET for each client. Bytes go through the kernel by splice where that pays, and each side's end\n"
        "is passed on by itself.\n\n"
        "Listens on LISTEN (port 0 takes a free one) and prints the bound address as the first line; then\n"
        "one line for each connection when it has ended. With a framing messages are counted: their\n"
        "headers are parsed, large bodies are not touched.\n");
    options.declare(&arguments);
    if (!arguments.parse(count, words, 2, 2)) return 0;
    options.method_number = arguments.choose("method", options.method, {"auto", "splice", "copy"});
    options.policy_number = arguments.choose("tap-policy", options.tap_policy, {"end", "skip", "wait"});
    for (int i = 0; i < 2; i++)
        if (!options.first[i].empty() && options.framing[i].empty())
            arguments.wrong(i == 0 ? "--first needs --framing" : "--first-back needs --framing-back");
    options.address = arguments.positionals()[0];
    options.target = arguments.positionals()[1];
    return Relay(std::move(options)).run();
}

}  // namespace tool
