// SPDX-License-Identifier: MIT
// What is written around a body is found by the scan of the same framing; what cannot be found is refused.
#include "framing/shape.h"
#include "framing_harness.h"

using harness::Bytes;
using harness::Rule;
using harness::Verdict;
using harness::wrong;
using zcnet::framing::Shape;
using zcnet::framing::shape;

namespace {

struct Row {
    const char *framing;
    uint64_t body;
    zcn_status status;
    uint32_t head;
    uint32_t tail;
    const char *bytes;  // of the head, in hexadecimal
};

const Row rows[] = {
    {"length", 0, ZCN_OK, 4, 0, "00 00 00 00 "},
    {"length", 0x123456, ZCN_OK, 4, 0, "00 12 34 56 "},
    {"length,max=8", 4, ZCN_OK, 4, 0, "00 00 00 04 "},
    {"length,max=8", 5, ZCN_EFRAME_TOO_LARGE, 0, 0, ""},
    {"length,max=8", UINT64_MAX, ZCN_EFRAME_TOO_LARGE, 0, 0, ""},
    {"length,max=8", UINT64_MAX - 3, ZCN_EFRAME_TOO_LARGE, 0, 0, ""},
    {"length,max=8", 1ULL << 32, ZCN_EFRAME_TOO_LARGE, 0, 0, ""},
    {"length,max=8G", UINT32_MAX, ZCN_OK, 4, 0, "ff ff ff ff "},
    {"length,max=8G", 1ULL << 32, ZCN_EFRAME_VALUE, 0, 0, ""},
    {"length,max=8G,order=little", 0x01020304, ZCN_OK, 4, 0, "04 03 02 01 "},
    {"length,strip=6", 2, ZCN_OK, 4, 0, "00 00 00 02 "},
    {"length,strip=6", 1, ZCN_EFRAME_STRIP, 0, 0, ""},
    {"length,width=8,strip=10", 1, ZCN_EFRAME_STRIP, 0, 0, ""},
    {"length,width=1", 255, ZCN_OK, 1, 0, "ff "},
    {"length,width=1", 256, ZCN_EFRAME_VALUE, 0, 0, ""},
    {"length,width=1,max=100", 256, ZCN_EFRAME_TOO_LARGE, 0, 0, ""},
    {"length,width=1,adjust=2", 257, ZCN_OK, 1, 0, "ff "},
    {"length,width=1,adjust=2", 2, ZCN_OK, 1, 0, "00 "},
    {"length,width=1,adjust=2", 1, ZCN_EFRAME_UNDERFLOW, 0, 0, ""},
    {"length,width=2,offset=2,adjust=-4", 10, ZCN_OK, 4, 0, "00 00 00 0e "},
    {"length,width=3", 0x010203, ZCN_OK, 3, 0, "01 02 03 "},
    {"length,width=3,order=little", 0x010203, ZCN_OK, 3, 0, "03 02 01 "},
    {"length,width=8", 0x0102, ZCN_OK, 8, 0, "00 00 00 00 00 00 01 02 "},
    {"length,width=8,order=little", 0x0102, ZCN_OK, 8, 0, "02 01 00 00 00 00 00 00 "},
    {"length,width=8,adjust=-9223372036854775808", 1, ZCN_OK, 8, 0, "80 00 00 00 00 00 00 01 "},
    {"length,width=8,max=4294967296G", (1ULL << 62) - 8, ZCN_OK, 8, 0, "3f ff ff ff ff ff ff f8 "},
    {"length,width=8,max=4294967296G", (1ULL << 62) - 7, ZCN_EFRAME_TOO_LARGE, 0, 0, ""},
    {"varint", 0, ZCN_OK, 1, 0, "00 "},
    {"varint", 127, ZCN_OK, 1, 0, "7f "},
    {"varint", 128, ZCN_OK, 2, 0, "80 01 "},
    {"varint", 16384, ZCN_OK, 3, 0, "80 80 01 "},
    {"varint,offset=2", 300, ZCN_OK, 4, 0, "00 00 ac 02 "},
    {"varint,adjust=-1", 127, ZCN_OK, 2, 0, "80 01 "},
    {"varint,adjust=1", 128, ZCN_OK, 1, 0, "7f "},
    {"varint,adjust=1", 0, ZCN_EFRAME_UNDERFLOW, 0, 0, ""},
    {"varint,max_varint=1", 127, ZCN_OK, 1, 0, "7f "},
    {"varint,max_varint=1", 128, ZCN_EFRAME_VARINT, 0, 0, ""},
    {"varint,max=129", 127, ZCN_OK, 1, 0, "7f "},
    {"varint,max=129", 128, ZCN_EFRAME_TOO_LARGE, 0, 0, ""},
    {"varint,max=129", UINT64_MAX, ZCN_EFRAME_TOO_LARGE, 0, 0, ""},
    {"varint,strip=3", 1, ZCN_EFRAME_STRIP, 0, 0, ""},
    {"varint,strip=3", 2, ZCN_OK, 1, 0, "02 "},
    {"varint,adjust=-9223372036854775808", 1, ZCN_OK, 10, 0, "81 80 80 80 80 80 80 80 80 01 "},
    {"delimiter=\\r\\n,max=10", 8, ZCN_OK, 0, 2, ""},
    {"delimiter=\\r\\n,max=10", 9, ZCN_EFRAME_TOO_LARGE, 0, 0, ""},
    {"delimiter=\\r\\n,max=10", UINT64_MAX, ZCN_EFRAME_TOO_LARGE, 0, 0, ""},
    {"delimiter=x", 0, ZCN_OK, 0, 1, ""},
    {"fixed=4", 4, ZCN_OK, 0, 0, ""},
    {"fixed=4", 3, ZCN_EFRAME_SIZE, 0, 0, ""},
    {"fixed=4", 5, ZCN_EFRAME_SIZE, 0, 0, ""},
    {"fixed=4", 0, ZCN_EFRAME_SIZE, 0, 0, ""},
    {"raw", 0, ZCN_OK, 0, 0, ""},
    {"raw", UINT64_MAX, ZCN_OK, 0, 0, ""},
};

Verdict check_row(const Row &row) {
    const Rule rule = harness::rule_of(row.framing);
    Shape around = {77, 78};
    const zcn_status status = shape(rule, row.body, &around);
    if (status != row.status)
        return wrong("%s, body %llu: %s", row.framing, (unsigned long long)row.body, zcn_status_name(status));
    if (status != ZCN_OK)
        return around.head == 77 && around.tail == 78 ? Verdict{} : wrong("%s: a refusal wrote a shape", row.framing);
    if (around.head != row.head || around.tail != row.tail) return wrong("%s: shape", row.framing);
    if (zcnet::framing::head_is_fixed(rule) && zcnet::framing::fixed_head(rule) != around.head)
        return wrong("%s: the head is not the fixed one", row.framing);
    if (around.head > zcnet::framing::largest_head(rule)) return wrong("%s: the head is too large", row.framing);
    Bytes head(around.head, 0xEE);
    zcnet::framing::write_head(rule, row.body, head.data());
    const std::string bytes = harness::in_hex(head);
    return bytes == row.bytes ? Verdict{} : wrong("%s: head %s", row.framing, bytes.c_str());
}

void test_shapes(void **) {
    for (const Row &row : rows) harness::assert_good(check_row(row));
}

zcn_status never_asked(void *, const void *, uint64_t, uint64_t *) { return ZCN_EINVAL; }

// A custom body is the frame as it stands.
void test_custom_shape(void **) {
    zcn_framing_options options = zcnet::framing::default_options();
    options.kind = ZCN_FRAMING_CUSTOM;
    options.measure = never_asked;
    options.max = 10;
    options.strip = 2;
    Rule rule;
    zcnet::Error error;
    Shape around;
    assert_int_equal(zcnet::framing::make_rule(options, &rule, &error), ZCN_OK);
    assert_int_equal(shape(rule, 0, &around), ZCN_EFRAME_UNDERFLOW);
    assert_int_equal(shape(rule, 1, &around), ZCN_EFRAME_STRIP);
    assert_int_equal(shape(rule, 2, &around), ZCN_OK);
    assert_int_equal(around.head + around.tail, 0);
    assert_int_equal(shape(rule, 10, &around), ZCN_OK);
    assert_int_equal(shape(rule, 11, &around), ZCN_EFRAME_TOO_LARGE);
}

struct Found {
    uint64_t size;
    zcn_status status;
};

Found first_frame(const Rule &rule, const Bytes &bytes) {
    Found found = {};
    const auto *begin = bytes.data();
    found.status = zcnet::framing::scan(rule, begin, begin + bytes.size(), 0, [&](const uint8_t *, uint64_t size) {
                       found.size = size;
                       return false;
                   }).status;
    return found;
}

// A frame that is too large or too short is refused for what the receiver would say to it: it is made here all the
// same, wherever its length can be written.
bool can_be_written(const Rule &rule, uint64_t body, zcn_status refusal) {
    if (refusal != ZCN_EFRAME_TOO_LARGE && refusal != ZCN_EFRAME_STRIP) return false;
    const uint64_t value = body - static_cast<uint64_t>(rule.adjust);
    if (rule.kind == zcnet::framing::Kind::length) return value <= zcnet::framing::largest_in_width(rule.width);
    return rule.kind == zcnet::framing::Kind::varint && value <= zcnet::framing::largest_in_varint(rule.max_varint);
}

Verdict comes_back(const char *framing, uint64_t body, unsigned *refused) {
    const Rule rule = harness::rule_of(framing);
    Shape around = {zcnet::framing::largest_head(rule), 0};
    const zcn_status status = shape(rule, body, &around);
    if (status != ZCN_OK && !can_be_written(rule, body, status)) return {};
    Bytes frame(around.head);
    zcnet::framing::write_head(rule, body, frame.data());
    frame.insert(frame.end(), body, 'b');
    frame.insert(frame.end(), rule.delimiter, rule.delimiter + around.tail);
    const uint64_t size = frame.size();
    frame.push_back('b');
    const Found found = first_frame(rule, frame);
    if (status != ZCN_OK) ++*refused;
    if (found.status == status && (status != ZCN_OK || found.size == size)) return {};
    return wrong("%s: a body of %llu bytes, a frame of %llu: %s, but it comes back as %llu, %s", framing,
                 (unsigned long long)body, (unsigned long long)size, zcn_status_name(status),
                 (unsigned long long)found.size, zcn_status_name(found.status));
}

void test_what_is_written_is_found(void **) {
    static constexpr const char *framings[] = {
        "length",
        "length,strip=4",
        "length,strip=9,max=300",
        "length,order=little",
        "length,width=1",
        "length,width=1,adjust=7",
        "length,width=1,adjust=-1",
        "length,width=2,offset=3,adjust=-5,max=70000",
        "length,width=2,order=little,adjust=2",
        "length,width=3,order=big",
        "length,width=3,order=little,strip=1",
        "length,width=8,adjust=-9223372036854775808",
        "length,width=8,order=little,offset=65536",
        "varint",
        "varint,offset=1,adjust=-3,max_varint=2",
        "varint,adjust=5,strip=9",
        "varint,adjust=-9223372036854775808,max=1M",
        "varint,max=130",
        "delimiter=\\n",
        "delimiter=\\r\\n,max=100",
        "delimiter=ab",
    };
    unsigned refused = 0;
    static constexpr uint64_t bodies[] = {0,   1,   2,   3,   4,   5,   6,     7,     8,     100,   125,  126,
                                          127, 128, 129, 254, 255, 256, 16381, 16384, 65535, 65536, 70000};
    for (const char *framing : framings)
        for (const uint64_t body : bodies) harness::assert_good(comes_back(framing, body, &refused));
    for (uint64_t body = 1; body < 9; body++) harness::assert_good(comes_back("fixed=8", body, &refused));
    assert_true(refused >= 20);
}

// Whether a receiver would cut this body short: the plain definition.
bool cut_short(const Rule &rule, const Bytes &body) {
    Bytes wire = body;
    wire.insert(wire.end(), rule.delimiter, rule.delimiter + rule.delimiter_size);
    for (size_t end = rule.delimiter_size; end < wire.size(); end++)
        if (std::memcmp(wire.data() + end - rule.delimiter_size, rule.delimiter, rule.delimiter_size) == 0) return true;
    return false;
}

Verdict search_in_pieces(harness::Random &random) {
    static constexpr const char *framings[] = {"delimiter=a",        "delimiter=ab",   "delimiter=aab",
                                               "delimiter=aba",      "delimiter=aaaa", "delimiter=abababb",
                                               "delimiter=aabaabaab"};
    const Rule rule = harness::rule_of(framings[random.below(7)]);
    Bytes body;
    for (uint64_t size = random.below(40); size > 0; size--) body.push_back(random.one_in(3) ? 'a' : 'b');
    const bool expected = cut_short(rule, body);
    if (zcnet::framing::contains_delimiter(rule, body.data(), body.size()) != expected)
        return wrong("%s in %s", harness::text_of(rule).c_str(), harness::in_hex(body).c_str());
    zcnet::framing::DelimiterSearch search(rule);
    bool found = false;
    for (uint64_t at = 0; at < body.size() && !found;) {
        const uint64_t size = std::min<uint64_t>(random.below(7), body.size() - at);
        const Bytes piece(body.begin() + static_cast<int64_t>(at), body.begin() + static_cast<int64_t>(at + size));
        found = search.feed(piece.data(), size);
        at += size;
    }
    if (!found) found = search.finish();
    return found == expected
               ? Verdict{}
               : wrong("%s in pieces of %s", harness::text_of(rule).c_str(), harness::in_hex(body).c_str());
}

void test_delimiters_in_bodies(void **) {
    const Rule lines = harness::rule_of("delimiter=\\r\\n");
    assert_false(zcnet::framing::contains_delimiter(lines, nullptr, 0));
    const auto *text = reinterpret_cast<const uint8_t *>("a\r\nb\r");
    assert_true(zcnet::framing::contains_delimiter(lines, text, 3));
    assert_false(zcnet::framing::contains_delimiter(lines, text, 2));
    assert_true(zcnet::framing::contains_delimiter(lines, text, 5));
    // No delimiter stands in "a", but one would begin there and end before the frame does.
    const Rule twice = harness::rule_of("delimiter=aa");
    assert_true(zcnet::framing::contains_delimiter(twice, text, 1));
    std::printf("seed 4711\n");
    harness::Random random(4711);
    for (int round = 0; round < 20000; round++) harness::assert_good(search_in_pieces(random));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_custom_shape),
        cmocka_unit_test(test_what_is_written_is_found),
        cmocka_unit_test(test_delimiters_in_bodies),
    };
    return cmocka_run_group_tests_name("framing_shape", tests, nullptr, nullptr);
}
