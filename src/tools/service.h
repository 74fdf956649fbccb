// SPDX-License-Identifier: MIT
// What recv and echo share: connections that come in (or one that is dialled), counted, each with its line at the end.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "arguments.h"
#include "handles.h"
#include "interrupt.h"
#include "progress.h"

namespace tool {

struct ServiceOptions {
    std::string address;
    std::string framing;
    bool dial = false;
    bool once = false;
    bool json = false;
    bool stats = false;
    std::string stat;             // address
    uint64_t count = UINT64_MAX;  // messages to end after
    uint64_t block_size = 0;
    uint64_t spin_us = 0;
    uint64_t expected = 0;  // messages, for the progress bar; 0: unknown

    void declare(Arguments *arguments);
};

// A connection. Verbs add what they keep about one.
struct Peer {
    explicit Peer(zcn_conn *connection) : conn(connection) {}
    virtual ~Peer() = default;

    zcn_conn *conn;       // borrowed, until its CLOSED event
    uint64_t number = 0;  // from 1
    uint64_t messages = 0;
    uint64_t bytes = 0;    // of whole frames
    bool refused = false;  // what still comes is not looked at
};

class Service {
  public:
    explicit Service(ServiceOptions options);
    virtual ~Service();
    Service(const Service &) = delete;
    Service &operator=(const Service &) = delete;

    // Serves until the end that the options ask for, or a signal. The exit status.
    int run();

  protected:
    virtual std::unique_ptr<Peer> make_peer(zcn_conn *conn) = 0;
    virtual void on_message(Peer &peer, const zcn_event &event) = 0;
    virtual void on_writable(Peer &) {}
    // Before the connection's line is printed.
    virtual void on_closed(Peer &, zcn_status) {}
    // Whether something has to leave before connections may be closed.
    virtual bool busy() const { return false; }
    // After loop, pool and connections are gone.
    virtual void on_end() {}
    virtual void tune(zcn_conn_options &) {}

    // Says why the exit status will be 1.
    void fail(const std::string &sentence);
    const ServiceOptions &options() const { return options_; }
    uint64_t hidden_bytes() const { return hidden_; }  // of each frame, by the framing's strip
    uint64_t messages() const { return messages_; }

  private:
    void open();
    void dispatch(const zcn_event &event);
    void accept(zcn_conn *conn);
    void message(const zcn_event &event);
    void closed(const zcn_event &event);
    void print_peer(const Peer &peer, zcn_status status, const zcn_error &error);
    void stop();
    void close_when_idle();
    bool poll_once(int64_t timeout_ns);
    Peer *peer_of(zcn_conn *conn);
    void print_summary();

    ServiceOptions options_;
    Owned<zcn_framing> framing_;
    Owned<zcn_pool> pool_;
    Owned<zcn_loop> loop_;
    Owned<zcn_listener> listener_;
    Progress progress_;
    uint64_t hidden_ = 0;
    zcn_conn *last_conn_ = nullptr;
    Peer *last_peer_ = nullptr;
    Peer *first_ = nullptr;  // the one connection of --once and --connect
    std::unordered_map<zcn_conn *, std::unique_ptr<Peer>> peers_;
    uint64_t peers_so_far_ = 0;
    uint64_t messages_ = 0;
    uint64_t bytes_ = 0;
    int64_t started_ = 0;
    int64_t ended_ = 0;
    bool stopping_ = false;  // no message is taken any more
    bool closing_ = false;   // the loop has been told to close
    bool failed_ = false;
    bool limit_told_ = false;
};

}  // namespace tool
