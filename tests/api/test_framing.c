/* SPDX-License-Identifier: MIT */
/* Framings through the C functions: made from options and text, read back, asked about frames. */
#include <pthread.h>

#include "support.h"

/* ---- text ---- */

static void texts_become_complete(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *complete;
    } cases[] = {
        {"length", "length,offset=0,width=4,order=big,adjust=0,strip=0,max=16M"},
        {"length,max=1024,strip=4", "length,offset=0,width=4,order=big,adjust=0,strip=4,max=1K"},
        {"length,order=little,width=2,adjust=-4,offset=1,strip=3,max=65536",
         "length,offset=1,width=2,order=little,adjust=-4,strip=3,max=64K"},
        {"varint", "varint,offset=0,adjust=0,max_varint=10,strip=0,max=16M"},
        {"varint,max=1G,max_varint=5,adjust=7,offset=2", "varint,offset=2,adjust=7,max_varint=5,strip=0,max=1G"},
        {"delimiter=\\r\\n,strip=2,max=64K", NULL},
        {"delimiter=\\x00\\x41\\,\\\\,check=1", NULL},
        {"fixed=188", "fixed=188"},
        {"raw", "raw"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zcn_framing *framing = framing_of(cases[i].text);
        char text[600];
        size_t size = 0;
        assert_ok(zcn_framing_text(framing, text, sizeof text, &size));
        assert_int_equal(size, strlen(text));
        if (cases[i].complete != NULL) assert_string_equal(text, cases[i].complete);
        /* Reading it again gives the same. */
        zcn_framing *again = framing_of(text);
        char second[600];
        assert_ok(zcn_framing_text(again, second, sizeof second, NULL));
        assert_string_equal(text, second);
        zcn_framing_release(again);
        zcn_framing_release(framing);
    }
}

static void equal_framings_have_equal_texts(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"length,width=4,strip=4", "length,strip=4,offset=0,order=big"},
        {"length,max=16M", "length,max=16384K"},
        {"delimiter=\\n,max=2K", "delimiter=\\x0A,max=2048"},
        {"varint,max_varint=10", "varint"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char texts[2][600];
        for (size_t k = 0; k < 2; k++) {
            zcn_framing *framing = framing_of(pairs[i][k]);
            assert_ok(zcn_framing_text(framing, texts[k], sizeof texts[k], NULL));
            zcn_framing_release(framing);
        }
        assert_string_equal(texts[0], texts[1]);
    }
}

static void wrong_texts_name_the_key(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *named;
    } cases[] = {
        {"", NULL},
        {"lenght", "lenght"},
        {"length,", NULL},
        {",length", NULL},
        {"length,width", "width"},
        {"length,width=", "width"},
        {"length,width=5", "width"},
        {"length,width=4,width=4", "width"},
        {"length,order=middle", "order"},
        {"length,colour=red", "colour"},
        {"length,max_varint=3", "max_varint"},
        {"length,max=17179869184G", "max"},
        {"length,max=3", "max"},
        {"length,max=-1", "max"},
        {"length,max=1T", "max"},
        {"length,offset=65537", "offset"},
        {"length,adjust=99999999999999999999", "adjust"},
        {"length,strip=2M", "strip"},
        {"length,width=4 ", NULL},
        {"varint,width=4", "width"},
        {"varint,max_varint=0", "max_varint"},
        {"varint,max_varint=11", "max_varint"},
        {"delimiter=", "delimiter"},
        {"delimiter=\\q", NULL},
        {"delimiter=\\x4", NULL},
        {"delimiter=a,strip=2", "strip"},
        {"delimiter=a,check=2", "check"},
        {"fixed", "fixed"},
        {"fixed=0", "fixed"},
        {"fixed=4,strip=1", "strip"},
        {"raw,max=1K", "max"},
        {"raw=1", "raw"},
        {"custom", "custom"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zcn_framing *framing = (zcn_framing *)&framing;
        zcn_error error = {.struct_size = sizeof error, .status = 77, .sys_errno = 77};
        if (zcn_framing_parse(&framing, cases[i].text, &error) != ZCN_EINVAL)
            fail_msg("\"%s\" is taken", cases[i].text);
        assert_null(framing);
        assert_int_equal(error.status, ZCN_EINVAL);
        assert_int_equal(error.sys_errno, 0);
        if (error.text[0] == '\0') fail_msg("\"%s\" is refused without a word", cases[i].text);
        if (cases[i].named != NULL && strstr(error.text, cases[i].named) == NULL)
            fail_msg("\"%s\": the reason does not name %s: %s", cases[i].text, cases[i].named, error.text);
        framing = (zcn_framing *)&framing;
        assert_status(zcn_framing_parse(&framing, cases[i].text, NULL), ZCN_EINVAL);
        assert_null(framing);
    }
}

