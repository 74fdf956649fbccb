// SPDX-License-Identifier: MIT
// A system without memory: every call that promises ZCN_ENOMEM says it, gives nothing out, takes nothing, and works
// when there is memory again.
//
// Small objects come from chunks that were taken before, so a call is repeated until what is left of them is used up.
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

using namespace fault_test;

namespace {

constexpr size_t most = 20000;

void *held[most];
size_t held_count;

void memory_ends() {
    script_reset();
    for (const Call call : {call_map, call_allocate, call_new}) script_fail(call, 1, for_ever, ENOMEM);
}

// Calls until the answer is ZCN_ENOMEM, and once more with memory.
template <class Try>
void expect_refused(Try &&attempt, size_t limit = most) {
    memory_ends();
    zcn_status status = ZCN_OK;
    size_t done = 0;
    while (status == ZCN_OK && done < limit) {
        status = attempt();
        done += status == ZCN_OK;
    }
    script_reset();
    assert_int_equal(status, ZCN_ENOMEM);
    assert_int_equal(attempt(), ZCN_OK);
}

template <class Handle>
zcn_status keep(zcn_status status, Handle *handle) {
    if (status == ZCN_OK)
        held[held_count++] = handle;
    else
        assert_null(handle);
    return status;
}

// A stream over a pool of its own that shows one message of 100 bytes.
struct Shown {
    zcn_pool *pool;
    zcn_framing *framing;
    zcn_stream *stream;
    const zcn_msg *msg;
};

Shown show_message() {
    Shown shown{};
    assert_int_equal(zcn_pool_create(&shown.pool, nullptr), ZCN_OK);
    assert_int_equal(zcn_framing_parse(&shown.framing, "length,strip=4", nullptr), ZCN_OK);
    assert_int_equal(zcn_stream_create(&shown.stream, shown.pool, shown.framing, nullptr), ZCN_OK);
    static const uint8_t frame[104] = {0, 0, 0, 100};
    uint64_t taken = 0;
    assert_int_equal(zcn_stream_feed(shown.stream, frame, sizeof frame, &taken), ZCN_OK);
    assert_int_equal(taken, sizeof frame);
    const zcn_event *events = nullptr;
    size_t count = 0;
    assert_int_equal(zcn_stream_poll(shown.stream, &events, &count, nullptr), ZCN_OK);
    assert_int_equal(count, 1);
    shown.msg = events[0].msg;
    return shown;
}

void end_shown(const Shown &shown) {
    zcn_stream_release(shown.stream);
    zcn_framing_release(shown.framing);
    zcn_pool_release(shown.pool);
}

void release_messages() {
    while (held_count != 0) assert_int_equal(zcn_msg_release(static_cast<zcn_msg *>(held[--held_count])), ZCN_OK);
}

void release_units() {
    while (held_count != 0) zcn_unit_release(static_cast<zcn_unit *>(held[--held_count]));
}

// The first in this program to ask for the pool of the process, which is made once.
void test_no_memory_for_the_default_pool(void **) {
    zcn_pool *pool = nullptr;
    memory_ends();
    assert_int_equal(zcn_pool_default(&pool), ZCN_ENOMEM);
    assert_null(pool);
    script_reset();
    assert_int_equal(zcn_pool_default(&pool), ZCN_OK);
    zcn_pool_release(pool);
}

void test_no_memory_for_messages(void **) {
    const Shown shown = show_message();
    expect_refused([&] {
        zcn_msg *made = nullptr;
        const zcn_status status = zcn_msg_retain(&made, shown.msg);
        return keep(status, made);
    });
    for (size_t i = 0; i < held_count; i++) assert_int_equal(zcn_msg_size(static_cast<zcn_msg *>(held[i])), 100);
    release_messages();
    expect_refused([&] {
        zcn_msg *made = nullptr;
        const zcn_status status = zcn_msg_slice(&made, shown.msg, 10, 20);
        return keep(status, made);
    });
    release_messages();
    end_shown(shown);
}

void test_no_memory_to_tell_what_is_held(void **) {
    const Shown shown = show_message();
    zcn_msg *mine = nullptr;
    assert_int_equal(zcn_msg_retain(&mine, shown.msg), ZCN_OK);
    zcn_pool_stats stats{};
    stats.struct_size = sizeof stats;
    memory_ends();
    assert_int_equal(zcn_pool_get_stats(shown.pool, &stats), ZCN_ENOMEM);
    // Without what messages hold nothing has to be remembered.
    stats.struct_size = offsetof(zcn_pool_stats, views);
    assert_int_equal(zcn_pool_get_stats(shown.pool, &stats), ZCN_OK);
    script_reset();
    stats.struct_size = sizeof stats;
    assert_int_equal(zcn_pool_get_stats(shown.pool, &stats), ZCN_OK);
    assert_int_equal(stats.views, 1);
    assert_int_equal(zcn_msg_release(mine), ZCN_OK);
    end_shown(shown);
}

void test_no_memory_for_units(void **) {
    expect_refused([] {
        zcn_unit *made = nullptr;
        const zcn_status status = zcn_unit_create(&made, nullptr);
        return keep(status, made);
    });
    release_units();

    const Shown shown = show_message();
    static const char text[] = "constant";
    static uint32_t releases;
    releases = 0;
    uint64_t bytes = 0;
    zcn_unit *unit = nullptr;
    assert_int_equal(zcn_unit_create(&unit, nullptr), ZCN_OK);
    const auto appended = [&](zcn_status status, uint64_t size) {
        bytes += status == ZCN_OK ? size : 0;
        assert_int_equal(zcn_unit_size(unit), bytes);
        return status;
    };
    expect_refused([&] { return appended(zcn_unit_append_static(unit, text, 8), 8); });
    uint32_t taken = 0;
    expect_refused([&] {
        const auto count = [](void *, const void *, uint64_t) { releases++; };
        const zcn_status status = appended(zcn_unit_append_ref(unit, text, 8, count, nullptr), 8);
        taken += status == ZCN_OK;
        return status;
    });
    expect_refused([&] { return appended(zcn_unit_append_msg(unit, shown.msg), 100); });
    expect_refused([&] { return appended(zcn_unit_append_frame(unit, shown.msg), 104); });
    assert_int_equal(releases, 0);
    zcn_unit_release(unit);
    assert_int_equal(releases, taken);
    end_shown(shown);
}

void test_no_memory_for_what_stands_around_a_body(void **) {
    zcn_framing *framing = nullptr;
    assert_int_equal(zcn_framing_parse(&framing, "length,offset=200", nullptr), ZCN_OK);
    static const uint8_t prefix[200] = {};
    static zcn_unit *units[most];
    for (zcn_unit *&unit : units) assert_int_equal(zcn_unit_create(&unit, nullptr), ZCN_OK);
    size_t next = 0;
    const auto step = [&](zcn_status status) {
        next += status == ZCN_OK;
        return status;
    };
    expect_refused([&] { return step(zcn_unit_set_prefix(units[next], prefix, sizeof prefix)); });
    assert_true(next < most);
    const size_t prefixed = next;
    next = 0;
    expect_refused([&] { return step(zcn_unit_seal(units[next], framing)); });
    assert_true(next < prefixed);
    for (zcn_unit *unit : units) zcn_unit_release(unit);
    expect_refused([&] {
        zcn_framing *made = nullptr;
        zcn_framing_options options;
        zcn_framing_options_init(&options, sizeof options);
        const zcn_status status = zcn_framing_create(&made, &options, nullptr);
        if (status != ZCN_OK) assert_null(made);
        zcn_framing_release(made);
        return status;
    });
    zcn_framing_release(framing);
}

void test_no_memory_for_streams(void **) {
    const Shown shown = show_message();
    zcn_pool *fresh = nullptr;
    zcn_stream *stream = nullptr;
    assert_int_equal(zcn_pool_create(&fresh, nullptr), ZCN_OK);
    assert_int_equal(zcn_stream_create(&stream, fresh, shown.framing, nullptr), ZCN_OK);
    expect_refused([&] { return zcn_stream_send_msg(stream, shown.msg); });
    iovec pieces[2];
    size_t count = 0;
    expect_refused([&] {
        const zcn_status status = zcn_stream_read_room(stream, pieces, 2, &count);
        if (status != ZCN_OK) assert_int_equal(count, 0);
        return status;
    });
    zcn_stream_release(stream);
    zcn_pool_release(fresh);

    assert_int_equal(zcn_pool_create(&fresh, nullptr), ZCN_OK);
    assert_int_equal(zcn_stream_create(&stream, fresh, shown.framing, nullptr), ZCN_OK);
    static const uint8_t start[2] = {};
    expect_refused([&] {
        uint64_t taken = 0;
        const zcn_status status = zcn_stream_feed(stream, start, sizeof start, &taken);
        assert_int_equal(taken, status == ZCN_OK ? sizeof start : 0);
        return status;
    });
    zcn_stream_release(stream);
    zcn_pool_release(fresh);
    end_shown(shown);
}

// A connection of a loop over a socket pair, whose other end is the test's.
struct Adopted {
    zcn_framing *framing;
    zcn_loop *loop;
    zcn_conn *conn;
    int fd;
    int peer;
};

Adopted adopt(const zcn_conn_options &options) {
    Adopted made{};
    int ends[2];
    assert_true(make_pair(ends));
    made.fd = ends[0];
    made.peer = ends[1];
    assert_int_equal(zcn_framing_parse(&made.framing, "length,strip=4", nullptr), ZCN_OK);
    assert_int_equal(zcn_loop_create(&made.loop, nullptr), ZCN_OK);
    assert_int_equal(zcn_conn_adopt(&made.conn, made.loop, made.fd, made.framing, &options), ZCN_OK);
    return made;
}

void test_no_memory_for_posts_and_for_what_is_left(void **) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.high_water = uint64_t{1} << 40;
    const Adopted on = adopt(options);
    zcn_conn_retain(on.conn);

