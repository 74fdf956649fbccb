// SPDX-License-Identifier: MIT
// Whether writing without a copy pays on one socket, found out as it goes.
//
// The first such write is a probe, and the next ones wait for what the kernel says of it: where it copied after all,
// as it does on the way to its own machine, bytes are copied from then on, and another probe comes after a rest that
// doubles each time. Where the kernel has no room to lock more pages, fewer writes are under way at a time.
//
// Knows nothing of descriptors or queues.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zcnet::send {

class ZeroCopy {
  public:
    enum class State : uint8_t {
        untried,      // nothing was large enough yet
        probing,      // one write is under way, and says how the rest go
        on,           // whatever is large enough leaves without a copy
        resting,      // the kernel copied, or had no room; until a time
        unsupported,  // the socket has no such way
    };
    static constexpr uint64_t none = UINT64_MAX;

    ZeroCopy() noexcept;

    // How large a piece must be to leave without a copy now; none: all are copied. `awaited`: writes under way.
    [[nodiscard]] uint64_t least(uint64_t wanted, uint64_t awaited, int64_t now) const noexcept;

    void wrote(uint64_t bytes) noexcept;
    // The kernel is done with so many writes, and copied all the same.
    void done(uint64_t writes, bool copied, int64_t now) noexcept;
    // It refused a write for want of room, with so many under way.
    void refused(uint64_t awaited, int64_t now) noexcept;
    // It cannot lock the memory that was to be written.
    void refused_memory(int64_t now) noexcept;
    void refuse_for_good(int number) noexcept;

    [[nodiscard]] bool enabled() const noexcept { return enabled_; }
    void enable() noexcept { enabled_ = true; }
    [[nodiscard]] State state() const noexcept { return state_; }

    [[nodiscard]] uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] uint64_t writes() const noexcept { return writes_; }
    [[nodiscard]] uint64_t copied() const noexcept { return copied_; }  // of the writes
    [[nodiscard]] uint64_t refusals() const noexcept { return refusals_; }

    // One line that says how things stand and why; at most `capacity` bytes with the end. What snprintf says.
    int explain(char *text, size_t capacity, uint64_t wanted, uint64_t awaited, int64_t now) const noexcept;

  private:
    enum class Cause : uint8_t { copied, crowded, memory };  // of a rest

    void rest(Cause cause, int64_t now) noexcept;

    State state_ = State::untried;
    bool enabled_ = false;
    Cause cause_ = Cause::copied;
    uint8_t strikes_ = 0;    // copies in a row while it was on
    int number_ = 0;         // of the refusal for good
    uint64_t most_awaited_;  // writes under way at a time
    int64_t rest_ = 0;       // how long the last rest was
    int64_t until_ = 0;
    uint64_t bytes_ = 0;
    uint64_t writes_ = 0;
    uint64_t copied_ = 0;
    uint64_t refusals_ = 0;
};

}  // namespace zcnet::send
