// SPDX-License-Identifier: MIT
// Fresh pages at an alignment, for the seam and for what stands in its place in tests.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace zcnet::os {

// What map() promises (os.h).
inline void *map_aligned(size_t size, size_t alignment) noexcept {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    const size_t slack = alignment > page ? alignment - page : 0;
    if (size > SIZE_MAX - slack) return nullptr;
    void *start =
        ::mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return nullptr;
    const auto first = reinterpret_cast<uintptr_t>(start);
    const uintptr_t aligned = (first + alignment - 1) & ~(uintptr_t{alignment} - 1);
    if (aligned != first) ::munmap(start, aligned - first);
    const size_t behind = slack - (aligned - first);
    if (behind != 0) ::munmap(reinterpret_cast<void *>(aligned + size), behind);
    return reinterpret_cast<void *>(aligned);
}

}  // namespace zcnet::os
