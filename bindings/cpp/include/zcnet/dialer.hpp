/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_DIALER_HPP
#define ZCNET_DIALER_HPP
/* Dialers: one connection after the other to an address; see dialer.h. They are made by Loop::dial(). */
#include <zcnet/dialer.h>

#include <zcnet/conn.hpp>

namespace zcnet {

/** The fields of zcn_dial_options, with the defaults. conn points to what the caller keeps until the call. */
struct DialOptions : zcn_dial_options {
    DialOptions() noexcept : zcn_dial_options() { zcn_dial_options_init(this, sizeof(zcn_dial_options)); }
};

/** Makes connections; it goes on at the end of this reference, until close(). */
class Dialer : public detail::Handle<zcn_dialer, zcn_dialer_retain, zcn_dialer_release> {
  public:
    Dialer() noexcept = default;
    /** Takes over a reference that C code gave. */
    static Dialer adopt(zcn_dialer *dialer) noexcept { return Dialer(dialer); }

    /** The present connection, which stands or is being made; empty while the dialer waits. */
    ConnRef conn() const noexcept { return ConnRef(zcn_dialer_get_conn(get())); }
    /** Tries now instead of at the end of the wait, and begins with the first wait again. */
    void hurry() const { detail::check(zcn_dialer_hurry(get())); }
    /** Makes no more connections; the present one lives on. */
    void close() const { detail::check(zcn_dialer_close(get())); }
    void set_user(std::uintptr_t user) const { detail::check(zcn_dialer_set_user(get(), user)); }
    std::uintptr_t user() const noexcept { return zcn_dialer_get_user(get()); }
    zcn_dialer_stats stats() const {
        auto stats = detail::sized<zcn_dialer_stats>();
        detail::check(zcn_dialer_get_stats(get(), &stats));
        return stats;
    }

  private:
    explicit Dialer(zcn_dialer *dialer) noexcept : Handle(dialer) {}
};

}  // namespace zcnet

#endif
