/* SPDX-License-Identifier: MIT */
/*
 * Receivers that lag behind: what each policy drops, that nothing half sent is dropped, that everything is counted,
 * and one unit for many connections.
 */
#include "support.h"

#define HIGH_WATER 20000
#define BODY 1000

/* Messages are numbered: the first four bytes of a body. */
struct lagging {
    side on;
    zcn_framing *framing;
    zcn_conn *conn;
    int peer; /* reads nothing before the test does */
    uint32_t next;
    uint8_t fate[4000];      /* by number: how often it was told as sent (1) and as dropped (16) */
    uint32_t releases[4000]; /* of foreign memory, by number */
};

static struct lagging lagging;

static void note_token(side *self, const zcn_event *event) {
    struct lagging *of = self->context;
    if (event->type != ZCN_EVENT_SENT) return;
    for (uint64_t i = 0; i < event->size; i++) {
        assert_true(event->token + i < of->next);
        if (event->status == ZCN_EDROPPED) {
            of->fate[event->token + i] += 16;
        } else {
            assert_status(event->status, ZCN_OK);
            of->fate[event->token + i] += 1;
        }
    }
}

static void lag_options(zcn_conn_options *options, uint32_t lag) {
    zcn_conn_options_init(options, sizeof *options);
    options->lag = lag;
    options->high_water = HIGH_WATER;
    options->send_buffer = 4096;
}

static struct lagging *lag_open(uint32_t lag, const char *framing_text) {
    struct lagging *of = &lagging;
    memset(of, 0, sizeof *of);
    side_open(&of->on, NULL);
    of->on.on_event = note_token;
    of->on.context = of;
    of->framing = framing_of(framing_text);
    int ends[2];
    raw_pair(ends);
    zcn_conn_options options;
    lag_options(&options, lag);
    assert_ok(zcn_conn_adopt(&of->conn, of->on.loop, ends[0], of->framing, &options));
    zcn_conn_retain(of->conn);
    of->peer = ends[1];
    PUMP_UNTIL(&of->on, NULL, count_of(&of->on.got, ZCN_EVENT_CONNECTED) == 1);
    return of;
}

static void lag_close(struct lagging *of) {
    close(of->peer);
    zcn_conn_release(of->conn);
    zcn_framing_release(of->framing);
    side_close(&of->on);
}

static zcn_stats stats_of(const zcn_conn *conn) {
    zcn_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_conn_get_stats(conn, &stats));
    return stats;
}

static void number_body(uint8_t *body, uint32_t number) {
    memset(body, (int)number & 0x7F, BODY);
    memcpy(body, &number, sizeof number);
}

static void count_release(void *context, const void *data, uint64_t size) {
    assert_int_equal(size, BODY);
    ++*(uint32_t *)context;
    free((void *)data);
}

/* One numbered message with a token, by a way that goes round: pool memory, foreign memory, sealed for another framing,
 * copied. Copies have no token: their fate is counted only. */
static zcn_status send_numbered(struct lagging *of, const zcn_framing *other, int way) {
    const uint32_t number = of->next++;
    zcn_unit *unit = NULL;
    void *data = NULL;
    zcn_status status = ZCN_OK;
    if (way == 3) {
        uint8_t body[BODY];
        number_body(body, number);
        of->fate[number] = 128;
        return zcn_conn_send_copy(of->conn, body, BODY);
    }
    if (way == 1) {
        data = malloc(BODY);
        assert_ok(zcn_unit_create(&unit, NULL));
        assert_ok(zcn_unit_append_ref(unit, data, BODY, count_release, &of->releases[number]));
    } else {
        assert_ok(zcn_unit_alloc(&unit, &data, NULL, of->framing, BODY));
    }
    number_body(data, number);
    assert_ok(zcn_unit_set_token(unit, number));
    if (way == 2) assert_ok(zcn_unit_seal(unit, other));
    status = way == 4 ? zcn_conn_post(of->conn, unit) : zcn_conn_send(of->conn, unit);
    if (status != ZCN_OK) zcn_unit_release(unit);
    /* What is posted is queued by the next poll. */
    if (way == 4) side_poll(&of->on, 0);
    return status;
}

