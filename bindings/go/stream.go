// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"context"
	"io"
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
	framing *Framing // whose function in Go, if it has one, is called as long as somebody holds it
	calls   bool     // it has
	in, out half
	leak    *leakMark
	closed  atomic.Bool // nothing is queued any more, and nothing written but by Close
	writing atomic.Bool // somebody else than Close writes: under out.mu
	cut     atomic.Bool // what it runs over is closed: errors say no more than that

	// Under in.mu.
	next    int       // the event of the array that is to be given next
	readErr error     // of the last Messages
	ended   error     // why nothing comes any more
	turns   []*turn   // of each Messages that runs
	shut    bool      // by Close: nothing is received any more
	reading bool      // somebody waits in a Read, which goes into memory of in.c
	read    sync.Cond // it does not any more

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
	s := &Stream{rw: rw, framing: framing, calls: framing.calls()}
	for _, h := range []*half{&s.in, &s.out} {
		if err := h.open(options.Pool, framing, &o); err != nil {
			s.in.close()
			return nil, err
		}
	}
	runtime.KeepAlive(options)
	s.read.L = &s.in.mu
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

// closeTime is how long Close lets what is queued be written.
var closeTime = 5 * time.Second

// Close writes what is queued, ends the stream, and closes what it runs over. A Recv, Send or Flush that is under way in
// another goroutine ends with an error; a message of [Stream.Messages] stays valid for the rest of its turn, which is the
// last. A second call says [ErrClosed].
//
// Close does not wait for a Send or Flush that is writing: the peer may have a part of a message then, and what is
// queued behind it is lost. Otherwise the peer has 5 seconds to take what is queued; after them the rest is lost, and
// the error is [os.ErrDeadlineExceeded]. That is so where what the stream runs over has Close, or else SetWriteDeadline;
// where it has neither, nothing ends its Write, and Close waits for that.
func (s *Stream) Close() error {
	if s.closed.Swap(true) {
		return ErrClosed
	}
	s.leak.settle()
	end := sync.OnceValue(s.endTransport)
	var err error
	if s.writing.Load() {
		s.stopWriting()
	} else {
		err = s.lastFlush(func() { s.stopWriting(); _ = end() })
	}
	// This wakes a reader that holds the other lock, and a writer.
	if endErr := end(); err == nil {
		err = endErr
	}
	s.in.mu.Lock()
	_ = s.awaitReader(context.Background())
	s.shut = true
	s.closeInput()
	s.in.mu.Unlock()
	s.out.mu.Lock()
	s.out.close()
	s.out.mu.Unlock()
	pins.collect()
	return err
}

// lastFlush writes what is queued, and calls stop to end that when it takes too long. Nobody else writes any more.
func (s *Stream) lastFlush(stop func()) error {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if s.writeErr != nil {
		return s.writeErr
	}
	limit := time.AfterFunc(closeTime, stop)
	err := s.write()
	if !limit.Stop() && err != nil {
		err = os.ErrDeadlineExceeded
	}
	return err
}

// endTransport closes what the stream runs over. Where it cannot be closed, it wakes who reads.
func (s *Stream) endTransport() error {
	s.cut.Store(true)
	if closer, ok := s.rw.(io.Closer); ok {
		return closer.Close()
	}
	if wake, ok := s.rw.(interface{ SetReadDeadline(time.Time) error }); ok {
		_ = wake.SetReadDeadline(time.Unix(1, 0))
	}
	return nil
}

// stopWriting wakes who writes, where the end of the transport does not.
func (s *Stream) stopWriting() {
	s.cut.Store(true)
	if _, ok := s.rw.(io.Closer); ok {
		return
	}
	if wake, ok := s.rw.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = wake.SetWriteDeadline(time.Unix(1, 0))
	}
}

// Stats reads the stream's counters, of both directions. It waits for a Recv that is under way.
func (s *Stream) Stats() Stats {
	s.in.mu.Lock()
	_ = s.awaitReader(context.Background())
	stats := s.in.stats()
	s.in.mu.Unlock()
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	return stats.plus(s.out.stats())
}

// stats is called with mu held.
func (h *half) stats() Stats {
	if h.c == nil {
		return Stats{}
	}
	var c C.zcn_stats
	c.struct_size = C.sizeof_zcn_stats
	C.zcn_stream_get_stats(h.c.stream, &c)
	return newStats(&c)
}

var _ io.WriteCloser = (*Stream)(nil)
