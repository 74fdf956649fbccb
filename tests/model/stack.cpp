// SPDX-License-Identifier: MIT
// The tagged stack: every entry is in one place, whoever pops one owns it alone, and what its last owner wrote is
// seen.
#include "memory/tagged_stack.h"
#include "model_test.h"

namespace {

constexpr uint32_t entries = 4;
constexpr uint32_t none = zcnet::memory::TaggedStack<>::none;

struct Links {
    std::atomic<uint32_t> links[entries];
    std::atomic<uint32_t> &link(uint32_t index) noexcept { return links[index]; }
};

zcnet::memory::TaggedStack<> stack;
Links links;
uint32_t contents[entries];  // plain: whoever has an entry writes here
uint32_t held[model::max_threads][entries];
uint32_t holds_so_many[model::max_threads];

void push_one(uint32_t index) {
    contents[index]++;
    stack.push(links, index);
}

void pop() {
    const uint32_t index = stack.pop(links);
    if (index == none) return;
    const unsigned me = model::this_thread();
    contents[index]++;
    held[me][holds_so_many[me]++] = index;
}

void push() {
    const unsigned me = model::this_thread();
    if (holds_so_many[me] != 0) push_one(held[me][--holds_so_many[me]]);
}

void pop_push() { pop(), push(); }
void pop_pop() { pop(), pop(); }
void push_pop() { push(), pop(); }
void push_push() { push(), push(); }

// Up to two in one step.
void pop_both() {
    uint32_t count = 0;
    uint32_t index = stack.pop_some(links, 2, &count);
    const unsigned me = model::this_thread();
    for (uint32_t i = 0; i < count; i++) {
        contents[index]++;
        held[me][holds_so_many[me]++] = index;
        if (i + 1 < count) index = links.link(index).load(std::memory_order_relaxed) - 1;
    }
}
void pop_both_push() { pop_both(), push(); }

// Threads begin with entries of their own where they are to push first.
template <uint32_t stacked, uint32_t given_0, uint32_t given_1, uint32_t given_2>
void set_up() {
    for (uint32_t i = 0; i < stacked; i++) push_one(i);
    uint32_t next = stacked;
    const uint32_t given[] = {given_0, given_1, given_2};
    for (unsigned t = 0; t < 3; t++)
        for (uint32_t i = 0; i < given[t]; i++) held[t][holds_so_many[t]++] = next++;
    MODEL_REQUIRE(next <= entries);
}

template <uint32_t count>
void finish() {
    uint32_t seen[entries] = {};
    for (unsigned t = 0; t < 3; t++)
        for (uint32_t i = 0; i < holds_so_many[t]; i++) seen[held[t][i]]++;
    for (uint32_t left = entries + 1; left > 0; left--) {
        const uint32_t index = stack.pop(links);
        if (index == none) break;
        MODEL_REQUIRE(left > 1);
        seen[index]++;
    }
    for (uint32_t i = 0; i < entries; i++) MODEL_REQUIRE(seen[i] == (i < count ? 1 : 0));
}

void test_two_threads(void **) {
    model::holds({"two pop and push", set_up<2, 0, 0, 0>, {pop_push, pop_push}, finish<2>});
    model::holds({"one pops twice and one pushes back", set_up<2, 0, 0, 0>, {pop_pop, pop_push}, finish<2>});
    model::holds({"one pushes first", set_up<1, 1, 0, 0>, {push_pop, pop_pop}, finish<2>});
}

// What the tag is for: one thread rests between its look at an entry's link and its exchange, while others pop that
// entry, pop the next, and push the first again.
void pop_pop_push() {
    pop(), pop();
    const unsigned me = model::this_thread();
    if (holds_so_many[me] == 2) {
        push_one(held[me][0]);
        held[me][0] = held[me][1];
        holds_so_many[me] = 1;
    }
}
void test_tag(void **) { model::holds({"an entry comes back", set_up<3, 0, 0, 0>, {pop, pop_pop_push}, finish<3>}); }

void test_chain(void **) {
    model::holds({"a chain is pushed",
                  [] {
                      contents[0]++, contents[1]++;
                      links.links[0].store(2, std::memory_order_relaxed);
                  },
                  {[] { stack.push(links, 0, 1); }, pop_pop, pop},
                  finish<2>});
}

void test_some(void **) {
    model::holds({"one takes two, another takes and gives back", set_up<3, 0, 0, 0>, {pop_both, pop_push}, finish<3>});
    model::holds({"one takes two while two come", set_up<1, 0, 2, 0>, {pop_both_push, push_push}, finish<3>});
    model::holds(
        {"the second of two is taken and comes back", set_up<3, 0, 0, 0>, {pop_both, pop_pop_push}, finish<3>});
}

void test_spurious(void **) {
    model::Scenario scenario = {
        "exchanges that fail for no reason", set_up<1, 0, 0, 0>, {pop_push, pop_push}, finish<1>};
    scenario.spurious = 2;
    model::holds(scenario);
}

void test_three_threads(void **) {
    model::holds({"three pop and push", set_up<2, 0, 0, 0>, {pop_push, pop_push, pop_push}, finish<2>});
    model::holds({"two pop twice, one pushes back", set_up<3, 0, 0, 0>, {pop_pop, pop_pop, pop_push}, finish<3>});
    model::holds({"two push first", set_up<2, 1, 1, 0>, {push_pop, push_pop, pop_push}, finish<4>});
    model::holds({"one pushes twice", set_up<1, 2, 0, 0>, {push_push, pop_pop, pop_push}, finish<3>});
    model::holds({"two take two, one gives back", set_up<3, 0, 0, 0>, {pop_both, pop_both_push, pop_push}, finish<3>});
    model::holds({"an entry comes back, with a third", set_up<3, 0, 0, 0>, {pop, pop_pop_push, pop_push}, finish<3>});
}

void test_three_threads_spurious(void **) {
    model::Scenario scenario = {
        "three threads, an exchange fails for no reason", set_up<2, 0, 0, 0>, {pop_push, pop_push, pop}, finish<2>};
    scenario.spurious = 1;
    model::holds(scenario);
}

}  // namespace

int main(int count, char **words) {
    const CMUnitTest quick[] = {cmocka_unit_test(test_two_threads), cmocka_unit_test(test_tag),
                                cmocka_unit_test(test_chain), cmocka_unit_test(test_some),
                                cmocka_unit_test(test_spurious)};
    const CMUnitTest thorough[] = {cmocka_unit_test(test_three_threads), cmocka_unit_test(test_three_threads_spurious)};
    return model::run_short_or_all(quick, thorough, count, words);
}
