// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"context"
	"iter"
	"time"
	"unsafe"
)

// Dialer keeps one connection to an address, and makes a new one when it ends, after waits that grow from the first to
// the longest. What was queued on a connection that ends is not sent on the next one. Any goroutine may use it.
type Dialer struct {
	arrivals
	loop  *Loop
	input input // of its connections

	// Under the lock of the loop.
	c       *C.zcn_dialer // nil once it has ended
	number  uintptr
	stats   DialerStats
	present *Conn // that stands
}

// DialerOptions are the settings of a dialer; zero values are the defaults.
type DialerOptions struct {
	Conn     *ConnOptions  // for each connection
	First    time.Duration // the first wait; 0: 100 ms
	Longest  time.Duration // 0: 30 s
	Attempts int           // that fail in a row before it gives up; 0: it never does
}

// DialerStats are the counters of a dialer.
type DialerStats struct {
	Attempts  uint64        // so far
	Connected uint64        // of them, those that stood
	Failures  uint64        // gauge: attempts in a row that did not last
	Wait      time.Duration // gauge: until the next attempt; 0: one is under way, or stands, or there is none any more
}

// The user value of a dialer's connections until they stand, and are given numbers of their own.
const undialed = ^(^uintptr(0) >> 1)

// NewDialer makes a dialer with the package's own loop, which works in the background. See [Loop.NewDialer].
func NewDialer(address string, framing *Framing, options *DialerOptions) (*Dialer, error) {
	l, err := defaultLoop()
	if err != nil {
		return nil, err
	}
	return l.NewDialer(address, framing, options)
}

// NewDialer connects to an address (see [Loop.Dial]; not fd:N), now and whenever the connection has ended, until the
// dialer is closed. Connections come by [Dialer.Next], or as [EventConnected] where the program takes the events;
// [EventRedial] then says why one ended, and when the next attempt follows.
func (l *Loop) NewDialer(address string, framing *Framing, options *DialerOptions) (*Dialer, error) {
	if options == nil {
		options = &DialerOptions{}
	}
	var o C.zcn_dial_options
	C.zcn_dial_options_init(&o, C.sizeof_zcn_dial_options)
	var err error
	o.first_ms, o.longest_ms = inUnits(&err, options.First, time.Millisecond), inUnits(&err, options.Longest, time.Millisecond)
	o.attempts = in32(&err, options.Attempts)
	if err != nil {
		return nil, err
	}
	ctext := C.CString(address)
	defer C.free(unsafe.Pointer(ctext))
	dialer := &Dialer{loop: l, arrivals: newArrivals()}
	err = l.start("dial "+address, framing, options.Conn, func(c *C.zcn_loop, conn *C.zcn_conn_options, in input) C.zcn_status {
		number := l.dialers.add(dialer)
		conn.user, o.conn, o.user = C.uintptr_t(number|undialed), conn, C.uintptr_t(number)
		status := C.zcn_dial(&dialer.c, c, ctext, framing.pointer(), &o)
		if status != C.ZCN_OK {
			l.dialers.remove(number)
			return status
		}
		dialer.number, dialer.input = number, in
		return C.ZCN_OK
	})
	if err != nil {
		return nil, err
	}
	return dialer, nil
}

// Next waits for the next connection that stands. The error is [ErrClosed] when the dialer was closed, and why the last
// attempt failed when it has given up.
func (d *Dialer) Next(ctx context.Context) (*Conn, error) { return d.take(ctx) }

// Conns gives one connection after the other until the dialer ends or ctx is done.
//
//	for conn := range dialer.Conns(ctx) {
//		for m := range conn.Messages(ctx) {
//			…
//		}
//	}
func (d *Dialer) Conns(ctx context.Context) iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		for {
			conn, err := d.Next(ctx)
			if err != nil || !yield(conn) {
				return
			}
		}
	}
}

// Conn is the present connection; nil while there is none that stands.
func (d *Dialer) Conn() *Conn {
	d.loop.mu.Lock()
	defer d.loop.mu.Unlock()
	if d.present != nil && d.present.c == nil {
		d.present = nil
	}
	return d.present
}

// Hurry tries now instead of at the end of the wait, and begins with the first wait again.
func (d *Dialer) Hurry() error {
	d.loop.mu.Lock()
	defer d.loop.mu.Unlock()
	if d.c == nil {
		return ErrClosed
	}
	return statusError(C.int32_t(C.zcn_dialer_hurry(d.c)))
}

// Close makes no more connections. The present one lives on, unless it is still being made, or nobody took it. A second
// call says [ErrClosed].
func (d *Dialer) Close() error {
	if d.closing.Swap(true) {
		return ErrClosed
	}
	d.loop.mu.Lock()
	var err error
	if d.c != nil {
		if conn := C.zcn_dialer_get_conn(d.c); C.zcn_conn_get_state(conn) == C.ZCN_STATE_CONNECTING {
			C.zcn_conn_abort(conn)
		}
		err = statusError(C.int32_t(C.zcn_dialer_close(d.c)))
	}
	d.loop.mu.Unlock()
	d.drop()
	return err
}

// Err is why the dialer ended by itself: nil while it lives, and when the program closed it.
func (d *Dialer) Err() error {
	if err := d.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Stats reads the dialer's counters, also after its end.
func (d *Dialer) Stats() DialerStats {
	d.loop.mu.Lock()
	defer d.loop.mu.Unlock()
	return d.read()
}

func (d *Dialer) read() DialerStats {
	if d.c != nil {
		var s C.zcn_dialer_stats
		s.struct_size = C.sizeof_zcn_dialer_stats
		C.zcn_dialer_get_stats(d.c, &s)
		d.stats = DialerStats{Attempts: uint64(s.attempts), Connected: uint64(s.connected), Failures: uint64(s.failures),
			Wait: time.Duration(s.wait_ms) * time.Millisecond}
	}
	return d.stats
}

// freeze ends the reference in C. The caller holds the loop's lock.
func (d *Dialer) freeze() {
	d.read()
	C.zcn_dialer_release(d.c)
	d.c, d.present = nil, nil
}

// dialed makes the Go side of a connection that a dialer gave.
func (l *Loop) dialed(raw *rawEvent) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := (*C.zcn_conn)(connPointer(raw.conn))
	dialer := l.dialers.at(raw.user &^ undialed)
	if dialer == nil || dialer.closing.Load() {
		C.zcn_conn_abort(c) // closed while it was being made
		return false
	}
	conn := newConn(l, c, dialer.input)
	conn.dialer = dialer
	conn.connected()
	dialer.present = conn
	l.fresh = conn
	return true
}
