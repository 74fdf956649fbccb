/* SPDX-License-Identifier: MIT */
/* Functions of the program that the library calls, and what becomes of what they throw. */
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <memory_resource>
#include <stdexcept>
#include <thread>

#include "support.hpp"

namespace {

/* One byte of size, which counts itself; '!' is thrown at. */
std::optional<std::uint64_t> measure(zcnet::Bytes bytes) {
    const auto first = std::to_integer<unsigned char>(bytes[0]);
    if (first == '!') throw std::runtime_error("on purpose");
    if (first == '?') throw 42;
    if (first > 8 && bytes.size() < 2) return std::nullopt;
    return first;
}

void a_function_measures_frames() {
    const zcnet::Framing framing = zcnet::Framing::custom(measure, 1 << 20);
    CHECK(framing.text() == "custom");
    CHECK(framing.measure("\3abc")->size == 3 && !framing.measure("\x20"));
    CHECK_THROWS(ZCN_EFRAME_MEASURE, framing.measure("!"));
    CHECK_THROWS(ZCN_EFRAME_MEASURE, framing.measure("?"));
    CHECK_THROWS(ZCN_EINVAL, zcnet::Framing::custom(nullptr, 1 << 20));
    for (const char *wrong : {"!", "?"}) {
        zcnet::Stream stream(framing);
        const std::string bytes = std::string("\2x\4yyy") + wrong;
        CHECK(stream.feed(bytes) == bytes.size());
        int messages = 0;
        zcn_status end = ZCN_OK;
        for (bool more = true; more;) {
            const zcnet::Events events = stream.poll();
            more = events.more();
            for (const zcnet::Event event : events) {
                messages += event.type() == zcnet::EventType::message;
                if (event.type() == zcnet::EventType::closed) end = event.status();
            }
        }
        CHECK(messages == 2 && end == ZCN_EFRAME_MEASURE);
    }
}

/* Memory of the heap, until it is told to throw. */
class Resource : public std::pmr::memory_resource {
  public:
    std::atomic<int> out{0};
    bool throws_at_once = false, throws_back = false;

  private:
    void *do_allocate(std::size_t size, std::size_t alignment) override {
        if (throws_at_once) throw std::bad_alloc();
        out++;
        return upstream_->allocate(size, alignment);
    }
    void do_deallocate(void *memory, std::size_t size, std::size_t alignment) override {
        if (throws_back) throw std::logic_error("on purpose");
        out--;
        upstream_->deallocate(memory, size, alignment);
    }
    bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }
    std::pmr::memory_resource *upstream_ = std::pmr::new_delete_resource();
};

void a_pool_lives_in_memory_of_the_program() {
    Resource resource;
    // On a thread, whose own cache of blocks goes back with it.
    std::thread([&] {
        zcnet::Pool pool(resource);
        const zcnet::Framing framing("raw");
        const zcnet::Unit small = zcnet::Unit::alloc(framing, 10, &pool);
        const zcnet::Unit large = zcnet::Unit::alloc(framing, 1 << 20, &pool);
        pool.reset();
        std::memset(small.body().data(), 1, small.body().size());
        std::memset(large.body().data(), 1, large.body().size());
    }).join();
    CHECK(resource.out == 0);
    zcnet::PoolOptions wrong;
    wrong.block_size = 3;
    CHECK_THROWS(ZCN_EINVAL, zcnet::Pool(resource, wrong));
    resource.throws_at_once = true;
    const zcnet::Pool empty(resource);
    CHECK_THROWS(ZCN_ENOMEM, zcnet::Unit::alloc(zcnet::Framing("raw"), 10, &empty));
    CHECK_THROWS(ZCN_ENOMEM, zcnet::Unit::alloc(zcnet::Framing("raw"), 1 << 20, &empty));
    CHECK(resource.out == 0 && empty.stats().failures == 2);
}

/* Runs the call in a process of its own, which it has to end by an abort, after it has said what was thrown. */
void ends_the_process(void (*call)()) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        std::signal(SIGABRT, SIG_DFL);  // CMocka's handler would jump into the parent's test
        call();
        _exit(0);
    }
    close(ends[1]);
    std::string said;
    char part[512];
    for (ssize_t got; (got = read(ends[0], part, sizeof part)) > 0;) said.append(part, static_cast<std::size_t>(got));
    close(ends[0]);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(said.find("on purpose") != std::string::npos);
}

/* Made before the process of its own: a child cannot use what is its parent's, but to end it. */
zcnet::Unit *unit;

void what_a_release_function_throws_ends_the_program() {
    zcnet::Unit lent = zcnet::Unit::create();
    bool back = false;
    const pid_t parent = getpid();
    lent.append_ref("lent", [&] {
        if (getpid() != parent) throw std::runtime_error("on purpose");
        back = true;
    });
    unit = &lent;
    ends_the_process([] { unit->reset(); });
    CHECK(!back);
    lent.reset();
    CHECK(back);
}

void what_a_resource_throws_when_it_gets_memory_back_ends_the_program() {
    ends_the_process([] {
        Resource resource;
        zcnet::Pool pool(resource);
        zcnet::Unit large = zcnet::Unit::alloc(zcnet::Framing("raw"), 1 << 20, &pool);
        resource.throws_back = true;
        large.reset();
        static_cast<void>(pool.trim());
    });
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(a_function_measures_frames),
        TEST(a_pool_lives_in_memory_of_the_program),
        TEST(what_a_release_function_throws_ends_the_program),
        TEST(what_a_resource_throws_when_it_gets_memory_back_ends_the_program),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
