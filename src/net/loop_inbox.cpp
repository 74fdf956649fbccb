// SPDX-License-Identifier: MIT
// The loop's letters: what other threads, helpers and other loops ask of it.
#include "base/probe.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::net::LoopLetter;
using zcnet::net::Message;

void zcn_loop::put(LoopLetter *letter) noexcept {
    // A letter may hold the last reference that keeps the loop, and the loop may take it at once.
    hold();
    if (inbox_.put(letter) && zcnet::os::in_process(process_))
        (void)zcnet::os::uninterrupted([&] { return zcnet::os::event_raise(inbox_fd_); });
    if (dead_.load(std::memory_order_relaxed)) drop_letters();
    unhold();
}

void zcn_loop::drop_letters() noexcept {
    for (zcnet::Letter *letter = inbox_.take_all(); letter != nullptr;) {
        zcnet::Letter *next = letter->next;
        drop_letter(static_cast<LoopLetter *>(letter));
        letter = next;
    }
}

Status zcn_loop::wake() noexcept {
    if (!zcnet::os::in_process(process_)) return ZCN_EFORKED;
    // acq_rel: one letter at a time; the loop clears the mark when it takes the letter.
    if (!wake_asked_.exchange(true, std::memory_order_acq_rel)) put(&wake_letter_);
    return ZCN_OK;
}

void zcn_loop::take_letters() noexcept {
    for (zcnet::Letter *letter = inbox_.take_all(); letter != nullptr;) {
        zcnet::Letter *next = letter->next;
        deliver_letter(static_cast<LoopLetter *>(letter));
        letter = next;
    }
}

// A connection that was moved has its letters sent on to where it lives now.
bool zcn_loop::pass_on(const zcn_conn *conn, LoopLetter *letter) noexcept {
    zcn_loop *home = conn->loop();
    if (home == this) return false;
    home->put(letter);
    return true;
}

void zcn_loop::deliver_letter(LoopLetter *letter) noexcept {
    switch (letter->message) {
        case Message::request: {
            zcn_conn *conn = zcn_conn::of_letter(letter);
            if (pass_on(conn, letter)) return;
            conn->on_requests();
            conn->release();
            return;
        }
        case Message::post: {
            auto *post = static_cast<zcnet::net::PostLetter *>(letter);
            if (pass_on(post->conn, letter)) return;
            if (post->ended == ZCN_OK) post->ended = post->conn->on_post(post->unit);
            if (post->ended != ZCN_OK) {
                if (!post->conn->tell_unposted(post->unit, post->ended)) {
                    put(post);
                    return;
                }
                post->unit->release();
            }
            post->conn->release();
            zcnet::memory::destroy_object(post);
            return;
        }
        case Message::lookup: {
            auto *found = static_cast<zcnet::net::LookupLetter *>(letter);
            found->conn->take_lookup(*found->lookup);
            found->conn->release();
            delete found->lookup;
            delete found;
            return;
        }
        case Message::relay: {
            zcn_relay *relay = zcn_relay::of_letter(letter);
            relay->on_requests();
            relay->release();
            return;
        }
        case Message::memory:
            memory_asked_.store(false, std::memory_order_release);
            memory_came();
            return;
        case Message::room:
            on_room(static_cast<zcnet::net::RoomLetter *>(letter)->wait);
            return;
        case Message::wake:
            // release: a wake that comes after this puts the letter again.
            wake_asked_.store(false, std::memory_order_release);
            counters_.wakes++;
            ZCNET_PROBE(loop__wake, this);
            woken_ = true;
            return;
        case Message::file: {
            zcn_conn *conn = static_cast<zcnet::net::FileLetter *>(letter)->conn;
            if (pass_on(conn, letter)) return;
            conn->on_file();
            conn->release();
            return;
        }
        case Message::body: {
            auto *body = static_cast<zcnet::net::Body *>(letter);
            zcn_conn *conn = body->conn;
            if (pass_on(conn, letter)) return;
            conn->on_flushed(body);
            conn->release();
            return;
        }
        case Message::arrival: {
            auto *arrival = static_cast<zcnet::net::ArrivalLetter *>(letter);
            zcn_conn *conn = arrival->conn;
            delete arrival;
            if (conn->loop() == this) conn->arrive(this);
            conn->release();
            return;
        }
    }
}

// For a loop that goes: lets go of what a letter holds.
void zcn_loop::drop_letter(LoopLetter *letter) noexcept {
    switch (letter->message) {
        case Message::request: {
            zcn_conn *conn = zcn_conn::of_letter(letter);
            if (pass_on(conn, letter)) return;
            conn->release();
            return;
        }
        case Message::post: {
            auto *post = static_cast<zcnet::net::PostLetter *>(letter);
            if (pass_on(post->conn, letter)) return;
            post->unit->release();
            post->conn->release();
            zcnet::memory::destroy_object(post);
            return;
        }
        case Message::lookup: {
            auto *found = static_cast<zcnet::net::LookupLetter *>(letter);
            found->conn->release();
            delete found->lookup;
            delete found;
            return;
        }
        case Message::arrival: {
            auto *arrival = static_cast<zcnet::net::ArrivalLetter *>(letter);
            zcn_conn *conn = arrival->conn;
            delete arrival;
            // Unless something overtook the letter, the connection is in no list, and the loop's reference is ours.
            if (conn->loop() == this && conn->arriving()) {
                conn->end_silently();
                conn->release();
            }
            conn->release();
            return;
        }
        case Message::file:
        case Message::body:
            // What a helper has done is the connection's to clear away, at whatever time.
            deliver_letter(letter);
            return;
        case Message::relay:
            zcn_relay::of_letter(letter)->release();
            return;
        case Message::room:
            static_cast<zcnet::net::RoomLetter *>(letter)->wait->unhold();
            return;
        case Message::memory:
        case Message::wake:
            return;
    }
}
