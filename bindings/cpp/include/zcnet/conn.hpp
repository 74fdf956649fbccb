/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_CONN_HPP
#define ZCNET_CONN_HPP
/*
 * Connections; see conn.h for what each call does, and for the addresses.
 *
 * A ConnRef is borrowed: valid until the poll after the connection's closed event. A Conn holds a reference of its own,
 * for other threads or a longer time; all calls of ConnRef work on it too. Neither closes the connection at its end.
 */
#include <zcnet/conn.h>
#include <zcnet/request.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include <zcnet/message.hpp>
#include <zcnet/unit.hpp>

namespace zcnet {

class Conn;
class Loop;

/** The fields of zcn_conn_options, with the defaults. */
struct ConnOptions : zcn_conn_options {
    ConnOptions() noexcept : zcn_conn_options() { zcn_conn_options_init(this, sizeof(zcn_conn_options)); }
};

/** For ConnRef::receive_file(): all until the peer ends. */
inline constexpr std::uint64_t until_end = UINT64_MAX;

enum class ConnState : std::uint32_t {
    none = 0, /* of an empty reference */
    connecting = ZCN_STATE_CONNECTING,
    open = ZCN_STATE_OPEN,
    draining = ZCN_STATE_DRAINING,
    closed = ZCN_STATE_CLOSED
};

/** A connection, borrowed. What returns bool says false for ZCN_AGAIN; other failures are thrown, but by try_*. */
class ConnRef {
  public:
    ConnRef() noexcept = default;
    explicit ConnRef(zcn_conn *conn) noexcept : conn_(conn) {}

    zcn_conn *get() const noexcept { return conn_; }
    explicit operator bool() const noexcept { return conn_ != nullptr; }
    friend bool operator==(const ConnRef &a, const ConnRef &b) noexcept { return a.conn_ == b.conn_; }
    friend bool operator!=(const ConnRef &a, const ConnRef &b) noexcept { return a.conn_ != b.conn_; }
    /** A reference of one's own. */
    Conn retain() const noexcept;

    /** Queues a unit, and empties it. False above high water: the unit is whole, and writable tells when to go on. */
    [[nodiscard]] bool send(Unit &&unit) const { return detail::taken(try_send(unit)); }
    [[nodiscard]] zcn_status try_send(Unit &unit) const noexcept {
        return unit.consumed(zcn_conn_send(conn_, unit.get()));
    }
    /** Queues units from the first on, as far as the high-water mark lets; false: some are left in the batch. */
    [[nodiscard]] bool send(UnitBatch &units) const { return units.empty() || detail::taken(try_send(units)); }
    [[nodiscard]] zcn_status try_send(UnitBatch &units) const noexcept {
        std::size_t sent = 0;
        const zcn_status status = zcn_conn_send_batch(conn_, units.data(), units.size(), &sent);
        units.consumed(sent);
        return status;
    }
    /** Queues the whole frame of a received message as it stands on the wire, without a copy. */
    [[nodiscard]] bool send(const MessageView &message) const { return detail::taken(try_send(message)); }
    [[nodiscard]] bool send(const Message &message) const { return detail::taken(try_send(message)); }
    [[nodiscard]] zcn_status try_send(const MessageView &message) const noexcept {
        return zcn_conn_send_msg(conn_, message.get());
    }
    [[nodiscard]] zcn_status try_send(const Message &message) const noexcept {
        return zcn_conn_send_msg(conn_, message.get());
    }
    /** Passes a message of the present poll on: the connection that it came from waits for this one. */
    void forward(const MessageView &message) const { detail::check(try_forward(message)); }
    [[nodiscard]] zcn_status try_forward(const MessageView &message) const noexcept {
        return zcn_conn_forward(conn_, message.get());
    }
    /** Copies some bytes and queues them as one message: the simple way. */
    [[nodiscard]] bool send_copy(Bytes bytes) const { return detail::taken(try_send_copy(bytes)); }
    [[nodiscard]] zcn_status try_send_copy(Bytes bytes) const noexcept {
        return zcn_conn_send_copy(conn_, bytes.data(), bytes.size());
    }

    /** Room in the connection's queue to write the next message into, at least size bytes. Nothing above high water. */
    [[nodiscard]] std::optional<MutableBytes> reserve(std::uint64_t size) const {
        void *data;
        std::uint64_t room;
        if (!detail::taken(zcn_conn_reserve(conn_, &data, &room, size))) return std::nullopt;
        return MutableBytes(data, static_cast<std::size_t>(room));
    }
    /** Queues what was written there, and shows where the next one may be; empty when there is no room left. */
    MutableBytes commit(std::uint64_t size) const {
        void *data;
        std::uint64_t room;
        detail::check(zcn_conn_commit(conn_, size, &data, &room));
        return {data, static_cast<std::size_t>(room)};
    }

