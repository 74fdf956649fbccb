// SPDX-License-Identifier: MIT
// The page that a loop shows on its Unix socket (zcn_listen_stat()): fetched, read, and written in other forms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tool {

struct Metric {
    bool gauge;
    std::string name;
    uint64_t value;
};

struct StatPage {
    std::string version;
    std::vector<Metric> metrics;
    std::vector<std::string> conns;  // one line each, without "conn "
};

// Throws Failure: nobody there, no answer in time, or no such page.
StatPage fetch_stat_page(const std::string &address, uint64_t timeout_s);

// Throws Failure for what is no page, or not all of one.
StatPage parse_stat_page(const std::string &text);

// The text format of Prometheus.
std::string prometheus(const StatPage &page);

}  // namespace tool
