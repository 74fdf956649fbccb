// SPDX-License-Identifier: MIT
// Files under a kernel that answers short, late or not at all: the same bytes arrive, or the connection ends and says
// why, and nothing stays behind.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

using namespace fault_test;

namespace {

constexpr uint64_t file_size = 700000;
constexpr uint32_t methods[] = {ZCN_FILE_SENDFILE, ZCN_FILE_MMAP, ZCN_FILE_SPLICE, ZCN_FILE_COPY, ZCN_FILE_DIRECT};

struct Range {
    uint64_t offset;
    uint64_t size;
};
// Large enough that they are not read when they are queued.
constexpr Range ranges[] = {{0, 40000}, {1, 65537}, {100000, 600000}, {699999, 1}, {4096, 300000}};

const char *method_name(uint32_t method) {
    static const char *const names[] = {"auto", "sendfile", "mmap", "splice", "copy", "direct"};
    return names[method];
}

zcn_file *pattern_file() {
    char path[] = "/tmp/zcnet-fault-XXXXXX";
    const int fd = mkstemp(path);
    if (fd < 0) return nullptr;
    (void)unlink(path);
    static uint8_t content[file_size];
    fill_pattern(content, file_size, 1);
    if (write(fd, content, file_size) != static_cast<ssize_t>(file_size)) return nullptr;
    zcn_file *file = nullptr;
    if (zcn_file_adopt(&file, fd, nullptr) != ZCN_OK) close(fd);
    return file;
}

struct Outcome {
    Verdict verdict;
    bool refused;   // a send said so
    bool complete;  // every byte arrived, and every unit ended well
    zcn_status closed;
    zcn_stats stats;
    int error_number;
};

// Sends all ranges, each between two pieces of memory, over a socketpair, whose other end is read in this thread.
void run(uint32_t method, Outcome *out) {
    *out = {};
    Verdict *verdict = &out->verdict;
    static uint8_t expected[2000000];
    static uint8_t got[2000000];
    static uint8_t content[file_size];
    fill_pattern(content, file_size, 1);
    uint64_t size = 0;
    uint64_t arrived = 0;
    int fds[2];
    if (!make_pair(fds)) return note(verdict, "no pair");
    zcn_loop *loop = nullptr;
    zcn_framing *framing = nullptr;
    zcn_conn *conn = nullptr;
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.high_water = 1 << 30;
    options.file_method = method;
    zcn_file *file = pattern_file();
    EXPECT(verdict, file != nullptr);
    EXPECT(verdict, zcn_framing_parse(&framing, "raw", nullptr) == ZCN_OK);
    // The script is for one thread: what is read past the page cache is read by the loop's.
    zcn_loop_options loop_options;
    zcn_loop_options_init(&loop_options, sizeof loop_options);
    loop_options.no_helper = 1;
    EXPECT(verdict, zcn_loop_create(&loop, &loop_options) == ZCN_OK);
    EXPECT(verdict, loop != nullptr && zcn_conn_adopt(&conn, loop, fds[0], framing, &options) == ZCN_OK);
    uint64_t units = 0;
    uint64_t ended = 0;
    if (conn != nullptr && file != nullptr) {
        (void)zcn_conn_retain(conn);
        for (const Range &range : ranges) {
            zcn_unit *unit = nullptr;
            EXPECT(verdict, zcn_unit_create(&unit, nullptr) == ZCN_OK);
            if (unit == nullptr) break;
            EXPECT(verdict, zcn_unit_append_static(unit, "head", 4) == ZCN_OK);
            EXPECT(verdict, zcn_unit_append_file(unit, file, range.offset, range.size) == ZCN_OK);
            EXPECT(verdict, zcn_unit_append_static(unit, "tail", 4) == ZCN_OK);
            EXPECT(verdict, zcn_unit_set_token(unit, units) == ZCN_OK);
            if (zcn_conn_send(conn, unit) != ZCN_OK) {
                zcn_unit_release(unit);
                out->refused = true;
                break;
            }
            units++;
            std::memcpy(expected + size, "head", 4);
            std::memcpy(expected + size + 4, content + range.offset, range.size);
            std::memcpy(expected + size + 4 + range.size, "tail", 4);
            size += range.size + 8;
        }
        const int64_t deadline = real_now() + int64_t{60} * 1000000000;
        bool all_ok = true;
        while (out->closed == ZCN_OK && (arrived < size || ended < units)) {
            if (real_now() > deadline) {
                note(verdict, "%llu of %llu bytes arrived", static_cast<unsigned long long>(arrived),
                     static_cast<unsigned long long>(size));
                break;
            }
            const zcn_event *events = nullptr;
            size_t count = 0;
            int32_t more = 0;
            const zcn_status status = zcn_loop_poll(loop, 1000000, &events, &count, &more);
            EXPECT(verdict, status >= ZCN_OK);
            for (size_t i = 0; i < count; i++) {
                if (events[i].type == ZCN_EVENT_SENT) {
                    ended += events[i].size;
                    all_ok = all_ok && events[i].status == ZCN_OK;
                }
                if (events[i].type == ZCN_EVENT_CLOSED) out->closed = events[i].status;
            }
            ssize_t part;
            while (arrived < sizeof got && (part = recv(fds[1], got + arrived, sizeof got - arrived, MSG_DONTWAIT)) > 0)
                arrived += static_cast<uint64_t>(part);
        }
        EXPECT(verdict, arrived <= size && std::memcmp(got, expected, arrived) == 0);
        EXPECT(verdict, ended == units);
        out->complete = arrived == size && all_ok && units == sizeof ranges / sizeof *ranges;
        out->stats.struct_size = sizeof out->stats;
        EXPECT(verdict, zcn_conn_get_stats(conn, &out->stats) == ZCN_OK);
        zcn_error error{};
        error.struct_size = sizeof error;
        EXPECT(verdict, zcn_conn_get_error(conn, &error) == ZCN_OK);
        out->error_number = error.sys_errno;
        zcn_conn_release(conn);
    } else {
        close(fds[0]);
    }
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    zcn_file_release(file);
    close(fds[1]);
}

void expect_arrived(uint32_t method, const char *what) {
    const int before = open_descriptors();
    static Outcome outcome;
    run(method, &outcome);
    if (outcome.verdict.text[0] != '\0') fail_msg("%s, %s: %s", method_name(method), what, outcome.verdict.text);
    if (!outcome.complete)
        fail_msg("%s, %s: not everything arrived; closed with %s", method_name(method), what,
                 zcn_status_name(outcome.closed));
    assert_int_equal(open_descriptors(), before);
}

// The calls that a method makes, and that move bytes.
constexpr Call calls[] = {call_send, call_send_file, call_splice_file, call_splice, call_read_at};

void test_counts_are_short(void **) {
    for (const uint32_t method : methods) {
        for (const Call call : calls) {
            for (const uint64_t most : {uint64_t{1000}, uint64_t{4097}, uint64_t{65535}}) {
                script_reset();
                script_limit(call, most, 0);
                expect_arrived(method, call_name(call));
            }
            script_reset();
            script_limit(call, 0, 1);
            expect_arrived(method, call_name(call));
        }
    }
}

void test_calls_are_interrupted_or_late(void **) {
    for (const uint32_t method : methods) {
        for (const Call call : calls) {
            script_reset();
            script_stutter(call, 2, EINTR);
            expect_arrived(method, call_name(call));
            if (call == call_read_at || call == call_splice_file) continue;  // files are never late
            script_reset();
            script_stutter(call, 2, EAGAIN);
            script_limit(call, 30000, 0);
            expect_arrived(method, call_name(call));
        }
        script_reset();
        script_stutter(call_file_status, 0, EINTR);
        expect_arrived(method, "status");
    }
}

void test_random_answers(void **) {
    const uint64_t rounds = number_from_environment("ZCNET_FAULT_ROUNDS", 60);
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        for (const uint32_t method : methods) {
            script_reset();
            script_random(seed, {100, 100, 200, 0});
            expect_arrived(method, "at random");
        }
    }
}

