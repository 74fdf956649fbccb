// SPDX-License-Identifier: MIT
// The memory of a framing handle.
#include "framing/framing.h"

#include <new>

#include "memory/births.h"
#include "os/os.h"

zcn_framing *zcn_framing::make(const zcnet::framing::Rule &rule) noexcept {
    void *memory = zcnet::os::allocate(sizeof(zcn_framing));
    return memory == nullptr ? nullptr : new (memory) zcn_framing(rule);
}

void zcn_framing::destroy() const noexcept {
    auto *self = const_cast<zcn_framing *>(this);
    zcnet::memory::note_death(self);
    self->~zcn_framing();
    zcnet::os::deallocate(self);
}
