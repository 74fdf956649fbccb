// SPDX-License-Identifier: MIT
// Zero copy on sending, with a kernel that takes bytes without a copy and says when it pleases that it is done: late,
// merged, out of order, twice, nonsense, or never. No memory is touched before it says so, and nothing is lost.
#include "zero_copy_rig.h"

using namespace fault_test;

namespace {

void test_after_the_probe_nothing_large_is_copied(void **) {
    begin();
    Rig rig;
    rig.send(100, true);
    rig.arrive();
    rig.expect_words("zero copy: off: nothing was large enough yet");
    rig.poll_until([&] { return rig.tokens.size() == 1; });
    rig.send(body_size, true);
    rig.send(body_size, true);
    rig.arrive();
    // One goes ahead, the others wait for what becomes of it.
    assert_int_equal(script_pinned_seen().writes, 1);
    assert_int_equal(script_pinned_seen().bytes, body_size);
    rig.expect_words("waiting to hear");
    script_pinned_done(0, 0, false);
    rig.poll_until([&] { return rig.tokens.size() == 3; });
    script_forget_largest();
    for (uint64_t i = 0; i < 50; i++) {
        rig.send(body_size + i, true);
        rig.send_pooled(body_size + i, i);
        if (i % 3 == 0) rig.send(threshold - 1, false);
    }
    rig.arrive();
    const Pinned seen = script_pinned_seen();
    // Headers that lie elsewhere are copied; nothing above the threshold is.
    assert_int_equal(script_pinned_seen().largest, threshold - 1);
    // What a full socket leaves of a piece may be small.
    assert_true(seen.bytes >= 50 * 2 * body_size * 3 / 4);
    rig.expect_words("zero copy: on");
    assert_int_equal(rig.stats().zero_copy_writes, seen.writes);
    assert_int_equal(rig.stats().zero_copy_bytes, seen.bytes);
    assert_int_equal(rig.stats().zero_copy_awaited, seen.writes - 1);
    rig.done_to(1);
    rig.poll_until([&] { return rig.tokens.size() == 53; });
    assert_int_equal(rig.stats().zero_copy_awaited, 0);
    assert_int_equal(script_pinned_seen().altered, 0);
    for (uint64_t i = 0; i < rig.tokens.size(); i++) assert_int_equal(rig.ends[i], ZCN_OK);
}

void test_a_unit_ends_when_the_kernel_is_done(void **) {
    begin();
    Rig rig;
    rig.probe();
    const uint64_t before = Rig::released;
    rig.send(body_size, false);
    rig.send(body_size, true);
    rig.send(50, true);  // copied, and yet told behind the one before it
    rig.arrive();
    for (int i = 0; i < 20; i++) rig.poll();
    assert_int_equal(Rig::released, before);
    assert_int_equal(rig.tokens.size(), 1);
    const uint64_t writes = script_pinned_seen().writes;
    assert_int_equal(writes, 3);
    script_pinned_done(1, 1, false);
    rig.poll_until([&] { return Rig::released == before + 1; });
    assert_int_equal(rig.tokens.size(), 1);
    script_pinned_done(2, 2, false);
    rig.poll_until([&] { return rig.tokens.size() == 3; });
    assert_int_equal(rig.tokens[1], 2);
    assert_int_equal(rig.tokens[2], 3);
}

void test_answers_come_in_any_order(void **) {
    begin();
    Rig rig;
    rig.probe();
    for (int i = 0; i < 9; i++) {
        rig.send(body_size, true);
        rig.arrive();
    }
    assert_int_equal(script_pinned_seen().writes, 10);
    script_pinned_done(4, 6, false);
    script_pinned_done(2, 2, false);
    script_pinned_done(2, 2, false);    // twice
    script_pinned_done(7, 400, false);  // more than there are
    script_pinned_done(0, 0, false);    // long over
    script_pinned_done(9, 8, false);    // the wrong way round
    for (int i = 0; i < 20; i++) rig.poll();
    assert_int_equal(rig.tokens.size(), 1);
    script_pinned_done(1, 1, false);
    rig.poll_until([&] { return rig.tokens.size() == 3; });
    script_pinned_done(3, 3, false);
    rig.poll_until([&] { return rig.tokens.size() == 7; });
    script_pinned_done(7, 9, false);
    rig.poll_until([&] { return rig.tokens.size() == 10; });
    for (uint64_t i = 0; i < 10; i++) assert_int_equal(rig.tokens[i], i);
    assert_int_equal(rig.stats().zero_copy_awaited, 0);
}

// A piece that leaves in several writes is free when the last of them is done; one whose rest is copied as well.
void test_a_piece_in_parts(void **) {
    begin();
    Rig rig;
    rig.probe();
    script_limit(call_send_pinned, 30000, 0);
    rig.send(100000, true);
    rig.arrive();
    script_limit(call_send_pinned, 0, 0);
    const Pinned seen = script_pinned_seen();
    assert_int_equal(seen.writes, 4);
    assert_int_equal(seen.bytes, body_size + 90000);  // the last 10000 are less than the threshold
    script_pinned_done(2, 3, false);
    for (int i = 0; i < 20; i++) rig.poll();
    assert_int_equal(rig.tokens.size(), 1);
    script_pinned_done(1, 1, false);
    rig.poll_until([&] { return rig.tokens.size() == 2; });
}

void test_a_kernel_that_copies_is_left_alone(void **) {
    begin();
    clock_start(second, 0);
    Rig rig;
    int64_t rest = second;
    for (uint64_t probes = 1; probes <= 8; probes++) {
        for (int i = 0; i < 3; i++) rig.send(body_size, true);
        rig.arrive();
        assert_int_equal(script_pinned_seen().writes, probes);
        rig.done_to(probes - 1, true);
        rig.poll_until([&] { return rig.tokens.size() == rig.bodies.size(); });
        rig.expect_words("the kernel copied all the same; next probe in");
        assert_int_equal(rig.stats().zero_copy_copied, probes);
        // Not before its time, which doubles up to 64 s.
        clock_advance(rest - second / 2);
        rig.send(body_size, true);
        rig.arrive();
        assert_int_equal(script_pinned_seen().writes, probes);
        clock_advance(second / 2);
        rest = rest * 2 < 64 * second ? rest * 2 : 64 * second;
    }
    // A network that does not copy after all.
    rig.send(body_size, true);
    rig.arrive();
    rig.done_to(8);
    rig.poll_until([&] { return rig.tokens.size() == rig.bodies.size(); });
    rig.expect_words("zero copy: on");
    // One copy now and then stops nothing, several in a row do.
    for (uint64_t i = 0; i < 4; i++) {
        rig.expect_words("zero copy: on");
        rig.send(body_size, true);
        rig.arrive();
        rig.done_to(9 + i, true);
        rig.poll_until([&] { return rig.tokens.size() == rig.bodies.size(); });
    }
    rig.expect_words("next probe in 1.0 s");
}

void test_want_of_room_is_no_error(void **) {
    begin();
    clock_start(second, 0);
    Rig rig;
    // Nothing is under way: whoever has locked the pages says nothing to this socket.
    script_fail(call_send_pinned, 1, 1, ENOBUFS);
    rig.send(body_size, true);
    rig.arrive();
    rig.poll_until([&] { return rig.tokens.size() == 1; });
    assert_int_equal(rig.ends[0], ZCN_OK);
    assert_int_equal(script_pinned_seen().writes, 0);
    rig.expect_words("the kernel had no room to lock pages; next probe in 1.0 s");
    assert_int_equal(rig.stats().zero_copy_refused, 1);
    clock_advance(second);
    rig.send(body_size, true);
    rig.arrive();
    rig.done_to(0);
    rig.poll_until([&] { return rig.tokens.size() == 2; });
    rig.expect_words("zero copy: on");
    // With some under way fewer are kept under way.
    for (int i = 0; i < 8; i++) {
        rig.send(body_size, true);
        rig.arrive();
    }
    assert_int_equal(script_pinned_seen().writes, 9);
    script_fail(call_send_pinned, script_calls(call_send_pinned) + 1, 1, ENOBUFS);
    for (int i = 0; i < 8; i++) {
        rig.send(body_size, true);
        rig.arrive();
    }
    assert_int_equal(script_pinned_seen().writes, 9);
    script_pinned_done(1, 6, false);
    rig.poll_until([&] { return rig.tokens.size() == 8; });
    rig.send(body_size, true);
    rig.arrive();
    assert_int_equal(script_pinned_seen().writes, 10);
    rig.done_to(7);
    rig.poll_until([&] { return rig.tokens.size() == rig.bodies.size(); });
    for (const zcn_status status : rig.ends) assert_int_equal(status, ZCN_OK);
}

// A close in order waits for the kernel; with it the units end well.
void test_a_close_waits(void **) {
    begin();
    Rig rig;
    rig.probe();
    rig.send(body_size, true);
    rig.arrive();
    assert_int_equal(zcn_conn_close(rig.conn), ZCN_OK);
    for (int i = 0; i < 20; i++) rig.poll();
    assert_false(rig.is_closed);
    close(rig.peer);
    rig.peer = -1;
    for (int i = 0; i < 20; i++) rig.poll();
    assert_false(rig.is_closed);
    rig.done_to(1);
    rig.poll_until([&] { return rig.is_closed; });
    assert_int_equal(rig.closed, ZCN_OK);
    assert_int_equal(rig.tokens.size(), 2);
    assert_int_equal(rig.ends[1], ZCN_OK);
}

enum class Ending { closed, aborted, reset, loop_gone };

// The kernel never says that it is done: the connection ends all the same, and the memory stays until it does.
void end_without_an_answer(Ending ending) {
    begin();
    const int descriptors = open_descriptors();
    {
        Rig rig(threshold, 50);
        rig.probe();
        rig.send(body_size, true);
        rig.send(body_size, false);
        // Half of the last one is still in the queue.
        script_limit(call_send_pinned, 20000, 0);
        rig.send(body_size, false);
        rig.poll_until([&] { return rig.got.size() > 4 * body_size - 30000; });
        switch (ending) {
            case Ending::closed:
                assert_int_equal(zcn_conn_close(rig.conn), ZCN_OK);
                break;
            case Ending::aborted:
                assert_int_equal(zcn_conn_abort(rig.conn), ZCN_OK);
                break;
            case Ending::reset: {
                const linger at_once{1, 0};
                assert_int_equal(setsockopt(rig.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
                close(rig.peer);
                rig.peer = -1;
                break;
            }
            case Ending::loop_gone:
                zcn_conn_release(rig.conn);
                rig.conn = nullptr;
                zcn_loop_release(rig.loop);
                assert_int_equal(zcn_loop_create(&rig.loop, nullptr), ZCN_OK);
                break;
        }
        if (ending != Ending::loop_gone) {
            rig.poll_until([&] { return rig.is_closed; });
            // Told as ended by then, in order.
            assert_int_equal(rig.tokens.size(), 2);
            assert_int_equal(rig.tokens[1], 1);
            assert_true(rig.ends[1] < ZCN_OK);
        }
        for (int i = 0; i < 20; i++) rig.poll();
        assert_int_equal(Rig::released, 0);
        // Another loop than its own looks after it.
        if (rig.conn != nullptr) zcn_conn_release(rig.conn);
        rig.conn = nullptr;
        zcn_loop_release(rig.loop);
        assert_int_equal(zcn_loop_create(&rig.loop, nullptr), ZCN_OK);
        for (int i = 0; i < 20; i++) rig.poll();
        assert_int_equal(Rig::released, 0);
        rig.done_to(1);
        rig.poll_until([&] { return Rig::released == 2; });
        assert_int_equal(script_pinned_seen().altered, 0);
    }
    assert_int_equal(open_descriptors(), descriptors);
}

void test_closed_without_an_answer(void **) { end_without_an_answer(Ending::closed); }
void test_aborted_without_an_answer(void **) { end_without_an_answer(Ending::aborted); }
void test_reset_without_an_answer(void **) { end_without_an_answer(Ending::reset); }
void test_a_loop_that_goes_without_an_answer(void **) { end_without_an_answer(Ending::loop_gone); }

// A socket that has outlived its connection is reset in the end: what it has not sent keeps memory from nobody.
void test_what_is_late_is_reset(void **) {
    begin();
    Rig rig(threshold, 50);
    rig.probe();
    rig.send(body_size, false);
    rig.arrive();
    assert_int_equal(zcn_conn_close(rig.conn), ZCN_OK);
    rig.poll_until([&] { return rig.is_closed; });
    assert_int_equal(rig.closed, ZCN_OK);
    const uint64_t connects = script_calls(call_connect);
    rig.poll_until([&] { return script_calls(call_connect) > connects; });
    // Once, and what the kernel says behind it still counts.
    for (int i = 0; i < 20; i++) rig.poll(1000000);
    assert_int_equal(script_calls(call_connect), connects + 1);
    assert_int_equal(Rig::released, 0);
    rig.done_to(1);
    rig.poll_until([&] { return Rig::released == 1; });
}

void test_a_descriptor_is_not_given_back_meanwhile(void **) {
    begin();
    Rig rig;
    rig.probe();
    rig.send(body_size, true);
    rig.arrive();
    int fd = -1;
    zcn_msg *rest = nullptr;
    assert_int_equal(zcn_conn_take_fd(rig.conn, &fd, &rest), ZCN_EBUSY);
    rig.done_to(1);
    rig.poll_until([&] { return rig.tokens.size() == 2; });
    assert_int_equal(zcn_conn_take_fd(rig.conn, &fd, &rest), ZCN_OK);
    close(fd);
}

void test_no_memory_to_keep_account(void **) {
    for (uint64_t n = 1; n <= 6; n++) {
        begin();
        Rig rig;
        rig.send(100, true);
        rig.arrive();
        rig.poll_until([&] { return rig.tokens.size() == 1; });
        rig.send(body_size, true);
        rig.send(body_size, false);
        script_fail(call_allocate, script_calls(call_allocate) + n, 1, ENOMEM);
        rig.arrive();
        rig.done_to(0);
        rig.poll_until([&] { return rig.tokens.size() == 2 && Rig::released == 1; });
        assert_int_equal(rig.ends[1], ZCN_OK);
    }
}

// Everything at once, from seeds: sizes, kinds of memory, short writes, the order of the answers.
void test_random_programs(void **) {
    const uint64_t seeds = number_from_environment("ZCNET_FAULT_SEEDS", 60);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        begin();
        Random random{seed};
        Rig rig;
        script_random(seed, {30, 50, 100, 0});
        if (random.chance(300)) script_fail(call_send_pinned, 1 + random.below(20), 1 + random.below(5), ENOBUFS);
        std::vector<uint32_t> under_way;
        uint64_t known = 0;
        uint64_t tokens = 0;
        uint64_t calls = 0;
        std::vector<uint64_t> wanted;
        for (int step = 0; step < 120; step++) {
            const uint64_t size = random.chance(300) ? random.below(3000) : random.below(150000);
            switch (random.below(4)) {
                case 0:
                    rig.send(size, true);
                    wanted.push_back(rig.bodies.size() - 1);
                    tokens++;
                    break;
                case 1:
                    rig.send(size, false);
                    calls++;
                    break;
                case 2:
                    rig.send_pooled(size, seed + static_cast<uint64_t>(step));
                    break;
                default:
                    break;
            }
            if (random.chance(700)) rig.poll();
            for (; known < script_pinned_seen().writes; known++) under_way.push_back(static_cast<uint32_t>(known));
            while (!under_way.empty() && random.chance(400)) {
                const size_t which = random.below(under_way.size());
                const uint32_t number = under_way[which];
                under_way.erase(under_way.begin() + static_cast<ptrdiff_t>(which));
                script_pinned_done(number, number, random.chance(50));
            }
        }
        rig.poll_until([&] {
            for (; known < script_pinned_seen().writes; known++)
                script_pinned_done(static_cast<uint32_t>(known), static_cast<uint32_t>(known), false);
            while (!under_way.empty()) {
                script_pinned_done(under_way.back(), under_way.back(), false);
                under_way.pop_back();
            }
            return rig.got.size() >= rig.sent.size() && rig.tokens.size() == tokens && Rig::released == calls &&
                   rig.stats().zero_copy_awaited == 0;
        });
        if (rig.got != rig.sent) fail_msg("seed %llu: other bytes arrived", static_cast<unsigned long long>(seed));
        if (rig.tokens != wanted) fail_msg("seed %llu: ends out of order", static_cast<unsigned long long>(seed));
        assert_int_equal(script_pinned_seen().altered, 0);
        for (const zcn_status status : rig.ends) assert_int_equal(status, ZCN_OK);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_after_the_probe_nothing_large_is_copied),
        cmocka_unit_test(test_a_unit_ends_when_the_kernel_is_done),
        cmocka_unit_test(test_answers_come_in_any_order),
        cmocka_unit_test(test_a_piece_in_parts),
        cmocka_unit_test(test_a_kernel_that_copies_is_left_alone),
        cmocka_unit_test(test_want_of_room_is_no_error),
        cmocka_unit_test(test_a_close_waits),
        cmocka_unit_test(test_closed_without_an_answer),
        cmocka_unit_test(test_aborted_without_an_answer),
        cmocka_unit_test(test_reset_without_an_answer),
        cmocka_unit_test(test_a_loop_that_goes_without_an_answer),
        cmocka_unit_test(test_what_is_late_is_reset),
        cmocka_unit_test(test_a_descriptor_is_not_given_back_meanwhile),
        cmocka_unit_test(test_no_memory_to_keep_account),
        cmocka_unit_test(test_random_programs),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
