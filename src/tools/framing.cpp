// SPDX-License-Identifier: MIT
// zcnet framing
#include <algorithm>
#include <cstdio>

#include "arguments.h"
#include "endpoint.h"
#include "frame_reader.h"
#include "framing_words.h"
#include "json.h"
#include "progress.h"
#include "text.h"
#include "verbs.h"

namespace tool {
namespace {

constexpr const char *about =
    "Explains a framing text: what a frame looks like, byte by byte, and its limits. With FILE (- is\n"
    "standard input) prints offset, header and body size of each frame in it; where the stream is wrong\n"
    "or ends inside a frame, says where and why and exits with 1.\n\n"
    "  length,offset=0,width=4,order=big,adjust=0,strip=0,max=16M\n"
    "      a length field of 1, 2, 3, 4 or 8 bytes after offset bytes;\n"
    "      whole frame = offset + width + adjust + value\n"
    "  varint,offset=0,adjust=0,max_varint=10,strip=0,max=16M\n"
    "      the length is a base-128 varint; whole frame = offset + its bytes + adjust + value\n"
    "  delimiter=\\r\\n,strip=0,check=0,max=16M\n"
    "      the delimiter ends the frame; check=1 refuses to send bodies that contain it\n"
    "  fixed=188     every frame has that many bytes\n"
    "  raw           what arrives is what is delivered\n\n"
    "strip hides bytes of the frame from the message (delimiter: at its end); max bounds the whole frame.\n"
    "Sizes take K, M, G; bytes are written \\r \\n \\t \\0 \\\\ \\, \\xHH.\n";

std::string range(uint64_t low, uint64_t high) {
    return low == high ? counted(low, "byte") : grouped(low) + " to " + counted(high, "byte");
}

void print_words(const FramingWords &words) {
    print_line(words.text + "\n");
    size_t width = 0;
    for (const auto &[place, what] : words.bytes) width = std::max(width, place.size());
    if (!words.bytes.empty()) print_line("A frame, byte by byte:");
    for (const auto &[place, what] : words.bytes)
        print_line(format("  %-*s  %s", static_cast<int>(width), place.c_str(), what.c_str()));
    if (!words.bytes.empty()) print_line("");
    if (words.limited) {
        print_line(format("%-12s %s", "frame:", range(words.smallest_frame, words.largest_frame).c_str()));
        print_line(format("%-12s %s", "body:", range(words.smallest_body, words.largest_body).c_str()));
    }
    for (const auto &[about_what, sentence] : words.notes)
        print_line(format("%-12s %s", (about_what + ":").c_str(), sentence.c_str()));
}

void print_words_json(const FramingWords &words) {
    Json json;
    json.text("framing", words.text).text("kind", words.kind);
    if (words.limited)
        json.number("smallest_frame", words.smallest_frame)
            .number("largest_frame", words.largest_frame)
            .number("smallest_body", words.smallest_body)
            .number("largest_body", words.largest_body);
    std::string all;
    for (const auto *part : {&words.bytes, &words.notes})
        for (const auto &[what, sentence] : *part) {
            if (!all.empty()) all += '\n';
            all.append(what).append(": ").append(sentence);
        }
    print_line(json.text("words", all).line());
}

void print_frame(const Frame &frame, bool json) {
    const bool written = json ? std::puts(Json()
                                              .number("offset", frame.offset)
                                              .number("header", frame.header)
                                              .number("body", frame.body)
                                              .number("trailer", frame.trailer)
                                              .line()
                                              .c_str()) >= 0
                              : std::printf("%14llu %8llu %14llu\n", static_cast<unsigned long long>(frame.offset),
                                            static_cast<unsigned long long>(frame.header),
                                            static_cast<unsigned long long>(frame.body)) >= 0;
    if (!written) throw Failure(system_error("standard output"));
}

int print_frames(const zcn_framing *framing, const std::string &path, bool json) {
    FrameReader reader(framing, path);
    Progress progress(!json && isatty(STDOUT_FILENO) == 0, "reading", 0, 0);
    uint64_t frames = 0;
    Frame frame{};
    zcn_status status = reader.next(&frame);
    // Behind the first look: a file that cannot be read has no table.
    if (!json) std::printf("%14s %8s %14s\n", "offset", "header", "body");
    for (; status == ZCN_OK; status = reader.next(&frame)) {
        print_frame(frame, json);
        frames++;
        if (frames % 1024 == 0) progress.update(frames, reader.offset());
    }
    progress.clear();
    const bool in_order = status == ZCN_EOF;
    std::string why = in_order ? "the stream ended behind a frame" : zcn_status_text(status);
    if (status == ZCN_EFRAME_TRUNCATED)
        why += "; of the frame only " + counted(reader.trailing(), "byte") + " came";
    else if (!in_order)
        why += "; the bytes there are " + reader.bytes_there();
    if (json)
        print_line(Json()
                       .number("frames", frames)
                       .number("bytes", reader.offset())
                       .number("trailing_bytes", reader.trailing())
                       .text("status", zcn_status_name(status))
                       .text("detail", why)
                       .line());
    else
        print_line(counted(frames, "frame") + ", " + counted(reader.offset(), "byte"));
    if (in_order) return 0;
    complain(format("wrong at offset %llu, in frame %s: %s (%s)", static_cast<unsigned long long>(reader.offset()),
                    grouped(frames + 1).c_str(), why.c_str(), zcn_status_name(status)));
    return 1;
}

}  // namespace

int run_framing(int count, char **words) {
    bool json = false;
    Arguments arguments("framing", "TEXT [FILE|-]", about);
    arguments.flag("json", "print JSON, one object a line", &json);
    if (!arguments.parse(count, words, 1, 2)) return 0;
    const Owned<zcn_framing> framing = parse_framing(arguments.positionals()[0]);
    if (arguments.positionals().size() == 2) return print_frames(framing.get(), arguments.positionals()[1], json);
    const FramingWords explained = explain(framing.get());
    if (json)
        print_words_json(explained);
    else
        print_words(explained);
    return 0;
}

}  // namespace tool
