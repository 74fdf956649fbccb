/* SPDX-License-Identifier: MIT */
/* Requests of coroutines. */
#include "coroutines.hpp"

#ifdef __cpp_impl_coroutine

namespace {

using namespace test;

zcnet::ConnOptions with_ids() {
    zcnet::ConnOptions options;
    options.id_width = 8;
    options.max_requests = 3;
    return options;
}

/* Answers in the wrong order, two at a time; never what begins with '?'. */
zcnet::Task answer(zcnet::AsyncConn conn) {
    std::optional<zcnet::Message> held;
    while (auto message = co_await conn.next()) {
        const std::string text = std::string(message->text().substr(8)) + "!";
        if (text[0] == '?') continue;
        if (!held) {
            held = std::move(message);
            continue;
        }
        const std::string first = std::string(held->text()) + "!";
        CHECK(conn.conn().answer(conn.conn().id_of(*message), std::string(8, 0) + text));
        CHECK(conn.conn().answer(conn.conn().id_of(*held), first));
        held.reset();
    }
}

void requests_find_their_answers() {
    zcnet::AsyncLoop loop;
    const zcnet::ConnOptions options = with_ids();
    zcnet::ListenOptions listen;
    listen.conn = &options;
    const zcnet::AsyncListener listener = loop.listen("tcp://127.0.0.1:0", framing, listen);
    int answers = 0;
    const auto client = [&]() -> zcnet::Task {
        const zcnet::AsyncConn conn = co_await loop.connect(listener.listener().address(), framing, options);
        loop.spawn(answer(co_await listener.accept()));
        const auto ask = [&](int number) -> zcnet::Task {
            const std::string text = std::to_string(number);
            const zcnet::Message message = co_await conn.request(std::string(8, 0) + text);
            CHECK(message.text().substr(8) == text + "!");
            answers++;
        };
        // More than may be asked at a time.
        for (int i = 0; i < 9; i++) loop.spawn(ask(i));
        std::vector<zcnet::Task> last;
        last.push_back(ask(9));
        co_await all_of(last);
        zcn_status status = ZCN_OK;
        try {
            static_cast<void>(co_await conn.request(std::string(8, 0) + "?", 1ms));
        } catch (const zcnet::Error &error) {
            status = error.status();
        }
        CHECK(status == ZCN_ETIMEDOUT);
        try {
            static_cast<void>(co_await conn.request("short"));
        } catch (const zcnet::Error &error) {
            status = error.status();
        }
        CHECK(status == ZCN_EINVAL);
        // One that is not waited for any more is taken back.
        const auto forgotten = [&]() -> zcnet::Task {
            static_cast<void>(co_await conn.request(std::string(8, 0) + "?"));
        };
        {
            zcnet::AsyncLoop other;  // begins it, and ends it
            other.spawn(forgotten());
            CHECK(conn.conn().stats().requests_waiting == 1);
        }
        CHECK(conn.conn().stats().requests_waiting == 0);
        conn.conn().abort();
        try {
            static_cast<void>(co_await conn.request(std::string(8, 0) + "?"));
            CHECK(false);
        } catch (const zcnet::Error &error) {
            CHECK(error.status() == ZCN_EABORTED || error.status() == ZCN_ECLOSED);
        }
    };
    run(loop, client());
    CHECK(answers == 10);
}

/* Asks, and counts when that has ended with this status. */
zcnet::Task ask_in_vain(const zcnet::AsyncConn &conn, std::string body, std::chrono::nanoseconds timeout,
                        zcn_status wanted, int &ended) {
    try {
        static_cast<void>(co_await conn.request(body, timeout));
    } catch (const zcnet::Error &error) {
        CHECK(error.status() == wanted);
        ended++;
    }
}

/* One that may ask one at a time. */
zcnet::AsyncConn connect_to_silence(zcnet::AsyncLoop &loop, const test::Silence &silence) {
    zcnet::ConnOptions options;
    options.id_width = 8;
    options.max_requests = 1;
    std::optional<zcnet::AsyncConn> conn;
    run(loop, [&]() -> zcnet::Task { conn.emplace(co_await loop.connect(silence.address, framing, options)); }());
    return std::move(*conn);
}

void the_time_passes_for_requests_that_cannot_be_sent() {
    zcnet::AsyncLoop loop;
    const test::Silence silence;
    zcnet::ConnOptions options;
    options.id_width = 8;
    int ended = 0;
    const auto client = [&]() -> zcnet::Task {
        const zcnet::AsyncConn conn = co_await loop.connect(silence.address, framing, options);
        std::vector<zcnet::Task> tasks;
        const auto all = [&](zcn_status wanted) -> zcnet::Task {
            for (int i = 0; i < 30; i++) loop.spawn(ask_in_vain(conn, std::string(1000000, 'x'), 100ms, wanted, ended));
            co_await ask_in_vain(conn, std::string(1000000, 'x'), 200ms, wanted, ended);
        };
        co_await all(ZCN_ETIMEDOUT);
        CHECK(ended == 31);
        CHECK(conn.conn().stats().unanswered == 31 && conn.conn().stats().requests_waiting == 0);
        // Those that wait are told when the connection ends.
        loop.spawn(ask_in_vain(conn, std::string(1000000, 'x'), -1ns, ZCN_EABORTED, ended));
        conn.conn().abort();
        co_await conn.closed();
    };
    run(loop, client());
    CHECK(ended == 32);
}

void the_time_passes_for_requests_that_cannot_begin() {
    zcnet::AsyncLoop loop;
    const test::Silence silence;
    const zcnet::AsyncConn conn = connect_to_silence(loop, silence);
    const auto begun = [&] { return conn.conn().stats().requests; };
    int ended = 0;
    const auto ask = [&](std::chrono::nanoseconds timeout, zcn_status wanted) {
        loop.spawn(ask_in_vain(conn, "........", timeout, wanted, ended));
    };
    std::optional<zcnet::AsyncLoop> other(std::in_place);  // begins the one that may be asked, and ends it
    int never = 0;
    other->spawn(ask_in_vain(conn, "........", -1ns, ZCN_OK, never));
    other->spawn(ask_in_vain(conn, "........", 1h, ZCN_OK, never));
    for (const auto timeout : {20ms, 0ms, 10ms}) ask(timeout, ZCN_ETIMEDOUT);
    poll_until(loop, [&] { return ended == 3; });
    CHECK(begun() == 1);
    // Who waits begins when the one before is taken back.
    ask(-1ns, ZCN_EABORTED);
    ask(1h, ZCN_EABORTED);
    CHECK(begun() == 1);
    other.reset();
    poll_until(loop, [&] { return begun() == 2; });
    // And is told when the connection ends.
    CHECK(ended == 3);
    conn.conn().abort();
    poll_until(loop, [&] { return ended == 5; });
    CHECK(begun() == 2 && never == 0);
}

void requests_outlive_their_loop() {
    const test::Silence silence;
    std::optional<zcnet::AsyncConn> conn;
    int never = 0;
    zcnet::AsyncLoop other;
    const auto ask = [&] { other.spawn(ask_in_vain(*conn, "........", 1h, ZCN_OK, never)); };
    {
        zcnet::AsyncLoop loop;
        conn.emplace(connect_to_silence(loop, silence));
        for (int i = 0; i < 3; i++) ask();
        CHECK(conn->conn().stats().requests_waiting == 1);
    }
    CHECK(conn->conn().error().status == ZCN_EABORTED);
    ask();
    CHECK(other.poll(0s) && never == 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(requests_find_their_answers),
        TEST(the_time_passes_for_requests_that_cannot_be_sent),
        TEST(the_time_passes_for_requests_that_cannot_begin),
        TEST(requests_outlive_their_loop),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
#endif
