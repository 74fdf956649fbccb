// SPDX-License-Identifier: MIT
// What a message handle stands for, borrowed or owned: the calls of the message noun.
#pragma once

#include "net/batch.h"

namespace zcnet::net {

// A message as it lies in memory. For a joined one data is its Join.
struct Located {
    receive::View view;
    const zcn_msg *msg = nullptr;
    Batch *batch = nullptr;  // of a borrowed message
    zcn_event *event = nullptr;
    [[nodiscard]] bool joined() const noexcept { return view.tail == receive::is_join; }
    [[nodiscard]] bool has_frame() const noexcept { return view.head != receive::no_frame && !joined(); }
};

// ZCN_ESTALE when the handle is not live.
Status locate(const zcn_msg *msg, Located *out) noexcept;

// Takes a reference on the block of a located message for someone who keeps it and is no view.
void hold_block(const Located &message) noexcept;
// The same for bytes of it: the whole, a part without its frame, or a part of a joined message.
void hold_bytes(const Located &message, const receive::View &view) noexcept;

// Memory for copies, from outside the pool's blocks, held once by whoever asks. Null: *why.
memory::Block *take_for_copies(zcn_pool *pool, uint64_t size, Status *why) noexcept;
// Copies a view's frame whole to `to` in a block, so that the copy can be forwarded with its header, and makes the view
// one of the copy. Returns where the copy ends.
uint8_t *move_frame(receive::View *view, memory::Block *block, uint8_t *to) noexcept;

Status retain_message(zcn_msg **out, const zcn_msg *msg) noexcept;

// What retain_message() does in the common case: a borrowed message that nobody has kept yet, and an open group for it.
// False: it is none, and nothing was done. Without a call, so that the boundary needs no frame.
[[gnu::always_inline]] inline bool retain_at_once(zcn_msg **out, const zcn_msg *msg) noexcept {
    if (!receive::is_borrowed(msg)) return false;
    const Batch::Found found = Batch::find(msg);
    if (found.event == nullptr || Batch::is_retained(found.event)) return false;
    const Span &span = found.batch->span_of(found.event);
    if (!receive::has_open_group(span.block)) return false;
    *out = receive::issue_open(span.block, {static_cast<const uint8_t *>(found.event->data), found.event->size,
                                            span.head, span.tail, span.block});
    Batch::mark_retained(found.event);
    return true;
}

Status slice_message(zcn_msg **out, const zcn_msg *msg, uint64_t offset, uint64_t size) noexcept;
Status detach_message(zcn_msg **out, const zcn_msg *msg) noexcept;
// Gives writable bytes of an owned message: itself when nothing else refers to them, else of a copy that replaces it.
Status make_writable(zcn_msg **out, zcn_msg *msg, void **out_data) noexcept;
// Replaces those of owned messages that their pools' policy wants copied out; counts them. `place` made the copies.
Status settle_messages(zcn_msg **msgs, size_t count, size_t *out_copied, const void *place) noexcept;
Status join_messages(zcn_msg **out, const zcn_msg *const *msgs, size_t count) noexcept;

}  // namespace zcnet::net
