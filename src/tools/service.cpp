// SPDX-License-Identifier: MIT
#include "service.h"

#include "endpoint.h"
#include "framing_words.h"
#include "json.h"
#include "poll_events.h"
#include "summary.h"
#include "text.h"

namespace tool {
namespace {

// How long connections may take to end in order after a signal.
constexpr int64_t stop_within_ns = 3 * second_ns;

}  // namespace

void ServiceOptions::declare(Arguments *arguments) {
    arguments->text("framing", "TEXT", "where messages begin and end (see zcnet framing --help); required", &framing);
    arguments->flag("once", "end after the first connection", &once);
    arguments->number("count", "N", "end after N messages", &count, 1, UINT64_MAX);
    arguments->flag("connect", "connect to ADDR instead of listening there", &dial);
    arguments->size("block-size", "S", "bytes of a memory block, a power of two from 4K to 16M", &block_size);
    arguments->number("spin", "US", "microseconds to spin before sleeping", &spin_us, 0, 1'000'000'000);
    arguments->flag("stats", "print rate, system calls, copies and memory at the end", &stats);
    arguments->text("stat", "ADDR", "show the counters at a Unix socket, for zcnet stat", &stat);
    arguments->flag("json", "print JSON, one object a line", &json);
}

Service::Service(ServiceOptions options)
    : options_(std::move(options)),
      framing_(parse_framing(options_.framing)),
      pool_(create_pool(options_.block_size)),
      loop_(create_loop(pool_.get(), options_.spin_us)),
      progress_(!options_.json, "receiving", 0,
                options_.expected != 0         ? options_.expected
                : options_.count != UINT64_MAX ? options_.count
                                               : 0),
      hidden_(framing_options(framing_.get()).strip) {
    options_.dial = options_.dial || is_connected_descriptor(options_.address);
}

Service::~Service() = default;

void Service::fail(const std::string &sentence) {
    progress_.clear();
    complain(sentence);
    failed_ = true;
}

void Service::open() {
    open_stat(loop_.get(), options_.stat);
    zcn_conn_options conn_options = connection_options();
    tune(conn_options);
    if (options_.dial) {
        accept(open_connection(loop_.get(), options_.address, framing_.get(), conn_options));
        return;
    }
    zcn_listen_options listen_options = listener_options();
    listen_options.conn = &conn_options;
    if (options_.once) listen_options.accepts_per_poll = 1;
    listener_ = open_listener(loop_.get(), options_.address, framing_.get(), listen_options);
    announce(listener_.get(), options_.json);
}

void Service::accept(zcn_conn *conn) {
    if (stopping_ || (options_.once && first_ != nullptr)) {
        zcn_conn_abort(conn);
        return;
    }
    auto peer = make_peer(conn);
    peer->number = ++peers_so_far_;
    if (started_ == 0) {
        started_ = now_ns();
        progress_.start();
    }
    if (options_.once || options_.dial) {
        first_ = peer.get();
        if (listener_) zcn_listener_close(listener_.get());
    }
    last_conn_ = conn;
    last_peer_ = peer.get();
    peers_[conn] = std::move(peer);
}

// Messages of one connection come in a row, so nearly every look-up is of the last one.
Peer *Service::peer_of(zcn_conn *conn) {
    if (conn != last_conn_) {
        const auto found = peers_.find(conn);
        last_conn_ = conn;
        last_peer_ = found == peers_.end() ? nullptr : found->second.get();
    }
    return last_peer_;
}

void Service::message(const zcn_event &event) {
    Peer *peer = peer_of(event.conn);
    if (stopping_ || peer == nullptr || peer->refused) return;
    const uint64_t frame_size = event.size + hidden_;
    peer->messages++;
    peer->bytes += frame_size;
    messages_++;
    bytes_ += frame_size;
    on_message(*peer, event);
    if (messages_ == options_.count) stop();
}

void Service::closed(const zcn_event &event) {
    const auto entry = peers_.extract(event.conn);
    last_conn_ = nullptr;
    last_peer_ = nullptr;
    if (entry.empty()) return;  // turned away
    const std::unique_ptr<Peer> &peer = entry.mapped();
    ended_ = now_ns();
    on_closed(*peer, event.status);
    zcn_error error{};
    error.struct_size = sizeof error;
    if (zcn_conn_get_error(event.conn, &error) != ZCN_OK) error = {};
    print_peer(*peer, event.status, error);
    if (event.status < 0) failed_ = true;
    if (peer.get() == first_) stop();
}

void Service::print_peer(const Peer &peer, zcn_status status, const zcn_error &error) {
    zcn_stats stats{};
    stats.struct_size = sizeof stats;
    if (zcn_conn_get_stats(peer.conn, &stats) != ZCN_OK) stats = {};
    const std::string detail = status == ZCN_OK        ? "closed by this side"
                               : error.text[0] != '\0' ? error.text
                                                       : zcn_status_text(status);
    progress_.clear();
    if (options_.json) {
        print_line(Json()
                       .number("connection", peer.number)
                       .number("messages", peer.messages)
                       .number("bytes", peer.bytes)
                       .number("trailing_bytes", stats.trailing_bytes)
                       .number("copied_bytes", stats.copied_bytes)
                       .text("status", zcn_status_name(status))
                       .text("detail", detail)
                       .line());
        return;
    }
    print_line(format("connection %s: %s, %s bytes, %s trailing, %s copied, %s (%s)", grouped(peer.number).c_str(),
                      counted(peer.messages, "message").c_str(), grouped(peer.bytes).c_str(),
                      grouped(stats.trailing_bytes).c_str(), grouped(stats.copied_bytes).c_str(),
                      zcn_status_name(status), printable(detail).c_str()));
}

void Service::stop() {
    if (stopping_) return;
    stopping_ = true;
    if (listener_) zcn_listener_close(listener_.get());
}

void Service::close_when_idle() {
    if (!stopping_ || closing_ || busy()) return;
    closing_ = true;
    zcn_loop_close(loop_.get());
}

void Service::dispatch(const zcn_event &event) {
    switch (event.type) {
        case ZCN_EVENT_MESSAGE:
            message(event);
            break;
        case ZCN_EVENT_ACCEPTED:
            accept(event.conn);
            break;
        case ZCN_EVENT_WRITABLE:
            if (Peer *peer = peer_of(event.conn)) on_writable(*peer);
            break;
        case ZCN_EVENT_CLOSED:
            closed(event);
            break;
        case ZCN_EVENT_ACCEPT_LIMITED:
            if (!limit_told_) complain(limited_text(event));
            limit_told_ = true;
            break;
        case ZCN_EVENT_LISTENER_CLOSED:
            if (event.status < 0) {
                fail("the listener ended: " + std::string(zcn_status_text(event.status)));
                stop();
            }
            break;
        default:
            break;
    }
}

// False: every connection has ended.
bool Service::poll_once(int64_t timeout_ns) {
    return poll_events(loop_.get(), timeout_ns, [this](const zcn_event &event) { dispatch(event); });
}

int Service::run() {
    {
        const Interrupt interrupt(loop_.get());
        open();
        int64_t stop_by = INT64_MAX;
        for (int64_t left = -1; poll_once(left);) {
            progress_.update(messages_, bytes_);
            if (interrupt.raised() && stop_by == INT64_MAX) {
                stop_by = now_ns() + stop_within_ns;
                if (!stopping_ && (options_.once || options_.count != UINT64_MAX)) fail("interrupted");
                stop();
            }
            close_when_idle();
            if (stop_by != INT64_MAX) left = stop_by - now_ns();
            if (stop_by != INT64_MAX && left <= 0) break;
        }
        progress_.clear();
        if (!peers_.empty()) fail(counted(peers_.size(), "connection") + " did not end in order");
    }
    if (options_.stats) print_summary();
    peers_.clear();
    listener_.reset();
    loop_.reset();
    pool_.reset();
    on_end();
    return failed_ ? 1 : 0;
}

void Service::print_summary() {
    Summary summary;
    summary.messages = messages_;
    summary.bytes = bytes_;
    summary.seconds = ended_ > started_ ? static_cast<double>(ended_ - started_) / second_ns : 0;
    summary.loop = read_stats(loop_.get());
    if (options_.json) {
        Json json;
        json.number("connections", peers_so_far_);
        print_line(add(json, summary).line());
    } else {
        print_table(summary);
    }
}

}  // namespace tool
