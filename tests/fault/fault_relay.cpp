// SPDX-License-Identifier: MIT
// Relays on a kernel that answers short, late, with interruptions and with failures: what comes out is what went in, or
// a beginning of it with a reason, and everything is given back.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iterator>

#include "support.h"

using namespace fault_test;

namespace {

constexpr int64_t ms = 1000000;
constexpr uint64_t large = 300000;
constexpr uint64_t bodies[] = {0, 5, 70000, 1, 100000, 64, 40000};

enum Kind : uint32_t { bytes_by_auto, bytes_by_splice, bytes_by_copy, frames, tapped, kind_count };

const char *kind_name(uint32_t kind) {
    static const char *const names[] = {"auto", "splice", "copy", "frames", "tapped"};
    return names[kind];
}

// What goes in on both sides, in a form that each side's framing takes.
struct Wire {
    uint8_t data[large];
    uint64_t size;
};

void fill_wire(Wire *wire, uint32_t kind, uint64_t seed) {
    if (kind != frames) {
        fill_pattern(wire->data, large, seed);
        wire->size = large;
        return;
    }
    uint64_t at = 0;
    for (const uint64_t body : bodies) {
        for (int i = 0; i < 4; i++) wire->data[at++] = static_cast<uint8_t>(body >> (24 - 8 * i));
        fill_pattern(wire->data + at, body, seed + body);
        at += body;
    }
    wire->size = at;
}

struct Outcome {
    Verdict verdict;
    bool complete;      // everything arrived and both ends were passed on
    zcn_status status;  // of RELAY_ENDED, or of the call that made no relay
};

struct World {
    zcn_pool *pool;
    zcn_loop *loop;
    zcn_framing *framing;
    zcn_relay *relay;
    int peers[2];
    int tap;
    Wire wires[2];
    uint8_t got[2][large + 1];
    uint64_t sent[2];
    uint64_t got_size[2];
    uint64_t tapped_size;
    uint8_t tapped[large + 1];
    bool ended[2];  // the peer saw an end, or a reset
    bool shut[2];
    uint32_t events;
    zcn_status status;
};

void start(World *world, uint32_t kind, Outcome *outcome) {
    zcn_relay_options options;
    zcn_relay_options_init(&options, sizeof options);
    options.method = kind == bytes_by_splice || kind == tapped ? ZCN_RELAY_SPLICE
                     : kind == bytes_by_copy                   ? ZCN_RELAY_COPY
                                                               : ZCN_RELAY_AUTO;
    options.forward_framing = options.backward_framing = kind == frames ? world->framing : nullptr;
    options.drain_timeout_ms = 200;
    int first[2] = {-1, -1};
    int second[2] = {-1, -1};
    if (!make_pair(first) || !make_pair(second)) {
        note(&outcome->verdict, "no sockets");
        return;
    }
    world->peers[0] = first[0];
    world->peers[1] = second[0];
    zcn_relay *relay = nullptr;
    outcome->status = zcn_relay_fds(&relay, world->loop, first[1], second[1], &options);
    EXPECT(&outcome->verdict, (outcome->status == ZCN_OK) == (relay != nullptr));
    if (relay == nullptr) {
        (void)::close(first[1]);
        (void)::close(second[1]);
        return;
    }
    world->relay = zcn_relay_retain(relay);
    if (kind != tapped) return;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        note(&outcome->verdict, "no sockets");
        return;
    }
    world->tap = ends[0];
    const zcn_status status = zcn_relay_tap(relay, ZCN_RELAY_FORWARD, ends[1], ZCN_TAP_WAIT, 0);
    if (status != ZCN_OK) (void)::close(ends[1]);
}

void poll_loop(World *world, Outcome *outcome) {
    const zcn_event *events = nullptr;
    size_t count = 0;
    const zcn_status status = zcn_loop_poll(world->loop, ms, &events, &count, nullptr);
    if (status != ZCN_OK && status != ZCN_ESYS) note(&outcome->verdict, "the poll gave %s", zcn_status_name(status));
    for (size_t i = 0; i < count; i++) {
        if (events[i].type != ZCN_EVENT_RELAY_ENDED) continue;
        world->events++;
        world->status = events[i].status;
        EXPECT(&outcome->verdict, events[i].data == world->relay);
    }
}

void move_peer(World *world, int which) {
    const Wire &wire = world->wires[which];
    const int fd = world->peers[which];
    if (world->sent[which] < wire.size) {
        const ssize_t done =
            ::send(fd, wire.data + world->sent[which], wire.size - world->sent[which], MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done > 0) world->sent[which] += static_cast<uint64_t>(done);
    } else if (!world->shut[which]) {
        world->shut[which] = true;
        (void)::shutdown(fd, SHUT_WR);
    }
    const int other = 1 - which;
    uint64_t &size = world->got_size[other];
    const ssize_t got = ::recv(fd, world->got[other] + size, sizeof world->got[other] - size, MSG_DONTWAIT);
    if (got > 0) size += static_cast<uint64_t>(got);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) world->ended[other] = true;
}

