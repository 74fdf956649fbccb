/* SPDX-License-Identifier: MIT */
/* What is no connection: bytes, errors, framings, pools, options. */
#include <array>
#include <cstring>
#include <vector>

#include "support.hpp"

namespace {

void bytes_are_taken_from_anything() {
    CHECK(zcnet::Bytes().empty() && zcnet::Bytes().text().empty());
    CHECK(zcnet::Bytes("text").size() == 4 && zcnet::Bytes("text").text() == "text");
    CHECK(zcnet::Bytes(std::string("string")).size() == 6);
    const std::vector<std::uint32_t> numbers = {1, 2, 3};
    CHECK(zcnet::Bytes(numbers).size() == 12);
    CHECK(zcnet::Bytes(numbers).data() == reinterpret_cast<const std::byte *>(numbers.data()));
    const std::array<char, 3> array = {'a', 'b', 'c'};
    CHECK(zcnet::Bytes(array).text() == "abc" && zcnet::Bytes(array)[1] == std::byte{'b'});
    const unsigned char plain[5] = {};
    CHECK(zcnet::Bytes(plain).size() == 5);
    char buffer[8] = "seven..";
    const zcnet::MutableBytes room(buffer, 7);
    CHECK(zcnet::Bytes(room).text() == "seven.." && room.as<char>() == buffer && room.end() - room.begin() == 7);
    room[0] = std::byte{'S'};
    CHECK(buffer[0] == 'S');
    std::size_t sum = 0;
    for (const std::byte byte : zcnet::Bytes("\1\2\3")) sum += std::to_integer<std::size_t>(byte);
    CHECK(sum == 6);
#if __cplusplus >= 202002L
    const std::span<const std::byte> span = zcnet::Bytes("span");
    CHECK(span.size() == 4 && zcnet::Bytes(span).text() == "span" && room.span().size() == 7);
#endif
}

void errors_say_what_happened() {
    const zcnet::Error error(ZCN_EREFUSED);
    CHECK(error.status() == ZCN_EREFUSED && std::string(error.name()) == "ZCN_EREFUSED");
    CHECK(std::string(error.what()) == zcn_status_text(ZCN_EREFUSED) && error.sys_errno() == 0);
    CHECK(error.code() == std::errc::connection_refused && error.code() != std::errc::timed_out);
    CHECK(error.code().category() == zcnet::category() && std::string(zcnet::category().name()) == "zcnet");
    CHECK(error.code().message() == zcn_status_text(ZCN_EREFUSED));
    CHECK(zcnet::Error(ZCN_ETIMEDOUT).code() == std::errc::timed_out);
    CHECK(zcnet::Error(ZCN_ENOMEM).code() == std::errc::not_enough_memory);
    CHECK(zcnet::Error(ZCN_EFRAME_VARINT).code() == std::error_code(ZCN_EFRAME_VARINT, zcnet::category()));

    zcn_error detailed = {};
    detailed.status = ZCN_ESYS;
    detailed.sys_errno = EMFILE;
    std::strcpy(detailed.text, "a sentence");
    const zcnet::Error other(detailed);
    const zcnet::Error copy = other;
    CHECK(std::string(copy.what()) == "a sentence" && copy.sys_errno() == EMFILE && copy.status() == ZCN_ESYS);
    try {
        throw copy;
    } catch (const std::system_error &caught) {
        CHECK(caught.code().value() == ZCN_ESYS);
    }
}

void framings() {
    const zcnet::Framing framing("length,width=4,strip=4,max=1M");
    CHECK(framing.text() == zcnet::Framing(framing.text()).text());
    CHECK(framing.overhead(10).head == 4 && framing.overhead(10).tail == 0);
    CHECK_THROWS(ZCN_EFRAME_TOO_LARGE, framing.overhead(1 << 20));
    CHECK(!framing.measure(zcnet::Bytes("\0\0", 2)));
    const auto frame = framing.measure(zcnet::Bytes("\0\0\0\3", 4));
    CHECK(frame && frame->size == 7 && frame->head == 4 && frame->tail == 0);
    CHECK_THROWS(ZCN_EFRAME_TOO_LARGE, framing.measure(zcnet::Bytes("\xff\xff\xff\xff", 4)));

    const zcnet::FramingOptions read = framing.options();
    CHECK(read.kind == ZCN_FRAMING_LENGTH && read.width == 4 && read.strip == 4 && read.max == 1 << 20);
    zcnet::FramingOptions options;
    options.kind = ZCN_FRAMING_FIXED;
    options.fixed = 188;
    CHECK(zcnet::Framing(options).text() == "fixed=188");
    options.fixed = 0;
    CHECK_THROWS(ZCN_EINVAL, zcnet::Framing(options));
    try {
        zcnet::Framing("length,width=5");
        CHECK(false);
    } catch (const zcnet::Error &error) {
        CHECK(error.status() == ZCN_EINVAL && std::string(error.what()).find("width") != std::string::npos);
    }
}

void handles_are_counted() {
    zcnet::Framing first("raw");
    zcnet::Framing second = first;
    CHECK(first == second && first.get() == second.get());
    zcnet::Framing third = std::move(first);
    CHECK(!first && third == second && first != third);
    CHECK_THROWS(ZCN_EINVAL, first.text());
    first = third;
    CHECK(first.text() == "raw");
    zcnet::Framing &same = first;
    first = same;
    CHECK(first.text() == "raw");
    third.reset();
    second = std::move(third);
    CHECK(!second && first);
    zcn_framing *const mine = first.detach();
    CHECK(!first);
    first = zcnet::Framing::adopt(mine);
    CHECK(first.get() == mine);
}

void pools() {
    zcnet::PoolOptions options;
    options.block_size = 64 << 10;
    options.limit = 1 << 20;
    zcnet::Pool pool(options);
    CHECK(pool.stats().block_size == 64 << 10 && pool.stats().limit_bytes == 1 << 20);
    static_cast<void>(pool.trim());
    CHECK_THROWS(ZCN_EUNSUPPORTED, pool.shared());
    CHECK(zcnet::Pool::process() == zcnet::Pool::process() && zcnet::Pool::process() != pool);
    options.block_size = 3;
    CHECK_THROWS(ZCN_EINVAL, zcnet::Pool(options));

    zcnet::PoolOptions shared_options;
    shared_options.shared_bytes = 4 << 20;
    const zcnet::Pool shared(shared_options);
    CHECK(shared.shared().fd >= 0 && shared.shared().bytes == 4 << 20);
    const zcnet::Framing framing("length,strip=4");
    zcnet::Unit unit = zcnet::Unit::alloc(framing, 100, &shared);
    CHECK(shared.offset(unit.body()) + 100 <= 4 << 20);
    CHECK_THROWS(ZCN_EINVAL, shared.offset("elsewhere"));

    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    shared.dump(ends[1]);
    char text[4096] = {};
    CHECK(read(ends[0], text, sizeof text - 1) > 0 && std::string(text).find("bytes") != std::string::npos);
    close(ends[0]);
    CHECK(test::status_of([&] { shared.dump(-1); }) == ZCN_EINVAL);
    close(ends[1]);

    // The pool lives on in what was taken from it.
    zcnet::Unit last = zcnet::Unit::alloc(framing, 5, &pool);
    pool.reset();
    std::memcpy(last.body().data(), "alive", 5);
    CHECK(last.size() == 5);
    CHECK_THROWS(ZCN_EINVAL, pool.stats());
}

void options_have_the_defaults() {
    zcn_conn_options conn;
    zcn_conn_options_init(&conn, sizeof conn);
    CHECK(std::memcmp(&conn, static_cast<const zcn_conn_options *>(std::make_unique<zcnet::ConnOptions>().get()),
                      sizeof conn) == 0);
    CHECK(zcnet::LoopOptions().struct_size == sizeof(zcn_loop_options));
    CHECK(zcnet::ListenOptions().struct_size == sizeof(zcn_listen_options));
    CHECK(zcnet::StreamOptions().struct_size == sizeof(zcn_stream_options));
    CHECK(zcnet::RelayOptions().struct_size == sizeof(zcn_relay_options));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(bytes_are_taken_from_anything),
        TEST(errors_say_what_happened),
        TEST(framings),
        TEST(handles_are_counted),
        TEST(pools),
        TEST(options_have_the_defaults),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
