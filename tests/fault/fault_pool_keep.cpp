// SPDX-License-Identifier: MIT
// What a pool keeps free, and for how long, by a clock that the test moves.
#include "support.h"
#include "zcnet/zcnet.h"

using namespace fault_test;

namespace {

constexpr uint64_t kib = 1024;
constexpr uint64_t block = 128 * kib;
constexpr int64_t millisecond = 1000000;

// Memory that counts how often a part of it is given back while the pool goes on.
struct Source {
    uint64_t drops = 0;
    zcn_pool_source functions{};

    Source() {
        functions.struct_size = sizeof functions;
        functions.context = this;
        functions.allocate = [](void *, uint64_t size, uint64_t alignment) {
            void *memory = nullptr;
            return posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
        };
        functions.free = [](void *, void *memory, uint64_t) { std::free(memory); };
        functions.drop = [](void *context, void *, uint64_t) {
            static_cast<Source *>(context)->drops++;
            return int32_t{0};
        };
    }
};

// Units of which two lie in each block.
struct Units {
    static constexpr uint32_t most = 200;
    zcn_unit *held[most];
    uint32_t count = 0;

    void take(zcn_pool *pool, uint32_t more) {
        while (more-- != 0) {
            void *data;
            assert_int_equal(zcn_unit_alloc(&held[count++], &data, pool, nullptr, 60 * kib), ZCN_OK);
        }
    }
    void give(uint32_t less) {
        count -= less;
        zcn_unit_release_batch(held + count, less);
    }
};

uint64_t reserved_of(zcn_pool *pool) {
    zcn_pool_stats stats{};
    stats.struct_size = sizeof stats;
    assert_int_equal(zcn_pool_get_stats(pool, &stats), ZCN_OK);
    return stats.reserved_bytes;
}

// A hundred blocks were needed once; from then on twenty, and never all of them for longer than a moment.
void test_what_is_needed_stays(void **) {
    script_reset();
    clock_start(1000 * millisecond, 0);
    Source source;
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = block;
    options.keep_ms = 100;
    options.source = &source.functions;
    options.limit = 512 * block;  // so small that threads keep nothing of it
    zcn_pool *pool;
    assert_int_equal(zcn_pool_create(&pool, &options), ZCN_OK);
    Units units;
    units.take(pool, 200);
    units.give(200);
    assert_true(reserved_of(pool) >= 100 * block);

    // At the latest after twice as long as they may be kept, what is not needed is gone.
    const int64_t began = clock_read();
    while (reserved_of(pool) > 21 * block) {
        assert_true(clock_read() - began <= 250 * millisecond);
        units.take(pool, 40);
        clock_advance(3 * millisecond);
        units.give(40);
    }
    assert_true(clock_read() - began >= 80 * millisecond);

    // Many periods, which end with all, half or none of them free.
    const uint64_t drops = source.drops;
    for (uint32_t round = 0; round < 3000; round++) {
        units.take(pool, 40);
        clock_advance(round % 5 * millisecond);
        units.give(20);
        clock_advance(round % 3 * millisecond);
        units.give(20);
        assert_int_equal(source.drops, drops);
        assert_in_range(reserved_of(pool), 20 * block, 21 * block);
    }
    zcn_pool_release(pool);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_needed_stays),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
