// SPDX-License-Identifier: MIT
#include "net/room.h"

#include "memory/thread_memory.h"
#include "net/loop.h"

using zcnet::Status;
using zcnet::memory::Room;
using zcnet::net::RoomWait;

namespace zcnet::net {

RoomWait::RoomWait(zcn_loop *of, zcn_pool *where, uint64_t bytes, uint64_t what) noexcept
    : loop(of), pool(where), size(bytes), token(what) {
    pool->retain();
    woken = [](memory::Waiter *waiter) noexcept {
        auto *self = static_cast<RoomWait *>(waiter);
        zcn_loop *home = self->loop;
        home->put(&self->letter);
        home->unhold();
    };
}

memory::Room RoomWait::look() noexcept {
    if (const memory::Room room = pool->room_for(size); room != memory::Room::none) return room;
    holds.fetch_add(1, std::memory_order_relaxed);
    loop->hold();
    return pool->wait_for_room(this, size);
}

void RoomWait::end(bool ours) noexcept {
    if (ours && queued.load(std::memory_order_acquire) && pool->cancel_wait(this)) {
        loop->unhold();
        unhold();
    }
    unhold();
}

void RoomWait::unhold() noexcept {
    // acq_rel: every holder's use of it happens before its end.
    if (holds.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    zcn_pool *last = pool;
    memory::destroy_object(this);
    memory::release_pool(last);
}

}  // namespace zcnet::net

Status zcn_loop::await_room(zcn_pool *pool, uint64_t size, uint64_t token) noexcept {
    if (!zcnet::os::in_process(process_) || !zcnet::os::in_process(pool->process())) return ZCN_EFORKED;
    if (closing_) return ZCN_ECLOSED;
    if (!pool->can_have_room(size)) return ZCN_EINVAL;
    auto *wait = zcnet::memory::make_object<RoomWait>(this, pool, size, token);
    if (wait == nullptr) return ZCN_ENOMEM;
    due_rooms_.push_back(wait);
    if (nested_ && !raised_ && !polling_) raise();
    return ZCN_OK;
}

void zcn_loop::tell_rooms() noexcept {
    while (!due_rooms_.empty() && !batch_->full()) {
        RoomWait *wait = due_rooms_.pop_front();
        const Room room = wait->look();
        if (room == Room::none) {
            asleep_rooms_.push_back(wait);
            continue;
        }
        const Status status = room == Room::some ? ZCN_OK : ZCN_EINVAL;
        zcn_event *event = batch_->push(ZCN_EVENT_POOL_READY, status, nullptr, 0);
        event->size = wait->size;
        event->token = wait->token;
        wait->end(true);
    }
}

void zcn_loop::on_room(RoomWait *wait) noexcept {
    if (zcnet::List<RoomWait, zcnet::net::RoomTag>::contains(wait)) {
        zcnet::List<RoomWait, zcnet::net::RoomTag>::remove(wait);
        due_rooms_.push_back(wait);
    }
    wait->unhold();
}

void zcn_loop::end_rooms(bool ours) noexcept {
    due_rooms_.append(asleep_rooms_);
    while (RoomWait *wait = due_rooms_.pop_front()) wait->end(ours);
}
