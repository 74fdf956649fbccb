// SPDX-License-Identifier: MIT
// The work that every contender does a message: the sender writes its number into the body's first eight bytes and its
// last one, and one byte of each page between them; the receiver checks the size and reads the first and the last byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "run.h"

namespace bench {

inline constexpr std::size_t header_size = 4;
inline constexpr std::size_t page_size = 4096;

inline void store_length(std::byte *at, std::size_t length) {
    std::uint32_t big = __builtin_bswap32(static_cast<std::uint32_t>(length));
    std::memcpy(at, &big, sizeof big);
}

inline std::size_t load_length(const std::byte *at) {
    std::uint32_t big;
    std::memcpy(&big, at, sizeof big);
    return __builtin_bswap32(big);
}

void fill_body(std::byte *body, std::size_t size, std::uint64_t number);
bool body_is(const std::byte *body, std::size_t size, std::uint64_t number);

inline void make_body(std::byte *body, std::size_t size, std::uint64_t number, bool verify) {
    std::memcpy(body, &number, sizeof number);
    // Pages that are never written are all one page of zeros, which the kernel copies from its nearest cache: whoever
    // allocates a large body anew for each message would seem twice as fast as one who has data to send.
    for (std::size_t i = page_size; i < size; i += page_size) body[i] = static_cast<std::byte>(number);
    body[size - 1] = static_cast<std::byte>(number);
    if (verify) [[unlikely]]
        fill_body(body, size, number);
}

template <bool Verify>
class Checker {
  public:
    explicit Checker(const Run &run) : size_(run.size) {}

    void message(const void *data, std::size_t size) {
        const std::byte *body = static_cast<const std::byte *>(data);
        if (size != size_) [[unlikely]]
            fail("message %llu has %zu bytes", static_cast<unsigned long long>(seen_), size);
        if constexpr (Verify) {
            if (!body_is(body, size, seen_)) fail("message %llu is damaged", static_cast<unsigned long long>(seen_));
        }
        sum_ += static_cast<unsigned>(body[0]) + static_cast<unsigned>(body[size - 1]);
        ++seen_;
    }

    std::uint64_t seen() const { return seen_; }

    // Both bytes are the low byte of the message's number.
    void finish(std::uint64_t count) const {
        if (seen_ != count)
            fail("%llu messages came, %llu were sent", static_cast<unsigned long long>(seen_),
                 static_cast<unsigned long long>(count));
        std::uint64_t rest = count % 256;
        std::uint64_t expected = 2 * (count / 256 * (255 * 256 / 2) + rest * (rest - 1) / 2);
        if (sum_ != expected) fail("the sum over the messages is wrong");
    }

  private:
    std::size_t size_;
    std::uint64_t seen_ = 0;
    std::uint64_t sum_ = 0;
};

// Calls action with the checker that the run asks for.
template <typename Action>
void with_checker(const Run &run, Action &&action) {
    if (run.verify) {
        action(Checker<true>(run));
    } else {
        action(Checker<false>(run));
    }
}

// The complete frames at the start of some bytes, each given to message(body, size); how many bytes they are.
template <typename Message>
std::size_t parse_frames(const std::byte *data, std::size_t size, Message &&message) {
    const std::byte *at = data;
    const std::byte *end = data + size;
    while (static_cast<std::size_t>(end - at) >= header_size) {
        std::size_t body = load_length(at);
        if (static_cast<std::size_t>(end - at) - header_size < body) break;
        message(at + header_size, body);
        at += header_size + body;
    }
    return static_cast<std::size_t>(at - data);
}

// Writes up to limit frames, numbered from number on, into capacity bytes; at least one must fit. Sets used.
inline std::uint64_t make_frames(const Run &run, std::byte *data, std::size_t capacity, std::uint64_t number,
                                 std::uint64_t limit, std::size_t &used) {
    std::size_t frame = header_size + run.size;
    std::uint64_t n = capacity / frame < limit ? capacity / frame : limit;
    std::byte *at = data;
    for (std::uint64_t i = 0; i < n; ++i, at += frame) {
        store_length(at, run.size);
        make_body(at + header_size, run.size, number + i, run.verify);
    }
    used = static_cast<std::size_t>(at - data);
    return n;
}

}  // namespace bench
