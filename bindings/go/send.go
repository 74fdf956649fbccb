// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
// #cgo noescape zcngo_run_forwards
// #cgo nocallback zcngo_run_forwards
// #cgo noescape zcn_conn_send
// #cgo nocallback zcn_conn_send
// #cgo noescape zcn_conn_send_batch
// #cgo nocallback zcn_conn_send_batch
// #cgo noescape zcn_conn_send_copy
// #cgo nocallback zcn_conn_send_copy
// #cgo noescape zcngo_send_msg
// #cgo nocallback zcngo_send_msg
// #cgo noescape zcn_conn_reserve
// #cgo nocallback zcn_conn_reserve
// #cgo noescape zcn_conn_commit
// #cgo nocallback zcn_conn_commit
// #cgo noescape zcn_conn_flush
// #cgo nocallback zcn_conn_flush
import "C"

import (
	"context"
	"io"
	"unsafe"
)

// attempt makes one try to send. Where there is no room, and wait is asked for, it gives a channel that is closed when
// there is.
func (c *Conn) attempt(wait bool, try func(cc *C.zcn_conn) C.zcn_status) (room chan struct{}, err error) {
	l := c.lock()
	defer l.mu.Unlock()
	if c.c == nil || c.closing.Load() {
		return nil, ErrClosed
	}
	l.settleForwards()
	status := try(c.c)
	if status == C.ZCN_AGAIN && wait {
		if c.writable == nil {
			c.writable = make(chan struct{})
		}
		room = c.writable
	}
	return room, statusError(C.int32_t(status))
}

// sending tries until it succeeds, fails, or ctx is done.
func (c *Conn) sending(ctx context.Context, try func(cc *C.zcn_conn) C.zcn_status) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		room, err := c.attempt(true, try)
		if err != ErrWouldBlock {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Conn) unit(u *Unit) func(cc *C.zcn_conn) C.zcn_status {
	return func(cc *C.zcn_conn) C.zcn_status {
		if u.c == nil {
			return C.ZCN_ESTALE
		}
		status := C.zcn_conn_send(cc, u.c)
		if status == C.ZCN_OK {
			u.taken()
		}
		return status
	}
}

// Send queues a unit, and waits while the queue is above high water. It takes the unit when it succeeds, and only then.
func (c *Conn) Send(ctx context.Context, u *Unit) error { return c.sending(ctx, c.unit(u)) }

// TrySend is [Conn.Send] without waiting: [ErrWouldBlock] above high water; an [EventWritable] tells when to go on.
func (c *Conn) TrySend(u *Unit) error {
	_, err := c.attempt(false, c.unit(u))
	return err
}

func (c *Conn) batch(b *UnitBatch) func(cc *C.zcn_conn) C.zcn_status {
	return func(cc *C.zcn_conn) C.zcn_status {
		if b.Len() == 0 {
			return C.ZCN_OK
		}
		var sent C.size_t
		status := C.zcn_conn_send_batch(cc, &b.units[b.first], C.size_t(b.Len()), &sent)
		b.first += int(sent)
		if b.Len() == 0 && b.leak != nil {
			b.leak.settle()
		}
		return status
	}
}

// SendBatch queues the units of a batch, and waits while the queue is above high water. What is left in the batch when
// it fails was not taken.
func (c *Conn) SendBatch(ctx context.Context, b *UnitBatch) error { return c.sending(ctx, c.batch(b)) }

// TrySendBatch is [Conn.SendBatch] without waiting; b.Len tells how many are left.
func (c *Conn) TrySendBatch(b *UnitBatch) error {
	_, err := c.attempt(false, c.batch(b))
	return err
}

// SendToAll queues one unit on many connections of one loop, without a copy and in one call of the library. It takes the
// unit unless it fails; with Lag options of their own no receiver that lags holds up the others. What each connection
// says is in errs, which may be nil, and else has the length of conns. It gives how many took the unit.
func (l *Loop) SendToAll(conns []*Conn, u *Unit, errs []error) (sent int, err error) {
	if u.c == nil {
		return 0, ErrStale
	}
	if len(conns) == 0 || errs != nil && len(errs) != len(conns) {
		return 0, ErrInvalid
	}
	handles := make([]*C.zcn_conn, len(conns))
	statuses := make([]C.zcn_status, len(conns))
	var out C.size_t
	err = l.with(func(*C.zcngo_loop) error {
		l.settleForwards()
		for i, conn := range conns {
			if conn == nil || conn.loop.Load() != l {
				return ErrInvalid
			}
			if !conn.closing.Load() {
				handles[i] = conn.c // nil where it has ended
			}
		}
		return statusError(C.int32_t(C.zcn_conn_send_to_all(&handles[0], C.size_t(len(handles)), u.c, 0, &statuses[0], &out)))
	})
	if err != nil {
		return 0, err
	}
	u.taken()
	for i := range errs {
		if errs[i] = statusError(C.int32_t(statuses[i])); handles[i] == nil {
			errs[i] = ErrClosed
		}
	}
	return int(out), nil
}

