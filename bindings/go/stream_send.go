// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
// #cgo noescape zcngo_stream_gather
// #cgo nocallback zcngo_stream_gather
// #cgo noescape zcngo_stream_send_msg
// #cgo nocallback zcngo_stream_send_msg
import "C"

import (
	"io"
	"net"
)

// sending queues something, and writes first where the queue is full.
func (s *Stream) sending(try func(c *C.zcngo_stream) C.int32_t) error {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	for {
		if s.closed.Load() {
			return ErrClosed
		}
		if s.writeErr != nil {
			return s.writeErr
		}
		status := try(s.out.c)
		if status != C.ZCN_AGAIN {
			return statusError(status)
		}
		if err := s.writeUnlessClosed(); err != nil {
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
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if s.closed.Load() {
		return ErrClosed
	}
	if s.writeErr != nil {
		return s.writeErr
	}
	return s.writeUnlessClosed()
}

// writeUnlessClosed is write for all but Close: either it sees that the stream is closed, or Close sees that somebody
// writes, for whom it does not wait.
func (s *Stream) writeUnlessClosed() error {
	s.writing.Store(true)
	defer s.writing.Store(false)
	if s.closed.Load() {
		return ErrClosed
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
