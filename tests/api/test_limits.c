/* SPDX-License-Identifier: MIT */
/* A pool at its limit: reading pauses and goes on, nothing is lost, nothing stands still for ever. */
#include "support.h"

#define MS INT64_C(1000000)
#define KIB 1024

/* The side under test has the small pool; its peers are plain sockets. */
struct tight {
    side on;
    zcn_pool *pool;
    zcn_framing *framing;
};

static void tight_open(struct tight *of, uint64_t block_size, uint64_t limit, const char *framing) {
    memset(of, 0, sizeof *of);
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = block_size;
    options.limit = limit;
    assert_ok(zcn_pool_create(&of->pool, &options));
    zcn_loop_options loop_options;
    zcn_loop_options_init(&loop_options, sizeof loop_options);
    loop_options.pool = of->pool;
    side_open(&of->on, &loop_options);
    of->framing = framing_of(framing);
}

static zcn_pool_stats stats_of(zcn_pool *pool) {
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    return stats;
}

/* Everything that was taken came back. */
static void tight_close(struct tight *of) {
    side_close(&of->on);
    zcn_framing_release(of->framing);
    assert_int_equal(stats_of(of->pool).in_use_bytes, 0);
    zcn_pool_release(of->pool);
}

/* What one peer has to say, and how far it has come. */
struct speaker {
    zcn_conn *conn;
    int fd;
    bytes wire;
    size_t at;
    size_t heard; /* its messages that arrived */
    size_t count;
    zcn_status closed; /* 1: it is not */
};

#define NOT_CLOSED 1

static void speaker_open(struct speaker *of, struct tight *at, size_t count, size_t size, uint64_t seed) {
    memset(of, 0, sizeof *of);
    int ends[2];
    raw_pair(ends);
    of->fd = ends[1];
    of->count = count;
    of->closed = NOT_CLOSED;
    assert_ok(zcn_conn_adopt(&of->conn, at->on.loop, ends[0], at->framing, NULL));
    uint8_t *body = malloc(size + 1);
    for (size_t i = 0; i < count; i++) {
        fill_pattern(body, size, seed + i);
        append_frame(&of->wire, &plain_shape, body, size);
    }
    free(body);
}

static void speaker_close(struct speaker *of) {
    close(of->fd);
    bytes_clear(&of->wire);
}

static bool pour(struct speaker *of, size_t most) {
    if (of->at == of->wire.size || of->closed != NOT_CLOSED) return false;
    size_t part = of->wire.size - of->at;
    if (most != 0 && part > most) part = most;
    const size_t done = raw_pour(of->fd, of->wire.data + of->at, part);
    of->at += done;
    return done != 0;
}

static void test_limits_framing_larger_than_the_pool_is_refused(void **state) {
    (void)state;
    struct tight tight;
    tight_open(&tight, 64 * KIB, 1024 * KIB, "length,width=4,strip=4,max=64K");
    zcn_framing *large = framing_of("length,width=4,strip=4,max=8M");
    zcn_conn *conn = (zcn_conn *)&tight;
    assert_status(zcn_connect(&conn, tight.on.loop, "tcp://127.0.0.1:1", large, NULL), ZCN_ENOBUFS);
    assert_null(conn);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_loop_get_error(tight.on.loop, &error));
    assert_status(error.status, ZCN_ENOBUFS);
    zcn_listener *listener = (zcn_listener *)&tight;
    assert_status(zcn_listen(&listener, tight.on.loop, "tcp://127.0.0.1:0", large, NULL), ZCN_ENOBUFS);
    assert_null(listener);
    int ends[2];
    raw_pair(ends);
    conn = (zcn_conn *)&tight;
    assert_status(zcn_conn_adopt(&conn, tight.on.loop, ends[0], large, NULL), ZCN_ENOBUFS);
    assert_null(conn);
    /* The descriptor is still ours, and good with a framing that fits. */
    assert_ok(zcn_conn_adopt(&conn, tight.on.loop, ends[0], tight.framing, NULL));
    assert_status(zcn_conn_set_framing(conn, NULL, large), ZCN_ENOBUFS);
    raw_write_frame(ends[1], "still", 5);
    PUMP_UNTIL(&tight.on, NULL, count_of(&tight.on.got, ZCN_EVENT_MESSAGE) == 1);
    assert_int_equal(nth_of(&tight.on.got, ZCN_EVENT_MESSAGE, 0)->size, 5);
    close(ends[1]);
    zcn_framing_release(large);
    tight_close(&tight);
}

