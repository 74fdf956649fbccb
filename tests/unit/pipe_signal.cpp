// SPDX-License-Identifier: MIT
// SIGPIPE and SIGXFSZ are kept away from the program, and nothing else is changed: not its mask, not what was pending.
#include "os/pipe_signal.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>

#include "os/os.h"

extern "C" {
#include <cmocka.h>
}

using zcnet::os::PipeSignal;

namespace {

volatile sig_atomic_t caught = 0;

void count_signal(int) { caught = caught + 1; }

bool blocked() {
    sigset_t mask;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, nullptr, &mask), 0);
    return sigismember(&mask, SIGPIPE) == 1;
}

bool pending() {
    sigset_t set;
    assert_int_equal(sigpending(&set), 0);
    return sigismember(&set, SIGPIPE) == 1;
}

void set_blocked(bool on) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    assert_int_equal(pthread_sigmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, nullptr), 0);
}

int prepare(void **) {
    struct sigaction action {};
    action.sa_handler = count_signal;
    caught = 0;
    return sigaction(SIGPIPE, &action, nullptr);
}

// A write to a pipe whose reader is gone, and a splice to a socket whose peer is: both raise the signal.
void raise_by_call(PipeSignal *guard) {
    int ends[2];
    assert_int_equal(zcnet::os::make_pipe(ends), 0);
    assert_int_equal(zcnet::os::close(ends[0]), 0);
    guard->block();
    assert_int_equal(zcnet::os::write(ends[1], "x", 1), -EPIPE);
    guard->raised();
    (void)zcnet::os::close(ends[1]);

    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(zcnet::os::make_pipe(ends), 0);
    assert_int_equal(zcnet::os::write(ends[1], "x", 1), 1);
    (void)close(pair[1]);
    guard->block();
    assert_int_equal(zcnet::os::splice(ends[0], pair[0], 1), -EPIPE);
    guard->raised();
    (void)close(pair[0]);
    (void)zcnet::os::close(ends[0]);
    (void)zcnet::os::close(ends[1]);
}

void test_signal_is_taken_away(void **) {
    {
        PipeSignal guard;
        raise_by_call(&guard);
        assert_true(blocked());
        assert_true(pending());
    }
    assert_false(blocked());
    assert_false(pending());
    assert_int_equal(caught, 0);
}

// A write beyond the size that files may have.
void test_files_at_their_limit(void **) {
    rlimit before{};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    char path[] = "/tmp/zcnet-limit-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    (void)unlink(path);
    rlimit none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    {
        PipeSignal guard;
        guard.block();
        assert_int_equal(zcnet::os::write(file, "x", 1), -EFBIG);
        guard.raised();
        raise_by_call(&guard);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    sigset_t set;
    assert_int_equal(sigpending(&set), 0);
    assert_int_equal(sigismember(&set, SIGXFSZ), 0);
    assert_false(pending());
    assert_int_equal(caught, 0);
    (void)close(file);
}

void test_nothing_is_blocked_without_a_call(void **) {
    PipeSignal guard;
    assert_false(blocked());
}

void test_errno_stays(void **) {
    {
        PipeSignal guard;
        raise_by_call(&guard);
        errno = 4711;
    }
    assert_int_equal(errno, 4711);
}

void test_a_mask_of_the_program_stays(void **) {
    set_blocked(true);
    {
        PipeSignal guard;
        raise_by_call(&guard);
    }
    assert_true(blocked());
    assert_false(pending());
    set_blocked(false);
    assert_int_equal(caught, 0);
}

void test_a_signal_of_the_program_stays(void **) {
    set_blocked(true);
    assert_int_equal(pthread_kill(pthread_self(), SIGPIPE), 0);
    {
        PipeSignal guard;
        raise_by_call(&guard);
    }
    assert_true(pending());
    set_blocked(false);
    assert_int_equal(caught, 1);
}

// One that comes to the process meanwhile is the program's: it is delivered when the guard goes.
void test_a_signal_from_outside_comes_through(void **) {
    {
        PipeSignal guard;
        guard.block();
        assert_int_equal(kill(getpid(), SIGPIPE), 0);
        assert_int_equal(caught, 0);
    }
    assert_int_equal(caught, 1);
}

void test_ignored_stays_ignored(void **) {
    struct sigaction action {};
    action.sa_handler = SIG_IGN;
    assert_int_equal(sigaction(SIGPIPE, &action, nullptr), 0);
    {
        PipeSignal guard;
        raise_by_call(&guard);
    }
    assert_false(pending());
    assert_false(blocked());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_signal_is_taken_away, prepare),
        cmocka_unit_test_setup(test_files_at_their_limit, prepare),
        cmocka_unit_test_setup(test_nothing_is_blocked_without_a_call, prepare),
        cmocka_unit_test_setup(test_errno_stays, prepare),
        cmocka_unit_test_setup(test_a_mask_of_the_program_stays, prepare),
        cmocka_unit_test_setup(test_a_signal_of_the_program_stays, prepare),
        cmocka_unit_test_setup(test_a_signal_from_outside_comes_through, prepare),
        cmocka_unit_test_setup(test_ignored_stays_ignored, prepare),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
