/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_STREAM_HPP
#define ZCNET_STREAM_HPP
/* Streams: framing and queues for programs that do their own reading and writing; see stream.h. */
#include <sys/uio.h>
#include <zcnet/stream.h>

#include <utility>
#include <zcnet/event.hpp>
#include <zcnet/unit.hpp>

namespace zcnet {

/** The fields of zcn_stream_options, with the defaults. */
struct StreamOptions : zcn_stream_options {
    StreamOptions() noexcept : zcn_stream_options() { zcn_stream_options_init(this, sizeof(zcn_stream_options)); }
};

/** Bytes in, messages out; units in, bytes out. One caller at a time. A moved-from stream is empty. */
class Stream {
  public:
    explicit Stream(const Framing &framing, const StreamOptions &options = {}, const Pool *pool = nullptr) {
        zcn_pool *const from = pool == nullptr ? nullptr : pool->get();
        detail::check(zcn_stream_create(&stream_, from, framing.get(), &options));
    }
    Stream(Stream &&other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
    Stream &operator=(Stream &&other) noexcept {
        if (this != &other) {
            zcn_stream_release(stream_);
            stream_ = std::exchange(other.stream_, nullptr);
        }
        return *this;
    }
    ~Stream() { zcn_stream_release(stream_); }
    zcn_stream *get() const noexcept { return stream_; }
    explicit operator bool() const noexcept { return stream_ != nullptr; }

    /** Where the next bytes should be read to, for readv(); count is 0 when messages wait to be polled first. */
    struct Room {
        iovec pieces[2];
        std::size_t count;
        /** The first piece, for whoever reads into one. */
        MutableBytes first() const noexcept {
            return count == 0 ? MutableBytes() : MutableBytes(pieces[0].iov_base, pieces[0].iov_len);
        }
    };
    Room read_room() {
        Room room = {};
        static_cast<void>(detail::taken(zcn_stream_read_room(stream_, room.pieces, 2, &room.count)));
        return room;
    }
    /** So many bytes were read into the room. */
    void read_done(std::uint64_t size) { detail::check(zcn_stream_read_done(stream_, size)); }
    /** Copies bytes that lie elsewhere in; how many it took. Poll when they are fewer than were given. */
    std::size_t feed(Bytes bytes) {
        std::uint64_t taken = 0;
        static_cast<void>(detail::taken(zcn_stream_feed(stream_, bytes.data(), bytes.size(), &taken)));
        return static_cast<std::size_t>(taken);
    }
    /** The body of a message is the next part of this stream, where it lies. False: poll first, nothing was taken. */
    [[nodiscard]] bool feed(const Message &message) {
        return detail::taken(zcn_stream_feed_msg(stream_, message.get()));
    }
    [[nodiscard]] bool feed(const MessageView &message) {
        return detail::taken(zcn_stream_feed_msg(stream_, message.get()));
    }
    /** The peer's side has ended; closed follows the last message. */
    void end() { detail::check(zcn_stream_end(stream_)); }

    /** Shows what is ready. What it showed before ends. */
    Events poll() {
        const zcn_event *array;
        std::size_t count;
        std::int32_t more;
        detail::check(zcn_stream_poll(stream_, &array, &count, &more));
        return Events(array, count, more != 0);
    }

    /** Queues a unit, and empties it. False above high water: the unit is whole. */
    [[nodiscard]] bool send(Unit &&unit) { return detail::taken(try_send(unit)); }
    [[nodiscard]] zcn_status try_send(Unit &unit) noexcept {
        return unit.consumed(zcn_stream_send(stream_, unit.get()));
    }
    /** Queues the whole frame of a received message as it stands, without a copy. */
    [[nodiscard]] bool send(const MessageView &message) {
        return detail::taken(zcn_stream_send_msg(stream_, message.get()));
    }
    [[nodiscard]] bool send(const Message &message) {
        return detail::taken(zcn_stream_send_msg(stream_, message.get()));
    }

    /** What is to be written now, for writev(): how many pieces were filled, 0 when nothing is queued. */
    std::size_t gather(iovec *pieces, std::size_t capacity) {
        std::size_t count;
        detail::check(zcn_stream_gather(stream_, pieces, capacity, &count));
        return count;
    }
    /** So many bytes were written, from the start of what gather() showed. */
    void write_done(std::uint64_t size) { detail::check(zcn_stream_write_done(stream_, size)); }

    /** Parses with another framing after a message of the present poll, or after all that was delivered. */
    void set_framing(const Framing &framing, const MessageView &after = {}) {
        detail::check(zcn_stream_set_framing(stream_, after.get(), framing.get()));
    }
    void set_send_framing(const Framing &framing) {
        detail::check(zcn_stream_set_send_framing(stream_, framing.get()));
    }
    /** Why it ended: status is ZCN_OK while it lives. */
    zcn_error error() const {
        auto error = detail::sized<zcn_error>();
        detail::check(zcn_stream_get_error(stream_, &error));
        return error;
    }
    zcn_stats stats() const {
        auto stats = detail::sized<zcn_stats>();
        detail::check(zcn_stream_get_stats(stream_, &stats));
        return stats;
    }

  private:
    zcn_stream *stream_ = nullptr;
};

}  // namespace zcnet

#endif
