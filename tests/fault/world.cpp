// SPDX-License-Identifier: MIT
#include "world.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fault_test {

namespace {

constexpr int64_t start_of_time = 1000 * second;
constexpr int64_t look_takes = 1000;  // nanoseconds

World the_world;

}  // namespace

void assert_at(int64_t at, int64_t expected) {
    if (at < expected || at > expected + slack)
        fail_msg("it came %lld us after its time", static_cast<long long>((at - expected) / 1000));
}

World *world_begin(const WorldPlan &plan) {
    World *const world = &the_world;
    std::memset(static_cast<void *>(world), 0, sizeof *world);
    script_reset();
    clock_start(start_of_time, look_takes);
    world->before = holdings_now();
    zcn_pool_options pool_options;
    zcn_pool_options_init(&pool_options, sizeof pool_options);
    pool_options.block_size = plan.block_size;
    pool_options.limit = plan.pool_limit;
    assert_int_equal(zcn_pool_create(&world->pool, &pool_options), ZCN_OK);
    assert_int_equal(zcn_framing_parse(&world->framing, plan.framing, nullptr), ZCN_OK);
    zcn_loop_options loop_options;
    zcn_loop_options_init(&loop_options, sizeof loop_options);
    loop_options.pool = world->pool;
    loop_options.event_capacity = plan.event_capacity;
    assert_int_equal(zcn_loop_create(&world->loop, &loop_options), ZCN_OK);
    return world;
}

void world_end(World *world) {
    assert_int_equal(zcn_loop_close(world->loop), ZCN_OK);
    const int64_t until = clock_read() + 10 * second;
    for (;;) {
        const zcn_event *events = nullptr;
        size_t count = 0;
        if (zcn_loop_poll(world->loop, second, &events, &count, nullptr) == ZCN_ECLOSED) break;
        assert_true(clock_read() < until);
    }
    zcn_loop_release(world->loop);
    zcn_framing_release(world->framing);
    expect_pool_unused(&world->verdict, world->pool);
    const uint64_t mapped = live_mapped_bytes();
    zcn_pool_release(world->pool);
    EXPECT(&world->verdict, live_mapped_bytes() < mapped);
    expect_same(&world->verdict, world->before);
    if (world->verdict.text[0] != '\0') fail_msg("%s", world->verdict.text);
}

size_t world_poll(World *world, int64_t timeout) {
    const zcn_event *events = nullptr;
    size_t count = 0;
    assert_int_equal(zcn_loop_poll(world->loop, timeout, &events, &count, nullptr), ZCN_OK);
    for (size_t i = 0; i < count; i++) {
        const zcn_event &event = events[i];
        assert_true(world->used < World::most);
        world->log[world->used++] = {event.type, event.status, event.conn,  event.user,
                                     event.size, event.token,  clock_read()};
        if (world->look != nullptr) world->look(world, &event);
    }
    return count;
}

void world_run(World *world, int64_t time) {
    const int64_t until = clock_read() + time;
    while (clock_read() < until) world_poll(world, until - clock_read());
}

void world_settle(World *world) {
    // What one poll writes another one may read.
    for (uint32_t idle = 0; idle < 4;) idle = world_poll(world, 0) == 0 ? idle + 1 : 0;
}

uint32_t world_count(const World &world, uint32_t type, const zcn_conn *conn) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < world.used; i++)
        count += world.log[i].type == type && (conn == nullptr || world.log[i].conn == conn);
    return count;
}

const Entry *world_first(const World &world, uint32_t type, const zcn_conn *conn) {
    for (uint32_t i = 0; i < world.used; i++)
        if (world.log[i].type == type && (conn == nullptr || world.log[i].conn == conn)) return &world.log[i];
    return nullptr;
}

zcn_conn_options conn_defaults() {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    return options;
}

zcn_conn *world_adopt(World *world, const zcn_conn_options &options, int *peer) {
    int fds[2];
    assert_true(make_pair(fds));
    assert_true(::fcntl(fds[1], F_SETFL, O_NONBLOCK) >= 0);
    zcn_conn *conn = nullptr;
    assert_int_equal(zcn_conn_adopt(&conn, world->loop, fds[0], world->framing, &options), ZCN_OK);
    *peer = fds[1];
    return conn;
}

zcn_listener *world_listen(World *world, const zcn_listen_options &options, char *address, size_t capacity) {
    char name[64];
    std::snprintf(name, sizeof name, "unix-abstract:zcnet-fault-%d", static_cast<int>(::getpid()));
    zcn_listener *listener = nullptr;
    assert_int_equal(zcn_listen(&listener, world->loop, name, world->framing, &options), ZCN_OK);
    assert_int_equal(zcn_listener_address(listener, address, capacity), ZCN_OK);
    return listener;
}

void peer_write(int fd, const void *data, size_t size) { assert_int_equal(::send(fd, data, size, MSG_NOSIGNAL), size); }

void peer_write_frame(int fd, uint32_t size) {
    static uint8_t frame[4 + 65536];
    assert_true(size <= sizeof frame - 4);
    for (int i = 0; i < 4; i++) frame[i] = static_cast<uint8_t>(size >> (24 - 8 * i));
    peer_write(fd, frame, 4 + size);
}

bool peer_read_all(int fd, uint64_t *bytes) {
    static uint8_t scrap[65536];
    *bytes = 0;
    for (;;) {
        const ssize_t got = ::recv(fd, scrap, sizeof scrap, 0);
        if (got == 0) return true;
        if (got < 0) return errno != EAGAIN;
        *bytes += static_cast<uint64_t>(got);
    }
}

}  // namespace fault_test
