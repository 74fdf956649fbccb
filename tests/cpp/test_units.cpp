/* SPDX-License-Identifier: MIT */
/* Units: who owns what before, during and after sending. */
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "support.hpp"

namespace {

/* Counts how many of its kind are alive, and is taken as bytes. */
class Counted {
  public:
    explicit Counted(int &alive) : alive_(&alive), text_("counted bytes") { ++*alive_; }
    Counted(Counted &&other) noexcept : alive_(other.alive_), text_(std::move(other.text_)) { ++*alive_; }
    Counted(const Counted &) = delete;
    Counted &operator=(const Counted &) = delete;
    ~Counted() { --*alive_; }
    const char *data() const { return text_.data(); }
    std::size_t size() const { return text_.size(); }

  private:
    int *alive_;
    std::string text_;
};

void sending_empties_a_unit_when_it_was_taken() {
    test::Pair pair;
    zcnet::Unit unit = zcnet::Unit::alloc(pair.framing, 5);
    CHECK(unit.body().size() == 5 && unit.size() == 5);
    std::memcpy(unit.body().data(), "hello", 5);
    CHECK(pair.near.send(std::move(unit)));
    CHECK(!unit && unit.body().empty());
    CHECK_THROWS(ZCN_EINVAL, pair.near.send(std::move(unit)));  // an empty one
    CHECK_THROWS(ZCN_EINVAL, unit.append_copy("more"));
    CHECK(unit.size() == 0);

    zcnet::Unit too_large = zcnet::Unit::create();
    too_large.append_owned(std::vector<char>(17 << 20));
    CHECK_THROWS(ZCN_EFRAME_TOO_LARGE, pair.near.send(std::move(too_large)));
    CHECK(too_large && too_large.size() == 17 << 20);
    std::string got;
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        got = event.text();
        return event.type() == zcnet::EventType::message;
    });
    CHECK(got == "hello");
}

void above_high_water_a_unit_stays_whole() {
    zcnet::ConnOptions options;
    options.high_water = 1 << 16;
    options.start_paused = 1;
    test::Pair pair(options);
    std::size_t sent = 0;
    zcnet::Unit unit;
    for (;; sent++) {
        unit = zcnet::Unit::alloc(pair.framing, 1 << 14);
        std::memset(unit.body().data(), 'x', unit.body().size());
        if (!pair.near.send(std::move(unit))) break;
        CHECK(!unit && sent < 1000);
    }
    CHECK(unit && unit.size() == 1 << 14 && sent > 0);
    zcnet::UnitBatch batch(pair.framing, 3, 8);
    for (std::size_t i = 0; i < batch.size(); i++) std::memset(batch.body(i).data(), 'y', batch.body(i).size());
    CHECK(!pair.near.send(batch) && batch.size() == 3);
    CHECK(!pair.near.send_copy("x") && !pair.near.reserve(1));
    pair.far.resume();
    std::size_t received = 0;
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        if (event.type() == zcnet::EventType::writable) CHECK(pair.near.send(std::move(unit)) && pair.near.send(batch));
        received += event.type() == zcnet::EventType::message;
        return received == sent + 4;
    });
    CHECK(!unit && batch.empty());
}

void owners_end_once() {
    int alive = 0;
    {
        zcnet::Unit unit = zcnet::Unit::create();
        unit.append_owned(Counted(alive));
        CHECK(alive == 1 && unit.size() == 13);
        zcnet::Unit moved = std::move(unit);
        CHECK(alive == 1 && !unit);
        zcnet::Unit second = moved.retain();
        moved.reset();
        CHECK(alive == 1 && second.size() == 13);
        second = zcnet::Unit();
        CHECK(alive == 0);

        zcnet::Unit sealed = zcnet::Unit::create();
        sealed.seal(zcnet::Framing("raw"));
        CHECK_THROWS(ZCN_EINVAL, sealed.append_owned(Counted(alive)));
        CHECK(alive == 0);
    }
    {
        test::Pair pair;
        zcnet::Unit unit = zcnet::Unit::create();
        unit.append_owned(Counted(alive));
        CHECK(pair.near.send(std::move(unit)) && alive == 1);
        test::poll_until(pair.loop, [&](const zcnet::Event &event) {
            return event.type() == zcnet::EventType::message && event.text() == "counted bytes";
        });
        CHECK(alive == 0);
        unit = zcnet::Unit::create();
        unit.append_owned(Counted(alive));
        CHECK(pair.near.send(std::move(unit)));
        pair.near.abort();  // it never leaves, and ends all the same
        test::poll_until(pair.loop, [&](const zcnet::Event &event) {
            return event.type() == zcnet::EventType::closed && event.conn() == pair.near;
        });
        CHECK(alive == 0);
    }
}

template <typename Owner, typename = void>
constexpr bool can_be_owned = false;
template <typename Owner>
constexpr bool
    can_be_owned<Owner, std::void_t<decltype(std::declval<zcnet::Unit &>().append_owned(std::declval<Owner>()))>> =
        true;

