// SPDX-License-Identifier: MIT
// Zero copy on sending: units that end without a write of their own, and what release functions and children of fork
// may do while the kernel's word is being heard.
#include <fcntl.h>
#include <sys/wait.h>

#include "zero_copy_rig.h"

using namespace fault_test;

namespace {

constexpr int first_room = 16;  // entries that a new account has room for

// So many units that the kernel is not done with that there is no room for one more.
void fill_account(Rig *rig) {
    rig->probe();
    for (int i = 0; i < first_room; i++) {
        rig->send(body_size, true);
        rig->arrive();
    }
}

void expect_in_order(Rig *rig, uint64_t tokens) {
    for (int i = 0; i < 20; i++) rig->poll();
    assert_int_equal(rig->tokens.size(), 1);
    rig->done_to(1);
    rig->poll_until([&] { return rig->tokens.size() >= tokens; });
    for (int i = 0; i < 20; i++) rig->poll();
    assert_int_equal(rig->tokens.size(), tokens);
    for (uint64_t i = 0; i < tokens; i++) assert_int_equal(rig->tokens[i], i);
    assert_int_equal(rig->stats().zero_copy_awaited, 0);
}

void test_empty_units_behind_a_full_account(void **) {
    begin();
    Rig rig(threshold, 1000, "raw");
    fill_account(&rig);
    for (int i = 0; i < 3; i++) {
        rig.send(0, true);
        rig.poll();
    }
    expect_in_order(&rig, first_room + 4);
}

void test_a_file_behind_a_full_account(void **) {
    begin();
    Rig rig(threshold, 1000, "raw");
    fill_account(&rig);
    char path[] = "/tmp/zcnet-test.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    std::vector<uint8_t> content(body_size);
    fill_pattern(content.data(), content.size(), 99);
    assert_int_equal(write(fd, content.data(), content.size()), content.size());
    zcn_file_options options;
    zcn_file_options_init(&options, sizeof options);
    options.method = ZCN_FILE_SENDFILE;
    zcn_file *file = nullptr;
    assert_int_equal(zcn_file_adopt(&file, fd, &options), ZCN_OK);
    for (uint64_t i = 0; i < 3; i++) {
        zcn_unit *unit = nullptr;
        assert_int_equal(zcn_unit_create(&unit, nullptr), ZCN_OK);
        assert_int_equal(zcn_unit_append_file(unit, file, 0, content.size()), ZCN_OK);
        assert_int_equal(zcn_unit_set_token(unit, first_room + 1 + i), ZCN_OK);
        assert_int_equal(zcn_conn_send(rig.conn, unit), ZCN_OK);
        rig.note_sent(content.data(), content.size());
        rig.arrive();
    }
    zcn_file_release(file);
    assert_true(rig.stats().file_sendfile == 3 * content.size());
    expect_in_order(&rig, first_room + 4);
}

// What a release function does, once.
struct Deed {
    Rig *rig;
    enum What { move, send_more, send_empty, abort, close } what;
    zcn_loop *other;
    bool done;
    zcn_status status;
};

void do_it(void *context, const void *, uint64_t) {
    auto *deed = static_cast<Deed *>(context);
    Rig::released++;
    if (deed->done) return;
    deed->done = true;
    switch (deed->what) {
        case Deed::move:
            deed->status = zcn_conn_move(deed->rig->conn, deed->other);
            break;
        case Deed::send_more:
            for (int i = 0; i < 40; i++) deed->rig->send(body_size, true);
            deed->status = ZCN_OK;
            break;
        case Deed::send_empty:
            for (int i = 0; i < 2 * first_room; i++) deed->rig->send(0, true);
            deed->status = ZCN_OK;
            break;
        case Deed::abort:
            deed->status = zcn_conn_abort(deed->rig->conn);
            break;
        case Deed::close:
            deed->status = zcn_conn_close(deed->rig->conn);
            break;
    }
}

zcn_unit *unit_with(Deed *deed, uint64_t size) {
    zcn_unit *unit = nullptr;
    std::vector<uint8_t> &body = deed->rig->bodies.emplace_back(size);
    fill_pattern(body.data(), size, deed->rig->bodies.size());
    assert_int_equal(zcn_unit_create(&unit, nullptr), ZCN_OK);
    assert_int_equal(zcn_unit_append_ref(unit, body.data(), size, do_it, deed), ZCN_OK);
    deed->rig->note_sent(body.data(), size);
    return unit;
}

// The first of four units ends, with the others behind it, and its release function does something.
void at_release(Rig *rig, Deed *deed) {
    rig->probe();
    for (int i = 0; i < 4; i++) {
        zcn_unit *unit = unit_with(deed, body_size);
        assert_int_equal(zcn_unit_set_token(unit, rig->bodies.size() - 1), ZCN_OK);
        assert_int_equal(zcn_conn_send(rig->conn, unit), ZCN_OK);
    }
    rig->arrive();
    rig->done_to(1);
    rig->poll_until([&] { return Rig::released == 4; });
    assert_true(deed->done);
}

// The connection is in use right then: another loop must not get it.
void test_a_release_function_cannot_move_its_connection(void **) {
    begin();
    zcn_loop *other = nullptr;
    {
        Rig rig;
        assert_int_equal(zcn_loop_create(&other, nullptr), ZCN_OK);
        Deed deed{&rig, Deed::move, other, false, ZCN_OK};
        at_release(&rig, &deed);
        assert_int_equal(deed.status, ZCN_EBUSY);
        rig.poll_until([&] { return rig.tokens.size() == 5; });
        assert_int_equal(zcn_conn_move(rig.conn, other), ZCN_OK);
        zcn_loop_release(rig.loop);
        rig.loop = other;
        rig.send(body_size, true);
        rig.arrive();
        rig.done_to(script_pinned_seen().writes - 1);
        rig.poll_until([&] { return rig.tokens.size() == 6; });
    }
}

void test_a_release_function_sends(void **) {
    begin();
    Rig rig;
    Deed deed{&rig, Deed::send_more, nullptr, false, ZCN_OK};
    at_release(&rig, &deed);
    rig.arrive();
    uint64_t known = 5;
    rig.poll_until([&] {
        rig.done_to(known);
        known = script_pinned_seen().writes;
        return rig.tokens.size() == 45;
    });
    for (uint64_t i = 0; i < rig.tokens.size(); i++) {
        assert_int_equal(rig.tokens[i], i);
        assert_int_equal(rig.ends[i], ZCN_OK);
    }
    assert_int_equal(script_pinned_seen().altered, 0);
}

// What a release function queues without bytes ends at once, behind what is awaited.
void test_a_release_function_sends_nothing(void **) {
    begin();
    Rig rig(threshold, 1000, "raw");
    fill_account(&rig);
    Deed deed{&rig, Deed::send_empty, nullptr, false, ZCN_OK};
    assert_int_equal(zcn_conn_send(rig.conn, unit_with(&deed, 100)), ZCN_OK);
    rig.arrive();
    rig.poll_until([&] { return deed.done; });
    for (int i = 0; i < 20; i++) rig.poll();
    assert_int_equal(rig.tokens.size(), 1);
    rig.done_to(1);
    rig.poll_until([&] { return rig.tokens.size() == 1 + 3 * first_room; });
    for (uint64_t i = 1; i < rig.tokens.size(); i++) assert_true(rig.tokens[i] > rig.tokens[i - 1]);
}

void end_at_release(Deed::What what, zcn_status reason) {
    begin();
    const int descriptors = open_descriptors();
    {
        Rig rig;
        Deed deed{&rig, what, nullptr, false, ZCN_OK};
        at_release(&rig, &deed);
        assert_int_equal(deed.status, ZCN_OK);
        close(rig.peer);
        rig.peer = -1;
        rig.poll_until([&] { return rig.is_closed; });
        assert_int_equal(rig.closed, reason);
        assert_int_equal(rig.tokens.size(), 5);
        for (uint64_t i = 0; i < rig.tokens.size(); i++) assert_int_equal(rig.tokens[i], i);
    }
    assert_int_equal(open_descriptors(), descriptors);
}

void test_a_release_function_aborts(void **) { end_at_release(Deed::abort, ZCN_EABORTED); }
void test_a_release_function_closes(void **) { end_at_release(Deed::close, ZCN_OK); }

// What the program allows no more is told so, whatever was found out before.
void test_words_when_it_is_not_allowed_any_more(void **) {
    begin();
    Rig rig;
    rig.probe();
    rig.expect_words("zero copy: on");
    assert_int_equal(zcn_conn_set_option(rig.conn, ZCN_OPTION_ZERO_COPY_FROM, 0), ZCN_OK);
    rig.expect_words("zero copy: off: not allowed (zero_copy_from is 0); 1 writes");
    rig.send(body_size, true);
    rig.arrive();
    rig.poll_until([&] { return rig.tokens.size() == 2; });
    assert_int_equal(script_pinned_seen().writes, 1);
    assert_int_equal(zcn_conn_set_option(rig.conn, ZCN_OPTION_ZERO_COPY_FROM, threshold), ZCN_OK);
    rig.expect_words("zero copy: on");
}

// Memory of a device, say: the kernel can copy it, and not lock it.
void test_memory_that_cannot_be_locked(void **) {
    begin();
    clock_start(second, 0);
    Rig rig;
    rig.probe();
    script_fail(call_send_pinned, script_calls(call_send_pinned) + 1, 1, EFAULT);
    rig.send(body_size, true);
    rig.send(body_size, true);
    rig.arrive();
    rig.poll_until([&] { return rig.tokens.size() == 3; });
    for (const zcn_status status : rig.ends) assert_int_equal(status, ZCN_OK);
    assert_int_equal(rig.stats().zero_copy_refused, 1);
    assert_int_equal(script_pinned_seen().writes, 1);
    rig.expect_words("the kernel could not lock the memory; next probe in 1.0 s");
    clock_advance(second);
    rig.send(body_size, true);
    rig.arrive();
    rig.done_to(1);
    rig.poll_until([&] { return rig.tokens.size() == 4; });
    rig.expect_words("zero copy: on");
}

// A child of fork that has closed what it inherited and has files of its own: none of them is closed for it.
void test_a_child_keeps_its_own_descriptors(void **) {
    begin();
    Rig rig;
    rig.probe();
    rig.send(body_size, false);
    rig.arrive();
    assert_int_equal(zcn_conn_abort(rig.conn), ZCN_OK);
    rig.poll_until([&] { return rig.is_closed; });
    assert_int_equal(Rig::released, 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int end = 3 + 64;
        for (int fd = 3; fd < end; fd++) close(fd);
        for (int fd = 3; fd < end; fd++) {
            if (open("/dev/null", O_RDONLY | O_CLOEXEC) != fd) _exit(2);
        }
        zcn_loop *loop = nullptr;
        if (zcn_loop_create(&loop, nullptr) != ZCN_OK) _exit(3);
        const zcn_event *events = nullptr;
        size_t count = 0;
        if (zcn_loop_poll(loop, 0, &events, &count, nullptr) != ZCN_OK) _exit(4);
        for (int fd = 3; fd < end; fd++) {
            if (fcntl(fd, F_GETFD) < 0) _exit(5);
        }
        _exit(Rig::released == 0 ? 0 : 6);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    rig.done_to(1);
    rig.poll_until([&] { return Rig::released == 1; });
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_units_behind_a_full_account),
        cmocka_unit_test(test_a_file_behind_a_full_account),
        cmocka_unit_test(test_a_release_function_cannot_move_its_connection),
        cmocka_unit_test(test_a_release_function_sends),
        cmocka_unit_test(test_a_release_function_sends_nothing),
        cmocka_unit_test(test_a_release_function_aborts),
        cmocka_unit_test(test_a_release_function_closes),
        cmocka_unit_test(test_words_when_it_is_not_allowed_any_more),
        cmocka_unit_test(test_memory_that_cannot_be_locked),
        cmocka_unit_test(test_a_child_keeps_its_own_descriptors),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
