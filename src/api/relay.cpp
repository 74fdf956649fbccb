// SPDX-License-Identifier: MIT
// The C boundary of relays.
#include "zcnet/relay.h"

#include "api/begin.h"
#include "receive/dump.h"

namespace {

// Frames that are whatever arrives are no frames to count.
const zcn_framing *countable(const zcn_framing *framing) noexcept {
    return framing != nullptr && framing->rule.kind == zcnet::framing::Kind::raw ? nullptr : framing;
}

template <class Join>
zcn_status begin(zcn_relay **out, zcn_loop *loop, const zcn_relay_options *options, const void *place,
                 Join &&join) noexcept {
    zcn_relay_options chosen{};
    if (const zcn_status status = zcnet::api::begin(loop, &chosen, options, "zcn_relay_options_init", "relay");
        status != ZCN_OK)
        return status;
    chosen.forward_framing = countable(chosen.forward_framing);
    chosen.backward_framing = countable(chosen.backward_framing);
    const zcn_status status = join(chosen, &loop->error());
    if (status == ZCN_OK) zcnet::receive::note_made("relay", *out, 0, 0, place);
    return status;
}

}  // namespace

void zcn_relay_options_init(zcn_relay_options *options, size_t struct_size) {
    zcnet::init_options(options, struct_size, zcnet::blank_options<zcn_relay_options>());
}

zcn_status zcn_relay_conns(zcn_relay **out, zcn_conn *first, zcn_conn *second, const zcn_relay_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    if (first == nullptr || second == nullptr || first == second || first->loop() != second->loop()) return ZCN_EINVAL;
    return begin(out, first->loop(), options, __builtin_return_address(0),
                 [&](const zcn_relay_options &chosen, zcnet::Error *error) noexcept {
                     return zcn_relay::join(out, first, second, chosen, error);
                 });
}

zcn_status zcn_relay_fds(zcn_relay **out, zcn_loop *loop, int first, int second, const zcn_relay_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    if (loop == nullptr || first < 0 || second < 0 || first == second) return ZCN_EINVAL;
    return begin(out, loop, options, __builtin_return_address(0),
                 [&](const zcn_relay_options &chosen, zcnet::Error *error) noexcept {
                     return zcn_relay::join(out, loop, first, second, chosen, error);
                 });
}

zcn_status zcn_relay_tap(zcn_relay *relay, uint32_t direction, int fd, uint32_t policy, uint32_t wait_ms) {
    if (relay == nullptr || direction > ZCN_RELAY_BACKWARD || fd < 0 || policy > ZCN_TAP_WAIT) return ZCN_EINVAL;
    return relay->add_tap(direction, fd, policy, wait_ms);
}

zcn_status zcn_relay_close(zcn_relay *relay) { return relay == nullptr ? ZCN_EINVAL : relay->request_close(false); }

zcn_status zcn_relay_abort(zcn_relay *relay) { return relay == nullptr ? ZCN_EINVAL : relay->request_close(true); }

zcn_status zcn_relay_set_user(zcn_relay *relay, uintptr_t user) {
    if (relay == nullptr) return ZCN_EINVAL;
    relay->set_user(user);
    return ZCN_OK;
}

uintptr_t zcn_relay_get_user(const zcn_relay *relay) { return relay == nullptr ? 0 : relay->user(); }

zcn_status zcn_relay_get_error(const zcn_relay *relay, zcn_error *error) {
    return relay == nullptr || error == nullptr ? ZCN_EINVAL : relay->copy_error(error);
}

zcn_status zcn_relay_get_stats(const zcn_relay *relay, zcn_relay_stats *stats) {
    if (relay == nullptr || stats == nullptr) return ZCN_EINVAL;
    zcn_relay_stats answer{};
    relay->read_stats(&answer);
    return zcnet::write_answer(stats, answer);
}

zcn_relay *zcn_relay_retain(zcn_relay *relay) {
    if (relay != nullptr) relay->retain();
    return relay;
}

void zcn_relay_release(zcn_relay *relay) {
    if (relay != nullptr) relay->release();
}
