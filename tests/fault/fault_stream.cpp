// SPDX-License-Identifier: MIT
// Streams whose allocations fail: what was refused can be asked for again, and everything arrives all the same.
//
// A stream sends, its bytes travel in records of an outer stream, and what these carry is handed to an inner one, as in
// a program that owns its TLS.
#include <algorithm>

#include "support.h"

using namespace fault_test;

namespace {

constexpr uint32_t most_messages = 60;
constexpr uint32_t most_wire = 1 << 20;
constexpr uint32_t most_rounds = 20000;
constexpr uint32_t record_body = 1900;

struct Plan {
    uint64_t seed;
    uint64_t pool_limit;
    Call call;       // that fails
    uint64_t first;  // which of them; 0: none
    uint64_t times;
    uint32_t align;
};

struct Chain {
    Verdict verdict;
    Random random;
    zcn_pool *pool;
    zcn_framing *framings[2];
    zcn_framing *records;
    zcn_stream *sender;
    zcn_stream *outer;
    zcn_stream *inner;
    uint32_t sent;
    uint32_t arrived;
    uint32_t outer_closed;
    uint32_t inner_closed;
    uint32_t foreign_out;
    zcn_msg *kept[most_messages];
    uint32_t kept_count;
    uint8_t wire[most_wire];
    uint32_t wire_begin;
    uint32_t wire_end;
    uint8_t bodies[most_messages][70000];
};

Chain chain;

uint32_t size_of(uint32_t which) {
    static const uint32_t sizes[] = {0, 1, 63, 64, 65, 300, 4095, 4096, 5000, 2048, 2047, 17, 60000, 9, 1000};
    return sizes[which % (sizeof sizes / sizeof sizes[0])];
}

// The framing changes in the middle, behind message `change`.
constexpr uint32_t change = 31;

bool was_refused(Chain *c, zcn_status status) {
    if (status == ZCN_OK) return false;
    EXPECT(&c->verdict, status == ZCN_ENOMEM || status == ZCN_ENOBUFS || status == ZCN_AGAIN);
    return true;
}

void returned(void *context, const void *, uint64_t) { --*static_cast<uint32_t *>(context); }

// Every kind of segment in turn; the unit, or NULL without memory.
zcn_unit *make_unit(Chain *c, uint32_t which) {
    const uint32_t size = size_of(which);
    const uint8_t *body = c->bodies[which];
    zcn_unit *unit = nullptr;
    void *data = nullptr;
    if (which % 2 == 0) {
        if (was_refused(c, zcn_unit_alloc(&unit, &data, c->pool, nullptr, size))) return nullptr;
        std::memcpy(data, body, size);
        return unit;
    }
    if (was_refused(c, zcn_unit_create(&unit, c->pool))) return nullptr;
    const uint32_t part = size / 4;
    zcn_status status = zcn_unit_append_ref(unit, body, part, returned, &c->foreign_out);
    c->foreign_out += status == ZCN_OK;
    if (status == ZCN_OK) status = zcn_unit_append_static(unit, body + part, part);
    if (status == ZCN_OK) status = zcn_unit_append_copy(unit, body + part * 2, part);
    if (status == ZCN_OK) status = zcn_unit_append_alloc(unit, &data, size - part * 3);
    if (status == ZCN_OK) {
        std::memcpy(data, body + part * 3, size - part * 3);
        return unit;
    }
    EXPECT(&c->verdict, was_refused(c, status));
    zcn_unit_release(unit);
    return nullptr;
}

void send_next(Chain *c) {
    if (c->sent == most_messages) return;
    zcn_unit *unit = make_unit(c, c->sent);
    if (unit == nullptr) return;
    if (was_refused(c, zcn_stream_send(c->sender, unit))) {
        zcn_unit_release(unit);
        return;
    }
    if (c->sent == change) EXPECT(&c->verdict, zcn_stream_set_send_framing(c->sender, c->framings[1]) == ZCN_OK);
    c->sent++;
}

// What the sender has goes into records on the wire.
void write_records(Chain *c) {
    const zcn_event *events = nullptr;
    size_t count = 0;
    (void)zcn_stream_poll(c->sender, &events, &count, nullptr);
    for (;;) {
        iovec pieces[3];
        EXPECT(&c->verdict, zcn_stream_gather(c->sender, pieces, 3, &count) == ZCN_OK);
        if (count == 0 || c->verdict.text[0] != '\0') return;
        const auto most = static_cast<uint32_t>(1 + c->random.below(record_body));
        if (c->wire_end + 2 + most > most_wire) return;
        uint32_t size = 0;
        for (size_t i = 0; i < count && size < most; i++) {
            const auto part = static_cast<uint32_t>(std::min<uint64_t>(pieces[i].iov_len, most - size));
            std::memcpy(c->wire + c->wire_end + 2 + size, pieces[i].iov_base, part);
            size += part;
        }
        c->wire[c->wire_end] = static_cast<uint8_t>(size >> 8);
        c->wire[c->wire_end + 1] = static_cast<uint8_t>(size);
        c->wire_end += 2 + size;
        EXPECT(&c->verdict, zcn_stream_write_done(c->sender, size) == ZCN_OK);
    }
}

void check_message(Chain *c, const zcn_event *event) {
    if (c->arrived >= c->sent) {
        note(&c->verdict, "a message came that was not sent");
        return;
    }
    const uint32_t which = c->arrived++;
    if (event->size != size_of(which) || std::memcmp(event->data, c->bodies[which], event->size) != 0)
        note(&c->verdict, "message %u arrived wrong, with %llu bytes", which,
             static_cast<unsigned long long>(event->size));
    if (which == change) {
        zcn_status status = ZCN_OK;
        for (uint32_t i = 0; i < 1000; i++) {
            status = zcn_stream_set_framing(c->inner, event->msg, c->framings[1]);
            if (status != ZCN_ENOMEM && status != ZCN_ENOBUFS) break;
            script_fail(call_new, 0, 0, 0);
            script_fail(call_allocate, 0, 0, 0);
            script_fail(call_map, 0, 0, 0);
        }
        EXPECT(&c->verdict, status == ZCN_OK);
        return;
    }
    // Some are kept for a while, which holds their memory.
    if (which % 5 == 1 && zcn_msg_retain(&c->kept[c->kept_count], event->msg) == ZCN_OK) c->kept_count++;
}

void release_kept(Chain *c) {
    while (c->kept_count != 0) EXPECT(&c->verdict, zcn_msg_release(c->kept[--c->kept_count]) == ZCN_OK);
}

void poll_inner(Chain *c) {
    int32_t more = 1;
    for (uint32_t i = 0; more != 0 && i < 100; i++) {
        const zcn_event *events = nullptr;
        size_t count = 0;
        EXPECT(&c->verdict, zcn_stream_poll(c->inner, &events, &count, &more) == ZCN_OK);
        for (size_t k = 0; k < count; k++) {
            if (events[k].type == ZCN_EVENT_MESSAGE) check_message(c, &events[k]);
            if (events[k].type != ZCN_EVENT_CLOSED) continue;
            EXPECT(&c->verdict, events[k].status == ZCN_EOF);
            c->inner_closed++;
        }
    }
}

// A record is borrowed until the next poll, so it is offered until it is taken.
void hand_on(Chain *c, const zcn_msg *msg) {
    for (uint32_t i = 0; i < most_rounds; i++) {
        const zcn_status status = zcn_stream_feed_msg(c->inner, msg);
        if (status == ZCN_OK) return;
        if (status == ZCN_ENOMEM || status == ZCN_ENOBUFS) {
            release_kept(c);
            if (i > 100) {
                script_fail(call_new, 0, 0, 0);
                script_fail(call_allocate, 0, 0, 0);
                script_fail(call_map, 0, 0, 0);
            }
        } else if (status != ZCN_AGAIN) {
            note(&c->verdict, "zcn_stream_feed_msg() said %s", zcn_status_name(status));
            return;
        }
        poll_inner(c);
    }
    note(&c->verdict, "a record is never taken");
}

void read_wire(Chain *c) {
    const uint32_t there = c->wire_end - c->wire_begin;
    const auto most = static_cast<uint32_t>(1 + c->random.below(3000));
    uint64_t taken = 0;
    if (there != 0 && c->random.chance(500)) {
        (void)was_refused(c, zcn_stream_feed(c->outer, c->wire + c->wire_begin, std::min(there, most), &taken));
    } else if (there != 0) {
        iovec room[2];
        size_t count = 0;
        if (!was_refused(c, zcn_stream_read_room(c->outer, room, 2, &count))) {
            for (size_t i = 0; i < count; i++) {
                const uint64_t part = std::min<uint64_t>({room[i].iov_len, there - taken, most - taken});
                std::memcpy(room[i].iov_base, c->wire + c->wire_begin + taken, part);
                taken += part;
                if (part < room[i].iov_len) break;
            }
            EXPECT(&c->verdict, zcn_stream_read_done(c->outer, taken) == ZCN_OK);
        } else {
            EXPECT(&c->verdict, count == 0);
        }
    }
    c->wire_begin += static_cast<uint32_t>(taken);
    if (c->wire_begin == c->wire_end) c->wire_begin = c->wire_end = 0;
    const zcn_event *events = nullptr;
    size_t count = 0;
    EXPECT(&c->verdict, zcn_stream_poll(c->outer, &events, &count, nullptr) == ZCN_OK);
    for (size_t i = 0; i < count && c->verdict.text[0] == '\0'; i++) {
        if (events[i].type == ZCN_EVENT_MESSAGE) hand_on(c, events[i].msg);
        if (events[i].type == ZCN_EVENT_CLOSED) c->outer_closed++;
    }
    poll_inner(c);
}

bool set_up(Chain *c, const Plan &plan) {
    zcn_pool_options pool_options;
    zcn_pool_options_init(&pool_options, sizeof pool_options);
    pool_options.block_size = 4096;
    pool_options.limit = plan.pool_limit;
    if (zcn_pool_create(&c->pool, &pool_options) != ZCN_OK) return false;
    if (zcn_framing_parse(&c->framings[0], "length,width=4,strip=4,max=64K", nullptr) != ZCN_OK) return false;
    if (zcn_framing_parse(&c->framings[1], "length,width=3,order=little,strip=3,max=64K", nullptr) != ZCN_OK)
        return false;
    if (zcn_framing_parse(&c->records, "length,width=2,strip=2,max=2000", nullptr) != ZCN_OK) return false;
    zcn_stream_options options;
    zcn_stream_options_init(&options, sizeof options);
    options.event_capacity = 16;
    options.high_water = 20000;
    if (zcn_stream_create(&c->outer, c->pool, c->records, &options) != ZCN_OK) return false;
    options.align = plan.align;
    if (zcn_stream_create(&c->sender, c->pool, c->framings[0], &options) != ZCN_OK) return false;
    return zcn_stream_create(&c->inner, c->pool, c->framings[0], &options) == ZCN_OK;
}

void drive(Chain *c) {
    for (uint32_t round = 0; c->arrived < most_messages && c->verdict.text[0] == '\0'; round++) {
        if (round == most_rounds) {
            note(&c->verdict, "%u of %u messages arrived, and no more come", c->arrived, c->sent);
            return;
        }
        if (round > most_rounds / 2) {  // memory is there again
            script_fail(call_new, 0, 0, 0);
            script_fail(call_allocate, 0, 0, 0);
            script_fail(call_map, 0, 0, 0);
        }
        send_next(c);
        write_records(c);
        read_wire(c);
        if (round % 16 == 0) release_kept(c);
    }
    EXPECT(&c->verdict, zcn_stream_end(c->outer) == ZCN_OK);
    EXPECT(&c->verdict, zcn_stream_end(c->inner) == ZCN_OK);
    for (uint32_t i = 0; i < 4; i++) read_wire(c);
    EXPECT(&c->verdict, c->outer_closed == 1 && c->inner_closed == 1);
}

// Whether the script failed anything.
bool run(const Plan &plan) {
    Chain *c = &chain;
    std::memset(static_cast<void *>(c), 0, sizeof *c);
    for (uint32_t i = 0; i < most_messages; i++) fill_pattern(c->bodies[i], size_of(i), i);
    c->random = {plan.seed};
    script_reset();
    if (plan.first != 0) script_fail(plan.call, plan.first, plan.times, ENOMEM);
    const Holdings before = holdings_now();
    if (set_up(c, plan)) drive(c);
    release_kept(c);
    zcn_stream_release(c->sender);
    zcn_stream_release(c->outer);
    zcn_stream_release(c->inner);
    zcn_framing_release(c->framings[0]);
    zcn_framing_release(c->framings[1]);
    zcn_framing_release(c->records);
    if (c->pool != nullptr) expect_pool_unused(&c->verdict, c->pool);
    zcn_pool_release(c->pool);
    EXPECT(&c->verdict, c->foreign_out == 0);
    expect_same(&c->verdict, before);
    if (c->verdict.text[0] != '\0')
        fail_msg("seed %llu, limit %llu, %s number %llu fails %llu times: %s",
                 static_cast<unsigned long long>(plan.seed), static_cast<unsigned long long>(plan.pool_limit),
                 call_name(plan.call), static_cast<unsigned long long>(plan.first),
                 static_cast<unsigned long long>(plan.times), c->verdict.text);
    return script_failed();
}

void test_memory_is_there(void **) {
    const uint64_t seeds = number_from_environment("ZCNET_FAULT_SEEDS", 10);
    for (uint64_t seed = 1; seed <= seeds; seed++)
        for (const uint32_t align : {0U, 64U}) (void)run({seed, 0, call_new, 0, 0, align});
}

void test_the_pool_is_small(void **) {
    const uint64_t seeds = number_from_environment("ZCNET_FAULT_SEEDS", 10);
    for (uint64_t seed = 1; seed <= seeds; seed++)
        for (const uint32_t align : {0U, 64U})
            // For what the sender holds, one largest message, and a few blocks.
            (void)run({seed, 65536 + 4096 + 65536 + 3 * 65536 + seed % 8 * 4096, call_new, 0, 0, align});
}

void test_each_allocation_fails(void **) {
    for (const Call call : {call_new, call_allocate, call_map})
        for (const uint64_t times : {uint64_t{1}, uint64_t{5}})
            for (const uint32_t align : {0U, 64U})
                for (uint64_t first = 1; run({first, 0, call, first, times, align}); first++) {
                    if (first == 2000) fail_msg("%s is called without end", call_name(call));
                }
}

void test_allocations_fail_for_long(void **) {
    for (const Call call : {call_new, call_allocate, call_map})
        for (uint64_t first = 1; run({first, 0, call, first, for_ever, first % 2 != 0 ? 64U : 0U}); first += 3) {
            if (first > 2000) fail_msg("%s is called without end", call_name(call));
        }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_there),
        cmocka_unit_test(test_the_pool_is_small),
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_allocations_fail_for_long),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
