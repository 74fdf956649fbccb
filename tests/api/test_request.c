/* SPDX-License-Identifier: MIT */
/* Requests: each ends once, with its answer, by its deadline, with its connection, or taken back. */
#include "support.h"

#define FOR_EVER ((int64_t)-1)
#define MILLISECOND ((int64_t)1000000)

static zcn_conn_options with_id(uint32_t width) {
    zcn_conn_options options;
    zcn_conn_options_init(&options, sizeof options);
    options.id_width = width;
    return options;
}

/* Two ends whose messages carry ids of 4 bytes in front. */
static void open_asking(pair *of, transport over) {
    const zcn_conn_options options = with_id(4);
    pair_open(of, over, PLAIN_FRAMING, &options, NULL);
}

static zcn_stats stats_of(zcn_conn *conn) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(conn, &stats));
    return stats;
}

/* Asks with a body of `size` bytes of the pattern that the token seeds. */
static void ask(zcn_conn *conn, size_t size, uint64_t token, int64_t timeout_ns) {
    uint8_t *body = exact_block(size, 0);
    fill_pattern(body, size, token);
    assert_ok(zcn_conn_request(conn, body, size, token, timeout_ns));
    free(body);
}

static uint64_t id_of(zcn_conn *conn, const seen *message) {
    uint64_t id = 0;
    assert_ok(zcn_conn_get_id(conn, message->body, message->size, &id));
    return id;
}

/* Answers the n-th message that the server has got with the bytes that it came with. */
static void answer_nth(pair *of, size_t n) {
    const seen *request = nth_of(&of->server.got, ZCN_EVENT_MESSAGE, n);
    assert_non_null(request);
    assert_ok(zcn_conn_answer(of->accepted, id_of(of->accepted, request), request->body, request->size));
}

static size_t messages(const side *on) { return count_of(&on->got, ZCN_EVENT_MESSAGE); }
static size_t unanswered(const side *on) { return count_of(&on->got, ZCN_EVENT_UNANSWERED); }

static void an_answer_finds_its_request_in_any_order(transport over) {
    enum { COUNT = 300 };
    pair both;
    open_asking(&both, over);
    for (uint64_t token = 1; token <= COUNT; token++) ask(both.dialled, 4 + token % 97, token, FOR_EVER);
    assert_int_equal(stats_of(both.dialled).requests_waiting, COUNT);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == COUNT);
    /* The last one first, and every second one in between. */
    for (size_t n = COUNT; n-- != 0;)
        if (n % 2 == 1) answer_nth(&both, n);
    for (size_t n = 0; n < COUNT; n += 2) answer_nth(&both, n);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.client) == COUNT);
    bool found[COUNT + 1] = {false};
    for (size_t n = 0; n < COUNT; n++) {
        const seen *answer = nth_of(&both.client.got, ZCN_EVENT_MESSAGE, n);
        assert_in_range(answer->token, 1, COUNT);
        assert_false(found[answer->token]);
        found[answer->token] = true;
        assert_int_equal(answer->size, 4 + answer->token % 97);
        uint8_t sent[128];
        fill_pattern(sent, sizeof sent, answer->token);
        assert_memory_equal(answer->body + 4, sent + 4, answer->size - 4);
    }
    const zcn_stats stats = stats_of(both.dialled);
    assert_int_equal(stats.requests, COUNT);
    assert_int_equal(stats.answers, COUNT);
    assert_int_equal(stats.unanswered, 0);
    assert_int_equal(stats.requests_waiting, 0);
    pair_close(&both);
}

