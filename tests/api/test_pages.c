/* SPDX-License-Identifier: MIT */
/* Constant pages: memory that the kernel may hand over as it is. Only what cannot be written to is taken for it. */
#include <sys/mman.h>

#include "support_files.h"

/* A mapping of a file with that pattern, which this process cannot write to. */
static const uint8_t *constant_pages(size_t size, uint64_t seed) {
    zcn_file *file = pattern_file(size, seed, ZCN_FILE_AUTO, NULL);
    void *pages = mmap(NULL, size, PROT_READ, MAP_PRIVATE, zcn_file_fd(file), 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    zcn_file_release(file);
    return pages;
}

static const uint8_t constants[100000] = {1, 2, 3};

/* Between other memory, of all sizes, at any offset; and one unit many times. */
static void pages_arrive_as_they_are(transport over) {
    const size_t whole = 3000000;
    const uint8_t *pages = constant_pages(whole, 5);
    static const size_t sizes[] = {1, 4096, 65535, 65536, 100001, 1048576, 2500000};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    const size_t descriptors = open_descriptors();
    const zcn_conn_options options = deep_options();
    pair both;
    pair_open(&both, over, PLAIN_FRAMING, &options, NULL);
    uint64_t large = 0;
    for (size_t i = 0; i < SIZES; i++) {
        zcn_unit *unit = NULL;
        assert_ok(zcn_unit_create(&unit, NULL));
        assert_ok(zcn_unit_append_copy(unit, "head", 4));
        assert_ok(zcn_unit_append_pages(unit, pages + i * 13331, sizes[i]));
        assert_ok(zcn_unit_append_pages(unit, constants, i % 2 == 0 ? sizeof constants : 0));
        assert_ok(zcn_unit_append_static(unit, "tail", 4));
        assert_ok(zcn_unit_set_token(unit, i));
        (void)zcn_unit_retain(unit);
        assert_ok(zcn_conn_send(both.accepted, unit));
        assert_ok(zcn_conn_send(both.accepted, unit));
        large += 2 * ((sizes[i] >= 65536 ? sizes[i] : 0) + (i % 2 == 0 ? sizeof constants : 0));
    }
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_MESSAGE) == 2 * SIZES);
    for (size_t i = 0; i < 2 * SIZES; i++) {
        const seen *message = nth_of(&both.client.got, ZCN_EVENT_MESSAGE, i);
        const size_t k = i / 2;
        const size_t more = k % 2 == 0 ? sizeof constants : 0;
        assert_int_equal(message->size, sizes[k] + more + 8);
        assert_memory_equal(message->body, "head", 4);
        assert_memory_equal(message->body + 4, pages + k * 13331, sizes[k]);
        assert_memory_equal(message->body + 4 + sizes[k], constants, more);
        assert_memory_equal(message->body + 4 + sizes[k] + more, "tail", 4);
    }
    uint64_t ended = 0;
    for (size_t i = 0; i < count_of(&both.server.got, ZCN_EVENT_SENT); i++) {
        const seen *sent = nth_of(&both.server.got, ZCN_EVENT_SENT, i);
        assert_int_equal(sent->status, ZCN_OK);
        ended += sent->size;
    }
    assert_int_equal(ended, 2 * SIZES);
    const zcn_stats stats = stats_of(both.accepted);
    const bool local = over != OVER_TCP && over != OVER_TCP6;
    assert_int_equal(stats.pages_lent, local ? large : 0);
    char text[1024];
    assert_ok(zcn_conn_explain(both.accepted, text, sizeof text));
    assert_true((strstr(text, "constant pages") != NULL) == local);
    pair_close(&both);
    assert_descriptors_left(descriptors);
    munmap((void *)(uintptr_t)pages, whole);
}

