// SPDX-License-Identifier: MIT
// The C functions of zcnet/framing.h.
#include "framing/framing.h"

#include "base/error.h"
#include "base/options.h"
#include "framing/parse.h"
#include "framing/scan.h"
#include "framing/shape.h"
#include "memory/watch.h"
#include "receive/dump.h"

namespace framing = zcnet::framing;
using zcnet::Status;

namespace {

// Makes a framing of the rule that make(rule, error) gives. Nothing in here throws, so nothing is caught.
template <class Make>
Status make_framing(zcn_framing **out, zcn_error *error, const void *place, Make &&make) noexcept {
    if (out != nullptr) *out = nullptr;
    zcnet::memory::find_watchers();
    zcnet::Error why;
    // Asked for before anything is made: a caller whose error cannot be filled in learns it from the status.
    if (why.copy_to(error) != ZCN_OK) return ZCN_EINVAL;
    framing::Rule rule;
    Status status = out != nullptr ? make(&rule, &why) : why.set(ZCN_EINVAL, 0, "out is NULL");
    if (status == ZCN_OK) {
        *out = zcn_framing::make(rule);
        if (*out == nullptr) status = why.set(ZCN_ENOMEM, 0, "there is no memory for the framing");
        zcnet::receive::note_made("framing", *out, 0, 0, place);
    }
    (void)why.copy_to(error);
    return status;
}

template <class Value>
void answer(Value *out, Value value) noexcept {
    if (out != nullptr) *out = value;
}

}  // namespace

void zcn_framing_options_init(zcn_framing_options *options, size_t struct_size) {
    zcnet::init_options(options, struct_size, framing::default_options());
}

zcn_status zcn_framing_create(zcn_framing **out, const zcn_framing_options *options, zcn_error *error) {
    return make_framing(out, error, __builtin_return_address(0), [&](framing::Rule *rule, zcnet::Error *why) -> Status {
        if (options == nullptr) return why->set(ZCN_EINVAL, 0, "options is NULL");
        zcn_framing_options known;
        const Status read = zcnet::read_options(&known, options, framing::default_options());
        if (read == ZCN_EOPTION)
            return why->set(read, 0, "options sets a field that this version of the library does not know");
        if (read != ZCN_OK)
            return why->set(read, 0, "options.struct_size is wrong; zcn_framing_options_init() sets it");
        return framing::make_rule(known, rule, why);
    });
}

zcn_status zcn_framing_parse(zcn_framing **out, const char *text, zcn_error *error) {
    return make_framing(out, error, __builtin_return_address(0), [&](framing::Rule *rule, zcnet::Error *why) -> Status {
        if (text == nullptr) return why->set(ZCN_EINVAL, 0, "text is NULL");
        return framing::parse(text, rule, why);
    });
}

zcn_status zcn_framing_text(const zcn_framing *framing, char *buffer, size_t capacity, size_t *out_size) {
    answer<size_t>(out_size, 0);
    if (framing == nullptr || (buffer == nullptr && capacity != 0)) return ZCN_EINVAL;
    const size_t size = framing::format(framing->rule, buffer, capacity);
    answer(out_size, size);
    return size < capacity ? ZCN_OK : ZCN_ENOBUFS;
}

zcn_status zcn_framing_get_options(const zcn_framing *framing, zcn_framing_options *options) {
    if (framing == nullptr) return ZCN_EINVAL;
    return zcnet::write_answer(options, framing::options_of(framing->rule));
}

zcn_status zcn_framing_overhead(const zcn_framing *framing, uint64_t body_size, uint64_t *out_head,
                                uint64_t *out_tail) {
    answer<uint64_t>(out_head, 0);
    answer<uint64_t>(out_tail, 0);
    if (framing == nullptr) return ZCN_EINVAL;
    framing::Shape shape;
    const Status status = framing::shape(framing->rule, body_size, &shape);
    if (status != ZCN_OK) return status;
    answer<uint64_t>(out_head, shape.head);
    answer<uint64_t>(out_tail, shape.tail);
    return ZCN_OK;
}

zcn_status zcn_framing_measure(const zcn_framing *framing, const void *data, uint64_t size, uint64_t *out_frame_size,
                               uint64_t *out_head, uint64_t *out_tail) {
    answer<uint64_t>(out_frame_size, 0);
    answer<uint64_t>(out_head, 0);
    answer<uint64_t>(out_tail, 0);
    if (framing == nullptr || out_frame_size == nullptr || size > PTRDIFF_MAX || (data == nullptr && size != 0))
        return ZCN_EINVAL;
    const framing::Rule &rule = framing->rule;
    // A frame of fixed size has no header to wait for.
    uint64_t total = rule.fixed;
    if (total == 0) {
        const auto *begin = static_cast<const uint8_t *>(data);
        const framing::Scan found = framing::scan(rule, begin, begin + size, 0, [&](const uint8_t *, uint64_t whole) {
            total = whole;
            return false;
        });
        if (found.status != ZCN_OK) return found.status;
        if (total == 0) total = found.need;
        if (total == 0) return ZCN_AGAIN;
    }
    *out_frame_size = total;
    answer<uint64_t>(out_head, rule.hide_head);
    answer<uint64_t>(out_tail, rule.hide_tail);
    return ZCN_OK;
}

zcn_framing *zcn_framing_retain(zcn_framing *framing) {
    if (framing != nullptr) framing->retain();
    return framing;
}

void zcn_framing_release(zcn_framing *framing) {
    if (framing != nullptr) framing->release();
}
