/* SPDX-License-Identifier: MIT */
/* Addresses as text: what is taken, what is refused and why, and what happens to socket files. */
#include "support.h"

struct room {
    side on;
    zcn_framing *framing;
    char folder[64];
};

static int open_room(void **state) {
    static struct room room;
    side_open(&room.on, NULL);
    room.framing = framing_of(PLAIN_FRAMING);
    snprintf(room.folder, sizeof room.folder, "/tmp/zcnet-test-XXXXXX");
    assert_non_null(mkdtemp(room.folder));
    *state = &room;
    return 0;
}

static int close_room(void **state) {
    struct room *room = *state;
    zcn_framing_release(room->framing);
    side_close(&room->on);
    /* Fails when a socket file was left behind. */
    assert_int_equal(rmdir(room->folder), 0);
    return 0;
}

static zcn_status try_listen(struct room *room, const char *address, const zcn_listen_options *options) {
    zcn_listener *listener = (zcn_listener *)room;
    const zcn_status status = zcn_listen(&listener, room->on.loop, address, room->framing, options);
    assert_true((status == ZCN_OK) == (listener != NULL));
    if (listener != NULL) assert_ok(zcn_listener_close(listener));
    zcn_listener_release(listener);
    return status;
}

static zcn_status try_connect(struct room *room, const char *address) {
    zcn_conn *conn = (zcn_conn *)room;
    const zcn_status status = zcn_connect(&conn, room->on.loop, address, room->framing, NULL);
    assert_true((status == ZCN_OK) == (conn != NULL));
    return status;
}

static zcn_error reason_of(const struct room *room) {
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_loop_get_error(room->on.loop, &error));
    return error;
}

static void test_address_wrong_texts_are_refused(void **state) {
    struct room *room = *state;
    char long_path[200];
    memset(long_path, 'x', sizeof long_path);
    memcpy(long_path, "unix:///", 8);
    long_path[7 + 108] = '\0';
    char long_name[200];
    memset(long_name, 'x', sizeof long_name);
    memcpy(long_name, "unix-abstract:", 14);
    long_name[14 + 108] = '\0';
    char long_text[1000];
    memset(long_text, 'x', sizeof long_text);
    memcpy(long_text, "tcp://", 6);
    memcpy(long_text + 993, ":80", 4);
    char long_host[300];
    memset(long_host, 'y', sizeof long_host);
    memcpy(long_host, "tcp://", 6);
    memcpy(long_host + 290, ":80", 4);
    const char *const wrong[] = {"",
                                 "127.0.0.1:80",
                                 "tcp",
                                 "tcp:",
                                 "tcp://",
                                 "tcp://:80",
                                 "tcp://127.0.0.1",
                                 "tcp://127.0.0.1:",
                                 "tcp://127.0.0.1:65536",
                                 "tcp://127.0.0.1:-1",
                                 "tcp://127.0.0.1:+1",
                                 "tcp://127.0.0.1:1x",
                                 "tcp://127.0.0.1: 1",
                                 "tcp://127.0.0.1:99999999999999999999",
                                 "tcp://::1:80",
                                 "tcp://[::1]",
                                 "tcp://[::1]80",
                                 "tcp://[::1:80",
                                 "tcp://[nonsense]:80",
                                 "tcp://[]:80",
                                 "TCP://127.0.0.1:80",
                                 "udp://127.0.0.1:80",
                                 "http://127.0.0.1:80",
                                 "unix:",
                                 "unix://",
                                 "unix://relative/path",
                                 "unix-abstract:",
                                 "unix-abstract",
                                 "fd:",
                                 "fd:-1",
                                 "fd:x",
                                 "fd:3x",
                                 "fd:99999999999",
                                 long_path,
                                 long_name,
                                 long_text,
                                 long_host};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        zcn_status status = try_listen(room, wrong[i], NULL);
        if (status != ZCN_EADDRESS) fail_msg("listening at \"%s\" gave %s", wrong[i], zcn_status_name(status));
        assert_status(reason_of(room).status, ZCN_EADDRESS);
        assert_true(strlen(reason_of(room).text) > 10);
        status = try_connect(room, wrong[i]);
        if (status != ZCN_EADDRESS) fail_msg("connecting to \"%s\" gave %s", wrong[i], zcn_status_name(status));
        assert_status(reason_of(room).status, ZCN_EADDRESS);
    }
    /* Good for listening only. */
    assert_status(try_connect(room, "tcp://*:80"), ZCN_EADDRESS);
    assert_status(try_connect(room, "tcp://127.0.0.1:0"), ZCN_EADDRESS);
    side_poll(&room->on, 0);
    assert_int_equal(room->on.got.count, 0);
}

