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
    const receive::Frame frame = receive::frame_of(view);
    receive::note_lent(view.block, frame.data, frame.size, message.event != nullptr);
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
    void *memory = os::allocate(sizeof(Join) + count * sizeof(Join::Part));
    return memory == nullptr ? nullptr : new (memory) Join();
}

Status locate_part(const zcn_msg *msg, Located *out) noexcept {
    const Status status = msg == nullptr ? Status{ZCN_EINVAL} : locate(msg, out);
    return status == ZCN_OK && out->joined() ? Status{ZCN_EUNSUPPORTED} : status;
}

// Gives the join a handle; without one it is dropped.
Status issue_join(zcn_msg **out, Join *join) noexcept {
    View view;
    view.data = reinterpret_cast<const uint8_t *>(join);
    view.size = join->size;
    view.head = receive::no_frame;
    view.tail = receive::is_join;
    zcn_msg *made = receive::issue(view, {});
    if (made == nullptr) {
        receive::drop_join(join);
        return ZCN_ENOMEM;
    }
    *out = made;
    return ZCN_OK;
}

// Joins the messages that part_at(0 … count - 1) gives. Nothing is held before all of them are known to be good.
template <class PartAt>
Status join_parts(zcn_msg **out, size_t count, PartAt &&part_at) noexcept {
    uint64_t size = 0;
    Located part;
    for (size_t i = 0; i < count; i++) {
        if (const Status status = locate_part(part_at(i), &part); status != ZCN_OK) return status;
        if (!add_fits(size, part.view.size, &size)) return ZCN_EINVAL;
    }
    Join *join = make_join(count);
    if (join == nullptr) return ZCN_ENOMEM;
    join->size = size;
    for (size_t i = 0; i < count; i++) {
        zcn_msg *held = nullptr;
        Status status = locate_part(part_at(i), &part);
        if (status == ZCN_OK) status = make_view(&held, part, part.view);
        if (status != ZCN_OK) {
            receive::drop_join(join);
            return status;
        }
        new (&join->parts[join->count++]) Join::Part{part.view, held};
    }
    return issue_join(out, join);
}

}  // namespace

Status retain_message(zcn_msg **out, const zcn_msg *msg) noexcept {
    Located from;
    if (const Status status = locate(msg, &from); status != ZCN_OK) return status;
    if (!from.joined()) return make_view(out, from, from.view);
    const auto *join = reinterpret_cast<const Join *>(from.view.data);
    return join_parts(out, join->count, [join](size_t i) -> const zcn_msg * { return join->parts[i].held; });
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

memory::Block *take_for_copies(zcn_pool *pool, uint64_t size, Status *why) noexcept {
    memory::Block *block = pool->take_heap(size, memory::Purpose::ordinary, why);
    if (block != nullptr) {
        block->count.store(1, std::memory_order_relaxed);  // nobody else has it yet
    } else if (*why == ZCN_ENOBUFS) {
        *why = ZCN_ENOMEM;
    }
    return block;
}

uint8_t *move_frame(View *view, memory::Block *block, uint8_t *to) noexcept {
    const receive::Frame frame = receive::frame_of(*view);
    if (frame.size != 0) std::memcpy(to, frame.data, frame.size);
    view->data = to + (view->data - frame.data);
    view->block = block;
    return to + frame.size;
}

Status detach_message(zcn_msg **out, const zcn_msg *msg) noexcept {
    Located from;
    if (const Status status = locate(msg, &from); status != ZCN_OK) return status;
    const auto *join = from.joined() ? reinterpret_cast<const Join *>(from.view.data) : nullptr;
    zcn_pool *pool = join != nullptr ? join->parts[0].view.block->pool : from.view.block->pool;
    const uint64_t size = join != nullptr ? join->size : receive::frame_of(from.view).size;
    Status why = ZCN_OK;
    memory::Block *block = take_for_copies(pool, size, &why);
    if (block == nullptr) return why;
    View copy = from.view;
    if (join == nullptr) {
        move_frame(&copy, block, block->base);
    } else {
        uint8_t *place = block->base;
        for (uint32_t i = 0; i < join->count; i++) {
            const View &part = join->parts[i].view;
            if (part.size != 0) std::memcpy(place, part.data, part.size);
            place += part.size;
        }
        copy = {block->base, join->size, receive::no_frame, 0, block};
    }
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
    return join_parts(out, count, [msgs](size_t i) { return msgs[i]; });
}

}  // namespace zcnet::net
