// SPDX-License-Identifier: MIT
// What threads keep for themselves: objects and blocks that one thread takes and another releases, threads that end, a
// pool that is closed while they keep some of it, and the pool that is made on first use.
#include "pools.h"

namespace {

using zcnet::memory::Block;
using zcnet::memory::FreeObject;
using zcnet::memory::ObjectBin;

constexpr uint32_t object_class = zcnet::memory::group_class;  // the largest objects: the shortest lists

zcn_pool *pool;
Block *blocks[model::max_threads + 1];
zcn_pool *found[model::max_threads];
uint64_t before;

// The cell that shows a cache is there before: its table is memory that stays.
template <uint32_t out>
void set_up_pool() {
    model::threads_have_memory();
    zcnet::memory::CacheCell *cells[3];
    for (auto *&cell : cells) cell = zcnet::memory::take_cell(1);
    for (auto *cell : cells) zcnet::memory::give_cell(cell);
    before = model::memory_in_use();
    pool = model::make_pool(0, 8);
    for (uint32_t i = 0; i <= out; i++) blocks[i] = model::take(pool);
    pool->give_block(blocks[out]);  // one is warm
}

void write_and_recycle(Block *block) {
    block->base[0]++;
    zcnet::memory::block_recycle(block);
}
// From the thread's cache where it has one, back to it, and the thread ends.
void take_and_recycle() {
    static zcnet::Status why[model::max_threads];
    const unsigned me = model::this_thread();
    auto *mine = zcnet::memory::thread_pool(pool);
    Block *block = mine->cache.take(pool, zcnet::memory::Purpose::ordinary, &why[me]);
    MODEL_REQUIRE(block != nullptr);
    write_and_recycle(block);
}
void take_and_keep() {
    Block *&block = blocks[model::this_thread()];
    block = model::take(pool);
    if (block != nullptr) block->base[0]++;
}
// A thread that took nothing keeps nothing: what it releases goes upstream.
void recycle_mine() { write_and_recycle(blocks[model::this_thread()]); }
void keep_mine() {
    (void)zcnet::memory::thread_pool(pool);
    recycle_mine();
}
void let_go() { zcnet::memory::release_pool(pool); }

void nothing_is_out() { MODEL_REQUIRE(pool->in_use() == 0); }
void everything_went() { MODEL_REQUIRE(model::memory_in_use() == before); }

model::Scenario ending(const char *name, void (*set_up)(), void (*one)(), void (*other)(), void (*third)(),
                       void (*finish)()) {
    model::Scenario scenario = {name, set_up, {one, other, third}, finish};
    scenario.threads_end = true;
    return scenario;
}

void test_thread_end(void **) {
    model::holds(ending("one keeps a block and ends, one takes", set_up_pool<1>, keep_mine, take_and_keep, nullptr, [] {
        if (blocks[1] != nullptr) pool->give_block(blocks[1]);
        nothing_is_out();
    }));
    model::holds(ending("one releases what it keeps, one what it does not", set_up_pool<2>, keep_mine, recycle_mine,
                        nullptr, nothing_is_out));
}
void test_close(void **) {
    model::holds(
        ending("a pool is closed while a thread keeps its blocks", set_up_pool<2>, let_go, keep_mine, nullptr, [] {
            zcnet::memory::block_recycle(blocks[0]);
            everything_went();
        }));
}
// A thread that knows that pools were closed keeps nothing of one.
zcn_pool *other;
volatile bool keeps_what_is_closed;
void set_up_two_pools() {
    other = model::make_pool(0, 8);
    set_up_pool<2>();
}
void keep_mine_and_go_elsewhere() {
    keep_mine();
    (void)zcnet::memory::thread_pool(other);
    bool keeps = false;
    for (const auto &slot : zcnet::memory::thread_memory->pool) keeps = keeps || slot.holds_memory();
    keeps_what_is_closed = keeps && zcnet::memory::thread_memory->closings != 0;
}
void test_close_elsewhere(void **) {
    model::holds(ending("a pool is closed while a thread that keeps its blocks goes on with another", set_up_two_pools,
                        let_go, keep_mine_and_go_elsewhere, nullptr, [] {
                            MODEL_REQUIRE(!keeps_what_is_closed);
                            zcnet::memory::block_recycle(blocks[0]);
                            everything_went();
                        }));
}
void test_three_threads(void **) {
    model::holds(
        ending("a pool is closed while two threads keep its blocks", set_up_pool<3>, let_go, keep_mine, keep_mine, [] {
            zcnet::memory::block_recycle(blocks[0]);
            everything_went();
        }));
    model::holds(ending("two threads keep blocks and end", set_up_pool<0>, take_and_recycle, take_and_recycle, nullptr,
                        nothing_is_out));
}

// Objects. A bin stands for a thread's private list.
ObjectBin bins[model::max_threads];
FreeObject *held[model::max_threads];

template <uint32_t which = object_class>
FreeObject *take_object(ObjectBin &bin) {
    FreeObject *object = bin.head;
    if (object == nullptr) return zcnet::memory::objects_refill(bin, which);
    bin.head = object->next;
    return object;
}
void write(FreeObject *object) {
    MODEL_REQUIRE(object != nullptr);
    object->kept = 1 + model::this_thread();
    object->next = nullptr;
}

constexpr uint32_t objects_in_all = 256;  // that one chunk is cut into

void set_up_objects() {
    for (unsigned t = 0; t < 3; t++) held[t] = take_object(bins[3]);
    zcnet::memory::objects_give_back(bins[3], object_class);
}
// Takes one and gives all back, as a thread that ends does; the object itself goes with the rest.
void refill_and_give_back() {
    ObjectBin &bin = bins[model::this_thread()];
    FreeObject *object = take_object(bin);
    write(object);
    bin.free(object);
    zcnet::memory::objects_give_back(bin, object_class);
}
void refill() { write(take_object(bins[model::this_thread()])); }
void orphan() {
    FreeObject *object = held[model::this_thread()];
    write(object);
    zcnet::memory::objects_orphan(object, object_class);
}
// Every object that was cut is in one place: `out` are out, and what is orphaned is found too.
template <uint32_t out>
void objects_are_all_there() {
    for (ObjectBin &bin : bins) zcnet::memory::objects_give_back(bin, object_class);
    ObjectBin bin;
    const uint64_t mapped = model::memory_in_use();
    uint32_t objects = 0;
    while (take_object(bin) != nullptr && model::memory_in_use() == mapped) objects++;
    MODEL_REQUIRE(objects == objects_in_all - out);
}

void test_objects(void **) {
    model::holds({"two take and give back",
                  set_up_objects,
                  {refill_and_give_back, refill_and_give_back},
                  objects_are_all_there<3>});
    model::holds({"one takes, one orphans", set_up_objects, {refill, orphan}, objects_are_all_there<3>});
}
// No lists are left: what one finds is what others orphaned, or fresh memory.
void set_up_orphans() {
    set_up_objects();
    ObjectBin all;
    for (uint32_t left = objects_in_all - 3; left > 0; left--) MODEL_REQUIRE(take_object(all) != nullptr);
    zcnet::memory::objects_orphan(held[2], object_class);
}
void test_orphans(void **) {
    model::holds({"one adopts, another orphans", set_up_orphans, {orphan, refill}, [] {
                      // The orphan that was there, and the one that came, are out or still orphaned.
                      ObjectBin bin;
                      const uint64_t mapped = model::memory_in_use();
                      if (bins[1].head == nullptr) MODEL_REQUIRE(take_object(bin) == held[0]);
                      MODEL_REQUIRE(model::memory_in_use() == mapped);
                  }});
}

// Chunks that go back when nothing of them is in use: of the largest objects that may, since a chunk of them has the
// fewest lists.
constexpr uint32_t trimmed_class = 3;

// One chunk, one object of it out, all others where everybody finds them.
void set_up_chunk() {
    before = model::memory_in_use();
    held[0] = take_object<trimmed_class>(bins[3]);
    zcnet::memory::objects_give_back(bins[3], trimmed_class);
    MODEL_REQUIRE(model::memory_in_use() > before);
}
void free_held() {
    write(held[0]);
    zcnet::memory::objects_orphan(held[0], trimmed_class);
}
// What is free goes back, all of it, and the table of lists stays.
void chunks_go_back() {
    const uint64_t with_chunk = model::memory_in_use();
    zcnet::memory::objects_trim();
    const uint64_t without = model::memory_in_use();
    MODEL_REQUIRE(without <= with_chunk);
    MODEL_REQUIRE(without - before < zcnet::memory::object_chunk_bytes);
}
void test_object_trim(void **) {
    model::holds({"one trims, one frees the last object",
                  set_up_chunk,
                  {zcnet::memory::objects_trim, free_held},
                  chunks_go_back});
}
// Both count in the chunk that stays.
void test_two_object_trims(void **) {
    model::holds({"two trim", set_up_chunk, {zcnet::memory::objects_trim, zcnet::memory::objects_trim}, [] {
                      zcnet::memory::objects_orphan(held[0], trimmed_class);
                      chunks_go_back();
                  }});
}

// A trim against one who takes an object and gives it back. There is no memory for another chunk: what the trimmer has
// in hand is missing, and the search stays small.
constexpr uint32_t objects_of_chunk =
    zcnet::memory::object_chunk_bytes / zcnet::memory::object_sizes[trimmed_class] - 1;
FreeObject *out[objects_of_chunk];

void give_list(uint32_t first, uint32_t count) {
    ObjectBin bin;
    for (uint32_t i = first; i < first + count; i++) bin.free(out[i]);
    zcnet::memory::objects_give_back(bin, trimmed_class);
}
// All objects of one chunk are out, but for lists of `count` each.
template <uint32_t lists, uint32_t count>
void set_up_lists() {
    before = model::memory_in_use();
    for (FreeObject *&object : out) object = take_object<trimmed_class>(bins[3]);
    for (uint32_t i = 0; i < lists; i++) give_list(i * count, count);
    model::no_more_memory();
}
void take_and_give_back() {
    ObjectBin &bin = bins[model::this_thread()];
    FreeObject *object = take_object<trimmed_class>(bin);
    if (object == nullptr) return;
    write(object);
    bin.free(object);
    zcnet::memory::objects_give_back(bin, trimmed_class);
}
template <uint32_t given>
void the_rest_goes_back() {
    give_list(given, objects_of_chunk - given);
    chunks_go_back();
}
void test_object_trim_against_take(void **) {
    model::holds({"one trims a chunk that is free, one takes an object of it",
                  set_up_lists<1, objects_of_chunk>,
                  {zcnet::memory::objects_trim, take_and_give_back},
                  the_rest_goes_back<objects_of_chunk>});
    model::holds({"one trims what is free of a chunk, one takes an object of it",
                  set_up_lists<2, 17>,
                  {zcnet::memory::objects_trim, take_and_give_back},
                  the_rest_goes_back<34>});
}

// Two trim one after the other, while a third takes what the first gives back, list by list, and orphans some of the
// first list for the second to find.
ObjectBin second_bin;
void take_two_and_orphan() {
    FreeObject *object = take_object<trimmed_class>(bins[model::this_thread()]);
    if (object == nullptr) return;
    write(object);
    zcnet::memory::objects_orphan(object, trimmed_class);
    (void)take_object<trimmed_class>(second_bin);
}
void test_object_trims_in_turn(void **) {
    model::holds({"two trim, one takes what comes back",
                  set_up_lists<2, 17>,
                  {zcnet::memory::objects_trim, zcnet::memory::objects_trim, take_two_and_orphan},
                  nullptr});
}

// The pool of the process: all get the same one, and there is no other.
volatile uint64_t limits[model::max_threads];
void find_default() {
    const unsigned me = model::this_thread();
    found[me] = zcnet::memory::default_pool();
    if (found[me] != nullptr) limits[me] = found[me]->limit();
}
void test_default_pool(void **) {
    model::holds({"the default pool is made", nullptr, {find_default, find_default}, [] {
                      MODEL_REQUIRE(found[0] != nullptr && found[0] == found[1]);
                      MODEL_REQUIRE(model::memory_in_use() == ((sizeof(zcn_pool) + 4095) & ~uint64_t{4095}) ||
                                    model::memory_in_use() == sizeof(zcn_pool));
                  }});
}
void test_three_objects(void **) {
    model::holds({"two take and give back, one orphans",
                  set_up_objects,
                  {refill_and_give_back, refill_and_give_back, orphan},
                  objects_are_all_there<2>});
}

}  // namespace

int main(int count, char **words) {
    const CMUnitTest quick[] = {cmocka_unit_test(test_thread_end),
                                cmocka_unit_test(test_close),
                                cmocka_unit_test(test_close_elsewhere),
                                cmocka_unit_test(test_objects),
                                cmocka_unit_test(test_orphans),
                                cmocka_unit_test(test_object_trim),
                                cmocka_unit_test(test_object_trim_against_take),
                                cmocka_unit_test(test_default_pool)};
    const CMUnitTest thorough[] = {cmocka_unit_test(test_three_threads), cmocka_unit_test(test_three_objects),
                                   cmocka_unit_test(test_two_object_trims),
                                   cmocka_unit_test(test_object_trims_in_turn)};
    return model::run_short_or_all(quick, thorough, count, words);
}