func copied(p []byte) func(cc *C.zcn_conn) C.zcn_status {
	return func(cc *C.zcn_conn) C.zcn_status {
		return C.zcn_conn_send_copy(cc, unsafe.Pointer(unsafe.SliceData(p)), C.uint64_t(len(p)))
	}
}

// SendCopy queues a copy of p as one message, and waits while the queue is above high water.
func (c *Conn) SendCopy(ctx context.Context, p []byte) error { return c.sending(ctx, copied(p)) }

// TrySendCopy is [Conn.SendCopy] without waiting.
func (c *Conn) TrySendCopy(p []byte) error {
	_, err := c.attempt(false, copied(p))
	return err
}

// Write sends a copy of p as one message, as [io.Writer] has it.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.SendCopy(context.Background(), p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *Conn) whole(m Message) func(cc *C.zcn_conn) C.zcn_status {
	return func(cc *C.zcn_conn) C.zcn_status {
		if !c.may(m) {
			return C.ZCN_EINVAL
		}
		if !m.valid() {
			return C.ZCN_ESTALE
		}
		return C.zcn_status(C.zcngo_send_msg(cc, C.uintptr_t(m.handle)))
	}
}

// SendMessage queues the whole frame of a received message as it stood on the wire, without a copy, and waits while
// the queue is above high water. The message stays the caller's. One that is shown by an event belongs to its loop:
// it can be sent on connections of that loop only.
func (c *Conn) SendMessage(ctx context.Context, m Message) error {
	return c.sending(ctx, c.whole(m))
}

// TrySendMessage is [Conn.SendMessage] without waiting.
func (c *Conn) TrySendMessage(m Message) error {
	_, err := c.attempt(false, c.whole(m))
	return err
}

// may tells whether a message belongs to this connection's loop, or to nobody.
func (c *Conn) may(m Message) bool {
	return m.holder != nil && (m.holder.owner == nil || m.holder.owner == &c.loop.Load().mu)
}

// Forward passes the message of an event on, as it stood on the wire, with the back-pressure built in: it is taken
// above high water too, and the connection that it came from is then not read until this one is below low water. It
// waits for nothing and copies nothing, and many are handed over in one call of the library. A connection that cannot
// take a message is aborted, so that nothing follows a gap. The error is [ErrClosed] when the connection has ended.
func (c *Conn) Forward(m Message) error {
	l := c.loop.Load()
	if m.holder != &l.shown {
		return ErrInvalid
	}
	if !m.valid() {
		return m.holder.stale("Forward")
	}
	l.mu.Lock()
	if c.loop.Load() != l {
		l.mu.Unlock()
		return ErrInvalid // it has moved meanwhile
	}
	if c.c == nil || c.closing.Load() {
		l.mu.Unlock()
		return ErrClosed
	}
	shared := l.c
	entry := &shared.forwards[shared.forward_count]
	entry.conn, entry.msg = C.uintptr_t(uintptr(unsafe.Pointer(c.c))), C.uintptr_t(m.handle)
	if shared.forward_count++; shared.forward_count == C.ZCNGO_FORWARDS {
		C.zcngo_run_forwards(shared)
	}
	l.mu.Unlock()
	return nil
}

// Reserve gives room in the connection's own queue to write a message of at least size bytes into; [Conn.Commit] sends
// it. The room is valid until the next call on the connection, or the next turn of its loop: it is for [Loop.Events]. A
// framing whose header depends on the size (varint) has no such room: [ErrUnsupported].
func (c *Conn) Reserve(size int) ([]byte, error) {
	if size < 0 {
		return nil, ErrInvalid
	}
	var data unsafe.Pointer
	var room C.uint64_t
	_, err := c.attempt(false, func(cc *C.zcn_conn) C.zcn_status {
		return C.zcn_conn_reserve(cc, &data, &room, C.uint64_t(size))
	})
	if err != nil {
		return nil, err
	}
	return bytesOf(data, int(room)), nil
}

// Commit sends the first size bytes of the reserved room as one message, and gives the room behind it for the next; nil
// when there is none left, and Reserve gets more.
func (c *Conn) Commit(size int) ([]byte, error) {
	if size < 0 {
		return nil, ErrInvalid
	}
	var data unsafe.Pointer
	var room C.uint64_t
	_, err := c.attempt(false, func(cc *C.zcn_conn) C.zcn_status {
		return C.zcn_conn_commit(cc, C.uint64_t(size), &data, &room)
	})
	if err != nil || data == nil {
		return nil, err
	}
	return bytesOf(data, int(room)), nil
}

// Flush writes what is queued now, as far as the socket takes it; [ErrWouldBlock] where some is left, which goes on by
// itself.
func (c *Conn) Flush() error {
	return c.with(func(cc *C.zcn_conn) error { return statusError(C.int32_t(C.zcn_conn_flush(cc))) })
}

var _ io.Writer = (*Conn)(nil)
