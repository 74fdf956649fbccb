// SPDX-License-Identifier: MIT
// Message handles: each ends once, a stale one ends nothing, and the block goes back when the last of its views ended.
#include "pools.h"
#include "receive/view.h"

namespace {

using zcnet::memory::Block;
using zcnet::memory::Purpose;

zcn_pool *pool;
Block *block;
zcn_msg *handles[4];
zcn_msg *again;
volatile uint32_t read_so_far[model::max_threads + 1];
uint32_t ended[model::max_threads + 1];
uint32_t stale[model::max_threads + 1];
zcnet::Status why;

zcn_msg *issue() {
    zcnet::receive::View view;
    view.data = block->base;
    view.size = 1;
    view.block = block;
    return zcnet::receive::issue_leased(block, view);
}

// A leased block from the heap with `views` views out.
template <uint32_t views, bool leased>
void set_up() {
    model::threads_have_memory();
    pool = model::make_pool(0, 8);
    block = pool->take_heap(64, Purpose::ordinary, &why);
    zcnet::memory::lease_begin(block);
    block->base[0] = 7;
    for (uint32_t i = 0; i < views; i++) MODEL_REQUIRE((handles[i] = issue()) != nullptr);
    if (leased) return;
    zcnet::receive::close_group(block);
    zcnet::memory::lease_end(block);
}

void read(const zcn_msg *msg) {
    zcnet::receive::View view;
    MODEL_REQUIRE(zcnet::receive::find_view(msg, &view));
    read_so_far[model::this_thread()] = *view.data;
}

void count(zcnet::Status status) {
    const unsigned me = model::this_thread();
    MODEL_REQUIRE(status == ZCN_OK || status == ZCN_ESTALE);
    (status == ZCN_OK ? ended[me] : stale[me])++;
}

template <uint32_t which>
void end() {
    count(zcnet::receive::end_view(handles[which]));
}
template <uint32_t which>
void read_and_end() {
    read(handles[which]);
    end<which>();
}
template <uint32_t one, uint32_t other>
void read_and_end_two() {
    read_and_end<one>();
    read_and_end<other>();
}
void end_together() {
    zcn_msg *const both[] = {handles[0], handles[1]};
    read(handles[0]);
    count(zcnet::receive::end_views(both, 2));
}
void close_and_end_lease() {
    zcnet::receive::close_group(block);
    zcnet::memory::lease_end(block);
}
// The lessee goes on with the block once it is alone.
void close_and_begin_again() {
    zcnet::receive::close_group(block);
    if (!zcnet::memory::lease_is_alone(block)) return;
    zcnet::memory::lease_begin(block);
    block->base[0] = 8;
}

template <uint32_t ends, uint32_t stales>
void the_block_is_gone() {
    uint32_t all_ended = 0, all_stale = 0;
    for (unsigned t = 0; t <= model::max_threads; t++) all_ended += ended[t], all_stale += stale[t];
    MODEL_REQUIRE(all_ended == ends);
    MODEL_REQUIRE(all_stale == stales);
    MODEL_REQUIRE(pool->in_use() == 0);
}
void close_and_look() {
    close_and_end_lease();
    MODEL_REQUIRE(pool->in_use() == 0);
}

void test_ends(void **) {
    model::holds({"two views end", set_up<2, false>, {read_and_end<0>, read_and_end<1>}, the_block_is_gone<2, 0>});
    model::holds({"a view ends while the lessee lets go",
                  set_up<1, true>,
                  {close_and_end_lease, read_and_end<0>},
                  the_block_is_gone<1, 0>});
    model::holds({"two views end while the lessee lets go",
                  set_up<2, true>,
                  {close_and_end_lease, read_and_end<0>, read_and_end<1>},
                  the_block_is_gone<2, 0>});
    model::holds(
        {"views end together and alone", set_up<3, false>, {end_together, read_and_end<2>}, the_block_is_gone<2, 0>});
    model::holds({"the lessee begins again",
                  set_up<2, true>,
                  {close_and_begin_again, read_and_end<0>, read_and_end<1>},
                  close_and_look});
}

// Two ends of one handle: the second does nothing, and takes nothing that belongs to another view.
void test_stale(void **) {
    model::holds({"a handle ends twice", set_up<2, false>, {end<0>, end<0>}, [] {
                      end<1>();
                      the_block_is_gone<2, 1>();
                  }});
}

// The group of a handle that ended serves for a new one, which the stale handle does not reach.
void end_and_issue_again() {
    end<0>();
    block = pool->take_heap(64, Purpose::ordinary, &why);
    zcnet::memory::lease_begin(block);
    again = issue();
    MODEL_REQUIRE(again != nullptr && again != handles[0]);
    close_and_end_lease();
}
void test_generations(void **) {
    model::holds({"a stale handle of a group that is used again", set_up<1, false>, {end_and_issue_again, end<0>}, [] {
                      MODEL_REQUIRE(ended[0] + ended[1] == 1 && stale[0] + stale[1] == 1);
                      MODEL_REQUIRE(zcnet::receive::end_view(again) == ZCN_OK);
                      MODEL_REQUIRE(zcnet::receive::end_view(again) == ZCN_ESTALE);
                      MODEL_REQUIRE(pool->in_use() == 0);
                  }});
}

void test_three_threads(void **) {
    model::holds({"the lessee lets go, two end two views each",
                  set_up<4, true>,
                  {close_and_end_lease, read_and_end_two<0, 1>, read_and_end_two<2, 3>},
                  the_block_is_gone<4, 0>});
    model::holds({"the lessee begins again, two end two views each",
                  set_up<4, true>,
                  {close_and_begin_again, read_and_end_two<0, 1>, read_and_end_two<2, 3>},
                  close_and_look});
    model::holds({"a handle ends three times", set_up<2, false>, {end<0>, end<0>, end<0>}, [] {
                      end<1>();
                      the_block_is_gone<2, 2>();
                  }});
}

}  // namespace

int main(int count, char **words) {
    const CMUnitTest quick[] = {cmocka_unit_test(test_ends), cmocka_unit_test(test_stale),
                                cmocka_unit_test(test_generations)};
    const CMUnitTest thorough[] = {cmocka_unit_test(test_three_threads)};
    return model::run_short_or_all(quick, thorough, count, words);
}
