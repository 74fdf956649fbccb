// SPDX-License-Identifier: MIT
// Random framings, random streams, random cuts, against the reference. Arguments: a seed, and how many streams.
#include "framing_harness.h"

using harness::Bytes;
using harness::Random;
using harness::Rule;
using harness::Verdict;

namespace {

uint64_t seed = 20240229;
uint64_t streams = 6000;

// A frame begins with its size; 255 is no size, and before the second byte the function cannot tell.
zcn_status measure(void *, const void *data, uint64_t size, uint64_t *out_frame_size) {
    const auto *bytes = static_cast<const uint8_t *>(data);
    if (bytes[0] == 255) return ZCN_EINVAL;
    if (size < 2) return ZCN_AGAIN;
    *out_frame_size = 2 + uint64_t{bytes[0]} % 16 + (bytes[1] % 32 == 0 ? 40 : 0);
    return ZCN_OK;
}

int64_t random_adjust(Random &random) { return random.one_in(2) ? 0 : static_cast<int64_t>(random.below(24)) - 12; }

// Sizes are small, so that a stream of some hundred bytes meets every limit.
zcn_framing_options random_options(Random &random, uint8_t *delimiter) {
    zcn_framing_options options = zcnet::framing::default_options();
    static constexpr uint32_t kinds[] = {
        ZCN_FRAMING_LENGTH,    ZCN_FRAMING_LENGTH,    ZCN_FRAMING_LENGTH,    ZCN_FRAMING_VARINT, ZCN_FRAMING_VARINT,
        ZCN_FRAMING_DELIMITER, ZCN_FRAMING_DELIMITER, ZCN_FRAMING_DELIMITER, ZCN_FRAMING_FIXED,  ZCN_FRAMING_CUSTOM};
    options.kind = kinds[random.below(10)];
    static constexpr uint32_t widths[] = {1, 2, 3, 4, 4, 4, 8};
    options.width = widths[random.below(7)];
    options.little_endian = random.one_in(3);
    options.max_varint = 1 + static_cast<uint32_t>(random.below(10));
    options.offset = random.one_in(2) ? 0 : random.below(9);
    options.adjust = random_adjust(random);
    options.max = random.one_in(3) ? options.max : 1 + random.below(80);
    options.strip = random.one_in(2) ? 0 : random.below(20);
    options.fixed = 1 + random.below(40);
    options.delimiter_size = random.one_in(4) ? 1 + random.below(64) : 1 + random.below(4);
    for (uint64_t i = 0; i < options.delimiter_size; i++)
        delimiter[i] = static_cast<uint8_t>('a' + (random.one_in(4) ? 1 : 0));
    options.delimiter = delimiter;
    options.measure = measure;
    if (options.kind == ZCN_FRAMING_DELIMITER) options.strip = random.below(options.delimiter_size + 1);
    if (options.kind == ZCN_FRAMING_FIXED) options.strip = 0;
    return options;
}

void append_number(const zcn_framing_options &options, uint64_t value, Random &random, Bytes *stream) {
    if (options.kind == ZCN_FRAMING_VARINT) {
        for (; value >= 128; value /= 128) stream->push_back(static_cast<uint8_t>(128 + value % 128));
        stream->push_back(static_cast<uint8_t>(value));
        // Now and then an overlong form.
        for (uint64_t more = random.one_in(4) ? random.below(6) : 0; more > 0; more--) {
            stream->back() = static_cast<uint8_t>(stream->back() | 128);
            stream->push_back(0);
        }
        return;
    }
    const size_t begin = stream->size();
    for (uint32_t i = 0; i < options.width; i++, value >>= 8) stream->push_back(static_cast<uint8_t>(value));
    if (options.little_endian == 0)
        for (uint32_t i = 0; i < options.width / 2; i++)
            std::swap((*stream)[begin + i], (*stream)[begin + options.width - 1 - i]);
}

// Mostly what such a framing sends, with some bytes changed, and an end anywhere.
Bytes random_stream(const zcn_framing_options &options, Random &random) {
    Bytes stream;
    const bool has_length = options.kind == ZCN_FRAMING_LENGTH || options.kind == ZCN_FRAMING_VARINT;
    const uint64_t wanted = random.below(400);
    const bool steady = random.one_in(3);
    const uint64_t steady_body = random.below(12);
    while (stream.size() < wanted) {
        uint64_t body = steady && !random.one_in(16) ? steady_body : random.below(30);
        if (has_length) {
            for (uint64_t i = 0; i < options.offset; i++) stream.push_back(static_cast<uint8_t>(random.next()));
            const uint64_t value = body - static_cast<uint64_t>(options.adjust);
            append_number(options, static_cast<int64_t>(value) < 0 ? 0 : value, random, &stream);
        }
        const auto *delimiter = static_cast<const uint8_t *>(options.delimiter);
        if (options.kind == ZCN_FRAMING_DELIMITER) body = random.below(60);
        for (uint64_t i = 0; i < body; i++)
            stream.push_back(options.kind == ZCN_FRAMING_DELIMITER
                                 ? static_cast<uint8_t>('a' + (random.one_in(4) ? 1 : 0))
                                 : static_cast<uint8_t>(random.next()));
        if (options.kind == ZCN_FRAMING_DELIMITER)
            stream.insert(stream.end(), delimiter, delimiter + options.delimiter_size);
    }
    for (uint64_t changes = random.one_in(3) ? random.below(4) : 0; changes > 0 && !stream.empty(); changes--)
        stream[random.below(stream.size())] = static_cast<uint8_t>(random.next());
    if (!stream.empty() && random.one_in(2)) stream.resize(random.below(stream.size()));
    return stream;
}

std::vector<uint64_t> random_cuts(uint64_t size, Random &random) {
    std::vector<uint64_t> cuts;
    const uint64_t longest = 1 + random.below(random.one_in(2) ? 8 : 120);
    for (uint64_t at = random.below(longest + 1); at < size; at += 1 + random.below(longest)) cuts.push_back(at);
    return cuts;
}

struct Tally {
    uint64_t frames = 0;
    uint64_t refused = 0;
    uint64_t errors = 0;
};

Verdict one_stream(uint64_t number, Tally *tally) {
    Random random(seed + number);
    uint8_t delimiter[64];
    Rule rule;
    zcnet::Error error;
    zcn_framing_options options;
    while (options = random_options(random, delimiter), zcnet::framing::make_rule(options, &rule, &error) != ZCN_OK)
        tally->refused++;
    const Bytes stream = random_stream(options, random);
    const reference::Outcome outcome = reference::split(options, stream);
    tally->frames += outcome.ends.size();
    tally->errors += outcome.status != ZCN_OK;
    for (int round = 0; round < 4; round++) {
        const harness::Feeding feeding{random.one_in(2), random.one_in(2) ? 0 : 1 + random.below(5)};
        const Verdict verdict = harness::feed(rule, outcome, stream, random_cuts(stream.size(), random), feeding);
        if (!verdict.good()) return harness::with_context(verdict, "seed " + std::to_string(seed + number));
    }
    return {};
}

void test_random_streams(void **) {
    Tally tally;
    std::printf("seed %llu, %llu streams\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(streams));
    for (uint64_t number = 0; number < streams; number++) harness::assert_good(one_stream(number, &tally));
    std::printf("%llu frames, %llu streams with an error, %llu framings refused\n",
                static_cast<unsigned long long>(tally.frames), static_cast<unsigned long long>(tally.errors),
                static_cast<unsigned long long>(tally.refused));
    // Both sides have to be met often enough for the comparison to mean something.
    assert_true(tally.frames >= streams);
    assert_true(tally.errors >= streams / 10 && tally.errors <= streams / 10 * 9);
}

}  // namespace

int main(int count, char **arguments) {
    if (count > 1) seed = std::strtoull(arguments[1], nullptr, 10);
    if (count > 2) streams = std::strtoull(arguments[2], nullptr, 10);
    const CMUnitTest tests[] = {cmocka_unit_test(test_random_streams)};
    return cmocka_run_group_tests_name("framing_random", tests, nullptr, nullptr);
}
