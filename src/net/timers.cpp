// SPDX-License-Identifier: MIT
#include "net/timers.h"

#include <cstring>

#include "os/os.h"

namespace zcnet::net {

Timers::~Timers() { os::deallocate(heap_); }

void Timers::put(Timer *timer, uint32_t index) noexcept {
    heap_[index] = timer;
    timer->place = index + 1;
}

void Timers::rise(uint32_t index) noexcept {
    Timer *timer = heap_[index];
    while (index != 0) {
        const uint32_t parent = (index - 1) / 2;
        if (heap_[parent]->at <= timer->at) break;
        put(heap_[parent], index);
        index = parent;
    }
    put(timer, index);
}

void Timers::sink(uint32_t index) noexcept {
    Timer *timer = heap_[index];
    for (;;) {
        uint32_t child = index * 2 + 1;
        if (child >= used_) break;
        if (child + 1 < used_ && heap_[child + 1]->at < heap_[child]->at) child++;
        if (heap_[child]->at >= timer->at) break;
        put(heap_[child], index);
        index = child;
    }
    put(timer, index);
}

Status Timers::grow() noexcept {
    if (capacity_ > UINT32_MAX / 16) return ZCN_ENOMEM;
    const uint32_t capacity = capacity_ == 0 ? 64 : capacity_ * 2;
    auto **grown = static_cast<Timer **>(os::allocate(capacity * sizeof(Timer *)));
    if (grown == nullptr) return ZCN_ENOMEM;
    if (used_ != 0) std::memcpy(static_cast<void *>(grown), heap_, used_ * sizeof(Timer *));
    os::deallocate(heap_);
    heap_ = grown;
    capacity_ = capacity;
    return ZCN_OK;
}

Status Timers::set(Timer *timer, int64_t at) noexcept {
    if (timer->place == 0) {
        if (used_ == capacity_)
            if (const Status status = grow(); status != ZCN_OK) return status;
        timer->at = at;
        put(timer, used_++);
        rise(used_ - 1);
        return ZCN_OK;
    }
    const bool earlier = at < timer->at;
    timer->at = at;
    if (earlier) {
        rise(timer->place - 1);
    } else {
        sink(timer->place - 1);
    }
    return ZCN_OK;
}

void Timers::cancel(Timer *timer) noexcept {
    if (timer->place == 0) return;
    const uint32_t index = timer->place - 1;
    timer->place = 0;
    timer->at = never;
    Timer *last = heap_[--used_];
    if (last == timer) return;
    put(last, index);
    rise(index);
    sink(last->place - 1);
}

Timer *Timers::take_due(int64_t now) noexcept {
    if (used_ == 0 || heap_[0]->at > now) return nullptr;
    Timer *due = heap_[0];
    cancel(due);
    return due;
}

}  // namespace zcnet::net
