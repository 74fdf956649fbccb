/* SPDX-License-Identifier: MIT */
#include "support_room.h"

zcn_loop *make_loop(void) {
    zcn_loop *loop = NULL;
    assert_ok(zcn_loop_create(&loop, NULL));
    return loop;
}

full_pool full_pool_make(const zcn_pool_source *source) {
    full_pool made = {.loop = make_loop()};
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = BLOCK;
    options.limit = BLOCKS * BLOCK;
    options.source = source;
    assert_ok(zcn_pool_create(&made.pool, &options));
    return made;
}

void full_pool_fill(full_pool *of) {
    void *data;
    while (of->count < MOST) {
        const zcn_status status = zcn_unit_alloc(&of->units[of->count], &data, of->pool, NULL, BODY);
        if (status == ZCN_ENOBUFS) return;
        assert_ok(status);
        of->count++;
    }
    void *more;
    zcn_unit *refused;
    assert_status(zcn_unit_alloc(&refused, &more, of->pool, NULL, BODY), ZCN_ENOBUFS);
}

void full_pool_give(full_pool *of, size_t count) {
    assert_true(count <= of->count);
    zcn_unit_release_batch(of->units, count);
    of->count -= count;
    memmove(of->units, of->units + count, of->count * sizeof *of->units);
}

void full_pool_end(full_pool *of) {
    full_pool_give(of, of->count);
    zcn_loop_release(of->loop);
    zcn_pool_release(of->pool);
}

size_t poll_once(zcn_loop *loop, int64_t timeout_ns, const zcn_event **events) {
    size_t count = 0;
    assert_ok(zcn_loop_poll(loop, timeout_ns, events, &count, NULL));
    return count;
}

void assert_silent(zcn_loop *loop) {
    const zcn_event *events;
    for (int i = 0; i < 5; i++) assert_int_equal(poll_once(loop, 0, &events), 0);
}

void assert_told(zcn_loop *loop, zcn_status status, uint64_t size, uint64_t token) {
    const zcn_event *events;
    assert_int_equal(poll_once(loop, DEADLINE_NS, &events), 1);
    assert_int_equal(events[0].type, ZCN_EVENT_POOL_READY);
    assert_int_equal(events[0].status, status);
    assert_int_equal(events[0].size, size);
    assert_int_equal(events[0].token, token);
    assert_null(events[0].conn);
}

void assert_ready(zcn_loop *loop, uint64_t size, uint64_t token) { assert_told(loop, ZCN_OK, size, token); }
