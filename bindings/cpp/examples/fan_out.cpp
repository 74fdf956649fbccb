/* SPDX-License-Identifier: MIT */
/* A ticker: ten times a second one message goes to every connection. All of them send the same bytes. A receiver that
   lags misses ticks and slows nobody down.
   Usage: fan_out ADDRESS RECEIVERS TICKS      starts when so many receivers are there, ends after so many ticks */
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>
#include <zcnet/zcnet.hpp>

int main(int argc, char **argv) try {
    using namespace std::chrono_literals;
    const std::size_t wanted = argc == 4 ? std::strtoul(argv[2], nullptr, 10) : 0;
    const long ticks = argc == 4 ? std::strtol(argv[3], nullptr, 10) : 0;
    if (wanted == 0 || ticks <= 0) {
        std::cerr << "usage: fan_out ADDRESS RECEIVERS TICKS\n";
        return 2;
    }
    const zcnet::Framing framing("delimiter=\\n,strip=1");
    zcnet::Loop loop;
    const zcnet::Listener listener = loop.listen(argv[1], framing);
    std::cout << listener.address() << std::endl;

    std::vector<zcnet::ConnRef> receivers;  // each is taken out at its closed
    long done = 0;
    std::size_t missed = 0;
    for (zcnet::Events events; loop.poll(events);) {
        for (const zcnet::Event event : events) {
            if (event.type() == zcnet::EventType::accepted) {
                receivers.push_back(event.conn());
                if (receivers.size() == wanted && done == 0) loop.set_timer(0, 0ms);
            } else if (event.type() == zcnet::EventType::closed) {
                receivers.erase(std::remove(receivers.begin(), receivers.end(), event.conn()), receivers.end());
            } else if (event.type() == zcnet::EventType::timer) {
                zcnet::Unit unit = zcnet::Unit::copy(framing, "tick " + std::to_string(++done));
                if (!receivers.empty()) {
                    missed += receivers.size() - zcnet::send_to_all(receivers, std::move(unit)).sent;
                }
                if (done == ticks) {
                    loop.close();
                    break;
                }
                loop.set_timer(0, 100ms);
            }
        }
    }
    std::cout << done << " ticks, " << missed << " missed\n";
    return done == ticks ? 0 : 1;
} catch (const std::exception &error) {
    std::cerr << "fan_out: " << error.what() << "\n";
    return 1;
}
