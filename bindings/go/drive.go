// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
// #cgo noescape zcngo_loop_poll
// #cgo nocallback zcngo_loop_poll
// #cgo nocallback zcngo_wait
// #cgo noescape zcngo_conn_take
// #cgo nocallback zcngo_conn_take
// #cgo noescape zcngo_conn_end
// #cgo nocallback zcngo_conn_end
import "C"

import (
	"context"
	"errors"
	"iter"
	"math"
	"os"
	"runtime"
	"time"
	"unsafe"
)

// Events gives what happens on the loop, one event after the other, until ctx is done or the loop ends; [Loop.Err]
// then says why. One goroutine at a time may take events; it sends, forwards and closes as it likes meanwhile, and
// what it sends leaves when the events at hand are through. An event and its message are valid for their turn. After a
// break another Events goes on with the event behind.
//
//	for event := range loop.Events(ctx) {
//		if event.Type() == zcnet.EventMessage {
//			event.Conn().Forward(event.Message())
//		}
//	}
func (l *Loop) Events(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) { l.err = l.events(ctx, yield) }
}

// Err is why the last [Loop.Events] ended: the error of its context, [ErrClosed] when the loop ended, [ErrBusy] when
// someone else drives it; nil after a break.
func (l *Loop) Err() error { return l.err }

func (l *Loop) events(ctx context.Context, yield func(Event) bool) error {
	if err := l.take(); err != nil {
		return err
	}
	defer l.leave()
	defer context.AfterFunc(ctx, func() { _ = l.interrupt() })()
	for {
		if !l.show(yield) {
			return nil
		}
		if err := l.wait(ctx); err != nil {
			return err
		}
	}
}

// take makes the caller the one who drives.
func (l *Loop) take() error {
	if !l.driving.CompareAndSwap(false, true) {
		select {
		case <-l.gone:
			return ErrClosed
		default:
			return ErrBusy
		}
	}
	if l.ending.Load() {
		l.end(ErrAborted)
		return ErrClosed
	}
	return nil
}

func (l *Loop) leave() {
	select {
	case <-l.gone: // nobody drives it any more, ever
	default:
		l.driving.Store(false)
		l.tryEnd()
	}
}

// wait polls until there are events.
func (l *Loop) wait(ctx context.Context) error {
	l.depart()
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		err := l.sleep()
		if errors.Is(err, os.ErrDeadlineExceeded) { // the loop's own deadline, and maybe before any poll: it is due
			l.armed = time.Time{}
			_ = l.file.SetReadDeadline(time.Time{})
			continue
		}
		if l.ending.Load() {
			l.end(ErrAborted)
			return ErrClosed
		}
		if err != nil {
			return err
		}
		pins.collect()
		if l.status == C.ZCN_ECLOSED { // Shutdown is complete
			l.end(ErrClosed)
			return ErrClosed
		}
		if l.status != C.ZCN_OK {
			return Status(l.status)
		}
		if l.c.count > 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// sleep polls, and waits as long as polls give nothing.
func (l *Loop) sleep() error {
	if !l.ownThread {
		return l.raw.Read(l.step)
	}
	for !l.poll() {
		C.zcngo_wait(C.int(l.fd), l.c.deadline_ns)
	}
	return nil
}

// pollStep is what the runtime's poller calls before it waits and after each edge: true ends the waiting. An edge that
// comes behind the last poll in here is kept, so none is lost.
func (l *Loop) pollStep(uintptr) bool {
	if l.poll() {
		return true
	}
	if l.c.deadline_ns == math.MaxInt64 {
		return false
	}
	// A deadline that is too early costs one more poll; most move on all the time.
	deadline := time.Now().Add(time.Duration(l.c.deadline_ns))
	if l.armed.IsZero() || deadline.Before(l.armed) {
		l.armed = deadline
		_ = l.file.SetReadDeadline(deadline)
	}
	return false
}

// poll is one poll of C, or as many as it takes until there is nothing left to do; false: wait.
func (l *Loop) poll() bool {
	for {
		l.mu.Lock()
		l.shown.serial.Add(1)
		l.closed.Store(0)
		l.next = 0
		l.c.count = 0
		l.forgetLeft()
		if l.calls {
			l.status = C.zcngo_loop_poll_calling(l.c)
		} else {
			l.status = C.zcngo_loop_poll(l.c)
		}
		l.mu.Unlock()
		if l.c.count > 0 || l.status != C.ZCN_OK || l.ending.Load() || pins.due() {
			return true
		}
		if l.c.more == 0 && l.c.deadline_ns > 0 {
			return false
		}
	}
}

// show yields the events at hand; false after a break.
func (l *Loop) show(yield func(Event) bool) bool {
	events := unsafe.Slice((*rawEvent)(unsafe.Pointer(l.c.events)), int(l.c.count))
	event := Event{loop: l, serial: l.shown.serial.Load()}
	for l.next < len(events) {
		raw := &events[l.next]
		l.next++
		event.raw = raw
		if raw.kind == EventMessage {
			if l.closed.Load() != 0 && l.conn(raw.user).closing.Load() {
				continue
			}
			if !yield(event) {
				return false
			}
			continue
		}
		if !l.note(raw) {
			continue
		}
		event.fresh = l.fresh
		goOn := yield(event)
		l.noted(raw)
		if !goOn {
			return false
		}
	}
	return true
}

// note does what the package itself has to do for an event that is no message; false: it is not to be shown.
func (l *Loop) note(raw *rawEvent) bool {
	switch raw.kind {
	case eventNone:
		return false
	case EventAccepted:
		return l.accept(raw)
	case EventConnected:
		if raw.user&undialed != 0 {
			return l.dialed(raw)
		}
		l.conn(raw.user).connected()
	case EventWritable:
		l.conn(raw.user).drained()
	case EventUnanswered:
		l.conn(raw.user).unanswered(raw)
	case EventFileReceived:
		l.conn(raw.user).fileReceived(raw)
	case EventPoolReady:
		return !l.roomFound(raw.token, raw.status)
	case EventPeerClosed:
		l.conn(raw.user).readEnded(raw.status)
	case EventClosed:
		if raw.user&undialed != 0 {
			return false // it never stood: the dialer's own event says so
		}
		l.mu.Lock()
		l.conn(raw.user).freeze()
		l.mu.Unlock()
	case EventRelayEnded:
		l.mu.Lock()
		l.relays.at(raw.user).freeze()
		l.mu.Unlock()
	case EventWoken:
		return l.woken.Swap(false)
	}
	return true
}

// noted is for what has to wait until the event was seen.
func (l *Loop) noted(raw *rawEvent) {
	switch raw.kind {
	case EventClosed:
		l.mu.Lock()
		l.left = append(l.left, raw.user)
		l.mu.Unlock()
		l.conn(raw.user).ended(nil)
	case EventListenerClosed:
		listener := l.listener(raw.user)
		l.mu.Lock()
		listener.freeze()
		l.listeners.remove(raw.user)
		l.mu.Unlock()
		listener.ended(raw.status.orNil())
	case EventDialerClosed:
		dialer := l.dialers.at(raw.user)
		l.mu.Lock()
		dialer.freeze()
		l.dialers.remove(raw.user)
		l.mu.Unlock()
		dialer.ended(raw.status.orNil())
	case EventRelayEnded:
		relay := l.relays.at(raw.user)
		l.mu.Lock()
		l.relays.remove(raw.user)
		l.mu.Unlock()
		relay.ended(nil)
	case EventAccepted, EventConnected:
		l.fresh = nil
	}
}

func (s Status) orNil() error {
	if s == statusOK {
		return nil
	}
	return s
}

// accept makes the Go side of a connection that a listener gave.
func (l *Loop) accept(raw *rawEvent) bool {
	listener := l.listener(raw.user)
	l.mu.Lock()
	defer l.mu.Unlock()
	c := (*C.zcn_conn)(connPointer(raw.conn))
	if listener == nil {
		C.zcn_conn_abort(c) // the listener has ended, and nobody knows the connection
		return false
	}
	conn := newConn(l, c, listener.input)
	conn.listener = listener
	conn.connected()
	l.fresh = conn
	return true
}

// connPointer is the one place where a number of C becomes a pointer again: connections are real objects.
func connPointer(number uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&number)) }

