// SPDX-License-Identifier: MIT
// What a queue does for writes without a copy: which pieces may leave so, and what such a write keeps.
#include <new>

#include "send/queue.h"

namespace zcnet::send {

// A piece is as large as all that lies behind it in one piece of memory: a head in front of its body is one with it.
// Bytes that lie in the queue itself, or in memory that is read into again, cannot be kept.
bool Queue::may_pin(const Entry &entry, uint32_t index, uint64_t from) noexcept {
    if (entry.kind == Kind::bytes || entry.size < from) return false;
    const Piece part = piece(entry, index);
    if (part.source != nullptr) return false;
    const bool begun = &entry == &at(0) && index == head_piece_;
    uint64_t size = part.size - (begun ? head_offset_ : 0);
    const uint8_t *end = part.data + part.size;
    const uint32_t last = piece_count(entry);
    for (uint32_t i = index + 1; size < from && i < last; i++) {
        const Piece next = piece(entry, i);
        if (next.size == 0) continue;
        if (next.source != nullptr || next.data != end) break;
        size += next.size;
        end += next.size;
    }
    return size >= from;
}

Status Queue::reserve_kept() noexcept {
    if (seldom_ == nullptr) seldom_ = memory::make_object<Seldom>();
    if (seldom_ == nullptr) return ZCN_ENOMEM;
    if (seldom_->ledger == nullptr) seldom_->ledger = new (std::nothrow) Ledger();
    return seldom_->ledger != nullptr ? seldom_->ledger->reserve(used_) : Status{ZCN_ENOMEM};
}

void Queue::advance_pinned(uint64_t size) noexcept {
    ending_ = 1;
    advance_by(size, seldom_->ledger->count_write());
    ending_ = 0;
}

void Queue::end_first(const Entry &entry) noexcept {
    if (has_ledger()) {
        const uint64_t writes = seldom_->head_writes;
        seldom_->head_writes = 0;
        // Where nothing is kept, nothing more may be said of writes that are done.
        const bool behind = !seldom_->ledger->empty() && (writes != 0 || entry.has_token());
        if (behind || !seldom_->ledger->is_done(writes)) {
            seldom_->ledger->keep(entry, writes, ZCN_OK);
            return;
        }
    }
    end_entry(entry, ZCN_OK);
}

void Queue::settle() noexcept {
    Entry entry;
    Status why = ZCN_OK;
    // Ending one may call the program.
    while (has_ledger() && seldom_->ledger->take(&entry, &why)) end_entry(entry, why);
}

Ledger *Queue::leave_ledger(Status why) noexcept {
    if (!has_ledger() || seldom_->ledger->settled()) return nullptr;
    Ledger *ledger = seldom_->ledger;
    if (used_ != 0 && seldom_->head_writes != 0) {
        ledger->keep(take_first(), seldom_->head_writes, why);
    }
    ledger->for_each([&](const Entry &entry, Status) { note_end(entry, why); });
    seldom_->ledger = nullptr;
    seldom_->head_writes = 0;
    return ledger;
}

}  // namespace zcnet::send
