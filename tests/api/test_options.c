/* SPDX-License-Identifier: MIT */
/*
 * Option and answer structs of programs that were compiled with another version of the headers: shorter ones,
 * longer ones that are zero behind what the library knows, and longer ones that are not. Each lies in a heap block
 * of exactly its size, so that Valgrind and ASan see what is read or written behind it.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

#define LONGER 24

/* ---- what takes options ---- */

static zcn_framing *plain;
static zcn_loop *loop;

static void set_up(void) {
    plain = framing_of(PLAIN_FRAMING);
    assert_ok(zcn_loop_create(&loop, NULL));
}

static void tear_down(void) {
    zcn_loop_release(loop);
    zcn_framing_release(plain);
}

static zcn_status make_pool(const void *options) {
    zcn_pool *out = (zcn_pool *)&out;
    const zcn_status status = zcn_pool_create(&out, options);
    assert_true((status == ZCN_OK) == (out != NULL));
    zcn_pool_release(out);
    return status;
}

static zcn_status make_framing(const void *options) {
    zcn_framing *out = (zcn_framing *)&out;
    zcn_error error = {.struct_size = sizeof error};
    const zcn_status status = zcn_framing_create(&out, options, &error);
    assert_true((status == ZCN_OK) == (out != NULL));
    assert_int_equal(error.status, status);
    assert_true((status == ZCN_OK) == (error.text[0] == '\0'));
    zcn_framing_release(out);
    return status;
}

static zcn_status make_stream(const void *options) {
    zcn_stream *out = (zcn_stream *)&out;
    const zcn_status status = zcn_stream_create(&out, NULL, plain, options);
    assert_true((status == ZCN_OK) == (out != NULL));
    zcn_stream_release(out);
    return status;
}

static zcn_status make_loop(const void *options) {
    zcn_loop *out = (zcn_loop *)&out;
    const zcn_status status = zcn_loop_create(&out, options);
    assert_true((status == ZCN_OK) == (out != NULL));
    zcn_loop_release(out);
    return status;
}

static zcn_status adopt_conn(const void *options) {
    zcn_conn *out = (zcn_conn *)&out;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const zcn_status status = zcn_conn_adopt(&out, loop, ends[0], plain, options);
    assert_true((status == ZCN_OK) == (out != NULL));
    if (status == ZCN_OK) {
        assert_ok(zcn_conn_abort(out));
    } else {
        /* Not consumed: it is still ours to close. */
        assert_true(fcntl(ends[0], F_GETFD) >= 0);
        close(ends[0]);
    }
    close(ends[1]);
    return status;
}

static zcn_status connect_conn(const void *options) {
    zcn_conn *out = (zcn_conn *)&out;
    const zcn_status status = zcn_connect(&out, loop, "tcp://127.0.0.1:1", plain, options);
    assert_true((status == ZCN_OK) == (out != NULL));
    if (status == ZCN_OK) assert_ok(zcn_conn_abort(out));
    return status;
}

static zcn_status listen_with(const zcn_listen_options *options) {
    zcn_listener *out = (zcn_listener *)&out;
    const zcn_status status = zcn_listen(&out, loop, "tcp://127.0.0.1:0", plain, options);
    assert_true((status == ZCN_OK) == (out != NULL));
    if (status == ZCN_OK) assert_ok(zcn_listener_close(out));
    zcn_listener_release(out);
    return status;
}

static zcn_status make_listener(const void *options) { return listen_with(options); }

static zcn_status make_listener_of_conns(const void *options) {
    zcn_listen_options listening;
    zcn_listen_options_init(&listening, sizeof listening);
    listening.conn = options;
    return listen_with(&listening);
}

#define INIT_OF(noun) \
    static void init_##noun(void *options, size_t size) { zcn_##noun##_options_init(options, size); }
INIT_OF(pool)
INIT_OF(framing)
INIT_OF(stream)
INIT_OF(loop)
INIT_OF(conn)
INIT_OF(listen)

