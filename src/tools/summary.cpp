// SPDX-License-Identifier: MIT
#include "summary.h"

#include <sys/resource.h>

#include <fstream>
#include <string>

#include "endpoint.h"
#include "text.h"

namespace tool {
namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

uint64_t system_calls(const Summary &summary) {
    return summary.loop.total.read_calls + summary.loop.total.write_calls + summary.loop.waits;
}

double calls_per_thousand(const Summary &summary) {
    return ratio(1000.0 * static_cast<double>(system_calls(summary)), static_cast<double>(summary.messages));
}

double iovecs_per_call(const Summary &summary) {
    return ratio(static_cast<double>(summary.loop.total.iovecs_out),
                 static_cast<double>(summary.loop.total.write_calls));
}

// Of this program alone: what getrusage() says may be the peak of the process that started it.
uint64_t peak_memory_bytes() {
    std::ifstream status("/proc/self/status");
    uint64_t kib = 0;
    for (std::string word; status >> word;)
        if (word == "VmHWM:" && status >> kib) return kib * 1024;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

void row(const char *name, const std::string &value) { print_line(format("%-14s%s", name, value.c_str())); }

}  // namespace

zcn_loop_stats read_stats(zcn_loop *loop) {
    zcn_loop_stats stats{};
    stats.struct_size = sizeof stats;
    if (zcn_loop_get_stats(loop, &stats) != ZCN_OK) return {};
    return stats;
}

Json &add(Json &json, const Summary &summary) {
    const auto messages = static_cast<double>(summary.messages);
    const auto bytes = static_cast<double>(summary.bytes);
    return json.number("messages", summary.messages)
        .number("bytes", summary.bytes)
        .decimal("seconds", summary.seconds)
        .decimal("messages_per_second", ratio(messages, summary.seconds))
        .decimal("gigabytes_per_second", ratio(bytes, summary.seconds) / 1e9)
        .number("system_calls", system_calls(summary))
        .decimal("system_calls_per_thousand_messages", calls_per_thousand(summary))
        .decimal("iovecs_per_call", iovecs_per_call(summary))
        .number("copied_bytes", summary.loop.total.copied_bytes)
        .number("peak_memory_bytes", peak_memory_bytes());
}

void print_table(const Summary &summary) {
    const auto messages = static_cast<double>(summary.messages);
    const auto bytes = static_cast<double>(summary.bytes);
    const zcn_stats &total = summary.loop.total;
    row("messages", grouped(summary.messages));
    row("bytes", bytes_text(bytes));
    row("time", format("%.3f s", summary.seconds));
    row("rate", format("%.3f GB/s, ", ratio(bytes, summary.seconds) / 1e9) +
                    rate_text(ratio(messages, summary.seconds)) + " messages");
    row("system calls", format("%.1f per thousand messages", calls_per_thousand(summary)));
    if (total.write_calls != 0 && total.iovecs_out != 0)
        row("iovecs", format("%.1f per call", iovecs_per_call(summary)));
    const double moved = static_cast<double>(total.bytes_in) + static_cast<double>(total.bytes_out);
    row("copied", format("%s bytes (%.3f %%)", grouped(total.copied_bytes).c_str(),
                         100 * ratio(static_cast<double>(total.copied_bytes), moved)));
    row("peak memory", bytes_text(static_cast<double>(peak_memory_bytes())));
}

}  // namespace tool
