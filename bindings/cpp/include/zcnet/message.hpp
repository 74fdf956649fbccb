/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_MESSAGE_HPP
#define ZCNET_MESSAGE_HPP
/*
 * Messages: views of received bytes; see msg.h.
 *
 * A MessageView is borrowed: it costs nothing, and is valid until the next poll of the loop or stream that showed it.
 * A Message is owned: it is valid on any thread until it is destroyed, whatever else is destroyed before.
 */
#include <zcnet/event.h>
#include <zcnet/msg.h>

#include <utility>
#include <vector>
#include <zcnet/bytes.hpp>
#include <zcnet/error.hpp>

namespace zcnet {

class Message;

namespace detail {

/** What both kinds can do. */
template <typename Derived>
class MessageBase {
  public:
    const std::byte *data() const noexcept { return bytes().data(); }
    std::size_t size() const noexcept { return bytes().size(); }
    bool empty() const noexcept { return size() == 0; }
    const std::byte *begin() const noexcept { return bytes().begin(); }
    const std::byte *end() const noexcept { return bytes().end(); }
    std::string_view text() const noexcept { return bytes().text(); }
#if __cplusplus >= 202002L
    std::span<const std::byte> span() const noexcept { return bytes().span(); }
#endif
    /** The bytes of the message; none for a message of several parts, which has parts(). */
    Bytes bytes() const noexcept { return static_cast<const Derived *>(this)->bytes_; }

    /** The whole frame as it stood on the wire: header, body, delimiter. */
    Bytes frame() const {
        const void *data;
        std::uint64_t size;
        check(zcn_msg_frame(handle(), &data, &size));
        return {data, static_cast<std::size_t>(size)};
    }
    /** The parts of a message that was joined; any other has one. */
    std::vector<Bytes> parts() const {
        std::size_t count;
        check(zcn_msg_iovecs(handle(), nullptr, 0, &count));
        std::vector<iovec> pieces(count);
        check(zcn_msg_iovecs(handle(), pieces.data(), count, &count));
        std::vector<Bytes> parts;
        parts.reserve(count);
        for (const iovec &piece : pieces) parts.emplace_back(piece.iov_base, piece.iov_len);
        return parts;
    }

    /** A handle of one's own on the same bytes: nothing is copied. */
    Message retain() const;
    /** The same without exceptions: kept is replaced on ZCN_OK. */
    [[nodiscard]] zcn_status try_retain(Message &kept) const noexcept;
    /** A part of it, as a message on the same bytes. */
    Message slice(std::uint64_t offset, std::uint64_t size) const;
    /** A copy in memory of its own, so that a long-lived view does not hold its block. */
    Message detached() const;

  private:
    const zcn_msg *handle() const noexcept { return static_cast<const Derived *>(this)->get(); }
};

}  // namespace detail

/** A message of an event: valid until the next poll. Copies are the same view. */
class MessageView : public detail::MessageBase<MessageView> {
  public:
    MessageView() noexcept = default;
    explicit MessageView(const zcn_event &event) noexcept
        : handle_(event.msg), bytes_(event.data, static_cast<std::size_t>(event.size)) {}

    const zcn_msg *get() const noexcept { return handle_; }
    explicit operator bool() const noexcept { return handle_ != nullptr; }

  private:
    friend MessageBase<MessageView>;
    const zcn_msg *handle_ = nullptr;
    Bytes bytes_;
};

/**
 * A message that is kept. It can be moved; a further handle is made by retain(), since that may fail. A moved-from
 * message is empty: it has no bytes, and calls fail with ZCN_EINVAL.
 */
class Message : public detail::MessageBase<Message> {
  public:
    Message() noexcept = default;
    Message(Message &&other) noexcept : handle_(other.handle_), bytes_(other.bytes_) { other.forget(); }
    Message &operator=(Message &&other) noexcept {
        if (this != &other) {
            reset();
            handle_ = other.handle_;
            bytes_ = other.bytes_;
            other.forget();
        }
        return *this;
    }
    ~Message() { reset(); }

