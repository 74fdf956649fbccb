/* SPDX-License-Identifier: MIT */
/* Dialers: one connection after the other, and the events that tell of them. */
#include "support.hpp"

namespace {

using namespace std::chrono_literals;
using zcnet::EventType;

/* Waits that a test can afford. */
zcnet::DialOptions quick() {
    zcnet::DialOptions options;
    options.first_ms = 10;
    options.longest_ms = 40;
    options.user = 77;
    return options;
}

void a_connection_that_ends_is_made_again() {
    const zcnet::Framing framing("length,strip=4");
    zcnet::Loop loop;
    const zcnet::Listener listener = loop.listen("tcp://127.0.0.1:0", framing);
    const zcnet::Dialer dialer = loop.dial(listener.address(), framing, quick());
    CHECK(dialer && dialer.user() == 77 && dialer.conn());
    int messages = 0, redials = 0;
    CHECK(dialer.conn().send_copy("once"));
    test::poll_until(loop, [&](const zcnet::Event &event) {
        if (event.type() == EventType::message) {
            messages++;
            event.conn().abort();
        } else if (event.type() == EventType::redial) {
            CHECK(event.dialer() == dialer && event.user() == 77 && event.status() != ZCN_OK);
            CHECK(event.count() >= 1 && event.count() <= 40 && dialer.stats().wait_ms >= 1);
            CHECK(!dialer.conn());
            redials++;
            dialer.hurry();
        } else if (event.type() == EventType::connected && redials == 1 && messages == 1) {
            CHECK(event.conn() == dialer.conn() && event.conn().send_copy("again"));
        }
        return messages == 2;
    });
    CHECK(dialer.stats().connected == 2);

    dialer.close();
    CHECK_THROWS(ZCN_ECLOSED, dialer.hurry());
    test::poll_until(loop, [&](const zcnet::Event &event) {
        CHECK(event.type() != EventType::redial && !event.dialer());
        return event.type() == EventType::dialer_closed && event.status() == ZCN_OK && event.user() == 77;
    });
}

void it_gives_up_after_as_many_attempts_as_it_was_told() {
    const test::Folder folder;
    const zcnet::Framing framing("length,strip=4");
    zcnet::Loop loop;
    zcnet::DialOptions options = quick();
    options.attempts = 3;
    zcnet::Dialer dialer = loop.dial("unix://" + folder / "nobody", framing, options);
    dialer.set_user(78);
    std::uint64_t failures = 0;
    test::poll_until(loop, [&](const zcnet::Event &event) {
        if (event.type() == EventType::redial) {
            CHECK(event.status() == ZCN_EREFUSED && event.token() == ++failures);
        }
        return event.type() == EventType::dialer_closed && event.status() == ZCN_EREFUSED && event.user() == 78;
    });
    CHECK(failures == 2 && dialer.stats().attempts == 3 && dialer.stats().connected == 0);
}

void what_cannot_be_dialled_throws() {
    const zcnet::Framing framing("length,strip=4");
    zcnet::Loop loop;
    CHECK_THROWS(ZCN_EADDRESS, loop.dial("nowhere", framing));
    zcnet::DialOptions options;
    options.first_ms = 50;
    options.longest_ms = 40;
    CHECK_THROWS(ZCN_EINVAL, loop.dial("tcp://127.0.0.1:1", framing, options));
    const zcnet::Dialer none;
    CHECK(!none && !none.conn() && none.user() == 0);
    CHECK_THROWS(ZCN_EINVAL, none.close());
    CHECK_THROWS(ZCN_EINVAL, none.stats());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(a_connection_that_ends_is_made_again),
        TEST(it_gives_up_after_as_many_attempts_as_it_was_told),
        TEST(what_cannot_be_dialled_throws),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
