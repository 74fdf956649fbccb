// SPDX-License-Identifier: MIT
// One status line on the terminal, for work that takes longer than a second.
#pragma once

#include <cstdint>
#include <string>

namespace tool {

class Progress {
  public:
    // total_bytes and total_messages: 0 when unknown; the bar follows the bytes if they are known. wanted is false
    // under --json. Nothing is shown unless standard error is a terminal that takes it and NO_COLOR is unset.
    Progress(bool wanted, std::string label, uint64_t total_bytes, uint64_t total_messages);
    ~Progress() { clear(); }
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;

    void start();  // from here on time is counted
    void update(uint64_t messages, uint64_t bytes);
    void clear();  // takes the line away, before something else is printed

  private:
    void draw(uint64_t messages, uint64_t bytes, int64_t now);

    bool wanted_;
    bool shown_ = false;
    std::string label_;
    uint64_t total_bytes_;
    uint64_t total_messages_;
    int64_t started_ = 0;
    int64_t next_ = 0;
    int64_t last_time_ = 0;
    uint64_t last_bytes_ = 0;
};

}  // namespace tool
