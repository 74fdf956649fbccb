// SPDX-License-Identifier: MIT
#include "io/direct_reader.h"

#include <algorithm>

#include "send/unit.h"

namespace zcnet::io {

namespace {

// What disks ask of address, offset and length: at most a page.
constexpr uint64_t alignment = 4096;
// Large enough that a disk works at its full rate, one reading after the other.
constexpr uint64_t chunk = 512 * 1024;
constexpr uint64_t least_chunk = 32 * 1024;

constexpr uint64_t round_up(uint64_t number) noexcept { return (number + alignment - 1) & ~(alignment - 1); }

// acquire: pairs with the release of the last other holder, whose reads happened before the memory is written again.
bool is_sole(const memory::Block *block) noexcept { return block->count.load(std::memory_order_acquire) == 1; }

}  // namespace

Status DirectReader::take_buffer(zcn_pool *pool, uint64_t size) noexcept {
    for (Buffer &spare : spare_) {
        if (spare.block == nullptr || spare.room < size || !is_sole(spare.block)) continue;
        memory::block_retain(spare.block);
        target_ = spare;
        return ZCN_OK;
    }
    Status why = ZCN_OK;
    uint8_t *start = send::take_memory(pool, size + alignment, &target_.block, &why);
    if (start == nullptr) return why;
    target_.start = reinterpret_cast<uint8_t *>(round_up(reinterpret_cast<uintptr_t>(start)));
    target_.room = size;
    for (Buffer &spare : spare_) {
        if (spare.block != nullptr && !is_sole(spare.block)) continue;
        if (spare.block != nullptr) memory::block_release(spare.block);
        memory::block_retain(target_.block);
        spare = target_;
        break;
    }
    return ZCN_OK;
}

Status DirectReader::prepare(zcn_pool *pool, zcn_file *file, uint64_t offset, uint64_t size) noexcept {
    skip_ = offset % alignment;
    offset_ = offset - skip_;
    uint64_t whole = std::min(round_up(std::min(size, chunk) + skip_), chunk);
    Status status = take_buffer(pool, whole);
    // A pool that is nearly full may still have room for less.
    while (status != ZCN_OK && whole > least_chunk) {
        whole = std::max(round_up(whole / 4), least_chunk);
        status = take_buffer(pool, whole);
    }
    if (status != ZCN_OK) return status;
    size_ = std::min(size, whole - skip_);
    file_.hold(*file);
    fd_ = file->direct_fd();
    state_ = State::wanted;
    return ZCN_OK;
}

DirectReader::Step DirectReader::take(zcn_pool *pool, zcn_file *file, uint64_t offset, uint64_t size, Chunk *out,
                                      int *number) noexcept {
    if (state_ == State::reading) return Step::waiting;
    const bool same = state_ != State::idle && file_.is(*file) && offset_ + skip_ == offset && size_ <= size;
    if (state_ != State::idle && !same) forget();
    if (state_ == State::idle) {
        if (file->direct_fd() < 0) {
            *number = -EOPNOTSUPP;
            return Step::failed;
        }
        if (prepare(pool, file, offset, size) != ZCN_OK) {
            *number = -ENOBUFS;
            return Step::failed;
        }
    }
    if (state_ == State::wanted) return Step::waiting;
    const int64_t got = result_;
    if (got <= static_cast<int64_t>(skip_)) {
        *number = got == -EINVAL ? -EOPNOTSUPP : static_cast<int>(got);
        forget();
        return got < 0 ? Step::failed : Step::ended;
    }
    out->block = target_.block;
    out->data = target_.start + skip_;
    out->size = std::min(static_cast<uint64_t>(got) - skip_, size_);
    target_ = Buffer{};  // its reference goes with the chunk
    forget();
    // What follows is read meanwhile; without memory for it the next call tries again, and says so.
    if (out->size < size) (void)prepare(pool, file, offset + out->size, size - out->size);
    return Step::ready;
}

void DirectReader::read() noexcept {
    const uint64_t wanted = skip_ + size_;
    const uint64_t whole = round_up(wanted);
    uint64_t done = 0;
    int64_t got = 0;
    while (done < wanted) {
        // Behind an odd number of bytes the file has ended, or it grows: nothing is left for the disk's own blocks.
        const int fd = done % alignment == 0 ? fd_ : file_.get()->fd();
        got = os::uninterrupted(
            [&] { return os::read_at(fd, target_.start + done, static_cast<size_t>(whole - done), offset_ + done); });
        if (got <= 0) break;
        done += static_cast<uint64_t>(got);
    }
    // What was read before a failure is sent, and the failure comes again.
    result_ = done > skip_ || got >= 0 ? static_cast<int64_t>(done) : got == -EAGAIN ? -EIO : got;
}

void DirectReader::completed() noexcept {
    state_ = State::done;
    if (dropped_) {
        dropped_ = false;
        forget();
    }
}

void DirectReader::forget() noexcept {
    if (target_.block != nullptr) memory::block_release(target_.block);
    target_ = Buffer{};
    file_.let_go();
    state_ = State::idle;
}

void DirectReader::drop() noexcept {
    for (Buffer &spare : spare_) {
        if (spare.block != nullptr) memory::block_release(spare.block);
        spare = Buffer{};
    }
    if (state_ == State::reading) {
        dropped_ = true;
    } else {
        forget();
    }
}

}  // namespace zcnet::io
