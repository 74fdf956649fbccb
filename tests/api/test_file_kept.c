/* SPDX-License-Identifier: MIT */
/* What a connection keeps of a file between its steps, a mapping or a full pipe, never leaves as another file's bytes:
 * also when the first file is gone and the next one gets its place in memory. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "support_files.h"

enum { FILE_SIZE = 600000, PART = 100000 };

typedef struct lone {
    side on;
    zcn_framing *raw;
    zcn_conn *conn;
    int peer; /* reads nothing before the test does */
} lone;

static void lone_open(lone *of, const zcn_conn_options *options) {
    int ends[2];
    raw_pair(ends);
    of->peer = ends[1];
    side_open(&of->on, NULL);
    of->raw = framing_of("raw");
    assert_ok(zcn_conn_adopt(&of->conn, of->on.loop, ends[0], of->raw, options));
    PUMP_UNTIL(&of->on, NULL, count_of(&of->on.got, ZCN_EVENT_CONNECTED) == 1);
}

static void lone_close(lone *of) {
    close(of->peer);
    zcn_framing_release(of->raw);
    side_close(&of->on);
}

static void send_memory(lone *of, const uint8_t *data, size_t size) {
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_static(unit, data, size));
    assert_ok(zcn_conn_send(of->conn, unit));
}

/* The start of a file of its own, which goes with its unit. */
static void send_part(lone *of, uint64_t seed, uint32_t method) {
    zcn_file *file = pattern_file(FILE_SIZE, seed, method, NULL);
    zcn_unit *unit = unit_of_file(file, 0, PART);
    zcn_file_release(file);
    assert_ok(zcn_conn_send(of->conn, unit));
}

static void expect_bytes(lone *of, bytes *got, size_t size) {
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (got->size < size) {
        if (deadline_passed(deadline)) fail_msg("%zu of %zu bytes came", got->size, size);
        side_poll(&of->on, 0);
        uint8_t part[65536];
        const size_t rest = size - got->size;
        const ssize_t count = recv(of->peer, part, rest < sizeof part ? rest : sizeof part, MSG_DONTWAIT);
        if (count > 0) bytes_append(got, part, (size_t)count);
    }
}

/* Each file is sent, and ends, while later ones wait; so the queue, with which everything would go, is never empty. */
static void one_file_after_the_other(uint32_t method) {
    const zcn_conn_options options = deep_options();
    lone on;
    lone_open(&on, &options);
    enum { BETWEEN = 1 << 20, ROUNDS = 4 };
    uint8_t *between = exact_block(BETWEEN, 0);
    fill_pattern(between, BETWEEN, 99);
    bytes got = {0};
    size_t expected = 0;
    send_part(&on, 0, method);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        send_memory(&on, between, BETWEEN);
        /* The file is gone when bytes behind it arrive. */
        expected += PART + BETWEEN;
        expect_bytes(&on, &got, expected - BETWEEN / 2);
        send_part(&on, round + 1, method);
    }
    expect_bytes(&on, &got, expected + PART);
    for (uint64_t round = 0; round <= ROUNDS; round++) assert_pattern(got.data + round * (PART + BETWEEN), PART, round);
    bytes_clear(&got);
    free(between);
    lone_close(&on);
}

