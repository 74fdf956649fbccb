/* SPDX-License-Identifier: MIT */
/* Files as the bodies of units, and bodies that go into files. */
#include <fstream>
#include <iterator>

#include "support.hpp"

namespace {

using namespace std::chrono_literals;

std::string write_file(const std::string &path, std::size_t size) {
    std::string content(size, 0);
    for (std::size_t i = 0; i < size; i++) content[i] = static_cast<char>('a' + i % 26);
    std::ofstream(path, std::ios::binary) << content;
    return content;
}

std::string received(zcnet::Loop &loop) {
    std::string got;
    test::poll_until(loop, [&](const zcnet::Event &event) {
        if (event.type() == zcnet::EventType::message) got = event.text();
        return event.type() == zcnet::EventType::message;
    });
    return got;
}

void files_leave_as_parts_of_units() {
    const test::Folder folder;
    const std::string content = write_file(folder / "file", 300000);
    test::Pair pair;
    const std::uint32_t methods[] = {ZCN_FILE_AUTO,   ZCN_FILE_SENDFILE, ZCN_FILE_MMAP,
                                     ZCN_FILE_SPLICE, ZCN_FILE_COPY,     ZCN_FILE_DIRECT};
    for (const std::uint32_t method : methods) {
        zcnet::FileOptions options;
        options.method = method;
        const zcnet::File file = zcnet::File::open(folder / "file", options);
        CHECK(file.size() == content.size() && file.fd() >= 0);
        zcnet::Unit unit = zcnet::Unit::create();
        unit.append_copy("name ");
        unit.append_file(file, 1000, 250000);
        CHECK(unit.size() == 250005);
        CHECK(pair.near.send(std::move(unit)));
        CHECK(received(pair.loop) == "name " + content.substr(1000, 250000));
    }
    CHECK(pair.near.stats().messages_out == 6 && !pair.near.explain().empty());
}

void a_unit_holds_its_file() {
    const test::Folder folder;
    const std::string content = write_file(folder / "file", 1000);
    test::Pair pair;
    zcnet::Unit unit = zcnet::Unit::create();
    {
        const int fd = open((folder / "file").c_str(), O_RDONLY | O_CLOEXEC);
        zcnet::File file = zcnet::File::adopt_fd(fd);
        CHECK(file.fd() == fd && file.size() == 1000);
        const auto age = std::chrono::system_clock::now() - file.mtime();
        CHECK(age > -1min && age < 1h);
        unit.append_file(file);
        CHECK_THROWS(ZCN_EINVAL, unit.append_file(file, 1000, 1));
        const zcnet::File copy = file;
        file.reset();
        CHECK(copy.fd() == fd && file.fd() == -1 && file.size() == 0);
    }
    CHECK(pair.near.send(std::move(unit)));
    CHECK(received(pair.loop) == content);
}

void failures_say_why() {
    const test::Folder folder;
    try {
        static_cast<void>(zcnet::File::open(folder / "missing"));
        CHECK(false);
    } catch (const zcnet::Error &error) {
        CHECK(error.status() == ZCN_ENOTFOUND && error.code() == std::errc::no_such_file_or_directory);
        CHECK(error.sys_errno() == ENOENT);
    }
    CHECK_THROWS(ZCN_EUNSUPPORTED, zcnet::File::open(folder.path));
    CHECK_THROWS(ZCN_EINVAL, zcnet::File::adopt_fd(-1));
    zcnet::FileOptions options;
    options.method = 99;
    CHECK_THROWS(ZCN_EINVAL, zcnet::File::open(folder / "missing", options));
    zcnet::Unit unit = zcnet::Unit::create();
    CHECK_THROWS(ZCN_EINVAL, unit.append_file(zcnet::File()));
}

void a_cache_gives_what_lies_at_the_path_now() {
    const test::Folder folder;
    write_file(folder / "file", 10);
    zcnet::FileCache cache(4);
    const zcnet::File first = cache.open(folder / "file"), again = cache.open(folder / "file");
    CHECK(first == again && first.size() == 10);
    write_file(folder / "newer", 20);
    CHECK(std::rename((folder / "newer").c_str(), (folder / "file").c_str()) == 0);
    CHECK(cache.open(folder / "file").size() == 20 && first.size() == 10);
    CHECK_THROWS(ZCN_ENOTFOUND, cache.open(folder / "missing"));

    zcnet::FileCache moved = std::move(cache);
    CHECK(!cache && moved && moved.open(folder / "file").size() == 20);
    CHECK_THROWS(ZCN_EINVAL, cache.open(folder / "file"));
    cache = std::move(moved);
    CHECK(cache.open(folder / "file").size() == 20);
    CHECK_THROWS(ZCN_EINVAL, zcnet::FileCache(0));
}

std::string content_of(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void large_messages_go_into_files() {
    const test::Folder folder;
    zcnet::ConnOptions options;
    options.header_from = 1000;
    options.high_water = 1 << 20;
    test::Pair pair(options);
    const std::string large = write_file(folder / "unused", 300000);
    for (const std::string &body : {std::string("small"), large, large.substr(0, 2000), std::string("last")})
        CHECK(pair.near.send_copy(body));
    int files = 0;
    std::string messages;
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        if (event.type() == zcnet::EventType::message && event.token() != 0) {
            CHECK(event.bytes().size() == 4);  // the header
            zcnet::ReceiveFileOptions where;
            where.token = 7;
            where.offset = 5;
            const int fd =
                event.token() == 2000 ? -1 : open((folder / "file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
            CHECK_THROWS(ZCN_EINVAL, event.conn().receive_file(fd, 1, event.message(), where));
            event.conn().receive_file(fd, event.token(), event.message(), where);
            CHECK_THROWS(ZCN_EBUSY, event.conn().receive_file(-1, 1));
        } else if (event.type() == zcnet::EventType::message) {
            messages += event.text();
        } else if (event.type() == zcnet::EventType::file_received) {
            CHECK(event.status() == ZCN_OK && event.token() == 7 && event.count() == (files == 0 ? 300000 : 0));
            CHECK(event.conn().file_error().status == ZCN_OK);
            files++;
        }
        return messages == "smalllast";
    });
    CHECK(files == 2 && content_of(folder / "file") == std::string(5, 0) + large);
}

void a_file_that_takes_no_more_says_why() {
    test::Pair pair;
    CHECK(pair.near.send_copy("put"));
    CHECK(pair.near.send_copy("to the end"));
    bool full = false;
    test::poll_until(pair.loop, [&](const zcnet::Event &event) {
        if (event.type() == zcnet::EventType::message && event.conn() == pair.far) {
            CHECK(event.text() == "put");
            event.conn().receive_file(open("/dev/full", O_WRONLY | O_CLOEXEC), zcnet::until_end, event.message());
            pair.near.close();
        } else if (event.type() == zcnet::EventType::file_received) {
            const zcn_error error = event.conn().file_error();
            full = event.status() == ZCN_ENOSPACE && error.status == ZCN_ENOSPACE && error.sys_errno == ENOSPC;
        }
        return event.type() == zcnet::EventType::closed && event.conn() == pair.far;
    });
    CHECK(full);
}

const char constant[200000] = {1, 2, 3};

void constant_pages_are_lent() {
    test::Pair pair;
    zcnet::Unit unit = zcnet::Unit::create();
    const std::string own(100000, 'x');
    CHECK_THROWS(ZCN_EUNSUPPORTED, unit.append_pages(own));
    unit.append_pages(zcnet::Bytes(constant, sizeof constant));
    CHECK(pair.near.send(std::move(unit)));
    CHECK(received(pair.loop) == std::string(constant, sizeof constant));
    CHECK(pair.near.stats().pages_lent == sizeof constant);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(files_leave_as_parts_of_units),
        TEST(a_unit_holds_its_file),
        TEST(failures_say_why),
        TEST(a_cache_gives_what_lies_at_the_path_now),
        TEST(large_messages_go_into_files),
        TEST(a_file_that_takes_no_more_says_why),
        TEST(constant_pages_are_lent),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
