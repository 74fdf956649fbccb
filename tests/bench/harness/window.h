// SPDX-License-Identifier: MIT
// What the retain workload asks of each contender: the last so many messages are kept, and a second thread lets go of
// each one that leaves the window.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "run.h"

namespace bench {

// Things go to the second thread by the batch; it may lag by a few batches, no more.
template <typename Thing>
class Releaser {
  public:
    using Release = void (*)(Thing *things, std::size_t count);

    Releaser(std::size_t batch, Release release) : batch_(batch), release_(release), thread_([this] { work(); }) {
        filling_.reserve(batch_);
    }

    Releaser(const Releaser &) = delete;
    Releaser &operator=(const Releaser &) = delete;

    ~Releaser() {
        hand_over();
        {
            std::lock_guard lock(mutex_);
            ended_ = true;
        }
        filled_.notify_one();
        thread_.join();
    }

    void put(Thing thing) {
        filling_.push_back(thing);
        if (filling_.size() == batch_) hand_over();
    }

  private:
    static constexpr std::size_t lag = 4;

    void hand_over() {
        std::vector<Thing> next;
        {
            std::unique_lock lock(mutex_);
            emptied_.wait(lock, [this] { return full_.size() < lag; });
            full_.push_back(std::move(filling_));
            if (!empty_.empty()) {
                next = std::move(empty_.back());
                empty_.pop_back();
            }
        }
        filled_.notify_one();
        next.reserve(batch_);
        filling_ = std::move(next);
    }

    void work() {
        std::vector<std::vector<Thing>> taken;
        for (;;) {
            {
                std::unique_lock lock(mutex_);
                for (std::vector<Thing> &used : taken) {
                    used.clear();
                    empty_.push_back(std::move(used));
                }
                taken.clear();
                filled_.wait(lock, [this] { return !full_.empty() || ended_; });
                if (full_.empty()) return;
                taken.swap(full_);
            }
            emptied_.notify_one();
            for (std::vector<Thing> &things : taken) release_(things.data(), things.size());
        }
    }

    std::size_t batch_;
    Release release_;
    std::vector<Thing> filling_;
    std::mutex mutex_;
    std::condition_variable filled_;
    std::condition_variable emptied_;
    std::vector<std::vector<Thing>> full_;
    std::vector<std::vector<Thing>> empty_;
    bool ended_ = false;
    std::thread thread_;
};

template <typename Thing>
class Window {
  public:
    // Batches so small that what is on its way to the second thread counts little beside what is kept.
    Window(const Run &run, typename Releaser<Thing>::Release release)
        : kept_(run.keep), releaser_(run.keep >= 4096 ? 256 : 32, release) {}

    ~Window() {
        std::size_t count = added_ < kept_.size() ? added_ : kept_.size();
        for (std::size_t i = 0; i < count; ++i) releaser_.put(kept_[i]);
    }

    Window(const Window &) = delete;
    Window &operator=(const Window &) = delete;

    void add(Thing thing) {
        if (added_ >= kept_.size()) releaser_.put(kept_[next_]);
        kept_[next_] = thing;
        if (++next_ == kept_.size()) next_ = 0;
        ++added_;
    }

  private:
    std::vector<Thing> kept_;
    std::size_t next_ = 0;
    std::size_t added_ = 0;
    Releaser<Thing> releaser_;
};

}  // namespace bench
