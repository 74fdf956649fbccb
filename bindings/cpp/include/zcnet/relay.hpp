/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_RELAY_HPP
#define ZCNET_RELAY_HPP
/* Relays: bytes between two connections, by splice; see relay.h. They are made by Loop::relay(). */
#include <zcnet/relay.h>

#include <utility>
#include <zcnet/error.hpp>

namespace zcnet {

class Relay;

/** The fields of zcn_relay_options, with the defaults. */
struct RelayOptions : zcn_relay_options {
    RelayOptions() noexcept : zcn_relay_options() { zcn_relay_options_init(this, sizeof(zcn_relay_options)); }
};

/** A relay, borrowed: valid until the poll after its relay_ended event. */
class RelayRef {
  public:
    RelayRef() noexcept = default;
    explicit RelayRef(zcn_relay *relay) noexcept : relay_(relay) {}

    zcn_relay *get() const noexcept { return relay_; }
    explicit operator bool() const noexcept { return relay_ != nullptr; }
    friend bool operator==(const RelayRef &a, const RelayRef &b) noexcept { return a.relay_ == b.relay_; }
    friend bool operator!=(const RelayRef &a, const RelayRef &b) noexcept { return a.relay_ != b.relay_; }
    /** A reference of one's own. */
    Relay retain() const noexcept;

    /** Copies one direction (ZCN_RELAY_*) to a descriptor too, which is consumed. policy is ZCN_TAP_*. */
    void tap(std::uint32_t direction, int fd, std::uint32_t policy, std::uint32_t wait_ms = 0) const {
        detail::check(zcn_relay_tap(relay_, direction, fd, policy, wait_ms));
    }
    /** Writes what was read, then ends. From any thread that holds a Relay, as abort(). */
    void close() const { detail::check(zcn_relay_close(relay_)); }
    void abort() const { detail::check(zcn_relay_abort(relay_)); }
    void set_user(std::uintptr_t user) const { detail::check(zcn_relay_set_user(relay_, user)); }
    std::uintptr_t user() const noexcept { return zcn_relay_get_user(relay_); }
    /** Why it ended: status is ZCN_OK while it runs. */
    zcn_error error() const {
        auto error = detail::sized<zcn_error>();
        detail::check(zcn_relay_get_error(relay_, &error));
        return error;
    }
    zcn_relay_stats stats() const {
        auto stats = detail::sized<zcn_relay_stats>();
        detail::check(zcn_relay_get_stats(relay_, &stats));
        return stats;
    }

  protected:
    zcn_relay *relay_ = nullptr;
};

/** A reference of a relay: copies are further ones. It does not end the relay. */
class Relay : public RelayRef {
  public:
    Relay() noexcept = default;
    explicit Relay(const RelayRef &relay) noexcept : RelayRef(zcn_relay_retain(relay.get())) {}
    Relay(const Relay &other) noexcept : Relay(static_cast<const RelayRef &>(other)) {}
    Relay(Relay &&other) noexcept : RelayRef(std::exchange(other.relay_, nullptr)) {}
    Relay &operator=(Relay other) noexcept {
        std::swap(relay_, other.relay_);
        return *this;
    }
    ~Relay() { zcn_relay_release(relay_); }
};

inline Relay RelayRef::retain() const noexcept { return Relay(*this); }

}  // namespace zcnet

#endif
