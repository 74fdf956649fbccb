// SPDX-License-Identifier: MIT
// The server as a whole: root, listener, threads, signals, and what is said in the end.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include "tools/descriptor.h"
#include "tools/endpoint.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/serve/options.h"
#include "tools/serve/worker.h"
#include "tools/text.h"

namespace tool {
namespace {

// A head comes as its lines, so that it makes no difference whether they end as they should or with a line feed alone.
// A longer line is answered as a head that is too large.
constexpr const char *line_framing = "delimiter=\\n,max=64K";

// A little of what was asked for is read while answers wait for their client.
constexpr uint64_t read_budget = 64 * 1024;

// What there is beside files and clients; pipes of --method splice are had where there is room.
constexpr uint64_t few_descriptors = 16;
constexpr uint64_t descriptors_of_worker = 4;

// Each client needs a descriptor, and so does each open file.
uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

Descriptor open_root(const std::string &path) {
    Descriptor root(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (root.get() < 0) throw Failure(system_error(path));
    return root;
}

Descriptor open_log(const std::string &path) {
    if (path.empty()) return Descriptor();
    // What cannot be logged is said, and ends nothing.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    if (path == "-") {
        Descriptor log(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
        if (log.get() < 0) throw Failure(system_error(path));
        return log;
    }
    // A pipe that nobody reads is no log; to one that is read, lines may wait.
    Descriptor log(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666));
    if (log.get() < 0 || fcntl(log.get(), F_SETFL, O_APPEND) < 0) throw Failure(system_error(path));
    return log;
}

class Server {
  public:
    explicit Server(const ServeOptions &options);
    int run();

  private:
    void listen();
    void run_beside(size_t number);
    void stop();
    void print_totals() const;

    ServeOptions options_;
    Descriptor root_;
    Descriptor log_;
    Owned<zcn_framing> lines_;
    Owned<zcn_framing> raw_;
    Owned<zcn_pool> pool_;
    std::atomic<uint64_t> open_clients_ = 0;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::string> failures_;  // a place for each worker
    Owned<zcn_listener> listener_;
    bool stopped_ = false;
};

Server::Server(const ServeOptions &options)
    : options_(options),
      root_(open_root(options.root)),
      log_(open_log(options.log)),
      lines_(parse_framing(line_framing)),
      raw_(parse_framing("raw")),
      pool_(create_pool(0)) {
    const uint64_t descriptors = raise_descriptor_limit();
    options_.open_files = std::min(options_.open_files, descriptors / 4);
    const uint64_t kept = options_.open_files + few_descriptors + descriptors_of_worker * options_.threads;
    options_.most_clients = descriptors > kept ? descriptors - kept : 1;
    if (!Folders(root_.get(), options_.file_flags).is_folder(""))
        throw Failure(options_.root + ": the kernel cannot open files below a directory (it needs Linux 5.6)");
    for (uint64_t i = 0; i < options_.threads; i++)
        workers_.push_back(
            std::make_unique<Worker>(options_, root_.get(), log_.get(), pool_.get(), raw_.get(), &open_clients_));
    failures_.resize(workers_.size());
    Worker::Workers all;
    for (const auto &worker : workers_) all.push_back(worker.get());
    if (all.size() > 1) workers_.front()->hand_out_to(all);
}

void Server::listen() {
    for (size_t i = 0; i < workers_.size() && !options_.stat.empty(); i++)
        open_stat(workers_[i]->loop(), i == 0 ? options_.stat : options_.stat + "." + std::to_string(i));
    zcn_conn_options conn = connection_options();
    conn.send_framing = raw_.get();
    conn.half_open = 2;
    conn.read_budget = read_budget;
    // Answers of one round leave together with the next poll, under one guard against SIGPIPE.
    conn.flush_at = UINT64_MAX;
    conn.idle_timeout_ms = static_cast<uint32_t>(options_.idle_s * 1000);
    conn.message_timeout_ms = static_cast<uint32_t>(options_.request_s * 1000);
    conn.drain_timeout_ms = static_cast<uint32_t>(options_.grace_s * 1000);
    zcn_listen_options listen = listener_options();
    listen.conn = &conn;
    // Those that were moved to other threads do not count there.
    if (workers_.size() == 1)
        listen.max_connections = static_cast<uint32_t>(std::min<uint64_t>(options_.most_clients, UINT32_MAX));
    listener_ = open_listener(workers_.front()->loop(), options_.address, lines_.get(), listen);
}

void Server::run_beside(size_t number) {
    try {
        workers_[number]->run({});
    } catch (const std::exception &error) {
        failures_[number] = error.what();
        // The first one sees to the others, and to the listener.
        workers_.front()->stop();
    }
}

void Server::stop() {
    if (stopped_) return;
    stopped_ = true;
    zcn_listener_close(listener_.get());
    for (const auto &worker : workers_) worker->stop();
}

int Server::run() {
    const Interrupt interrupt(workers_.front()->loop());
    listen();
    announce(listener_.get(), options_.json);
    std::vector<std::thread> threads;
    try {
        for (size_t i = 1; i < workers_.size(); i++) threads.emplace_back([this, i] { run_beside(i); });
        workers_.front()->run([&] {
            if (interrupt.raised() || workers_.front()->stop_asked()) stop();
        });
    } catch (const std::exception &error) {
        failures_.front() = error.what();
        stop();
    }
    for (std::thread &thread : threads) thread.join();
    bool failed = false;
    for (const std::string &failure : failures_) {
        if (failure.empty()) continue;
        complain(failure);
        failed = true;
    }
    if (options_.stats) print_totals();
    return failed ? 1 : 0;
}

void Server::print_totals() const {
    ServeCounts sum;
    for (const auto &worker : workers_) sum.add(worker->counts());
    const zcn_stats &total = sum.loop.total;
    const uint64_t calls = sum.loop.waits + total.read_calls + total.write_calls;
    if (options_.json) {
        print_line(Json()
                       .number("connections", sum.connections)
                       .number("requests", sum.requests)
                       .number("answers_2xx", sum.answers[2])
                       .number("answers_3xx", sum.answers[3])
                       .number("answers_4xx", sum.answers[4])
                       .number("answers_5xx", sum.answers[5])
                       .number("cut_off", sum.cut_off)
                       .number("bytes_in", total.bytes_in)
                       .number("bytes_out", total.bytes_out)
                       .number("copied_bytes", total.copied_bytes)
                       .number("calls", calls)
                       .line());
        return;
    }
    print_line(format("connections  %s", grouped(sum.connections).c_str()));
    print_line(format("requests     %s", grouped(sum.requests).c_str()));
    print_line(format("answers      %s of 2xx, %s of 3xx, %s of 4xx, %s of 5xx", grouped(sum.answers[2]).c_str(),
                      grouped(sum.answers[3]).c_str(), grouped(sum.answers[4]).c_str(),
                      grouped(sum.answers[5]).c_str()));
    print_line(format("cut off      %s", counted(sum.cut_off, "connection").c_str()));
    print_line(format("sent         %s bytes, %s copied", grouped(total.bytes_out).c_str(),
                      grouped(total.copied_bytes).c_str()));
    print_line(format("calls        %s to wait, read and write", grouped(calls).c_str()));
}

}  // namespace

int serve(const ServeOptions &options) { return Server(options).run(); }

}  // namespace tool