/* An IPv4 peer of a socket for both families has an IPv6 name too. */
static void assert_same_place(const char *a, const char *b) {
    static const char mapped[] = "tcp://[::ffff:";
    char plain[128];
    if (strncmp(b, mapped, strlen(mapped)) == 0 && strncmp(a, mapped, strlen(mapped)) != 0) {
        const char *host = b + strlen(mapped);
        const char *end = strchr(host, ']');
        assert_non_null(end);
        snprintf(plain, sizeof plain, "tcp://%.*s%s", (int)(end - host), host, end + 1);
        b = plain;
    }
    assert_string_equal(a, b);
}

/* Connects to what a listener says, and exchanges a message. */
static void meet(struct room *room, const char *address) {
    zcn_conn *conn;
    collector_clear(&room->on.got);
    assert_ok(zcn_connect(&conn, room->on.loop, address, room->framing, NULL));
    assert_ok(zcn_conn_send_copy(conn, "hello", 5));
    PUMP_UNTIL(&room->on, NULL, count_of(&room->on.got, ZCN_EVENT_MESSAGE) == 1);
    assert_int_equal(count_for(&room->on.got, ZCN_EVENT_CONNECTED, conn), 1);
    const seen *event = nth_of(&room->on.got, ZCN_EVENT_MESSAGE, 0);
    assert_memory_equal(event->body, "hello", 5);
    /* Each end names the other as that one names itself. */
    char local[128];
    char peer[128];
    assert_ok(zcn_conn_local_address(conn, local, sizeof local));
    assert_ok(zcn_conn_peer_address(event->conn, peer, sizeof peer));
    assert_same_place(local, peer);
    assert_ok(zcn_conn_peer_address(conn, peer, sizeof peer));
    assert_ok(zcn_conn_local_address(event->conn, local, sizeof local));
    assert_same_place(peer, local);
    assert_ok(zcn_conn_close(conn));
    PUMP_UNTIL(&room->on, NULL, count_of(&room->on.got, ZCN_EVENT_CLOSED) == 2);
}

static void listen_and_meet(struct room *room, const char *address, const char *prefix) {
    char bound[128];
    zcn_listener *listener = listen_at(&room->on, address, room->framing, NULL, bound);
    if (strncmp(bound, prefix, strlen(prefix)) != 0) fail_msg("%s gave %s", address, bound);
    assert_int_not_equal(strcmp(strrchr(bound, ':'), ":0"), 0);
    meet(room, bound);
    assert_ok(zcn_listener_close(listener));
    zcn_listener_release(listener);
}

static void test_address_tcp_forms(void **state) {
    struct room *room = *state;
    listen_and_meet(room, "tcp://127.0.0.1:0", "tcp://127.0.0.1:");
    listen_and_meet(room, "tcp://localhost:0", "tcp://");
    char bound[128];
    zcn_listener *listener = listen_at(&room->on, "tcp://*:0", room->framing, NULL, bound);
    char local[140];
    snprintf(local, sizeof local, "tcp://127.0.0.1%s", strrchr(bound, ':'));
    meet(room, local);
    /* A name is looked up on the way. */
    snprintf(local, sizeof local, "tcp://localhost%s", strrchr(bound, ':'));
    meet(room, local);
    zcn_listener_release(listener);
}

