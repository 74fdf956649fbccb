// SPDX-License-Identifier: MIT
#include "net/unsettled.h"

#include <atomic>

#include "os/os.h"
#include "os/process.h"

namespace zcnet::net {

namespace {

// Who looks takes the whole list and puts back what stays, so that nothing is ever taken from its middle.
constinit std::atomic<send::Ledger *> list{nullptr};

// A socket with a descriptor is no orphan, which the kernel would end by limits of its own: a peer that takes nothing
// could have it for ever, and the memory with it. A reset throws away what is unsent, and the kernel is done with it.
void end_when_late(send::Ledger *ledger) noexcept {
    if (os::now() < ledger->by) return;
    ledger->by = INT64_MAX;
    os::reset(ledger->fd);
}

// True: the kernel is done.
bool hear(send::Ledger *ledger) noexcept {
    (void)os::hear_pinned_done(ledger->fd,
                               [&](const os::PinnedDone &done) { (void)ledger->complete(done.first, done.last); });
    send::Entry entry;
    Status why = ZCN_OK;
    while (ledger->take(&entry, &why)) entry.release();
    return ledger->settled();
}

}  // namespace

void add_unsettled(send::Ledger *ledger) noexcept {
    // relaxed: it is only compared and written into next until the release below.
    ledger->next = list.load(std::memory_order_relaxed);
    // release: who takes the list sees the ledger's content.
    while (!list.compare_exchange_weak(ledger->next, ledger, std::memory_order_release, std::memory_order_relaxed)) {
    }
}

// relaxed: a look that comes a poll later does no harm.
bool any_unsettled() noexcept { return list.load(std::memory_order_relaxed) != nullptr; }

void look_after_unsettled() noexcept {
    // acquire: the ledgers' contents, which others put in with release.
    send::Ledger *taken = list.exchange(nullptr, std::memory_order_acquire);
    while (taken != nullptr) {
        send::Ledger *ledger = taken;
        taken = taken->next;
        // A child of fork: what the socket says is its parent's to hear, and the memory is the parent's too. The number
        // may be a file of the child's own by now, so it is not closed.
        if (!os::in_process(ledger->process)) continue;
        if (hear(ledger)) {
            (void)os::close(ledger->fd);
            delete ledger;
        } else {
            end_when_late(ledger);
            add_unsettled(ledger);
        }
    }
}

}  // namespace zcnet::net
