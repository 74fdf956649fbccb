// SPDX-License-Identifier: MIT
// The C functions of framings, statuses and versions: arguments, answers, what a failed call leaves behind.
#include <zcnet/version.h>

#include <set>

#include "framing/framing.h"
#include "framing_harness.h"

namespace {

zcn_framing *const dead = reinterpret_cast<zcn_framing *>(0x10);

zcn_framing *parsed(const char *text) {
    zcn_framing *framing = nullptr;
    zcn_error error = {};
    error.struct_size = sizeof error;
    if (zcn_framing_parse(&framing, text, &error) != ZCN_OK) fail_msg("%s: %s", text, error.text);
    return framing;
}

zcn_framing_options defaults() {
    zcn_framing_options options;
    zcn_framing_options_init(&options, sizeof options);
    return options;
}

zcn_status measure_four(void *context, const void *, uint64_t, uint64_t *out_frame_size) {
    *out_frame_size = *static_cast<uint64_t *>(context);
    return ZCN_OK;
}

// Asserts that a creation is refused with a status and a sentence that contains words.
void assert_refused(const zcn_framing_options *options, zcn_status status, const char *words) {
    zcn_framing *framing = dead;
    zcn_error error = {};
    error.struct_size = sizeof error;
    assert_int_equal(zcn_framing_create(&framing, options, &error), status);
    assert_null(framing);
    assert_int_equal(error.status, status);
    if (std::strstr(error.text, words) == nullptr) fail_msg("\"%s\" does not say \"%s\"", error.text, words);
}

void test_defaults(void **) {
    const zcn_framing_options options = defaults();
    assert_int_equal(options.struct_size, sizeof options);
    assert_int_equal(options.kind, ZCN_FRAMING_LENGTH);
    assert_int_equal(options.width, 4);
    assert_int_equal(options.max_varint, 10);
    assert_int_equal(options.max, 16 << 20);
    assert_int_equal(options.strip + options.offset + options.fixed + options.check + options.little_endian, 0);
    zcn_framing_options_init(nullptr, sizeof options);
}

void test_create_refuses(void **) {
    assert_refused(nullptr, ZCN_EINVAL, "options is NULL");
    zcn_framing_options options = defaults();
    for (const uint64_t size : {0U, 7U, 4097U}) {
        options.struct_size = size;
        assert_refused(&options, ZCN_EINVAL, "struct_size");
    }
    for (const uint32_t kind : {0U, 7U, UINT32_MAX}) {
        options = defaults();
        options.kind = kind;
        assert_refused(&options, ZCN_EINVAL, "kind");
    }
    options = defaults();
    options.reserved = 1;
    assert_refused(&options, ZCN_EOPTION, "reserved");
    options = defaults();
    options.little_endian = 2;
    assert_refused(&options, ZCN_EINVAL, "little_endian");
    options = defaults();
    options.kind = ZCN_FRAMING_DELIMITER;
    options.delimiter_size = 1;
    assert_refused(&options, ZCN_EINVAL, "delimiter is NULL");
    options.delimiter = "x";
    options.delimiter_size = 65;
    assert_refused(&options, ZCN_EINVAL, "1 to 64");
    options.delimiter_size = UINT64_MAX;
    assert_refused(&options, ZCN_EINVAL, "1 to 64");
    options = defaults();
    options.kind = ZCN_FRAMING_CUSTOM;
    assert_refused(&options, ZCN_EINVAL, "measure is NULL");
    uint64_t four = 4;
    options.measure = measure_four;
    options.measure_context = &four;
    options.max = 0;
    assert_refused(&options, ZCN_EINVAL, "max is 0");
    options.max = 8;
    options.strip = 9;
    assert_refused(&options, ZCN_EINVAL, "strip is 9");
    for (const uint32_t kind : {ZCN_FRAMING_FIXED, ZCN_FRAMING_RAW}) {
        options = defaults();
        options.kind = kind;
        options.fixed = 9;
        options.strip = 1;
        assert_refused(&options, ZCN_EINVAL, "strip is 1");
    }
}

void test_larger_and_smaller_options(void **) {
    // A caller of an older version gives fewer bytes: here it ends before max.
    alignas(8) unsigned char bytes[sizeof(zcn_framing_options) + 16] = {};
    auto *options = reinterpret_cast<zcn_framing_options *>(bytes);
    zcn_framing_options_init(options, offsetof(zcn_framing_options, max));
    options->width = 2;
    zcn_framing *framing = nullptr;
    assert_int_equal(zcn_framing_create(&framing, options, nullptr), ZCN_OK);
    zcn_framing_options read = defaults();
    assert_int_equal(zcn_framing_get_options(framing, &read), ZCN_OK);
    assert_int_equal(read.width, 2);
    assert_int_equal(read.max, 16 << 20);
    zcn_framing_release(framing);
    // One of a newer version gives more, which must be zero.
    zcn_framing_options_init(options, sizeof bytes);
    assert_int_equal(zcn_framing_create(&framing, options, nullptr), ZCN_OK);
    zcn_framing_release(framing);
    bytes[sizeof bytes - 1] = 1;
    assert_refused(options, ZCN_EOPTION, "does not know");
}

void test_parse_refuses(void **) {
    zcn_framing *framing = dead;
    zcn_error error = {};
    error.struct_size = sizeof error;
    assert_int_equal(zcn_framing_parse(&framing, nullptr, &error), ZCN_EINVAL);
    assert_null(framing);
    assert_string_equal(error.text, "text is NULL");
    assert_int_equal(zcn_framing_parse(nullptr, "raw", &error), ZCN_EINVAL);
    assert_string_equal(error.text, "out is NULL");
    framing = dead;
    assert_int_equal(zcn_framing_parse(&framing, "length,width=5", nullptr), ZCN_EINVAL);
    assert_null(framing);
    // An error that cannot be filled in: nothing is made.
    error.struct_size = 4;
    framing = dead;
    assert_int_equal(zcn_framing_parse(&framing, "raw", &error), ZCN_EINVAL);
    assert_null(framing);
    // Success clears an error that is left from before.
    error.struct_size = sizeof error;
    error.status = ZCN_EINVAL;
    error.text[0] = 'x';
    assert_int_equal(zcn_framing_parse(&framing, "raw", &error), ZCN_OK);
    assert_int_equal(error.status, ZCN_OK);
    assert_string_equal(error.text, "");
    zcn_framing_release(framing);
}

void test_text(void **) {
    zcn_framing *framing = parsed("fixed=188");
    char buffer[16] = "untouched";
    size_t size = 77;
    assert_int_equal(zcn_framing_text(nullptr, buffer, sizeof buffer, &size), ZCN_EINVAL);
    assert_int_equal(size, 0);
    assert_int_equal(zcn_framing_text(framing, nullptr, 1, &size), ZCN_EINVAL);
    assert_int_equal(zcn_framing_text(framing, nullptr, 0, &size), ZCN_ENOBUFS);
    assert_int_equal(size, 9);
    assert_string_equal(buffer, "untouched");
    assert_int_equal(zcn_framing_text(framing, buffer, 9, &size), ZCN_ENOBUFS);
    assert_string_equal(buffer, "fixed=18");
    assert_int_equal(size, 9);
    assert_int_equal(zcn_framing_text(framing, buffer, 1, nullptr), ZCN_ENOBUFS);
    assert_string_equal(buffer, "");
    assert_int_equal(zcn_framing_text(framing, buffer, 10, &size), ZCN_OK);
    assert_string_equal(buffer, "fixed=188");
    zcn_framing_release(framing);
}

void test_options_come_back(void **) {
    static constexpr const char *texts[] = {"length",
                                            "length,offset=7,width=8,order=little,adjust=-3,strip=9,max=1G",
                                            "varint,offset=1,adjust=-1,max_varint=4,strip=2,max=256K",
                                            "delimiter=\\0\\r\\n,strip=2,max=64K,check=1",
                                            "fixed=188",
                                            "raw"};
    for (const char *text : texts) {
        zcn_framing *framing = parsed(text);
        zcn_framing *again = nullptr;
        zcn_framing_options options = defaults();
        char first[512];
        char second[512];
        assert_int_equal(zcn_framing_get_options(framing, &options), ZCN_OK);
        assert_int_equal(zcn_framing_create(&again, &options, nullptr), ZCN_OK);
        assert_int_equal(zcn_framing_text(framing, first, sizeof first, nullptr), ZCN_OK);
        assert_int_equal(zcn_framing_text(again, second, sizeof second, nullptr), ZCN_OK);
        assert_string_equal(first, second);
        zcn_framing_release(framing);
        zcn_framing_release(again);
    }
    zcn_framing *framing = parsed("raw");
    zcn_framing_options options = defaults();
    assert_int_equal(zcn_framing_get_options(nullptr, &options), ZCN_EINVAL);
    assert_int_equal(zcn_framing_get_options(framing, nullptr), ZCN_EINVAL);
    options.struct_size = 0;
    assert_int_equal(zcn_framing_get_options(framing, &options), ZCN_EINVAL);
    zcn_framing_release(framing);
}

void test_delimiter_is_copied(void **) {
    char bytes[2] = {'\r', '\n'};
    zcn_framing_options options = defaults();
    options.kind = ZCN_FRAMING_DELIMITER;
    options.delimiter = bytes;
    options.delimiter_size = 2;
    zcn_framing *framing = nullptr;
    assert_int_equal(zcn_framing_create(&framing, &options, nullptr), ZCN_OK);
    bytes[0] = 'x';
    assert_int_equal(zcn_framing_get_options(framing, &options), ZCN_OK);
    assert_int_equal(options.delimiter_size, 2);
    assert_memory_equal(options.delimiter, "\r\n", 2);
    assert_ptr_not_equal(options.delimiter, bytes);
    zcn_framing_release(framing);
}

void test_overhead(void **) {
    zcn_framing *framing = parsed("delimiter=\\r\\n,max=10");
    uint64_t head = 7;
    uint64_t tail = 7;
    assert_int_equal(zcn_framing_overhead(framing, 8, &head, &tail), ZCN_OK);
    assert_int_equal(head, 0);
    assert_int_equal(tail, 2);
    assert_int_equal(zcn_framing_overhead(framing, 8, nullptr, nullptr), ZCN_OK);
    head = tail = 7;
    assert_int_equal(zcn_framing_overhead(framing, 9, &head, &tail), ZCN_EFRAME_TOO_LARGE);
    assert_int_equal(head + tail, 0);
    head = tail = 7;
    assert_int_equal(zcn_framing_overhead(nullptr, 9, &head, &tail), ZCN_EINVAL);
    assert_int_equal(head + tail, 0);
    zcn_framing_release(framing);
}

struct Measured {
    const char *framing;
    const char *data;
    uint64_t size;
    zcn_status status;
    uint64_t frame;
    uint64_t head;
    uint64_t tail;
};

void test_measure(void **) {
    const Measured rows[] = {
        {"length,strip=4", "\0\0\0\2ab\0", 7, ZCN_OK, 6, 4, 0},
        {"length,strip=4", "\0\0\1\0ab\0", 7, ZCN_OK, 260, 4, 0},
        {"length,strip=4", "\0\0\1", 3, ZCN_AGAIN, 0, 0, 0},
        {"length,strip=4", nullptr, 0, ZCN_AGAIN, 0, 0, 0},
        {"length,strip=4", "\xFF\0\0\0", 4, ZCN_EFRAME_TOO_LARGE, 0, 0, 0},
        {"length,adjust=-5", "\0\0\0\4", 4, ZCN_EFRAME_UNDERFLOW, 0, 0, 0},
        {"length,strip=5", "\0\0\0\0", 4, ZCN_EFRAME_STRIP, 0, 0, 0},
        {"varint", "\x80", 1, ZCN_AGAIN, 0, 0, 0},
        {"varint,max_varint=1", "\x80", 1, ZCN_EFRAME_VARINT, 0, 0, 0},
        {"delimiter=\\r\\n,strip=2", "ab\r\nc", 5, ZCN_OK, 4, 0, 2},
        {"delimiter=\\r\\n,strip=2", "ab\r", 3, ZCN_AGAIN, 0, 0, 0},
        {"fixed=5", nullptr, 0, ZCN_OK, 5, 0, 0},
        {"fixed=5", "abcdefgh", 8, ZCN_OK, 5, 0, 0},
        {"raw", "abc", 3, ZCN_OK, 3, 0, 0},
        {"raw", nullptr, 0, ZCN_AGAIN, 0, 0, 0},
    };
    for (const Measured &row : rows) {
        zcn_framing *framing = parsed(row.framing);
        uint64_t frame = 99;
        uint64_t head = 99;
        uint64_t tail = 99;
        assert_int_equal(zcn_framing_measure(framing, row.data, row.size, &frame, &head, &tail), row.status);
        assert_int_equal(frame, row.frame);
        assert_int_equal(head, row.head);
        assert_int_equal(tail, row.tail);
        zcn_framing_release(framing);
    }
    zcn_framing *framing = parsed("raw");
    uint64_t frame = 99;
    assert_int_equal(zcn_framing_measure(nullptr, "a", 1, &frame, nullptr, nullptr), ZCN_EINVAL);
    assert_int_equal(frame, 0);
    assert_int_equal(zcn_framing_measure(framing, nullptr, 1, &frame, nullptr, nullptr), ZCN_EINVAL);
    assert_int_equal(zcn_framing_measure(framing, "a", 1, nullptr, nullptr, nullptr), ZCN_EINVAL);
    assert_int_equal(zcn_framing_measure(framing, "a", UINT64_MAX, &frame, nullptr, nullptr), ZCN_EINVAL);
    assert_int_equal(zcn_framing_measure(framing, "a", 1, &frame, nullptr, nullptr), ZCN_OK);
    assert_int_equal(frame, 1);
    zcn_framing_release(framing);
}

void test_custom(void **) {
    uint64_t four = 4;
    zcn_framing_options options = defaults();
    options.kind = ZCN_FRAMING_CUSTOM;
    options.measure = measure_four;
    options.measure_context = &four;
    options.strip = 1;
    zcn_framing *framing = nullptr;
    char text[16];
    uint64_t frame = 0;
    uint64_t head = 0;
    assert_int_equal(zcn_framing_create(&framing, &options, nullptr), ZCN_OK);
    assert_int_equal(zcn_framing_text(framing, text, sizeof text, nullptr), ZCN_OK);
    assert_string_equal(text, "custom");
    assert_int_equal(zcn_framing_measure(framing, "a", 1, &frame, &head, nullptr), ZCN_OK);
    assert_int_equal(frame, 4);
    assert_int_equal(head, 1);
    zcn_framing_options read = defaults();
    assert_int_equal(zcn_framing_get_options(framing, &read), ZCN_OK);
    assert_true(read.measure == measure_four);
    assert_ptr_equal(read.measure_context, &four);
    zcn_framing_release(framing);
}

void test_references(void **) {
    zcn_framing *framing = parsed("raw");
    assert_null(zcn_framing_retain(nullptr));
    zcn_framing_release(nullptr);
    assert_ptr_equal(zcn_framing_retain(framing), framing);
    assert_int_equal(framing->references.load(), 2);
    zcn_framing_release(framing);
    assert_int_equal(framing->references.load(), 1);
    zcn_framing_release(framing);
}

#define COUNT_STATUS(name, value, text) +1
constexpr size_t status_count = 0 ZCN_STATUS_TABLE(COUNT_STATUS);

// How many different names and texts the table has, and whether each status gives its own.
bool statuses_are_distinct() {
    std::set<std::string> names;
    std::set<std::string> texts;
    bool right = true;
#define CHECK_STATUS(name, value, text)                                             \
    right = right && std::string(zcn_status_name(value)) == #name && name == value; \
    right = right && std::string(zcn_status_text(value)) == text;                   \
    names.insert(#name);                                                            \
    texts.insert(text);
    ZCN_STATUS_TABLE(CHECK_STATUS)
    return right && names.size() == status_count && texts.size() == status_count;
}

void test_status_and_version(void **) {
    assert_true(statuses_are_distinct());
    for (const zcn_status unknown : {3, -10, -1000, INT32_MIN, INT32_MAX}) {
        assert_string_equal(zcn_status_name(unknown), "ZCN_UNKNOWN");
        assert_true(zcn_status_text(unknown)[0] != '\0');
    }
    assert_int_equal(zcn_version(), ZCN_VERSION_NUMBER);
    char text[32];
    std::snprintf(text, sizeof text, "%d.%d.%d", ZCN_VERSION_MAJOR, ZCN_VERSION_MINOR, ZCN_VERSION_PATCH);
    assert_string_equal(zcn_version_text(), text);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_create_refuses),
        cmocka_unit_test(test_larger_and_smaller_options),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_options_come_back),
        cmocka_unit_test(test_delimiter_is_copied),
        cmocka_unit_test(test_overhead),
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_custom),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_status_and_version),
    };
    return cmocka_run_group_tests_name("framing_functions", tests, nullptr, nullptr);
}