/* ---- the program keeps what it gets ---- */

struct keeper {
    zcn_msg **msgs;
    size_t count;
    atomic_bool failed;
};

static void *release_kept(void *context) {
    struct keeper *keeper = context;
    for (size_t i = 0; i < keeper->count; i++)
        if (zcn_msg_release(keeper->msgs[i]) != ZCN_OK) atomic_store(&keeper->failed, true);
    return NULL;
}

/* Takes what a poll gave: whole messages, in order. Returns how many. */
static size_t keep_all(struct keeper *keeper, struct speaker *speaker, size_t size, const zcn_event *events,
                       size_t count, size_t *limited) {
    size_t messages = 0;
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(events[i].conn, speaker->conn);
        if (events[i].type == ZCN_EVENT_CONNECTED) continue;
        if (events[i].type == ZCN_EVENT_POOL_LIMITED) {
            ++*limited;
            continue;
        }
        if (events[i].type != ZCN_EVENT_MESSAGE)
            fail_msg("event %u (%s) after %zu messages, %zu of them kept", events[i].type,
                     zcn_status_name(events[i].status), speaker->heard, keeper->count);
        assert_int_equal(events[i].size, size);
        assert_pattern(events[i].data, size, 7 + speaker->heard++);
        assert_ok(zcn_msg_retain(&keeper->msgs[keeper->count++], events[i].msg));
        messages++;
    }
    return messages;
}

static zcn_loop_stats loop_stats(zcn_loop *loop) {
    zcn_loop_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_loop_get_stats(loop, &stats));
    return stats;
}

static void keep_until_full(size_t size, uint64_t block_size, uint64_t limit, const char *framing) {
    struct tight tight;
    tight_open(&tight, block_size, limit, framing);
    const size_t count = 3 * limit / (size + 64) + 4;
    struct speaker speaker;
    speaker_open(&speaker, &tight, count, size, 7);
    struct keeper keeper = {.msgs = calloc(count, sizeof(zcn_msg *))};
    size_t pauses = 0;
    size_t limited = 0;
    const uint64_t deadline = deadline_after_ms(3 * WAIT_MS);
    while (speaker.heard < count) {
        if (deadline_passed(deadline)) fail_msg("%zu of %zu messages came", speaker.heard, count);
        bool poured = false;
        while (pour(&speaker, 0)) poured = true;
        const zcn_event *events;
        size_t ready;
        assert_ok(zcn_loop_poll(tight.on.loop, 0, &events, &ready, NULL));
        keep_all(&keeper, &speaker, size, events, ready, &limited);
        assert_true(stats_of(tight.pool).in_use_bytes <= limit);
        const zcn_loop_stats before = loop_stats(tight.on.loop);
        if (poured || ready != 0 || before.paused == 0) continue;
        /* It has paused, and said so: no poll ends early, none reads. */
        pauses++;
        assert_true(limited >= pauses);
        assert_ok(zcn_loop_poll(tight.on.loop, 20 * MS, &events, &ready, NULL));
        assert_int_equal(ready, 0);
        const zcn_loop_stats after = loop_stats(tight.on.loop);
        assert_int_equal(after.paused, 1);
        assert_in_range(after.waits - before.waits, 1, 5);
        assert_int_equal(after.total.read_calls, before.total.read_calls);
        /* Another thread lets go: the poll that waits is woken. */
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, release_kept, &keeper), 0);
        const uint64_t start = now_ns();
        assert_ok(zcn_loop_poll(tight.on.loop, WAIT_MS * MS, &events, &ready, NULL));
        const uint64_t waited = now_ns() - start;
        pthread_join(thread, NULL);
        assert_true(waited < WAIT_MS * (uint64_t)MS);
        assert_false(atomic_load(&keeper.failed));
        keeper.count = 0;
        keep_all(&keeper, &speaker, size, events, ready, &limited);
    }
    assert_true(pauses >= 1);
    assert_true(stats_of(tight.pool).waits >= pauses);
    release_kept(&keeper);
    free(keeper.msgs);
    speaker_close(&speaker);
    PUMP_UNTIL(&tight.on, NULL, count_of(&tight.on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&tight.on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EOF);
    tight_close(&tight);
}