static void a_message_that_answers_nothing_has_no_token(transport over) {
    pair both;
    open_asking(&both, over);
    ask(both.dialled, 20, 7, FOR_EVER);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 1);
    /* One without an id, one with the id that no request has, one too short for an id, and an answer twice. */
    const uint8_t nothing[8] = {0};
    assert_ok(zcn_conn_answer(both.accepted, 0, nothing, sizeof nothing));
    assert_ok(zcn_conn_answer(both.accepted, 0xFFFFFFFF, nothing, sizeof nothing));
    assert_ok(zcn_conn_send_copy(both.accepted, nothing, 3));
    assert_ok(zcn_conn_send_copy(both.accepted, NULL, 0));
    answer_nth(&both, 0);
    answer_nth(&both, 0);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.client) == 6);
    for (size_t n = 0; n < 6; n++)
        assert_int_equal(nth_of(&both.client.got, ZCN_EVENT_MESSAGE, n)->token, n == 4 ? 7 : 0);
    assert_int_equal(stats_of(both.dialled).answers, 1);
    pair_close(&both);
}

static void a_deadline_that_passes_is_told_and_the_late_answer_has_no_token(transport over) {
    pair both;
    open_asking(&both, over);
    ask(both.dialled, 16, 1, FOR_EVER);
    ask(both.dialled, 16, 2, 5 * MILLISECOND);
    ask(both.dialled, 16, 3, 0);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 3 && unanswered(&both.client) == 2);
    /* Where both are due by the time of the first poll, either may come first. */
    uint64_t tokens = 0;
    for (size_t n = 0; n < 2; n++) {
        const seen *ended = nth_of(&both.client.got, ZCN_EVENT_UNANSWERED, n);
        assert_int_equal(ended->status, ZCN_ETIMEDOUT);
        assert_ptr_equal(ended->conn, both.dialled);
        tokens |= (uint64_t)1 << ended->token;
    }
    assert_int_equal(tokens, 1 << 2 | 1 << 3);
    for (size_t n = 0; n < 3; n++) answer_nth(&both, n);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.client) == 3);
    for (size_t n = 0; n < 3; n++)
        assert_int_equal(nth_of(&both.client.got, ZCN_EVENT_MESSAGE, n)->token, n == 0 ? 1 : 0);
    const zcn_stats stats = stats_of(both.dialled);
    assert_int_equal(stats.unanswered, 2);
    assert_int_equal(stats.requests_waiting, 0);
    pair_close(&both);
}

/* The descriptor and the deadline of the loop tell a host of the request's deadline. */
static void a_host_is_told_when_the_next_request_is_due(transport over) {
    pair both;
    open_asking(&both, over);
    pump_idle(&both.server, &both.client);
    int64_t before, after;
    assert_ok(zcn_loop_next_deadline(both.client.loop, &before));
    ask(both.dialled, 16, 1, 3600000 * MILLISECOND);
    ask(both.dialled, 16, 2, 50 * MILLISECOND);
    pump_once(&both.client, NULL, deadline_after_ms(0)); /* what was queued is no work that is left */
    assert_ok(zcn_loop_next_deadline(both.client.loop, &after));
    assert_true(after <= 50 * MILLISECOND);
    assert_true(before > after);
    pair_close(&both);
}

static void one_that_is_taken_back_is_not_told(transport over) {
    pair both;
    open_asking(&both, over);
    uint64_t id;
    uint8_t body[12] = {0};
    assert_ok(zcn_conn_begin_request(both.dialled, 5, MILLISECOND, &id));
    assert_ok(zcn_conn_put_id(both.dialled, body, sizeof body, id));
    assert_ok(zcn_conn_send_copy(both.dialled, body, sizeof body));
    assert_ok(zcn_conn_end_request(both.dialled, id));
    assert_status(zcn_conn_end_request(both.dialled, id), ZCN_AGAIN);
    ask(both.dialled, 12, 6, MILLISECOND);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 2 && unanswered(&both.client) == 1);
    assert_int_equal(nth_of(&both.client.got, ZCN_EVENT_UNANSWERED, 0)->token, 6);
    assert_status(
        zcn_conn_end_request(both.dialled, id_of(both.accepted, nth_of(&both.server.got, ZCN_EVENT_MESSAGE, 1))),
        ZCN_AGAIN);
    answer_nth(&both, 0);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.client) == 1);
    assert_int_equal(nth_of(&both.client.got, ZCN_EVENT_MESSAGE, 0)->token, 0);
    pair_close(&both);
}

