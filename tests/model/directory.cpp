// SPDX-License-Identifier: MIT
// The table that grows: each entry is given out once, and is initialised for whoever gets it or finds it.
#include "memory/directory.h"

#include "model_test.h"

namespace {

struct Entry {
    uint32_t owner = 7;
    std::atomic<uint32_t> mark{5};
};

zcnet::memory::Directory<Entry, 2, 4> table;
std::atomic<uint32_t> passed;  // index + 1 that one thread passes to another
uint32_t got[model::max_threads];
uint32_t first_of[model::max_threads];

template <uint32_t count>
void reserve() {
    const unsigned me = model::this_thread();
    uint32_t first = 0;
    if (!table.reserve(count, &first)) return;
    first_of[me] = first;
    got[me] = count;
    for (uint32_t i = first; i < first + count; i++) {
        MODEL_REQUIRE(table[i].owner == 7);
        table[i].owner = me;
    }
    passed.store(first + 1, std::memory_order_release);
}
void look() {
    if (const uint32_t index = passed.load(std::memory_order_acquire)) MODEL_REQUIRE(table[index - 1].owner != 7);
}
void look_anywhere() {
    for (uint32_t i = 0; i < 2; i++)
        if (const Entry *entry = table.find(2 * i)) MODEL_REQUIRE(entry->mark.load(std::memory_order_relaxed) == 5);
}

template <uint32_t all>
void every_entry_has_one_owner() {
    MODEL_REQUIRE(table.size() == all);
    for (unsigned t = 0; t < model::max_threads; t++)
        for (uint32_t i = 0; i < got[t]; i++) MODEL_REQUIRE(table[first_of[t] + i].owner == t);
}
template <uint32_t all>
void its_memory_goes() {
    every_entry_has_one_owner<all>();
    table.clear();
    MODEL_REQUIRE(model::memory_in_use() == 0);
}

void test_two_threads(void **) {
    model::holds({"two reserve", nullptr, {reserve<1>, reserve<1>}, its_memory_goes<2>});
    model::holds({"two reserve over the edge of a chunk", nullptr, {reserve<3>, reserve<3>}, its_memory_goes<6>});
    model::holds({"an entry is passed on", nullptr, {reserve<1>, look}, its_memory_goes<1>});
    model::holds({"one looks anywhere", nullptr, {reserve<3>, look_anywhere}, its_memory_goes<3>});
}
void test_three_threads(void **) {
    model::holds({"two reserve over the edge of a chunk, one looks",
                  nullptr,
                  {reserve<3>, reserve<3>, look},
                  its_memory_goes<6>});
}

}  // namespace

int main(int count, char **words) {
    const CMUnitTest quick[] = {cmocka_unit_test(test_two_threads)};
    const CMUnitTest thorough[] = {cmocka_unit_test(test_three_threads)};
    return model::run_short_or_all(quick, thorough, count, words);
}
