// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <vector>

#include "frame.h"
#include "load.h"
#include "meter.h"
#include "socket.h"

namespace bench {

namespace {

class Clients {
  public:
    Clients(const Run &run, std::string address)
        : run_(run), address_(std::move(address)), frame_(header_size + run.size) {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        if (epoll_ < 0) fail_errno("epoll_create");
        store_length(frame_.data(), run.size);
        answer_.resize(frame_.size());
    }

    // A reset, so that thousands of ports are not kept waiting.
    ~Clients() {
        linger reset{1, 0};
        for (const Client &client : clients_) {
            setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            close(client.fd);
        }
        close(epoll_);
    }

    Clients(const Clients &) = delete;
    Clients &operator=(const Clients &) = delete;

    std::size_t count() const { return clients_.size(); }

    void connect() {
        int fd = connect_to(address_, clients_.size());
        set_nonblocking(fd);
        epoll_event event{EPOLLIN, {}};
        event.data.u64 = clients_.size();
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail_errno("epoll_ctl");
        clients_.push_back({fd, 0, 0, false});
    }

    // Sends the request's first bytes, or what is missing of it.
    void send_part(std::size_t index, std::size_t until) {
        Client &client = clients_[index];
        if (client.sent == 0) client.number = next_number_++;
        make_body(frame_.data() + header_size, run_.size, client.number, run_.verify);
        send_all(client.fd, frame_.data() + client.sent, until - client.sent);
        client.sent = until;
        client.waits = until == frame_.size();
    }

    void request(std::size_t index) { send_part(index, frame_.size()); }

    // Calls answered(index) for each answer that has come; blocks for the first.
    template <typename Answered>
    void wait(Answered &&answered) {
        epoll_event events[256];
        int n = epoll_wait(epoll_, events, 256, -1);
        if (n < 0 && errno != EINTR) fail_errno("epoll_wait");
        for (int i = 0; i < n; ++i) {
            if (receive(clients_[events[i].data.u64])) answered(events[i].data.u64);
        }
    }

    bool busy(std::size_t index) const { return clients_[index].sent != 0; }

  private:
    struct Client {
        int fd;
        std::uint64_t number;
        std::size_t sent;
        bool waits;
    };

    bool receive(Client &client) {
        ssize_t n = recv(client.fd, answer_.data(), answer_.size(), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        if (n != static_cast<ssize_t>(answer_.size()) || !client.waits) fail("a wrong answer of %zd bytes", n);
        const std::byte *body = answer_.data() + header_size;
        std::uint64_t number;
        std::memcpy(&number, body, sizeof number);
        if (load_length(answer_.data()) != run_.size || number != client.number) fail("a wrong answer");
        if (run_.verify && !body_is(body, run_.size, number)) fail("a damaged answer");
        client.sent = 0;
        client.waits = false;
        return true;
    }

    const Run &run_;
    std::string address_;
    std::vector<std::byte> frame_;
    std::vector<std::byte> answer_;
    std::vector<Client> clients_;
    std::uint64_t next_number_ = 0;
    int epoll_ = -1;
};

std::string text_of(const std::string &path) {
    std::string text(4096, '\0');
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail_errno(path.c_str());
    ssize_t n = read(fd, text.data(), text.size());
    close(fd);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
}

// When the server has used no CPU time for a while, it has taken everything that was sent.
void settle(int pid) {
    std::string path = "/proc/" + std::to_string(pid) + "/schedstat";
    std::string before;
    for (int quiet = 0; quiet < 10;) {
        std::string now = text_of(path);
        quiet = now == before ? quiet + 1 : 0;
        before = now;
        timespec pause{0, 20000000};
        nanosleep(&pause, nullptr);
    }
}

// Pages of its own that the process has written, in bytes.
double memory_of(int pid) {
    std::string text = text_of("/proc/" + std::to_string(pid) + "/smaps_rollup");
    unsigned long anonymous = 0;
    std::size_t at = text.find("Anonymous:");
    if (at == std::string::npos || std::sscanf(text.c_str() + at, "Anonymous: %lu kB", &anonymous) != 1)
        fail("smaps_rollup cannot be read");
    return static_cast<double>(anonymous) * 1024;
}

}  // namespace

void echo_client(const Run &run, Link &link, Report &report) {
    Clients clients(run, link.hear());
    while (clients.count() < run.connections) clients.connect();
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::size_t next = 0;
    auto request = [&] {
        while (clients.busy(next)) next = (next + 1) % run.connections;
        clients.request(next);
        next = (next + 1) % run.connections;
        ++sent;
    };
    for (std::size_t i = 0; i < run.in_flight && i < run.connections; ++i) request();
    Meter meter;
    while (answered < run.count) {
        meter.at(run, answered, report);
        clients.wait([&](std::size_t) {
            ++answered;
            if (sent < run.count) request();
        });
    }
    meter.at(run, answered, report);
}

void idle_client(const Run &run, Link &link, Report &report) {
    Clients clients(run, link.hear());
    // One connection that has done everything comes first: what the server takes once is no cost of a connection.
    clients.connect();
    clients.request(0);
    while (clients.busy(0)) clients.wait([](std::size_t) {});
    settle(run.server_pid);
    double base = memory_of(run.server_pid);
    auto each = [&](const char *name) {
        settle(run.server_pid);
        report.set(name, (memory_of(run.server_pid) - base) / static_cast<double>(run.connections));
    };
    while (clients.count() <= run.connections) clients.connect();
    each("idle");
    for (std::size_t i = 1; i < clients.count(); ++i) clients.send_part(i, 1);
    each("one_byte");
    for (std::size_t i = 1; i < clients.count(); ++i) {
        clients.request(i);
        while (clients.busy(i)) clients.wait([](std::size_t) {});
    }
    each("idle_after");
}

}  // namespace bench
