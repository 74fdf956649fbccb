/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_LISTENER_HPP
#define ZCNET_LISTENER_HPP
/* Listeners; see listener.h. They are made by Loop::listen(). */
#include <zcnet/listener.h>

#include <string>
#include <zcnet/conn.hpp>

namespace zcnet {

/** The fields of zcn_listen_options, with the defaults. conn points to what the caller keeps until the call. */
struct ListenOptions : zcn_listen_options {
    ListenOptions() noexcept : zcn_listen_options() { zcn_listen_options_init(this, sizeof(zcn_listen_options)); }
};

/** Accepts connections; it stays open at the end of this reference, until close(). */
class Listener : public detail::Handle<zcn_listener, zcn_listener_retain, zcn_listener_release> {
  public:
    Listener() noexcept = default;
    /** Takes over a reference that C code gave. */
    static Listener adopt(zcn_listener *listener) noexcept { return Listener(listener); }

    /** The bound address, such as "tcp://127.0.0.1:41234". */
    std::string address() const {
        char text[128];
        detail::check(zcn_listener_address(get(), text, sizeof text));
        return text;
    }
    /** Stops listening; accepted connections live on. */
    void close() const { detail::check(zcn_listener_close(get())); }
    void set_user(std::uintptr_t user) const { detail::check(zcn_listener_set_user(get(), user)); }
    std::uintptr_t user() const noexcept { return zcn_listener_get_user(get()); }
    /** Borrowed; -1 when closed. */
    int fd() const noexcept { return zcn_listener_fd(get()); }
    zcn_listener_stats stats() const {
        auto stats = detail::sized<zcn_listener_stats>();
        detail::check(zcn_listener_get_stats(get(), &stats));
        return stats;
    }

  private:
    explicit Listener(zcn_listener *listener) noexcept : Handle(listener) {}
};

}  // namespace zcnet

#endif