/* Every one that waits is told before the last word of its connection, also where they fill several arrays. */
static void the_end_of_the_connection_ends_its_requests(transport over) {
    enum { COUNT = 200 };
    const struct {
        bool abort;
        zcn_status told;
    } ends[] = {{false, ZCN_ECLOSED}, {true, ZCN_EABORTED}};
    for (size_t e = 0; e < 2; e++) {
        const zcn_conn_options options = with_id(4);
        zcn_loop_options small;
        zcn_loop_options_init(&small, sizeof small);
        small.event_capacity = 16;
        pair both;
        pair_open(&both, over, PLAIN_FRAMING, &options, &small);
        for (uint64_t token = 1; token <= COUNT; token++) ask(both.dialled, 8, token, FOR_EVER);
        PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == COUNT);
        answer_nth(&both, 0);
        PUMP_UNTIL(&both.server, &both.client, messages(&both.client) == 1);
        zcn_conn *conn = zcn_conn_retain(both.dialled);
        assert_ok(ends[e].abort ? zcn_conn_abort(conn) : zcn_conn_close(conn));
        PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_CLOSED) == 1);
        assert_int_equal(unanswered(&both.client), COUNT - 1);
        for (size_t n = 0; n + 1 < COUNT; n++) {
            const seen *told = nth_of(&both.client.got, ZCN_EVENT_UNANSWERED, n);
            assert_int_equal(told->token, n + 2);
            assert_int_equal(told->status, ends[e].told);
        }
        assert_int_equal(both.client.got.at[both.client.got.count - 1].type, ZCN_EVENT_CLOSED);
        uint64_t id;
        assert_status(zcn_conn_begin_request(conn, 1, FOR_EVER, &id), ZCN_ECLOSED);
        zcn_conn_release(conn);
        pair_close(&both);
    }
}

/* A peer that has ended answers no more, though the connection may still send to it. */
static void the_end_of_the_peer_ends_its_requests(transport over) {
    zcn_conn_options options = with_id(4);
    options.half_open = 1;
    pair both;
    pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
    ask(both.dialled, 8, 1, FOR_EVER);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 1);
    assert_ok(zcn_conn_shutdown(both.accepted));
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_PEER_CLOSED) == 1);
    PUMP_UNTIL(&both.server, &both.client, unanswered(&both.client) == 1);
    assert_int_equal(nth_of(&both.client.got, ZCN_EVENT_UNANSWERED, 0)->status, ZCN_EOF);
    uint64_t id;
    assert_status(zcn_conn_begin_request(both.dialled, 2, FOR_EVER, &id), ZCN_ECLOSED);
    assert_int_equal(id, 0);
    pair_close(&both);
}

/* The reason is that of the connection, also where that ends with its peer. */
static void requests_end_for_the_reason_of_their_connection(transport over) {
    pair both;
    open_asking(&both, over);
    ask(both.dialled, 8, 1, FOR_EVER);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 1);
    assert_ok(zcn_conn_close(both.accepted));
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&both.client.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_EOF);
    assert_int_equal(unanswered(&both.client), 1);
    assert_status(nth_of(&both.client.got, ZCN_EVENT_UNANSWERED, 0)->status, ZCN_EOF);
    pair_close(&both);
}

/* Nor does one that has left the framing, where the program is told so and goes on sending. */
static void wrong_input_ends_the_requests(transport over) {
    zcn_conn_options options = with_id(4);
    options.half_open = 2;
    pair both;
    pair_open(&both, over, "length,width=4,strip=4,max=1K", &options, NULL);
    ask(both.dialled, 8, 1, FOR_EVER);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 1);
    zcn_framing *raw = framing_of("raw");
    assert_ok(zcn_conn_set_send_framing(both.accepted, raw));
    zcn_framing_release(raw);
    assert_ok(zcn_conn_send_copy(both.accepted, "\xff\xff\xff\xff", 4));
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_PEER_CLOSED) == 1);
    PUMP_UNTIL(&both.server, &both.client, unanswered(&both.client) == 1);
    assert_int_equal(nth_of(&both.client.got, ZCN_EVENT_UNANSWERED, 0)->status, ZCN_EFRAME_TOO_LARGE);
    uint64_t id;
    assert_status(zcn_conn_begin_request(both.dialled, 2, FOR_EVER, &id), ZCN_ECLOSED);
    pair_close(&both);
}

