// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// Relay is bytes between two sockets, both ways, which a loop moves without passing them through the program. It ends
// when both directions have. Any goroutine may use it.
type Relay struct {
	loop     *Loop
	framings [4]*Framing // whose functions in Go, if they have any, are called as long as somebody holds them

	// Under the lock of the loop.
	c      *C.zcn_relay // nil once it has ended
	number uintptr
	stats  RelayStats
	end    *Error

	done chan struct{}
	err  atomic.Pointer[error]
}

// RelayMethod is how a relay moves bytes.
type RelayMethod uint32

// The ways.
const (
	RelayAuto   RelayMethod = C.ZCN_RELAY_AUTO   // splice where reads are large, copy where they are small
	RelaySplice RelayMethod = C.ZCN_RELAY_SPLICE // splice, but where the kernel refuses it
	RelayCopy   RelayMethod = C.ZCN_RELAY_COPY   // through memory of the pool
)

// RelayOptions are the settings of a relay; zero values are the defaults.
type RelayOptions struct {
	ForwardFraming   *Framing // count the messages from the first to the second, and end where one is wrong; nil: bytes only
	BackwardFraming  *Framing // the same for the other direction
	ForwardFirst     *Framing // of the first message alone, where it differs; nil: it does not
	BackwardFirst    *Framing
	Method           RelayMethod
	Budget           int           // bytes of a direction in one turn before others have theirs; 0: 1 MiB
	IdleTimeout      time.Duration // without a byte in either direction; 0: never
	HalfCloseTimeout time.Duration // without a byte when one direction has ended; 0: never
	DrainTimeout     time.Duration // for what is held when the relay closes; 0: 5 s
}

// RelayStats are the counters of a relay.
type RelayStats struct {
	Forward  RelayFlow // from the first to the second
	Backward RelayFlow
}

// RelayFlow is one direction of a relay.
type RelayFlow struct {
	BytesIn        uint64 // read, with what the connection had received before
	BytesOut       uint64 // written
	SplicedBytes   uint64 // of BytesIn: by splice
	CopiedBytes    uint64 // of BytesIn: through memory
	ReadCalls      uint64
	WriteCalls     uint64
	Messages       uint64 // whose header was seen; 0 without a framing
	HeldBytes      uint64 // gauge: read and not written yet
	LostBytes      uint64 // read and never written
	TappedBytes    uint64 // written to the tap
	TapMissedBytes uint64 // that the tap did not get
	Ended          bool   // its end was passed on
	TapErr         error  // why the tap ended before the relay
}

// Direction is one of the two of a relay.
type Direction uint32

// The directions.
const (
	Forward  Direction = C.ZCN_RELAY_FORWARD  // from the first to the second
	Backward Direction = C.ZCN_RELAY_BACKWARD // from the second to the first
)

// TapPolicy is what happens when a tap is slower than the pair.
type TapPolicy uint32

// The policies.
const (
	TapEnd  TapPolicy = C.ZCN_TAP_END  // the tap ends: what it got is a beginning without a gap
	TapSkip TapPolicy = C.ZCN_TAP_SKIP // it misses bytes, and goes on with later ones
	TapWait TapPolicy = C.ZCN_TAP_WAIT // the pair waits for it, for some time
)

func (o *RelayOptions) fill(c *C.zcn_relay_options) (err error) {
	C.zcn_relay_options_init(c, C.sizeof_zcn_relay_options)
	if o == nil {
		return nil
	}
	c.forward_framing, c.backward_framing = o.ForwardFraming.pointer(), o.BackwardFraming.pointer()
	c.forward_first, c.backward_first = o.ForwardFirst.pointer(), o.BackwardFirst.pointer()
	c.method = C.uint32_t(o.Method)
	c.budget = C.uint64_t(in32(&err, o.Budget))
	c.idle_timeout_ms = inUnits(&err, o.IdleTimeout, time.Millisecond)
	c.half_close_timeout_ms = inUnits(&err, o.HalfCloseTimeout, time.Millisecond)
	c.drain_timeout_ms = inUnits(&err, o.DrainTimeout, time.Millisecond)
	return err
}

// RelayConns joins two open connections of this loop. They give up their sockets to the relay and end; what they had
// received and not delivered goes first. It is for [Loop.Events], or for connections with StartPaused: a loop that works
// in the background reads ahead of the program.
func (l *Loop) RelayConns(first, second *Conn, options *RelayOptions) (*Relay, error) {
	if first.loop.Load() != l || second.loop.Load() != l {
		return nil, ErrInvalid
	}
	return l.relay(options, func(out **C.zcn_relay, c *C.zcn_loop, o *C.zcn_relay_options) C.zcn_status {
		if first.loop.Load() != l || second.loop.Load() != l { // one of them has moved meanwhile
			return C.ZCN_EINVAL
		}
		return C.zcn_relay_conns(out, first.c, second.c, o)
	})
}

