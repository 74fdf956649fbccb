// SPDX-License-Identifier: MIT
// The C boundary of listeners.
#include "zcnet/listener.h"

#include "api/begin.h"
#include "receive/dump.h"

void zcn_listen_options_init(zcn_listen_options *options, size_t struct_size) {
    zcnet::init_options(options, struct_size, zcnet::blank_options<zcn_listen_options>());
}

zcn_status zcn_listen(zcn_listener **out, zcn_loop *loop, const char *address, const zcn_framing *framing,
                      const zcn_listen_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    if (loop == nullptr || address == nullptr || framing == nullptr) return ZCN_EINVAL;
    zcn_listen_options chosen{};
    if (const zcn_status status = zcnet::api::begin(loop, &chosen, options, "zcn_listen_options_init", "listener");
        status != ZCN_OK)
        return status;
    const zcn_status made = zcn_listener::create(out, loop, address, framing, chosen, &loop->error());
    zcnet::receive::note_made("listener", *out, 0, 0, __builtin_return_address(0));
    return made;
}

zcn_status zcn_listen_stat(zcn_listener **out, zcn_loop *loop, const char *address) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    if (loop == nullptr || address == nullptr) return ZCN_EINVAL;
    if (const zcn_status status = zcnet::api::begin(loop); status != ZCN_OK) return status;
    auto options = zcnet::blank_options<zcn_listen_options>();
    options.unix_mode = 0600;
    // A page looks at all connections and views: the program's own work comes between two of them.
    options.accepts_per_poll = 1;
    const zcn_status made = zcn_listener::create(out, loop, address, nullptr, options, &loop->error());
    zcnet::receive::note_made("listener", *out, 0, 0, __builtin_return_address(0));
    return made;
}

zcn_status zcn_listener_address(const zcn_listener *listener, char *buffer, size_t capacity) {
    if (listener == nullptr || buffer == nullptr || capacity == 0) return ZCN_EINVAL;
    buffer[0] = 0;
    return listener->address(buffer, capacity);
}

zcn_status zcn_listener_close(zcn_listener *listener) {
    if (listener == nullptr) return ZCN_EINVAL;
    if (!listener->in_process()) return ZCN_EFORKED;
    listener->close();
    return ZCN_OK;
}

zcn_status zcn_listener_set_user(zcn_listener *listener, uintptr_t user) {
    if (listener == nullptr) return ZCN_EINVAL;
    listener->set_user(user);
    return ZCN_OK;
}

uintptr_t zcn_listener_get_user(const zcn_listener *listener) { return listener == nullptr ? 0 : listener->user(); }

int zcn_listener_fd(const zcn_listener *listener) { return listener == nullptr ? -1 : listener->fd(); }

zcn_status zcn_listener_get_stats(const zcn_listener *listener, zcn_listener_stats *stats) {
    if (listener == nullptr || stats == nullptr) return ZCN_EINVAL;
    zcn_listener_stats answer{};
    listener->read_stats(&answer);
    return zcnet::write_answer(stats, answer);
}

zcn_listener *zcn_listener_retain(zcn_listener *listener) {
    if (listener != nullptr) listener->retain();
    return listener;
}

void zcn_listener_release(zcn_listener *listener) {
    if (listener != nullptr) listener->release();
}
