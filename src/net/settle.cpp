// SPDX-License-Identifier: MIT
// The policy against pinning: what is small, held long and keeps much is copied out, where the program allows it.
//
// A program may hold pointers into any message that it keeps, so nothing is moved behind its back: zcn_msg_settle()
// says that it holds none into the messages that it gives.
#include "memory/clock.h"
#include "memory/pool.h"
#include "net/message.h"
#include "receive/dump.h"
#include "receive/exclusive.h"

namespace zcnet::net {

namespace {

// A message that may be copied out by its age. False: it is not, or *why says what is wrong with it.
bool is_old(const zcn_msg *msg, uint32_t now, Located *out, Status *why) noexcept {
    if (msg == nullptr) return false;
    if (receive::is_borrowed(msg)) {
        *why = ZCN_EINVAL;
        return false;
    }
    if (const Status status = locate(msg, out); status != ZCN_OK) {
        *why = status;
        return false;
    }
    if (out->joined()) return false;
    const uint32_t made = receive::take_apart(msg).group->made.load(std::memory_order_relaxed);
    return out->view.block->pool->detaches_after(memory::ticks_between(made, now));
}

memory::Block *root_of(const zcn_msg *msg) noexcept {
    // relaxed: it does not change while the view is held.
    return receive::take_apart(msg).group->root.load(std::memory_order_relaxed);
}

Status copy_out(zcn_msg **msg, const void *place) noexcept {
    zcn_msg *copy = nullptr;
    if (const Status status = detach_message(&copy, *msg); status != ZCN_OK) return status;
    if (memory::watched()) [[unlikely]]
        receive::hide_released(*msg);
    (void)receive::end_view(*msg);
    receive::note_made(copy, place);
    *msg = copy;
    return ZCN_OK;
}

}  // namespace

Status settle_messages(zcn_msg **msgs, size_t count, size_t *out_copied, const void *place) noexcept {
    Status worst = ZCN_OK;
    const uint32_t now = memory::ticks();
    for (size_t first = 0; first < count;) {
        Located one;
        size_t end = first + 1;
        if (!is_old(msgs[first], now, &one, &worst)) {
            first = end;
            continue;
        }
        // Neighbours of one block stand together: what they keep, they keep together.
        memory::Block *root = root_of(msgs[first]);
        uint64_t bytes = one.view.size;
        while (end < count && is_old(msgs[end], now, &one, &worst) && root_of(msgs[end]) == root)
            bytes += one.view.size, end++;
        if (root->pool->detaches(memory::pinned_bytes(root), bytes, end - first)) {
            for (; first < end; first++) {
                const Status status = copy_out(&msgs[first], place);
                if (status != ZCN_OK) worst = status;
                if (status == ZCN_OK) ++*out_copied;
            }
        }
        first = end;
    }
    return worst;
}

}  // namespace zcnet::net
