// SPDX-License-Identifier: MIT
#include "net/batch.h"

#include <new>

#include "os/os.h"
#include "receive/exclusive.h"

namespace zcnet::net {

Batch *Batch::create(uint32_t capacity) noexcept {
    const uint64_t bytes = sizeof(Batch) + capacity * (sizeof(zcn_event) + sizeof(Span));
    void *memory = os::map(bytes, 4096);
    if (memory == nullptr) return nullptr;
    auto *batch = new (memory) Batch();
    batch->capacity_ = capacity;
    batch->bytes_ = bytes;
    batch->next_generation();
    return batch;
}

void Batch::hide_shown() noexcept {
    // Each retained one is looked for among all views that are held: a checker finds enough without every one of them.
    uint32_t looks = 64;
    for (uint32_t i = 0; i < count_; i++) {
        const zcn_event *shown = event(i);
        if (shown->type != ZCN_EVENT_MESSAGE || shown->size == 0) continue;
        if (is_retained(shown) && looks-- == 0) return;
        receive::hide_shown(span_of(shown).block, static_cast<const uint8_t *>(shown->data), shown->size,
                            is_retained(shown));
    }
}

void Batch::destroy() noexcept { os::unmap(this, bytes_); }

}  // namespace zcnet::net
