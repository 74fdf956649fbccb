// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
// #cgo noescape zcngo_request
// #cgo nocallback zcngo_request
// #cgo noescape zcn_conn_answer
// #cgo nocallback zcn_conn_answer
// #cgo noescape zcn_conn_get_id
// #cgo nocallback zcn_conn_get_id
import "C"

import (
	"context"
	"time"
	"unsafe"
)

// IDs says where messages carry the id by which answers find their requests. It counts from the first byte that the
// program sees.
type IDs struct {
	Width        int  // 2, 4 or 8 bytes; 0: messages carry none
	Offset       int  // bytes before it in a message that is received
	SendOffset   int  // bytes before it in a body that is sent
	LittleEndian bool // else the big end first
	MaxRequests  int  // without an answer at a time; 0: 32767 with Width 2, else no limit of its own
}

// asking is what a connection of a loop that works in the background knows of its requests. Under the lock of the loop.
type asking struct {
	last    uint64
	waiting map[uint64]chan answer // by token
}

type answer struct {
	message Message
	err     error
}

// Request asks with a copy of body, and waits for the answer, which the caller has to release. Any number of goroutines
// may ask at the same time, and answers come in any order. What the body has in the place of the id ([ConnOptions].IDs) is
// overwritten. A request ends with ctx: with its deadline, or when it is cancelled. The error is why the connection ended
// when it did, [ErrLimit] when MaxRequests have no answer. Of a connection that asks, Recv and Messages give only those
// messages that have the id 0: all others are answers.
func (c *Conn) Request(ctx context.Context, body []byte) (Message, error) {
	if !c.loop.Load().running.Load() {
		return Message{}, &Error{Op: "request", Status: ErrUnsupported, Text: "the loop does not work in the background: use TryRequest"}
	}
	timeout := time.Duration(-1)
	if deadline, limited := ctx.Deadline(); limited {
		timeout = max(time.Until(deadline), 0)
	}
	var token uint64
	var id C.uint64_t
	came := make(chan answer, 1)
	err := c.sending(ctx, func(cc *C.zcn_conn) C.zcn_status {
		if c.asking == nil {
			c.asking = &asking{waiting: map[uint64]chan answer{}}
			c.asks.Store(true)
		}
		c.asking.last++
		token = c.asking.last
		status := C.zcngo_request(cc, unsafe.Pointer(unsafe.SliceData(body)), C.uint64_t(len(body)), C.uint64_t(token),
			C.int64_t(timeout), &id)
		if status == C.ZCN_OK {
			c.asking.waiting[token] = came
		}
		return C.zcn_status(status)
	})
	if err != nil {
		return Message{}, err
	}
	select {
	case a := <-came:
		return a.message, a.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-c.done:
		if err = c.Err(); err == nil {
			err = ErrClosed
		}
	}
	c.takeBack(token, id)
	select {
	case a := <-came: // it came meanwhile
		return a.message, a.err
	default:
		return Message{}, err
	}
}

func (c *Conn) takeBack(token uint64, id C.uint64_t) {
	defer c.lock().mu.Unlock()
	delete(c.asking.waiting, token)
	if c.c != nil {
		C.zcn_conn_end_request(c.c, id)
	}
}

// endRequest gives the request with this token what it waits for; false: nobody waits. It is for who drives the loop.
func (c *Conn) endRequest(token uint64, a answer) bool {
	defer c.lock().mu.Unlock()
	if c.asking == nil {
		return false
	}
	came, waits := c.asking.waiting[token]
	if waits {
		delete(c.asking.waiting, token)
		came <- a
	}
	return waits
}

// unanswered tells why there is no answer: the deadline, which is that of the context, or the end of the connection.
func (c *Conn) unanswered(raw *rawEvent) {
	err := raw.status.orNil()
	if raw.status == ErrTimedOut {
		err = context.DeadlineExceeded
	}
	c.endRequest(raw.token, answer{err: err})
}

