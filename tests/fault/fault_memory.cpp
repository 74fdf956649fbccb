// SPDX-License-Identifier: MIT
// Pools whose memory the system refuses, in each place where it can: memory files, huge pages.
#include "support.h"
#include "zcnet/zcnet.h"

using namespace fault_test;

namespace {

constexpr uint64_t mib = 1 << 20;

zcn_pool_options options_of(uint64_t shared_bytes, uint32_t huge_pages) {
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.shared_bytes = shared_bytes;
    options.huge_pages = huge_pages;
    return options;
}

// Whatever step fails, nothing is left: neither a mapping nor a descriptor (the scripts count them).
void test_each_step_to_a_memory_file_fails(void **) {
    const zcn_pool_options options = options_of(4 * mib, 0);
    zcn_pool *pool = nullptr;
    // The first one maps what the process keeps.
    for (int i = 0; i < 2; i++) {
        script_reset();
        assert_int_equal(zcn_pool_create(&pool, &options), ZCN_OK);
        zcn_pool_release(pool);
    }
    // To make it, to give it its size, to map it, to seal it.
    assert_int_equal(script_calls(call_memory_file), 4);
    const uint64_t maps = script_calls(call_map);
    const uint64_t mapped = live_mapped_bytes();
    for (uint64_t step = 1; step <= 4; step++) {
        script_reset();
        script_fail(call_memory_file, step, 1, step == 1 ? ENOSYS : ENOMEM);
        pool = reinterpret_cast<zcn_pool *>(&step);
        assert_int_equal(zcn_pool_create(&pool, &options), step == 1 ? ZCN_EUNSUPPORTED : ZCN_ENOMEM);
        assert_true(script_failed());
        assert_null(pool);
        assert_int_equal(live_mapped_bytes(), mapped);
    }
    for (uint64_t step = 1; step <= maps; step++) {
        script_reset();
        script_fail(call_map, step, 1, ENOMEM);
        assert_int_equal(zcn_pool_create(&pool, &options), ZCN_ENOMEM);
        assert_true(script_failed());
        assert_null(pool);
        assert_int_equal(live_mapped_bytes(), mapped);
    }
    script_reset();
}

void test_refused_huge_pages_are_reported(void **) {
    script_reset();
    script_fail(call_huge_pages, 1, for_ever, EINVAL);
    const zcn_pool_options options = options_of(0, 2);
    zcn_pool *pool = nullptr;
    assert_int_equal(zcn_pool_create(&pool, &options), ZCN_OK);
    zcn_unit *unit = nullptr;
    void *data = nullptr;
    assert_int_equal(zcn_unit_alloc(&unit, &data, pool, nullptr, 1000), ZCN_OK);
    zcn_pool_stats stats{};
    stats.struct_size = sizeof stats;
    assert_int_equal(zcn_pool_get_stats(pool, &stats), ZCN_OK);
    assert_int_equal(stats.huge_bytes, 0);
    assert_int_equal(stats.huge_refused_bytes, 2 * mib);
    zcn_unit_release(unit);
    zcn_pool_release(pool);
    script_reset();
}

// A message that is held, of a pool of its own.
struct Kept {
    zcn_pool *pool = nullptr;
    zcn_framing *framing = nullptr;
    zcn_stream *stream = nullptr;
    zcn_msg *msg = nullptr;

    Kept() {
        assert_int_equal(zcn_pool_create(&pool, nullptr), ZCN_OK);
        assert_int_equal(zcn_framing_parse(&framing, "length,width=4,max=1K", nullptr), ZCN_OK);
        assert_int_equal(zcn_stream_create(&stream, pool, framing, nullptr), ZCN_OK);
        const unsigned char frame[] = {0, 0, 0, 1, 'a'};
        uint64_t taken = 0;
        assert_int_equal(zcn_stream_feed(stream, frame, sizeof frame, &taken), ZCN_OK);
        const zcn_event *events = nullptr;
        size_t count = 0;
        assert_int_equal(zcn_stream_poll(stream, &events, &count, nullptr), ZCN_OK);
        assert_int_equal(count, 1);
        assert_int_equal(zcn_msg_retain(&msg, events[0].msg), ZCN_OK);
    }
    ~Kept() {
        (void)zcn_msg_release(msg);
        zcn_stream_release(stream);
        zcn_framing_release(framing);
        zcn_pool_release(pool);
    }
};

// To tell the blocks apart that messages hold, memory is needed: without it nothing is said, and nothing is kept.
void test_without_memory_what_is_held_is_not_told(void **) {
    script_reset();
    const Kept *kept = new Kept;
    const uint64_t mapped = live_mapped_bytes();
    script_reset();
    script_fail(call_map, 1, 1, ENOMEM);
    assert_int_equal(zcn_pool_dump(kept->pool, 2), ZCN_ENOMEM);
    assert_true(script_failed());
    script_reset();
    script_fail(call_map, 1, 1, ENOMEM);
    zcn_pool_stats stats{};
    stats.struct_size = sizeof stats;
    assert_int_equal(zcn_pool_get_stats(kept->pool, &stats), ZCN_ENOMEM);
    assert_true(script_failed());
    // What comes before it is told.
    stats.struct_size = offsetof(zcn_pool_stats, views);
    script_reset();
    script_fail(call_map, 1, 1, ENOMEM);
    assert_int_equal(zcn_pool_get_stats(kept->pool, &stats), ZCN_OK);
    assert_true(stats.in_use_bytes != 0);
    script_reset();
    assert_int_equal(live_mapped_bytes(), mapped);
    delete kept;
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_each_step_to_a_memory_file_fails),
        cmocka_unit_test(test_refused_huge_pages_are_reported),
        cmocka_unit_test(test_without_memory_what_is_held_is_not_told),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
