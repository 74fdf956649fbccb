// SPDX-License-Identifier: MIT
// One line for each answer, in the common log format or as JSON.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace tool {

class AccessLog {
  public:
    // fd: borrowed, open for appending; -1: nothing is written.
    AccessLog(int fd, bool json) : fd_(fd), json_(json) {}

    [[nodiscard]] bool on() const { return fd_ >= 0; }
    void set_time(std::time_t now);
    void write(std::string_view peer, std::string_view request, unsigned status, uint64_t size);

    // Lines of several threads do not mix: each call appends whole lines. What cannot be written is lost, and said
    // once.
    void flush();

  private:
    int fd_;
    bool json_;
    std::time_t now_ = -1;
    std::string date_;
    std::string lines_;
    bool complained_ = false;
};

}  // namespace tool
