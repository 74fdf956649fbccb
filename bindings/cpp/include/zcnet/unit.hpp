/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_UNIT_HPP
#define ZCNET_UNIT_HPP
/*
 * Units: what is sent as one message; see unit.h.
 *
 * Sending takes a unit by rvalue and empties it when it was taken, and only then: a send that returned false or threw
 * leaves it whole, to be sent again.
 */
#include <zcnet/unit.h>

#include <array>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>
#include <zcnet/file.hpp>
#include <zcnet/framing.hpp>
#include <zcnet/message.hpp>
#include <zcnet/pool.hpp>

namespace zcnet {

namespace detail {

/** Whether bytes live as long as a T: what has nothing to destroy is a view of memory that others own, or an array. */
template <typename T>
struct OwnsBytes : std::bool_constant<!std::is_trivially_destructible_v<T>> {};
template <typename T, std::size_t size>
struct OwnsBytes<std::array<T, size>> : std::true_type {};

}  // namespace detail

/** The body of one message: one or more segments, each with its owner. A moved-from or sent unit is empty. */
class Unit {
  public:
    /** An empty handle. */
    Unit() noexcept = default;
    Unit(Unit &&other) noexcept : handle_(other.detach()), body_(std::exchange(other.body_, {})) {}
    Unit &operator=(Unit &&other) noexcept {
        if (this != &other) {
            reset();
            body_ = std::exchange(other.body_, {});
            handle_ = other.detach();
        }
        return *this;
    }
    ~Unit() { reset(); }

    /** Without a body yet; what is copied or allocated for it comes from the pool. */
    static Unit create(const Pool *pool = nullptr) {
        Unit unit;
        detail::check(zcn_unit_create(&unit.handle_, pool_of(pool)));
        return unit;
    }
    /** Memory to write one message into, in body(); its header goes right before it. */
    static Unit alloc(const Framing &framing, std::uint64_t size, const Pool *pool = nullptr) {
        Unit unit;
        void *data;
        detail::check(zcn_unit_alloc(&unit.handle_, &data, pool_of(pool), framing.get(), size));
        unit.body_ = MutableBytes(data, static_cast<std::size_t>(size));
        return unit;
    }
    /** A copy of some bytes, ready to be sent with a framing. */
    static Unit copy(const Framing &framing, Bytes bytes, const Pool *pool = nullptr) {
        Unit unit = create(pool);
        unit.append_copy(bytes);
        unit.seal(framing);
        return unit;
    }
    /** Takes over a reference that C code gave. */
    static Unit adopt(zcn_unit *handle) noexcept {
        Unit unit;
        unit.handle_ = handle;
        return unit;
    }

    zcn_unit *get() const noexcept { return handle_; }
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** Gives the reference to the caller, who sends or releases it. */
    zcn_unit *detach() noexcept {
        body_ = MutableBytes();
        return std::exchange(handle_, nullptr);
    }
    /** Ends it now; memory that was lent to it comes back. */
    void reset() noexcept { zcn_unit_release(detach()); }
    /** Another reference: a unit goes to several connections when each takes one. */
    Unit retain() const noexcept { return adopt(zcn_unit_retain(handle_)); }

    /** What alloc() gave to write into; none once it is sealed, or for other units. */
    MutableBytes body() const noexcept { return body_; }
    /** Bytes of the whole body. */
    std::uint64_t size() const noexcept { return zcn_unit_size(handle_); }

    /** Appends memory of the pool to write into, until the unit is sealed. */
    MutableBytes append_alloc(std::uint64_t size) {
        void *data;
        detail::check(zcn_unit_append_alloc(handle_, &data, size));
        return {data, static_cast<std::size_t>(size)};
    }
    /** Appends a copy. */
    void append_copy(Bytes bytes) { detail::check(zcn_unit_append_copy(handle_, bytes.data(), bytes.size())); }
    /** Appends memory that stays unchanged for the life of the process. */
    void append_static(Bytes bytes) { detail::check(zcn_unit_append_static(handle_, bytes.data(), bytes.size())); }

    /**
     * Appends constant pages, which local sockets take as they are, without a copy (vmsplice). DANGER: nothing tells
     * when the receiver is done with them, so they are never written to again, by nobody, through whatever mapping or
     * file. What the process can write to itself is refused with ZCN_EUNSUPPORTED. Make such a unit once, and send it
     * often.
     */
    void append_pages(Bytes bytes) { detail::check(zcn_unit_append_pages(handle_, bytes.data(), bytes.size())); }

