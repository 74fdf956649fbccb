// SPDX-License-Identifier: MIT
// The page that a loop shows on its Unix socket (zcn_listen_stat()): fetched and read.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tool {

struct Metric {
    bool gauge;
    std::string name;
    uint64_t value;
};

// A connection or relay that holds much.
struct Holder {
    std::string line;                    // as it stands on the page
    std::vector<std::string> addresses;  // of the peer, or of the peers on both sides
    std::vector<std::pair<std::string, uint64_t>> values;
};

struct StatPage {
    std::string version;
    std::vector<Metric> metrics;  // each name once
    std::vector<Holder> conns;
    std::vector<Holder> relays;
};

// Throws Failure: nobody there, no answer in time, or no such page.
StatPage fetch_stat_page(const std::string &address, uint64_t timeout_s);

// Throws Failure for what is no page, or not all of one.
StatPage parse_stat_page(const std::string &text);

}  // namespace tool
