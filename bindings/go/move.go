// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import "sync"

// moves is held by who holds the locks of two loops, so that no two of them wait for each other.
var moves sync.Mutex

// Move hands the connection to another loop, with everything that is queued and received; both have the same pool. No
// message is lost, and their order stays. It is how one loop accepts for many:
//
//	for {
//		conn, err := listener.Accept(ctx)
//		if err != nil {
//			return err
//		}
//		if err := conn.Move(next()); err != nil {
//			return err
//		}
//	}
//
// From a loop that works in the background it waits until what that has received of the connection is in the hands of
// its readers. On a loop of [Loop.Events] it is done at once, and [EventArrived] tells of it there; events that are at hand
// on the loop that it leaves are shown there still, so do it at the connection's [EventAccepted], or pause it before.
//
// It fails with [ErrBusy] while the connection is being made, or receives a body into a file; with [ErrUnsupported] when
// the pools differ, or a [Dialer] made it. A failure changes nothing.
func (c *Conn) Move(to *Loop) error {
	from := c.lock()
	if !from.running.Load() || from == to {
		from.mu.Unlock()
		return c.move(to)
	}
	wish := &departure{conn: c, to: to, done: make(chan error, 1)}
	from.departures = append(from.departures, wish)
	from.mu.Unlock()
	_ = from.interrupt()
	select {
	case err := <-wish.done:
		return err
	case <-from.gone:
		return ErrClosed
	}
}

// departure is a connection that shall leave a loop that works in the background, when everything that it has received is
// in the inbox.
type departure struct {
	conn *Conn
	to   *Loop
	done chan error
}

// depart moves those away who wait for it. It is for who drives the loop, between two arrays of events.
func (l *Loop) depart() {
	l.mu.Lock()
	leaving := l.departures
	l.departures = nil
	l.mu.Unlock()
	for _, wish := range leaving {
		wish.done <- wish.conn.move(wish.to)
	}
}

func (c *Conn) move(to *Loop) error {
	moves.Lock()
	defer moves.Unlock()
	from := c.lock()
	defer from.mu.Unlock()
	if c.c == nil || c.closing.Load() {
		return ErrClosed
	}
	if to == from {
		return nil
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.c == nil {
		return ErrClosed
	}
	from.settleForwards()
	if status := C.zcn_conn_move(c.c, to.c.loop); status != C.ZCN_OK {
		return Status(status)
	}
	from.left = append(from.left, c.number)
	from.closed.Add(1) // a Close is looked for there no more, and what is at hand may be of this connection
	c.number = to.conns.add(c)
	C.zcn_conn_set_user(c.c, C.uintptr_t(c.number))
	to.heed(c.input.framing)
	c.loop.Store(to)
	return nil
}

// forgetLeft gives back the numbers of those that have ended or moved away: no event has them any more. The caller holds mu.
func (l *Loop) forgetLeft() {
	for _, number := range l.left {
		l.conns.remove(number)
	}
	l.left = l.left[:0]
}
