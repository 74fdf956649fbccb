// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
)

// Conn is a connection that a [Loop] drives. Its methods may be called by any goroutine. Those that wait take a
// context, and need a loop that works in the background ([StartLoop], [Loop.Run]); those whose names begin with Try, and
// Forward, Reserve, Commit and Flush, do not wait.
type Conn struct {
	// User is the program's. The package does not look at it.
	User any

	loop     atomic.Pointer[Loop] // changes under the locks of both loops
	input    input
	listener *Listener // that accepted it, or nil
	dialer   *Dialer   // that made it, or nil
	closing  atomic.Bool
	asks     atomic.Bool // there is asking, below: for who looks at each message

	// Under the lock of the loop.
	c         *C.zcn_conn // nil once it has ended
	number    uintptr
	writable  chan struct{} // closed when there is room again; nil: nobody waits
	stats     Stats         // as it ended
	end       *Error        // why it ended
	asking    *asking       // nil until it asks
	receiving chan fileEnd  // who waits in ReceiveFile; nil: nobody

	in     atomic.Pointer[inbox] // made when a loop that works in the background has or is asked for something
	opened chan struct{}         // closed when it is connected
	done   chan struct{}         // closed when it has ended
	err    atomic.Pointer[error]

	readErr atomic.Pointer[error] // of the last Messages
}

// newConn makes the Go side of a connection. The caller holds the loop's lock.
func newConn(l *Loop, c *C.zcn_conn, in input) *Conn {
	conn := &Conn{input: in, c: c, done: make(chan struct{}), opened: make(chan struct{})}
	conn.loop.Store(l)
	conn.number = l.conns.add(conn)
	C.zcngo_conn_take(c, C.uintptr_t(conn.number))
	return conn
}

// input is what has to be known of what a connection receives, as long as it lives.
type input struct {
	framing *Framing // whose function in Go, if it has one, is called as long as somebody holds it
	headers bool     // the option HeaderFrom is set
}

// lock makes the caller the owner of the loop that drives the connection.
func (c *Conn) lock() *Loop {
	for {
		l := c.loop.Load()
		l.mu.Lock()
		if c.loop.Load() == l {
			return l
		}
		l.mu.Unlock() // it has moved meanwhile
	}
}

// with calls use as the owner of the loop, with the connection still there.
func (c *Conn) with(use func(c *C.zcn_conn) error) error {
	l := c.lock()
	defer l.mu.Unlock()
	if c.c == nil {
		return ErrClosed
	}
	l.settleForwards()
	return use(c.c)
}

// settleForwards does what Forward has put off, so that the order of calls is kept. The caller holds mu.
func (l *Loop) settleForwards() {
	if l.c != nil && l.c.forward_count != 0 {
		C.zcngo_run_forwards(l.c)
	}
}

// Close ends the connection when what is queued has been sent, or the drain timeout has passed. No message is given
// any more. One that has ended by itself is closed like any other. A second call says [ErrClosed].
func (c *Conn) Close() error {
	if c.closing.Swap(true) {
		return ErrClosed
	}
	c.loop.Load().closed.Add(1)
	if in := c.in.Load(); in != nil {
		in.discard()
	}
	return ignoreEnded(c.with(func(cc *C.zcn_conn) error { return statusError(C.int32_t(C.zcn_conn_close(cc))) }))
}

// ignoreEnded is for endings that find nothing left to end.
func ignoreEnded(err error) error {
	if err == ErrClosed {
		return nil
	}
	return err
}

// Abort ends the connection at once: what is queued is dropped, and a TCP peer gets a reset.
func (c *Conn) Abort() error {
	c.closing.Store(true)
	c.loop.Load().closed.Add(1)
	if in := c.in.Load(); in != nil {
		in.discard()
	}
	return ignoreEnded(c.with(func(cc *C.zcn_conn) error { return statusError(C.int32_t(C.zcn_conn_abort(cc))) }))
}

// CloseWrite ends the sending side: what is queued leaves, then the peer sees the end. Receiving goes on.
func (c *Conn) CloseWrite() error {
	return c.with(func(cc *C.zcn_conn) error { return statusError(C.int32_t(C.zcn_conn_shutdown(cc))) })
}

// Pause stops reading.
func (c *Conn) Pause() error {
	return c.with(func(cc *C.zcn_conn) error { return statusError(C.int32_t(C.zcn_conn_pause(cc))) })
}

// Resume reads again.
func (c *Conn) Resume() error {
	return c.with(func(cc *C.zcn_conn) error { return statusError(C.int32_t(C.zcn_conn_resume(cc))) })
}

// SetFraming changes the framing of what is received, behind the message after; with a zero Message, behind everything
// that was delivered. It is for [Loop.Events], with a message that is being shown; a loop that works in the background
// reads ahead.
func (c *Conn) SetFraming(after Message, framing *Framing) error {
	if !after.IsZero() && !after.valid() {
		return after.holder.stale("SetFraming")
	}
	return c.with(func(cc *C.zcn_conn) error {
		status := C.zcngo_set_framing(cc, C.uintptr_t(after.handle), framing.pointer())
		if status == C.ZCN_OK {
			c.input.framing = framing
			c.loop.Load().heed(framing)
		}
		return statusError(status)
	})
}

