// SPDX-License-Identifier: MIT
// A range of a socket's bytes on its way into a file: through a pipe by splice, or through memory where that is
// refused.
//
// What was read is written before more is read, so between two steps nothing is held. Where the file takes no more, the
// rest of the range is read all the same, and dropped.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "io/pipe.h"
#include "os/pipe_signal.h"

namespace zcnet::io {

class FileReceive {
  public:
    enum class Step : uint8_t {
        moved,    // bytes went
        blocked,  // the socket has nothing
        ended,    // of the input
        failed    // the socket; failure in *number
    };

    FileReceive() noexcept = default;

    // fd: borrowed until let_go(); -1: the bytes are dropped. UINT64_MAX: all until the input ends.
    void start(int fd, uint64_t offset, uint64_t size) noexcept;

    // From the socket, at most `most` bytes. `signal` stands round calls that may raise SIGXFSZ. `marked`: the socket
    // may have an urgent byte, or an end.
    Step take(int socket, PipePool &pipes, os::PipeSignal &signal, uint64_t most, bool marked, uint64_t *got,
              int *number) noexcept;
    // Bytes of the range that are in memory already.
    void put(const uint8_t *data, uint64_t size, os::PipeSignal &signal) noexcept;
    // The file is written to no more, and what is missing will be dropped.
    void let_go() noexcept { fd_ = -1; }
    // Nothing of the range comes any more; `unread` bytes of it are held elsewhere.
    void stop(uint64_t unread) noexcept {
        dropped_ += unread;
        missing_ = 0;
        fd_ = -1;
    }

    [[nodiscard]] uint64_t missing() const noexcept { return missing_; }
    [[nodiscard]] bool until_end() const noexcept { return until_end_; }
    [[nodiscard]] uint64_t written() const noexcept { return written_; }
    [[nodiscard]] int failure() const noexcept { return failure_; }  // errno of the file; 0: it takes everything

    // Of all ranges so far.
    [[nodiscard]] uint64_t spliced_bytes() const noexcept { return spliced_; }
    [[nodiscard]] uint64_t copied_bytes() const noexcept { return copied_; }
    [[nodiscard]] uint64_t dropped_bytes() const noexcept { return dropped_; }

  private:
    Step take_by_pipe(int socket, Pipe *pipe, os::PipeSignal &signal, uint64_t most, uint64_t *got,
                      int *number) noexcept;
    Step take_by_memory(int socket, os::PipeSignal &signal, uint64_t most, uint64_t *got, int *number) noexcept;
    uint64_t empty_pipe(const Pipe *pipe, uint64_t size, os::PipeSignal &signal) noexcept;
    ssize_t unpipe(const Pipe *pipe, uint64_t size, os::PipeSignal &signal) noexcept;
    void write(const uint8_t *data, uint64_t size, os::PipeSignal &signal) noexcept;
    void fail(ssize_t answer, os::PipeSignal &signal) noexcept;
    void arrived(uint64_t size) noexcept { missing_ -= until_end_ ? 0 : size; }

    int fd_ = -1;
    int failure_ = 0;
    bool until_end_ = false;
    bool no_splice_ = false;
    uint64_t offset_ = 0;  // where the next byte goes
    uint64_t missing_ = 0;
    uint64_t written_ = 0;
    uint64_t spliced_ = 0;
    uint64_t copied_ = 0;
    uint64_t dropped_ = 0;
};

}  // namespace zcnet::io
