/* SPDX-License-Identifier: MIT */
/* An echo server: every message goes back as it came. A peer that does not read is not read from either.
   Usage: echo_server [ADDRESS] */
#include <iostream>
#include <zcnet/zcnet.hpp>

int main(int argc, char **argv) try {
    zcnet::Loop loop;
    const zcnet::Framing framing("length,width=4,strip=4,max=1M");
    const zcnet::Listener listener = loop.listen(argc > 1 ? argv[1] : "tcp://127.0.0.1:7000", framing);
    std::cout << listener.address() << std::endl;

    for (zcnet::Events events; loop.poll(events);) {
        for (const zcnet::Event event : events) {
            if (event.type() == zcnet::EventType::message) {
                if (event.conn().try_forward(event.message()) < 0) event.conn().abort();
            } else if (event.type() == zcnet::EventType::closed && event.status() != ZCN_EOF) {
                std::cerr << "a connection ended: " << event.status_text() << "\n";
            }
        }
    }
    return 1;
} catch (const std::exception &error) {
    std::cerr << error.what() << "\n";
    return 1;
}
