// SPDX-License-Identifier: MIT
#include "plan.h"

#include <sys/epoll.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace zcnet::fault {

namespace {

struct Plan {
    uint64_t calls;
    uint64_t fail_first;  // 0: none
    uint64_t fail_times;
    int fail_error;
    uint32_t stutter;
    uint32_t stuttered;
    int stutter_error;
    uint64_t most;  // 0: no limit
    uint64_t less;
};

struct Watch {
    int poller;
    uint32_t events;
    uint64_t token;
    bool watched;
};

constexpr int most_descriptors = 4096;

constinit Plan plans[call_count] = {};
constinit Watch watches[most_descriptors] = {};
constinit bool failed = false;
constinit uint64_t sends_with_more = 0;
constinit bool random_plan = false;
constinit uint64_t random_state = 0;
constinit Odds random_odds = {};
// A helper thread of the library that has nothing to do asks it too; relaxed: with its own time, whatever it finds.
constinit std::atomic<bool> scripted_clock{false};
constinit int64_t clock_now = 0;
constinit int64_t clock_per_look = 0;
// Threads of the library that come and go may touch these two.
constinit std::atomic<int64_t> mapped{0};
constinit std::atomic<int64_t> allocations{0};

// Splitmix64: the same numbers everywhere for one seed.
uint64_t draw() noexcept {
    uint64_t value = random_state += 0x9E3779B97F4A7C15U;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
    return value ^ (value >> 31);
}

bool happens(uint32_t in_thousand) noexcept { return in_thousand != 0 && draw() % 1000 < in_thousand; }

bool moves_bytes(Call call) noexcept {
    return call == call_receive || call == call_send || call == call_send_pinned || call == call_read ||
           call == call_write || call == call_splice || call == call_tee || call == call_read_at ||
           call == call_send_file || call == call_splice_file || call == call_write_at || call == call_splice_to_file ||
           call == call_lend_pages;
}

bool may_be_reset(Call call) noexcept {
    return call == call_receive || call == call_send || call == call_send_pinned || call == call_splice ||
           call == call_send_file;
}

bool may_be_interrupted(Call call) noexcept {
    return moves_bytes(call) || call == call_accept || call == call_poller_wait || call == call_event_raise ||
           call == call_event_clear || call == call_flush_file;
}

// Files have no "later".
bool is_of_file(Call call) noexcept {
    return call == call_read_at || call == call_splice_file || call == call_write_at || call == call_splice_to_file;
}

bool may_come_again(Call call) noexcept { return (moves_bytes(call) && !is_of_file(call)) || call == call_accept; }

int decide_at_random(Call call) noexcept {
    if (may_be_interrupted(call) && happens(random_odds.interrupt)) return -EINTR;
    if (may_come_again(call) && happens(random_odds.again)) return -EAGAIN;
    if (may_be_reset(call) && happens(random_odds.reset)) return -ECONNRESET;
    return go_on;
}

}  // namespace

const char *call_name(Call call) noexcept {
    static const char *const names[call_count] = {
        "make_socket",  "make_probe",  "bind",          "listen",          "connect",
        "accept",       "shutdown",    "close",         "set_nonblocking", "open_spare",
        "get_option",   "set_option",  "local_address", "peer_address",    "unsent_bytes",
        "unread_bytes", "receive",     "send",          "send_pinned",     "pinned_done",
        "read",         "write",       "make_pipe",     "set_pipe_size",   "splice",
        "tee",          "lend_pages",  "open_file",     "file_status",     "path_status",
        "read_at",      "send_file",   "splice_file",   "write_at",        "splice_to_file",
        "flush_file",   "map_range",   "make_poller",   "poller_set",      "poller_wait",
        "make_event",   "event_raise", "event_clear",   "remove_path",     "socket_file",
        "change_mode",  "map",         "allocate",      "memory_file",     "huge_pages",
        "operator new",
    };
    return names[call];
}

void script_reset() noexcept {
    std::memset(plans, 0, sizeof plans);
    failed = random_plan = false;
    scripted_clock.store(false, std::memory_order_relaxed);
    sends_with_more = 0;
    forget_pinned();
}

uint64_t script_sends_with_more() noexcept { return sends_with_more; }

