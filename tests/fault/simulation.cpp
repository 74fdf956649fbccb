// SPDX-License-Identifier: MIT
#include "simulation.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/os.h"

namespace fault_test {

namespace {

constexpr int64_t millisecond = 1000000;

const char *const framing_texts[framing_count] = {
    "length,width=4,strip=4,max=64K",
    "length,width=2,order=little,offset=2,adjust=-4,strip=4,max=64K",
    "varint,strip=0,max=64K",
    "delimiter=\\n,strip=1,max=64K",
    "fixed=200",
    "length,width=8,strip=8,max=64K",
};

// Two connected TCP sockets.
bool make_tcp_pair(int fds[2]) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds[0] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds[1] = -1;
    if (::bind(listener, reinterpret_cast<sockaddr *>(&address), size) == 0 && ::listen(listener, 1) == 0 &&
        ::getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size) == 0 &&
        ::connect(fds[0], reinterpret_cast<sockaddr *>(&address), size) == 0)
        fds[1] = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    (void)::close(listener);
    return fds[1] >= 0;
}

void make_options(Simulation *s, End *end, uint32_t which, zcn_conn_options *options) {
    zcn_conn_options_init(options, sizeof *options);
    end->half_open = s->random.chance(300);
    options->half_open = end->half_open;
    options->high_water = 1000 + s->random.below(200000);
    options->flush_at = 1 + s->random.below(100000);
    options->read_budget = 100 + s->random.below(100000);
    options->messages_per_poll = static_cast<uint32_t>(s->random.chance(300) ? 1 + s->random.below(5) : 0);
    options->copy_below = s->random.chance(300) ? 1 + s->random.below(2000) : 0;
    options->align = s->random.chance(200) ? 64 : 0;
    options->drain_timeout_ms = 3000;
    options->send_buffer = s->random.chance(300) ? 4096 : 0;
    options->start_paused = end->paused = s->random.chance(100);
    options->user = which + 1;
}

void adopt(Simulation *s, uint32_t which, int fd) {
    End *end = &s->ends[which];
    end->loop = static_cast<uint32_t>(s->random.below(2));
    const uint8_t in = s->ends[peer_of(which)].out;
    end->in = in;
    zcn_conn_options options;
    make_options(s, end, which, &options);
    options.send_framing = s->framings[end->out];
    const zcn_status status = zcn_conn_adopt(&end->conn, s->loops[end->loop], fd, s->framings[in], &options);
    EXPECT(&s->verdict, (status == ZCN_OK) == (end->conn != nullptr));
    if (status != ZCN_OK) {
        EXPECT(&s->verdict, s->plan->no_memory);
        (void)::close(fd);
        return;
    }
    end->owned = s->random.chance(500);
    if (end->owned) zcn_conn_retain(end->conn);
}

void add_link(Simulation *s) {
    if (s->links == most_links) return;
    int fds[2];
    if (!(s->random.chance(500) ? make_tcp_pair(fds) : make_pair(fds))) {
        note(&s->verdict, "no pair of sockets is to be had");
        return;
    }
    const uint32_t first = s->links++ * 2;
    for (uint32_t i = 0; i < 2; i++) s->ends[first + i].out = static_cast<uint8_t>(s->random.below(framing_count));
    for (uint32_t i = 0; i < 2; i++) adopt(s, first + i, fds[i]);
}

void poll_loop(Simulation *s, uint32_t loop, int64_t timeout) {
    const zcn_event *events = nullptr;
    size_t count = 0;
    int32_t more = 0;
    const zcn_status status = zcn_loop_poll(s->loops[loop], timeout, &events, &count, &more);
    if (status != ZCN_OK && status != ZCN_ECLOSED) note(&s->verdict, "a poll said %s", zcn_status_name(status));
    // What was posted before is in the queues now.
    for (auto &end : s->ends)
        if (end.loop == loop) end.posted = false;
    for (size_t i = 0; i < count && s->verdict.text[0] == '\0'; i++) handle_event(s, loop, &events[i]);
}

void release_some(Simulation *s, uint32_t count) {
    for (; count != 0 && s->retained_count != 0; count--) {
        const auto which = static_cast<uint32_t>(s->random.below(s->retained_count));
        const Retained kept = s->retained[which];
        s->retained[which] = s->retained[--s->retained_count];
        const auto *data = static_cast<const uint8_t *>(zcn_msg_data(kept.msg));
        if (zcn_msg_size(kept.msg) != kept.head + kept.size || !is_body(data + kept.head, kept.size, kept.id))
            note(&s->verdict, "a message that was kept has changed");
        EXPECT(&s->verdict, zcn_msg_release(kept.msg) == ZCN_OK);
    }
}

void pause_or_resume(Simulation *s, End *end) {
    const bool pause = !end->paused && !s->quiet;
    const zcn_status status = pause ? zcn_conn_pause(end->conn) : zcn_conn_resume(end->conn);
    if (status == ZCN_OK) end->paused = pause;
    EXPECT(&s->verdict, status == ZCN_OK || status == ZCN_ECLOSED);
}

