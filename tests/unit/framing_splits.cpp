// SPDX-License-Identifier: MIT
// Streams whose frames are written down here by hand, cut at every place, against the scan and the reference alike.
#include "framing_harness.h"

using harness::Bytes;
using harness::Rule;
using harness::Verdict;
using harness::wrong;

namespace {

struct Sample {
    const char *framing;
    const char *stream;  // with \xHH and the like by the compiler
    size_t size;
    const char *frames;  // sizes of the frames, one digit pair each: "05 06"
    zcn_status status;
    uint64_t proven;  // bytes that prove the error
};

#define BYTES(literal) literal, sizeof(literal) - 1

const Sample samples[] = {
    // The common case: nothing, empty bodies, an exact maximum, one byte beyond it, the rest of a header.
    {"length", BYTES(""), "", ZCN_OK, 0},
    {"length", BYTES("\0\0\0\1a\0\0\0\2bc"), "05 06", ZCN_OK, 0},
    {"length,strip=4", BYTES("\0\0\0\0\0\0\0\0\0\0\0\3abc\0\0"), "04 04 07", ZCN_OK, 0},
    {"length,strip=4,max=8", BYTES("\0\0\0\4abcd\0\0\0\5abcde"), "08", ZCN_EFRAME_TOO_LARGE, 12},
    {"length,strip=6", BYTES("\0\0\0\2ab\0\0\0\1a\0\0\0\2ab"), "06", ZCN_EFRAME_STRIP, 10},
    {"length", BYTES("\0\0\0\1a\xFF\xFF\xFF\xFF"), "05", ZCN_EFRAME_TOO_LARGE, 9},
    // Ten frames of one size, a size that changes after them, and ten of that.
    {"length",
     BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1a\0\0\0\0"),
     "04 04 04 04 04 04 04 04 04 04 05 04", ZCN_OK, 0},
    {"length,width=1", BYTES("\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\2ab\2ab\2ab\2ab\2ab\2ab\2ab\2ab\2ab\2ab\2ab\2ab\0"),
     "02 02 02 02 02 02 02 02 02 02 02 02 03 03 03 03 03 03 03 03 03 03 03 03 01", ZCN_OK, 0},
    {"length,width=1,max=9", BYTES("\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\11b"), "02 02 02 02 02 02 02 02 02 02 02 02",
     ZCN_EFRAME_TOO_LARGE, 25},
    {"length,width=1,max=16,adjust=-1", BYTES("\2a\2a\2a\2a\2a\2a\2a\2a\2a\2a\2a\2a\0"),
     "02 02 02 02 02 02 02 02 02 02 02 02", ZCN_EFRAME_UNDERFLOW, 25},
    // Widths and orders.
    {"length,width=1", BYTES("\3abc\0\1x\5ab"), "04 01 02", ZCN_OK, 0},
    {"length,width=2", BYTES("\0\1a\0\0\1\0"), "03 02", ZCN_OK, 0},
    {"length,width=2,order=little", BYTES("\1\0a\0\0\0\1"), "03 02", ZCN_OK, 0},
    {"length,width=3,max=1M", BYTES("\0\0\2ab\x10\0\0"), "05", ZCN_EFRAME_TOO_LARGE, 8},
    {"length,width=3,order=little", BYTES("\2\0\0ab\0\0\0"), "05 03", ZCN_OK, 0},
    {"length,order=little", BYTES("\2\0\0\0ab\0\0\0\2"), "06", ZCN_EFRAME_TOO_LARGE, 10},
    {"length,width=8", BYTES("\0\0\0\0\0\0\0\1a\0\0\0\0\0\0\0\0"), "09 08", ZCN_OK, 0},
    {"length,width=8,order=little", BYTES("\1\0\0\0\0\0\0\0a\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), "09",
     ZCN_EFRAME_TOO_LARGE, 17},
    // Bytes before the field, a length that counts itself, one that counts a part of the header.
    {"length,offset=2,width=2,strip=4", BYTES("ab\0\2cdef\0\0gh\0\1"), "06 04", ZCN_OK, 0},
    {"length,offset=2,width=2,adjust=-4", BYTES("ab\0\6cdef\0\4gh\0\3"), "06 04", ZCN_EFRAME_UNDERFLOW, 14},
    {"length,width=2,adjust=-2", BYTES("\0\2\0\3a\0\1"), "02 03", ZCN_EFRAME_UNDERFLOW, 7},
    {"length,width=2,adjust=-2", BYTES("\0\0"), "", ZCN_EFRAME_UNDERFLOW, 2},
    {"length,width=1,adjust=3", BYTES("\0abc\1abcd\0ab"), "04 05", ZCN_OK, 0},
    // Varints: one and two bytes, overlong ones, too many bytes, more than 64 bits.
    {"varint", BYTES("\0\1a\2bc\x80"), "01 02 03", ZCN_OK, 0},
    {"varint", BYTES("\x80\0\x81\0a\x80\x80\0\x82\x80\0bc"), "02 03 03 05", ZCN_OK, 0},
    {"varint,max=100", BYTES("\x63\0\x62"), "", ZCN_OK, 0},
    {"varint,max=100", BYTES("\0\x64"), "01", ZCN_EFRAME_TOO_LARGE, 2},
    {"varint,max_varint=1", BYTES("\1a\x80"), "02", ZCN_EFRAME_VARINT, 3},
    {"varint,max_varint=3", BYTES("\x80\x80\0\x80\x80\x80"), "03", ZCN_EFRAME_VARINT, 6},
    {"varint", BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0"), "10",
     ZCN_EFRAME_VARINT, 20},
    {"varint", BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\1"), "", ZCN_EFRAME_TOO_LARGE, 10},
    {"varint", BYTES("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"), "", ZCN_EFRAME_TOO_LARGE, 10},
    {"varint", BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\2"), "", ZCN_EFRAME_VARINT, 10},
    {"varint,offset=1,adjust=-1,max_varint=4,max=256K", BYTES("a\1a\3bcb\0"), "02 04", ZCN_EFRAME_UNDERFLOW, 8},
    {"varint,adjust=2,strip=4", BYTES("\1abc\0ab"), "04", ZCN_EFRAME_STRIP, 5},
    // Delimiters: of one byte, of several, such as begin again inside themselves.
    {"delimiter=\\n", BYTES("\n\nab\nc"), "01 01 03", ZCN_OK, 0},
    {"delimiter=\\r\\n,strip=2", BYTES("a\r\n\r\r\n\n\r\nb\r"), "03 03 03", ZCN_OK, 0},
    {"delimiter=aab", BYTES("aaabaabab"), "04 03", ZCN_OK, 0},
    {"delimiter=aba", BYTES("ababaabab"), "03 05", ZCN_OK, 0},
    {"delimiter=aaa", BYTES("aaaaaaaab"), "03 03", ZCN_OK, 0},
    {"delimiter=\\0\\,", BYTES("x\0\0,,\0,"), "04 03", ZCN_OK, 0},
    // The largest frame, and the byte that proves a larger one: with a delimiter of one byte it is the last that the
    // delimiter would have to be; with two, a byte that cannot begin it.
    {"delimiter=\\n,max=4", BYTES("abc\nabcd\n"), "04", ZCN_EFRAME_TOO_LARGE, 8},
    {"delimiter=\\r\\n,max=4", BYTES("ab\r\nabc"), "04", ZCN_EFRAME_TOO_LARGE, 7},
    {"delimiter=\\r\\n,max=4", BYTES("ab\r\nab\r\r\n"), "04", ZCN_EFRAME_TOO_LARGE, 8},
    {"delimiter=\\r\\n,max=2", BYTES("\r\n\r\na"), "02 02", ZCN_EFRAME_TOO_LARGE, 5},
    {"delimiter=aab,max=5", BYTES("aaaab"), "05", ZCN_OK, 0},
    {"delimiter=aab,max=5", BYTES("aaaaab"), "", ZCN_EFRAME_TOO_LARGE, 5},
    {"delimiter=aab,max=4", BYTES("ba"), "", ZCN_OK, 0},
    {"delimiter=aab,max=4", BYTES("bb"), "", ZCN_EFRAME_TOO_LARGE, 2},
    {"fixed=1", BYTES("abc"), "01 01 01", ZCN_OK, 0},
    {"fixed=4", BYTES("abcdefghij"), "04 04", ZCN_OK, 0},
};

Bytes bytes_of(const Sample &sample) { return Bytes(sample.stream, sample.stream + sample.size); }

std::string sizes_of(const std::vector<uint64_t> &ends) {
    std::string text;
    uint64_t begin = 0;
    for (const uint64_t end : ends) {
        char digits[24];
        std::snprintf(digits, sizeof digits, "%s%02llu", text.empty() ? "" : " ",
                      static_cast<unsigned long long>(end - begin));
        text += digits;
        begin = end;
    }
    return text;
}

Verdict reference_agrees(const Sample &sample) {
    const Rule rule = harness::rule_of(sample.framing);
    const Bytes stream = bytes_of(sample);
    const reference::Outcome outcome = reference::split(zcnet::framing::options_of(rule), stream);
    const std::string frames = sizes_of(outcome.ends);
    if (frames == sample.frames && outcome.status == sample.status && outcome.proven == sample.proven) return {};
    return wrong("%s: %s: frames %s, %s at %llu", sample.framing, harness::in_hex(stream).c_str(), frames.c_str(),
                 zcn_status_name(outcome.status), static_cast<unsigned long long>(outcome.proven));
}

void test_reference_gives_the_written_frames(void **) {
    for (const Sample &sample : samples) harness::assert_good(reference_agrees(sample));
}

Verdict scan_agrees(const Sample &sample) {
    const Rule rule = harness::rule_of(sample.framing);
    const Bytes stream = bytes_of(sample);
    const reference::Outcome outcome = reference::split(zcnet::framing::options_of(rule), stream);
    return harness::feed_every_way(rule, outcome, stream);
}

void test_scan_gives_them_at_every_split(void **) {
    for (const Sample &sample : samples) harness::assert_good(scan_agrees(sample));
}

Verdict raw_is_what_arrives(uint64_t size) {
    const Rule rule = harness::rule_of("raw");
    const Bytes stream(size, 'x');
    uint64_t emitted = 0;
    uint64_t calls = 0;
    const auto scan = zcnet::framing::scan(rule, stream.data(), stream.data() + size, 0,
                                           [&](const uint8_t *frame, uint64_t frame_size) {
                                               if (frame == stream.data()) emitted = frame_size;
                                               calls++;
                                               return true;
                                           });
    if (emitted != size || calls != (size == 0 ? 0U : 1U)) return wrong("raw: %llu calls", (unsigned long long)calls);
    if (scan.next != stream.data() + size || scan.need != 0 || scan.searched != 0 || scan.status != ZCN_OK)
        return wrong("raw: something is left");
    return {};
}

void test_raw_gives_all_that_is_there_as_one_frame(void **) {
    for (const uint64_t size : {0U, 1U, 2U, 100U}) harness::assert_good(raw_is_what_arrives(size));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_gives_the_written_frames),
        cmocka_unit_test(test_scan_gives_them_at_every_split),
        cmocka_unit_test(test_raw_gives_all_that_is_there_as_one_frame),
    };
    return cmocka_run_group_tests_name("framing_splits", tests, nullptr, nullptr);
}