/* Reads everything and checks it: whole frames, numbers that rise, bodies as they were sent. Returns how many. */
static uint32_t read_frames(struct lagging *of, uint8_t *arrived) {
    bytes got = {0};
    assert_int_equal(raw_read_to_end(of->peer, &of->on, &got), 0);
    uint32_t count = 0;
    int64_t last = -1;
    for (size_t at = 0; at < got.size; at += 4 + BODY) {
        assert_true(got.size - at >= 4 + BODY);
        const uint8_t *frame = got.data + at;
        assert_int_equal((uint32_t)frame[0] << 24 | (uint32_t)frame[1] << 16 | (uint32_t)frame[2] << 8 | frame[3],
                         BODY);
        uint32_t number;
        memcpy(&number, frame + 4, sizeof number);
        assert_true((int64_t)number > last && number < of->next);
        for (size_t i = 4; i < BODY; i++) assert_int_equal(frame[4 + i], number & 0x7F);
        last = number;
        arrived[number] = 1;
        count++;
    }
    bytes_clear(&got);
    return count;
}

/* Sends many more than fit, with polls between them, then lets the peer read. Every message arrives or is counted as
 * dropped, once; tokens and foreign memory end once. */
static uint32_t flood(struct lagging *of, uint8_t *arrived, uint32_t count, int ways) {
    zcn_framing *other = framing_of("length,width=2,order=little");
    for (uint32_t i = 0; i < count; i++) {
        assert_ok(send_numbered(of, other, ways == 1 ? 0 : (int)(i % (uint32_t)ways)));
        assert_true(stats_of(of->conn).queued_bytes <= HIGH_WATER + 2 * (BODY + 4));
        if (i % 7 == 0) side_poll(&of->on, 0);
    }
    side_poll(&of->on, 0);
    assert_ok(zcn_conn_close(of->conn));
    const uint32_t got = read_frames(of, arrived);
    PUMP_UNTIL(&of->on, NULL, count_of(&of->on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&of->on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_OK);
    const zcn_stats stats = stats_of(of->conn);
    assert_int_equal(stats.messages_dropped + got, count);
    assert_int_equal(stats.bytes_dropped, stats.messages_dropped * (BODY + 4));
    assert_true(stats.messages_dropped > 0);
    for (uint32_t i = 0; i < count; i++) {
        if (of->fate[i] != 128) assert_int_equal(of->fate[i], arrived[i] != 0 ? 1 : 16);
        if (ways > 1 && i % (uint32_t)ways == 1) assert_int_equal(of->releases[i], 1);
    }
    assert_int_equal(count_of(&of->on.got, ZCN_EVENT_WRITABLE), 0);
    zcn_framing_release(other);
    return got;
}

static uint8_t arrived[4000];

static void test_lag_drops_the_newest(void **state) {
    (void)state;
    memset(arrived, 0, sizeof arrived);
    struct lagging *of = lag_open(ZCN_LAG_DROP_NEWEST, PLAIN_FRAMING);
    const uint32_t got = flood(of, arrived, 300, 5);
    /* Nobody read meanwhile: those that came first are there without a gap. */
    for (uint32_t i = 0; i < 20; i++) assert_true(arrived[i]);
    assert_false(arrived[299]);
    assert_true(got < 100);
    lag_close(of);
}

static void test_lag_drops_the_oldest(void **state) {
    (void)state;
    memset(arrived, 0, sizeof arrived);
    struct lagging *of = lag_open(ZCN_LAG_DROP_OLDEST, PLAIN_FRAMING);
    (void)flood(of, arrived, 300, 5);
    /* What had begun, and the last ones. */
    assert_true(arrived[0]);
    for (uint32_t i = 285; i < 300; i++) assert_true(arrived[i]);
    assert_false(arrived[150]);
    lag_close(of);
}

static void test_lag_keeps_the_latest(void **state) {
    (void)state;
    memset(arrived, 0, sizeof arrived);
    struct lagging *of = lag_open(ZCN_LAG_KEEP_LATEST, PLAIN_FRAMING);
    (void)flood(of, arrived, 300, 1);
    assert_true(arrived[0]);
    assert_true(arrived[299]);
    assert_false(arrived[150]);
    lag_close(of);
}

static void test_lag_disconnects(void **state) {
    (void)state;
    struct lagging *of = lag_open(ZCN_LAG_DISCONNECT, PLAIN_FRAMING);
    zcn_status status = ZCN_OK;
    uint32_t sent = 0;
    for (; sent < 300 && status == ZCN_OK; sent++) {
        status = send_numbered(of, NULL, 3);
        side_poll(&of->on, 0);
    }
    assert_status(status, ZCN_ECLOSED);
    assert_true(sent > HIGH_WATER / (BODY + 4));
    assert_status(send_numbered(of, NULL, 3), ZCN_ECLOSED);
    PUMP_UNTIL(&of->on, NULL, count_of(&of->on.got, ZCN_EVENT_CLOSED) == 1);
    assert_status(nth_of(&of->on.got, ZCN_EVENT_CLOSED, 0)->status, ZCN_ELAGGED);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_conn_get_error(of->conn, &error));
    assert_status(error.status, ZCN_ELAGGED);
    assert_non_null(strstr(error.text, "lags behind"));
    lag_close(of);
}

