/* SPDX-License-Identifier: MIT */
/*
 * Bodies that go from a connection into files: what is in the files, what the events say, and what becomes of the
 * connection.
 *
 * The server's messages are lines. "put N" is followed by N bytes, which go into the next file.
 */
#include "support_files.h"

#define LINES "delimiter=\\n,strip=1,max=64K"

/* What the server does with the lines that it gets. */
typedef struct uploads {
    int fd; /* that bodies go to; duplicated for each. -1: they are dropped */
    bool one_behind_the_other;
    zcn_receive_file_options options;
    collector lines; /* that were not blanked */
    size_t calls;
} uploads;

static void on_line(side *self, const zcn_event *event) {
    uploads *these = self->context;
    if (event->type != ZCN_EVENT_MESSAGE) return;
    collect(&these->lines, event, 1);
    if (event->size < 5 || memcmp(event->data, "put ", 4) != 0) return;
    char text[32] = {0};
    memcpy(text, (const char *)event->data + 4, event->size - 4);
    const uint64_t size = strcmp(text, "all") == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
    const int fd = these->fd >= 0 ? dup(these->fd) : -1;
    assert_ok(zcn_conn_receive_file(event->conn, event->msg, fd, size, &these->options));
    these->calls++;
    these->options.token++;
    if (these->one_behind_the_other) these->options.offset += size;
}

static int fresh_file(int flags) {
    char path[] = "/tmp/zcnet-test-XXXXXX";
    const int made = mkstemp(path);
    assert_true(made >= 0);
    const int fd = open(path, O_RDWR | O_CLOEXEC | flags);
    assert_true(fd >= 0);
    close(made);
    unlink(path);
    return fd;
}

static uint64_t size_of(int fd) {
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    return (uint64_t)status.st_size;
}

static void assert_content(int fd, uint64_t offset, uint64_t size, uint64_t seed) {
    uint8_t *content = exact_block(size, 0);
    assert_int_equal(pread(fd, content, size, (off_t)offset), size);
    assert_pattern(content, size, seed);
    free(content);
}

typedef struct rig {
    pair both;
    uploads to;
    size_t descriptors;
} rig;

static void rig_open_with(rig *of, transport over, int fd, const zcn_conn_options *options,
                          const zcn_loop_options *loop_options) {
    of->descriptors = open_descriptors() - (fd >= 0);
    pair_open(&of->both, over, LINES, options, loop_options);
    memset(&of->to, 0, sizeof of->to);
    of->to.fd = fd;
    zcn_receive_file_options_init(&of->to.options, sizeof of->to.options);
    of->to.options.token = 1;
    of->both.server.on_event = on_line;
    of->both.server.context = &of->to;
    /* The client says whatever it likes. */
    zcn_framing *raw = framing_of("raw");
    assert_ok(zcn_conn_set_send_framing(of->both.dialled, raw));
    zcn_framing_release(raw);
}

static void rig_open(rig *of, transport over, int fd) {
    const zcn_conn_options options = deep_options();
    rig_open_with(of, over, fd, &options, NULL);
}

/* Nothing stays open but what the test has. */
static void rig_close(rig *of) {
    pair_close(&of->both);
    collector_clear(&of->to.lines);
    if (of->to.fd >= 0) close(of->to.fd);
    assert_descriptors_left(of->descriptors);
}

static void say(rig *of, const char *text) { assert_ok(zcn_conn_send_copy(of->both.dialled, text, strlen(text))); }

static void say_put(rig *of, uint64_t size) {
    char line[40];
    snprintf(line, sizeof line, "put %llu\n", (unsigned long long)size);
    say(of, line);
}

static void say_pattern(rig *of, uint64_t size, uint64_t seed) {
    if (size == 0) return;
    zcn_framing *raw = framing_of("raw");
    assert_ok(zcn_conn_send(of->both.dialled, pattern_unit(NULL, raw, size, seed)));
    zcn_framing_release(raw);
}

static const seen *await(rig *of, uint32_t type, size_t n) {
    PUMP_UNTIL(&of->both.server, &of->both.client, count_of(&of->both.server.got, type) > n);
    return nth_of(&of->both.server.got, type, n);
}

static void assert_received(rig *of, size_t n, zcn_status status, uint64_t size) {
    const seen *event = await(of, ZCN_EVENT_FILE_RECEIVED, n);
    assert_status(event->status, status);
    assert_int_equal(event->size, size);
    assert_int_equal(event->token, n + 1);
    assert_ptr_equal(event->conn, of->both.accepted);
}

static void assert_line(rig *of, size_t n, const char *text) {
    PUMP_UNTIL(&of->both.server, &of->both.client, of->to.lines.count > n);
    const seen *event = &of->to.lines.at[n];
    assert_int_equal(event->size, strlen(text));
    assert_memory_equal(event->body, text, event->size);
}

