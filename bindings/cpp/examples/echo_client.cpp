/* SPDX-License-Identifier: MIT */
/* Sends each word as a message to an echo server and prints the answers, each with its size.
   Usage: echo_client ADDRESS WORD… */
#include <cstring>
#include <iostream>
#include <zcnet/zcnet.hpp>

int main(int argc, char **argv) try {
    if (argc < 3) {
        std::cerr << "usage: echo_client ADDRESS WORD...\n";
        return 2;
    }
    const zcnet::Framing framing("length,width=4,strip=4,max=1M");
    zcnet::Loop loop;
    const zcnet::ConnRef conn = loop.connect(argv[1], framing);
    for (int i = 2; i < argc; i++) {
        // Memory of the library: the word is written where it will be sent from.
        zcnet::Unit unit = zcnet::Unit::alloc(framing, std::strlen(argv[i]));
        std::memcpy(unit.body().data(), argv[i], unit.body().size());
        const zcn_status status = conn.try_send(unit);
        // Where the connection has failed already, closed says why.
        if (status != ZCN_OK && status != ZCN_ECLOSED) throw zcnet::Error(status);
    }

    int expected = argc - 2;
    for (zcnet::Events events; loop.poll(events);) {
        for (const zcnet::Event event : events) {
            if (event.type() == zcnet::EventType::message) {
                std::cout << event.bytes().size() << " " << event.text() << "\n";
                if (--expected == 0) conn.close();
            } else if (event.type() == zcnet::EventType::closed) {
                if (expected == 0) return 0;
                throw zcnet::Error(event.status());
            }
        }
    }
    return 1;
} catch (const std::exception &error) {
    std::cerr << "echo_client: " << error.what() << "\n";
    return 1;
}