static void test_limits_small_messages_pause_and_go_on(void **state) {
    (void)state;
    keep_until_full(1000, 16 * KIB, 512 * KIB, "length,width=4,strip=4,max=64K");
}

static void test_limits_messages_of_a_block_pause_and_go_on(void **state) {
    (void)state;
    keep_until_full(16 * KIB - 4, 16 * KIB, 512 * KIB, "length,width=4,strip=4,max=64K");
}

static void test_limits_large_messages_pause_and_go_on(void **state) {
    (void)state;
    keep_until_full(200000, 16 * KIB, 2048 * KIB, "length,width=4,strip=4,max=256K");
}

static void test_limits_smallest_pool(void **state) {
    (void)state;
    keep_until_full(100, 4 * KIB, 96 * KIB, "length,width=4,strip=4,max=1K");
}

/* Keeps some, lets go of others, in no order; many connections. */
static void test_limits_random_keeping_loses_nothing(void **state) {
    (void)state;
    enum { speakers = 6, most_kept = 4000 };
    struct tight tight;
    tight_open(&tight, 16 * KIB, 1024 * KIB, "length,width=4,strip=4,max=64K");
    struct speaker at[speakers];
    const size_t count = effort(2000, 200);
    static const size_t sizes[speakers] = {10, 300, 1500, 4000, 9000, 20000};
    for (size_t i = 0; i < speakers; i++)
        speaker_open(&at[i], &tight, count * 100 / (100 + sizes[i] / 10), sizes[i], i);
    zcn_msg *kept[most_kept];
    size_t kept_count = 0;
    uint32_t seed = 4711;
    size_t left = speakers;
    uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (left != 0) {
        if (deadline_passed(deadline)) fail_msg("nothing comes any more; %zu messages are kept", kept_count);
        bool poured = false;
        for (size_t i = 0; i < speakers; i++) poured = pour(&at[i], 0) || poured;
        const zcn_event *events;
        size_t ready;
        assert_ok(zcn_loop_poll(tight.on.loop, 0, &events, &ready, NULL));
        for (size_t i = 0; i < ready; i++) {
            assert_int_not_equal(events[i].type, ZCN_EVENT_CLOSED);
            if (events[i].type != ZCN_EVENT_MESSAGE) continue;
            size_t who = 0;
            while (at[who].conn != events[i].conn) who++;
            assert_int_equal(events[i].size, sizes[who]);
            assert_pattern(events[i].data, events[i].size, who + at[who].heard);
            if (++at[who].heard == at[who].count) left--;
            deadline = deadline_after_ms(WAIT_MS);
            seed = seed * 1664525 + 1013904223;
            if ((seed >> 8) % 3 == 0 && kept_count < most_kept)
                assert_ok(zcn_msg_retain(&kept[kept_count++], events[i].msg));
        }
        assert_true(stats_of(tight.pool).in_use_bytes <= 1024 * KIB);
        /* When all stand still, a third of what is kept goes. */
        if (ready != 0 || poured || kept_count == 0) continue;
        for (size_t i = 0; i < kept_count;) {
            seed = seed * 1664525 + 1013904223;
            if ((seed >> 8) % 3 != 0) {
                i++;
                continue;
            }
            assert_ok(zcn_msg_release(kept[i]));
            kept[i] = kept[--kept_count];
        }
    }
    assert_ok(zcn_msg_release_batch(kept, kept_count));
    for (size_t i = 0; i < speakers; i++) speaker_close(&at[i]);
    tight_close(&tight);
}

/* ---- unfinished messages fill the pool by themselves ---- */

