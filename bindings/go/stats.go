// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import "unsafe"

// LoopStats are the counters of a loop; Total is the sum over its connections, living and closed.
type LoopStats struct {
	Polls          uint64
	Waits          uint64 // system calls that asked for readiness
	Wakes          uint64 // wake-ups by the inbox
	Events         uint64 // handed out
	Connections    uint64 // gauge: open now
	Accepted       uint64 // so far
	Closed         uint64 // so far
	AcceptLimited  uint64 // times that accepting paused
	PoolPauses     uint64 // times that reading paused for want of memory
	CopiedDetached uint64 // bytes copied by Detach of messages in events
	Paused         uint64 // gauge: connections that wait for memory now
	PinnedBytes    uint64 // gauge: blocks that unfinished messages hold
	Total          Stats
}

// Stats reads the loop's counters.
func (l *Loop) Stats() (LoopStats, error) {
	var s C.zcn_loop_stats
	s.struct_size = C.sizeof_zcn_loop_stats
	err := l.with(func(c *C.zcngo_loop) error {
		l.settleForwards()
		return statusError(C.int32_t(C.zcn_loop_get_stats(c.loop, &s)))
	})
	return LoopStats{
		Polls: uint64(s.polls), Waits: uint64(s.waits), Wakes: uint64(s.wakes), Events: uint64(s.events),
		Connections: uint64(s.connections), Accepted: uint64(s.accepted), Closed: uint64(s.closed),
		AcceptLimited: uint64(s.accept_limited), PoolPauses: uint64(s.pool_pauses),
		CopiedDetached: uint64(s.copied_detached), Paused: uint64(s.paused), PinnedBytes: uint64(s.pinned_bytes),
		Total: newStats(&s.total),
	}, err
}

// LoopRelayStats are the counters of a loop's relays: the sums over both directions of those that are open and those
// that have ended. What relays carry is in none of [LoopStats].
type LoopRelayStats struct {
	Open           uint64 // gauge: the program was not told of their end
	Ended          uint64 // so far
	Failed         uint64 // of those that ended: neither in order nor closed
	Stalled        uint64 // gauge: of those open: hold bytes of which none has moved for a second
	ForwardBytes   uint64 // written to second sides
	BackwardBytes  uint64 // written to first sides
	SplicedBytes   uint64 // read by splice
	CopiedBytes    uint64 // read through memory
	ReadCalls      uint64 // system calls that read
	WriteCalls     uint64 // system calls that wrote
	Messages       uint64 // whose header was seen by relays with a framing
	HeldBytes      uint64 // gauge: read and not written yet
	LostBytes      uint64 // read and never written: known when a relay has ended
	TappedBytes    uint64 // written to taps
	TapMissedBytes uint64 // that taps did not get
}

// RelayStats reads the counters of the loop's relays.
func (l *Loop) RelayStats() (LoopRelayStats, error) {
	var s C.zcn_loop_relay_stats
	s.struct_size = C.sizeof_zcn_loop_relay_stats
	err := l.with(func(c *C.zcngo_loop) error {
		return statusError(C.int32_t(C.zcn_loop_get_relay_stats(c.loop, &s)))
	})
	return LoopRelayStats{
		Open: uint64(s.open), Ended: uint64(s.ended), Failed: uint64(s.failed), Stalled: uint64(s.stalled),
		ForwardBytes: uint64(s.forward_bytes), BackwardBytes: uint64(s.backward_bytes),
		SplicedBytes: uint64(s.spliced_bytes), CopiedBytes: uint64(s.copied_bytes),
		ReadCalls: uint64(s.read_calls), WriteCalls: uint64(s.write_calls), Messages: uint64(s.messages),
		HeldBytes: uint64(s.held_bytes), LostBytes: uint64(s.lost_bytes), TappedBytes: uint64(s.tapped_bytes),
		TapMissedBytes: uint64(s.tap_missed_bytes),
	}, err
}

// Version is the version of the C library that runs, such as "0.1.0".
func Version() string { return C.GoString(C.zcn_version_text()) }

// LinkMode says how the C library was linked: "dynamic", "static" or "vendored".
func LinkMode() string { return linkMode }

