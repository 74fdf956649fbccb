/* SPDX-License-Identifier: MIT */
/* What a loop and its page of counters tell of relays. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mman.h>

#include "support_relay.h"
#include "support_stat.h"

static const uint32_t methods[] = {ZCN_RELAY_SPLICE, ZCN_RELAY_COPY};

static zcn_loop_relay_stats all_of(const relay_rig *rig) {
    zcn_loop_relay_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_loop_get_relay_stats(rig->on.loop, &stats));
    return stats;
}

/* The sum has what the relay has, whether it is open or has ended. */
static void assert_sum(const zcn_loop_relay_stats *sum, const zcn_relay_stats *of) {
    const zcn_relay_flow *there = &of->forward;
    const zcn_relay_flow *back = &of->backward;
    assert_int_equal(sum->forward_bytes, there->bytes_out);
    assert_int_equal(sum->backward_bytes, back->bytes_out);
    assert_int_equal(sum->spliced_bytes, there->spliced_bytes + back->spliced_bytes);
    assert_int_equal(sum->copied_bytes, there->copied_bytes + back->copied_bytes);
    assert_int_equal(sum->read_calls, there->read_calls + back->read_calls);
    assert_int_equal(sum->write_calls, there->write_calls + back->write_calls);
    assert_int_equal(sum->messages, there->messages + back->messages);
    assert_int_equal(sum->held_bytes, there->held_bytes + back->held_bytes);
    assert_int_equal(sum->lost_bytes, there->lost_bytes + back->lost_bytes);
    assert_int_equal(sum->tapped_bytes, there->tapped_bytes + back->tapped_bytes);
    assert_int_equal(sum->tap_missed_bytes, there->tap_missed_bytes + back->tap_missed_bytes);
}

static void the_sum_outlives_the_relay(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        zcn_framing *framing = framing_of(PLAIN_FRAMING);
        zcn_relay_options options = relay_options();
        options.method = methods[i];
        options.backward_framing = framing;
        relay_rig rig;
        rig_open(&rig, true, &options);
        const int tap = memfd_create("tap", MFD_CLOEXEC);
        assert_true(tap >= 0);
        assert_ok(zcn_relay_tap(rig.relay, ZCN_RELAY_FORWARD, tap, ZCN_TAP_WAIT, 0));
        rig_send(&rig, 0, 300000, 1);
        raw_write_frame(rig.peer[1], "answer", 6);
        raw_write_frame(rig.peer[1], "another", 7);
        const uint64_t deadline = deadline_after_ms(WAIT_MS);
        while (all_of(&rig).backward_bytes != 21 && !deadline_passed(deadline)) rig_poll(&rig, 1);
        zcn_loop_relay_stats sum = all_of(&rig);
        zcn_relay_stats one = rig_stats(&rig);
        assert_sum(&sum, &one);
        assert_int_equal(sum.forward_bytes, 300000);
        assert_int_equal(sum.tapped_bytes, 300000);
        assert_int_equal(sum.messages, 2);
        assert_int_equal(sum.open, 1);
        assert_int_equal(sum.ended, 0);
        assert_int_equal(sum.stalled, 0);

        for (int which = 0; which < 2; which++) assert_int_equal(shutdown(rig.peer[which], SHUT_WR), 0);
        rig_until_ended(&rig);
        for (int polls = 0; polls < 2; polls++) {
            sum = all_of(&rig);
            one = rig_stats(&rig);
            assert_sum(&sum, &one);
            assert_int_equal(sum.forward_bytes, 300000);
            assert_int_equal(sum.backward_bytes, 21);
            assert_int_equal(sum.open, 0);
            assert_int_equal(sum.ended, 1);
            assert_int_equal(sum.failed, 0);
            rig_poll(&rig, 0);
        }
        zcn_framing_release(framing);
        rig_close(&rig);
    }
}

/* Another relay of the rig's loop, with the programs' ends. */
static zcn_relay *join_pairs(relay_rig *rig, bool tcp, int peers[2]) {
    int first[2], second[2];
    relay_pair(tcp, first);
    relay_pair(tcp, second);
    zcn_relay *relay;
    assert_ok(zcn_relay_fds(&relay, rig->on.loop, first[1], second[1], NULL));
    peers[0] = first[0];
    peers[1] = second[0];
    return relay;
}

/* Bytes of several add up; what one held when it failed is lost, and it counts as failed. */
static void what_is_lost_is_kept_in_mind(void **state) {
    (void)state;
    relay_rig rig;
    rig_open(&rig, true, NULL);
    rig_send(&rig, 0, 1000, 1);
    int peers[2];
    (void)join_pairs(&rig, true, peers);
    raw_write(peers[1], "backward", 8);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (all_of(&rig).backward_bytes != 8 && !deadline_passed(deadline)) rig_poll(&rig, 1);
    assert_int_equal(all_of(&rig).open, 2);
    assert_int_equal(all_of(&rig).forward_bytes, 1000);

    const size_t poured = rig_pour(&rig, 0, 1, 64 << 20);
    const uint64_t held = rig_stats(&rig).forward.held_bytes;
    assert_true(held != 0);
    assert_int_equal(all_of(&rig).held_bytes, held);
    assert_ok(zcn_relay_abort(rig.relay));
    rig_until_ended(&rig);
    const zcn_loop_relay_stats sum = all_of(&rig);
    assert_int_equal(sum.open, 1);
    assert_int_equal(sum.ended, 1);
    assert_int_equal(sum.failed, 1);
    assert_int_equal(sum.held_bytes, 0);
    assert_int_equal(sum.lost_bytes, rig_stats(&rig).forward.lost_bytes);
    assert_true(sum.lost_bytes != 0);
    assert_in_range(sum.forward_bytes, 1000, 1000 + poured);
    close(peers[0]);
    close(peers[1]);
    rig_close(&rig);
}

