// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
// #cgo noescape zcngo_stream_poll
// #cgo nocallback zcngo_stream_poll
// #cgo noescape zcngo_stream_room
// #cgo nocallback zcngo_stream_room
// #cgo noescape zcngo_stream_read
// #cgo nocallback zcngo_stream_read
import "C"

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
	"unsafe"
)

// nextMessage gives the next event that is a message, reading until ctx is done as long as there is none. The caller holds
// in.mu, which is let go of during a Read.
func (s *Stream) nextMessage(ctx context.Context) (*rawEvent, error) {
	for {
		event, err := s.atHand()
		if event != nil || err != nil {
			return event, err
		}
		if s.reading {
			if err := s.awaitReader(ctx); err != nil {
				return nil, err
			}
			continue
		}
		// From here on what the last poll gave ends.
		if err := s.keepShown(); err != nil {
			return nil, err
		}
		c := s.in.c
		s.next = 0
		if c.more != 0 {
			if status := s.poll(c); status != C.ZCN_OK {
				return nil, Status(status)
			}
			continue
		}
		c.count = 0
		if err := s.receive(ctx, c); err != nil {
			return nil, err
		}
	}
}

// atHand gives the next event that is a message, of those that the last poll gave; nil when there is none.
func (s *Stream) atHand() (*rawEvent, error) {
	if s.shut {
		return nil, ErrClosed
	}
	c := s.in.c
	events := unsafe.Slice((*rawEvent)(unsafe.Pointer(c.events)), int(c.count))
	for s.next < len(events) {
		event := &events[s.next]
		s.next++
		switch event.kind {
		case EventMessage:
			return event, nil
		case EventClosed:
			s.ended = s.endOfInput(event.status)
		}
	}
	return nil, s.ended
}

// endOfInput is why nothing comes any more. The caller holds in.mu.
func (s *Stream) endOfInput(status Status) error {
	if status == ErrEOF {
		return io.EOF
	}
	err := &Error{Op: "receive", Status: status}
	if s.framing.explain(err); err.cause != nil {
		return err
	}
	return status
}

// awaitReader waits until nobody waits in a Read. The caller holds in.mu.
func (s *Stream) awaitReader(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		s.in.mu.Lock()
		defer s.in.mu.Unlock()
		s.read.Broadcast()
	})()
	for s.reading && ctx.Err() == nil {
		s.read.Wait()
	}
	return ctx.Err()
}

// receive waits for bytes, and looks for messages in them.
func (s *Stream) receive(ctx context.Context, c *C.zcngo_stream) error {
	switch status := s.room(c); status {
	case C.ZCN_OK:
	case C.ZCN_AGAIN, C.ZCN_EOF, C.ZCN_ECLOSED: // a poll says the rest
		if status := s.poll(c); status != C.ZCN_OK {
			return Status(status)
		}
		if c.count == 0 {
			return ErrClosed
		}
		return nil
	default:
		return Status(status)
	}
	room := c.room[0]
	n, err := s.readInto(ctx, bytesOf(room.iov_base, int(room.iov_len)))
	if n < 0 || n > int(room.iov_len) {
		return errors.New("zcnet: the reader under a stream says that it read more than there was room for")
	}
	// A full first piece: the second is only for readers that take both at once.
	if status := s.readDone(c, C.uint64_t(n)); status != C.ZCN_OK {
		return Status(status)
	}
	if err == nil || n > 0 {
		return nil // an error comes again with the next read
	}
	if err != io.EOF {
		return err
	}
	if status := C.zcn_stream_end(c.stream); status != C.ZCN_OK {
		return Status(status)
	}
	return statusError(s.poll(c))
}

// readInto lets go of in.mu, so that others may still use the messages that they were shown.
func (s *Stream) readInto(ctx context.Context, room []byte) (n int, err error) {
	s.reading = true
	s.in.mu.Unlock()
	defer func() {
		s.in.mu.Lock()
		s.reading = false
		s.read.Broadcast()
	}()
	stop := s.until(ctx)
	n, err = s.rw.Read(room)
	stop(&err)
	return n, err
}

// poll, room and readDone are the calls in which a function of the framing may be called.

func (s *Stream) poll(c *C.zcngo_stream) C.int32_t {
	if s.calls {
		return C.zcngo_stream_poll_calling(c)
	}
	return C.zcngo_stream_poll(c)
}

func (s *Stream) room(c *C.zcngo_stream) C.int32_t {
	if s.calls {
		return C.zcngo_stream_room_calling(c)
	}
	return C.zcngo_stream_room(c)
}

func (s *Stream) readDone(c *C.zcngo_stream, size C.uint64_t) C.int32_t {
	if s.calls {
		return C.zcngo_stream_read_calling(c, size)
	}
	return C.zcngo_stream_read(c, size)
}

// until makes a Read of the stream end when ctx is done, where what it runs over has deadlines for reading.
func (s *Stream) until(ctx context.Context) (stop func(*error)) {
	wake, ok := s.rw.(interface{ SetReadDeadline(time.Time) error })
	if !ok || ctx.Done() == nil {
		return func(*error) {}
	}
	finished := make(chan struct{})
	undo := context.AfterFunc(ctx, func() {
		_ = wake.SetReadDeadline(time.Unix(1, 0))
		close(finished)
	})
	return func(err *error) {
		if undo() {
			return
		}
		<-finished
		if !s.closed.Load() {
			_ = wake.SetReadDeadline(time.Time{})
		}
		if errors.Is(*err, os.ErrDeadlineExceeded) {
			*err = ctx.Err()
		}
	}
}

// Recv waits for the next message, which the caller has to release. The error is [io.EOF] when the peer ended the
// stream in order. A context that is done ends the waiting where what the stream runs over has SetReadDeadline; nothing
// is lost by that, and receiving may go on.
func (s *Stream) Recv(ctx context.Context) (m Message, err error) {
	if err := ctx.Err(); err != nil {
		return Message{}, err
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	event, err := s.nextMessage(ctx)
	if err != nil {
		return Message{}, s.endError(err)
	}
	var view C.zcngo_view
	if status := C.zcngo_msg_take(&view, C.uintptr_t(event.msg), C.ZCNGO_RETAIN, 0, 0); status != C.ZCN_OK {
		s.next-- // it is still there
		return Message{}, Status(status)
	}
	return ownMessage(uintptr(view.msg), view.data, int(view.size)), nil
}

func (s *Stream) endError(err error) error {
	if s.cut.Load() && err != io.EOF {
		return ErrClosed
	}
	return err
}
