// SPDX-License-Identifier: MIT
// operator new, which a script can fail too.
#include <cstdlib>
#include <new>

#include "plan.h"

namespace {

void *take(std::size_t size) noexcept {
    return zcnet::fault::decide(zcnet::fault::call_new) != zcnet::fault::go_on ? nullptr
                                                                               : std::malloc(size != 0 ? size : 1);
}

void *take_aligned(std::size_t size, std::align_val_t alignment) noexcept {
    if (zcnet::fault::decide(zcnet::fault::call_new) != zcnet::fault::go_on) return nullptr;
    const auto to = static_cast<std::size_t>(alignment);
    return std::aligned_alloc(to, (size + to - 1) / to * to);
}

void *or_throw(void *memory) {
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

void *operator new(std::size_t size) { return or_throw(take(size)); }
void *operator new[](std::size_t size) { return or_throw(take(size)); }
void *operator new(std::size_t size, const std::nothrow_t &) noexcept { return take(size); }
void *operator new[](std::size_t size, const std::nothrow_t &) noexcept { return take(size); }
void *operator new(std::size_t size, std::align_val_t to) { return or_throw(take_aligned(size, to)); }
void *operator new[](std::size_t size, std::align_val_t to) { return or_throw(take_aligned(size, to)); }
void *operator new(std::size_t size, std::align_val_t to, const std::nothrow_t &) noexcept {
    return take_aligned(size, to);
}
void *operator new[](std::size_t size, std::align_val_t to, const std::nothrow_t &) noexcept {
    return take_aligned(size, to);
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void *memory, const std::nothrow_t &) noexcept { std::free(memory); }
void operator delete[](void *memory, const std::nothrow_t &) noexcept { std::free(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void *memory, std::align_val_t, const std::nothrow_t &) noexcept { std::free(memory); }
void operator delete[](void *memory, std::align_val_t, const std::nothrow_t &) noexcept { std::free(memory); }
