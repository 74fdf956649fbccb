// SPDX-License-Identifier: MIT
#include "tools/serve/worker.h"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <new>

#include "tools/endpoint.h"
#include "tools/summary.h"
#include "tools/text.h"

namespace tool {
namespace {

constexpr uint64_t deadlines_timer = 1;
constexpr int64_t deadlines_every_ns = second_ns;

// Of tcp://HOST:PORT; another address is shown whole.
std::string_view host_of(std::string_view address) {
    constexpr std::string_view scheme = "tcp://";
    if (!address.starts_with(scheme)) return address;
    address.remove_prefix(scheme.size());
    address = address.substr(0, address.rfind(':'));
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    return address;
}

Client *client_of(const zcn_event &event) { return reinterpret_cast<Client *>(event.user); }

}  // namespace

void ServeCounts::add(const ServeCounts &other) {
    connections += other.connections;
    requests += other.requests;
    for (size_t i = 0; i < std::size(answers); i++) answers[i] += other.answers[i];
    cut_off += other.cut_off;
    loop.waits += other.loop.waits;
    loop.total.bytes_in += other.loop.total.bytes_in;
    loop.total.bytes_out += other.loop.total.bytes_out;
    loop.total.read_calls += other.loop.total.read_calls;
    loop.total.write_calls += other.loop.total.write_calls;
    loop.total.copied_bytes += other.loop.total.copied_bytes;
}

Worker::Worker(const ServeOptions &options, int root, int log, zcn_pool *pool, const zcn_framing *raw,
               std::atomic<uint64_t> *open_clients)
    : options_(options),
      loop_(create_loop(pool, 0)),
      log_(log, options.json),
      site_(options, root, pool, raw),
      open_clients_(open_clients) {}

// Handles of clients that are left are the loop's.
Worker::~Worker() { loop_.reset(); }

void Worker::set_time() {
    now_ns_ = now_ns();
    const std::time_t now = std::time(nullptr);
    site_.set_time(now);
    log_.set_time(now);
}

void Worker::run(const std::function<void()> &each_round) {
    if (zcn_loop_timer_set(loop_.get(), deadlines_timer, deadlines_every_ns) != ZCN_OK) throw std::bad_alloc();
    for (;;) {
        const zcn_event *events = nullptr;
        size_t count = 0;
        const int64_t left = stop_by_ns_ == INT64_MAX ? -1 : std::max<int64_t>(stop_by_ns_ - now_ns(), 0);
        const zcn_status status = zcn_loop_poll(loop_.get(), left, &events, &count, nullptr);
        if (status == ZCN_ECLOSED) break;
        if (status != ZCN_OK) throw Failure("the event loop failed: " + status_line(status));
        set_time();
        for (size_t next = 0; next < count;) dispatch(events, count, &next);
        log_.flush();
        if (each_round) each_round();
        // relaxed: the flag alone is passed on.
        if (stop_asked_.load(std::memory_order_relaxed)) begin_stop();
        close_when_idle();
    }
    counts_.loop = read_stats(loop_.get());
}

void Worker::stop() {
    // relaxed: as above; the wake-up orders the rest.
    stop_asked_.store(true, std::memory_order_relaxed);
    zcn_loop_wake(loop_.get());
}

void Worker::dispatch(const zcn_event *events, size_t count, size_t *next) {
    const zcn_event &event = events[(*next)++];
    switch (event.type) {
        case ZCN_EVENT_MESSAGE: {
            // Lines of one read lie one behind the other: the reader gets them in one piece.
            const auto *data = static_cast<const char *>(event.data);
            size_t size = event.size;
            for (; *next < count; (*next)++) {
                const zcn_event &more = events[*next];
                if (more.type != ZCN_EVENT_MESSAGE || more.conn != event.conn || more.data != data + size) break;
                size += more.size;
            }
            if (Client *client = client_of(event)) take_input(*client, data, size);
            break;
        }
        case ZCN_EVENT_ACCEPTED:
            accept(event.conn);
            break;
        case ZCN_EVENT_ARRIVED:
            arrive(event.conn);
            break;
        case ZCN_EVENT_WRITABLE:
            if (Client *client = client_of(event)) go_on(*client);
            break;
        case ZCN_EVENT_PEER_CLOSED:
            if (Client *client = client_of(event)) peer_closed(*client, event.status);
            break;
        case ZCN_EVENT_CLOSED:
            closed(event);
            break;
        case ZCN_EVENT_TIMER:
            look_at_deadlines();
            break;
        case ZCN_EVENT_ACCEPT_LIMITED:
            complain_once(limited_text(event));
            break;
        case ZCN_EVENT_LISTENER_CLOSED:
            if (event.status < 0) {
                complain("the listener ended: " + std::string(zcn_status_text(event.status)));
                stop();
            }
            break;
        default:
            break;
    }
}

void Worker::accept(zcn_conn *conn) {
    zcn_conn_set_user(conn, 0);
    // relaxed, here and where it sinks: a number alone. A listener that keeps all of its connections waits before this.
    if (open_clients_->fetch_add(1, std::memory_order_relaxed) >= options_.most_clients) {
        complain_once("new connections are refused: descriptors are short");
        turn_away(conn);
        return;
    }
    Worker *other = others_.empty() ? this : others_[turn_++ % others_.size()];
    if (other == this) {
        arrive(conn);
    } else if (zcn_conn_move(conn, other->loop()) != ZCN_OK) {
        turn_away(conn);
    }
}

void Worker::turn_away(zcn_conn *conn) {
    open_clients_->fetch_sub(1, std::memory_order_relaxed);
    zcn_conn_abort(conn);
}

void Worker::arrive(zcn_conn *conn) {
    Client &client = clients_.emplace_front(conn);
    client.place = clients_.begin();
    zcn_conn_set_user(conn, reinterpret_cast<uintptr_t>(&client));
    counts_.connections++;
    if (log_.on()) {
        char address[512] = "";
        if (zcn_conn_peer_address(conn, address, sizeof address) == ZCN_OK) client.peer = host_of(address);
    }
    if (stopping_) finish(client);
}

void Worker::take_input(Client &client, const char *data, size_t size) {
    if (client.over) return;
    if (client.waiting) {
        client.backlog.append(data, size);
        return;
    }
    const char *end = data + size;
    while (data != end) {
        switch (client.reader.read(&data, end)) {
            case RequestReader::Outcome::more:
                if (client.reader.inside() && client.since_ns == 0) client.since_ns = now_ns_;
                return;
            case RequestReader::Outcome::wrong:
                refuse(client, client.reader.status());
                return;
            case RequestReader::Outcome::request:
                client.since_ns = 0;
                answer(client, client.reader.request());
                break;
        }
        if (client.over) return;
        if (client.waiting) {
            client.backlog.assign(data, end);
            return;
        }
    }
}

void Worker::answer(Client &client, const Request &request) {
    counts_.requests++;
    const std::string line = log_.on() ? request.line() : std::string();
    // What is left of a body would be taken for the next request.
    const bool last = stopping_ || !request.keep_alive || request.has_body;
    const bool told = request.major == 1 && request.minor == 0;
    const Persistence persistence = last ? Persistence::ended : told ? Persistence::stated : Persistence::implied;
    give(client, site_.answer(request, persistence, now_ns_), last, line);
}

void Worker::refuse(Client &client, unsigned status) { give(client, site_.error(status), true, ""); }

void Worker::give(Client &client, Answer answer, bool last, std::string_view line) {
    if (!answer.unit) {
        complain_once("an answer was not made: out of memory");
        client.over = true;
        zcn_conn_abort(client.conn);
        return;
    }
    counts_.answers[answer.status / 100]++;
    log_.write(client.peer, line, answer.status, answer.body_size);
    client.promised += zcn_unit_size(answer.unit.get());
    client.over = last;
    send(client, std::move(answer.unit));
    if (last && !client.waiting) finish(client);
}

void Worker::send(Client &client, Owned<zcn_unit> unit) {
    const zcn_status status = zcn_conn_send(client.conn, unit.get());
    if (status == ZCN_OK) {
        unit.release();
        return;
    }
    if (status == ZCN_AGAIN) {
        client.waiting = std::move(unit);
        client.since_ns = now_ns_;
        waiting_++;
        zcn_conn_pause(client.conn);
        return;
    }
    client.over = true;
    if (status == ZCN_ECLOSED) return;
    complain_once("an answer was not sent: " + std::string(zcn_status_text(status)));
    zcn_conn_abort(client.conn);
}

// There is room in the connection's queue again.
void Worker::go_on(Client &client) {
    if (!client.waiting) return;
    waiting_--;
    client.since_ns = 0;
    send(client, std::move(client.waiting));
    if (client.waiting) return;
    if (client.over) {
        finish(client);
        return;
    }
    const std::string backlog = std::move(client.backlog);
    client.backlog.clear();
    take_input(client, backlog.data(), backlog.size());
    if (client.waiting || client.over) return;
    if (client.peer_ended) {
        end_input(client);
    } else if (stopping_) {
        finish(client);
    } else {
        zcn_conn_resume(client.conn);
    }
}

// The last answer leaves, and then the client sees the end. It closes; that it does not is a matter of time limits.
void Worker::finish(Client &client) {
    client.over = true;
    client.since_ns = now_ns_;
    if (stopping_) {
        zcn_conn_close(client.conn);
    } else {
        zcn_conn_shutdown(client.conn);
    }
}

void Worker::peer_closed(Client &client, zcn_status status) {
    client.peer_ended = true;
    client.line_too_long = status < 0;
    if (!client.waiting && !client.over) end_input(client);
}

// Everything that came was answered. What is left is a line that has no end: the first of a request names its target.
void Worker::end_input(Client &client) {
    if (client.line_too_long) {
        refuse(client, client.reader.inside() ? 431 : 414);
    } else {
        finish(client);
    }
}

void Worker::closed(const zcn_event &event) {
    Client *client = client_of(event);
    if (client == nullptr) return;
    if (client->waiting) waiting_--;
    zcn_stats stats{};
    stats.struct_size = sizeof stats;
    if (zcn_conn_get_stats(event.conn, &stats) == ZCN_OK && stats.bytes_out < client->promised) counts_.cut_off++;
    clients_.erase(client->place);
    open_clients_->fetch_sub(1, std::memory_order_relaxed);
}

// What the library does not see: a request that comes line by line, and clients that do not take their answers.
void Worker::look_at_deadlines() {
    const auto late = [&](const Client &client, uint64_t limit_s) {
        return now_ns_ - client.since_ns > static_cast<int64_t>(limit_s) * second_ns;
    };
    for (Client &client : clients_) {
        if (client.waiting || client.over) {
            zcn_stats stats{};
            stats.struct_size = sizeof stats;
            if (zcn_conn_get_stats(client.conn, &stats) != ZCN_OK) continue;
            if (stats.bytes_out != client.written) client.since_ns = now_ns_;
            client.written = stats.bytes_out;
            if (late(client, options_.idle_s)) zcn_conn_abort(client.conn);
        } else if (client.reader.inside() && late(client, options_.request_s)) {
            refuse(client, 408);
        }
    }
    site_.refresh(now_ns_);
    // Only a loop that closes refuses, and then the end is near.
    const zcn_status status = zcn_loop_timer_set(loop_.get(), deadlines_timer, deadlines_every_ns);
    if (status != ZCN_OK && status != ZCN_ECLOSED) throw std::bad_alloc();
}

void Worker::begin_stop() {
    if (stopping_) return;
    stopping_ = true;
    stop_by_ns_ = now_ns_ + static_cast<int64_t>(options_.grace_s) * second_ns;
    for (Client &client : clients_)
        if (!client.waiting) finish(client);
}

void Worker::close_when_idle() {
    if (!stopping_) return;
    const bool late = now_ns_ >= stop_by_ns_;
    if (!closing_ && (waiting_ == 0 || late)) {
        closing_ = true;
        zcn_loop_close(loop_.get());
    }
    if (!late) return;
    stop_by_ns_ = INT64_MAX;
    for (const Client &client : clients_) zcn_conn_abort(client.conn);
}

void Worker::complain_once(const std::string &sentence) {
    if (!complained_) complain(sentence);
    complained_ = true;
}

}  // namespace tool
