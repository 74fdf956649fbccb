// SPDX-License-Identifier: MIT
// The textual form: what is right gives one canonical text, what is wrong is named.
#include "framing_harness.h"

using harness::Rule;

namespace {

bool same(const Rule &left, const Rule &right) {
    return left.kind == right.kind && left.width == right.width && left.little == right.little &&
           left.max_varint == right.max_varint && left.check == right.check && left.plain == right.plain &&
           left.offset == right.offset && left.hide_head == right.hide_head && left.hide_tail == right.hide_tail &&
           left.adjust == right.adjust && left.max == right.max && left.fixed == right.fixed &&
           left.delimiter_size == right.delimiter_size &&
           std::memcmp(left.delimiter, right.delimiter, left.delimiter_size) == 0;
}

struct Good {
    const char *text;
    const char *canonical;
};

const Good good_texts[] = {
    {"length", "length,offset=0,width=4,order=big,adjust=0,strip=0,max=16M"},
    {"length,width=4,strip=4,max=1M", "length,offset=0,width=4,order=big,adjust=0,strip=4,max=1M"},
    {"length,max=16M,strip=4,adjust=0,order=big,width=4,offset=0",
     "length,offset=0,width=4,order=big,adjust=0,strip=4,max=16M"},
    {"length,max=16777216", "length,offset=0,width=4,order=big,adjust=0,strip=0,max=16M"},
    {"length,max=1500K", "length,offset=0,width=4,order=big,adjust=0,strip=0,max=1500K"},
    {"length,max=2048M", "length,offset=0,width=4,order=big,adjust=0,strip=0,max=2G"},
    {"length,max=4611686018427387904", "length,offset=0,width=4,order=big,adjust=0,strip=0,max=4294967296G"},
    {"length,max=4294967296G", "length,offset=0,width=4,order=big,adjust=0,strip=0,max=4294967296G"},
    {"length,max=4", "length,offset=0,width=4,order=big,adjust=0,strip=0,max=4"},
    {"length,max=0004", "length,offset=0,width=4,order=big,adjust=0,strip=0,max=4"},
    {"length,width=1,order=little", "length,offset=0,width=1,order=little,adjust=0,strip=0,max=16M"},
    {"length,width=8,adjust=-9223372036854775808",
     "length,offset=0,width=8,order=big,adjust=-9223372036854775808,strip=0,max=16M"},
    {"length,adjust=+12", "length,offset=0,width=4,order=big,adjust=12,strip=0,max=16M"},
    {"length,adjust=-1K", "length,offset=0,width=4,order=big,adjust=-1024,strip=0,max=16M"},
    {"length,offset=64K,strip=65552", "length,offset=64K,width=4,order=big,adjust=0,strip=65552,max=16M"},
    {"length,width=1,adjust=-255", "length,offset=0,width=1,order=big,adjust=-255,strip=0,max=16M"},
    {"length,width=1,strip=256", "length,offset=0,width=1,order=big,adjust=0,strip=256,max=16M"},
    {"length,width=2,adjust=10,max=12", "length,offset=0,width=2,order=big,adjust=10,strip=0,max=12"},
    {"varint", "varint,offset=0,adjust=0,max_varint=10,strip=0,max=16M"},
    {"varint,offset=1,adjust=0,max_varint=4,strip=0,max=256K",
     "varint,offset=1,adjust=0,max_varint=4,strip=0,max=256K"},
    {"varint,max_varint=1,adjust=-127", "varint,offset=0,adjust=-127,max_varint=1,strip=0,max=16M"},
    {"varint,max_varint=1,max=1", "varint,offset=0,adjust=0,max_varint=1,strip=0,max=1"},
    {"varint,max_varint=2,strip=16385", "varint,offset=0,adjust=0,max_varint=2,strip=16385,max=16M"},
    {"delimiter=\\r\\n,strip=2,max=64K", "delimiter=\\r\\n,strip=2,max=64K,check=0"},
    {"delimiter=\\x0d\\x0A,check=1", "delimiter=\\r\\n,strip=0,max=16M,check=1"},
    {"delimiter=\\t\\0\\\\\\,=\\x20\\x7f\\xFf", "delimiter=\\t\\0\\\\\\,=\\x20\\x7F\\xFF,strip=0,max=16M,check=0"},
    {"delimiter=END\xC3\xA9", "delimiter=END\\xC3\\xA9,strip=0,max=16M,check=0"},
    {"delimiter=\\n", "delimiter=\\n,strip=0,max=16M,check=0"},
    {"delimiter=\n", "delimiter=\\n,strip=0,max=16M,check=0"},
    {"delimiter=\\01", "delimiter=\\01,strip=0,max=16M,check=0"},
    {"delimiter=ab,max=2,strip=2", "delimiter=ab,strip=2,max=2,check=0"},
    {"delimiter=0123456789012345678901234567890123456789012345678901234567890123",
     "delimiter=0123456789012345678901234567890123456789012345678901234567890123,strip=0,max=16M,check=0"},
    {"fixed=188", "fixed=188"},
    {"fixed=1", "fixed=1"},
    {"fixed=1536K", "fixed=1536K"},
    {"raw", "raw"},
};

void test_good_texts_have_one_canonical_form(void **) {
    for (const Good &row : good_texts) {
        Rule rule;
        Rule again;
        zcnet::Error error;
        char text[512];
        if (zcnet::framing::parse(row.text, &rule, &error) != ZCN_OK) fail_msg("%s: %s", row.text, error.text);
        const size_t size = zcnet::framing::format(rule, text, sizeof text);
        assert_int_equal(size, std::strlen(text));
        assert_string_equal(text, row.canonical);
        // What the canonical text gives is the same framing, and has the same text.
        assert_int_equal(zcnet::framing::parse(text, &again, &error), ZCN_OK);
        assert_true(same(rule, again));
    }
}

struct Bad {
    const char *text;
    const char *words[3];  // that the error contains
};

const Bad bad_texts[] = {
    {"", {"kind is missing", "length, varint, delimiter"}},
    {",", {"kind is missing"}},
    {"=4", {"kind is missing"}},
    {"lenght", {"\"lenght\"", "no kind", "length"}},
    {"Length", {"\"Length\"", "no kind"}},
    {" length", {"\" length\"", "no kind"}},
    {"length ", {"\"length \"", "no kind"}},
    {"custom", {"custom", "zcn_framing_create"}},
    {"custom,max=4", {"custom", "zcn_framing_create"}},
    {"length=4", {"length takes no value", "width"}},
    {"raw=1", {"raw takes no value"}},
    {"length,", {"key is missing", "offset, width, order, adjust, strip, max"}},
    {"length,,width=4", {"key is missing"}},
    {"length,width=4,", {"key is missing"}},
    {"raw,", {"key is missing", "raw has no keys"}},
    {"length,widht=4", {"\"widht\"", "not a key of length", "offset, width, order"}},
    {"length,Width=4", {"\"Width\"", "not a key"}},
    {"length, width=4", {"\" width\"", "not a key"}},
    {"length,=4", {"\"\"", "not a key"}},
    {"length,max_varint=4", {"\"max_varint\"", "not a key of length"}},
    {"length,delimiter=x", {"\"delimiter\"", "not a key of length"}},
    {"length,check=1", {"\"check\"", "not a key of length"}},
    {"length,fixed=4", {"\"fixed\"", "not a key of length"}},
    {"length,length", {"\"length\"", "not a key of length"}},
    {"varint,width=4", {"\"width\"", "not a key of varint", "max_varint"}},
    {"varint,order=big", {"\"order\"", "not a key of varint"}},
    {"delimiter=x,width=4", {"\"width\"", "not a key of delimiter", "strip, max, check"}},
    {"fixed=4,max=4", {"\"max\"", "not a key of fixed", "no other keys"}},
    {"fixed=4,strip=4", {"\"strip\"", "not a key of fixed"}},
    {"raw,max=4", {"\"max\"", "not a key of raw", "no keys"}},
    {"length,width=4,width=4", {"width is given twice"}},
    {"length,max=4,strip=0,max=5", {"max is given twice"}},
    {"delimiter=x,delimiter=x", {"delimiter is given twice"}},
    {"fixed=4,fixed=4", {"fixed is given twice"}},
    {"length,width", {"width has no value", "1, 2, 3, 4 or 8"}},
    {"length,width,max=4", {"width has no value"}},
    {"delimiter", {"delimiter has no value", "delimiter=\\r\\n"}},
    {"fixed", {"fixed has no value", "fixed=188"}},
    {"length,width=", {"width=:", "1, 2, 3, 4 or 8"}},
    {"length,max=", {"max=:", "64K"}},
    {"length,adjust=", {"adjust=:"}},
    {"length,adjust=-", {"adjust=-:"}},
    {"length,adjust=--1", {"adjust=--1:"}},
    {"length,adjust=K", {"adjust=K:"}},
    {"length,width=5", {"width is 5", "1, 2, 3, 4 or 8"}},
    {"length,width=0", {"width is 0"}},
    {"length,width=4K", {"width=4K:", "1, 2, 3, 4 or 8"}},
    {"length,width=4294967300", {"width=4294967300", "too large"}},
    {"length,width=260", {"width is 260"}},
    {"length,width=NaN", {"width=NaN:"}},
    {"length,width=4=4", {"width=4=4:"}},
    {"length,width=0x4", {"width=0x4:"}},
    {"length,offset=-1", {"offset=-1:", "size"}},
    {"length,offset=+1", {"offset=+1:"}},
    {"length,offset= 1", {"offset= 1:"}},
    {"length,offset=1 ", {"offset=1 :"}},
    {"length,offset=1.5", {"offset=1.5:"}},
    {"length,offset=65537", {"offset is 65537", "at most 65536"}},
    {"length,offset=18446744073709551616", {"offset=18446744073709551616", "too large"}},
    {"length,offset=99999999999999999999999999999999999999999999", {"offset=9999", "...", "too large"}},
    {"length,max=1KK", {"max=1KK:"}},
    {"length,max=1k", {"max=1k:", "64K"}},
    {"length,max=1T", {"max=1T:"}},
    {"length,max=K", {"max=K:"}},
    {"length,max=0", {"max is 0", "smallest frame has 4"}},
    {"length,max=3", {"max is 3", "smallest frame has 4"}},
    {"length,offset=2,width=2,adjust=10,max=13", {"max is 13", "smallest frame has 14"}},
    {"length,max=4611686018427387905", {"max is 4611686018427387905", "2^62"}},
    {"length,max=17179869184G", {"max=17179869184G", "too large"}},
    {"length,order=network", {"order=network:", "big or little"}},
    {"length,order=", {"order=:", "big or little"}},
    {"length,order=BIG", {"order=BIG:"}},
    {"length,adjust=9223372036854775807", {"max is 16777216", "smallest frame has 9223372036854775811"}},
    {"length,adjust=9223372036854775808", {"adjust=9223372036854775808", "64 bits"}},
    {"length,adjust=-9223372036854775809", {"adjust=-9223372036854775809", "64 bits"}},
    {"length,adjust=-4294967296", {"adjust is -4294967296", "shorter than its header"}},
    {"length,width=1,adjust=-256", {"adjust is -256", "at most 255"}},
    {"length,strip=65553", {"strip is 65553", "at most 65552"}},
    {"length,strip=9,max=8", {"strip is 9", "longest frame has 8"}},
    {"length,width=1,strip=257", {"strip is 257", "longest frame has 256"}},
    {"length,width=1,adjust=-250,strip=7", {"strip is 7", "longest frame has 6"}},
    {"varint,max_varint=0", {"max_varint is 0", "1 to 10"}},
    {"varint,max_varint=11", {"max_varint is 11", "1 to 10"}},
    {"varint,max=0", {"max is 0", "smallest frame has 1"}},
    {"varint,offset=3,max=3", {"max is 3", "smallest frame has 4"}},
    {"varint,adjust=-128,max=1", {"max is 1", "smallest frame has 2"}},
    {"varint,max_varint=1,adjust=-128", {"adjust is -128", "at most 127"}},
    {"varint,max_varint=1,strip=129", {"strip is 129", "longest frame has 128"}},
    {"delimiter=", {"delimiter has 0 bytes", "1 to 64"}},
    {"delimiter=,strip=0", {"delimiter has 0 bytes"}},
    {"delimiter=01234567890123456789012345678901234567890123456789012345678901234", {"more than 64 bytes"}},
    {"delimiter=\\", {"\"\\\"", "no escape", "\\xHH"}},
    {"delimiter=\\q", {"\"\\q\"", "no escape"}},
    {"delimiter=\\x", {"no escape"}},
    {"delimiter=\\x1", {"no escape"}},
    {"delimiter=\\x1g", {"\"\\x1g\"", "no escape"}},
    {"delimiter=\\xg1", {"no escape"}},
    {"delimiter=\\X11", {"no escape"}},
    {"delimiter=x\\", {"no escape"}},
    {"delimiter=x,strip=2", {"strip is 2", "delimiter has 1"}},
    {"delimiter=xy,max=1", {"max is 1", "smallest frame has 2"}},
    {"delimiter=x,check=2", {"check is 2", "0 or 1"}},
    {"delimiter=x,check=yes", {"check=yes:", "0 or 1"}},
    {"fixed=0", {"fixed is 0", "1 to 2^62"}},
    {"fixed=", {"fixed=:"}},
    {"fixed=-1", {"fixed=-1:"}},
    {"fixed=4611686018427387905", {"fixed is 4611686018427387905", "2^62"}},
    {"length,\x01\x7F\xFF=4", {"\"???\"", "not a key"}},
    {"length,a_key_that_is_much_longer_than_any_that_there_is=4", {"\"a_key_that_is_much_longer_than_a...\""}},
};

void test_bad_texts_are_named(void **) {
    for (const Bad &row : bad_texts) {
        Rule rule;
        std::memset(&rule, 0x5A, sizeof rule);
        uint8_t untouched[sizeof rule];
        std::memset(untouched, 0x5A, sizeof untouched);
        zcnet::Error error;
        const zcn_status status = zcnet::framing::parse(row.text, &rule, &error);
        if (status != ZCN_EINVAL || error.status != ZCN_EINVAL) fail_msg("\"%s\" was taken", row.text);
        assert_memory_equal(&rule, untouched, sizeof rule);
        for (const char *word : row.words)
            if (word != nullptr && std::strstr(error.text, word) == nullptr)
                fail_msg("\"%s\": \"%s\" does not say \"%s\"", row.text, error.text, word);
    }
}

// The longest text is read; a byte more is too long, whatever it says.
void test_text_of_4096_bytes(void **) {
    static char text[5000];
    Rule rule;
    zcnet::Error error;
    std::memset(text, '0', sizeof text - 1);
    std::memcpy(text, "length,max=", 11);
    text[4095] = '9';
    text[4096] = '\0';
    assert_int_equal(zcnet::framing::parse(text, &rule, &error), ZCN_OK);
    assert_int_equal(rule.max, 9);
    text[4095] = '0';
    text[4096] = '9';
    text[4097] = '\0';
    assert_int_equal(zcnet::framing::parse(text, &rule, &error), ZCN_EINVAL);
    assert_non_null(std::strstr(error.text, "4096"));
}

// Whatever the text, it ends, and what it took has a canonical text that is taken again.
void test_random_texts(void **) {
    static constexpr const char *pieces[] = {
        "length", "varint", "delimiter",  "fixed", "raw",   "custom", ",",     ",",      ",",     "=",   "=",
        "=",      "\\",     "\\x",        "\\n",   "width", "offset", "order", "adjust", "strip", "max", "check",
        "big",    "little", "max_varint", "4",     "1",     "2",      "8",     "64K",    "16M",   "-"};
    harness::Random random(77);
    unsigned taken = 0;
    for (int round = 0; round < 200000; round++) {
        char text[600] = "";
        const uint64_t count = random.below(14);
        // Every other text begins well, and goes on in pairs.
        if (random.one_in(2)) std::strcat(text, pieces[random.below(2)]);
        for (uint64_t i = 0; i < count; i++) {
            if (random.one_in(2)) std::strcat(text, ",");
            std::strcat(text, pieces[random.below(sizeof pieces / sizeof pieces[0])]);
            if (random.one_in(3)) std::strcat(std::strcat(text, "="), pieces[25 + random.below(6)]);
        }
        Rule rule;
        zcnet::Error error;
        if (zcnet::framing::parse(text, &rule, &error) != ZCN_OK) {
            if (error.text[0] == '\0') fail_msg("\"%s\" is refused without a word", text);
            continue;
        }
        taken++;
        char canonical[512];
        Rule again;
        zcnet::framing::format(rule, canonical, sizeof canonical);
        if (zcnet::framing::parse(canonical, &again, &error) != ZCN_OK) fail_msg("\"%s\": %s", canonical, error.text);
        assert_true(same(rule, again));
    }
    assert_true(taken > 500);
}

void test_longest_canonical_text_fits(void **) {
    Rule rule;
    zcnet::Error error;
    char text[600] = "delimiter=";
    char canonical[512];
    for (int i = 0; i < 64; i++) std::strcat(text, "\\xFE");
    std::strcat(text, ",strip=63,max=4611686018427387903,check=1");
    assert_int_equal(zcnet::framing::parse(text, &rule, &error), ZCN_OK);
    zcnet::framing::format(rule, canonical, sizeof canonical);
    assert_string_equal(text, canonical);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_good_texts_have_one_canonical_form),
        cmocka_unit_test(test_bad_texts_are_named),
        cmocka_unit_test(test_text_of_4096_bytes),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_longest_canonical_text_fits),
    };
    return cmocka_run_group_tests_name("framing_text", tests, nullptr, nullptr);
}
