/* SPDX-License-Identifier: MIT */
/* fork(): the child sees its parent's handles as dead and may let go of them; the parent notices nothing. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mman.h>

#include "support.h"

#define MS INT64_C(1000000)

/* CMocka's assertions are for the parent: a child says what is wrong and ends. */
#define CHILD_CHECK(condition)                                                     \
    do {                                                                           \
        if (!(condition)) {                                                        \
            fprintf(stderr, "child: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1);                                                              \
        }                                                                          \
    } while (0)
#define CHILD_FORKED(call)                                                           \
    do {                                                                             \
        const zcn_status forked_ = (call);                                           \
        if (forked_ != ZCN_EFORKED) {                                                \
            fprintf(stderr, "child: %s gave %s\n", #call, zcn_status_name(forked_)); \
            wrong++;                                                                 \
        }                                                                            \
    } while (0)

/* Everything that a child may inherit. */
struct estate {
    pair ends;
    zcn_pool *pool;
    zcn_framing *framing;
    zcn_conn *conn;
    zcn_conn *adopted;
    zcn_unit *unit;
    zcn_stream *stream;
    zcn_msg *kept[3];
};

static struct estate *estate;

static int open_estate(void **state) {
    static struct estate the_estate;
    memset(&the_estate, 0, sizeof the_estate);
    estate = &the_estate;
    pair_open(&estate->ends, OVER_UNIX, PLAIN_FRAMING, NULL, NULL);
    estate->framing = framing_of(PLAIN_FRAMING);
    assert_ok(zcn_pool_default(&estate->pool));
    estate->conn = zcn_conn_retain(estate->ends.dialled);
    estate->ends.server.got.keep = true;
    for (int i = 0; i < 3; i++) assert_ok(zcn_conn_send_copy(estate->conn, "kept", 4));
    PUMP_UNTIL(&estate->ends.server, &estate->ends.client, count_of(&estate->ends.server.got, ZCN_EVENT_MESSAGE) == 3);
    for (size_t i = 0; i < 3; i++)
        assert_ok(zcn_msg_retain(&estate->kept[i], nth_of(&estate->ends.server.got, ZCN_EVENT_MESSAGE, i)->kept));
    estate->ends.server.got.keep = false;
    estate->unit = pattern_unit(NULL, estate->framing, 10, 1);
    assert_ok(zcn_stream_create(&estate->stream, NULL, estate->framing, NULL));
    *state = estate;
    return 0;
}

static int close_estate(void **state) {
    (void)state;
    zcn_stream_release(estate->stream);
    zcn_unit_release(estate->unit);
    for (size_t i = 0; i < 3; i++) assert_ok(zcn_msg_release(estate->kept[i]));
    zcn_conn_release(estate->conn);
    zcn_framing_release(estate->framing);
    zcn_pool_release(estate->pool);
    pair_close(&estate->ends);
    return 0;
}

/* Runs it in a child, which must end with 0 in time. */
static void in_child(void (*run)(void)) {
    fflush(NULL);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        run();
        _exit(0);
    }
    close(ends[1]);
    /* The end of the pipe is the end of the child. */
    struct pollfd over = {.fd = ends[0], .events = POLLIN};
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    int ready;
    do {
        ready = poll(&over, 1, milliseconds_left(deadline));
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    close(ends[0]);
    if (ready == 0) fail_msg("the child hangs");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the child ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* Both directions, and what was kept. */
static void parent_is_well(void) {
    pair *ends = &estate->ends;
    const size_t before = count_of(&ends->server.got, ZCN_EVENT_MESSAGE);
    const size_t returned = count_of(&ends->client.got, ZCN_EVENT_MESSAGE);
    assert_ok(zcn_conn_send_copy(ends->dialled, "there", 5));
    assert_ok(zcn_conn_send_copy(ends->accepted, "back", 4));
    PUMP_UNTIL(&ends->server, &ends->client,
               count_of(&ends->server.got, ZCN_EVENT_MESSAGE) == before + 1 &&
                   count_of(&ends->client.got, ZCN_EVENT_MESSAGE) == returned + 1);
    assert_memory_equal(nth_of(&ends->server.got, ZCN_EVENT_MESSAGE, before)->body, "there", 5);
    assert_memory_equal(nth_of(&ends->client.got, ZCN_EVENT_MESSAGE, returned)->body, "back", 4);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(zcn_msg_size(estate->kept[i]), 4);
        assert_memory_equal(zcn_msg_data(estate->kept[i]), "kept", 4);
    }
    assert_int_equal(count_of(&ends->server.got, ZCN_EVENT_CLOSED), 0);
    assert_int_equal(count_of(&ends->client.got, ZCN_EVENT_CLOSED), 0);
    /* The listener and its path are there for the next one. */
    const size_t accepted = count_of(&ends->server.got, ZCN_EVENT_ACCEPTED);
    const int peer = raw_connect(ends->address);
    PUMP_UNTIL(&ends->server, NULL, count_of(&ends->server.got, ZCN_EVENT_ACCEPTED) == accepted + 1);
    close(peer);
    PUMP_UNTIL(&ends->server, NULL, count_of(&ends->server.got, ZCN_EVENT_CLOSED) == 1);
    collector_clear(&ends->server.got);
}

/* ---- calls ---- */

static void call_loop(void) {
    int wrong = 0;
    zcn_loop *loop = estate->ends.client.loop;
    const zcn_event *events = (const zcn_event *)&wrong;
    size_t count = 5;
    int32_t more = 5;
    CHILD_FORKED(zcn_loop_poll(loop, -1, &events, &count, &more));
    CHILD_CHECK(events == NULL && count == 0 && more == 0);
    CHILD_CHECK(zcn_loop_fd(loop) == -1);
    int64_t left = 5;
    CHILD_FORKED(zcn_loop_next_deadline(loop, &left));
    CHILD_FORKED(zcn_loop_wake(loop));
    CHILD_FORKED(zcn_loop_timer_set(loop, 1, 1));
    CHILD_FORKED(zcn_loop_timer_cancel(loop, 1));
    CHILD_FORKED(zcn_loop_close(loop));
    zcn_conn *conn = (zcn_conn *)&wrong;
    CHILD_FORKED(zcn_connect(&conn, loop, estate->ends.address, estate->framing, NULL));
    CHILD_CHECK(conn == NULL);
    int ends[2];
    CHILD_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    conn = (zcn_conn *)&wrong;
    CHILD_FORKED(zcn_conn_adopt(&conn, loop, ends[0], estate->framing, NULL));
    CHILD_CHECK(conn == NULL);
    /* It was not consumed. */
    CHILD_CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    zcn_listener *listener = (zcn_listener *)&wrong;
    CHILD_FORKED(zcn_listen(&listener, loop, "tcp://127.0.0.1:0", estate->framing, NULL));
    CHILD_CHECK(listener == NULL);
    CHILD_FORKED(zcn_listener_close(estate->ends.listener));
    CHILD_CHECK(wrong == 0);
}

static void test_fork_loop_calls_say_so(void **state) {
    (void)state;
    in_child(call_loop);
    parent_is_well();
}

static void call_conn(void) {
    int wrong = 0;
    zcn_conn *conn = estate->ends.dialled;
    CHILD_FORKED(zcn_conn_send(conn, estate->unit));
    size_t sent = 5;
    CHILD_FORKED(zcn_conn_send_batch(conn, &estate->unit, 1, &sent));
    CHILD_CHECK(sent == 0);
    CHILD_FORKED(zcn_conn_send_copy(conn, "x", 1));
    CHILD_FORKED(zcn_conn_send_msg(conn, estate->kept[0]));
    CHILD_FORKED(zcn_conn_post(conn, estate->unit));
    void *data = &wrong;
    uint64_t room = 5;
    CHILD_FORKED(zcn_conn_reserve(conn, &data, &room, 10));
    CHILD_CHECK(data == NULL && room == 0);
    CHILD_FORKED(zcn_conn_commit(conn, 1, NULL, NULL));
    CHILD_FORKED(zcn_conn_flush(conn));
    CHILD_FORKED(zcn_conn_shutdown(conn));
    CHILD_FORKED(zcn_conn_pause(conn));
    CHILD_FORKED(zcn_conn_resume(conn));
    CHILD_FORKED(zcn_conn_set_framing(conn, NULL, estate->framing));
    CHILD_FORKED(zcn_conn_set_send_framing(conn, estate->framing));
    CHILD_FORKED(zcn_conn_set_option(conn, ZCN_OPTION_HIGH_WATER, 100000));
    uint64_t value = 5;
    CHILD_FORKED(zcn_conn_get_option(conn, ZCN_OPTION_HIGH_WATER, &value));
    CHILD_CHECK(value == 0);
    int fd = 5;
    zcn_msg *rest = (zcn_msg *)&wrong;
    CHILD_FORKED(zcn_conn_take_fd(conn, &fd, &rest));
    CHILD_CHECK(fd == -1 && rest == NULL);
    CHILD_FORKED(zcn_conn_move(conn, estate->ends.server.loop));
    CHILD_FORKED(zcn_conn_abort(conn));
    CHILD_FORKED(zcn_conn_close(conn));
    CHILD_CHECK(wrong == 0);
}

static void test_fork_connection_calls_say_so(void **state) {
    (void)state;
    in_child(call_conn);
    parent_is_well();
}

/* Sends that were queued before the fork belong to the parent: they leave once. */
static void call_with_something_queued(void) {
    int wrong = 0;
    CHILD_FORKED(zcn_conn_flush(estate->ends.dialled));
    CHILD_FORKED(zcn_conn_close(estate->ends.dialled));
    zcn_conn_release(estate->conn);
    zcn_loop_release(estate->ends.client.loop);
    CHILD_CHECK(wrong == 0);
}

static void test_fork_queued_bytes_leave_once(void **state) {
    (void)state;
    pair *ends = &estate->ends;
    assert_ok(zcn_conn_send_copy(ends->dialled, "queued", 6));
    in_child(call_with_something_queued);
    PUMP_UNTIL(&ends->server, &ends->client, count_of(&ends->server.got, ZCN_EVENT_MESSAGE) == 4);
    assert_memory_equal(nth_of(&ends->server.got, ZCN_EVENT_MESSAGE, 3)->body, "queued", 6);
    parent_is_well();
}

/* ---- releasing ---- */

static void release_all(void) {
    zcn_stream_release(estate->stream);
    zcn_unit_release(estate->unit);
    for (size_t i = 0; i < 3; i++) (void)zcn_msg_release(estate->kept[i]);
    for (size_t i = 0; i < 3; i++) {
        zcn_msg *msg = nth_of(&estate->ends.server.got, ZCN_EVENT_MESSAGE, i)->kept;
        (void)zcn_msg_release_batch(&msg, 1);
    }
    zcn_conn_release(estate->conn);
    zcn_framing_release(estate->framing);
    zcn_listener_release(estate->ends.listener);
    zcn_loop_release(estate->ends.client.loop);
    zcn_loop_release(estate->ends.server.loop);
    zcn_pool_release(estate->pool);
}

static void test_fork_child_may_release_everything(void **state) {
    (void)state;
    in_child(release_all);
    parent_is_well();
}

static void release_loops_first(void) {
    zcn_pool_release(estate->pool);
    zcn_loop_release(estate->ends.server.loop);
    zcn_loop_release(estate->ends.client.loop);
    zcn_listener_release(estate->ends.listener);
    zcn_conn_release(estate->conn);
    zcn_unit_release(estate->unit);
    for (size_t i = 0; i < 3; i++) (void)zcn_msg_release(estate->kept[i]);
    zcn_stream_release(estate->stream);
}

static void test_fork_child_may_release_in_any_order(void **state) {
    (void)state;
    in_child(release_loops_first);
    parent_is_well();
}

/* ---- a life of its own ---- */

static bool child_polls(zcn_loop *loop, uint32_t wanted, zcn_conn **conn, bool answer) {
    const zcn_event *events;
    size_t count;
    bool found = false;
    if (zcn_loop_poll(loop, MS, &events, &count, NULL) != ZCN_OK) return false;
    for (size_t i = 0; i < count; i++) {
        if (answer && events[i].type == ZCN_EVENT_MESSAGE)
            CHILD_CHECK(zcn_conn_forward(events[i].conn, events[i].msg) == ZCN_OK);
        if (events[i].type != wanted) continue;
        found = true;
        if (conn != NULL) *conn = events[i].conn;
    }
    return found;
}

static void talk_to_itself(void) {
    zcn_loop *loops[2];
    zcn_framing *framing;
    zcn_listener *listener;
    zcn_conn *conn;
    char address[128];
    CHILD_CHECK(zcn_loop_create(&loops[0], NULL) == ZCN_OK && zcn_loop_create(&loops[1], NULL) == ZCN_OK);
    CHILD_CHECK(zcn_framing_parse(&framing, PLAIN_FRAMING, NULL) == ZCN_OK);
    CHILD_CHECK(zcn_listen(&listener, loops[0], "tcp://127.0.0.1:0", framing, NULL) == ZCN_OK);
    CHILD_CHECK(zcn_listener_address(listener, address, sizeof address) == ZCN_OK);
    CHILD_CHECK(zcn_connect(&conn, loops[1], address, framing, NULL) == ZCN_OK);
    zcn_unit *unit;
    void *data;
    CHILD_CHECK(zcn_unit_alloc(&unit, &data, NULL, framing, 5) == ZCN_OK);
    memcpy(data, "hello", 5);
    CHILD_CHECK(zcn_conn_send(conn, unit) == ZCN_OK);
    const uint64_t deadline = deadline_after_ms(WAIT_MS / 2);
    for (;;) {
        (void)child_polls(loops[0], ZCN_EVENT_MESSAGE, NULL, true);
        if (child_polls(loops[1], ZCN_EVENT_MESSAGE, NULL, false)) break;
        CHILD_CHECK(!deadline_passed(deadline));
    }
    zcn_listener_release(listener);
    zcn_loop_release(loops[1]);
    zcn_loop_release(loops[0]);
    zcn_framing_release(framing);
}

static void test_fork_child_makes_its_own_loop(void **state) {
    (void)state;
    in_child(talk_to_itself);
    parent_is_well();
}

/* Its own beside the inherited ones, which stay dead. */
static void talk_then_look_back(void) {
    talk_to_itself();
    call_loop();
    call_conn();
    release_all();
    talk_to_itself();
}

static void test_fork_own_loop_does_not_revive_the_inherited(void **state) {
    (void)state;
    in_child(talk_then_look_back);
    parent_is_well();
}

/* A framing is a value: the child may go on using it, as it does constants. */
static void use_framing(void) {
    uint64_t head;
    uint64_t tail;
    CHILD_CHECK(zcn_framing_overhead(estate->framing, 10, &head, &tail) == ZCN_OK);
    CHILD_CHECK(head == 4 && tail == 0);
}

static void test_fork_framing_goes_on(void **state) {
    (void)state;
    in_child(use_framing);
}

static void fork_again(void) {
    talk_to_itself();
    const pid_t child = fork();
    CHILD_CHECK(child >= 0);
    if (child == 0) {
        call_loop();
        talk_to_itself();
        release_all();
        _exit(0);
    }
    int status;
    CHILD_CHECK(waitpid(child, &status, 0) == child);
    CHILD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    talk_to_itself();
}

static void test_fork_grandchild(void **state) {
    (void)state;
    in_child(fork_again);
    parent_is_well();
}

/* exit() runs what the library and its threads' memory have registered. */
static void leave_by_exit(void) { exit(0); }

static void test_fork_child_may_exit(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    /* The leak check of the sanitizer counts what a child that just ends has inherited. */
    print_message("test_fork_child_may_exit: not under the leak check\n");
    skip();
#endif
    in_child(leave_by_exit);
    parent_is_well();
}

/* ---- memory that is not copied with the process ---- */

static struct {
    zcn_pool *pool;
    zcn_unit *units[3]; /* cut from a block, a region, memory of its own */
    unsigned char *bodies[3];
    zcn_msg *msg;
} lent;

static const uint64_t lent_sizes[] = {1000, 300000, 40000};

/* A source of memory that the child shares. What is asked of it is noted where both see it. */
static struct source_calls { atomic_uint allocated, given, ended; } * source_calls;

static void *map_shared(void *context, uint64_t size, uint64_t alignment) {
    (void)context;
    atomic_fetch_add(&source_calls->allocated, 1);
    unsigned char *memory =
        mmap(NULL, size + alignment, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    const size_t before = (alignment - (uintptr_t)memory % alignment) % alignment;
    if (before != 0) munmap(memory, before);
    munmap(memory + before + size, alignment - before);
    return memory + before;
}

static void unmap_shared(void *context, void *memory, uint64_t size) {
    (void)context;
    atomic_fetch_add(&source_calls->given, 1);
    munmap(memory, size);
}

static int32_t drop_shared(void *context, void *memory, uint64_t size) {
    (void)context;
    atomic_fetch_add(&source_calls->given, 1);
    return madvise(memory, size, MADV_REMOVE);
}

static void end_shared(void *context) {
    (void)context;
    atomic_fetch_add(&source_calls->ended, 1);
}

static void lend(const zcn_pool_source *source) {
    zcn_pool_options options;
    zcn_pool_options_init(&options, sizeof options);
    options.block_size = 65536;
    options.keep = 1; /* what comes free goes back at once */
    options.source = source;
    if (source == NULL) options.shared_bytes = 16 << 20;
    assert_ok(zcn_pool_create(&lent.pool, &options));
    for (size_t i = 0; i < 3; i++) {
        assert_ok(zcn_unit_alloc(&lent.units[i], (void **)&lent.bodies[i], lent.pool, NULL, lent_sizes[i]));
        fill_pattern(lent.bodies[i], lent_sizes[i], i);
    }
    zcn_stream *stream = stream_of(lent.pool, PLAIN_FRAMING, NULL);
    collector got = {0};
    stream_keep(stream, 1, 100, &got);
    assert_ok(zcn_msg_detach(&lent.msg, got.at[0].kept));
    collector_clear(&got);
    zcn_stream_release(stream);
}

static void take_from_lent(void) {
    int wrong = 0;
    for (size_t i = 0; i < 3; i++) {
        zcn_unit *units[2] = {(zcn_unit *)&wrong, (zcn_unit *)&wrong};
        void *datas[2] = {&wrong, &wrong};
        CHILD_FORKED(zcn_unit_alloc(&units[0], &datas[0], lent.pool, NULL, lent_sizes[i]));
        CHILD_CHECK(units[0] == NULL && datas[0] == NULL);
        CHILD_FORKED(zcn_unit_alloc_batch(units, datas, 2, lent.pool, NULL, lent_sizes[i]));
        CHILD_CHECK(units[0] == NULL && units[1] == NULL);
    }
    void *data = &wrong;
    CHILD_FORKED(zcn_unit_append_alloc(lent.units[0], &data, 10));
    CHILD_FORKED(zcn_unit_append_copy(lent.units[0], "x", 1));
    zcn_msg *msg = (zcn_msg *)&wrong;
    CHILD_FORKED(zcn_msg_detach(&msg, lent.msg));
    CHILD_FORKED(zcn_msg_make_writable(&msg, lent.msg, &data));
    CHILD_FORKED(zcn_pool_trim(lent.pool, NULL));
    CHILD_CHECK(wrong == 0);
}

static void let_go_of_lent(void) {
    zcn_unit_release_batch(lent.units, 3);
    (void)zcn_msg_release(lent.msg);
    zcn_pool_release(lent.pool);
}

/* All is there, and serves again once the parent lets go of it. */
static void lent_is_well(void) {
    for (size_t i = 0; i < 3; i++) assert_true(has_pattern(lent.bodies[i], lent_sizes[i], i));
    assert_int_equal(zcn_msg_size(lent.msg), 100);
    zcn_unit *next;
    void *data;
    assert_ok(zcn_unit_alloc(&next, &data, lent.pool, NULL, 1000));
    zcn_unit_release(next);
    assert_ok(zcn_pool_trim(lent.pool, NULL));
}

static void test_fork_memory_file_stays_the_parents(void **state) {
    (void)state;
    lend(NULL);
    in_child(take_from_lent);
    lent_is_well();
    in_child(let_go_of_lent);
    lent_is_well();
    let_go_of_lent();
}

static void test_fork_source_stays_the_parents(void **state) {
    (void)state;
    source_calls = mmap(NULL, sizeof *source_calls, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(source_calls != MAP_FAILED);
    const zcn_pool_source source = {
        .struct_size = sizeof source,
        .allocate = map_shared,
        .free = unmap_shared,
        .drop = drop_shared,
        .end = end_shared,
    };
    lend(&source);
    const unsigned allocated = atomic_load(&source_calls->allocated);
    const unsigned given = atomic_load(&source_calls->given);
    in_child(take_from_lent);
    in_child(let_go_of_lent);
    assert_int_equal(atomic_load(&source_calls->allocated), allocated);
    assert_int_equal(atomic_load(&source_calls->given), given);
    assert_int_equal(atomic_load(&source_calls->ended), 0);
    lent_is_well();
    let_go_of_lent();
    assert_int_equal(atomic_load(&source_calls->ended), 1);
    munmap(source_calls, sizeof *source_calls);
}

#define WITH_ESTATE(test) cmocka_unit_test_setup_teardown(test, open_estate, close_estate)

int main(void) {
    if (emulated()) {
        puts("the emulator does not tell a child of its fork");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        WITH_ESTATE(test_fork_loop_calls_say_so),
        WITH_ESTATE(test_fork_connection_calls_say_so),
        WITH_ESTATE(test_fork_queued_bytes_leave_once),
        WITH_ESTATE(test_fork_child_may_release_everything),
        WITH_ESTATE(test_fork_child_may_release_in_any_order),
        WITH_ESTATE(test_fork_child_makes_its_own_loop),
        WITH_ESTATE(test_fork_own_loop_does_not_revive_the_inherited),
        WITH_ESTATE(test_fork_framing_goes_on),
        WITH_ESTATE(test_fork_grandchild),
        WITH_ESTATE(test_fork_child_may_exit),
        cmocka_unit_test(test_fork_memory_file_stays_the_parents),
        cmocka_unit_test(test_fork_source_stays_the_parents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
