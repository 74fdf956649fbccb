/* SPDX-License-Identifier: MIT */
/* Taps: a third descriptor gets what goes through, and the pair waits for it no more than the policy says. */
#include "support_relay.h"

static zcn_relay_options by_method(uint32_t method) {
    zcn_relay_options options = relay_options();
    options.method = method;
    return options;
}

static int temporary_file(int flags) {
    char path[] = "/tmp/zcnet-tap-XXXXXX";
    const int first = mkstemp(path);
    assert_true(first >= 0);
    const int fd = open(path, O_RDWR | O_CLOEXEC | flags);
    assert_true(fd >= 0);
    close(first);
    assert_int_equal(unlink(path), 0);
    return fd;
}

static void assert_file(int fd, size_t size, uint64_t seed) {
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, size);
    uint8_t *data = malloc(size + 1);
    assert_non_null(data);
    assert_int_equal(pread(fd, data, size + 1, 0), size);
    assert_pattern(data, size, seed);
    free(data);
}

static int duplicate(int fd) {
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    assert_true(copy >= 0);
    return copy;
}

static void end_both(relay_rig *rig) {
    for (int i = 0; i < 2; i++) assert_int_equal(shutdown(rig->peer[i], SHUT_WR), 0);
    rig_until_ended(rig);
    assert_status(rig->status, ZCN_EOF);
}

/* Both directions into files, also into one that is open for appending, which splice refuses. */
static void test_tap_into_files(void **state) {
    (void)state;
    for (uint32_t method = ZCN_RELAY_AUTO; method <= ZCN_RELAY_COPY; method++) {
        for (int append = 0; append < 2; append++) {
            const zcn_relay_options options = by_method(method);
            relay_rig rig;
            rig_open(&rig, true, &options);
            const int files[2] = {temporary_file(append ? O_APPEND : 0), temporary_file(append ? O_APPEND : 0)};
            assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, duplicate(files[0]), ZCN_TAP_WAIT, 0));
            assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_BACKWARD, duplicate(files[1]), ZCN_TAP_WAIT, 0));
            const size_t size = effort(3000000, 400000);
            rig_exchange(&rig, size, 4);
            end_both(&rig);
            assert_file(files[0], size, 4);
            assert_file(files[1], size, 5);
            const zcn_relay_stats stats = rig_stats(&rig);
            assert_int_equal(stats.forward.tapped_bytes, size);
            assert_int_equal(stats.backward.tapped_bytes, size);
            assert_int_equal(stats.forward.tap_missed_bytes, 0);
            assert_ok(stats.forward.tap_status);
            for (int i = 0; i < 2; i++) close(files[i]);
            rig_close(&rig);
        }
    }
}

static void test_tap_statuses(void **state) {
    (void)state;
    relay_rig rig;
    rig_open(&rig, false, NULL);
    const int file = temporary_file(0);
    const int closed = duplicate(file);
    close(closed);
    assert_status(zcn_relay_tap(NULL, 0, file, ZCN_TAP_END, 0), ZCN_EINVAL);
    assert_status(zcn_relay_tap(rig.relay, 2, file, ZCN_TAP_END, 0), ZCN_EINVAL);
    assert_status(zcn_relay_tap(rig.relay, 0, -1, ZCN_TAP_END, 0), ZCN_EINVAL);
    assert_status(zcn_relay_tap(rig.relay, 0, closed, ZCN_TAP_END, 0), ZCN_EINVAL);
    assert_status(zcn_relay_tap(rig.relay, 0, file, 3, 0), ZCN_EINVAL);
    assert_ok(zcn_relay_tap(rig.relay, 0, duplicate(file), ZCN_TAP_END, 0));
    assert_status(zcn_relay_tap(rig.relay, 0, file, ZCN_TAP_END, 0), ZCN_EBUSY);
    /* A direction that has ended. */
    assert_int_equal(shutdown(rig.peer[1], SHUT_WR), 0);
    bytes none = {0};
    assert_int_equal(rig_read_to_end(&rig, 0, &none), 0);
    assert_status(zcn_relay_tap(rig.relay, 1, file, ZCN_TAP_END, 0), ZCN_ECLOSED);
    assert_int_equal(shutdown(rig.peer[0], SHUT_WR), 0);
    rig_until_ended(&rig);
    assert_status(zcn_relay_tap(rig.relay, 1, file, ZCN_TAP_END, 0), ZCN_ECLOSED);
    assert_int_equal(close(file), 0);
    rig_close(&rig);
}

