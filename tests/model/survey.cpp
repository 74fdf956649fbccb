// SPDX-License-Identifier: MIT
// Those who look at all views at once, while their holders go on: what is read of a group belongs to one of its lives,
// and a holder who is told that the bytes are his alone may write them.
#include "receive/survey.h"

#include <utility>

#include "memory/clock.h"
#include "pools.h"
#include "receive/exclusive.h"

namespace {

using zcnet::memory::Block;
using zcnet::receive::View;

zcn_pool *pools[2];
Block *blocks[2];
const uint8_t *bytes[2];
zcn_msg *handles[3];
volatile uint32_t read_so_far[model::max_threads + 1];
zcnet::Status why;

// What lies in each block differs in everything that is noted of it.
View view_of(uint32_t which) {
    View view;
    view.data = blocks[which]->base;
    view.size = 1 + which;
    view.block = blocks[which];
    return view;
}

Block *make_block(uint32_t which) {
    Block *block = pools[which]->take_heap(64 << which, zcnet::memory::Purpose::ordinary, &why);
    zcnet::memory::lease_begin(block);
    block->base[0] = 7;
    bytes[which] = block->base;
    return block;
}

void set_up() {
    model::threads_have_memory();
    for (zcn_pool *&pool : pools) pool = model::make_pool(0, 8);
    blocks[0] = make_block(0);
}

void end(zcn_msg *msg) { MODEL_REQUIRE(zcnet::receive::end_view(msg) == ZCN_OK); }

void let_go(Block *block) {
    zcnet::receive::close_group(block);
    zcnet::memory::lease_end(block);
}

// One group is looked at while its view ends and it serves for another.
const zcnet::receive::Group *group;
zcnet::receive::Held held;
bool was_held;

void set_up_group() {
    set_up();
    handles[0] = zcnet::receive::issue_leased(blocks[0], view_of(0));
    group = zcnet::receive::take_apart(handles[0]).group;
    let_go(blocks[0]);
}
void end_and_issue_another() {
    end(handles[0]);
    blocks[1] = make_block(1);
    handles[1] = zcnet::receive::issue_leased(blocks[1], view_of(1));
    MODEL_REQUIRE(zcnet::receive::take_apart(handles[1]).group == group);
    let_go(blocks[1]);
}
void end_and_issue_one() {
    end(handles[0]);
    blocks[1] = make_block(1);
    handles[1] = zcnet::receive::issue(view_of(1), zcnet::receive::holding_of(blocks[1]));
    MODEL_REQUIRE(zcnet::receive::take_apart(handles[1]).group == group);
}
void look_at_group() { was_held = zcnet::receive::read_group(group, &held); }
void it_is_of_one_life() {
    if (!was_held) return;
    MODEL_REQUIRE(held.count == 1);
    const uint64_t life = held.at[0].size - 1;
    MODEL_REQUIRE(held.root == blocks[life]);
    MODEL_REQUIRE(held.at[0].data == bytes[life]);
    MODEL_REQUIRE(held.pool == pools[life]->number());
    MODEL_REQUIRE(held.pins == (64 << life) + sizeof(Block));
    MODEL_REQUIRE((held.made == zcnet::memory::ticks()) == (life == 1));
}

void test_group(void **) {
    model::holds({"a group that serves again, looked at",
                  set_up_group,
                  {end_and_issue_another, look_at_group},
                  it_is_of_one_life});
    model::holds({"a group that serves again for one view, looked at",
                  set_up_group,
                  {end_and_issue_one, look_at_group},
                  it_is_of_one_life});
}

// The event that showed a message is read until its borrow ends.
void set_up_event() {
    set_up();
    handles[0] = zcnet::receive::issue_leased(blocks[0], view_of(0));
}
void read_event() {
    read_so_far[model::this_thread()] = blocks[0]->base[0];
    let_go(blocks[0]);
}
bool mine(zcn_msg *msg) {
    View view;
    MODEL_REQUIRE(zcnet::receive::find_view(msg, &view));
    return zcnet::receive::is_exclusive(msg, view);
}
void write_mine() {
    if (mine(handles[0])) blocks[0]->base[0] = 8;
}
void test_event(void **) {
    model::holds({"the bytes of an event", set_up_event, {read_event, write_mine}, [] {
                      MODEL_REQUIRE(mine(handles[0]));
                      end(handles[0]);
                      MODEL_REQUIRE(pools[0]->in_use() == 0);
                  }});
}

// Two views of the same bytes. The group that the next view gets lies in front of theirs.
zcn_msg *make_view(zcn_msg *of) {
    View view;
    MODEL_REQUIRE(zcnet::receive::find_view(of, &view));
    const zcnet::receive::Holding holding = zcnet::receive::holding_of(*zcnet::receive::take_apart(of).group);
    zcnet::receive::note_shared(holding.root, view.data, view.size);
    zcn_msg *made = zcnet::receive::issue(view, holding);
    MODEL_REQUIRE(made != nullptr);
    zcnet::memory::block_retain(view.block);
    zcnet::receive::count_share(holding.root);
    return made;
}
void set_up_shared() {
    set_up();
    zcn_msg *first = zcnet::receive::issue_leased(blocks[0], view_of(0));
    let_go(blocks[0]);
    handles[0] = make_view(first);
    handles[1] = make_view(first);
    end(first);
    zcnet::memory::ObjectBin &mine = zcnet::memory::this_thread()->bins[zcnet::memory::group_class];
    zcnet::memory::ObjectBin next;
    next.head = std::exchange(mine.freed, nullptr);
    mine.freed_count = 0;
    zcnet::memory::objects_give_back(next, zcnet::memory::group_class);
}
void read_and_end(zcn_msg *msg) {
    read_so_far[model::this_thread()] = blocks[0]->base[0];
    end(msg);
}
void pass_on() {
    handles[2] = make_view(handles[1]);
    read_and_end(handles[1]);
}
void lend_and_end() {
    zcnet::receive::note_lent(blocks[0], blocks[0]->base, 1, false);
    end(handles[1]);
}
void it_is_shared() { MODEL_REQUIRE(!mine(handles[0])); }

// The other view is of the lessee's open group, which the lessee takes back.
void set_up_open() {
    set_up();
    handles[1] = zcnet::receive::issue_leased(blocks[0], view_of(0));
    handles[0] = make_view(handles[1]);
}
void close() { zcnet::receive::close_group(blocks[0]); }
void test_open(void **) {
    model::holds({"the other view of the bytes ends, and its group is taken back",
                  set_up_open,
                  {close, [] { read_and_end(handles[1]); }, write_mine},
                  [] {
                      MODEL_REQUIRE(mine(handles[0]));
                      zcnet::memory::lease_end(blocks[0]);
                  }});
}

void test_shared(void **) {
    model::holds(
        {"the other view of the bytes ends", set_up_shared, {[] { read_and_end(handles[1]); }, write_mine}, [] {
             MODEL_REQUIRE(mine(handles[0]));
         }});
    model::holds({"the other view of the bytes is passed on", set_up_shared, {pass_on, it_is_shared}, [] {
                      MODEL_REQUIRE(zcnet::receive::take_apart(handles[2]).group <
                                    zcnet::receive::take_apart(handles[1]).group);
                      end(handles[2]);
                      MODEL_REQUIRE(mine(handles[0]));
                  }});
    model::holds({"the other view of the bytes is lent", set_up_shared, {lend_and_end, it_is_shared}, it_is_shared});
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {cmocka_unit_test(test_group), cmocka_unit_test(test_event),
                                cmocka_unit_test(test_shared), cmocka_unit_test(test_open)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