static void test_lag_refuses_by_default(void **state) {
    (void)state;
    struct lagging *of = lag_open(ZCN_LAG_REFUSE, PLAIN_FRAMING);
    zcn_status status = ZCN_OK;
    for (uint32_t i = 0; i < 300 && status == ZCN_OK; i++) {
        status = send_numbered(of, NULL, 3);
        side_poll(&of->on, 0);
    }
    assert_status(status, ZCN_AGAIN);
    assert_int_equal(stats_of(of->conn).messages_dropped, 0);
    zcn_conn_abort(of->conn);
    PUMP_UNTIL(&of->on, NULL, count_of(&of->on.got, ZCN_EVENT_CLOSED) == 1);
    lag_close(of);
}

/* What the framing cannot carry is an error and costs no other message its place; reserved room is not to be had. */
static void test_lag_what_is_refused(void **state) {
    (void)state;
    zcn_conn_options options;
    zcn_conn *conn = NULL;
    struct lagging *of = lag_open(ZCN_LAG_KEEP_LATEST, "length,width=4,strip=4,max=2K");
    for (uint32_t i = 0; i < 40; i++) assert_ok(send_numbered(of, NULL, 0));
    const zcn_stats before = stats_of(of->conn);
    zcn_unit *unit = pattern_unit(NULL, NULL, 4000, 1);
    assert_status(zcn_conn_send(of->conn, unit), ZCN_EFRAME_TOO_LARGE);
    zcn_unit_release(unit);
    static uint8_t body[4000];
    assert_status(zcn_conn_send_copy(of->conn, body, sizeof body), ZCN_EFRAME_TOO_LARGE);
    assert_int_equal(stats_of(of->conn).messages_dropped, before.messages_dropped);
    assert_int_equal(stats_of(of->conn).queued_bytes, before.queued_bytes);
    void *data = NULL;
    uint64_t room = 0;
    assert_status(zcn_conn_reserve(of->conn, &data, &room, 10), ZCN_EUNSUPPORTED);
    lag_options(&options, ZCN_LAG_DISCONNECT + 1);
    assert_status(zcn_connect(&conn, of->on.loop, "tcp://127.0.0.1:1", of->framing, &options), ZCN_EINVAL);
    lag_close(of);
}

/* A release function that sends and flushes on the connection whose message is being dropped. */
struct sender {
    struct lagging *of;
    uint32_t called;
    uint32_t refused;
};

static void send_more(void *context, const void *data, uint64_t size) {
    struct sender *sender = context;
    (void)data, (void)size;
    if (sender->called++ > 50) return;
    sender->refused += zcn_conn_send_copy(sender->of->conn, "more", 4) != ZCN_OK;
    (void)zcn_conn_flush(sender->of->conn);
}

static void test_lag_release_functions_may_send(void **state) {
    (void)state;
    struct lagging *of = lag_open(ZCN_LAG_DROP_OLDEST, PLAIN_FRAMING);
    struct sender sender = {.of = of};
    static uint8_t body[BODY];
    uint32_t sent = 0;
    for (; sent < 200; sent++) {
        zcn_unit *unit = NULL;
        assert_ok(zcn_unit_create(&unit, NULL));
        assert_ok(zcn_unit_append_ref(unit, body, BODY, send_more, &sender));
        assert_ok(zcn_conn_send(of->conn, unit));
        if (sent % 5 == 0) side_poll(&of->on, 0);
    }
    assert_true(sender.called > 50);
    assert_ok(zcn_conn_close(of->conn));
    bytes got = {0};
    assert_int_equal(raw_read_to_end(of->peer, &of->on, &got), 0);
    size_t at = 0;
    uint32_t frames = 0;
    for (; at < got.size; frames++) {
        assert_true(got.size - at >= 4);
        const uint8_t *frame = got.data + at;
        const size_t size = (size_t)frame[2] << 8 | frame[3];
        assert_true(frame[0] == 0 && frame[1] == 0 && (size == BODY || size == 4));
        assert_memory_equal(frame + 4, size == 4 ? (const uint8_t *)"more" : body, size);
        at += 4 + size;
    }
    assert_int_equal(at, got.size);
    const zcn_stats stats = stats_of(of->conn);
    assert_int_equal(frames + stats.messages_dropped, sent + 51);
    bytes_clear(&got);
    PUMP_UNTIL(&of->on, NULL, count_of(&of->on.got, ZCN_EVENT_CLOSED) == 1);
    assert_int_equal(sender.called, sent);
    assert_int_equal(sender.refused, 0);
    lag_close(of);
}