/* More peers begin large messages than the pool can hold. Somebody has to go, the rest arrives whole. */
static void test_limits_unfinished_messages_alone_are_no_deadlock(void **state) {
    (void)state;
    enum { speakers = 12 };
    struct tight tight;
    tight_open(&tight, 16 * KIB, 1024 * KIB, "length,width=4,strip=4,max=200K");
    struct speaker at[speakers];
    for (size_t i = 0; i < speakers; i++) speaker_open(&at[i], &tight, 3, 190000, i * 10);
    size_t left = speakers;
    size_t refused = 0;
    const uint64_t deadline = deadline_after_ms(2 * WAIT_MS);
    while (left != 0) {
        if (deadline_passed(deadline)) fail_msg("%zu of %d connections neither finish nor end", left, (int)speakers);
        bool poured = false;
        for (size_t i = 0; i < speakers; i++) poured = pour(&at[i], 3000) || poured;
        const zcn_event *events;
        size_t ready;
        /* Whoever waits is woken: with nothing more to pour, this must not take its whole time. */
        const uint64_t start = now_ns();
        assert_ok(zcn_loop_poll(tight.on.loop, poured ? 0 : 5000 * MS, &events, &ready, NULL));
        if (!poured && now_ns() - start >= 5000 * (uint64_t)MS)
            fail_msg("all stand still: %zu connections are left, %llu of %d bytes are in use", left,
                     (unsigned long long)stats_of(tight.pool).in_use_bytes, 1024 * KIB);
        for (size_t i = 0; i < ready; i++) {
            size_t who = 0;
            while (at[who].conn != events[i].conn) who++;
            if (events[i].type == ZCN_EVENT_CONNECTED) continue;
            if (events[i].type == ZCN_EVENT_MESSAGE) {
                assert_pattern(events[i].data, 190000, who * 10 + at[who].heard);
                if (++at[who].heard == at[who].count) left--;
            } else if (events[i].type == ZCN_EVENT_CLOSED) {
                assert_status(events[i].status, ZCN_ENOBUFS);
                at[who].closed = events[i].status;
                zcn_error error = {.struct_size = sizeof error};
                assert_ok(zcn_conn_get_error(events[i].conn, &error));
                assert_status(error.status, ZCN_ENOBUFS);
                refused++;
                left--;
            } else {
                assert_int_equal(events[i].type, ZCN_EVENT_POOL_LIMITED);
            }
        }
        assert_true(stats_of(tight.pool).in_use_bytes <= 1024 * KIB);
    }
    /* A pool of five such messages serves at least as many connections. */
    assert_in_range(refused, 0, speakers - 4);
    for (size_t i = 0; i < speakers; i++) speaker_close(&at[i]);
    tight_close(&tight);
}

/* Peers that begin messages and stop do not stand in the way of one that goes on. */
static void test_limits_stalled_peers_let_others_through(void **state) {
    (void)state;
    enum { stalled = 40 };
    struct tight tight;
    tight_open(&tight, 16 * KIB, 1024 * KIB, "length,width=4,strip=4,max=100K");
    struct speaker at[stalled];
    for (size_t i = 0; i < stalled; i++) {
        speaker_open(&at[i], &tight, 1, 90000, i);
        pour(&at[i], 1000 + 37 * i);
    }
    pump_idle(&tight.on, NULL);
    struct speaker busy;
    const size_t count = effort(300, 60);
    speaker_open(&busy, &tight, count, 30000, 1000);
    collector_clear(&tight.on.got);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (busy.heard < count) {
        if (deadline_passed(deadline)) fail_msg("%zu of %zu messages came", busy.heard, count);
        pour(&busy, 0);
        side_poll(&tight.on, 0);
        for (size_t i = 0; i < tight.on.got.count; i++) {
            const seen *event = &tight.on.got.at[i];
            if (event->conn != busy.conn) continue;
            assert_int_not_equal(event->type, ZCN_EVENT_CLOSED);
            if (event->type != ZCN_EVENT_MESSAGE) continue;
            assert_pattern(event->body, 30000, 1000 + busy.heard);
            busy.heard++;
        }
        collector_clear(&tight.on.got);
    }
    speaker_close(&busy);
    for (size_t i = 0; i < stalled; i++) speaker_close(&at[i]);
    tight_close(&tight);
}

