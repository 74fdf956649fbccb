// SPDX-License-Identifier: MIT
// Retains the last messages; a second thread releases those that are older, in batches.
#pragma once

#include <zcnet/zcnet.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace tool {

class Keeper {
  public:
    explicit Keeper(uint64_t capacity) : capacity_(capacity) {}
    ~Keeper() { finish(); }
    Keeper(const Keeper &) = delete;
    Keeper &operator=(const Keeper &) = delete;

    // Throws Failure when the message cannot be retained.
    void keep(const zcn_msg *msg);

    // Hands over everything that is kept and waits until it is released. The first status that was not ZCN_OK.
    zcn_status finish();

  private:
    using Batch = std::vector<zcn_msg *>;

    void hand_over();
    void release_batches();

    const uint64_t capacity_;
    std::deque<zcn_msg *> kept_;
    Batch old_;
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Batch> batches_;          // under mutex_
    bool over_ = false;                  // under mutex_
    zcn_status first_failure_ = ZCN_OK;  // under mutex_ until the thread is joined
};

}  // namespace tool