uint64_t script_calls(Call call) noexcept { return plans[call].calls; }

void script_fail(Call call, uint64_t first, uint64_t times, int error) noexcept {
    plans[call].fail_first = first;
    plans[call].fail_times = times;
    plans[call].fail_error = error;
}

bool script_failed() noexcept { return failed; }

void script_stutter(Call call, uint32_t times, int error) noexcept {
    plans[call].stutter = times;
    plans[call].stuttered = 0;
    plans[call].stutter_error = error;
}

void script_limit(Call call, uint64_t most, uint64_t less) noexcept {
    plans[call].most = most;
    plans[call].less = less;
}

void script_random(uint64_t seed, const Odds &odds) noexcept {
    random_plan = true;
    random_state = seed;
    random_odds = odds;
}

int decide(Call call) noexcept {
    Plan &plan = plans[call];
    plan.calls++;
    if (plan.fail_first != 0 && plan.calls >= plan.fail_first && plan.calls - plan.fail_first < plan.fail_times) {
        failed = true;
        return -plan.fail_error;
    }
    if (plan.stutter != 0) {
        if (plan.stuttered < plan.stutter) {
            plan.stuttered++;
            return -plan.stutter_error;
        }
        plan.stuttered = 0;
    }
    return random_plan ? decide_at_random(call) : go_on;
}

int decide_on(Call call, int fd) noexcept {
    const int answer = decide(call);
    // A kernel that says EAGAIN for ever has nothing: no edge then, which would be a lie without end.
    if (answer == -EAGAIN && plans[call].fail_times != for_ever) raise_edge(fd);
    return answer;
}

uint64_t cut(Call call, uint64_t size) noexcept {
    const Plan &plan = plans[call];
    uint64_t part = size;
    if (plan.most != 0 && part > plan.most) part = plan.most;
    if (plan.less != 0) part = part > plan.less ? part - plan.less : 1;
    if (random_plan && part != 0 && happens(random_odds.cut)) part = 1 + draw() % part;
    return part < size ? part : size;
}

void note_watch(int poller, int operation, int fd, uint32_t events, uint64_t token) noexcept {
    if (fd < 0) return;
    if (fd >= most_descriptors) {
        std::fprintf(stderr, "the script knows no descriptor %d\n", fd);
        std::abort();
    }
    watches[fd] = {poller, events, token, operation != EPOLL_CTL_DEL};
}

bool watch_token(int poller, int fd, uint64_t *token) noexcept {
    if (fd < 0 || fd >= most_descriptors || !watches[fd].watched || watches[fd].poller != poller) return false;
    *token = watches[fd].token;
    return true;
}

void forget_watch(int fd) noexcept {
    if (fd >= 0 && fd < most_descriptors) watches[fd].watched = false;
}

void raise_edge(int fd) noexcept {
    if (fd < 0 || fd >= most_descriptors || !watches[fd].watched) return;
    epoll_event event{};
    event.events = watches[fd].events;
    event.data.u64 = watches[fd].token;
    (void)::epoll_ctl(watches[fd].poller, EPOLL_CTL_MOD, fd, &event);
}

void clock_start(int64_t now, int64_t tick) noexcept {
    scripted_clock.store(true, std::memory_order_relaxed);
    clock_now = now;
    clock_per_look = tick;
}

void clock_advance(int64_t nanoseconds) noexcept { clock_now += nanoseconds; }

int64_t clock_read() noexcept { return clock_now; }

bool clock_is_scripted() noexcept { return scripted_clock.load(std::memory_order_relaxed); }

void clock_tick() noexcept { clock_now += clock_per_look; }

void note_send(bool more) noexcept { sends_with_more += more ? 1 : 0; }

// relaxed: sums that are read when the other threads are gone.
void note_map(int64_t bytes) noexcept { mapped.fetch_add(bytes, std::memory_order_relaxed); }
void note_allocation(int64_t count) noexcept { allocations.fetch_add(count, std::memory_order_relaxed); }

uint64_t live_mapped_bytes() noexcept { return static_cast<uint64_t>(mapped.load(std::memory_order_relaxed)); }
uint64_t live_allocations() noexcept { return static_cast<uint64_t>(allocations.load(std::memory_order_relaxed)); }

}  // namespace zcnet::fault