/* ---- what is in the file ---- */

/* Bodies of all sizes, each between two messages, one behind the other into one file. */
static void bodies_go_into_files(transport over) {
    static const uint64_t sizes[] = {0, 1, 63, 64, 65, 4096, 65537, 100000, 3000000};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    rig of;
    rig_open(&of, over, fresh_file(0));
    of.to.one_behind_the_other = true;
    uint64_t total = 0;
    for (size_t i = 0; i < SIZES; i++) {
        say_put(&of, sizes[i]);
        say_pattern(&of, sizes[i], i);
        say(&of, "between\n");
        total += sizes[i];
    }
    for (size_t i = 0; i < SIZES; i++) {
        assert_received(&of, i, ZCN_OK, sizes[i]);
        assert_line(&of, 2 * i + 1, "between");
    }
    assert_int_equal(of.to.calls, SIZES);
    assert_int_equal(size_of(of.to.fd), total);
    uint64_t offset = 0;
    for (size_t i = 0; i < SIZES; offset += sizes[i++]) assert_content(of.to.fd, offset, sizes[i], i);
    const zcn_stats stats = stats_of(of.both.accepted);
    assert_int_equal(stats.file_received + stats.copied_body, total);
    assert_true(stats.file_received > total / 2);
    assert_true(stats.copied_bytes >= stats.copied_body);
    assert_int_equal(stats.body_dropped, 0);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_conn_get_file_error(of.both.accepted, &error));
    assert_status(error.status, ZCN_OK);
    rig_close(&of);
}

/* Whatever is cut off where: the header, the body, what is behind it. */
static void it_does_not_matter_how_bytes_arrive(transport over) {
    bytes wire = {0};
    uint8_t body[300];
    fill_pattern(body, sizeof body, 3);
    bytes_append(&wire, "put 300\n", 8);
    bytes_append(&wire, body, sizeof body);
    bytes_append(&wire, "behind\n", 7);
    const size_t step = effort(7, 29);
    for (size_t cut = 1; cut < wire.size; cut += step) {
        rig of;
        rig_open(&of, over, fresh_file(0));
        assert_ok(zcn_conn_send_copy(of.both.dialled, wire.data, cut));
        pump_idle(&of.both.server, &of.both.client);
        assert_ok(zcn_conn_send_copy(of.both.dialled, wire.data + cut, wire.size - cut));
        assert_received(&of, 0, ZCN_OK, sizeof body);
        assert_line(&of, 1, "behind");
        assert_content(of.to.fd, 0, sizeof body, 3);
        rig_close(&of);
    }
    bytes_clear(&wire);
}

/* Splice refuses a file that is open for appending: the same bytes go through memory, to its end. */
static void a_file_for_appending_is_appended_to(transport over) {
    rig of;
    rig_open(&of, over, fresh_file(O_APPEND));
    assert_int_equal(write(of.to.fd, "log:", 4), 4);
    say_put(&of, 500000);
    say_pattern(&of, 500000, 8);
    say(&of, "behind\n");
    assert_received(&of, 0, ZCN_OK, 500000);
    assert_line(&of, 1, "behind");
    assert_int_equal(size_of(of.to.fd), 500004);
    assert_content(of.to.fd, 4, 500000, 8);
    const zcn_stats stats = stats_of(of.both.accepted);
    assert_int_equal(stats.copied_body, 500000);
    rig_close(&of);
}