static void test_address_tcp6_forms(void **state) {
    struct room *room = *state;
    if (!transport_works(OVER_TCP6)) skip();
    listen_and_meet(room, "tcp://[::1]:0", "tcp://[::1]:");
    listen_and_meet(room, "tcp://[0:0:0:0:0:0:0:1]:0", "tcp://[::1]:");
    zcn_listen_options options;
    zcn_listen_options_init(&options, sizeof options);
    for (uint32_t only = 0; only < 2; only++) {
        options.v6_only = only;
        char bound[128];
        zcn_listener *listener = listen_at(&room->on, "tcp://[::]:0", room->framing, &options, bound);
        char local[140];
        snprintf(local, sizeof local, "tcp://[::1]%s", strrchr(bound, ':'));
        meet(room, local);
        snprintf(local, sizeof local, "tcp://127.0.0.1%s", strrchr(bound, ':'));
        if (only) {
            collector_clear(&room->on.got);
            assert_ok(try_connect(room, local));
            PUMP_UNTIL(&room->on, NULL, count_of(&room->on.got, ZCN_EVENT_CLOSED) == 1);
            assert_status(nth_of(&room->on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EREFUSED);
        } else {
            meet(room, local);
        }
        zcn_listener_release(listener);
    }
}

static void test_address_unix_forms(void **state) {
    struct room *room = *state;
    char address[128];
    snprintf(address, sizeof address, "unix://%s/door", room->folder);
    char bound[128];
    zcn_listener *listener = listen_at(&room->on, address, room->framing, NULL, bound);
    assert_string_equal(bound, address);
    meet(room, bound);
    assert_int_equal(access(address + 7, F_OK), 0);
    assert_ok(zcn_listener_close(listener));
    assert_int_not_equal(access(address + 7, F_OK), 0);
    zcn_listener_release(listener);
    fresh_address(OVER_ABSTRACT, address, sizeof address);
    listener = listen_at(&room->on, address, room->framing, NULL, bound);
    assert_string_equal(bound, address);
    meet(room, bound);
    zcn_listener_release(listener);
    /* The longest there is. */
    memset(address, 'z', sizeof address);
    memcpy(address, "unix-abstract:", 14);
    snprintf(address + 14, 12, "%011d", (int)getpid());
    address[25] = 'z';
    address[14 + 107] = '\0';
    listener = listen_at(&room->on, address, room->framing, NULL, bound);
    assert_string_equal(bound, address);
    meet(room, bound);
    zcn_listener_release(listener);
}

static void test_address_fd_listens(void **state) {
    struct room *room = *state;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in loopback = {.sin_family = AF_INET};
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&loopback, sizeof loopback), 0);
    char address[32];
    snprintf(address, sizeof address, "fd:%d", fd);
    /* It does not listen yet: refused, and still the program's. */
    assert_status(try_listen(room, address, NULL), ZCN_EUNSUPPORTED);
    assert_int_equal(listen(fd, 5), 0);
    char bound[128];
    zcn_listener *listener = listen_at(&room->on, address, room->framing, NULL, bound);
    assert_int_equal(zcn_listener_fd(listener), fd);
    meet(room, bound);
    assert_ok(zcn_listener_close(listener));
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was the library's to close */
    zcn_listener_release(listener);
}

static void test_address_fd_connects(void **state) {
    struct room *room = *state;
    int ends[2];
    raw_pair(ends);
    char address[32];
    snprintf(address, sizeof address, "fd:%d", ends[0]);
    assert_ok(try_connect(room, address));
    raw_write_frame(ends[1], "hi", 2);
    PUMP_UNTIL(&room->on, NULL, count_of(&room->on.got, ZCN_EVENT_MESSAGE) == 1);
    assert_int_equal(count_of(&room->on.got, ZCN_EVENT_CONNECTED), 1);
    close(ends[1]);
    PUMP_UNTIL(&room->on, NULL, count_of(&room->on.got, ZCN_EVENT_CLOSED) == 1);
    /* No socket; a socket that is not connected; nothing at all. */
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int alone = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int unfit[] = {null, alone, 1000000};
    for (int i = 0; i < 3; i++) {
        snprintf(address, sizeof address, "fd:%d", unfit[i]);
        assert_status(try_connect(room, address), ZCN_EUNSUPPORTED);
    }
    assert_int_equal(close(null), 0);
    assert_int_equal(close(alone), 0);
}