void read_tap(World *world) {
    if (world->tap < 0) return;
    const ssize_t got =
        ::recv(world->tap, world->tapped + world->tapped_size, sizeof world->tapped - world->tapped_size, MSG_DONTWAIT);
    if (got > 0) world->tapped_size += static_cast<uint64_t>(got);
}

void check(World *world, uint32_t kind, Outcome *outcome) {
    Verdict *verdict = &outcome->verdict;
    zcn_relay_stats stats{};
    stats.struct_size = sizeof stats;
    EXPECT(verdict, zcn_relay_get_stats(world->relay, &stats) == ZCN_OK);
    const zcn_relay_flow *flows[] = {&stats.forward, &stats.backward};
    bool all = true;
    for (int i = 0; i < 2; i++) {
        const Wire &wire = world->wires[i];
        if (world->got_size[i] > wire.size || std::memcmp(world->got[i], wire.data, world->got_size[i]) != 0)
            note(verdict, "flow %d: %llu bytes came, which are no beginning of what went in", i,
                 static_cast<unsigned long long>(world->got_size[i]));
        if (flows[i]->bytes_in != flows[i]->bytes_out + flows[i]->lost_bytes || flows[i]->held_bytes != 0)
            note(verdict, "flow %d: %llu bytes in, %llu out, %llu lost, %llu held", i,
                 static_cast<unsigned long long>(flows[i]->bytes_in),
                 static_cast<unsigned long long>(flows[i]->bytes_out),
                 static_cast<unsigned long long>(flows[i]->lost_bytes),
                 static_cast<unsigned long long>(flows[i]->held_bytes));
        all = all && world->got_size[i] == wire.size;
    }
    outcome->status = world->status;
    outcome->complete = all && world->status == ZCN_EOF;
    if (world->status == ZCN_EOF && !all) note(verdict, "it ended in order, and not everything came");
    if (outcome->complete && kind == frames)
        EXPECT(verdict, stats.forward.messages == std::size(bodies) && stats.backward.messages == std::size(bodies));
    if (kind != tapped) return;
    read_tap(world);
    if (world->tapped_size > world->wires[0].size ||
        std::memcmp(world->tapped, world->wires[0].data, world->tapped_size) != 0)
        note(verdict, "the tap got %llu bytes, which are no beginning of what went through",
             static_cast<unsigned long long>(world->tapped_size));
    if (outcome->complete && world->tap >= 0 && stats.forward.tap_status == ZCN_OK && stats.forward.tapped_bytes != 0)
        EXPECT(verdict, world->tapped_size == world->wires[0].size);
}

// One relay from its beginning to its end, or to the deadline of the scripted clock.
void run(uint32_t kind, Outcome *outcome) {
    *outcome = {};
    const Holdings before = holdings_now();
    static World world;
    std::memset(static_cast<void *>(&world), 0, sizeof world);
    world.peers[0] = world.peers[1] = world.tap = -1;
    for (int i = 0; i < 2; i++) fill_wire(&world.wires[i], kind, static_cast<uint64_t>(i) + 1);
    zcn_loop_options loop_options;
    zcn_loop_options_init(&loop_options, sizeof loop_options);
    outcome->status = zcn_pool_create(&world.pool, nullptr);
    loop_options.pool = world.pool;
    if (outcome->status == ZCN_OK) outcome->status = zcn_loop_create(&world.loop, &loop_options);
    if (outcome->status == ZCN_OK) outcome->status = zcn_framing_parse(&world.framing, "length", nullptr);
    if (outcome->status == ZCN_OK) start(&world, kind, outcome);
    const int64_t give_up = real_now() + 20000 * ms;
    while (world.relay != nullptr && world.events == 0) {
        poll_loop(&world, outcome);
        for (int i = 0; i < 2; i++) move_peer(&world, i);
        read_tap(&world);
        if (real_now() > give_up) {
            note(&outcome->verdict, "it never ended");
            break;
        }
    }
    if (world.relay != nullptr) {
        for (int k = 0; k < 1000 && (!world.ended[0] || !world.ended[1]); k++)
            for (int i = 0; i < 2; i++) move_peer(&world, i);
        for (int k = 0; k < 100; k++) read_tap(&world);
        poll_loop(&world, outcome);
        EXPECT(&outcome->verdict, world.events == 1);
        check(&world, kind, outcome);
    }
    zcn_relay_release(world.relay);
    zcn_loop_release(world.loop);
    zcn_framing_release(world.framing);
    if (world.pool != nullptr) expect_pool_unused(&outcome->verdict, world.pool);
    zcn_pool_release(world.pool);
    for (const int fd : {world.peers[0], world.peers[1], world.tap})
        if (fd >= 0) (void)::close(fd);
    expect_same(&outcome->verdict, before);
}

