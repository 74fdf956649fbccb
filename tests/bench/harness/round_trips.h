// SPDX-License-Identifier: MIT
// Times of round trips, and what is said of them.
#pragma once

#include <algorithm>
#include <vector>

#include "meter.h"

namespace bench {

class RoundTrips {
  public:
    explicit RoundTrips(const Run &run) : warm_(run.warm) { times_.reserve(run.count); }

    void begin() { begun_ = now_ns(); }

    void end() { times_.push_back(static_cast<double>(now_ns() - begun_)); }

    void finish(Report &report) {
        times_.erase(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(warm_));
        std::sort(times_.begin(), times_.end());
        report.set("p50_us", at(0.5));
        report.set("p99_us", at(0.99));
    }

  private:
    double at(double share) const {
        return times_[static_cast<std::size_t>(share * static_cast<double>(times_.size() - 1))] * 1e-3;
    }

    std::uint64_t warm_;
    std::uint64_t begun_ = 0;
    std::vector<double> times_;
};

}  // namespace bench
