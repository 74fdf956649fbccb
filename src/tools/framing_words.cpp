// SPDX-License-Identifier: MIT
#include "framing_words.h"

#include <algorithm>

#include "text.h"

namespace tool {
namespace {

constexpr size_t most_pieces = 8;

uint64_t largest_in_bits(unsigned bits) { return bits >= 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1; }

uint64_t varint_bytes(uint64_t value) {
    uint64_t size = 1;
    for (; value >= 0x80; value >>= 7) size++;
    return size;
}

uint64_t add_capped(uint64_t a, uint64_t b) { return b > UINT64_MAX - a ? UINT64_MAX : a + b; }

// base + adjust; the library has checked that no frame it accepts goes below 0.
uint64_t adjusted(uint64_t base, int64_t adjust) {
    const uint64_t size = adjust < 0 ? 0 - static_cast<uint64_t>(adjust) : static_cast<uint64_t>(adjust);
    if (adjust >= 0) return add_capped(base, size);
    return base > size ? base - size : 0;
}

std::string place(uint64_t first, uint64_t size) {
    if (size == 1) return "byte " + grouped(first);
    return "bytes " + grouped(first) + " to " + grouped(first + size - 1);
}

std::string signed_sum(int64_t adjust) {
    if (adjust == 0) return "";
    const uint64_t size = adjust < 0 ? 0 - static_cast<uint64_t>(adjust) : static_cast<uint64_t>(adjust);
    return (adjust < 0 ? " - " : " + ") + grouped(size);
}

// header + adjust, behind the value.
std::string plus_header(uint64_t header, int64_t adjust) {
    const auto fixed = static_cast<__int128>(header) + adjust;
    if (fixed == 0) return "";
    return fixed < 0 ? " - " + grouped(static_cast<uint64_t>(-fixed)) : " + " + grouped(static_cast<uint64_t>(fixed));
}

std::string meaning_of_value(int64_t adjust, uint64_t header, bool header_varies) {
    if (adjust == 0) return "the value is the size of the body";
    std::string value = "the value is the size of the body" + signed_sum(adjust == INT64_MIN ? 0 : -adjust);
    if (adjust < 0 && !header_varies && 0 - static_cast<uint64_t>(adjust) == header)
        return "the value is the size of the whole frame";
    return value;
}

void add_offset(FramingWords *words, uint64_t offset) {
    if (offset != 0)
        words->bytes.emplace_back(place(0, offset),
                                  counted(offset, "byte") + " that the program gives; zero if it does not");
}

void add_strip(FramingWords *words, uint64_t strip, const char *where) {
    words->notes.emplace_back("delivered", strip == 0 ? "the whole frame"
                                                      : "without " + counted(strip, "byte") + " at the " + where +
                                                            "; the whole frame can still be read and forwarded");
}

void explain_length(const zcn_framing_options &options, FramingWords *words) {
    const uint64_t header = options.offset + options.width;
    const uint64_t largest_value = largest_in_bits(8 * options.width);
    add_offset(words, options.offset);
    const char *order = options.width == 1 ? "" : options.little_endian != 0 ? ", little end first" : ", big end first";
    words->bytes.emplace_back(place(options.offset, options.width),
                              std::string("the length: an unsigned number") + order);
    words->bytes.emplace_back("then", "the body");
    words->notes.emplace_back("whole frame", "value" + plus_header(header, options.adjust) + "; " +
                                                 meaning_of_value(options.adjust, header, false));
    words->smallest_frame = std::max(adjusted(header, std::max<int64_t>(options.adjust, 0)), options.strip);
    words->largest_frame = std::min(options.max, adjusted(add_capped(header, largest_value), options.adjust));
    words->smallest_body = words->smallest_frame - header;
    words->largest_body = words->largest_frame - header;
    add_strip(words, options.strip, "start");
}

void explain_varint(const zcn_framing_options &options, FramingWords *words) {
    const uint64_t least = options.adjust < 0 ? 0 - static_cast<uint64_t>(options.adjust) : 0;
    const uint64_t largest_value = largest_in_bits(7 * options.max_varint);
    const uint64_t shortest = options.offset + varint_bytes(least);
    add_offset(words, options.offset);
    words->bytes.emplace_back("byte " + grouped(options.offset) + " on",
                              "the length: a base-128 varint of at most " + counted(options.max_varint, "byte") +
                                  "; 7 bits a byte, low bits first; the high bit says that another byte follows");
    words->bytes.emplace_back("then", "the body");
    words->notes.emplace_back("whole frame", (options.offset != 0 ? grouped(options.offset) + " + " : std::string()) +
                                                 "bytes of the varint + value" + signed_sum(options.adjust) + "; " +
                                                 meaning_of_value(options.adjust, 0, true));
    words->smallest_frame = std::max(adjusted(shortest, std::max<int64_t>(options.adjust, 0)), options.strip);
    words->largest_frame =
        std::min(options.max, adjusted(add_capped(options.offset + options.max_varint, largest_value), options.adjust));
    words->smallest_body = options.adjust > 0 ? static_cast<uint64_t>(options.adjust) : 0;
    // The header grows with the body, so each length of it has a largest body of its own.
    for (unsigned size = 1; size <= options.max_varint && options.offset + size <= options.max; size++)
        words->largest_body = std::max(
            words->largest_body,
            std::min(options.max - options.offset - size, adjusted(largest_in_bits(7 * size), options.adjust)));
    add_strip(words, options.strip, "start");
}

void explain_delimiter(const zcn_framing_options &options, FramingWords *words) {
    const auto size = static_cast<size_t>(options.delimiter_size);
    words->bytes.emplace_back("from byte 0", "the body");
    words->bytes.emplace_back("then", "the delimiter: " + counted(size, "byte") + ", " +
                                          hex(options.delimiter, size, 64) +
                                          ", which ends the frame and belongs to it");
    words->smallest_frame = size;
    words->largest_frame = options.max;
    words->largest_body = options.max - size;
    add_strip(words, options.strip, "end");
    words->notes.emplace_back("sending", options.check != 0
                                             ? "a body that contains the delimiter is refused"
                                             : "a body that contains the delimiter becomes several messages (check=1 "
                                               "refuses it)");
}

// The library itself shows how a message leaves; nothing where the framing cannot carry the body.
std::string example(const zcn_framing *framing, const std::string &body) {
    zcn_stream *stream = nullptr;
    zcn_unit *unit = nullptr;
    std::string bytes;
    if (zcn_stream_create(&stream, nullptr, framing, nullptr) != ZCN_OK) return "";
    if (zcn_unit_create(&unit, nullptr) == ZCN_OK && zcn_unit_append_copy(unit, body.data(), body.size()) == ZCN_OK &&
        zcn_stream_send(stream, unit) == ZCN_OK) {
        unit = nullptr;  // consumed
        iovec pieces[most_pieces];
        size_t count = 0;
        if (zcn_stream_gather(stream, pieces, most_pieces, &count) == ZCN_OK)
            for (size_t i = 0; i < count; i++)
                bytes.append(static_cast<const char *>(pieces[i].iov_base), pieces[i].iov_len);
    }
    zcn_unit_release(unit);
    zcn_stream_release(stream);
    return bytes;
}

}  // namespace

zcn_framing_options framing_options(const zcn_framing *framing) {
    zcn_framing_options options{};
    options.struct_size = sizeof options;
    const zcn_status status = zcn_framing_get_options(framing, &options);
    if (status != ZCN_OK) throw Failure("the framing cannot be read back: " + status_line(status), status);
    return options;
}

std::string hex(const void *data, size_t size, size_t most) {
    const auto *bytes = static_cast<const unsigned char *>(data);
    std::string out;
    for (size_t i = 0; i < std::min(size, most); i++) out += format(i == 0 ? "%02x" : " %02x", bytes[i]);
    return size > most ? out + " …" : out;
}

FramingWords explain(const zcn_framing *framing) {
    const zcn_framing_options options = framing_options(framing);
    FramingWords words;
    char text[1024];
    if (zcn_framing_text(framing, text, sizeof text, nullptr) == ZCN_OK) words.text = text;
    words.kind = words.text.substr(0, words.text.find_first_of(",="));
    switch (options.kind) {
        case ZCN_FRAMING_LENGTH:
            explain_length(options, &words);
            break;
        case ZCN_FRAMING_VARINT:
            explain_varint(options, &words);
            break;
        case ZCN_FRAMING_DELIMITER:
            explain_delimiter(options, &words);
            break;
        case ZCN_FRAMING_FIXED:
            words.bytes.emplace_back("the frame", "a body of " + counted(options.fixed, "byte") + " and nothing else");
            words.smallest_frame = words.largest_frame = words.smallest_body = words.largest_body = options.fixed;
            break;
        default:
            words.limited = false;
            words.notes.emplace_back("no frames",
                                     "whatever arrives is delivered as it comes; the boundaries mean nothing");
            break;
    }
    while (words.limited && zcn_framing_overhead(framing, words.smallest_body, nullptr, nullptr) == ZCN_EFRAME_STRIP)
        words.smallest_body++;
    const std::string body =
        options.kind == ZCN_FRAMING_FIXED ? std::string(std::min<uint64_t>(options.fixed, 17), 'x') : "hello";
    const std::string bytes = words.limited ? example(framing, body) : "";
    if (!bytes.empty())
        words.notes.emplace_back("example", "'" + body + "' leaves as " + hex(bytes.data(), bytes.size(), 24));
    return words;
}

}  // namespace tool
