// SPDX-License-Identifier: MIT
// One measurement of zcnet files: a process that sends ranges of a file through the library, and one that receives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tool {

struct FileRun {
    int file = -1;             // descriptor, open for reading
    uint64_t file_size = 0;    // not 0
    bool tcp = false;          // over loopback; else a Unix socket
    uint32_t method = 0;       // ZCN_FILE_*
    uint64_t size = 0;         // of a range, at most the file's
    uint64_t count = 0;        // of ranges, one behind the other, from the start again where the file ends
    bool count_calls = false;  // counts system calls, which takes much longer
    bool verify = false;       // compares what arrives with the file
};

struct FileResult {
    uint64_t bytes = 0;  // of the file
    double seconds = 0;  // from the first byte to the last one's arrival
    double cpu_s = 0;    // of the sender, all its threads
    uint64_t switches = 0;
    std::optional<uint64_t> calls;
    // How the bytes left.
    uint64_t by_sendfile = 0, by_mmap = 0, by_splice = 0, by_direct = 0, by_copy = 0;
};

// Throws Failure.
FileResult run_file(const FileRun &run);

}  // namespace tool