static const struct subject {
    const char *name;
    size_t size;
    void (*init)(void *options, size_t size);
    zcn_status (*make)(const void *options);
} subjects[] = {
    {"pool", sizeof(zcn_pool_options), init_pool, make_pool},
    {"framing", sizeof(zcn_framing_options), init_framing, make_framing},
    {"stream", sizeof(zcn_stream_options), init_stream, make_stream},
    {"loop", sizeof(zcn_loop_options), init_loop, make_loop},
    {"conn, adopted", sizeof(zcn_conn_options), init_conn, adopt_conn},
    {"conn, connecting", sizeof(zcn_conn_options), init_conn, connect_conn},
    {"listen", sizeof(zcn_listen_options), init_listen, make_listener},
    {"conn, accepted", sizeof(zcn_conn_options), init_conn, make_listener_of_conns},
};
#define SUBJECTS (sizeof subjects / sizeof *subjects)

static uint64_t size_of(const void *options) {
    uint64_t size;
    memcpy(&size, options, sizeof size);
    return size;
}

static void expect(const struct subject *subject, const void *options, zcn_status expected, const char *how) {
    const zcn_status status = subject->make(options);
    if (status != expected)
        fail_msg("%s options, %s (struct_size %llu of %zu): %s instead of %s", subject->name, how,
                 (unsigned long long)size_of(options), subject->size, zcn_status_name(status),
                 zcn_status_name(expected));
}

/* ---- options ---- */

static void null_means_defaults(void **state) {
    (void)state;
    set_up();
    for (size_t i = 0; i < SUBJECTS; i++) {
        const zcn_status expected = subjects[i].make == make_framing ? ZCN_EINVAL : ZCN_OK;
        assert_status(subjects[i].make(NULL), expected);
    }
    tear_down();
}

static void init_fills_what_the_caller_has(void **state) {
    (void)state;
    for (size_t i = 0; i < SUBJECTS; i++) {
        uint8_t *whole = exact_block(subjects[i].size, 0xAA);
        subjects[i].init(whole, subjects[i].size);
        assert_int_equal(size_of(whole), subjects[i].size);
        for (size_t size = 8; size <= subjects[i].size + LONGER; size++) {
            uint8_t *options = exact_block(size, 0xAA);
            subjects[i].init(options, size);
            assert_int_equal(size_of(options), size);
            const size_t known = size < subjects[i].size ? size : subjects[i].size;
            assert_memory_equal(options + 8, whole + 8, known - 8);
            for (size_t k = known; k < size; k++) assert_int_equal(options[k], 0);
            free(options);
        }
        free(whole);
    }
}

/* A struct too short for its own size cannot be filled: nothing is written. */
static void init_leaves_what_is_too_short(void **state) {
    (void)state;
    for (size_t i = 0; i < SUBJECTS; i++)
        for (size_t size = 1; size < 8; size++) {
            uint8_t *options = exact_block(size, 0xAA);
            subjects[i].init(options, size);
            for (size_t k = 0; k < size; k++) assert_int_equal(options[k], 0xAA);
            free(options);
        }
}

static void every_size_is_taken(void **state) {
    (void)state;
    set_up();
    for (size_t i = 0; i < SUBJECTS; i++)
        for (size_t size = 8; size <= subjects[i].size + LONGER; size++) {
            uint8_t *options = exact_block(size, 0xAA);
            subjects[i].init(options, size);
            expect(&subjects[i], options, ZCN_OK, "as init left it");
            assert_int_equal(size_of(options), size);
            free(options);
        }
    tear_down();
}

static void unknown_bytes_are_told(void **state) {
    (void)state;
    set_up();
    for (size_t i = 0; i < SUBJECTS; i++)
        for (size_t k = 0; k < LONGER; k++) {
            const size_t size = subjects[i].size + LONGER;
            uint8_t *options = exact_block(size, 0);
            subjects[i].init(options, size);
            options[subjects[i].size + k] = 1;
            expect(&subjects[i], options, ZCN_EOPTION, "with a byte set that is not known");
            options[subjects[i].size + k] = 0;
            expect(&subjects[i], options, ZCN_OK, "with that byte blank again");
            free(options);
        }
    tear_down();
}

