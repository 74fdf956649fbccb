/* SPDX-License-Identifier: MIT */
#include "support_relay.h"

#define MS INT64_C(1000000)

static void set_nonblocking(int fd) { assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0); }

void relay_pair(bool tcp, int ends[2]) {
    if (tcp)
        raw_tcp_pair(ends);
    else
        raw_pair(ends);
}

static void note_end(side *self, const zcn_event *event) {
    relay_rig *rig = self->context;
    if (event->type != ZCN_EVENT_RELAY_ENDED) return;
    rig->ended++;
    rig->status = event->status;
    rig->moved = event->size;
    rig->told = event->data;
    rig->user = event->user;
}

void rig_open_loop(relay_rig *rig) {
    memset(rig, 0, sizeof *rig);
    rig->peer[0] = rig->peer[1] = -1;
    side_open(&rig->on, NULL);
    rig->on.on_event = note_end;
    rig->on.context = rig;
}

void rig_watch(relay_rig *rig, zcn_relay *relay) {
    rig->relay = zcn_relay_retain(relay);
    assert_ptr_equal(rig->relay, relay);
}

void rig_open(relay_rig *rig, bool tcp, const zcn_relay_options *options) {
    rig_open_loop(rig);
    int first[2];
    int second[2];
    relay_pair(tcp, first);
    relay_pair(tcp, second);
    zcn_relay *relay;
    assert_ok(zcn_relay_fds(&relay, rig->on.loop, first[1], second[1], options));
    rig_watch(rig, relay);
    rig->peer[0] = first[0];
    rig->peer[1] = second[0];
    set_nonblocking(rig->peer[0]);
    set_nonblocking(rig->peer[1]);
}

void rig_close_peer(relay_rig *rig, int which) {
    if (rig->peer[which] >= 0) close(rig->peer[which]);
    rig->peer[which] = -1;
}

void rig_close(relay_rig *rig) {
    rig_close_peer(rig, 0);
    rig_close_peer(rig, 1);
    zcn_relay_release(rig->relay);
    side_close(&rig->on);
}

void rig_poll(relay_rig *rig, int milliseconds) { (void)side_poll(&rig->on, milliseconds * MS); }

void rig_until_ended(relay_rig *rig) {
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (rig->ended == 0) {
        if (deadline_passed(deadline)) fail_msg("the relay never ended");
        rig_poll(rig, 20);
    }
    assert_int_equal(rig->ended, 1);
    assert_ptr_equal(rig->told, rig->relay);
    zcn_error error = {.struct_size = sizeof error};
    assert_ok(zcn_relay_get_error(rig->relay, &error));
    assert_status(error.status, rig->status);
    assert_true(error.text[0] != '\0');
}

zcn_relay_options relay_options(void) {
    zcn_relay_options options;
    zcn_relay_options_init(&options, sizeof options);
    return options;
}

zcn_relay_stats rig_stats(const relay_rig *rig) {
    zcn_relay_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_relay_get_stats(rig->relay, &stats));
    return stats;
}

/* One side of an exchange: what is still to be written and what has been read. */
struct stream_end {
    uint8_t *data;
    size_t size;
    size_t written;
    bytes got;
};

static void step(int fd, struct stream_end *out, struct stream_end *in) {
    static uint8_t scrap[65536];
    if (out->written < out->size) {
        const ssize_t done = send(fd, out->data + out->written, out->size - out->written, MSG_NOSIGNAL);
        if (done > 0) out->written += (size_t)done;
        if (done < 0 && errno != EAGAIN) fail_msg("writing: %s", strerror(errno));
    }
    for (;;) {
        const ssize_t got = recv(fd, scrap, sizeof scrap, 0);
        if (got <= 0) {
            if (got == 0 || errno != EAGAIN) fail_msg("the stream ended early");
            return;
        }
        bytes_append(&in->got, scrap, (size_t)got);
    }
}

static void exchange(relay_rig *rig, size_t forward, size_t backward, uint64_t seed) {
    struct stream_end ends[2] = {{.size = forward}, {.size = backward}};
    for (int i = 0; i < 2; i++) {
        ends[i].data = malloc(ends[i].size + 1);
        assert_non_null(ends[i].data);
        fill_pattern(ends[i].data, ends[i].size, seed + (uint64_t)i);
    }
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    while (ends[0].got.size < forward || ends[1].got.size < backward) {
        if (deadline_passed(deadline))
            fail_msg("%zu of %zu bytes came forward, %zu of %zu back", ends[0].got.size, forward, ends[1].got.size,
                     backward);
        step(rig->peer[0], &ends[0], &ends[1]);
        step(rig->peer[1], &ends[1], &ends[0]);
        rig_poll(rig, 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ends[i].got.size, ends[i].size);
        if (ends[i].size != 0) assert_memory_equal(ends[i].got.data, ends[i].data, ends[i].size);
        bytes_clear(&ends[i].got);
        free(ends[i].data);
    }
}

void rig_send(relay_rig *rig, int from, size_t size, uint64_t seed) {
    exchange(rig, from == 0 ? size : 0, from == 0 ? 0 : size, seed - (uint64_t)from);
}

void rig_exchange(relay_rig *rig, size_t size, uint64_t seed) { exchange(rig, size, size, seed); }

size_t rig_pour(relay_rig *rig, int from, uint64_t seed, size_t most) {
    uint8_t *data = malloc(most);
    assert_non_null(data);
    fill_pattern(data, most, seed);
    size_t sent = 0;
    for (int quiet = 0; quiet < 20 && sent < most;) {
        const ssize_t done = send(rig->peer[from], data + sent, most - sent, MSG_NOSIGNAL);
        quiet = done > 0 ? 0 : quiet + 1;
        if (done > 0) sent += (size_t)done;
        rig_poll(rig, done > 0 ? 0 : 5);
    }
    free(data);
    return sent;
}

int rig_read_to_end(relay_rig *rig, int which, bytes *into) {
    static uint8_t scrap[65536];
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    for (;;) {
        const ssize_t got = recv(rig->peer[which], scrap, sizeof scrap, 0);
        if (got == 0) return 0;
        if (got > 0) {
            if (into != NULL) bytes_append(into, scrap, (size_t)got);
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) return errno;
        if (deadline_passed(deadline)) fail_msg("the stream never ends");
        rig_poll(rig, 1);
    }
}
