// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
// #cgo noescape zcngo_stream_poll
// #cgo nocallback zcngo_stream_poll
// #cgo noescape zcngo_stream_room
// #cgo nocallback zcngo_stream_room
// #cgo noescape zcngo_stream_read
// #cgo nocallback zcngo_stream_read
// #cgo noescape zcngo_stream_gather
// #cgo nocallback zcngo_stream_gather
// #cgo noescape zcngo_stream_send_msg
// #cgo nocallback zcngo_stream_send_msg
import "C"

import (
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Stream is messages over any [io.ReadWriter]: a [crypto/tls.Conn], a pipe, a connection of another library. It needs
// no loop. Bytes are read straight into the library's memory, and written straight from it.
//
// One goroutine may receive while another sends; each side takes one call at a time, and lets others wait.
type Stream struct {
	rw      io.ReadWriter
	in, out half
	shown   holder // what Messages shows
	leak    *leakMark
	closed  atomic.Bool

	// Under in.mu.
	next    int   // the event of the array that is to be given next
	readErr error // of the last Messages
	ended   error // why nothing comes any more

	// Under out.mu.
	writeErr error // writing failed: a message may be cut
}

// half is one direction: a stream of the C library that is used for nothing else, since room that was given out to be
// read into must not see other calls.
type half struct {
	mu sync.Mutex
	c  *C.zcngo_stream // nil once closed
}

// StreamOptions are the settings of a stream; zero values are the defaults.
type StreamOptions struct {
	Pool          *Pool    // nil: the pool of the process
	SendFraming   *Framing // nil: the same as for receiving
	HighWater     int      // queued bytes at which a send writes first; 0: 256 KiB
	CopyBelow     int      // pinned parts smaller than this are copied; 0: never
	Align         int      // bodies start at a multiple of this; 0: no
	AlignFrom     int      // bodies smaller than this are left where they are
	EventCapacity int      // messages found at a time, 16 to 4096; 0: 256
}

// NewStream makes a stream over rw. Close ends it, and rw too where rw is an [io.Closer].
func NewStream(rw io.ReadWriter, framing *Framing, options *StreamOptions) (*Stream, error) {
	if options == nil {
		options = &StreamOptions{}
	}
	var o C.zcn_stream_options
	C.zcn_stream_options_init(&o, C.sizeof_zcn_stream_options)
	var err error
	o.send_framing = options.SendFraming.pointer()
	o.high_water = C.uint64_t(in32(&err, options.HighWater))
	o.copy_below = C.uint64_t(in32(&err, options.CopyBelow))
	o.align, o.align_from = in32(&err, options.Align), in32(&err, options.AlignFrom)
	o.event_capacity = in32(&err, options.EventCapacity)
	if err != nil {
		return nil, err
	}
	s := &Stream{rw: rw}
	for _, h := range []*half{&s.in, &s.out} {
		if err := h.open(options.Pool, framing, &o); err != nil {
			s.in.close()
			return nil, err
		}
	}
	runtime.KeepAlive(framing)
	runtime.KeepAlive(options)
	s.shown.owner = &s.in.mu
	s.leak = watch(s, "Stream")
	return s, nil
}

func (h *half) open(pool *Pool, framing *Framing, o *C.zcn_stream_options) error {
	shared := (*C.zcngo_stream)(C.calloc(1, C.sizeof_zcngo_stream))
	if shared == nil {
		return ErrNoMemory
	}
	var c *C.zcn_stream
	if err := pool.with(func(p *C.zcn_pool) error {
		return statusError(C.int32_t(C.zcn_stream_create(&c, p, framing.pointer(), o)))
	}); err != nil {
		C.free(unsafe.Pointer(shared))
		return err
	}
	shared.stream = c
	h.c = shared
	return nil
}

// close is called with mu held, or before anyone else knows of it.
func (h *half) close() {
	if h.c == nil {
		return
	}
	C.zcn_stream_release(h.c.stream)
	C.free(unsafe.Pointer(h.c))
	h.c = nil
}

// Close writes what is queued, ends the stream, and closes what it runs over. A Recv or Send that is under way in
// another goroutine ends with an error. A second call says [ErrClosed].
func (s *Stream) Close() error {
	if s.closed.Swap(true) {
		return ErrClosed
	}
	s.leak.settle()
	err := s.flush()
	// This wakes a reader that holds the other lock.
	if closer, ok := s.rw.(io.Closer); ok {
		if closeErr := closer.Close(); err == nil {
			err = closeErr
		}
	} else if wake, ok := s.rw.(interface{ SetReadDeadline(time.Time) error }); ok {
		_ = wake.SetReadDeadline(time.Unix(1, 0))
	}
	s.in.mu.Lock()
	s.shown.serial.Add(1)
	s.in.close()
	s.in.mu.Unlock()
	s.out.mu.Lock()
	s.out.close()
	s.out.mu.Unlock()
	pins.collect()
	return err
}

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
			if status := C.zcngo_stream_poll(c); status != C.ZCN_OK {
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
	switch status := C.zcngo_stream_room(c); status {
	case C.ZCN_OK:
	case C.ZCN_AGAIN, C.ZCN_EOF, C.ZCN_ECLOSED: // a poll says the rest
		if status := C.zcngo_stream_poll(c); status != C.ZCN_OK {
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
	if status := C.zcngo_stream_read(c, C.uint64_t(n)); status != C.ZCN_OK {
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
	return statusError(C.zcngo_stream_poll(c))
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
	if s.closed.Load() && err != io.EOF {
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

// sending queues something, and writes first where the queue is full.
func (s *Stream) sending(try func(c *C.zcngo_stream) C.int32_t) error {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	for {
		if s.out.c == nil {
			return ErrClosed
		}
		if s.writeErr != nil {
			return s.writeErr
		}
		status := try(s.out.c)
		if status != C.ZCN_AGAIN {
			return statusError(status)
		}
		if err := s.write(); err != nil {
			return err
		}
	}
}

// Send queues a unit; it takes it when it succeeds, and only then. What is queued is written by [Stream.Flush], or when
// the queue is full.
func (s *Stream) Send(u *Unit) error {
	return s.sending(func(c *C.zcngo_stream) C.int32_t {
		if u.c == nil {
			return C.ZCN_ESTALE
		}
		status := C.zcn_stream_send(c.stream, u.c)
		if status == C.ZCN_OK {
			u.taken()
		}
		return C.int32_t(status)
	})
}

// SendCopy queues a copy of p as one message.
func (s *Stream) SendCopy(p []byte) error {
	u, err := NewEmptyUnit(nil)
	if err != nil {
		return err
	}
	if err = u.AppendCopy(p); err == nil {
		err = s.Send(u)
	}
	if err != nil {
		_ = u.Release()
	}
	return err
}

// SendMessage queues the whole frame of a received message as it stood on the wire, without a copy. The message stays
// the caller's.
func (s *Stream) SendMessage(m Message) error {
	if m.holder == nil {
		return ErrStale
	}
	// One that a loop or stream shows is kept first: its lock and this stream's are then never held together.
	kept, err := m.Clone()
	if err != nil {
		return err
	}
	defer kept.Release()
	return s.sending(func(c *C.zcngo_stream) C.int32_t { return C.zcngo_stream_send_msg(c, C.uintptr_t(kept.handle)) })
}

// Write sends a copy of p as one message and flushes, as [io.Writer] has it.
func (s *Stream) Write(p []byte) (int, error) {
	if err := s.SendCopy(p); err != nil {
		return 0, err
	}
	if err := s.Flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what is queued. After an error the stream sends no more: the peer may have a part of a message.
func (s *Stream) Flush() error {
	if s.closed.Load() {
		return ErrClosed
	}
	return s.flush()
}

func (s *Stream) flush() error {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if s.out.c == nil {
		return ErrClosed
	}
	if s.writeErr != nil {
		return s.writeErr
	}
	return s.write()
}

// write writes all that is queued. The caller holds out.mu.
func (s *Stream) write() error {
	c := s.out.c
	for {
		if status := C.zcngo_stream_gather(c); status != C.ZCN_OK {
			return Status(status)
		}
		if c.out_count == 0 {
			break
		}
		written, err := s.writePieces(c.out[:c.out_count])
		if status := C.zcn_stream_write_done(c.stream, C.uint64_t(written)); status != C.ZCN_OK && err == nil {
			err = Status(status)
		}
		if err != nil {
			s.writeErr = s.endError(err)
			return s.writeErr
		}
	}
	// WRITABLE and SENT events are of no use here, but a poll makes room for later ones.
	C.zcngo_stream_poll(c)
	pins.collect()
	return nil
}

func (s *Stream) writePieces(pieces []C.struct_iovec) (written int, err error) {
	if conn, ok := s.rw.(*net.TCPConn); ok {
		return writev(conn, pieces)
	}
	if conn, ok := s.rw.(*net.UnixConn); ok {
		return writev(conn, pieces)
	}
	for _, piece := range pieces {
		n, err := s.rw.Write(bytesOf(piece.iov_base, int(piece.iov_len)))
		written += n
		if err == nil && n < int(piece.iov_len) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// writev is one system call for all pieces, where there is such a call.
func writev(conn net.Conn, pieces []C.struct_iovec) (int, error) {
	buffers := make(net.Buffers, len(pieces))
	for i, piece := range pieces {
		buffers[i] = bytesOf(piece.iov_base, int(piece.iov_len))
	}
	n, err := buffers.WriteTo(conn)
	return int(n), err
}

// Stats reads the stream's counters, of both directions. It waits for a Recv that is under way.
func (s *Stream) Stats() Stats { return s.in.stats().plus(s.out.stats()) }

func (h *half) stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.c == nil {
		return Stats{}
	}
	var c C.zcn_stats
	c.struct_size = C.sizeof_zcn_stats
	C.zcn_stream_get_stats(h.c.stream, &c)
	return newStats(&c)
}

var _ io.WriteCloser = (*Stream)(nil)
