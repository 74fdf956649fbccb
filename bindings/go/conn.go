// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// Conn is a connection that a [Loop] drives. Its methods may be called by any goroutine. Those that wait take a
// context, and need a loop that works in the background ([StartLoop], [Loop.Run]); those whose names begin with Try, and
// Forward, Reserve, Commit and Flush, do not wait.
type Conn struct {
	// User is the program's. The package does not look at it.
	User any

	loop     *Loop
	listener *Listener // that accepted it, or nil
	closing  atomic.Bool

	// Under the lock of the loop.
	c        *C.zcn_conn // nil once it has ended
	number   uintptr
	writable chan struct{} // closed when there is room again; nil: nobody waits
	stats    Stats         // as it ended
	end      *Error        // why it ended

	in     atomic.Pointer[inbox] // made when a loop that works in the background has or is asked for something
	opened chan struct{}         // closed when it is connected
	done   chan struct{}         // closed when it has ended
	err    atomic.Pointer[error]

	readErr atomic.Pointer[error] // of the last Messages
}

// ConnOptions are the settings of a connection; zero values are the defaults.
type ConnOptions struct {
	SendFraming       *Framing      // nil: the same as for receiving
	HighWater         int           // queued bytes at which sending waits or says ErrWouldBlock; 0: 256 KiB
	LowWater          int           // queued bytes below which it goes on; 0: HighWater / 4
	CopyBelow         int           // pinned parts smaller than this are copied; 0: never
	FlushAt           int           // queued bytes at which a send writes at once; 0: 64 KiB
	ReadBudget        int           // bytes read in one poll before others have their turn; 0: 256 KiB
	MessagesPerPoll   int           // 0: no limit but the array
	Align             int           // bodies start at a multiple of this (8 to 4096, a power of two); 0: no
	AlignFrom         int           // bodies smaller than this are left where they are
	HalfOpen          bool          // the peer's end leaves the connection open to send
	ConnectTimeout    time.Duration // 0: 30 s
	MessageTimeout    time.Duration // from the first byte of a message to its last; 0: 60 s
	IdleTimeout       time.Duration // without a byte in or out; 0: never
	DrainTimeout      time.Duration // for what is queued when it closes; 0: 5 s
	Delay             bool          // TCP: let the kernel hold small segments back
	KeepAlive         time.Duration // TCP: idle time before the first probe; 0: none
	KeepAliveInterval time.Duration // TCP: between probes; 0: the system's
	KeepAliveCount    int           // TCP: probes before the connection is dead; 0: the system's
	UserTimeout       time.Duration // TCP: unacknowledged for so long is dead; 0: the system's
	SendBuffer        int           // SO_SNDBUF; 0: the system's
	ReceiveBuffer     int           // SO_RCVBUF; 0: the system's
	StartPaused       bool          // reads nothing before Resume
	Lag               Lag           // what a send does above HighWater; zero: it waits, or says ErrWouldBlock
}

// Lag is what becomes of messages for a receiver that has HighWater bytes queued. With anything but [LagRefuse] sends do
// not wait, Forward holds nobody up, and one slow receiver never stalls the others. A message that is partly sent is
// never dropped. Statistics count what was.
type Lag uint32

// What a send may do above high water.
const (
	LagRefuse     Lag = C.ZCN_LAG_REFUSE      // it waits, or says ErrWouldBlock
	LagDropNewest Lag = C.ZCN_LAG_DROP_NEWEST // the message that is being sent is dropped
	LagDropOldest Lag = C.ZCN_LAG_DROP_OLDEST // those that have waited longest are dropped
	LagKeepLatest Lag = C.ZCN_LAG_KEEP_LATEST // all that are queued are dropped for the one that is being sent
	LagDisconnect Lag = C.ZCN_LAG_DISCONNECT  // the connection ends with ErrLagged
)

// in32 are the fields of C's options that are 32 bits wide.
func in32(err *error, value int) C.uint32_t {
	if value < 0 || uint64(value) > 0xFFFFFFFF {
		*err = ErrInvalid
	}
	return C.uint32_t(value)
}

