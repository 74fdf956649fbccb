// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"context"
	"io"
	"iter"
	"runtime"
	"sync"
	"unsafe"
)

// How much a loop that works in the background reads ahead of the program, for each connection.
const (
	inboxMessages = 16384
	inboxBytes    = 1 << 20
)

// inbox holds messages between the loop and whoever receives.
type inbox struct {
	mu      sync.Mutex
	entries []entry // from first on
	first   int
	bytes   int
	paused  bool  // changes under the loop's lock too
	over    bool  // nothing comes any more, and what was there is gone
	ended   error // why nothing comes any more; nil: it may
	headers bool  // of large messages, which come alone
	header  int64 // the size of the body behind the header that came last, as long as it has no place
	ready   chan struct{}
}

type entry struct {
	handle uintptr
	size   int
	data   unsafe.Pointer
	body   int64 // behind a header
}

// message is for one that the program shall release.
func (e *entry) message() Message {
	m := ownMessage(e.handle, e.data, e.size)
	m.body = e.body
	return m
}

func newInbox(headers bool) *inbox { return &inbox{headers: headers, ready: make(chan struct{}, 1)} }

func (in *inbox) signal() {
	select {
	case in.ready <- struct{}{}:
	default:
	}
}

func (in *inbox) end(why error) {
	in.mu.Lock()
	in.ended = why
	in.mu.Unlock()
	in.signal()
}

// discard releases what nobody will receive, now and later.
func (in *inbox) discard() {
	in.mu.Lock()
	rest := in.entries[in.first:]
	in.entries, in.first, in.bytes, in.over = nil, 0, 0, true
	in.mu.Unlock()
	releaseEntries(rest)
	in.signal()
}

// put releases what nobody wants; full tells that the loop should stop reading.
func (in *inbox) put(events []rawEvent, kept []uintptr) (full bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over {
		for _, handle := range kept {
			C.zcngo_msg_release(C.uintptr_t(handle))
		}
		return false
	}
	if in.first > 0 && in.first == len(in.entries) {
		in.entries, in.first = in.entries[:0], 0
	}
	for i := range events {
		size := int(events[i].size)
		in.entries = append(in.entries, entry{handle: kept[i], size: size, data: events[i].data})
		if in.headers && events[i].token != 0 {
			in.header = int64(events[i].token)
			in.entries[len(in.entries)-1].body = in.header
		}
		in.bytes += size
	}
	in.signal()
	return in.full() && !in.paused
}

func (in *inbox) count() int { return len(in.entries) - in.first }

func (in *inbox) full() bool { return in.count() >= inboxMessages || in.bytes >= inboxBytes }

// get moves the first messages out. more tells that the loop should read again.
func (in *inbox) get(entries []entry) (n int, more bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	n = copy(entries, in.entries[in.first:])
	clear(in.entries[in.first : in.first+n])
	in.first += n
	for i := range n {
		in.bytes -= entries[i].size
	}
	if in.count() > 0 {
		in.signal() // for others who wait
		// What was taken is not to be kept in front of what was not for ever.
		if in.first >= inboxMessages {
			in.entries = append(in.entries[:0], in.entries[in.first:]...)
			in.first = 0
		}
	}
	return n, in.paused && in.count() <= inboxMessages/4 && in.bytes <= inboxBytes/4
}

// putBack is for what was taken and not looked at.
func (in *inbox) putBack(entries []entry) {
	if len(entries) == 0 {
		return
	}
	in.mu.Lock()
	if in.over {
		in.mu.Unlock()
		releaseEntries(entries)
		return
	}
	if in.first >= len(entries) {
		in.first -= len(entries)
		copy(in.entries[in.first:], entries)
	} else {
		in.entries = append(append([]entry(nil), entries...), in.entries[in.first:]...)
		in.first = 0
	}
	for _, e := range entries {
		in.bytes += e.size
	}
	in.mu.Unlock()
	in.signal()
}

func releaseEntries(entries []entry) {
	var handles [64]C.uintptr_t
	for len(entries) > 0 {
		n := min(len(entries), len(handles))
		for i := range n {
			handles[i] = C.uintptr_t(entries[i].handle)
		}
		C.zcngo_msg_release_batch(&handles[0], C.size_t(n))
		entries = entries[n:]
	}
}

// inbox is the connection's, made when it is first wanted: those whose events the program takes need none.
func (c *Conn) inbox() *inbox {
	if in := c.in.Load(); in != nil {
		return in
	}
	in := newInbox(c.input.headers)
	if !c.in.CompareAndSwap(nil, in) {
		return c.in.Load()
	}
	// What came in and was never looked at; the program has no slice of it.
	runtime.AddCleanup(c, (*inbox).discard, in)
	return in
}

