// SPDX-License-Identifier: MIT
// Pools at their limit: reading pauses and goes on, nothing is lost, nobody waits for ever, and claims cost nothing.
#include <unistd.h>

#include <algorithm>

#include "feed.h"

using namespace fault_test;

namespace {

constexpr uint64_t block = 4096;
constexpr uint32_t largest = 60 * 1024;
// What the pool keeps back for one largest message, and so much for everything else.
constexpr uint64_t reserve = 64 * 1024 + block + 64 * 1024;

WorldPlan plan_with(uint64_t ordinary) {
    WorldPlan plan;
    plan.framing = "length,width=4,strip=4,max=64K";
    plan.block_size = block;
    plan.pool_limit = reserve + ordinary;
    return plan;
}

zcn_pool_stats pool_stats(const World &world) {
    zcn_pool_stats stats{};
    stats.struct_size = sizeof stats;
    assert_int_equal(zcn_pool_get_stats(world.pool, &stats), ZCN_OK);
    return stats;
}

uint64_t limit_of(const World &world) { return pool_stats(world).limit_bytes; }

// Feeds, and messages that the program keeps for a while.
struct Keeper {
    static constexpr uint32_t most = 16384;
    Feed *feeds;
    uint32_t feed_count;
    bool keep;  // every message; else those that the dice choose
    uint32_t keep_of_thousand;
    Random random;
    zcn_msg *kept[most];
    uint32_t kept_count;
};

Keeper the_keeper;

void look(World *world, const zcn_event *event) {
    auto *keeper = static_cast<Keeper *>(world->context);
    if (event->conn == nullptr) return;
    Feed *feed = feed_of(keeper->feeds, keeper->feed_count, event->conn);
    if (feed == nullptr) {
        note(&world->verdict, "an event for a connection that is not there");
        return;
    }
    feed_look(&world->verdict, feed, event);
    if (event->type != ZCN_EVENT_MESSAGE || keeper->kept_count == Keeper::most) return;
    if (!keeper->keep && !keeper->random.chance(keeper->keep_of_thousand)) return;
    EXPECT(&world->verdict, zcn_msg_retain(&keeper->kept[keeper->kept_count], event->msg) == ZCN_OK);
    keeper->kept_count++;
}

void release_kept(Keeper *keeper, uint32_t count) {
    count = std::min(count, keeper->kept_count);
    // From anywhere in the list, as programs do.
    for (; count != 0; count--) {
        const auto which = static_cast<uint32_t>(keeper->random.below(keeper->kept_count));
        assert_int_equal(zcn_msg_release(keeper->kept[which]), ZCN_OK);
        keeper->kept[which] = keeper->kept[--keeper->kept_count];
    }
}

Keeper *watch(World *world, Feed *feeds, uint32_t count) {
    Keeper *keeper = &the_keeper;
    *keeper = {};
    keeper->feeds = feeds;
    keeper->feed_count = count;
    keeper->random = {1};
    world->look = look;
    world->context = keeper;
    return keeper;
}

void no_log(World *world) { world->used = 0; }

// Writes and polls until nothing more moves.
void pour(World *world, Feed *feeds, uint32_t count) {
    for (uint32_t idle = 0; idle < 4;) {
        uint64_t moved = 0;
        for (uint32_t i = 0; i < count; i++) moved += feed_write(&feeds[i], UINT64_MAX);
        moved += world_poll(world, 0);
        no_log(world);
        idle = moved == 0 ? idle + 1 : 0;
    }
}

void test_reading_pauses_and_goes_on(void **) {
    World *world = world_begin(plan_with(16 * block));
    static Feed feed;
    feed_begin(world, &feed, 1, 2000, 3000, conn_defaults());
    Keeper *keeper = watch(world, &feed, 1);
    keeper->keep = true;
    for (uint32_t pause = 1; feed.arrived < feed.count; pause++) {
        const uint32_t before = feed.arrived;
        pour(world, &feed, 1);
        assert_true(feed.arrived > before);
        if (feed.arrived == feed.count) break;
        assert_true(feed.pauses >= pause);
        assert_true(pool_stats(*world).in_use_bytes <= limit_of(*world));
        // As long as nothing is given back there is nothing to do, and nothing is done.
        const uint32_t so_far = feed.arrived;
        const uint64_t looks = script_calls(call_poller_wait);
        world_run(world, 50 * ms);
        assert_int_equal(feed.arrived, so_far);
        assert_int_equal(feed.ended, 0);
        if (script_calls(call_poller_wait) - looks > 60)
            fail_msg("%llu looks in 50 ms", static_cast<unsigned long long>(script_calls(call_poller_wait) - looks));
        release_kept(keeper, Keeper::most);
    }
    assert_true(feed.pauses > 3);
    assert_int_equal(feed.ended, 0);
    assert_true(pool_stats(*world).waits > 0);
    zcn_loop_stats stats{};
    stats.struct_size = sizeof stats;
    assert_int_equal(zcn_loop_get_stats(world->loop, &stats), ZCN_OK);
    assert_true(stats.pool_pauses >= feed.pauses);
    assert_int_equal(stats.paused, 0);
    release_kept(keeper, Keeper::most);
    feed_end(&feed);
    world_end(world);
}

// As many units as the pool has memory for.
uint32_t fill_with_units(World *world, zcn_unit **units, uint32_t most) {
    void *data = nullptr;
    for (uint32_t count = 0; count < most; count++) {
        const zcn_status status = zcn_unit_alloc(&units[count], &data, world->pool, world->framing, 1000);
        if (status == ZCN_OK) continue;
        assert_int_equal(status, ZCN_ENOBUFS);
        assert_null(units[count]);
        assert_null(data);
        return count;
    }
    fail_msg("the pool has no limit");
    return 0;
}

// One message of the largest size finishes though the program holds all that it can get.
void test_the_largest_message_finishes_in_a_full_pool(void **) {
    static zcn_unit *units[1000];
    for (const uint32_t early : {0U, 1U, 3U, 4U, 5U, 100U, 4096U, 30000U}) {
        World *world = world_begin(plan_with(12 * block));
        static Feed feed;
        feed_begin(world, &feed, 2, largest, 1, conn_defaults());
        watch(world, &feed, 1);
        // The largest size comes with some numbers only.
        while (feed_size(feed, 0) != largest) feed.number++;
        assert_int_equal(feed_write(&feed, early), early);
        world_settle(world);
        const uint32_t count = fill_with_units(world, units, 1000);
        assert_true(count >= 11 * 3 || early > 100);
        for (uint32_t i = 0; i < 200 && feed.arrived == 0; i++) {
            pour(world, &feed, 1);
            world_run(world, ms);
        }
        if (feed.arrived == 0) fail_msg("it does not arrive when %u bytes of it are there before", early);
        assert_int_equal(feed.ended, 0);
        assert_true(pool_stats(*world).in_use_bytes <= limit_of(*world));
        zcn_unit_release_batch(units, count);
        feed_end(&feed);
        world_end(world);
    }
}

// Headers that claim the most there may be, and then nothing: no memory is taken on a claim.
void test_claims_cost_nothing(void **) {
    constexpr uint32_t many = 300;
    World *world = world_begin(plan_with(16 * block));
    static Feed feeds[many + 1];
    Keeper *keeper = watch(world, feeds, many + 1);
    zcn_conn_options options = conn_defaults();
    options.message_timeout_ms = 60000;
    for (uint32_t i = 0; i <= many; i++) feed_begin(world, &feeds[i], i, 2000, 500, options);
    static const uint8_t claim[] = {0, 0, 0xFF, 0xFC, 1, 2, 3, 4, 5};
    for (uint32_t i = 0; i < many; i++) {
        peer_write(feeds[i].fd, claim, 4 + i % 6);
        world_poll(world, 0);
        no_log(world);
    }
    world_settle(world);
    no_log(world);
    assert_true(pool_stats(*world).in_use_bytes <= 8 * block);
    assert_int_equal(keeper->kept_count, 0);
    pour(world, &feeds[many], 1);
    assert_int_equal(feeds[many].arrived, 500);
    assert_int_equal(feeds[many].pauses, 0);
    for (uint32_t i = 0; i < many; i++) assert_int_equal(feeds[i].ended, 0);
    // In the end their time is over.
    const int64_t until = clock_read() + 70 * second;
    while (clock_read() < until) {
        world_poll(world, second);
        no_log(world);
    }
    for (uint32_t i = 0; i < many; i++) {
        assert_int_equal(feeds[i].ended, 1);
        assert_int_equal(feeds[i].status, ZCN_ETIMEDOUT);
    }
    assert_int_equal(feeds[many].ended, 0);
    for (auto &feed : feeds) feed_end(&feed);
    world_end(world);
}

// A second loop on the same pool, where nothing is but messages that stall.
void poll_other(zcn_loop *other) {
    const zcn_event *events = nullptr;
    size_t count = 0;
    if (other != nullptr) assert_int_equal(zcn_loop_poll(other, 0, &events, &count, nullptr), ZCN_OK);
}

// Unfinished messages that fill the pool: who holds most goes, with a reason, until the others can go on.
void stall_many(World *world, zcn_loop *other = nullptr) {
    constexpr uint32_t many = 12;
    static Feed feeds[many + 1];
    watch(world, feeds, many + 1);
    for (uint32_t i = 0; i <= many; i++) feed_begin(world, &feeds[i], i, 1000, 200, conn_defaults());
    static uint8_t part[40000] = {0, 0, 0xEA, 0x60};
    uint32_t stuck = 0;
    for (uint32_t round = 0; round < 40; round++) {
        for (uint32_t i = 0; i < many; i++) {
            if (feeds[i].ended != 0) continue;
            const uint64_t from = round * 1000;
            peer_write(feeds[i].fd, part + from, 1000);
        }
        world_settle(world);
        poll_other(other);
        no_log(world);
        assert_true(pool_stats(*world).in_use_bytes <= limit_of(*world));
    }
    pour(world, &feeds[many], 1);
    for (uint32_t i = 0; i < 100 && feeds[many].arrived < 200; i++) {
        world_run(world, 10 * ms);
        poll_other(other);
        no_log(world);
        pour(world, &feeds[many], 1);
    }
    assert_int_equal(feeds[many].arrived, 200);
    assert_int_equal(feeds[many].ended, 0);
    for (uint32_t i = 0; i < many; i++) {
        if (feeds[i].ended == 0) continue;
        stuck++;
        assert_int_equal(feeds[i].ended, 1);
        assert_int_equal(feeds[i].status, ZCN_ENOBUFS);
    }
    assert_true(stuck > 0 && stuck < many);
    for (auto &feed : feeds) feed_end(&feed);
}

void test_unfinished_messages_fill_the_pool(void **) {
    World *world = world_begin(plan_with(24 * block));
    stall_many(world);
    world_end(world);
}

// The memory that a thread cuts its units from is no reason to hope for more.
void test_unfinished_messages_fill_the_pool_of_a_sender(void **) {
    World *world = world_begin(plan_with(24 * block));
    int peer = -1;
    zcn_conn *conn = world_adopt(world, conn_defaults(), &peer);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(zcn_conn_send_copy(conn, "hello", 5), ZCN_OK);
    world_settle(world);
    no_log(world);
    stall_many(world);
    ::close(peer);
    world_end(world);
}

// Nor is what stalls on another loop.
void test_unfinished_messages_fill_the_pool_of_two_loops(void **) {
    World *world = world_begin(plan_with(24 * block));
    zcn_loop_options options;
    zcn_loop_options_init(&options, sizeof options);
    options.pool = world->pool;
    zcn_loop *other = nullptr;
    assert_int_equal(zcn_loop_create(&other, &options), ZCN_OK);
    static uint8_t part[20000] = {0, 0, 0xEA, 0x60};
    int fds[3][2];
    for (auto &pair : fds) {
        assert_true(make_pair(pair));
        zcn_conn *conn = nullptr;
        assert_int_equal(zcn_conn_adopt(&conn, other, pair[0], world->framing, nullptr), ZCN_OK);
        peer_write(pair[1], part, sizeof part);
    }
    stall_many(world, other);
    zcn_loop_release(other);
    for (auto &pair : fds) ::close(pair[1]);
    world_end(world);
}

// Several feeds together take far more than the pool has, and the program keeps what the dice choose.
void test_many_share_a_small_pool(void **) {
    constexpr uint32_t many = 6;
    for (uint64_t seed = 1; seed <= number_from_environment("ZCNET_FAULT_SEEDS", 20); seed++) {
        // As much as all of them together may have unfinished: nobody has to go.
        World *world = world_begin(plan_with(many * (largest + 64 * 1024) + 8 * block));
        static Feed feeds[many];
        for (uint32_t i = 0; i < many; i++)
            feed_begin(world, &feeds[i], seed * many + i, i % 2 != 0 ? largest : 3000, 150, conn_defaults());
        Keeper *keeper = watch(world, feeds, many);
        keeper->random = {seed};
        keeper->keep_of_thousand = 600;
        uint32_t left = many;
        const int64_t until = clock_read() + 600 * second;
        while (left != 0) {
            for (auto &feed : feeds) (void)feed_write(&feed, keeper->random.below(20000));
            world_poll(world, keeper->random.chance(500) ? 0 : ms);
            no_log(world);
            if (keeper->random.chance(100)) release_kept(keeper, 1 + static_cast<uint32_t>(keeper->random.below(400)));
            assert_true(pool_stats(*world).in_use_bytes <= limit_of(*world));
            left = 0;
            for (const auto &feed : feeds) {
                left += feed.arrived < feed.count;
                if (feed.ended != 0)
                    fail_msg("seed %llu: a connection ended with %s", static_cast<unsigned long long>(seed),
                             zcn_status_name(feed.status));
            }
            if (clock_read() > until) fail_msg("seed %llu: it does not end", static_cast<unsigned long long>(seed));
        }
        release_kept(keeper, Keeper::most);
        for (auto &feed : feeds) feed_end(&feed);
        world_end(world);
    }
}

// Sending in a full pool: refused with a reason, nothing changed, and possible again later.
void test_sending_in_a_full_pool(void **) {
    World *world = world_begin(plan_with(8 * block));
    int peer = -1;
    zcn_conn *conn = world_adopt(world, conn_defaults(), &peer);
    world_settle(world);
    static zcn_unit *units[1000];
    const uint32_t count = fill_with_units(world, units, 1000);
    assert_true(count >= 7 * 4 && count <= 9 * 4);
    static const uint8_t body[3000] = {1};
    assert_int_equal(zcn_conn_send_copy(conn, body, sizeof body), ZCN_ENOBUFS);
    uint64_t room = 1;
    void *data = &room;
    assert_int_equal(zcn_conn_reserve(conn, &data, &room, 3000), ZCN_ENOBUFS);
    assert_null(data);
    assert_int_equal(room, 0);
    // What the program holds can be sent, and makes room.
    size_t sent = 0;
    assert_int_equal(zcn_conn_send_batch(conn, units, count, &sent), ZCN_OK);
    assert_int_equal(sent, count);
    assert_int_equal(zcn_conn_flush(conn), ZCN_OK);
    assert_int_equal(zcn_conn_send_copy(conn, body, sizeof body), ZCN_OK);
    world_settle(world);
    uint64_t bytes = 0;
    assert_false(peer_read_all(peer, &bytes));
    assert_int_equal(bytes, count * 1004 + 3004);
    ::close(peer);
    world_end(world);
}

// Without a limit it is the system that has no memory: reading is tried again now and then.
void test_the_system_has_no_memory_for_a_while(void **) {
    WorldPlan plan;
    plan.framing = "length,width=4,strip=4,max=64K";
    plan.block_size = block;
    World *world = world_begin(plan);
    static Feed feed;
    feed_begin(world, &feed, 3, 3000, 50, conn_defaults());
    Keeper *keeper = watch(world, &feed, 1);
    keeper->keep = true;
    script_fail(call_map, script_calls(call_map) + 1, for_ever, ENOMEM);
    pour(world, &feed, 1);
    assert_int_equal(feed.arrived, 0);
    assert_int_equal(feed.pauses, 1);
    const uint64_t looks = script_calls(call_poller_wait);
    world_run(world, 2 * second);
    no_log(world);
    assert_true(script_calls(call_poller_wait) - looks < 1000);
    assert_int_equal(feed.ended, 0);
    script_fail(call_map, 0, 0, 0);
    world_run(world, 50 * ms);
    no_log(world);
    pour(world, &feed, 1);
    assert_int_equal(feed.arrived, feed.count);
    release_kept(keeper, Keeper::most);
    feed_end(&feed);
    world_end(world);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_reading_pauses_and_goes_on),
        cmocka_unit_test(test_the_largest_message_finishes_in_a_full_pool),
        cmocka_unit_test(test_claims_cost_nothing),
        cmocka_unit_test(test_unfinished_messages_fill_the_pool),
        cmocka_unit_test(test_unfinished_messages_fill_the_pool_of_a_sender),
        cmocka_unit_test(test_unfinished_messages_fill_the_pool_of_two_loops),
        cmocka_unit_test(test_many_share_a_small_pool),
        cmocka_unit_test(test_sending_in_a_full_pool),
        cmocka_unit_test(test_the_system_has_no_memory_for_a_while),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
