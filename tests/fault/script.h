// SPDX-License-Identifier: MIT
// What the scripted kernel does differently from the real one.
//
// Without a script every call of the os seam is the real system call. A script makes chosen calls fail, answer short
// or ask to be repeated, and can replace the clock. For one thread at a time.
//
// Readiness is edge-triggered, so an answer that claims less than the truth (EAGAIN with bytes there, a short count)
// is followed by a fresh edge, as a kernel whose state had changed would give one.
#pragma once

#include <cstdint>

namespace zcnet::fault {

enum Call : uint32_t {
    call_make_socket,
    call_make_probe,
    call_bind,
    call_listen,
    call_connect,
    call_accept,
    call_shutdown,
    call_close,
    call_set_nonblocking,
    call_open_spare,
    call_get_option,
    call_set_option,
    call_local_address,
    call_peer_address,
    call_unsent_bytes,
    call_unread_bytes,
    call_receive,
    call_send,
    call_send_pinned,
    call_pinned_done,
    call_read,
    call_write,
    call_make_pipe,
    call_set_pipe_size,
    call_splice,
    call_tee,
    call_lend_pages,
    call_open_file,
    call_file_status,
    call_path_status,
    call_read_at,
    call_send_file,
    call_splice_file,
    call_write_at,
    call_splice_to_file,
    call_flush_file,
    call_map_range,
    call_make_poller,
    call_poller_set,
    call_poller_wait,
    call_make_event,
    call_event_raise,
    call_event_clear,
    call_remove_path,
    call_socket_file,
    call_change_mode,
    call_map,
    call_allocate,
    call_memory_file,  // to make one, to give it its size, and to map it
    call_huge_pages,
    call_new,  // operator new, which the seam does not know
    call_count
};

constexpr uint64_t for_ever = UINT64_MAX;

const char *call_name(Call call) noexcept;

// Everything is real again, counters are zero, the clock is the system's.
void script_reset() noexcept;

// How many sends said that more follows at once.
uint64_t script_sends_with_more() noexcept;

// Writes without a copy. From script_pinned() on the scripted kernel takes them from sockets of every kind, and says
// nothing of them until it is told to: then the poller reports it for the socket that made them.
struct Pinned {
    uint64_t writes;   // numbers 0 to writes - 1 were given, by all sockets together
    uint64_t bytes;    // that they wrote
    uint64_t largest;  // of the other writes: the largest piece
    uint64_t altered;  // writes whose memory changed before the kernel was done with it
};
void script_pinned() noexcept;
Pinned script_pinned_seen() noexcept;
void script_forget_largest() noexcept;
// Done with those: as the only socket numbers them.
void script_pinned_done(uint32_t first, uint32_t last, bool copied) noexcept;

// How often a function was called since the reset, failed calls included.
uint64_t script_calls(Call call) noexcept;

// Calls number first (from 1) to first + times - 1 since the reset answer -error; memory is refused whatever the
// error is. 0 is an answer too: the end of the input for receive. A close that fails has closed all the same.
void script_fail(Call call, uint64_t first, uint64_t times, int error) noexcept;
// Whether such a failure was given.
bool script_failed() noexcept;

// Each call is preceded by so many answers -error, every time.
void script_stutter(Call call, uint32_t times, int error) noexcept;

// receive, send, read, write, splice, tee, read_at, send_file, splice_file, write_at, splice_to_file and lend_pages
// move at most this many bytes; and at least `less` fewer than they were asked to, though one.
void script_limit(Call call, uint64_t most, uint64_t less) noexcept;

// A plan drawn from a seed, on top of the above: how many calls of a thousand are interrupted, asked to come again,
// cut short, or reset (receive, send, send_file and splice only).
struct Odds {
    uint32_t interrupt;
    uint32_t again;
    uint32_t cut;
    uint32_t reset;
};
void script_random(uint64_t seed, const Odds &odds) noexcept;

// A clock that stands still but when told, and when a poller waits with nothing ready: then the whole wait passes at
// once. tick: what every look at a poller takes.
void clock_start(int64_t now, int64_t tick) noexcept;
void clock_advance(int64_t nanoseconds) noexcept;
int64_t clock_read() noexcept;

// What was taken from the seam and not given back, counted from the start of the process.
uint64_t live_mapped_bytes() noexcept;
uint64_t live_allocations() noexcept;

}  // namespace zcnet::fault
