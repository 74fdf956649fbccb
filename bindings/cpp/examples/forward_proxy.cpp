/* SPDX-License-Identifier: MIT */
/* A proxy: each connection gets one of its own to the target, and what arrives at either leaves at the other, without
   a copy. forward() stops reading one end while the other is slow, so nothing piles up here.
   Usage: forward_proxy ADDRESS TARGET */
#include <iostream>
#include <zcnet/zcnet.hpp>

namespace {

/* The other end of a connection: the two know each other by their user values. */
zcnet::ConnRef other_of(zcnet::ConnRef conn) { return zcnet::ConnRef(conn.user_as<zcn_conn>()); }

void pair_up(zcnet::Loop &loop, zcnet::ConnRef near, const char *target, const zcnet::Framing &framing) {
    zcnet::ConnOptions options;
    options.half_open = 1;
    options.user = reinterpret_cast<std::uintptr_t>(near.get());
    zcnet::ConnRef far;
    if (loop.try_connect(far, target, framing, options) == ZCN_OK) {
        near.set_user(far.get());
    } else {
        near.abort();
    }
}

void end(const zcnet::Event &event) {
    const zcnet::ConnRef other = other_of(event.conn());
    if (!other) return;
    other.set_user(std::uintptr_t{0});  // it must not use this end any more
    if (event.status() == ZCN_OK || event.status() == ZCN_EOF) {
        other.close();
    } else {
        std::cerr << "an end was lost: " << event.status_text() << "\n";
        other.abort();
    }
}

void handle(zcnet::Loop &loop, const zcnet::Event &event, const char *target, const zcnet::Framing &framing) {
    switch (event.type()) {
        case zcnet::EventType::accepted:
            pair_up(loop, event.conn(), target, framing);
            break;
        case zcnet::EventType::message: {
            const zcn_status status = other_of(event.conn()).try_forward(event.message());
            // ZCN_ECLOSED: the other end has failed, and its closed follows.
            if (status != ZCN_OK && status != ZCN_ECLOSED) event.conn().abort();
            break;
        }
        case zcnet::EventType::peer_closed:                   // one direction has ended, the other may go on
            zcn_conn_shutdown(other_of(event.conn()).get());  // whose end, if it has come too, is told by its closed
            break;
        case zcnet::EventType::closed:
            end(event);
            break;
        default:
            break;
    }
}

}  // namespace

int main(int argc, char **argv) try {
    if (argc != 3) {
        std::cerr << "usage: forward_proxy ADDRESS TARGET\n";
        return 2;
    }
    zcnet::ConnOptions accepted;
    accepted.half_open = 1;
    zcnet::ListenOptions options;
    options.conn = &accepted;
    const zcnet::Framing framing("raw");
    zcnet::Loop loop;
    const zcnet::Listener listener = loop.listen(argv[1], framing, options);
    std::cout << listener.address() << std::endl;

    for (zcnet::Events events; loop.poll(events);) {
        for (const zcnet::Event event : events) handle(loop, event, argv[2], framing);
    }
    return 1;
} catch (const std::exception &error) {
    std::cerr << "forward_proxy: " << error.what() << "\n";
    return 1;
}
