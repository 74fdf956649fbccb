/* SPDX-License-Identifier: MIT */
/*
 * What a pool writes of itself, and what ZCNET_DEBUG=leak reports at the end of a program. The latter is this program
 * once more, started with the word "leak".
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "support.h"

static const char *program;

static zcn_pool *make_pool(void) {
    zcn_pool *pool = NULL;
    assert_ok(zcn_pool_create(&pool, NULL));
    return pool;
}

/* What a call writes to a descriptor. */
static char *read_all(int fd) {
    const off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)size, 0), size);
    return text;
}

static size_t times_in(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) count++;
    return count;
}

/* A stream that has shown two messages, of 5 and 300 bytes. */
static zcn_stream *make_stream(zcn_pool *pool, const zcn_event **events) {
    zcn_framing *framing = NULL;
    zcn_stream *stream = NULL;
    assert_ok(zcn_framing_parse(&framing, "length,width=2,strip=2,max=1K", NULL));
    assert_ok(zcn_stream_create(&stream, pool, framing, NULL));
    zcn_framing_release(framing);
    uint8_t frames[2 + 5 + 2 + 300] = {0, 5};
    frames[7] = 300 >> 8;
    frames[8] = 300 & 255;
    uint64_t taken;
    size_t count;
    assert_ok(zcn_stream_feed(stream, frames, sizeof frames, &taken));
    assert_int_equal(taken, sizeof frames);
    assert_ok(zcn_stream_poll(stream, events, &count, NULL));
    assert_int_equal(count, 2);
    return stream;
}

static void arguments_are_checked(void **state) {
    (void)state;
    zcn_pool *pool = make_pool();
    assert_status(zcn_pool_dump(NULL, 1), ZCN_EINVAL);
    assert_status(zcn_pool_dump(pool, -1), ZCN_EINVAL);
    /* Nobody reads: an answer, and no signal. */
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_status(zcn_pool_dump(pool, ends[1]), ZCN_ESYS);
    close(ends[1]);
    zcn_pool_release(pool);
}

static void messages_are_listed(void **state) {
    (void)state;
    zcn_pool *pool = make_pool();
    zcn_pool *other = make_pool();
    const zcn_event *events;
    zcn_stream *stream = make_stream(pool, &events);
    zcn_msg *held[3] = {NULL, NULL, NULL};
    assert_ok(zcn_msg_retain(&held[0], events[0].msg));
    assert_ok(zcn_msg_retain(&held[1], events[1].msg));
    assert_ok(zcn_msg_slice(&held[2], held[1], 10, 77));
    const int file = memfd_create("dump", MFD_CLOEXEC);
    assert_true(file >= 0);
    assert_ok(zcn_pool_dump(pool, file));
    char *text = read_all(file);
    assert_non_null(strstr(text, ": blocks of 262144 bytes, limit 0, of which 0 in reserve\n"));
    assert_non_null(strstr(text, "\nbytes: "));
    assert_non_null(strstr(text, "\nmessages: 3 held, 382 bytes, keep 262144 bytes, oldest "));
    assert_int_equal(times_in(text, "\nmessage 5 bytes, held "), 1);
    assert_int_equal(times_in(text, "\nmessage 300 bytes, held "), 1);
    assert_int_equal(times_in(text, "\nmessage 77 bytes, held "), 1);
    assert_int_equal(times_in(text, ", keeps 262144 bytes of block 0x"), 3);
    /* Places are known on demand alone. */
    assert_int_equal(times_in(text, " from "), 0);
    free(text);
    /* Another pool has none of them. */
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    assert_ok(zcn_pool_dump(other, file));
    text = read_all(file);
    assert_non_null(strstr(text, "\nmessages: 0 held, 0 bytes, keep 0 bytes"));
    assert_int_equal(times_in(text, "\nmessage "), 0);
    free(text);
    /* More than what is gathered before it is written. */
    zcn_msg *many[200];
    for (size_t i = 0; i < 200; i++) assert_ok(zcn_msg_retain(&many[i], held[0]));
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    assert_ok(zcn_pool_dump(pool, file));
    text = read_all(file);
    assert_int_equal(times_in(text, "\nmessage 5 bytes, held "), 201);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
    close(file);
    assert_ok(zcn_msg_release_batch(many, 200));
    assert_ok(zcn_msg_release_batch(held, 3));
    zcn_stream_release(stream);
    zcn_pool_release(other);
    zcn_pool_release(pool);
}

/* ---- what is alive at the end ---- */

static zcn_pool *kept_pool;
static zcn_unit *kept_units[3];
static zcn_msg *kept_msg;

__attribute__((noinline)) static void lose_a_unit(void) {
    void *data;
    if (zcn_unit_alloc(&kept_units[0], &data, kept_pool, NULL, 123) != ZCN_OK) abort();
}

