/* SPDX-License-Identifier: MIT */
/* Requests and their answers, matched by an id. */
#include <cstring>
#include <set>

#include "support.hpp"

namespace {

using namespace std::chrono_literals;
using zcnet::EventType;

/* Bodies that begin with eight bytes of id. */
zcnet::ConnOptions with_ids() {
    zcnet::ConnOptions options;
    options.id_width = 8;
    return options;
}

std::string room_and(const std::string &text) { return std::string(8, '-') + text; }

void answers_find_their_requests_in_any_order() {
    test::Pair pair(with_ids());
    for (std::uint64_t token = 1; token <= 10; token++) {
        CHECK(pair.near.request(room_and("question " + std::to_string(token)), token, 60s));
    }
    CHECK(pair.near.stats().requests == 10 && pair.near.stats().requests_waiting == 10);
    std::vector<std::pair<std::uint64_t, std::string>> asked;
    std::set<std::uint64_t> answered;
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        CHECK(event.type() == EventType::message);
        if (event.conn() == pair.far) {
            CHECK(event.token() == 0);
            asked.emplace_back(pair.far.id_of(event.message()), event.text().substr(8));
            if (asked.size() == 10) {  // the last one first
                for (auto it = asked.rbegin(); it != asked.rend(); ++it) {
                    CHECK(pair.far.answer(it->first, room_and("to " + it->second)));
                }
            }
        } else {
            CHECK(event.text().substr(8) == "to question " + std::to_string(event.token()));
            answered.insert(event.token());
        }
        return answered.size() == 10;
    });
    CHECK(pair.near.stats().answers == 10 && pair.near.stats().requests_waiting == 0);
}

void bodies_that_are_not_copied() {
    test::Pair pair(with_ids());
    const std::uint64_t id = pair.near.begin_request(7, 60s);
    zcnet::Unit unit = zcnet::Unit::alloc(pair.framing, 12);
    std::memcpy(unit.body().data(), "--------body", 12);
    pair.near.put_id(unit.body(), id);
    CHECK(pair.near.send(std::move(unit)));
    bool answered = false;
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        if (event.conn() == pair.far) {
            CHECK(pair.far.id_of(event.message()) == id);
            CHECK(pair.far.answer(event.message(), room_and("answer")));
        } else {
            answered = event.type() == EventType::message && event.token() == 7 && event.text().substr(8) == "answer";
        }
        return answered;
    });
    CHECK(pair.near.stats().copied_bytes == 0);
}

void requests_that_are_not_answered_are_told() {
    test::Pair pair(with_ids());
    CHECK(pair.near.request(room_and("late"), 1, 1ms));
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        return event.type() == EventType::unanswered && event.token() == 1 && event.status() == ZCN_ETIMEDOUT;
    });
    const std::uint64_t id = pair.near.begin_request(2, -1ns);
    CHECK(pair.near.end_request(id) && !pair.near.end_request(id));
    CHECK(pair.near.request(room_and("never"), 3, -1ns));
    pair.far.abort();
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        CHECK(event.token() != 2);
        return event.type() == EventType::unanswered && event.token() == 3 && event.status() != ZCN_OK;
    });
}

void what_cannot_be_asked_throws() {
    test::Pair without;
    CHECK_THROWS(ZCN_EUNSUPPORTED, without.near.request(room_and("x"), 1, 1s));
    CHECK_THROWS(ZCN_EUNSUPPORTED, without.near.answer(1, room_and("x")));
    zcnet::ConnOptions options = with_ids();
    options.max_requests = 1;
    test::Pair pair(options);
    CHECK_THROWS(ZCN_EINVAL, pair.near.request("short", 1, 1s));
    CHECK_THROWS(ZCN_EINVAL, pair.near.request(room_and("x"), 0, 1s));
    static_cast<void>(pair.near.begin_request(1, -1ns));
    CHECK_THROWS(ZCN_ENOBUFS, pair.near.begin_request(2, -1ns));
    char small[4] = {};
    CHECK_THROWS(ZCN_EINVAL, pair.near.put_id(zcnet::MutableBytes(small, sizeof small), 1));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(answers_find_their_requests_in_any_order),
        TEST(bodies_that_are_not_copied),
        TEST(requests_that_are_not_answered_are_told),
        TEST(what_cannot_be_asked_throws),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
