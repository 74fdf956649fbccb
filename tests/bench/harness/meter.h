// SPDX-License-Identifier: MIT
// Wall clock and CPU time of this process between two points.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <ctime>

#include "run.h"

namespace bench {

inline std::uint64_t now_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1000000000U + static_cast<std::uint64_t>(t.tv_nsec);
}

class Meter {
  public:
    bool started() const { return start_ns_ != 0; }

    void start(std::uint64_t messages) {
        first_ = messages;
        getrusage(RUSAGE_SELF, &start_usage_);
        start_ns_ = now_ns();
    }

    void stop(std::uint64_t messages, Report &report) const {
        std::uint64_t end = now_ns();
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        report.set("messages", static_cast<double>(messages - first_));
        report.set("seconds", static_cast<double>(end - start_ns_) * 1e-9);
        report.set("user", seconds(usage.ru_utime) - seconds(start_usage_.ru_utime));
        report.set("system", seconds(usage.ru_stime) - seconds(start_usage_.ru_stime));
        report.set("switches", static_cast<double>(usage.ru_nvcsw - start_usage_.ru_nvcsw));
    }

    // For those who do not know which message is the last one: starts at the run's warm, stops at its count.
    void at(const Run &run, std::uint64_t messages, Report &report) {
        if (!started()) {
            if (messages >= run.warm) start(messages);
        } else if (!stopped_ && messages >= run.count) {
            stop(messages, report);
            stopped_ = true;
        }
    }

  private:
    static double seconds(const timeval &t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    }

    bool stopped_ = false;
    std::uint64_t start_ns_ = 0;
    std::uint64_t first_ = 0;
    rusage start_usage_{};
};

}  // namespace bench