/* ---- sending ---- */

static void test_limits_units_are_refused_and_later_allowed(void **state) {
    (void)state;
    struct tight tight;
    tight_open(&tight, 16 * KIB, 256 * KIB, "length,width=4,strip=4,max=32K");
    enum { most = 64 };
    zcn_unit *units[most];
    void *data;
    size_t count = 0;
    zcn_status status;
    while ((status = zcn_unit_alloc(&units[count], &data, tight.pool, tight.framing, 10000)) == ZCN_OK)
        assert_in_range(++count, 1, most - 1);
    assert_status(status, ZCN_ENOBUFS);
    assert_null(units[count]);
    assert_null(data);
    assert_true(stats_of(tight.pool).failures != 0);
    /* Not one byte of room for a batch either: all of them or none. */
    zcn_unit *batch[20];
    void *datas[20];
    assert_status(zcn_unit_alloc_batch(batch, datas, 20, tight.pool, tight.framing, 10000), ZCN_ENOBUFS);
    for (size_t i = 0; i < 20; i++) assert_null(batch[i]);
    /* One goes, one comes. */
    const size_t before = count;
    for (size_t i = 0; i < 4; i++) zcn_unit_release(units[--count]);
    while (count < before && zcn_unit_alloc(&units[count], &data, tight.pool, tight.framing, 10000) == ZCN_OK) count++;
    assert_true(count > before - 4);
    while (count != 0) zcn_unit_release(units[--count]);
    uint64_t given;
    assert_ok(zcn_pool_trim(tight.pool, &given));
    tight_close(&tight);
}

static void test_limits_sending_without_memory_changes_nothing(void **state) {
    (void)state;
    struct tight tight;
    tight_open(&tight, 16 * KIB, 256 * KIB, "length,width=4,strip=4,max=32K");
    struct speaker peer;
    speaker_open(&peer, &tight, 1, 10, 0);
    enum { most = 64 };
    zcn_unit *hoard[most];
    size_t count = 0;
    void *data;
    zcn_status status;
    /* Down to the last byte. */
    for (uint64_t size = 10000; size != 0; size /= 10)
        while ((status = zcn_unit_alloc(&hoard[count], &data, tight.pool, tight.framing, size)) == ZCN_OK &&
               count < most - 1)
            count++;
    uint8_t body[16000];
    fill_pattern(body, sizeof body, 3);
    assert_status(zcn_conn_send_copy(peer.conn, body, sizeof body), ZCN_ENOBUFS);
    uint64_t room = 5;
    assert_status(zcn_conn_reserve(peer.conn, &data, &room, sizeof body), ZCN_ENOBUFS);
    assert_null(data);
    assert_int_equal(room, 0);
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(peer.conn, &stats));
    assert_int_equal(stats.messages_out, 0);
    assert_int_equal(stats.queued_bytes, 0);
    while (count != 0) zcn_unit_release(hoard[--count]);
    assert_ok(zcn_conn_send_copy(peer.conn, body, sizeof body));
    side_poll(&tight.on, 0);
    static uint8_t got[4 + sizeof body];
    assert_int_equal(recv(peer.fd, got, sizeof got, MSG_DONTWAIT), sizeof got);
    assert_pattern(got + 4, sizeof body, 3);
    speaker_close(&peer);
    tight_close(&tight);
}