/* Changes the framing behind the first answer, to the same one: the later ones come again. */
static void reframe_at_first_answer(side *self, const zcn_event *event) {
    if (event->type != ZCN_EVENT_MESSAGE || event->token != 1) return;
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    assert_ok(zcn_conn_set_framing(event->conn, event->msg, framing));
    zcn_framing_release(framing);
    collector_clear(&self->got);
}

static void an_answer_that_comes_again_finds_its_request_again(transport over) {
    pair both;
    open_asking(&both, over);
    for (uint64_t token = 1; token <= 3; token++) ask(both.dialled, 8, token, 3600000 * MILLISECOND);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 3);
    for (size_t n = 0; n < 3; n++) answer_nth(&both, n);
    both.client.on_event = reframe_at_first_answer;
    PUMP_UNTIL(&both.server, &both.client, messages(&both.client) == 2);
    for (size_t n = 0; n < 2; n++) assert_int_equal(nth_of(&both.client.got, ZCN_EVENT_MESSAGE, n)->token, n + 2);
    const zcn_stats stats = stats_of(both.dialled);
    assert_int_equal(stats.answers, 3);
    assert_int_equal(stats.requests_waiting, 0);
    pair_close(&both);
}

/* And its deadline, where it does not come again: under the new framing the bytes are no message yet. */
static void reframe_for_good(side *self, const zcn_event *event) {
    (void)self;
    if (event->type != ZCN_EVENT_MESSAGE || event->token != 1) return;
    zcn_framing *framing = framing_of("delimiter=\\xff\\xfe\\xfd,max=64K");
    assert_ok(zcn_conn_set_framing(event->conn, event->msg, framing));
    zcn_framing_release(framing);
}

static void an_answer_that_does_not_come_again_leaves_the_deadline(transport over) {
    pair both;
    open_asking(&both, over);
    ask(both.dialled, 8, 1, FOR_EVER);
    ask(both.dialled, 8, 2, 300 * MILLISECOND);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 2);
    for (size_t n = 0; n < 2; n++) answer_nth(&both, n);
    both.client.on_event = reframe_for_good;
    PUMP_UNTIL(&both.server, &both.client, unanswered(&both.client) == 1);
    const seen *told = nth_of(&both.client.got, ZCN_EVENT_UNANSWERED, 0);
    assert_int_equal(told->token, 2);
    assert_status(told->status, ZCN_ETIMEDOUT);
    pair_close(&both);
}

static void requests_go_along_to_another_loop(transport over) {
    pair both;
    open_asking(&both, over);
    side other;
    side_open(&other, NULL);
    ask(both.dialled, 8, 1, FOR_EVER);
    ask(both.dialled, 8, 2, 20 * MILLISECOND);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 2);
    zcn_conn *conn = both.dialled;
    assert_ok(zcn_conn_move(conn, other.loop));
    PUMP_UNTIL(&other, &both.client, unanswered(&other) == 1);
    assert_int_equal(nth_of(&other.got, ZCN_EVENT_UNANSWERED, 0)->token, 2);
    answer_nth(&both, 0);
    PUMP_UNTIL(&both.server, &other, messages(&other) == 1);
    assert_int_equal(nth_of(&other.got, ZCN_EVENT_MESSAGE, 0)->token, 1);
    assert_int_equal(unanswered(&both.client), 0);
    side_close(&other);
    pair_close(&both);
}