void expect_kept(uint32_t kind, const char *what, uint64_t number, bool must_complete) {
    clock_start(1000000000, 1000);
    static Outcome outcome;
    run(kind, &outcome);
    if (outcome.verdict.text[0] != '\0')
        fail_msg("%s, %s, %llu: %s", kind_name(kind), what, static_cast<unsigned long long>(number),
                 outcome.verdict.text);
    if (must_complete && !outcome.complete)
        fail_msg("%s, %s, %llu: it ended with %s", kind_name(kind), what, static_cast<unsigned long long>(number),
                 zcn_status_name(outcome.status));
}

int warm_up(void **) {
    // Memory that the process keeps is taken once.
    script_reset();
    static Outcome outcome;
    clock_start(1000000000, 1000);
    for (uint32_t kind = 0; kind < kind_count; kind++) run(kind, &outcome);
    return 0;
}

void test_nothing_is_scripted(void **) {
    for (uint32_t kind = 0; kind < kind_count; kind++) {
        script_reset();
        expect_kept(kind, "as it is", 0, true);
    }
}

void test_counts_are_short(void **) {
    for (uint32_t kind = 0; kind < kind_count; kind++) {
        for (const Call call : {call_receive, call_send, call_splice, call_tee, call_write}) {
            for (const uint64_t most : {uint64_t{777}, uint64_t{20000}}) {
                script_reset();
                script_limit(call, most, 0);
                expect_kept(kind, call_name(call), most, true);
            }
            script_reset();
            script_limit(call, 0, 1);
            expect_kept(kind, call_name(call), 1, true);
        }
    }
}

void test_calls_are_interrupted_and_come_again(void **) {
    for (uint32_t kind = 0; kind < kind_count; kind++) {
        for (uint32_t times = 1; times <= 2; times++) {
            script_reset();
            for (const Call call : {call_receive, call_send, call_splice, call_tee, call_write, call_poller_wait})
                script_stutter(call, times, EINTR);
            expect_kept(kind, "interrupted", times, true);
            script_reset();
            for (const Call call : {call_receive, call_send}) script_stutter(call, times, EAGAIN);
            expect_kept(kind, "again", times, true);
        }
        for (const int error : {ENOBUFS, ENOMEM}) {
            script_reset();
            for (const Call call : {call_receive, call_send, call_splice}) script_stutter(call, 1, error);
            expect_kept(kind, "without memory", static_cast<uint64_t>(error), kind != tapped);
        }
    }
}

// Where the kernel has no pipes, small ones only, or refuses splice, bytes are copied.
void test_splice_is_refused(void **) {
    for (uint32_t kind = 0; kind < kind_count; kind++) {
        for (const int error : {EMFILE, ENFILE, ENOMEM}) {
            script_reset();
            script_fail(call_make_pipe, 1, for_ever, error);
            expect_kept(kind, "no pipe", static_cast<uint64_t>(error), true);
        }
        script_reset();
        script_fail(call_set_pipe_size, 1, for_ever, EPERM);
        expect_kept(kind, "no size", 0, true);
        for (uint64_t turn = 1; turn <= 8; turn++) {
            script_reset();
            script_fail(call_splice, turn, kind == tapped ? 1 : for_ever, EINVAL);
            expect_kept(kind, "no splice", turn, true);
        }
    }
}

void fail_each_turn(Call call, std::initializer_list<int> errors, uint64_t most_turns) {
    for (uint32_t kind = 0; kind < kind_count; kind++) {
        script_reset();
        clock_start(1000000000, 1000);
        static Outcome outcome;
        run(kind, &outcome);
        const uint64_t turns = script_calls(call);
        const uint64_t step = turns / most_turns + 1;
        for (const int error : errors) {
            for (uint64_t turn = 1; turn <= turns; turn += step) {
                script_reset();
                script_fail(call, turn, 1, error);
                expect_kept(kind, call_name(call), turn, false);
            }
        }
    }
}

void test_each_call_fails_once(void **) {
    for (const Call call : {call_receive, call_send, call_splice})
        fail_each_turn(call, {ECONNRESET, EPIPE, EIO, ENOMEM, EINTR}, 20);
    for (const Call call : {call_tee, call_write}) fail_each_turn(call, {EPIPE, EIO, ENOMEM, EINTR, EINVAL}, 20);
    for (const Call call :
         {call_make_pipe, call_set_pipe_size, call_set_nonblocking, call_get_option, call_peer_address, call_shutdown,
          call_close, call_poller_set, call_allocate, call_new, call_map})
        fail_each_turn(call, {ENOMEM}, 40);
}

