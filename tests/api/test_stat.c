/* SPDX-License-Identifier: MIT */
/* The page of counters that a loop shows on a Unix socket. */
#include "support_stat.h"

static void the_page_says_what_the_calls_say(void **state) {
    (void)state;
    const transport places[] = {OVER_UNIX, OVER_ABSTRACT};
    for (size_t p = 0; p < 2; p++) {
        pair both;
        pair_open(&both, OVER_TCP, PLAIN_FRAMING, NULL, NULL);
        char address[128];
        fresh_address(places[p], address, sizeof address);
        zcn_listener *listener = page_show(&both.server, address);
        assert_ok(zcn_conn_send(both.dialled, pattern_unit(NULL, NULL, 1000, 1)));
        PUMP_UNTIL(&both.server, &both.client, count_of(&both.server.got, ZCN_EVENT_MESSAGE) == 1);
        const size_t told = both.server.got.count;

        char *page = page_read(&both.server, address);
        zcn_loop_stats stats = {.struct_size = sizeof stats};
        zcn_pool *pool;
        zcn_pool_stats in_pool = {.struct_size = sizeof in_pool};
        assert_ok(zcn_loop_get_stats(both.server.loop, &stats));
        assert_ok(zcn_pool_default(&pool));
        assert_ok(zcn_pool_get_stats(pool, &in_pool));
        char first[64];
        snprintf(first, sizeof first, "zcnet %s\n", zcn_version_text());
        assert_memory_equal(page, first, strlen(first));
        assert_string_equal(page + strlen(page) - 5, "\nend\n");
        assert_int_equal(page_value(page, "gauge", "loop_connections"), 1);
        assert_int_equal(page_value(page, "counter", "total_messages_in"), 1);
        assert_int_equal(page_value(page, "counter", "total_bytes_in"), 1004);
        assert_int_equal(page_value(page, "counter", "loop_accepted"), stats.accepted);
        assert_in_range(page_value(page, "counter", "loop_polls"), 1, stats.polls);
        assert_int_equal(page_value(page, "gauge", "pool_block_size"), in_pool.block_size);
        assert_int_equal(page_value(page, "gauge", "pool_reserved_bytes"), in_pool.reserved_bytes);
        char peer[128];
        char conn[256];
        assert_ok(zcn_conn_peer_address(both.accepted, peer, sizeof peer));
        snprintf(conn, sizeof conn, "\nconn %s state 2 queued_bytes 0 unfinished_bytes 0 bytes_in 1004 ", peer);
        assert_non_null(strstr(page, conn));
        free(page);

        /* The program is told nothing of it, and it is no connection. */
        assert_int_equal(both.server.got.count, told);
        zcn_listener_stats counted = {.struct_size = sizeof counted};
        assert_ok(zcn_listener_get_stats(listener, &counted));
        assert_int_equal(counted.accepted, 1);
        assert_int_equal(counted.open, 0);
        assert_ok(zcn_listener_close(listener));
        zcn_listener_release(listener);
        PUMP_UNTIL(&both.server, NULL, count_of(&both.server.got, ZCN_EVENT_LISTENER_CLOSED) == 1);
        pair_close(&both);
    }
}

/* Those that hold most come first, and no more of them than a page has room for. */
static void the_worst_connections_are_listed(void **state) {
    (void)state;
    enum { COUNT = 40, LISTED = 16 };
    side on;
    side_open(&on, NULL);
    char address[128];
    fresh_address(OVER_ABSTRACT, address, sizeof address);
    zcn_listener_release(page_show(&on, address));
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    int peers[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        int ends[2];
        raw_pair(ends);
        peers[i] = ends[1];
        zcn_conn *conn;
        assert_ok(zcn_conn_adopt(&conn, on.loop, ends[0], framing, NULL));
        /* The start of a message of 1 MiB: so many bytes are not complete. */
        uint8_t start[4 + COUNT] = {0, 16, 0, 0};
        raw_write(ends[1], start, 4 + i);
    }
    pump_idle(&on, NULL);
    char *page = page_read(&on, address);
    size_t listed = 0;
    for (const char *at = strstr(page, "\nconn "); at != NULL; at = strstr(at + 1, "\nconn ")) {
        const char *unfinished = strstr(at, "unfinished_bytes ");
        assert_non_null(unfinished);
        assert_int_equal(strtoull(unfinished + strlen("unfinished_bytes "), NULL, 10), 4 + COUNT - 1 - listed);
        listed++;
    }
    assert_int_equal(listed, LISTED);
    free(page);
    for (size_t i = 0; i < COUNT; i++) close(peers[i]);
    zcn_framing_release(framing);
    side_close(&on);
}

