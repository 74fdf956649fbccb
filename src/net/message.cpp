// SPDX-License-Identifier: MIT
#include "net/message.h"

#include <cstring>
#include <new>

#include "base/checked.h"
#include "base/probe.h"
#include "memory/pool.h"
#include "os/os.h"
#include "receive/exclusive.h"

namespace zcnet::net {

using receive::Join;
using receive::View;

Status locate(const zcn_msg *msg, Located *out) noexcept {
    out->msg = msg;
    if (receive::is_borrowed(msg)) {
        const Batch::Found found = Batch::find(msg);
        if (found.event == nullptr) return ZCN_ESTALE;
        const Span &span = found.batch->span_of(found.event);
        out->view = {static_cast<const uint8_t *>(found.event->data), found.event->size, span.head, span.tail,
                     span.block};
        out->batch = found.batch;
        out->event = found.event;
        return ZCN_OK;
    }
    return receive::find_view(msg, &out->view) ? ZCN_OK : ZCN_ESTALE;
}

void hold_block(const Located &message) noexcept { hold_bytes(message, message.view); }

void hold_bytes(const Located &message, const View &view) noexcept {
    // Header and delimiter go with it, where the message has its frame.
    const bool frame = view.head != receive::no_frame;
    receive::note_lent(view.block, view.data - (frame ? view.head : 0),
                       view.size + (frame ? uint64_t{view.head} + view.tail : 0), message.event != nullptr);
    // The block of a borrowed message is leased by the loop whose owner is calling.
    if (message.event != nullptr) {
        view.block->handed++;
    } else {
        memory::block_retain(view.block);
    }
}

namespace {

// A new handle for a view whose block the caller does not hold yet.
Status make_view(zcn_msg **out, const Located &from, const View &view) noexcept {
    zcn_msg *made = nullptr;
    if (from.event != nullptr) {
        if (Batch::is_retained(from.event)) receive::note_shared(memory::root_of(view.block), view.data, view.size);
        made = receive::issue_leased(view.block, view);
    } else {
        const receive::Holding holding = receive::holding_of(*receive::take_apart(from.msg).group);
        receive::note_shared(holding.root, view.data, view.size);
        made = receive::issue(view, holding);
        // The caller's own view keeps the block until the new one has its reference: both counts are raised together,
        // since their line may come from another processor each time.
        if (made != nullptr) {
            memory::block_retain(view.block);
            receive::count_share(holding.root);
        }
    }
    if (made == nullptr) return ZCN_ENOMEM;
    if (from.event != nullptr) Batch::mark_retained(from.event);
    *out = made;
    return ZCN_OK;
}

Join *make_join(size_t count) noexcept {
    void *memory = os::allocate(sizeof(Join) + count * sizeof(View));
    if (memory == nullptr) return nullptr;
    auto *join = new (memory) Join();
    for (size_t i = 0; i < count; i++) new (&join->parts[i]) View();
    return join;
}

Status issue_join(zcn_msg **out, Join *join) noexcept {
    View view;
    view.data = reinterpret_cast<const uint8_t *>(join);
    view.size = join->size;
    view.head = receive::no_frame;
    view.tail = receive::is_join;
    zcn_msg *made = receive::issue(view, {});
    if (made == nullptr) {
        for (uint32_t i = 0; i < join->count; i++) memory::block_release(join->parts[i].block);
        os::deallocate(join);
        return ZCN_ENOMEM;
    }
    *out = made;
    return ZCN_OK;
}

}  // namespace

Status retain_message(zcn_msg **out, const zcn_msg *msg) noexcept {
    Located from;
    if (const Status status = locate(msg, &from); status != ZCN_OK) return status;
    if (!from.joined()) return make_view(out, from, from.view);
    const auto *join = reinterpret_cast<const Join *>(from.view.data);
    Join *copy = make_join(join->count);
    if (copy == nullptr) return ZCN_ENOMEM;
    copy->size = join->size;
    for (uint32_t i = 0; i < join->count; i++) {
        copy->parts[i] = join->parts[i];
        memory::block_retain(join->parts[i].block);
        copy->count++;
    }
    return issue_join(out, copy);
}

Status slice_message(zcn_msg **out, const zcn_msg *msg, uint64_t offset, uint64_t size) noexcept {
    Located from;
    if (const Status status = locate(msg, &from); status != ZCN_OK) return status;
    if (from.joined()) return ZCN_EUNSUPPORTED;
    if (offset > from.view.size || size > from.view.size - offset) return ZCN_EINVAL;
    View part = from.view;
    part.data += offset;
    part.size = size;
    part.head = receive::no_frame;
    part.tail = 0;
    return make_view(out, from, part);
}

Status detach_message(zcn_msg **out, const zcn_msg *msg) noexcept {
    Located from;
    if (const Status status = locate(msg, &from); status != ZCN_OK) return status;
    const auto *join = from.joined() ? reinterpret_cast<const Join *>(from.view.data) : nullptr;
    zcn_pool *pool = join != nullptr ? join->parts[0].block->pool : from.view.block->pool;
    // The frame is copied whole, so that the copy can still be forwarded with its header.
    const uint32_t head = from.has_frame() ? from.view.head : 0;
    const uint32_t tail = from.has_frame() ? from.view.tail : 0;
    uint64_t size = 0;
    if (!add_fits(from.view.size, uint64_t{head} + tail, &size)) return ZCN_ENOMEM;
    Status why = ZCN_OK;
    memory::Block *block = pool->take_heap(size, memory::Purpose::ordinary, &why);
    if (block == nullptr) return why == ZCN_ENOBUFS ? ZCN_ENOMEM : why;
    block->count.store(1, std::memory_order_relaxed);  // nobody else has it yet
    if (join == nullptr) {
        if (size != 0) std::memcpy(block->base, from.view.data - head, size);
    } else {
        uint8_t *place = block->base;
        for (uint32_t i = 0; i < join->count; i++) {
            if (join->parts[i].size != 0) std::memcpy(place, join->parts[i].data, join->parts[i].size);
            place += join->parts[i].size;
        }
    }
    View copy;
    copy.data = block->base + head;
    copy.size = from.view.size;
    copy.head = from.has_frame() ? head : receive::no_frame;
    copy.tail = tail;
    copy.block = block;
    zcn_msg *made = receive::issue(copy, receive::holding_of(block));
    if (made == nullptr) {
        memory::block_release(block);
        return ZCN_ENOMEM;
    }
    if (from.batch != nullptr) from.batch->copied_detached += size;
    pool->count_copied(size);
    ZCNET_PROBE(msg__detach, made, size);
    *out = made;
    return ZCN_OK;
}

Status make_writable(zcn_msg **out, zcn_msg *msg, void **out_data) noexcept {
    if (receive::is_borrowed(msg)) return ZCN_EINVAL;
    Located from;
    if (const Status status = locate(msg, &from); status != ZCN_OK) return status;
    if (from.joined()) return ZCN_EUNSUPPORTED;
    if (from.view.block->pool->is_inherited()) return ZCN_EFORKED;
    if (!receive::is_exclusive(msg, from.view)) {
        zcn_msg *copy = nullptr;
        if (const Status status = detach_message(&copy, msg); status != ZCN_OK) return status;
        (void)receive::end_view(msg);
        msg = copy;
        (void)locate(msg, &from);
    }
    *out = msg;
    *out_data = const_cast<uint8_t *>(from.view.data);
    return ZCN_OK;
}

Status join_messages(zcn_msg **out, const zcn_msg *const *msgs, size_t count) noexcept {
    Join *join = make_join(count);
    if (join == nullptr) return ZCN_ENOMEM;
    Status status = ZCN_OK;
    for (size_t i = 0; i < count && status == ZCN_OK; i++) {
        Located part;
        if (msgs[i] == nullptr) {
            status = ZCN_EINVAL;
            break;
        }
        status = locate(msgs[i], &part);
        if (status != ZCN_OK) break;
        if (part.joined()) {
            status = ZCN_EUNSUPPORTED;
        } else if (!add_fits(join->size, part.view.size, &join->size)) {
            status = ZCN_EINVAL;
        } else {
            hold_block(part);
            join->parts[join->count++] = part.view;
        }
    }
    if (status != ZCN_OK) {
        for (uint32_t i = 0; i < join->count; i++) memory::block_release(join->parts[i].block);
        os::deallocate(join);
        return status;
    }
    if (const Status issued = issue_join(out, join); issued != ZCN_OK) return issued;
    for (size_t i = 0; i < count; i++) {
        if (!receive::is_borrowed(msgs[i])) continue;
        Batch::mark_retained(Batch::find(msgs[i]).event);
    }
    return ZCN_OK;
}

}  // namespace zcnet::net
