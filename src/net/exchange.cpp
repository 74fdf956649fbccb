// SPDX-License-Identifier: MIT
#include "net/exchange.h"

#include <algorithm>

#include "framing/field.h"
#include "memory/thread_memory.h"
#include "os/os.h"

namespace zcnet::net {

namespace {

constexpr uint32_t first_capacity = 64;
constexpr uint32_t largest_capacity = uint32_t{1} << 30;

}  // namespace

Exchange::Exchange(unsigned width, uint32_t most) noexcept : last_id_(framing::largest_in_width(width)) {
    // Twice as many places as requests, so that a free one is near; and each place has an id.
    const uint64_t places = std::min<uint64_t>(last_id_, largest_capacity);
    most_ = static_cast<uint32_t>(std::min<uint64_t>(most != 0 ? most : default_most, places / 2));
}

Exchange::~Exchange() {
    for (Requests *list : {&waiting_, &ended_, &shown_})
        while (Request *request = list->front()) destroy(request);
    os::deallocate(places_);
}

Request *Exchange::find(uint64_t id) const noexcept {
    if (capacity_ == 0) return nullptr;
    Request *request = places_[place_of(id)];
    return request != nullptr && request->id == id ? request : nullptr;
}

// Ids that differ in the old places differ in the new ones.
Status Exchange::grow() noexcept {
    if (capacity_ >= largest_capacity) return ZCN_ENOMEM;
    const uint32_t capacity = capacity_ == 0 ? first_capacity : capacity_ * 2;
    auto **places = static_cast<Request **>(os::allocate(capacity * sizeof(Request *)));
    if (places == nullptr) return ZCN_ENOMEM;
    std::fill_n(places, capacity, nullptr);
    for (uint32_t i = 0; i < capacity_; i++)
        if (places_[i] != nullptr) places[places_[i]->id & (capacity - 1)] = places_[i];
    os::deallocate(places_);
    places_ = places;
    capacity_ = capacity;
    return ZCN_OK;
}

// At least half of the places are free.
uint64_t Exchange::free_id() noexcept {
    for (;;) {
        const uint64_t id = next_id_;
        next_id_ = id == last_id_ ? 1 : id + 1;
        if (places_[place_of(id)] == nullptr) return id;
    }
}

Status Exchange::begin(uint64_t token, int64_t deadline, uint64_t *id) noexcept {
    if (count_ >= most_) return ZCN_ENOBUFS;
    // Those that have ended hold their ids until that is told, and may be many.
    if (used_ >= capacity_ / 2)
        if (const Status status = used_ > last_id_ / 2 ? Status{ZCN_ENOBUFS} : grow(); status != ZCN_OK) return status;
    auto *request = memory::make_object<Request>();
    if (request == nullptr) return ZCN_ENOMEM;
    if (deadline != never)
        if (const Status status = deadlines_.set(request, deadline); status != ZCN_OK) {
            memory::destroy_object(request);
            return status;
        }
    request->token = token;
    request->id = *id = free_id();
    places_[place_of(request->id)] = request;
    waiting_.push_back(request);
    used_++;
    count_++;
    begun_++;
    return ZCN_OK;
}

void Exchange::destroy(Request *request) noexcept {
    deadlines_.cancel(request);
    Requests::remove(request);
    places_[place_of(request->id)] = nullptr;
    used_--;
    memory::destroy_object(request);
}

Status Exchange::end(uint64_t id) noexcept {
    Request *request = find(id);
    if (request == nullptr || request->answered) return ZCN_AGAIN;
    if (request->status == ZCN_OK) count_--;
    destroy(request);
    return ZCN_OK;
}

uint64_t Exchange::answer(uint64_t id) noexcept {
    Request *request = find(id);
    if (request == nullptr || request->answered || request->status != ZCN_OK) return 0;
    request->answered = true;
    // The deadline stays with it, though nobody waits for it: it may have to wait again.
    const int64_t deadline = request->at;
    deadlines_.cancel(request);
    request->at = deadline;
    Requests::remove(request);
    shown_.push_back(request);
    count_--;
    answered_++;
    return request->token;
}

void Exchange::reopen(uint64_t id) noexcept {
    Request *request = find(id);
    if (request == nullptr || !request->answered) return;
    request->answered = false;
    Requests::remove(request);
    waiting_.push_back(request);
    count_++;
    answered_--;
    if (request->at == never) return;
    // Others may have its place in the heap now. One that waits for ever is not what was asked for.
    if (const Status status = deadlines_.set(request, request->at); status != ZCN_OK) end_as(request, status);
}

void Exchange::forget_answered() noexcept {
    while (Request *request = shown_.front()) destroy(request);
}

void Exchange::end_as(Request *request, Status status) noexcept {
    deadlines_.cancel(request);
    Requests::remove(request);
    request->status = status;
    ended_.push_back(request);
    count_--;
    unanswered_++;
}

void Exchange::expire(int64_t now) noexcept {
    while (Timer *due = deadlines_.take_due(now)) end_as(static_cast<Request *>(due), ZCN_ETIMEDOUT);
}

void Exchange::fail(Status status) noexcept {
    while (Request *request = waiting_.front()) end_as(request, status);
}

void Exchange::take_ended(uint64_t *token, Status *status) noexcept {
    Request *request = ended_.front();
    *token = request->token;
    *status = request->status;
    destroy(request);
}

}  // namespace zcnet::net
