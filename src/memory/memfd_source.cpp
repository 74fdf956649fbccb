// SPDX-License-Identifier: MIT
#include "memory/memfd_source.h"

#include <bit>
#include <new>

#include "os/os.h"

namespace zcnet::memory {

namespace {

constexpr uint64_t chunk = uint64_t{1} << 21;

uint32_t class_of(uint64_t size) noexcept { return static_cast<uint32_t>(std::countr_zero(size)); }

}  // namespace

Status MemfdSource::create(MemfdSource **out, Source *source, uint64_t bytes) noexcept {
    if (bytes == 0 || bytes % chunk != 0 || bytes > uint64_t{1} << 46) return ZCN_EINVAL;
    const int fd = os::make_memory_file();
    if (fd < 0) return fd == -ENOMEM || fd == -EMFILE || fd == -ENFILE ? ZCN_ENOMEM : ZCN_EUNSUPPORTED;
    // Nobody who has the descriptor can take the memory away from under those who read it.
    void *base = os::resize_file(fd, bytes) == 0 ? os::map_file(fd, bytes, chunk) : nullptr;
    void *memory = base != nullptr && os::seal_file_size(fd) == 0 ? os::map(sizeof(MemfdSource), 4096) : nullptr;
    if (memory == nullptr) {
        if (base != nullptr) os::unmap(base, bytes);
        (void)os::close(fd);
        return ZCN_ENOMEM;
    }
    auto *made = new (memory) MemfdSource();
    made->fd_ = fd;
    made->base_ = static_cast<uint8_t *>(base);
    made->bytes_ = bytes;
    *source = {[](void *context, uint64_t size, uint64_t) -> void * {
                   auto *self = static_cast<MemfdSource *>(context);
                   uint64_t offset = 0;
                   return self->take(class_of(size), &offset) ? self->base_ + offset : nullptr;
               },
               [](void *context, void *piece, uint64_t size) {
                   auto *self = static_cast<MemfdSource *>(context);
                   (void)self->drop(piece, size);
                   self->give(class_of(size), static_cast<uint64_t>(static_cast<uint8_t *>(piece) - self->base_));
               },
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
    table_.clear();
    this->~MemfdSource();
    os::unmap(this, sizeof(MemfdSource));
}

int MemfdSource::drop(void *memory, uint64_t size) noexcept {
    return os::punch_hole(fd_, static_cast<uint64_t>(static_cast<uint8_t *>(memory) - base_), size);
}

// Space that was never used, in whole chunks.
bool MemfdSource::extend(uint64_t size, uint64_t *offset) noexcept {
    uint64_t end = end_.load(std::memory_order_relaxed);
    do {
        if (size > bytes_ - end) return false;
        // relaxed: space, not contents; who gets it touches it first.
    } while (!end_.compare_exchange_weak(end, end + size, std::memory_order_relaxed));
    *offset = end;
    return true;
}

bool MemfdSource::take(uint32_t piece_class, uint64_t *offset) noexcept {
    if (piece_class < smallest_class || piece_class >= classes) return false;
    // A piece of the size, else half of one of twice the size, and so on.
    for (uint32_t found = piece_class; found < chunk_class || found == piece_class; found++) {
        const uint32_t index = free_[found].pop(*this);
        if (index == TaggedStack<>::none) continue;
        *offset = table_[index].offset;
        spare_.push(*this, index);
        split(*offset, found, piece_class);
        return true;
    }
    if (piece_class >= chunk_class) return extend(uint64_t{1} << piece_class, offset);
    const uint32_t index = free_[chunk_class].pop(*this);
    if (index != TaggedStack<>::none) {
        *offset = table_[index].offset;
        spare_.push(*this, index);
    } else if (!extend(chunk, offset)) {
        return false;
    }
    split(*offset, chunk_class, piece_class);
    return true;
}

// Keeps the first part of a piece, and gives the second halves.
void MemfdSource::split(uint64_t offset, uint32_t from, uint32_t to) noexcept {
    for (uint32_t half = from; half-- > to;) give(half, offset + (uint64_t{1} << half));
}

void MemfdSource::give(uint32_t piece_class, uint64_t offset) noexcept {
    uint32_t index = spare_.pop(*this);
    // Without memory for an entry the space of the piece is lost to the file; its pages are not.
    if (index == TaggedStack<>::none && !table_.reserve(1, &index)) return;
    table_[index].offset = offset;
    free_[piece_class].push(*this, index);
}

bool MemfdSource::offset(const void *data, uint64_t size, uint64_t *out) const noexcept {
    const auto at = reinterpret_cast<uintptr_t>(data);
    const auto base = reinterpret_cast<uintptr_t>(base_);
    if (at < base || at - base > bytes_ || size > bytes_ - (at - base)) return false;
    *out = at - base;
    return true;
}

}  // namespace zcnet::memory