static void wrong_sizes_are_refused(void **state) {
    (void)state;
    static const uint64_t wrong[] = {0, 1, 7, UINT64_MAX, (uint64_t)INT64_MAX, 1ULL << 40};
    set_up();
    for (size_t i = 0; i < SUBJECTS; i++)
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            uint8_t *options = exact_block(subjects[i].size, 0);
            subjects[i].init(options, subjects[i].size);
            memcpy(options, &wrong[k], sizeof wrong[k]);
            expect(&subjects[i], options, ZCN_EINVAL, "with a wrong size");
            free(options);
        }
    tear_down();
}

/* Each rule that options of connections can break is told by the name of the option. */
static void the_wrong_option_is_named(void **state) {
    (void)state;
#define WRONG(name, value) \
    { #name, offsetof(zcn_conn_options, name), sizeof(((zcn_conn_options *)0)->name), (value) }
    static const struct {
        const char *name;
        size_t place;
        size_t size;
        uint64_t value;
    } wrong[] = {
        WRONG(low_water, 256 * 1024 + 1),
        WRONG(align, 12),
        WRONG(align, 4),
        WRONG(align, 8192),
        WRONG(align_from, 1),
        WRONG(half_open, 3),
        WRONG(delay, 2),
        WRONG(start_paused, 2),
        WRONG(keepalive_s, 32768),
        WRONG(keepalive_interval_s, 32768),
        WRONG(keepalive_count, 128),
        WRONG(user_timeout_ms, 0x80000000),
        WRONG(lag, 5),
        WRONG(file_method, 6),
        WRONG(zero_copy_from, 4095),
        WRONG(id_width, 3),
        WRONG(id_little_endian, 2),
        WRONG(reserved, 1),
    };
#undef WRONG
    set_up();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        zcn_conn_options options;
        zcn_conn_options_init(&options, sizeof options);
        const uint32_t narrow = (uint32_t)wrong[i].value;
        memcpy((uint8_t *)&options + wrong[i].place, wrong[i].size == 4 ? (const void *)&narrow : &wrong[i].value,
               wrong[i].size);
        zcn_conn *conn;
        zcn_dialer *dialer;
        zcn_dial_options dial;
        zcn_dial_options_init(&dial, sizeof dial);
        dial.conn = &options;
        for (size_t way = 0; way < 3; way++) {
            const zcn_status status = way == 0   ? zcn_connect(&conn, loop, "unix-abstract:nobody", plain, &options)
                                      : way == 1 ? zcn_dial(&dialer, loop, "unix-abstract:nobody", plain, &dial)
                                                 : make_listener_of_conns(&options);
            if (status != ZCN_EINVAL) fail_msg("%s: %s", wrong[i].name, zcn_status_name(status));
            zcn_error error = {.struct_size = sizeof error};
            assert_ok(zcn_loop_get_error(loop, &error));
            if (strstr(error.text, wrong[i].name) == NULL) fail_msg("%s is told as: %s", wrong[i].name, error.text);
        }
    }
    tear_down();
}

/* What an older program does set is heeded, though its struct ends there. */
static void short_options_count(void **state) {
    (void)state;
    const size_t size = offsetof(zcn_pool_options, limit);
    zcn_pool_options *pool_options = exact_block(size, 0);
    zcn_pool_options_init(pool_options, size);
    pool_options->block_size = 4096;
    zcn_pool *pool;
    assert_ok(zcn_pool_create(&pool, pool_options));
    zcn_pool_stats stats = {.struct_size = sizeof stats};
    assert_ok(zcn_pool_get_stats(pool, &stats));
    assert_int_equal(stats.block_size, 4096);
    assert_int_equal(stats.limit_bytes, 0);
    zcn_pool_release(pool);
    free(pool_options);

    /* And wrong values in it are found. */
    pool_options = exact_block(size, 0);
    zcn_pool_options_init(pool_options, size);
    pool_options->block_size = 4095;
    assert_status(make_pool(pool_options), ZCN_EINVAL);
    free(pool_options);
}