__attribute__((noinline)) static void lose_a_message(const zcn_event *event) {
    if (zcn_msg_retain(&kept_msg, event->msg) != ZCN_OK) abort();
}

static zcn_framing *kept_framing;
static zcn_loop *kept_loop;
static zcn_conn *kept_conn;
static zcn_relay *kept_relay;
static zcn_dialer *kept_dialer;
static zcn_file *kept_file;
static zcn_file_cache *kept_cache;

static void make_others(void) {
    int both[2], ends[2][2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, both), 0);
    for (size_t i = 0; i < 2; i++) assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
    assert_ok(zcn_framing_parse(&kept_framing, "fixed=8", NULL));
    assert_ok(zcn_loop_create(&kept_loop, NULL));
    assert_ok(zcn_conn_adopt(&kept_conn, kept_loop, both[0], kept_framing, NULL));
    assert_ok(zcn_relay_fds(&kept_relay, kept_loop, ends[0][0], ends[1][0], NULL));
    assert_ok(zcn_dial(&kept_dialer, kept_loop, "unix:///nowhere/at/all", kept_framing, NULL));
    assert_ok(zcn_file_open(&kept_file, program, NULL, NULL));
    assert_ok(zcn_file_cache_create(&kept_cache, 4, 1000, NULL));
    zcn_file *cached;
    assert_ok(zcn_file_cache_open(kept_cache, &cached, program, NULL));
    zcn_file_release(cached);
    close(both[1]);
    for (size_t i = 0; i < 2; i++) close(ends[i][1]);
}

static void end_others(void) {
    zcn_file_cache_release(kept_cache);
    zcn_file_release(kept_file);
    zcn_dialer_release(kept_dialer);
    zcn_loop_release(kept_loop);
    zcn_framing_release(kept_framing);
}

/* Where a function lies in the program, as the report says it. */
static size_t offset_of(void (*function)(void)) {
    Dl_info info;
    uintptr_t address;
    memcpy(&address, &function, sizeof address);
    if (dladdr((void *)address, &info) == 0) abort();
    return (size_t)(address - (uintptr_t)info.dli_fbase);
}

/* Reads what is dumped, and makes a unit before each look. */
static void *read_and_make(void *argument) {
    const int fd = *(const int *)argument;
    char some[4096];
    do {
        zcn_unit *unit;
        void *data;
        if (zcn_unit_alloc(&unit, &data, kept_pool, NULL, 10) != ZCN_OK) abort();
        zcn_unit_release(unit);
    } while (read(fd, some, sizeof some) > 0);
    return NULL;
}

/* More than a pipe holds, to a reader that makes handles itself. */
static void dump_to_oneself(void) {
    enum { MANY = 3000 };
    static zcn_unit *units[MANY];
    void *data;
    for (size_t i = 0; i < MANY; i++) assert_ok(zcn_unit_alloc(&units[i], &data, kept_pool, NULL, 10));
    int ends[2];
    pthread_t reader;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_and_make, &ends[0]), 0);
    assert_ok(zcn_pool_dump(kept_pool, ends[1]));
    close(ends[1]);
    pthread_join(reader, NULL);
    close(ends[0]);
    zcn_unit_release_batch(units, MANY);
}

/* A child that ends in order reports nothing: what it inherited is its parent's. */
static void end_a_child(void) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) exit(0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* The program that forgets: what it prints is where two of its functions lie. */
static int forget(bool word_given) {
    /* A report that waits for itself ends here. */
    alarm(120);
    const zcn_event *events;
    void (*function)(void);
    kept_pool = make_pool();
    zcn_stream *stream = make_stream(kept_pool, &events);
    void (*const lose)(const zcn_event *) = lose_a_message;
    memcpy(&function, &lose, sizeof function);
    printf("%zx %zx\n", offset_of(lose_a_unit), offset_of(function));
    fflush(stdout);
    lose_a_unit();
    lose_a_message(&events[0]);
    make_others();
    end_others();
    make_others();
    /* What was released is not reported: one by one, in a batch, retained in between. */
    void *data[2];
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_alloc(&unit, &data[0], kept_pool, NULL, 456));
    zcn_unit_release(zcn_unit_retain(unit));
    zcn_unit_release(unit);
    assert_ok(zcn_unit_create(&unit, kept_pool));
    zcn_unit_release(unit);
    assert_ok(zcn_unit_alloc_batch(&kept_units[1], data, 2, kept_pool, NULL, 789));
    zcn_unit_release(kept_units[1]);
    zcn_msg *msg = NULL;
    assert_ok(zcn_msg_retain(&msg, events[1].msg));
    assert_ok(zcn_msg_release(msg));
    /* A joined message, with a part that nothing else keeps. */
    const zcn_msg *const parts[] = {events[1].msg};
    zcn_msg *joined = NULL;
    assert_ok(zcn_msg_join(&joined, parts, 1));
    if (word_given) dump_to_oneself();
    end_a_child();
    /* Where it is looked at before the end, units and places are known too. */
    assert_ok(zcn_pool_dump(kept_pool, 1));
    zcn_stream_release(stream);
    return 0;
}