static void long_texts_have_an_end(void **state) {
    (void)state;
    char *text = malloc(5000);
    assert_non_null(text);
    memset(text, 'x', 4999);
    text[4999] = '\0';
    memcpy(text, "delimiter=", 10);
    zcn_framing *framing = (zcn_framing *)text;
    zcn_error error = {.struct_size = sizeof error};
    assert_status(zcn_framing_parse(&framing, text, &error), ZCN_EINVAL);
    assert_null(framing);
    assert_true(error.text[0] != '\0');
    /* Of the longest text that is allowed none is read behind its end. */
    char *longest = exact_block(4097, 'x');
    memcpy(longest, "length,width=", 13);
    longest[4096] = '\0';
    assert_status(zcn_framing_parse(&framing, longest, &error), ZCN_EINVAL);
    assert_null(framing);
    free(longest);
    /* 64 bytes of delimiter are the most. */
    memset(text + 10, 'x', 65);
    text[10 + 65] = '\0';
    assert_status(zcn_framing_parse(&framing, text, &error), ZCN_EINVAL);
    text[10 + 64] = '\0';
    assert_ok(zcn_framing_parse(&framing, text, &error));
    assert_int_equal(error.status, ZCN_OK);
    zcn_framing_release(framing);
    free(text);
}

static void text_is_cut_to_its_buffer(void **state) {
    (void)state;
    static const char complete[] = "length,offset=0,width=4,order=big,adjust=0,strip=4,max=16M";
    zcn_framing *framing = framing_of(PLAIN_FRAMING);
    for (size_t capacity = 0; capacity <= sizeof complete + 3; capacity++) {
        char *buffer = exact_block(capacity != 0 ? capacity : 1, 'Z');
        size_t size = 0;
        const zcn_status status = zcn_framing_text(framing, buffer, capacity, &size);
        assert_status(status, capacity >= sizeof complete ? ZCN_OK : ZCN_ENOBUFS);
        assert_int_equal(size, sizeof complete - 1);
        if (capacity == 0) {
            assert_int_equal(buffer[0], 'Z');
        } else {
            const size_t kept = capacity < sizeof complete ? capacity - 1 : sizeof complete - 1;
            assert_memory_equal(buffer, complete, kept);
            assert_int_equal(buffer[kept], '\0');
        }
        assert_status(zcn_framing_text(framing, buffer, capacity, NULL), status);
        free(buffer);
    }
    size_t size = 0;
    assert_status(zcn_framing_text(framing, NULL, 0, &size), ZCN_ENOBUFS);
    assert_int_equal(size, sizeof complete - 1);
    size = 9;
    assert_status(zcn_framing_text(framing, NULL, 1, &size), ZCN_EINVAL);
    assert_int_equal(size, 0);
    size = 9;
    assert_status(zcn_framing_text(NULL, NULL, 0, &size), ZCN_EINVAL);
    assert_int_equal(size, 0);
    zcn_framing_release(framing);
}

/* ---- options ---- */