/* A receiver that stops in the middle, and one that goes. */
static void a_slow_receiver_gets_all_of_it(transport over) {
    const size_t whole = 30000000;
    const uint8_t *pages = constant_pages(whole, 6);
    const zcn_conn_options options = deep_options();
    pair both;
    pair_open(&both, over, "length,width=4,strip=4,max=64M", &options, NULL);
    assert_ok(zcn_conn_pause(both.dialled));
    zcn_unit *unit = NULL;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_pages(unit, pages, whole));
    (void)zcn_unit_retain(unit);
    assert_ok(zcn_conn_send(both.accepted, unit));
    pump_idle(&both.server, &both.client);
    assert_true(stats_of(both.accepted).queued_bytes > 0);
    assert_ok(zcn_conn_resume(both.dialled));
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.client.got, ZCN_EVENT_MESSAGE) == 1);
    const seen *message = nth_of(&both.client.got, ZCN_EVENT_MESSAGE, 0);
    assert_int_equal(message->size, whole);
    assert_pattern(message->body, whole, 6);
    assert_ok(zcn_conn_pause(both.dialled));
    assert_ok(zcn_conn_send(both.accepted, unit));
    pump_idle(&both.server, &both.client);
    assert_ok(zcn_conn_abort(both.dialled));
    PUMP_UNTIL(&both.server, &both.client, count_of(&both.server.got, ZCN_EVENT_CLOSED) == 1);
    pair_close(&both);
    munmap((void *)(uintptr_t)pages, whole);
}

/* Whatever may be used again is no constant, and neither is what is not there. */
static void memory_that_can_be_written_to_is_refused(transport over) {
    (void)over;
    zcn_unit *unit = NULL, *other = NULL;
    void *room = NULL;
    uint8_t *heap = exact_block(200000, 1);
    const uint8_t *pages = constant_pages(200000, 1);
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_status(zcn_unit_append_pages(unit, heap, 200000), ZCN_EUNSUPPORTED);
    assert_status(zcn_unit_append_pages(unit, &room, sizeof room), ZCN_EUNSUPPORTED);
    /* A pool's, and a message's. */
    assert_ok(zcn_unit_alloc(&other, &room, NULL, NULL, 100000));
    assert_status(zcn_unit_append_pages(unit, room, 100000), ZCN_EUNSUPPORTED);
    zcn_unit_release(other);
    zcn_msg *msg = owned_msg(NULL, 1000, 1);
    assert_status(zcn_unit_append_pages(unit, zcn_msg_data(msg), zcn_msg_size(msg)), ZCN_EUNSUPPORTED);
    assert_ok(zcn_msg_release(msg));
    /* In part. */
    assert_int_equal(mprotect((void *)(uintptr_t)(pages + 196608), 3392, PROT_READ | PROT_WRITE), 0);
    assert_status(zcn_unit_append_pages(unit, pages, 200000), ZCN_EUNSUPPORTED);
    assert_ok(zcn_unit_append_pages(unit, pages, 196608));
    munmap((void *)(uintptr_t)(pages + 4096), 4096);
    assert_status(zcn_unit_append_pages(unit, pages, 100000), ZCN_EUNSUPPORTED);
    assert_ok(zcn_unit_append_pages(unit, pages + 1, 4095));
    assert_status(zcn_unit_append_pages(NULL, pages, 1), ZCN_EINVAL);
    assert_status(zcn_unit_append_pages(unit, NULL, 1), ZCN_EINVAL);
    assert_int_equal(zcn_unit_size(unit), 196608 + 4095);
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    assert_ok(zcn_unit_seal(unit, framing));
    assert_status(zcn_unit_append_pages(unit, pages, 1), ZCN_EINVAL);
    zcn_framing_release(framing);
    zcn_unit_release(unit);
    munmap((void *)(uintptr_t)pages, 200000);
    free(heap);
}

int main(void) {
    static const transport_test tests[] = {
        TRANSPORT_TEST(pages_arrive_as_they_are),
        TRANSPORT_TEST(a_slow_receiver_gets_all_of_it),
        TRANSPORT_TEST(memory_that_can_be_written_to_is_refused),
    };
    return run_on_each_transport(tests, sizeof tests / sizeof *tests);
}
