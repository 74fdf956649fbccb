// SPDX-License-Identifier: MIT
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/os.h"
#include "scenario_parts.h"

namespace fault_test {

namespace {

constexpr int64_t most_rounds = 200000;

const char *socket_path() {
    static char path[64];
    if (path[0] == '\0') std::snprintf(path, sizeof path, "/tmp/zcnet-fault-%d.sock", static_cast<int>(::getpid()));
    return path;
}

// A socket file that nobody listens on any more.
void leave_stale_file() {
    (void)::unlink(socket_path());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)::bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof address);
    (void)::close(fd);
}

// One poll; false when the loop is closed.
bool poll_once(Scenario *s, zcn_loop *loop, int64_t timeout, void (*handle)(Scenario *, const zcn_event *),
               bool *busy) {
    if (loop == nullptr) return false;
    const zcn_event *events = nullptr;
    size_t count = 0;
    int32_t more = 0;
    const zcn_status status = zcn_loop_poll(loop, timeout, &events, &count, &more);
    EXPECT(s->verdict, (events != nullptr) == (count != 0));
    for (size_t i = 0; i < count; i++) handle(s, &events[i]);
    if (count != 0 || more != 0) *busy = true;
    if (status == ZCN_ECLOSED) return false;
    if (status != ZCN_OK) {
        if (status != ZCN_ESYS) note(s->verdict, "zcn_loop_poll() said %s", zcn_status_name(status));
        s->poll_failed = true;
    }
    return true;
}

uint64_t bytes_moved(zcn_loop *loop) {
    zcn_loop_stats stats{};
    stats.struct_size = sizeof stats;
    if (loop == nullptr || zcn_loop_get_stats(loop, &stats) != ZCN_OK) return 0;
    return stats.total.bytes_in + stats.total.bytes_out;
}

// Polls both loops; time passes when both have had nothing to do for a few rounds, not even a part of a message.
bool go_round(Scenario *s, uint32_t *idle) {
    const uint64_t moved = bytes_moved(s->client_loop) + bytes_moved(s->server_loop);
    bool busy = moved != s->moved;
    s->moved = moved;
    const int64_t wait = *idle > 3 ? millisecond : 0;
    const bool client = poll_once(s, s->client_loop, wait, client_event, &busy);
    send_more(s);
    const bool server = poll_once(s, s->server_loop, 0, server_event, &busy);
    *idle = busy ? 0 : *idle + 1;
    return client || server;
}

void make_options(const Scenario &s, zcn_conn_options *options) {
    zcn_conn_options_init(options, sizeof *options);
    options->high_water = 64 * 1024;
    options->connect_timeout_ms = 3000;
    options->message_timeout_ms = 5000;
    options->drain_timeout_ms = 1000;
    options->send_buffer = 65536;
    options->receive_buffer = 65536;
    if (s.plan->way == way_tcp) {
        options->keepalive_s = 10;
        options->keepalive_interval_s = 5;
        options->keepalive_count = 3;
        options->user_timeout_ms = 10000;
    }
}

bool set_up(Scenario *s) {
    zcn_pool_options pool_options;
    zcn_pool_options_init(&pool_options, sizeof pool_options);
    pool_options.block_size = s->plan->block_size;
    pool_options.limit = s->plan->pool_limit;
    zcn_status status = zcn_pool_create(&s->pool, &pool_options);
    EXPECT(s->verdict, (status == ZCN_OK) == (s->pool != nullptr));
    if (status != ZCN_OK) return false;
    status = zcn_framing_parse(&s->framing, "length,width=4,strip=4,max=2M", nullptr);
    EXPECT(s->verdict, (status == ZCN_OK) == (s->framing != nullptr));
    if (status != ZCN_OK) return false;
    zcn_loop_options loop_options;
    zcn_loop_options_init(&loop_options, sizeof loop_options);
    loop_options.pool = s->pool;
    loop_options.event_capacity = 64;
    status = zcn_loop_create(&s->client_loop, &loop_options);
    EXPECT(s->verdict, (status == ZCN_OK) == (s->client_loop != nullptr));
    if (status != ZCN_OK) return false;
    status = zcn_loop_create(&s->server_loop, &loop_options);
    EXPECT(s->verdict, (status == ZCN_OK) == (s->server_loop != nullptr));
    return status == ZCN_OK;
}

bool adopt_pair(Scenario *s, zcn_conn_options *options) {
    int fds[2];
    if (!make_pair(fds)) {
        note(s->verdict, "no pair of sockets is to be had");
        return false;
    }
    zcn_conn *server = nullptr;
    zcn_status status = zcn_conn_adopt(&server, s->server_loop, fds[1], s->framing, options);
    EXPECT(s->verdict, (status == ZCN_OK) == (server != nullptr));
    if (status == ZCN_OK) {
        add_peer(s, server);
    } else {
        (void)::close(fds[1]);
    }
    options->user = client_user;
    status = zcn_conn_adopt(&s->client, s->client_loop, fds[0], s->framing, options);
    if (status != ZCN_OK) (void)::close(fds[0]);
    return status == ZCN_OK;
}

