// SPDX-License-Identifier: MIT
#include "run.h"

#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace bench {

namespace {

constexpr int time_limit_s = 120;

struct Process {
    pid_t pid = -1;
    int report = -1;
};

void pin_to(unsigned index) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) fail_errno("sched_getaffinity");
    index %= static_cast<unsigned>(CPU_COUNT(&allowed));
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &allowed) || index-- != 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0) fail_errno("sched_setaffinity");
        return;
    }
}

// Both processes start from a fork of one that has touched no library yet.
Process start(const Run &run, Side side, int link, int other_link, unsigned core) {
    int report[2];
    if (pipe(report) != 0) fail_errno("pipe");
    pid_t pid = fork();
    if (pid < 0) fail_errno("fork");
    if (pid > 0) {
        close(report[1]);
        return {pid, report[0]};
    }
    close(report[0]);
    close(other_link);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (run.pin) pin_to(core);
    Link control(link);
    Report measured;
    side(run, control, measured);
    std::string text = measured.json();
    if (write(report[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail_errno("report");
    _exit(0);
}

std::string collect(const Process &process) {
    std::string text;
    for (;;) {
        pollfd waiting{process.report, POLLIN, 0};
        char part[4096];
        if (poll(&waiting, 1, time_limit_s * 1000) <= 0) return {};
        ssize_t n = read(process.report, part, sizeof part);
        if (n <= 0) return text;
        text.append(part, static_cast<std::size_t>(n));
    }
}

int run_both(const Run &run_given, const char *contender, const Workload &workload) {
    Run run = run_given;
    char directory[] = "/tmp/zcnet-bench-XXXXXX";
    if (mkdtemp(directory) == nullptr) fail_errno("mkdtemp");
    run.directory = directory;
    int link[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, link) != 0) fail_errno("socketpair");
    Process server = start(run, workload.server, link[0], link[1], 1);
    run.server_pid = server.pid;
    Process client = start(run, workload.client, link[1], link[0], 0);
    close(link[0]);
    close(link[1]);
    std::string sent = collect(client);
    // A side that failed leaves the other one waiting for ever.
    if (sent.empty()) kill(server.pid, SIGKILL);
    std::string received = collect(server);
    if (received.empty()) kill(client.pid, SIGKILL);
    int status[2] = {};
    waitpid(server.pid, &status[0], 0);
    waitpid(client.pid, &status[1], 0);
    std::error_code ignored;
    std::filesystem::remove_all(run.directory, ignored);
    if (sent.empty() || received.empty() || status[0] != 0 || status[1] != 0) {
        std::fprintf(stderr, "%s %s failed\n", contender, run.workload.c_str());
        return 1;
    }
    std::printf(
        "{\"contender\":\"%s\",\"workload\":\"%s\",\"mode\":\"%s\",\"transport\":\"%s\",\"size\":%zu,\"pin\":%s,"
        "\"server\":%s,\"client\":%s}\n",
        contender, run.workload.c_str(), run.mode.c_str(), run.transport.c_str(), run.size, run.pin ? "true" : "false",
        received.c_str(), sent.c_str());
    return 0;
}

void list(const char *contender, const std::string &version, std::initializer_list<Workload> workloads) {
    std::printf("{\"contender\":\"%s\",\"version\":\"%s\",\"workloads\":{", contender, version.c_str());
    const char *comma = "";
    for (const Workload &workload : workloads) {
        std::printf("%s\"%s\":[", comma, workload.name);
        const char *between = "";
        for (const char *mode : workload.modes) {
            std::printf("%s\"%s\"", between, mode);
            between = ",";
        }
        std::printf("]");
        comma = ",";
    }
    std::printf("}}\n");
}

std::uint64_t number(const char *text) {
    char *end = nullptr;
    errno = 0;
    unsigned long long value = std::strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') fail("'%s' is not a number", text);
    return value;
}

Run parse(int argc, char **argv) {
    Run run;
    run.workload = argv[1];
    for (int i = 2; i < argc; ++i) {
        std::string name = argv[i];
        if (name == "--pin") {
            run.pin = true;
            continue;
        }
        if (name == "--verify") {
            run.verify = true;
            continue;
        }
        if (++i == argc) fail("%s needs a value", name.c_str());
        const char *value = argv[i];
        if (name == "--mode") {
            run.mode = value;
        } else if (name == "--transport") {
            run.transport = value;
        } else if (name == "--size") {
            run.size = number(value);
        } else if (name == "--count") {
            run.count = number(value);
        } else if (name == "--warm") {
            run.warm = number(value);
        } else if (name == "--keep") {
            run.keep = number(value);
        } else if (name == "--connections") {
            run.connections = number(value);
        } else if (name == "--in-flight") {
            run.in_flight = number(value);
        } else {
            fail("there is no option '%s'", name.c_str());
        }
    }
    if (run.transport != "tcp" && run.transport != "unix") fail("the transports are tcp and unix");
    if (run.size < 16 || run.warm >= run.count) fail("--size is at least 16, and --warm less than --count");
    return run;
}

}  // namespace

std::string Report::json() const {
    std::string text = "{";
    for (const auto &[name, value] : values_) {
        char part[128];
        std::snprintf(part, sizeof part, "%s\"%s\":%.9g", text.size() > 1 ? "," : "", name.c_str(), value);
        text += part;
    }
    return text + "}";
}

void Link::tell(const std::string &line) {
    std::string text = line + "\n";
    if (send(fd_, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) fail_errno("link");
}

std::string Link::hear() {
    std::string line;
    for (char c = 0; c != '\n';) {
        if (read(fd_, &c, 1) != 1) fail("the other process has ended");
        line += c;
    }
    line.pop_back();
    return line;
}

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::vfprintf(stderr, format, arguments);
    va_end(arguments);
    std::fputc('\n', stderr);
    _exit(1);
}

void fail_errno(const char *what) { fail("%s: %s", what, std::strerror(errno)); }

int bench_main(int argc, char **argv, const char *contender, const std::string &version,
               std::initializer_list<Workload> workloads) {
    if (argc < 2)
        fail("usage: %s --list | WORKLOAD [--mode M] [--transport tcp|unix] [--size N] [--count N] …", argv[0]);
    if (std::strcmp(argv[1], "--list") == 0) {
        list(contender, version, workloads);
        return 0;
    }
    // Memory that was freed is to be used again, not given back and taken anew at the cost of a fault a page.
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    Run run = parse(argc, argv);
    for (const Workload &workload : workloads) {
        if (run.workload != workload.name) continue;
        if (run.mode.empty()) run.mode = workload.modes.front();
        for (const char *mode : workload.modes) {
            if (run.mode == mode) return run_both(run, contender, workload);
        }
        fail("%s has no mode '%s' of %s", contender, run.mode.c_str(), workload.name);
    }
    fail("%s does not do %s", contender, run.workload.c_str());
}

}  // namespace bench
