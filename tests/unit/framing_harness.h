// SPDX-License-Identifier: MIT
// Feeds streams to scan() in pieces, as a connection would, and compares with the reference after every piece.
// Tests give back a Verdict and assert on it outside, so that no assertion jumps over an object with a destructor.
#pragma once

#include <zcnet/framing.h>

#include <csetjmp>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "framing/parse.h"
#include "framing/rule.h"
#include "framing/scan.h"
#include "reference_splitter.h"

extern "C" {
#include <cmocka.h>
}

namespace harness {

using zcnet::framing::Rule;
using Bytes = std::vector<uint8_t>;

struct Verdict {
    char text[1000] = {};
    bool good() const { return text[0] == '\0'; }
};

__attribute__((format(printf, 1, 2))) inline Verdict wrong(const char *format, ...) {
    Verdict verdict;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(verdict.text, sizeof verdict.text, format, arguments);
    va_end(arguments);
    return verdict;
}

// Adds what was being tested to a verdict.
inline Verdict with_context(Verdict verdict, const std::string &context) {
    if (verdict.good()) return verdict;
    return wrong("%s: %s", context.c_str(), std::string(verdict.text).substr(0, 400).c_str());
}

inline void assert_good(const Verdict &verdict) {
    if (!verdict.good()) fail_msg("%s", verdict.text);
}

// Splitmix64: the same numbers everywhere for one seed.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next() {
        uint64_t value = state_ += 0x9E3779B97F4A7C15U;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
        return value ^ (value >> 31);
    }
    uint64_t below(uint64_t limit) { return next() % limit; }
    bool one_in(uint64_t n) { return below(n) == 0; }

  private:
    uint64_t state_;
};

inline std::string in_hex(const Bytes &bytes) {
    std::string text;
    for (const uint8_t byte : bytes) {
        char digits[4];
        std::snprintf(digits, sizeof digits, "%02x ", byte);
        text += digits;
    }
    return text;
}

inline std::string text_of(const Rule &rule) {
    char text[512];
    zcnet::framing::format(rule, text, sizeof text);
    return text;
}

// The rule of a text that is known to be right.
inline Rule rule_of(const char *text) {
    Rule rule;
    zcnet::Error error;
    if (zcnet::framing::parse(text, &rule, &error) != ZCN_OK) {
        std::fprintf(stderr, "%s: %s\n", text, error.text);
        std::abort();
    }
    return rule;
}

struct Feeding {
    bool lazy = false;       // do not scan before the announced frame is there
    uint64_t at_a_time = 0;  // emit says stop after so many frames; 0 never
};

class Receiver {
  public:
    Receiver(const Rule &rule, const reference::Outcome &expected, const Bytes &stream, Feeding feeding)
        : rule_(rule), expected_(expected), stream_(stream), feeding_(feeding) {}

    // The stream has arrived up to this position.
    Verdict arrive(uint64_t end) {
        const bool wait = feeding_.lazy && need_ > end - start_;
        while (!wait && scan_once(end)) {
        }
        if (!fault_.good()) return fault_;
        return check(end, wait);
    }

    bool failed() const { return status_ != ZCN_OK; }

  private:
    // Scans what is there, in memory of exactly that size, so that a checker sees a read beyond it. True when the
    // scan was stopped by emit.
    bool scan_once(uint64_t end) {
        const uint64_t size = end - start_;
        auto *copy = size == 0 ? nullptr : static_cast<uint8_t *>(std::malloc(size));
        if (size != 0) std::memcpy(copy, stream_.data() + start_, size);
        uint64_t emitted = 0;
        bool stopped = false;
        uint64_t position = start_;
        const auto scan =
            zcnet::framing::scan(rule_, copy, copy + size, searched_, [&](const uint8_t *frame, uint64_t frame_size) {
                if (frame != copy + (position - start_))
                    fault_ = wrong("a frame does not begin where the last one ended");
                position += frame_size;
                take(position);
                stopped = ++emitted == feeding_.at_a_time;
                return !stopped;
            });
        if (scan.next != copy + (position - start_)) fault_ = wrong("next is not behind the last frame");
        std::free(copy);
        start_ = position;
        need_ = scan.need;
        searched_ = scan.searched;
        status_ = scan.status;
        if (stopped && (need_ != 0 || searched_ != 0 || status_ != ZCN_OK)) fault_ = wrong("a stopped scan says more");
        return stopped && fault_.good();
    }

