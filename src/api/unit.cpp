// SPDX-License-Identifier: MIT
// The C boundary of units.
#include "send/unit.h"

#include "net/message.h"
#include "os/os.h"
#include "receive/dump.h"

using zcnet::net::locate;
using zcnet::net::Located;
using zcnet::send::Foreign;
using zcnet::send::Owner;
using zcnet::send::Segment;

namespace {

zcn_pool *or_default(zcn_pool *pool) noexcept { return pool != nullptr ? pool : zcnet::memory::default_pool(); }

// From the pool of the process, or with an argument that is wrong.
[[gnu::noinline]] zcn_status alloc_otherwise(zcn_unit **out, void **out_data, zcn_pool *pool,
                                             const zcn_framing *framing, uint64_t size, const void *place) noexcept {
    if (out != nullptr) *out = nullptr;
    if (out_data != nullptr) *out_data = nullptr;
    if (out == nullptr || out_data == nullptr) return ZCN_EINVAL;
    zcn_pool *from = or_default(pool);
    if (from == nullptr) return ZCN_ENOMEM;
    const zcn_status status = zcn_unit::make(out, out_data, from, framing, size);
    if (zcnet::memory::watched()) zcnet::receive::note_made("unit", *out, size, from->number(), place);
    return status;
}

// Appends one view with a reference of its own.
zcn_status append_view(zcn_unit *unit, const Located &from, const zcnet::receive::View &view, uint64_t head,
                       uint64_t tail) noexcept {
    Segment segment;
    segment.data = view.data - head;
    segment.size = view.size + head + tail;
    segment.block = view.block;
    segment.owner = Owner::block;
    const zcn_status status = unit->append(segment);
    if (status != ZCN_OK) return status;
    zcnet::net::hold_bytes(from, view);
    return ZCN_OK;
}

}  // namespace

zcn_status zcn_unit_alloc(zcn_unit **out, void **out_data, zcn_pool *pool, const zcn_framing *framing, uint64_t size) {
    // Straight to what programs do most of the time: what make() does not need is not looked at before it.
    if (out != nullptr && out_data != nullptr && pool != nullptr && !zcnet::memory::watched()) [[likely]]
        return zcn_unit::make(out, out_data, pool, framing, size);
    return alloc_otherwise(out, out_data, pool, framing, size, __builtin_return_address(0));
}

zcn_status zcn_unit_alloc_batch(zcn_unit **out, void **out_datas, size_t count, zcn_pool *pool,
                                const zcn_framing *framing, uint64_t size) {
    constexpr size_t most = 65536;
    const auto clear = [&] {
        for (size_t k = 0; k < count; k++) {
            if (out != nullptr) out[k] = nullptr;
            if (out_datas != nullptr) out_datas[k] = nullptr;
        }
    };
    if (count > most) return ZCN_EINVAL;
    if (out == nullptr || out_datas == nullptr || count == 0) {
        clear();
        return ZCN_EINVAL;
    }
    zcn_pool *from = or_default(pool);
    zcn_status status = from == nullptr ? ZCN_ENOMEM : ZCN_OK;
    size_t made = 0;
    zcnet::framing::Shape around{zcnet::send::common_head, 0};
    if (status == ZCN_OK && framing != nullptr) status = zcnet::framing::shape(framing->rule, size, &around);
    while (status == ZCN_OK && made < count) {
        // What fits the present block goes in one step; the unit that does not brings the next block.
        if (!zcnet::memory::births_wanted())
            made += zcn_unit::make_run(out + made, out_datas + made, count - made, from, around, size);
        if (made == count) break;
        status = zcn_unit::make(&out[made], &out_datas[made], from, framing, size);
        if (status == ZCN_OK)
            zcnet::receive::note_made("unit", out[made++], size, from->number(), __builtin_return_address(0));
    }
    if (status == ZCN_OK) return ZCN_OK;
    for (size_t i = 0; i < made; i++) out[i]->release();
    clear();
    return status;
}

zcn_status zcn_unit_create(zcn_unit **out, zcn_pool *pool) {
    if (out == nullptr) return ZCN_EINVAL;
    *out = nullptr;
    zcn_pool *from = or_default(pool);
    if (from == nullptr) return ZCN_ENOMEM;
    const zcn_status status = zcn_unit::make_empty(out, from);
    zcnet::receive::note_made("unit", *out, 0, from->number(), __builtin_return_address(0));
    return status;
}

zcn_status zcn_unit_append_alloc(zcn_unit *unit, void **out_data, uint64_t size) {
    if (out_data == nullptr) return ZCN_EINVAL;
    *out_data = nullptr;
    return unit == nullptr ? ZCN_EINVAL : unit->append_memory(out_data, size);
}