    /** Queues a unit, from any thread that holds a Conn. */
    [[nodiscard]] bool post(Unit &&unit) const { return detail::taken(try_post(unit)); }
    [[nodiscard]] zcn_status try_post(Unit &unit) const noexcept {
        return unit.consumed(zcn_conn_post(conn_, unit.get()));
    }

    /**
     * Asks with a copy of some bytes, for which the options say where ids are; what it has in the id's place is
     * overwritten. The token, not 0, comes with the answer or with unanswered. A negative timeout is none.
     */
    [[nodiscard]] bool request(Bytes body, std::uint64_t token, std::chrono::nanoseconds timeout) const {
        return detail::taken(try_request(body, token, timeout));
    }
    [[nodiscard]] zcn_status try_request(Bytes body, std::uint64_t token,
                                         std::chrono::nanoseconds timeout) const noexcept {
        return zcn_conn_request(conn_, body.data(), body.size(), token, timeout.count());
    }
    /** Answers a message with a copy of some bytes, whose id's place gets the message's. */
    [[nodiscard]] bool answer(const MessageView &request, Bytes body) const { return answer(id_of(request), body); }
    [[nodiscard]] bool answer(const Message &request, Bytes body) const { return answer(id_of(request), body); }
    [[nodiscard]] bool answer(std::uint64_t id, Bytes body) const { return detail::taken(try_answer(id, body)); }
    [[nodiscard]] zcn_status try_answer(std::uint64_t id, Bytes body) const noexcept {
        return zcn_conn_answer(conn_, id, body.data(), body.size());
    }
    /** For bodies that are not copied: expects an answer to what will be sent with this id, see put_id(). */
    [[nodiscard]] std::uint64_t begin_request(std::uint64_t token, std::chrono::nanoseconds timeout) const {
        std::uint64_t id;
        detail::check(zcn_conn_begin_request(conn_, token, timeout.count(), &id));
        return id;
    }
    /** Takes a request back; false: it has ended already. */
    bool end_request(std::uint64_t id) const { return detail::taken(zcn_conn_end_request(conn_, id)); }
    void put_id(MutableBytes body, std::uint64_t id) const {
        detail::check(zcn_conn_put_id(conn_, body.data(), body.size(), id));
    }
    std::uint64_t id_of(const MessageView &message) const { return id_of(message.bytes()); }
    std::uint64_t id_of(const Message &message) const { return id_of(message.bytes()); }
    std::uint64_t id_of(Bytes message) const {
        std::uint64_t id;
        detail::check(zcn_conn_get_id(conn_, message.data(), message.size(), &id));
        return id;
    }

    /** Writes what is queued now; false: some is left, and goes on by itself. */
    bool flush() const { return detail::taken(zcn_conn_flush(conn_)); }
    /** Sends what is queued, then closes. From any thread that holds a Conn, as abort(). */
    void close() const { detail::check(zcn_conn_close(conn_)); }
    void abort() const { detail::check(zcn_conn_abort(conn_)); }
    /** Sends no more; receiving goes on. */
    void shutdown() const { detail::check(zcn_conn_shutdown(conn_)); }
    void pause() const { detail::check(zcn_conn_pause(conn_)); }
    void resume() const { detail::check(zcn_conn_resume(conn_)); }
    /** Hands the connection to another loop of the same pool, where it appears with arrived. */
    void move_to(const Loop &loop) const;
    /** Whether this loop drives it: who finds that of the own loop is the owner, and else the answer may be old. */
    bool is_of(const Loop &loop) const noexcept;

    /**
     * Lets the bytes that follow a message of the present poll, or all that was delivered, go into a file: so many, or
     * all until the peer ends. Behind a header that was delivered alone (header_from) it is the event's token() that
     * says how many. The connection owns fd when this does not throw; -1: the bytes are dropped. file_received tells
     * the end.
     */
    void receive_file(int fd, std::uint64_t size, const MessageView &after = {},
                      const ReceiveFileOptions &options = {}) const {
        detail::check(zcn_conn_receive_file(conn_, after.get(), fd, size, &options));
    }
    /** How the file ended that the last file_received told of: ZCN_OK when nothing went wrong. */
    zcn_error file_error() const {
        auto error = detail::sized<zcn_error>();
        detail::check(zcn_conn_get_file_error(conn_, &error));
        return error;
    }