    /**
     * Appends memory of the program without a copy: it stays as it is until release() is called, once, on whichever
     * thread lets go last. On failure release is not called. It must not throw: that ends the program.
     */
    template <typename Release>
    void append_ref(Bytes bytes, Release release) {
        auto box = std::make_unique<Release>(std::move(release));
        const zcn_release_function call = [](void *context, const void *, std::uint64_t) noexcept {
            const std::unique_ptr<Release> kept(static_cast<Release *>(context));
            (*kept)();
        };
        detail::check(zcn_unit_append_ref(handle_, bytes.data(), bytes.size(), call, box.get()));
        static_cast<void>(box.release());
    }
    /**
     * Appends the bytes of a string, a vector or the like, which the unit then owns: they are not copied, and are
     * destroyed on whichever thread lets go last. A shared_ptr to one is taken too. On failure owner is destroyed.
     */
    template <typename Owner, std::enable_if_t<detail::OwnsBytes<Owner>::value, int> = 0>
    void append_owned(Owner owner) {
        auto box = std::make_unique<Owner>(std::move(owner));
        const Bytes bytes = bytes_of(*box);
        const zcn_release_function call = [](void *context, const void *, std::uint64_t) noexcept {
            delete static_cast<Owner *>(context);
        };
        detail::check(zcn_unit_append_ref(handle_, bytes.data(), bytes.size(), call, box.get()));
        static_cast<void>(box.release());
    }

    /** Views and pointers own nothing: append_ref() lends memory, append_copy() copies it. */
    template <typename View, std::enable_if_t<!detail::OwnsBytes<View>::value, int> = 0>
    void append_owned(View view) = delete;

    /** Appends the body of a received message, without a copy. */
    void append(const MessageView &message) { detail::check(zcn_unit_append_msg(handle_, message.get())); }
    void append(const Message &message) { detail::check(zcn_unit_append_msg(handle_, message.get())); }
    /** Appends its whole frame, header included. */
    void append_frame(const MessageView &message) { detail::check(zcn_unit_append_frame(handle_, message.get())); }
    void append_frame(const Message &message) { detail::check(zcn_unit_append_frame(handle_, message.get())); }

    /** Appends a range of a file, which leaves without passing through memory of the unit. */
    void append_file(const File &file, std::uint64_t offset, std::uint64_t size) {
        detail::check(zcn_unit_append_file(handle_, file.get(), offset, size));
    }
    /** Appends all of it. */
    void append_file(const File &file) { append_file(file, 0, file.size()); }

    /** Drops bytes at the end of the body. */
    void truncate(std::uint64_t size) {
        detail::check(zcn_unit_truncate(handle_, size));
        if (size < body_.size()) body_ = MutableBytes(body_.data(), static_cast<std::size_t>(size));
    }
    /** The bytes that a framing with offset puts before its length field. */
    void set_prefix(Bytes bytes) { detail::check(zcn_unit_set_prefix(handle_, bytes.data(), bytes.size())); }
    /** Asks for a Sent event with this token. */
    void set_token(std::uint64_t token) { detail::check(zcn_unit_set_token(handle_, token)); }
    /** Writes the header; from then on no byte changes. */
    void seal(const Framing &framing) {
        detail::check(zcn_unit_seal(handle_, framing.get()));
        body_ = MutableBytes();
    }

    /** For calls that consume on ZCN_OK: empties the unit then. */
    zcn_status consumed(zcn_status status) noexcept {
        if (status == ZCN_OK) detach();
        return status;
    }

  private:
    static zcn_pool *pool_of(const Pool *pool) noexcept { return pool == nullptr ? nullptr : pool->get(); }
    template <typename T>
    static Bytes bytes_of(const T &owner) noexcept {
        return owner;
    }
    template <typename T>
    static Bytes bytes_of(const std::shared_ptr<T> &owner) noexcept {
        return *owner;
    }

    zcn_unit *handle_ = nullptr;
    MutableBytes body_;
};

/** Many units of one size, neighbours in memory, made and sent by one call each. Those that were sent are gone. */
class UnitBatch {
  public:
    UnitBatch() noexcept = default;
    /** count is 1 to 65536; all of them or none. */
    UnitBatch(const Framing &framing, std::size_t count, std::uint64_t size, const Pool *pool = nullptr)
        : units_(count), bodies_(count), size_(size) {
        zcn_pool *const from = pool == nullptr ? nullptr : pool->get();
        detail::check(zcn_unit_alloc_batch(units_.data(), bodies_.data(), count, from, framing.get(), size));
    }
    UnitBatch(UnitBatch &&other) noexcept { swap(other); }
    UnitBatch &operator=(UnitBatch &&other) noexcept {
        UnitBatch moved(std::move(other));
        swap(moved);
        return *this;
    }
    ~UnitBatch() { zcn_unit_release_batch(data(), size()); }

    /** Units that were not sent yet. */
    std::size_t size() const noexcept { return units_.size() - first_; }
    bool empty() const noexcept { return size() == 0; }
    /** Where the body of one of them is written, until it is sent. */
    MutableBytes body(std::size_t at) const noexcept { return {bodies_[first_ + at], static_cast<std::size_t>(size_)}; }
    zcn_unit *const *data() const noexcept { return units_.data() + first_; }
    /** So many from the first on were consumed by a send. */
    void consumed(std::size_t count) noexcept { first_ += count; }

  private:
    void swap(UnitBatch &other) noexcept {
        units_.swap(other.units_);
        bodies_.swap(other.bodies_);
        std::swap(first_, other.first_);
        std::swap(size_, other.size_);
    }
    std::vector<zcn_unit *> units_;
    std::vector<void *> bodies_;
    std::size_t first_ = 0;
    std::uint64_t size_ = 0;
};

}  // namespace zcnet

#endif