zcn_status zcn_unit_append_copy(zcn_unit *unit, const void *data, uint64_t size) {
    if (unit == nullptr || (data == nullptr && size != 0)) return ZCN_EINVAL;
    void *place = nullptr;
    if (const zcn_status status = unit->append_memory(&place, size); status != ZCN_OK) return status;
    if (size != 0) __builtin_memcpy(place, data, size);
    unit->count_copied(size);
    return ZCN_OK;
}

zcn_status zcn_unit_append_ref(zcn_unit *unit, const void *data, uint64_t size, zcn_release_function release,
                               void *context) {
    if (unit == nullptr || (data == nullptr && size != 0)) return ZCN_EINVAL;
    auto *foreign = zcnet::memory::make_object<Foreign>();
    if (foreign == nullptr) return ZCN_ENOMEM;
    foreign->release = release;
    foreign->context = context;
    foreign->data = data;
    foreign->size = size;
    Segment segment;
    segment.data = static_cast<const uint8_t *>(data);
    segment.size = size;
    segment.foreign = foreign;
    segment.owner = Owner::foreign;
    const zcn_status status = unit->append(segment);
    if (status != ZCN_OK) zcnet::memory::destroy_object(foreign);
    return status;
}

zcn_status zcn_unit_append_static(zcn_unit *unit, const void *data, uint64_t size) {
    if (unit == nullptr || (data == nullptr && size != 0)) return ZCN_EINVAL;
    Segment segment;
    segment.data = static_cast<const uint8_t *>(data);
    segment.size = size;
    return unit->append(segment);
}

zcn_status zcn_unit_append_pages(zcn_unit *unit, const void *data, uint64_t size) {
    if (unit == nullptr || data == nullptr || unit->sealed()) return ZCN_EINVAL;
    if (size != 0 && !zcnet::os::is_read_only(data, size)) return ZCN_EUNSUPPORTED;
    Segment segment;
    segment.data = static_cast<const uint8_t *>(data);
    segment.size = size;
    segment.pages = true;
    return unit->append(segment);
}

zcn_status zcn_unit_append_msg(zcn_unit *unit, const zcn_msg *msg) {
    if (unit == nullptr || msg == nullptr || unit->sealed()) return ZCN_EINVAL;
    Located from;
    if (const zcn_status status = locate(msg, &from); status != ZCN_OK) return status;
    if (!from.joined()) return append_view(unit, from, from.view, 0, 0);
    const auto *join = reinterpret_cast<const zcnet::receive::Join *>(from.view.data);
    const uint64_t before = unit->size();
    for (uint32_t i = 0; i < join->count; i++) {
        if (const zcn_status status = append_view(unit, from, join->parts[i].view, 0, 0); status != ZCN_OK) {
            (void)unit->truncate(before);
            return status;
        }
    }
    return ZCN_OK;
}

zcn_status zcn_unit_append_frame(zcn_unit *unit, const zcn_msg *msg) {
    if (unit == nullptr || msg == nullptr || unit->sealed()) return ZCN_EINVAL;
    Located from;
    if (const zcn_status status = locate(msg, &from); status != ZCN_OK) return status;
    if (!from.has_frame()) return ZCN_EUNSUPPORTED;
    return append_view(unit, from, from.view, from.view.head, from.view.tail);
}

zcn_status zcn_unit_truncate(zcn_unit *unit, uint64_t size) {
    return unit == nullptr ? ZCN_EINVAL : unit->truncate(size);
}

zcn_status zcn_unit_set_prefix(zcn_unit *unit, const void *data, uint64_t size) {
    return unit == nullptr ? ZCN_EINVAL : unit->set_prefix(data, size);
}

zcn_status zcn_unit_set_token(zcn_unit *unit, uint64_t token) {
    return unit == nullptr ? ZCN_EINVAL : unit->set_token(token);
}

zcn_status zcn_unit_seal(zcn_unit *unit, const zcn_framing *framing) {
    if (unit == nullptr || framing == nullptr) return ZCN_EINVAL;
    return unit->seal(framing->rule, framing);
}

uint64_t zcn_unit_size(const zcn_unit *unit) { return unit == nullptr ? 0 : unit->size(); }

zcn_unit *zcn_unit_retain(zcn_unit *unit) {
    if (unit != nullptr) unit->retain();
    return unit;
}

void zcn_unit_release(zcn_unit *unit) {
    if (unit != nullptr) unit->release();
}

void zcn_unit_release_batch(zcn_unit *const *units, size_t count) {
    if (units == nullptr) return;
    for (size_t i = 0; i < count; i++) zcn_unit_release(units[i]);
}