/* Without a descriptor for a pipe there is no tap, and the relay goes on by copying. */
static void test_tap_without_descriptors(void **state) {
    (void)state;
    const zcn_relay_options options = by_method(ZCN_RELAY_SPLICE);
    relay_rig rig;
    rig_open(&rig, true, &options);
    const int file = temporary_file(0);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const zcn_status status = zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, file, ZCN_TAP_END, 0);
    rig_exchange(&rig, 300000, 1);
    const zcn_relay_stats stats = rig_stats(&rig);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_status(status, ZCN_ENOBUFS);
    assert_int_equal(stats.forward.copied_bytes, 300000);
    close(file);
    rig_close(&rig);
}

/* What a tap that nobody reads does to the pair, by each policy; its own pipe and the relay's hold a bounded part. */
static void unread_tap(uint32_t method, uint32_t policy) {
    const zcn_relay_options options = by_method(method);
    relay_rig rig;
    rig_open(&rig, true, &options);
    int tap[2];
    assert_int_equal(pipe2(tap, O_CLOEXEC), 0);
    assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, tap[1], policy, 0));
    const size_t size = 8 << 20;
    /* The pair is not held up. */
    rig_send(&rig, 0, size, 3);
    zcn_relay_stats stats = rig_stats(&rig);
    assert_int_equal(stats.forward.bytes_out, size);
    assert_true(stats.forward.tap_missed_bytes != 0);
    bytes got = {0};
    uint8_t scrap[65536];
    assert_int_equal(fcntl(tap[0], F_SETFL, O_NONBLOCK), 0);
    if (policy == ZCN_TAP_SKIP) {
        assert_ok(stats.forward.tap_status);
        for (int i = 0; i < 40; i++) {
            ssize_t part;
            while ((part = read(tap[0], scrap, sizeof scrap)) > 0) bytes_append(&got, scrap, (size_t)part);
            rig_poll(&rig, 1);
        }
        /* Later bytes come again. */
        const size_t before = got.size;
        rig_send(&rig, 0, 100, 7);
        const uint64_t deadline = deadline_after_ms(WAIT_MS);
        while (got.size < before + 100) {
            if (deadline_passed(deadline)) fail_msg("the tap got nothing more");
            const ssize_t part = read(tap[0], scrap, sizeof scrap);
            if (part > 0) bytes_append(&got, scrap, (size_t)part);
            rig_poll(&rig, 1);
        }
        assert_int_equal(got.size, before + 100);
        assert_pattern(got.data + before, 100, 7);
        stats = rig_stats(&rig);
        assert_int_equal(stats.forward.tapped_bytes + stats.forward.tap_missed_bytes, size + 100);
    } else {
        assert_status(stats.forward.tap_status, ZCN_ENOBUFS);
        ssize_t part;
        while ((part = read(tap[0], scrap, sizeof scrap)) > 0) bytes_append(&got, scrap, (size_t)part);
        assert_int_equal(part, 0); /* the tap was closed */
        assert_int_equal(got.size, stats.forward.tapped_bytes);
        assert_int_equal(stats.forward.tapped_bytes + stats.forward.tap_missed_bytes, size);
    }
    /* A beginning without a gap. */
    uint8_t *data = malloc(size);
    assert_non_null(data);
    fill_pattern(data, size, 3);
    assert_true(got.size >= 65536 && got.size < size);
    assert_memory_equal(got.data, data, 65536);
    if (policy == ZCN_TAP_END) assert_memory_equal(got.data, data, got.size);
    free(data);
    bytes_clear(&got);
    close(tap[0]);
    rig_close(&rig);
}