// Run works for the loop's connections and listeners until ctx is done or the loop ends, so that other goroutines may
// call Dial, Accept, Recv, Send and the like. It calls no function of the program but those given to
// [Unit.AppendPinned]. Loops of [StartLoop] do this by themselves.
func (l *Loop) Run(ctx context.Context) error {
	if err := l.take(); err != nil {
		return err
	}
	l.running.Store(true)
	return l.run(ctx)
}

func (l *Loop) run(ctx context.Context) error {
	defer l.leave()
	defer l.notRunning()
	defer context.AfterFunc(ctx, func() { _ = l.interrupt() })()
	if l.ownThread {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	l.c.keep = 1
	if l.next < int(l.c.count) { // what an Events before this one has not shown
		l.mu.Lock()
		C.zcngo_loop_keep(l.c, C.size_t(l.next))
		l.mu.Unlock()
		l.dispatch()
	}
	for {
		if err := l.wait(ctx); err != nil {
			if l.c != nil {
				l.c.keep = 0
			}
			return err
		}
		l.dispatch()
	}
}

// dropKept releases what the last poll kept for connections that will not get it any more.
func (l *Loop) dropKept(c *C.zcngo_loop) {
	if c.keep == 0 || l.status != C.ZCN_OK {
		return
	}
	for i := l.next; i < int(c.count); i++ {
		if handle := c.kept[i]; handle != 0 && handle != C.ZCNGO_LOST {
			C.zcngo_msg_release(handle)
		}
	}
}

// notRunning lets nobody wait for the background any more.
func (l *Loop) notRunning() {
	l.mu.Lock()
	l.running.Store(false)
	l.mu.Unlock()
	l.depart()
}

// dispatch puts messages into the inboxes of their connections, and tells who waits for the rest.
func (l *Loop) dispatch() {
	count := int(l.c.count)
	events := unsafe.Slice((*rawEvent)(unsafe.Pointer(l.c.events)), count)
	kept := unsafe.Slice((*uintptr)(unsafe.Pointer(&l.c.kept[0])), count)
	for i := l.next; i < count; {
		raw := &events[i]
		// Not by the type of the event: another goroutine may close the connection now and blank it.
		if kept[i] != 0 {
			if conn := l.conn(raw.user); conn.asks.Load() && conn.answered(raw, kept[i]) {
				i++
				continue
			}
			end := i + 1
			for end < count && kept[end] != 0 && events[end].user == raw.user {
				end++
			}
			l.conn(raw.user).deliver(events[i:end], kept[i:end])
			i = end
			continue
		}
		i++
		if l.note(raw) {
			switch {
			case raw.kind == EventAccepted:
				l.fresh.listener.deliver(l.fresh)
			case raw.kind == EventConnected && l.fresh != nil:
				l.fresh.dialer.deliver(l.fresh)
			}
			l.noted(raw)
		}
	}
	l.next = count
}