// Relay joins two sockets that the program has: a [net.TCPConn], a [net.UnixConn] or the like. They are closed here when
// that has succeeded, and live on in the relay. Nothing may have been read ahead from them.
func (l *Loop) Relay(first, second net.Conn, options *RelayOptions) (*Relay, error) {
	a, err := dupOf(first)
	if err != nil {
		return nil, err
	}
	b, err := dupOf(second)
	if err != nil {
		_ = syscall.Close(a)
		return nil, err
	}
	relay, err := l.relay(options, func(out **C.zcn_relay, c *C.zcn_loop, o *C.zcn_relay_options) C.zcn_status {
		return C.zcn_relay_fds(out, c, C.int(a), C.int(b), o)
	})
	if err != nil {
		_, _ = syscall.Close(a), syscall.Close(b)
		return nil, err
	}
	_, _ = first.Close(), second.Close()
	return relay, nil
}

func (l *Loop) relay(options *RelayOptions,
	start func(**C.zcn_relay, *C.zcn_loop, *C.zcn_relay_options) C.zcn_status) (*Relay, error) {
	var o C.zcn_relay_options
	if err := options.fill(&o); err != nil {
		return nil, err
	}
	relay := &Relay{loop: l, done: make(chan struct{})}
	if options != nil {
		relay.framings = [...]*Framing{options.ForwardFraming, options.BackwardFraming,
			options.ForwardFirst, options.BackwardFirst}
	}
	err := l.with(func(c *C.zcngo_loop) error {
		l.settleForwards()
		l.heed(relay.framings[:]...)
		number := l.relays.add(relay)
		o.user = C.uintptr_t(number)
		var r *C.zcn_relay
		if status := start(&r, c.loop, &o); status != C.ZCN_OK {
			l.relays.remove(number)
			return l.lastError("relay", status)
		}
		relay.c, relay.number = C.zcn_relay_retain(r), number
		return nil
	})
	runtime.KeepAlive(options)
	if err != nil {
		return nil, err
	}
	return relay, nil
}

// Tap lets a file, a pipe or a socket have what goes through one direction too. The file stays the caller's. wait is for
// [TapWait]: how long the pair waits at a time; 0: for ever.
func (r *Relay) Tap(direction Direction, file *os.File, policy TapPolicy, wait time.Duration) error {
	var err error
	ms := inUnits(&err, wait, time.Millisecond)
	if err != nil {
		return err
	}
	fd, err := dupOf(file)
	if err != nil {
		return err
	}
	err = r.with(func(c *C.zcn_relay) C.zcn_status {
		return C.zcn_relay_tap(c, C.uint32_t(direction), C.int(fd), C.uint32_t(policy), ms)
	})
	if err != nil {
		_ = syscall.Close(fd)
	}
	return err
}

func (r *Relay) with(use func(c *C.zcn_relay) C.zcn_status) error {
	r.loop.mu.Lock()
	defer r.loop.mu.Unlock()
	if r.c == nil {
		return ErrClosed
	}
	return statusError(C.int32_t(use(r.c)))
}

// Close writes what was read, and ends the relay.
func (r *Relay) Close() error {
	return r.with(func(c *C.zcn_relay) C.zcn_status { return C.zcn_relay_close(c) })
}

// Abort ends the relay at once.
func (r *Relay) Abort() error {
	return r.with(func(c *C.zcn_relay) C.zcn_status { return C.zcn_relay_abort(c) })
}

// Done is closed when the relay has ended; [Relay.Err] then says why.
func (r *Relay) Done() <-chan struct{} { return r.done }

// Err is why the relay ended: nil while it runs and when the program closed it, [ErrEOF] when both directions ended in
// order.
func (r *Relay) Err() error {
	if err := r.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Stats reads the relay's counters, also after its end.
func (r *Relay) Stats() RelayStats {
	r.loop.mu.Lock()
	defer r.loop.mu.Unlock()
	return r.read()
}

func (r *Relay) read() RelayStats {
	if r.c != nil {
		var s C.zcn_relay_stats
		s.struct_size = C.sizeof_zcn_relay_stats
		C.zcn_relay_get_stats(r.c, &s)
		r.stats = RelayStats{Forward: newFlow(&s.forward), Backward: newFlow(&s.backward)}
	}
	return r.stats
}

func newFlow(f *C.zcn_relay_flow) RelayFlow {
	return RelayFlow{
		BytesIn: uint64(f.bytes_in), BytesOut: uint64(f.bytes_out), SplicedBytes: uint64(f.spliced_bytes),
		CopiedBytes: uint64(f.copied_bytes), ReadCalls: uint64(f.read_calls), WriteCalls: uint64(f.write_calls),
		Messages: uint64(f.messages), HeldBytes: uint64(f.held_bytes), LostBytes: uint64(f.lost_bytes),
		TappedBytes: uint64(f.tapped_bytes), TapMissedBytes: uint64(f.tap_missed_bytes), Ended: f.ended != 0,
		TapErr: statusError(C.int32_t(f.tap_status)),
	}
}

// freeze keeps what is to be known of a relay that has ended. The caller holds the loop's lock.
func (r *Relay) freeze() {
	if r.c == nil {
		return
	}
	r.read()
	details := newDetails()
	C.zcn_relay_get_error(r.c, &details)
	r.end = detailed("relay", Status(details.status), &details).(*Error)
	C.zcn_relay_release(r.c)
	r.c = nil
}

func (r *Relay) endError() error { return errorOf(r.end) }

func (r *Relay) ended(why error) {
	if err := r.endError(); err != nil {
		why = err
	}
	if why != nil {
		r.err.Store(&why)
	}
	close(r.done)
}