static void test_address_in_use(void **state) {
    struct room *room = *state;
    char address[128];
    char bound[128];
    for (int i = 0; i < 3; i++) {
        const transport over = i == 0 ? OVER_TCP : OVER_ABSTRACT;
        fresh_address(over, address, sizeof address);
        if (i == 2) snprintf(address, sizeof address, "unix://%s/door", room->folder);
        zcn_listener *listener = listen_at(&room->on, address, room->framing, NULL, bound);
        assert_status(try_listen(room, bound, NULL), ZCN_EINUSE);
        assert_status(reason_of(room).status, ZCN_EINUSE);
        assert_int_equal(reason_of(room).sys_errno, EADDRINUSE);
        meet(room, bound);
        assert_ok(zcn_listener_close(listener));
        zcn_listener_release(listener);
        assert_ok(try_listen(room, bound, NULL));
    }
}

static void test_address_reuse_port(void **state) {
    struct room *room = *state;
    zcn_listen_options options;
    zcn_listen_options_init(&options, sizeof options);
    options.reuse_port = 1;
    char bound[128];
    zcn_listener *listener = listen_at(&room->on, "tcp://127.0.0.1:0", room->framing, &options, bound);
    assert_ok(try_listen(room, bound, &options));
    assert_status(try_listen(room, bound, NULL), ZCN_EINUSE);
    zcn_listener_release(listener);
}

