// SPDX-License-Identifier: MIT
// One thread of the server: a loop, its clients, and the files that it has open.
#pragma once

#include <zcnet/zcnet.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/handles.h"
#include "tools/serve/access_log.h"
#include "tools/serve/client.h"
#include "tools/serve/options.h"
#include "tools/serve/request.h"
#include "tools/serve/site.h"

namespace tool {

// What has happened so far.
struct ServeCounts {
    uint64_t connections = 0;
    uint64_t requests = 0;
    uint64_t answers[6] = {};  // by the first digit of the status
    uint64_t cut_off = 0;      // answers that did not reach their client whole
    zcn_loop_stats loop = {};

    void add(const ServeCounts &other);
};

class Worker {
  public:
    // Those that new connections are handed to in turn; only the one that listens has any.
    using Workers = std::vector<Worker *>;

    // open_clients: of all workers together.
    Worker(const ServeOptions &options, int root, int log, zcn_pool *pool, const zcn_framing *raw,
           std::atomic<uint64_t> *open_clients);
    ~Worker();
    Worker(const Worker &) = delete;
    Worker &operator=(const Worker &) = delete;

    zcn_loop *loop() const { return loop_.get(); }
    void hand_out_to(const Workers &others) { others_ = others; }

    // Serves until stop() and the end of the last connection. each_round: called after each poll, or empty.
    void run(const std::function<void()> &each_round);

    // Any thread: what was asked for is answered, then connections end.
    void stop();

    // relaxed: the flag alone is passed on.
    bool stop_asked() const { return stop_asked_.load(std::memory_order_relaxed); }
    const ServeCounts &counts() const { return counts_; }

  private:
    // events at *next and those that go on with it.
    void dispatch(const zcn_event *events, size_t count, size_t *next);
    void accept(zcn_conn *conn);
    void turn_away(zcn_conn *conn);
    void arrive(zcn_conn *conn);
    void take_input(Client &client, const char *data, size_t size);
    void answer(Client &client, const Request &request);
    void refuse(Client &client, unsigned status);
    void give(Client &client, Answer answer, bool last, std::string_view line);
    void send(Client &client, Owned<zcn_unit> unit);
    void go_on(Client &client);
    void finish(Client &client);
    void peer_closed(Client &client, zcn_status status);
    void end_input(Client &client);
    void closed(const zcn_event &event);
    void look_at_deadlines();
    void begin_stop();
    void close_when_idle();
    void set_time();
    void complain_once(const std::string &sentence);

    const ServeOptions &options_;
    Owned<zcn_loop> loop_;
    AccessLog log_;
    Site site_;
    ClientList clients_;
    std::atomic<uint64_t> *open_clients_;
    Workers others_;
    size_t turn_ = 0;
    int64_t now_ns_ = 0;
    uint64_t waiting_ = 0;  // clients with answers that are not queued yet
    ServeCounts counts_;
    std::atomic<bool> stop_asked_ = false;
    bool stopping_ = false;
    bool closing_ = false;
    int64_t stop_by_ns_ = INT64_MAX;
    bool complained_ = false;
};

}  // namespace tool