// Two connections with the start of a message each. When they cannot be joined they are as they were.
void join_with_a_failure(Call call, uint64_t turn) {
    const int64_t give_up = real_now() + 20000 * ms;
    Verdict verdict{};
    zcn_loop *loop = nullptr;
    zcn_framing *framing = nullptr;
    zcn_conn *conns[2] = {};
    int pairs[2][2];
    EXPECT(&verdict, zcn_loop_create(&loop, nullptr) == ZCN_OK);
    EXPECT(&verdict, zcn_framing_parse(&framing, "length,strip=4", nullptr) == ZCN_OK);
    for (int i = 0; i < 2; i++) {
        EXPECT(&verdict, make_pair(pairs[i]));
        EXPECT(&verdict, zcn_conn_adopt(&conns[i], loop, pairs[i][1], framing, nullptr) == ZCN_OK);
        EXPECT(&verdict, ::write(pairs[i][0], "\0\0\0\5he", 6) == 6);
    }
    uint32_t messages = 0;
    uint32_t ended = 0;
    const auto poll = [&] {
        const zcn_event *events = nullptr;
        size_t count = 0;
        EXPECT(&verdict, zcn_loop_poll(loop, ms, &events, &count, nullptr) == ZCN_OK);
        for (size_t i = 0; i < count; i++) {
            messages += events[i].type == ZCN_EVENT_MESSAGE && events[i].size == 5 &&
                        std::memcmp(events[i].data, "hello", 5) == 0;
            ended += events[i].type == ZCN_EVENT_RELAY_ENDED;
        }
    };
    zcn_stats stats[2] = {};
    do {
        poll();
        for (int i = 0; i < 2; i++) {
            stats[i].struct_size = sizeof stats[i];
            EXPECT(&verdict, zcn_conn_get_stats(conns[i], &stats[i]) == ZCN_OK);
        }
    } while ((stats[0].bytes_in < 6 || stats[1].bytes_in < 6) && real_now() < give_up);
    zcn_relay *relay = nullptr;
    script_fail(call, script_calls(call) + turn, 1, ENOMEM);
    const zcn_status status = zcn_relay_conns(&relay, conns[0], conns[1], nullptr);
    script_fail(call, 0, 0, 0);
    EXPECT(&verdict, (status == ZCN_OK) == (relay != nullptr));
    if (relay != nullptr) {
        (void)zcn_relay_abort(relay);
        while (ended == 0 && real_now() < give_up) poll();
        EXPECT(&verdict, ended == 1);
    } else {
        EXPECT(&verdict, status == ZCN_ENOMEM || status == ZCN_ESYS);
        for (int i = 0; i < 2; i++) EXPECT(&verdict, ::write(pairs[i][0], "llo", 3) == 3);
        while (messages < 2 && real_now() < give_up) poll();
        EXPECT(&verdict, messages == 2);
    }
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    for (auto &pair : pairs) (void)::close(pair[0]);
    if (verdict.text[0] != '\0')
        fail_msg("%s number %llu: %s", call_name(call), static_cast<unsigned long long>(turn), verdict.text);
}

void test_a_join_that_fails_changes_nothing(void **) {
    for (const Call call : {call_allocate, call_new, call_poller_set}) {
        for (uint64_t turn = 1; turn <= 5; turn++) {
            script_reset();
            join_with_a_failure(call, turn);
        }
    }
}

void test_random_plans(void **) {
    const uint64_t seeds = number_from_environment("ZCNET_FAULT_SEEDS", 200);
    const uint64_t first = number_from_environment("ZCNET_FAULT_SEED", 1);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        Random random{seed};
        const Odds odds = {static_cast<uint32_t>(random.below(300)), 0, static_cast<uint32_t>(random.below(500)),
                           random.chance(300) ? 5U : 0U};
        script_reset();
        script_random(seed, odds);
        expect_kept(static_cast<uint32_t>(random.below(kind_count)), "seed", seed, odds.reset == 0);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_scripted),
        cmocka_unit_test(test_counts_are_short),
        cmocka_unit_test(test_calls_are_interrupted_and_come_again),
        cmocka_unit_test(test_splice_is_refused),
        cmocka_unit_test(test_each_call_fails_once),
        cmocka_unit_test(test_a_join_that_fails_changes_nothing),
        cmocka_unit_test(test_random_plans),
    };
    return cmocka_run_group_tests(tests, warm_up, nullptr);
}