// answered takes a message of a connection that asks; false: it is not an answer.
func (c *Conn) answered(raw *rawEvent, kept uintptr) bool {
	if kept == C.ZCNGO_LOST {
		return false
	}
	if raw.token != 0 && c.endRequest(raw.token, answer{message: ownMessage(kept, raw.data, int(raw.size))}) {
		return true
	}
	var id C.uint64_t
	l := c.lock()
	ofRequest := c.c != nil && C.zcn_conn_get_id(c.c, raw.data, C.uint64_t(raw.size), &id) == C.ZCN_OK && id != 0
	l.mu.Unlock()
	if ofRequest { // too late, or twice
		C.zcngo_msg_release(C.uintptr_t(kept))
	}
	return ofRequest
}

// TryRequest asks with a copy of body without waiting, for [Loop.Events]: an [EventMessage] with the token, which is not
// 0, is the answer, and an [EventUnanswered] tells that there is none. A negative timeout is none.
func (c *Conn) TryRequest(body []byte, token uint64, timeout time.Duration) error {
	_, err := c.attempt(false, func(cc *C.zcn_conn) C.zcn_status {
		var id C.uint64_t
		return C.zcn_status(C.zcngo_request(cc, unsafe.Pointer(unsafe.SliceData(body)), C.uint64_t(len(body)),
			C.uint64_t(token), C.int64_t(timeout), &id))
	})
	return err
}

// BeginRequest expects an answer to a body that the program sends by itself, so that it need not be copied: put the id
// that this gives into the body ([Conn.PutID]), and send that by [Conn.TrySend] or [Conn.Commit]. Otherwise it is as
// [Conn.TryRequest].
func (c *Conn) BeginRequest(token uint64, timeout time.Duration) (id uint64, err error) {
	var number C.uint64_t
	err = c.with(func(cc *C.zcn_conn) error {
		return statusError(C.int32_t(C.zcn_conn_begin_request(cc, C.uint64_t(token), C.int64_t(timeout), &number)))
	})
	return uint64(number), err
}

// EndRequest takes a request back; false: it has ended already, and its event may be at hand.
func (c *Conn) EndRequest(id uint64) (ended bool, err error) {
	err = c.with(func(cc *C.zcn_conn) error {
		return statusError(C.int32_t(C.zcn_conn_end_request(cc, C.uint64_t(id))))
	})
	if err == ErrWouldBlock {
		return false, nil
	}
	return err == nil, err
}

// PutID writes an id to its place in a body that is to be sent.
func (c *Conn) PutID(body []byte, id uint64) error {
	return c.with(func(cc *C.zcn_conn) error {
		return statusError(C.int32_t(C.zcn_conn_put_id(cc, unsafe.Pointer(unsafe.SliceData(body)), C.uint64_t(len(body)), C.uint64_t(id))))
	})
}

// ID is the id of a received message.
func (c *Conn) ID(m Message) (uint64, error) {
	body := m.Bytes()
	var id C.uint64_t
	err := c.with(func(cc *C.zcn_conn) error {
		return statusError(C.int32_t(C.zcn_conn_get_id(cc, unsafe.Pointer(unsafe.SliceData(body)), C.uint64_t(len(body)), &id)))
	})
	return uint64(id), err
}

func answering(id uint64, body []byte) func(cc *C.zcn_conn) C.zcn_status {
	return func(cc *C.zcn_conn) C.zcn_status {
		return C.zcn_conn_answer(cc, C.uint64_t(id), unsafe.Pointer(unsafe.SliceData(body)), C.uint64_t(len(body)))
	}
}

// Answer answers the request with this id ([Conn.ID]) with a copy of body, and waits while the peer is behind. What the
// body has in the place of the id is overwritten.
func (c *Conn) Answer(ctx context.Context, id uint64, body []byte) error {
	return c.sending(ctx, answering(id, body))
}

// TryAnswer is [Conn.Answer] without waiting: [ErrWouldBlock] above high water.
func (c *Conn) TryAnswer(id uint64, body []byte) error {
	_, err := c.attempt(false, answering(id, body))
	return err
}