static void fields_can_be_read_back(void **state) {
    (void)state;
    for (size_t i = 0; i < frame_shape_count; i++) {
        const frame_shape *shape = &frame_shapes[i];
        zcn_framing *framing = framing_of(shape->text);
        zcn_framing_options options;
        memset(&options, 0xAA, sizeof options);
        options.struct_size = sizeof options;
        assert_ok(zcn_framing_get_options(framing, &options));
        assert_int_equal(options.kind, shape->kind);
        assert_int_equal(options.strip, shape->strip);
        if (shape->kind == ZCN_FRAMING_LENGTH) {
            assert_int_equal(options.width, shape->width);
            assert_int_equal(options.little_endian, shape->little_endian);
        }
        if (shape->kind == ZCN_FRAMING_LENGTH || shape->kind == ZCN_FRAMING_VARINT) {
            assert_int_equal(options.offset, shape->offset);
            assert_int_equal(options.adjust, shape->adjust);
        }
        if (shape->kind == ZCN_FRAMING_FIXED) assert_int_equal(options.fixed, shape->fixed);
        if (shape->kind == ZCN_FRAMING_DELIMITER) {
            assert_int_equal(options.delimiter_size, shape->delimiter_size);
            assert_memory_equal(options.delimiter, shape->delimiter, shape->delimiter_size);
        }
        /* They make the same framing again. */
        zcn_framing *again = NULL;
        assert_ok(zcn_framing_create(&again, &options, NULL));
        char first[600], second[600];
        assert_ok(zcn_framing_text(framing, first, sizeof first, NULL));
        assert_ok(zcn_framing_text(again, second, sizeof second, NULL));
        assert_string_equal(first, second);
        zcn_framing_release(again);
        zcn_framing_release(framing);
    }
}

static void delimiters_are_copied(void **state) {
    (void)state;
    char *delimiter = exact_block(3, '#');
    zcn_framing_options options;
    zcn_framing_options_init(&options, sizeof options);
    options.kind = ZCN_FRAMING_DELIMITER;
    options.delimiter = delimiter;
    options.delimiter_size = 3;
    zcn_framing *framing;
    assert_ok(zcn_framing_create(&framing, &options, NULL));
    memset(delimiter, '!', 3);
    free(delimiter);
    uint64_t size;
    assert_ok(zcn_framing_measure(framing, "body###", 7, &size, NULL, NULL));
    assert_int_equal(size, 7);
    zcn_framing_release(framing);
}

static zcn_status measure_line(void *context, const void *data, uint64_t size, uint64_t *out_frame_size) {
    ++*(int *)context;
    if (((const char *)data)[0] == '!') return ZCN_EINVAL;
    const char *end = memchr(data, ';', size);
    if (end == NULL) return ZCN_AGAIN;
    *out_frame_size = (uint64_t)(end - (const char *)data) + 1;
    return ZCN_OK;
}