    // The start of a message stays unread by the program.
    static const uint8_t half[54] = {0, 0, 0, 100};
    assert_int_equal(::write(on.peer, half, sizeof half), sizeof half);
    const zcn_event *events = nullptr;
    size_t count = 0;
    zcn_stats stats{};
    stats.struct_size = sizeof stats;
    while (stats.unfinished_bytes != sizeof half) {
        assert_int_equal(zcn_loop_poll(on.loop, 1000000000, &events, &count, nullptr), ZCN_OK);
        assert_int_equal(zcn_conn_get_stats(on.conn, &stats), ZCN_OK);
    }

    zcn_unit *unit = nullptr;
    void *data = nullptr;
    assert_int_equal(zcn_unit_alloc(&unit, &data, nullptr, on.framing, 0), ZCN_OK);
    assert_int_equal(zcn_unit_seal(unit, on.framing), ZCN_OK);
    uint64_t posted = 0;
    const auto post = [&] {
        zcn_unit_retain(unit);
        const zcn_status status = zcn_conn_post(on.conn, unit);
        if (status != ZCN_OK)
            zcn_unit_release(unit);
        else
            posted++;
        return status;
    };
    // Letters may lie where the units of the tests before this one lay.
    expect_refused(post, 4 * most);
    zcn_unit_release(unit);
    // All that were accepted leave.
    uint64_t arrived = 0;
    const int64_t give_up = real_now() + int64_t{20} * 1000000000;
    while (arrived < posted * 4 && real_now() < give_up) {
        assert_int_equal(zcn_loop_poll(on.loop, 0, &events, &count, nullptr), ZCN_OK);
        uint8_t scrap[65536];
        const ssize_t got = ::recv(on.peer, scrap, sizeof scrap, MSG_DONTWAIT);
        arrived += got > 0 ? static_cast<uint64_t>(got) : 0;
    }
    assert_int_equal(arrived, posted * 4);

