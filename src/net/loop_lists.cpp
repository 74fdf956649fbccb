// SPDX-License-Identifier: MIT
// Which connections and listeners a loop has, and which of them are to be served, flushed or let go.
#include "net/loop.h"

void zcn_loop::add(zcn_conn *conn) noexcept {
    all_.push_back(conn);
    counters_.connections++;
}

void zcn_loop::forget(zcn_conn *conn) noexcept {
    using zcnet::List;
    if (List<zcn_conn, zcnet::net::ReadyTag>::contains(conn)) {
        List<zcn_conn, zcnet::net::ReadyTag>::remove(conn);
        ready_count_--;
    }
    if (List<zcn_conn, zcnet::net::DirtyTag>::contains(conn)) List<zcn_conn, zcnet::net::DirtyTag>::remove(conn);
    if (List<zcn_conn, zcnet::net::HeldTag>::contains(conn)) List<zcn_conn, zcnet::net::HeldTag>::remove(conn);
    timers_.cancel(conn);
}

void zcn_loop::remove(zcn_conn *conn, zcnet::net::Departed *departed) noexcept {
    zcnet::List<zcn_conn, zcnet::net::AllTag>::remove(conn);
    counters_.connections--;
    conn->retain();
    *departed = {conn, departed_};
    departed_ = departed;
}

void zcn_loop::release_departed() noexcept {
    while (zcnet::net::Departed *departed = departed_) {
        departed_ = departed->next;
        departed->conn->release();
        delete departed;
    }
}

void zcn_loop::finished(zcn_conn *conn) noexcept {
    forget(conn);
    zcnet::List<zcn_conn, zcnet::net::AllTag>::remove(conn);
    finished_.push_back(conn);
    counters_.connections--;
    counters_.closed++;
    conn->read_stats(&counters_.total);
}

void zcn_loop::become_ready(zcn_conn *conn) noexcept {
    if (zcnet::List<zcn_conn, zcnet::net::ReadyTag>::contains(conn)) return;
    ready_.push_back(conn);
    ready_count_++;
    if (nested_ && !raised_ && !polling_) raise();
}

void zcn_loop::become_dirty(zcn_conn *conn) noexcept {
    if (zcnet::List<zcn_conn, zcnet::net::DirtyTag>::contains(conn)) return;
    dirty_.push_back(conn);
    if (nested_ && !raised_ && !polling_) raise();
}

void zcn_loop::add(zcn_relay *relay) noexcept { relays_.push_back(relay); }

void zcn_loop::become_ready(zcn_relay *relay) noexcept {
    if (zcnet::List<zcn_relay, zcnet::net::RelayReadyTag>::contains(relay)) return;
    ready_relays_.push_back(relay);
    ready_relay_count_++;
    if (nested_ && !raised_ && !polling_) raise();
}

void zcn_loop::forget(zcn_relay *relay) noexcept {
    using Ready = zcnet::List<zcn_relay, zcnet::net::RelayReadyTag>;
    if (Ready::contains(relay)) {
        Ready::remove(relay);
        ready_relay_count_--;
    }
    timers_.cancel(relay);
}

void zcn_loop::finished(zcn_relay *relay) noexcept {
    forget(relay);
    zcnet::List<zcn_relay, zcnet::net::RelaysTag>::remove(relay);
    finished_relays_.push_back(relay);
    ended_relays_.ended++;
    if (relay->failed()) ended_relays_.failed++;
    relay->add_figures(&ended_relays_);
}

void zcn_loop::hold_unfinished(zcn_conn *conn, bool held) noexcept {
    using Held = zcnet::List<zcn_conn, zcnet::net::HeldTag>;
    if (Held::contains(conn)) Held::remove(conn);
    if (held) held_.push_back(conn);
}

void zcn_loop::add(zcn_listener *listener) noexcept { listeners_.push_back(listener); }

void zcn_loop::add(zcn_dialer *dialer) noexcept { dialers_.push_back(dialer); }

void zcn_loop::remove(zcn_dialer *dialer) noexcept { zcnet::List<zcn_dialer, zcnet::net::DialersTag>::remove(dialer); }

void zcn_loop::remove(zcn_listener *listener) noexcept {
    using zcnet::List;
    List<zcn_listener, zcnet::net::ListenersTag>::remove(listener);
    if (List<zcn_listener, zcnet::net::AcceptingTag>::contains(listener))
        List<zcn_listener, zcnet::net::AcceptingTag>::remove(listener);
}

void zcn_loop::accept_later(zcn_listener *listener) noexcept {
    if (zcnet::List<zcn_listener, zcnet::net::AcceptingTag>::contains(listener)) return;
    accepting_.push_back(listener);
    if (nested_ && !raised_ && !polling_) raise();
}