    /** Takes over a handle that C code gave. */
    static Message adopt(zcn_msg *handle) noexcept {
        Message message;
        message.hold(handle);
        return message;
    }
    /** Several messages as one, as a list of parts: no byte is copied. They stay as they are. */
    static Message join(const std::vector<const zcn_msg *> &messages) {
        zcn_msg *joined;
        detail::check(zcn_msg_join(&joined, messages.data(), messages.size()));
        return adopt(joined);
    }
    /** Ends many in one step, which is several times cheaper than one by one; the vector is empty then. */
    static void release(std::vector<Message> &messages) {
        std::vector<zcn_msg *> handles;
        handles.reserve(messages.size());
        for (Message &message : messages) handles.push_back(message.detach());
        zcn_msg_release_batch(handles.data(), handles.size());
        messages.clear();
    }

    /**
     * Lets messages go easy on memory: each that has been held for detach_ms of its pool's options, and keeps more than
     * detach_ratio times its bytes, becomes a copy, and what was taken of it before is not valid any more; how many
     * did. Give them in the order in which they came.
     */
    static std::size_t settle(std::vector<Message> &messages) {
        std::vector<zcn_msg *> handles;
        handles.reserve(messages.size());
        for (const Message &message : messages) handles.push_back(message.handle_);
        std::size_t copied;
        const zcn_status status = zcn_msg_settle(handles.data(), handles.size(), &copied);
        for (std::size_t i = 0; i < handles.size(); i++) messages[i].hold(handles[i]);
        detail::check(status);
        return copied;
    }

    const zcn_msg *get() const noexcept { return handle_; }
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** All bytes, of joined messages too. */
    std::uint64_t total_size() const noexcept { return zcn_msg_size(handle_); }
    /** Gives the handle to the caller, who releases it. */
    zcn_msg *detach() noexcept {
        zcn_msg *const handle = handle_;
        forget();
        return handle;
    }
    /** Ends it now. */
    void reset() noexcept { zcn_msg_release(detach()); }

    /**
     * Makes the bytes writable: in place where no other handle shares them, else this becomes a copy. What is returned
     * is valid until the message is retained, sliced, joined, sent or ended.
     */
    MutableBytes make_writable() {
        void *data;
        zcn_msg *writable;
        detail::check(zcn_msg_make_writable(&writable, handle_, &data));
        handle_ = writable;
        bytes_ = Bytes(data, static_cast<std::size_t>(zcn_msg_size(writable)));
        return {data, bytes_.size()};
    }

  private:
    friend MessageBase<Message>;
    void hold(zcn_msg *handle) noexcept {
        handle_ = handle;
        bytes_ = Bytes(zcn_msg_data(handle), static_cast<std::size_t>(zcn_msg_size(handle)));
        if (bytes_.data() == nullptr) bytes_ = Bytes();
    }
    void forget() noexcept {
        handle_ = nullptr;
        bytes_ = Bytes();
    }
    zcn_msg *handle_ = nullptr;
    Bytes bytes_;
};

namespace detail {

template <typename Derived>
zcn_status MessageBase<Derived>::try_retain(Message &kept) const noexcept {
    zcn_msg *handle;
    const zcn_status status = zcn_msg_retain(&handle, this->handle());
    if (status == ZCN_OK) kept = Message::adopt(handle);
    return status;
}

template <typename Derived>
Message MessageBase<Derived>::retain() const {
    Message kept;
    check(try_retain(kept));
    return kept;
}

template <typename Derived>
Message MessageBase<Derived>::slice(std::uint64_t offset, std::uint64_t size) const {
    zcn_msg *part;
    check(zcn_msg_slice(&part, handle(), offset, size));
    return Message::adopt(part);
}

template <typename Derived>
Message MessageBase<Derived>::detached() const {
    zcn_msg *copy;
    check(zcn_msg_detach(&copy, handle()));
    return Message::adopt(copy);
}

}  // namespace detail
}  // namespace zcnet

#endif