/* ---- one unit, many connections ---- */

#define MANY 20

struct many {
    side on;
    zcn_framing *framing;
    zcn_conn *conns[MANY];
    int peers[MANY];
    zcn_status statuses[MANY];
};

static struct many many;

static struct many *many_open(uint32_t lag) {
    struct many *of = &many;
    memset(of, 0, sizeof *of);
    side_open(&of->on, NULL);
    of->framing = framing_of(PLAIN_FRAMING);
    zcn_framing *other = framing_of("varint,strip=0");
    zcn_conn_options options;
    lag_options(&options, lag);
    for (uint32_t i = 0; i < MANY; i++) {
        int ends[2];
        raw_pair(ends);
        of->peers[i] = ends[1];
        /* Every fourth writes another header in front of the same bytes. */
        assert_ok(zcn_conn_adopt(&of->conns[i], of->on.loop, ends[0], i % 4 == 3 ? other : of->framing, &options));
        zcn_conn_retain(of->conns[i]);
    }
    zcn_framing_release(other);
    pump_idle(&of->on, NULL);
    return of;
}

static void many_close(struct many *of) {
    for (uint32_t i = 0; i < MANY; i++) {
        close(of->peers[i]);
        zcn_conn_release(of->conns[i]);
    }
    zcn_framing_release(of->framing);
    side_close(&of->on);
}

static void fill(struct many *of, uint32_t which) {
    static uint8_t body[BODY];
    zcn_status status = ZCN_OK;
    for (uint32_t i = 0; i < 500 && status == ZCN_OK; i++) {
        status = zcn_conn_send_copy(of->conns[which], body, BODY);
        side_poll(&of->on, 0);
    }
    assert_status(status, ZCN_AGAIN);
}

static void test_to_all_reaches_all(void **state) {
    (void)state;
    struct many *of = many_open(ZCN_LAG_REFUSE);
    uint32_t releases = 0;
    uint8_t *body = malloc(BODY);
    number_body(body, 77);
    uint8_t wanted[BODY];
    memcpy(wanted, body, BODY);
    zcn_unit *unit = NULL;
    size_t sent = 99;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_ref(unit, body, BODY, count_release, &releases));
    assert_ok(zcn_conn_send_to_all(of->conns, MANY, unit, ZCN_ALL_OR_NOTHING, of->statuses, &sent));
    assert_int_equal(sent, MANY);
    for (uint32_t i = 0; i < MANY; i++) assert_status(of->statuses[i], ZCN_OK);
    pump_idle(&of->on, NULL);
    assert_int_equal(releases, 1);
    for (uint32_t i = 0; i < MANY; i++) {
        uint8_t frame[4 + BODY];
        const size_t head = i % 4 == 3 ? 2 : 4;
        assert_int_equal(recv(of->peers[i], frame, sizeof frame, MSG_WAITALL | MSG_DONTWAIT), head + BODY);
        assert_memory_equal(frame + head, wanted, BODY);
        if (head == 2) assert_int_equal(frame[0] | frame[1] << 8, (BODY % 128 | 128) | BODY / 128 << 8);
    }
    many_close(of);
}