    /** Parses with another framing after a message of the present poll, or after all that was delivered. */
    void set_framing(const Framing &framing, const MessageView &after = {}) const {
        detail::check(zcn_conn_set_framing(conn_, after.get(), framing.get()));
    }
    void set_send_framing(const Framing &framing) const {
        detail::check(zcn_conn_set_send_framing(conn_, framing.get()));
    }
    void set_user(std::uintptr_t user) const { detail::check(zcn_conn_set_user(conn_, user)); }
    template <typename T>
    void set_user(T *user) const {
        set_user(reinterpret_cast<std::uintptr_t>(user));
    }
    std::uintptr_t user() const noexcept { return zcn_conn_get_user(conn_); }
    template <typename T>
    T *user_as() const noexcept {
        return reinterpret_cast<T *>(user());
    }
    /** ZCN_OPTION_*, in the unit that the options struct has. */
    void set_option(std::uint32_t option, std::uint64_t value) const {
        detail::check(zcn_conn_set_option(conn_, option, value));
    }
    std::uint64_t option(std::uint32_t option) const {
        std::uint64_t value;
        detail::check(zcn_conn_get_option(conn_, option, &value));
        return value;
    }

    std::string local_address() const { return address(zcn_conn_local_address); }
    std::string peer_address() const { return address(zcn_conn_peer_address); }
    /** Borrowed, for socket options that have no name here; -1 when closed. */
    int fd() const noexcept { return zcn_conn_fd(conn_); }
    ConnState state() const noexcept { return static_cast<ConnState>(zcn_conn_get_state(conn_)); }
    /** Why it ended: status is ZCN_OK while it lives. */
    zcn_error error() const {
        auto error = detail::sized<zcn_error>();
        detail::check(zcn_conn_get_error(conn_, &error));
        return error;
    }
    /** Which ways its bytes went, which they go now, and why: three lines for people and logs. */
    std::string explain() const {
        char text[768];
        detail::check(zcn_conn_explain(conn_, text, sizeof text));
        return text;
    }
    zcn_stats stats() const {
        auto stats = detail::sized<zcn_stats>();
        detail::check(zcn_conn_get_stats(conn_, &stats));
        return stats;
    }

    /** The descriptor, which the caller closes, and what was received and not delivered, which may be nothing. */
    std::pair<int, Message> take_fd() const {
        int fd;
        zcn_msg *rest;
        detail::check(zcn_conn_take_fd(conn_, &fd, &rest));
        return {fd, Message::adopt(rest)};
    }

  protected:
    zcn_conn *conn_ = nullptr;

  private:
    std::string address(zcn_status (*ask)(zcn_conn *, char *, std::size_t)) const {
        char text[128];
        detail::check(ask(conn_, text, sizeof text));
        return text;
    }
};

/** A reference of a connection: copies are further ones. */
class Conn : public ConnRef {
  public:
    Conn() noexcept = default;
    explicit Conn(const ConnRef &conn) noexcept : ConnRef(zcn_conn_retain(conn.get())) {}
    Conn(const Conn &other) noexcept : Conn(static_cast<const ConnRef &>(other)) {}
    Conn(Conn &&other) noexcept : ConnRef(other.detach()) {}
    Conn &operator=(Conn other) noexcept {
        std::swap(conn_, other.conn_);
        return *this;
    }
    ~Conn() { zcn_conn_release(conn_); }

    /** Takes over a reference that C code gave. */
    static Conn adopt(zcn_conn *conn) noexcept {
        Conn mine;
        mine.conn_ = conn;
        return mine;
    }
    /** Gives the reference to the caller, who releases it. */
    zcn_conn *detach() noexcept { return std::exchange(conn_, nullptr); }
    /** Ends the reference now. */
    void reset() noexcept { zcn_conn_release(detach()); }
};

inline Conn ConnRef::retain() const noexcept { return Conn(*this); }

/** What one unit said on many connections. */
struct SentToAll {
    zcn_status status;                /* ZCN_OK, or why none took it */
    std::size_t sent = 0;             /* how many took it */
    std::vector<zcn_status> statuses; /* of each */
};

/**
 * Queues one unit on many connections of one loop, without a copy: fan-out. conns is a container of Conn or ConnRef.
 * Without ZCN_ALL_OR_NOTHING each answers for itself. What failed as a whole leaves the unit as it is.
 */
template <typename Conns>
SentToAll send_to_all(const Conns &conns, Unit &&unit, std::uint32_t flags = 0) {
    std::vector<zcn_conn *> handles;
    handles.reserve(std::size(conns));
    for (const ConnRef &conn : conns) handles.push_back(conn.get());
    SentToAll result = {ZCN_OK, 0, std::vector<zcn_status>(handles.size())};
    result.status = unit.consumed(
        zcn_conn_send_to_all(handles.data(), handles.size(), unit.get(), flags, result.statuses.data(), &result.sent));
    return result;
}

}  // namespace zcnet

#endif