static void wrong_options_name_the_field(void **state) {
    (void)state;
    static const struct {
        const char *field;
        zcn_framing_options options;
    } cases[] = {
        {"kind", {.kind = 0}},
        {"kind", {.kind = 7}},
        {"width", {.kind = ZCN_FRAMING_LENGTH, .width = 0}},
        {"width", {.kind = ZCN_FRAMING_LENGTH, .width = 5}},
        {"little_endian", {.kind = ZCN_FRAMING_LENGTH, .width = 4, .little_endian = 2}},
        {"offset", {.kind = ZCN_FRAMING_LENGTH, .width = 4, .offset = 65537}},
        {"adjust", {.kind = ZCN_FRAMING_LENGTH, .width = 1, .adjust = -256, .max = 1 << 20}},
        {"adjust", {.kind = ZCN_FRAMING_LENGTH, .width = 4, .adjust = INT64_MIN, .max = 1 << 20}},
        {"max", {.kind = ZCN_FRAMING_LENGTH, .width = 4, .max = 3}},
        {"max", {.kind = ZCN_FRAMING_LENGTH, .width = 4, .max = UINT64_MAX}},
        {"strip", {.kind = ZCN_FRAMING_LENGTH, .width = 4, .max = 100, .strip = 101}},
        {"max_varint", {.kind = ZCN_FRAMING_VARINT, .max_varint = 0, .max = 100}},
        {"max_varint", {.kind = ZCN_FRAMING_VARINT, .max_varint = 11, .max = 100}},
        {"delimiter", {.kind = ZCN_FRAMING_DELIMITER, .max = 100}},
        {"delimiter", {.kind = ZCN_FRAMING_DELIMITER, .max = 100, .delimiter_size = 1}},
        {"delimiter", {.kind = ZCN_FRAMING_DELIMITER, .max = 100, .delimiter = "x", .delimiter_size = 65}},
        {"check", {.kind = ZCN_FRAMING_DELIMITER, .max = 9, .delimiter = "x", .delimiter_size = 1, .check = 2}},
        {"fixed", {.kind = ZCN_FRAMING_FIXED}},
        {"fixed", {.kind = ZCN_FRAMING_FIXED, .fixed = UINT64_MAX}},
        {"measure", {.kind = ZCN_FRAMING_CUSTOM, .max = 100}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zcn_framing_options options = cases[i].options;
        options.struct_size = sizeof options;
        zcn_framing *framing = (zcn_framing *)&options;
        zcn_error error = {.struct_size = sizeof error};
        if (zcn_framing_create(&framing, &options, &error) != ZCN_EINVAL) fail_msg("case %zu is taken", i);
        assert_null(framing);
        assert_int_equal(error.status, ZCN_EINVAL);
        if (strstr(error.text, cases[i].field) == NULL) fail_msg("case %zu: %s", i, error.text);
    }
    zcn_framing_options options;
    zcn_framing_options_init(&options, sizeof options);
    zcn_error error = {.struct_size = sizeof error};
    assert_status(zcn_framing_create(NULL, &options, &error), ZCN_EINVAL);
    assert_int_equal(error.status, ZCN_EINVAL);
    zcn_framing *framing = (zcn_framing *)&options;
    assert_status(zcn_framing_create(&framing, NULL, &error), ZCN_EINVAL);
    assert_null(framing);
    assert_status(zcn_framing_parse(NULL, "raw", &error), ZCN_EINVAL);
    framing = (zcn_framing *)&options;
    assert_status(zcn_framing_parse(&framing, NULL, &error), ZCN_EINVAL);
    assert_null(framing);
    assert_status(zcn_framing_get_options(NULL, &options), ZCN_EINVAL);
}

/* ---- overhead and measure ---- */

static void overhead_is_what_stands_around(void **state) {
    (void)state;
    for (size_t i = 0; i < frame_shape_count; i++) {
        const frame_shape *shape = &frame_shapes[i];
        zcn_framing *framing = framing_of(shape->text);
        static const size_t wanted[] = {2, 100, 127, 128, 255, 300, 16383, 16384, 70000};
        for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
            const size_t size = body_size_for(shape, wanted[k]);
            uint8_t *body = malloc(size);
            assert_non_null(body);
            fill_body(body, size, k);
            bytes frame = {0};
            append_frame(&frame, shape, body, size);
            uint64_t head = 99, tail = 99;
            assert_ok(zcn_framing_overhead(framing, size, &head, &tail));
            assert_int_equal(head + size + tail, frame.size);
            assert_int_equal(tail, shape->delimiter_size);
            assert_ok(zcn_framing_overhead(framing, size, NULL, NULL));
            /* And a receiver measures that frame. */
            uint64_t frame_size = 0, hidden_head = 99, hidden_tail = 99;
            assert_ok(zcn_framing_measure(framing, frame.data, frame.size, &frame_size, &hidden_head, &hidden_tail));
            assert_int_equal(frame_size, frame.size);
            const bool at_end = shape->kind == ZCN_FRAMING_DELIMITER;
            assert_int_equal(hidden_head, at_end ? 0 : shape->strip);
            assert_int_equal(hidden_tail, at_end ? shape->strip : 0);
            bytes_clear(&frame);
            free(body);
        }
        zcn_framing_release(framing);
    }
}