/* The address that a peer of the relay has. */
static void name_of(int peer, char *name, size_t size) {
    struct sockaddr_in at = {0};
    socklen_t length = sizeof at;
    assert_int_equal(getsockname(peer, (struct sockaddr *)&at, &length), 0);
    snprintf(name, size, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
}

static uint64_t number_behind(const char *line, const char *name) {
    const char *found = strstr(line, name);
    const char *end = strchr(line, '\n');
    if (found == NULL || found > end) fail_msg("the line has no %s", name);
    return strtoull(found + strlen(name), NULL, 10);
}

/* At night: one relay stands still among many that do not. */
static void the_page_shows_who_stands_still(void **state) {
    (void)state;
    enum { IDLE = 20, LISTED = 16 };
    relay_rig rig;
    rig_open_loop(&rig);
    char address[128];
    fresh_address(OVER_ABSTRACT, address, sizeof address);
    zcn_listener_release(page_show(&rig.on, address));
    int peers[IDLE][2];
    for (size_t i = 0; i < IDLE; i++) {
        if (i == IDLE / 2) rig_watch(&rig, join_pairs(&rig, true, rig.peer));
        (void)join_pairs(&rig, false, peers[i]);
        raw_write(peers[i][0], "a", 1);
    }
    for (int which = 0; which < 2; which++)
        assert_int_equal(fcntl(rig.peer[which], F_SETFL, fcntl(rig.peer[which], F_GETFL) | O_NONBLOCK), 0);
    const size_t poured = rig_pour(&rig, 0, 1, 64 << 20);
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (all_of(&rig).stalled != 1 && !deadline_passed(deadline)) rig_poll(&rig, 20);

    char *page = page_read(&rig.on, address);
    const zcn_relay_flow flow = rig_stats(&rig).forward;
    assert_true(flow.held_bytes != 0 && flow.bytes_out < poured);
    assert_int_equal(page_value(page, "gauge", "relay_open"), IDLE + 1);
    assert_int_equal(page_value(page, "gauge", "relay_stalled"), 1);
    assert_int_equal(page_value(page, "gauge", "relay_held_bytes"), flow.held_bytes);
    assert_int_equal(page_value(page, "counter", "relay_forward_bytes"), flow.bytes_out + IDLE);
    assert_int_equal(page_value(page, "counter", "relay_ended"), 0);
    size_t listed = 0;
    for (const char *at = strstr(page, "\nrelay "); at != NULL; at = strstr(at + 1, "\nrelay ")) listed++;
    assert_int_equal(listed, LISTED);
    const char *worst = strstr(page, "\nrelay ") + 1;
    char names[2][64], start[160];
    for (int which = 0; which < 2; which++) name_of(rig.peer[which], names[which], sizeof names[which]);
    snprintf(start, sizeof start, "relay %s %s ", names[0], names[1]);
    assert_memory_equal(worst, start, strlen(start));
    assert_int_equal(number_behind(worst, " forward_held_bytes "), flow.held_bytes);
    assert_int_equal(number_behind(worst, " forward_bytes "), flow.bytes_out);
    assert_int_equal(number_behind(worst, " backward_held_bytes "), 0);
    assert_int_equal(number_behind(worst, " forward_ended "), 0);
    assert_true(number_behind(worst, " quiet_ms ") >= 1000);
    free(page);

    /* Its receiver wakes up. */
    bytes got = {0};
    assert_int_equal(shutdown(rig.peer[0], SHUT_WR), 0);
    assert_int_equal(rig_read_to_end(&rig, 1, &got), 0);
    assert_int_equal(got.size, poured);
    bytes_clear(&got);
    page = page_read(&rig.on, address);
    assert_int_equal(page_value(page, "gauge", "relay_stalled"), 0);
    assert_int_equal(page_value(page, "gauge", "relay_held_bytes"), 0);
    assert_int_equal(page_value(page, "counter", "relay_forward_bytes"), poured + IDLE);
    const char *half = strstr(page, start);
    assert_non_null(half);
    assert_int_equal(number_behind(half, " forward_ended "), 1);
    assert_int_equal(number_behind(half, " backward_ended "), 0);
    free(page);

    assert_int_equal(shutdown(rig.peer[1], SHUT_WR), 0);
    rig_until_ended(&rig);
    page = page_read(&rig.on, address);
    assert_null(strstr(page, start));
    assert_int_equal(page_value(page, "gauge", "relay_open"), IDLE);
    assert_int_equal(page_value(page, "counter", "relay_ended"), 1);
    assert_int_equal(page_value(page, "counter", "relay_failed"), 0);
    assert_int_equal(page_value(page, "counter", "relay_forward_bytes"), poured + IDLE);
    free(page);
    for (size_t i = 0; i < IDLE; i++)
        for (size_t which = 0; which < 2; which++) close(peers[i][which]);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_outlives_the_relay),
        cmocka_unit_test(what_is_lost_is_kept_in_mind),
        cmocka_unit_test(the_page_shows_who_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
