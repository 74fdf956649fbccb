// SPDX-License-Identifier: MIT
// Bodies received into files under a kernel that answers short, late or not at all, and onto disks that fill up or
// break: what is in the file and what the event says agree, and nothing stays behind.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

using namespace fault_test;

namespace {

constexpr uint64_t body_size = 700000;
constexpr uint64_t early = 5000;  // bytes of it that come with the header

struct Outcome {
    Verdict verdict;
    zcn_status call;      // what zcn_conn_receive_file() said
    zcn_status received;  // of FILE_RECEIVED
    int file_errno;
    uint64_t size;
    uint32_t ends;    // FILE_RECEIVED events
    uint32_t behind;  // messages behind the body
    zcn_status closed;
    bool equal;  // the file's first `size` bytes are the body's, and it has no more
    zcn_stats stats;
};

uint32_t flush_policy = ZCN_FLUSH_SYNC;

bool holds(int fd, uint64_t size) {
    static uint8_t expected[body_size];
    static uint8_t content[body_size + 1];
    fill_pattern(expected, body_size, 1);
    const ssize_t got = pread(fd, content, sizeof content, 0);
    return got == static_cast<ssize_t>(size) && std::memcmp(content, expected, size) == 0;
}

void serve(zcn_conn *conn, int file, const zcn_event *event, Outcome *out) {
    Verdict *verdict = &out->verdict;
    if (event->type == ZCN_EVENT_CLOSED) out->closed = event->status;
    if (event->type == ZCN_EVENT_FILE_RECEIVED) {
        out->ends++;
        out->received = event->status;
        out->size = event->size;
        EXPECT(verdict, out->closed == ZCN_OK);
        EXPECT(verdict, event->token == 7);
        zcn_error error{};
        error.struct_size = sizeof error;
        EXPECT(verdict, zcn_conn_get_file_error(conn, &error) == ZCN_OK);
        EXPECT(verdict, error.status == event->status);
        out->file_errno = error.sys_errno;
    }
    if (event->type != ZCN_EVENT_MESSAGE) return;
    if (event->size == 4 && std::memcmp(event->data, "file", 4) == 0) {
        zcn_receive_file_options options;
        zcn_receive_file_options_init(&options, sizeof options);
        options.token = 7;
        options.flush = flush_policy;
        const int fd = dup(file);
        out->call = zcn_conn_receive_file(conn, event->msg, fd, body_size, &options);
        if (out->call != ZCN_OK) close(fd);
    } else {
        EXPECT(verdict, event->size == 6 && std::memcmp(event->data, "behind", 6) == 0);
        out->behind++;
    }
}

// A line, the body, another line, over a socketpair whose other end is written to in this thread.
void run(Outcome *out) {
    *out = {};
    out->call = ZCN_AGAIN;
    Verdict *verdict = &out->verdict;
    static uint8_t wire[body_size + 12];
    std::memcpy(wire, "file\n", 5);
    fill_pattern(wire + 5, body_size, 1);
    std::memcpy(wire + 5 + body_size, "behind\n", 7);
    uint64_t written = 0;
    int fds[2];
    if (!make_pair(fds)) return note(verdict, "no pair");
    char path[] = "/tmp/zcnet-fault-XXXXXX";
    const int file = mkstemp(path);
    if (file < 0) return note(verdict, "no file");
    (void)unlink(path);
    zcn_loop *loop = nullptr;
    zcn_framing *framing = nullptr;
    zcn_conn *conn = nullptr;
    EXPECT(verdict, zcn_framing_parse(&framing, "delimiter=\\n,strip=1,max=64K", nullptr) == ZCN_OK);
    if (zcn_loop_create(&loop, nullptr) != ZCN_OK || zcn_conn_adopt(&conn, loop, fds[0], framing, nullptr) != ZCN_OK) {
        close(fds[0]);
    } else {
        (void)zcn_conn_retain(conn);
        const int64_t deadline = real_now() + int64_t{60} * 1000000000;
        // By a helper, the event may come behind the message.
        while (out->closed == ZCN_OK && (out->behind == 0 || out->ends == 0) && verdict->text[0] == '\0') {
            if (real_now() > deadline)
                note(verdict, "only %llu bytes came", static_cast<unsigned long long>(out->size));
            const uint64_t most = out->call == ZCN_OK ? sizeof wire : 5 + early;
            ssize_t part;
            while (written < most &&
                   (part = ::send(fds[1], wire + written, most - written, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
                written += static_cast<uint64_t>(part);
            const zcn_event *events = nullptr;
            size_t count = 0;
            int32_t more = 0;
            EXPECT(verdict, zcn_loop_poll(loop, 1000000, &events, &count, &more) >= ZCN_OK);
            for (size_t i = 0; i < count && out->call >= ZCN_OK; i++) serve(conn, file, &events[i], out);
            if (out->call < ZCN_OK) break;
        }
        out->stats.struct_size = sizeof out->stats;
        EXPECT(verdict, zcn_conn_get_stats(conn, &out->stats) == ZCN_OK);
        zcn_conn_release(conn);
    }
    EXPECT(verdict, out->ends <= 1 && (out->ends == 1) == (out->call == ZCN_OK));
    out->equal = holds(file, out->size);
    zcn_loop_release(loop);
    zcn_framing_release(framing);
    close(file);
    close(fds[1]);
}

// Runs and looks at what must hold whatever the script did.
void expect_sound(const char *what, Outcome *outcome) {
    const Holdings before = holdings_now();
    run(outcome);
    expect_same(&outcome->verdict, before);
    if (outcome->verdict.text[0] != '\0') fail_msg("%s: %s", what, outcome->verdict.text);
    if (!outcome->equal)
        fail_msg("%s: the file does not have the %llu bytes that were told", what,
                 static_cast<unsigned long long>(outcome->size));
}

void expect_received(const char *what, Outcome *outcome) {
    expect_sound(what, outcome);
    if (outcome->received != ZCN_OK || outcome->size != body_size || outcome->behind != 1)
        fail_msg("%s: %llu bytes, %s", what, static_cast<unsigned long long>(outcome->size),
                 zcn_status_name(outcome->received));
    assert_int_equal(outcome->stats.file_received + outcome->stats.copied_body, body_size);
    assert_int_equal(outcome->stats.body_dropped, 0);
}

// The calls that move the bytes.
constexpr Call calls[] = {call_receive, call_splice, call_splice_to_file, call_write_at, call_read};

void test_counts_are_short(void **) {
    static Outcome outcome;
    for (const bool splice : {true, false}) {
        for (const Call call : calls) {
            for (const uint64_t most : {uint64_t{1000}, uint64_t{4097}, uint64_t{65535}}) {
                script_reset();
                if (!splice) script_fail(call_make_pipe, 1, for_ever, EMFILE);
                script_limit(call, most, 0);
                expect_received(call_name(call), &outcome);
                if (!splice) assert_int_equal(outcome.stats.copied_body, body_size);
                if (splice) assert_int_equal(outcome.stats.copied_body, early);
            }
        }
    }
}

void test_calls_are_interrupted_or_late(void **) {
    static Outcome outcome;
    for (const Call call : calls) {
        script_reset();
        script_stutter(call, 2, EINTR);
        expect_received(call_name(call), &outcome);
    }
    script_reset();
    script_stutter(call_flush_file, 2, EINTR);
    expect_received("flush", &outcome);
    for (const Call call : {call_receive, call_splice}) {
        script_reset();
        script_stutter(call, 2, EAGAIN);
        script_limit(call, 30000, 0);
        expect_received(call_name(call), &outcome);
    }
}

void test_random_answers(void **) {
    static Outcome outcome;
    const uint64_t rounds = number_from_environment("ZCNET_FAULT_ROUNDS", 200);
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        script_reset();
        script_random(seed, {100, 100, 200, seed % 4 == 0 ? 10U : 0U});
        if (seed % 4 != 0) {
            expect_received("at random", &outcome);
        } else {
            // Resets end the connection, and then the body.
            expect_sound("at random, with resets", &outcome);
            if (outcome.ends == 1 && outcome.received != ZCN_OK) assert_int_equal(outcome.received, outcome.closed);
        }
    }
}

// Where splice is refused, from the socket or into the file, at once or on the way, memory does it.
void test_splice_is_refused(void **) {
    static Outcome outcome;
    for (const Call call : {call_splice, call_splice_to_file, call_make_pipe, call_set_pipe_size}) {
        for (const int error : {EINVAL, ENOSYS, EOPNOTSUPP, EPERM}) {
            for (uint64_t turn = 1; turn <= 3; turn++) {
                script_reset();
                script_fail(call, turn, for_ever, error);
                expect_received(call_name(call), &outcome);
                if (turn == 1 && call != call_set_pipe_size) assert_int_equal(outcome.stats.copied_body, body_size);
            }
        }
    }
}

// The file takes no more, at each write of it: the event says how much it has and why, the rest of the body is dropped,
// and the connection goes on.
void test_the_file_takes_no_more(void **) {
    static Outcome outcome;
    static const struct {
        int error;
        zcn_status status;
        int told;
    } cases[] = {{ENOSPC, ZCN_ENOSPACE, ENOSPC}, {EDQUOT, ZCN_ENOSPACE, EDQUOT}, {EFBIG, ZCN_ENOSPACE, EFBIG},
                 {EIO, ZCN_ESYS, EIO},           {EAGAIN, ZCN_ESYS, EAGAIN},     {0, ZCN_ESYS, EIO}};
    for (const Call call : {call_splice_to_file, call_write_at}) {
        for (const auto &one : cases) {
            // The first call of write_at only asks whether the file can be written to.
            const uint64_t first = call == call_write_at ? 2 : 1;
            for (uint64_t turn = first; turn <= first + 3; turn++) {
                script_reset();
                if (call == call_write_at) script_fail(call_make_pipe, 1, for_ever, EMFILE);
                script_fail(call, turn, for_ever, one.error);
                script_limit(call, 40000, 0);
                expect_sound(call_name(call), &outcome);
                assert_int_equal(outcome.received, one.status);
                assert_int_equal(outcome.file_errno, one.told);
                assert_int_equal(outcome.behind, 1);
                assert_int_equal(outcome.stats.body_dropped, body_size - outcome.size);
                assert_true(outcome.size < body_size);
                // What had come with the header is one write.
                if (turn - first >= 2) assert_true(outcome.size > early);
            }
        }
    }
}

// The disk breaks when it is to keep what it has: that is told, and nothing is dropped.
void test_a_flush_fails(void **) {
    static Outcome outcome;
    for (const uint32_t policy : {ZCN_FLUSH_SYNC, ZCN_FLUSH_ASYNC}) {
        flush_policy = policy;
        script_reset();
        script_fail(call_flush_file, 1, 1, EIO);
        expect_sound("flush", &outcome);
        assert_int_equal(outcome.received, ZCN_ESYS);
        assert_int_equal(outcome.file_errno, EIO);
        assert_int_equal(outcome.size, body_size);
        assert_int_equal(outcome.behind, 1);
        // A file system that keeps nothing anyhow.
        for (const int error : {EINVAL, EROFS}) {
            script_reset();
            script_fail(call_flush_file, 1, 1, error);
            expect_received("flush of a device", &outcome);
            assert_int_equal(script_calls(call_flush_file), 1);
        }
    }
    flush_policy = ZCN_FLUSH_SYNC;
}

// The socket ends or breaks in the middle.
void test_the_socket_ends(void **) {
    static Outcome outcome;
    static const struct {
        int error;
        zcn_status status;
    } cases[] = {{0, ZCN_EFRAME_TRUNCATED}, {ECONNRESET, ZCN_ERESET}, {EIO, ZCN_ESYS}};
    for (const auto &one : cases) {
        for (uint64_t turn = 1; turn <= 3; turn++) {
            script_reset();
            script_limit(call_splice, 50000, 0);
            script_fail(call_splice, turn, for_ever, one.error);
            // An end is one when a read says so, too; the first one brings the header.
            if (one.error == 0) script_fail(call_receive, 2, for_ever, 0);
            expect_sound("the socket", &outcome);
            assert_int_equal(outcome.received, one.status);
            assert_int_equal(outcome.closed, one.status);
            assert_true(outcome.size >= early);
            assert_true(outcome.size < body_size);
        }
    }
}

void test_files_that_cannot_be_written_to_are_refused(void **) {
    static Outcome outcome;
    for (const int error : {EBADF, ESPIPE}) {
        script_reset();
        script_fail(call_write_at, 1, 1, error);
        expect_sound("refused", &outcome);
        assert_int_equal(outcome.call, error == EBADF ? ZCN_EINVAL : ZCN_EUNSUPPORTED);
    }
}

// Memory that is refused anywhere on the way: the call says so, or the body arrives all the same.
void test_allocations_fail(void **) {
    static Outcome outcome;
    for (const Call call : {call_allocate, call_new}) {
        script_reset();
        expect_received("all is well", &outcome);
        const uint64_t number = script_calls(call);
        for (uint64_t n = 1; n <= number; n++) {
            script_reset();
            script_fail(call, n, 1, ENOMEM);
            run(&outcome);
            const bool began = outcome.call != ZCN_AGAIN;
            if (began && outcome.call != ZCN_ENOMEM && (outcome.received != ZCN_OK || !outcome.equal))
                fail_msg("%s %llu: %s", call_name(call), static_cast<unsigned long long>(n), outcome.verdict.text);
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_short),
        cmocka_unit_test(test_calls_are_interrupted_or_late),
        cmocka_unit_test(test_random_answers),
        cmocka_unit_test(test_splice_is_refused),
        cmocka_unit_test(test_the_file_takes_no_more),
        cmocka_unit_test(test_a_flush_fails),
        cmocka_unit_test(test_the_socket_ends),
        cmocka_unit_test(test_files_that_cannot_be_written_to_are_refused),
        cmocka_unit_test(test_allocations_fail),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