// deliver takes messages of one poll from the loop.
func (c *Conn) deliver(events []rawEvent, kept []uintptr) {
	in := c.inbox()
	for i, handle := range kept {
		if handle == C.ZCNGO_LOST { // there was no memory to keep it: nothing may follow it
			in.put(events[:i], kept[:i])
			for _, rest := range kept[i+1:] {
				if rest != C.ZCNGO_LOST {
					C.zcngo_msg_release(C.uintptr_t(rest))
				}
			}
			in.end(ErrNoMemory)
			_ = c.with(func(cc *C.zcn_conn) error { return statusError(C.int32_t(C.zcn_conn_abort(cc))) })
			return
		}
	}
	if c.closing.Load() {
		in.discard()
	}
	if in.put(events, kept) {
		c.balance(in)
	}
}

// balance pauses or resumes reading by what the inbox holds. The order of the locks makes the last word the right one.
func (c *Conn) balance(in *inbox) {
	_ = c.with(func(cc *C.zcn_conn) error {
		in.mu.Lock()
		defer in.mu.Unlock()
		switch full := in.full(); {
		case full && !in.paused:
			in.paused = true
			C.zcn_conn_pause(cc)
		case !full && in.paused && in.bytes <= inboxBytes/4 && in.count() <= inboxMessages/4:
			in.paused = false
			C.zcn_conn_resume(cc)
		}
		return nil
	})
}

// fetch waits for messages. With none there is an error: io.EOF when the peer ended the stream in order.
func (c *Conn) fetch(ctx context.Context, entries []entry) (int, error) {
	in := c.inbox()
	if !c.loop.Load().running.Load() && c.idle(in) {
		return 0, &Error{Op: "receive", Status: ErrUnsupported, Text: "the loop does not work in the background: take its Events"}
	}
	for {
		n, more := in.get(entries)
		if more {
			c.balance(in)
		}
		if n > 0 {
			return n, nil
		}
		in.mu.Lock()
		over, ended := in.over, in.ended
		in.mu.Unlock()
		switch {
		case over || c.closing.Load():
			return 0, ErrClosed
		case ended != nil:
			return 0, ended
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		select {
		case <-in.ready:
		case <-ctx.Done():
		case <-c.done:
			if n, _ := in.get(entries); n > 0 {
				return n, nil
			}
			return 0, c.endOfInput()
		}
	}
}

// idle tells whether there is nothing to be had, and never will be while nobody drives the loop for it.
func (c *Conn) idle(in *inbox) bool {
	select {
	case <-c.done:
		return false
	default:
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.count() == 0 && !in.over && in.ended == nil
}

func (c *Conn) endOfInput() error {
	switch err := c.Err(); err {
	case nil:
		return ErrClosed
	case ErrEOF:
		return io.EOF
	default:
		return err
	}
}

// Recv waits for the next message, which the caller has to release. The error is [io.EOF] when the peer ended the
// stream in order, [ErrClosed] when this side did. Several goroutines may receive from one connection; each message
// goes to one of them.
func (c *Conn) Recv(ctx context.Context) (Message, error) {
	var one [1]entry
	if _, err := c.fetch(ctx, one[:]); err != nil {
		return Message{}, err
	}
	return one[0].message(), nil
}

// Messages gives the messages of the connection until it ends or ctx is done; [Conn.ReadErr] then says why. Each is
// valid for its turn, and released after it: that costs no allocation, and one call of the library for many messages.
// [Message.Clone] keeps one.
//
//	for m := range conn.Messages(ctx) {
//		fmt.Printf("%s\n", m.Bytes())
//	}
func (c *Conn) Messages(ctx context.Context) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		var entries [64]entry
		shown := &holder{}
		for {
			n, err := c.fetch(ctx, entries[:])
			if err != nil {
				c.setReadErr(err)
				return
			}
			if !c.turns(yield, shown, entries[:n]) {
				c.setReadErr(nil)
				return
			}
		}
	}
}

// turns shows messages that were taken from the inbox. They are released, or put back, also when the body panics.
func (c *Conn) turns(yield func(Message) bool, shown *holder, entries []entry) bool {
	seen := 0
	defer func() {
		shown.serial.Add(1)
		releaseEntries(entries[:seen])
		c.inbox().putBack(entries[seen:])
	}()
	for i := range entries {
		e := &entries[i]
		seen = i + 1
		if !yield(Message{data: e.data, size: e.size, handle: e.handle, holder: shown, serial: shown.serial.Load(), body: e.body}) {
			return false
		}
		shown.serial.Add(1)
		if c.closing.Load() {
			c.inbox().discard() // what is left of entries is released by putBack
			return true
		}
	}
	runtime.KeepAlive(shown)
	return true
}

func (c *Conn) setReadErr(err error) { c.readErr.Store(&err) }

// ReadErr is why the last [Conn.Messages] ended: nil after a break and at the end that the peer made in order, else the
// error that Recv would have given.
func (c *Conn) ReadErr() error {
	if p := c.readErr.Load(); p != nil && *p != io.EOF {
		return *p
	}
	return nil
}
