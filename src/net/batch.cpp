// SPDX-License-Identifier: MIT
#include "net/batch.h"

#include <new>

#include "os/os.h"

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

void Batch::destroy() noexcept { os::unmap(this, bytes_); }

}  // namespace zcnet::net