static void reserved_fields_are_zero(void **state) {
    (void)state;
    set_up();
    zcn_framing_options framing;
    zcn_framing_options_init(&framing, sizeof framing);
    framing.reserved = 1;
    assert_true(make_framing(&framing) < 0);
    zcn_listen_options listening;
    zcn_listen_options_init(&listening, sizeof listening);
    listening.reserved = 1;
    assert_true(listen_with(&listening) < 0);
    tear_down();
}

/* ---- answers ---- */

static zcn_pool *answer_pool;
static zcn_stream *answer_stream;
static zcn_conn *answer_conn;
static zcn_listener *answer_listener;

static zcn_status pool_stats(void *answer) { return zcn_pool_get_stats(answer_pool, answer); }
static zcn_status stream_stats(void *answer) { return zcn_stream_get_stats(answer_stream, answer); }
static zcn_status conn_stats(void *answer) { return zcn_conn_get_stats(answer_conn, answer); }
static zcn_status loop_stats(void *answer) { return zcn_loop_get_stats(loop, answer); }
static zcn_status loop_relay_stats(void *answer) { return zcn_loop_get_relay_stats(loop, answer); }
static zcn_status listener_stats(void *answer) { return zcn_listener_get_stats(answer_listener, answer); }
static zcn_status framing_fields(void *answer) { return zcn_framing_get_options(plain, answer); }
static zcn_status stream_error(void *answer) { return zcn_stream_get_error(answer_stream, answer); }
static zcn_status conn_error(void *answer) { return zcn_conn_get_error(answer_conn, answer); }
static zcn_status loop_error(void *answer) { return zcn_loop_get_error(loop, answer); }
static zcn_status parse_error(void *answer) {
    zcn_framing *framing = NULL;
    const zcn_status status = zcn_framing_parse(&framing, "fixed=9", answer);
    assert_true((status == ZCN_OK) == (framing != NULL));
    zcn_framing_release(framing);
    return status;
}
static zcn_status create_error(void *answer) {
    zcn_framing *framing = NULL;
    zcn_framing_options options;
    zcn_framing_options_init(&options, sizeof options);
    const zcn_status status = zcn_framing_create(&framing, &options, answer);
    assert_true((status == ZCN_OK) == (framing != NULL));
    zcn_framing_release(framing);
    return status;
}

static const struct answer {
    const char *name;
    size_t size;
    zcn_status (*ask)(void *answer);

} answers[] = {
    {"zcn_pool_get_stats", sizeof(zcn_pool_stats), pool_stats},
    {"zcn_stream_get_stats", sizeof(zcn_stats), stream_stats},
    {"zcn_conn_get_stats", sizeof(zcn_stats), conn_stats},
    {"zcn_loop_get_stats", sizeof(zcn_loop_stats), loop_stats},
    {"zcn_loop_get_relay_stats", sizeof(zcn_loop_relay_stats), loop_relay_stats},
    {"zcn_listener_get_stats", sizeof(zcn_listener_stats), listener_stats},
    {"zcn_framing_get_options", sizeof(zcn_framing_options), framing_fields},
    {"zcn_stream_get_error", sizeof(zcn_error), stream_error},
    {"zcn_conn_get_error", sizeof(zcn_error), conn_error},
    {"zcn_loop_get_error", sizeof(zcn_error), loop_error},
    {"zcn_framing_parse", sizeof(zcn_error), parse_error},
    {"zcn_framing_create", sizeof(zcn_error), create_error},
};
#define ANSWERS (sizeof answers / sizeof *answers)

