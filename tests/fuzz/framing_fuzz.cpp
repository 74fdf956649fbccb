// SPDX-License-Identifier: MIT
// A libFuzzer target: the first line of the input is a framing text, the rest a stream. What the text gives has a
// canonical form that gives the same; the stream, cut by its own bytes, has the frames that the reference finds.
//   clang++ -std=c++20 -fsanitize=fuzzer,address,undefined -Iinclude -Isrc -Itests/unit …
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "framing/parse.h"
#include "framing/scan.h"
#include "framing/shape.h"
#include "reference_splitter.h"

using zcnet::framing::Rule;

namespace {

[[noreturn]] void disagree(const char *what, const Rule &rule) {
    char text[512];
    zcnet::framing::format(rule, text, sizeof text);
    std::fprintf(stderr, "%s: %s\n", text, what);
    std::abort();
}

void check_text(const Rule &rule) {
    char first[512];
    char second[512];
    Rule again;
    zcnet::Error error;
    if (zcnet::framing::format(rule, first, sizeof first) >= sizeof first) disagree("the text is too long", rule);
    if (zcnet::framing::parse(first, &again, &error) != ZCN_OK) disagree(error.text, rule);
    zcnet::framing::format(again, second, sizeof second);
    if (std::strcmp(first, second) != 0) disagree("the canonical text has another canonical text", rule);
}

// Receives the stream in pieces of 1 to 16 bytes, which the stream itself decides, in memory of their exact size.
void check_stream(const Rule &rule, const std::vector<uint8_t> &stream) {
    const reference::Outcome expected = reference::split(zcnet::framing::options_of(rule), stream);
    uint64_t start = 0;
    uint64_t searched = 0;
    size_t frames = 0;
    for (uint64_t end = 0; end < stream.size();) {
        end = std::min<uint64_t>(stream.size(), end + 1 + stream[end] % 16);
        std::vector<uint8_t> piece(stream.begin() + static_cast<int64_t>(start),
                                   stream.begin() + static_cast<int64_t>(end));
        uint64_t position = start;
        const auto scan = zcnet::framing::scan(
            rule, piece.data(), piece.data() + piece.size(), searched, [&](const uint8_t *, uint64_t size) {
                position += size;
                if (frames >= expected.ends.size() || expected.ends[frames] != position)
                    disagree("a frame is wrong", rule);
                frames++;
                return true;
            });
        const bool proven = expected.status != ZCN_OK && expected.proven <= end;
        if (scan.next != piece.data() + (position - start)) disagree("next is wrong", rule);
        if (scan.status != (proven ? expected.status : ZCN_OK)) disagree("the status is wrong", rule);
        if (frames < expected.ends.size() && expected.ends[frames] <= end) disagree("a frame is missing", rule);
        if (proven) return;
        if (scan.need != expected.announced[end]) disagree("need is wrong", rule);
        start = position;
        searched = scan.searched;
    }
}

// A body of any size is refused, or its head leads the scan to the whole of the frame.
void check_shape(const Rule &rule, uint64_t body) {
    if (rule.kind == zcnet::framing::Kind::raw || rule.kind == zcnet::framing::Kind::delimiter) return;
    zcnet::framing::Shape around;
    if (zcnet::framing::shape(rule, body, &around) != ZCN_OK) return;
    std::vector<uint8_t> head(around.head + 1);
    zcnet::framing::write_head(rule, body, head.data());
    const auto scan = zcnet::framing::scan(rule, head.data(), head.data() + head.size(), 0,
                                           [](const uint8_t *, uint64_t) { return false; });
    const uint64_t size = around.head + body;
    const uint64_t found = scan.need != 0 ? scan.need : static_cast<uint64_t>(scan.next - head.data());
    if (scan.status != ZCN_OK || found != size) disagree("a head that was written is read otherwise", rule);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const auto *line = static_cast<const uint8_t *>(size == 0 ? nullptr : std::memchr(data, '\n', size));
    const size_t text_size = line == nullptr ? size : static_cast<size_t>(line - data);
    const std::string text(reinterpret_cast<const char *>(data), text_size);
    Rule rule;
    zcnet::Error error;
    const zcn_status status = zcnet::framing::parse(text.c_str(), &rule, &error);
    if (status != ZCN_OK) {
        if (status != ZCN_EINVAL || error.text[0] == '\0') std::abort();
        return 0;
    }
    check_text(rule);
    if (line == nullptr) return 0;
    const std::vector<uint8_t> stream(line + 1, data + size);
    uint64_t body = 0;
    if (!stream.empty()) std::memcpy(&body, stream.data(), std::min<size_t>(stream.size(), sizeof body));
    check_shape(rule, body);
    check_shape(rule, body & 0xFFFF);
    if (rule.kind != zcnet::framing::Kind::raw) check_stream(rule, stream);
    return 0;
}
