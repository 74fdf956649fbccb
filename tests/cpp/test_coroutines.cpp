/* SPDX-License-Identifier: MIT */
/* Coroutines on the connections of a loop. */
#include "coroutines.hpp"

#ifdef __cpp_impl_coroutine

namespace {

using namespace test;

zcnet::Task echo(zcnet::AsyncConn conn) {
    while (auto message = co_await conn.next()) co_await conn.send(*message);
}

zcnet::Task serve(zcnet::AsyncLoop &loop, const zcnet::AsyncListener &listener) {
    for (;;) loop.spawn(echo(co_await listener.accept()));
}

zcnet::Task ask_echo(zcnet::AsyncLoop &loop, std::string address, int rounds, int &done) {
    const zcnet::AsyncConn conn = co_await loop.connect(address, framing);
    for (int i = 0; i < rounds; i++) {
        const std::string text = std::to_string(i);
        co_await conn.send_copy(text);
        const auto message = co_await conn.next();
        CHECK(message && message->text() == text);
    }
    done++;
}

void many_talk_to_one_server() {
    zcnet::AsyncLoop loop;
    const zcnet::AsyncListener listener = loop.listen("tcp://127.0.0.1:0", framing);
    int done = 0;
    const auto both = [&]() -> zcnet::Task {
        for (int i = 0; i < 10; i++) loop.spawn(ask_echo(loop, listener.listener().address(), 100, done));
        std::vector<zcnet::Task> tasks;
        tasks.push_back(ask_echo(loop, listener.listener().address(), 200, done));
        tasks.push_back(ask_echo(loop, listener.listener().address(), 1, done));
        co_await all_of(tasks);
    };
    loop.spawn(serve(loop, listener));
    run(loop, both());
    poll_until(loop, [&] { return done == 12; });
}

void who_sends_waits_for_who_does_not_receive() {
    zcnet::AsyncLoop loop;
    const zcnet::AsyncListener listener = loop.listen("tcp://127.0.0.1:0", framing);
    constexpr int count = 3000;
    int sent = 0, got = 0, sent_before = 0;
    const auto send = [&]() -> zcnet::Task {
        zcnet::ConnOptions options;
        options.high_water = 100000;
        const zcnet::AsyncConn conn = co_await loop.connect(listener.listener().address(), framing, options);
        const auto part = [&](int from) -> zcnet::Task {
            for (int i = from; i < count; i += 2) {
                zcnet::Unit unit = zcnet::Unit::create();
                unit.append_owned(std::string(20000, 'x'));
                co_await conn.send(std::move(unit));
                sent++;
            }
        };
        std::vector<zcnet::Task> tasks;
        tasks.push_back(part(0));
        loop.spawn(part(1));
        co_await all_of(tasks);
        while (sent < count) {
            const auto more = co_await conn.next();
            CHECK(!more || more->empty());
        }
        conn.conn().close();
        co_await conn.closed();
    };
    const auto receive = [&]() -> zcnet::Task {
        const zcnet::AsyncConn conn = co_await listener.accept();
        // More than sockets and queues hold is not sent before this one receives.
        for (int before = -1; before != sent || sent == 0;) {
            before = sent;
            for (int i = 0; i < 20; i++) co_await loop.connect(listener.listener().address(), framing);
        }
        sent_before = sent;
        while (const auto message = co_await conn.next()) {
            CHECK(message->size() == 20000);
            if (++got == count) co_await conn.send_copy("");
        }
    };
    loop.spawn(send());
    run(loop, receive());
    CHECK(got == count && sent == count && sent_before < count);
}

void ends_are_told() {
    zcnet::AsyncLoop loop;
    std::string address;
    const auto all = [&]() -> zcnet::Task {
        zcnet::AsyncListener listener = loop.listen("tcp://127.0.0.1:0", framing);
        address = listener.listener().address();
        {
            const zcnet::AsyncConn near = co_await loop.connect(address, framing);
            zcnet::AsyncConn far = co_await listener.accept();
            co_await near.send_copy("last");
            near.conn().close();
            co_await near.closed();
            CHECK(!co_await near.next());
            CHECK((co_await far.next())->text() == "last");
            CHECK(!co_await far.next() && !co_await far.next());
            zcn_status status = ZCN_OK;
            try {
                co_await far.send_copy("late");
            } catch (const zcnet::Error &error) {
                status = error.status();
            }
            CHECK(status == ZCN_ECLOSED);
        }
        {
            const zcnet::AsyncConn near = co_await loop.connect(address, framing);
            const zcnet::AsyncConn far = co_await listener.accept();
            near.conn().abort();
            zcn_status status = ZCN_OK;
            try {
                static_cast<void>(co_await far.next());
            } catch (const zcnet::Error &error) {
                status = error.status();
            }
            CHECK(status == ZCN_ERESET);
        }
        listener.listener().close();
        zcn_status status = ZCN_OK;
        try {
            static_cast<void>(co_await listener.accept());
        } catch (const zcnet::Error &error) {
            status = error.status();
        }
        CHECK(status == ZCN_ECLOSED);
        try {
            static_cast<void>(co_await loop.connect(address, framing));
        } catch (const zcnet::Error &error) {
            status = error.status();
        }
        CHECK(status == ZCN_EREFUSED);
    };
    run(loop, all());
    CHECK_THROWS(ZCN_EADDRESS, loop.connect("nowhere", framing));
    CHECK_THROWS(ZCN_EINUSE, [&] {
        const zcnet::AsyncListener one = loop.listen(address, framing);
        static_cast<void>(loop.listen(address, framing));
    }());
}

void what_a_task_throws_comes_out_of_the_poll() {
    zcnet::AsyncLoop loop;
    const auto wrong = []() -> zcnet::Task {
        throw zcnet::Error(ZCN_EBUSY);
        co_return;
    };
    // Nothing is waited for: each has ended already.
    loop.spawn(wrong());
    loop.spawn(wrong());
    const auto begin = std::chrono::steady_clock::now();
    CHECK_THROWS(ZCN_EBUSY, loop.poll(1min));
    CHECK_THROWS(ZCN_EBUSY, loop.poll(1min));
    CHECK(std::chrono::steady_clock::now() - begin < 1min);
    CHECK(loop.poll(0s));
    CHECK_THROWS(ZCN_EBUSY, loop.run(wrong()));
    loop.loop().close();
    const auto waits = [&](const zcnet::AsyncListener &on) -> zcnet::Task { static_cast<void>(co_await on.accept()); };
    zcnet::AsyncLoop other;
    const zcnet::AsyncListener listener = other.listen("tcp://127.0.0.1:0", framing);
    CHECK_THROWS(ZCN_ECLOSED, loop.run(waits(listener)));  // of another loop, which nobody polls
}

/* Coroutines that wait for everything there is, and are ended where they are. */
void ending_loses_nothing() {
    zcnet::AsyncLoop loop;
    const zcnet::AsyncListener listener = loop.listen("tcp://127.0.0.1:0", framing);
    std::optional<zcnet::AsyncConn> near, far;
    const auto open = [&]() -> zcnet::Task {
        near.emplace(co_await loop.connect(listener.listener().address(), framing));
        far.emplace(co_await listener.accept());
    };
    run(loop, open());
    const auto take = [&]() -> zcnet::Task { static_cast<void>(co_await far->next()); };
    const auto accept = [&]() -> zcnet::Task { static_cast<void>(co_await listener.accept()); };
    const auto connect = [&]() -> zcnet::Task {
        static_cast<void>(co_await loop.connect(listener.listener().address(), framing));
    };
    {
        zcnet::AsyncLoop ended;
        for (int i = 0; i < 3; i++) {
            ended.spawn(take());
            ended.spawn(accept());
            ended.spawn(connect());
        }
    }
    const auto rest = [&]() -> zcnet::Task {
        co_await near->send_copy("not lost");
        const auto message = co_await far->next();
        CHECK(message && message->text() == "not lost");
    };
    run(loop, rest());
    // Tasks that wait when their loop ends.
    loop.spawn(take());
    loop.spawn(accept());
    loop.spawn(connect());
}

void what_was_moved_from_is_empty() {
    zcnet::AsyncLoop loop;
    zcnet::AsyncListener left = loop.listen("tcp://127.0.0.1:0", framing);
    const zcnet::AsyncListener listener = std::move(left);
    CHECK_THROWS(ZCN_EINVAL, left.listener());
    CHECK_THROWS(ZCN_EINVAL, left.accept());

    std::optional<zcnet::AsyncConn> conn;
    zcnet::Unit unit = zcnet::Unit::copy(framing, "stays");
    zcn_status again = ZCN_OK;
    const auto connect = [&]() -> zcnet::Task {
        auto connecting = loop.connect(listener.listener().address(), framing);
        conn.emplace(co_await connecting);
        try {
            static_cast<void>(co_await connecting);
        } catch (const zcnet::Error &error) {
            again = error.status();
        }
    };
    run(loop, connect());
    CHECK(again == ZCN_EINVAL);
    const zcnet::AsyncConn moved = std::move(*conn);
    CHECK_THROWS(ZCN_EINVAL, conn->conn());
    CHECK_THROWS(ZCN_EINVAL, conn->next());
    CHECK_THROWS(ZCN_EINVAL, conn->send(std::move(unit)));
    CHECK_THROWS(ZCN_EINVAL, conn->send(zcnet::Message()));
    CHECK_THROWS(ZCN_EINVAL, conn->send_copy("bytes"));
    CHECK_THROWS(ZCN_EINVAL, conn->request("bytes"));
    CHECK_THROWS(ZCN_EINVAL, conn->closed());
    CHECK(unit.size() == 5);

    const auto nothing = []() -> zcnet::Task { co_return; };
    zcnet::Task task = nothing();
    run(loop, std::move(task));
    CHECK_THROWS(ZCN_EINVAL, loop.spawn(std::move(task)));
    CHECK_THROWS(ZCN_EINVAL, loop.run(std::move(task)));
    CHECK_THROWS(ZCN_EINVAL, task.operator co_await());
    CHECK(loop.poll(0s));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(many_talk_to_one_server), TEST(who_sends_waits_for_who_does_not_receive),
        TEST(ends_are_told),           TEST(what_a_task_throws_comes_out_of_the_poll),
        TEST(ending_loses_nothing),    TEST(what_was_moved_from_is_empty),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
#endif