/* Without descriptors for a pipe the bytes go through memory. */
static void without_a_pipe_bytes_go_through_memory(transport over) {
    rig of;
    rig_open(&of, over, fresh_file(0));
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    say_put(&of, 200000);
    PUMP_UNTIL(&of.both.server, &of.both.client, of.to.calls == 1);
    /* No number is free below the limit. */
    const int next = dup(of.to.fd);
    close(next);
    const struct rlimit none = {(rlim_t)next, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    say_pattern(&of, 200000, 4);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (count_of(&of.both.server.got, ZCN_EVENT_FILE_RECEIVED) == 0 && !deadline_passed(deadline)) {
        side_poll(&of.both.client, 0);
        side_poll(&of.both.server, 1000000);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_received(&of, 0, ZCN_OK, 200000);
    assert_content(of.to.fd, 0, 200000, 4);
    const zcn_stats stats = stats_of(of.both.accepted);
    assert_int_equal(stats.copied_body, 200000);
    rig_close(&of);
}

/* All until the peer ends, as for a log. */
static void a_body_may_last_until_the_end(transport over) {
    rig of;
    rig_open(&of, over, fresh_file(0));
    say(&of, "put all\n");
    say_pattern(&of, 1500000, 6);
    PUMP_UNTIL(&of.both.server, &of.both.client, of.to.calls == 1);
    assert_ok(zcn_conn_close(of.both.dialled));
    assert_received(&of, 0, ZCN_OK, 1500000);
    const seen *closed = await(&of, ZCN_EVENT_CLOSED, 0);
    assert_status(closed->status, ZCN_EOF);
    assert_content(of.to.fd, 0, 1500000, 6);
    rig_close(&of);
}

/* A body that nobody wants is no reason to close. */
static void a_body_may_be_dropped(transport over) {
    rig of;
    rig_open(&of, over, -1);
    say_put(&of, 700000);
    say_pattern(&of, 700000, 6);
    say(&of, "behind\n");
    assert_received(&of, 0, ZCN_OK, 0);
    assert_line(&of, 1, "behind");
    const zcn_stats stats = stats_of(of.both.accepted);
    assert_int_equal(stats.body_dropped, 700000);
    rig_close(&of);
}

/* ---- when the file takes no more ---- */

static void assert_file_error(rig *of, zcn_status status, int number) {
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_conn_get_file_error(of->both.accepted, &error));
    assert_status(error.status, status);
    assert_int_equal(error.sys_errno, number);
    assert_true(strlen(error.text) > 0);
}

/* The device that is always full. The rest of the body is dropped, and the connection goes on. */
static void a_full_disk_ends_the_file_and_not_the_connection(transport over) {
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0) {
        print_message("there is no /dev/full here\n");
        skip();
    }
    rig of;
    rig_open(&of, over, full);
    say_put(&of, 700000);
    say_pattern(&of, 700000, 1);
    say(&of, "behind\n");
    assert_received(&of, 0, ZCN_ENOSPACE, 0);
    assert_file_error(&of, ZCN_ENOSPACE, ENOSPC);
    assert_line(&of, 1, "behind");
    const zcn_stats stats = stats_of(of.both.accepted);
    assert_int_equal(stats.body_dropped, 700000);
    /* The next body has a file of its own. */
    close(of.to.fd);
    of.to.fd = fresh_file(0);
    say_put(&of, 1000);
    say_pattern(&of, 1000, 2);
    assert_received(&of, 1, ZCN_OK, 1000);
    assert_content(of.to.fd, 0, 1000, 2);
    rig_close(&of);
}

/* A limit in the middle: what is before it is in the file, and the event says how much that is. The signal that the
 * kernel has for it ends the program, if it gets there. */