typedef struct answer {
    char *out;
    char *err;
    int status;
} answer;

static answer run_forgetful(const char *word) {
    const int out = memfd_create("out", 0);
    const int err = memfd_create("err", 0);
    assert_true(out >= 0 && err >= 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(out, 1);
        dup2(err, 2);
        if (word != NULL) setenv("ZCNET_DEBUG", word, 1);
        /* Forgetting is what it is for: the sanitizer need not say so, too. */
        const char *before = getenv("ASAN_OPTIONS");
        char options[1024];
        snprintf(options, sizeof options, "%s:detect_leaks=0", before != NULL ? before : "");
        setenv("ASAN_OPTIONS", options, 1);
        execl(program, program, "leak", (char *)NULL);
        _exit(127);
    }
    answer got = {NULL, NULL, 0};
    assert_int_equal(waitpid(child, &got.status, 0), child);
    got.out = read_all(out);
    got.err = read_all(err);
    close(out);
    close(err);
    return got;
}

/* The place that a line names. */
static size_t place_of(const char *text, const char *line) {
    const char *at = strstr(text, line);
    assert_non_null(at);
    const char *end = strchr(at + 1, '\n');
    const char *from = strstr(at, " from program+0x");
    assert_true(from != NULL && from < end);
    return strtoull(from + strlen(" from program+0x"), NULL, 16);
}

/* Whether it lies in a function that begins there. */
static void check_place(const char *text, const char *line, size_t function) {
    assert_in_range(place_of(text, line), function + 1, function + 4096);
}

static void what_is_alive_is_reported(void **state) {
    (void)state;
    if (emulated()) skip();
    answer got = run_forgetful("leak");
    size_t unit = 0;
    size_t message = 0;
    if (got.status != 0 || sscanf(got.out, "%zx %zx", &unit, &message) != 2)
        fail_msg("%d %s%s", got.status, got.out, got.err);
    const char *const others[] = {"framing", "loop", "relay", "dialer", "file cache"};
    for (size_t i = 0; i < 5; i++) {
        char line[64];
        snprintf(line, sizeof line, "alive at the end: %s 0 bytes, held ", others[i]);
        assert_int_equal(times_in(got.err, line), 1);
        assert_non_null(strstr(strstr(got.err, line), " from program+0x"));
    }
    /* The dialer has one of its own; the cache a file. */
    assert_int_equal(times_in(got.err, "alive at the end: connection 0 bytes, held "), 2);
    assert_int_equal(times_in(got.err, "alive at the end: file "), 3);
    /* The joined message is told with its part. */
    assert_int_equal(times_in(got.err, "alive at the end: message, joined, 300 bytes, held "), 1);
    assert_int_equal(times_in(got.err, "alive at the end: message 300 bytes, held "), 1);
    (void)place_of(got.err, "alive at the end: message, joined, 300 bytes, held ");
    (void)place_of(got.err, "alive at the end: message 300 bytes, held ");
    assert_int_equal(times_in(got.err, "zcnet: alive at the end: "), 4 + 5 + 2 + 2 + 2);
    check_place(got.err, "alive at the end: unit 123 bytes, held ", unit);
    check_place(got.err, "alive at the end: message 5 bytes, held ", message);
    assert_non_null(strstr(got.err, "alive at the end: unit 789 bytes, held "));
    assert_non_null(strstr(got.err, "alive at the end: pool 0 bytes, held "));
    check_place(got.out, "\nunit 123 bytes, held ", unit);
    check_place(got.out, "\nmessage 5 bytes, held ", message);
    assert_int_equal(times_in(got.out, "\nunit "), 2);
    assert_int_equal(times_in(got.out, "\nmessage "), 2);
    (void)place_of(got.out, "\nmessage 300 bytes, held ");
    free(got.out);
    free(got.err);
}

static void nothing_is_said_unasked(void **state) {
    (void)state;
    if (emulated()) skip();
    answer got = run_forgetful(NULL);
    assert_null(strstr(got.err, "alive at the end"));
    assert_null(strstr(got.out, "\nunit "));
    assert_int_equal(times_in(got.out, "\nmessage 5 bytes, held "), 1);
    free(got.out);
    free(got.err);
}

int main(int count, char **words) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(arguments_are_checked), cmocka_unit_test(messages_are_listed),
                                       cmocka_unit_test(what_is_alive_is_reported),
                                       cmocka_unit_test(nothing_is_said_unasked)};
    program = words[0];
    if (count > 1) return forget(getenv("ZCNET_DEBUG") != NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
