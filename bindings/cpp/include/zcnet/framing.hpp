/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_FRAMING_HPP
#define ZCNET_FRAMING_HPP
/* Framings: see framing.h, also for their text form. */
#include <zcnet/framing.h>

#include <optional>
#include <string>
#include <zcnet/bytes.hpp>
#include <zcnet/error.hpp>

namespace zcnet {

/** The fields of zcn_framing_options, with the defaults. */
struct FramingOptions : zcn_framing_options {
    FramingOptions() noexcept : zcn_framing_options() { zcn_framing_options_init(this, sizeof(zcn_framing_options)); }
};

/** Where messages begin and end. Immutable; connections keep references of their own. */
class Framing : public detail::Handle<zcn_framing, zcn_framing_retain, zcn_framing_release> {
  public:
    /** From its text form, such as "length,width=4,strip=4,max=1M". The error says which key is wrong. */
    explicit Framing(const char *text) {
        auto error = detail::sized<zcn_error>();
        if (zcn_framing_parse(out(), text, &error) != ZCN_OK) throw Error(error);
    }
    explicit Framing(const std::string &text) : Framing(text.c_str()) {}
    explicit Framing(const FramingOptions &options) {
        auto error = detail::sized<zcn_error>();
        if (zcn_framing_create(out(), &options, &error) != ZCN_OK) throw Error(error);
    }
    /**
     * Measures the frame at the start of some bytes, at least one: its size, which may be more than there are; nothing
     * as long as more bytes are needed to tell. It throws, whatever it likes, when they are wrong: the connection then
     * closes with ZCN_EFRAME_MEASURE. It answers the same for the same bytes, and does not call the library.
     */
    using Measure = std::optional<std::uint64_t> (*)(Bytes bytes);
    /** That a function measures. Frames longer than max are refused. */
    static Framing custom(Measure measure, std::uint64_t max) {
        FramingOptions options;
        options.kind = ZCN_FRAMING_CUSTOM;
        options.max = max;
        options.measure = measure == nullptr ? nullptr : call_measure;
        options.measure_context = reinterpret_cast<void *>(measure);
        return Framing(options);
    }
    /** Takes over a reference that C code gave. */
    static Framing adopt(zcn_framing *framing) noexcept { return Framing(framing); }

    /** The text form, complete and in one order. */
    std::string text() const {
        std::size_t size = 0;
        const zcn_status status = zcn_framing_text(get(), nullptr, 0, &size);
        if (status != ZCN_ENOBUFS) detail::check(status);
        std::string text(size + 1, '\0');
        detail::check(zcn_framing_text(get(), text.data(), text.size(), &size));
        text.resize(size);
        return text;
    }
    /** Its fields; delimiter points into the framing. */
    FramingOptions options() const {
        FramingOptions options;
        detail::check(zcn_framing_get_options(get(), &options));
        return options;
    }

    /** What stands around a body on the wire. */
    struct Overhead {
        std::uint64_t head, tail;
    };
    Overhead overhead(std::uint64_t body_size) const {
        Overhead around;
        detail::check(zcn_framing_overhead(get(), body_size, &around.head, &around.tail));
        return around;
    }

    /** A frame at the start of some bytes: its size, and how many bytes at its ends are hidden. */
    struct Frame {
        std::uint64_t size, head, tail;
    };
    /** Nothing as long as more bytes are needed to tell; throws when they are wrong. */
    std::optional<Frame> measure(Bytes bytes) const {
        Frame frame;
        const zcn_status status =
            zcn_framing_measure(get(), bytes.data(), bytes.size(), &frame.size, &frame.head, &frame.tail);
        return detail::taken(status) ? std::optional<Frame>(frame) : std::nullopt;
    }

  private:
    /* Nothing that is thrown passes through C. */
    static zcn_status call_measure(void *context, const void *data, std::uint64_t size, std::uint64_t *out) noexcept {
        try {
            const auto measure = reinterpret_cast<Measure>(context);
            const std::optional<std::uint64_t> frame = measure(Bytes(data, static_cast<std::size_t>(size)));
            if (!frame) return ZCN_AGAIN;
            *out = *frame;
            return ZCN_OK;
        } catch (...) {
            return ZCN_EFRAME_MEASURE;
        }
    }
    explicit Framing(zcn_framing *framing) noexcept : Handle(framing) {}
};

}  // namespace zcnet

#endif