bool connect_client(Scenario *s, zcn_conn_options *options) {
    zcn_listen_options listen_options;
    zcn_listen_options_init(&listen_options, sizeof listen_options);
    listen_options.conn = options;
    char address[128] = "tcp://127.0.0.1:0";
    if (s->plan->way == way_unix) {
        std::snprintf(address, sizeof address, "unix://%s", socket_path());
        listen_options.unix_mode = 0600;
    }
    zcn_status status = zcn_listen(&s->listener, s->server_loop, address, s->framing, &listen_options);
    EXPECT(s->verdict, (status == ZCN_OK) == (s->listener != nullptr));
    if (status != ZCN_OK) return false;
    status = zcn_listener_address(s->listener, address, sizeof address);
    if (status != ZCN_OK) return false;
    options->user = client_user;
    status = zcn_connect(&s->client, s->client_loop, address, s->framing, options);
    return status == ZCN_OK;
}

void start(Scenario *s) {
    zcn_conn_options options;
    make_options(*s, &options);
    s->client_started = s->plan->way == way_pair ? adopt_pair(s, &options) : connect_client(s, &options);
    EXPECT(s->verdict, s->client_started == (s->client != nullptr));
    if (!s->client_started) return;
    zcn_conn_retain(s->client);
}

bool all_closed(const Scenario &s) {
    if (s.client_started && s.client_closed == 0) return false;
    for (uint32_t i = 0; i < s.peer_count; i++)
        if (s.peers[i].closed == 0) return false;
    return true;
}

void drive(Scenario *s) {
    uint32_t idle = 0;
    const int64_t until = zcnet::os::now() + s->plan->patience;
    int64_t rounds = 0;
    bool alive = true;
    while (alive && rounds++ < most_rounds && zcnet::os::now() < until) {
        alive = go_round(s, &idle);
        const bool told = (!s->timer_set || s->timers != 0) && (!s->wake_asked || s->woken != 0);
        if (all_closed(*s) && (told || s->poll_failed) && idle > 6) break;
    }
    s->outcome->complete = s->client_closed == 1 && s->next == s->plan->count && s->shut_down && s->head == s->tail &&
                           s->peer_count == 1 && s->peers[0].closed == 1;
    if (s->listener != nullptr) EXPECT(s->verdict, zcn_listener_close(s->listener) == ZCN_OK);
    if (s->client_loop != nullptr) EXPECT(s->verdict, zcn_loop_close(s->client_loop) == ZCN_OK);
    if (s->server_loop != nullptr) EXPECT(s->verdict, zcn_loop_close(s->server_loop) == ZCN_OK);
    const int64_t closed_by = zcnet::os::now() + 3000 * millisecond;  // three times the drain timeout
    rounds = 0;
    while (go_round(s, &idle)) {
        if (rounds++ < most_rounds && zcnet::os::now() < closed_by) continue;
        if (!s->poll_failed) note(s->verdict, "the loops do not close");
        break;
    }
}

void tear_down(Scenario *s) {
    zcn_conn_release(s->client);
    zcn_listener_release(s->listener);
    zcn_loop_release(s->client_loop);
    zcn_loop_release(s->server_loop);
    zcn_framing_release(s->framing);
    if (s->pool == nullptr) return;
    expect_pool_unused(s->verdict, s->pool);
    const uint64_t mapped = live_mapped_bytes();
    zcn_pool_release(s->pool);
    EXPECT(s->verdict, live_mapped_bytes() < mapped);
}

void check_ends(Scenario *s) {
    expect_foreign_released(s->verdict, s->foreign);
    if (s->poll_failed) return;  // nobody was told anything
    if (s->client_started && s->client_closed != 1) note(s->verdict, "the client ended %u times", s->client_closed);
    for (uint32_t i = 0; i < s->peer_count; i++)
        if (s->peers[i].closed != 1) note(s->verdict, "peer %u ended %u times", i, s->peers[i].closed);
    expect_tokens_ended(s->verdict, s->tokens);
    EXPECT(s->verdict, s->timers <= 1);
    EXPECT(s->verdict, s->client_started || s->outcome->client_status == ZCN_OK);
    EXPECT(s->verdict, s->outcome->client_status <= 0 || s->outcome->client_status == ZCN_EOF);
    if (s->listener != nullptr) EXPECT(s->verdict, s->listener_ended);
}
}  // namespace

const char *way_name(Way way) {
    static const char *const names[way_count] = {"pair", "tcp", "unix"};
    return names[way];
}

void run_scenario(const ScenarioPlan &plan, Outcome *outcome) {
    static Scenario scenario;
    Scenario *const s = &scenario;
    std::memset(static_cast<void *>(s), 0, sizeof *s);
    std::memset(outcome, 0, sizeof *outcome);
    s->plan = &plan;
    s->outcome = outcome;
    s->verdict = &outcome->verdict;
    if (plan.way == way_unix) leave_stale_file();
    for (uint32_t i = 0; i < plan.count; i++) {
        const uint64_t size = plan.sizes[i];
        s->bodies[i] = static_cast<uint8_t *>(std::malloc(size + 1));
        fill_pattern(s->bodies[i], size, i);
    }
    const Holdings before = holdings_now();
    if (set_up(s)) {
        start(s);
        drive(s);
    }
    tear_down(s);
    check_ends(s);
    expect_same(s->verdict, before);
    for (uint32_t i = 0; i < plan.count; i++) std::free(s->bodies[i]);
    if (plan.way == way_unix) (void)::unlink(socket_path());
}

}  // namespace fault_test
