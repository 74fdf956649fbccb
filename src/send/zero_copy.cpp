// SPDX-License-Identifier: MIT
#include "send/zero_copy.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>

#include "send/ledger.h"

namespace zcnet::send {

namespace {

constexpr int64_t second = 1000000000;
constexpr int64_t first_rest = second;
constexpr int64_t longest_rest = 64 * second;
// One packet that had to be sent again, or took another road, is no reason to stop.
constexpr uint8_t most_strikes = 4;

const char *word_of(int number) noexcept {
    switch (number) {
        case EAFNOSUPPORT:
            return "only TCP can";
        case EALREADY:
            return "the socket was used so before it was adopted";
        default:
            return "the kernel does not know it";
    }
}

}  // namespace

ZeroCopy::ZeroCopy() noexcept : most_awaited_(Ledger::most_writes) {}

uint64_t ZeroCopy::least(uint64_t wanted, uint64_t awaited, int64_t now) const noexcept {
    if (wanted == 0) return none;
    switch (state_) {
        case State::untried:
            return wanted;
        case State::on:
            return awaited < most_awaited_ ? wanted : none;
        case State::resting:
            return now >= until_ && awaited == 0 ? wanted : none;
        case State::probing:
        case State::unsupported:
            break;
    }
    return none;
}

void ZeroCopy::wrote(uint64_t bytes) noexcept {
    writes_++;
    bytes_ += bytes;
    if (state_ != State::on) state_ = State::probing;
}

void ZeroCopy::rest(Cause cause, int64_t now) noexcept {
    state_ = State::resting;
    cause_ = cause;
    strikes_ = 0;
    rest_ = rest_ == 0 ? first_rest : std::min(rest_ * 2, longest_rest);
    until_ = now + rest_;
}

void ZeroCopy::done(uint64_t writes, bool copied, int64_t now) noexcept {
    if (copied) {
        copied_ += writes;
        if (state_ == State::on) {
            strikes_ = static_cast<uint8_t>(std::min<uint64_t>(strikes_ + writes, most_strikes));
            if (strikes_ < most_strikes) return;
        }
        if (state_ != State::resting) rest(Cause::copied, now);
        return;
    }
    strikes_ = 0;
    rest_ = 0;
    if (state_ == State::probing) state_ = State::on;
    // Room that was given back may be had again, a little at a time.
    most_awaited_ = std::min(most_awaited_ + writes, Ledger::most_writes);
}

void ZeroCopy::refused(uint64_t awaited, int64_t now) noexcept {
    refusals_++;
    if (awaited != 0) {
        most_awaited_ = std::max<uint64_t>(awaited / 2, 1);
        return;
    }
    // Others hold what there is.
    rest(Cause::crowded, now);
}

void ZeroCopy::refused_memory(int64_t now) noexcept {
    refusals_++;
    rest(Cause::memory, now);
}

void ZeroCopy::refuse_for_good(int number) noexcept {
    state_ = State::unsupported;
    number_ = number;
}

int ZeroCopy::explain(char *text, size_t capacity, uint64_t wanted, uint64_t awaited, int64_t now) const noexcept {
    char why[160] = "";
    const State shown = wanted == 0 ? State::untried : state_;
    switch (shown) {
        case State::untried:
            std::snprintf(why, sizeof why, "%s",
                          wanted == 0 ? "not allowed (zero_copy_from is 0)" : "nothing was large enough yet");
            break;
        case State::probing:
            std::snprintf(why, sizeof why, "waiting to hear how the kernel took a probe");
            break;
        case State::on:
            std::snprintf(why, sizeof why, "pieces of %" PRIu64 " bytes and more are not copied, %" PRIu64 " under way",
                          wanted, awaited);
            break;
        case State::resting: {
            static constexpr const char *causes[] = {"the kernel copied all the same",
                                                     "the kernel had no room to lock pages",
                                                     "the kernel could not lock the memory"};
            const int64_t left = std::max<int64_t>(until_ - now, 0) / 1000000;
            std::snprintf(why, sizeof why, "%s; next probe in %" PRId64 ".%01" PRId64 " s",
                          causes[static_cast<size_t>(cause_)], left / 1000, left % 1000 / 100);
            break;
        }
        case State::unsupported:
            std::snprintf(why, sizeof why, "%s", word_of(number_));
            break;
    }
    static constexpr const char *words[] = {"off", "off", "on", "off", "off"};
    return std::snprintf(text, capacity,
                         "zero copy: %s: %s; %" PRIu64 " writes, %" PRIu64 " bytes, %" PRIu64
                         " writes copied by the kernel, %" PRIu64 " refused\n",
                         words[static_cast<size_t>(shown)], why, writes_, bytes_, copied_, refusals_);
}

}  // namespace zcnet::send
