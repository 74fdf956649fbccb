// SPDX-License-Identifier: MIT
#include "file_run.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zcnet/zcnet.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <vector>

#include "call_counter.h"
#include "descriptor.h"
#include "endpoint.h"
#include "handles.h"
#include "text.h"

namespace tool {
namespace {

constexpr const char *wire = "length,width=8,strip=8,max=1024G";
constexpr uint64_t header_size = 8;
constexpr uint64_t buffer_size = 256 * 1024;
constexpr int64_t patience_ns = 60 * second_ns;  // without a byte that gets on
constexpr size_t longest_reason = 240;

struct Ends {
    Descriptor sender;
    Descriptor receiver;
};

Ends local_pair() {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) throw Failure(system_error("a Unix socket pair"));
    return {Descriptor(fds[0]), Descriptor(fds[1])};
}

Ends tcp_pair() {
    const Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto *any = reinterpret_cast<sockaddr *>(&address);
    if (listener.get() < 0 || bind(listener.get(), any, size) != 0 || listen(listener.get(), 1) != 0 ||
        getsockname(listener.get(), any, &size) != 0)
        throw Failure(system_error("a TCP socket"));
    Descriptor sender(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (sender.get() < 0 || connect(sender.get(), any, size) != 0) throw Failure(system_error("a TCP connection"));
    Descriptor receiver(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (receiver.get() < 0) throw Failure(system_error("a TCP connection"));
    return {std::move(sender), std::move(receiver)};
}

uint64_t range_start(const FileRun &run, uint64_t number) { return number % (run.file_size / run.size) * run.size; }

// What a child says before it ends.
struct Report {
    FileResult result;
    char reason[longest_reason] = {};  // why it failed
};

// ---- the receiver: plain reads into one buffer ----

void read_exactly(int fd, char *data, uint64_t size) {
    while (size != 0) {
        const ssize_t got = read(fd, data, size);
        if (got <= 0) throw Failure(got < 0 ? system_error("the receiver") : "the sender ended early");
        data += got;
        size -= static_cast<uint64_t>(got);
    }
}

void receive_and_compare(const FileRun &run, int socket) {
    std::vector<char> got(buffer_size);
    std::vector<char> expected(buffer_size);
    for (uint64_t i = 0; i < run.count; i++) {
        read_exactly(socket, got.data(), header_size);
        for (uint64_t done = 0; done < run.size;) {
            const uint64_t part = std::min(buffer_size, run.size - done);
            const auto at = static_cast<off_t>(range_start(run, i) + done);
            read_exactly(socket, got.data(), part);
            if (pread(run.file, expected.data(), part, at) != static_cast<ssize_t>(part))
                throw Failure(system_error("the file"));
            if (std::memcmp(got.data(), expected.data(), part) != 0)
                throw Failure("other bytes arrived than the file has");
            done += part;
        }
    }
}

void receive(const FileRun &run, int socket) {
    if (run.verify) return receive_and_compare(run, socket);
    std::vector<char> buffer(buffer_size);
    for (uint64_t left = run.count * (run.size + header_size); left != 0;) {
        const ssize_t got = read(socket, buffer.data(), buffer.size());
        if (got <= 0) throw Failure(got < 0 ? system_error("the receiver") : "the sender ended early");
        left -= std::min(left, static_cast<uint64_t>(got));
    }
}

// ---- the sender ----

double seconds_of(const timeval &time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

class Sender {
  public:
    Sender(const FileRun &run, Descriptor socket)
        : run_(run), framing_(parse_framing(wire)), loop_(create_loop(nullptr, 0)) {
        zcn_conn_options options = connection_options();
        options.high_water = std::max<uint64_t>(4 << 20, 2 * run.size);
        options.low_water = options.high_water / 2;
        options.file_method = run.method;
        check(zcn_conn_adopt(&conn_, loop_.get(), socket.get(), framing_.get(), &options), "the connection");
        (void)socket.release();
        const int fd = dup(run.file);
        if (fd < 0) throw Failure(system_error("the file"));
        zcn_file *file = nullptr;
        const zcn_status status = zcn_file_adopt(&file, fd, nullptr);
        if (status != ZCN_OK) close(fd);
        check(status, "the file");
        file_.reset(file);
    }

    FileResult run();

  private:
    static void check(zcn_status status, const char *what) {
        if (status != ZCN_OK) throw Failure(what + (": " + status_line(status)), status);
    }
    void fill();
    bool step();

    const FileRun &run_;
    Owned<zcn_framing> framing_;
    Owned<zcn_loop> loop_;
    Owned<zcn_file> file_;
    zcn_conn *conn_ = nullptr;
    uint64_t next_ = 0;
    bool room_ = true;
};

// As many ranges as the connection takes.
void Sender::fill() {
    while (room_ && next_ < run_.count) {
        zcn_unit *unit = nullptr;
        check(zcn_unit_create(&unit, nullptr), "a unit");
        Owned<zcn_unit> owned(unit);
        check(zcn_unit_append_file(unit, file_.get(), range_start(run_, next_), run_.size), "a unit");
        const zcn_status status = zcn_conn_send(conn_, unit);
        room_ = status != ZCN_AGAIN;
        if (!room_) break;
        check(status, "sending");
        (void)owned.release();  // the connection has it
        next_++;
    }
}

// False: the receiver has everything, and has gone.
bool Sender::step() {
    const zcn_event *events = nullptr;
    size_t count = 0;
    check(zcn_loop_poll(loop_.get(), patience_ns, &events, &count, nullptr), "the event loop");
    if (count == 0) throw Failure("nothing got on for a minute");
    for (size_t i = 0; i < count; i++) {
        if (events[i].type == ZCN_EVENT_WRITABLE) room_ = true;
        if (events[i].type != ZCN_EVENT_CLOSED) continue;
        if (events[i].status == ZCN_EOF && next_ == run_.count) return false;
        throw Failure("the connection ended: " + status_line(events[i].status), events[i].status);
    }
    return true;
}

FileResult Sender::run() {
    zcn_conn_retain(conn_);
    rusage before{};
    rusage after{};
    getrusage(RUSAGE_SELF, &before);
    const int64_t start = now_ns();
    mark_calls();
    do {
        fill();
    } while (step());
    mark_calls();
    FileResult result;
    result.seconds = static_cast<double>(now_ns() - start) * 1e-9;
    getrusage(RUSAGE_SELF, &after);
    result.bytes = run_.count * run_.size;
    result.cpu_s = seconds_of(after.ru_utime) - seconds_of(before.ru_utime) + seconds_of(after.ru_stime) -
                   seconds_of(before.ru_stime);
    result.switches = static_cast<uint64_t>(after.ru_nvcsw - before.ru_nvcsw + after.ru_nivcsw - before.ru_nivcsw);
    zcn_stats stats{};
    stats.struct_size = sizeof stats;
    check(zcn_conn_get_stats(conn_, &stats), "the counters");
    result.by_sendfile = stats.file_sendfile;
    result.by_mmap = stats.file_mmap;
    result.by_splice = stats.file_splice;
    result.by_direct = stats.file_direct;
    result.by_copy = stats.copied_out;
    zcn_conn_release(conn_);
    return result;
}

// ---- processes ----

struct Child {
    pid_t pid = -1;
    Descriptor report;
};

// A child never goes back to the caller, and ends with its parent.
template <class Work>
Child start_child(bool traced, Work &&work) {
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) != 0) throw Failure(system_error("a pipe"));
    Child child{-1, Descriptor(pipe[0])};
    const Descriptor out(pipe[1]);
    const pid_t parent = getpid();
    child.pid = fork();
    if (child.pid < 0) throw Failure(system_error("a process"));
    if (child.pid > 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    if (traced) be_traced();
    static Report report;
    try {
        report.result = work();
    } catch (const std::exception &error) {
        std::strncpy(report.reason, error.what(), longest_reason - 1);
    }
    // In one piece: it is shorter than PIPE_BUF.
    _exit(write(out.get(), &report, sizeof report) == static_cast<ssize_t>(sizeof report) ? 0 : 1);
}

// What it reported, once it has ended.
FileResult result_of(const Child &child, const char *who) {
    Report report;
    const ssize_t got = read(child.report.get(), &report, sizeof report);
    if (got != static_cast<ssize_t>(sizeof report)) throw Failure(std::string(who) + " failed without a word");
    if (report.reason[0] != '\0') throw Failure(report.reason);
    return report.result;
}

// Ends and collects a child that was not waited for.
struct Keeper {
    pid_t pid;
    ~Keeper() {
        if (pid <= 0) return;
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }
    void wait() {
        waitpid(pid, nullptr, 0);
        pid = -1;
    }
};

}  // namespace

FileResult run_file(const FileRun &run) {
    Ends ends = run.tcp ? tcp_pair() : local_pair();
    const Child receiver = start_child(false, [&] {
        ends.sender = Descriptor();
        receive(run, ends.receiver.get());
        return FileResult{};
    });
    Keeper receiving{receiver.pid};
    const Child sender = start_child(run.count_calls, [&] {
        ends.receiver = Descriptor();
        return Sender(run, std::move(ends.sender)).run();
    });
    Keeper sending{sender.pid};
    ends.sender = Descriptor();
    ends.receiver = Descriptor();
    std::optional<uint64_t> calls;
    if (run.count_calls) {
        int status = 0;
        calls = count_calls(sender.pid, &status);
        sending.pid = -1;
    } else {
        sending.wait();
    }
    FileResult result = result_of(sender, "the sender");
    (void)result_of(receiver, "the receiver");
    receiving.wait();
    result.calls = calls;
    return result;
}

}  // namespace tool
