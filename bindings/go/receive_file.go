// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"cmp"
	"context"
	"os"
	"syscall"
)

// Flush is what has to be true of a received body when its end is told.
type Flush uint32

// The ways.
const (
	FlushNone  Flush = C.ZCN_FLUSH_NONE  // the kernel has its bytes: what a crash of the system leaves of them is open
	FlushSync  Flush = C.ZCN_FLUSH_SYNC  // the disk has them: everything on the loop waits for it meanwhile
	FlushAsync Flush = C.ZCN_FLUSH_ASYNC // the same, by a helper thread of the library: the loop goes on
)

// ReceiveFileOptions are the settings of a body that goes into a file; zero values are the defaults.
type ReceiveFileOptions struct {
	Offset int64  // in the file, of the first byte
	Flush  Flush  // what is done before the end is told
	Token  uint64 // comes with EventFileReceived
}

// BodySize is how many bytes lie behind a header that was delivered alone ([ConnOptions].HeaderFrom): the message is the
// header as it stood on the wire, and nothing more of the connection is read until [Conn.ReceiveFile] or
// [Conn.TryReceiveFile] has said where the body goes. 0: the message is whole.
func (m Message) BodySize() int64 { return m.body }

// ReceiveFile lets the body behind a header ([Message.BodySize]) go into a file, without a copy in the program, and waits
// until it has. It gives how many bytes are in the file, from the offset on and without a gap. A nil file drops the body.
// The file stays the caller's, and its own position is not used. Messages go on behind the body, also when the file took
// no more ([ErrNoSpace], [ErrSystem]): what was left of the body is then dropped.
//
//	for m := range conn.Messages(ctx) {
//		if m.BodySize() > 0 {
//			_, err = conn.ReceiveFile(ctx, m, file, nil)
//		}
//	}
//
// A connection that is in the middle of a body can do nothing else: when ctx is done before the body is, the connection is
// aborted; [Conn.Done] then tells when nobody writes to the file any more.
func (c *Conn) ReceiveFile(ctx context.Context, header Message, file *os.File, options *ReceiveFileOptions) (int64, error) {
	if !c.loop.Load().running.Load() {
		return 0, &Error{Op: "receive a file", Status: ErrUnsupported, Text: "the loop does not work in the background: use TryReceiveFile"}
	}
	if header.body == 0 {
		return 0, ErrInvalid
	}
	if !header.valid() {
		return 0, header.holder.stale("ReceiveFile")
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	came := make(chan fileEnd, 1)
	in := c.inbox()
	err := c.receiveFile(file, options, func(cc *C.zcn_conn, fd C.int, o *ReceiveFileOptions) C.int32_t {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.header != header.body {
			return C.ZCN_EINVAL // of another connection, or its body has its place already
		}
		status := C.zcngo_receive_file(cc, 0, fd, C.uint64_t(header.body), C.uint64_t(o.Offset), 0, C.uint32_t(o.Flush))
		if status == C.ZCN_OK {
			in.header = 0
			c.receiving = came
		}
		return status
	})
	if err != nil {
		return 0, err
	}
	select {
	case end := <-came:
		return end.size, end.err
	case <-ctx.Done():
		_ = c.Abort()
		return 0, ctx.Err()
	case <-c.done:
	}
	select {
	case end := <-came:
		return end.size, end.err
	default: // the loop was closed, and told nothing
		return 0, cmp.Or(c.Err(), error(ErrClosed))
	}
}

// TryReceiveFile is [Conn.ReceiveFile] without waiting, for [Loop.Events]: an [EventFileReceived] tells the end. It is also
// for connections without headers: size bytes behind the message after, which is being shown, go into the file; with a
// zero Message those behind everything that was delivered; with a negative size all until the peer ends. Later messages
// of the connection that are at hand are not shown: their bytes are the file's, or come again.
func (c *Conn) TryReceiveFile(after Message, file *os.File, size int64, options *ReceiveFileOptions) error {
	if !after.IsZero() && !after.valid() {
		return after.holder.stale("TryReceiveFile")
	}
	return c.receiveFile(file, options, func(cc *C.zcn_conn, fd C.int, o *ReceiveFileOptions) C.int32_t {
		// A negative size is C's UINT64_MAX, or as good as that.
		return C.zcngo_receive_file(cc, C.uintptr_t(after.handle), fd, C.uint64_t(max(size, -1)), C.uint64_t(o.Offset),
			C.uint64_t(o.Token), C.uint32_t(o.Flush))
	})
}

// receiveFile calls begin, as the loop's owner, with a descriptor that C owns when that says OK.
func (c *Conn) receiveFile(file *os.File, options *ReceiveFileOptions,
	begin func(cc *C.zcn_conn, fd C.int, o *ReceiveFileOptions) C.int32_t) error {
	if options == nil {
		options = &ReceiveFileOptions{}
	}
	if options.Offset < 0 {
		return ErrInvalid
	}
	fd := -1
	if file != nil {
		var err error
		if fd, err = dupOf(file); err != nil {
			return err
		}
	}
	err := c.with(func(cc *C.zcn_conn) error { return statusError(begin(cc, C.int(fd), options)) })
	if err != nil && fd >= 0 {
		_ = syscall.Close(fd)
	}
	return err
}

// fileEnd is how a body ended.
type fileEnd struct {
	size int64
	err  error
}

// fileReceived tells who waits in ReceiveFile. It is for who drives the loop.
func (c *Conn) fileReceived(raw *rawEvent) {
	err := c.fileError(raw.status)
	defer c.lock().mu.Unlock()
	if c.receiving != nil {
		c.receiving <- fileEnd{size: int64(raw.size), err: err}
		c.receiving = nil
	}
}

// fileError is the details of the body that ended last, whose status is known.
func (c *Conn) fileError(status Status) error {
	if status == statusOK {
		return nil
	}
	details := newDetails()
	_ = c.with(func(cc *C.zcn_conn) error {
		C.zcn_conn_get_file_error(cc, &details)
		return nil
	})
	if Status(details.status) != status {
		return status
	}
	return detailed("receive a file", status, &details)
}

// Written is how many bytes of a body are in the file, of an [EventFileReceived].
func (e Event) Written() int64 {
	raw := e.at()
	if raw.kind != EventFileReceived {
		return 0
	}
	return int64(raw.size)
}