void move_end(Simulation *s, End *end) {
    if (end->moving) return;
    const uint32_t to = 1 - end->loop;
    const zcn_status status = zcn_conn_move(end->conn, s->loops[to]);
    if (status == ZCN_OK) {
        end->loop = to;
        end->moving = true;
        end->posted = false;  // what was posted is in the queue
        return;
    }
    EXPECT(&s->verdict, status == ZCN_ECLOSED || (status == ZCN_ENOMEM && s->plan->no_memory) ||
                            (status == ZCN_ENOBUFS && s->plan->pool_limit != 0));
}

void close_something(Simulation *s, End *end) {
    const uint64_t what = s->random.below(10);
    if (what < 4) {
        end->close_asked = true;
        EXPECT(&s->verdict, zcn_conn_close(end->conn) == ZCN_OK);
    } else if (what < 6) {
        end->abort_asked = true;
        EXPECT(&s->verdict, zcn_conn_abort(end->conn) == ZCN_OK);
    } else if (!end->posted && !end->moving) {
        const zcn_status status = zcn_conn_shutdown(end->conn);
        EXPECT(&s->verdict, status == ZCN_OK || status == ZCN_ECLOSED);
        end->shutdown_asked = true;
    }
}

void step(Simulation *s) {
    const auto which = static_cast<uint32_t>(s->random.below(s->links * 2));
    End *end = &s->ends[which];
    const uint64_t what = s->random.below(1000);
    if (end->conn == nullptr || what < 350) {
        poll_loop(s, static_cast<uint32_t>(s->random.below(2)), s->random.chance(900) ? 0 : millisecond);
    } else if (what < 850) {
        send_something(s, which);
    } else if (what < 890) {
        pause_or_resume(s, end);
    } else if (what < 910) {
        move_end(s, end);
    } else if (what < 920) {
        close_something(s, end);
    } else if (what < 980) {
        release_some(s, 1 + static_cast<uint32_t>(s->random.below(20)));
    } else if (what < 990) {
        add_link(s);
    } else {
        EXPECT(&s->verdict, zcn_loop_wake(s->loops[which % 2]) == ZCN_OK);
    }
}

// Messages that have to arrive: on links of which both ends live on.
uint32_t expected(const Simulation &s, uint32_t which) {
    const End &from = s.ends[which];
    const End &to = s.ends[peer_of(which)];
    for (const End *end : {&from, &to})
        if (end->conn == nullptr || end->close_asked || end->abort_asked) return 0;
    uint32_t count = 0;
    for (uint32_t i = from.head; i != from.tail; i++) count += !from.under_way[i % most_under_way].refused;
    return count;
}

uint32_t expected_in_all(const Simulation &s) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < s.links * 2; i++) count += expected(s, i);
    return count;
}

void tell_stuck(Simulation *s, uint32_t which, uint32_t count) {
    const End &from = s->ends[which];
    const End &to = s->ends[peer_of(which)];
    zcn_stats out{};
    zcn_stats in{};
    zcn_loop_stats loop{};
    zcn_pool_stats pool{};
    out.struct_size = sizeof out;
    in.struct_size = sizeof in;
    loop.struct_size = sizeof loop;
    pool.struct_size = sizeof pool;
    (void)zcn_conn_get_stats(from.conn, &out);
    (void)zcn_conn_get_stats(to.conn, &in);
    (void)zcn_loop_get_stats(s->loops[to.loop], &loop);
    (void)zcn_pool_get_stats(s->pool, &pool);
    note(&s->verdict,
         "end %u: %u messages do not arrive, though both ends are open: %llu bytes are queued, %llu unfinished, %llu "
         "connections of loop %u wait for memory, the pool has %llu of %llu bytes in use",
         which, count, static_cast<unsigned long long>(out.queued_bytes),
         static_cast<unsigned long long>(in.unfinished_bytes), static_cast<unsigned long long>(loop.paused), to.loop,
         static_cast<unsigned long long>(pool.in_use_bytes), static_cast<unsigned long long>(pool.limit_bytes));
}

// The kernel's TCP has clocks of its own, which are real.
void wait_for_kernel(Simulation *s) {
    pollfd loops[2] = {{zcn_loop_fd(s->loops[0]), POLLIN, 0}, {zcn_loop_fd(s->loops[1]), POLLIN, 0}};
    (void)::poll(loops, 2, 10);
}

