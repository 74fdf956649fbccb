// SPDX-License-Identifier: MIT
// The C boundary of messages.
#include "zcnet/msg.h"

#include "memory/watch.h"
#include "net/message.h"
#include "receive/dump.h"
#include "receive/exclusive.h"

using zcnet::net::locate;
using zcnet::net::Located;

namespace {

// The handle was made by whoever called.
zcn_status noted(zcn_msg *const *out, zcn_status status, const void *place) noexcept {
    if (status == ZCN_OK) zcnet::receive::note_made(*out, place);
    return status;
}

// Apart from the common case, which needs no frame then.
[[gnu::noinline]] zcn_status retain_any(zcn_msg **out, const zcn_msg *msg, const void *place) noexcept {
    *out = nullptr;
    return noted(out, msg == nullptr ? ZCN_EINVAL : zcnet::net::retain_message(out, msg), place);
}

}  // namespace

const void *zcn_msg_data(const zcn_msg *msg) {
    Located found;
    if (msg == nullptr || locate(msg, &found) != ZCN_OK || found.joined()) return nullptr;
    return found.view.data;
}

uint64_t zcn_msg_size(const zcn_msg *msg) {
    Located found;
    return msg == nullptr || locate(msg, &found) != ZCN_OK ? 0 : found.view.size;
}

zcn_status zcn_msg_frame(const zcn_msg *msg, const void **out_data, uint64_t *out_size) {
    if (out_data != nullptr) *out_data = nullptr;
    if (out_size != nullptr) *out_size = 0;
    if (msg == nullptr || out_data == nullptr || out_size == nullptr) return ZCN_EINVAL;
    Located found;
    if (const zcn_status status = locate(msg, &found); status != ZCN_OK) return status;
    if (!found.has_frame()) return ZCN_EUNSUPPORTED;
    const zcnet::receive::Frame frame = zcnet::receive::frame_of(found.view);
    *out_data = frame.data;
    *out_size = frame.size;
    return ZCN_OK;
}

zcn_status zcn_msg_retain(zcn_msg **out, const zcn_msg *msg) {
    if (out == nullptr) return ZCN_EINVAL;
    if (zcnet::net::retain_at_once(out, msg)) [[likely]]
        return ZCN_OK;
    return retain_any(out, msg, __builtin_return_address(0));
}

zcn_status zcn_msg_release(zcn_msg *msg) {
    if (zcnet::memory::watched()) [[unlikely]]
        zcnet::receive::hide_released(msg);
    return zcnet::receive::end_view(msg);
}

zcn_status zcn_msg_release_batch(zcn_msg *const *msgs, size_t count) {
    if (msgs == nullptr) return count == 0 ? ZCN_OK : ZCN_EINVAL;
    if (zcnet::memory::watched()) [[unlikely]]
        for (size_t i = 0; i < count; i++) zcnet::receive::hide_released(msgs[i]);
    return zcnet::receive::end_views(msgs, count);
}

zcn_status zcn_msg_slice(zcn_msg **out, const zcn_msg *msg, uint64_t offset, uint64_t size) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    return noted(out, msg == nullptr ? ZCN_EINVAL : zcnet::net::slice_message(out, msg, offset, size),
                 __builtin_return_address(0));
}

zcn_status zcn_msg_detach(zcn_msg **out, const zcn_msg *msg) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    return noted(out, msg == nullptr ? ZCN_EINVAL : zcnet::net::detach_message(out, msg), __builtin_return_address(0));
}

zcn_status zcn_msg_settle(zcn_msg **msgs, size_t count, size_t *out_copied) {
    size_t copied = 0;
    if (out_copied != nullptr) *out_copied = 0;
    if (msgs == nullptr) return count == 0 ? ZCN_OK : ZCN_EINVAL;
    const zcn_status status = zcnet::net::settle_messages(msgs, count, &copied, __builtin_return_address(0));
    if (out_copied != nullptr) *out_copied = copied;
    return status;
}

zcn_status zcn_msg_make_writable(zcn_msg **out, zcn_msg *msg, void **out_data) {
    if (out != nullptr) *out = nullptr;
    if (out_data != nullptr) *out_data = nullptr;
    if (out == nullptr || msg == nullptr || out_data == nullptr) return ZCN_EINVAL;
    return noted(out, zcnet::net::make_writable(out, msg, out_data), __builtin_return_address(0));
}

zcn_status zcn_msg_join(zcn_msg **out, const zcn_msg *const *msgs, size_t count) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    constexpr size_t most = 1024;
    if (msgs == nullptr || count == 0 || count > most) return ZCN_EINVAL;
    return noted(out, zcnet::net::join_messages(out, msgs, count), __builtin_return_address(0));
}

zcn_status zcn_msg_iovecs(const zcn_msg *msg, struct iovec *iovecs, size_t capacity, size_t *out_count) {
    if (out_count == nullptr) return ZCN_EINVAL;
    *out_count = 0;
    if (msg == nullptr || (iovecs == nullptr && capacity != 0)) return ZCN_EINVAL;
    Located found;
    if (const zcn_status status = locate(msg, &found); status != ZCN_OK) return status;
    const auto *join = found.joined() ? reinterpret_cast<const zcnet::receive::Join *>(found.view.data) : nullptr;
    const size_t count = join != nullptr ? join->count : 1;
    for (size_t i = 0; i < count && i < capacity; i++) {
        const zcnet::receive::View &part = join != nullptr ? join->parts[i].view : found.view;
        iovecs[i] = {const_cast<uint8_t *>(part.data), static_cast<size_t>(part.size)};
    }
    *out_count = count;
    return ZCN_OK;
}
