// SPDX-License-Identifier: MIT
// Which part of a document a request gets, by its conditions and its range (RFC 9110, sections 13 and 14).
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

#include "tools/serve/request.h"

namespace tool {

// What is compared.
struct Validators {
    uint64_t size = 0;
    std::time_t modified = 0;
    std::string etag;  // strong, in its quotes
};

struct Selection {
    unsigned status = 200;  // 200, 206, 304, 412 or 416
    uint64_t offset = 0;
    uint64_t size = 0;
};

Selection select(const Request &request, const Validators &validators);

}  // namespace tool