/* Ids where a protocol has them: at different places in requests and answers, in either order, of each width. */
static void ids_lie_where_the_options_say(transport over) {
    const uint32_t widths[] = {2, 4, 8};
    for (size_t w = 0; w < 3; w++) {
        for (uint32_t little = 0; little < 2; little++) {
            zcn_conn_options options = with_id(widths[w]);
            options.id_little_endian = little;
            options.id_offset = 5;
            options.send_id_offset = 3;
            pair both;
            pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
            uint64_t id;
            assert_ok(zcn_conn_begin_request(both.dialled, 9, FOR_EVER, &id));
            assert_int_equal(id, 1);
            const uint32_t width = widths[w];
            uint8_t *body = exact_block(3 + width, 0xEE);
            assert_ok(zcn_conn_put_id(both.dialled, body, 3 + width, id));
            for (uint32_t i = 0; i < width; i++) assert_int_equal(body[3 + i], i == (little != 0 ? 0 : width - 1));
            for (uint32_t i = 0; i < 3; i++) assert_int_equal(body[i], 0xEE);
            assert_status(zcn_conn_put_id(both.dialled, body, 2 + width, id), ZCN_EINVAL);
            free(body);
            /* An answer of a peer that puts its ids where this side looks for them. */
            uint8_t *answer = exact_block(5 + width, 0);
            answer[5 + (little != 0 ? 0 : width - 1)] = 1;
            assert_ok(zcn_conn_send_copy(both.accepted, answer, 5 + width));
            PUMP_UNTIL(&both.server, &both.client, messages(&both.client) == 1);
            assert_int_equal(nth_of(&both.client.got, ZCN_EVENT_MESSAGE, 0)->token, 9);
            uint64_t found;
            assert_ok(zcn_conn_get_id(both.dialled, answer, 5 + width, &found));
            assert_int_equal(found, 1);
            assert_status(zcn_conn_get_id(both.dialled, answer, 4 + width, &found), ZCN_EINVAL);
            assert_int_equal(found, 0);
            free(answer);
            if (width < 8) {
                uint8_t room[16] = {0};
                assert_status(zcn_conn_put_id(both.dialled, room, sizeof room, (uint64_t)1 << (8 * width)), ZCN_EINVAL);
                assert_status(zcn_conn_answer(both.dialled, (uint64_t)1 << (8 * width), room, sizeof room), ZCN_EINVAL);
            }
            pair_close(&both);
        }
    }
}

/* Many more requests than a small id has values: ids come again, never while they are in use. */
static void small_ids_come_round_again(transport over) {
    const zcn_conn_options options = with_id(2);
    pair both;
    pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
    uint64_t first;
    assert_ok(zcn_conn_begin_request(both.dialled, 1, FOR_EVER, &first));
    uint64_t before = first;
    const size_t rounds = effort(140000, 70000);
    for (size_t i = 0; i < rounds; i++) {
        uint64_t id;
        assert_ok(zcn_conn_begin_request(both.dialled, 2, FOR_EVER, &id));
        assert_in_range(id, 1, 0xFFFF);
        assert_int_not_equal(id, first);
        assert_int_not_equal(id, before);
        before = id;
        assert_ok(zcn_conn_end_request(both.dialled, id));
    }
    /* Half of them at a time and no more. */
    uint64_t id;
    for (size_t i = 1; i < 32767; i++) assert_ok(zcn_conn_begin_request(both.dialled, 3, FOR_EVER, &id));
    assert_status(zcn_conn_begin_request(both.dialled, 3, FOR_EVER, &id), ZCN_ENOBUFS);
    assert_int_equal(id, 0);
    assert_ok(zcn_conn_end_request(both.dialled, first));
    assert_ok(zcn_conn_begin_request(both.dialled, 3, FOR_EVER, &id));
    pair_close(&both);
}

static void no_more_wait_than_the_option_says(transport over) {
    zcn_conn_options options = with_id(8);
    options.max_requests = 10;
    pair both;
    pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
    for (uint64_t token = 1; token <= 10; token++) ask(both.dialled, 8, token, FOR_EVER);
    uint8_t body[8] = {0};
    assert_status(zcn_conn_request(both.dialled, body, sizeof body, 11, FOR_EVER), ZCN_ENOBUFS);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 10);
    answer_nth(&both, 4);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.client) == 1);
    ask(both.dialled, 8, 11, FOR_EVER);
    pair_close(&both);
}

