// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"syscall"
	"time"
	"unsafe"
)

// EventType says what happened.
type EventType uint32

// The types of events.
const (
	eventNone           EventType = C.ZCN_EVENT_NONE
	EventConnected      EventType = C.ZCN_EVENT_CONNECTED       // Conn: [Loop.Connect] succeeded
	EventAccepted       EventType = C.ZCN_EVENT_ACCEPTED        // Conn, Listener: a new connection
	EventMessage        EventType = C.ZCN_EVENT_MESSAGE         // Conn, Message
	EventSent           EventType = C.ZCN_EVENT_SENT            // Conn, Token, Count, Err: units with these tokens have ended
	EventWritable       EventType = C.ZCN_EVENT_WRITABLE        // Conn: below low water again after an ErrWouldBlock
	EventPeerClosed     EventType = C.ZCN_EVENT_PEER_CLOSED     // Conn, Err: the peer sends no more (with HalfOpen), or nothing that is in the framing
	EventClosed         EventType = C.ZCN_EVENT_CLOSED          // Conn, Err: the last event of a connection
	EventWoken          EventType = C.ZCN_EVENT_WOKEN           // [Loop.Wake] was called
	EventTimer          EventType = C.ZCN_EVENT_TIMER           // Token of [Loop.SetTimer]
	EventAcceptLimited  EventType = C.ZCN_EVENT_ACCEPT_LIMITED  // Listener, Err: accepting pauses
	EventPoolLimited    EventType = C.ZCN_EVENT_POOL_LIMITED    // Conn: reading pauses until the pool has memory
	EventListenerClosed EventType = C.ZCN_EVENT_LISTENER_CLOSED // Listener, Err
	EventRelayEnded     EventType = C.ZCN_EVENT_RELAY_ENDED     // Relay, Err
	EventUnanswered     EventType = C.ZCN_EVENT_UNANSWERED      // Conn, Token, Err: a request that has no answer
	EventRedial         EventType = C.ZCN_EVENT_REDIAL          // Dialer, Err, Wait: its connection ended, or could not be made
	EventDialerClosed   EventType = C.ZCN_EVENT_DIALER_CLOSED   // Dialer, Err
	EventArrived        EventType = C.ZCN_EVENT_ARRIVED         // Conn: moved here by [Conn.Move]
	EventFileReceived   EventType = C.ZCN_EVENT_FILE_RECEIVED   // Conn, Token, Written, Err: what [Conn.TryReceiveFile] asked for has ended
	EventPoolReady      EventType = C.ZCN_EVENT_POOL_READY      // Token of [Loop.WatchMemory]: the pool has room
)

var eventNames = map[EventType]string{
	EventConnected: "Connected", EventAccepted: "Accepted", EventMessage: "Message", EventSent: "Sent",
	EventWritable: "Writable", EventPeerClosed: "PeerClosed", EventClosed: "Closed", EventWoken: "Woken",
	EventTimer: "Timer", EventAcceptLimited: "AcceptLimited", EventPoolLimited: "PoolLimited",
	EventListenerClosed: "ListenerClosed", EventRelayEnded: "RelayEnded", EventRedial: "Redial",
	EventDialerClosed: "DialerClosed", EventUnanswered: "Unanswered", EventArrived: "Arrived",
	EventFileReceived: "FileReceived", EventPoolReady: "PoolReady",
}

// String is the name of the type, such as "Message".
func (t EventType) String() string { return eventNames[t] }

// rawEvent is zcn_event, whose layout bridge.h holds to this one. Handles are numbers here: what stands for a message
// in an event is no address, and neither the garbage collector nor cgo's checks shall take it for one.
type rawEvent struct {
	kind   EventType
	status Status
	conn   uintptr
	user   uintptr
	msg    uintptr
	data   unsafe.Pointer
	size   uint64
	token  uint64
	_      uint64
}

// Event is what happened on a loop. It is valid for its turn: until the function that was called with it returns, or
// the range loop's body ends. One that is used after the loop's next poll, or after the loop's end, is found: it is
// empty, its Type 0 and what it has nil or 0, and with the build tag zcnet_debug the program ends at that place.
type Event struct {
	raw    *rawEvent // C memory
	loop   *Loop
	serial uint64
	fresh  *Conn // accepted, or a dialer's, and new: the event itself has the number of the listener or dialer
}

var emptyEvent rawEvent // what events are after their end

