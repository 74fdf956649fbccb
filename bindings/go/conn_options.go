// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"time"
)

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
	HalfOpenOnError   bool          // so do bytes that are not in the framing: the peer can be told; what it still sends is dropped
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
	FileMethod        FileMethod    // how files are sent that do not say so themselves
	IDs               IDs           // for requests: where messages carry their ids
	ZeroCopyFrom      int           // TCP: pieces of so many bytes (4096 at least) may leave without a copy in the kernel; 0: none

	// HeaderFrom lets the headers of frames of so many bytes come alone, and their bodies go into files: see
	// [Conn.ReceiveFile]. The framing's max may then be as large as the largest of them; what it costs in memory is
	// HeaderFrom. It is for framings that tell a size in front, and not together with IDs. 0: all messages come whole.
	HeaderFrom int
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
	for _, size := range []int{o.HighWater, o.LowWater, o.CopyBelow, o.FlushAt, o.ReadBudget, o.ZeroCopyFrom, o.HeaderFrom} {
		if size < 0 {
			return ErrInvalid
		}
	}
	units := func(d, unit time.Duration) C.uint32_t { return inUnits(&err, d, unit) }
	c.send_framing = o.SendFraming.pointer()
	c.high_water, c.low_water = C.uint64_t(o.HighWater), C.uint64_t(o.LowWater)
	c.copy_below, c.flush_at = C.uint64_t(o.CopyBelow), C.uint64_t(o.FlushAt)
	c.read_budget, c.zero_copy_from = C.uint64_t(o.ReadBudget), C.uint64_t(o.ZeroCopyFrom)
	c.header_from = C.uint64_t(o.HeaderFrom)
	c.id_width, c.id_offset, c.send_id_offset = in32(&err, o.IDs.Width), in32(&err, o.IDs.Offset), in32(&err, o.IDs.SendOffset)
	c.id_little_endian, c.max_requests = bit(o.IDs.LittleEndian), in32(&err, o.IDs.MaxRequests)
	c.messages_per_poll = in32(&err, o.MessagesPerPoll)
	c.align, c.align_from = in32(&err, o.Align), in32(&err, o.AlignFrom)
	c.lag, c.file_method = C.uint32_t(o.Lag), C.uint32_t(o.FileMethod)
	c.half_open, c.delay, c.start_paused = bit(o.HalfOpen), bit(o.Delay), bit(o.StartPaused)
	if o.HalfOpenOnError {
		c.half_open = 2
	}
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

func inUnits(err *error, d, unit time.Duration) C.uint32_t {
	if d > 0 && d < unit {
		d = unit // not the default
	}
	return in32(err, int(d/unit))
}

func bit(b bool) C.uint32_t {
	if b {
		return 1
	}
	return 0
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
	OptionFileMethod         Option = C.ZCN_OPTION_FILE_METHOD
	OptionZeroCopyFrom       Option = C.ZCN_OPTION_ZERO_COPY_FROM
)
