/* SPDX-License-Identifier: MIT */
/* Small messages on one connection and large ones on another, which is opened when the first large one is to be sent:
   so a small message never waits behind a large one, and whoever receives can give each its own limit. Usage:
   two_connections serve SMALL LARGE            answers each message with its size; prints both addresses
          two_connections send SMALL LARGE SIZE…       sends a message of each size */
#include <algorithm>
#include <array>
#include <iostream>
#include <string>
#include <vector>
#include <zcnet/zcnet.hpp>

namespace {

/* Whole frames of up to 4 KiB are small: a longer one is refused there as soon as its header is read. */
const std::array<zcnet::Framing, 2> &framings() {
    static const std::array<zcnet::Framing, 2> both = {zcnet::Framing("length,width=4,strip=4,max=4K"),
                                                       zcnet::Framing("length,width=4,strip=4,max=64M")};
    return both;
}

/* What the rest of a program sees: one thing to send on. */
class Link {
  public:
    Link(zcnet::Loop &loop, char **addresses) : loop_(loop), addresses_(addresses) {}

    /* Sends a body of zeros on the connection that takes it. */
    void send(std::uint64_t size) {
        const std::size_t which = is_small(size) ? 0 : 1;
        if (!conns_[which]) conns_[which] = loop_.connect(addresses_[which], framings()[which]).retain();
        zcnet::Unit unit = zcnet::Unit::alloc(framings()[which], size);
        std::fill_n(unit.body().data(), unit.body().size(), std::byte{0});
        if (!conns_[which].send(std::move(unit))) throw zcnet::Error(ZCN_AGAIN);  // not with one at a time
    }
    int opened() const {
        return static_cast<int>(
            std::count_if(conns_.begin(), conns_.end(), [](const auto &conn) { return bool(conn); }));
    }
    void close() {
        for (const zcnet::Conn &conn : conns_) {
            if (conn) conn.close();
        }
    }

  private:
    static bool is_small(std::uint64_t size) {
        return zcn_framing_overhead(framings()[0].get(), size, nullptr, nullptr) != ZCN_EFRAME_TOO_LARGE;
    }
    zcnet::Loop &loop_;
    char **addresses_;
    std::array<zcnet::Conn, 2> conns_;
};

int serve(zcnet::Loop &loop, char **addresses) {
    std::array<zcnet::Listener, 2> listeners;
    for (std::size_t i = 0; i < 2; i++) {
        listeners[i] = loop.listen(addresses[i], framings()[i]);
        std::cout << listeners[i].address() << std::endl;
    }
    for (zcnet::Events events; loop.poll(events);) {
        for (const zcnet::Event event : events) {
            if (event.type() != zcnet::EventType::message) continue;
            const std::string size = std::to_string(event.bytes().size());
            if (event.conn().try_send_copy(size) != ZCN_OK) event.conn().abort();
        }
    }
    return 1;
}

int send(zcnet::Loop &loop, char **addresses, const std::vector<std::string> &sizes) {
    Link link(loop, addresses);
    std::size_t done = 0;
    int closed = 0;
    link.send(std::stoull(sizes[0]));
    for (zcnet::Events events; loop.poll(events);) {
        for (const zcnet::Event event : events) {
            if (event.type() == zcnet::EventType::closed) {
                if (event.status() != ZCN_OK) throw zcnet::Error(event.status());
                if (++closed == link.opened()) return 0;
            }
            if (event.type() != zcnet::EventType::message) continue;
            if (event.text() != sizes[done]) {
                throw std::runtime_error(sizes[done] + " bytes arrived as " + std::string(event.text()));
            }
            std::cout << sizes[done] << " bytes, " << link.opened() << " connections\n";
            if (++done < sizes.size()) {
                link.send(std::stoull(sizes[done]));
            } else {
                link.close();
            }
        }
    }
    return 1;
}

}  // namespace

int main(int argc, char **argv) try {
    const std::string verb = argc > 1 ? argv[1] : "";
    zcnet::Loop loop;
    if (verb == "serve" && argc == 4) return serve(loop, argv + 2);
    if (verb == "send" && argc > 4) return send(loop, argv + 2, {argv + 4, argv + argc});
    std::cerr << "usage: two_connections serve SMALL LARGE | send SMALL LARGE SIZE...\n";
    return 2;
} catch (const std::exception &error) {
    std::cerr << "two_connections: " << error.what() << "\n";
    return 1;
}
