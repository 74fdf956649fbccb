// SPDX-License-Identifier: MIT
// The account of writes without a copy: numbers that wrap, answers in any order, entries in the order of writing.
#include "send/ledger.h"

#include <csetjmp>
#include <cstdarg>
#include <cstdint>
#include <cstring>

extern "C" {
#include <cmocka.h>
}

using zcnet::Status;
using zcnet::send::Entry;
using zcnet::send::Ledger;

namespace {

// An entry that holds no memory, told by its bytes.
Entry numbered(uint64_t number) {
    Entry entry;
    std::memcpy(entry.own, &number, sizeof number);
    entry.kind = Entry::Kind::bytes;
    return entry;
}

uint64_t taken(Ledger *ledger, uint64_t expected_first) {
    Entry entry;
    Status why = ZCN_OK;
    uint64_t count = 0;
    while (ledger->take(&entry, &why)) {
        uint64_t number = 0;
        std::memcpy(&number, entry.own, sizeof number);
        assert_int_equal(number, expected_first + count);
        assert_int_equal(why, -static_cast<Status>(number % 7));
        count++;
    }
    return count;
}

void write_and_keep(Ledger *ledger, uint64_t number) {
    assert_int_equal(ledger->reserve(1), ZCN_OK);
    ledger->keep(numbered(number), ledger->count_write(), -static_cast<Status>(number % 7));
}

// A kernel that has numbered so many writes before.
void number_by_number(uint64_t first) {
    Ledger ledger(first);
    const auto number = [&](uint64_t n) { return static_cast<uint32_t>(first + n); };
    assert_true(ledger.settled());
    for (uint64_t n = 0; n < 100; n++) write_and_keep(&ledger, n);
    assert_int_equal(ledger.awaited(), 100);
    assert_int_equal(taken(&ledger, 0), 0);
    assert_int_equal(ledger.complete(number(1), number(3)), 3);
    assert_int_equal(ledger.complete(number(2), number(4)), 1);
    assert_int_equal(taken(&ledger, 0), 0);
    assert_int_equal(ledger.complete(number(0), number(0)), 1);
    assert_int_equal(taken(&ledger, 0), 5);
    // What is over, what is not there yet, and what makes no sense.
    assert_int_equal(ledger.complete(number(0), number(4)), 0);
    assert_int_equal(ledger.complete(number(99), number(100)), 0);
    assert_int_equal(ledger.complete(number(50), number(49)), 0);
    assert_int_equal(ledger.complete(number(100), number(100)), 0);
    assert_int_equal(ledger.awaited(), 95);
    for (uint64_t n = 99; n > 5; n--) {
        assert_int_equal(ledger.complete(number(n), number(n)), 1);
        assert_int_equal(taken(&ledger, 5), 0);
    }
    assert_int_equal(ledger.complete(number(5), number(5)), 1);
    assert_int_equal(taken(&ledger, 5), 95);
    assert_true(ledger.settled());
}

void test_numbers_from_zero(void **) { number_by_number(0); }

void test_numbers_that_wrap(void **) {
    for (uint64_t before = 0; before <= 100; before += 5) number_by_number((uint64_t{1} << 32) - before);
    number_by_number((uint64_t{5} << 32) - 50);
}

void test_as_many_as_there_may_be(void **) {
    Ledger ledger;
    uint64_t written = 0;
    uint64_t told = 0;
    for (int round = 0; round < 50; round++) {
        while (ledger.awaited() < Ledger::most_writes) write_and_keep(&ledger, written++);
        // From the far end: the account is full of numbers that are done out of order.
        const uint64_t last = written - 1;
        const uint64_t part = 1 + static_cast<uint64_t>(round) * 20;
        assert_int_equal(ledger.complete(static_cast<uint32_t>(told + 1), static_cast<uint32_t>(last)), last - told);
        assert_int_equal(taken(&ledger, told), 0);
        assert_int_equal(ledger.complete(static_cast<uint32_t>(told), static_cast<uint32_t>(told)), 1);
        assert_int_equal(taken(&ledger, told), written - told);
        told = written;
        for (uint64_t i = 0; i < part; i++) write_and_keep(&ledger, written++);
        assert_int_equal(ledger.complete(static_cast<uint32_t>(told), static_cast<uint32_t>(written - 1)), part);
        assert_int_equal(taken(&ledger, told), part);
        told = written;
    }
    assert_true(ledger.settled());
}

// What was copied waits behind what was not.
void test_copied_entries_stay_in_order(void **) {
    Ledger ledger;
    assert_int_equal(ledger.reserve(4), ZCN_OK);
    const uint64_t first = ledger.count_write();
    ledger.keep(numbered(0), first, 0);
    ledger.keep(numbered(1), 0, -1);
    const uint64_t second = ledger.count_write();
    ledger.keep(numbered(2), second, -2);
    ledger.keep(numbered(3), 0, -3);
    assert_int_equal(ledger.complete(1, 1), 1);
    assert_int_equal(taken(&ledger, 0), 0);
    assert_int_equal(ledger.complete(0, 0), 1);
    assert_int_equal(taken(&ledger, 0), 4);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_from_zero),
        cmocka_unit_test(test_numbers_that_wrap),
        cmocka_unit_test(test_as_many_as_there_may_be),
        cmocka_unit_test(test_copied_entries_stay_in_order),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