/* A file that is shorter than it was: what comes is a start of what was promised, and not a byte behind its end. */
static void of_a_shorter_file(uint32_t method) {
    enum { FROM = 101, PROMISED = 300000, LEFT = 150001 };
    const zcn_conn_options options = deep_options();
    lone on;
    lone_open(&on, &options);
    int fd = -1;
    zcn_file *file = pattern_file(FILE_SIZE, 1, method, &fd);
    assert_int_equal(ftruncate(fd, LEFT), 0);
    assert_ok(zcn_conn_send(on.conn, unit_of_file(file, FROM, PROMISED)));
    zcn_file_release(file);
    bytes got = {0};
    assert_int_equal(raw_read_to_end(on.peer, &on.on, &got), 0);
    assert_in_range(got.size, 0, LEFT - FROM);
    assert_status(nth_of(&on.on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ETRUNCATED);
    uint8_t *content = exact_block(FILE_SIZE, 0);
    fill_pattern(content, FILE_SIZE, 1);
    if (got.size != 0) assert_memory_equal(got.data, content + FROM, got.size);
    free(content);
    bytes_clear(&got);
    close(fd);
    lone_close(&on);
}

/* A connection whose socket is full, so that a file gets as far as the pipe, and which drops what it did not send. */
static size_t full_open(lone *of) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.lag = ZCN_LAG_KEEP_LATEST;
    options.high_water = PART / 2;
    lone_open(of, &options);
    const uint8_t filling[4096] = {0};
    size_t filled = 0;
    for (;;) {
        const ssize_t sent = send(zcn_conn_fd(of->conn), filling, sizeof filling, MSG_DONTWAIT);
        if (sent < 0) break;
        filled += (size_t)sent;
    }
    assert_true(errno == EAGAIN);
    return filled;
}

/* Lets the pipe fill with what was sent, which is dropped then for a message of memory. */
static void drop_for(lone *of, const uint8_t *data, size_t size) {
    for (int i = 0; i < 5; i++) side_poll(&of->on, 0);
    send_memory(of, data, size);
    const zcn_stats stats = stats_of(of->conn);
    assert_int_equal(stats.messages_dropped, 1);
}

/* What of a dropped unit lies in the kernel's pipe is dropped with it. */
static void after_a_dropped_one(uint32_t method) {
    static const uint8_t memory[1000] = {7};
    lone on;
    const size_t filled = full_open(&on);
    send_part(&on, 1, method);
    drop_for(&on, memory, sizeof memory);
    send_part(&on, 2, method);
    bytes got = {0};
    expect_bytes(&on, &got, filled + sizeof memory + PART);
    assert_memory_equal(got.data + filled, memory, sizeof memory);
    assert_pattern(got.data + filled + sizeof memory, PART, 2);
    bytes_clear(&got);
    lone_close(&on);
}

static void by_every_method(void (*run)(uint32_t method)) {
    for (uint32_t method = ZCN_FILE_AUTO; method <= ZCN_FILE_DIRECT; method++) run(method);
}

static void test_one_file_after_the_other(void **state) {
    (void)state;
    by_every_method(one_file_after_the_other);
}

static void test_of_a_shorter_file(void **state) {
    (void)state;
    by_every_method(of_a_shorter_file);
}

static void test_after_a_dropped_one(void **state) {
    (void)state;
    by_every_method(after_a_dropped_one);
}

static void map_pattern(void *at, uint64_t seed) {
    zcn_file *file = pattern_file(FILE_SIZE, seed, ZCN_FILE_AUTO, NULL);
    assert_ptr_equal(mmap(at, FILE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, zcn_file_fd(file), 0), at);
    zcn_file_release(file);
}

static void send_pages(lone *of, const void *pages) {
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_pages(unit, pages, PART));
    assert_ok(zcn_conn_send(of->conn, unit));
}

/* The same for pages: of a mapping that is gone, and another one has its place. */
static void test_pages_after_dropped_ones(void **state) {
    (void)state;
    static const uint8_t memory[1000] = {7};
    void *const place = mmap(NULL, FILE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(place, MAP_FAILED);
    lone on;
    const size_t filled = full_open(&on);
    map_pattern(place, 1);
    send_pages(&on, place);
    drop_for(&on, memory, sizeof memory);
    map_pattern(place, 2);
    send_pages(&on, place);
    bytes got = {0};
    expect_bytes(&on, &got, filled + sizeof memory + PART);
    assert_pattern(got.data + filled + sizeof memory, PART, 2);
    bytes_clear(&got);
    lone_close(&on);
    assert_int_equal(munmap(place, FILE_SIZE), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_file_after_the_other),
        cmocka_unit_test(test_of_a_shorter_file),
        cmocka_unit_test(test_after_a_dropped_one),
        cmocka_unit_test(test_pages_after_dropped_ones),
    };
    const size_t threads = thread_count();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    wait_for_threads(threads);
    return failed;
}