static void test_address_nobody_listens(void **state) {
    struct room *room = *state;
    char bound[128];
    zcn_listener *listener = listen_at(&room->on, "tcp://127.0.0.1:0", room->framing, NULL, bound);
    assert_ok(zcn_listener_close(listener));
    zcn_listener_release(listener);
    char missing[128];
    snprintf(missing, sizeof missing, "unix://%s/nobody", room->folder);
    const char *const nowhere[] = {bound, missing, "unix-abstract:zcnet-test-nobody-at-all"};
    for (size_t i = 0; i < 3; i++) {
        collector_clear(&room->on.got);
        assert_ok(try_connect(room, nowhere[i]));
        PUMP_UNTIL(&room->on, NULL, count_of(&room->on.got, ZCN_EVENT_CLOSED) == 1);
        assert_status(nth_of(&room->on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EREFUSED);
        assert_int_equal(count_of(&room->on.got, ZCN_EVENT_CONNECTED), 0);
    }
}

static void test_address_name_without_address(void **state) {
    struct room *room = *state;
    /* No resolver is asked for a name of this form. */
    assert_ok(try_connect(room, "tcp://no..such..name:80"));
    PUMP_UNTIL(&room->on, NULL, count_of(&room->on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&room->on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ERESOLVE);
    assert_status(try_listen(room, "tcp://no..such..name:0", NULL), ZCN_ERESOLVE);
}

/* ---- socket files ---- */

static void make_stale(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void test_address_stale_socket_file_is_replaced(void **state) {
    struct room *room = *state;
    char address[128];
    snprintf(address, sizeof address, "unix://%s/stale", room->folder);
    make_stale(address + 7);
    zcn_listen_options options;
    zcn_listen_options_init(&options, sizeof options);
    options.keep_path = 1;
    assert_status(try_listen(room, address, &options), ZCN_EINUSE);
    char bound[128];
    zcn_listener *listener = listen_at(&room->on, address, room->framing, NULL, bound);
    meet(room, bound);
    assert_ok(zcn_listener_close(listener));
    zcn_listener_release(listener);
    assert_int_not_equal(access(address + 7, F_OK), 0);
    /* With keep_path it stays when the listener goes. */
    assert_ok(try_listen(room, address, &options));
    assert_int_equal(access(address + 7, F_OK), 0);
    assert_int_equal(unlink(address + 7), 0);
}

/* Only a socket file that nobody serves may go: never somebody's data. */
static void test_address_other_files_are_left_alone(void **state) {
    struct room *room = *state;
    char address[128];
    snprintf(address, sizeof address, "unix://%s/precious", room->folder);
    const int fd = open(address + 7, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "data", 4), 4);
    close(fd);
    assert_status(try_listen(room, address, NULL), ZCN_EINUSE);
    struct stat found;
    assert_int_equal(stat(address + 7, &found), 0);
    assert_int_equal(found.st_size, 4);
    assert_int_equal(unlink(address + 7), 0);
    assert_int_equal(mkdir(address + 7, 0700), 0);
    assert_status(try_listen(room, address, NULL), ZCN_EINUSE);
    assert_int_equal(rmdir(address + 7), 0);
}

/* What a second program has put at the same path meanwhile is not ours to remove. */
static void test_address_close_removes_its_own_file_only(void **state) {
    struct room *room = *state;
    char address[128];
    snprintf(address, sizeof address, "unix://%s/door", room->folder);
    char bound[128];
    zcn_listener *first = listen_at(&room->on, address, room->framing, NULL, bound);
    assert_int_equal(unlink(address + 7), 0);
    zcn_listener *second = listen_at(&room->on, address, room->framing, NULL, bound);
    assert_ok(zcn_listener_close(first));
    zcn_listener_release(first);
    assert_int_equal(access(address + 7, F_OK), 0);
    meet(room, bound);
    assert_ok(zcn_listener_close(second));
    zcn_listener_release(second);
}

static void test_address_socket_file_has_its_mode(void **state) {
    struct room *room = *state;
    char address[128];
    snprintf(address, sizeof address, "unix://%s/door", room->folder);
    zcn_listen_options options;
    zcn_listen_options_init(&options, sizeof options);
    options.unix_mode = 0610;
    char bound[128];
    zcn_listener *listener = listen_at(&room->on, address, room->framing, &options, bound);
    struct stat found;
    assert_int_equal(stat(address + 7, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0610);
    assert_ok(zcn_listener_close(listener));
    zcn_listener_release(listener);
    snprintf(address, sizeof address, "unix://%s/no/such/folder", room->folder);
    assert_status(try_listen(room, address, NULL), ZCN_ESYS);
    assert_int_equal(reason_of(room).sys_errno, ENOENT);
}

/* In a child without rights, since the test may run as root. */
static void test_address_without_permission(void **state) {
    struct room *room = *state;
    assert_int_equal(chmod(room->folder, 0500), 0);
    const pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && setuid(65534) != 0) _exit(77);
        char address[128];
        snprintf(address, sizeof address, "unix://%s/door", room->folder);
        zcn_loop *loop;
        zcn_listener *listener;
        zcn_framing *framing;
        if (zcn_loop_create(&loop, NULL) != ZCN_OK) _exit(2);
        if (zcn_framing_parse(&framing, PLAIN_FRAMING, NULL) != ZCN_OK) _exit(3);
        _exit(zcn_listen(&listener, loop, address, framing, NULL) == ZCN_EACCESS ? 0 : 4);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define WITH_ROOM(test) cmocka_unit_test_setup_teardown(test, open_room, close_room)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_ROOM(test_address_wrong_texts_are_refused),
        WITH_ROOM(test_address_tcp_forms),
        WITH_ROOM(test_address_tcp6_forms),
        WITH_ROOM(test_address_unix_forms),
        WITH_ROOM(test_address_fd_listens),
        WITH_ROOM(test_address_fd_connects),
        WITH_ROOM(test_address_in_use),
        WITH_ROOM(test_address_reuse_port),
        WITH_ROOM(test_address_nobody_listens),
        WITH_ROOM(test_address_name_without_address),
        WITH_ROOM(test_address_stale_socket_file_is_replaced),
        WITH_ROOM(test_address_other_files_are_left_alone),
        WITH_ROOM(test_address_close_removes_its_own_file_only),
        WITH_ROOM(test_address_socket_file_has_its_mode),
        WITH_ROOM(test_address_without_permission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
