// SPDX-License-Identifier: MIT
// When writes leave without a copy: after a probe that went well, and not for a rest after one that did not.
#include "send/zero_copy.h"

#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstdint>

#include "send/ledger.h"

extern "C" {
#include <cmocka.h>
}

using zcnet::send::Ledger;
using zcnet::send::ZeroCopy;
using State = zcnet::send::ZeroCopy::State;

namespace {

constexpr uint64_t wanted = 16384;
constexpr int64_t second = 1000000000;

void expect(const ZeroCopy &tuning, State state) {
    assert_int_equal(static_cast<int>(tuning.state()), static_cast<int>(state));
}

// One write, which the kernel is done with at that time.
void probe(ZeroCopy *tuning, bool copied, int64_t now) {
    assert_int_equal(tuning->least(wanted, 0, now), wanted);
    tuning->wrote(wanted);
    expect(*tuning, State::probing);
    tuning->done(1, copied, now);
}

void test_one_probe_at_a_time(void **) {
    ZeroCopy tuning;
    assert_int_equal(tuning.least(0, 0, 0), ZeroCopy::none);
    assert_int_equal(tuning.least(wanted, 0, 0), wanted);
    tuning.wrote(wanted);
    assert_int_equal(tuning.least(wanted, 1, 0), ZeroCopy::none);
    tuning.done(1, false, 0);
    expect(tuning, State::on);
    assert_int_equal(tuning.least(wanted, 1, 0), wanted);
    assert_int_equal(tuning.least(wanted, Ledger::most_writes, 0), ZeroCopy::none);
}

// Each rest is twice as long as the one before, up to 64 seconds; a probe that goes well forgets them.
void test_rests_grow(void **) {
    ZeroCopy tuning;
    int64_t now = 0;
    for (const int64_t rest : {1, 2, 4, 8, 16, 32, 64, 64}) {
        probe(&tuning, true, now);
        expect(tuning, State::resting);
        assert_int_equal(tuning.least(wanted, 0, now + rest * second - 1), ZeroCopy::none);
        now += rest * second;
    }
    probe(&tuning, false, now);
    expect(tuning, State::on);
    tuning.refused_memory(now);
    assert_int_equal(tuning.least(wanted, 0, now + second - 1), ZeroCopy::none);
    assert_int_equal(tuning.least(wanted, 0, now + second), wanted);
}

// What was written before a rest is heard of during it: that ends no rest, and the next probe waits for all of it, so
// that what is heard then is said of the probe.
void test_late_words_end_no_rest(void **) {
    ZeroCopy tuning;
    probe(&tuning, false, 0);
    for (int i = 0; i < 10; i++) tuning.wrote(wanted);
    tuning.done(4, true, 0);
    expect(tuning, State::resting);
    tuning.done(3, false, 0);
    expect(tuning, State::resting);
    assert_int_equal(tuning.least(wanted, 3, 0), ZeroCopy::none);
    assert_int_equal(tuning.least(wanted, 3, 100 * second), ZeroCopy::none);
    tuning.done(3, true, 0);
    expect(tuning, State::resting);
    assert_int_equal(tuning.least(wanted, 0, second), wanted);
}

// A copy now and then is no reason to stop; four in a row are.
void test_strikes(void **) {
    ZeroCopy tuning;
    probe(&tuning, false, 0);
    for (int i = 0; i < 20; i++) {
        tuning.done(3, true, 0);
        expect(tuning, State::on);
        tuning.done(1, false, 0);
    }
    tuning.done(1, true, 0);
    tuning.done(3, true, 0);
    expect(tuning, State::resting);
    assert_int_equal(tuning.copied(), 20 * 3 + 4);
}

// No room for more writes at a time: half as many, and one more for each that is done. None at all: a rest.
void test_room(void **) {
    ZeroCopy tuning;
    probe(&tuning, false, 0);
    tuning.refused(10, 0);
    expect(tuning, State::on);
    assert_int_equal(tuning.least(wanted, 4, 0), wanted);
    assert_int_equal(tuning.least(wanted, 5, 0), ZeroCopy::none);
    tuning.done(2, false, 0);
    assert_int_equal(tuning.least(wanted, 6, 0), wanted);
    assert_int_equal(tuning.least(wanted, 7, 0), ZeroCopy::none);
    tuning.refused(1, 0);
    assert_int_equal(tuning.least(wanted, 0, 0), wanted);
    assert_int_equal(tuning.least(wanted, 1, 0), ZeroCopy::none);
    tuning.refused(0, 0);
    expect(tuning, State::resting);
    assert_int_equal(tuning.refusals(), 3);
}

void test_for_good(void **) {
    ZeroCopy tuning;
    tuning.refuse_for_good(EAFNOSUPPORT);
    expect(tuning, State::unsupported);
    assert_int_equal(tuning.least(wanted, 0, INT64_MAX), ZeroCopy::none);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_one_probe_at_a_time),
        cmocka_unit_test(test_rests_grow),
        cmocka_unit_test(test_late_words_end_no_rest),
        cmocka_unit_test(test_strikes),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_for_good),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
