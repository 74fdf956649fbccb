// SPDX-License-Identifier: MIT
// The seam to the kernel under exploration: memory that is watched, one process, and what a thread leaves behind.
#include "os/os.h"

#include <pthread.h>

#include <cstring>

#include "core.h"
#include "os/process.h"

#define HERE __builtin_return_address(0)

namespace zcnet::os {

namespace {

// What allocate() gave begins behind its size.
constexpr size_t header = 64;

uintptr_t number_of(const void *address) { return reinterpret_cast<uintptr_t>(address); }

}  // namespace

void *map(size_t size, size_t alignment) noexcept {
    const model::Inside inside;
    return model::core->take(size, alignment);
}

void unmap(void *address, size_t size) noexcept {
    const model::Inside inside;
    model::core->give_back(number_of(address), size, HERE);
}

// Only the beginning stands for the whole: explored code writes there.
void drop_pages(void *address, size_t size) noexcept {
    const model::Inside inside;
    const size_t looked_at = size < 64 ? size : 64;
    if (model::core->phase() != model::Core::Phase::set_up)
        model::core->plain(number_of(address), looked_at, true, HERE);
    std::memset(address, 0, looked_at);
}

// Nothing watches but the explorer.
void protect(void *, size_t, bool) noexcept {}
const char *environment(const char *) noexcept { return nullptr; }

bool ask_huge_pages(void *, size_t) noexcept { return true; }

// There are no memory files here.
int make_memory_file() noexcept { return -ENOSYS; }
int resize_file(int, uint64_t) noexcept { return -ENOSYS; }
int seal_file_size(int) noexcept { return -ENOSYS; }
void *map_file(int, size_t, size_t) noexcept { return nullptr; }
int punch_hole(int, uint64_t, uint64_t) noexcept { return -ENOSYS; }
int close(int) noexcept { return -ENOSYS; }

void *allocate(size_t size) noexcept {
    const model::Inside inside;
    auto *memory = static_cast<unsigned char *>(model::core->take(size + header, header));
    if (memory == nullptr) return nullptr;
    if (model::core->phase() != model::Core::Phase::set_up)
        model::core->plain(number_of(memory), sizeof size, true, HERE);
    std::memcpy(memory, &size, sizeof size);
    return memory + header;
}

void deallocate(void *address) noexcept {
    if (address == nullptr) return;
    const model::Inside inside;
    auto *memory = static_cast<unsigned char *>(address) - header;
    size_t size = 0;
    std::memcpy(&size, memory, sizeof size);
    model::core->give_back(number_of(memory), size + header, HERE);
}

// Whoever naps waits for others. Where they have gone on before he looked is another execution, which is explored too.
void nap() noexcept {
    const model::Inside inside;
    model::core->abandon();
}

// Time stands still, but for one step when the threads begin.
int64_t coarse_now() noexcept {
    return model::core->phase() == model::Core::Phase::set_up ? 1'000'000'000 : 2'000'000'000;
}

namespace detail {
namespace {
constinit std::atomic<uint64_t> page{1};
}
constinit std::atomic<std::atomic<uint64_t> *> process_page{&page};
}  // namespace detail

uint64_t process_number() noexcept { return 1; }

}  // namespace zcnet::os

// What a thread leaves behind is given to the function of its key when it ends. One key serves.
extern "C" {

namespace {
void (*key_ends)(void *) = nullptr;
}

int __wrap_pthread_once(pthread_once_t *, void (*once)()) {
    if (key_ends == nullptr) once();
    return 0;
}

int __wrap_pthread_key_create(pthread_key_t *key, void (*ends)(void *)) {
    key_ends = ends;
    *key = 1;
    return 0;
}

int __wrap_pthread_setspecific(pthread_key_t, const void *value) {
    model::at_thread_end(key_ends, const_cast<void *>(value));
    return 0;
}
}
