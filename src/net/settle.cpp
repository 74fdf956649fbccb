// SPDX-License-Identifier: MIT
// The policy against pinning: what is small, held long and keeps much is copied out, where the program allows it.
//
// A program may hold pointers into any message that it keeps, so nothing is moved behind its back: zcn_msg_settle()
// says that it holds none into the messages that it gives.
#include <algorithm>

#include "base/probe.h"
#include "memory/clock.h"
#include "memory/pool.h"
#include "net/message.h"
#include "receive/dump.h"
#include "receive/exclusive.h"

namespace zcnet::net {

namespace {

// A message that may be copied out by its age. False: it is not, or *why says what is wrong with it.
bool is_old(const zcn_msg *msg, uint32_t now, Status *why) noexcept {
    if (msg == nullptr) return false;
    if (receive::is_borrowed(msg)) {
        *why = ZCN_EINVAL;
        return false;
    }
    Located found;
    if (const Status status = locate(msg, &found); status != ZCN_OK) {
        *why = status;
        return false;
    }
    if (found.joined()) return false;
    const uint32_t made = receive::take_apart(msg).group->made.load(std::memory_order_relaxed);
    // An age is known to a tick; nothing is taken too early.
    const bool is_older = static_cast<int32_t>(now - made) > 0;
    return found.view.block->pool->detaches_after(is_older ? memory::ticks_between(made + 1, now) : 0);
}

memory::Block *root_of(const zcn_msg *msg) noexcept {
    // relaxed: it does not change while the view is held.
    return receive::take_apart(msg).group->root.load(std::memory_order_relaxed);
}

// Neighbours in the array that are copied into one block together, so that small ones take no more than their bytes.
struct Run {
    zcn_msg **msgs;
    uint32_t count;
    uint64_t bytes = 0;
    uint64_t framed = 0;  // the same with their frames
};

Run run_of(zcn_msg **msgs, size_t count) noexcept {
    Run run{msgs, static_cast<uint32_t>(std::min<size_t>(count, receive::group_views))};
    for (uint32_t i = 0; i < run.count; i++) {
        receive::View view;
        (void)receive::find_view(msgs[i], &view);
        run.bytes += view.size;
        run.framed += receive::frame_of(view).size;
    }
    return run;
}

// Each whose copy takes its place counts.
Status copy_out(const Run &run, zcn_pool *pool, size_t *out_copied, const void *place) noexcept {
    Status worst = ZCN_OK;
    memory::Block *block = take_for_copies(pool, run.framed, &worst);
    if (block == nullptr) return worst;
    receive::View copies[receive::group_views];
    uint8_t *to = block->base;
    for (uint32_t i = 0; i < run.count; i++) {
        (void)receive::find_view(run.msgs[i], &copies[i]);
        to = move_frame(&copies[i], block, to);
    }
    zcn_msg *made[receive::group_views];
    if (!receive::issue_together(made, copies, run.count, receive::holding_of(block))) {
        memory::block_release(block);
        return ZCN_ENOMEM;
    }
    for (uint32_t i = 0; i < run.count; i++) {
        if (memory::watched()) [[unlikely]]
            receive::hide_released(run.msgs[i]);
        if (const Status ended = receive::end_view(run.msgs[i]); ended != ZCN_OK) {
            // It stands in the array twice, and the first of them had the copy.
            (void)receive::end_view(made[i]);
            worst = ended;
            continue;
        }
        receive::note_made(made[i], place);
        const uint64_t bytes = receive::frame_of(copies[i]).size;
        pool->count_copied(bytes);
        ZCNET_PROBE(msg__detach, made[i], bytes);
        run.msgs[i] = made[i];
        ++*out_copied;
    }
    return worst;
}

// Old messages of one block: what they keep, they keep together.
Status settle_neighbours(zcn_msg **msgs, size_t count, size_t *out_copied, const void *place) noexcept {
    const memory::Block *root = root_of(msgs[0]);
    zcn_pool *pool = root->pool;
    uint64_t bytes = 0;
    uint64_t copies = 0;
    for (size_t i = 0; i < count; i += receive::group_views) {
        const Run run = run_of(msgs + i, count - i);
        bytes += run.bytes;
        copies += pool->heap_bytes(run.framed);
    }
    const uint64_t pinned = memory::pinned_bytes(root);
    // What was copied out before is not copied again for the few bytes that a smaller piece would take less.
    if (!pool->detaches(pinned, bytes) || pinned / 2 < copies) return ZCN_OK;
    Status worst = ZCN_OK;
    for (size_t i = 0; i < count; i += receive::group_views)
        if (const Status status = copy_out(run_of(msgs + i, count - i), pool, out_copied, place); status != ZCN_OK)
            worst = status;
    return worst;
}

}  // namespace

Status settle_messages(zcn_msg **msgs, size_t count, size_t *out_copied, const void *place) noexcept {
    Status worst = ZCN_OK;
    const uint32_t now = memory::ticks();
    for (size_t first = 0; first < count;) {
        size_t end = first + 1;
        if (is_old(msgs[first], now, &worst)) {
            const memory::Block *root = root_of(msgs[first]);
            while (end < count && is_old(msgs[end], now, &worst) && root_of(msgs[end]) == root) end++;
            const Status status = settle_neighbours(msgs + first, end - first, out_copied, place);
            if (status != ZCN_OK) worst = status;
        }
        first = end;
    }
    return worst;
}

}  // namespace zcnet::net