static void a_limit_in_the_middle_keeps_what_is_before_it(transport over) {
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {300000, before.rlim_max};
    void (*const handler)(int) = signal(SIGXFSZ, SIG_DFL);
    rig of;
    rig_open(&of, over, fresh_file(0));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    say_put(&of, 900000);
    say_pattern(&of, 900000, 9);
    say(&of, "behind\n");
    assert_received(&of, 0, ZCN_ENOSPACE, 300000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_file_error(&of, ZCN_ENOSPACE, EFBIG);
    assert_line(&of, 1, "behind");
    assert_int_equal(size_of(of.to.fd), 300000);
    assert_content(of.to.fd, 0, 300000, 9);
    const zcn_stats stats = stats_of(of.both.accepted);
    assert_int_equal(stats.body_dropped, 600000);
    /* What the file did not take is in no later one. */
    say_put(&of, 100000);
    say_pattern(&of, 100000, 2);
    assert_received(&of, 1, ZCN_OK, 100000);
    assert_content(of.to.fd, 0, 100000, 2);
    rig_close(&of);
}

/* ---- ends ---- */

static void assert_ends_with(rig *of, zcn_status file, zcn_status connection, uint64_t size) {
    assert_received(of, 0, file, size);
    const seen *closed = await(of, ZCN_EVENT_CLOSED, 0);
    assert_status(closed->status, connection);
    assert_int_equal(count_of(&of->both.server.got, ZCN_EVENT_FILE_RECEIVED), 1);
    assert_content(of->to.fd, 0, size, 7);
    rig_close(of);
}

/* A rig whose body has come in part: 100000 of a million bytes. */
static void rig_in_the_middle(rig *of, transport over, const zcn_conn_options *options) {
    rig_open_with(of, over, fresh_file(0), options, NULL);
    say_put(of, 1000000);
    say_pattern(of, 100000, 7);
    PUMP_UNTIL(&of->both.server, &of->both.client, size_of(of->to.fd) == 100000);
}

static void the_peer_ends_in_the_middle(transport over) {
    const zcn_conn_options options = deep_options();
    rig of;
    rig_in_the_middle(&of, over, &options);
    assert_ok(zcn_conn_close(of.both.dialled));
    assert_ends_with(&of, ZCN_EFRAME_TRUNCATED, ZCN_EFRAME_TRUNCATED, 100000);
}

static void the_peer_resets_in_the_middle(transport over) {
    if (over != OVER_TCP && over != OVER_TCP6) return; /* local sockets have no reset of their own */
    const zcn_conn_options options = deep_options();
    rig of;
    rig_in_the_middle(&of, over, &options);
    assert_ok(zcn_conn_abort(of.both.dialled));
    assert_ends_with(&of, ZCN_ERESET, ZCN_ERESET, 100000);
}

static void the_program_closes_in_the_middle(transport over) {
    const zcn_conn_options options = deep_options();
    rig of;
    rig_in_the_middle(&of, over, &options);
    assert_ok(zcn_conn_close(of.both.accepted));
    assert_ends_with(&of, ZCN_ECLOSED, ZCN_OK, 100000);
    rig_in_the_middle(&of, over, &options);
    assert_ok(zcn_conn_abort(of.both.accepted));
    assert_ends_with(&of, ZCN_EABORTED, ZCN_EABORTED, 100000);
}

/* The time for a message is the time between its bytes, however many there are. */
static void a_body_that_stalls_times_out(transport over) {
    const zcn_conn_options options = deep_options();
    rig of;
    rig_in_the_middle(&of, over, &options);
    assert_ok(zcn_conn_set_option(of.both.accepted, ZCN_OPTION_MESSAGE_TIMEOUT_MS, 50));
    assert_ends_with(&of, ZCN_ETIMEDOUT, ZCN_ETIMEDOUT, 100000);
}

/* The loop goes while a body comes and another is flushed: nothing is lost, nothing runs on. */
static void a_loop_may_go_in_the_middle(transport over) {
    const size_t threads = thread_count();
    const zcn_conn_options options = deep_options();
    rig of;
    rig_open_with(&of, over, fresh_file(0), &options, NULL);
    of.to.options.flush = ZCN_FLUSH_ASYNC;
    say_put(&of, 1000);
    say_pattern(&of, 1000, 7);
    say_put(&of, 1000000);
    say_pattern(&of, 1000, 7);
    PUMP_UNTIL(&of.both.server, &of.both.client, of.to.calls == 2);
    rig_close(&of);
    wait_for_threads(threads);
}

/* An urgent byte is no part of the stream, and does not stop it: splice stands still in front of one. */
static void an_urgent_byte_does_not_stop_a_body(transport over) {
    if (over != OVER_TCP && over != OVER_TCP6) return; /* local sockets may have none */
    const zcn_conn_options options = deep_options();
    for (int until_the_end = 0; until_the_end < 2; until_the_end++) {
        rig of;
        rig_open_with(&of, over, fresh_file(0), &options, NULL);
        say(&of, until_the_end != 0 ? "put all\n" : "put 200000\n");
        say_pattern(&of, 100000, 7);
        PUMP_UNTIL(&of.both.server, &of.both.client, size_of(of.to.fd) == 100000);
        assert_int_equal(send(zcn_conn_fd(of.both.dialled), "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
        say_pattern(&of, 100000, 8);
        if (until_the_end != 0) assert_ok(zcn_conn_close(of.both.dialled));
        assert_received(&of, 0, ZCN_OK, 200000);
        assert_content(of.to.fd, 0, 100000, 7);
        assert_content(of.to.fd, 100000, 100000, 8);
        rig_close(&of);
    }
}

/* ---- the connection meanwhile ---- */

/* Nothing is read while it is paused. */
static void a_pause_holds_the_body_up(transport over) {
    const zcn_conn_options options = deep_options();
    rig of;
    rig_in_the_middle(&of, over, &options);
    assert_ok(zcn_conn_pause(of.both.accepted));
    say_pattern(&of, 900000, 7);
    pump_idle(&of.both.server, &of.both.client);
    assert_int_equal(size_of(of.to.fd), 100000);
    assert_ok(zcn_conn_resume(of.both.accepted));
    assert_received(&of, 0, ZCN_OK, 1000000);
    rig_close(&of);
}

static void what_cannot_be_done_meanwhile_is_refused(transport over) {
    const zcn_conn_options options = deep_options();
    rig of;
    rig_in_the_middle(&of, over, &options);
    zcn_conn *conn = of.both.accepted;
    assert_status(zcn_conn_receive_file(conn, NULL, of.to.fd, 1, NULL), ZCN_EBUSY);
    int fd = -1;
    zcn_msg *rest = NULL;
    assert_status(zcn_conn_take_fd(conn, &fd, &rest), ZCN_EBUSY);
    assert_status(zcn_conn_move(conn, of.both.client.loop), ZCN_EBUSY);
    /* Sending goes on. */
    assert_ok(zcn_conn_send_copy(conn, "so far", 6));
    PUMP_UNTIL(&of.both.server, &of.both.client, count_of(&of.both.client.got, ZCN_EVENT_MESSAGE) == 1);
    say_pattern(&of, 900000, 7);
    assert_received(&of, 0, ZCN_OK, 1000000);
    rig_close(&of);
}

/* The body begins behind a message: a framing from an earlier one on would have it begin there. */
static void on_second_line(side *self, const zcn_event *event) {
    uploads *these = self->context;
    if (event->type != ZCN_EVENT_MESSAGE) return;
    collect(&these->lines, event, 1);
    if (event->size != 6 || memcmp(event->data, "second", 6) != 0) return;
    zcn_framing *lines = framing_of(LINES);
    assert_ok(zcn_conn_receive_file(event->conn, event->msg, dup(these->fd), 5, &these->options));
    assert_status(zcn_conn_set_framing(event->conn, event[-1].msg, lines), ZCN_EBUSY);
    assert_ok(zcn_conn_set_framing(event->conn, event->msg, lines));
    zcn_framing_release(lines);
}

static void the_framing_changes_behind_a_body_alone(transport over) {
    rig of;
    rig_open(&of, over, fresh_file(0));
    of.both.server.on_event = on_second_line;
    say(&of, "first\nsecond\n12345behind\n");
    assert_received(&of, 0, ZCN_OK, 5);
    assert_line(&of, 2, "behind");
    char content[6] = "";
    assert_int_equal(pread(of.to.fd, content, sizeof content, 0), 5);
    assert_string_equal(content, "12345");
    rig_close(&of);
}

/* Many connections at a time, with fewer pipes than there are of them. */
static void many_bodies_at_a_time(transport over) {
    enum { CONNECTIONS = 160 };
    if (over == OVER_SOCKETPAIR) return; /* has no listener */
    const int fd = fresh_file(0);
    side server, client;
    side_open(&server, NULL);
    side_open(&client, NULL);
    uploads to = {.fd = fd, .one_behind_the_other = true};
    zcn_receive_file_options_init(&to.options, sizeof to.options);
    server.on_event = on_line;
    server.context = &to;
    zcn_framing *lines = framing_of(LINES);
    zcn_framing *raw = framing_of("raw");
    char address[128], bound[128];
    fresh_address(over, address, sizeof address);
    zcn_listener *listener = listen_at(&server, address, lines, NULL, bound);
    zcn_conn *dialled[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++) {
        assert_ok(zcn_connect(&dialled[i], client.loop, bound, raw, NULL));
        assert_ok(zcn_conn_send_copy(dialled[i], "put 30000\n", 10));
    }
    PUMP_UNTIL(&server, &client, to.calls == CONNECTIONS);
    for (size_t i = 0; i < CONNECTIONS; i++) assert_ok(zcn_conn_send(dialled[i], pattern_unit(NULL, raw, 30000, 5)));
    PUMP_UNTIL(&server, &client, count_of(&server.got, ZCN_EVENT_FILE_RECEIVED) == CONNECTIONS);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        assert_status(nth_of(&server.got, ZCN_EVENT_FILE_RECEIVED, i)->status, ZCN_OK);
        assert_content(fd, i * 30000, 30000, 5);
    }
    zcn_listener_release(listener);
    zcn_framing_release(lines);
    zcn_framing_release(raw);
    side_close(&server);
    side_close(&client);
    collector_clear(&to.lines);
    close(fd);
}

/* ---- flushing ---- */

static void files_are_flushed(transport over) {
    const size_t threads = thread_count();
    for (uint32_t flush = ZCN_FLUSH_NONE; flush <= ZCN_FLUSH_ASYNC; flush++) {
        for (uint32_t no_helper = 0; no_helper < 2; no_helper++) {
            zcn_loop_options loop_options;
            zcn_loop_options_init(&loop_options, sizeof loop_options);
            loop_options.no_helper = no_helper;
            const zcn_conn_options options = deep_options();
            rig of;
            rig_open_with(&of, over, fresh_file(0), &options, &loop_options);
            of.to.options.flush = flush;
            say_put(&of, 200000);
            say_pattern(&of, 200000, 2);
            say(&of, "behind\n");
            /* The end of the connection waits for what is flushed: CLOSED is its last event. */
            PUMP_UNTIL(&of.both.server, &of.both.client, of.to.calls == 1);
            assert_ok(zcn_conn_close(of.both.dialled));
            await(&of, ZCN_EVENT_CLOSED, 0);
            assert_received(&of, 0, ZCN_OK, 200000);
            assert_line(&of, 1, "behind");
            assert_content(of.to.fd, 0, 200000, 2);
            assert_int_equal(of.both.server.got.at[of.both.server.got.count - 1].type, ZCN_EVENT_CLOSED);
            rig_close(&of);
        }
    }
    wait_for_threads(threads);
}

/* A device has nothing to flush, and that is no failure. */
static void devices_are_files_too(transport over) {
    rig of;
    rig_open(&of, over, open("/dev/null", O_WRONLY | O_CLOEXEC));
    of.to.options.flush = ZCN_FLUSH_SYNC;
    say_put(&of, 200000);
    say_pattern(&of, 200000, 2);
    assert_received(&of, 0, ZCN_OK, 200000);
    rig_close(&of);
}

/* ---- headers alone ---- */

/* Frames that are large are headers, and their bodies go into the file, one behind the other. */
typedef struct split {
    int fd;
    uint64_t offset;
    collector whole;   /* messages that are not headers */
    collector headers; /* with the sizes of their bodies as tokens */
} split;

static void on_frame(side *self, const zcn_event *event) {
    split *these = self->context;
    if (event->type != ZCN_EVENT_MESSAGE) return;
    if (event->token == 0) {
        collect(&these->whole, event, 1);
        return;
    }
    collect(&these->headers, event, 1);
    zcn_receive_file_options options;
    zcn_receive_file_options_init(&options, sizeof options);
    options.offset = these->offset;
    const int fd = dup(these->fd);
    /* The header knows how many bytes are behind it. */
    assert_status(zcn_conn_receive_file(event->conn, event->msg, fd, event->token - 1, &options), ZCN_EINVAL);
    assert_ok(zcn_conn_receive_file(event->conn, event->msg, fd, event->token, &options));
    these->offset += event->token;
}

/* In every framing that tells sizes, and with every size on both sides of the limit. */
static void large_frames_are_headers(transport over) {
    static const struct {
        const char *framing;
        size_t header; /* of a large frame */
    } cases[] = {{"length,width=4,strip=4,max=1024G", 4},
                 {"length,offset=7,width=2,order=little,strip=0,max=60000", 9},
                 {"length,width=8,adjust=-8,strip=8,max=1024G", 8},
                 {"varint,offset=1,strip=2,max=1G", 3}};
    static const uint64_t sizes[] = {10, 2000, 3000, 3001, 40000, 1, 50000, 4000};
    enum { SIZES = sizeof sizes / sizeof *sizes, FROM = 3000 };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (uint32_t align = 0; align <= 64; align += 64) {
            zcn_conn_options options = deep_options();
            options.header_from = FROM + cases[c].header;
            options.align = align;
            split to = {.fd = fresh_file(0)};
            pair both;
            pair_open(&both, over, cases[c].framing, &options, NULL);
            both.server.on_event = on_frame;
            both.server.context = &to;
            zcn_framing *framing = framing_of(cases[c].framing);
            for (size_t i = 0; i < SIZES; i++)
                assert_ok(zcn_conn_send(both.dialled, pattern_unit(NULL, framing, sizes[i], i)));
            PUMP_UNTIL(&both.server, &both.client,
                       to.whole.count + count_of(&both.server.got, ZCN_EVENT_FILE_RECEIVED) == SIZES);
            size_t whole = 0, headers = 0;
            uint64_t offset = 0;
            for (size_t i = 0; i < SIZES; i++) {
                if (sizes[i] < FROM) {
                    const seen *message = &to.whole.at[whole++];
                    assert_pattern(message->frame + message->frame_size - sizes[i], sizes[i], i);
                    continue;
                }
                assert_status(nth_of(&both.server.got, ZCN_EVENT_FILE_RECEIVED, headers)->status, ZCN_OK);
                const seen *header = &to.headers.at[headers++];
                assert_int_equal(header->token, sizes[i]);
                const bool long_varint = c == 3 && sizes[i] >= 16384;
                assert_int_equal(header->size, cases[c].header + long_varint);
                assert_content(to.fd, offset, sizes[i], i);
                offset += sizes[i];
            }
            assert_int_equal(to.whole.count, whole);
            assert_int_equal(to.headers.count, headers);
            zcn_framing_release(framing);
            pair_close(&both);
            collector_clear(&to.whole);
            collector_clear(&to.headers);
            close(to.fd);
        }
    }
}

/* Until the program has said where the body goes nothing of the connection is read, and no time runs. */
static void a_header_waits_for_the_program(transport over) {
    zcn_conn_options options = deep_options();
    options.header_from = 100;
    pair both;
    pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    assert_ok(zcn_conn_send(both.dialled, pattern_unit(NULL, framing, 1000000, 3)));
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.server.got, ZCN_EVENT_MESSAGE) == 1);
    assert_ok(zcn_conn_set_option(both.accepted, ZCN_OPTION_IDLE_TIMEOUT_MS, 30));
    assert_ok(zcn_conn_set_option(both.accepted, ZCN_OPTION_MESSAGE_TIMEOUT_MS, 30));
    const uint64_t until = now_ns() + 100000000;
    while (now_ns() < until) side_poll(&both.server, 10000000);
    assert_int_equal(count_of(&both.server.got, ZCN_EVENT_CLOSED), 0);
    const uint64_t before = stats_of(both.accepted).bytes_in;
    assert_true(before < 1000004);
    assert_ok(zcn_conn_set_option(both.accepted, ZCN_OPTION_IDLE_TIMEOUT_MS, 0));
    assert_ok(zcn_conn_set_option(both.accepted, ZCN_OPTION_MESSAGE_TIMEOUT_MS, WAIT_MS));
    assert_ok(zcn_conn_receive_file(both.accepted, NULL, -1, 1000000, NULL));
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.server.got, ZCN_EVENT_FILE_RECEIVED) == 1);
    assert_int_equal(stats_of(both.accepted).body_dropped, 1000000);
    zcn_framing_release(framing);
    pair_close(&both);
}

