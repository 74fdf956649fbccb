// SPDX-License-Identifier: MIT
#include "memory/memfd_source.h"

#include <bit>
#include <new>

#include "os/os.h"
#include "os/pipe_signal.h"

namespace zcnet::memory {

namespace {

constexpr uint64_t chunk = uint64_t{1} << 21;

uint32_t class_of(uint64_t size) noexcept { return static_cast<uint32_t>(std::countr_zero(size)); }

// A limit of the process on the size of files holds for this one too, and would raise a signal.
int resize(int fd, uint64_t bytes) noexcept {
    os::PipeSignal signal;
    signal.block();
    const int result = os::resize_file(fd, bytes);
    if (result == -EFBIG) signal.raised();
    return result;
}

}  // namespace

Status MemfdSource::create(MemfdSource **out, Source *source, uint64_t bytes) noexcept {
    if (bytes == 0 || bytes % chunk != 0 || bytes > uint64_t{1} << 46) return ZCN_EINVAL;
    const int fd = os::make_memory_file();
    if (fd < 0) return fd == -ENOMEM || fd == -EMFILE || fd == -ENFILE ? ZCN_ENOMEM : ZCN_EUNSUPPORTED;
    // Nobody who has the descriptor can take the memory away from under those who read it.
    void *base = resize(fd, bytes) == 0 ? os::map_file(fd, bytes, chunk) : nullptr;
    void *memory = base != nullptr && os::seal_file_size(fd) == 0 ? os::map(sizeof(MemfdSource), 4096) : nullptr;
    auto *made = memory != nullptr ? new (memory) MemfdSource() : nullptr;
    if (made == nullptr || !made->space_.begin(bytes)) {
        if (made != nullptr) os::unmap(made, sizeof(MemfdSource));
        if (base != nullptr) os::unmap(base, bytes);
        (void)os::close(fd);
        return ZCN_ENOMEM;
    }
    made->fd_ = fd;
    made->base_ = static_cast<uint8_t *>(base);
    made->bytes_ = bytes;
    *source = {
        [](void *context, uint64_t size, uint64_t) { return static_cast<MemfdSource *>(context)->take(size); },
        [](void *context, void *piece, uint64_t size) { static_cast<MemfdSource *>(context)->give(piece, size); },
        [](void *context, void *part, uint64_t size) -> int32_t {
            return static_cast<MemfdSource *>(context)->drop(part, size);
        },
        [](void *context) { static_cast<MemfdSource *>(context)->destroy(); }, made};
    *out = made;
    return ZCN_OK;
}

void MemfdSource::destroy() noexcept {
    os::unmap(base_, bytes_);
    (void)os::close(fd_);
    space_.end();
    this->~MemfdSource();
    os::unmap(this, sizeof(MemfdSource));
}

void *MemfdSource::take(uint64_t size) noexcept {
    const std::lock_guard guard(lock_);
    const uint64_t offset = space_.take(class_of(size));
    return offset == Buddies::none ? nullptr : base_ + offset;
}

void MemfdSource::give(void *piece, uint64_t size) noexcept {
    // While the piece is still the caller's: whoever takes it next may write to it at once.
    (void)drop(piece, size);
    const std::lock_guard guard(lock_);
    space_.give(offset_of(piece), class_of(size));
}

int MemfdSource::drop(void *memory, uint64_t size) noexcept { return os::punch_hole(fd_, offset_of(memory), size); }

uint64_t MemfdSource::offset_of(const void *memory) const noexcept {
    return static_cast<uint64_t>(static_cast<const uint8_t *>(memory) - base_);
}

bool MemfdSource::offset(const void *data, uint64_t size, uint64_t *out) const noexcept {
    const auto at = reinterpret_cast<uintptr_t>(data);
    const auto base = reinterpret_cast<uintptr_t>(base_);
    if (at < base || at - base > bytes_ || size > bytes_ - (at - base)) return false;
    *out = at - base;
    return true;
}

}  // namespace zcnet::memory