// A method that the kernel refuses for the file, or that finds no pipe or no room to map: the bytes go another way.
void test_a_refused_method_has_a_substitute(void **) {
    static const struct {
        uint32_t method;
        Call call;
        int error;
    } cases[] = {{ZCN_FILE_SENDFILE, call_send_file, EINVAL}, {ZCN_FILE_SENDFILE, call_send_file, ENOSYS},
                 {ZCN_FILE_SPLICE, call_splice_file, EINVAL}, {ZCN_FILE_SPLICE, call_make_pipe, EMFILE},
                 {ZCN_FILE_SPLICE, call_splice, EINVAL},      {ZCN_FILE_SPLICE, call_set_pipe_size, EPERM},
                 {ZCN_FILE_MMAP, call_map_range, ENOMEM},     {ZCN_FILE_DIRECT, call_open_file, EINVAL}};
    for (const auto &one : cases) {
        for (const uint64_t first : {uint64_t{1}, uint64_t{2}}) {
            script_reset();
            script_fail(one.call, first, for_ever, one.error);
            expect_arrived(one.method, call_name(one.call));
        }
    }
}

// A kernel or a pool that is short of memory is asked again later.
void test_want_of_memory_is_waited_for(void **) {
    for (const uint32_t method : methods) {
        for (const Call call : {call_send, call_send_file, call_splice}) {
            script_reset();
            script_fail(call, 2, 3, ENOMEM);
            expect_arrived(method, call_name(call));
        }
    }
}

