// SPDX-License-Identifier: MIT
#include "keeper.h"

#include "text.h"

namespace tool {
namespace {

constexpr size_t batch_size = 256;
constexpr size_t most_batches = 64;  // waiting; beyond them the receiver waits, so that memory stays bounded

}  // namespace

void Keeper::keep(const zcn_msg *msg) {
    if (capacity_ == 0) return;
    zcn_msg *own = nullptr;
    const zcn_status status = zcn_msg_retain(&own, msg);
    if (status != ZCN_OK) throw Failure("a message cannot be kept: " + status_line(status));
    kept_.push_back(own);
    if (kept_.size() <= capacity_) return;
    old_.push_back(kept_.front());
    kept_.pop_front();
    if (old_.size() == batch_size) hand_over();
}

void Keeper::hand_over() {
    if (!thread_.joinable()) thread_ = std::thread([this] { release_batches(); });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return batches_.size() < most_batches; });
    batches_.push_back(std::move(old_));
    old_.clear();
    changed_.notify_all();
}

zcn_status Keeper::finish() {
    while (!kept_.empty() || !old_.empty()) {
        while (!kept_.empty() && old_.size() < batch_size) {
            old_.push_back(kept_.front());
            kept_.pop_front();
        }
        hand_over();
    }
    if (thread_.joinable()) {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
            changed_.notify_all();
        }
        thread_.join();
    }
    return first_failure_;
}

void Keeper::release_batches() {
    for (;;) {
        Batch batch;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return over_ || !batches_.empty(); });
            if (batches_.empty()) return;
            batch = std::move(batches_.front());
            batches_.pop_front();
            changed_.notify_all();
        }
        const zcn_status status = zcn_msg_release_batch(batch.data(), batch.size());
        if (status == ZCN_OK) continue;
        const std::lock_guard lock(mutex_);
        if (first_failure_ == ZCN_OK) first_failure_ = status;
    }
}

}  // namespace tool