/* An echo whose peers read late: what waits to leave fills the pool, and leaves. */
static void test_limits_echo_through_a_small_pool(void **state) {
    (void)state;
    enum { speakers = 8 };
    struct tight tight;
    tight_open(&tight, 16 * KIB, 512 * KIB, "length,width=4,strip=4,max=64K");
    struct speaker at[speakers];
    bytes back[speakers] = {{0}};
    const size_t count = effort(200, 60);
    for (size_t i = 0; i < speakers; i++) speaker_open(&at[i], &tight, count, 8000 + i, i * 1000);
    size_t left = speakers;
    uint32_t seed = 1;
    const uint64_t deadline = deadline_after_ms(2 * WAIT_MS);
    while (left != 0) {
        if (deadline_passed(deadline)) fail_msg("%zu echoes are not complete", left);
        for (size_t i = 0; i < speakers; i++) {
            pour(&at[i], 0);
            /* Reads a little, now and then. */
            seed = seed * 1664525 + 1013904223;
            if ((seed >> 8) % 4 != 0) continue;
            static uint8_t scrap[40000];
            const ssize_t got = recv(at[i].fd, scrap, sizeof scrap, MSG_DONTWAIT);
            if (got <= 0) continue;
            bytes_append(&back[i], scrap, (size_t)got);
            if (back[i].size == at[i].wire.size) left--;
        }
        const zcn_event *events;
        size_t ready;
        assert_ok(zcn_loop_poll(tight.on.loop, 0, &events, &ready, NULL));
        for (size_t i = 0; i < ready; i++) {
            assert_int_not_equal(events[i].type, ZCN_EVENT_CLOSED);
            if (events[i].type == ZCN_EVENT_MESSAGE) assert_ok(zcn_conn_forward(events[i].conn, events[i].msg));
        }
        assert_true(stats_of(tight.pool).in_use_bytes <= 512 * KIB);
    }
    for (size_t i = 0; i < speakers; i++) {
        assert_int_equal(back[i].size, at[i].wire.size);
        assert_memory_equal(back[i].data, at[i].wire.data, back[i].size);
        bytes_clear(&back[i]);
        speaker_close(&at[i]);
    }
    tight_close(&tight);
}

/* The pool is full, and a peer goes: it ends in order, whatever the others hold. */
static void test_limits_connections_end_while_the_pool_is_full(void **state) {
    (void)state;
    struct tight tight;
    tight_open(&tight, 16 * KIB, 256 * KIB, "length,width=4,strip=4,max=32K");
    struct speaker keeps;
    struct speaker leaves;
    speaker_open(&keeps, &tight, 100, 10000, 0);
    speaker_open(&leaves, &tight, 100, 10000, 0);
    tight.on.got.keep = true;
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (count_for(&tight.on.got, ZCN_EVENT_POOL_LIMITED, keeps.conn) == 0 ||
           count_for(&tight.on.got, ZCN_EVENT_POOL_LIMITED, leaves.conn) == 0) {
        assert_false(deadline_passed(deadline));
        pour(&keeps, 0);
        pour(&leaves, 0);
        side_poll(&tight.on, 0);
    }
    /* Ours, without the peer's doing. */
    assert_ok(zcn_conn_close(leaves.conn));
    PUMP_UNTIL(&tight.on, NULL, count_for(&tight.on.got, ZCN_EVENT_CLOSED, leaves.conn) == 1);
    assert_status(first_for(&tight.on.got, ZCN_EVENT_CLOSED, leaves.conn)->status, ZCN_OK);
    collector_clear(&tight.on.got);
    /* And the one that waited goes on: memory came. */
    tight.on.got.keep = false;
    while (pour(&keeps, 0)) {
    }
    PUMP_UNTIL(&tight.on, NULL, count_for(&tight.on.got, ZCN_EVENT_MESSAGE, keeps.conn) != 0);
    speaker_close(&leaves);
    speaker_close(&keeps);
    tight_close(&tight);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_framing_larger_than_the_pool_is_refused),
        cmocka_unit_test(test_limits_small_messages_pause_and_go_on),
        cmocka_unit_test(test_limits_messages_of_a_block_pause_and_go_on),
        cmocka_unit_test(test_limits_large_messages_pause_and_go_on),
        cmocka_unit_test(test_limits_smallest_pool),
        cmocka_unit_test(test_limits_random_keeping_loses_nothing),
        cmocka_unit_test(test_limits_unfinished_messages_alone_are_no_deadlock),
        cmocka_unit_test(test_limits_stalled_peers_let_others_through),
        cmocka_unit_test(test_limits_units_are_refused_and_later_allowed),
        cmocka_unit_test(test_limits_sending_without_memory_changes_nothing),
        cmocka_unit_test(test_limits_echo_through_a_small_pool),
        cmocka_unit_test(test_limits_connections_end_while_the_pool_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