    int fd = 0;
    zcn_msg *rest = nullptr;
    memory_ends();
    assert_int_equal(zcn_conn_take_fd(on.conn, &fd, &rest), ZCN_ENOMEM);
    assert_int_equal(fd, -1);
    assert_null(rest);
    assert_int_equal(zcn_conn_get_state(on.conn), ZCN_STATE_OPEN);
    script_reset();
    assert_int_equal(zcn_conn_take_fd(on.conn, &fd, &rest), ZCN_OK);
    assert_int_equal(fd, on.fd);
    assert_int_equal(zcn_msg_size(rest), sizeof half);
    assert_memory_equal(zcn_msg_data(rest), half, sizeof half);
    assert_int_equal(zcn_msg_release(rest), ZCN_OK);
    ::close(fd);
    ::close(on.peer);
    zcn_conn_release(on.conn);
    zcn_loop_release(on.loop);
    zcn_framing_release(on.framing);
}

void test_no_memory_for_requests(void **) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.id_width = 8;
    options.max_requests = 2 * most;
    const Adopted on = adopt(options);
    uint64_t begun = 0;
    zcn_stats stats{};
    stats.struct_size = sizeof stats;
    const auto begin = [&] {
        uint64_t id = 1;
        const zcn_status status = zcn_conn_begin_request(on.conn, 5, 3600 * int64_t{1000000000}, &id);
        if (status == ZCN_OK) {
            begun++;
        } else {
            assert_int_equal(id, 0);
            assert_int_equal(zcn_conn_get_stats(on.conn, &stats), ZCN_OK);
            assert_int_equal(stats.requests_waiting, begun);
        }
        return status;
    };
    expect_refused(begin);
    // The one that asks by a copy leaves no request behind either.
    static const uint8_t body[100] = {};
    expect_refused([&] {
        const zcn_status status = zcn_conn_request(on.conn, body, sizeof body, 6, -1);
        if (status == ZCN_OK) begun++;
        assert_int_equal(zcn_conn_get_stats(on.conn, &stats), ZCN_OK);
        assert_int_equal(stats.requests_waiting, begun);
        return status;
    });
    zcn_loop_release(on.loop);
    zcn_framing_release(on.framing);
    ::close(on.peer);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory_for_the_default_pool),           cmocka_unit_test(test_no_memory_for_messages),
        cmocka_unit_test(test_no_memory_to_tell_what_is_held),           cmocka_unit_test(test_no_memory_for_units),
        cmocka_unit_test(test_no_memory_for_what_stands_around_a_body),  cmocka_unit_test(test_no_memory_for_streams),
        cmocka_unit_test(test_no_memory_for_posts_and_for_what_is_left), cmocka_unit_test(test_no_memory_for_requests),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
