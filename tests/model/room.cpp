// SPDX-License-Identifier: MIT
// Waiting for room in a pool at its limit (zcn_loop_await_memory()): nobody sleeps on who could be told that there is
// room, or that there can be none any more.
#include "pools.h"

namespace {

using zcnet::memory::Block;
using zcnet::memory::Room;

constexpr uint64_t small = 1;                         // a block serves it
constexpr uint64_t large = model::block_bytes;        // memory of its own, of little more than a block
constexpr uint64_t most = 5 * model::block_bytes;     // possible as long as the reserve is small
constexpr uint64_t largest = 2 * model::block_bytes;  // message; the reserve is a block more, and a little

zcn_pool *pool;
Block *blocks[8];
model::Sleeper sleepers[model::max_threads];

// The source has been asked for single pages, and has kept them.
void know_source() {
    pool->give_block(blocks[0]);
    (void)pool->trim();
    blocks[0] = model::take(pool);
}

// At its limit of eight blocks, of which those from `out` on are free. Two that follow each other are a slab.
template <const zcn_pool_source *source, uint32_t out, bool knows_source = true>
void set_up() {
    pool = model::make_pool(8, 8, source);
    for (Block *&block : blocks) block = model::take(pool);
    if (source != nullptr && knows_source) know_source();
    for (uint32_t i = out; i < 8; i++) pool->give_block(blocks[i]);
}

template <uint32_t which>
void give() {
    blocks[which]->base[0]++;
    pool->give_block(blocks[which]);
}

template <uint64_t size, unsigned rounds = 2>
void await() {
    model::Sleeper &me = sleepers[model::this_thread()];
    me.wait(
        rounds, [] { return pool->room_for(size) != Room::none; },
        [&me] { return pool->wait_for_room(&me.waiter, size) != Room::none; });
}

template <uint64_t size>
void nobody_sleeps_in_vain() {
    for (const model::Sleeper &sleeper : sleepers)
        if (sleeper.sleeps_on()) MODEL_REQUIRE(pool->room_for(size) == Room::none);
}

void raise_reserve() { MODEL_REQUIRE(pool->reserve_for(largest)); }

void trim() { (void)pool->trim(); }

void test_release(void **) {
    model::holds({"room for a block, against a release",
                  set_up<nullptr, 8>,
                  {give<0>, await<small>},
                  nobody_sleeps_in_vain<small>});
    model::holds({"room for more than a block, against a release",
                  set_up<nullptr, 7>,
                  {give<0>, await<large>},
                  nobody_sleeps_in_vain<large>});
}

void test_reserve(void **) {
    model::holds({"room for what a reserve that grows leaves none for",
                  set_up<nullptr, 8>,
                  {raise_reserve, await<most>},
                  nobody_sleeps_in_vain<most>});
}

// A source takes back whole slabs: the last block of one leaves room.
void test_source(void **) {
    model::holds({"room in a slab, against the release of its last block",
                  set_up<&model::whole_slabs, 7>,
                  {give<6>, await<large>},
                  nobody_sleeps_in_vain<large>});
    model::holds({"room in an empty slab, against trim",
                  set_up<&model::whole_slabs, 6>,
                  {trim, await<large>},
                  nobody_sleeps_in_vain<large>});
    model::holds({"two wait for room in an empty slab",
                  set_up<&model::whole_slabs, 6>,
                  {await<large>, await<large>},
                  nobody_sleeps_in_vain<large>});
}
void test_new_source(void **) {
    model::holds({"room in a slab of a new source, against the release of its last block",
                  set_up<&model::whole_slabs, 7, false>,
                  {give<6>, await<large>},
                  nobody_sleeps_in_vain<large>});
}

// One who looks while another does leaves it to that one, and what was free for him is found all the same.
constexpr uint64_t half = model::slab_block_bytes / 2;  // more than is cut from a block
void set_up_slab_blocks() {
    pool = model::make_pool(8, 8, &model::whole_slabs, model::slab_block_bytes);
    for (Block *&block : blocks) block = model::take(pool);
    know_source();
}
template <uint64_t size>
void look() {
    (void)pool->room_for(size);
}
// From the wait on.
template <uint64_t size>
void queue_and_look() {
    model::Sleeper &me = sleepers[model::this_thread()];
    me.sleeps = pool->wait_for_room(&me.waiter, size) == Room::none;
}
void test_two_look(void **) {
    model::holds({"room in a slab, against its release and one who looks",
                  set_up_slab_blocks,
                  {give<0>, queue_and_look<half>, look<half>},
                  nobody_sleeps_in_vain<half>});
}

// Who looks for room has the free blocks in hand for a moment.
void take_or_sleep() {
    static Block *taken[model::max_threads];
    static const auto attempt = [] { return (taken[model::this_thread()] = model::take(pool)) != nullptr; };
    model::Sleeper &me = sleepers[model::this_thread()];
    me.wait(2, attempt, [&me] {
        pool->wait(&me.waiter);
        return attempt();
    });
}
void test_passing_hands(void **) {
    model::holds({"waiting for a block, against one who looks for room",
                  set_up<&model::whole_slabs, 7>,
                  {look<large>, take_or_sleep},
                  [] {
                      for (const model::Sleeper &sleeper : sleepers)
                          if (sleeper.sleeps_on()) MODEL_REQUIRE(model::take(pool) == nullptr);
                  }});
}

void test_two_releases(void **) {
    model::holds({"room for more than a block, against two releases",
                  set_up<nullptr, 8>,
                  {give<0>, give<1>, await<large>},
                  nobody_sleeps_in_vain<large>});
}

}  // namespace

int main(int count, char **words) {
    const CMUnitTest quick[] = {cmocka_unit_test(test_release), cmocka_unit_test(test_reserve),
                                cmocka_unit_test(test_source), cmocka_unit_test(test_passing_hands),
                                cmocka_unit_test(test_two_look)};
    const CMUnitTest thorough[] = {cmocka_unit_test(test_two_releases), cmocka_unit_test(test_new_source)};
    return model::run_short_or_all(quick, thorough, count, words);
}
