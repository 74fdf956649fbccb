// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

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

// Version is the version of the C library that runs, such as "0.1.0".
func Version() string { return C.GoString(C.zcn_version_text()) }

// LinkMode says how the C library was linked: "dynamic", "static" or "vendored".
func LinkMode() string { return linkMode }
