/* SPDX-License-Identifier: MIT */
/* Loops, connections, listeners and relays. */
#include <poll.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support.hpp"

namespace {

using namespace std::chrono_literals;
const zcnet::Framing &framing() {
    static const zcnet::Framing shared("length,strip=4");
    return shared;
}

void echo_over(const std::string &wanted) {
    zcnet::Loop loop;
    zcnet::ConnOptions accepted;
    accepted.user = 7;
    zcnet::ListenOptions options;
    options.conn = &accepted;
    options.user = 8;
    zcnet::Listener listener = loop.listen(wanted, framing(), options);
    CHECK(listener.fd() >= 0 && listener.user() == 8);
    const zcnet::Conn client = loop.connect(listener.address(), framing()).retain();
    CHECK(client.state() == zcnet::ConnState::connecting || client.state() == zcnet::ConnState::open);
    CHECK(client.send_copy("question"));
    int number = 5;
    client.set_user(&number);
    bool was_accepted = false, answered = false;
    test::poll_until(loop, [&](const zcnet::Event &event) {
        if (event.type() == zcnet::EventType::accepted) {
            was_accepted = event.user() == 8 && event.conn().user() == 7;
        } else if (event.type() == zcnet::EventType::message && event.conn() != client) {
            event.conn().forward(event.message());
        } else if (event.type() == zcnet::EventType::message) {
            answered = event.text() == "question" && event.user_as<int>() == &number;
            client.close();
        }
        return event.type() == zcnet::EventType::closed && event.conn() == client && event.status() == ZCN_OK;
    });
    CHECK(was_accepted && answered && listener.stats().accepted == 1 && loop.stats().accepted == 1);
    CHECK(client.state() == zcnet::ConnState::closed && client.fd() == -1);
}

void echo_over_tcp() { echo_over("tcp://127.0.0.1:0"); }
void echo_over_unix() {
    const test::Folder folder;
    echo_over(std::string("unix://") + folder.path + "/socket");
}

void failures_say_why() {
    zcnet::Loop loop;
    const zcnet::Listener listener = loop.listen("tcp://127.0.0.1:0", framing());
    try {
        static_cast<void>(loop.listen(listener.address(), framing()));
        CHECK(false);
    } catch (const zcnet::Error &error) {
        CHECK(error.status() == ZCN_EINUSE && error.code() == std::errc::address_in_use);
        CHECK(error.sys_errno() == EADDRINUSE && std::string(error.what()).size() > 5);
    }
    CHECK_THROWS(ZCN_EADDRESS, loop.listen("nowhere", framing()));
    CHECK_THROWS(ZCN_EADDRESS, loop.connect("tcp://", framing()));
    zcnet::ConnRef conn;
    CHECK(loop.try_connect(conn, "nothing", framing()) == ZCN_EADDRESS && !conn);
    CHECK_THROWS(ZCN_EUNSUPPORTED, [&] {
        int pipe_ends[2];
        CHECK(pipe(pipe_ends) == 0);
        const zcn_status status = test::status_of([&] { loop.adopt_fd(pipe_ends[0], framing()); });
        close(pipe_ends[0]);
        close(pipe_ends[1]);
        if (status != ZCN_OK) throw zcnet::Error(status);
    }());

    const test::Folder folder;
    loop.connect(std::string("unix://") + folder.path + "/nobody", framing());
    test::poll_until(loop, [](const zcnet::Event &event) {
        return event.type() == zcnet::EventType::closed && event.status() == ZCN_EREFUSED &&
               std::string(event.status_text()) == zcn_status_text(ZCN_EREFUSED);
    });
}

void moved_loops_and_empty_references() {
    zcnet::Loop loop;
    const zcnet::Loop other = loop;
    CHECK(other == loop);
    zcnet::Loop moved = std::move(loop);
    CHECK(!loop && moved == other);
    zcnet::Events events;
    CHECK_THROWS(ZCN_EINVAL, loop.poll(events));
    CHECK(loop.try_poll(events) == ZCN_EINVAL && events.empty());
    CHECK_THROWS(ZCN_EINVAL, loop.connect("tcp://127.0.0.1:1", framing()));
    CHECK_THROWS(ZCN_EINVAL, loop.wake());
    CHECK_THROWS(ZCN_EINVAL, loop.next_deadline());
    CHECK(loop.fd() == -1 && moved.fd() >= 0);

    const zcnet::ConnRef none;
    zcnet::Unit unit = zcnet::Unit::copy(framing(), "x");
    CHECK(none.try_send(unit) == ZCN_EINVAL && unit);
    CHECK_THROWS(ZCN_EINVAL, none.close());
    CHECK(none.user() == 0 && none.fd() == -1 && none.state() == zcnet::ConnState::none);
    CHECK(!none.retain());
    CHECK_THROWS(ZCN_EINVAL, zcnet::RelayRef().close());
    CHECK(!zcnet::RelayRef().retain());
    CHECK_THROWS(ZCN_EINVAL, zcnet::Listener().close());
    CHECK(moved.poll(events, 0ns) && events.empty() && !events.more() && events.raw_count() == 0);
}

void a_connection_outlives_its_loop() {
    zcnet::Conn kept, copy;
    {
        test::Pair pair;
        kept = pair.near;
        copy = kept;
        kept = std::move(kept);
        CHECK(kept == pair.near && copy == kept);
    }
    zcnet::Unit unit = zcnet::Unit::copy(framing(), "late");
    CHECK(kept.try_post(unit) == ZCN_ECLOSED && unit);
    copy.reset();
    CHECK(!copy && kept);
    kept = zcnet::Conn();
}

void wake_and_post_from_elsewhere() {
    test::Pair pair;
    constexpr int total = 2000;
    std::thread poster([conn = pair.near, loop = pair.loop, framing = pair.framing] {
        for (int i = 0; i < total; i++) {
            zcnet::Unit unit = zcnet::Unit::copy(framing, "posted");
            while (!conn.post(std::move(unit))) std::this_thread::yield();
        }
        loop.wake();
    });
    int received = 0;
    bool woken = false;
    std::string failed;
    try {
        test::poll_until(pair.loop, [&](const zcnet::Event &event) {
            received += event.type() == zcnet::EventType::message && event.text() == "posted";
            woken = woken || event.type() == zcnet::EventType::woken;
            return woken && received == total;
        });
    } catch (const test::Failure &failure) {
        failed = failure.text;
        pair.near.abort();  // so that the thread ends
    }
    poster.join();
    CHECK(failed.empty());
}

void another_thread_ends_connections_in_the_middle_of_a_poll() {
    for (int round = 0; round < 50; round++) {
        test::Pair pair;
        zcnet::Conn ender = pair.near;
        for (int i = 0; i < 100; i++) CHECK(pair.far.send_copy("more"));
        std::thread other([&ender, round] {
            if (round % 2 == 0) ender.close();
            ender.abort();
            ender.reset();
        });
        int closed = 0;
        std::string failed;
        try {
            test::poll_until(pair.loop, [&](const zcnet::Event &event) {
                if (event.type() == zcnet::EventType::message && event.text() != "more") failed = "another message";
                closed += event.type() == zcnet::EventType::closed;
                return closed == 2;
            });
        } catch (const test::Failure &failure) {
            failed = failure.text;
        }
        other.join();
        CHECK(failed.empty());
    }
}

void timers_and_deadlines() {
    zcnet::Loop loop;
    CHECK(!loop.next_deadline());
    loop.set_timer(1, 1h);
    loop.set_timer(2, 0ms);
    CHECK(loop.next_deadline() && *loop.next_deadline() <= 1h);
    pollfd ready = {loop.fd(), POLLIN, 0};
    CHECK(loop.next_deadline() == 0ns || poll(&ready, 1, 60000) == 1);
    test::poll_until(
        loop, [](const zcnet::Event &event) { return event.type() == zcnet::EventType::timer && event.token() == 2; });
    CHECK(loop.cancel_timer(1) && !loop.cancel_timer(1));
}

void a_closed_loop_ends_its_polls() {
    test::Pair pair;
    const zcnet::Listener listener = pair.loop.listen("unix-abstract:zcnet-cpp-" + std::to_string(getpid()), framing());
    pair.loop.close();
    int closed = 0;
    for (zcnet::Events events; pair.loop.poll(events, 60s);) {
        for (const zcnet::Event event : events) {
            closed += event.type() == zcnet::EventType::closed || event.type() == zcnet::EventType::listener_closed;
        }
    }
    CHECK(closed == 3);
    CHECK_THROWS(ZCN_ECLOSED, pair.loop.connect("tcp://127.0.0.1:1", framing()));
}

void what_a_close_blanks_is_passed_over() {
    test::Pair pair;
    for (int i = 0; i < 10; i++) CHECK(pair.near.send_copy("many"));
    int seen = 0;
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        CHECK(event.type() != zcnet::EventType::none);
        if (event.type() == zcnet::EventType::message && ++seen == 3) pair.far.close();
        return event.type() == zcnet::EventType::closed && event.conn() == pair.far;
    });
    CHECK(seen == 3);
}

