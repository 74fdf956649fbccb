// SPDX-License-Identifier: MIT
// The inbox of a loop: no letter is lost or seen twice, none lies there without the owner having been woken for it, and
// each sender's letters come in the order in which they were put.
#include "base/inbox.h"

#include "model_test.h"

namespace {

struct Message : zcnet::Letter {
    uint32_t sender = 0;
    uint32_t number = 0;
    uint32_t taken = 0;
};

zcnet::Inbox inbox;
Message messages[model::max_threads][2];
// What an eventfd is to the loop: raised by who made the inbox non-empty, cleared before the inbox is emptied.
std::atomic<uint32_t> wake_ups;
uint32_t last[model::max_threads];  // number of the last message of each sender; the owner's

void put(uint32_t number) {
    const unsigned me = model::this_thread();
    Message &message = messages[me][number - 1];
    message.sender = me;
    message.number = number;
    if (inbox.put(&message)) wake_ups.fetch_add(1, std::memory_order_release);
}

void put_two() { put(1), put(2); }
void put_one() { put(1); }

void take() {
    for (auto *letter = inbox.take_all(); letter != nullptr;) {
        auto *message = static_cast<Message *>(letter);
        letter = letter->next;
        MODEL_REQUIRE(message->taken++ == 0);
        MODEL_REQUIRE(message->number == last[message->sender] + 1);
        last[message->sender] = message->number;
    }
}

// A poll of the owner, who looks only where it was woken.
void poll() {
    if (wake_ups.exchange(0, std::memory_order_acquire) != 0) take();
}
void poll_twice() { poll(), poll(); }

void finish() {
    // One more poll brings everything, if there is anything left to bring.
    const uint32_t woken = wake_ups.load(std::memory_order_relaxed);
    MODEL_REQUIRE(inbox.looks_empty() || woken != 0);
    poll();
    MODEL_REQUIRE(inbox.looks_empty());
    for (unsigned t = 0; t < 3; t++)
        for (const Message &message : messages[t]) MODEL_REQUIRE(message.taken == (message.number == 0 ? 0 : 1));
}

// An inbox that is given up: the owner says so, and takes what is there for the last time. A sender that finds it empty
// behind that knows.
std::atomic<uint32_t> given_up;
uint32_t saw_given_up[model::max_threads];
void give_up() {
    given_up.store(1, std::memory_order_relaxed);
    take();
}
void put_late() {
    const unsigned me = model::this_thread();
    messages[me][0].sender = me;
    messages[me][0].number = 1;
    if (inbox.put(&messages[me][0])) saw_given_up[me] = given_up.load(std::memory_order_relaxed);
}
void somebody_knows_of_what_is_left() {
    if (const auto *first = static_cast<Message *>(inbox.take_all())) MODEL_REQUIRE(saw_given_up[first->sender] == 1);
}

void test_two_senders(void **) { model::holds({"two senders", nullptr, {put_one, put_one, poll_twice}, finish}); }
void test_given_up(void **) {
    model::holds({"an inbox that is given up", nullptr, {put_late, put_late, give_up}, somebody_knows_of_what_is_left});
}
void test_two_letters_each(void **) {
    model::holds({"two senders of two letters", nullptr, {put_two, put_two, poll_twice}, finish});
    model::holds({"three senders", nullptr, {put_two, put_one, put_one, poll_twice}, finish});
}
void test_spurious(void **) {
    model::Scenario scenario = {"exchanges that fail for no reason", nullptr, {put_two, put_one, poll_twice}, finish};
    scenario.spurious = 2;
    model::holds(scenario);
}

}  // namespace

int main(int count, char **words) {
    const CMUnitTest quick[] = {cmocka_unit_test(test_two_senders), cmocka_unit_test(test_given_up)};
    const CMUnitTest thorough[] = {cmocka_unit_test(test_two_letters_each), cmocka_unit_test(test_spurious)};
    return model::run_short_or_all(quick, thorough, count, words);
}
