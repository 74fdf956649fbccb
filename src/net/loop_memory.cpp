// SPDX-License-Identifier: MIT
// What a loop does where memory is short: it waits, moves what stalls, and never stands still for good.
#include "net/loop.h"
#include "os/os.h"

namespace {

constexpr uint32_t polls_to_starve = 3;
constexpr uint32_t polls_for_others = 50;  // of two milliseconds
constexpr int64_t finisher_patience_ns = 100000000;
constexpr int64_t longest_finish_ns = 1000000000;

}  // namespace

void zcn_loop::wait_for_memory() noexcept {
    if (pool_->limit() == 0 || waiter_.queued.load(std::memory_order_acquire)) return;
    hold();  // the waiter's
    pool_->wait(&waiter_);
    // What was given back before the pool knew of the waiter wakes nobody: every connection tries once more.
    if (!memory_asked_.exchange(true, std::memory_order_acq_rel)) put(&memory_letter_);
}

void zcn_loop::memory_came() noexcept {
    starved_polls_ = 0;
    if (memory_paused_ == 0) return;
    for (zcn_conn *conn = all_.front(); conn != nullptr; conn = all_.after(conn)) conn->on_memory();
}

// Those that are still in the way hold them up again with the next message.
void zcn_loop::relieve_held_up() noexcept {
    for (zcn_conn *conn = all_.front(); conn != nullptr; conn = all_.after(conn)) conn->on_relief();
}

// Stalled messages that hold too many shared blocks are moved into memory of their own.
void zcn_loop::relieve_blocks() noexcept {
    while (intake_.held_blocks() > unfinished_blocks_) {
        zcn_conn *stalest = held_.pop_front();
        if (stalest == nullptr || stalest->evict() != ZCN_OK) return;
    }
}

// Who may use the reserve is waited for while it gets on, and not for long: others stand still meanwhile.
bool zcn_loop::still_finishing(zcn_conn *conn) noexcept {
    const uint64_t bytes = conn->stream().bytes_in();
    if (finisher_.conn != conn) finisher_ = {conn, bytes, now_, now_};
    if (finisher_.bytes != bytes) {
        finisher_.bytes = bytes;
        finisher_.moved_at = now_;
    }
    return now_ - finisher_.moved_at < finisher_patience_ns && now_ - finisher_.since < longest_finish_ns;
}

void zcn_loop::tell_stalled(uint64_t bytes) noexcept {
    if (bytes == stalled_) return;
    pool_->count_stalled(stalled_, bytes);
    stalled_ = bytes;
}

// Reading stands still for want of memory. When nothing but unfinished messages uses it, nobody will ever give any
// back.
void zcn_loop::look_for_starvation() noexcept {
    if (memory_paused_ == 0 || pool_->limit() == 0) return;
    tell_stalled(intake_.only_unfinished() ? intake_.leased_bytes() : 0);
    // Memory that has just come back has its letter on the way: nothing is starved before several polls say so.
    const bool alone = stalled_ != 0 && pool_->is_stalled() && !memory_asked_.load(std::memory_order_acquire);
    starved_polls_ = alone ? starved_polls_ + 1 : 0;
}

void zcn_loop::check_starvation() noexcept {
    look_for_starvation();
    if (starved_polls_ < polls_to_starve) return;
    zcn_conn *most = nullptr;
    bool ours = false;
    for (zcn_conn *conn = all_.front(); conn != nullptr; conn = all_.after(conn)) {
        if (conn->state() != zcnet::net::State::open || conn->held() == 0) continue;
        ours = ours || conn->finishing();
        if (conn->finishing() && still_finishing(conn)) return;
        if (most == nullptr || conn->held() > most->held()) most = conn;
    }
    // Another loop's has its time too.
    if (!ours && pool_->has_finisher() && starved_polls_ < polls_for_others) return;
    starved_polls_ = 0;
    finisher_.conn = nullptr;
    if (most == nullptr) return;
    most->close_for_memory();
    memory_came();
}