/* A peer chooses the name of its own end of a local socket, and must not write lines of the page with it. */
static void a_peer_cannot_write_lines_of_the_page(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    char address[128], stat_address[128], bound[128];
    fresh_address(OVER_ABSTRACT, stat_address, sizeof stat_address);
    zcn_listener_release(page_show(&on, stat_address));
    fresh_address(OVER_UNIX, address, sizeof address);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    zcn_listener *listener = listen_at(&on, address, framing, NULL, bound);
    const int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const int size = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%d\ncounter loop_polls 7\nend\n", getpid());
    assert_int_equal(bind(peer, (struct sockaddr *)&name, (socklen_t)(sizeof(sa_family_t) + 1 + (size_t)size)), 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    memcpy(to.sun_path, address + strlen("unix://"), strlen(address + strlen("unix://")));
    assert_int_equal(connect(peer, (struct sockaddr *)&to, sizeof to), 0);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_ACCEPTED) == 1);
    char *page = page_read(&on, stat_address);
    (void)page_value(page, "counter", "loop_polls");
    assert_ptr_equal(strstr(page, "\nend\n"), page + strlen(page) - 5);
    free(page);
    close(peer);
    zcn_listener_release(listener);
    zcn_framing_release(framing);
    side_close(&on);
}

static void the_socket_file_is_for_its_user_alone(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    char address[128];
    fresh_address(OVER_UNIX, address, sizeof address);
    zcn_listener *listener = page_show(&on, address);
    struct stat file;
    assert_int_equal(stat(address + strlen("unix://"), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    char bound[128];
    assert_ok(zcn_listener_address(listener, bound, sizeof bound));
    assert_string_equal(bound, address);
    zcn_listener_release(listener);
    /* It goes with the loop, as it closes. */
    assert_ok(zcn_loop_close(on.loop));
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_LISTENER_CLOSED) == 1);
    assert_int_equal(stat(address + strlen("unix://"), &file), -1);
    side_close(&on);
}

