// SPDX-License-Identifier: MIT
// The C boundary of dialers.
#include "zcnet/dialer.h"

#include "api/begin.h"
#include "net/dialer.h"
#include "receive/dump.h"

void zcn_dial_options_init(zcn_dial_options *options, size_t struct_size) {
    zcnet::init_options(options, struct_size, zcnet::blank_options<zcn_dial_options>());
}

zcn_status zcn_dial(zcn_dialer **out, zcn_loop *loop, const char *address, const zcn_framing *framing,
                    const zcn_dial_options *options) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    if (loop == nullptr || address == nullptr || framing == nullptr) return ZCN_EINVAL;
    zcn_dial_options chosen{};
    if (const zcn_status status = zcnet::api::begin(loop, &chosen, options, "zcn_dial_options_init", "dialer");
        status != ZCN_OK)
        return status;
    const zcn_status status = zcn_dialer::create(out, loop, address, framing, chosen, &loop->error());
    if (status == ZCN_OK) zcnet::receive::note_made("dialer", *out, 0, 0, __builtin_return_address(0));
    return status;
}

zcn_conn *zcn_dialer_get_conn(const zcn_dialer *dialer) { return dialer == nullptr ? nullptr : dialer->conn(); }

zcn_status zcn_dialer_hurry(zcn_dialer *dialer) { return dialer == nullptr ? ZCN_EINVAL : dialer->hurry(); }

zcn_status zcn_dialer_close(zcn_dialer *dialer) {
    if (dialer == nullptr) return ZCN_EINVAL;
    if (!dialer->in_process()) return ZCN_EFORKED;
    dialer->close();
    return ZCN_OK;
}

zcn_status zcn_dialer_set_user(zcn_dialer *dialer, uintptr_t user) {
    if (dialer == nullptr) return ZCN_EINVAL;
    dialer->set_user(user);
    return ZCN_OK;
}

uintptr_t zcn_dialer_get_user(const zcn_dialer *dialer) { return dialer == nullptr ? 0 : dialer->user(); }

zcn_status zcn_dialer_get_stats(const zcn_dialer *dialer, zcn_dialer_stats *stats) {
    if (dialer == nullptr || stats == nullptr) return ZCN_EINVAL;
    zcn_dialer_stats found{};
    dialer->read_stats(&found);
    return zcnet::write_answer(stats, found);
}

zcn_dialer *zcn_dialer_retain(zcn_dialer *dialer) {
    if (dialer != nullptr) dialer->retain();
    return dialer;
}

void zcn_dialer_release(zcn_dialer *dialer) {
    if (dialer != nullptr) dialer->release();
}