/* The program wants the body as a message after all: it says what the bytes behind the header are. */
static void on_header_reframe(side *self, const zcn_event *event) {
    if (event->type == ZCN_EVENT_MESSAGE && event->token != 0)
        assert_ok(zcn_conn_set_framing(event->conn, event->msg, self->context));
}

static void a_body_may_be_a_message_after_all(transport over) {
    zcn_conn_options options = deep_options();
    options.header_from = 100;
    pair both;
    pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_framing *body = framing_of("delimiter=\\xff\\xfe,strip=2,max=2M");
    both.server.on_event = on_header_reframe;
    both.server.context = body;
    bytes text = {0};
    bytes_append_zeros(&text, 500000);
    bytes_append(&text, "\xff\xfe", 2);
    assert_ok(zcn_conn_send_copy(both.dialled, text.data, text.size));
    bytes_clear(&text);
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.server.got, ZCN_EVENT_MESSAGE) == 2);
    assert_int_equal(nth_of(&both.server.got, ZCN_EVENT_MESSAGE, 1)->size, 500000);
    zcn_framing_release(framing);
    zcn_framing_release(body);
    pair_close(&both);
}

/* A claim of a terabyte costs nothing, also where the pool is small. */
static void a_small_pool_is_enough_for_large_frames(transport over) {
    zcn_pool_options pool_options;
    zcn_pool_options_init(&pool_options, sizeof pool_options);
    pool_options.limit = 4 << 20;
    zcn_pool *pool = NULL;
    assert_ok(zcn_pool_create(&pool, &pool_options));
    zcn_loop_options loop_options;
    zcn_loop_options_init(&loop_options, sizeof loop_options);
    loop_options.pool = pool;
    zcn_conn_options options = deep_options();
    options.header_from = 65536;
    split to = {.fd = fresh_file(0)};
    pair both;
    pair_open(&both, over, "length,width=8,strip=8,max=1024G", &options, &loop_options);
    both.server.on_event = on_frame;
    both.server.context = &to;
    zcn_file *file = pattern_file(30000000, 4, ZCN_FILE_AUTO, NULL);
    assert_ok(zcn_conn_send(both.dialled, unit_of_file(file, 0, 30000000)));
    zcn_file_release(file);
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.server.got, ZCN_EVENT_FILE_RECEIVED) == 1);
    assert_content(to.fd, 0, 30000000, 4);
    pair_close(&both);
    collector_clear(&to.headers);
    close(to.fd);
    zcn_pool_release(pool);
}