/* Numbers of descriptors below `most` only, from now on; returns what it was. */
static struct rlimit limit_descriptors(int most) {
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit now = {(rlim_t)most, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

/* Valgrind takes a connection off the queue, finds that its number is not allowed, and closes it. */
static void needs_the_real_limit(void) {
    if (!under_valgrind()) return;
    print_message("Valgrind has a limit of descriptors of its own making\n");
    skip();
}

static int next_descriptor(void) {
    const int next = dup(STDIN_FILENO);
    assert_true(next >= 0);
    close(next);
    return next;
}

/* That is when one looks. */
static void without_descriptors_the_page_comes_all_the_same(void **state) {
    (void)state;
    needs_the_real_limit();
    enum { VISITORS = 5 };
    side on;
    side_open(&on, NULL);
    char address[128];
    fresh_address(OVER_ABSTRACT, address, sizeof address);
    zcn_listener *listener = page_show(&on, address);
    int visitors[VISITORS];
    bytes pages[VISITORS] = {{0}};
    int failures[VISITORS];
    for (size_t i = 0; i < VISITORS; i++) visitors[i] = raw_connect(address);
    const struct rlimit before = limit_descriptors(next_descriptor());
    for (size_t i = 0; i < VISITORS; i++) failures[i] = raw_read_to_end(visitors[i], &on, &pages[i]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < VISITORS; i++) {
        assert_int_equal(failures[i], 0);
        assert_in_range(pages[i].size, 5, 1 << 20);
        assert_memory_equal(pages[i].data + pages[i].size - 5, "\nend\n", 5);
        bytes_clear(&pages[i]);
        close(visitors[i]);
    }
    zcn_listener_stats counted = {.struct_size = sizeof counted};
    assert_ok(zcn_listener_get_stats(listener, &counted));
    assert_int_equal(counted.accepted, VISITORS);
    assert_int_equal(counted.dropped, 0);
    assert_int_equal(counted.limited, 0);
    assert_int_equal(on.got.count, 0);
    zcn_listener_release(listener);
    side_close(&on);
}

/* The spare descriptor is no help when its number may not be used. The program knows no listener that an event could be
 * of; the counters tell. What was lost then is there again for the next time. */
static void without_a_spare_descriptor_the_page_comes_later(void **state) {
    (void)state;
    needs_the_real_limit();
    side on;
    side_open(&on, NULL);
    char address[128];
    fresh_address(OVER_ABSTRACT, address, sizeof address);
    zcn_listener *listener = page_show(&on, address);
    const int visitors[2] = {raw_connect(address), raw_connect(address)};
    const struct rlimit before = limit_descriptors(0);
    zcn_listener_stats counted = {.struct_size = sizeof counted};
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (counted.limited == 0 && !deadline_passed(deadline)) {
        side_poll(&on, 1000000);
        if (zcn_listener_get_stats(listener, &counted) != ZCN_OK) break;
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(counted.limited, 1);
    assert_int_equal(counted.accepted, 0);
    assert_int_equal(on.got.count, 0);

    bytes page = {0};
    assert_int_equal(raw_read_to_end(visitors[0], &on, &page), 0);
    assert_memory_equal(page.data, "zcnet ", 6);
    bytes_clear(&page);
    assert_int_equal(raw_read_to_end(visitors[1], &on, &page), 0);
    bytes_clear(&page);
    const int late = raw_connect(address);
    (void)limit_descriptors(next_descriptor());
    const int failure = raw_read_to_end(late, &on, &page);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(failure, 0);
    assert_true(page.size != 0);
    bytes_clear(&page);
    for (size_t i = 0; i < 2; i++) close(visitors[i]);
    close(late);
    zcn_listener_release(listener);
    side_close(&on);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    zcn_listener *listener = (zcn_listener *)&on;
    assert_status(zcn_listen_stat(NULL, on.loop, "unix-abstract:x"), ZCN_EINVAL);
    assert_status(zcn_listen_stat(&listener, NULL, "unix-abstract:x"), ZCN_EINVAL);
    assert_null(listener);
    assert_status(zcn_listen_stat(&listener, on.loop, NULL), ZCN_EINVAL);
    const char *const elsewhere[] = {"tcp://127.0.0.1:0", "tcp://[::1]:0", "fd:0", "nowhere", ""};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        assert_status(zcn_listen_stat(&listener, on.loop, elsewhere[i]), ZCN_EADDRESS);
        assert_null(listener);
        zcn_error error = {.struct_size = sizeof error};
        assert_ok(zcn_loop_get_error(on.loop, &error));
        assert_int_equal(error.status, ZCN_EADDRESS);
        assert_true(error.text[0] != '\0');
    }
    char address[128];
    fresh_address(OVER_ABSTRACT, address, sizeof address);
    zcn_listener_release(page_show(&on, address));
    assert_status(zcn_listen_stat(&listener, on.loop, address), ZCN_EINUSE);
    assert_ok(zcn_loop_close(on.loop));
    assert_status(zcn_listen_stat(&listener, on.loop, address), ZCN_ECLOSED);
    side_close(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_says_what_the_calls_say),
        cmocka_unit_test(the_worst_connections_are_listed),
        cmocka_unit_test(a_peer_cannot_write_lines_of_the_page),
        cmocka_unit_test(the_socket_file_is_for_its_user_alone),
        cmocka_unit_test(without_descriptors_the_page_comes_all_the_same),
        cmocka_unit_test(without_a_spare_descriptor_the_page_comes_later),
        cmocka_unit_test(bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
