/* SPDX-License-Identifier: MIT */
#include "support_pool.h"

zcn_pool_stats pool_stats_of(zcn_pool *pool) {
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    return stats;
}

zcn_pool *make_pool(const zcn_pool_options *options) {
    zcn_pool *pool = NULL;
    assert_ok(zcn_pool_create(&pool, options));
    return pool;
}

zcn_pool_options pool_defaults(void) {
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    return options;
}

void trim_pool(zcn_pool *pool) { assert_ok(zcn_pool_trim(pool, NULL)); }

uint64_t file_bytes(int fd) {
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    return (uint64_t)status.st_blocks * 512;
}

void take_units(held_units *of, zcn_pool *pool, size_t count, uint64_t size) {
    assert_true(of->count + count <= 512);
    for (size_t i = 0; i < count; i++) {
        void *data;
        assert_ok(zcn_unit_alloc(&of->units[of->count], &data, pool, NULL, size));
        memset(data, (int)of->count, size);
        of->count++;
    }
}

void give_units(held_units *of, size_t count) {
    assert_true(count <= of->count);
    of->count -= count;
    zcn_unit_release_batch(of->units + of->count, count);
}