void options_addresses_and_counters() {
    zcnet::Loop loop;
    const zcnet::Listener listener = loop.listen("tcp://127.0.0.1:0", framing());
    const zcnet::ConnRef client = loop.connect(listener.address(), framing());
    test::poll_until(loop, [&](const zcnet::Event &event) { return event.type() == zcnet::EventType::accepted; });
    CHECK(client.peer_address() == listener.address() && client.local_address() != listener.address());
    client.set_option(ZCN_OPTION_HIGH_WATER, 1 << 20);
    CHECK(client.option(ZCN_OPTION_HIGH_WATER) == 1 << 20);
    CHECK_THROWS(ZCN_EOPTION, client.option(9999));
    CHECK(client.stats().messages_out == 0 && client.fd() >= 0);
    CHECK(client.option(ZCN_OPTION_ZERO_COPY_FROM) == 0);
    client.set_option(ZCN_OPTION_ZERO_COPY_FROM, 32768);
    CHECK(client.option(ZCN_OPTION_ZERO_COPY_FROM) == 32768);
    CHECK(client.explain().find("zero copy: ") != std::string::npos);
    CHECK_THROWS(ZCN_EINVAL, zcnet::ConnRef().explain());
    client.pause();
    client.resume();
    client.set_send_framing(zcnet::Framing("raw"));
    client.shutdown();
    CHECK_THROWS(ZCN_ECLOSED, client.send_copy("after the end"));
}