// Everything that holds anything up is let go: what is under way on links that live has to arrive.
void let_everything_arrive(Simulation *s) {
    s->quiet = true;
    script_fail(call_new, 0, 0, 0);
    script_fail(call_map, 0, 0, 0);
    script_fail(call_allocate, 0, 0, 0);
    release_some(s, UINT32_MAX);
    for (auto &end : s->ends)
        if (end.conn != nullptr && end.paused) pause_or_resume(s, &end);
    uint64_t arrived = s->arrived;
    int64_t until = real_now() + 1000 * millisecond;
    for (uint32_t idle = 0; s->verdict.text[0] == '\0' && expected_in_all(*s) != 0; idle++) {
        if (idle > 10) wait_for_kernel(s);
        for (uint32_t loop = 0; loop < 2; loop++) poll_loop(s, loop, idle < 10 ? 0 : millisecond);
        release_some(s, UINT32_MAX);
        if (arrived == s->arrived) {
            if (real_now() > until) break;
            continue;
        }
        idle = 0;
        arrived = s->arrived;
        until = real_now() + 1000 * millisecond;
    }
    for (uint32_t i = 0; i < s->links * 2; i++)
        if (const uint32_t count = expected(*s, i); count != 0) tell_stuck(s, i, count);
}

void close_everything(Simulation *s) {
    for (auto &end : s->ends)
        if (end.conn != nullptr) end.close_asked = true;
    for (zcn_loop *loop : s->loops) EXPECT(&s->verdict, zcn_loop_close(loop) == ZCN_OK);
    const int64_t until = zcnet::os::now() + 10000 * millisecond;
    for (;;) {
        bool left = false;
        for (uint32_t loop = 0; loop < 2; loop++) poll_loop(s, loop, millisecond);
        for (const auto &end : s->ends) left |= end.conn != nullptr;
        if (!left || s->verdict.text[0] != '\0') break;
        if (zcnet::os::now() > until) note(&s->verdict, "the loops do not close");
    }
    for (uint32_t i = 0; i < s->links * 2 && s->verdict.text[0] == '\0'; i++)
        if (s->ends[i].closed != 0) check_end_of(s, i);
}

bool set_up(Simulation *s) {
    zcn_pool_options pool_options;
    zcn_pool_options_init(&pool_options, sizeof pool_options);
    pool_options.block_size = s->plan->block_size;
    pool_options.limit = s->plan->pool_limit;
    if (zcn_pool_create(&s->pool, &pool_options) != ZCN_OK) return false;
    for (uint32_t i = 0; i < framing_count; i++)
        if (zcn_framing_parse(&s->framings[i], framing_texts[i], nullptr) != ZCN_OK) return false;
    zcn_loop_options loop_options;
    zcn_loop_options_init(&loop_options, sizeof loop_options);
    loop_options.pool = s->pool;
    for (auto &loop : s->loops) {
        loop_options.event_capacity = static_cast<uint32_t>(s->random.chance(500) ? 16 : 256);
        loop_options.unfinished_blocks = static_cast<uint32_t>(s->random.chance(500) ? 2 : 0);
        if (zcn_loop_create(&loop, &loop_options) != ZCN_OK) return false;
    }
    return true;
}

void tear_down(Simulation *s) {
    for (zcn_loop *loop : s->loops) zcn_loop_release(loop);
    release_some(s, UINT32_MAX);
    for (zcn_framing *framing : s->framings) zcn_framing_release(framing);
    expect_pool_unused(&s->verdict, s->pool);
    zcn_pool_release(s->pool);
    for (const auto &lent : s->lent)
        if (lent.out) note(&s->verdict, "memory that was lent did not come back");
    for (uint32_t i = 0; i < s->next_token; i++)
        if (s->token_ended[i] != s->token_accepted[i])
            note(&s->verdict, "token %u was accepted %u times and ended %u times", i, s->token_accepted[i],
                 s->token_ended[i]);
}

}  // namespace

void run_simulation(const SimulationPlan &plan, Simulation *s) {
    std::memset(static_cast<void *>(s), 0, sizeof *s);
    s->plan = &plan;
    s->random = {plan.seed * 77 + 5};
    script_reset();
    clock_start(1000000000, 1000);
    const Holdings before = holdings_now();
    if (!set_up(s)) {
        note(&s->verdict, "it could not be set up");
        return;
    }
    for (uint32_t i = 0; i < 4; i++) add_link(s);
    const Odds odds = {static_cast<uint32_t>(s->random.below(200)), static_cast<uint32_t>(s->random.below(200)),
                       static_cast<uint32_t>(s->random.below(700)),
                       plan.resets ? static_cast<uint32_t>(s->random.below(5)) : 0};
    script_random(plan.seed, odds);
    for (uint32_t i = 0; i < plan.steps && s->verdict.text[0] == '\0'; i++) {
        if (plan.no_memory && s->random.chance(50)) {
            static const Call calls[] = {call_new, call_map, call_allocate};
            const Call call = calls[s->random.below(3)];
            script_fail(call, script_calls(call) + 1 + s->random.below(5), 1 + s->random.below(3), ENOMEM);
        }
        step(s);
    }
    if (s->verdict.text[0] == '\0') let_everything_arrive(s);
    if (s->verdict.text[0] == '\0') close_everything(s);
    if (s->verdict.text[0] != '\0') return;  // what is left would be torn down in a state that nobody knows
    tear_down(s);
    expect_same(&s->verdict, before);
}

}  // namespace fault_test
