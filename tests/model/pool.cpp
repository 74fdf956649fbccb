// SPDX-License-Identifier: MIT
// The upstream of blocks: each block is one thread's, the account comes out even, memory that is free is not waited for
// in vain, and a pool ends once, after everything that was taken from it.
#include "pools.h"

namespace {

using zcnet::memory::Block;
using zcnet::memory::Purpose;
using zcnet::memory::Waiter;

zcn_pool *pool;
Block *blocks[8 + model::max_threads];
uint32_t taken[model::max_threads];

void take_and_give() {
    Block *block = model::take(pool);
    if (block == nullptr) return;
    taken[model::this_thread()]++;
    block->base[0]++;  // its bytes are this thread's alone
    pool->give_block(block);
}

void give_mine() {
    Block *block = blocks[model::this_thread()];
    block->base[0]++;
    pool->give_block(block);
}

void take_and_keep() {
    Block *block = model::take(pool);
    if (block != nullptr) block->base[0]++;
    blocks[8 + model::this_thread()] = block;
}

void nothing_is_out() { MODEL_REQUIRE(pool->in_use() == 0); }

template <uint64_t limit, uint64_t keep, uint32_t out, uint32_t free>
void set_up() {
    pool = model::make_pool(limit, keep);
    for (uint32_t i = 0; i < out + free; i++) blocks[i] = model::take(pool);
    for (uint32_t i = out; i < out + free; i++) pool->give_block(blocks[i]);
}

void test_blocks(void **) {
    model::holds({"warm blocks", set_up<0, 8, 0, 2>, {take_and_give, take_and_give}, nothing_is_out});
    model::holds({"one is given, one is taken", set_up<0, 8, 1, 0>, {give_mine, take_and_give}, nothing_is_out});
    model::holds({"cold blocks", set_up<0, 1, 1, 1>, {give_mine, take_and_give}, nothing_is_out});
}

void trim() { pool->trim(); }
void test_trim(void **) {
    model::holds({"trim, against a take", set_up<0, 8, 1, 1>, {trim, take_and_keep}, [] {
                      for (Block *block : {blocks[0], blocks[9]})
                          if (block != nullptr) pool->give_block(block);
                      nothing_is_out();
                  }});
    model::holds({"two trim", set_up<0, 8, 0, 2>, {trim, trim}, [] {
                      nothing_is_out();
                      (void)pool->trim();
                      zcn_pool_stats stats{};
                      pool->read_stats(&stats);
                      MODEL_REQUIRE(stats.reserved_bytes == 0);
                  }});
    model::holds({"trim, against a release", set_up<0, 8, 2, 1>, {trim, give_mine}, [] {
                      pool->give_block(blocks[0]);
                      nothing_is_out();
                  }});
}

// The last handle goes while blocks are out: whoever is last ends the pool, and nobody touches it after that.
volatile uint64_t looked_at[model::max_threads];
void let_go() {
    looked_at[model::this_thread()] = pool->limit();  // a use of the pool, which ends with the handle
    pool->release();
}
void everything_went() { MODEL_REQUIRE(model::memory_in_use() == 0); }
void set_up_two_handles() {
    set_up<0, 8, 0, 1>();
    pool->retain();
}
void test_close(void **) {
    model::holds({"two handles go", set_up_two_handles, {let_go, let_go}, everything_went});
    model::holds({"close, against the only release",
                  [] {
                      set_up<0, 8, 2, 0>();
                      pool->give_block(blocks[0]);
                  },
                  {let_go, give_mine},
                  everything_went});
    model::holds({"close, against the last release", set_up<0, 8, 2, 0>, {let_go, give_mine}, [] {
                      pool->give_block(blocks[0]);
                      everything_went();
                  }});
    model::holds({"close of a limited pool", set_up<8, 8, 2, 0>, {let_go, give_mine}, [] {
                      pool->give_block(blocks[0]);
                      everything_went();
                  }});
}

// Those who wait for memory, or for the right to use the reserve.
model::Sleeper sleepers[model::max_threads];

bool take_one() { return (blocks[8 + model::this_thread()] = model::take(pool)) != nullptr; }
bool take_right() { return pool->begin_finish(&sleepers[model::this_thread()]); }

template <bool (*attempt)(), unsigned rounds>
void wait_for() {
    model::Sleeper &me = sleepers[model::this_thread()];
    me.wait(rounds, attempt, [&me] {
        pool->wait(&me.waiter);
        return attempt();
    });
}

// Of those that sleep and were not woken none could go on.
template <bool (*possible)()>
void nobody_sleeps_in_vain() {
    for (const model::Sleeper &sleeper : sleepers)
        if (sleeper.sleeps_on()) MODEL_REQUIRE(!possible());
}

bool a_block_is_free() { return model::take(pool) != nullptr; }
bool the_right_is_free() { return !pool->has_finisher(); }

void give_back_right() { pool->end_finish(&blocks); }
template <uint32_t out>
void set_up_right() {
    set_up<8, 8, out, 0>();
    MODEL_REQUIRE(pool->begin_finish(&blocks));
}

void test_wake_up(void **) {
    model::holds({"waiting, against a release",
                  set_up<8, 8, 8, 0>,
                  {give_mine, wait_for<take_one, 2>},
                  nobody_sleeps_in_vain<a_block_is_free>});
    model::holds({"waiting, against a release of what is not kept",
                  set_up<8, 0, 8, 0>,
                  {give_mine, wait_for<take_one, 2>},
                  nobody_sleeps_in_vain<a_block_is_free>});
    model::holds({"waiting for the right, against its end",
                  set_up_right<1>,
                  {give_back_right, wait_for<take_right, 2>},
                  nobody_sleeps_in_vain<the_right_is_free>});
}

// Free memory is in somebody's hand for a moment, who does not use it in the end.
void take_all_but_one() {
    set_up<8, 8, 8, 0>();
    pool->give_block(blocks[7]);
}
template <uint64_t size>
void ask_for_more() {
    static zcnet::Status why;
    MODEL_REQUIRE(pool->take_heap(size * model::block_bytes, Purpose::ordinary, &why) == nullptr);
}
void test_passing_hands(void **) {
    model::holds({"waiting, against trim",
                  take_all_but_one,
                  {trim, wait_for<take_one, 2>},
                  nobody_sleeps_in_vain<a_block_is_free>});
    model::holds({"waiting, against a request for too much",
                  take_all_but_one,
                  {ask_for_more<3>, wait_for<take_one, 2>},
                  nobody_sleeps_in_vain<a_block_is_free>});
}

// The reserve is a little more than three blocks, so that others have a little less than five. Whoever may use it makes
// more resident than that, and has more in use for a moment.
template <uint64_t keep, uint32_t out, uint32_t free>
void set_up_reserve() {
    set_up<8, keep, out, free>();
    MODEL_REQUIRE(pool->reserve_for(2 * model::block_bytes));
}
void use_reserve() {
    static zcnet::Status why;
    Block *block = pool->take_block(Purpose::finish, &why);
    MODEL_REQUIRE(block != nullptr);
    block->base[0]++;
    pool->give_block(block);
}
void the_reserve_is_whole() {
    zcn_pool_stats stats{};
    pool->read_stats(&stats);
    MODEL_REQUIRE(stats.in_use_bytes + stats.reserve_bytes <= stats.limit_bytes);
}
void use_reserve_and_take() {
    use_reserve();
    take_and_keep();
}
void use_reserve_and_wait() {
    use_reserve();
    wait_for<take_one, 1>();
}
void take_heap() {
    static zcnet::Status why;
    (void)pool->take_heap(2 * model::block_bytes - model::block_bytes / 8, Purpose::ordinary, &why);
}

// A region that was recycled has more than is needed of it.
Block *take_region(uint64_t bytes) {
    static zcnet::Status why;
    return pool->take_region(model::block_bytes, bytes, Purpose::ordinary, &why);
}
void take_small_region() { (void)take_region(zcnet::memory::region_step); }
void set_up_region() {
    set_up_reserve<8, 3, 0>();
    pool->give_region(take_region(model::block_bytes));
}
void test_reserve(void **) {
    model::holds(
        {"two take, and one more is all there is", set_up_reserve<8, 3, 5>, {take_and_keep, take_and_keep}, [] {
             the_reserve_is_whole();
             MODEL_REQUIRE(blocks[8] != nullptr || blocks[9] != nullptr);
         }});
    model::holds({"what the finisher had, against memory of its own",
                  set_up_reserve<8, 3, 0>,
                  {use_reserve_and_take, take_heap},
                  the_reserve_is_whole});
}
void test_late_for_reserve(void **) {
    model::holds({"waiting, against one who comes too late for a block",
                  set_up_reserve<1, 3, 1>,
                  {use_reserve_and_wait, take_and_keep},
                  nobody_sleeps_in_vain<a_block_is_free>});
    model::holds({"waiting, against one who comes too late for memory of its own",
                  set_up_reserve<0, 3, 0>,
                  {use_reserve_and_wait, take_heap},
                  nobody_sleeps_in_vain<a_block_is_free>});
}

// The list of waiters alone: whoever is in it is woken, also when it was not there when the flag was seen.
void only_wait() {
    model::Sleeper &me = sleepers[model::this_thread()];
    pool->wait(&me.waiter);
}
void wait_again() {
    only_wait();
    pool->wait(&sleepers[model::this_thread()].waiter);
}
template <unsigned waiters>
void all_are_woken() {
    pool->give_block(blocks[3]);
    for (unsigned t = 0; t < waiters; t++) {
        const model::Sleeper &sleeper = sleepers[t];
        MODEL_REQUIRE(sleeper.woken.load(std::memory_order_relaxed) >= 1);
        MODEL_REQUIRE(!sleeper.waiter.queued.load(std::memory_order_relaxed));
    }
}
template <uint32_t which>
void give_this() {
    pool->give_block(blocks[which]);
}
void test_list(void **) {
    model::holds(
        {"one waits again, against a release", set_up<8, 8, 8, 0>, {wait_again, give_this<1>}, all_are_woken<1>});
    model::holds(
        {"two wait, against a release", set_up<8, 8, 8, 0>, {only_wait, only_wait, give_this<2>}, all_are_woken<2>});
}

// A waiter that is taken back is not woken afterwards; one that cannot be is woken once.
bool cancelled;
void wait_and_cancel() {
    model::Sleeper &me = sleepers[model::this_thread()];
    pool->wait(&me.waiter);
    cancelled = pool->cancel_wait(&me.waiter);
}
void test_cancel(void **) {
    model::holds({"a wait that is taken back, against another", set_up<8, 8, 8, 0>, {wait_again, wait_and_cancel}, [] {
                      // A wake-up too many is harmless, and the other waiter is in the list or was woken.
                      MODEL_REQUIRE(cancelled && sleepers[1].woken.load(std::memory_order_relaxed) == 0);
                      all_are_woken<1>();
                  }});
    model::holds({"a wait that is taken back, against a release", set_up<8, 8, 8, 0>, {give_mine, wait_and_cancel}, [] {
                      MODEL_REQUIRE(sleepers[1].woken.load(std::memory_order_relaxed) == (cancelled ? 0 : 1));
                  }});
}

// A source that has one slab of two blocks. A request is refused only where they are out, whoever has what is free in
// hand at the moment.
std::atomic<void *> only_slab;
template <bool takes_pages>
constexpr zcn_pool_source one_slab = {
    .struct_size = sizeof(zcn_pool_source),
    .allocate = [](void *, uint64_t, uint64_t) { return only_slab.exchange(nullptr, std::memory_order_acquire); },
    .free = [](void *, void *memory, uint64_t) { only_slab.store(memory, std::memory_order_release); },
    .drop = takes_pages ? [](void *, void *memory, uint64_t size) -> int32_t {
        zcnet::os::drop_pages(memory, size);
        return 0;
    }
    : static_cast<int32_t (*)(void *, void *, uint64_t)>(nullptr),
    .end = nullptr,
    .context = nullptr,
};
template <bool takes_pages, uint32_t out, uint32_t free>
void set_up_slab() {
    only_slab.store(zcnet::os::map(2 * model::block_bytes, 2 * model::block_bytes), std::memory_order_relaxed);
    pool = model::make_pool(0, 8, &one_slab<takes_pages>);
    for (uint32_t i = 0; i < out + free; i++) blocks[i] = model::take(pool);
    for (uint32_t i = out; i < out + free; i++) pool->give_block(blocks[i]);
}
template <unsigned thread>
void it_got_one() {
    MODEL_REQUIRE(blocks[8 + thread] != nullptr);
}
void test_end_of_source(void **) {
    model::holds(
        {"trim, against a take of the last block", set_up_slab<false, 1, 1>, {trim, take_and_keep}, it_got_one<1>});
    model::holds(
        {"trim by blocks, against a take of the last", set_up_slab<true, 1, 1>, {trim, take_and_keep}, it_got_one<1>});
    model::holds(
        {"two take of a new slab, which is the last", set_up_slab<true, 0, 0>, {take_and_keep, take_and_keep}, [] {
             it_got_one<0>();
             it_got_one<1>();
         }});
}
void test_last_slab(void **) {
    model::holds(
        {"trim of the last slab, against a take", set_up_slab<false, 0, 2>, {trim, take_and_keep}, it_got_one<1>});
    model::holds({"trim of the last slab by blocks, against a take",
                  set_up_slab<true, 0, 2>,
                  {trim, take_and_keep},
                  it_got_one<1>});
}

void test_slabs(void **) {
    model::holds(
        {"trim, against a take and a release by one", set_up<0, 8, 0, 2>, {trim, take_and_give}, nothing_is_out});
    model::holds({"waiting, against trim of an empty slab",
                  [] {
                      take_all_but_one();
                      pool->give_block(blocks[6]);
                  },
                  {trim, wait_for<take_one, 2>},
                  nobody_sleeps_in_vain<a_block_is_free>});
}
void test_recycled_region(void **) {
    model::holds({"what the finisher had, against a recycled region",
                  set_up_region,
                  {use_reserve_and_take, take_small_region},
                  the_reserve_is_whole});
}
// A source that takes whole slabs gets each as soon as nothing of it is out any more.
uint64_t before;
template <bool open>
void set_up_closed_slab() {
    pool = model::make_pool(0, 8, &model::whole_slabs);
    for (uint32_t i = 0; i < 3; i++) blocks[i] = model::take(pool);
    if (!open) pool->release();
    before = model::memory_in_use();
}
void test_closed_slab(void **) {
    model::holds({"two releases of a closed pool's slab", set_up_closed_slab<false>, {give_this<0>, give_mine}, [] {
                      MODEL_REQUIRE(model::memory_in_use() < before);
                      pool->give_block(blocks[2]);
                      everything_went();
                  }});
    model::holds({"close, against the release of a slab", set_up_closed_slab<true>, {let_go, give_this<2>}, [] {
                      for (uint32_t i = 0; i < 2; i++) pool->give_block(blocks[i]);
                      everything_went();
                  }});
}
void test_three_close(void **) {
    model::holds({"close, against two releases", set_up<0, 8, 3, 0>, {let_go, give_mine, give_mine}, [] {
                      pool->give_block(blocks[0]);
                      everything_went();
                  }});
    model::holds(
        {"close of a limited pool, against two releases", set_up<8, 8, 3, 0>, {let_go, give_mine, give_mine}, [] {
             pool->give_block(blocks[0]);
             everything_went();
         }});
}
void test_three_wake_ups(void **) {
    model::holds({"waiting, against a release and one who does not wait",
                  set_up<8, 8, 8, 0>,
                  {give_mine, take_and_keep, wait_for<take_one, 1>},
                  nobody_sleeps_in_vain<a_block_is_free>});
}

}  // namespace

int main(int count, char **words) {
    const CMUnitTest quick[] = {
        cmocka_unit_test(test_blocks),           cmocka_unit_test(test_trim),          cmocka_unit_test(test_close),
        cmocka_unit_test(test_wake_up),          cmocka_unit_test(test_passing_hands), cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_late_for_reserve), cmocka_unit_test(test_list),          cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_closed_slab),      cmocka_unit_test(test_end_of_source)};
    const CMUnitTest thorough[] = {cmocka_unit_test(test_slabs), cmocka_unit_test(test_last_slab),
                                   cmocka_unit_test(test_recycled_region), cmocka_unit_test(test_three_close),
                                   cmocka_unit_test(test_three_wake_ups)};
    return model::run_short_or_all(quick, thorough, count, words);
}