static void set_size(void *answer, uint64_t size) { memcpy(answer, &size, sizeof size); }

static void answers_are_cut_to_size(void **state) {
    (void)state;
    int ends[2];
    set_up();
    assert_ok(zcn_pool_create(&answer_pool, NULL));
    answer_stream = stream_of(answer_pool, PLAIN_FRAMING, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_ok(zcn_conn_adopt(&answer_conn, loop, ends[0], plain, NULL));
    assert_ok(zcn_listen(&answer_listener, loop, "tcp://127.0.0.1:0", plain, NULL));
    for (size_t i = 0; i < ANSWERS; i++) {
        const struct answer *of = &answers[i];
        uint8_t *whole = exact_block(of->size, 0xAA);
        set_size(whole, of->size);
        assert_ok(of->ask(whole));
        assert_int_equal(size_of(whole), of->size);
        for (size_t size = 8; size <= of->size + LONGER; size++) {
            uint8_t *cut = exact_block(size, 0xAA);
            set_size(cut, size);
            if (of->ask(cut) != ZCN_OK) fail_msg("%s refuses an answer of %zu bytes", of->name, size);
            assert_int_equal(size_of(cut), size);
            const size_t known = size < of->size ? size : of->size;
            /* The last byte of a sentence that is cut is its end. */
            const bool text_cut =
                of->size == sizeof(zcn_error) && known > offsetof(zcn_error, text) && known < of->size;
            assert_memory_equal(cut + 8, whole + 8, known - 8 - (text_cut ? 1 : 0));
            if (text_cut) assert_int_equal(cut[known - 1], 0);
            for (size_t k = known; k < size; k++) assert_int_equal(cut[k], 0);
            free(cut);
        }
        static const uint64_t wrong[] = {0, 7, UINT64_MAX};
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            memset(whole, 0xAA, of->size);
            set_size(whole, wrong[k]);
            if (of->ask(whole) != ZCN_EINVAL)
                fail_msg("%s takes a struct_size of %llu", of->name, (unsigned long long)wrong[k]);
            assert_int_equal(size_of(whole), wrong[k]);
            for (size_t byte = 8; byte < of->size; byte++) assert_int_equal(whole[byte], 0xAA);
        }
        free(whole);
        /* An error may be left out where something is made; an answer may not. */
        assert_status(of->ask(NULL), of->ask == parse_error || of->ask == create_error ? ZCN_OK : ZCN_EINVAL);
    }
    assert_ok(zcn_listener_close(answer_listener));
    zcn_listener_release(answer_listener);
    close(ends[1]);
    zcn_stream_release(answer_stream);
    zcn_pool_release(answer_pool);
    tear_down();
}

/* A sentence that is cut still ends. */
static void cut_error_texts_are_terminated(void **state) {
    (void)state;
    const size_t text_at = offsetof(zcn_error, text);
    for (size_t size = text_at + 1; size <= text_at + 40; size++) {
        zcn_error *error = exact_block(size, 0xAA);
        set_size(error, size);
        zcn_framing *framing = NULL;
        assert_status(zcn_framing_parse(&framing, "length,width=5", error), ZCN_EINVAL);
        assert_null(framing);
        assert_int_equal(error->status, ZCN_EINVAL);
        assert_non_null(memchr((char *)error + text_at, '\0', size - text_at));
        free(error);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_means_defaults),
        cmocka_unit_test(init_fills_what_the_caller_has),
        cmocka_unit_test(init_leaves_what_is_too_short),
        cmocka_unit_test(every_size_is_taken),
        cmocka_unit_test(unknown_bytes_are_told),
        cmocka_unit_test(wrong_sizes_are_refused),
        cmocka_unit_test(the_wrong_option_is_named),
        cmocka_unit_test(short_options_count),
        cmocka_unit_test(reserved_fields_are_zero),
        cmocka_unit_test(answers_are_cut_to_size),
        cmocka_unit_test(cut_error_texts_are_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