static void bodies_that_do_not_fit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t body;
        zcn_status expected;
    } cases[] = {
        {"length,max=1000", 996, ZCN_OK},
        {"length,max=1000", 997, ZCN_EFRAME_TOO_LARGE},
        {"length,max=1000", UINT64_MAX, ZCN_EFRAME_TOO_LARGE},
        {"length,max=1000", UINT64_MAX - 3, ZCN_EFRAME_TOO_LARGE},
        {"length,width=1", 255, ZCN_OK},
        {"length,width=1", 256, ZCN_EFRAME_VALUE},
        {"length,width=2", 65536, ZCN_EFRAME_VALUE},
        {"length,width=1,adjust=-1", 254, ZCN_OK},
        {"length,width=1,adjust=-1", 255, ZCN_EFRAME_VALUE},
        {"length,adjust=10", 9, ZCN_EFRAME_UNDERFLOW},
        {"length,adjust=10", 10, ZCN_OK},
        {"varint,max_varint=1", 127, ZCN_OK},
        {"varint,max_varint=1", 128, ZCN_EFRAME_VARINT},
        {"varint,max=130", 128, ZCN_OK},
        {"varint,max=130", 129, ZCN_EFRAME_TOO_LARGE},
        {"varint,adjust=3", 2, ZCN_EFRAME_UNDERFLOW},
        {"delimiter=\\n,max=10", 9, ZCN_OK},
        {"delimiter=\\n,max=10", 10, ZCN_EFRAME_TOO_LARGE},
        {"fixed=7", 7, ZCN_OK},
        {"fixed=7", 6, ZCN_EFRAME_SIZE},
        {"fixed=7", 8, ZCN_EFRAME_SIZE},
        {"fixed=7", 0, ZCN_EFRAME_SIZE},
        {"raw", 0, ZCN_OK},
        {"raw", 1ULL << 50, ZCN_OK},
        {"length", 0, ZCN_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zcn_framing *framing = framing_of(cases[i].text);
        uint64_t head = 99, tail = 99;
        const zcn_status status = zcn_framing_overhead(framing, cases[i].body, &head, &tail);
        if (status != cases[i].expected)
            fail_msg("%s, %llu bytes: %s", cases[i].text, (unsigned long long)cases[i].body, zcn_status_name(status));
        if (status != ZCN_OK) assert_true(head == 0 && tail == 0);
        zcn_framing_release(framing);
    }
    uint64_t head = 99, tail = 99;
    assert_status(zcn_framing_overhead(NULL, 1, &head, &tail), ZCN_EINVAL);
    assert_true(head == 0 && tail == 0);
}

/* A size is told as soon as the bytes that hold it are there, and no sooner; an error likewise. */
static void measure_knows_no_more_than_the_bytes_say(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *data;
        size_t size;
        size_t known_from; /* bytes from which on it is not AGAIN */
        zcn_status expected;
        uint64_t frame_size;
    } cases[] = {
        {"length", "\0\0\0\5hello", 9, 4, ZCN_OK, 9},
        {"length,max=100", "\0\0\0\x61", 4, 4, ZCN_EFRAME_TOO_LARGE, 0},
        {"length,max=100", "\0\0\0\x60", 4, 4, ZCN_OK, 100},
        {"length,adjust=-4", "\0\0\0\3", 4, 4, ZCN_EFRAME_UNDERFLOW, 0},
        {"length,width=8", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8, 8, ZCN_EFRAME_TOO_LARGE, 0},
        {"length,offset=2,width=1,strip=9", "zz\3abc", 6, 3, ZCN_EFRAME_STRIP, 0},
        {"varint", "\xAC\x02", 2, 2, ZCN_OK, 302},
        {"varint,max_varint=2", "\x80\x80\x01", 3, 2, ZCN_EFRAME_VARINT, 0},
        {"varint", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 10, 10, ZCN_EFRAME_VARINT, 0},
        {"delimiter=\\r\\n", "ab\r\r\ncd", 7, 5, ZCN_OK, 5},
        {"delimiter=\\r\\n,max=4", "abcde\r\n", 7, 3, ZCN_EFRAME_TOO_LARGE, 0},
        {"fixed=9", "", 0, 0, ZCN_OK, 9},
        {"raw", "x", 1, 1, ZCN_OK, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zcn_framing *framing = framing_of(cases[i].text);
        for (size_t size = 0; size <= cases[i].size; size++) {
            uint8_t *data = exact_block(size != 0 ? size : 1, 0);
            memcpy(data, cases[i].data, size);
            uint64_t frame_size = 99, head = 99, tail = 99;
            const zcn_status status = zcn_framing_measure(framing, data, size, &frame_size, &head, &tail);
            const zcn_status expected = size < cases[i].known_from ? ZCN_AGAIN : cases[i].expected;
            if (status != expected)
                fail_msg("%s, %zu bytes: %s instead of %s", cases[i].text, size, zcn_status_name(status),
                         zcn_status_name(expected));
            if (status != ZCN_OK) assert_true(frame_size == 0 && head == 0 && tail == 0);
            if (status == ZCN_OK) assert_int_equal(frame_size, cases[i].frame_size);
            free(data);
        }
        zcn_framing_release(framing);
    }
    zcn_framing *framing = framing_of("length");
    uint64_t frame_size = 99, head = 99, tail = 99;
    assert_status(zcn_framing_measure(NULL, "x", 1, &frame_size, &head, &tail), ZCN_EINVAL);
    assert_true(frame_size == 0 && head == 0 && tail == 0);
    frame_size = 99;
    assert_status(zcn_framing_measure(framing, NULL, 1, &frame_size, NULL, NULL), ZCN_EINVAL);
    assert_int_equal(frame_size, 0);
    assert_status(zcn_framing_measure(framing, "x", 1, NULL, NULL, NULL), ZCN_EINVAL);
    assert_status(zcn_framing_measure(framing, NULL, 0, &frame_size, NULL, NULL), ZCN_AGAIN);
    zcn_framing_release(framing);
}