    void take(uint64_t end) {
        if (frames_ >= expected_.ends.size())
            fault_ = wrong("frame %llu ends at %llu, but there is no such frame", number(frames_), number(end));
        else if (expected_.ends[frames_] != end)
            fault_ = wrong("frame %llu ends at %llu and not at %llu", number(frames_), number(end),
                           number(expected_.ends[frames_]));
        frames_++;
    }

    Verdict check(uint64_t end, bool waited) const {
        uint64_t frames = 0;
        while (frames < expected_.ends.size() && expected_.ends[frames] <= end) frames++;
        if (frames_ != frames)
            return wrong("%llu frames after %llu bytes, not %llu", number(frames_), number(end), number(frames));
        const bool proven = expected_.status != ZCN_OK && expected_.proven <= end;
        const zcn_status status = proven ? expected_.status : ZCN_OK;
        if (status_ != status)
            return wrong("%s after %llu bytes, not %s", zcn_status_name(status_), number(end), zcn_status_name(status));
        const uint64_t size = end - start_;
        if (!proven && need_ != expected_.announced[end])
            return wrong("need is %llu after %llu bytes, not %llu", number(need_), number(end),
                         number(expected_.announced[end]));
        if (searched_ > size || (size == 0 && need_ != 0)) return wrong("more is known than bytes are there");
        if (proven && (need_ != 0 || searched_ != 0)) return wrong("an error says more");
        if (waited && proven) return wrong("an error is proven while a frame is awaited");
        return {};
    }

    static unsigned long long number(uint64_t value) { return value; }

    const Rule &rule_;
    const reference::Outcome &expected_;
    const Bytes &stream_;
    Feeding feeding_;
    Verdict fault_;
    uint64_t start_ = 0;
    uint64_t need_ = 0;
    uint64_t searched_ = 0;
    uint64_t frames_ = 0;
    zcn_status status_ = ZCN_OK;
};

// Cuts are positions in the stream, ascending; the whole of it arrives at the end.
inline Verdict feed(const Rule &rule, const reference::Outcome &expected, const Bytes &stream,
                    const std::vector<uint64_t> &cuts, Feeding feeding) {
    Receiver receiver(rule, expected, stream, feeding);
    for (size_t i = 0; i <= cuts.size() && !receiver.failed(); i++) {
        const Verdict verdict = receiver.arrive(i == cuts.size() ? stream.size() : cuts[i]);
        if (verdict.good()) continue;
        std::string context = text_of(rule) + " lazy=" + std::to_string(feeding.lazy) +
                              " at_a_time=" + std::to_string(feeding.at_a_time) + " cuts";
        for (size_t j = 0; j < cuts.size() && j < 20; j++) context += " " + std::to_string(cuts[j]);
        return with_context(verdict, context + " stream " + in_hex(stream).substr(0, 400));
    }
    return {};
}

inline constexpr Feeding feedings[] = {{false, 0}, {true, 0}, {false, 1}, {true, 2}};

// Every pair of cuts, which includes every single one, and every byte by itself; of short streams every way to cut.
inline Verdict feed_every_way(const Rule &rule, const reference::Outcome &expected, const Bytes &stream) {
    const uint64_t size = stream.size();
    for (const Feeding &feeding : feedings) {
        for (uint64_t first = 0; first <= size; first++)
            for (uint64_t second = first; second <= size; second++)
                if (Verdict verdict = feed(rule, expected, stream, {first, second}, feeding); !verdict.good())
                    return verdict;
        std::vector<uint64_t> each;
        for (uint64_t at = 0; at <= size; at++) each.push_back(at);
        if (Verdict verdict = feed(rule, expected, stream, each, feeding); !verdict.good()) return verdict;
        if (size == 0 || size > 10) continue;
        for (uint64_t ways = 0; ways < uint64_t{1} << (size - 1); ways++) {
            std::vector<uint64_t> cuts;
            for (uint64_t at = 1; at < size; at++)
                if ((ways >> (at - 1) & 1) != 0) cuts.push_back(at);
            if (Verdict verdict = feed(rule, expected, stream, cuts, feeding); !verdict.good()) return verdict;
        }
    }
    return {};
}

}  // namespace harness