static void test_tap_that_nobody_reads(void **state) {
    (void)state;
    for (uint32_t method = ZCN_RELAY_AUTO; method <= ZCN_RELAY_COPY; method++) {
        unread_tap(method, ZCN_TAP_END);
        unread_tap(method, ZCN_TAP_SKIP);
    }
}

/* The pair waits, and nothing is missed. */
static void waiting_tap(uint32_t method) {
    const zcn_relay_options options = by_method(method);
    relay_rig rig;
    rig_open(&rig, true, &options);
    int tap[2];
    relay_pair(false, tap);
    assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, tap[1], ZCN_TAP_WAIT, 0));
    const size_t size = 8 << 20;
    uint8_t *data = malloc(size);
    assert_non_null(data);
    fill_pattern(data, size, 3);
    bytes got = {0};
    bytes tapped = {0};
    static uint8_t scrap[65536];
    size_t sent = 0;
    /* Nobody reads the tap: the pair stands still. */
    for (int quiet = 0; quiet < 20;) {
        const ssize_t done = sent < size ? send(rig.peer[0], data + sent, size - sent, MSG_NOSIGNAL) : 0;
        if (done > 0) sent += (size_t)done;
        const ssize_t part = recv(rig.peer[1], scrap, sizeof scrap, 0);
        if (part > 0) bytes_append(&got, scrap, (size_t)part);
        quiet = done > 0 || part > 0 ? 0 : quiet + 1;
        rig_poll(&rig, 2);
    }
    assert_true(got.size < size);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (got.size < size || tapped.size < size) {
        if (deadline_passed(deadline)) fail_msg("%zu came, %zu were tapped", got.size, tapped.size);
        const ssize_t done = sent < size ? send(rig.peer[0], data + sent, size - sent, MSG_NOSIGNAL) : 0;
        if (done > 0) sent += (size_t)done;
        ssize_t part = recv(rig.peer[1], scrap, sizeof scrap, 0);
        if (part > 0) bytes_append(&got, scrap, (size_t)part);
        part = recv(tap[0], scrap, sizeof scrap, MSG_DONTWAIT);
        if (part > 0) bytes_append(&tapped, scrap, (size_t)part);
        rig_poll(&rig, 0);
    }
    assert_memory_equal(got.data, data, size);
    assert_memory_equal(tapped.data, data, size);
    assert_int_equal(rig_stats(&rig).forward.tap_missed_bytes, 0);
    end_both(&rig);
    assert_int_equal(recv(tap[0], scrap, 1, 0), 0);
    free(data);
    bytes_clear(&got);
    bytes_clear(&tapped);
    close(tap[0]);
    rig_close(&rig);
}

static void test_tap_that_is_waited_for(void **state) {
    (void)state;
    for (uint32_t method = ZCN_RELAY_AUTO; method <= ZCN_RELAY_COPY; method++) waiting_tap(method);
}

/* The pair waits so long and no longer. */
static void test_tap_is_waited_for_so_long(void **state) {
    (void)state;
    relay_rig rig;
    rig_open(&rig, true, NULL);
    int tap[2];
    assert_int_equal(pipe2(tap, O_CLOEXEC), 0);
    assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_BACKWARD, tap[1], ZCN_TAP_WAIT, 60));
    const uint64_t began = now_ns();
    rig_send(&rig, 1, 4 << 20, 3);
    assert_true(now_ns() - began >= 60000000);
    assert_status(rig_stats(&rig).backward.tap_status, ZCN_ETIMEDOUT);
    assert_ok(rig_stats(&rig).forward.tap_status);
    end_both(&rig);
    close(tap[0]);
    rig_close(&rig);
}

/* A tap whose reader goes ends alone, without a signal. */
static void test_tap_whose_reader_goes(void **state) {
    (void)state;
    relay_rig rig;
    rig_open(&rig, true, NULL);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int sockets[2];
    relay_pair(true, sockets);
    assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, ends[1], ZCN_TAP_WAIT, 0));
    assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_BACKWARD, sockets[1], ZCN_TAP_WAIT, 0));
    rig_exchange(&rig, 1000, 1);
    close(ends[0]);
    raw_reset(sockets[0]);
    rig_exchange(&rig, 300000, 1);
    rig_exchange(&rig, 300000, 2);
    assert_status(rig_stats(&rig).forward.tap_status, ZCN_ERESET);
    assert_status(rig_stats(&rig).backward.tap_status, ZCN_ERESET);
    end_both(&rig);
    rig_close(&rig);
}