// SetSendFraming changes the framing of what is sent from now on.
func (c *Conn) SetSendFraming(framing *Framing) error {
	defer runtime.KeepAlive(framing)
	return c.with(func(cc *C.zcn_conn) error {
		return statusError(C.int32_t(C.zcn_conn_set_send_framing(cc, framing.pointer())))
	})
}

// SetOption sets an option.
func (c *Conn) SetOption(option Option, value uint64) error {
	return c.with(func(cc *C.zcn_conn) error {
		return statusError(C.int32_t(C.zcn_conn_set_option(cc, C.uint32_t(option), C.uint64_t(value))))
	})
}

// Option reads an option.
func (c *Conn) Option(option Option) (uint64, error) {
	var value C.uint64_t
	err := c.with(func(cc *C.zcn_conn) error {
		return statusError(C.int32_t(C.zcn_conn_get_option(cc, C.uint32_t(option), &value)))
	})
	return uint64(value), err
}

// Addr is the address of a connection or listener: a text such as "tcp://127.0.0.1:7000".
type Addr string

// Network is "tcp" or "unix".
func (a Addr) Network() string {
	if strings.HasPrefix(string(a), "tcp:") {
		return "tcp"
	}
	return "unix"
}

// String is the text.
func (a Addr) String() string { return string(a) }

// LocalAddr is the connection's own address; nil when it has ended.
func (c *Conn) LocalAddr() net.Addr {
	return c.address(func(cc *C.zcn_conn, text *C.char, size C.size_t) C.zcn_status {
		return C.zcn_conn_local_address(cc, text, size)
	})
}

// RemoteAddr is the peer's address; nil when the connection has ended.
func (c *Conn) RemoteAddr() net.Addr {
	return c.address(func(cc *C.zcn_conn, text *C.char, size C.size_t) C.zcn_status {
		return C.zcn_conn_peer_address(cc, text, size)
	})
}

func (c *Conn) address(read func(*C.zcn_conn, *C.char, C.size_t) C.zcn_status) net.Addr {
	var text [512]C.char
	if c.with(func(cc *C.zcn_conn) error {
		return statusError(C.int32_t(read(cc, &text[0], C.size_t(len(text)))))
	}) != nil {
		return nil
	}
	return Addr(C.GoString(&text[0]))
}

// Explain says in words which ways the connection's bytes went so far, which they go now, and why: for people and logs.
func (c *Conn) Explain() (string, error) {
	var text [768]C.char
	err := c.with(func(cc *C.zcn_conn) error {
		return statusError(C.int32_t(C.zcn_conn_explain(cc, &text[0], C.size_t(len(text)))))
	})
	return C.GoString(&text[0]), err
}

// Loop is the loop that drives the connection; [Conn.Move] changes it.
func (c *Conn) Loop() *Loop { return c.loop.Load() }

// Done is closed when the connection has ended; [Conn.Err] then says why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection ended: nil while it lives and when the program closed it, [ErrEOF] when the peer ended it
// in order.
func (c *Conn) Err() error {
	if err := c.err.Load(); err != nil {
		return *err
	}
	return nil
}

// endError is the reason as C said it. Who drives the loop calls it once the connection is frozen.
func (c *Conn) endError() error {
	if c == nil {
		return nil
	}
	return errorOf(c.end)
}

// errorOf is what the program sees of the reason that C gave for an end.
func errorOf(end *Error) error {
	switch {
	case end == nil || end.Status == statusOK:
		return nil
	case end.Status == ErrEOF:
		return ErrEOF
	}
	return end
}

// freeze keeps what is to be known of a connection that has ended. The caller holds the loop's lock.
func (c *Conn) freeze() {
	if c.c == nil {
		return
	}
	var details C.zcn_error
	var stats C.zcn_stats
	C.zcngo_conn_end(c.c, &details, &stats)
	c.c = nil
	c.stats = newStats(&stats)
	c.end = detailed("connection", Status(details.status), &details).(*Error)
	c.input.framing.explain(c.end)
}

// ended tells everyone who waits; why is for a connection that a loop took down with it.
func (c *Conn) ended(why error) {
	if err := c.endError(); err != nil {
		why = err
	}
	if why != nil {
		c.err.Store(&why)
	}
	c.drained()
	close(c.done)
}

func (c *Conn) connected() {
	close(c.opened)
}

func (c *Conn) readEnded(why Status) {
	if !c.loop.Load().running.Load() {
		return
	}
	if why == statusOK {
		c.inbox().end(io.EOF)
	} else {
		c.inbox().end(why)
	}
}

// drained tells senders that there is room again.
func (c *Conn) drained() {
	l := c.lock()
	defer l.mu.Unlock()
	if c.writable != nil {
		close(c.writable)
		c.writable = nil
	}
}

// Stats reads the connection's counters, also after its end.
func (c *Conn) Stats() Stats {
	l := c.lock()
	defer l.mu.Unlock()
	if c.c == nil {
		return c.stats
	}
	l.settleForwards()
	var stats C.zcn_stats
	stats.struct_size = C.sizeof_zcn_stats
	C.zcn_conn_get_stats(c.c, &stats)
	return newStats(&stats)
}
