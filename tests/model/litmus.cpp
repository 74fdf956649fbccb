// SPDX-License-Identifier: MIT
// The explorer itself: for small programs whose outcomes are known, it shows all that are allowed and none other.
#include <atomic>
#include <cstdio>

#include "explorer/explorer.h"
#include "model_test.h"

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

std::atomic<uint32_t> x, y, z;
uint32_t plain_data;
uint32_t r[6];

void note_2() { model::note(10 * r[0] + r[1]); }
void note_3() { model::note(100 * r[0] + 10 * r[1] + r[2]); }
void note_4() { model::note(1000 * r[0] + 100 * r[1] + 10 * r[2] + r[3]); }

using Outcomes = std::set<uint64_t>;

// All outcomes are those that are expected, and no rule was broken.
void shows(const model::Scenario &scenario, const Outcomes &expected) {
    const model::Outcome outcome = model::explore(scenario, 1000000);
    if (!outcome.held) std::fprintf(stderr, "%s\n", outcome.broken.c_str());
    assert_true(outcome.held);
    for (const uint64_t seen : outcome.seen)
        if (expected.count(seen) == 0)
            fail_msg("%s: %llu is not allowed", scenario.name, static_cast<unsigned long long>(seen));
    for (const uint64_t wanted : expected)
        if (outcome.seen.count(wanted) == 0)
            fail_msg("%s: %llu is allowed", scenario.name, static_cast<unsigned long long>(wanted));
}

void finds(const model::Scenario &scenario, const char *what) {
    const model::Outcome outcome = model::explore(scenario, 1000000);
    assert_false(outcome.held);
    if (outcome.broken.find(what) == std::string::npos) fail_msg("%s: %s", scenario.name, outcome.broken.c_str());
}

template <class Store, class Load>
void store_buffering(const char *name, Store, Load, const Outcomes &expected) {
    static constexpr std::memory_order store = Store::value;
    static constexpr std::memory_order load = Load::value;
    shows({name,
           nullptr,
           {[] { x.store(1, store), r[0] = y.load(load); }, [] { y.store(1, store), r[1] = x.load(load); }},
           note_2},
          expected);
}

template <std::memory_order order>
struct Is {
    static constexpr std::memory_order value = order;
};
constexpr Is<memory_order_relaxed> relaxed;
constexpr Is<memory_order_acquire> acquire;
constexpr Is<memory_order_release> release;
constexpr Is<memory_order_seq_cst> seq_cst;

void test_store_buffering(void **) {
    store_buffering("SB, relaxed", relaxed, relaxed, {0, 1, 10, 11});
    store_buffering("SB, release and acquire", release, acquire, {0, 1, 10, 11});
    store_buffering("SB, seq_cst", seq_cst, seq_cst, {1, 10, 11});
    // The same with a read-modify-write on one word between: whoever comes second sees the first's store.
    shows({"SB, exchanges on one word",
           nullptr,
           {[] {
                x.store(1, memory_order_relaxed), z.fetch_add(1, memory_order_acq_rel),
                    r[0] = y.load(memory_order_relaxed);
            },
            [] {
                y.store(1, memory_order_relaxed), z.fetch_add(1, memory_order_acq_rel),
                    r[1] = x.load(memory_order_relaxed);
            }},
           note_2},
          {1, 10, 11});
}

template <class Store, class Load>
void message_passing(const char *name, Store, Load, const Outcomes &expected) {
    static constexpr std::memory_order store = Store::value;
    static constexpr std::memory_order load = Load::value;
    shows({name,
           nullptr,
           {[] { x.store(1, memory_order_relaxed), y.store(1, store); },
            [] { r[0] = y.load(load), r[1] = x.load(memory_order_relaxed); }},
           note_2},
          expected);
}

void test_message_passing(void **) {
    message_passing("MP, relaxed", relaxed, relaxed, {0, 1, 10, 11});
    message_passing("MP, release alone", release, relaxed, {0, 1, 10, 11});
    message_passing("MP, acquire alone", relaxed, acquire, {0, 1, 10, 11});
    message_passing("MP, release and acquire", release, acquire, {0, 1, 11});
}

void write_plainly() { plain_data = 1; }
void finish_nothing() {}