/* A full disk is the tap's trouble alone. */
static void test_tap_into_a_full_file(void **state) {
    (void)state;
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0) skip();
    relay_rig rig;
    rig_open(&rig, false, NULL);
    assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, full, ZCN_TAP_WAIT, 0));
    rig_exchange(&rig, 100000, 1);
    assert_status(rig_stats(&rig).forward.tap_status, ZCN_ENOSPACE);
    assert_int_equal(rig_stats(&rig).forward.tap_missed_bytes, 100000);
    end_both(&rig);
    rig_close(&rig);
}

/* What a slow tap still has to write when the pair is over is waited for within the drain timeout. */
static void end_with_queue(bool read_it) {
    zcn_relay_options options = relay_options();
    options.drain_timeout_ms = read_it ? 20000 : 50;
    relay_rig rig;
    rig_open(&rig, true, &options);
    int tap[2];
    assert_int_equal(pipe2(tap, O_CLOEXEC), 0);
    assert_int_equal(fcntl(tap[1], F_SETPIPE_SZ, 4096), 4096);
    assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, tap[1], ZCN_TAP_END, 0));
    rig_send(&rig, 0, 50000, 2);
    for (int i = 0; i < 2; i++) assert_int_equal(shutdown(rig.peer[i], SHUT_WR), 0);
    bytes got = {0};
    if (read_it) {
        /* The pair is over before the tap. */
        assert_int_equal(rig_read_to_end(&rig, 1, NULL), 0);
        assert_int_equal(rig.ended, 0);
        assert_int_equal(fcntl(tap[0], F_SETFL, O_NONBLOCK), 0);
        const uint64_t deadline = deadline_after_ms(WAIT_MS);
        while (got.size < 50000) {
            if (deadline_passed(deadline)) fail_msg("the tap was not flushed");
            uint8_t scrap[4096];
            const ssize_t part = read(tap[0], scrap, sizeof scrap);
            if (part > 0) bytes_append(&got, scrap, (size_t)part);
            rig_poll(&rig, 1);
        }
        assert_pattern(got.data, got.size, 2);
    }
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_EOF);
    assert_status(rig_stats(&rig).forward.tap_status, read_it ? ZCN_OK : ZCN_ETIMEDOUT);
    assert_int_equal(rig_stats(&rig).forward.tap_missed_bytes != 0, !read_it);
    bytes_clear(&got);
    close(tap[0]);
    rig_close(&rig);
}

static void test_tap_is_flushed_at_the_end(void **state) {
    (void)state;
    end_with_queue(true);
    end_with_queue(false);
}

/* One that is aborted waits for nothing. */
static void test_tap_of_an_aborted_relay(void **state) {
    (void)state;
    relay_rig rig;
    rig_open(&rig, true, NULL);
    int tap[2];
    assert_int_equal(pipe2(tap, O_CLOEXEC), 0);
    assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, tap[1], ZCN_TAP_WAIT, 0));
    (void)rig_pour(&rig, 0, 2, 4 << 20);
    assert_ok(zcn_relay_abort(rig.relay));
    rig_until_ended(&rig);
    assert_status(rig.status, ZCN_EABORTED);
    assert_status(rig_stats(&rig).forward.tap_status, ZCN_EABORTED);
    close(tap[0]);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tap_into_files),
        cmocka_unit_test(test_tap_statuses),
        cmocka_unit_test(test_tap_without_descriptors),
        cmocka_unit_test(test_tap_that_nobody_reads),
        cmocka_unit_test(test_tap_that_is_waited_for),
        cmocka_unit_test(test_tap_is_waited_for_so_long),
        cmocka_unit_test(test_tap_whose_reader_goes),
        cmocka_unit_test(test_tap_into_a_full_file),
        cmocka_unit_test(test_tap_is_flushed_at_the_end),
        cmocka_unit_test(test_tap_of_an_aborted_relay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
