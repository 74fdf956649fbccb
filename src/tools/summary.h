// SPDX-License-Identifier: MIT
// The figures at the end of a verb.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>

#include "json.h"

namespace tool {

struct Summary {
    uint64_t messages = 0;
    uint64_t bytes = 0;  // of whole frames
    double seconds = 0;
    zcn_loop_stats loop = {};
};

// The loop's counters; zeros if they cannot be had.
zcn_loop_stats read_stats(zcn_loop *loop);

// The members of the summary.
Json &add(Json &json, const Summary &summary);

// A table, one figure a line.
void print_table(const Summary &summary);

}  // namespace tool
