// SPDX-License-Identifier: MIT
// Constant pages under a kernel that takes a part of them, takes them later, or not at all: the same bytes arrive.
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

using namespace fault_test;

namespace {

constexpr uint64_t size = 700000;
constexpr uint32_t units = 3;

// What this process cannot write to.
const uint8_t *pages() {
    static const uint8_t *made = [] {
        void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return static_cast<const uint8_t *>(nullptr);
        fill_pattern(memory, size, 1);
        (void)mprotect(memory, size, PROT_READ);
        return static_cast<const uint8_t *>(memory);
    }();
    return made;
}

struct Outcome {
    Verdict verdict;
    bool complete;
    zcn_status closed;
    uint64_t lent;
};

// One unit three times over a socketpair, whose other end is read in this thread.
void run(Outcome *out) {
    *out = {};
    Verdict *verdict = &out->verdict;
    static uint8_t got[units * (size + 4)];
    uint64_t arrived = 0;
    uint64_t ended = 0;
    int fds[2];
    if (!make_pair(fds)) return note(verdict, "no pair");
    zcn_loop *loop = nullptr;
    zcn_framing *framing = nullptr;
    zcn_conn *conn = nullptr;
    zcn_unit *unit = nullptr;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.high_water = 1 << 30;
    EXPECT(verdict, zcn_framing_parse(&framing, "length", nullptr) == ZCN_OK);
    EXPECT(verdict, zcn_loop_create(&loop, nullptr) == ZCN_OK);
    EXPECT(verdict, zcn_conn_adopt(&conn, loop, fds[0], framing, &options) == ZCN_OK);
    EXPECT(verdict, zcn_unit_create(&unit, nullptr) == ZCN_OK);
    EXPECT(verdict, zcn_unit_append_pages(unit, pages(), size) == ZCN_OK);
    EXPECT(verdict, zcn_unit_set_token(unit, 1) == ZCN_OK);
    (void)zcn_conn_retain(conn);
    for (uint32_t i = 0; i < units; i++) EXPECT(verdict, zcn_conn_send(conn, zcn_unit_retain(unit)) == ZCN_OK);
    zcn_unit_release(unit);
    const int64_t deadline = real_now() + int64_t{60} * 1000000000;
    while (out->closed == ZCN_OK && ended < units) {
        if (real_now() > deadline) {
            note(verdict, "%llu bytes arrived", static_cast<unsigned long long>(arrived));
            break;
        }
        const zcn_event *events = nullptr;
        size_t count = 0;
        int32_t more = 0;
        EXPECT(verdict, zcn_loop_poll(loop, 1000000, &events, &count, &more) >= ZCN_OK);
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == ZCN_EVENT_SENT) ended += events[i].size;
            if (events[i].type == ZCN_EVENT_CLOSED) out->closed = events[i].status;
        }
        ssize_t part;
        while (arrived < sizeof got && (part = recv(fds[1], got + arrived, sizeof got - arrived, MSG_DONTWAIT)) > 0)
            arrived += static_cast<uint64_t>(part);
    }
    ssize_t part;
    while (arrived < sizeof got && (part = recv(fds[1], got + arrived, sizeof got - arrived, MSG_DONTWAIT)) > 0)
        arrived += static_cast<uint64_t>(part);
    out->complete = arrived == sizeof got;
    for (uint64_t at = 0; at + 4 < arrived; at += size + 4) {
        const uint64_t there = arrived - at - 4 < size ? arrived - at - 4 : size;
        EXPECT(verdict, std::memcmp(got + at + 4, pages(), there) == 0);
    }
    zcn_stats stats{};
    stats.struct_size = sizeof stats;
    EXPECT(verdict, zcn_conn_get_stats(conn, &stats) == ZCN_OK);
    out->lent = stats.pages_lent;
    zcn_conn_release(conn);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    close(fds[1]);
}

void expect_arrived(const char *what, uint64_t least, uint64_t most) {
    static Outcome outcome;
    const Holdings before = holdings_now();
    run(&outcome);
    expect_same(&outcome.verdict, before);
    if (outcome.verdict.text[0] != '\0') fail_msg("%s: %s", what, outcome.verdict.text);
    if (!outcome.complete) fail_msg("%s: not everything arrived; %s", what, zcn_status_name(outcome.closed));
    assert_in_range(outcome.lent, least, most);
}

constexpr Call calls[] = {call_send, call_lend_pages, call_splice};

void test_counts_are_short_and_late(void **) {
    script_reset();
    expect_arrived("as it is", units * size, units * size);
    for (const Call call : calls) {
        for (const uint64_t most : {uint64_t{1000}, uint64_t{4097}, uint64_t{65535}}) {
            script_reset();
            script_limit(call, most, 0);
            expect_arrived(call_name(call), units * size, units * size);
        }
        script_reset();
        script_stutter(call, 2, EINTR);
        expect_arrived(call_name(call), units * size, units * size);
        if (call == call_lend_pages) continue;  // the pipe is empty: it is never late
        script_reset();
        script_stutter(call, 2, EAGAIN);
        script_limit(call, 30000, 0);
        expect_arrived(call_name(call), units * size, units * size);
    }
}

void test_random_answers(void **) {
    const uint64_t rounds = number_from_environment("ZCNET_FAULT_ROUNDS", 100);
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        script_reset();
        script_random(seed, {100, 100, 200, 0});
        expect_arrived("at random", 0, units * size);
    }
}

// Refused at once or on the way, also with bytes in the pipe: the rest is copied, once.
void test_what_is_refused_is_copied(void **) {
    static const struct {
        Call call;
        int error;
    } cases[] = {{call_lend_pages, EFAULT},
                 {call_lend_pages, ENOMEM},
                 {call_lend_pages, EINVAL},
                 {call_splice, EINVAL},
                 {call_make_pipe, EMFILE}};
    for (const auto &one : cases) {
        for (uint64_t first = 1; first <= 3; first++) {
            script_reset();
            script_fail(one.call, first, for_ever, one.error);
            script_limit(one.call, 100000, 0);
            const bool at_once = first == 1;
            const bool never = one.call == call_make_pipe && !at_once;
            expect_arrived(call_name(one.call), never ? units * size : 0, at_once ? 0 : never ? units * size : 200000);
        }
    }
}

void test_a_socket_that_breaks_ends_the_connection(void **) {
    static Outcome outcome;
    for (const int error : {EPIPE, ECONNRESET}) {
        script_reset();
        script_fail(call_splice, 3, for_ever, error);
        run(&outcome);
        if (outcome.verdict.text[0] != '\0') fail_msg("%s", outcome.verdict.text);
        assert_false(outcome.complete);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_short_and_late),
        cmocka_unit_test(test_random_answers),
        cmocka_unit_test(test_what_is_refused_is_copied),
        cmocka_unit_test(test_a_socket_that_breaks_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
