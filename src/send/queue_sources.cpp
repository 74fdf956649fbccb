// SPDX-License-Identifier: MIT
// What a queue knows of sources: which comes first, and what was read of it.
#include <algorithm>

#include "send/queue.h"

namespace zcnet::send {

namespace {

constexpr uint64_t least_loaded = 4096;

}  // namespace

Status Queue::reserve_source() noexcept {
    if (seldom_ == nullptr) seldom_ = memory::make_object<Seldom>();
    return seldom_ != nullptr ? ZCN_OK : ZCN_ENOMEM;
}

const Segment *Queue::first_source(uint32_t *position, uint32_t *index) noexcept {
    if (!has_sources()) return nullptr;
    for (*position = 0; *position < used_; ++*position) {
        const Entry &entry = at(*position);
        if (!entry.has_source()) continue;
        const uint32_t last = piece_count(entry);
        for (*index = *position == 0 ? head_piece_ : 0; *index < last; ++*index) {
            const Piece part = piece(entry, *index);
            if (part.source != nullptr && part.size != 0) return part.source;
        }
    }
    return nullptr;
}

bool Queue::source_step(SourceStep *out) noexcept {
    uint32_t position = 0;
    uint32_t index = 0;
    const Segment *segment = first_source(&position, &index);
    if (segment == nullptr) return false;
    uint64_t done = position == 0 && index == head_piece_ ? head_offset_ : 0;
    if (is_loaded(at(position), index)) done += seldom_->sources.size;
    *out = {segment->source, segment->offset + done, segment->size - done, segment->size};
    return out->size != 0;
}

Status Queue::load(zcn_pool *pool, uint64_t most, uint64_t *bytes, int *number) noexcept {
    uint32_t position = 0;
    uint32_t index = 0;
    SourceStep step;
    *bytes = 0;
    const Segment *segment = first_source(&position, &index);
    if (segment == nullptr) return ZCN_OK;
    Entry &entry = at(position);
    if (is_loaded(entry, index) && seldom_->sources.size != 0) {
        *bytes = seldom_->sources.size;
        return ZCN_OK;
    }
    if (!source_step(&step)) return ZCN_OK;
    uint64_t wanted = std::min(step.size, most);
    // Memory that nobody else has any more is used again: it is still in the processor's cache.
    if (seldom_->sources.block != nullptr && seldom_->sources.room < wanted) unload();
    if (seldom_->sources.block == nullptr) {
        Status why = ZCN_OK;
        uint8_t *start = take_memory(pool, wanted, &seldom_->sources.block, &why);
        // A pool that is nearly full may still have room for less.
        while (start == nullptr && wanted > least_loaded) {
            wanted = std::max(wanted / 4, least_loaded);
            start = take_memory(pool, wanted, &seldom_->sources.block, &why);
        }
        if (start == nullptr) return why;
        seldom_->sources.start = start;
        seldom_->sources.room = wanted;
    }
    ssize_t got = 0;
    do {
        got = step.source->read(seldom_->sources.start, wanted, step.offset);
    } while (got == -EINTR);
    seldom_->sources.unit = entry.unit;
    seldom_->sources.piece = index;
    seldom_->sources.data = seldom_->sources.start;
    seldom_->sources.size = got > 0 ? static_cast<uint64_t>(got) : 0;
    if (got <= 0) unload();
    if (got < 0) {
        *number = static_cast<int>(-got);
        return ZCN_ESYS;
    }
    *bytes = static_cast<uint64_t>(got);
    return ZCN_OK;
}

void Queue::lend(Block *block, uint8_t *data, uint64_t size) noexcept {
    uint32_t position = 0;
    uint32_t index = 0;
    unload();
    if (first_source(&position, &index) == nullptr) {
        memory::block_release(block);
        return;
    }
    Sources &sources = seldom_->sources;
    sources.unit = at(position).unit;
    sources.piece = index;
    sources.block = block;
    sources.start = data;
    sources.data = data;
    sources.size = size;
    sources.room = 0;  // it is the reader's, who writes into it again
}

void Queue::unload() noexcept {
    if (seldom_->sources.block != nullptr) memory::block_release(seldom_->sources.block);
    seldom_->sources.block = nullptr;
    seldom_->sources.unit = nullptr;
    seldom_->sources.data = nullptr;
    seldom_->sources.start = nullptr;
    seldom_->sources.size = seldom_->sources.room = 0;
}

}  // namespace zcnet::send