static void custom_framing_asks_its_function(void **state) {
    (void)state;
    int calls = 0;
    zcn_framing_options options;
    zcn_framing_options_init(&options, sizeof options);
    options.kind = ZCN_FRAMING_CUSTOM;
    options.measure = measure_line;
    options.measure_context = &calls;
    options.max = 10;
    options.strip = 1;
    zcn_framing *framing;
    assert_ok(zcn_framing_create(&framing, &options, NULL));
    char text[20];
    assert_ok(zcn_framing_text(framing, text, sizeof text, NULL));
    assert_string_equal(text, "custom");
    uint64_t size, head, tail;
    assert_ok(zcn_framing_measure(framing, "abc;d", 5, &size, &head, &tail));
    assert_int_equal(size, 4);
    assert_int_equal(head, 1);
    assert_int_equal(tail, 0);
    assert_int_equal(calls, 1);
    assert_status(zcn_framing_measure(framing, "abc", 3, &size, NULL, NULL), ZCN_AGAIN);
    assert_int_equal(size, 0);
    assert_status(zcn_framing_measure(framing, "!", 1, &size, NULL, NULL), ZCN_EFRAME_MEASURE);
    assert_status(zcn_framing_measure(framing, "0123456789;", 11, &size, NULL, NULL), ZCN_EFRAME_TOO_LARGE);
    zcn_framing_options back = {.struct_size = sizeof back};
    assert_ok(zcn_framing_get_options(framing, &back));
    assert_true(back.measure == measure_line);
    assert_ptr_equal(back.measure_context, &calls);
    zcn_framing_release(framing);
}

/* ---- references ---- */

static void *count_up_and_down(void *framing) {
    for (int i = 0; i < 20000; i++) zcn_framing_release(zcn_framing_retain(framing));
    return NULL;
}

static void references_are_counted(void **state) {
    (void)state;
    assert_null(zcn_framing_retain(NULL));
    zcn_framing_release(NULL);
    zcn_framing *framing = framing_of("fixed=3");
    assert_ptr_equal(zcn_framing_retain(framing), framing);
    zcn_framing_release(framing);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, count_up_and_down, framing), 0);
    for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    char text[10];
    assert_ok(zcn_framing_text(framing, text, sizeof text, NULL));
    assert_string_equal(text, "fixed=3");
    zcn_framing_release(framing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_complete),
        cmocka_unit_test(equal_framings_have_equal_texts),
        cmocka_unit_test(wrong_texts_name_the_key),
        cmocka_unit_test(long_texts_have_an_end),
        cmocka_unit_test(text_is_cut_to_its_buffer),
        cmocka_unit_test(fields_can_be_read_back),
        cmocka_unit_test(delimiters_are_copied),
        cmocka_unit_test(wrong_options_name_the_field),
        cmocka_unit_test(overhead_is_what_stands_around),
        cmocka_unit_test(bodies_that_do_not_fit),
        cmocka_unit_test(measure_knows_no_more_than_the_bytes_say),
        cmocka_unit_test(custom_framing_asks_its_function),
        cmocka_unit_test(references_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