static void test_to_all_tells_who_did_not_take_it(void **state) {
    (void)state;
    struct many *of = many_open(ZCN_LAG_REFUSE);
    size_t sent = 0;
    fill(of, 5);
    zcn_conn_abort(of->conns[9]);
    pump_idle(&of->on, NULL);
    zcn_conn *conns[MANY];
    memcpy(conns, of->conns, sizeof conns);
    conns[12] = NULL;
    zcn_unit *unit = pattern_unit(NULL, of->framing, 50, 1);
    /* All or nothing: nothing, and the unit is still ours. */
    assert_status(zcn_conn_send_to_all(conns, MANY, unit, ZCN_ALL_OR_NOTHING, of->statuses, &sent), ZCN_AGAIN);
    assert_int_equal(sent, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        const zcn_status wanted = i == 5 ? ZCN_AGAIN : i == 9 ? ZCN_ECLOSED : i == 12 ? ZCN_EINVAL : ZCN_OK;
        assert_status(of->statuses[i], wanted);
        if (i != 5 && i != 9) assert_int_equal(stats_of(of->conns[i]).queued_bytes, 0);
    }
    /* Each for itself. */
    assert_ok(zcn_conn_send_to_all(conns, MANY, unit, 0, of->statuses, &sent));
    assert_int_equal(sent, MANY - 3);
    for (uint32_t i = 0; i < MANY; i++) {
        const zcn_status wanted = i == 5 ? ZCN_AGAIN : i == 9 ? ZCN_ECLOSED : i == 12 ? ZCN_EINVAL : ZCN_OK;
        assert_status(of->statuses[i], wanted);
    }
    pump_idle(&of->on, NULL);
    for (uint32_t i = 0; i < MANY; i++) {
        uint8_t frame[100];
        if (i == 5 || i == 9) continue;
        assert_int_equal(recv(of->peers[i], frame, sizeof frame, MSG_DONTWAIT), i == 12 ? -1 : (i % 4 == 3 ? 51 : 54));
    }
    many_close(of);
}

static void test_to_all_what_it_refuses(void **state) {
    (void)state;
    struct many *of = many_open(ZCN_LAG_DISCONNECT);
    size_t sent = 99;
    zcn_unit *unit = pattern_unit(NULL, of->framing, 50, 1);
    assert_status(zcn_conn_send_to_all(of->conns, MANY, NULL, 0, NULL, &sent), ZCN_EINVAL);
    assert_int_equal(sent, 0);
    assert_status(zcn_conn_send_to_all(NULL, 1, unit, 0, NULL, &sent), ZCN_EINVAL);
    assert_status(zcn_conn_send_to_all(of->conns, MANY, unit, 2, NULL, &sent), ZCN_EINVAL);
    assert_ok(zcn_conn_send_to_all(NULL, 0, unit, ZCN_ALL_OR_NOTHING, NULL, NULL));
    /* Too large for the first one's framing: nothing was sealed, nothing sent. */
    zcn_framing *small = framing_of("length,width=4,max=30");
    zcn_unit *large = pattern_unit(NULL, of->framing, 50, 1);
    zcn_conn_set_send_framing(of->conns[0], small);
    assert_status(zcn_conn_send_to_all(of->conns, MANY, large, 0, NULL, &sent), ZCN_EFRAME_TOO_LARGE);
    /* Too large for one of them. */
    assert_status(zcn_conn_send_to_all(of->conns + 1, MANY - 1, large, 0, NULL, NULL), ZCN_OK);
    large = pattern_unit(NULL, of->framing, 50, 1);
    assert_ok(zcn_unit_seal(large, of->framing));
    assert_status(zcn_conn_send_to_all(of->conns, MANY, large, ZCN_ALL_OR_NOTHING, of->statuses, &sent),
                  ZCN_EFRAME_TOO_LARGE);
    assert_status(of->statuses[0], ZCN_EFRAME_TOO_LARGE);
    assert_status(of->statuses[1], ZCN_OK);
    zcn_unit_release(large);
    zcn_framing_release(small);
    /* A receiver that lags is disconnected, and the others get nothing either. */
    static uint8_t body[BODY];
    for (uint32_t i = 0; i < 500 && stats_of(of->conns[3]).queued_bytes < HIGH_WATER; i++) {
        assert_ok(zcn_conn_send_copy(of->conns[3], body, BODY));
        side_poll(&of->on, 0);
    }
    large = pattern_unit(NULL, of->framing, 50, 1);
    assert_status(zcn_conn_send_to_all(of->conns + 1, MANY - 1, large, ZCN_ALL_OR_NOTHING, of->statuses, &sent),
                  ZCN_ECLOSED);
    assert_status(of->statuses[2], ZCN_ECLOSED);
    zcn_unit_release(large);
    PUMP_UNTIL(&of->on, NULL, count_for(&of->on.got, ZCN_EVENT_CLOSED, of->conns[3]) == 1);
    assert_status(first_for(&of->on.got, ZCN_EVENT_CLOSED, of->conns[3])->status, ZCN_ELAGGED);
    many_close(of);
}

