/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_LOOP_HPP
#define ZCNET_LOOP_HPP
/* Loops: they drive connections and hand out events in batches; see loop.h. */
#include <zcnet/listener.h>
#include <zcnet/loop.h>

#include <chrono>
#include <optional>
#include <string>
#include <zcnet/conn.hpp>
#include <zcnet/dialer.hpp>
#include <zcnet/event.hpp>
#include <zcnet/listener.hpp>
#include <zcnet/relay.hpp>

namespace zcnet {

/** The fields of zcn_loop_options, with the defaults. */
struct LoopOptions : zcn_loop_options {
    LoopOptions() noexcept : zcn_loop_options() { zcn_loop_options_init(this, sizeof(zcn_loop_options)); }
};

/** No end of waiting. */
inline constexpr std::chrono::nanoseconds forever{-1};

/**
 * An event loop. A copy is another reference of the same one, so that another thread may wake() it; with the last
 * reference connections that are open are aborted. Everything but wake() belongs to one owner at a time.
 *
 *     zcnet::Loop loop;
 *     auto listener = loop.listen("tcp://127.0.0.1:7000", zcnet::Framing("length,strip=4"));
 *     for (zcnet::Events events; loop.poll(events);)
 *         for (zcnet::Event event : events)
 *             if (event.type() == zcnet::EventType::message) event.conn().forward(event.message());
 */
class Loop : public detail::Handle<zcn_loop, zcn_loop_retain, zcn_loop_release> {
  public:
    explicit Loop(const LoopOptions &options = {}) { detail::check(zcn_loop_create(out(), &options)); }
    /** Takes over a reference that C code gave. */
    static Loop adopt(zcn_loop *loop) noexcept { return Loop(loop); }

    /**
     * Flushes, waits, and shows what happened. What it showed before ends: events, views of messages, references of
     * connections that were closed. A negative timeout is no end of waiting. False when the loop was closed and nothing
     * is left.
     */
    bool poll(Events &events, std::chrono::nanoseconds timeout = forever) {
        const zcn_status status = try_poll(events, timeout);
        if (status == ZCN_ECLOSED) return false;
        detail::check(status);
        return true;
    }
    zcn_status try_poll(Events &events, std::chrono::nanoseconds timeout = forever) noexcept {
        const zcn_event *array;
        std::size_t count;
        std::int32_t more;
        const zcn_status status = zcn_loop_poll(get(), timeout.count(), &array, &count, &more);
        events = status == ZCN_OK ? Events(array, count, more != 0) : Events();
        return status;
    }

    /** Listens on an address. */
    Listener listen(const std::string &address, const Framing &framing, const ListenOptions &options = {}) {
        zcn_listener *listener;
        explain(zcn_listen(&listener, get(), address.c_str(), framing.get(), &options));
        return Listener::adopt(listener);
    }
    /** Tells the loop's counters to whoever connects to a Unix socket: `zcnet stat ADDRESS` shows them. */
    Listener listen_stat(const std::string &address) {
        zcn_listener *listener;
        explain(zcn_listen_stat(&listener, get(), address.c_str()));
        return Listener::adopt(listener);
    }
    /** Connects to an address; connected or closed follows. */
    ConnRef connect(const std::string &address, const Framing &framing, const ConnOptions &options = {}) {
        zcn_conn *conn;
        explain(zcn_connect(&conn, get(), address.c_str(), framing.get(), &options));
        return ConnRef(conn);
    }
    zcn_status try_connect(ConnRef &conn, const char *address, const Framing &framing,
                           const ConnOptions &options = {}) noexcept {
        zcn_conn *handle;
        const zcn_status status = zcn_connect(&handle, get(), address, framing.get(), &options);
        conn = ConnRef(handle);
        return status;
    }
    /** Connects to an address, and again whenever the connection has ended; redial says so. */
    Dialer dial(const std::string &address, const Framing &framing, const DialOptions &options = {}) {
        zcn_dialer *dialer;
        explain(zcn_dial(&dialer, get(), address.c_str(), framing.get(), &options));
        return Dialer::adopt(dialer);
    }
    /** Drives a connected stream socket, which the connection owns when this does not throw. */
    ConnRef adopt_fd(int fd, const Framing &framing, const ConnOptions &options = {}) {
        zcn_conn *conn;
        explain(zcn_conn_adopt(&conn, get(), fd, framing.get(), &options));
        return ConnRef(conn);
    }
    /** Joins two open connections of this loop, which end with closed; relay_ended follows. */
    RelayRef relay(const ConnRef &first, const ConnRef &second, const RelayOptions &options = {}) {
        zcn_relay *relay;
        explain(zcn_relay_conns(&relay, first.get(), second.get(), &options));
        return RelayRef(relay);
    }
    /** Joins two connected stream sockets, which the relay owns when this does not throw. */
    RelayRef relay_fds(int first, int second, const RelayOptions &options = {}) {
        zcn_relay *relay;
        explain(zcn_relay_fds(&relay, get(), first, second, &options));
        return RelayRef(relay);
    }

    /** Sets a timer: one event with the token. Setting a token again moves it. */
    void set_timer(std::uint64_t token, std::chrono::nanoseconds delay) {
        detail::check(zcn_loop_timer_set(get(), token, delay.count()));
    }
    /** False when there is no such timer. */
    bool cancel_timer(std::uint64_t token) { return detail::taken(zcn_loop_timer_cancel(get(), token)); }
    /** One pool_ready with the token when a pool that is at its limit has room for so many bytes; 0: any. */
    void await_memory(const Pool &pool, std::uint64_t size, std::uint64_t token) {
        detail::check(zcn_loop_await_memory(get(), pool.get(), size, token));
    }
    /** Makes the present or the next poll return; from any thread that holds a copy. */
    void wake() const { detail::check(zcn_loop_wake(get())); }
    /** Closes every connection, listener, dialer and relay; polls go on until they have ended. */
    void close() { detail::check(zcn_loop_close(get())); }

    /** For another loop: readable whenever a poll has something to do. Do not read or close it. */
    int fd() const noexcept { return zcn_loop_fd(get()); }
    /** When to poll though the descriptor is silent; nothing: never. */
    std::optional<std::chrono::nanoseconds> next_deadline() const {
        std::int64_t ns;
        detail::check(zcn_loop_next_deadline(get(), &ns));
        if (ns == INT64_MAX) return std::nullopt;
        return std::chrono::nanoseconds(ns);
    }
    zcn_loop_stats stats() const {
        auto stats = detail::sized<zcn_loop_stats>();
        detail::check(zcn_loop_get_stats(get(), &stats));
        return stats;
    }
    /** Of all its relays, open and ended. */
    zcn_loop_relay_stats relay_stats() const {
        auto stats = detail::sized<zcn_loop_relay_stats>();
        detail::check(zcn_loop_get_relay_stats(get(), &stats));
        return stats;
    }

  private:
    explicit Loop(zcn_loop *loop) noexcept : Handle(loop) {}
    /** Throws with the sentence that the loop has about the failure. */
    void explain(zcn_status status) const {
        if (status == ZCN_OK) return;
        auto error = detail::sized<zcn_error>();
        static_cast<void>(zcn_loop_get_error(get(), &error));
        detail::explain(status, error);
    }
};

inline bool ConnRef::is_of(const Loop &loop) const noexcept {
    return conn_ != nullptr && zcn_conn_loop(conn_) == loop.get();
}
inline void ConnRef::move_to(const Loop &loop) const { detail::check(zcn_conn_move(conn_, loop.get())); }

}  // namespace zcnet

#endif
