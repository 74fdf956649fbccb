// SPDX-License-Identifier: MIT
// What the fault tests share: accounts of what must end exactly once, and of what must be given back.
//
// Nothing here asserts, since an assertion jumps: a check that fails is noted in a Verdict, the first one stays.
#pragma once

#include <zcnet/zcnet.h>

#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "fault/script.h"

extern "C" {
#include <cmocka.h>
}

namespace fault_test {

using namespace zcnet::fault;

struct Verdict {
    char text[1000];
};

__attribute__((format(printf, 2, 3))) inline void note(Verdict *verdict, const char *format, ...) {
    if (verdict->text[0] != '\0') return;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(verdict->text, sizeof verdict->text, format, arguments);
    va_end(arguments);
}

#define EXPECT(verdict, condition)                                                    \
    do {                                                                              \
        if (!(condition)) note(verdict, "%s:%d: %s", __FILE__, __LINE__, #condition); \
    } while (0)

// Splitmix64: the same numbers everywhere for one seed.
struct Random {
    uint64_t state;
    uint64_t next() {
        uint64_t value = state += 0x9E3779B97F4A7C15U;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
        return value ^ (value >> 31);
    }
    uint64_t below(uint64_t limit) { return next() % limit; }
    bool chance(uint32_t in_thousand) { return below(1000) < in_thousand; }
};

// The bytes of message number `which`: each differs from its neighbours and from other messages'.
void fill_pattern(void *data, uint64_t size, uint64_t which);
bool is_pattern(const void *data, uint64_t size, uint64_t which);

int open_descriptors();

// A number from the environment, for longer runs.
uint64_t number_from_environment(const char *name, uint64_t otherwise);

// Real time, for tests that bound themselves.
int64_t real_now();

// Two connected stream sockets; false when there are none to be had.
bool make_pair(int fds[2]);

// What a process holds, to be compared when everything was released.
struct Holdings {
    int descriptors;
    uint64_t allocations;
};
Holdings holdings_now();
void expect_same(Verdict *verdict, const Holdings &before);

// The pool's memory is all back but for what the calling thread's cache keeps, which is given back first.
void expect_pool_unused(Verdict *verdict, zcn_pool *pool);

// Foreign memory: each segment that was taken is released once.
struct Foreign {
    static constexpr uint32_t most = 256;
    uint32_t used;
    uint32_t taken[most];
    uint32_t released[most];
};
void foreign_release(void *context, const void *data, uint64_t size);
// The context of the next segment, or NULL when there are too many.
void *foreign_next(Foreign *foreign);
void foreign_taken(Foreign *foreign, void *context);
void expect_foreign_released(Verdict *verdict, const Foreign &foreign);

// Tokens: each that was accepted ends once.
struct Tokens {
    static constexpr uint32_t most = 4096;
    uint32_t used;
    uint8_t accepted[most];
    uint8_t ended[most];
};
void tokens_ended(Verdict *verdict, Tokens *tokens, const zcn_event *event);
void expect_tokens_ended(Verdict *verdict, const Tokens &tokens);

}  // namespace fault_test
