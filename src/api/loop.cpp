// SPDX-License-Identifier: MIT
// The C boundary of loops.
#include "net/loop.h"

#include "base/options.h"
#include "os/process.h"
#include "receive/dump.h"

using zcnet::net::default_loop_options;

void zcn_loop_options_init(zcn_loop_options *options, size_t struct_size) {
    zcnet::init_options(options, struct_size, default_loop_options());
}

zcn_status zcn_loop_create(zcn_loop **out, const zcn_loop_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    zcn_loop_options chosen{};
    const zcn_status status = zcnet::read_options(&chosen, options, default_loop_options());
    if (status != ZCN_OK) return status;
    const zcn_status made = zcn_loop::create(out, chosen);
    zcnet::receive::note_made("loop", *out, 0, 0, __builtin_return_address(0));
    return made;
}

zcn_status zcn_loop_poll(zcn_loop *loop, int64_t timeout_ns, const zcn_event **out_events, size_t *out_count,
                         int32_t *out_more) {
    if (out_events != nullptr) *out_events = nullptr;
    if (out_count != nullptr) *out_count = 0;
    if (out_more != nullptr) *out_more = 0;
    if (loop == nullptr || out_events == nullptr || out_count == nullptr) return ZCN_EINVAL;
    return loop->poll(timeout_ns, out_events, out_count, out_more);
}

int zcn_loop_fd(zcn_loop *loop) { return loop == nullptr ? -1 : loop->public_fd(); }

zcn_status zcn_loop_next_deadline(zcn_loop *loop, int64_t *out_ns) {
    if (out_ns == nullptr) return ZCN_EINVAL;
    *out_ns = 0;
    if (loop == nullptr) return ZCN_EINVAL;
    if (!zcnet::os::in_process(loop->process())) return ZCN_EFORKED;
    *out_ns = loop->next_deadline();
    return ZCN_OK;
}

zcn_status zcn_loop_wake(zcn_loop *loop) { return loop == nullptr ? ZCN_EINVAL : loop->wake(); }

zcn_status zcn_loop_timer_set(zcn_loop *loop, uint64_t token, int64_t delay_ns) {
    return loop == nullptr ? ZCN_EINVAL : loop->set_timer(token, delay_ns);
}

zcn_status zcn_loop_timer_cancel(zcn_loop *loop, uint64_t token) {
    return loop == nullptr ? ZCN_EINVAL : loop->cancel_timer(token);
}

zcn_status zcn_loop_await_memory(zcn_loop *loop, zcn_pool *pool, uint64_t size, uint64_t token) {
    return loop == nullptr || pool == nullptr ? ZCN_EINVAL : loop->await_room(pool, size, token);
}

zcn_status zcn_loop_close(zcn_loop *loop) {
    if (loop == nullptr) return ZCN_EINVAL;
    if (!zcnet::os::in_process(loop->process())) return ZCN_EFORKED;
    loop->close();
    return ZCN_OK;
}

zcn_status zcn_loop_get_error(const zcn_loop *loop, zcn_error *error) {
    return loop == nullptr || error == nullptr ? ZCN_EINVAL : loop->error().copy_to(error);
}

zcn_status zcn_loop_get_stats(zcn_loop *loop, zcn_loop_stats *stats) {
    if (loop == nullptr || stats == nullptr) return ZCN_EINVAL;
    zcn_loop_stats answer{};
    loop->read_stats(&answer);
    return zcnet::write_answer(stats, answer);
}

zcn_status zcn_loop_get_relay_stats(zcn_loop *loop, zcn_loop_relay_stats *stats) {
    if (loop == nullptr || stats == nullptr) return ZCN_EINVAL;
    zcn_loop_relay_stats answer{};
    loop->read_stats(&answer);
    return zcnet::write_answer(stats, answer);
}

zcn_loop *zcn_loop_retain(zcn_loop *loop) {
    if (loop != nullptr) loop->retain();
    return loop;
}

void zcn_loop_release(zcn_loop *loop) {
    if (loop != nullptr) loop->release();
}
