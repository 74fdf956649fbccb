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

// Takes a reference on the block of a located message for someone who keeps it.
void hold_block(const Located &message) noexcept;
// The same for bytes of it: the whole, a part without its frame, or a part of a joined message.
void hold_bytes(const Located &message, const receive::View &view) noexcept;

Status retain_message(zcn_msg **out, const zcn_msg *msg) noexcept;
Status slice_message(zcn_msg **out, const zcn_msg *msg, uint64_t offset, uint64_t size) noexcept;
Status detach_message(zcn_msg **out, const zcn_msg *msg) noexcept;
// Gives writable bytes of an owned message: itself when nothing else refers to them, else of a copy that replaces it.
Status make_writable(zcn_msg **out, zcn_msg *msg, void **out_data) noexcept;
Status join_messages(zcn_msg **out, const zcn_msg *const *msgs, size_t count) noexcept;

}  // namespace zcnet::net
