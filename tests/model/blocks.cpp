// SPDX-License-Identifier: MIT
// Reference counts and leases of blocks: a block goes back once, when nobody reads it any more, and a lessee that finds
// itself alone may write over what others have read.
#include "pools.h"

namespace {

using zcnet::memory::Block;
using zcnet::memory::block_release;
using zcnet::memory::block_retain;
using zcnet::memory::lease_begin;
using zcnet::memory::lease_end;
using zcnet::memory::lease_is_alone;
using zcnet::memory::lease_renew;

zcn_pool *pool;
Block *block;
Block *aliases[2];
volatile uint32_t read_so_far[model::max_threads];
uint64_t before;
zcnet::Status why;

// A block from the heap, whose memory is given back with its last reference: any access after that is found.
// `references` are out; the lease goes on or has ended.
template <uint64_t references, bool leased>
void set_up() {
    model::threads_have_memory();
    pool = model::make_pool(0, 8);
    before = model::memory_in_use();
    block = pool->take_heap(64, zcnet::memory::Purpose::ordinary, &why);
    MODEL_REQUIRE(block != nullptr);
    lease_begin(block);
    block->base[0] = 7;
    block->handed = references;
    if (!leased) lease_end(block);
}

void read() { read_so_far[model::this_thread()] = block->base[0]; }
void read_and_release() {
    read();
    block_release(block);
}
void release_twice() {
    read_and_release();
    read_and_release();
}
void release_two() {
    read();
    block_release(block, 2);
}
void retain_and_release() {
    block_retain(block);
    read_and_release();
    read_and_release();
}

void block_is_gone() { MODEL_REQUIRE(pool->in_use() == 0 && model::memory_in_use() == before); }

// The lessee's turns.
void end_lease() {
    block->base[1] = 1;  // not what others read
    lease_end(block);
}
template <void (*again)(Block *)>
void begin_again() {
    if (!lease_is_alone(block)) return;
    again(block);
    block->base[0] = 8;
}
template <void (*again)(Block *)>
void begin_again_twice() {
    begin_again<again>();
    begin_again<again>();
}
void end_and_look() {
    lease_end(block);
    block_is_gone();
}

void test_releases(void **) {
    model::holds({"two release", set_up<2, false>, {read_and_release, read_and_release}, block_is_gone});
    model::holds(
        {"two release, one both of its references", set_up<3, false>, {release_two, read_and_release}, block_is_gone});
    model::holds({"one retains", set_up<2, false>, {retain_and_release, read_and_release}, block_is_gone});
}
void test_lease(void **) {
    model::holds({"the lease ends", set_up<2, true>, {end_lease, read_and_release, read_and_release}, block_is_gone});
    model::holds({"the lessee begins again",
                  set_up<2, true>,
                  {begin_again_twice<lease_begin>, read_and_release, read_and_release},
                  end_and_look});
    model::holds({"the lessee renews",
                  set_up<2, true>,
                  {begin_again_twice<lease_renew>, read_and_release, read_and_release},
                  end_and_look});
}

// Two aliases hold their block; each is held twice.
void release_aliases() {
    for (Block *alias : aliases) {
        read_so_far[model::this_thread()] = alias->base[0];
        block_release(alias);
    }
}
void test_aliases(void **) {
    model::holds({"aliases of a block",
                  [] {
                      set_up<2, false>();
                      for (Block *&alias : aliases) {
                          alias = zcnet::memory::make_alias(block, block->base, 16);
                          alias->count.store(2, std::memory_order_relaxed);
                      }
                  },
                  {release_aliases, release_aliases},
                  [] { MODEL_REQUIRE(pool->in_use() == 0); }});
}

// From the last reference to the next user of the same bytes.
void take_and_write() {
    if (Block *taken = model::take(pool)) {
        taken->base[0] = 9;
        pool->give_block(taken);
    }
}
void set_up_shared() {
    pool = model::make_pool(16, 16);  // no private caches
    block = model::take(pool);
    lease_begin(block);
    block->base[0] = 7;
    block->handed = 2;
    lease_end(block);
}
void test_reuse(void **) {
    model::holds({"a block is released and taken again",
                  set_up_shared,
                  {read_and_release, read_and_release, take_and_write},
                  [] { MODEL_REQUIRE(pool->in_use() == 0); }});
}

void test_three_threads(void **) {
    model::holds(
        {"three release two each", set_up<6, false>, {release_twice, release_twice, release_twice}, block_is_gone});
    model::holds({"three retain and release",
                  set_up<3, false>,
                  {retain_and_release, retain_and_release, retain_and_release},
                  block_is_gone});
    model::holds({"the lease ends, two release two each",
                  set_up<4, true>,
                  {end_lease, release_twice, release_twice},
                  block_is_gone});
    model::holds({"the lessee begins again, two release two each",
                  set_up<4, true>,
                  {begin_again_twice<lease_begin>, release_twice, release_twice},
                  end_and_look});
    model::holds({"the lessee renews, others retain",
                  set_up<2, true>,
                  {begin_again_twice<lease_renew>, retain_and_release, retain_and_release},
                  end_and_look});
}

}  // namespace

int main(int count, char **words) {
    const CMUnitTest quick[] = {cmocka_unit_test(test_releases), cmocka_unit_test(test_lease),
                                cmocka_unit_test(test_aliases), cmocka_unit_test(test_reuse)};
    const CMUnitTest thorough[] = {cmocka_unit_test(test_three_threads)};
    return model::run_short_or_all(quick, thorough, count, words);
}