// What cannot be read ends the connection, with the reason and errno; nothing wrong arrives.
void test_failures_are_told(void **) {
    static const struct {
        uint32_t method;
        Call call;
        int error;
        zcn_status status;
    } cases[] = {{ZCN_FILE_SENDFILE, call_send_file, EIO, ZCN_ESYS},
                 {ZCN_FILE_SENDFILE, call_send_file, EPIPE, ZCN_ERESET},
                 {ZCN_FILE_SENDFILE, call_send_file, ECONNRESET, ZCN_ERESET},
                 {ZCN_FILE_SENDFILE, call_send_file, 0, ZCN_ETRUNCATED},
                 {ZCN_FILE_COPY, call_read_at, EIO, ZCN_ESYS},
                 {ZCN_FILE_COPY, call_read_at, EAGAIN, ZCN_ESYS},
                 {ZCN_FILE_COPY, call_read_at, 0, ZCN_ETRUNCATED},
                 {ZCN_FILE_DIRECT, call_read_at, EIO, ZCN_ESYS},
                 {ZCN_FILE_DIRECT, call_read_at, EAGAIN, ZCN_ESYS},
                 {ZCN_FILE_DIRECT, call_read_at, 0, ZCN_ETRUNCATED},
                 {ZCN_FILE_SPLICE, call_splice_file, EIO, ZCN_ESYS},
                 {ZCN_FILE_SPLICE, call_splice_file, 0, ZCN_ETRUNCATED},
                 {ZCN_FILE_SPLICE, call_splice, EPIPE, ZCN_ERESET},
                 {ZCN_FILE_MMAP, call_file_status, EIO, ZCN_ESYS}};
    for (const auto &one : cases) {
        for (const uint64_t first : {uint64_t{2}, uint64_t{3}}) {
            const int before = open_descriptors();
            script_reset();
            script_fail(one.call, first, for_ever, one.error);
            static Outcome outcome;
            run(one.method, &outcome);
            const char *name = call_name(one.call);
            if (outcome.verdict.text[0] != '\0') fail_msg("%s: %s", name, outcome.verdict.text);
            if (outcome.complete) fail_msg("%s: everything arrived", name);
            if (outcome.closed != one.status)
                fail_msg("%s, errno %d: closed with %s, not %s", name, one.error, zcn_status_name(outcome.closed),
                         zcn_status_name(one.status));
            if (one.status == ZCN_ESYS) assert_int_equal(outcome.error_number, one.error == EAGAIN ? EIO : one.error);
            assert_int_equal(open_descriptors(), before);
        }
    }
}

// The header in front of a file waits for it: the send says so. What the file is read for leaves with it in one call.
void test_headers_wait_for_their_files(void **) {
    static Outcome outcome;
    for (const uint32_t method : {ZCN_FILE_SENDFILE, ZCN_FILE_SPLICE, ZCN_FILE_MMAP}) {
        script_reset();
        run(method, &outcome);
        assert_true(outcome.complete);
        assert_true(script_sends_with_more() >= sizeof ranges / sizeof *ranges);
    }
    script_reset();
    run(ZCN_FILE_COPY, &outcome);
    assert_true(outcome.complete);
    assert_int_equal(outcome.stats.copied_out, 40000 + 65537 + 600000 + 1 + 300000);
    // Each read leaves with one send; what is before, between and behind the files needs none of its own.
    assert_in_range(script_calls(call_send), 1, script_calls(call_read_at) + 8);
}

// Memory that is refused anywhere on the way: nothing is lost track of.
void test_allocations_fail(void **) {
    static Outcome outcome;
    for (const uint32_t method : methods) {
        script_reset();
        run(method, &outcome);
        assert_true(outcome.complete);
        const uint64_t number = script_calls(call_allocate);
        for (uint64_t n = 1; n <= number; n++) {
            const int before = open_descriptors();
            script_reset();
            script_fail(call_allocate, n, 1, ENOMEM);
            run(method, &outcome);
            // What could not even begin is told by a status, which run() notes; what began ends.
            if (outcome.refused && outcome.complete) fail_msg("everything arrived that was refused");
            if (outcome.closed == ZCN_OK && !outcome.complete && !outcome.refused && outcome.verdict.text[0] == '\0')
                fail_msg("%s, allocation %llu: neither complete nor closed", method_name(method),
                         static_cast<unsigned long long>(n));
            assert_int_equal(open_descriptors(), before);
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_short),
        cmocka_unit_test(test_calls_are_interrupted_or_late),
        cmocka_unit_test(test_random_answers),
        cmocka_unit_test(test_a_refused_method_has_a_substitute),
        cmocka_unit_test(test_want_of_memory_is_waited_for),
        cmocka_unit_test(test_failures_are_told),
        cmocka_unit_test(test_headers_wait_for_their_files),
        cmocka_unit_test(test_allocations_fail),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