/* What is refused leaves no request behind. */
static void a_send_that_fails_leaves_no_request(transport over) {
    zcn_conn_options options = with_id(4);
    options.high_water = 1000;
    pair both;
    pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
    ask(both.dialled, 2000, 1, FOR_EVER);
    uint8_t body[16] = {0};
    assert_status(zcn_conn_request(both.dialled, body, sizeof body, 2, FOR_EVER), ZCN_AGAIN);
    assert_int_equal(stats_of(both.dialled).requests_waiting, 1);
    assert_status(zcn_conn_request(both.dialled, body, 3, 3, FOR_EVER), ZCN_EINVAL);
    assert_int_equal(stats_of(both.dialled).requests_waiting, 1);
    pair_close(&both);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    zcn_conn_options options = with_id(4);
    pair both;
    pair_open(&both, OVER_SOCKETPAIR, PLAIN_FRAMING, &options, NULL);
    uint64_t id = 5;
    uint8_t body[8] = {0};
    zcn_conn *conn = both.dialled;
    assert_status(zcn_conn_begin_request(NULL, 1, 0, &id), ZCN_EINVAL);
    assert_int_equal(id, 0);
    assert_status(zcn_conn_begin_request(conn, 0, 0, &id), ZCN_EINVAL);
    assert_status(zcn_conn_begin_request(conn, 1, 0, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_end_request(NULL, 1), ZCN_EINVAL);
    assert_status(zcn_conn_end_request(conn, 1), ZCN_AGAIN);
    assert_status(zcn_conn_put_id(NULL, body, 8, 1), ZCN_EINVAL);
    assert_status(zcn_conn_put_id(conn, NULL, 8, 1), ZCN_EINVAL);
    assert_status(zcn_conn_get_id(NULL, body, 8, &id), ZCN_EINVAL);
    assert_status(zcn_conn_get_id(conn, NULL, 8, &id), ZCN_EINVAL);
    assert_status(zcn_conn_get_id(conn, body, 8, NULL), ZCN_EINVAL);
    assert_status(zcn_conn_request(NULL, body, 8, 1, 0), ZCN_EINVAL);
    assert_status(zcn_conn_request(conn, NULL, 8, 1, 0), ZCN_EINVAL);
    assert_status(zcn_conn_request(conn, body, 8, 0, 0), ZCN_EINVAL);
    assert_status(zcn_conn_answer(NULL, 1, body, 8), ZCN_EINVAL);
    assert_status(zcn_conn_answer(conn, 1, NULL, 8), ZCN_EINVAL);
    assert_status(zcn_conn_answer(conn, 1, body, 3), ZCN_EINVAL);
    pair_close(&both);
    /* Without the option there are no ids. */
    pair_open(&both, OVER_SOCKETPAIR, PLAIN_FRAMING, NULL, NULL);
    conn = both.dialled;
    assert_status(zcn_conn_begin_request(conn, 1, 0, &id), ZCN_EUNSUPPORTED);
    assert_status(zcn_conn_end_request(conn, 1), ZCN_EUNSUPPORTED);
    assert_status(zcn_conn_put_id(conn, body, 8, 1), ZCN_EUNSUPPORTED);
    assert_status(zcn_conn_get_id(conn, body, 8, &id), ZCN_EUNSUPPORTED);
    assert_status(zcn_conn_request(conn, body, 8, 1, 0), ZCN_EUNSUPPORTED);
    assert_status(zcn_conn_answer(conn, 1, body, 8), ZCN_EUNSUPPORTED);
    pair_close(&both);
    /* Options out of range. */
    side on;
    side_open(&on, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    const uint32_t wrong_widths[] = {1, 3, 5, 16, UINT32_MAX};
    for (size_t w = 0; w < sizeof wrong_widths / sizeof *wrong_widths; w++) {
        options = with_id(wrong_widths[w]);
        assert_status(zcn_connect(&conn, on.loop, "unix-abstract:nobody", framing, &options), ZCN_EINVAL);
    }
    options = with_id(4);
    options.id_little_endian = 2;
    assert_status(zcn_connect(&conn, on.loop, "unix-abstract:nobody", framing, &options), ZCN_EINVAL);
    options = with_id(4);
    options.reserved = 1;
    assert_status(zcn_connect(&conn, on.loop, "unix-abstract:nobody", framing, &options), ZCN_EINVAL);
    options = with_id(4);
    options.header_from = 100000;
    assert_status(zcn_connect(&conn, on.loop, "unix-abstract:nobody", framing, &options), ZCN_EINVAL);
    zcn_framing_release(framing);
    side_close(&on);
}

/* Asked before there is a connection: told when there will be none. */
static void requests_of_a_connection_that_never_stands_end(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    const zcn_conn_options options = with_id(4);
    char address[128];
    /* A name is looked up first, so that there is time to ask. */
    fresh_address(OVER_TCP, address, sizeof address);
    char bound[128];
    zcn_listener *gone = listen_at(&on, address, framing, NULL, bound);
    snprintf(address, sizeof address, "tcp://localhost:%s", strrchr(bound, ':') + 1);
    assert_ok(zcn_listener_close(gone));
    zcn_listener_release(gone);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_LISTENER_CLOSED) == 1);
    zcn_conn *conn;
    assert_ok(zcn_connect(&conn, on.loop, address, framing, &options));
    ask(conn, 8, 1, FOR_EVER);
    PUMP_UNTIL(&on, NULL, count_of(&on.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(unanswered(&on), 1);
    /* Nobody is there; or, on a system that does not know the name either, it has no address. */
    const zcn_status why = nth_of(&on.got, ZCN_EVENT_CLOSED, 0)->status;
    assert_true(why == ZCN_EREFUSED || why == ZCN_ERESOLVE);
    assert_int_equal(nth_of(&on.got, ZCN_EVENT_UNANSWERED, 0)->status, why);
    zcn_framing_release(framing);
    side_close(&on);
}

/* A loop that goes takes its requests along, and tells nobody. */
static void requests_end_with_their_loop(void **state) {
    (void)state;
    pair both;
    open_asking(&both, OVER_SOCKETPAIR);
    for (uint64_t token = 1; token <= 100; token++)
        ask(both.dialled, 8, token, token % 2 != 0 ? FOR_EVER : 3600000 * MILLISECOND);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.server) == 100);
    answer_nth(&both, 3);
    PUMP_UNTIL(&both.server, &both.client, messages(&both.client) == 1);
    pair_close(&both);
}

