// SPDX-License-Identifier: MIT
// What a run is: the command line of a contender, and its two processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct Run {
    std::string workload;
    std::string mode;               // how the contender goes about it; its own word
    std::string transport = "tcp";  // tcp, unix
    std::string directory;          // for socket files
    std::size_t size = 64;          // bytes of a body
    std::uint64_t count = 100000;   // messages in all
    std::uint64_t warm = 0;         // of them, before the clock starts
    std::size_t keep = 1000;        // retain: messages kept
    std::size_t connections = 100;  // many connections, fan-out
    std::size_t in_flight = 256;    // echo: requests under way
    bool pin = false;
    bool verify = false;  // every byte of every body is written and compared
    int server_pid = 0;

    bool tcp() const { return transport == "tcp"; }
};

// What one side measured, by name.
class Report {
  public:
    void set(const char *name, double value) { values_.emplace_back(name, value); }
    std::string json() const;

  private:
    std::vector<std::pair<std::string, double>> values_;
};

// Lines between the two processes of a run, beside the transport that is measured.
class Link {
  public:
    explicit Link(int fd) : fd_(fd) {}
    void tell(const std::string &line);
    std::string hear();

  private:
    int fd_;
};

using Side = void (*)(const Run &, Link &, Report &);

// The server listens and tells its address; the client hears it and connects. Pinned, the client runs on the first
// core that is allowed and the server on the second.
struct Workload {
    const char *name;
    std::vector<const char *> modes;
    Side server;
    Side client;
};

[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
[[noreturn]] void fail_errno(const char *what);

// The whole of main(): `PROGRAM --list`, or `PROGRAM WORKLOAD [--mode M] [--transport T] …`, which prints one line of
// JSON.
int bench_main(int argc, char **argv, const char *contender, const std::string &version,
               std::initializer_list<Workload> workloads);

}  // namespace bench