/* ---- what is refused ---- */

static void on_first_line(side *self, const zcn_event *event) {
    if (event->type != ZCN_EVENT_MESSAGE || memcmp(event->data, "first", 5) != 0) return;
    const int *const fds = self->context;
    zcn_conn *conn = event->conn;
    zcn_receive_file_options options;
    zcn_receive_file_options_init(&options, sizeof options);
    assert_status(zcn_conn_receive_file(NULL, event->msg, fds[0], 1, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_receive_file(conn, event->msg, -2, 1, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_receive_file(conn, event->msg, 9999, 1, NULL), ZCN_EINVAL);
    /* Not open for writing, a pipe, a socket. */
    assert_status(zcn_conn_receive_file(conn, event->msg, fds[1], 1, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_receive_file(conn, event->msg, fds[2], 1, NULL), ZCN_EUNSUPPORTED);
    assert_status(zcn_conn_receive_file(conn, event->msg, zcn_conn_fd(conn), 1, NULL), ZCN_EUNSUPPORTED);
    options.flush = ZCN_FLUSH_ASYNC + 1;
    assert_status(zcn_conn_receive_file(conn, event->msg, fds[0], 1, &options), ZCN_EINVAL);
    options.flush = 0;
    options.offset = UINT64_MAX;
    assert_status(zcn_conn_receive_file(conn, event->msg, fds[0], 1, &options), ZCN_EINVAL);
    options.offset = 0;
    options.struct_size = 4;
    assert_status(zcn_conn_receive_file(conn, event->msg, fds[0], 1, &options), ZCN_EINVAL);
    struct {
        zcn_receive_file_options known;
        uint64_t unknown;
    } newer = {.unknown = 1};
    newer.known.struct_size = sizeof newer;
    assert_status(zcn_conn_receive_file(conn, event->msg, fds[0], 1, &newer.known), ZCN_EOPTION);
    /* A message that is not of the current array. */
    zcn_msg *kept = NULL;
    assert_ok(zcn_msg_retain(&kept, event->msg));
    assert_status(zcn_conn_receive_file(conn, kept, fds[0], 1, NULL), ZCN_EINVAL);
    assert_ok(zcn_msg_release(kept));
    /* The one behind it is retained: its bytes cannot be the file's any more. */
    zcn_msg *later = NULL;
    assert_ok(zcn_msg_retain(&later, event[1].msg));
    assert_status(zcn_conn_receive_file(conn, event->msg, fds[0], 1, NULL), ZCN_EBUSY);
    assert_ok(zcn_msg_release(later));
}

static void wrong_calls_change_nothing(transport over) {
    int fds[4] = {fresh_file(0), open("/dev/null", O_RDONLY | O_CLOEXEC), -1, -1};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fds[2] = ends[1];
    rig of;
    rig_open(&of, over, -1);
    of.both.server.on_event = on_first_line;
    of.both.server.context = fds;
    say(&of, "first\nsecond\nthird\n");
    await(&of, ZCN_EVENT_MESSAGE, 2);
    assert_int_equal(size_of(fds[0]), 0);
    zcn_error error = {.struct_size = sizeof error};
    assert_status(zcn_conn_get_file_error(NULL, &error), ZCN_EINVAL);
    assert_status(zcn_conn_get_file_error(of.both.accepted, NULL), ZCN_EINVAL);
    assert_ok(zcn_conn_get_file_error(of.both.accepted, &error));
    assert_status(error.status, ZCN_OK);
    /* Which has ended. */
    zcn_conn *conn = zcn_conn_retain(of.both.accepted);
    assert_ok(zcn_conn_abort(conn));
    await(&of, ZCN_EVENT_CLOSED, 0);
    assert_status(zcn_conn_receive_file(conn, NULL, fds[0], 1, NULL), ZCN_ECLOSED);
    zcn_conn_release(conn);
    rig_close(&of);
    for (size_t i = 0; i < 3; i++) close(fds[i]);
    close(ends[0]);
}

int main(void) {
    static const transport_test tests[] = {
        TRANSPORT_TEST(bodies_go_into_files),
        TRANSPORT_TEST(it_does_not_matter_how_bytes_arrive),
        TRANSPORT_TEST(a_file_for_appending_is_appended_to),
        TRANSPORT_TEST(without_a_pipe_bytes_go_through_memory),
        TRANSPORT_TEST(a_body_may_last_until_the_end),
        TRANSPORT_TEST(a_body_may_be_dropped),
        TRANSPORT_TEST(a_full_disk_ends_the_file_and_not_the_connection),
        TRANSPORT_TEST(a_limit_in_the_middle_keeps_what_is_before_it),
        TRANSPORT_TEST(the_peer_ends_in_the_middle),
        TRANSPORT_TEST(the_peer_resets_in_the_middle),
        TRANSPORT_TEST(the_program_closes_in_the_middle),
        TRANSPORT_TEST(a_body_that_stalls_times_out),
        TRANSPORT_TEST(a_loop_may_go_in_the_middle),
        TRANSPORT_TEST(an_urgent_byte_does_not_stop_a_body),
        TRANSPORT_TEST(a_pause_holds_the_body_up),
        TRANSPORT_TEST(what_cannot_be_done_meanwhile_is_refused),
        TRANSPORT_TEST(the_framing_changes_behind_a_body_alone),
        TRANSPORT_TEST(many_bodies_at_a_time),
        TRANSPORT_TEST(files_are_flushed),
        TRANSPORT_TEST(devices_are_files_too),
        TRANSPORT_TEST(large_frames_are_headers),
        TRANSPORT_TEST(a_header_waits_for_the_program),
        TRANSPORT_TEST(a_body_may_be_a_message_after_all),
        TRANSPORT_TEST(a_small_pool_is_enough_for_large_frames),
        TRANSPORT_TEST(wrong_calls_change_nothing),
    };
    return run_on_each_transport(tests, sizeof tests / sizeof *tests);
}