int main(void) {
    const transport_test tests[] = {
        TRANSPORT_TEST(an_answer_finds_its_request_in_any_order),
        TRANSPORT_TEST(a_message_that_answers_nothing_has_no_token),
        TRANSPORT_TEST(a_deadline_that_passes_is_told_and_the_late_answer_has_no_token),
        TRANSPORT_TEST(a_host_is_told_when_the_next_request_is_due),
        TRANSPORT_TEST(one_that_is_taken_back_is_not_told),
        TRANSPORT_TEST(the_end_of_the_connection_ends_its_requests),
        TRANSPORT_TEST(the_end_of_the_peer_ends_its_requests),
        TRANSPORT_TEST(requests_end_for_the_reason_of_their_connection),
        TRANSPORT_TEST(wrong_input_ends_the_requests),
        TRANSPORT_TEST(an_answer_that_comes_again_finds_its_request_again),
        TRANSPORT_TEST(an_answer_that_does_not_come_again_leaves_the_deadline),
        TRANSPORT_TEST(requests_go_along_to_another_loop),
        TRANSPORT_TEST(ids_lie_where_the_options_say),
        TRANSPORT_TEST(small_ids_come_round_again),
        TRANSPORT_TEST(no_more_wait_than_the_option_says),
        TRANSPORT_TEST(a_send_that_fails_leaves_no_request),
    };
    const struct CMUnitTest alone[] = {
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(requests_of_a_connection_that_never_stands_end),
        cmocka_unit_test(requests_end_with_their_loop),
    };
    const int failed = run_on_each_transport(tests, sizeof tests / sizeof *tests);
    return cmocka_run_group_tests(alone, NULL, NULL) != 0 ? 1 : failed;
}
