/* SPDX-License-Identifier: MIT */
/* Files as the bodies of units. */
#include <fstream>

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

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(files_leave_as_parts_of_units),
        TEST(a_unit_holds_its_file),
        TEST(failures_say_why),
        TEST(a_cache_gives_what_lies_at_the_path_now),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