/* What does not keep its bytes alive cannot be given away as if it did. */
void views_are_no_owners() {
    CHECK((can_be_owned<std::string> && can_be_owned<std::vector<int>> && can_be_owned<std::array<char, 8>>));
    CHECK(can_be_owned<std::shared_ptr<std::string>> && can_be_owned<Counted> && can_be_owned<zcnet::Message>);
    CHECK(!can_be_owned<std::string_view> && !can_be_owned<zcnet::Bytes> && !can_be_owned<zcnet::MessageView>);
    CHECK(!can_be_owned<zcnet::MutableBytes> && !can_be_owned<const char *>);
#if __cplusplus >= 202002L
    CHECK(!can_be_owned<std::span<const std::byte>>);
#endif
    zcnet::Unit unit = zcnet::Unit::create();
    unit.append_owned(std::array<char, 4>{'f', 'o', 'u', 'r'});
    CHECK(unit.size() == 4);
}

void lent_memory_comes_back() {
    int released = 0;
    static const char memory[] = "lent";
    {
        zcnet::Unit unit = zcnet::Unit::create();
        unit.append_ref(zcnet::Bytes(memory, 4), [&] { released++; });
        CHECK(unit.size() == 4 && released == 0);
    }
    CHECK(released == 1);
    zcnet::Unit sealed = zcnet::Unit::copy(zcnet::Framing("raw"), "x");
    CHECK_THROWS(ZCN_EINVAL, sealed.append_ref(zcnet::Bytes(memory, 4), [&] { released++; }));
    CHECK(released == 1);

    const auto shared = std::make_shared<std::string>("shared");
    zcnet::Unit unit = zcnet::Unit::create();
    unit.append_owned(shared);
    CHECK(shared.use_count() == 2 && unit.size() == 6);
    unit.reset();
    CHECK(shared.use_count() == 1);
}

void segments_leave_as_one_message() {
    test::Pair pair;
    zcnet::Unit unit = zcnet::Unit::create();
    unit.append_copy("copied ");
    unit.append_static("static ");
    unit.append_owned(std::string("owned "));
    const zcnet::MutableBytes room = unit.append_alloc(10);
    std::memcpy(room.data(), "written...", 10);
    unit.truncate(unit.size() - 3);
    unit.set_token(77);
    CHECK(pair.near.send(std::move(unit)));
    bool message = false, sent = false, answered = false;
    zcnet::Message kept;
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        if (event.type() == zcnet::EventType::sent) {
            sent = event.token() == 77 && event.count() == 1 && event.status() == ZCN_OK;
        } else if (event.conn() == pair.far && event.type() == zcnet::EventType::message) {
            message = event.text() == "copied static owned written";
            kept = event.message().retain();
            // Back again behind a word, from where it lies: once as a view and once as a message.
            zcnet::Unit answer = zcnet::Unit::create();
            answer.append_static("again: ");
            answer.append(event.message());
            answer.append(kept);
            CHECK(event.conn().send(std::move(answer)));
        } else if (event.type() == zcnet::EventType::message) {
            answered = event.text() == "again: copied static owned writtencopied static owned written";
        }
        return message && sent && answered;
    });
    // The frame, header and all, through a raw framing.
    zcnet::Unit frame = zcnet::Unit::create();
    frame.append_frame(kept);
    CHECK(frame.size() == kept.size() + 4);
}

void batches_and_prefixes() {
    const zcnet::Framing framing("length,strip=4");
    zcnet::UnitBatch batch(framing, 10, 8);
    CHECK(batch.size() == 10 && batch.body(9).size() == 8);
    zcnet::UnitBatch moved = std::move(batch);
    CHECK(batch.empty() && moved.size() == 10);
    batch = std::move(moved);
    CHECK(batch.size() == 10);
    CHECK_THROWS(ZCN_EINVAL, zcnet::UnitBatch(framing, 65537, 8));

    const zcnet::Framing with_prefix("length,offset=2,width=2,strip=4");
    zcnet::Stream out(with_prefix);
    zcnet::Unit unit = zcnet::Unit::alloc(with_prefix, 1);
    unit.body()[0] = std::byte{'x'};
    unit.set_prefix("ab");
    CHECK(out.send(std::move(unit)));
    iovec pieces[4];
    CHECK(out.gather(pieces, 4) >= 1 && std::memcmp(pieces[0].iov_base, "ab\0\1", 4) == 0);
}

void room_in_the_queue() {
    test::Pair pair;
    auto room = pair.near.reserve(3);
    CHECK(room && room->size() >= 3);
    std::memcpy(room->data(), "one", 3);
    const zcnet::MutableBytes next = pair.near.commit(3);
    if (next.size() >= 3) {
        std::memcpy(next.data(), "two", 3);
        static_cast<void>(pair.near.commit(3));
    } else {
        CHECK(pair.near.send_copy("two"));
    }
    CHECK_THROWS(ZCN_EFRAME_TOO_LARGE, pair.near.reserve(std::uint64_t{1} << 40));
    CHECK(pair.near.flush());
    std::string got;
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        if (event.type() == zcnet::EventType::message) got += event.text();
        return got.size() == 6;
    });
    CHECK(got == "onetwo");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(sending_empties_a_unit_when_it_was_taken),
        TEST(above_high_water_a_unit_stays_whole),
        TEST(owners_end_once),
        TEST(views_are_no_owners),
        TEST(lent_memory_comes_back),
        TEST(segments_leave_as_one_message),
        TEST(batches_and_prefixes),
        TEST(room_in_the_queue),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