void descriptors_go_in_and_out() {
    test::SocketPair sockets;
    zcnet::Loop loop;
    const zcnet::Conn conn = loop.adopt_fd(sockets.ends[0], framing()).retain();
    sockets.take(0);
    auto [fd, rest] = conn.take_fd();
    CHECK(fd >= 0 && !rest);
    sockets.ends[0] = fd;
    test::poll_until(loop, [&](const zcnet::Event &event) { return event.type() == zcnet::EventType::closed; });
    CHECK_THROWS(ZCN_ECLOSED, conn.take_fd());
    CHECK(write(fd, "x", 1) == 1);
}

void one_unit_to_many() {
    test::Pair a;
    std::vector<zcnet::ConnRef> conns = {a.near, a.far};
    zcnet::Unit unit = zcnet::Unit::copy(framing(), "to all");
    const zcnet::SentToAll result = zcnet::send_to_all(conns, std::move(unit));
    CHECK(result.status == ZCN_OK && result.sent == 2 && !unit);
    int received = 0;
    test::poll_until(a.loop, [&](const zcnet::Event &event) {
        received += event.type() == zcnet::EventType::message && event.text() == "to all";
        return received == 2;
    });
    a.near.close();
    unit = zcnet::Unit::copy(framing(), "again");
    const zcnet::SentToAll none = zcnet::send_to_all(conns, std::move(unit), ZCN_ALL_OR_NOTHING);
    CHECK(none.status == ZCN_ECLOSED && none.sent == 0 && none.statuses[0] == ZCN_ECLOSED && unit);
}

void memory_is_waited_for() {
    zcnet::PoolOptions options;
    options.block_size = 64 << 10;
    options.limit = 1 << 20;
    const zcnet::Pool pool(options);
    const zcnet::Framing framing("raw");
    zcnet::Loop loop;
    CHECK_THROWS(ZCN_EINVAL, loop.await_memory(pool, 2 << 20, 1));
    std::vector<zcnet::Unit> units;
    const auto one = [&] { return zcnet::Unit::alloc(framing, 24 << 10, &pool); };
    while (test::status_of([&] { units.push_back(one()); }) == ZCN_OK) CHECK(units.size() < 100);
    CHECK_THROWS(ZCN_ENOBUFS, one());
    loop.await_memory(pool, 24 << 10, 9);
    zcnet::Events events;
    CHECK(loop.poll(events, std::chrono::nanoseconds(0)) && events.empty());
    std::thread other([&] { units.clear(); });
    test::poll_until(loop, [](const zcnet::Event &event) {
        CHECK(event.type() == zcnet::EventType::pool_ready && event.token() == 9 && event.count() == 24 << 10);
        return true;
    });
    other.join();
    CHECK(one());
}