/* One that lags does not hold a proxy up. */
static void test_lag_forwarding_goes_on(void **state) {
    (void)state;
    side on;
    side_open(&on, NULL);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    int in[2];
    int out[2];
    raw_pair(in);
    raw_pair(out);
    zcn_conn_options options;
    lag_options(&options, ZCN_LAG_DROP_OLDEST);
    zcn_conn *source = NULL;
    zcn_conn *target = NULL;
    assert_ok(zcn_conn_adopt(&source, on.loop, in[0], framing, NULL));
    assert_ok(zcn_conn_adopt(&target, on.loop, out[0], framing, &options));
    uint8_t body[BODY];
    const uint32_t count = 400;
    uint32_t came = 0;
    for (uint32_t i = 0; i < count; i++) {
        number_body(body, i);
        raw_write_frame(in[1], body, BODY);
        const zcn_event *events = NULL;
        size_t events_count = 0;
        assert_ok(zcn_loop_poll(on.loop, 0, &events, &events_count, NULL));
        for (size_t e = 0; e < events_count; e++) {
            if (events[e].type != ZCN_EVENT_MESSAGE) continue;
            came++;
            assert_ok(zcn_conn_forward(target, events[e].msg));
        }
    }
    /* Nothing of the source was left unread, though the target took next to nothing. */
    assert_true(came >= count - 1);
    assert_true(stats_of(target).messages_dropped > count / 2);
    zcn_framing_release(framing);
    side_close(&on);
    close(in[1]);
    close(out[1]);
}

/* Messages that are larger than the socket's room leave in parts: what has begun to leave is not dropped. */
static void large_messages_stay_whole(uint32_t lag, size_t size, bool copied) {
    enum { MESSAGES = 60 };
    struct lagging *of = lag_open(lag, "length,width=4");
    for (int i = 1; i <= MESSAGES; i++) {
        uint8_t *body = exact_block(size, (uint8_t)i);
        if (copied) {
            assert_ok(zcn_conn_send_copy(of->conn, body, size));
        } else {
            zcn_unit *unit = NULL;
            void *data = NULL;
            assert_ok(zcn_unit_alloc(&unit, &data, NULL, of->framing, size));
            memcpy(data, body, size);
            assert_ok(zcn_conn_send(of->conn, unit));
        }
        free(body);
        side_poll(&of->on, 0);
    }
    const zcn_stats stats = stats_of(of->conn);
    assert_true(stats.messages_dropped != 0);
    assert_ok(zcn_conn_close(of->conn));
    bytes got = {0};
    assert_int_equal(raw_read_to_end(of->peer, &of->on, &got), 0);
    assert_int_equal(got.size % (size + 4), 0);
    assert_int_equal(got.size / (size + 4), MESSAGES - stats.messages_dropped);
    int last = 0;
    for (const uint8_t *at = got.data; at != got.data + got.size; at += size + 4) {
        const size_t told = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        assert_int_equal(told, size);
        assert_true(at[4] > last);
        last = at[4];
        for (size_t i = 0; i < size; i++) assert_int_equal(at[4 + i], last);
    }
    assert_int_equal(last, MESSAGES);
    bytes_clear(&got);
    lag_close(of);
}

static void test_large_messages_stay_whole(void **state) {
    (void)state;
    for (size_t size = 1500; size < 9000; size += 611)
        for (uint32_t lag = ZCN_LAG_DROP_OLDEST; lag <= ZCN_LAG_KEEP_LATEST; lag++)
            for (int copied = 0; copied < 2; copied++) large_messages_stay_whole(lag, size, copied != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_messages_stay_whole), cmocka_unit_test(test_lag_drops_the_newest),
        cmocka_unit_test(test_lag_drops_the_oldest),      cmocka_unit_test(test_lag_keeps_the_latest),
        cmocka_unit_test(test_lag_disconnects),           cmocka_unit_test(test_lag_refuses_by_default),
        cmocka_unit_test(test_lag_what_is_refused),       cmocka_unit_test(test_lag_release_functions_may_send),
        cmocka_unit_test(test_to_all_reaches_all),        cmocka_unit_test(test_to_all_tells_who_did_not_take_it),
        cmocka_unit_test(test_to_all_what_it_refuses),    cmocka_unit_test(test_lag_forwarding_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
