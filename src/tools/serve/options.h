// SPDX-License-Identifier: MIT
// What zcnet serve was asked for.
#pragma once

#include <cstdint>
#include <string>

namespace tool {

struct ServeOptions {
    std::string root;
    std::string address;
    std::string log;          // empty: none; "-": standard output
    uint32_t method = 0;      // ZCN_FILE_*
    uint32_t file_flags = 0;  // ZCN_FILE_BENEATH …
    uint64_t threads = 1;
    uint64_t open_files = 1024;
    uint64_t most_clients = UINT64_MAX;  // as descriptors allow
    uint64_t valid_ms = 1000;
    uint64_t idle_s = 75;
    uint64_t request_s = 30;
    uint64_t grace_s = 10;
    bool list = false;
    bool json = false;
    bool stats = false;
    std::string stat;  // address
};

// Until a signal. The exit status.
int serve(const ServeOptions &options);

}  // namespace tool