void counters_are_told_at_a_socket() {
    const test::Folder folder;
    zcnet::Loop loop, asking;
    const zcnet::Listener listener = loop.listen_stat("unix://" + folder / "stat");
    CHECK(listener.address() == "unix://" + folder / "stat");
    asking.connect(listener.address(), zcnet::Framing("delimiter=\\n"));
    std::string page;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (page.find("\nend\n") == std::string::npos) {
        CHECK(std::chrono::steady_clock::now() < deadline);
        zcnet::Events events;
        CHECK(loop.poll(events, std::chrono::nanoseconds(0)) && events.empty());
        CHECK(asking.poll(events, std::chrono::milliseconds(1)));
        for (const zcnet::Event event : events) {
            if (event.type() == zcnet::EventType::message) page += event.text();
        }
    }
    CHECK(page.rfind("zcnet ", 0) == 0 && page.find("\ncounter loop_polls ") != std::string::npos);
    CHECK_THROWS(ZCN_EADDRESS, loop.listen_stat("tcp://127.0.0.1:0"));
}

void connections_move_between_loops() {
    test::Pair pair;
    zcnet::Loop other;
    CHECK(pair.far.is_of(pair.loop) && !pair.far.is_of(other) && !zcnet::ConnRef().is_of(other));
    pair.far.move_to(other);
    CHECK(pair.near.send_copy("over there"));
    static_cast<void>(pair.near.flush());
    test::poll_until(other, [&](const zcnet::Event &event) {
        return event.type() == zcnet::EventType::message && event.text() == "over there";
    });
    CHECK(pair.far.is_of(other));
}

void relays_pass_bytes_on() {
    test::SocketPair left, right;
    zcnet::Loop loop;
    zcnet::RelayOptions options;
    options.user = 3;
    const zcnet::Relay relay = loop.relay_fds(left.ends[1], right.ends[0], options).retain();
    left.take(1), right.take(0);
    CHECK(relay.user() == 3 && relay.error().status == ZCN_OK);
    CHECK(write(left.ends[0], "through", 7) == 7 && shutdown(left.ends[0], SHUT_WR) == 0);
    CHECK(shutdown(right.ends[1], SHUT_WR) == 0);
    test::poll_until(loop, [&](const zcnet::Event &event) {
        return event.type() == zcnet::EventType::relay_ended && event.relay() == relay && event.user() == 3 &&
               event.count() == 7 && event.status() == ZCN_EOF;
    });
    char got[8] = {};
    CHECK(read(right.ends[1], got, sizeof got) == 7 && std::string(got) == "through");
    CHECK(loop.relay_stats().ended == 1 && loop.relay_stats().forward_bytes == 7);
    CHECK(relay.stats().forward.bytes_out == 7 && relay.error().status == ZCN_EOF);

    test::Pair pair;
    const zcnet::Relay second = pair.loop.relay(pair.near, pair.far).retain(), copy = second;
    CHECK(copy == second);
    second.abort();
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        return event.type() == zcnet::EventType::relay_ended && event.status() == ZCN_EABORTED;
    });
    CHECK_THROWS(ZCN_ECLOSED, pair.loop.relay(pair.near, pair.far));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(echo_over_tcp),
        TEST(echo_over_unix),
        TEST(failures_say_why),
        TEST(moved_loops_and_empty_references),
        TEST(a_connection_outlives_its_loop),
        TEST(wake_and_post_from_elsewhere),
        TEST(another_thread_ends_connections_in_the_middle_of_a_poll),
        TEST(timers_and_deadlines),
        TEST(a_closed_loop_ends_its_polls),
        TEST(what_a_close_blanks_is_passed_over),
        TEST(options_addresses_and_counters),
        TEST(descriptors_go_in_and_out),
        TEST(one_unit_to_many),
        TEST(memory_is_waited_for),
        TEST(counters_are_told_at_a_socket),
        TEST(connections_move_between_loops),
        TEST(relays_pass_bytes_on),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