void test_races(void **) {
    shows({"MP of plain data",
           nullptr,
           {[] { write_plainly(), y.store(1, memory_order_release); },
            [] { r[0] = y.load(memory_order_acquire), r[1] = r[0] == 1 ? plain_data : 0; }},
           note_2},
          {0, 11});
    finds({"MP of plain data, relaxed store",
           nullptr,
           {[] { write_plainly(), y.store(1, memory_order_relaxed); },
            [] { r[0] = y.load(memory_order_acquire), r[1] = r[0] == 1 ? plain_data : 0; }},
           finish_nothing},
          "a data race");
    finds({"MP of plain data, relaxed load",
           nullptr,
           {[] { write_plainly(), y.store(1, memory_order_release); },
            [] { r[0] = y.load(memory_order_relaxed), r[1] = r[0] == 1 ? plain_data : 0; }},
           finish_nothing},
          "a data race");
    finds({"two plain writes", nullptr, {write_plainly, write_plainly}, finish_nothing}, "a data race");
    finds({"a plain write to an atomic",
           nullptr,
           {[] { *reinterpret_cast<volatile uint32_t *>(&x) = 7; }, [] { x.store(1, memory_order_relaxed); }},
           finish_nothing},
          "a data race");
    finds({"a fence", nullptr, {[] { std::atomic_thread_fence(memory_order_seq_cst); }, write_plainly}, finish_nothing},
          "a fence that stands alone");
    finds({"a rule of the scenario",
           nullptr,
           {[] { x.store(1, memory_order_relaxed); }, [] { MODEL_REQUIRE(x.load(memory_order_relaxed) == 0); }},
           finish_nothing},
          "x.load(memory_order_relaxed) == 0");
}

void test_iriw(void **) {
    Outcomes all, but_one;
    for (uint64_t bits = 0; bits < 16; bits++)
        all.insert((bits >> 3 & 1) * 1000 + (bits >> 2 & 1) * 100 + (bits >> 1 & 1) * 10 + (bits & 1));
    but_one = all;
    but_one.erase(1010);
    shows({"IRIW, release and acquire",
           nullptr,
           {[] { x.store(1, memory_order_release); }, [] { y.store(1, memory_order_release); },
            [] { r[0] = x.load(memory_order_acquire), r[1] = y.load(memory_order_acquire); },
            [] { r[2] = y.load(memory_order_acquire), r[3] = x.load(memory_order_acquire); }},
           note_4},
          all);
    shows({"IRIW, seq_cst",
           nullptr,
           {[] { x.store(1, memory_order_seq_cst); }, [] { y.store(1, memory_order_seq_cst); },
            [] { r[0] = x.load(memory_order_seq_cst), r[1] = y.load(memory_order_seq_cst); },
            [] { r[2] = y.load(memory_order_seq_cst), r[3] = x.load(memory_order_seq_cst); }},
           note_4},
          but_one);
}

void test_load_buffering(void **) {
    // The model has no load that sees what its own thread's later store led to.
    shows({"LB, relaxed",
           nullptr,
           {[] { r[0] = x.load(memory_order_relaxed), y.store(1, memory_order_relaxed); },
            [] { r[1] = y.load(memory_order_relaxed), x.store(1, memory_order_relaxed); }},
           note_2},
          {0, 1, 10});
}

void test_coherence(void **) {
    shows({"CoRR: two loads never go back",
           nullptr,
           {[] { x.store(1, memory_order_relaxed), x.store(2, memory_order_relaxed); },
            [] { r[0] = x.load(memory_order_relaxed), r[1] = x.load(memory_order_relaxed); }},
           note_2},
          {0, 1, 2, 11, 12, 22});
    shows({"CoWW and CoRW: what a thread wrote and saw comes before what it writes",
           nullptr,
           {[] {
                r[0] = x.load(memory_order_relaxed), x.store(1, memory_order_relaxed),
                r[1] = x.load(memory_order_relaxed);
            },
            [] { x.store(2, memory_order_relaxed); }},
           note_2},
          {1, 2, 21});
    // Both locations end at the value that was written first in time: only if a store may take an earlier place.
    shows({"2+2W, relaxed",
           nullptr,
           {[] { x.store(1, memory_order_relaxed), y.store(2, memory_order_relaxed); },
            [] { y.store(1, memory_order_relaxed), x.store(2, memory_order_relaxed); }},
           [] { model::note(10 * x.load(memory_order_relaxed) + y.load(memory_order_relaxed)); }},
          {11, 12, 21, 22});
    shows({"S: a store behind an acquire comes later",
           nullptr,
           {[] { x.store(2, memory_order_relaxed), y.store(1, memory_order_release); },
            [] {
                r[0] = y.load(memory_order_acquire);
                if (r[0] == 1) x.store(1, memory_order_relaxed);
            }},
           [] { model::note(10 * r[0] + x.load(memory_order_relaxed)); }},
          {2, 11});
    shows({"WRC: what is passed on twice",
           nullptr,
           {[] { x.store(1, memory_order_relaxed); },
            [] { r[0] = x.load(memory_order_relaxed), y.store(1, memory_order_release); },
            [] { r[1] = y.load(memory_order_acquire), r[2] = x.load(memory_order_relaxed); }},
           note_3},
          {0, 1, 10, 11, 100, 101, 111});
}