// at is the event in C's array, as long as that is not written to again or freed.
func (e Event) at() *rawEvent {
	if e.loop == nil {
		return &emptyEvent
	}
	if e.loop.shown.serial.Load() != e.serial {
		if debug {
			panic("zcnet: use of an event after its end")
		}
		return &emptyEvent
	}
	return e.raw
}

// Type says what happened.
func (e Event) Type() EventType { return e.at().kind }

// Conn is the connection that it happened on; nil for events that have none.
func (e Event) Conn() *Conn {
	raw := e.at()
	if raw.conn == 0 {
		return nil
	}
	if raw.kind == EventAccepted || raw.user&undialed != 0 {
		return e.fresh
	}
	return e.loop.conn(raw.user)
}

// Listener is the listener of an [EventAccepted], [EventAcceptLimited] or [EventListenerClosed]; else nil.
func (e Event) Listener() *Listener {
	switch raw := e.at(); raw.kind {
	case EventAccepted:
		return e.fresh.listener
	case EventAcceptLimited, EventListenerClosed:
		return e.loop.listener(raw.user)
	}
	return nil
}

// Dialer is the dialer of an [EventRedial] or [EventDialerClosed], and of the [EventConnected] of its connections; else
// nil.
func (e Event) Dialer() *Dialer {
	switch raw := e.at(); raw.kind {
	case EventConnected:
		if conn := e.Conn(); conn != nil {
			return conn.dialer
		}
	case EventRedial, EventDialerClosed:
		return e.loop.dialers.at(raw.user)
	}
	return nil
}

// Wait is how long the dialer of an [EventRedial] waits before its next attempt.
func (e Event) Wait() time.Duration {
	raw := e.at()
	if raw.kind != EventRedial {
		return 0
	}
	return time.Duration(raw.size) * time.Millisecond
}

// Relay is the relay of an [EventRelayEnded]; else nil.
func (e Event) Relay() *Relay {
	raw := e.at()
	if raw.kind != EventRelayEnded {
		return nil
	}
	return e.loop.relays.at(raw.user)
}

// Message is the message of an [EventMessage], valid for the turn; [Message.Clone] keeps it.
func (e Event) Message() Message {
	raw := e.at()
	if raw.kind != EventMessage {
		return Message{}
	}
	m := Message{data: raw.data, size: int(raw.size), handle: raw.msg, holder: &e.loop.shown, serial: e.serial}
	if raw.token != 0 {
		m.body = e.bodySize()
	}
	return m
}

// bodySize is that behind a header; the tokens of other messages are those of requests.
func (e Event) bodySize() int64 {
	if conn := e.Conn(); conn == nil || !conn.input.headers {
		return 0
	}
	return int64(e.at().token)
}

// Bytes is the bytes of an [EventMessage], as [Message.Bytes] gives them.
func (e Event) Bytes() []byte {
	raw := e.at()
	if raw.kind != EventMessage {
		return nil
	}
	return bytesOf(raw.data, int(raw.size))
}

// Token is that of a timer, of [Loop.WatchMemory], of a file that was received, of the request that an [EventMessage]
// answers (else 0) or that is [EventUnanswered], the first one of the units that an [EventSent] is about, or how many
// attempts in a row did not last, of an [EventRedial].
func (e Event) Token() uint64 {
	raw := e.at()
	if raw.kind == EventMessage && raw.token != 0 && e.bodySize() != 0 {
		return 0
	}
	return raw.token
}

// Count is how many units an [EventSent] is about: those with the tokens Token to Token + Count - 1.
func (e Event) Count() int {
	raw := e.at()
	if raw.kind != EventSent {
		return 0
	}
	return int(raw.size)
}

// Err is the reason of an [EventClosed] and the like; nil for none. A connection that was closed by the program has
// none, one that the peer ended in order has [ErrEOF]. Where nothing can be accepted, it is an [*Error] with the errno:
// [syscall.EMFILE] when descriptors ran out.
func (e Event) Err() error {
	raw := e.at()
	switch raw.kind {
	case EventClosed:
		return e.Conn().endError()
	case EventRelayEnded:
		if relay := e.Relay(); relay != nil {
			return relay.endError()
		}
		return nil
	case EventFileReceived:
		return e.Conn().fileError(raw.status)
	case EventAcceptLimited:
		if errno := syscall.Errno(raw.size); raw.status == ErrSystem && errno != 0 {
			return &Error{Op: "accept", Status: raw.status, Errno: errno, Text: errno.Error()}
		}
	}
	return raw.status.orNil()
}
