/* SPDX-License-Identifier: MIT */
/* Once warm, nothing that goes through a connection takes memory from the system: no allocation, no mapping. */
#include <dlfcn.h>
#include <sys/mman.h>

#include "support.h"

/* Sanitizers and Valgrind have allocators of their own, which allocate as they like. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_COUNT 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define CAN_COUNT 0
#endif
#endif
#ifndef CAN_COUNT
#define CAN_COUNT 1
#endif

static atomic_bool counting;
static atomic_size_t taken;

#if CAN_COUNT
/* dlsym() may allocate before it has answered; that memory is never given back. */
static _Alignas(max_align_t) char early[8192];
static size_t early_used;

static bool is_early(const void *block) {
    return (const char *)block >= early && (const char *)block < early + sizeof early;
}

static void *early_block(size_t size) {
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (size > sizeof early - early_used) abort();
    void *block = early + early_used;
    early_used += size;
    return block;
}

static void note(void) {
    if (atomic_load_explicit(&counting, memory_order_relaxed)) atomic_fetch_add(&taken, 1);
}

static void *next_function(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) abort();
    return found;
}

/* A pointer to data is no pointer to a function in ISO C; a union is the way between them. */
#define REAL(name, type)                                   \
    static union {                                         \
        void *found;                                       \
        type;                                              \
    } name;                                                \
    static bool name##_sought;                             \
    if (name.found == NULL && !name##_sought) {            \
        name##_sought = true;                              \
        name.found = next_function(#name + sizeof "real"); \
    }

void *malloc(size_t size) {
    REAL(real_malloc, void *(*call)(size_t));
    note();
    return real_malloc.found == NULL ? early_block(size) : real_malloc.call(size);
}

void *calloc(size_t count, size_t size) {
    REAL(real_calloc, void *(*call)(size_t, size_t));
    note();
    return real_calloc.found == NULL ? early_block(count * size) : real_calloc.call(count, size);
}

void *realloc(void *block, size_t size) {
    REAL(real_realloc, void *(*call)(void *, size_t));
    note();
    if (is_early(block)) abort();
    return real_realloc.call(block, size);
}

void free(void *block) {
    REAL(real_free, void (*call)(void *));
    if (block != NULL && !is_early(block)) real_free.call(block);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    REAL(real_posix_memalign, int (*call)(void **, size_t, size_t));
    note();
    return real_posix_memalign.call(out, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    REAL(real_aligned_alloc, void *(*call)(size_t, size_t));
    note();
    return real_aligned_alloc.call(alignment, size);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    REAL(real_mmap, void *(*call)(void *, size_t, int, int, int, off_t));
    note();
    return real_mmap.call(at, size, protection, flags, fd, offset);
}
#endif

/* ---- what is measured ---- */

#define MOST_KEPT 64

/* Two loops that talk; nothing here notes events, since that allocates. */
struct talk {
    pair ends;
    zcn_framing *framing;
    size_t size;     /* of a message */
    size_t received; /* by the client */
    size_t heard;    /* by the server */
    size_t sent_events;
    zcn_msg *kept[MOST_KEPT];
    size_t kept_count;
    size_t released; /* foreign segments that came back */
    uint64_t token;
    uint8_t *foreign;
    void (*say)(struct talk *talk);                            /* the client sends once */
    void (*answer)(struct talk *talk, const zcn_event *event); /* the server has a message */
    bool quiet;    /* the server gives no answer, so that nobody waits for one */
    size_t window; /* messages under way */
};

static void keep(struct talk *talk, const zcn_event *event) {
    if (talk->kept_count == MOST_KEPT) {
        assert_ok(zcn_msg_release_batch(talk->kept, MOST_KEPT));
        talk->kept_count = 0;
    }
    assert_ok(zcn_msg_retain(&talk->kept[talk->kept_count++], event->msg));
}

static void poll_both(struct talk *talk) {
    const zcn_event *events;
    size_t count;
    assert_ok(zcn_loop_poll(talk->ends.client.loop, 0, &events, &count, NULL));
    for (size_t i = 0; i < count; i++) {
        assert_int_not_equal(events[i].type, ZCN_EVENT_CLOSED);
        if (events[i].type == ZCN_EVENT_MESSAGE) talk->received++;
        if (events[i].type == ZCN_EVENT_SENT) talk->sent_events += events[i].size;
    }
    assert_ok(zcn_loop_poll(talk->ends.server.loop, 0, &events, &count, NULL));
    for (size_t i = 0; i < count; i++) {
        assert_int_not_equal(events[i].type, ZCN_EVENT_CLOSED);
        if (events[i].type != ZCN_EVENT_MESSAGE) continue;
        assert_int_equal(events[i].size, talk->size);
        talk->heard++;
        talk->answer(talk, &events[i]);
    }
}

#define WINDOW 32

static void exchange(struct talk *talk, size_t messages) {
    const uint64_t deadline = deadline_after_ms(WAIT_MS);
    if (talk->window == 0) talk->window = WINDOW;
    for (size_t done = 0; done < messages; done += talk->window) {
        const size_t goal = (talk->quiet ? talk->heard : talk->received) + talk->window;
        for (size_t i = 0; i < talk->window; i++) talk->say(talk);
        while ((talk->quiet ? talk->heard : talk->received) < goal) {
            poll_both(talk);
            assert_false(deadline_passed(deadline));
        }
    }
}

static void measure(struct talk *talk, transport over, size_t messages) {
#if CAN_COUNT
    if (slow_machine()) {
        print_message("under Valgrind allocations are not the library's alone\n");
        skip();
    }
#else
    print_message("in a build with a sanitizer allocations are not the library's alone\n");
    skip();
#endif
    pair_open(&talk->ends, over, PLAIN_FRAMING, NULL, NULL);
    talk->framing = framing_of(PLAIN_FRAMING);
    talk->foreign = malloc(talk->size + 1);
    memset(talk->foreign, 'f', talk->size + 1);
    /* The counter counts. */
    atomic_store(&taken, 0);
    atomic_store(&counting, true);
    void *volatile probe = malloc(talk->size + 1);
    free(probe);
    atomic_store(&counting, false);
    assert_int_equal(atomic_load(&taken), 1);

    exchange(talk, messages);
    atomic_store(&taken, 0);
    atomic_store(&counting, true);
    exchange(talk, messages);
    atomic_store(&counting, false);
    if (atomic_load(&taken) != 0)
        fail_msg("%zu allocations for %zu messages of %zu bytes", atomic_load(&taken), messages, talk->size);

    assert_ok(zcn_msg_release_batch(talk->kept, talk->kept_count));
    zcn_framing_release(talk->framing);
    pair_close(&talk->ends);
    free(talk->foreign);
}

/* ---- the ways to send ---- */

static void say_unit(struct talk *talk) {
    zcn_unit *unit;
    void *data;
    assert_ok(zcn_unit_alloc(&unit, &data, NULL, talk->framing, talk->size));
    memset(data, 'u', talk->size);
    assert_ok(zcn_conn_send(talk->ends.dialled, unit));
}

static void say_batch(struct talk *talk) {
    /* A whole window at its first message. */
    static size_t place;
    if (place++ % WINDOW != 0) return;
    zcn_unit *units[WINDOW];
    void *datas[WINDOW];
    assert_ok(zcn_unit_alloc_batch(units, datas, WINDOW, NULL, talk->framing, talk->size));
    for (size_t i = 0; i < WINDOW; i++) memset(datas[i], 'b', talk->size);
    size_t sent;
    assert_ok(zcn_conn_send_batch(talk->ends.dialled, units, WINDOW, &sent));
    assert_int_equal(sent, WINDOW);
}

static void say_copy(struct talk *talk) {
    assert_ok(zcn_conn_send_copy(talk->ends.dialled, talk->foreign, talk->size));
}

static void say_reserved(struct talk *talk) {
    void *data;
    assert_ok(zcn_conn_reserve(talk->ends.dialled, &data, NULL, talk->size));
    memset(data, 'r', talk->size);
    assert_ok(zcn_conn_commit(talk->ends.dialled, talk->size, NULL, NULL));
}

static void say_with_token(struct talk *talk) {
    zcn_unit *unit;
    void *data;
    assert_ok(zcn_unit_alloc(&unit, &data, NULL, talk->framing, talk->size));
    memset(data, 't', talk->size);
    assert_ok(zcn_unit_set_token(unit, talk->token++));
    assert_ok(zcn_conn_send(talk->ends.dialled, unit));
}

static void count_release(void *context, const void *data, uint64_t size) {
    struct talk *talk = context;
    assert_ptr_equal(data, talk->foreign);
    assert_int_equal(size, talk->size);
    talk->released++;
}

static void say_foreign(struct talk *talk) {
    zcn_unit *unit;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_ref(unit, talk->foreign, talk->size, count_release, talk));
    assert_ok(zcn_conn_send(talk->ends.dialled, unit));
}

static void say_posted(struct talk *talk) {
    zcn_unit *unit;
    void *data;
    assert_ok(zcn_unit_alloc(&unit, &data, NULL, talk->framing, talk->size));
    memset(data, 'p', talk->size);
    assert_ok(zcn_conn_post(talk->ends.dialled, unit));
}

/* ---- the ways to answer ---- */

static void answer_forward(struct talk *talk, const zcn_event *event) {
    (void)talk;
    assert_ok(zcn_conn_forward(event->conn, event->msg));
}

static void answer_send_msg(struct talk *talk, const zcn_event *event) {
    keep(talk, event);
    assert_ok(zcn_conn_send_msg(event->conn, talk->kept[talk->kept_count - 1]));
}

static void answer_unit_of_msg(struct talk *talk, const zcn_event *event) {
    (void)talk;
    zcn_unit *unit;
    assert_ok(zcn_unit_create(&unit, NULL));
    assert_ok(zcn_unit_append_static(unit, "re: ", 4));
    assert_ok(zcn_unit_append_msg(unit, event->msg));
    assert_ok(zcn_conn_send(event->conn, unit));
}

static void answer_keep(struct talk *talk, const zcn_event *event) { keep(talk, event); }

static void answer_nothing(struct talk *talk, const zcn_event *event) {
    (void)talk;
    (void)event;
}

static const size_t sizes[] = {0, 16, 1000, 5000};

static void measure_sizes(void (*say)(struct talk *), void (*answer)(struct talk *, const zcn_event *), bool quiet) {
    static const transport transports[] = {OVER_TCP, OVER_SOCKETPAIR};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct talk talk = {.size = sizes[i], .say = say, .answer = answer, .quiet = quiet};
            measure(&talk, transports[k], 6400);
        }
}

