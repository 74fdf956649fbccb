// SPDX-License-Identifier: MIT
#include "io/pipe.h"

#include <new>

#include "os/os.h"

namespace zcnet::io {

PipePool::~PipePool() { close(); }

void PipePool::close() noexcept {
    while (Pipe *pipe = free_) {
        free_ = pipe->next;
        drop(pipe);
    }
    free_count_ = 0;
}

Pipe *PipePool::take() noexcept {
    if (Pipe *pipe = free_) {
        free_ = pipe->next;
        free_count_--;
        return pipe;
    }
    return count_ < most ? make() : nullptr;
}

Pipe *PipePool::make() noexcept {
    int ends[2];
    if (os::make_pipe(ends) < 0) return nullptr;
    const int size = os::set_pipe_size(ends[1], static_cast<int>(wanted));
    // Where it cannot be enlarged it may have the system's usual size, or less: asking for that changes nothing.
    const int now = size >= 0 ? size : os::set_pipe_size(ends[1], static_cast<int>(least));
    Pipe *pipe = now >= static_cast<int>(least) ? static_cast<Pipe *>(os::allocate(sizeof(Pipe))) : nullptr;
    if (pipe == nullptr) {
        (void)os::close(ends[0]);
        (void)os::close(ends[1]);
        return nullptr;
    }
    count_++;
    return new (pipe) Pipe{ends[0], ends[1], static_cast<uint32_t>(now), nullptr};
}

void PipePool::give(Pipe *pipe) noexcept {
    if (free_count_ >= most_kept) {
        drop(pipe);
        return;
    }
    pipe->next = free_;
    free_ = pipe;
    free_count_++;
}

void PipePool::drop(Pipe *pipe) noexcept {
    (void)os::close(pipe->read_end);
    (void)os::close(pipe->write_end);
    os::deallocate(pipe);
    count_--;
}

}  // namespace zcnet::io
