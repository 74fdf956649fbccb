// SPDX-License-Identifier: MIT
// A connection with zero copy over a scripted kernel, its peer read by hand, and what is known of both.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "support.h"

namespace fault_test {

constexpr uint64_t threshold = 16384;
constexpr uint64_t body_size = 40000;
constexpr int64_t second = 1000000000;
constexpr const char *length_framed = "length,width=4,strip=4,max=16M";

inline bool make_tcp_pair(int fds[2]) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool ready = bind(listener, reinterpret_cast<sockaddr *>(&address), size) == 0 && listen(listener, 1) == 0 &&
                       getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size) == 0 &&
                       connect(fds[0], reinterpret_cast<sockaddr *>(&address), size) == 0;
    fds[1] = ready ? accept(listener, nullptr, nullptr) : -1;
    close(listener);
    return fds[1] >= 0;
}

// A connection with zero copy, and its peer read by hand.
struct Rig {
    zcn_loop *loop = nullptr;
    zcn_conn *conn = nullptr;
    zcn_framing *framing = nullptr;
    int peer = -1;
    bool raw = false;
    std::vector<uint8_t> sent;  // as it is to arrive
    std::vector<uint8_t> got;
    std::vector<uint64_t> tokens;  // in the order that they ended
    std::vector<zcn_status> ends;
    zcn_status closed = ZCN_OK;
    bool is_closed = false;
    std::vector<std::vector<uint8_t>> bodies;  // foreign memory
    static inline uint64_t released = 0;

    explicit Rig(uint64_t from = threshold, uint64_t drain_ms = 1000, const char *framed = length_framed)
        : raw(strcmp(framed, "raw") == 0) {
        int fds[2];
        assert_true(make_tcp_pair(fds));
        peer = fds[1];
        released = 0;
        bodies.reserve(4096);
        assert_int_equal(zcn_loop_create(&loop, nullptr), ZCN_OK);
        assert_int_equal(zcn_framing_parse(&framing, framed, nullptr), ZCN_OK);
        zcn_conn_options options;
        zcn_conn_options_init(&options, sizeof options);
        options.high_water = 1 << 30;
        options.flush_at = 1 << 30;  // everything leaves with the poll, in whole pieces
        options.zero_copy_from = from;
        options.drain_timeout_ms = static_cast<uint32_t>(drain_ms);
        assert_int_equal(zcn_conn_adopt(&conn, loop, fds[0], framing, &options), ZCN_OK);
        (void)zcn_conn_retain(conn);
    }
    ~Rig() {
        if (conn != nullptr) zcn_conn_release(conn);
        if (loop != nullptr) zcn_loop_release(loop);
        zcn_framing_release(framing);
        if (peer >= 0) close(peer);
    }

    static void count_release(void *, const void *, uint64_t) { released++; }

    // A unit whose body lies apart from its header. With a token the `sent` event gives the memory back, else a call.
    void send(uint64_t size, bool with_token) {
        zcn_unit *unit = nullptr;
        std::vector<uint8_t> &body = bodies.emplace_back(size);
        fill_pattern(body.data(), size, bodies.size());
        assert_int_equal(zcn_unit_create(&unit, nullptr), ZCN_OK);
        assert_int_equal(zcn_unit_append_ref(unit, body.data(), size, with_token ? nullptr : count_release, nullptr),
                         ZCN_OK);
        if (with_token) assert_int_equal(zcn_unit_set_token(unit, bodies.size() - 1), ZCN_OK);
        assert_int_equal(zcn_conn_send(conn, unit), ZCN_OK);
        note_sent(body.data(), size);
    }
    // One in memory of the pool, which may be used again as soon as it is free.
    void send_pooled(uint64_t size, uint64_t which) {
        zcn_unit *unit = nullptr;
        void *data = nullptr;
        assert_int_equal(zcn_unit_alloc(&unit, &data, nullptr, framing, size), ZCN_OK);
        fill_pattern(data, size, which);
        note_sent(data, size);
        assert_int_equal(zcn_conn_send(conn, unit), ZCN_OK);
    }
    void note_sent(const void *data, uint64_t size) {
        for (int shift = raw ? -1 : 24; shift >= 0; shift -= 8) sent.push_back(static_cast<uint8_t>(size >> shift));
        const auto *bytes = static_cast<const uint8_t *>(data);
        sent.insert(sent.end(), bytes, bytes + size);
    }

    void poll(int64_t timeout = 0) {
        const zcn_event *events = nullptr;
        size_t count = 0;
        const zcn_status status = zcn_loop_poll(loop, timeout, &events, &count, nullptr);
        assert_true(status == ZCN_OK || status == ZCN_ECLOSED);
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == ZCN_EVENT_SENT) {
                for (uint64_t n = 0; n < events[i].size; n++) {
                    tokens.push_back(events[i].token + n);
                    ends.push_back(events[i].status);
                }
            }
            if (events[i].type == ZCN_EVENT_CLOSED) {
                assert_false(is_closed);
                is_closed = true;
                closed = events[i].status;
            }
        }
        static uint8_t scrap[65536];
        ssize_t part;
        while (peer >= 0 && (part = recv(peer, scrap, sizeof scrap, MSG_DONTWAIT)) > 0)
            got.insert(got.end(), scrap, scrap + part);
    }
    template <class Done>
    void poll_until(Done &&done) {
        const int64_t deadline = real_now() + 20 * second;
        while (!done()) {
            if (real_now() > deadline) {
                char text[768];
                (void)zcn_conn_explain(conn, text, sizeof text);
                fail_msg("it never came about: %zu of %zu bytes, %zu ends, %llu calls; %s", got.size(), sent.size(),
                         tokens.size(), static_cast<unsigned long long>(released), text);
            }
            poll(1000000);
        }
    }
    void arrive() {
        poll_until([&] { return got.size() >= sent.size(); });
        assert_true(got == sent);
    }
    // A probe that shows that the kernel does not copy.
    void probe() {
        send(body_size, true);
        arrive();
        assert_int_equal(script_pinned_seen().writes, 1);
        script_pinned_done(0, 0, false);
        poll_until([&] { return tokens.size() == 1; });
    }
    zcn_stats stats() {
        zcn_stats found{};
        found.struct_size = sizeof found;
        assert_int_equal(zcn_conn_get_stats(conn, &found), ZCN_OK);
        return found;
    }
    void expect_words(const char *words) {
        char text[768];
        assert_int_equal(zcn_conn_explain(conn, text, sizeof text), ZCN_OK);
        if (strstr(text, words) == nullptr) fail_msg("'%s' is not in: %s", words, text);
    }
    // Everything that was taken is done with.
    void done_to(uint64_t from, bool copied = false) {
        const uint64_t writes = script_pinned_seen().writes;
        if (from < writes) script_pinned_done(static_cast<uint32_t>(from), static_cast<uint32_t>(writes - 1), copied);
    }
};

inline void begin() {
    script_reset();
    script_pinned();
}

}  // namespace fault_test