// Stats counts what went through a connection or stream. CopiedBytes is every payload byte that the library copied;
// the fields below it are its parts.
type Stats struct {
	MessagesIn      uint64 // delivered
	BytesIn         uint64 // received, headers included
	MessagesOut     uint64 // accepted for sending
	BytesOut        uint64 // written, headers included
	ReadCalls       uint64 // system calls that read
	WriteCalls      uint64 // system calls that wrote
	PiecesOut       uint64 // pieces that they wrote
	CopiedBytes     uint64 // in all
	CopiedStash     uint64 // in: starts of messages carried to the next read
	CopiedMoved     uint64 // in: moved for want of room
	CopiedOwn       uint64 // in: moved into memory of their own
	CopiedAligned   uint64 // in: moved for alignment
	CopiedFed       uint64 // in: given to a stream as bytes
	CopiedOut       uint64 // out: SendCopy, AppendCopy, CopyBelow
	QueuedBytes     uint64 // gauge: accepted and not yet written
	UnfinishedBytes uint64 // gauge: received bytes of a message that is not complete
	TrailingBytes   uint64 // bytes of a frame that never finished
	MessagesDropped uint64 // out: by the Lag option
	BytesDropped    uint64 // of their frames
	Requests        uint64 // out: begun
	Answers         uint64 // in: of them, those that were answered
	Unanswered      uint64 // of them, those that ended without
	RequestsWaiting uint64 // gauge: of them, those that wait
	FileSendfile    uint64 // out: bytes of files that sendfile moved
	FileMmap        uint64 // out: bytes of files sent from where they were mapped
	FileSplice      uint64 // out: bytes of files that went through a pipe
	FileDirect      uint64 // out: bytes of files read past the page cache
	ZeroCopyWrites  uint64 // out: system calls that wrote without a copy in the kernel (ZeroCopyFrom)
	ZeroCopyBytes   uint64 // out: what they wrote
	ZeroCopyCopied  uint64 // out: of those calls, the ones that the kernel copied all the same
	ZeroCopyRefused uint64 // out: such calls that it refused; the bytes were copied
	ZeroCopyAwaited uint64 // gauge: such calls that it is not done with
	CopiedBody      uint64 // in: of CopiedBytes: bodies that were written to files from memory
	FileReceived    uint64 // in: bytes of bodies that went into files without a copy
	BodyDropped     uint64 // in: bytes of bodies that no file took
	PagesLent       uint64 // out: bytes of AppendPages that were handed over as they are
}

func newStats(s *C.zcn_stats) Stats {
	return Stats{
		MessagesIn: uint64(s.messages_in), BytesIn: uint64(s.bytes_in), MessagesOut: uint64(s.messages_out),
		BytesOut: uint64(s.bytes_out), ReadCalls: uint64(s.read_calls), WriteCalls: uint64(s.write_calls),
		PiecesOut: uint64(s.iovecs_out), CopiedBytes: uint64(s.copied_bytes), CopiedStash: uint64(s.copied_stash),
		CopiedMoved: uint64(s.copied_moved), CopiedOwn: uint64(s.copied_own), CopiedAligned: uint64(s.copied_aligned),
		CopiedFed: uint64(s.copied_fed), CopiedOut: uint64(s.copied_out), QueuedBytes: uint64(s.queued_bytes),
		UnfinishedBytes: uint64(s.unfinished_bytes), TrailingBytes: uint64(s.trailing_bytes),
		MessagesDropped: uint64(s.messages_dropped), BytesDropped: uint64(s.bytes_dropped),
		Requests: uint64(s.requests), Answers: uint64(s.answers), Unanswered: uint64(s.unanswered),
		RequestsWaiting: uint64(s.requests_waiting),
		FileSendfile:    uint64(s.file_sendfile), FileMmap: uint64(s.file_mmap), FileSplice: uint64(s.file_splice),
		FileDirect: uint64(s.file_direct), ZeroCopyWrites: uint64(s.zero_copy_writes),
		ZeroCopyBytes: uint64(s.zero_copy_bytes), ZeroCopyCopied: uint64(s.zero_copy_copied),
		ZeroCopyRefused: uint64(s.zero_copy_refused), ZeroCopyAwaited: uint64(s.zero_copy_awaited),
		CopiedBody: uint64(s.copied_body), FileReceived: uint64(s.file_received), BodyDropped: uint64(s.body_dropped),
		PagesLent: uint64(s.pages_lent),
	}
}

func (s Stats) plus(o Stats) Stats {
	const fields = unsafe.Sizeof(s) / 8
	a, b := (*[fields]uint64)(unsafe.Pointer(&s)), (*[fields]uint64)(unsafe.Pointer(&o))
	for i := range a {
		a[i] += b[i]
	}
	return s
}