void test_release_sequences(void **) {
    // An exchange of another thread, relaxed, carries on what the first store released.
    shows({"a release sequence",
           nullptr,
           {[] { x.store(1, memory_order_relaxed), y.store(1, memory_order_release); },
            [] {
                uint32_t seen = 1;
                y.compare_exchange_strong(seen, 2, memory_order_relaxed, memory_order_relaxed);
            },
            [] { r[0] = y.load(memory_order_acquire), r[1] = x.load(memory_order_relaxed); }},
           note_2},
          {0, 1, 11, 21});
    // A plain store in between ends it, also one of the same thread (since C++20).
    shows(
        {"a release sequence that a store ends",
         nullptr,
         {[] { x.store(1, memory_order_relaxed), y.store(1, memory_order_release), y.store(2, memory_order_relaxed); },
          [] { r[0] = y.load(memory_order_acquire), r[1] = x.load(memory_order_relaxed); }},
         note_2},
        {0, 1, 11, 20, 21});
}

void test_read_modify_writes(void **) {
    shows({"three additions",
           nullptr,
           {[] { r[0] = x.fetch_add(1, memory_order_relaxed); }, [] { r[1] = x.fetch_add(1, memory_order_relaxed); },
            [] { r[2] = x.fetch_add(1, memory_order_relaxed); }},
           [] { MODEL_REQUIRE(x.load(memory_order_relaxed) == 3), note_3(); }},
          {12, 21, 102, 120, 201, 210});
    shows({"one of two exchanges wins",
           nullptr,
           {[] {
                uint32_t seen = 0;
                r[0] = x.compare_exchange_strong(seen, 1, memory_order_relaxed) ? 1 : 0;
            },
            [] {
                uint32_t seen = 0;
                r[1] = x.compare_exchange_strong(seen, 2, memory_order_relaxed) ? 1 : 0;
            }},
           note_2},
          {1, 10});
    // A store never comes between what an exchange read and what it wrote.
    shows({"an addition and a store",
           nullptr,
           {[] { r[0] = x.fetch_add(1, memory_order_relaxed); }, [] { x.store(5, memory_order_relaxed); }},
           [] { model::note(10 * r[0] + x.load(memory_order_relaxed)); }},
          {5, 56});
    // Each addition passes on all that came before it in the chain.
    shows({"a chain of additions",
           nullptr,
           {[] { x.store(1, memory_order_relaxed), z.fetch_add(1, memory_order_release); },
            [] { y.store(1, memory_order_relaxed), z.fetch_add(1, memory_order_release); },
            [] {
                r[0] = z.load(memory_order_acquire), r[1] = x.load(memory_order_relaxed),
                r[2] = y.load(memory_order_relaxed);
            }},
           note_3},
          {0, 1, 10, 11, 101, 110, 111, 211});
    model::Scenario weak = {"an exchange that fails for no reason",
                            nullptr,
                            {[] {
                                uint32_t seen = 0;
                                r[0] = x.compare_exchange_weak(seen, 1, memory_order_relaxed) ? 1 : 0;
                            }},
                            [] { model::note(r[0]); }};
    shows(weak, {1});
    weak.spurious = 1;
    shows(weak, {0, 1});
}

void test_choices(void **) {
    shows({"what a scenario chooses",
           nullptr,
           {[] { r[0] = model::choose(3); }, [] { r[1] = model::choose(2); }},
           note_2},
          {0, 1, 10, 11, 20, 21});
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_store_buffering),
        cmocka_unit_test(test_message_passing),
        cmocka_unit_test(test_races),
        cmocka_unit_test(test_iriw),
        cmocka_unit_test(test_load_buffering),
        cmocka_unit_test(test_coherence),
        cmocka_unit_test(test_release_sequences),
        cmocka_unit_test(test_read_modify_writes),
        cmocka_unit_test(test_choices),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
