/* SPDX-License-Identifier: MIT */
/* Streams, and the lives of messages: borrowed, retained, moved, released, used too late. */
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "support.hpp"

namespace {

const char wire[] = "\0\0\0\3one\0\0\0\0\0\0\0\5three";
const zcnet::Bytes three_frames(wire, sizeof wire - 1);

zcnet::Stream fed(const zcnet::Pool *pool = nullptr) {
    zcnet::Stream stream(zcnet::Framing("length,strip=4"), {}, pool);
    CHECK(stream.feed(three_frames) == three_frames.size());
    return stream;
}

void views_show_what_came() {
    zcnet::Stream stream = fed();
    std::vector<std::string> texts;
    for (const zcnet::Event event : stream.poll()) {
        CHECK(event.type() == zcnet::EventType::message && !event.conn());
        texts.emplace_back(event.text());
        const zcnet::MessageView view = event.message(), copy = view;
        CHECK(copy.data() == view.data() && copy.size() == view.size() && copy.bytes().size() == event.bytes().size());
        CHECK(view.frame().size() == view.size() + 4 && view.frame().data() + 4 == view.data());
        CHECK(view.parts().size() == 1 && view.parts()[0].data() == view.data());
        CHECK(zcnet::Bytes(view).text() == event.text());
    }
    CHECK((texts == std::vector<std::string>{"one", "", "three"}));
    CHECK(stream.poll().empty() && stream.stats().messages_in == 3);
}

void messages_outlive_stream_and_pool() {
    zcnet::Message kept;
    {
        const zcnet::Pool pool;
        zcnet::Stream stream = fed(&pool);
        for (const zcnet::Event event : stream.poll()) {
            if (event.text() == "three") kept = event.message().retain();
        }
    }
    CHECK(kept.text() == "three" && kept.frame().size() == 9);
    std::thread([moved = std::move(kept)] { CHECK(moved.text() == "three"); }).join();
    CHECK(!kept && kept.empty());
}

void a_view_does_not_outlive_its_poll() {
    zcnet::Stream stream = fed();
    zcnet::MessageView view;
    for (const zcnet::Event event : stream.poll()) view = event.message();
    static_cast<void>(stream.poll());
    zcnet::Message kept;
    CHECK(view.try_retain(kept) == ZCN_ESTALE && !kept);
    CHECK_THROWS(ZCN_ESTALE, view.retain());
    CHECK_THROWS(ZCN_EINVAL, zcnet::MessageView().retain());
}

void moves_leave_nothing_behind() {
    zcnet::Stream stream = fed();
    std::vector<zcnet::Message> messages;
    for (const zcnet::Event event : stream.poll()) messages.push_back(event.message().retain());
    zcnet::Message first = std::move(messages[0]);
    CHECK(first.text() == "one" && !messages[0] && messages[0].get() == nullptr && messages[0].data() == nullptr);
    CHECK_THROWS(ZCN_EINVAL, messages[0].retain());
    CHECK_THROWS(ZCN_EINVAL, messages[0].frame());
    CHECK_THROWS(ZCN_EINVAL, messages[0].make_writable());
    CHECK_THROWS(ZCN_EINVAL, messages[0].slice(0, 0));
    messages[0].reset();  // nothing
    zcnet::Message &same = first;
    first = std::move(same);
    CHECK(first.text() == "one");
    first = std::move(messages[2]);  // what it held is released
    CHECK(first.text() == "three");

    zcnet::Stream moved = std::move(stream);
    CHECK(!stream);
    CHECK_THROWS(ZCN_EINVAL, stream.poll());
    CHECK(moved.poll().empty());
    moved = fed();
    CHECK(!moved.poll().empty());
}

void parts_copies_and_joins() {
    zcnet::Stream stream = fed();
    std::vector<zcnet::Message> kept;
    for (const zcnet::Event event : stream.poll()) kept.push_back(event.message().retain());
    const zcnet::Message part = kept[2].slice(1, 3);
    CHECK(part.text() == "hre" && part.data() == kept[2].data() + 1);
    CHECK_THROWS(ZCN_EUNSUPPORTED, part.frame());
    CHECK_THROWS(ZCN_EINVAL, kept[2].slice(1, 5));
    const zcnet::Message copy = kept[2].detached();
    CHECK(copy.text() == "three" && copy.data() != kept[2].data());
    const zcnet::Message again = kept[2].retain();
    CHECK(again.data() == kept[2].data() && again.get() != kept[2].get());

    const zcnet::Message joined = zcnet::Message::join({kept[0].get(), kept[2].get()});
    CHECK(joined.empty() && joined.total_size() == 8 && joined.parts().size() == 2);
    CHECK(joined.parts()[0].text() == "one" && joined.parts()[1].text() == "three");
    CHECK_THROWS(ZCN_EINVAL, zcnet::Message::join({}));

    zcnet::Message::release(kept);
    CHECK(kept.empty() && again.text() == "three" && joined.parts()[0].text() == "one");
}

void writing_copies_what_is_shared() {
    zcnet::Stream stream = fed();
    std::vector<zcnet::Message> kept;
    for (const zcnet::Event event : stream.poll()) kept.push_back(event.message().retain());
    CHECK_THROWS(ZCN_EINVAL, zcnet::Message().make_writable());
    static_cast<void>(stream.poll());
    const zcnet::Message other = kept[2].retain();
    const zcnet::MutableBytes bytes = kept[2].make_writable();
    std::memcpy(bytes.data(), "THREE", bytes.size());
    CHECK(kept[2].text() == "THREE" && other.text() == "three");
    const std::byte *const place = kept[2].data();
    kept[2].make_writable()[0] = std::byte{'t'};
    CHECK(kept[2].text() == "tHREE" && kept[2].data() == place);
}

void what_keeps_too_much_becomes_a_copy() {
    zcnet::PoolOptions options;
    options.detach_ratio = 10;
    const zcnet::Pool pool(options);
    zcnet::Stream stream(zcnet::Framing("fixed=4"), {}, &pool);
    CHECK(stream.feed("onetwosixten") == 12);
    std::vector<zcnet::Message> kept;
    for (const zcnet::Event event : stream.poll()) kept.push_back(event.message().retain());
    kept.emplace_back();  // an empty one
    const std::byte *const place = kept[0].data();
    CHECK(zcnet::Message::settle(kept) == 3 && pool.stats().copied_bytes == 12);
    CHECK(kept[0].text() == "onet" && kept[1].text() == "wosi" && kept[2].text() == "xten" && !kept[3]);
    CHECK(kept[0].data() != place && pool.stats().views == 3);
    CHECK(zcnet::Message::settle(kept) == 0);
    zcnet::Message::release(kept);
    CHECK(zcnet::Message::settle(kept) == 0 && pool.stats().views == 0);
}

void released_twice_is_found() {
    zcnet::Stream stream = fed();
    zcnet::Message kept;
    for (const zcnet::Event event : stream.poll()) kept = event.message().retain();
    zcn_msg *const handle = kept.detach();
    CHECK(zcn_msg_release(handle) == ZCN_OK);
    zcnet::Message stale = zcnet::Message::adopt(handle);
    CHECK(stale.empty());
    CHECK_THROWS(ZCN_ESTALE, stale.retain());
    // Its destructor releases a handle that is gone, which changes nothing.
}

void what_is_written_is_what_was_queued() {
    const zcnet::Framing framing("length,strip=4");
    zcnet::Stream out(framing), in(framing);
    CHECK(out.send(zcnet::Unit::copy(framing, "hello")));
    const zcnet::Stream::Room room = in.read_room();
    CHECK(room.count > 0 && room.first().size() >= 9);
    iovec pieces[4];
    std::size_t written = 0;
    for (std::size_t i = 0, count = out.gather(pieces, 4); i < count; i++) {
        std::memcpy(room.first().data() + written, pieces[i].iov_base, pieces[i].iov_len);
        written += pieces[i].iov_len;
    }
    out.write_done(written);
    CHECK(written == 9 && out.gather(pieces, 4) == 0);
    CHECK_THROWS(ZCN_EINVAL, out.write_done(1));
    in.read_done(written);
    zcnet::Message kept;
    for (const zcnet::Event event : in.poll()) {
        CHECK(event.text() == "hello" && out.send(event.message()));
        kept = event.message().retain();
    }
    CHECK(out.send(kept) && out.stats().queued_bytes == 18);

    // A message whose body is the stream of another framing.
    zcnet::Stream inner(zcnet::Framing("fixed=5"));
    CHECK(inner.feed(kept));
    std::size_t found = 0;
    for (const zcnet::Event event : inner.poll())
        found += event.text() == "hello" && event.bytes().data() == kept.data();
    CHECK(found == 1);

    in.end();
    CHECK_THROWS(ZCN_EOF, in.read_room());
    std::optional<zcn_status> ended;
    for (const zcnet::Event event : in.poll()) ended = event.status();
    CHECK(ended == ZCN_EOF && in.error().status == ZCN_EOF);
}

void another_framing_from_here_on() {
    zcnet::Stream stream(zcnet::Framing("delimiter=\\n,strip=1"));
    CHECK(stream.feed("upgrade\nabcdef") == 14);
    for (const zcnet::Event event : stream.poll()) stream.set_framing(zcnet::Framing("fixed=3"), event.message());
    std::vector<std::string> texts;
    for (const zcnet::Event event : stream.poll()) texts.emplace_back(event.text());
    CHECK((texts == std::vector<std::string>{"abc", "def"}));
    stream.set_send_framing(zcnet::Framing("raw"));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(views_show_what_came),
        TEST(messages_outlive_stream_and_pool),
        TEST(a_view_does_not_outlive_its_poll),
        TEST(moves_leave_nothing_behind),
        TEST(parts_copies_and_joins),
        TEST(writing_copies_what_is_shared),
        TEST(what_keeps_too_much_becomes_a_copy),
        TEST(released_twice_is_found),
        TEST(what_is_written_is_what_was_queued),
        TEST(another_framing_from_here_on),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
