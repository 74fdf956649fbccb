// SPDX-License-Identifier: MIT
// One direction of a relay: bytes from one descriptor to another, without waiting.
//
// Bytes go through a pipe by splice, or through a block of the pool where splice is refused or not worth it. What was
// read is written before more is read, so that the pair's own buffers are the only queue, and a flow that has nothing
// under way holds neither pipe nor block.
#pragma once

#include "io/frames.h"
#include "io/pipe.h"
#include "io/tap.h"
#include "memory/block.h"
#include "os/pipe_signal.h"

namespace zcnet::io {

// Whose flow it is, for who traces the program.
struct FlowOf {
    const void *relay = nullptr;
    uint32_t direction = 0;
};

// What flows share.
struct Means {
    PipePool &pipes;
    zcn_pool *pool;
    os::PipeSignal &signal;
};

class Flow {
  public:
    enum class Step : uint8_t {
        blocked,      // until one of the descriptors is ready, or the tap
        more,         // the budget is spent
        ended,        // the end of the input, and everything before it is written
        no_memory,    // try later
        read_failed,  // failure() says why
        write_failed,
        frame_wrong
    };

    Flow() noexcept = default;
    ~Flow();
    Flow(const Flow &) = delete;
    Flow &operator=(const Flow &) = delete;

    // rest: bytes that were received already, or nullptr; consumed.
    void start(FlowOf whose, int from, int to, bool from_tcp, memory::Block *rest) noexcept;
    void set_method(uint32_t method) noexcept;
    Frames &frames() noexcept { return frames_; }
    void set_tap(Tap *tap) noexcept { tap_ = tap; }  // consumed
    [[nodiscard]] Tap *tap() noexcept { return tap_; }
    // Nanoseconds that the tap may hold the pair up; 0: for ever.
    [[nodiscard]] int64_t patience() const noexcept { return tap_ != nullptr ? tap_->patience() : 0; }

    void on_input(bool hung_up) noexcept {
        readable_ = true;
        hung_up_ = hung_up_ || hung_up;
    }
    void on_output() noexcept { writable_ = true; }
    // Reads no more; what is held still leaves.
    void stop_input() noexcept { input_over_ = true; }

    Step move(const Means &means, uint64_t budget) noexcept;
    // Lets everything go; what was held is lost.
    void drop(PipePool &pipes) noexcept;
    void end_tap(Status why, PipePool &pipes) noexcept;

    [[nodiscard]] bool waits_for_tap() const noexcept { return waits_for_tap_; }
    [[nodiscard]] bool waits_for_output() const noexcept { return !writable_; }
    [[nodiscard]] int failure() const noexcept { return failure_; }
    [[nodiscard]] Status frame_status() const noexcept { return frame_status_; }
    [[nodiscard]] uint64_t held() const noexcept { return end_ - begin_ + stash_size_ + in_pipe_; }
    [[nodiscard]] uint64_t bytes_in() const noexcept { return figures_.bytes_in; }
    [[nodiscard]] uint64_t bytes_out() const noexcept { return figures_.bytes_out; }
    void read_figures(zcn_relay_flow *out) const noexcept;

  private:
    [[nodiscard]] bool nothing_ready() const noexcept { return begin_ == ready_ && in_pipe_ == 0; }
    [[nodiscard]] bool may_splice() const noexcept;
    bool has_pipe(const Means &means) noexcept;
    Step put_out(const Means &means) noexcept;
    bool offer_to_tap(const Means &means) noexcept;
    ssize_t put_memory(uint64_t most) noexcept;
    ssize_t put_pipe(const Means &means, uint64_t most) noexcept;
    Step unpipe(const Means &means) noexcept;
    Step take_in(const Means &means) noexcept;
    Step take_in_pipe(const Means &means) noexcept;
    Step take_in_memory() noexcept;
    Step take_block(const Means &means) noexcept;
    void parse() noexcept;
    void judge_read(uint64_t size) noexcept;
    Step failed(Step step, ssize_t answer) noexcept;
    void let_go(const Means &means) noexcept;

    static constexpr uint32_t stash_room = 64;

    FlowOf whose_;
    int from_ = -1;
    int to_ = -1;
    int failure_ = 0;
    Status frame_status_ = ZCN_OK;
    uint32_t method_ = ZCN_RELAY_AUTO;
    uint32_t run_ = 0;  // reads in a row that speak for the other method
    bool readable_ = true;
    bool writable_ = true;
    bool from_tcp_ = false;
    bool hung_up_ = false;  // an end, an error or an urgent byte was reported: a short read does not mean empty
    bool input_over_ = false;
    bool waits_for_tap_ = false;
    bool large_ = false;  // reads are large: splice pays
    bool no_splice_in_ = false;
    bool no_splice_out_ = false;

    // What is held lies first in the block, then in the pipe.
    memory::Block *block_ = nullptr;
    uint64_t begin_ = 0;
    uint64_t ready_ = 0;  // may leave up to here; what follows is the start of a frame
    uint64_t end_ = 0;
    Pipe *pipe_ = nullptr;
    uint64_t in_pipe_ = 0;
    uint64_t tapped_ = 0;  // of the first bytes held: the tap has had them

    Frames frames_;
    Tap *tap_ = nullptr;
    zcn_relay_flow figures_{};
    uint32_t stash_size_ = 0;
    uint8_t stash_[stash_room];  // the start of a frame, so that it does not hold a block
};

}  // namespace zcnet::io