func (o *ConnOptions) fill(c *C.zcn_conn_options) (err error) {
	C.zcn_conn_options_init(c, C.sizeof_zcn_conn_options)
	if o == nil {
		return nil
	}
	for _, size := range []int{o.HighWater, o.LowWater, o.CopyBelow, o.FlushAt, o.ReadBudget} {
		if size < 0 {
			return ErrInvalid
		}
	}
	units := func(d, unit time.Duration) C.uint32_t {
		if d > 0 && d < unit {
			d = unit // not the default
		}
		return in32(&err, int(d/unit))
	}
	c.send_framing = o.SendFraming.pointer()
	c.high_water, c.low_water = C.uint64_t(o.HighWater), C.uint64_t(o.LowWater)
	c.copy_below, c.flush_at = C.uint64_t(o.CopyBelow), C.uint64_t(o.FlushAt)
	c.read_budget = C.uint64_t(o.ReadBudget)
	c.messages_per_poll = in32(&err, o.MessagesPerPoll)
	c.align, c.align_from = in32(&err, o.Align), in32(&err, o.AlignFrom)
	c.lag = C.uint32_t(o.Lag)
	c.half_open, c.delay, c.start_paused = bit(o.HalfOpen), bit(o.Delay), bit(o.StartPaused)
	c.connect_timeout_ms = units(o.ConnectTimeout, time.Millisecond)
	c.message_timeout_ms = units(o.MessageTimeout, time.Millisecond)
	c.idle_timeout_ms = units(o.IdleTimeout, time.Millisecond)
	c.drain_timeout_ms = units(o.DrainTimeout, time.Millisecond)
	c.keepalive_s = units(o.KeepAlive, time.Second)
	c.keepalive_interval_s = units(o.KeepAliveInterval, time.Second)
	c.keepalive_count = in32(&err, o.KeepAliveCount)
	c.user_timeout_ms = units(o.UserTimeout, time.Millisecond)
	c.send_buffer, c.receive_buffer = in32(&err, o.SendBuffer), in32(&err, o.ReceiveBuffer)
	return err
}

func bit(b bool) C.uint32_t {
	if b {
		return 1
	}
	return 0
}

// newConn makes the Go side of a connection. The caller holds the loop's lock.
func newConn(l *Loop, c *C.zcn_conn) *Conn {
	conn := &Conn{loop: l, c: c, done: make(chan struct{}), opened: make(chan struct{})}
	conn.number = l.conns.add(conn)
	C.zcngo_conn_take(c, C.uintptr_t(conn.number))
	return conn
}

// with calls use as the owner of the loop, with the connection still there.
func (c *Conn) with(use func(c *C.zcn_conn) error) error {
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	if c.c == nil {
		return ErrClosed
	}
	c.loop.settleForwards()
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
	c.loop.closed.Add(1)
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
	c.loop.closed.Add(1)
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
	defer runtime.KeepAlive(framing)
	return c.with(func(cc *C.zcn_conn) error {
		return statusError(C.zcngo_set_framing(cc, C.uintptr_t(after.handle), framing.pointer()))
	})
}

// SetSendFraming changes the framing of what is sent from now on.
func (c *Conn) SetSendFraming(framing *Framing) error {
	defer runtime.KeepAlive(framing)
	return c.with(func(cc *C.zcn_conn) error {
		return statusError(C.int32_t(C.zcn_conn_set_send_framing(cc, framing.pointer())))
	})
}

// Option is a socket or flow option of a connection.
type Option uint32

// The options, with the units that ConnOptions' fields have in C: milliseconds, seconds, bytes.
const (
	OptionDelay              Option = C.ZCN_OPTION_DELAY
	OptionKeepAliveS         Option = C.ZCN_OPTION_KEEPALIVE_S
	OptionKeepAliveIntervalS Option = C.ZCN_OPTION_KEEPALIVE_INTERVAL_S
	OptionKeepAliveCount     Option = C.ZCN_OPTION_KEEPALIVE_COUNT
	OptionUserTimeoutMS      Option = C.ZCN_OPTION_USER_TIMEOUT_MS
	OptionSendBuffer         Option = C.ZCN_OPTION_SEND_BUFFER
	OptionReceiveBuffer      Option = C.ZCN_OPTION_RECEIVE_BUFFER
	OptionHighWater          Option = C.ZCN_OPTION_HIGH_WATER
	OptionLowWater           Option = C.ZCN_OPTION_LOW_WATER
	OptionIdleTimeoutMS      Option = C.ZCN_OPTION_IDLE_TIMEOUT_MS
	OptionMessageTimeoutMS   Option = C.ZCN_OPTION_MESSAGE_TIMEOUT_MS
	OptionDrainTimeoutMS     Option = C.ZCN_OPTION_DRAIN_TIMEOUT_MS
	OptionMessagesPerPoll    Option = C.ZCN_OPTION_MESSAGES_PER_POLL
	OptionQuickAck           Option = C.ZCN_OPTION_QUICK_ACK
)

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

// Loop is the loop that drives the connection.
func (c *Conn) Loop() *Loop { return c.loop }

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
	if c == nil || c.end == nil || c.end.Status == statusOK {
		return nil
	}
	if c.end.Status == ErrEOF {
		return ErrEOF
	}
	return c.end
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

func (c *Conn) readEnded() {
	if c.loop.running.Load() {
		c.inbox().end()
	}
}

// drained tells senders that there is room again.
func (c *Conn) drained() {
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	if c.writable != nil {
		close(c.writable)
		c.writable = nil
	}
}

// Stats reads the connection's counters, also after its end.
func (c *Conn) Stats() Stats {
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	if c.c == nil {
		return c.stats
	}
	c.loop.settleForwards()
	var stats C.zcn_stats
	stats.struct_size = C.sizeof_zcn_stats
	C.zcn_conn_get_stats(c.c, &stats)
	return newStats(&stats)
}

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
