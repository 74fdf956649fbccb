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
	"iter"
	"os"
	"time"
	"unsafe"
)

// nextMessage gives the next event that is a message, reading as long as there is none. The caller holds in.mu.
func (s *Stream) nextMessage() (*rawEvent, error) {
	for {
		c := s.in.c
		if c == nil {
			return nil, ErrClosed
		}
		events := unsafe.Slice((*rawEvent)(unsafe.Pointer(c.events)), int(c.count))
		for s.next < len(events) {
			event := &events[s.next]
			s.next++
			switch event.kind {
			case EventMessage:
				return event, nil
			case EventClosed:
				s.ended = event.status
				if event.status == ErrEOF {
					s.ended = io.EOF
				}
			}
		}
		if s.ended != nil {
			return nil, s.ended
		}
		s.shown.serial.Add(1)
		s.next = 0
		if c.more != 0 {
			if status := s.poll(c); status != C.ZCN_OK {
				return nil, Status(status)
			}
			continue
		}
		c.count = 0
		if err := s.read(c); err != nil {
			return nil, err
		}
	}
}

// read waits for bytes, and looks for messages in them.
func (s *Stream) read(c *C.zcngo_stream) error {
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
	n, err := s.rw.Read(bytesOf(room.iov_base, int(room.iov_len)))
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

// until makes reads of the stream end when ctx is done, where what it runs over has deadlines for reading.
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
	event, err := s.waitMessage(ctx)
	if err != nil {
		return Message{}, err
	}
	var view C.zcngo_view
	if status := C.zcngo_msg_take(&view, C.uintptr_t(event.msg), C.ZCNGO_RETAIN, 0, 0); status != C.ZCN_OK {
		s.next-- // it is still there
		return Message{}, Status(status)
	}
	return ownMessage(uintptr(view.msg), view.data, int(view.size)), nil
}

// waitMessage is nextMessage until ctx is done. The caller holds s.in.mu.
func (s *Stream) waitMessage(ctx context.Context) (event *rawEvent, err error) {
	stop := s.until(ctx)
	event, err = s.nextMessage()
	stop(&err)
	if err != nil {
		return nil, s.endError(err)
	}
	return event, nil
}

func (s *Stream) endError(err error) error {
	if s.cut.Load() && err != io.EOF {
		return ErrClosed
	}
	return err
}

// Messages gives the messages of the stream until it ends or ctx is done; [Stream.ReadErr] then says why. Each is
// valid for its turn; [Message.Clone] keeps it.
func (s *Stream) Messages(ctx context.Context) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for {
			m, err := s.show(ctx)
			if err != nil {
				if err == io.EOF {
					err = nil
				}
				s.in.mu.Lock()
				s.readErr = err
				s.in.mu.Unlock()
				return
			}
			if !yield(m) {
				s.in.mu.Lock()
				s.readErr = nil
				s.in.mu.Unlock()
				return
			}
		}
	}
}

// show is the next message, borrowed until the next poll of the stream.
func (s *Stream) show(ctx context.Context) (Message, error) {
	if err := ctx.Err(); err != nil {
		return Message{}, err
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	event, err := s.waitMessage(ctx)
	if err != nil {
		return Message{}, err
	}
	return Message{data: event.data, size: int(event.size), handle: event.msg, holder: &s.shown,
		serial: s.shown.serial.Load()}, nil
}

// ReadErr is why the last [Stream.Messages] ended; nil after a break and at the end that the peer made in order.
func (s *Stream) ReadErr() error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	return s.readErr
}
