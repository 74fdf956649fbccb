// SPDX-License-Identifier: MIT
// A program of someone else on the C++ headers: over loopback, a message goes to a listener and comes back.
#include <iostream>
#include <zcnet/zcnet.hpp>

int main() try {
    const zcnet::Framing framing("length,strip=4");
    zcnet::Loop loop;
    const zcnet::Listener listener = loop.listen("tcp://127.0.0.1:0", framing);
    const zcnet::ConnRef client = loop.connect(listener.address(), framing);
    if (!client.send_copy("there and back")) return 1;
    loop.set_timer(0, std::chrono::seconds(60));
    for (zcnet::Events events; loop.poll(events);) {
        for (const zcnet::Event event : events) {
            if (event.type() == zcnet::EventType::timer || event.type() == zcnet::EventType::closed) return 1;
            if (event.type() != zcnet::EventType::message) continue;
            if (event.conn() == client) return event.text() == "there and back" ? 0 : 1;
            event.conn().forward(event.message());
        }
    }
    return 1;
} catch (const zcnet::Error &error) {
    std::cerr << error.name() << ": " << error.what() << "\n";
    return 1;
}
