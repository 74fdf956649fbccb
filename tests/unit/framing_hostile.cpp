// SPDX-License-Identifier: MIT
// Lengths that nobody honest sends, with every width, order and adjustment, and measuring functions that misbehave.
#include "framing/field.h"
#include "framing_harness.h"

using harness::Bytes;
using harness::Rule;
using harness::Verdict;
using harness::wrong;

namespace {

constexpr uint64_t one = 1;

const uint64_t values[] = {0,
                           1,
                           2,
                           3,
                           7,
                           8,
                           15,
                           16,
                           63,
                           64,
                           127,
                           128,
                           255,
                           256,
                           16383,
                           16384,
                           65535,
                           65536,
                           0xFFFFFF,
                           0x1000000,
                           0x7FFFFFFF,
                           0x80000000,
                           0xFFFFFFFB,
                           0xFFFFFFFE,
                           0xFFFFFFFF,
                           one << 32,
                           (one << 62) - 9,
                           (one << 62) - 8,
                           one << 62,
                           (one << 62) + 1,
                           INT64_MAX - one,
                           INT64_MAX,
                           one << 63,
                           (one << 63) + 1,
                           (one << 63) + 15,
                           (one << 63) + 100,
                           UINT64_MAX - 65552,
                           UINT64_MAX - 16,
                           UINT64_MAX - 1,
                           UINT64_MAX};

const int64_t adjustments[] = {0,
                               1,
                               7,
                               -1,
                               -2,
                               -8,
                               -9,
                               -255,
                               -256,
                               100,
                               65536,
                               -65535,
                               -65536,
                               -0xFFFFFFFFLL,
                               -(1LL << 32),
                               1LL << 61,
                               (1LL << 62) - 20,
                               1LL << 62,
                               INT64_MAX,
                               INT64_MIN,
                               INT64_MIN + 1,
                               INT64_MIN + 100};

const uint64_t maxima[] = {1, 9, 16, 64, 65600, 16U << 20, one << 32, (one << 62) - 1, one << 62};

// Feeds one header and a few bytes behind it, with a cut before and behind the last byte of the header.
Verdict feed_header(const zcn_framing_options &options, const Rule &rule, Bytes header) {
    const std::vector<uint64_t> cuts = {header.size() - 1, header.size()};
    header.insert(header.end(), {'a', 0, 0, 0, 0, 'b', 0, 0});
    const reference::Outcome outcome = reference::split(options, header);
    Verdict verdict = harness::feed(rule, outcome, header, {}, {});
    if (verdict.good()) verdict = harness::feed(rule, outcome, header, cuts, {});
    return verdict;
}

// Every rule that can be made of these options, with every value in its field.
template <class Encode>
Verdict feed_values(zcn_framing_options options, uint64_t *rules, Encode &&encode) {
    for (const int64_t adjust : adjustments)
        for (const uint64_t max : maxima)
            for (const uint64_t strip : {0U, 8U, 65552U}) {
                options.adjust = adjust;
                options.max = max;
                options.strip = strip;
                Rule rule;
                zcnet::Error error;
                if (zcnet::framing::make_rule(options, &rule, &error) != ZCN_OK) continue;
                ++*rules;
                for (const uint64_t value : values) {
                    Bytes header(options.offset, 0);
                    if (!encode(value, &header)) continue;
                    if (const Verdict verdict = feed_header(options, rule, header); !verdict.good())
                        return harness::with_context(verdict, "value " + std::to_string(value));
                }
            }
    return {};
}

Verdict feed_width(uint32_t width, bool little, uint64_t offset, uint64_t *rules) {
    zcn_framing_options options = zcnet::framing::default_options();
    options.width = width;
    options.little_endian = little ? 1 : 0;
    options.offset = offset;
    return feed_values(options, rules, [&](uint64_t value, Bytes *header) {
        if (width < 8 && value >> (8 * width) != 0) return false;
        for (uint32_t i = 0; i < width; i++)
            header->push_back(static_cast<uint8_t>(value >> 8 * (little ? i : width - 1 - i)));
        return true;
    });
}

void test_lengths(void **) {
    uint64_t rules = 0;
    for (const uint32_t width : {1U, 2U, 3U, 4U, 8U})
        for (const bool little : {false, true})
            for (const uint64_t offset : {0U, 5U}) harness::assert_good(feed_width(width, little, offset, &rules));
    assert_true(rules > 3000);
}

Verdict feed_varint(uint32_t max_varint, uint64_t offset, uint64_t *rules) {
    zcn_framing_options options = zcnet::framing::default_options();
    options.kind = ZCN_FRAMING_VARINT;
    options.max_varint = max_varint;
    options.offset = offset;
    return feed_values(options, rules, [](uint64_t value, Bytes *header) {
        for (; value >= 128; value /= 128) header->push_back(static_cast<uint8_t>(128 + value % 128));
        header->push_back(static_cast<uint8_t>(value));
        return true;
    });
}

void test_varints(void **) {
    uint64_t rules = 0;
    for (uint32_t max_varint = 1; max_varint <= 10; max_varint++)
        for (const uint64_t offset : {0U, 5U}) harness::assert_good(feed_varint(max_varint, offset, &rules));
    assert_true(rules > 3000);
}

// With offsets as large as they may be, the header alone has 64 KiB.
void test_largest_offset(void **) {
    uint64_t rules = 0;
    zcn_framing_options options = zcnet::framing::default_options();
    options.offset = 65536;
    options.max = 65536 + 4 + 2;
    options.strip = 65536 + 4;
    Rule rule;
    zcnet::Error error;
    assert_int_equal(zcnet::framing::make_rule(options, &rule, &error), ZCN_OK);
    static uint8_t stream[2 * 65542];
    std::memset(stream, 0xFF, sizeof stream);
    std::memcpy(stream + 65536, "\0\0\0\2ab", 6);
    std::memcpy(stream + 65542 + 65536, "\0\0\0\3ab", 6);
    uint64_t size = 0;
    const auto count = [&](const uint8_t *, uint64_t frame_size) {
        size = frame_size;
        rules++;
        return true;
    };
    auto scan = zcnet::framing::scan(rule, stream, stream + sizeof stream, 0, count);
    assert_int_equal(rules, 1);
    assert_int_equal(size, 65542);
    assert_ptr_equal(scan.next, stream + 65542);
    assert_int_equal(scan.status, ZCN_EFRAME_TOO_LARGE);
    scan = zcnet::framing::scan(rule, stream, stream + 65539, 0, count);
    assert_int_equal(scan.status, ZCN_OK);
    assert_int_equal(scan.need, 0);
}

// What a measuring function was asked, and what it says.
struct Measurer {
    zcn_status answer;
    uint64_t size;   // with ZCN_OK
    uint64_t wants;  // before so many bytes are there it says ZCN_AGAIN
    uint64_t calls;
};

zcn_status measure(void *context, const void *, uint64_t size, uint64_t *out_frame_size) {
    auto *self = static_cast<Measurer *>(context);
    self->calls++;
    if (size < self->wants) return ZCN_AGAIN;
    *out_frame_size = self->size;
    return self->answer;
}

struct CustomCase {
    Measurer measurer;
    uint64_t present;
    zcn_status status;
    uint64_t frames;
    uint64_t need;
    uint64_t searched;
};

void test_measuring_functions(void **) {
    // The framing has max=16, strip=2.
    const CustomCase cases[] = {
        {{ZCN_OK, 3, 1, 0}, 9, ZCN_OK, 3, 0, 0},
        {{ZCN_OK, 3, 1, 0}, 10, ZCN_OK, 3, 3, 0},
        {{ZCN_OK, 16, 1, 0}, 1, ZCN_OK, 0, 16, 0},
        {{ZCN_OK, 17, 1, 0}, 1, ZCN_EFRAME_TOO_LARGE, 0, 0, 0},
        {{ZCN_OK, UINT64_MAX, 1, 0}, 1, ZCN_EFRAME_TOO_LARGE, 0, 0, 0},
        {{ZCN_OK, 0, 1, 0}, 5, ZCN_EFRAME_UNDERFLOW, 0, 0, 0},
        {{ZCN_OK, 1, 1, 0}, 5, ZCN_EFRAME_STRIP, 0, 0, 0},
        {{ZCN_OK, 2, 1, 0}, 5, ZCN_OK, 2, 2, 0},
        {{ZCN_EINVAL, 3, 1, 0}, 5, ZCN_EFRAME_MEASURE, 0, 0, 0},
        {{ZCN_EOF, 3, 1, 0}, 5, ZCN_EFRAME_MEASURE, 0, 0, 0},
        {{INT32_MIN, 3, 1, 0}, 5, ZCN_EFRAME_MEASURE, 0, 0, 0},
        {{ZCN_OK, 3, 5, 0}, 4, ZCN_OK, 0, 0, 4},
        // It looks further than the frame goes: the rest is the next frame.
        {{ZCN_OK, 3, 5, 0}, 7, ZCN_OK, 1, 0, 4},
        {{ZCN_AGAIN, 3, 100, 0}, 15, ZCN_OK, 0, 0, 15},
        {{ZCN_AGAIN, 3, 100, 0}, 16, ZCN_EFRAME_TOO_LARGE, 0, 0, 0},
        {{ZCN_AGAIN, 3, 100, 0}, 40, ZCN_EFRAME_TOO_LARGE, 0, 0, 0},
        {{ZCN_OK, 3, 1, 0}, 0, ZCN_OK, 0, 0, 0},
    };
    const uint8_t stream[40] = {};
    for (const CustomCase &row : cases) {
        Measurer measurer = row.measurer;
        zcn_framing_options options = zcnet::framing::default_options();
        options.kind = ZCN_FRAMING_CUSTOM;
        options.max = 16;
        options.strip = 2;
        options.measure = measure;
        options.measure_context = &measurer;
        Rule rule;
        zcnet::Error error;
        assert_int_equal(zcnet::framing::make_rule(options, &rule, &error), ZCN_OK);
        uint64_t frames = 0;
        const auto count = [&](const uint8_t *, uint64_t) { return ++frames != 0; };
        const auto scan = zcnet::framing::scan(rule, stream, stream + row.present, 0, count);
        assert_int_equal(scan.status, row.status);
        assert_int_equal(frames, row.frames);
        assert_int_equal(scan.need, row.need);
        assert_int_equal(scan.searched, row.searched);
        // With nothing new it is not asked again.
        if (scan.searched == 0) continue;
        const uint64_t calls = measurer.calls;
        const auto again = zcnet::framing::scan(rule, scan.next, stream + row.present, scan.searched, count);
        assert_int_equal(measurer.calls, calls);
        assert_int_equal(again.searched, scan.searched);
    }
}

zcn_status measure_nothing(void *, const void *, uint64_t, uint64_t *) { return ZCN_OK; }

// A function that forgets to say a size has said 0.
void test_measuring_function_without_an_answer(void **) {
    zcn_framing_options options = zcnet::framing::default_options();
    options.kind = ZCN_FRAMING_CUSTOM;
    options.measure = measure_nothing;
    Rule rule;
    zcnet::Error error;
    assert_int_equal(zcnet::framing::make_rule(options, &rule, &error), ZCN_OK);
    const uint8_t stream[4] = {};
    const auto scan =
        zcnet::framing::scan(rule, stream, stream + sizeof stream, 0, [](const uint8_t *, uint64_t) { return true; });
    assert_int_equal(scan.status, ZCN_EFRAME_UNDERFLOW);
    assert_ptr_equal(scan.next, stream);
}

// A search that began again with every byte would take the square of this.
void test_delimiter_search_is_linear(void **) {
    static uint8_t stream[1 << 20];
    std::memset(stream, 'a', sizeof stream);
    const Rule rule = harness::rule_of("delimiter=aaaaaaab,max=2M");
    const auto none = [](const uint8_t *, uint64_t) {
        fail_msg("there is no frame");
        return true;
    };
    uint64_t searched = 0;
    for (uint64_t size = 1; size <= sizeof stream; size++) {
        const auto scan = zcnet::framing::scan(rule, stream, stream + size, searched, none);
        assert_true(scan.status == ZCN_OK && scan.next == stream && scan.need == 0);
        assert_int_equal(scan.searched, size);
        searched = scan.searched;
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_varints),
        cmocka_unit_test(test_largest_offset),
        cmocka_unit_test(test_measuring_functions),
        cmocka_unit_test(test_measuring_function_without_an_answer),
        cmocka_unit_test(test_delimiter_search_is_linear),
    };
    return cmocka_run_group_tests_name("framing_hostile", tests, nullptr, nullptr);
}