static void test_alloc_units_and_borrowed_messages(void **state) {
    (void)state;
    measure_sizes(say_unit, answer_nothing, true);
}

static void test_alloc_batches_and_retained_messages(void **state) {
    (void)state;
    measure_sizes(say_batch, answer_keep, true);
}

static void test_alloc_forwarded_messages(void **state) {
    (void)state;
    measure_sizes(say_unit, answer_forward, false);
}

static void test_alloc_retained_messages_sent_on(void **state) {
    (void)state;
    measure_sizes(say_copy, answer_send_msg, false);
}

static void test_alloc_units_made_of_messages(void **state) {
    (void)state;
    measure_sizes(say_copy, answer_unit_of_msg, false);
}

static void test_alloc_reserved_room(void **state) {
    (void)state;
    measure_sizes(say_reserved, answer_nothing, true);
}

static void test_alloc_sent_tokens(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct talk talk = {.size = sizes[i], .say = say_with_token, .answer = answer_nothing, .quiet = true};
        measure(&talk, OVER_TCP, 6400);
        assert_int_equal(talk.token, 12800);
    }
}

static void test_alloc_foreign_memory(void **state) {
    (void)state;
    for (size_t i = 1; i < sizeof sizes / sizeof *sizes; i++) {
        struct talk talk = {.size = sizes[i], .say = say_foreign, .answer = answer_nothing, .quiet = true};
        measure(&talk, OVER_TCP, 6400);
        assert_int_equal(talk.released, 12800);
    }
}

static void test_alloc_posted_units(void **state) {
    (void)state;
    measure_sizes(say_posted, answer_forward, false);
}

/* Each has memory of its own, which is used again. */
static void test_alloc_messages_larger_than_a_block(void **state) {
    (void)state;
    struct talk talk = {.size = 700000, .say = say_unit, .answer = answer_nothing, .quiet = true, .window = 1};
    measure(&talk, OVER_SOCKETPAIR, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_units_and_borrowed_messages),
        cmocka_unit_test(test_alloc_batches_and_retained_messages),
        cmocka_unit_test(test_alloc_forwarded_messages),
        cmocka_unit_test(test_alloc_retained_messages_sent_on),
        cmocka_unit_test(test_alloc_units_made_of_messages),
        cmocka_unit_test(test_alloc_reserved_room),
        cmocka_unit_test(test_alloc_sent_tokens),
        cmocka_unit_test(test_alloc_foreign_memory),
        cmocka_unit_test(test_alloc_posted_units),
        cmocka_unit_test(test_alloc_messages_larger_than_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
